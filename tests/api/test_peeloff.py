"""sctp_peeloff: an association gets a socket of its own (RFC 6458 section 9.2; numbered behaviour cases)."""
import errno

import pytest
from errnos import raises
from many import associated, change, event, message, to, until_queued

from pysctpsock import socket
from pysctpsock.socket import (
    IPPROTO_SCTP,
    SCTP_ABORT,
    SCTP_ASSOC_CHANGE,
    SCTP_COMM_LOST,
    SCTP_COMM_UP,
    SCTP_EOF,
    SCTP_SHUTDOWN_COMP,
    SO_ERROR,
    SO_TYPE,
    SOCK_SEQPACKET,
    SOL_SOCKET,
    sctp_peeloff,
    sctp_peeloff_flags,
)


def peeled(sockets, *events):
    """(peeled socket, the one it came from, the peer, the id, the peer's id)."""
    server, client, server_id, client_id = associated(sockets, *events)
    return sockets.keep(sctp_peeloff(server, server_id)), server, client, server_id, client_id


def test_ten(sockets):
    """Cases 114, 116: each peeled socket has its own peer's messages, and the old socket none of them."""
    server = sockets.many(SCTP_ASSOC_CHANGE)
    clients = [sockets.many(listening=False) for _ in range(10)]
    socks = []
    for client in clients:
        client.connect(server.getsockname())
        socks.append(sockets.keep(sctp_peeloff(server, change(server, SCTP_COMM_UP).sac_assoc_id)))
    for n, client in enumerate(clients):
        client.sendto(str(n).encode(), server.getsockname())
    assert [message(sock)[::2] for sock in socks] == [
        (str(n).encode(), client.getsockname()) for n, client in enumerate(clients)]
    with raises(errno.EAGAIN):
        server.recv(1, socket.MSG_DONTWAIT)
    for n, sock in enumerate(socks):
        sock.send(str(n).encode())
    assert [message(client)[0] for client in clients] == [str(n).encode() for n in range(10)]


def test_kind(sockets):
    """Cases 32, 36: SO_TYPE is SOCK_SEQPACKET, the rules are one-to-one."""
    sock, server, client, *_ = peeled(sockets)
    assert type(sock) is socket.socket
    assert (sock.type, sock.getsockopt(SOL_SOCKET, SO_TYPE)) == (SOCK_SEQPACKET, SOCK_SEQPACKET)
    assert sock.getpeername() == client.getsockname()
    assert sock.getsockname() == server.getsockname()
    with raises(errno.EISCONN):
        sock.connect(client.getsockname())
    with raises(errno.EISCONN):
        sock.sctp_connectx([client.getsockname()])
    with raises(errno.EINVAL):
        sock.listen(1)
    with raises(errno.EOPNOTSUPP):
        sock.accept()


def test_wrong_ids(sockets):
    """Case 115: EINVAL on a peeled socket, on a one-to-one socket, and for what is no id of the socket."""
    sock, server, client, server_id, _ = peeled(sockets)
    listener = sockets.listener()
    connected = sockets.connect(listener)
    for other in (sock, connected, listener):
        with raises(errno.EINVAL):
            sctp_peeloff(other, server_id)
        with raises(errno.EINVAL):
            sctp_peeloff_flags(other, server_id, 0)
    for number in (server_id, 0, 1, 2, -1, 999999):      # server_id: it has left this socket
        with raises(errno.EINVAL):
            sctp_peeloff(server, number)
    sock.close()
    with raises(errno.EBADF):
        sctp_peeloff(sock, server_id)
    assert change(client, SCTP_SHUTDOWN_COMP)


def test_what_was_queued_moves(sockets):
    """Case 117: in order; what others sent stays."""
    server, client, server_id, _ = associated(sockets)
    other = sockets.many(listening=False)
    other.connect(server.getsockname())
    change(server, SCTP_COMM_UP)
    for n in range(3):
        client.sendto(b"mine %d" % n, server.getsockname())
        other.sendto(b"other %d" % n, server.getsockname())
    until_queued(server, 6)
    sock = sockets.keep(sctp_peeloff(server, server_id))
    assert [message(sock)[:2] for _ in range(3)] == [(b"mine %d" % n, server_id) for n in range(3)]
    assert [message(server)[0] for _ in range(3)] == [b"other 0", b"other 1", b"other 2"]
    with raises(errno.EAGAIN):
        server.recv(1, socket.MSG_DONTWAIT)


def test_half_read(sockets):
    server, client, server_id, _ = associated(sockets, SCTP_ASSOC_CHANGE)
    client.sendto(b"head and tail", server.getsockname())
    assert server.recv(5) == b"head "
    sock = sockets.keep(sctp_peeloff(server, server_id))
    assert message(sock)[0] == b"and tail"


def test_half_read_notification(sockets):
    server, client = sockets.many(SCTP_ASSOC_CHANGE), sockets.many(listening=False)
    client.connect(server.getsockname())
    whole = server.recv(100, socket.MSG_PEEK)
    assert server.recv(5) == whole[:5]
    [association] = server.open_associations()
    another = sockets.many(listening=False)
    another.connect(server.getsockname())
    sock = sockets.keep(sctp_peeloff(server, association.assoc_id))
    assert sock.recv(100) == whole[5:]
    assert change(server, SCTP_COMM_UP).sac_assoc_id != association.assoc_id


def test_address_does_not_matter(sockets):
    """Case 118: a message to another peer's address goes to its own peer and begins no association."""
    sock, _, client, *_ = peeled(sockets)
    stranger = sockets.many(SCTP_ASSOC_CHANGE)
    assert sock.sendto(b"x", stranger.getsockname()) == 1
    assert message(client)[0] == b"x"
    with raises(errno.EAGAIN):
        stranger.recv(1, socket.MSG_DONTWAIT)


def test_peer_of_a_peeled_socket(sockets):
    """The old socket cannot begin another association with that peer."""
    _, server, client, *_ = peeled(sockets)
    with raises(errno.EADDRNOTAVAIL):
        server.connect(client.getsockname())
    with raises(errno.EADDRNOTAVAIL):
        server.sendto(b"x", client.getsockname())


def test_options_are_inherited_then_diverge(sockets):
    server, _, server_id, _ = associated(sockets)
    server.setsockopt(IPPROTO_SCTP, socket.SCTP_RECVRCVINFO, 1)
    server.setsockopt(IPPROTO_SCTP, socket.SCTP_NODELAY, 1)
    server.setblocking(False)
    sock = sctp_peeloff(server, server_id)
    sockets.opened.append(sock)
    assert sock.gettimeout() is None  # whether calls wait is the descriptor's
    for option in (socket.SCTP_RECVRCVINFO, socket.SCTP_NODELAY):
        assert sock.getsockopt(IPPROTO_SCTP, option) == 1
        server.setsockopt(IPPROTO_SCTP, option, 0)
        assert sock.getsockopt(IPPROTO_SCTP, option) == 1


def test_flags(sockets):
    server, _, server_id, _ = associated(sockets)
    sock = sctp_peeloff_flags(server, server_id, socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    sockets.opened.append(sock)
    with raises(errno.EAGAIN):
        sock.recv(1)


def test_options_of_one_style(sockets):
    """SCTP_AUTOCLOSE is for it, SCTP_REUSE_PORT is not."""
    sock, *_ = peeled(sockets)
    sock.setsockopt(IPPROTO_SCTP, socket.SCTP_AUTOCLOSE, 100)
    with raises(errno.EOPNOTSUPP):
        sock.setsockopt(IPPROTO_SCTP, socket.SCTP_REUSE_PORT, 1)


@pytest.mark.parametrize("flag", [SCTP_EOF, SCTP_ABORT])
def test_ending_flags(sockets, flag):
    """SCTP_EOF and SCTP_ABORT are taken, the address is not."""
    sock, _, client, *_ = peeled(sockets)
    assert sock.sendmsg([], to(0, flag), 0, client.getsockname()) == 0
    change(client, SCTP_SHUTDOWN_COMP if flag == SCTP_EOF else SCTP_COMM_LOST)


def test_error_of_the_association(sockets):
    """A peeled socket has the error of its association, with the cause that the peer gave."""
    sock, server, client, _, client_id = peeled(sockets)
    client.sendmsg([b"why"], to(client_id, SCTP_ABORT))
    assert change(sock, SCTP_COMM_LOST).tail[4:] == b"why"
    with raises(errno.ECONNRESET) as caught:
        sock.recv(1)
    assert (caught.value.cause_code, caught.value.cause_info[4:]) == (12, b"why")
    with raises(errno.ENOTCONN):
        sock.recv(1)
    assert server.getsockopt(SOL_SOCKET, SO_ERROR) == 0


def test_it_outlives_the_old_socket(sockets):
    sock, server, client, *_ = peeled(sockets)
    server.close()
    sock.send(b"here")
    assert message(client)[0] == b"here"
    sock.close()
    assert event(client)[0].sac_state == SCTP_SHUTDOWN_COMP


def test_echo_server(sockets):
    """Case 119: two COMM_UP, both peeled off by the id from ancillary data, every byte echoed."""
    server = sockets.many(SCTP_ASSOC_CHANGE)
    clients = [sockets.many(listening=False) for _ in range(2)]
    ids, socks = [], {}
    for client in clients:
        client.sendto(b"first", server.getsockname())
        ids.append(change(server, SCTP_COMM_UP).sac_assoc_id)
        data, ancillary, _, address = server.recvmsg(100, 100)
        [(_, kind, info)] = ancillary
        assert (data, kind, address) == (b"first", socket.SCTP_SNDRCV, client.getsockname())
        assert socket.sctp_sndrcvinfo.unpack(info).sinfo_assoc_id == ids[-1]
    for client, assoc_id in zip(clients, ids, strict=True):
        socks[client.getsockname()] = sockets.keep(sctp_peeloff(server, assoc_id))
    for n, client in enumerate(clients):
        sent = bytes([n]) * 5000
        client.sendto(sent, server.getsockname())
        echoed = message(socks[client.getsockname()])[0]
        assert socks[client.getsockname()].send(echoed) == len(sent)
        assert message(client)[0] == sent
