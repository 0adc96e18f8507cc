"""fileno() and what can be done with it: poll(2) by state of the socket, detach, dup, fromfd, close.

The program that polls does not run gevent meanwhile: the stack goes on all the same.
"""
import errno
import gc
import os
import select
import selectors
import socket as kernel
import struct
import threading

import gevent
import pytest
from errnos import raises
from waiting import fill

from pysctpsock import socket
from pysctpsock.socket import IPPROTO_SCTP, SHUT_RD, SHUT_RDWR, SHUT_WR, SO_ERROR, SO_LINGER, SOL_SOCKET

IN, OUT, HUP, RDHUP = select.POLLIN, select.POLLOUT, select.POLLHUP, getattr(select, "POLLRDHUP", 0)
ABORT = bytes([1, 0, 0, 0, 0, 0, 0, 0])  # SO_LINGER {1, 0}


def polled(sock, wanted, timeout=5):
    """The events once they are `wanted`, or what they are after the time; by poll(2) alone."""
    poller = select.poll()
    poller.register(sock, IN | OUT | RDHUP)
    events = None
    for _ in range(max(1, int(timeout / 0.005))):
        events = dict(poller.poll(0)).get(sock.fileno(), 0)
        if events == wanted:
            break
        select.select([], [], [], 0.005)
    return events


# --- readiness by state (behaviour cases 37 to 43, and the table of socket-api "poll")


def test_nonblocking_calls_with_nothing_there(sockets):
    """Cases 37, 39: EAGAIN from accept with nobody waiting, and from recvmsg on an idle association."""
    listener = sockets.listener()
    listener.setblocking(False)
    with raises(errno.EAGAIN):
        listener.accept()
    client, _ = sockets.pair()
    client.setblocking(False)
    with raises(errno.EAGAIN):
        client.recvmsg(100)


def test_message_comes_with_eor_stream_and_ppid(sockets):
    """Case 40: after the peer sends, recvmsg has the message with MSG_EOR, its stream and ppid."""
    client, server = sockets.pair()
    client.setblocking(False)
    client.setsockopt(IPPROTO_SCTP, socket.SCTP_RECVRCVINFO, 1)
    server.sctp_sendmsg(b"hello", ppid=0x01020304, stream_no=3)
    assert polled(client, IN | OUT) == IN | OUT
    data, items, flags, _ = client.recvmsg(100, 100)
    info = socket.sctp_rcvinfo.from_buffer_copy(items[0][2])
    assert (data, flags & socket.MSG_EOR, info.rcv_sid, info.rcv_ppid) == (
        b"hello", socket.MSG_EOR, 3, 0x01020304)
    assert polled(client, OUT) == OUT


def test_listener(sockets):
    """Case 41: a listener with a pending association is readable, and no more."""
    listener = sockets.listener()
    assert polled(listener, 0) == 0
    sockets.connect(listener)
    assert polled(listener, IN) == IN
    sockets.accept(listener)
    assert polled(listener, 0) == 0


def test_connect_without_waiting(sockets):
    """Case 38: EINPROGRESS, then writable, without an error."""
    listener = sockets.listener()
    sock = sockets.new(timeout=0)
    with raises(errno.EINPROGRESS):
        sock.connect(listener.getsockname())
    assert select.select([], [sock], [], 5)[1] == [sock]
    assert sock.getsockopt(SOL_SOCKET, SO_ERROR) == 0
    assert polled(sock, OUT) == OUT


def test_refused_connect(sockets):
    """Case 42: readable and writable for the error, which SO_ERROR tells once; then neither."""
    sockets.listener()
    sock = sockets.new(timeout=0)
    assert sock.connect_ex((sockets.host, 1)) == errno.EINPROGRESS
    assert polled(sock, IN | OUT) == IN | OUT
    assert sock.getsockopt(SOL_SOCKET, SO_ERROR) == errno.ECONNREFUSED
    assert sock.getsockopt(SOL_SOCKET, SO_ERROR) == 0
    assert polled(sock, 0) == 0


def test_unconnected(sockets):
    """Case 43: a one-to-one socket that was never connected is neither readable nor writable."""
    assert polled(sockets.new(), 0) == 0


def test_unconnected_one_to_many(sockets):
    """Case 43: a one-to-many socket is writable."""
    assert polled(sockets.new(type=socket.SOCK_SEQPACKET), OUT) == OUT


def test_descriptor_made_late_shows_the_state(ipv4):
    client, server = ipv4.pair()
    client.send(b"waits")
    assert server.recv(99, socket.MSG_PEEK) == b"waits"
    assert polled(server, IN | OUT, timeout=0.01) == IN | OUT


def test_half_read_message_stays_readable(ipv4):
    client, server = ipv4.pair()
    client.send(b"abcdef")
    assert polled(server, IN | OUT) == IN | OUT
    assert server.recv(3) == b"abc"
    assert polled(server, IN | OUT, timeout=0.01) == IN | OUT
    assert server.recv(3) == b"def"
    assert polled(server, OUT, timeout=0.01) == OUT


def test_full_buffer_is_not_writable(ipv4):
    """EAGAIN and not writable while the peer reads nothing; writable again when it reads."""
    client, server = ipv4.pair()
    assert polled(client, OUT) == OUT
    sent = 10000 * fill(client, 10000)
    assert select.select([], [client], [], 0) == ([], [], [])
    while polled(client, OUT, timeout=0) != OUT:
        sent -= len(server.recv(10000))
    assert client.send(b"goes") == 4
    while sent:
        sent -= len(server.recv(10000))
    assert server.recv(10) == b"goes"


def test_peer_closed(ipv4):
    """IN, OUT and RDHUP."""
    client, server = ipv4.pair()
    server.close()
    assert polled(client, IN | OUT | RDHUP) == IN | OUT | RDHUP
    assert client.recv(9) == b""


def test_peer_aborted(ipv4):
    """Readable and writable until the error is read, then writable only."""
    client, server = ipv4.pair()
    server.setsockopt(SOL_SOCKET, SO_LINGER, ABORT)
    server.close()
    assert polled(client, IN | OUT) == IN | OUT
    with raises(errno.ECONNRESET):
        client.recv(9)
    assert polled(client, OUT) == OUT


def test_own_shutdown(ipv4):
    """SHUT_WR completed: writable; the peer: end of file."""
    client, server = ipv4.pair()
    client.shutdown(SHUT_WR)
    assert polled(server, IN | OUT | RDHUP) == IN | OUT | RDHUP
    assert polled(client, OUT) == OUT


def test_own_shutdown_of_both_directions(ipv4):
    client, _ = ipv4.pair()
    client.shutdown(SHUT_RDWR)
    assert polled(client, IN | OUT | RDHUP | HUP) == IN | OUT | RDHUP | HUP


def test_own_shutdown_of_reading(ipv4):
    client, _ = ipv4.pair()
    client.shutdown(SHUT_RD)
    assert polled(client, IN | OUT | RDHUP) == IN | OUT | RDHUP
    assert client.recv(9) == b""


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="no epoll")
def test_edge_triggered(ipv4):
    """EPOLLET: each message that arrives is an edge, each association to accept too, read or not."""
    listener = ipv4.listener()
    client, server = ipv4.pair(SCTP_NODELAY=1)
    with select.epoll() as watcher:
        watcher.register(server, select.EPOLLIN | select.EPOLLET)
        for _ in range(20):
            client.send(b"x")
            assert watcher.poll(5) == [(server.fileno(), IN)]
            assert watcher.poll(0) == []
        assert polled(server, IN | OUT) == IN | OUT
        for _ in range(20):
            assert server.recv(10) == b"x"
        assert polled(server, OUT) == OUT
        watcher.unregister(server)
        watcher.register(listener, select.EPOLLIN | select.EPOLLET)
        for _ in range(3):
            ipv4.connect(listener)
            assert watcher.poll(5) == [(listener.fileno(), IN)]


def test_notification_is_readable(ipv4):
    listener = ipv4.listener()
    client = ipv4.new()
    client.setsockopt(IPPROTO_SCTP, socket.SCTP_EVENTS, socket.sctp_event_subscribe(sctp_association_event=1))
    client.connect(listener.getsockname())
    assert polled(client, IN | OUT) == IN | OUT
    assert client.recvmsg(100)[2] & socket.MSG_NOTIFICATION
    assert polled(client, OUT) == OUT


@pytest.mark.parametrize("kind", ["SelectSelector", "PollSelector", "EpollSelector"])
def test_selectors(ipv4, kind):
    """An echo server in one loop over a selector, with the clients' sockets in the same loop."""
    listener = ipv4.listener()
    listener.setblocking(False)
    clients = [ipv4.new(timeout=0) for _ in range(5)]
    answers = {}
    with getattr(selectors, kind)() as selector:
        selector.register(listener, selectors.EVENT_READ, "listener")
        for sock in clients:
            assert sock.connect_ex(listener.getsockname()) == errno.EINPROGRESS
            selector.register(sock, selectors.EVENT_WRITE, "client")
        while len(answers) < len(clients):
            ready = selector.select(5)
            assert ready
            for key, events in ready:
                if key.data == "listener":
                    server = listener.accept()[0]
                    ipv4.opened.append(server)
                    server.setblocking(False)
                    selector.register(server, selectors.EVENT_READ, "server")
                elif key.data == "server":
                    key.fileobj.send(key.fileobj.recv(99).upper())
                elif events & selectors.EVENT_WRITE:
                    key.fileobj.send(b"from %d" % key.fd)
                    selector.modify(key.fileobj, selectors.EVENT_READ, "client")
                else:
                    answers[key.fd] = key.fileobj.recv(99)
    assert answers == {sock.fileno(): b"FROM %d" % sock.fileno() for sock in clients}


# --- the descriptor as a thing


def test_a_descriptor_only_when_asked_for(ipv4):
    before = len(os.listdir("/proc/self/fd"))
    client, server = ipv4.pair()
    assert len(os.listdir("/proc/self/fd")) <= before + 1      # that of this listing, and the carriers' maybe
    fd = client.fileno()
    assert fd >= 0 and fd == client.fileno() != server.fileno()


def test_close_gives_it_back(ipv4):
    client, server = ipv4.pair()
    fds = [client.fileno(), server.fileno()]
    client.close()
    server.close()
    assert client.fileno() == -1
    for fd in fds:
        with raises(errno.EBADF):
            os.fstat(fd)


def test_descriptor_does_not_keep_the_socket(ipv4):
    """A socket that nobody refers to is closed, and warned of, with its descriptor."""
    client, server = ipv4.pair()
    fd = client.fileno()
    ipv4.opened.remove(client)
    with pytest.warns(ResourceWarning):
        del client
        gc.collect()
    with raises(errno.EBADF):
        os.fstat(fd)
    assert server.recv(9) == b""


def test_detach_and_back(ipv4):
    """The object is closed, the association lives; socket(fileno=) has it again."""
    client, server = ipv4.pair()
    fd = client.detach()
    assert client.fileno() == -1
    with raises(errno.EBADF):
        client.getsockname()
    client.close()
    server.send(b"for whoever has the descriptor")
    assert select.select([fd], [], [], 5)[0] == [fd]
    again = socket.socket(fileno=fd)
    ipv4.opened.append(again)
    assert again.fileno() == fd
    assert again.recv(99) == b"for whoever has the descriptor"
    again.close()
    assert server.recv(9) == b""
    with raises(errno.EBADF):
        os.fstat(fd)
    assert client.detach() == -1


def test_fileno_of_no_socket_of_ours(ipv4):
    """It goes to the kernel, as any other."""
    read_end, write_end = os.pipe()
    with raises(errno.ENOTSOCK):
        socket.socket(fileno=read_end)
    os.close(read_end)
    os.close(write_end)


def test_closed_by_number(ipv4):
    """The socket goes on, with another descriptor when it is asked; who has the number now is left alone."""
    client, server = ipv4.pair()
    fd = client.fileno()
    os.close(fd)
    with open(os.devnull) as other:
        assert other.fileno() == fd, "the system gives the lowest number"
        client.send(b"there")
        assert server.recv(9) == b"there"
        server.send(b"and back")
        assert client.recv(9) == b"and back"
        assert client.fileno() not in (-1, fd) and polled(client, OUT) == OUT
        server.send(b"again")
        assert polled(client, IN | OUT) == IN | OUT and client.recv(9) == b"again"
        with raises(errno.ENOTSOCK):
            socket.socket(fileno=fd)
        client.close()
        os.fstat(fd)
    assert server.recv(9) == b""


def test_detached_and_closed_by_number(ipv4):
    """The number is another file's then, and no socket's; the association lives on, as nobody ended it."""
    client, server = ipv4.pair()
    fd = client.detach()
    assert "laddr" not in repr(client)
    os.close(fd)
    with open(os.devnull) as other:
        assert other.fileno() == fd
        with raises(errno.ENOTSOCK):
            socket.socket(fileno=fd)
    server.send(b"heard by nobody")
    server.close()


@pytest.mark.parametrize("duplicate", [lambda sock: sock.dup(),
                                       lambda sock: socket.fromfd(sock.fileno(), sock.family, sock.type)],
                         ids=["dup", "fromfd"])
def test_duplicates(ipv4, duplicate):
    """The socket is closed when its last handle is."""
    client, server = ipv4.pair()
    with duplicate(client) as other:
        assert isinstance(other, socket.socket)
        assert other.getsockname() == client.getsockname()
        client.close()
        assert other.send(b"goes on") == 7
        assert server.recv(9) == b"goes on"
    assert other.fileno() == -1
    other.close()
    assert server.recv(9) == b""


def test_files_and_duplicates_together(ipv4):
    client, server = ipv4.pair()
    file = client.makefile("wb", buffering=0)
    other = client.dup()
    client.close()
    other.close()
    file.write(b"still open")
    assert server.recv(99) == b"still open"
    file.close()
    assert server.recv(9) == b""


def test_close_in_a_greenlet_that_others_poll(ipv4):
    """gevent's own select on the descriptor."""
    from gevent.select import select as gevent_select

    client, server = ipv4.pair()
    waiting = gevent.spawn(gevent_select, [client], [], [], 5)
    gevent.sleep(0)
    server.send(b"x")
    assert waiting.get()[0] == [client]


# --- SO_RCVTIMEO, SO_SNDTIMEO


def timeval(seconds):
    return struct.pack("qq", int(seconds), int(seconds % 1 * 1e6))


def test_receive_time(ipv4):
    """recv and accept give EAGAIN when they have waited so long; the socket's own timeout goes before."""
    client, _ = ipv4.pair()
    listener = ipv4.listener()
    for sock, call in ((client, lambda: client.recv(9)), (listener, listener.accept)):
        sock.settimeout(None)
        sock.setsockopt(SOL_SOCKET, socket.SO_RCVTIMEO, timeval(0.05))
        assert sock.getsockopt(SOL_SOCKET, socket.SO_RCVTIMEO, 16) == timeval(0.05)
        with raises(errno.EAGAIN):
            call()
        sock.settimeout(0.05)
        with pytest.raises(TimeoutError):
            call()


def test_send_time(ipv4):
    """send gives EAGAIN, connect EINPROGRESS."""
    client, _ = ipv4.pair()
    client.settimeout(None)
    client.setsockopt(SOL_SOCKET, socket.SO_SNDTIMEO, timeval(0.05))
    with raises(errno.EAGAIN):
        while True:
            client.send(bytes(10000))
    nobody = ipv4.new(timeout=None)
    nobody.setsockopt(SOL_SOCKET, socket.SO_SNDTIMEO, timeval(0.05))
    with kernel.socket(kernel.AF_INET, kernel.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        encapsulation = socket.sctp_udpencaps(
            sue_port=socket.htons(silent.getsockname()[1]))
        nobody.setsockopt(IPPROTO_SCTP, socket.SCTP_REMOTE_UDP_ENCAPS_PORT, encapsulation)
        with raises(errno.EINPROGRESS):
            nobody.connect(("127.0.0.1", 9))


def test_bad_times(ipv4):
    sock = ipv4.new()
    with raises(errno.EDOM):
        sock.setsockopt(SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("qq", 0, 1_000_000))
    with raises(errno.EINVAL):
        sock.setsockopt(SOL_SOCKET, socket.SO_RCVTIMEO, bytes(8))


@pytest.mark.parametrize(("seconds", "shown"), [(10**10, 10**10), (1 << 62, 0), ((1 << 63) - 1, 0)])
def test_times_beyond_all_times(ipv4, seconds, shown):
    """Linux: what is more than it can count is no limit.  A thread without a hub waits as well."""
    client, server = ipv4.pair()
    client.settimeout(None)
    client.setsockopt(SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("qq", seconds, 0))
    assert client.getsockopt(SOL_SOCKET, socket.SO_RCVTIMEO, 16) == struct.pack("qq", shown, 0)
    received = []
    thread = threading.Thread(target=lambda: received.append(client.recv(9)))
    thread.start()
    while not client._readers:  # until it waits
        gevent.sleep(0.001)
    server.send(b"x")
    thread.join()
    waiting = gevent.spawn(client.recv, 9)
    gevent.sleep(0)
    server.send(b"y")
    assert (*received, waiting.get()) == (b"x", b"y")


def test_a_negative_time(ipv4):
    """Linux: it is over at once, and is shown as 0."""
    client, _ = ipv4.pair()
    client.settimeout(None)
    client.setsockopt(SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("qq", -1, 5))
    assert client.getsockopt(SOL_SOCKET, socket.SO_RCVTIMEO, 16) == bytes(16)
    with raises(errno.EAGAIN):
        client.recv(9)
