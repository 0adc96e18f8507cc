"""The kernel's SCTP sockets, with those methods of this library's that pysctp's interface calls.

RFC 6458 sections 8 and 9, by the socket options that libsctp (lksctp-tools) uses on Linux.  The structures of
`pysctpsock.structs` lie as in C, so the kernel takes them.  Options whose value is also input go to the C
library's getsockopt(), for Python's passes none.  Waiting is gevent's: other greenlets run meanwhile.
"""
from __future__ import annotations

import _socket  # the system's own class, whatever has been patched
import ctypes
import errno
import functools
import os
import sys
from collections.abc import Iterable
from typing import Any

import gevent.socket as _gevent

from pysctpsock import constants as c
from pysctpsock import gevents, structs
from pysctpsock.errors import error

Address = tuple[Any, ...]
MOST_ADDRESSES = 1 << 13  # bytes of a list of them
BINDX = {c.SCTP_BINDX_ADD_ADDR: c.SCTP_SOCKOPT_BINDX_ADD, c.SCTP_BINDX_REM_ADDR: c.SCTP_SOCKOPT_BINDX_REM}


class _GetaddrsOld(ctypes.Structure):
    """struct sctp_getaddrs_old: an association's id, and the packed addresses of CONNECTX3."""

    _fields_ = [("assoc_id", ctypes.c_int32), ("size", ctypes.c_int), ("addresses", ctypes.c_char_p)]


@functools.cache
def available() -> bool:
    """Whether the kernel has SCTP."""
    try:
        _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, c.IPPROTO_SCTP).close()
    except OSError:
        return False
    return True


def new_socket(family: int, style: int) -> Any:
    """A socket of the kernel's; EPROTONOSUPPORT if it has no SCTP."""
    return gevents.socket(family, style, c.IPPROTO_SCTP)


class KernelSocket:
    """KernelSocket(sock): a socket of the kernel's, or its descriptor, with libsctp's calls as methods.

    What is not here is the socket's.
    """

    def __init__(self, sock: Any) -> None:
        self._duplicate = None
        if isinstance(sock, int):  # gevent's sockets do not block; others stay as they are
            make = _socket.socket if os.get_blocking(sock) else gevents.socket
            sock = self._duplicate = make(fileno=os.dup(sock))
        self._sock = sock

    def __del__(self) -> None:
        if self._duplicate is not None:
            self._duplicate.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    # ------------------------------------------------------------------ options

    def getsockopt(self, level: int, optname: int, buflen: Any = 0) -> Any:
        """As of any socket; `buflen` may be the structure that is also input."""
        if isinstance(buflen, int):
            return self._sock.getsockopt(level, optname, buflen)
        buffer, size = self._ask(level, optname, bytes(buflen))
        return buffer[:size]

    def setsockopt(self, level: int, optname: int, value: Any) -> None:
        """As of any socket; a method here, for a duplicate must live while it is called."""
        self._sock.setsockopt(level, optname, value)

    def _ask(self, level: int, optname: int, given: bytes) -> tuple[bytes, int]:
        """The buffer and its size as the kernel leaves them."""
        buffer, size = ctypes.create_string_buffer(given, len(given)), ctypes.c_uint(len(given))
        number = _getsockopt(self._sock.fileno(), level, optname, buffer, size)
        if number:
            raise error(number)
        return buffer.raw, size.value

    # ------------------------------------------------------------------ addresses and associations

    def sctp_bindx(self, addrs: Iterable[Address], flags: int) -> None:
        """Add local addresses, or remove them (9.1)."""
        if flags not in BINDX:
            raise error(errno.EINVAL)
        self._sock.setsockopt(c.SOL_SCTP, BINDX[flags], self._packed(addrs))

    def sctp_connectx(self, addrs: Iterable[Address]) -> int:
        """Connect to a peer of several addresses; the association's id (9.9)."""
        packed = self._packed(addrs)
        asked = _GetaddrsOld(0, len(packed), packed)
        number = _getsockopt(self._sock.fileno(), c.SOL_SCTP, c.SCTP_SOCKOPT_CONNECTX3, asked,
                             ctypes.c_uint(ctypes.sizeof(asked)))
        if number == errno.EINPROGRESS and self._sock.gettimeout() != 0:
            _gevent.wait_write(self._sock.fileno(), self._sock.gettimeout())
            number = self._sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if number:
            raise error(number)
        return int(asked.assoc_id)

    def sctp_getpaddrs(self, assoc_id: int = 0) -> list[Address]:
        """All addresses of the peer (9.3)."""
        return self._addresses(c.SCTP_GET_PEER_ADDRS, assoc_id)

    def sctp_getladdrs(self, assoc_id: int = 0) -> list[Address]:
        """The addresses of this end (9.5)."""
        return self._addresses(c.SCTP_GET_LOCAL_ADDRS, assoc_id)

    def sctp_peeloff(self, assoc_id: int) -> Any:
        """A socket for one association of a one-to-many socket (9.2)."""
        answer, _ = self._ask(c.SOL_SCTP, c.SCTP_SOCKOPT_PEELOFF, _ints(assoc_id, -1))
        return gevents.socket(fileno=int.from_bytes(answer[4:8], sys.byteorder, signed=True))

    def _packed(self, addrs: Iterable[Address]) -> bytes:
        return b"".join(structs.pack_sockaddr(address) for address in addrs)

    def _addresses(self, option: int, assoc_id: int) -> list[Address]:
        answer, _ = self._ask(c.SOL_SCTP, option, _ints(assoc_id, 0) + bytes(MOST_ADDRESSES))
        return structs.unpack_sockaddrs(answer[8:], int.from_bytes(answer[4:8], sys.byteorder))

    # ------------------------------------------------------------------ messages

    def sctp_sendmsg(self, msg: bytes, to: Address | None = None, ppid: int = 0, flags: int = 0,
                     stream_no: int = 0, timetolive: int = 0, context: int = 0) -> int:
        """Send one message; its length (9.6)."""
        info = structs.sctp_sndrcvinfo(sinfo_stream=stream_no, sinfo_flags=flags, sinfo_ppid=ppid,
                                       sinfo_context=context, sinfo_timetolive=timetolive)
        item = (c.IPPROTO_SCTP, c.SCTP_SNDRCV, info.pack())
        return int(self._sock.sendmsg([msg], [item], 0, *([to] if to else [])))

    def sctp_recvmsg(self, size: int, flags: int = 0) -> tuple[bytes, Address | None, Any, int]:
        """(data, address, sctp_sndrcvinfo, msg_flags) of the next message or notification (9.7)."""
        room = _socket.CMSG_SPACE(ctypes.sizeof(structs.sctp_sndrcvinfo))
        data, items, msg_flags, source = self._sock.recvmsg(size, room, flags)
        info = structs.sctp_sndrcvinfo()
        for level, kind, value in items:
            if (level, kind) == (c.IPPROTO_SCTP, c.SCTP_SNDRCV):
                info = structs.sctp_sndrcvinfo.unpack(value)
        return data, source or None, info, msg_flags


def _ints(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, sys.byteorder, signed=True) for value in values)


def _getsockopt(fd: int, level: int, optname: int, value: Any, size: Any) -> int:
    """getsockopt(2): the errno, or 0, for any result that is no error (SCTP_SOCKOPT_PEELOFF gives one)."""
    call = ctypes.CDLL(None, use_errno=True).getsockopt
    failed = call(fd, level, optname, ctypes.byref(value), ctypes.byref(size)) < 0
    return ctypes.get_errno() if failed else 0
