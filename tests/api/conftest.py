"""Sockets of the API tests: client and server in one process, UDP encapsulation over loopback."""
import socket as kernel

import gevent
import pytest

import pysctpsock
from pysctpsock import socket
from pysctpsock.socket import AF_INET, AF_INET6, IPPROTO_SCTP, SOCK_STREAM

LOOPBACK = {AF_INET: "127.0.0.1", AF_INET6: "::1"}


def free_udp_port():
    with kernel.socket(AF_INET6, kernel.SOCK_DGRAM) as probe:
        probe.bind(("::", 0))
        return probe.getsockname()[1]


pysctpsock.configure(udp_port=free_udp_port())


class Sockets:
    """Makes sockets and closes them at the end of the test."""

    def __init__(self, family):
        self.family, self.host, self.opened = family, LOOPBACK[family], []

    def new(self, timeout=5):
        sock = socket.socket(self.family, SOCK_STREAM, IPPROTO_SCTP)
        sock.settimeout(timeout)
        self.opened.append(sock)
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
        sock.settimeout(5)
        self.opened.append(sock)
        return sock

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
    """One IP version, where it cannot matter."""
    made = Sockets(AF_INET)
    with gevent.Timeout(20):
        yield made
    made.close()
