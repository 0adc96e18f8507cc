"""Who sleeps in a call, or polls a descriptor, is told of all that ends its wait (architecture.md, Wake-ups).

Each way in which a wait ends, for greenlets, for threads without a hub, and for poll(2).
"""
import errno
import select
import socket as kernel
import threading

import gevent
import pytest
from many import associated, to
from waiting import PATIENCE, until

from pysctpsock import socket
from pysctpsock.socket import (
    IPPROTO_SCTP,
    MSG_DONTWAIT,
    SCTP_EOF,
    SHUT_RD,
    SHUT_WR,
    SO_RCVBUF,
    SO_SNDBUF,
    SOCK_SEQPACKET,
    SOL_SOCKET,
    sctp_peeloff,
)

SIZE = 5000


class Call:
    """A call that sleeps in a greenlet or thread of its own."""

    def __init__(self, kind, waiters, function, *arguments):
        self.outcome, asleep = [], len(waiters)

        def run():
            try:
                self.outcome.append(function(*arguments))
            except OSError as problem:
                self.outcome.append(problem.errno)

        if kind == "greenlet":
            gevent.spawn(run)
        else:
            threading.Thread(target=run, daemon=True).start()
        until(lambda: len(waiters) > asleep)
        assert not self.outcome

    def result(self):
        until(lambda: self.outcome)
        return self.outcome[0]


@pytest.fixture(params=["greenlet", "thread"])
def kind(request):
    return request.param


def polled(sock, wanted):
    """Whether poll(2) shows it now."""
    poller = select.poll()
    poller.register(sock.fileno(), wanted)
    return bool(poller.poll(0))


def shows(sock, wanted):
    """Whether poll(2) shows it before long, while the program does nothing else."""
    poller = select.poll()
    poller.register(sock.fileno(), wanted)
    return bool(poller.poll(PATIENCE * 1000))


def fill(association, send):
    """Send until no more is taken, and all that the peer has taken is acknowledged."""
    while True:
        try:
            send(bytes(SIZE))
        except BlockingIOError:
            if not association.snapshot()["outstanding"]["chunks"]:
                return
            gevent.sleep(0.001)


def no_probes(sock, assoc_id=0):
    """No answer to the probe of a shut window is what wakes somebody: there is none for an RTO, a minute."""
    sock.setsockopt(IPPROTO_SCTP, socket.SCTP_RTOINFO, socket.sctp_rtoinfo(assoc_id, 60_000, 60_000, 60_000))


@pytest.fixture
def full(ipv4):
    """(a socket whose send buffer is full, its peer, which does not read), one-to-one."""
    listener = ipv4.listener()
    listener.setsockopt(SOL_SOCKET, SO_RCVBUF, 8000)
    client = ipv4.new(timeout=None)
    client.setsockopt(SOL_SOCKET, SO_SNDBUF, 8000)
    no_probes(client)
    client.connect(listener.getsockname())
    peer = ipv4.accept(listener)
    fill(client.association, lambda data: client.send(data, MSG_DONTWAIT))
    return client, peer


def read_all(peer):
    for _ in range(4):
        assert len(peer.recv(SIZE)) == SIZE


ENDS_OF_WAITING_TO_SEND = {
    "the peer reads": (lambda sock, peer: read_all(peer), 100),
    "SO_SNDBUF": (lambda sock, peer: sock.setsockopt(SOL_SOCKET, SO_SNDBUF, 100_000), 100),
    "own SHUT_WR": (lambda sock, peer: sock.shutdown(SHUT_WR), errno.EPIPE),
    "close": (lambda sock, peer: sock.close(), errno.EBADF),
    "the peer's ABORT": (lambda sock, peer: (linger(peer), peer.close()), errno.ECONNRESET),
    "the peer's SHUTDOWN": (lambda sock, peer: peer.shutdown(SHUT_WR), errno.EPIPE),
}


def linger(sock):
    sock.setsockopt(SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.mark.parametrize("what", ENDS_OF_WAITING_TO_SEND)
def test_sender(full, kind, what):
    sock, peer = full
    event, outcome = ENDS_OF_WAITING_TO_SEND[what]
    call = Call(kind, sock._writers, sock.send, bytes(100))
    event(sock, peer)
    assert call.result() == outcome


@pytest.mark.parametrize("what", [what for what in ENDS_OF_WAITING_TO_SEND if what != "close"])
def test_sender_that_polls(full, what):
    sock, peer = full
    event, outcome = ENDS_OF_WAITING_TO_SEND[what]
    assert not polled(sock, select.POLLOUT)
    event(sock, peer)
    assert shows(sock, select.POLLOUT)
    try:
        assert sock.send(bytes(100), MSG_DONTWAIT) == outcome  # it succeeds, or fails, but does not wait
    except BlockingIOError:
        pytest.fail("POLLOUT, and yet no room")
    except OSError as problem:
        assert problem.errno in (outcome, errno.ESHUTDOWN)


def test_a_smaller_send_buffer_is_shown_at_once(ipv4):
    listener = ipv4.listener()
    listener.setsockopt(SOL_SOCKET, SO_RCVBUF, 8000)
    client = ipv4.connect(listener)
    client.send(bytes(50_000))
    assert polled(client, select.POLLOUT)
    client.setsockopt(SOL_SOCKET, SO_SNDBUF, 4000)
    assert not polled(client, select.POLLOUT)


def test_a_message_that_is_given_up_makes_room(ipv4, kind):
    """RFC 3758: its life time ends while it waits; nothing is received."""
    listener = ipv4.listener()
    listener.setsockopt(SOL_SOCKET, SO_RCVBUF, 8000)
    client = ipv4.connect(listener)
    fill(client.association, lambda data: client.sctp_sendmsg(data, timetolive=1000)
         if client.association.has_room() else client.send(data, MSG_DONTWAIT))
    call = Call(kind, client._writers, client.send, bytes(100))
    assert call.result() == 100


# --- one-to-many


def filled(sockets):
    """(one-to-many socket, its association whose buffer is full, the peer's socket, which does not read)."""
    server, client, server_id, _ = associated(sockets)
    server.settimeout(None)
    no_probes(server, server_id)
    server.setsockopt(SOL_SOCKET, SO_SNDBUF, 8000)
    fill(server.association_meant(server_id),
         lambda data: server.sendmsg([data], to(server_id), MSG_DONTWAIT))
    return server, server_id, client


def test_sender_of_an_association_that_is_peeled_off(ipv4, kind):
    """EPIPE, as on Linux: the association is another socket's now, and nothing is sent on it."""
    server, assoc_id, client = filled(ipv4)
    call = Call(kind, server._writers, lambda: server.sendmsg([b"late"], to(assoc_id)))
    peeled = ipv4.keep(sctp_peeloff(server, assoc_id))
    assert call.result() == errno.EPIPE
    sender = gevent.spawn(peeled.send, b"the last")
    while (data := client.recv(1 << 20)) != b"the last":
        assert data != b"late"
    sender.join()


def test_sender_that_is_woken_for_another_reason(ipv4, kind):
    """The world is looked at again after each wait, whatever ended it."""
    server, assoc_id, _ = filled(ipv4)
    call = Call(kind, server._writers, lambda: server.sendmsg([b"late"], to(assoc_id)))
    server._writers.wake_all()
    until(lambda: len(server._writers) == 1)
    server.sendmsg([], to(assoc_id, SCTP_EOF))
    assert call.result() == errno.EPIPE


def test_sender_and_so_sndbuf_of_one_to_many(ipv4, kind):
    server, assoc_id, _ = filled(ipv4)
    call = Call(kind, server._writers, lambda: server.sendmsg([b"more"], to(assoc_id)))
    server.setsockopt(SOL_SOCKET, SO_SNDBUF, 1_000_000)
    assert call.result() == 4


def test_one_to_many_that_polls(ipv4):
    """Writable while the send buffer, which all associations share, has room."""
    server, assoc_id, client = filled(ipv4)
    assert not polled(server, select.POLLOUT)
    read_all(client)
    assert shows(server, select.POLLOUT)
    assert server.sendmsg([b"more"], to(assoc_id), MSG_DONTWAIT) == 4


def test_association_that_is_peeled_off_while_it_is_set_up(ipv4, kind):
    with kernel.socket(kernel.AF_INET, kernel.SOCK_DGRAM) as silent:  # takes INITs and says nothing
        silent.bind(("127.0.0.1", 0))
        many = ipv4.many(listening=False)
        many.settimeout(None)
        many.setsockopt(IPPROTO_SCTP, socket.SCTP_REMOTE_UDP_ENCAPS_PORT,
                        socket.sctp_udpencaps(sue_port=socket.htons(silent.getsockname()[1])))
        call = Call(kind, many._writers, many.connect, ("127.0.0.1", 5000))
        (association,) = many.open_associations()
        ipv4.keep(sctp_peeloff(many, association.assoc_id))
        assert call.result() == errno.EPIPE


# --- receivers and acceptors


def test_accept_when_listening_ends(ipv4, kind):
    listener = ipv4.listener()
    listener.settimeout(None)
    call = Call(kind, listener._readers, listener.accept)
    listener.listen(0)
    assert call.result() == errno.EINVAL


def test_receiver_when_listening_ends(ipv4, kind):
    """One-to-many without associations: nothing will come any more."""
    many = ipv4.many()
    many.settimeout(None)
    call = Call(kind, many._readers, many.recv, 100)
    many.listen(0)
    assert call.result() == errno.ENOTCONN


def test_receiver_when_the_last_association_is_peeled_off(ipv4, kind):
    server, _client, server_id, _ = associated(ipv4)
    server.listen(0)
    server.settimeout(None)
    call = Call(kind, server._readers, server.recv, 100)
    ipv4.keep(sctp_peeloff(server, server_id))
    assert call.result() == errno.ENOTCONN


@pytest.mark.parametrize("type", [socket.SOCK_STREAM, SOCK_SEQPACKET], ids=["one-to-one", "one-to-many"])
def test_receiver_and_own_shut_rd(ipv4, kind, type):
    if type == SOCK_SEQPACKET:
        _listener, sock, _, _ = associated(ipv4)
        sock.listen(0)
    else:
        sock, _peer = ipv4.pair()
    sock.settimeout(None)
    call = Call(kind, sock._readers, sock.recv, 100)
    try:
        sock.shutdown(SHUT_RD)
    except OSError as problem:
        assert problem.errno == errno.ENOTCONN
    assert call.result() == b""


def test_larger_receive_buffer_is_told(ipv4):
    """SO_RCVBUF opens the window, and the sender goes on without the receiver having read."""
    listener = ipv4.listener()
    listener.setsockopt(SOL_SOCKET, SO_RCVBUF, 8000)
    client = ipv4.connect(listener)
    peer = ipv4.accept(listener)
    for _ in range(8):
        client.send(bytes(SIZE))
    until(lambda: client.association.snapshot()["peer_rwnd"] < 1460
          and not client.association.snapshot()["outstanding"]["chunks"])
    peer.setsockopt(SOL_SOCKET, SO_RCVBUF, 1_000_000)
    until(lambda: client.association.snapshot()["peer_rwnd"] > 500_000)
