"""pysctpsock.tls: what the `ssl` module's documentation says of SSLSocket, over one-to-one SCTP sockets."""
import asyncio
import io
import os
import select
import socket as stdlib
import ssl
import threading

import certificates
import pytest

from pysctpsock import socket, tls

RECORD = 1 << 14  # the most that one carries (RFC 8446 section 5.1)
SIZES = [1, RECORD - 1, RECORD, RECORD + 1, 2 * RECORD - 1, 2 * RECORD, 2 * RECORD + 1, 3_000_000]


@pytest.fixture(scope="module")
def contexts():
    return certificates.contexts()


@pytest.fixture
def connected():
    """Two SCTP sockets of one association; the first connected."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
        client.settimeout(30)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        server.settimeout(30)
        yield client, server
        client.close()
        server.close()


def beside(function, *arguments):
    """Run a function in a thread; what gives its result, or raises what it raised."""
    outcome = []

    def run():
        try:
            outcome.append((function(*arguments), None))
        except Exception as problem:
            outcome.append((None, problem))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def result():
        thread.join(60)
        value, problem = outcome[0]
        if problem is not None:
            raise problem
        return value

    return result


@pytest.fixture
def secured(connected, contexts):
    """The two, wrapped."""
    server = beside(lambda: tls.wrap_socket(contexts[0], connected[1], server_side=True))
    client = tls.wrap_socket(contexts[1], connected[0], server_hostname="localhost")
    with client, server() as other:
        yield client, other


def read_exactly(sock, size):
    parts = []
    while size:
        part = sock.recv(size)
        assert part, f"{size} bytes are missing"
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def test_it_is_an_ssl_socket(secured):
    client, server = secured
    assert isinstance(client, ssl.SSLSocket) and isinstance(client, stdlib.socket)
    assert client.version() == server.version() == "TLSv1.3"
    assert client.cipher() == server.cipher()
    assert client.getpeercert()["subjectAltName"] == (("DNS", "localhost"),)
    assert server.getpeercert() is None
    assert client.selected_alpn_protocol() is None
    assert client.get_channel_binding("tls-unique")
    assert client.getpeername() == server.getsockname()
    assert client.proto == socket.IPPROTO_SCTP
    assert client.pending() == 0


@pytest.mark.parametrize("size", SIZES)
def test_sizes_both_ways_at_once(secured, size):
    """Two threads of each side, one that reads and one that writes."""
    there, back = os.urandom(size), os.urandom(size)
    client, server = secured
    done = [beside(client.sendall, there), beside(server.sendall, back), beside(read_exactly, server, size)]
    assert read_exactly(client, size) == back
    assert done[2]() == there
    done[0]()
    done[1]()


@pytest.mark.parametrize("buffer", [4096, 20_000])
def test_a_send_buffer_that_holds_no_record(connected, contexts, buffer):
    """Then a record goes in several messages."""
    for sock in connected:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
    secured = beside(lambda: tls.wrap_socket(contexts[0], connected[1], server_side=True))
    client = tls.wrap_socket(contexts[1], connected[0], server_hostname="localhost")
    with client, secured() as server:
        data = os.urandom(100_000)
        sent = beside(client.sendall, data)
        assert read_exactly(server, len(data)) == data
        sent()


def test_a_record_is_a_message(connected, contexts):
    """RFC 3436 section 3: each TLS record is one user message; it is 2^14 + 256 bytes at most."""
    secured = beside(lambda: tls.wrap_socket(contexts[0], connected[1], server_side=True))
    with tls.wrap_socket(contexts[1], connected[0], server_hostname="localhost") as client:
        secured()
        client.sendall(bytes(40_000))
        for carried in (RECORD, RECORD, 40_000 - 2 * RECORD):
            message, _, flags, _ = connected[1].recvmsg(1 << 16)
            assert flags & socket.MSG_EOR
            assert message[0] == 23 and len(message) - 5 == int.from_bytes(message[3:5], "big")
            assert carried < len(message) <= RECORD + 5 + 256


def test_select_shows_what_openssl_has_not_read(secured):
    """As with TCP: no more than a record is taken from the socket, so a program may go back to select()."""
    client, server = secured
    for number in range(3):
        client.sendall(bytes([number]) * 100)
    for number in range(3):
        assert select.select([server], [], [], 30)[0] == [server]
        assert server.recv(1000) == bytes([number]) * 100


def test_other_ways_to_read_and_write(secured, tmp_path):
    client, server = secured
    with client.makefile("wb") as file:
        file.write(b"line\nanother\n")
    assert server.makefile("rb").readline() == b"line\n"
    client.write(b"read")
    buffer = bytearray(10)
    assert (server.recv_into(buffer), buffer[:4]) == (4, b"read")
    (tmp_path / "file").write_bytes(bytes(50_000))
    with open(tmp_path / "file", "rb") as file:
        sent = beside(client.sendfile, file)
        assert read_exactly(server, 50_000) == bytes(50_000)
        assert sent() == 50_000
    assert client.sendfile(io.BytesIO(b"memory")) == 6
    assert server.read(6) == b"memory"


def test_unwrap_gives_the_socket_back(secured):
    client, server = secured
    other = beside(server.unwrap)
    plain = client.unwrap()
    assert plain.send(b"plain") == 5
    assert other().recv(10) == b"plain"


def test_non_blocking(connected, contexts):
    """Each call says what it waits for, and select() tells when to call again."""
    ends = []
    for sock, context, named in zip(connected, reversed(contexts),
                                    ({"server_hostname": "localhost"}, {"server_side": True}), strict=True):
        sock.setblocking(False)
        ends.append(tls.wrap_socket(context, sock, do_handshake_on_connect=False, **named))

    def until_done(step, sock):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                assert select.select([sock], [], [], 30)[0]
            except ssl.SSLWantWriteError:
                assert select.select([], [sock], [], 30)[1]

    server = beside(until_done, ends[1].do_handshake, ends[1])
    until_done(ends[0].do_handshake, ends[0])
    server()
    with pytest.raises(ssl.SSLWantReadError):
        while True:  # behind the session tickets
            ends[0].recv(1)
    piece, taken = bytes(RECORD), 0
    with pytest.raises(ssl.SSLWantWriteError):
        while True:
            taken += ends[0].send(piece)
    reading = beside(until_done, lambda: ends[1].recv(taken), ends[1])
    assert reading()
    left = taken + RECORD  # the call that could not end has its data in hand
    writing = beside(until_done, lambda: ends[0].send(piece), ends[0])
    got = len(reading())
    while got < left:
        got += len(until_done(lambda: ends[1].recv(RECORD), ends[1]))
    assert writing() == RECORD
    for end in ends:
        end.close()


def test_non_blocking_and_a_handshake_at_once(connected, contexts):
    connected[0].setblocking(False)
    with pytest.raises(ValueError, match="do_handshake_on_connect should not be specified"):
        tls.wrap_socket(contexts[1], connected[0], server_hostname="localhost")


def test_a_certificate_that_does_not_fit(connected, contexts):
    """The client says which, and the server hears of it."""
    server = beside(lambda: tls.wrap_socket(contexts[0], connected[1], server_side=True).recv(1))
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        tls.wrap_socket(contexts[1], connected[0], server_hostname="other.example")
    with pytest.raises(ssl.SSLError, match="ALERT"):
        server()


def test_the_peer_goes_in_the_midst_of_the_handshake(connected, contexts):
    connected[1].close()
    with pytest.raises(OSError):
        tls.wrap_socket(contexts[1], connected[0], server_hostname="localhost")


def test_the_peer_speaks_no_tls(connected, contexts):
    connected[1].send(b"220 no TLS at all\r\n")
    with pytest.raises(ssl.SSLError):
        tls.wrap_socket(contexts[1], connected[0], server_hostname="localhost")


def test_a_timeout(connected, contexts):
    connected[0].settimeout(0.01)
    with pytest.raises(TimeoutError, match="handshake operation timed out"):
        tls.wrap_socket(contexts[1], connected[0], server_hostname="localhost")


@pytest.mark.parametrize("suppressed", [True, False])
def test_a_ragged_end(connected, contexts, suppressed):
    server = beside(lambda: tls.wrap_socket(contexts[0], connected[1], server_side=True))
    client = tls.wrap_socket(contexts[1], connected[0], server_hostname="localhost",
                             suppress_ragged_eofs=suppressed)
    server().close()  # without close_notify
    if suppressed:
        assert client.recv(1) == b""
    else:
        with pytest.raises(ssl.SSLEOFError):
            client.recv(1)
    client.close()


def test_a_session_is_resumed(contexts):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP) as plain:
        plain.bind(("127.0.0.1", 0))
        plain.listen()
        listener = tls.wrap_socket(contexts[0], plain, server_side=True)

        def connect(session=None):
            def serve():
                with listener.accept()[0] as served:
                    served.sendall(b"x")
                    served.unwrap()

            served = beside(serve)
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
            with tls.wrap_socket(contexts[1], sock, server_hostname="localhost", session=session) as client:
                client.connect(listener.getsockname())
                assert client.recv(1) == b"x"
                seen = client.session_reused, client.session
                client.unwrap()
                served()
                return seen

        reused, session = connect()
        assert reused is False
        assert connect(session)[0] is True


def test_sni_chooses_the_context(connected, contexts):
    """The callback is given the socket, and may set another context."""
    asked = []
    first = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # without certificate

    def choose(sock, name, context):
        asked.append((type(sock), name, context is first))
        sock.context = contexts[0]

    first.sni_callback = choose
    server = beside(lambda: tls.wrap_socket(first, connected[1], server_side=True))
    with tls.wrap_socket(contexts[1], connected[0], server_hostname="localhost"), server():
        assert asked == [(tls.TlsSocket, "localhost", True)]


@pytest.mark.parametrize("context", ["ssl", "gevent.ssl"])
def test_the_plain_call_says_what_to_use(connected, context):
    """OpenSSL would wait at the descriptor for ever."""
    module = pytest.importorskip(context)
    with pytest.raises(OSError, match=r"pysctpsock\.tls\.wrap_socket"):
        module.create_default_context().wrap_socket(connected[0], server_hostname="localhost")
    assert connected[0].send(b"x") == 1


@pytest.mark.parametrize("kind", ["SOCK_SEQPACKET", "udp"])
def test_sockets_without_a_stream(contexts, kind):
    sock = (stdlib.socket(stdlib.AF_INET, stdlib.SOCK_DGRAM) if kind == "udp" else
            socket.socket(socket.AF_INET, socket.SOCK_SEQPACKET, socket.IPPROTO_SCTP))
    with sock, pytest.raises(OSError, match=r"SOCK_STREAM|of this library"):
        tls.wrap_socket(contexts[1], sock, server_hostname="localhost")


@pytest.mark.parametrize("context", ["ssl", "gevent.ssl"])
def test_the_plain_call_refuses_many_associations(context):
    """As the ssl module refuses any socket that is no stream."""
    module = pytest.importorskip(context)
    with (socket.socket(socket.AF_INET, socket.SOCK_SEQPACKET, socket.IPPROTO_SCTP) as sock,
          pytest.raises(NotImplementedError)):
        module.create_default_context().wrap_socket(sock, server_hostname="localhost")


@pytest.mark.parametrize("size", [1, 16_384, 16_385, 300_000])
def test_asyncio(contexts, size):
    """asyncio does TLS in memory, with any stream: both ways, to the end."""
    async def talk():
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = listener.getsockname()
        listener.setblocking(False)
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()

        async def serve():
            accepted, _ = await loop.sock_accept(listener)
            reader = asyncio.StreamReader()
            transport, protocol = await loop.connect_accepted_socket(
                lambda: asyncio.StreamReaderProtocol(reader), accepted, ssl=contexts[0])
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            writer.write(await reader.readexactly(size))
            await writer.drain()
            writer.close()

        server = asyncio.ensure_future(serve())
        await loop.sock_connect(sock, address)
        reader, writer = await asyncio.open_connection(sock=sock, ssl=contexts[1],
                                                       server_hostname="localhost")
        data = bytes(range(256)) * (size // 256 + 1)
        writer.write(data[:size])
        got = await reader.readexactly(size)
        await server
        writer.close()
        listener.close()
        assert got == data[:size]

    asyncio.run(asyncio.wait_for(talk(), 60))
