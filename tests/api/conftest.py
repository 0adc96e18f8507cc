"""Sockets of the API tests: client and server in one process, UDP encapsulation over loopback."""
import gevent
import pytest

from pysctpsock import socket
from pysctpsock.socket import AF_INET, AF_INET6, IPPROTO_SCTP, SOCK_SEQPACKET, SOCK_STREAM

LOOPBACK = {AF_INET: "127.0.0.1", AF_INET6: "::1"}


def subscribe(sock, *events):
    """Switch notification types on, for the socket and all its associations (SCTP_EVENTS)."""
    subscribed = socket.sctp_event_subscribe()
    for event in events:
        setattr(subscribed, subscribed._fields_[event - socket.SCTP_DATA_IO_EVENT][0], 1)
    sock.setsockopt(IPPROTO_SCTP, socket.SCTP_EVENTS, subscribed)


class Sockets:
    """Makes sockets and closes them at the end of the test."""

    def __init__(self, family):
        self.family, self.host, self.opened = family, LOOPBACK[family], []

    def new(self, timeout=5, type=SOCK_STREAM):
        sock = socket.socket(self.family, type, IPPROTO_SCTP)
        return self.keep(sock, timeout)

    def keep(self, sock, timeout=5):
        """Close it with the others."""
        sock.settimeout(timeout)
        self.opened.append(sock)
        return sock

    def hosts(self, first, count):
        """So many loopback addresses; as IPv6 has one only, the others are IPv4's there, mapped."""
        mapped = "" if self.family == AF_INET else "::ffff:"
        hosts = [f"{mapped}127.0.0.{number}" for number in range(first, first + count)]
        return hosts if self.family == AF_INET else [self.host, *hosts[1:]]

    def many(self, *events, listening=True, bound=True):
        """A one-to-many socket, subscribed to event types and to what comes with messages."""
        sock = self.new(type=SOCK_SEQPACKET)
        subscribe(sock, socket.SCTP_DATA_IO_EVENT, *events)
        if bound:
            sock.bind((self.host, 0))
        if listening:
            sock.listen(5)
        return sock

    def listener(self, backlog=5, **options):
        sock = self.new()
        for option, value in options.items():
            sock.setsockopt(IPPROTO_SCTP, getattr(socket, option), value)
        sock.bind((self.host, 0))
        sock.listen(backlog)
        return sock

    def connect(self, listener, **options):
        sock = self.new()
        for option, value in options.items():
            sock.setsockopt(IPPROTO_SCTP, getattr(socket, option), value)
        sock.connect(listener.getsockname())
        return sock

    def accept(self, listener):
        sock, _ = listener.accept()
        return self.keep(sock)

    def pair(self, **options):
        """(client, server), connected; the options are both's."""
        listener = self.listener(**options)
        client = self.connect(listener, **options)
        server = self.accept(listener)
        listener.close()
        return client, server

    def close(self):
        for sock in self.opened:
            sock.close()


@pytest.fixture(params=[AF_INET, AF_INET6], ids=["ipv4", "ipv6"])
def sockets(request):
    """Both IP versions: every rule is the same."""
    made = Sockets(request.param)
    with gevent.Timeout(20):
        yield made
    made.close()


@pytest.fixture
def ipv4():
    """One IP version, where it cannot matter and no numbered case is carried."""
    made = Sockets(AF_INET)
    with gevent.Timeout(20):
        yield made
    made.close()
