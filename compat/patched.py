"""What takes the place of `socket.socket` in a monkey-patched program: a class that chooses.

With IPPROTO_SCTP it makes a socket of this library, otherwise gevent's, unless streams are to become SCTP
(see tcp.py).  All of them are instances of it.  A class that a program derives from it holds such a socket
(see derived.py).
"""
from __future__ import annotations

import functools
import socket as _stdlib
from abc import ABCMeta
from collections.abc import Callable
from typing import Any

from pysctpsock import gevents, tls
from pysctpsock import socket as _ours
from pysctpsock.base import SctpSocket

from .derived import Holder, held_by
from .rules import StreamSocket

IPPROTO_SCTP = _ours.IPPROTO_SCTP
KIND_FLAGS = getattr(_stdlib, "SOCK_NONBLOCK", 0) | getattr(_stdlib, "SOCK_CLOEXEC", 0)

# Makes a stream socket of (family, type, proto) where TCP would be meant; None: TCP it is.
make_stream: Callable[[int, int, int], Any] | None = None


def make(family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> Any:
    """The socket that these arguments of socket() ask for."""
    if make_stream is not None and fileno is None and means_tcp(family, type, proto):
        return make_stream(family, type, max(proto, 0))
    return _ours.socket(family, type, proto, fileno)  # type: ignore[call-arg]


def means_tcp(family: int, type: int, proto: int) -> bool:
    """Whether socket() of these would be TCP's."""
    return (family in (-1, _stdlib.AF_INET, _stdlib.AF_INET6)
            and (type == -1 or type & ~KIND_FLAGS == _stdlib.SOCK_STREAM)
            and proto in (-1, 0, _stdlib.IPPROTO_TCP))


class _Chooser(ABCMeta):  # that a program may derive from it and from an abstract class
    """Lets make() decide what a call of the class gives, and every socket be an instance of it."""

    def __call__(cls, *arguments: Any, **named: Any) -> Any:
        if cls is socket:
            return make(*arguments, **named)
        return super().__call__(*arguments, **named)

    def __instancecheck__(cls, instance: Any) -> bool:
        return super().__instancecheck__(instance) or (
            cls is socket and isinstance(instance, (_ours.socket, StreamSocket)))

    def __subclasscheck__(cls, other: type) -> bool:
        return super().__subclasscheck__(other) or (
            cls is socket and issubclass(other, (SctpSocket, StreamSocket, gevents.socket)))


class socket(Holder, metaclass=_Chooser):
    """socket(family=AF_INET, type=SOCK_STREAM, proto=0, fileno=None): SCTP's, gevent's, or SCTP for TCP."""

    _make = staticmethod(make)


def wrapping_ours(wrap_socket: Callable[..., Any]) -> Callable[..., Any]:
    """SSLContext.wrap_socket that does TLS over SCTP streams in memory (see pysctpsock.tls), and leaves
    sockets of the kernel to OpenSSL.

    A stream that rules choose is what it is now: SCTP before bind() or connect().
    """
    @functools.wraps(wrap_socket)
    def wrap(self: Any, sock: Any, *arguments: Any, **named: Any) -> Any:
        sock = held_by(sock)
        if isinstance(sock, StreamSocket):
            sock = sock.inner
        if isinstance(sock, SctpSocket):
            return tls.wrap_socket(self, sock, *arguments, **named)
        return wrap_socket(self, sock, *arguments, **named)

    return wrap


SocketType = socket
fromfd = _ours.fromfd
ITEMS = ("socket", "SocketType", "fromfd")  # the other functions look `socket` up in their module
