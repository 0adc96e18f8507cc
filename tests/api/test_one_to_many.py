"""One-to-many sockets (RFC 6458 section 3; numbered behaviour cases)."""
import errno
import select
import struct
import time

import gevent
import pytest
from errnos import raises
from many import associated, change, event, message, to

from pysctpsock import socket
from pysctpsock.one_to_many import OneToManySocket
from pysctpsock.socket import (
    IPPROTO_SCTP,
    SCTP_ABORT,
    SCTP_ASSOC_CHANGE,
    SCTP_COMM_LOST,
    SCTP_COMM_UP,
    SCTP_EOF,
    SCTP_SENDALL,
    SCTP_SHUTDOWN_COMP,
    SCTP_SHUTDOWN_EVENT,
    SHUT_RD,
    SHUT_RDWR,
    SHUT_WR,
    SO_ERROR,
    SO_TYPE,
    SOCK_SEQPACKET,
    SOL_SOCKET,
    sctp_sendmsg,
    sctp_sndrcvinfo,
)


def status(sock, assoc_id):
    value = socket.sctp_status(sstat_assoc_id=assoc_id)
    return socket.sctp_status.unpack(sock.getsockopt(IPPROTO_SCTP, socket.SCTP_STATUS, value))


# ------------------------------------------------------------------ what it is

def test_kind(sockets):
    """Case 102: SOCK_SEQPACKET is there, with and without flags."""
    sock = sockets.new(type=SOCK_SEQPACKET)
    assert isinstance(sock, OneToManySocket)
    assert isinstance(sock, socket.socket)
    assert (sock.family, sock.type, sock.proto) == (sockets.family, SOCK_SEQPACKET, IPPROTO_SCTP)
    assert sock.getsockopt(SOL_SOCKET, SO_TYPE) == SOCK_SEQPACKET
    nonblocking = sockets.new(type=SOCK_SEQPACKET | socket.SOCK_NONBLOCK, timeout=0)
    assert nonblocking.gettimeout() == 0
    assert f"type={SOCK_SEQPACKET!s}" in repr(sock)  # as the standard class shows it in this Python


@pytest.mark.parametrize("protocol", [(), (0,), (-1,)])
def test_kind_without_protocol(sockets, protocol):
    """socket(AF_INET, SOCK_SEQPACKET, 0) is SCTP, as with Linux: no other has that type."""
    for more in (0, socket.SOCK_NONBLOCK):
        sock = sockets.keep(socket.socket(sockets.family, SOCK_SEQPACKET | more, *protocol))
        assert isinstance(sock, OneToManySocket)
    with socket.socket(socket.AF_UNIX, SOCK_SEQPACKET) as other:
        assert not isinstance(other, OneToManySocket)


def test_a_subclass_of_socket_is_one_to_one():
    with raises(errno.EPROTONOSUPPORT):
        type("Mine", (socket.socket,), {})(socket.AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP)


def test_accept_and_peer_name(sockets):
    """Case 111: a one-to-many socket has no one peer, connected or not."""
    server, client, _, _ = associated(sockets)
    for sock in (server, client, sockets.new(type=SOCK_SEQPACKET)):
        with raises(errno.EOPNOTSUPP):
            sock.accept()
        with raises(errno.ENOTCONN):
            sock.getpeername()


def test_listen(sockets):
    """listen(0) ends it, EINVAL if it did not listen; a peer is then refused."""
    server = sockets.many()
    server.listen(1)
    server.listen(0)
    with raises(errno.EINVAL):
        server.listen(0)
    client = sockets.many(SCTP_ASSOC_CHANGE, listening=False)
    assert client.sendto(b"x", server.getsockname()) == 1  # whatever comes of it, as Linux
    assert change(client, socket.SCTP_CANT_STR_ASSOC).sac_error == 0
    with raises(errno.ENOTCONN):
        client.recv(1)


# ------------------------------------------------------------------ set-up

def test_set_up_by_sending(sockets):
    """Case 47: COMM_UP on both sides, with the peer's address; the message follows."""
    server, client = sockets.many(SCTP_ASSOC_CHANGE), sockets.many(SCTP_ASSOC_CHANGE, listening=False)
    assert client.sendto(b"hello", server.getsockname()) == 5
    up, address = event(server)
    assert (up.sac_type, up.sac_state, address) == (SCTP_ASSOC_CHANGE, SCTP_COMM_UP, client.getsockname())
    assert message(server) == (b"hello", up.sac_assoc_id, client.getsockname())
    up, address = event(client)
    assert (up.sac_state, address) == (SCTP_COMM_UP, server.getsockname())
    assert up.sac_assoc_id > socket.SCTP_ALL_ASSOC


@pytest.mark.parametrize("bound", [True, False])
def test_wildcard_socket_uses_one_port(sockets, bound):
    """Case 89: wildcard and ephemeral ports, both ways; all associations of a socket have its port."""
    servers = [sockets.new(type=SOCK_SEQPACKET) for _ in range(2)]
    for server in servers:
        server.bind(("", 0))
        server.listen(1)
    client = sockets.many(bound=False, listening=False)
    if bound:
        client.bind(("", 0))
    for server in servers:
        client.sendto(b"ping", (sockets.host, server.getsockname()[1]))
        data, address = server.recvfrom(10)
        assert (data, address[1]) == (b"ping", client.getsockname()[1])
        server.sendto(b"pong", address)
        data, address = client.recvfrom(10)
        assert (data, address[1]) == (b"pong", server.getsockname()[1])


def test_data_goes_with_the_cookie(sockets):
    """RFC 9260 section 5.1 (C), note 1: the first message comes in the same packet as COOKIE ECHO."""
    server, client = sockets.many(), sockets.many(listening=False)
    client.setblocking(False)
    client.sendto(b"early", server.getsockname())
    assert server.recv(10) == b"early"
    [association] = [a for a in client._stack.endpoint.associations if a.user is client.user]
    assert association.snapshot()["packets_out"] <= 2  # COOKIE ECHO with DATA; INIT is not counted


@pytest.mark.parametrize("flag", [SCTP_EOF, SCTP_ABORT])
def test_no_association_to_end(sockets, flag):
    """Case 76: SCTP_EOF and SCTP_ABORT begin no association."""
    server, client = sockets.many(), sockets.many(listening=False)
    with raises(errno.EINVAL):
        client.sendmsg([], to(0, flag), 0, server.getsockname())
    assert client.open_associations() == []


def test_address_over_wants_an_address(sockets):
    """Case 73: EINVAL with an id alone; the association goes on."""
    server, client, _, client_id = associated(sockets)
    with raises(errno.EINVAL):
        client.sendmsg([b"x"], to(client_id, socket.SCTP_ADDR_OVER))
    assert client.sendmsg([b"x"], to(client_id, socket.SCTP_ADDR_OVER), 0, server.getsockname()) == 1
    assert message(server)[0] == b"x"


@pytest.mark.parametrize("stream", [10, 65535])
def test_a_message_that_cannot_go_begins_nothing(sockets, stream):
    """Case 74: the stream number is looked at before an association is begun."""
    server, client = sockets.many(), sockets.many(listening=False)
    with raises(errno.EINVAL):
        sctp_sendmsg(client, b"x", server.getsockname(), stream_no=stream)
    assert client.open_associations() == []


def test_connect(sockets):
    """Case 31: one socket, several peers; EISCONN for one that it has, EALREADY while it is set up."""
    servers = [sockets.many() for _ in range(3)]
    client = sockets.many(listening=False)
    for server in servers[:2]:
        client.connect(server.getsockname())
        with raises(errno.EISCONN):
            client.connect(server.getsockname())
    assert len(client.open_associations()) == 2
    client.setblocking(False)
    with raises(errno.EINPROGRESS):
        client.connect(servers[2].getsockname())
    with raises(errno.EALREADY):
        client.connect(servers[2].getsockname())
    assert client.connect_ex(servers[0].getsockname()) == errno.EISCONN


def test_connect_without_waiting(sockets):
    """Cases 30, 33, 34: EINPROGRESS, with the id that COMM_UP has."""
    server, client = sockets.many(), sockets.many(SCTP_ASSOC_CHANGE, listening=False)
    client.setblocking(False)
    with raises(errno.EINPROGRESS) as caught:
        client.sctp_connectx([server.getsockname()])
    client.setblocking(True)
    assert change(client, SCTP_COMM_UP).sac_assoc_id == caught.value.assoc_id
    another = sockets.many()
    client.setblocking(False)
    with raises(errno.EINPROGRESS) as caught:
        client.connect(another.getsockname())
    client.setblocking(True)
    assert change(client, SCTP_COMM_UP).sac_assoc_id == caught.value.assoc_id


def test_connectx_gives_the_id(sockets):
    """Cases 34, 35."""
    client = sockets.many(SCTP_ASSOC_CHANGE, listening=False)
    ids = [socket.sctp_connectx(client, [sockets.many().getsockname()]) for _ in range(2)]
    assert [change(client, SCTP_COMM_UP).sac_assoc_id for _ in range(2)] == ids
    assert len(set(ids)) == 2


def test_connect_refused(sockets):
    """ABORT on INIT; the socket has no error of its own and may try again."""
    nobody, client = sockets.many(listening=False), sockets.many(listening=False)
    for _ in range(2):
        with raises(errno.ECONNREFUSED):
            client.connect(nobody.getsockname())
        assert client.getsockopt(SOL_SOCKET, SO_ERROR) == 0
    nobody.listen(1)
    client.connect(nobody.getsockname())


# ------------------------------------------------------------------ sending

def test_by_id(sockets):
    """Cases 71, 72: without an address the id decides, and a wrong one is EPIPE."""
    server, client, server_id, client_id = associated(sockets)
    assert server.sendmsg([b"by ", b"id"], to(server_id)) == 5
    assert message(client) == (b"by id", client_id, server.getsockname())
    for wrong in (0, 1, 2, 1234567, -1):
        with raises(errno.EPIPE):
            server.sendmsg([b"x"], to(wrong))
    with raises(errno.EPIPE):
        server.send(b"x")  # there is no default association
    assert server.sctp_send(b"sctp_send", sctp_sndrcvinfo(sinfo_assoc_id=server_id)) == 9
    assert message(client)[0] == b"sctp_send"
    other = sockets.many()
    with raises(errno.EPIPE):
        other.sendmsg([b"x"], to(server_id))  # an id of another socket


def test_by_address(sockets):
    server, client, server_id, _ = associated(sockets)
    assert server.sendto(b"back", client.getsockname()) == 4
    assert message(client)[0] == b"back"
    assert sctp_sendmsg(client, b"again", server.getsockname(), ppid=7, stream_no=3) == 5
    data, _, info, _ = server.sctp_recvmsg(100)
    assert (data, info.sinfo_assoc_id, info.sinfo_ppid, info.sinfo_stream) == (b"again", server_id, 7, 3)
    assert len(client.open_associations()) == 1


def test_defaults_of_one_association(sockets):
    """Case 150: defaults set with an id are that association's; others have the socket's."""
    server, client, server_id, _ = associated(sockets)
    param = sctp_sndrcvinfo(sinfo_stream=4, sinfo_ppid=9, sinfo_assoc_id=server_id)
    server.setsockopt(IPPROTO_SCTP, socket.SCTP_DEFAULT_SEND_PARAM, param)
    assert server.getsockopt(IPPROTO_SCTP, socket.SCTP_DEFAULT_SEND_PARAM,
                             sctp_sndrcvinfo(sinfo_assoc_id=server_id)) == bytes(param)
    assert server.getsockopt(IPPROTO_SCTP, socket.SCTP_DEFAULT_SEND_PARAM, 32) == bytes(32)
    server.sendto(b"x", client.getsockname())
    _, _, info, _ = client.sctp_recvmsg(100)
    assert (info.sinfo_stream, info.sinfo_ppid) == (4, 9)


@pytest.mark.parametrize("assoc_id", [1234, "other"])
def test_defaults_of_a_wrong_association(sockets, assoc_id):
    """Case 149."""
    _, client, server_id, _ = associated(sockets)
    wrong = server_id if assoc_id == "other" else assoc_id
    with raises(errno.EINVAL):
        client.setsockopt(IPPROTO_SCTP, socket.SCTP_DEFAULT_SEND_PARAM, sctp_sndrcvinfo(sinfo_assoc_id=wrong))


def test_send_to_all(sockets):
    """SCTP_SENDALL: a copy to each association; the length, or 0 when there is none."""
    server = sockets.many()
    assert server.sendmsg([b"nobody"], to(0, SCTP_SENDALL)) == 0
    clients = [sockets.many() for _ in range(4)]
    for client in clients:
        client.connect(server.getsockname())
    assert server.sendmsg([b"to all"], to(0, SCTP_SENDALL)) == 6
    assert [message(client)[0] for client in clients] == [b"to all"] * 4


# ------------------------------------------------------------------ the end of one association

def test_end_of_file(sockets):
    """Cases 48, 49: SCTP_EOF ends gracefully, SHUTDOWN_COMP on both sides; then the id is dead."""
    server, client, server_id, client_id = associated(sockets, SCTP_SHUTDOWN_EVENT)
    client.sendmsg([b"last words"], to(client_id))
    assert client.sendmsg([], to(client_id, SCTP_EOF)) == 0
    with raises(errno.ESHUTDOWN):
        client.sendmsg([b"too late"], to(client_id))
    assert message(server)[0] == b"last words"
    shutdown, address = event(server)
    assert (shutdown.sse_type, shutdown.sse_assoc_id) == (SCTP_SHUTDOWN_EVENT, server_id)
    assert address == client.getsockname()
    for sock, assoc_id, peer in ((server, server_id, client), (client, client_id, server)):
        ended, address = event(sock)
        assert (ended.sac_state, ended.sac_assoc_id) == (SCTP_SHUTDOWN_COMP, assoc_id)
        assert (ended.sac_length, address) == (20, peer.getsockname())
        with raises(errno.EINVAL):
            status(sock, assoc_id)
        with raises(errno.EPIPE):
            sock.sendmsg([b"x"], to(assoc_id))


def test_ten_ends(sockets):
    """Case 51: SCTP_EOF with no data to ten associations in turn; both ends are told; no status is left."""
    server = sockets.many(SCTP_ASSOC_CHANGE)
    clients = [sockets.many(SCTP_ASSOC_CHANGE) for _ in range(10)]
    ids = []
    for client in clients:
        client.connect(server.getsockname())
        ids.append([change(sock, SCTP_COMM_UP).sac_assoc_id for sock in (server, client)])
    for client, both in zip(clients, ids, strict=True):
        server.sendmsg([], to(both[0], SCTP_EOF))
        for sock, assoc_id in zip((server, client), both, strict=True):
            assert change(sock, SCTP_SHUTDOWN_COMP).sac_assoc_id == assoc_id
            with raises(errno.EINVAL):
                status(sock, assoc_id)
    assert server.open_associations() == []


def test_end_of_file_goes_without_data(sockets):
    """Case 75."""
    _, client, _, client_id = associated(sockets)
    with raises(errno.EINVAL):
        client.sendmsg([b"data"], to(client_id, SCTP_EOF))
    with raises(errno.EINVAL):
        client.sendmsg([b""], to(client_id))
    assert client.sendmsg([], to(client_id, SCTP_EOF | SCTP_ABORT)) == 0  # SCTP_EOF is acted on
    change(client, SCTP_SHUTDOWN_COMP)


@pytest.mark.parametrize("reason", [b"", b"tired of this"])
def test_abort(sockets, reason):
    """Case 50: COMM_LOST with the ABORT's causes: 20 bytes, the cause's header (4), the reason."""
    server, client, _, client_id = associated(sockets)
    assert client.sendmsg([reason], to(client_id, SCTP_ABORT)) == 0
    lost, address = event(server)
    assert (lost.sac_state, lost.sac_length) == (SCTP_COMM_LOST, 24 + len(reason))
    assert lost.sac_error == struct.unpack("=H", struct.pack("!H", 12))[0]  # User-Initiated Abort
    assert lost.tail == struct.pack("!HH", 12, 4 + len(reason)) + reason
    assert address == client.getsockname()
    own = change(client, SCTP_COMM_LOST)
    assert (own.sac_assoc_id, own.sac_error, own.sac_length) == (client_id, lost.sac_error, 20)
    for sock in (server, client):
        assert sock.getsockopt(SOL_SOCKET, SO_ERROR) == 0
        assert sock.open_associations() == []


def test_abort_of_many(sockets):
    """Case 50: the server aborts ten associations; each client gets COMM_LOST of 24 bytes."""
    server = sockets.many(SCTP_ASSOC_CHANGE)
    clients = [sockets.many(SCTP_ASSOC_CHANGE, listening=False) for _ in range(10)]
    for client in clients:
        client.connect(server.getsockname())
        change(client, SCTP_COMM_UP)
    ids = [change(server, SCTP_COMM_UP).sac_assoc_id for _ in clients]
    for assoc_id in ids:
        server.sendmsg([], to(assoc_id, SCTP_ABORT))
    assert [change(client, SCTP_COMM_LOST).sac_length for client in clients] == [24] * 10


def test_autoclose(sockets):
    """Cases 52, 53: idle associations end gracefully after the time; older ones do not."""
    server, client = sockets.many(SCTP_ASSOC_CHANGE), sockets.many(SCTP_ASSOC_CHANGE)
    early = sockets.many()
    early.connect(server.getsockname())
    change(server, SCTP_COMM_UP)
    for sock in (server, client):
        sock.setsockopt(IPPROTO_SCTP, socket.SCTP_AUTOCLOSE, 1)
        assert sock.getsockopt(IPPROTO_SCTP, socket.SCTP_AUTOCLOSE) == 1
    begin = time.monotonic()
    client.sendto(b"x", server.getsockname())
    assert change(server, SCTP_COMM_UP).sac_assoc_id
    change(client, SCTP_COMM_UP)
    assert message(server)[0] == b"x"
    change(server, SCTP_SHUTDOWN_COMP)
    change(client, SCTP_SHUTDOWN_COMP)
    assert time.monotonic() - begin > 0.99
    assert len(server.open_associations()) == 1


# ------------------------------------------------------------------ receiving

def test_nothing_to_wait_for(sockets):
    """Order of recv: no association and not listening is ENOTCONN, but EAGAIN if the call may not wait."""
    sock = sockets.many(listening=False)
    with raises(errno.ENOTCONN):
        sock.recv(1)
    with raises(errno.EAGAIN):
        sock.recv(1, socket.MSG_DONTWAIT)


def test_reader_is_told_when_the_last_association_ends(sockets):
    server, client = sockets.many(), sockets.many(listening=False)
    client.connect(server.getsockname())
    reader = gevent.spawn(client.connect_ex, server.getsockname())
    assert reader.get() == errno.EISCONN
    reader = gevent.spawn(client.recv, 1)
    gevent.sleep(0)
    server.sendmsg([], to(0, SCTP_SENDALL | SCTP_EOF))
    with raises(errno.ENOTCONN):
        reader.get()


def test_many_clients(sockets):
    """Case 156: ten clients, ten messages each: none lost, mixed or doubled; replies reach their senders."""
    server = sockets.many()
    clients = [sockets.many(listening=False) for _ in range(10)]

    def ask(n, client):
        for i in range(10):
            client.sendto(f"{n}.{i}".encode(), server.getsockname())
        return [message(client)[0] for _ in range(10)]

    askers = [gevent.spawn(ask, n, client) for n, client in enumerate(clients)]
    whose = {}
    for _ in range(100):
        data, assoc_id, address = message(server)
        whose.setdefault(assoc_id, (address, []))[1].append(data)
        server.sendmsg([data[::-1]], to(assoc_id))
    assert len(whose) == 10
    answers = [asker.get() for asker in askers]
    for address, received in whose.values():
        n = [client.getsockname() for client in clients].index(address)
        assert received == [f"{n}.{i}".encode() for i in range(10)]
        assert answers[n] == [data[::-1] for data in received]


# ------------------------------------------------------------------ shutdown, close

def test_shutdown(sockets):
    """It never acts on associations: ENOTCONN, or nothing, or EOPNOTSUPP when the socket listens."""
    server, client, server_id, _ = associated(sockets)
    server.shutdown(SHUT_WR)
    for how in (SHUT_RD, SHUT_RDWR):
        with raises(errno.EOPNOTSUPP):
            server.shutdown(how)
    with raises(errno.EINVAL):
        server.shutdown(3)
    sock = sockets.many(listening=False)
    sock.connect(server.getsockname())
    with raises(errno.ENOTCONN):
        sock.shutdown(SHUT_WR)
    with raises(errno.ENOTCONN):
        sock.shutdown(SHUT_RD)
    assert sock.recv(1) == b""
    server.sendmsg([b"still up"], to(server_id))
    assert message(client)[0] == b"still up"


@pytest.mark.parametrize(("how", "shown"), [
    (SHUT_WR, select.POLLOUT),
    (SHUT_RD, select.POLLIN | select.POLLOUT | select.POLLRDHUP),
    (SHUT_RDWR, select.POLLIN | select.POLLOUT | select.POLLRDHUP | select.POLLHUP),
])
def test_directions_that_are_shut_are_shown(ipv4, how, shown):
    """shutdown() says ENOTCONN, yet poll(2) shows what it was asked for."""
    sock = ipv4.many(listening=False)
    with raises(errno.ENOTCONN):
        sock.shutdown(how)
    poller = select.poll()
    poller.register(sock, select.POLLIN | select.POLLOUT | select.POLLRDHUP)
    assert dict(poller.poll(0)) == {sock.fileno(): shown}


def test_local_name_beside_an_association(sockets):
    """Of a socket that was never bound: the address that its association uses, by which the peer finds it."""
    server, client = sockets.many(), sockets.many(listening=False, bound=False)
    assert client.getsockname()[0] in ("0.0.0.0", "::")
    client.connect(server.getsockname())
    assert client.getsockname()[0] == sockets.host
    assert server.sendto(b"found", client.getsockname()) == 5
    assert message(client)[0] == b"found"
    assert len(server.open_associations()) == 1


def test_close_ends_all_associations(sockets):
    """Gracefully; an association of which data is unread by ABORT."""
    server = sockets.many(SCTP_ASSOC_CHANGE)
    clients = [sockets.many(SCTP_ASSOC_CHANGE, listening=False) for _ in range(3)]
    for client in clients:
        client.connect(server.getsockname())
        change(client, SCTP_COMM_UP)
    clients[1].sendto(b"unread", server.getsockname())
    for _ in clients:
        change(server, SCTP_COMM_UP)
    assert server.recv(100, socket.MSG_PEEK) == b"unread"
    server.close()
    ends = [event(client)[0].sac_state for client in clients]
    assert ends == [SCTP_SHUTDOWN_COMP, SCTP_COMM_LOST, SCTP_SHUTDOWN_COMP]


def test_close_wakes_who_waits(sockets):
    server = sockets.many()
    reader = gevent.spawn(server.recv, 1)
    gevent.sleep(0)
    server.close()
    with raises(errno.EBADF):
        reader.get()
    with raises(errno.EBADF):
        server.sendto(b"x", (sockets.host, 1))
