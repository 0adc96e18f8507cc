"""Sessions of SCP as sockets: over TCP, Unix sockets and TLS, in one process."""
import contextlib
import copy
import errno
import gc
import http.client
import http.server
import os
import re
import select
import socket
import ssl
import threading

import gevent.socket
import gevent.ssl
import processes
import pytest
from scp_ends import FIN, PUSH, RST, SYN, segment, segments
from waiting import until

from pysctpsock import scp
from pysctpsock._cy.scp_wire import encode_header

PATIENCE = 120                   # seconds, for what takes milliseconds on an idle machine


def anonymous_tls(protocol, module=ssl):
    """A context whose cipher needs no certificate; for loopback only."""
    context = module.SSLContext(protocol)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AECDH-AES256-SHA:@SECLEVEL=0")
    return context


@pytest.fixture(autouse=True)
def patience():
    with gevent.Timeout(PATIENCE):
        yield


@contextlib.contextmanager
def ends(kind="tcp", **options):
    """(client, server): the two ends of a connection, aborted at the end."""
    module = {"tls": ssl, "gevent tls": gevent.ssl}.get(kind)
    tls = {"ssl_context": anonymous_tls(ssl.PROTOCOL_TLS_SERVER, module)} if module else {}
    if kind == "unix":
        pair = socket.socketpair()
        client, server = scp.Connection(pair[0], True, **options), scp.Connection(pair[1], False, **options)
    else:
        with scp.listen(("127.0.0.1", 0), **tls, **options) as listener:
            if tls:
                tls["ssl_context"] = anonymous_tls(ssl.PROTOCOL_TLS_CLIENT, module)
            client = scp.connect(listener.getsockname(), PATIENCE, **tls, **options)
            server = listener.accept()
    for end in (client, server):
        end.settimeout(PATIENCE)
    try:
        yield client, server
    finally:
        client.abort()
        server.abort()


@pytest.fixture
def pair():
    with ends() as made:
        yield made


@contextlib.contextmanager
def raw_peer(**options):
    """(a socket that plays the client, the server's end)."""
    ours, theirs = gevent.socket.socketpair()
    ours.settimeout(PATIENCE)
    server = scp.Connection(theirs, False, **options)
    server.settimeout(PATIENCE)
    try:
        yield ours, server
    finally:
        server.abort()
        ours.close()


def sessions(client, server, data=b"x"):
    """The two ends of a session; the first bytes have been read, both ways."""
    mine = client.open(data)
    theirs = server.accept()
    for each in (mine, theirs):
        each.settimeout(PATIENCE)
    assert theirs.recv(100) == data
    theirs.sendall(b"y")
    assert mine.recv(100) == b"y"
    return mine, theirs


def waits_to_read(session):
    """Whether somebody waits for data of a session."""
    return bool(session._waiters.readers)


def waits_to_write(session):
    """Whether somebody waits for room."""
    return bool(session._waiters.writers)


class Raises:
    """with Raises(errno) as caught: ...; caught.value is the error."""

    def __init__(self, number):
        self.number, self.value = number, None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        assert isinstance(value, OSError), f"no error {errno.errorcode[self.number]}"
        assert errno.errorcode[value.errno] == errno.errorcode[self.number], value
        self.value = value
        return True


# ------------------------------------------------------------------ data

@pytest.mark.parametrize("kind", ["tcp", "unix", "tls", "gevent tls"])
def test_over_any_stream(kind):
    """SCP-20, SCP-21, SCP-40: both directions, both openers, more than all buffers hold."""
    with ends(kind) as (client, server):
        data = os.urandom(3_000_000)

        def echo():
            for session in server:
                with session:
                    while part := session.recv(70000):
                        session.sendall(part)

        serving = gevent.spawn(echo)
        for _ in range(2):
            with client.open() as session:
                sending = gevent.spawn(lambda s=session: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
                received = bytearray()
                while part := session.recv(100_000):
                    received += part
                assert received == data
                sending.get()
        client.accepting = True
        with server.open(b"from the server") as session, client.accept() as arrived:
            assert (session.id, arrived.id, arrived.recv(100)) == (1025, 1025, b"from the server")
        client.close()
        serving.get()


def test_a_whole_request_at_once(pair):
    """SCP-25: data and the end go with the opening; the answer comes back."""
    client, server = pair
    with client.open(b"request", message=True, end=True) as session:
        arrived = server.accept()
        assert arrived.recvmsg(100) == (b"request", [], socket.MSG_EOR, None)
        assert arrived.recvmsg(100) == (b"", [], 0, None)
        arrived.send_message(b"answer")
        arrived.close()
        assert session.recv_message() == b"answer"
        assert session.recv_message() is None
    assert session.state == "ended"


def test_messages(pair):
    """SCP-30 to SCP-32, SCP-78: kept exactly, of any length, the empty one too."""
    client, server = pair
    mine, theirs = sessions(client, server)
    messages = [b"", b"a", bytes(16384), os.urandom(500_000), b"", b"end"]
    sending = gevent.spawn(lambda: [mine.send_message(message) for message in messages])
    assert [theirs.recv_message() for _ in messages] == messages
    sending.get()
    theirs.sendmsg([b"two ", bytearray(b"buffers")], (), socket.MSG_EOR)
    theirs.send(b"next", socket.MSG_EOR)
    assert mine.recvmsg(5) == (b"two b", [], 0, None)
    assert mine.recvmsg(100) == (b"uffers", [], socket.MSG_EOR, None)
    assert mine.recv(100) == b"next"
    mine.close()
    theirs.close()


def test_incomplete_message(pair):
    """SCP-33: EBADMSG with the part received; the reader of bytes just sees the end."""
    client, server = pair
    for read in ("recv_message", "recvmsg", "recv"):
        mine, theirs = sessions(client, server)
        mine.sendall(b"half a mess")
        mine.close()
        if read == "recv":
            assert (theirs.recv(100), theirs.recv(100)) == (b"half a mess", b"")
            continue
        with Raises(errno.EBADMSG) as caught:
            while theirs.recvmsg(100) if read == "recvmsg" else theirs.recv_message():
                pass
        assert isinstance(caught.value, scp.IncompleteMessage)
        assert caught.value.partial == (b"half a mess" if read == "recv_message" else b"")
        assert theirs.recv(10) == b""


def test_message_too_long():
    """SCP-35: EMSGSIZE for the reader, a reset for the writer."""
    with ends(max_message=1000) as (client, server):
        mine, theirs = sessions(client, server)
        mine.send_message(bytes(1001))
        with Raises(errno.EMSGSIZE):
            theirs.recv_message()
        with Raises(errno.ECONNRESET):
            mine.recv(1)


def test_recv_into_and_makefile(pair):
    mine, theirs = sessions(*pair)
    buffer = bytearray(10)
    mine.sendall(memoryview(b"0123456789abc"))
    for wrong, count, problem in ((b"read only", 3, TypeError), (buffer, 11, ValueError)):
        with pytest.raises(problem):
            theirs.recv_into(wrong, count)                 # and nothing is lost
    assert theirs.recv_into(memoryview(buffer)[2:], 3) == 3
    assert buffer == b"\0\x00012\0\0\0\0\0"
    with theirs.makefile("rwb") as file:
        theirs.close()
        assert file.read(10) == b"3456789abc"
        file.write(b"line\n")
    assert mine.makefile("r").readline() == "line\n"
    assert theirs.fileno() == -1
    assert mine.recv(1) == b""


# ------------------------------------------------------------------ the end, and errors

def test_reset(pair):
    """SCP-42, SCP-43: ECONNRESET for readers and writers who wait, at once; ECONNABORTED here."""
    mine, theirs = sessions(*pair)
    reading = gevent.spawn(theirs.recv, 1)
    writing = gevent.spawn(theirs.sendall, bytes(50_000_000))
    until(lambda: waits_to_read(theirs) and waits_to_write(theirs))
    mine.reset()
    for waiting in (reading, writing):
        with Raises(errno.ECONNRESET):
            waiting.get()
    for call, argument in ((mine.recv, 1), (mine.send, b"x")):
        with Raises(errno.ECONNABORTED):
            call(argument)
    mine, theirs = sessions(*pair)
    own = gevent.spawn(mine.recv, 1)
    until(lambda: waits_to_read(mine))
    mine.reset()
    with Raises(errno.ECONNABORTED):
        own.get()


def test_refused(pair):
    """SCP-23, SCP-24: the opener's reader sees ECONNREFUSED."""
    client, server = pair
    server.accepting = False
    session = client.open(b"x")
    session.settimeout(PATIENCE)
    with Raises(errno.ECONNREFUSED):
        session.recv(1)
    assert server.snapshot()["counters"] == {"NO_ACCEPTOR": 1}
    assert client.snapshot()["counters"] == {"REFUSED_BY_PEER": 1}


def test_a_client_that_accepts(pair):
    client, server = pair
    waiting = gevent.spawn(client.accept)
    until(lambda: client.accepting)
    session = server.open(b"x")
    assert waiting.get().recv(1) == b"x"
    session.close()


def test_half_close(pair):
    """SCP-40: EPIPE after one's own end; reading goes on."""
    mine, theirs = sessions(*pair)
    mine.shutdown(socket.SHUT_WR)
    with Raises(errno.EPIPE):
        mine.send(b"x")
    assert theirs.recv(1) == b""
    theirs.sendall(b"still")
    assert mine.recv(10) == b"still"
    theirs.close()
    assert mine.recv(1) == b""
    assert mine.state == "ended"
    with Raises(errno.EINVAL):
        mine.shutdown(7)


def test_shutdown_of_reading(pair):
    mine, theirs = sessions(*pair)
    waiting = gevent.spawn(mine.recv, 1)
    until(lambda: waits_to_read(mine))
    mine.shutdown(socket.SHUT_RD)
    assert waiting.get() == b""
    theirs.sendall(b"nobody reads this")
    mine.sendall(b"y")
    assert theirs.recv(1) == b"y"
    assert pair[0].snapshot()["unread"] == 0


def test_closed(pair):
    """EBADF for who waits and for every later call; closing twice is allowed, copying never."""
    for each in pair:
        with pytest.raises(TypeError):
            copy.copy(each)
    mine, theirs = sessions(*pair)
    waiting = gevent.spawn(mine.recv, 1)
    until(lambda: waits_to_read(mine))
    mine.close()
    mine.close()
    with Raises(errno.EBADF):
        waiting.get()
    for call in (lambda: mine.recv(1), lambda: mine.send(b""), lambda: mine.recvmsg(1), mine.reset,
                 lambda: mine.shutdown(socket.SHUT_WR), lambda: mine.recv(0)):
        with Raises(errno.EBADF):
            call()
    assert theirs.recv(1) == b""


def test_unclosed(pair):
    """A session that the program forgets is closed, with a warning."""
    mine, theirs = sessions(*pair)
    with pytest.warns(ResourceWarning, match="unclosed <Session 1024 open>"):
        del mine
        gc.collect()
    assert theirs.recv(1) == b""


def test_timeouts_and_not_waiting(pair):
    mine, _theirs = sessions(*pair)
    mine.settimeout(0.01)
    with pytest.raises(TimeoutError):
        mine.recv(1)
    with pytest.raises(TimeoutError):
        pair[0].settimeout(0.01)
        pair[0].accept()
    with Raises(errno.EAGAIN):
        mine.recv(1, socket.MSG_DONTWAIT)
    mine.setblocking(False)
    with Raises(errno.EAGAIN):
        mine.recv(1)
    sent = 0
    with Raises(errno.EAGAIN):
        while True:
            sent += mine.send(bytes(1 << 20))          # nobody reads: the peer stops at its mark
    assert sent > 65536
    assert mine.getblocking() is False
    with pytest.raises(ValueError):
        mine.settimeout(-1)


def test_flags_that_mean_nothing(pair):
    mine, _theirs = sessions(*pair)
    with Raises(errno.EOPNOTSUPP):
        mine.recv(1, socket.MSG_PEEK)
    with Raises(errno.EOPNOTSUPP):
        mine.send(b"x", socket.MSG_OOB)
    with Raises(errno.EOPNOTSUPP):
        mine.sendmsg([b"x"], [(1, 2, b"")])
    with Raises(errno.EISCONN):
        mine.sendmsg([b"x"], (), 0, ("127.0.0.1", 1))


def test_more_follows(pair):
    """MSG_MORE: what is written in one turn goes in one segment."""
    mine, theirs = sessions(*pair)
    before = pair[0].snapshot()["segments_out"]
    for letter in (b"a", b"b", b"c"):
        mine.send(letter, socket.MSG_MORE)
    assert pair[0].snapshot()["segments_out"] == before
    assert theirs.recv(10) == b"abc"
    assert pair[0].snapshot()["segments_out"] == before + 1


# ------------------------------------------------------------------ bad input at the connection

@pytest.mark.parametrize("name, stream, number, text", [
    pytest.param("BAD_FLAGS", segment(0x40, 1024), errno.EPROTO, "bad flags", id="SCP-50"),
    pytest.param("RESERVED_ID", segment(0, 5), errno.EPROTO, "reserved session id", id="SCP-51"),
    pytest.param("ID_PARITY", segment(SYN, 1025), errno.EPROTO, "session id parity", id="SCP-52"),
    pytest.param("SEGMENT_TOO_LONG", encode_header(0, 1024, 2**32 - 1), errno.EPROTO, "segment too long",
                 id="SCP-58"),
    pytest.param("TRUNCATED", b"\0\0\4", errno.ECONNRESET, "truncated", id="SCP-59"),
    pytest.param("TRUNCATED", encode_header(0, 1024, 9), errno.ECONNRESET, "truncated",
                 id="SCP-59 in a segment"),
    pytest.param("CONNECTION_LOST", b"", errno.ECONNRESET, "connection lost", id="SCP-60"),
    pytest.param("TOO_MANY_RESETS", b"".join(segment(SYN, i) + segment(RST, i) for i in range(2000, 2402, 2)),
                 errno.EPROTO, "too many resets", id="SCP-63"),
])
def test_connection_errors(name, stream, number, text):
    """Every waiter gets the errno at once, with its message; the reason is counted; the socket is closed."""
    with raw_peer() as (peer, server):
        peer.sendall(segment(SYN, 1024, b"x"))
        session = server.accept()
        assert session.recv(1) == b"x"
        waiters = [gevent.spawn(session.recv, 1), gevent.spawn(session.recv_message),
                   gevent.spawn(session.sendall, bytes(10_000_000)), gevent.spawn(server.accept)]
        until(lambda: len(session._waiters.readers) == 2 and waits_to_write(session)
              and server._transport.acceptors)
        peer.sendall(stream)
        if name in ("TRUNCATED", "CONNECTION_LOST"):
            peer.shutdown(socket.SHUT_WR)
        for waiter in waiters[:3]:
            with Raises(number) as caught:
                waiter.get()
            assert text in str(caught.value)
        with Raises(errno.ENOTCONN if name == "CONNECTION_LOST" else number):
            waiters[3].get()
        assert server.snapshot()["counters"][name] >= 1
        while peer.recv(1 << 20):
            pass


def test_the_peer_may_speak_something_else():
    """SCP-50: the message says so if the very first segment is wrong."""
    with raw_peer() as (peer, server):
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with Raises(errno.EPROTO) as caught:
            server.accept()
        assert "TMP or SCP 2" in str(caught.value)


def test_session_errors_leave_the_connection_alone():
    """SCP-53, SCP-55: EPROTO for the session's reader; the other sessions live on."""
    with raw_peer() as (peer, server):
        peer.sendall(segment(SYN | FIN, 1024, b"a") + segment(SYN, 1026, b"b") + segment(SYN, 1028, b"c"))
        first, second, third = (server.accept() for _ in range(3))
        peer.sendall(segment(0, 1024, b"data after FIN") + segment(SYN, 1026) + segment(PUSH, 1028, b"d"))
        assert third.recv_message() == b"cd"
        for session, text in ((first, "data after FIN"), (second, "SYN on an open session")):
            with Raises(errno.EPROTO) as caught:
                session.recv(10)
            assert text in str(caught.value)
        assert sorted(segments(received(peer, 16))) == [(RST, 1024, b""), (RST, 1026, b"")]


def received(peer, count):
    """So many bytes."""
    stream = b""
    while len(stream) < count:
        stream += peer.recv(count - len(stream))
    return stream


def test_tcp_reset_in_the_midst_of_a_segment():
    """SCP-61: the errno of TCP, for everybody."""
    listener = socket.create_server(("127.0.0.1", 0))
    connection = scp.connect(listener.getsockname())
    peer, _ = listener.accept()
    listener.close()
    session, other = connection.open(b"x"), connection.open(b"x")
    for each in (session, other, connection):
        each.settimeout(PATIENCE)
    peer.sendall(encode_header(0, session.id, 100) + b"part")
    assert session.recv(4) == b"part"
    waiters = [gevent.spawn(session.recv, 1), gevent.spawn(other.recv_message),
               gevent.spawn(session.sendall, bytes(50_000_000)), gevent.spawn(connection.accept)]
    until(lambda: waits_to_read(session) and waits_to_read(other) and waits_to_write(session)
          and connection._transport.acceptors)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()
    for waiter in waiters:
        with Raises(errno.ECONNRESET):
            waiter.get()
    assert connection.snapshot()["counters"] == {"TRANSPORT_FAILED": 3}
    with Raises(errno.ECONNRESET):
        connection.open()
    connection.abort()


def test_the_peer_goes_in_the_midst_of_writing(pair):
    """SCP-60, SCP-61: a writer who waits for room gets an errno, too."""
    client, server = pair
    mine, _theirs = sessions(client, server)
    writing = gevent.spawn(mine.sendall, bytes(50_000_000))
    until(lambda: waits_to_write(mine))
    server.abort()
    with Raises(errno.ECONNRESET):
        writing.get()


# ------------------------------------------------------------------ flow control

def test_a_slow_reader_stops_the_others_and_nothing_is_lost():
    """SCP-70: bounded memory; all goes on when it reads."""
    with ends(session_high_water=100_000) as (client, server):
        slow, slow_end = sessions(client, server)
        other, other_end = sessions(client, server)
        data = os.urandom(5_000_000)
        writing = gevent.spawn(slow.sendall, data)
        until(lambda: server.snapshot()["stopped"])
        assert server.snapshot()["unread"] < 100_000 + (1 << 18) + 20_000     # the mark and one read
        other.sendall(b"waits behind it")
        reading = gevent.spawn(other_end.recv, 100)
        received = bytearray()
        while len(received) < len(data):
            received += slow_end.recv(50_000)
        assert received == data
        assert reading.get() == b"waits behind it"
        writing.get()


def test_a_reader_that_never_reads_has_to_go():
    """SCP-70: ENOBUFS after stall_timeout, as others wait; its peer sees a reset."""
    with ends(session_high_water=100_000, stall_timeout=50_000) as (client, server):
        slow, slow_end = sessions(client, server)
        other, other_end = sessions(client, server)
        writing = gevent.spawn(slow.sendall, bytes(5_000_000))
        until(lambda: server.snapshot()["stopped"])
        gevent.spawn(other.sendall, b"through")
        assert other_end.recv(100) == b"through"
        with Raises(errno.ENOBUFS):
            slow_end.recv(1)
        with Raises(errno.ECONNRESET):
            writing.get()
        assert server.snapshot()["counters"]["STALLED"] == 1


# ------------------------------------------------------------------ the connection

def test_orderly_close(pair):
    """SCP-74: new sessions are refused, open ones go on to their end; then both sides see a clean end."""
    client, server = pair
    mine, theirs = sessions(client, server)
    closing = gevent.spawn(server.close)
    until(lambda: server.snapshot()["closing"])
    late = client.open(b"late")
    with Raises(errno.ECONNREFUSED):
        late.recv(1)
    theirs.sendall(b"still open")
    assert mine.recv(100) == b"still open"
    mine.close()
    theirs.close()
    closing.get()
    with Raises(errno.ENOTCONN):
        client.accept()
    with Raises(errno.ENOTCONN):
        client.open()
    with Raises(errno.EBADF):
        server.open()


def test_close_does_not_wait_for_ever(pair):
    """SCP-74: after the time limit what is open gets an error, on both sides."""
    client, server = pair
    mine, theirs = sessions(client, server)
    client.close(timeout=0.01)
    with Raises(errno.ECONNABORTED):
        mine.recv(1)
    with Raises(errno.ECONNRESET):
        theirs.recv(1)


def test_the_peer_half_closes_tcp():
    """SCP-60: a request whose direction has ended is still answered."""
    with raw_peer() as (peer, server):
        peer.sendall(segment(SYN | FIN, 1024, b"request"))
        peer.shutdown(socket.SHUT_WR)
        session = server.accept()
        assert (session.recv(100), session.recv(1)) == (b"request", b"")
        session.sendall(b"answer")
        session.close()
        assert segments(b"".join(iter(lambda: peer.recv(100), b""))) == [
            (0, 1024, b"answer"), (FIN, 1024, b"")]


def test_the_end_of_ids(pair):
    """SCP-15: EADDRNOTAVAIL."""
    client, _ = pair
    client._core.ids.bar(1024, 16777214)
    with Raises(errno.EADDRNOTAVAIL):
        client.open()


def test_keepalive():
    """SCP-75: TCP's, as an option."""
    ours, theirs = socket.socketpair()
    with scp.Connection(ours, True, keepalive=True) as connection, theirs:
        assert connection._transport.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert connection.family == socket.AF_UNIX


@pytest.mark.parametrize("tls", [False, True])
def test_unix_listener(tmp_path, tls):
    """With TLS: a path is no host name, so there is none to check."""
    path = str(tmp_path / "scp")
    ours, theirs = (anonymous_tls(kind) if tls else None
                    for kind in (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER))
    with scp.listen(path, ssl_context=theirs) as listener:
        accepting = gevent.spawn(listener.accept)
        with scp.connect(path, ssl_context=ours) as client, accepting.get() as server:
            assert getattr(client._transport.sock, "server_hostname", None) is None
            for session in sessions(client, server):
                session.close()


def test_a_certificate_that_does_not_fit():
    """SCP-61: TLS's own error reaches whoever waits."""
    with scp.listen(("127.0.0.1", 0), ssl_context=anonymous_tls(ssl.PROTOCOL_TLS_SERVER)) as listener:
        gevent.spawn(lambda: list(listener))
        client = scp.connect(listener.getsockname(), ssl_context=ssl.create_default_context())
        session = client.open(b"x")
        with pytest.raises(ssl.SSLError):
            session.recv(1)
        client.abort()


def test_another_thread(pair):
    """A connection belongs to the thread that made it; another one is told so, and changes nothing."""
    client, _server = pair
    mine, theirs = sessions(*pair)
    mine.sendall(b"not for the other thread")
    until(lambda: theirs.snapshot()["unread"])
    calls = {"recv": lambda: theirs.recv(1), "recvmsg": lambda: theirs.recvmsg(1),
             "send": lambda: mine.send(b"x"), "shutdown": lambda: mine.shutdown(socket.SHUT_WR),
             "fileno": mine.fileno, "reset": mine.reset, "close": mine.close, "open": client.open,
             "accept": client.accept, "close connection": client.close, "abort": client.abort}
    told = []

    def use():
        for name, call in calls.items():
            try:
                call()
            except RuntimeError:
                told.append(name)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert told == list(calls)
    assert theirs.recv(100) == b"not for the other thread"
    theirs.sendall(b"still here")
    assert mine.recv(100) == b"still here"


def test_forgotten_in_another_thread(pair):
    """The garbage collector may run in any thread: the connection's own one sends the FIN, and closes."""
    held = [sessions(*pair)]
    theirs = held[0][1]

    def forget():
        with pytest.warns(ResourceWarning, match="unclosed <Session"):
            held.clear()
            gc.collect()

    thread = threading.Thread(target=forget)
    thread.start()
    thread.join()
    assert theirs.recv(1) == b""


# ------------------------------------------------------------------ descriptors

def test_descriptor(pair):
    """Readable when a read would not wait, writable when a write would not."""
    mine, theirs = sessions(*pair)

    def ready(session):
        readable, writable, _ = select.select([session], [session], [], 0)
        return bool(readable), bool(writable)

    def full():
        """Whether what is written goes nowhere any more."""
        with contextlib.suppress(BlockingIOError):
            while mine.send(bytes(100_000)):
                pass
        below = pair[0]._transport.sock
        return pair[1].snapshot()["stopped"] and not select.select([], [below], [], 0)[1]

    assert ready(theirs) == (False, True)
    mine.sendall(b"ab")
    until(lambda: ready(theirs) == (True, True))
    theirs.recv(1)
    assert ready(theirs) == (True, True)
    theirs.recv(1)
    assert ready(theirs) == (False, True)
    mine.setblocking(False)
    assert ready(mine) == (False, True)
    until(full)
    assert ready(mine) == (False, False)
    reading = gevent.spawn(lambda: [theirs.recv(1 << 20) for _ in iter(lambda: ready(mine)[1], True)])
    until(lambda: ready(mine) == (False, True))
    reading.get()
    mine.setblocking(True)
    mine.shutdown(socket.SHUT_WR)
    while theirs.recv(1 << 20):
        pass
    assert ready(theirs) == (True, True)
    number = theirs.fileno()
    theirs.close()
    assert theirs.fileno() == -1
    with pytest.raises(OSError):
        os.fstat(number)


# ------------------------------------------------------------------ the standard library over sessions

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[::-1])

    def log_message(self, *_):
        pass


def test_http(pair):
    """http.client and a handler of http.server, unmodified; several requests a session, several sessions."""
    client, server = pair

    def handle(session):
        with session:
            Handler(session, session.getpeername(), None)

    def serve():
        for session in server:
            gevent.spawn(handle, session)

    serving = gevent.spawn(serve)

    def ask(number):
        connection = http.client.HTTPConnection("test")
        connection.sock = client.open()
        for turn in range(3):
            body = os.urandom(number * 10_000 + turn)
            connection.request("POST", "/", body)
            assert connection.getresponse().read() == body[::-1]
        connection.close()
        return number

    asking = [gevent.spawn(ask, number) for number in range(10)]
    assert [each.get() for each in asking] == list(range(10))
    client.close()
    serving.get()


def test_example():
    """Twenty requests over one connection, beside twenty connections: both times are printed."""
    done = processes.run([processes.ROOT / "examples" / "scp_http" / "compare.py", "--delay", "1"], 0)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(re.findall(r"([\d.]+) ms$", done.stdout, re.MULTILINE)) == 2


# ------------------------------------------------------------------ processes

def refused(call):
    """Whether a call gives EBADF."""
    try:
        call()
    except OSError as problem:
        return problem.errno == errno.EBADF
    return False


def test_fork():
    """The child's copy is the parent's: EBADF there, and nothing is taken from the parent."""
    with ends() as (client, server):
        mine, theirs = sessions(client, server)
        calls = [client.open, server.accept, lambda: mine.send(b"x"), lambda: mine.recv(1), mine.reset,
                 lambda: mine.shutdown(socket.SHUT_WR), client.close]
        child = os.fork()
        if child == 0:
            wrong = 1                                      # nothing but a number may leave the child
            try:
                wrong = sum(not refused(call) for call in calls)
                mine.close()
                server.abort()
            finally:
                os._exit(wrong)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        mine.sendall(b"still here")
        assert theirs.recv(100) == b"still here"


def test_no_wake_up_is_lost(pair):
    """Each byte wakes its reader, who waits without a time limit."""
    mine, theirs = sessions(*pair)

    def answer():
        for _ in range(1000):
            assert theirs.recv(1) == b"x"
            theirs.send(b"y")

    for each in (mine, theirs):
        each.settimeout(None)
    answering = gevent.spawn(answer)
    for _ in range(1000):
        mine.send(b"x")
        assert mine.recv(1) == b"y"
    answering.get()
