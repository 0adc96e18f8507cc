"""Calls with arguments that are none: descriptors, buffers, addresses (numbered behaviour cases).

What the kernel answers by EFAULT for a bad pointer is Python's TypeError.
"""
import copy
import errno
import gc
import os
import pickle
import socket as kernel

import gevent
import pytest
from errnos import raises
from many import until_queued

from pysctpsock import socket
from pysctpsock.socket import AF_INET, AF_INET6, IPPROTO_SCTP, SOL_SOCKET

CLOSED_CALLS = {
    "accept": lambda sock: sock.accept(),  # case 1
    "bind": lambda sock: sock.bind(("127.0.0.1", 0)),
    "listen": lambda sock: sock.listen(1),
    "connect": lambda sock: sock.connect(("127.0.0.1", 1)),
    "send": lambda sock: sock.send(b"x"),  # case 57
    "sendto": lambda sock: sock.sendto(b"x", ("127.0.0.1", 1)),
    "sendmsg": lambda sock: sock.sendmsg([b"x"]),  # case 61
    "sctp_sendmsg": lambda sock: socket.sctp_sendmsg(sock, b"x"),
    "recv": lambda sock: sock.recv(1),
    "recvfrom": lambda sock: sock.recvfrom(1),  # case 80
    "recvmsg": lambda sock: sock.recvmsg(1),
    "shutdown": lambda sock: sock.shutdown(socket.SHUT_WR),  # case 93
    "getsockname": lambda sock: sock.getsockname(),  # case 113
    "getpeername": lambda sock: sock.getpeername(),
    "setsockopt": lambda sock: sock.setsockopt(SOL_SOCKET, socket.SO_LINGER, bytes(8)),  # case 131
    "getsockopt": lambda sock: sock.getsockopt(SOL_SOCKET, socket.SO_TYPE),  # case 132
    "sctp_bindx": lambda sock: socket.sctp_bindx(sock, [("127.0.0.1", 0)], 1),
    "sctp_connectx": lambda sock: socket.sctp_connectx(sock, [("127.0.0.1", 1)]),
    "sctp_peeloff": lambda sock: socket.sctp_peeloff(sock, 3),
    "sctp_getladdrs": lambda sock: socket.sctp_getladdrs(sock, 0),  # case 8
    "sctp_getpaddrs": lambda sock: socket.sctp_getpaddrs(sock, 0),  # case 11
}
FUNCTIONS = [
    lambda sock: socket.sctp_sendmsg(sock, b"x"), lambda sock: socket.sctp_recvmsg(sock, 1),
    lambda sock: socket.sctp_bindx(sock, [], 1), lambda sock: socket.sctp_connectx(sock, []),
    lambda sock: socket.sctp_peeloff(sock, 3), lambda sock: socket.sctp_getladdrs(sock, 0),
    lambda sock: socket.sctp_getpaddrs(sock, 0),
    lambda sock: socket.sctp_opt_info(sock, 0, socket.SCTP_STATUS, bytes(176)),
]


@pytest.mark.parametrize("style", ["one", "many"])
@pytest.mark.parametrize("call", CLOSED_CALLS)
def test_closed(sockets, style, call):
    """Cases 1, 6, 7, 8, 11, 57, 61, 80, 93, 113, 131, 132: a descriptor that is none is EBADF."""
    sock = sockets.new() if style == "one" else sockets.many(listening=False)
    sock.close()
    sock.close()
    assert sock.fileno() == -1
    with raises(errno.EBADF):
        CLOSED_CALLS[call](sock)


@pytest.mark.parametrize("family", [AF_INET, AF_INET6])
@pytest.mark.parametrize("call", FUNCTIONS)
def test_functions_and_descriptors(family, call):
    """Cases 8, 9, 11, 12: no socket is ENOTSOCK, a TCP socket EOPNOTSUPP, no descriptor EBADF."""
    with open(os.devnull, "rb") as file:
        for not_a_socket in (file, file.fileno()):
            with raises(errno.ENOTSOCK):
                call(not_a_socket)
    with socket.socket(family, socket.SOCK_STREAM) as tcp, kernel.socket(family) as other:
        for sock in (tcp, other, other.fileno()):
            with raises(errno.EOPNOTSUPP):
                call(sock)
    with raises(errno.EBADF):
        call(-1)


@pytest.mark.parametrize("family", [AF_INET, AF_INET6])
def test_no_socket_is_made_of_what_is_none(family):
    """Cases 2, 57, 61, 80, 93, 113, 131, 132: ENOTSOCK, before there is anything to call a method of."""
    with open(os.devnull, "rb") as file:
        for make in (lambda fd: socket.socket(fileno=fd),
                     lambda fd: socket.fromfd(fd, family, socket.SOCK_STREAM, IPPROTO_SCTP).getsockname()):
            with raises(errno.ENOTSOCK):
                make(file.fileno())


def test_close_by_descriptor(sockets):
    """Cases 6, 7: no descriptor, and one that was closed already, is EBADF."""
    with raises(errno.EBADF):
        socket.close(-1)
    descriptor = sockets.new().detach()
    socket.close(descriptor)
    with raises(errno.EBADF):
        socket.close(descriptor)


def test_functions_take_descriptors(ipv4):
    client, server = ipv4.pair()
    assert socket.sctp_sendmsg(client.fileno(), b"by number") == 9
    assert server.recv(20) == b"by number"
    assert socket.sctp_getpaddrs(server.fileno(), 0) == [client.getsockname()]


def test_addresses_of_another_family(ipv4):
    """Three members are IPv6's."""
    with pytest.raises(TypeError):
        ipv4.new().connect(("127.0.0.1", 1, 2))


@pytest.mark.parametrize("address", [None, 5, "127.0.0.1", ("127.0.0.1",), (5, 5), ("127.0.0.1", "x"),
                                     ("127.0.0.1", 1, "x"), ("127.0.0.1", 1, 0, 0, 0)])
def test_addresses_that_are_none(sockets, address):
    """Cases 17, 18, 103: a bad pointer or length of an address is a TypeError, as in the socket module."""
    for sock in (sockets.new(), sockets.many(bound=False, listening=False)):
        before = sock.getsockname()
        for call in (sock.bind, sock.connect, lambda to, sock=sock: sock.sendto(b"x", to)):
            with pytest.raises(TypeError):
                call(address)
        assert sock.getsockname() == before


def test_buffers_that_are_none(sockets):
    """Cases 62, 80, 83: a bad buffer is a TypeError, and takes nothing from the queue."""
    client, server = sockets.pair()
    for call in (lambda: client.send(None), lambda: client.sendmsg([b"x", None]),
                 lambda: client.sendmsg(5), lambda: client.sctp_sendmsg("text")):
        with pytest.raises(TypeError):
            call()
    client.send(b"waits")
    for call in (lambda: server.recv_into(b"read-only"), lambda: server.recv("x"),
                 lambda: server.recvfrom_into(None), lambda: server.recvmsg_into([None])):
        with pytest.raises((TypeError, BufferError)):
            call()
    assert server.recv(10) == b"waits"


def test_authentication_is_off(sockets):
    """Cases 45, 78: the event says NO_AUTH, behind COMM_UP; an unknown key number has no effect."""
    server, client = sockets.many(socket.SCTP_ASSOC_CHANGE, socket.SCTP_AUTHENTICATION_EVENT), sockets.many()
    client.sendmsg([b"x"], [(IPPROTO_SCTP, socket.SCTP_AUTHINFO, bytes(socket.sctp_authinfo(77)))], 0,
                   server.getsockname())
    up, _, _, _ = server.sctp_recvmsg(1000)
    auth, _, _, flags = server.sctp_recvmsg(1000)
    assert flags & socket.MSG_NOTIFICATION
    assert (auth.sn_type, auth.auth_indication) == (socket.SCTP_AUTHENTICATION_EVENT,
                                                    socket.SCTP_AUTH_NO_AUTH)
    assert (len(auth), auth.auth_assoc_id) == (20, up.sac_assoc_id)
    assert server.recv(10) == b"x"


# ------------------------------------------------------------------ sendv and recvv

@pytest.mark.parametrize("way", ["sctp_sendv", "sendmsg"])
def test_sends_with_addresses(sockets, way):
    """Cases 124, 125: five addresses, no information: the association is set up; the length comes back.

    sendmsg has all but the first as ancillary data (RFC 6458 sections 5.3.9 and 5.3.10), IPv4's mapped.
    """
    server = sockets.many(bound=False, listening=False)
    socket.sctp_bindx(server, [(host, 0) for host in sockets.hosts(71, 5)], socket.SCTP_BINDX_ADD_ADDR)
    addresses = socket.sctp_getladdrs(server)
    server.listen(1)
    client = sockets.many(bound=False, listening=False)
    buffers = [b"one ", b"two ", b"three"]
    if way == "sctp_sendv":
        assert socket.sctp_sendv(client, buffers, addresses) == 13
    else:
        kind = socket.SCTP_DSTADDRV4 if sockets.family == AF_INET else socket.SCTP_DSTADDRV6
        more = [(IPPROTO_SCTP, kind, socket.inet_pton(sockets.family, host)) for host, *_ in addresses[1:]]
        assert client.sendmsg(buffers, more, 0, addresses[0]) == 13
    assert server.recvmsg(100, 100)[::2] == (b"one two three", socket.MSG_EOR)
    [association] = client.open_associations()
    assert sorted(socket.sctp_getpaddrs(client, association.assoc_id)) == sorted(addresses)


def test_recvv_by_room(sockets):
    """Cases 128, 129, 130: the information that is switched on and has room."""
    client, server = sockets.pair()

    def info_of(infolen):
        for data in (b"first", b"second"):
            client.send(data)
        until_queued(server, 2)
        _, _, _, infotype, _ = socket.sctp_recvv(server, 100, 0, infolen)
        server.recv(100)
        return infotype

    assert info_of(None) == socket.SCTP_RECVV_NOINFO
    server.setsockopt(IPPROTO_SCTP, socket.SCTP_RECVNXTINFO, 1)
    assert [info_of(n) for n in (1, 15, 16, None)] == [socket.SCTP_RECVV_NOINFO] * 2 + [
        socket.SCTP_RECVV_NXTINFO] * 2
    server.setsockopt(IPPROTO_SCTP, socket.SCTP_RECVRCVINFO, 1)
    assert [info_of(n) for n in (15, 16, 28, 43, 44, None)] == [
        socket.SCTP_RECVV_NOINFO, socket.SCTP_RECVV_NXTINFO, socket.SCTP_RECVV_RCVINFO,
        socket.SCTP_RECVV_RCVINFO, socket.SCTP_RECVV_RN, socket.SCTP_RECVV_RN]


# ------------------------------------------------------------------ programs

def test_server_that_takes_one_after_the_other(sockets):
    """Case 157: the reader sees the end of each sender and accepts the next."""
    listener = sockets.listener()
    for n in range(3):
        client = sockets.connect(listener)
        server = sockets.accept(listener)
        client.send(b"%d" % n)
        client.close()
        assert (server.recv(10), server.recv(10)) == (b"%d" % n, b"")
        server.close()


def test_send_to_what_is_gone(sockets):
    """Case 65: an accepted socket of an association that has ended."""
    client, server = sockets.pair()
    client.close()
    assert server.recv(10) == b""
    while server.open_associations():
        gevent.sleep(0.001)
    for send in (lambda: server.sendmsg([b"x"]), lambda: server.send(b"x")):
        with raises(errno.EPIPE):
            send()


def test_interleaved_sockets(sockets):
    """Cases 90, 91: FRAGMENT_INTERLEAVE 1 reads back on both; a large message in between stays whole."""
    server, client = sockets.many(), sockets.many(listening=False)
    for sock in (server, client):
        sock.setsockopt(IPPROTO_SCTP, socket.SCTP_FRAGMENT_INTERLEAVE, 1)
        assert sock.getsockopt(IPPROTO_SCTP, socket.SCTP_FRAGMENT_INTERLEAVE) == 1
    sent = [b"small", os.urandom(100_000), b"small too"]
    for data in sent:
        client.sendto(data, server.getsockname())
    received, piece = [], b""
    while len(received) < len(sent):
        data, _, flags, _ = server.recvmsg(7000)
        piece += data
        if flags & socket.MSG_EOR:
            received.append(piece)
            piece = b""
    assert received == sent


@pytest.mark.parametrize("nodelay", [0, 1])
def test_nodelay(sockets, nodelay):
    """Case 160: every small message arrives, whether it waits for acknowledgements or not."""
    client, server = sockets.pair(SCTP_NODELAY=nodelay)
    for n in range(200):
        client.send(b"%d" % n)
    assert [server.recv(10) for _ in range(200)] == [b"%d" % n for n in range(200)]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_socket_is_not_copied(ipv4, copied):
    """TypeError, as of the standard socket; the socket and its duplicate stay what they were."""
    client, server = ipv4.pair()
    with client.dup() as duplicate:
        for sock in (client, duplicate, ipv4.many(listening=False)):
            with pytest.raises(TypeError, match="cannot pickle"):
                copied(sock)
        gc.collect()
        duplicate.send(b"still there")
        assert server.recv(100) == b"still there"


def test_a_buffer_that_cannot_be_written(ipv4):
    """TypeError before anything is taken from the socket."""
    client, server = ipv4.pair()
    client.send(b"abc")
    for call in (server.recv_into, server.recvfrom_into, lambda buffer: server.recvmsg_into([buffer])):
        with pytest.raises((TypeError, BufferError)):
            call(bytes(10))
    assert server.recv(10) == b"abc"
