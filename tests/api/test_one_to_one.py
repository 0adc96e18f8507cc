"""One-to-one sockets: life from socket() to close() (RFC 6458 section 4; numbered behaviour cases)."""
import errno
import gc
import os
import socket as kernel
import struct
import subprocess
import sys
import time
import warnings

import gevent
import pytest
from errnos import raises
from waiting import ended, has_message, until

from pysctpsock import socket
from pysctpsock.socket import (
    AF_INET,
    AF_INET6,
    IPPROTO_SCTP,
    SHUT_RD,
    SHUT_RDWR,
    SHUT_WR,
    SO_ERROR,
    SO_LINGER,
    SO_REUSEADDR,
    SOCK_STREAM,
    SOL_SOCKET,
    sctp_initmsg,
)
from pysctpsock.stack import stack

ABORTING = struct.pack("=ii", 1, 0)  # SO_LINGER

# ------------------------------------------------------------------ socket()

def test_class_and_module():
    """`socket(...)` is ours for SCTP and gevent's otherwise; isinstance holds for both."""
    import gevent.socket

    with socket.socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP) as ours, \
            socket.socket(AF_INET, SOCK_STREAM) as tcp:
        assert type(ours) is socket.socket
        assert isinstance(ours, socket.socket)
        assert isinstance(tcp, gevent.socket.socket)
        assert isinstance(tcp, socket.socket)
        assert not isinstance(tcp, socket._SctpSocket)
        assert (ours.family, ours.type, ours.proto) == (AF_INET, SOCK_STREAM, 132)


def test_module_has_every_name_of_the_standard_one():
    assert set(kernel.__all__) - set(dir(socket)) <= {"CAPI"}
    assert socket.getaddrinfo is __import__("gevent.socket").socket.getaddrinfo


@pytest.mark.parametrize("family", [AF_INET, AF_INET6])
@pytest.mark.parametrize(("kind", "number"), [
    (11, errno.EINVAL),
    (-2, errno.EINVAL),
    (socket.SOCK_DGRAM, errno.EPROTONOSUPPORT),
    (socket.SOCK_RDM, errno.ESOCKTNOSUPPORT),
])
def test_kinds_that_are_none(family, kind, number):
    """Case 101: a type that cannot be.  C's -1 is Python's default, SOCK_STREAM; -2 is not."""
    with raises(number):
        socket.socket(family, kind, IPPROTO_SCTP)


def test_family_without_sctp():
    with raises(errno.EAFNOSUPPORT):
        socket.socket(socket.AF_UNIX, SOCK_STREAM, IPPROTO_SCTP)


@pytest.mark.parametrize("family", [AF_INET, AF_INET6])
def test_socket_creation(family):
    """Case 102 (SOCK_STREAM), and the flags that the type may carry."""
    with socket.socket(family, SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
                       IPPROTO_SCTP) as sock:
        assert sock.type == SOCK_STREAM
        assert sock.gettimeout() == 0


def test_repr(ipv4):
    client, _ = ipv4.pair()
    text = repr(client)
    assert "proto=132" in text
    assert f"raddr={client.getpeername()}" in text
    client.close()
    assert "[closed]" in repr(client)


# ------------------------------------------------------------------ bind, listen, names

def test_bind_variants(sockets):
    """Case 106: wildcard with a port, wildcard with port 0, loopback with port 0."""
    first = sockets.new()
    first.bind(("", 0))
    port = first.getsockname()[1]
    assert 49152 <= port <= 65535
    first.close()
    again = sockets.new()
    again.bind(("", port))
    assert again.getsockname()[:2] == ("0.0.0.0" if sockets.family == AF_INET else "::", port)
    third = sockets.new()
    third.bind((sockets.host, 0))
    assert third.getsockname()[0] == sockets.host


def test_unbound_name(sockets):
    assert sockets.new().getsockname() == (("0.0.0.0", 0) if sockets.family == AF_INET else ("::", 0, 0, 0))


def test_second_bind(ipv4):
    sock = ipv4.new()
    sock.bind(("", 0))
    with raises(errno.EINVAL):
        sock.bind(("", 0))


def test_bind_to_foreign_address(sockets):
    """Case 104, and what is no single host's."""
    for host in (("172.31.43.112", "255.255.255.255", "224.0.0.1") if sockets.family == AF_INET else
                 ("2001:db8::112", "::ffff:172.31.43.112", "ff02::1")):
        with raises(errno.EADDRNOTAVAIL):
            sockets.new().bind((host, 0))


@pytest.mark.skipif(os.geteuid() != 0, reason="wants root, to drop to another user")
@pytest.mark.parametrize("family", [AF_INET, AF_INET6])
def test_low_port_without_privilege_as_other_user(family):
    """Case 105."""
    host = "127.0.0.1" if family == AF_INET else "::1"
    code = ("import os\n"
            "from pysctpsock.socket import *\n"
            f"sock = socket({int(family)}, SOCK_STREAM, IPPROTO_SCTP)\n"  # loads what that user may not read
            "os.setuid(65534)\n"
            f"try: sock.bind(({host!r}, 7))\n"
            "except PermissionError as e: print(e.errno)\n")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True,
                          timeout=60)
    assert done.stdout.split() == [str(errno.EACCES)], done.stderr


@pytest.mark.parametrize("first_host", ["", "127.0.0.1"])
def test_port_in_use(ipv4, first_host):
    first, second = ipv4.new(), ipv4.new()
    first.bind((first_host, 0))
    with raises(errno.EADDRINUSE):
        second.bind(("127.0.0.1", first.getsockname()[1]))
    second.bind(("127.0.0.2", 0))


def test_reuse_address(ipv4):
    """SO_REUSEADDR lets a port be bound twice, but not listened at twice."""
    first, second = ipv4.new(), ipv4.new()
    for sock in (first, second):
        sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    first.bind(("127.0.0.1", 0))
    second.bind(first.getsockname())
    first.listen(1)
    with raises(errno.EADDRINUSE):
        second.listen(1)


def test_port_is_held_by_what_lingers(sockets):
    """Case 110: a server that closes with living peers leaves the port busy until they are gone."""
    listener = sockets.listener()
    name = listener.getsockname()
    client = sockets.connect(listener)
    server = sockets.accept(listener)
    listener.close()
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            server.send(bytes(10000))  # more than the client's buffer: the association lives on
    server.close()
    again = sockets.new()
    with raises(errno.EADDRINUSE):
        again.bind(name)
    while client.recv(10000):
        pass
    client.close()
    until(lambda: not stack().endpoint.holds_port(name[1]))
    again.bind(name)


def test_listen_unbound(ipv4):
    """An unbound socket gets a port of the system's choice."""
    sock = ipv4.new()
    sock.listen()
    assert sock.getsockname()[1] >= 49152
    assert sock.getsockopt(SOL_SOCKET, socket.SO_ACCEPTCONN) == 1


def test_listen_rules(sockets):
    """Case 107; backlog 0 ends listening, and is an error where there was none; a connected socket cannot."""
    sock = sockets.new()
    sock.bind((sockets.host, 0))
    with raises(errno.EINVAL):
        sock.listen(0)
    sock.listen(1)
    sock.listen(7)
    sock.listen(0)
    with raises(errno.EINVAL):
        sock.accept()
    client, _ = sockets.pair()
    with raises(errno.EINVAL):
        client.listen(1)


def test_names_of_a_connected_pair(sockets):
    """Case 112."""
    client, server = sockets.pair()
    assert client.getpeername() == server.getsockname()
    assert server.getpeername() == client.getsockname()
    assert client.getsockname()[0] == sockets.host


def test_peer_name_needs_a_peer(sockets):
    """Case 111."""
    with raises(errno.ENOTCONN):
        sockets.new().getpeername()


def test_mapped_addresses(ipv4):
    """An IPv6 socket reaches IPv4 peers and shows them as ::ffff:a.b.c.d."""
    listener = ipv4.listener()
    sock = socket.socket(AF_INET6, SOCK_STREAM, IPPROTO_SCTP)
    ipv4.opened.append(sock)
    sock.settimeout(5)
    sock.connect(("::ffff:127.0.0.1", listener.getsockname()[1]))
    assert sock.getpeername() == ("::ffff:127.0.0.1", listener.getsockname()[1], 0, 0)
    sock.sendall(b"over IPv4")
    assert ipv4.accept(listener).recv(99) == b"over IPv4"


# ------------------------------------------------------------------ accept

def test_accept_without_listening(sockets):
    """Cases 3 and 4."""
    sock = sockets.new()
    sock.bind((sockets.host, 0))
    client, server = sockets.pair()
    for refused in (sock, client, server):
        with raises(errno.EINVAL):
            refused.accept()


def test_accept_several(sockets):
    """Case 5: each accept returns a different working socket."""
    listener = sockets.listener()
    clients = [sockets.connect(listener) for _ in range(4)]
    servers = [sockets.accept(listener) for _ in range(4)]
    for number, client in enumerate(clients):
        client.sendall(b"%d" % number)
    assert sorted(server.recv(10) for server in servers) == [b"0", b"1", b"2", b"3"]


def test_accept_gives_the_address(sockets):
    listener = sockets.listener()
    client = sockets.connect(listener)
    server, address = listener.accept()
    sockets.opened.append(server)
    assert address == client.getsockname()


def test_accepted_options(sockets):
    """Case 152: an accepted socket has its listener's options, and later changes do not reach it."""
    listener = sockets.listener()
    listener.setsockopt(IPPROTO_SCTP, socket.SCTP_NODELAY, 1)
    listener.setsockopt(IPPROTO_SCTP, socket.SCTP_DEFAULT_SEND_PARAM, socket.sctp_sndrcvinfo(sinfo_ppid=77))
    sockets.connect(listener)
    server = sockets.accept(listener)
    listener.setsockopt(IPPROTO_SCTP, socket.SCTP_NODELAY, 0)
    assert server.getsockopt(IPPROTO_SCTP, socket.SCTP_NODELAY) == 1
    assert socket.sctp_sndrcvinfo.unpack(
        server.getsockopt(IPPROTO_SCTP, socket.SCTP_DEFAULT_SEND_PARAM, 32)).sinfo_ppid == 77


def test_accept_what_has_ended(sockets):
    """Case 97: accept, data, then recv 0, then EPIPE."""
    listener = sockets.listener()
    client = sockets.connect(listener)
    client.sendall(b"last words")
    association = client.association
    client.close()
    until(lambda: association.ended)
    server = sockets.accept(listener)
    assert server.recv(99) == b"last words"
    assert server.recv(99) == b""
    with raises(errno.EPIPE):
        server.send(b"x")


# ------------------------------------------------------------------ connect

def test_connect_fills_the_queue(sockets):
    """Cases 19, 20 and 22: backlog n admits n + 1, the next is refused at once, and may try again."""
    listener = sockets.listener(backlog=2)
    for _ in range(3):
        sockets.connect(listener)
    refused = sockets.new()
    with raises(errno.ECONNREFUSED):
        refused.connect(listener.getsockname())
    sockets.accept(listener)
    refused.connect(listener.getsockname())
    assert refused.getpeername() == listener.getsockname()


def test_connect_to_nobody(sockets):
    """No listener at the port: ABORT, ECONNREFUSED."""
    sockets.listener()
    with raises(errno.ECONNREFUSED):
        sockets.new().connect((sockets.host, 1))


def test_connect_where_no_stack_is(ipv4):
    """The UDP port is closed: ICMP port unreachable is what a refusal looks like (RFC 6951 section 5.5)."""
    sock = ipv4.new()
    with kernel.socket(AF_INET, kernel.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    sock.setsockopt(IPPROTO_SCTP, socket.SCTP_REMOTE_UDP_ENCAPS_PORT,
                    socket.sctp_udpencaps(sue_port=socket.htons(closed)))
    with raises(errno.ECONNREFUSED):
        sock.connect(("127.0.0.1", 5000))


def silent_peer(sock):
    """A UDP socket that never answers becomes the peer's encapsulation port."""
    hole = kernel.socket(AF_INET, kernel.SOCK_DGRAM)
    hole.bind(("127.0.0.1", 0))
    sock.setsockopt(IPPROTO_SCTP, socket.SCTP_REMOTE_UDP_ENCAPS_PORT,
                    socket.sctp_udpencaps(sue_port=socket.htons(hole.getsockname()[1])))
    return hole


def test_connect_times_out_by_initmsg(ipv4):
    """INIT retransmissions exhausted (SCTP_INITMSG: one attempt more, at most 100 ms apart): ETIMEDOUT."""
    sock = ipv4.new(timeout=None)
    with silent_peer(sock):
        sock.setsockopt(IPPROTO_SCTP, socket.SCTP_INITMSG,
                        sctp_initmsg(sinit_max_attempts=1, sinit_max_init_timeo=100))
        before = time.monotonic()
        with raises(errno.ETIMEDOUT):
            sock.connect(("127.0.0.1", 5000))
        assert 0.15 < time.monotonic() - before < 2


def test_connect_timeout(ipv4):
    """settimeout(): TimeoutError after the time; the association goes on being set up (EALREADY)."""
    sock = ipv4.new(timeout=0.2)
    with silent_peer(sock):
        before = time.monotonic()
        with pytest.raises(TimeoutError):
            sock.connect(("127.0.0.1", 5000))
        assert 0.15 < time.monotonic() - before < 2
        with raises(errno.EALREADY):
            sock.connect(("127.0.0.1", 5000))
        assert sock.connect_ex(("127.0.0.1", 5000)) == errno.EALREADY


def test_connected_sockets_do_not_connect(sockets):
    """Case 21, a listening socket, and an association that has ended: EISCONN."""
    listener = sockets.listener()
    client = sockets.connect(listener)
    server = sockets.accept(listener)
    for sock in (client, server, listener):
        with raises(errno.EISCONN):
            sock.connect(listener.getsockname())
    client.close()
    assert server.recv(1) == b""
    with raises(errno.EISCONN):
        server.connect(listener.getsockname())


def test_connect_nonblocking(sockets):
    """Case 38: EINPROGRESS, EALREADY meanwhile, EISCONN when it is up."""
    listener = sockets.listener()
    sock = sockets.new(timeout=0)
    with raises(errno.EINPROGRESS):
        sock.connect(listener.getsockname())
    server = sockets.accept(listener)
    numbers = [sock.connect_ex(listener.getsockname()) for _ in range(3)]
    assert numbers[-1] == errno.EISCONN
    assert set(numbers[:-1]) <= {errno.EALREADY, errno.EISCONN}
    sock.send(b"hello")
    assert server.recv(9) == b"hello"


def test_refused_nonblocking_connect(sockets):
    """Case 42: SO_ERROR reads ECONNREFUSED once, then 0."""
    sockets.listener()
    sock = sockets.new(timeout=0)
    assert sock.connect_ex((sockets.host, 1)) == errno.EINPROGRESS
    until(lambda: ended(sock))
    assert sock.getsockopt(SOL_SOCKET, SO_ERROR) == errno.ECONNREFUSED
    assert sock.getsockopt(SOL_SOCKET, SO_ERROR) == 0


def test_connect_progresses_by_polling_alone(ipv4):
    """A program that never lets go (no sleep, no select) sees its association come up all the same."""
    listener = ipv4.listener()
    sock = ipv4.new(timeout=0)
    assert sock.connect_ex(listener.getsockname()) == errno.EINPROGRESS
    deadline = time.monotonic() + 5
    while sock.connect_ex(listener.getsockname()) != errno.EISCONN:
        assert time.monotonic() < deadline
    assert sock.getpeername() == listener.getsockname()


@pytest.mark.parametrize(("family", "address", "number"), [
    (AF_INET, ("0.0.0.0", 5000), errno.EINVAL),
    (AF_INET, ("0.0.0.0", 0), errno.EINVAL),
    (AF_INET, ("224.0.0.1", 5000), errno.EINVAL),
    (AF_INET, ("255.255.255.255", 5000), errno.EINVAL),
    (AF_INET, ("127.0.0.1", 0), errno.ECONNREFUSED),
    (AF_INET6, ("::", 5000), errno.EINVAL),
    (AF_INET6, ("ff02::1", 5000), errno.EINVAL),
    (AF_INET6, ("fe80::1234", 5000), errno.EINVAL),  # of which link?
    (AF_INET6, ("::1", 0), errno.ECONNREFUSED),
])
def test_connect_to_what_is_no_peer(family, address, number):
    for kind in (SOCK_STREAM, socket.SOCK_SEQPACKET):
        with socket.socket(family, kind, IPPROTO_SCTP) as sock, raises(number):
            sock.connect(address)


def test_ipv4_with_a_socket_of_ipv6_only():
    with socket.socket(AF_INET6, SOCK_STREAM, IPPROTO_SCTP) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        with raises(errno.EINVAL):
            sock.connect(("::ffff:127.0.0.1", 5000))


def test_nothing_is_told_behind_the_end_of_both_directions(ipv4):
    """SHUT_RDWR: no notification comes any more, as Linux has it."""
    client, server = ipv4.pair()
    client.setsockopt(IPPROTO_SCTP, socket.SCTP_EVENTS,
                      socket.sctp_event_subscribe(sctp_association_event=1))
    client.shutdown(SHUT_RDWR)
    assert server.recv(9) == b""
    until(lambda: ended(client))
    assert client.recvmsg(999) == (b"", [], 0, None)


def test_implicit_connect(sockets):
    """Case 69: sendto from an unconnected socket; the data is delivered after accept."""
    listener = sockets.listener()
    sock = sockets.new()
    assert sock.sendto(b"first", listener.getsockname()) == 5
    server = sockets.accept(listener)
    assert server.recv(9) == b"first"
    assert sock.getpeername() == listener.getsockname()


@pytest.mark.parametrize("flag", [socket.SCTP_EOF, socket.SCTP_ABORT])
def test_implicit_connect_takes_no_end(sockets, flag):
    """Case 98: SCTP_EOF and SCTP_ABORT are EINVAL, before and after a plain send sets up the association."""
    listener = sockets.listener()
    sock = sockets.new()
    end = [(IPPROTO_SCTP, socket.SCTP_SNDRCV, bytes(socket.sctp_sndrcvinfo(sinfo_flags=flag)))]
    for data in (b"first", b"second"):
        for buffers in ([], [b"x"]):
            with raises(errno.EINVAL):
                sock.sendmsg(buffers, end, 0, listener.getsockname())
        assert sock.sendto(data, listener.getsockname()) == len(data)
    server = sockets.accept(listener)
    assert [server.recv(9), server.recv(9)] == [b"first", b"second"]


def test_implicit_connect_ignores_the_outcome(ipv4):
    """A refused implicit set-up returns the byte count; the next call has the error."""
    ipv4.listener()
    sock = ipv4.new()
    assert sock.sendto(b"first", ("127.0.0.1", 1)) == 5
    with raises(errno.ECONNREFUSED):
        sock.send(b"second")


def test_implicit_connect_with_init(ipv4):
    """SCTP_INIT ancillary data sets the streams of the association that the message creates (5.3.1)."""
    listener = ipv4.listener()
    sock = ipv4.new()
    init = (IPPROTO_SCTP, socket.SCTP_INIT, sctp_initmsg(sinit_num_ostreams=33))
    info = (IPPROTO_SCTP, socket.SCTP_SNDINFO, socket.sctp_sndinfo(snd_sid=32))
    assert sock.sendmsg([b"stream 32"], [init, info], 0, listener.getsockname()) == 9
    server = ipv4.accept(listener)
    assert server.recv(99) == b"stream 32"
    status = socket.sctp_status.unpack(sock.getsockopt(IPPROTO_SCTP, socket.SCTP_STATUS, 176))
    assert status.sstat_outstrms == 33


# ------------------------------------------------------------------ shutdown, close

def test_shutdown_rules(sockets):
    """Case 96, and a `how` that is none."""
    client, _ = sockets.pair()
    with raises(errno.ENOTCONN):
        sockets.new().shutdown(SHUT_WR)
    with raises(errno.EINVAL):
        client.shutdown(3)


def test_graceful_close(sockets):
    """Case 100: the peer reads 0, then sends fail with EPIPE."""
    client, server = sockets.pair()
    client.close()
    assert server.recv(9) == b""
    until(lambda: ended(server))
    assert server.recv(9) == b""
    with raises(errno.EPIPE):
        server.send(b"x")


def test_own_shutdown(sockets):
    """Cases 81, 82 and 94: the peer reads all, then 0; we read what was pending, then ENOTCONN."""
    client, server = sockets.pair()
    server.send(b"pending")
    until(lambda: has_message(client))
    client.send(b"last words")
    client.shutdown(SHUT_WR)
    assert server.recvfrom(99) == (b"last words", client.getsockname())
    assert server.recvfrom(9) == (b"", None)
    assert client.recvfrom(9) == (b"pending", client.getpeername())
    with raises(errno.ENOTCONN):
        client.recv(9)
    client.setblocking(False)
    with raises(errno.ENOTCONN):
        client.recv(9)


def test_own_shutdown_of_both(sockets):
    """Case 95."""
    client, server = sockets.pair()
    client.shutdown(SHUT_RDWR)
    assert server.recv(9) == b""
    assert client.recv(9) == b""


def test_send_after_own_shutdown(sockets):
    """Case 79."""
    client, _ = sockets.pair()
    client.shutdown(SHUT_WR)
    with pytest.raises(BrokenPipeError) as caught:
        client.send(b"x")
    assert caught.value.errno in (errno.EPIPE, errno.ESHUTDOWN)


def test_send_after_read_shutdown(sockets):
    """Case 67: SHUT_RD does not touch sending; what comes in is dropped."""
    client, server = sockets.pair()
    client.shutdown(SHUT_RD)
    received = client.association.snapshot()["data_chunks_in"]
    server.send(b"dropped")
    until(lambda: client.association.snapshot()["data_chunks_in"] > received)
    assert client.recv(9) == b""
    assert client.send(b"goes") == 4
    assert server.recv(9) == b"goes"
    client.close()  # nothing counts as unread: graceful
    assert server.recv(9) == b""


def test_read_shutdown_keeps_what_waits(ipv4):
    """As Linux does: what was queued before SHUT_RD can be read, what comes later is dropped."""
    client, server = ipv4.pair()
    client.setsockopt(IPPROTO_SCTP, socket.SCTP_EVENT, socket.sctp_event(  # one is queued at once
        se_type=socket.SCTP_SENDER_DRY_EVENT, se_on=1))
    server.send(b"waits")
    until(lambda: client.user.receive_queue.count == 2)
    client.shutdown(SHUT_RD)
    received = client.association.snapshot()["data_chunks_in"]
    server.send(b"dropped")
    until(lambda: client.association.snapshot()["data_chunks_in"] > received)
    assert client.recvmsg(99)[2] == socket.MSG_NOTIFICATION | socket.MSG_EOR
    assert client.recv(3) == b"wai"
    assert client.recv(99) == b"ts"
    assert client.recv(99) == b""
    assert client.user.receive_queue.count == 0


@pytest.mark.parametrize("how", [SHUT_RD, SHUT_WR, SHUT_RDWR])
@pytest.mark.parametrize("aborts", [False, True], ids=["graceful", "abort"])
def test_shutdown_behind_the_end(ipv4, how, aborts):
    """A socket that was connected can be shut down when the association is gone; Linux says no ENOTCONN."""
    client, server = ipv4.pair()
    if aborts:
        server.setsockopt(SOL_SOCKET, SO_LINGER, ABORTING)
    server.close()
    until(lambda: ended(client))
    client.shutdown(how)
    client.shutdown(how)
    with raises(errno.ECONNRESET if aborts else errno.EPIPE):
        client.send(b"x")


def test_address_behind_the_end(ipv4):
    """A send with an address finds no peer there: EADDRNOTAVAIL, the error that is pending stays."""
    client, server = ipv4.pair()
    name = client.getpeername()
    server.setsockopt(SOL_SOCKET, SO_LINGER, ABORTING)
    server.close()
    until(lambda: ended(client))
    with raises(errno.EADDRNOTAVAIL):
        client.sendto(b"x", name)
    with raises(errno.ECONNRESET):
        client.send(b"x")


def test_reads_that_may_not_wait(ipv4):
    """Without association they give EAGAIN, where the others give ENOTCONN; before and behind one."""
    unconnected, (client, server) = ipv4.new(), ipv4.pair()
    server.setsockopt(SOL_SOCKET, SO_LINGER, ABORTING)
    server.close()
    with raises(errno.ECONNRESET):
        client.recv(9)
    for sock in (unconnected, client):
        for flags, number in ((0, errno.ENOTCONN), (socket.MSG_DONTWAIT, errno.EAGAIN)):
            with raises(number):
                sock.recv(9, flags)
        sock.setblocking(False)
        with raises(errno.EAGAIN):
            sock.recvmsg(9)


def test_error_queue(ipv4):
    """Nothing is ever in it: MSG_ERRQUEUE is EAGAIN, whatever waits and whatever the socket is."""
    client, server = ipv4.pair()
    client.send(b"message")
    until(lambda: has_message(server))
    for sock in (server, ipv4.listener(), ipv4.new(), ipv4.many()):
        with raises(errno.EAGAIN):
            sock.recv(9, socket.MSG_ERRQUEUE)
    assert server.recv(9) == b"message"


def test_abort_by_linger(ipv4):
    """SO_LINGER {1, 0}: ECONNRESET once, then ENOTCONN, sends EPIPE, connect EISCONN."""
    client, server = ipv4.pair()
    server.send(b"read me")
    client.setsockopt(SOL_SOCKET, SO_LINGER, b"\1\0\0\0\0\0\0\0" if sys.byteorder == "little" else
                      b"\0\0\0\1\0\0\0\0")
    assert client.recv(99) == b"read me"
    client.close()
    with raises(errno.ECONNRESET):
        server.recv(9)
    with raises(errno.ENOTCONN):
        server.recv(9)
    with raises(errno.EPIPE):
        server.send(b"x")
    assert server.getsockopt(SOL_SOCKET, SO_ERROR) == 0


def test_queued_data_comes_before_the_error(ipv4):
    client, server = ipv4.pair()
    client.send(b"first")
    until(lambda: has_message(server))
    client.setsockopt(SOL_SOCKET, SO_LINGER, memoryview(bytearray([1, 0, 0, 0, 0, 0, 0, 0])))
    client.close()
    until(lambda: ended(server))
    assert server.recv(9) == b"first"
    with raises(errno.ECONNRESET):
        server.recv(9)


def test_send_gets_the_error_too(ipv4):
    """Whichever of recv and send comes first gets the pending error."""
    client, server = ipv4.pair()
    client.setsockopt(SOL_SOCKET, SO_LINGER, memoryview(bytearray([1, 0, 0, 0, 0, 0, 0, 0])))
    client.close()
    until(lambda: ended(server))
    with raises(errno.ECONNRESET):
        server.send(b"x")
    with raises(errno.EPIPE):
        server.send(b"x")


def test_close_with_unread_data_aborts(sockets):
    """Case 99."""
    client, server = sockets.pair()
    client.send(b"never read")
    until(lambda: has_message(server))
    server.close()
    with raises(errno.ECONNRESET):
        client.recv(9)


def test_close_lingers(ipv4):
    """SO_LINGER {1, n}: close waits for the end of the association."""
    client, server = ipv4.pair()
    client.setsockopt(SOL_SOCKET, SO_LINGER, memoryview(bytearray([1, 0, 0, 0, 5, 0, 0, 0])))
    association = client.association
    client.close()
    assert association.ended
    assert server.recv(9) == b""


def test_close_twice_and_use_after(sockets):
    """Case 7, in Python's way: a second close() does nothing, other calls are EBADF."""
    sock = sockets.new()
    sock.close()
    sock.close()
    assert sock.fileno() == -1
    for call in (lambda: sock.send(b"x"), lambda: sock.recv(1), lambda: sock.accept(), lambda: sock.listen(1),
                 lambda: sock.bind(("", 0)), lambda: sock.connect((sockets.host, 1)), sock.getsockname,
                 lambda: sock.getsockopt(SOL_SOCKET, SO_ERROR), lambda: sock.shutdown(SHUT_WR)):
        with raises(errno.EBADF):
            call()


def test_close_wakes_who_waits(ipv4):
    client, _ = ipv4.pair()
    reader = gevent.spawn(client.recv, 9)
    until(lambda: len(client._readers))
    client.close()
    with raises(errno.EBADF):
        reader.get()


def test_closed_listener_aborts_what_waits(ipv4):
    listener = ipv4.listener()
    client = ipv4.connect(listener)
    listener.close()
    with raises(errno.ECONNRESET):
        client.recv(1)


def test_forgotten_socket_is_closed(ipv4):
    """A socket without references is closed with a ResourceWarning; its peer sees a graceful end."""
    client, server = ipv4.pair()
    ipv4.opened.remove(client)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del client
        gc.collect()
    assert [w.category for w in caught] == [ResourceWarning]
    assert server.recv(9) == b""


def test_makefile(ipv4):
    client, server = ipv4.pair()
    with server.makefile("rb") as lines:
        client.sendall(b"one\ntwo\n")
        client.close()
        assert lines.readlines() == [b"one\n", b"two\n"]
    server.close()
    assert server.fileno() == -1
