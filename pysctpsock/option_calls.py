"""The calls by which a program reaches the options: setsockopt, getsockopt, sctp_opt_info.

RFC 6458 sections 7 and 9.14.  The package `options` says what the options are.
"""
from __future__ import annotations

import errno
import sys
from socket import SO_TYPE, SOCK_STREAM, SOL_SOCKET
from types import FrameType
from typing import Any

from . import constants as c
from . import options
from .errors import error


def _refuse_openssl() -> None:
    """EOPNOTSUPP where `ssl` or `gevent.ssl` wraps a socket: it asks for SO_TYPE first.

    It would then hand the descriptor to OpenSSL, which would wait there for ever: data never goes through it.
    """
    caller: FrameType | None = sys._getframe(2)
    while caller is not None and _module_of(caller).startswith(f"{__package__}."):  # which passes the call on
        caller = caller.f_back
    if caller is not None and _module_of(caller) in ("ssl", "gevent.ssl"):
        raise error(errno.EOPNOTSUPP, "OpenSSL cannot use an SCTP socket's descriptor: "
                    "pysctpsock.tls.wrap_socket(context, sock, ...) does TLS over it")


def _module_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__"))


class OptionCalls:
    """The part of a socket class that takes and gives options."""

    opt_info_takes = frozenset((
        c.SCTP_RTOINFO, c.SCTP_ASSOCINFO, c.SCTP_INITMSG, c.SCTP_NODELAY, c.SCTP_AUTOCLOSE,
        c.SCTP_PRIMARY_ADDR, c.SCTP_DISABLE_FRAGMENTS, c.SCTP_PEER_ADDR_PARAMS, c.SCTP_DEFAULT_SEND_PARAM,
        c.SCTP_EVENTS, c.SCTP_I_WANT_MAPPED_V4_ADDR, c.SCTP_MAXSEG, c.SCTP_STATUS, c.SCTP_GET_PEER_ADDR_INFO,
        c.SCTP_AUTH_ACTIVE_KEY, c.SCTP_PEER_AUTH_CHUNKS, c.SCTP_LOCAL_AUTH_CHUNKS,
    ))

    def _check_open(self) -> None:
        raise NotImplementedError

    def setsockopt(self, level: int, optname: int, value: Any, optlen: int | None = None) -> None:
        """Set an option: an int, or the bytes of its structure (RFC 6458 section 8).

        ENOPROTOOPT for an unknown option, EINVAL for a wrong length or value; TypeError for the structure of
        another option.
        """
        level, optname = options.c_number(level), options.c_number(optname)
        options.check_structure(level, optname, value)
        data = options.value_to_set(value, optlen)
        self._check_open()
        options.set_option(self, level, optname, data)

    def getsockopt(self, level: int, optname: int, buflen: Any = 0) -> Any:
        """Get an option: an int without `buflen`, else bytes.

        `buflen` may be the structure (or bytes) that is also input, an address's for instance.
        """
        level, optname = options.c_number(level), options.c_number(optname)
        options.check_structure(level, optname, buflen)
        buffer, wants_bytes = options.buffer_to_fill(buflen)
        self._check_open()
        value = options.get_option(self, level, optname, buffer)
        result = value if wants_bytes else int.from_bytes(value, options.byteorder, signed=True)
        if (level, optname, result) == (SOL_SOCKET, SO_TYPE, SOCK_STREAM):  # `ssl` itself refuses other types
            _refuse_openssl()
        return result

    def sctp_opt_info(self, assoc_id: int, opt: int, arg: Any) -> bytes:
        """The option's value, of the association or address that `arg` (structure or bytes) is about (9.14).

        ENOTSUP for options that libsctp does not take here.
        """
        assoc_id, opt = options.c_number(assoc_id), options.c_number(opt)
        if opt not in self.opt_info_takes:
            raise error(errno.ENOTSUP, f"sctp_opt_info: option {opt}")
        options.check_structure(c.SOL_SCTP, opt, arg)
        data = bytes(memoryview(arg))
        if len(data) < 4:
            raise error(errno.EINVAL, "sctp_opt_info: the value has no room for an association's id")
        buffer = assoc_id.to_bytes(4, options.byteorder, signed=True) + data[4:]
        value: bytes = self.getsockopt(c.SOL_SCTP, opt, buffer)
        return value
