"""The drop-in for the standard library's `socket` module: `from pysctpsock import socket`.

It has all names of that module (gevent's where gevent has them), the constants and structures of
<netinet/sctp.h>, the functions of libsctp, and a class `socket` that makes an SCTP socket of this library
when the protocol is IPPROTO_SCTP, and gevent's socket otherwise.

RFC 6458 sections 8.12 and 9 describe the functions; the order of arguments is that of lksctp-tools.
"""
from __future__ import annotations

import errno as _errno
import os as _os
import socket as _stdlib
import stat as _stat
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import gevent.socket as _gevent

from . import constants as _constants
from . import structs as _structs
from .base import KIND_FLAGS as _KIND_FLAGS
from .base import SctpSocket as _SctpSocket
from .constants import *  # noqa: F403
from .errors import error as _error
from .gevents import socket as _gevents_socket
from .handle import Duplicate as _Duplicate
from .handle import socket_of as _socket_of
from .one_to_many import OneToManySocket as _OneToManySocket
from .one_to_one import OneToOneSocket as _OneToOneSocket
from .structs import *  # noqa: F403

_c = _constants
_Address = tuple[Any, ...]


def _copy_names() -> None:
    """The standard module's names, from gevent where it has them; SCTP's numbers are ours on every system."""
    for module in (_stdlib, _gevent):
        for name in dir(module):
            if not name.startswith("__") and name not in ("socket", "SocketType", "CAPI"):
                globals().setdefault(name, getattr(_gevent, name, getattr(module, name)))


_copy_names()

if TYPE_CHECKING:  # names that are only copied
    def __getattr__(name: str) -> Any: ...


class _SocketClass(type):
    """Makes `socket(...)` what the protocol asks for, and `isinstance` true for both kinds."""

    def __call__(cls, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None,
                 **more: Any) -> Any:
        if fileno is not None:
            sock = _socket_of(fileno)
            if sock is not None:
                return sock
        if (proto in (0, -1) and family in (-1, _stdlib.AF_INET, _stdlib.AF_INET6) and type != -1
                and type & ~_KIND_FLAGS == _stdlib.SOCK_SEQPACKET):
            proto = _c.IPPROTO_SCTP  # there is no other of this type
        if proto != _c.IPPROTO_SCTP or fileno is not None or type == _stdlib.SOCK_RAW:
            return _gevents_socket(family, type, proto, fileno)
        family = _stdlib.AF_INET if family == -1 else family
        type = _stdlib.SOCK_STREAM if type == -1 else type
        if cls is socket and type & ~_KIND_FLAGS == _stdlib.SOCK_SEQPACKET:
            return _OneToManySocket(family, type, proto, **more)
        return super().__call__(family, type, proto, **more)

    def __instancecheck__(cls, instance: Any) -> bool:
        return super().__instancecheck__(instance) or (
            cls is socket and isinstance(instance, (_SctpSocket, _Duplicate, _gevents_socket)))


class socket(_OneToOneSocket, metaclass=_SocketClass):
    """socket(family=AF_INET, type=SOCK_STREAM, proto=0, fileno=None).

    With proto IPPROTO_SCTP an SCTP socket: of this class, or, for SOCK_SEQPACKET, a OneToManySocket.
    SOCK_SEQPACKET of AF_INET and AF_INET6 is always SCTP.  gevent's socket otherwise.
    """

    def __init__(self, family: int = _stdlib.AF_INET, type: int = _stdlib.SOCK_STREAM,
                 proto: int = _c.IPPROTO_SCTP) -> None:
        super().__init__(family, type, proto)


def fromfd(fd: int, family: int, type: int, proto: int = 0) -> Any:
    """A duplicate of the socket that has this descriptor; of ours, or gevent's."""
    sock = _socket_of(fd)
    return _gevents_socket(family, type, proto, _stdlib.dup(fd)) if sock is None else sock.dup()


_SctpSocket.sibling = staticmethod(lambda: socket.__new__(socket))
SocketType = socket


# ------------------------------------------------------------------ libsctp's functions

def _sctp(sock: Any) -> Any:
    """The SCTP socket that is meant: it, or its descriptor.  EBADF, ENOTSOCK; EOPNOTSUPP: not of SCTP."""
    if hasattr(sock, "sctp_sendmsg"):
        return sock
    fd = sock if isinstance(sock, int) else sock.fileno()
    found = _socket_of(fd)
    if found is not None:
        return found
    is_socket = _stat.S_ISSOCK(_os.fstat(fd).st_mode)
    raise _error(_errno.EOPNOTSUPP if is_socket else _errno.ENOTSOCK, f"descriptor {fd} is no SCTP socket")


def sctp_sendmsg(sock: Any, msg: Any, to: _Address | None = None, ppid: int = 0, flags: int = 0,
                 stream_no: int = 0,
                 timetolive: int = 0, context: int = 0) -> int:
    """Send one message on a stream; its length.  See socket.sctp_sendmsg."""
    return _sctp(sock).sctp_sendmsg(msg, to, ppid, flags, stream_no, timetolive, context)


def sctp_recvmsg(sock: Any, size: int, flags: int = 0) -> tuple[bytes, _Address | None, Any, int]:
    """(data, address, sctp_sndrcvinfo, msg_flags).  See socket.sctp_recvmsg."""
    return _sctp(sock).sctp_recvmsg(size, flags)


def sctp_send(sock: Any, msg: Any, sinfo: Any = None, flags: int = 0) -> int:
    """Send one message as an sctp_sndrcvinfo says.  See socket.sctp_send."""
    return _sctp(sock).sctp_send(msg, sinfo, flags)


def sctp_sendv(sock: Any, buffers: Iterable[Any], addrs: Sequence[_Address] | None = None, info: Any = None,
               infotype: int = _c.SCTP_SENDV_NOINFO, flags: int = 0) -> int:
    """Send the buffers as one message.  See socket.sctp_sendv."""
    return _sctp(sock).sctp_sendv(buffers, addrs, info, infotype, flags)


def sctp_recvv(sock: Any, size: int, flags: int = 0,
               infolen: int | None = None) -> tuple[bytes, _Address | None, Any, int, int]:
    """(data, address, info, infotype, msg_flags).  See socket.sctp_recvv."""
    return _sctp(sock).sctp_recvv(size, flags, infolen)


def sctp_bindx(sock: Any, addrs: Sequence[_Address], flags: int) -> None:
    """Bind to addresses.  See socket.sctp_bindx."""
    _sctp(sock).sctp_bindx(addrs, flags)


def sctp_connectx(sock: Any, addrs: Sequence[_Address]) -> int:
    """Connect to a peer of several addresses; the association's id.  See socket.sctp_connectx."""
    return _sctp(sock).sctp_connectx(addrs)


def sctp_peeloff(sock: Any, assoc_id: int) -> Any:
    """A socket for one association of a one-to-many socket.  See socket.sctp_peeloff."""
    return _sctp(sock).sctp_peeloff(assoc_id)


def sctp_peeloff_flags(sock: Any, assoc_id: int, flags: int) -> Any:
    """As sctp_peeloff(), with SOCK_NONBLOCK and SOCK_CLOEXEC."""
    return _sctp(sock).sctp_peeloff_flags(assoc_id, flags)


def sctp_getpaddrs(sock: Any, assoc_id: int = 0) -> list[_Address]:
    """All addresses of the peer.  See socket.sctp_getpaddrs."""
    return _sctp(sock).sctp_getpaddrs(assoc_id)


def sctp_getladdrs(sock: Any, assoc_id: int = 0) -> list[_Address]:
    """The addresses of this end.  See socket.sctp_getladdrs."""
    return _sctp(sock).sctp_getladdrs(assoc_id)


def sctp_freepaddrs(addrs: Any) -> None:
    """Nothing: Python frees the list."""


def sctp_freeladdrs(addrs: Any) -> None:
    """Nothing: Python frees the list."""


def sctp_getaddrlen(family: int) -> int:
    """The bytes of a sockaddr: 16, 28, or 0 for an unknown family."""
    return 16 if family == _stdlib.AF_INET else 28 if family == _stdlib.AF_INET6 else 0


def sctp_opt_info(sock: Any, assoc_id: int, opt: int, arg: Any) -> bytes:
    """An option's value as bytes.  See socket.sctp_opt_info."""
    return _sctp(sock).sctp_opt_info(assoc_id, opt, arg)


__all__ = sorted(
    {name for name in _stdlib.__all__ if name in globals()} | set(_constants.__all__) | set(_structs.__all__)
    | {"socket", "SocketType"} | {name for name in list(globals()) if name.startswith("sctp_")})
