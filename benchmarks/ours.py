"""Our side of the benchmarks (see run.py): usrsctp_bench.c's roles through pysctpsock.socket.

    python ours.py sink|echo|accept|source|pingpong|setup [options of usrsctp_bench]

The same rules: servers print {"role": "ready"}, run until their standard input ends and report the CPU
seconds of their life.  A sink measures from its first message to the end of the association, which it sees
after the last message (no clock is read per message); it counts bytes, as a message may be read in pieces.
"""
import argparse
import errno
import json
import resource
import signal
import sys
import time

import gevent

from pysctpsock import socket as sctp

LARGEST = 1 << 18  # bytes read at once


def cpu_seconds() -> float:
    """Return the CPU seconds, user and system, that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def report(role: str, **figures: float) -> None:
    """Print one line of JSON."""
    print(json.dumps({"role": role, **figures}), flush=True)


class Bench:
    """The roles; one public method each."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.message = bytes(options.length)

    def _open(self) -> sctp.socket:
        options = self.options
        sock = sctp.socket(sctp.AF_INET, sctp.SOCK_STREAM, sctp.IPPROTO_SCTP)
        if options.buffer:
            sock.setsockopt(sctp.SOL_SOCKET, sctp.SO_SNDBUF, options.buffer)
            sock.setsockopt(sctp.SOL_SOCKET, sctp.SO_RCVBUF, options.buffer)
        sock.setsockopt(sctp.SOL_SCTP, sctp.SCTP_NODELAY, int(options.nodelay))
        return sock

    def _dial(self) -> sctp.socket:
        sock = self._open()
        sock.connect(("127.0.0.1", self.options.port))
        return sock

    # Servers

    def _serve(self, handle) -> None:
        listener = self._open()
        listener.bind(("127.0.0.1", self.options.port))
        listener.listen(128)
        report("ready")
        cpu = cpu_seconds()

        def accept_all() -> None:
            while True:
                handle(listener.accept()[0])

        acceptor = gevent.spawn(accept_all)
        gevent.get_hub().threadpool.apply(sys.stdin.read)
        if acceptor.exception is not None:
            raise acceptor.exception
        report("server", cpu=cpu_seconds() - cpu)

    def sink(self) -> None:
        """Receive; report each association."""
        def handle(sock: sctp.socket) -> None:
            recv = sock.recv
            size = len(recv(LARGEST))
            start, cpu = time.perf_counter(), cpu_seconds()
            while data := recv(LARGEST):
                size += len(data)
            seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
            report("sink", messages=size // self.options.length, bytes=size, seconds=seconds, cpu=cpu)
            sock.close()
        self._serve(handle)

    def echo(self) -> None:
        """Send every message back."""
        def handle(sock: sctp.socket) -> None:
            recv, send = sock.recv, sock.send
            while data := recv(LARGEST):
                send(data)
            sock.close()
        self._serve(handle)

    def accept(self) -> None:
        """Accept, read to the end, close; one association after the other."""
        def handle(sock: sctp.socket) -> None:
            while sock.recv(LARGEST):
                pass
            sock.close()
        self._serve(handle)

    # Clients

    def source(self) -> None:
        """Send messages for the time given, shut down, wait until the peer has everything."""
        sock = self._dial()
        send, message, seconds = sock.send, self.message, self.options.seconds
        start, cpu = time.perf_counter(), cpu_seconds()
        messages = 0
        while time.perf_counter() - start < seconds:
            for _ in range(16):
                send(message)
            messages += 16
        status = sctp.sctp_status.from_buffer_copy(
            sock.getsockopt(sctp.SOL_SCTP, sctp.SCTP_STATUS, sctp.sctp_status()))
        sock.shutdown(sctp.SHUT_WR)
        try:
            while sock.recv(LARGEST):
                pass
        except OSError as error:
            if error.errno != errno.ENOTCONN:  # the regular end after our own shutdown
                raise
        seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
        report("source", messages=messages, bytes=messages * len(message), seconds=seconds, cpu=cpu,
               fragmentation_point=status.sstat_fragmentation_point)
        sock.close()

    def pingpong(self) -> None:
        """Keep one message outstanding for the time given."""
        sock = self._dial()
        send, recv, clock, message = sock.send, sock.recv, time.perf_counter, self.message
        latencies: list[float] = []
        cpu = cpu_seconds()
        start = after = clock()
        while after - start < self.options.seconds:
            before = clock()
            send(message)
            got = 0
            while got < len(message):
                data = recv(LARGEST)
                if not data:
                    raise ConnectionError("the peer ended the association")
                got += len(data)
            after = clock()
            latencies.append(after - before)
        cpu = cpu_seconds() - cpu
        latencies.sort()
        n = len(latencies)
        report("pingpong", count=n, seconds=after - start, cpu=cpu, p50_us=latencies[n // 2] * 1e6,
               p99_us=latencies[n * 99 // 100] * 1e6)
        sock.close()

    def setup(self) -> None:
        """Connect and close, one after the other, for the time given."""
        start, cpu = time.perf_counter(), cpu_seconds()
        count = 0
        while time.perf_counter() - start < self.options.seconds:
            self._dial().close()
            count += 1
        report("setup", count=count, seconds=time.perf_counter() - start, cpu=cpu_seconds() - cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("role", choices=["sink", "echo", "accept", "source", "pingpong", "setup"])
    parser.add_argument("-p", dest="port", type=int, default=9260, help="SCTP port")
    parser.add_argument("-E", dest="local_udp", type=int, help="ignored: PYSCTPSOCK_UDP_PORT says it")
    parser.add_argument("-U", dest="remote_udp", type=int, help="ignored: PYSCTPSOCK_UDP_PORT says it")
    parser.add_argument("-l", dest="length", type=int, default=1400, help="bytes a message")
    parser.add_argument("-T", dest="seconds", type=float, default=2.0)
    parser.add_argument("-B", dest="buffer", type=int, default=0, help="SO_SNDBUF and SO_RCVBUF")
    parser.add_argument("-M", dest="mtu", type=int, default=1500, choices=[1500],
                        help="path MTU, the largest IP packet: 1500 is what a new path has")
    parser.add_argument("-N", dest="nodelay", action="store_true", help="SCTP_NODELAY")
    options = parser.parse_args()
    signal.alarm(120)  # ends a process that nobody ends
    getattr(Bench(options), options.role)()


if __name__ == "__main__":
    main()
