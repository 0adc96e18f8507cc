"""The options behind libsctp's functions, for programs that call them directly: packed address lists.

Linux's numbers and layouts; RFC 6458 sections 9.1 to 9.9 describe the functions.  What a call of C returns
beside 0, an association's id, Python's setsockopt() has no place for: use the functions.
"""
from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

from .. import constants as c
from .. import structs
from ..errors import error
from ..structs import Struct
from .row import Option, Setter, Target


class packed_addresses(Struct):
    """Addresses behind each other, each as long as its family has it: all of it is tail."""

    _fields_ = ()


def each_address(work: Callable[[Any, list[tuple[Any, ...]]], object]) -> Setter:
    """A setter that unpacks the addresses and calls the socket's method for them."""
    def set_(target: Target, value: Any) -> None:
        try:
            addresses = structs.unpack_sockaddrs(value.tail)
        except ValueError as problem:
            raise error(errno.EINVAL, str(problem)) from None
        if not addresses:
            raise error(errno.EINVAL, "no address")
        # A flow label is no part of an address, and any bits may be where it stands.
        work(target.sock, [address if len(address) == 2 else (*address[:2], 0, address[3])
                           for address in addresses])

    return set_


connectx = each_address(lambda sock, addresses: sock.sctp_connectx(addresses))


def addresses_get(method: str) -> Callable[[Target, Any], Any]:
    """A getter of what a method of the socket lists."""
    def get(target: Target, request: Any) -> Any:
        addresses = getattr(target.sock, method)(request.assoc_id)
        value = structs.sctp_getaddrs(request.assoc_id, len(addresses))
        value.tail = b"".join(structs.pack_sockaddr(address) for address in addresses)
        return value

    return get


def peeloff_get(target: Target, request: Any) -> Any:
    """The descriptor of the new socket, which `socket(fileno=sd)` gives."""
    peeled = target.sock.sctp_peeloff_flags(request.associd, getattr(request, "flags", 0))
    request.sd = peeled.detach()
    return request


def connectx3_get(target: Target, request: Any) -> Any:
    raise error(errno.EOPNOTSUPP, "SCTP_SOCKOPT_CONNECTX3 has a pointer: call sctp_connectx()")


OPTIONS = [
    Option("SCTP_SOCKOPT_BINDX_ADD", packed_addresses, "", None,
           each_address(lambda sock, addresses: sock.sctp_bindx(addresses, c.SCTP_BINDX_ADD_ADDR)),
           rfc="9.1", tail=True, about="`sctp_bindx`, addresses to add."),
    Option("SCTP_SOCKOPT_BINDX_REM", packed_addresses, "", None,
           each_address(lambda sock, addresses: sock.sctp_bindx(addresses, c.SCTP_BINDX_REM_ADDR)),
           rfc="9.1", tail=True, about="`sctp_bindx`, addresses to remove."),
    Option("SCTP_SOCKOPT_PEELOFF", structs.sctp_peeloff_arg_t, "C", peeloff_get, rfc="9.2",
           errors=("EINVAL: not a one-to-many socket",),
           about="`sctp_peeloff`; `socket(fileno=sd)` gives the socket."),
    Option("SCTP_SOCKOPT_PEELOFF_FLAGS", structs.sctp_peeloff_flags_arg_t, "C", peeloff_get, rfc="9.2",
           errors=("EINVAL: not a one-to-many socket",),
           about="`sctp_peeloff_flags`; `socket(fileno=sd)` gives the socket."),
    Option("SCTP_SOCKOPT_CONNECTX3", structs.sctp_getaddrs_old, "", connectx3_get, rfc="9.9",
           errors=("EOPNOTSUPP: always, for the value has a pointer",), about="`sctp_connectx`."),
    Option("SCTP_SOCKOPT_CONNECTX_OLD", packed_addresses, "", None, connectx, rfc="9.9", tail=True,
           about="`sctp_connectx`."),
    Option("SCTP_SOCKOPT_CONNECTX", packed_addresses, "", None, connectx, rfc="9.9", tail=True,
           about="`sctp_connectx`."),
    Option("SCTP_GET_PEER_ADDRS", structs.sctp_getaddrs, "C", addresses_get("sctp_getpaddrs"), rfc="9.3",
           tail=True, too_small=errno.ENOMEM, errors=("ENOMEM: no room for all addresses",),
           about="`sctp_getpaddrs`."),
    Option("SCTP_GET_LOCAL_ADDRS", structs.sctp_getaddrs, "B", addresses_get("sctp_getladdrs"), rfc="9.5",
           tail=True, too_small=errno.ENOMEM, errors=("ENOMEM: no room for all addresses",),
           about="`sctp_getladdrs`."),
]
