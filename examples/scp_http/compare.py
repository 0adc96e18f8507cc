"""Twenty HTTP requests over one SCP connection, timed beside twenty TCP connections.

    python examples/scp_http/compare.py [--requests 20] [--delay MS]

Client and server are the standard library's, unmodified: http.client and a handler of http.server.  Both run
in this process, over loopback.  With --delay a relay between them holds bytes back for so long each way, and
each new connection for a round trip, as a long way would.
"""
import argparse
import http.client
import http.server
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from gevent import socket

from pysctpsock import scp

HOST = "127.0.0.1"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET with the path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"you asked for {self.path}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def handle(sock: Any) -> None:
    """Serve one client: a TCP socket or a session, it makes no difference."""
    with sock:
        Handler(sock, sock.getpeername(), None)  # type: ignore[arg-type]


def serve_scp(listener: scp.Listener) -> None:
    def serve(connection: scp.Connection) -> None:
        for session in connection:
            gevent.spawn(handle, session)

    for connection in listener:
        gevent.spawn(serve, connection)


def serve_tcp(listener: Any) -> None:
    while True:
        gevent.spawn(handle, listener.accept()[0])


def ask(sock: Any, number: int) -> None:
    """One request over a TCP socket or a session."""
    client = http.client.HTTPConnection(HOST)
    client.sock = sock
    client.request("GET", f"/{number}", headers={"Connection": "close"})
    body = client.getresponse().read()
    client.close()
    assert body == f"you asked for /{number}\n".encode(), body


def over_scp(address: Any, requests: int) -> None:
    with scp.connect(address) as connection:
        for number in range(requests):
            ask(connection.open(), number)


def over_tcp(address: Any, requests: int) -> None:
    for number in range(requests):
        ask(socket.create_connection(address), number)


@contextmanager
def far_away(address: Any, delay: float) -> Iterator[Any]:
    """The address of a relay to `address`; the address itself if there is no delay."""
    if not delay:
        yield address
        return

    def hand_on(source: Any, target: Any) -> None:
        while data := source.recv(65536):
            gevent.spawn_later(delay, target.sendall, data)
        gevent.spawn_later(delay, target.shutdown, socket.SHUT_WR)

    def relay(near: Any) -> None:
        gevent.sleep(2 * delay)                       # SYN there, SYN ACK back
        far = socket.create_connection(address)
        gevent.joinall([gevent.spawn(hand_on, near, far), gevent.spawn(hand_on, far, near)])

    def accept() -> None:
        while True:
            gevent.spawn(relay, listener.accept()[0])

    listener = socket.socket()
    listener.bind((HOST, 0))
    listener.listen()
    accepting = gevent.spawn(accept)
    yield listener.getsockname()
    accepting.kill()
    listener.close()


def timed(run: Callable[[Any, int], None], address: Any, requests: int) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    run(address, requests)
    return (time.perf_counter() - start) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--delay", type=float, default=0.0, metavar="MS", help="one way, milliseconds")
    options = parser.parse_args()
    scp_listener = scp.listen((HOST, 0))
    tcp_listener = socket.socket()
    tcp_listener.bind((HOST, 0))
    tcp_listener.listen()
    gevent.spawn(serve_scp, scp_listener)
    gevent.spawn(serve_tcp, tcp_listener)
    delay = options.delay / 1000
    for name, run, listener in ((f"{options.requests} TCP connections", over_tcp, tcp_listener),
                                ("one SCP connection", over_scp, scp_listener)):
        with far_away(listener.getsockname(), delay) as address:
            run(address, 1)                           # warm up
            print(f"{name:20} {timed(run, address, options.requests):9.1f} ms", flush=True)


if __name__ == "__main__":
    main()
