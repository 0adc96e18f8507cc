"""The drop-in for the standard library's `socket` module: `from pysctpsock import socket`.

It has all names of that module (gevent's where gevent has them), the constants and structures of
<netinet/sctp.h>, the functions of libsctp, and a class `socket` that makes an SCTP socket of this library
when the protocol is IPPROTO_SCTP, and gevent's socket otherwise.

RFC 6458 sections 8.12 and 9 describe the functions; the order of arguments is that of lksctp-tools.
"""
from __future__ import annotations

import errno as _errno
import socket as _stdlib
from collections.abc import Iterable, Sequence
from typing import Any

import gevent.socket as _gevent

from . import ancillary as _ancillary
from . import constants as _constants
from . import structs as _structs
from .constants import *  # noqa: F403
from .errors import error as _error
from .one_to_one import SctpSocket as _SctpSocket
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


class _SocketClass(type):
    """Makes `socket(...)` what the protocol asks for, and `isinstance` true for both kinds."""

    def __call__(cls, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None,
                 **more: Any) -> Any:
        if proto != _c.IPPROTO_SCTP or fileno is not None or type == _stdlib.SOCK_RAW:
            return _gevent.socket(family, type, proto, fileno)
        family = _stdlib.AF_INET if family == -1 else family
        type = _stdlib.SOCK_STREAM if type == -1 else type
        return super().__call__(family, type, proto, **more)

    def __instancecheck__(cls, instance: Any) -> bool:
        return super().__instancecheck__(instance) or (cls is socket and isinstance(instance, _gevent.socket))


class socket(_SctpSocket, metaclass=_SocketClass):
    """socket(family=AF_INET, type=SOCK_STREAM, proto=0, fileno=None).

    With proto IPPROTO_SCTP an SCTP socket (see one_to_one.SctpSocket), else gevent's socket.
    """

    def __init__(self, family: int = _stdlib.AF_INET, type: int = _stdlib.SOCK_STREAM,
                 proto: int = _c.IPPROTO_SCTP) -> None:
        super().__init__(family, type, proto)

    # ------------------------------------------------------------------ libsctp's functions as methods

    def sctp_send(self, msg: Any, sinfo: Any = None, flags: int = 0) -> int:
        """Send one message as an sctp_sndrcvinfo says, None: as the defaults do; its length (section 9.10)."""
        items = [] if sinfo is None else [(_c.IPPROTO_SCTP, _c.SCTP_SNDRCV, sinfo)]
        return self.sendmsg([msg], items, flags)

    def sctp_sendv(self, buffers: Iterable[Any], addrs: Sequence[_Address] | None = None, info: Any = None,
                   infotype: int = _c.SCTP_SENDV_NOINFO, flags: int = 0) -> int:
        """Send the buffers as one message (section 9.12); its length.

        `info` is the structure that `infotype` names, an sctp_sendv_spa for several.  With addresses an
        unconnected socket is connected to the first.  EINVAL for information that does not fit its type.
        """
        return self.sendmsg(buffers, _sendv_items(info, infotype), flags, addrs[0] if addrs else None)

    def sctp_recvv(self, size: int, flags: int = 0) -> tuple[bytes, _Address | None, Any, int, int]:
        """(data, address, info, infotype, msg_flags) of the next message (section 9.13).

        info is an sctp_rcvinfo, sctp_nxtinfo, sctp_recvv_rn or None, by what SCTP_RECVRCVINFO and
        SCTP_RECVNXTINFO have switched on.
        """
        received = self._receive(size, flags)
        if received is None:
            return b"", None, None, _c.SCTP_RECVV_NOINFO, 0
        data, msg_flags, association, fields = received
        items = dict(self._received_items(association, fields, msg_flags, bool(flags & _c.MSG_PEEK)))
        rcv, nxt = items.get(_c.SCTP_RCVINFO), items.get(_c.SCTP_NXTINFO)
        source = self._source(association)
        if rcv is not None and nxt is not None:
            return data, source, _structs.sctp_recvv_rn(rcv, nxt), _c.SCTP_RECVV_RN, msg_flags
        if rcv is not None:
            return data, source, rcv, _c.SCTP_RECVV_RCVINFO, msg_flags
        if nxt is not None:
            return data, source, nxt, _c.SCTP_RECVV_NXTINFO, msg_flags
        return data, source, None, _c.SCTP_RECVV_NOINFO, msg_flags

    def sctp_bindx(self, addrs: Sequence[_Address], flags: int) -> None:
        """Bind to addresses (section 9.1).  One address only, until associations are multi-homed: EOPNOTSUPP."""
        if flags not in (_c.SCTP_BINDX_ADD_ADDR, _c.SCTP_BINDX_REM_ADDR) or not addrs:
            raise _error(_errno.EINVAL, "sctp_bindx: addresses to add, or to remove")
        if len(addrs) > 1 or flags == _c.SCTP_BINDX_REM_ADDR or self._claim is not None:
            raise _error(_errno.EOPNOTSUPP, "an endpoint of several addresses is not there yet")
        self.bind(addrs[0])

    def sctp_connectx(self, addrs: Sequence[_Address]) -> int:
        """Connect to a peer that has these addresses (section 9.9); the association's id.

        All have one port: EINVAL.  The first is used, until associations are multi-homed.
        """
        self._check_open()
        if not addrs or len({address[1] for address in addrs}) != 1:
            raise _error(_errno.EINVAL, "sctp_connectx: addresses of one port")
        self.connect(addrs[0])
        return int(self.association.assoc_id)

    def sctp_peeloff(self, assoc_id: int) -> socket:
        """A socket for one association of a one-to-many socket (section 9.2).  EINVAL on this kind."""
        self._check_open()
        raise _error(_errno.EINVAL, "a one-to-one socket has nothing to peel off")

    def sctp_peeloff_flags(self, assoc_id: int, flags: int) -> socket:
        """As sctp_peeloff()."""
        return self.sctp_peeloff(assoc_id)

    def sctp_getpaddrs(self, assoc_id: int = 0) -> list[_Address]:
        """All addresses of the peer (section 9.3); the id is ignored.  EINVAL without association."""
        self._check_open()
        association = self.connected_association()
        if association is None:
            raise _error(_errno.EINVAL, "no association")
        return [self.shown_address(host, port) for host, port in self._peers(association)]

    def sctp_getladdrs(self, assoc_id: int = 0) -> list[_Address]:
        """The addresses of this end (section 9.5); the id is ignored."""
        return [self.getsockname()]

    def sctp_opt_info(self, assoc_id: int, opt: int, arg: Any) -> bytes:
        """The option's value, of the association or address that `arg` (structure or bytes) is about (8.4).

        ENOTSUP for options that libsctp does not take here.
        """
        if opt not in _OPT_INFO:
            raise _error(_errno.ENOTSUP, f"sctp_opt_info: option {opt}")
        buffer = bytearray(bytes(memoryview(arg)))
        buffer[:4] = assoc_id.to_bytes(4, _structs._byteorder, signed=True)
        value: bytes = self.getsockopt(_c.SOL_SCTP, opt, bytes(buffer))
        return value


_SctpSocket.sibling = staticmethod(lambda: socket.__new__(socket))  # type: ignore[assignment]
SocketType = socket

_OPT_INFO = frozenset((
    _c.SCTP_RTOINFO, _c.SCTP_ASSOCINFO, _c.SCTP_INITMSG, _c.SCTP_NODELAY, _c.SCTP_AUTOCLOSE, _c.SCTP_PRIMARY_ADDR,
    _c.SCTP_DISABLE_FRAGMENTS, _c.SCTP_PEER_ADDR_PARAMS, _c.SCTP_DEFAULT_SEND_PARAM, _c.SCTP_EVENTS,
    _c.SCTP_I_WANT_MAPPED_V4_ADDR, _c.SCTP_MAXSEG, _c.SCTP_STATUS, _c.SCTP_GET_PEER_ADDR_INFO,
    _c.SCTP_AUTH_ACTIVE_KEY, _c.SCTP_PEER_AUTH_CHUNKS, _c.SCTP_LOCAL_AUTH_CHUNKS,
))
_SENDV_TYPES = {  # infotype: (ancillary type, its length)
    _c.SCTP_SENDV_SNDINFO: (_c.SCTP_SNDINFO, 16),
    _c.SCTP_SENDV_PRINFO: (_c.SCTP_PRINFO, 8),
    _c.SCTP_SENDV_AUTHINFO: (_c.SCTP_AUTHINFO, 2),
}


def _sendv_items(info: Any, infotype: int) -> list[_ancillary.Item]:
    """sctp_sendv's information as ancillary data."""
    data = b"" if info is None else bytes(memoryview(info))
    if infotype == _c.SCTP_SENDV_NOINFO and not data:
        return []
    if infotype in _SENDV_TYPES and len(data) == _SENDV_TYPES[infotype][1]:
        return [(_c.IPPROTO_SCTP, _SENDV_TYPES[infotype][0], data)]
    if infotype != _c.SCTP_SENDV_SPA or len(data) != 32:
        raise _error(_errno.EINVAL, "sctp_sendv: the information is not of its type")
    spa = _structs.sctp_sendv_spa.unpack(data)
    members = [
        (_c.SCTP_SEND_SNDINFO_VALID, _c.SCTP_SNDINFO, spa.sendv_sndinfo),
        (_c.SCTP_SEND_PRINFO_VALID, _c.SCTP_PRINFO, spa.sendv_prinfo),
        (_c.SCTP_SEND_AUTHINFO_VALID, _c.SCTP_AUTHINFO, spa.sendv_authinfo),
    ]
    return [(_c.IPPROTO_SCTP, kind, bytes(member)) for bit, kind, member in members if spa.sendv_flags & bit]


# ------------------------------------------------------------------ libsctp's functions

def sctp_sendmsg(sock: Any, msg: Any, to: _Address | None = None, ppid: int = 0, flags: int = 0, stream_no: int = 0,
                 timetolive: int = 0, context: int = 0) -> int:
    """Send one message on a stream; its length.  See socket.sctp_sendmsg."""
    return sock.sctp_sendmsg(msg, to, ppid, flags, stream_no, timetolive, context)  # type: ignore[no-any-return]


def sctp_recvmsg(sock: Any, size: int, flags: int = 0) -> tuple[bytes, _Address | None, Any, int]:
    """(data, address, sctp_sndrcvinfo, msg_flags).  See socket.sctp_recvmsg."""
    return sock.sctp_recvmsg(size, flags)  # type: ignore[no-any-return]


def sctp_send(sock: Any, msg: Any, sinfo: Any = None, flags: int = 0) -> int:
    """Send one message as an sctp_sndrcvinfo says.  See socket.sctp_send."""
    return sock.sctp_send(msg, sinfo, flags)  # type: ignore[no-any-return]


def sctp_sendv(sock: Any, buffers: Iterable[Any], addrs: Sequence[_Address] | None = None, info: Any = None,
               infotype: int = _c.SCTP_SENDV_NOINFO, flags: int = 0) -> int:
    """Send the buffers as one message.  See socket.sctp_sendv."""
    return sock.sctp_sendv(buffers, addrs, info, infotype, flags)  # type: ignore[no-any-return]


def sctp_recvv(sock: Any, size: int, flags: int = 0) -> tuple[bytes, _Address | None, Any, int, int]:
    """(data, address, info, infotype, msg_flags).  See socket.sctp_recvv."""
    return sock.sctp_recvv(size, flags)  # type: ignore[no-any-return]


def sctp_bindx(sock: Any, addrs: Sequence[_Address], flags: int) -> None:
    """Bind to addresses.  See socket.sctp_bindx."""
    sock.sctp_bindx(addrs, flags)


def sctp_connectx(sock: Any, addrs: Sequence[_Address]) -> int:
    """Connect to a peer of several addresses; the association's id.  See socket.sctp_connectx."""
    return sock.sctp_connectx(addrs)  # type: ignore[no-any-return]


def sctp_peeloff(sock: Any, assoc_id: int) -> Any:
    """A socket for one association of a one-to-many socket.  See socket.sctp_peeloff."""
    return sock.sctp_peeloff(assoc_id)


def sctp_peeloff_flags(sock: Any, assoc_id: int, flags: int) -> Any:
    """As sctp_peeloff(), with SOCK_NONBLOCK and SOCK_CLOEXEC."""
    return sock.sctp_peeloff_flags(assoc_id, flags)


def sctp_getpaddrs(sock: Any, assoc_id: int = 0) -> list[_Address]:
    """All addresses of the peer.  See socket.sctp_getpaddrs."""
    return sock.sctp_getpaddrs(assoc_id)  # type: ignore[no-any-return]


def sctp_getladdrs(sock: Any, assoc_id: int = 0) -> list[_Address]:
    """The addresses of this end.  See socket.sctp_getladdrs."""
    return sock.sctp_getladdrs(assoc_id)  # type: ignore[no-any-return]


def sctp_freepaddrs(addrs: Any) -> None:
    """Nothing: Python frees the list."""


def sctp_freeladdrs(addrs: Any) -> None:
    """Nothing: Python frees the list."""


def sctp_getaddrlen(family: int) -> int:
    """The bytes of a sockaddr: 16, 28, or 0 for an unknown family."""
    return {_stdlib.AF_INET: 16, _stdlib.AF_INET6: 28}.get(family, 0)  # type: ignore[call-overload, no-any-return]


def sctp_opt_info(sock: Any, assoc_id: int, opt: int, arg: Any) -> bytes:
    """An option's value as bytes.  See socket.sctp_opt_info."""
    return sock.sctp_opt_info(assoc_id, opt, arg)  # type: ignore[no-any-return]


__all__ = sorted(  # noqa: PLE0605
    {name for name in _stdlib.__all__ if name in globals()} | set(_constants.__all__) | set(_structs.__all__)
    | {"socket", "SocketType"} | {name for name in list(globals()) if name.startswith("sctp_")})
