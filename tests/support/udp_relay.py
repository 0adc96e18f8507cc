"""A forwarder between an SCTP-in-UDP client and server on 127.0.0.1 that loses packets by a seed and records.

    with UdpRelay(server_port, loss=0.02, seed=7, capture=PcapWriter("x.pcap")) as relay:
        ...  # the client's remote encapsulation port is relay.port

The client talks to the relay's front port; its packets reach the server from the back port, and the other way
round (RFC 6951 section 5.4: the peer's UDP port is learnt from its packets). A capture has every packet as it
arrived at the relay, also the lost ones, with the addresses of client and server as if the relay were a wire.
"""
import contextlib
import random
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType

from pcap import PcapWriter

LOOPBACK = "127.0.0.1"
Filter = Callable[[str, bytes], "bytes | None"]  # (direction, datagram) -> what to forward, None: lose it


def free_udp_port() -> int:
    """Return a UDP port that is free now, and that nobody gets who asks the system for any.

    Test environments run side by side: a port that the system gives to one may be another's
    before it is used.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)  # the system gives those from 32,768
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return port


class UdpRelay:
    """A forwarding thread; a context manager.  `counts` has "up", "down" (all), "up lost", "down lost"."""

    def __init__(self, server_port: int, loss: float = 0.0, seed: int = 0,
                 capture: "PcapWriter | None" = None, filter: "Filter | None" = None) -> None:
        self.server = (LOOPBACK, server_port)
        self.client: tuple[str, int] | None = None
        self.loss = loss
        self.capture = capture
        self.filter = filter
        self.counts: Counter[str] = Counter()
        self.first_chunk_types: Counter[int] = Counter()
        self._random = {"up": random.Random(f"{seed} up"), "down": random.Random(f"{seed} down")}
        self._front = self._open()
        self._back = self._open()
        self.port: int = self._front.getsockname()[1]
        self._wake, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="udp relay", daemon=True)
        self._error: BaseException | None = None

    @staticmethod
    def _open() -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind((LOOPBACK, 0))
        sock.setblocking(False)
        return sock

    def _run(self) -> None:
        try:
            with selectors.DefaultSelector() as selector:
                for sock in (self._front, self._back, self._wake):
                    selector.register(sock, selectors.EVENT_READ)
                while True:
                    for key, _ in selector.select():
                        if key.fileobj is self._wake:
                            return
                        self._drain(key.fileobj)
        except BaseException as error:  # shown by __exit__, in the test's thread
            self._error = error

    def _drain(self, sock: socket.socket) -> None:
        """Forward up to 64 datagrams that wait at one of the two ports."""
        up = sock is self._front
        for _ in range(64):
            try:
                datagram, sender = sock.recvfrom(65535)
            except BlockingIOError:
                return
            except ConnectionRefusedError:  # ICMP: the process behind this port has gone
                continue
            if up:
                self.client = sender
            elif self.client is None or sender != self.server:
                continue
            self._forward("up" if up else "down", datagram)

    def _forward(self, direction: str, datagram: bytes) -> None:
        up = direction == "up"
        self.counts[direction] += 1
        if len(datagram) > 12:
            self.first_chunk_types[datagram[12]] += 1
        if self.capture is not None:
            source, destination = (self.client, self.server) if up else (self.server, self.client)
            self.capture.write(time.time_ns() // 1000, source, destination, datagram)
        passed = self.filter(direction, datagram) if self.filter else datagram
        if self._random[direction].random() < self.loss or passed is None:
            self.counts[f"{direction} lost"] += 1
        elif up:
            self._back.sendto(passed, self.server)
        else:
            self._front.sendto(passed, self.client)

    def __enter__(self) -> "UdpRelay":
        self._thread.start()
        return self

    def __exit__(self, kind: "type[BaseException] | None", error: "BaseException | None",
                 traceback: "TracebackType | None") -> None:
        self._waker.send(b"x")
        self._thread.join()
        for sock in (self._front, self._back, self._wake, self._waker):
            sock.close()
        if self.capture is not None:
            self.capture.close()
        if self._error is not None and error is None:
            raise self._error
