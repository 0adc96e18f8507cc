"""Our side of the interoperability tests: usrsctp_peer.c's roles through pysctpsock.socket, as a process.

Same options, same output: a server prints "ready", then one line of JSON; the exit status is 0 only if all is
as it must be.  Until its standard input ends the process stays, so that the stack can answer what a lossy
network makes the other side repeat (a lost SHUTDOWN COMPLETE, RFC 9260 section 8.4 (5)).  The UDP ports are
the library's own (PYSCTPSOCK_UDP_PORT): a listener's, and the default remote one of a connect.
"""
import argparse
import errno
import json
import signal
import socket as standard_socket
import sys
import time
from collections import Counter

import gevent
from our_messages import Checker, Direction, expires

from pysctpsock import socket as sctp

BUFFER = 1 << 19  # socket buffers; also larger than any message


class Peer:
    """One association, its counters and the notifications it saw."""

    def __init__(self, options: argparse.Namespace, server: bool) -> None:
        self.options = options
        self.server = server
        self.notifications: Counter[str] = Counter()
        self.sent = self.bytes_sent = 0
        self.errors: list[str] = []
        self.socket = self._associate()

    def _open(self) -> sctp.socket:
        sock = sctp.socket(sctp.AF_INET, sctp.SOCK_STREAM, sctp.IPPROTO_SCTP)
        sock.setsockopt(sctp.SOL_SOCKET, sctp.SO_SNDBUF, BUFFER)
        sock.setsockopt(sctp.SOL_SOCKET, sctp.SO_RCVBUF, BUFFER)
        streams, rto = self.options.streams, self.options.rto
        sock.setsockopt(sctp.SOL_SCTP, sctp.SCTP_INITMSG,
                        sctp.sctp_initmsg(sinit_num_ostreams=streams, sinit_max_instreams=streams))
        sock.setsockopt(sctp.SOL_SCTP, sctp.SCTP_RTOINFO,
                        sctp.sctp_rtoinfo(srto_initial=rto, srto_min=rto, srto_max=60000))
        sock.setsockopt(sctp.SOL_SCTP, sctp.SCTP_EVENTS,
                        sctp.sctp_event_subscribe(sctp_data_io_event=1, sctp_association_event=1,
                                                  sctp_send_failure_event=1, sctp_shutdown_event=1))
        return sock

    def _associate(self) -> sctp.socket:
        sock = self._open()
        if not self.server:
            sock.connect(("127.0.0.1", self.options.port))
            return sock
        sock.bind(("127.0.0.1", self.options.port))
        sock.listen(1)
        print("ready", flush=True)
        accepted, _ = sock.accept()
        self.listener = sock
        return accepted

    def send(self, data: bytes, stream: int, ppid: int) -> None:
        """Send one message; the payload protocol identifier is passed on in wire order, as by the kernel."""
        sctp.sctp_sendmsg(self.socket, data, ppid=standard_socket.htonl(ppid), stream_no=stream,
                          timetolive=self.options.lifetime if expires(ppid) else 0)
        self.sent += 1
        self.bytes_sent += len(data)

    @property
    def failed(self) -> bool:
        """Whether the association was lost, a message was given back, or a call raised."""
        failed = self.notifications["SEND_FAILED"] and not self.options.lifetime
        return bool(self.notifications["COMM_LOST"] or failed or self.errors)

    def receive(self) -> "tuple[bytes, object] | None":
        """Return the next user message and its sctp_sndrcvinfo, None at the end of the association."""
        parts = []
        while True:
            try:
                data, _, info, flags = sctp.sctp_recvmsg(self.socket, BUFFER)
            except OSError as error:
                if error.errno != errno.ENOTCONN:  # ENOTCONN: the regular end after our own shutdown
                    self.errors.append(f"recv: {error}")
                return None
            if flags & sctp.MSG_NOTIFICATION:
                self.notifications[self._name(data)] += 1
            elif not data:
                return None
            else:
                parts.append(data)
                if flags & sctp.MSG_EOR:
                    return b"".join(parts), info

    @staticmethod
    def _name(notification: bytes) -> str:
        kind = int.from_bytes(notification[0:2], sys.byteorder)  # sn_type
        if kind == sctp.SCTP_ASSOC_CHANGE:
            state = int.from_bytes(notification[8:10], sys.byteorder)  # sac_state
            names = ("COMM_UP", "COMM_LOST", "RESTART", "SHUTDOWN_COMP", "CANT_STR_ASSOC")
            return {getattr(sctp, f"SCTP_{name}"): name for name in names}.get(state, "other")
        names = {sctp.SCTP_SHUTDOWN_EVENT: "SHUTDOWN_EVENT", sctp.SCTP_SEND_FAILED: "SEND_FAILED"}
        return names.get(kind, "other")


def exchange(peer: Peer) -> dict:
    """Send all messages and check all that arrive; report the counts."""
    options = peer.options
    outgoing = Direction(options.seed + peer.server)
    checker = Checker(Direction(options.seed + (not peer.server)), options.streams, bool(options.lifetime))
    reliable = sum(not (options.lifetime and expires(i)) for i in range(options.messages))

    def send_all() -> None:
        for i in range(options.messages):
            stream = i % options.streams
            peer.send(outgoing.message(stream, i // options.streams), stream, i)

    def receive_until(count: "int | None") -> None:
        while checker.received != count:
            received = peer.receive()
            if received is None:
                break
            data, info = received
            checker.check(info.sinfo_stream, info.sinfo_ssn, standard_socket.ntohl(info.sinfo_ppid), data)

    sender = gevent.spawn(send_all)
    receive_until(reliable if options.starts_shutdown else None)
    sender.join()
    if sender.exception is not None:
        peer.errors.append(f"send: {sender.exception}")
    if options.starts_shutdown:
        peer.socket.shutdown(sctp.SHUT_WR)
        receive_until(None)
    ended = peer.notifications["SHUTDOWN_COMP" if options.starts_shutdown else "SHUTDOWN_EVENT"] == 1
    ok = (peer.sent == options.messages and checker.received == reliable and checker.mismatches == 0
          and ended and not peer.failed)
    return {"ok": ok, "sent": peer.sent, "received": checker.received, "bytes_sent": peer.bytes_sent,
            "bytes_received": checker.bytes_received, "mismatches": checker.mismatches,
            "first_mismatch": checker.first_mismatch}


def daytime(peer: Peer) -> dict:
    """The server sends the time on stream 0 (local) and 1 (GMT) and shuts down; the client prints both."""
    received = 0
    if peer.server:
        peer.send(time.strftime("%c local", time.localtime()).encode(), 0, 0)
        peer.send(time.strftime("%c GMT", time.gmtime()).encode(), 1, 0)
        peer.socket.shutdown(sctp.SHUT_WR)
    while (message := peer.receive()) is not None:
        print(f"(stream {message[1].sinfo_stream}) {message[0].decode()}")
        received += 1
    ok = (peer.sent if peer.server else received) == 2 and not peer.failed
    return {"ok": ok, "sent": peer.sent, "received": received}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("role", choices=["client", "server", "daytime-client", "daytime-server"])
    parser.add_argument("-p", dest="port", type=int, default=9260, help="SCTP port")
    parser.add_argument("-s", dest="streams", type=int, default=10)
    parser.add_argument("-n", dest="messages", type=int, default=1000)
    parser.add_argument("-S", dest="seed", type=int, default=1)
    parser.add_argument("-q", dest="rto", type=int, default=250, help="RTO.Min and RTO.Initial in ms")
    parser.add_argument("-T", dest="seconds", type=int, default=120, help="give up after")
    parser.add_argument("-L", dest="lifetime", type=int, default=0, help="of every seventh message, in ms")
    parser.add_argument("-d", dest="starts_shutdown", action="store_true")
    options = parser.parse_args()

    signal.alarm(options.seconds)  # SIGALRM ends a peer that nobody ends
    peer = Peer(options, options.role.endswith("server"))
    result = daytime(peer) if options.role.startswith("daytime") else exchange(peer)
    peer.socket.close()
    print(json.dumps({"peer": "pysctpsock", "role": options.role, **result, "errors": peer.errors,
                      "notifications": {"COMM_UP": 0, "COMM_LOST": 0, **peer.notifications}}), flush=True)
    gevent.get_hub().threadpool.apply(sys.stdin.read)
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
