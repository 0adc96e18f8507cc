"""gevent's servers and waiting functions with our sockets, as they are with gevent's; nothing is patched."""
import ast
import inspect
import os

import gevent
import gevent.backdoor
import gevent.baseserver
import gevent.pywsgi
import gevent.select
import gevent.selectors
import gevent.server
import gevent.socket
import processes
import pytest

from pysctpsock import socket
from pysctpsock.cli import free_udp_port
from pysctpsock.gevents import socket as gevents_socket
from pysctpsock.socket import IPPROTO_SCTP


@pytest.fixture
def serve():
    """serve(server): it is started, and stopped at the end."""
    started = []

    def start(server):
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


def echo(sock, address):
    assert sock.getpeername() == address
    while data := sock.recv(1000):
        sock.sendall(data.upper())


def read_all(sock):
    parts = []
    while part := sock.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


# ------------------------------------------------------------------ StreamServer

@pytest.mark.parametrize("timeout", [None, 0, 5])
def test_stream_server(sockets, serve, timeout):
    """Each client has a socket of ours, closed after the handler; the listener's timeout does not matter."""
    listener, seen = sockets.listener(), []
    listener.settimeout(timeout)

    def handle(sock, address):
        seen.append(sock)
        echo(sock, address)

    server = serve(gevent.server.StreamServer(listener, handle))
    assert server.address == listener.getsockname()
    clients = [sockets.connect(listener) for _ in range(3)]
    for n, client in enumerate(clients):
        client.sendall(b"client %d" % n)
    assert [client.recv(100) for client in clients] == [b"CLIENT %d" % n for n in range(3)]
    assert all(isinstance(sock, type(listener)) for sock in seen)
    for client in clients:
        client.close()
    with gevent.Timeout(10):
        while any(sock.fileno() >= 0 for sock in seen):
            gevent.sleep(0)


def test_accept_without_waiting(ipv4):
    """What the servers call: EAGAIN, without waiting, where accept() would wait; then a descriptor."""
    listener = ipv4.listener()
    with pytest.raises(BlockingIOError):
        listener._accept()
    client = ipv4.connect(listener)
    fd, address = listener._accept()
    assert address == client.getsockname()
    accepted = ipv4.keep(socket.socket(proto=IPPROTO_SCTP, fileno=fd))
    client.send(b"first")
    assert accepted.recv(100) == b"first"


def test_stream_server_with_a_pool(ipv4, serve):
    """A full pool accepts nobody until a handler has ended."""
    listener = ipv4.listener()
    server = serve(gevent.server.StreamServer(listener, echo, spawn=1))
    first, second = ipv4.connect(listener), ipv4.connect(listener)
    for client in first, second:
        client.sendall(b"hello")
    assert first.recv(100) == b"HELLO" and server.full()
    second.settimeout(0.01)
    with pytest.raises(TimeoutError):
        second.recv(100)
    first.close()
    second.settimeout(5)
    assert second.recv(100) == b"HELLO"


def test_stopping_closes_the_listener(ipv4, serve):
    listener = ipv4.listener()
    server = serve(gevent.server.StreamServer(listener, echo))
    server.stop()
    assert listener.fileno() == -1 and server.closed


def test_a_server_of_gevents_sockets_stays_one(ipv4, serve):
    """TCP's StreamServer is TCP's, also after one of ours has accepted."""
    listener = ipv4.listener()
    serve(gevent.server.StreamServer(listener, echo))
    client = ipv4.connect(listener)
    client.sendall(b"sctp")
    assert client.recv(100) == b"SCTP"
    seen = []
    tcp = serve(gevent.server.StreamServer(("127.0.0.1", 0), lambda sock, address: (seen.append(type(sock)),
                                                                                   echo(sock, address))))
    client = ipv4.keep(gevent.socket.create_connection(tcp.address))
    client.sendall(b"tcp")
    assert client.recv(100) == b"TCP" and seen == [gevents_socket]


def test_datagram_server(ipv4, serve):
    """Over a one-to-many socket: each message to the handler, with the address that answers go to."""
    sock = ipv4.many()
    server = gevent.server.DatagramServer(sock, lambda data, address: server.sendto(data.upper(), address))
    serve(server)
    client = ipv4.connect(sock)
    client.send(b"message")
    assert client.recv(100) == b"MESSAGE"


@pytest.mark.skipif("except OSError" not in inspect.getsource(gevent.backdoor.BackdoorServer.handle),
                    reason="this gevent's backdoor sets TCP_NODELAY, which only TCP's sockets have")
def test_backdoor(ipv4, serve):
    """gevent.backdoor's interpreter."""
    listener = ipv4.listener()
    serve(gevent.backdoor.BackdoorServer(listener, locals={"answer": 42}))
    client = ipv4.connect(listener)
    client.sendall(b"print(answer + 1)\r\n")
    read = b""
    while b"43" not in read:
        part = client.recv(1000)
        assert part, read
        read += part
    client.sendall(b"quit()\r\n")
    read_all(client)


def test_binding_a_name_lets_nobody_run(ipv4):
    """As gevent's sockets: who looks at the server after its start() sees the port."""
    listener = ipv4.new()
    others = []
    other = gevent.spawn(lambda: others.append("ran"))
    listener.bind(("localhost", 0))
    listener.listen()
    assert not others and listener.getsockname()[1]
    other.join()


# ------------------------------------------------------------------ WSGIServer

def application(environ, start_response):
    body = environ["wsgi.input"].read() if environ.get("CONTENT_LENGTH") else b""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode() + b" " + environ["REMOTE_ADDR"].encode() + b" ", body]


@pytest.fixture
def ask(sockets, serve):
    """ask(request, application): what a WSGIServer answers to the bytes, to the end of the stream."""
    def ask(request, app=application):
        listener = sockets.listener()
        serve(gevent.pywsgi.WSGIServer(listener, app, log=None, error_log=None))
        client = sockets.connect(listener)
        client.sendall(request)
        return read_all(client)

    ask.host = sockets.host
    return ask


def test_wsgi_server(ask):
    answer = ask(b"GET /path HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n/path " + ask.host.encode() + b" ")


@pytest.mark.parametrize("size", [0, 1, 8191, 8192, 8193, 100_000])
def test_wsgi_server_reads_a_body(ask, size):
    """It comes in one message with the request's head; a reader of less leaves the rest for the next read."""
    body = b"x" * size
    answer = ask(b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % size + body)
    assert answer.endswith(b" " + body)


def test_wsgi_server_drops_what_it_does_not_read(ask):
    """The answer arrives whole although the body was left unread: what is left is read before the close."""
    def refuse(environ, start_response):
        start_response("403 Forbidden", [("Connection", "close")])
        return [b"no"]

    assert ask(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345" + b"y" * 1000,
               refuse).endswith(b"\r\n\r\nno")


# ------------------------------------------------------------------ waiting for descriptors

def test_wait_read_and_write(ipv4):
    client, server = ipv4.pair()
    gevent.socket.wait_write(client.fileno(), timeout=5)
    waiting = gevent.spawn(gevent.socket.wait_read, server.fileno(), timeout=10)
    gevent.sleep(0)
    assert not waiting.ready()
    client.send(b"now")
    waiting.get()
    assert server.recv(10) == b"now"


@pytest.mark.parametrize("wait", ["wait_read", "wait_readwrite"])
def test_cancel_wait(ipv4, wait):
    """The greenlet that waits gets the error, as with any descriptor."""
    listener = ipv4.listener()
    watcher = gevent.get_hub().loop.io(listener.fileno(), 1)
    waiting = gevent.spawn(gevent.socket.wait, watcher)
    gevent.sleep(0)
    gevent.socket.cancel_wait(watcher)
    with pytest.raises(gevent.socket.cancel_wait_ex):
        waiting.get()
    watcher.close()


@pytest.mark.parametrize("make", [
    lambda ipv4: ipv4.listener(),
    lambda ipv4: ipv4.pair()[0],
    lambda ipv4: ipv4.many(),
], ids=["listener", "connected", "one-to-many"])
def test_closing_wakes_who_waits_for_the_descriptor(ipv4, make):
    """As gevent's sockets do: nobody watches a number for ever that may be another file's."""
    sock = make(ipv4)
    fd = sock.fileno()
    waiting = gevent.spawn(gevent.socket.wait_read, fd, timeout=10)
    gevent.sleep(0)
    sock.close()
    waiting.get()
    assert sock.fileno() == -1
    gevent.sleep(0)
    with pytest.raises(OSError):
        os.fstat(fd)


def test_select_and_poll(ipv4):
    client, server = ipv4.pair()
    assert gevent.select.select([server], [client], [], 5) == ([], [client], [])
    client.send(b"now")
    assert gevent.select.select([server], [], [], 10)[0] == [server]
    poll = gevent.select.poll()
    poll.register(server, gevent.select.POLLIN)
    assert poll.poll(5000) == [(server.fileno(), gevent.select.POLLIN)]
    server.recv(10)
    assert poll.poll(0) == []


def test_selectors(ipv4):
    client, server = ipv4.pair()
    with gevent.selectors.DefaultSelector() as selector:
        selector.register(server, gevent.selectors.EVENT_READ, "data")
        assert selector.select(0) == []
        client.send(b"now")
        (key, events), = selector.select(10)
        assert (key.fileobj, key.data, events) == (server, "data", gevent.selectors.EVENT_READ)
        selector.unregister(server)


# ------------------------------------------------------------------ gevent's sources

KNOWN = {"_sock", "_accept", "_drop_events"}  # the last only if it is there


@pytest.mark.parametrize("module", [gevent.server, gevent.baseserver, gevent.pywsgi, gevent.backdoor],
                         ids=lambda module: module.__name__)
def test_what_gevent_takes_of_a_socket(module):
    """Of the private names of sockets gevent's servers use none but those that ours have."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith(("sock", "socket")):
            assert not node.attr.startswith("_") or node.attr in KNOWN, ast.unparse(node)


def test_importing_leaves_gevent_alone():
    """Without a server of ours gevent's modules are as they were, and ssl is not loaded."""
    program = ("import sys, gevent.server, gevent.socket\n"
               "own = gevent.socket.socket\n"
               "before = 'ssl' in sys.modules\n"
               "import pysctpsock.socket\n"
               "assert gevent.server.GeventSocket is own is gevent.socket.socket\n"
               "assert ('ssl' in sys.modules) == before\n")
    done = processes.run(["-c", program], free_udp_port())
    assert (done.returncode, done.stderr) == (0, "")
