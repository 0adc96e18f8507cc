"""The functions of libsctp as C has them: names, order and number of arguments, for porting C line by line.

What C points at for output is an object that is filled: a structure of `pysctpsock.socket`, a ctypes.c_int, a
bytearray, a list for addresses; None is NULL.  Addresses are tuples, or bytes of a sockaddr.  Where C returns
-1 these functions raise OSError with the errno; sctp_opt_info gives a positive ENOTSUP, as libsctp does.
RFC 6458 section 9, in the flavour of lksctp-tools 1.0.21.  Programs that are not ported from C use the
functions of `pysctpsock.socket`, which give their results back.
"""
from __future__ import annotations

import ctypes
import errno
from collections.abc import Sequence
from typing import Any

from pysctpsock import socket as _socket
from pysctpsock import structs
from pysctpsock.errors import error

__all__ = [
    "sctp_bindx", "sctp_connectx", "sctp_freeladdrs", "sctp_freepaddrs", "sctp_getaddrlen", "sctp_getladdrs",
    "sctp_getpaddrs", "sctp_opt_info", "sctp_peeloff", "sctp_peeloff_flags", "sctp_recvmsg", "sctp_recvv",
    "sctp_send", "sctp_sendmsg", "sctp_sendv",
]


# ------------------------------------------------------------------ addresses

def sctp_bindx(sd: Any, addrs: Any, addrcnt: int, flags: int) -> int:
    """Add local addresses to a socket, or remove them; 0."""
    sd.sctp_bindx(_addresses(addrs, addrcnt), flags)
    return 0


def sctp_connectx(sd: Any, addrs: Any, addrcnt: int, id: Any = None) -> int:
    """Connect to a peer that has these addresses; 0.  `id` (c_int) gets the association's id."""
    assoc_id = sd.sctp_connectx(_addresses(addrs, addrcnt))
    _put(id, assoc_id)
    return 0


def sctp_getpaddrs(sd: Any, id: int, addrs: list[Any]) -> int:
    """Put the peer's addresses into the list; how many they are."""
    addrs[:] = sd.sctp_getpaddrs(id)
    return len(addrs)


def sctp_getladdrs(sd: Any, id: int, addrs: list[Any]) -> int:
    """Put this end's addresses into the list; how many they are."""
    addrs[:] = sd.sctp_getladdrs(id)
    return len(addrs)


def sctp_freepaddrs(addrs: list[Any]) -> int:
    """Empty the list; 0."""
    addrs.clear()
    return 0


sctp_freeladdrs = sctp_freepaddrs
sctp_getaddrlen = _socket.sctp_getaddrlen


# ------------------------------------------------------------------ associations and options

def sctp_peeloff(sd: Any, assoc_id: int) -> Any:
    """A socket for one association of a one-to-many socket."""
    return sd.sctp_peeloff(assoc_id)


def sctp_peeloff_flags(sd: Any, assoc_id: int, flags: int) -> Any:
    """The same, with SOCK_NONBLOCK or SOCK_CLOEXEC."""
    return sd.sctp_peeloff_flags(assoc_id, flags)


def sctp_opt_info(sd: Any, id: int, opt: int, arg: Any, size: Any) -> int:
    """Fill `arg`, a structure, with the option's value, and `size` (c_int) with its length; 0."""
    given = bytes(memoryview(arg).cast("B"))[:_value(size)]
    try:
        value = sd.sctp_opt_info(id, opt, given)
    except OSError as problem:
        if problem.errno == errno.ENOTSUP:
            return errno.ENOTSUP
        raise
    _fill(arg, value)
    _put(size, len(value))
    return 0


# ------------------------------------------------------------------ sending

def sctp_send(sd: Any, msg: Any, len: int, sinfo: Any, flags: int) -> int:
    """Send `len` bytes as an sctp_sndrcvinfo says; their number."""
    return int(sd.sctp_send(_bytes(msg, len), sinfo, flags))


def sctp_sendmsg(sd: Any, msg: Any, len: int, to: Any, tolen: int, ppid: int, flags: int, stream_no: int,
                 timetolive: int, context: int) -> int:
    """Send `len` bytes on a stream, to an address (or None); their number."""
    return int(sd.sctp_sendmsg(_bytes(msg, len), _address(to, tolen), ppid, flags, stream_no, timetolive,
                               context))


def sctp_sendv(sd: Any, iov: Sequence[Any], iovcnt: int, addrs: Any, addrcnt: int, info: Any, infolen: int,
               infotype: int, flags: int) -> int:
    """Send the buffers as one message; its length.  `flags` is ignored, as libsctp does."""
    if info is not None:
        _bytes(info, infolen)  # EFAULT
        info = memoryview(info).cast("B")[:infolen]  # snd_assoc_id may be written to
    return int(sd.sctp_sendv(list(iov)[:iovcnt], _addresses(addrs, addrcnt) if addrcnt else None, info,
                             infotype))


# ------------------------------------------------------------------ receiving

def sctp_recvmsg(sd: Any, msg: Any, len: int, from_: Any, fromlen: Any, sinfo: Any, msg_flags: Any) -> int:
    """Receive into `msg`; the number of bytes.  msg_flags (c_int) is read and filled."""
    data, address, info, flags = sd.sctp_recvmsg(len, _value(msg_flags))
    _fill(msg, data)
    _fill_address(from_, fromlen, address)
    if sinfo is not None:
        _fill(sinfo, info)
    _put(msg_flags, flags)
    return _length(data)


def sctp_recvv(sd: Any, iov: Sequence[Any], iovcnt: int, from_: Any, fromlen: Any, info: Any, infolen: Any,
               infotype: Any, flags: Any) -> int:
    """Receive into the buffers; the number of bytes.

    `info` is filled with what fits its length: both, sctp_rcvinfo, sctp_nxtinfo or nothing, and infotype
    (c_uint) says which.
    """
    buffers = [memoryview(buffer).cast("B") for buffer in list(iov)[:iovcnt]]
    data, address, found, kind, msg_flags = sd.sctp_recvv(sum(map(_length, buffers)), _value(flags))
    start = 0
    for buffer in buffers:
        _fill(buffer, data[start:start + _length(buffer)])
        start += _length(buffer)
    room = _value(infolen) if info is not None else 0
    if kind == _socket.SCTP_RECVV_RN and room < ctypes.sizeof(structs.sctp_recvv_rn):
        kind, found = ((_socket.SCTP_RECVV_NXTINFO, found.recvv_nxtinfo)
                       if room < ctypes.sizeof(structs.sctp_rcvinfo)
                       else (_socket.SCTP_RECVV_RCVINFO, found.recvv_rcvinfo))
    if found is None or room < ctypes.sizeof(found):
        kind, found = _socket.SCTP_RECVV_NOINFO, b""
    else:
        _fill(info, found)
    _put(infolen, _length(bytes(found)))
    _put(infotype, kind)
    _put(flags, msg_flags)
    _fill_address(from_, fromlen, address)
    return _length(data)


# ------------------------------------------------------------------ C's pointers

_length = len  # C's parameters have that name, too


def _bytes(data: Any, length: int) -> bytes:
    """The first bytes of a buffer.  EFAULT if it has not as many."""
    view = memoryview(data).cast("B")
    if not 0 <= length <= _length(view):
        raise error(errno.EFAULT, f"{length} bytes of a buffer of {_length(view)}")
    return bytes(view[:length])


def _value(pointer: Any) -> int:
    return 0 if pointer is None else int(pointer.value)


def _put(pointer: Any, value: int) -> None:
    if pointer is not None:
        pointer.value = value


def _fill(target: Any, value: Any) -> None:
    """Copy bytes to the beginning of a writable buffer."""
    data = bytes(value)
    view = memoryview(target).cast("B")
    view[:_length(data)] = data[:_length(view)]


def _address(address: Any, length: int) -> Any:
    """An address tuple from a tuple or the bytes of a sockaddr; None for NULL."""
    if address is None or isinstance(address, tuple):
        return address
    found = structs.unpack_sockaddr(bytes(memoryview(address).cast("B"))[:length])
    if found is None:
        raise error(errno.EINVAL, "unknown address family")
    return found


def _addresses(addrs: Any, count: int) -> list[Any]:
    """The first addresses of a list, or of a packed array."""
    if addrs is None or count <= 0:
        raise error(errno.EINVAL, "no addresses")
    if not isinstance(addrs, (list, tuple)):
        try:
            addrs = structs.unpack_sockaddrs(bytes(memoryview(addrs).cast("B")))
        except ValueError as problem:
            raise error(errno.EINVAL, str(problem)) from None
    return list(addrs)[:count]


def _fill_address(target: Any, length: Any, address: Any) -> None:
    """What C does with msg_name: as much of the sockaddr as there is room for, and its true length."""
    if target is None or address is None:
        return
    data = structs.pack_sockaddr(address)
    _fill(target, data[:_value(length) or _length(data)])
    _put(length, _length(data))
