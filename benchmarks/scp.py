"""Measure SCP's sessions: throughput beside a bare gevent TCP socket, and latency beside a bulk transfer.

    python benchmarks/scp.py [--rounds 5] [--megabytes 1000] [--unsent BYTES]

Throughput: one writer of 64 KB pieces and one reader, a process each, over loopback; the rounds of both kinds
are interleaved, the table shows medians and their ratio.  Latency: 100-byte requests in one session while
100 MB go through another one of the same connection, in the same direction.  --unsent is the option of
Connection: more makes bulk faster, and requests beside it slower.
"""
import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import gevent
from gevent import socket

from pysctpsock import scp
from pysctpsock.scp.connection import UNSENT

HOST = "127.0.0.1"
PIECE = 65536
BULK = 100_000_000
REQUEST = bytes(100)
WANTED = 0.7


# ------------------------------------------------------------------ the process of the server

def drain(sock: Any) -> None:
    """Read to the end, then say so."""
    while sock.recv(PIECE):
        pass
    sock.sendall(b"!")
    sock.close()


def echo(sock: Any) -> None:
    """Answer each request with as many bytes; the first byte of a session says which kind it is."""
    if sock.recv(1) == b"b":
        drain(sock)
        return
    left = len(REQUEST)
    while data := sock.recv(left):
        left -= len(data)
        if left == 0:
            sock.sendall(REQUEST)
            left = len(REQUEST)
    sock.close()


def serve(kind: str) -> None:
    """Serve connections of a kind until killed: tcp (drains), scp (drains), mixed (scp, echoes or drains)."""
    listener: Any
    if kind == "tcp":
        listener = socket.socket()
        listener.bind((HOST, 0))
        listener.listen()
    else:
        listener = scp.listen((HOST, 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        accepted = listener.accept()
        if kind == "tcp":
            gevent.spawn(drain, accepted[0])
        else:
            gevent.spawn(serve_sessions, accepted, drain if kind == "scp" else echo)


def serve_sessions(connection: scp.Connection, handle: Any) -> None:
    for session in connection:
        gevent.spawn(handle, session)


class Server:
    """A server process; .port"""

    def __init__(self, kind: str) -> None:
        self.process = subprocess.Popen([sys.executable, Path(__file__).resolve(), "--serve", kind],
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.communicate()


# ------------------------------------------------------------------ the client

def pour(sock: Any, count: int) -> float:
    """Write so many bytes in pieces and wait until the reader has them: MB/s."""
    piece = bytes(PIECE)
    start = time.perf_counter()
    for _ in range(count // PIECE):
        sock.sendall(piece)
    sock.shutdown(socket.SHUT_WR)
    assert sock.recv(1) == b"!"
    return count / (time.perf_counter() - start) / 1e6


def throughput(rounds: int, megabytes: int, unsent: int) -> float:
    """Print the table; the ratio of the medians."""
    figures: dict[str, list[float]] = {"tcp": [], "scp": []}
    with Server("tcp") as tcp, Server("scp") as over_scp:
        for _ in range(rounds):
            sock = socket.create_connection((HOST, tcp.port))
            figures["tcp"].append(pour(sock, megabytes * 1_000_000))
            sock.close()
            with (scp.connect((HOST, over_scp.port), unsent=unsent) as connection,
                  connection.open() as session):
                figures["scp"].append(pour(session, megabytes * 1_000_000))
    for kind, rates in figures.items():
        print(f"{kind}  {statistics.median(rates):7.0f} MB/s   " + " ".join(f"{rate:.0f}" for rate in rates))
    ratio = statistics.median(figures["scp"]) / statistics.median(figures["tcp"])
    print(f"ratio {ratio:.2f}, wanted {WANTED}")
    return ratio


def latency(rounds: int, unsent: int) -> None:
    """Print how long a request takes, alone and beside bulk transfers, one after the other."""
    beside: list[float] = []
    rates = []
    with Server("mixed") as server, scp.connect((HOST, server.port), unsent=unsent) as connection:
        session = connection.open(b"e")
        alone = [ask(session) for _ in range(2000)]
        for _ in range(rounds):
            with connection.open(b"b") as bulk:
                pouring = gevent.spawn(pour, bulk, BULK)
                while not pouring.ready():
                    beside.append(ask(session))
                rates.append(pouring.get())
        session.close()
    for name, times in (("alone", alone), (f"beside {statistics.median(rates):.0f} MB/s", beside)):
        times.sort()
        print(f"100 B request {name:20} {len(times):6} times: p50 {times[len(times) // 2] * 1e6:7.0f} us, "
              f"p99 {times[len(times) * 99 // 100] * 1e6:7.0f} us, most {times[-1] * 1e6:7.0f} us")


def ask(session: scp.Session) -> float:
    """One request; seconds."""
    start = time.perf_counter()
    session.sendall(REQUEST)
    left = len(REQUEST)
    while left:
        left -= len(session.recv(left))
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--unsent", type=int, default=UNSENT)
    parser.add_argument("--serve", choices=["tcp", "scp", "mixed"], help="internal")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
    ratio = throughput(options.rounds, options.megabytes, options.unsent)
    latency(options.rounds, options.unsent)
    sys.exit(ratio < WANTED)


if __name__ == "__main__":
    main()
