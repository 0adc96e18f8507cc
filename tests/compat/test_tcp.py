"""A TCP program's stream over SCTP (pysctpsock.compat.tcp): bytes, not messages; the ends; TCP's options."""
import errno
import socket as std

import gevent
import pytest
from waiting import until

from pysctpsock import socket as sctp
from pysctpsock.compat import tcp, tcp_info
from pysctpsock.compat.tcp import ADAPTATION, TcpSocket

HOST = "127.0.0.1"


def connected(make_client=TcpSocket, make_server=TcpSocket):
    listener = make_server()
    listener.bind((HOST, 0))
    listener.listen()
    client = make_client()
    client.connect(listener.getsockname())
    server, _ = listener.accept()
    listener.close()
    for sock in (client, server):
        sock.settimeout(10)
    return client, server


def plain():
    return sctp.socket(std.AF_INET, std.SOCK_STREAM, std.IPPROTO_SCTP)


@pytest.fixture
def pair():
    """(client, server), both of the kind."""
    with gevent.Timeout(20):
        client, server = connected()
        yield client, server
    for sock in (client, server):
        sock.close()


def test_messages_have_no_bounds(pair):
    """A recv() may take a part of one and several of them; nothing is lost."""
    client, server = pair
    for piece in (b"one", b"two", b"three"):
        client.sendall(piece)
    client.shutdown(std.SHUT_WR)
    assert server.recv(2) == b"on"
    received = b""
    while data := server.recv(4):
        received += data
    assert received == b"etwothree"


def test_recv_waits_for_all(pair):
    """MSG_WAITALL: as many bytes as asked for, or those before the end."""
    client, server = pair
    gevent.spawn(lambda: [client.sendall(b"abc"), gevent.sleep(0), client.sendall(b"defg"),
                          client.shutdown(std.SHUT_WR)])
    assert server.recv(5, std.MSG_WAITALL) == b"abcde"
    assert server.recv(5, std.MSG_WAITALL) == b"fg" and server.recv(5, std.MSG_WAITALL) == b""


def test_peeking_takes_nothing(pair):
    """MSG_PEEK shows what recv() would give: of all messages at hand, and no end of the stream."""
    client, server = pair
    client.sendall(b"abc")
    assert server.recv(2, std.MSG_PEEK) == b"ab" and server.recv(1) == b"a"
    for piece in (b"de", b"f" * 1000):
        client.sendall(piece)
    client.shutdown(std.SHUT_WR)
    until(lambda: server.user.receive_queue.count == 4)
    assert server.recv(4, std.MSG_PEEK) == b"bcde"
    assert server.recv(5000, std.MSG_PEEK) == b"bcde" + b"f" * 1000 == server.recv(5000)
    assert server.recv(1, std.MSG_PEEK) == b"" == server.recv(1)


def test_a_send_of_any_size(pair):
    """More than the send buffer holds is cut, and arrives while the sender waits."""
    client, server = pair
    data = bytes(range(256)) * 20_000
    sender = gevent.spawn(client.sendall, memoryview(data))
    received = bytearray()
    while len(received) < len(data):
        received += server.recv(1 << 20)
    sender.get()
    assert received == data and client.send(b"") == 0


def test_a_send_that_may_not_wait(pair):
    """It takes what there is room for, says how much, and then EAGAIN."""
    client, server = pair
    client.setblocking(False)
    data = bytes(8 << 20)
    sent = client.send(data)
    assert 0 < sent < len(data)
    with pytest.raises(BlockingIOError):
        while True:
            sent += client.send(data)
    server.setblocking(True)
    gevent.spawn(client.shutdown, std.SHUT_WR).get()
    received = 0
    while data := server.recv(1 << 20):
        received += len(data)
    assert received == sent, "the mark of the end did not come behind all data"


def test_buffers_are_looked_at_before_data_is_taken(pair):
    """A buffer that cannot be written loses nothing; MSG_OOB is no part of the stream."""
    client, server = pair
    client.sendall(b"abc")
    for call in (server.recv_into, server.recvfrom_into, lambda buffer: server.recvmsg_into([buffer])):
        with pytest.raises(TypeError):
            call(bytes(10))
    with pytest.raises(OSError) as raised:
        client.send(b"!", std.MSG_OOB)
    assert raised.value.errno == errno.EOPNOTSUPP and server.recv(10) == b"abc"


def test_half_close(pair):
    """After SHUT_WR the reply is read; the writer gets EPIPE; both ends: the association is over."""
    client, server = pair
    client.sendall(b"question")
    client.shutdown(std.SHUT_WR)
    with pytest.raises(BrokenPipeError):
        client.send(b"more")
    assert server.makefile("rb").read() == b"question"
    server.sendall(b"answer" * 1000)
    server.shutdown(std.SHUT_WR)
    assert client.makefile("rb").read() == b"answer" * 1000
    assert client.recv(1) == b"" == server.recv(1)


@pytest.mark.parametrize("clock", [lambda: 0.0, iter(range(0, 10**6, 10)).__next__], ids=["stands", "runs"])
def test_a_timeout_is_that_of_the_whole(pair, monkeypatch, clock):
    """As the standard sendall(): what was sent in part is not tried again with a fresh timeout."""
    client, _ = pair
    client.settimeout(0.01)
    calls, send = [], TcpSocket.send
    monkeypatch.setattr(tcp, "monotonic", clock)
    monkeypatch.setattr(TcpSocket, "send", lambda *arguments: calls.append(1) or send(*arguments))
    with pytest.raises(TimeoutError):
        client.sendall(bytes(10_000_000))
    assert len(calls) == 1


def test_an_unread_end_is_no_unread_data(pair):
    """close() with only the mark unread is graceful: what was sent before arrives."""
    client, server = pair
    client.sendall(b"x")
    client.shutdown(std.SHUT_WR)
    assert server.recv(1) == b"x"
    server.sendall(b"reply")
    while server._next(0) is None:
        gevent.sleep(0.001)
    server.close()
    assert client.makefile("rb").read() == b"reply"


@pytest.mark.parametrize("makers", [(TcpSocket, plain), (plain, TcpSocket)])
def test_other_peers_get_shutdown(makers):
    """A peer that does not know the mark sees SHUTDOWN, and no byte that nobody sent."""
    with gevent.Timeout(20):
        client, server = connected(*makers)
        ours, other = (client, server) if makers[0] is TcpSocket else (server, client)
        ours.sendall(b"data")
        ours.shutdown(std.SHUT_WR)
        assert (other.recv(9), other.recv(9)) == (b"data", b"")
        with pytest.raises(OSError):
            other.send(b"too late")
        assert ours.recv(9) == b"" == ours.recv(9), "TCP's end of file"
        client.close()
        server.close()


def test_the_indication_is_told():
    """5061-4.2-04, RFC 6458 6.1.6: SCTP_ADAPTATION_INDICATION at both ends, if the peer has one."""
    with gevent.Timeout(20):
        def subscribed():
            sock = plain()
            sock.setsockopt(sctp.SOL_SCTP, sctp.SCTP_EVENTS, sctp.sctp_event_subscribe(
                sctp_association_event=1, sctp_adaptation_layer_event=1))
            return sock

        for makers in ((TcpSocket, subscribed), (subscribed, TcpSocket)):
            client, server = connected(*makers)
            told = server if makers[0] is TcpSocket else client
            kinds = [sctp.sctp_tlv.unpack(told.recv(1000)).sn_type]
            event = sctp.sctp_adaptation_event.unpack(told.recv(1000))
            assert kinds == [sctp.SCTP_ASSOC_CHANGE]
            assert (event.sai_type, event.sai_adaptation_ind) == (sctp.SCTP_ADAPTATION_INDICATION, ADAPTATION)
            client.close()
            server.close()


def test_options(pair):
    """TCP's by SCTP's means, or remembered; what only TCP has: ENOPROTOOPT."""
    client, _ = pair
    client.setsockopt(std.IPPROTO_TCP, std.TCP_NODELAY, 1)
    assert client.getsockopt(std.IPPROTO_TCP, std.TCP_NODELAY) == 1
    assert client.getsockopt(std.IPPROTO_SCTP, sctp.SCTP_NODELAY) == 1
    client.setsockopt(std.IPPROTO_TCP, std.TCP_KEEPIDLE, 7)
    client.setsockopt(std.SOL_SOCKET, std.SO_KEEPALIVE, 1)
    client.setsockopt(std.IPPROTO_TCP, std.TCP_KEEPCNT, 3)
    size = len(bytes(sctp.sctp_paddrparams()))
    path = sctp.sctp_paddrparams.unpack(
        client.getsockopt(sctp.SOL_SCTP, sctp.SCTP_PEER_ADDR_PARAMS, size).ljust(size, b"\0"))
    assert path.spp_flags & sctp.SPP_HB_ENABLE and (path.spp_hbinterval, path.spp_pathmaxrxt) == (7000, 3)
    assert client.getsockopt(std.IPPROTO_TCP, std.TCP_KEEPIDLE) == 7
    client.setsockopt(std.SOL_SOCKET, std.SO_KEEPALIVE, 0)
    path = sctp.sctp_paddrparams.unpack(
        client.getsockopt(sctp.SOL_SCTP, sctp.SCTP_PEER_ADDR_PARAMS, size).ljust(size, b"\0"))
    assert path.spp_flags & sctp.SPP_HB_DISABLE
    client.setsockopt(std.IPPROTO_TCP, std.TCP_DEFER_ACCEPT, 5)
    assert client.getsockopt(std.IPPROTO_TCP, std.TCP_DEFER_ACCEPT, 4) == (5).to_bytes(4, "little")
    for call in (lambda: client.getsockopt(std.IPPROTO_TCP, std.TCP_CONGESTION, 16),
                 lambda: client.setsockopt(std.IPPROTO_TCP, std.TCP_INFO, 1)):
        with pytest.raises(OSError) as raised:
            call()
        assert raised.value.errno == errno.ENOPROTOOPT


@pytest.mark.skipif(not hasattr(std, "TCP_INFO"), reason="no TCP_INFO")
def test_tcp_info(pair):
    """The state in TCP's terms, as programs look at it before they use a connection again; times, sizes."""
    def state(sock):
        return sock.getsockopt(std.IPPROTO_TCP, std.TCP_INFO, 92)[0]

    client, server = pair
    client.sendall(b"x")
    assert server.recv(1) == b"x"
    until(lambda: tcp_info.of(client).tcpi_unacked == 0)
    info = tcp_info.of(client)
    assert info.tcpi_state == state(client) == state(server) == tcp_info.ESTABLISHED
    assert info.tcpi_rto >= 1_000_000 and info.tcpi_snd_cwnd > 1 and 1000 < info.tcpi_snd_mss < info.tcpi_pmtu
    assert len(bytes(info)) == 104 and client.getsockopt(std.IPPROTO_TCP, std.TCP_INFO) & 0xFF == 1
    client.shutdown(std.SHUT_WR)
    assert server.recv(1) == b""
    assert (state(client), state(server)) == (tcp_info.FIN_WAIT1, tcp_info.CLOSE_WAIT)
    server.close()
    until(lambda: state(client) == tcp_info.CLOSE)
    listener = TcpSocket()
    assert state(listener) == tcp_info.CLOSE
    listener.listen()
    assert state(listener) == tcp_info.LISTEN
    listener.close()


def test_what_it_says_of_itself(pair, tmp_path):
    """proto as asked for, no peer's address with data; sendfile() goes by send()."""
    client, server = pair
    assert (client.proto, server.proto, client.type) == (0, 0, std.SOCK_STREAM)
    assert TcpSocket(proto=std.IPPROTO_TCP).proto == std.IPPROTO_TCP
    (tmp_path / "file").write_bytes(b"0123456789" * 20_000)
    with open(tmp_path / "file", "rb") as file:
        assert client.sendfile(file, offset=10, count=150_000) == 150_000
    client.sendmsg([b"a", b"b"])
    client.shutdown(std.SHUT_WR)
    buffer = bytearray(5)
    assert server.recvfrom_into(buffer) == (5, None) and buffer == b"01234"
    assert server.recvmsg(5) == (b"56789", [], 0, None)
    assert len(server.makefile("rb").read()) == 150_002 - 10
