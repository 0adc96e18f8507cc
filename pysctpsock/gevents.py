"""gevent's own socket class, as it is before anybody patches gevent, and what its servers make.

This library's calls that mean a socket of the kernel take it from here: pysctpsock.monkey puts another class
into gevent's modules.
"""
from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import gevent.socket

socket: Any = gevent.socket.socket


def create_connection(address: tuple[Any, ...], timeout: float | None = None) -> Any:
    """A socket of TCP's that is connected to the first address that a name has which answers."""
    problem: OSError | None = None
    for family, kind, proto, _, resolved in gevent.socket.getaddrinfo(*address[:2], 0,
                                                                      gevent.socket.SOCK_STREAM):
        sock = socket(family, kind, proto)
        try:
            sock.settimeout(timeout)
            sock.connect(resolved)
        except BaseException as failure:
            sock.close()
            if not isinstance(failure, OSError):
                raise
            problem = failure
        else:
            return sock
    raise problem or OSError("getaddrinfo returns an empty list")


def teach_servers(socket_of: Callable[[int], Any]) -> None:
    """Let gevent.server, which makes sockets of descriptors, make those that socket_of() knows."""
    server: Any = sys.modules.get("gevent.server")

    def make(family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> Any:
        known = None if fileno is None else socket_of(fileno)
        return socket(family, type, proto, fileno) if known is None else known

    if server is not None and server.GeventSocket is socket:
        server.GeventSocket = make
