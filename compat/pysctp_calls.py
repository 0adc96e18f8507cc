"""pysctp's helper module `_sctp`: the calls of libsctp on a descriptor, with tuples and dicts for structures.

Where a descriptor is wanted the socket object does as well.  Names in dicts are those of the C structures'
members without their prefix (`sinfo_stream` is "stream").
"""
from __future__ import annotations

import errno
import ipaddress
import os
import socket as _stdlib
import stat
from collections.abc import Callable, Iterable
from typing import Any

from pysctpsock import constants as c
from pysctpsock import handle, notifications, structs
from pysctpsock.errors import error
from pysctpsock.socket import socket as _socket

from . import kernel

Values = dict[str, Any]
Pair = tuple[str, int]

HAVE = {"HAVE_SCTP": 1, "HAVE_KERNEL_SCTP": 2, "HAVE_SCTP_MULTIBUF": 4, "HAVE_SCTP_NOCONNECT": 8,
        "HAVE_SCTP_PRSCTP": 16, "HAVE_SCTP_ADDIP": 32, "HAVE_SCTP_CANSET_PRIMARY": 64,
        "HAVE_SCTP_SAT_NETWORK_CAPABILITY": 128}
CONSTANTS: dict[str, int] = {
    "BINDX_ADD": c.SCTP_BINDX_ADD_ADDR, "BINDX_REMOVE": c.SCTP_BINDX_REM_ADDR,
    "BINDX_REM": c.SCTP_BINDX_REM_ADDR,
    "MSG_UNORDERED": c.SCTP_UNORDERED, "MSG_ADDR_OVER": c.SCTP_ADDR_OVER,
    "MSG_ADDR_OVERRIDE": c.SCTP_ADDR_OVER, "MSG_ABORT": c.SCTP_ABORT, "MSG_EOF": c.SCTP_EOF,
    "MSG_FIN": c.SCTP_EOF, "MSG_SENDALL": c.SCTP_SENDALL,
    "MSG_NOTIFICATION": c.MSG_NOTIFICATION, "MSG_EOR": c.MSG_EOR, "MSG_DONTROUTE": _stdlib.MSG_DONTROUTE,
    "SOL_SCTP": c.SOL_SCTP, "IPPROTO_SCTP": c.IPPROTO_SCTP,
    "SOCK_STREAM": int(_stdlib.SOCK_STREAM), "SOCK_SEQPACKET": int(_stdlib.SOCK_SEQPACKET), **HAVE,
}
RENAMED = {"spc_aaddr": "addr", "ssfe_info": "info", "sasoc_asocmaxrxt": "assocmaxrxt",
           "spp_address": "sockaddr", "spinfo_address": "sockaddr"}
Error = OSError


def getconstant(name: str) -> int:
    """The number that a name of <netinet/sctp.h> stands for; SystemError for an unknown one, as pysctp has
    it.

    Names without prefix are pysctp's own, such as "BINDX_ADD"; "SCTP_..." and "SPP_..." are C's.
    """
    value = CONSTANTS.get(name, getattr(c, name, None))
    if not isinstance(value, int):
        raise SystemError(f"no constant {name!r}")
    return value


def error_out() -> None:
    """Raise the exception of the module."""
    raise Error(errno.EINVAL, os.strerror(errno.EINVAL))


def have_sctp_multibuf() -> bool:
    """True: sctp_bindx takes several addresses."""
    return True


def have_sctp_noconnect() -> bool:
    """True: sctp_connectx is there."""
    return True


def have_sctp_prsctp() -> bool:
    """True: messages have a lifetime (RFC 3758)."""
    return True


def have_sctp_sat_network_capability() -> bool:
    """False: so is it with lksctp."""
    return False


def have_sctp_setprimary() -> bool:
    """True: primary addresses can be set."""
    return True


def have_sctp_addip() -> bool:
    """True: there is sctp_setpeerprim."""
    return True


# ------------------------------------------------------------------ descriptors, addresses, structures

def new_socket(family: int, style: int, of_kernel: bool) -> Any:
    """An SCTP socket, of the kernel or of this library."""
    if of_kernel:
        return kernel.new_socket(family, style)
    return _socket(family, style, c.IPPROTO_SCTP)


def socket_of(fd: Any) -> Any:
    """The SCTP socket of a descriptor, or the socket itself; the kernel's with libsctp's calls as methods.

    EBADF or ENOTSOCK if there is none.
    """
    sock = handle.socket_of(fd) if isinstance(fd, int) else fd
    if sock is None and not stat.S_ISSOCK(os.fstat(fd).st_mode):
        raise error(errno.ENOTSOCK, f"descriptor {fd} is no SCTP socket's")
    return sock if hasattr(sock, "sctp_sendmsg") else kernel.KernelSocket(fd)


def to_address(pair: Any, family: int) -> tuple[Any, ...]:
    """The socket module's address of a pair (numeric host, port); "" is the wildcard.

    TypeError for what is no pair, ValueError for a name.
    """
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise TypeError(f"an address is a pair (text, port), not {pair!r}")
    host, port = pair
    if not isinstance(host, str) or not isinstance(port, int):
        raise TypeError(f"an address is a pair (text, port), not {pair!r}")
    if not host:
        host = "::" if family == _stdlib.AF_INET6 else "0.0.0.0"
    ipaddress.ip_address(host.partition("%")[0])  # ValueError
    return host, port


def to_pair(address: Any) -> Any:
    """A pair of an address of the socket module; None stays."""
    return None if address is None else tuple(address[:2])


def _sockaddr_test(pair: Pair) -> Pair:
    """The pair as it comes back from a sockaddr."""
    return to_pair(structs.sockaddr_storage.of(to_address(pair, 0)).address)


def short_names(structure: Any) -> Values:
    """The members' names without the prefix that they have in common, by their whole names."""
    names = list(structure.values())
    prefix = os.path.commonprefix(names).rpartition("_")[0] or "ssf"  # noqa: RUF071  characters are meant
    return {name: RENAMED.get(name, name[len(prefix) + 1:]) for name in names}


def values_of(structure: Any) -> Values:
    """The members of a structure by name without prefix; addresses as pairs, structures as dicts."""
    values: Values = {}
    for name, short in short_names(structure).items():
        value = getattr(structure, name)
        if isinstance(value, structs.sockaddr_storage):
            value = to_pair(value.address) or ("", 0)
        elif isinstance(value, structs.Struct):
            value = values_of(value)
        values[short] = value
    return values


def fill(structure: Any, values: Values, family: int) -> Any:
    """The structure with the members that the dict has."""
    for name, short in short_names(structure).items():
        if short == "sockaddr":
            if values.get(short, ("", 0)) != ("", 0):
                setattr(structure, name, to_address(values[short], family))
        elif short in values and isinstance(values[short], int):
            setattr(structure, name, values[short])
    return structure


# ------------------------------------------------------------------ addresses and associations

def bindx(fd: Any, addresses: Iterable[Pair], action: int) -> None:
    """Add or remove local addresses."""
    sock = socket_of(fd)
    sock.sctp_bindx([to_address(pair, sock.family) for pair in addresses], action)


def connectx(fd: Any, addresses: Iterable[Pair], result: Values | None = None) -> None:
    """Connect to a peer by several addresses; a dict gets the association's id as "assoc_id"."""
    sock = socket_of(fd)
    assoc_id = sock.sctp_connectx([to_address(pair, sock.family) for pair in addresses])
    if isinstance(result, dict):
        result["assoc_id"] = assoc_id


def getpaddrs(fd: Any, assoc_id: int) -> tuple[Pair, ...]:
    """The peer's addresses."""
    return tuple(to_pair(address) for address in socket_of(fd).sctp_getpaddrs(assoc_id))


def getladdrs(fd: Any, assoc_id: int) -> tuple[Pair, ...]:
    """The local addresses."""
    return tuple(to_pair(address) for address in socket_of(fd).sctp_getladdrs(assoc_id))


def peeled_off(fd: Any, assoc_id: int) -> Any:
    """The socket of an association that leaves its one-to-many socket."""
    return socket_of(fd).sctp_peeloff(assoc_id)


def peeloff(fd: Any, assoc_id: int) -> int:
    """The same; its descriptor, and whoever closes that, or the socket, ends it."""
    peeled = peeled_off(fd, assoc_id)
    _peeled_by_number[peeled.fileno()] = peeled
    return int(peeled.fileno())


_peeled_by_number: dict[int, Any] = {}  # sockets that only their number refers to


def set_primary(fd: Any, assoc_id: int, address: Pair) -> None:
    """The peer's address that is sent to."""
    sock = socket_of(fd)
    sock.setsockopt(c.SOL_SCTP, c.SCTP_PRIMARY_ADDR,
                    structs.sctp_prim(assoc_id, to_address(address, sock.family)))


def set_peer_primary(fd: Any, assoc_id: int, address: Pair) -> None:
    """The local address that the peer is asked to send to (RFC 5061)."""
    sock = socket_of(fd)
    sock.setsockopt(c.SOL_SCTP, c.SCTP_SET_PEER_PRIMARY_ADDR,
                    structs.sctp_setpeerprim(assoc_id, to_address(address, sock.family)))


# ------------------------------------------------------------------ messages

def _check_range(what: str, value: int, bits: int) -> None:
    if not -(1 << bits - 1) <= value < 1 << bits:
        raise OverflowError(f"{what} {value} has more than {bits} bits")


def swapped(ppid: int) -> int:
    """A payload protocol identifier as it lies in memory when it goes out in network byte order."""
    _check_range("ppid", ppid, 32)
    return _stdlib.htonl(ppid & 0xFFFFFFFF)


def sctp_send_msg(fd: Any, msg: Any, to: Any, ppid: int, flags: int, stream: int, timetolive: int,
                  context: int) -> int:
    """Send one message; its length.  `ppid` goes as it lies in memory, `to` is a pair or an association's id.

    ValueError for an empty message that is no MSG_EOF, OverflowError for a number out of range.
    """
    sock = socket_of(fd)
    data = msg.encode() if isinstance(msg, str) else bytes(memoryview(msg))
    if not data and not flags & (c.SCTP_EOF | c.SCTP_ABORT):
        raise ValueError("an empty message wants MSG_EOF")
    for what, value, bits in (("ppid", ppid, 32), ("flags", flags, 16), ("stream", stream, 16),
                              ("timetolive", timetolive, 32), ("context", context, 32)):
        _check_range(what, value, bits)
    where = None
    if isinstance(to, int):
        where = sock.sctp_getpaddrs(to)[0]
    elif to != ("", 0):
        where = to_address(to, sock.family)
    return int(sock.sctp_sendmsg(data, where, ppid & 0xFFFFFFFF, flags & 0xFFFF, stream & 0xFFFF,
                                 timetolive & 0xFFFFFFFF, context & 0xFFFFFFFF))


def sctp_recv_msg(fd: Any, maxlen: int) -> tuple[Pair | None, int, bytes | None, Values]:
    """(address, flags, message, dict of what came with it).

    Of a notification the message is None and the dict has its fields.
    """
    data, source, info, flags = socket_of(fd).sctp_recvmsg(maxlen)
    if flags & c.MSG_NOTIFICATION:
        return to_pair(source), flags, None, notification_values(data)
    return to_pair(source), flags, data, values_of(info)


def notification_values(data: bytes) -> Values:
    """A notification as a dict; one that is cut, or of an unknown type, has what could be read."""
    header = values_of(structs.sctp_tlv.unpack(data.ljust(8, b"\0")))
    try:
        structure = notifications.parse(data)
    except ValueError:
        return {**header, "data": data[8:]}
    values = values_of(structure)
    if header["type"] in (c.SCTP_REMOTE_ERROR, c.SCTP_SEND_FAILED):
        values["data"] = structure.tail
    return values


# ------------------------------------------------------------------ options

def _number(level: int, option: int) -> tuple[Callable[[Any], int], Callable[[Any, int], None]]:
    def get(fd: Any) -> int:
        return int(socket_of(fd).getsockopt(level, option))

    def set_(fd: Any, value: int) -> None:
        socket_of(fd).setsockopt(level, option, int(value))

    return get, set_


get_nodelay, set_nodelay = _number(c.SOL_SCTP, c.SCTP_NODELAY)
get_adaptation, set_adaptation = _number(c.SOL_SCTP, c.SCTP_ADAPTATION_LAYER)
get_disable_fragments, set_disable_fragments = _number(c.SOL_SCTP, c.SCTP_DISABLE_FRAGMENTS)
get_mappedv4, set_mappedv4 = _number(c.SOL_SCTP, c.SCTP_I_WANT_MAPPED_V4_ADDR)
get_maxseg, set_maxseg = _number(c.SOL_SCTP, c.SCTP_MAXSEG)
get_autoclose, set_autoclose = _number(c.SOL_SCTP, c.SCTP_AUTOCLOSE)
get_sndbuf, set_sndbuf = _number(_stdlib.SOL_SOCKET, _stdlib.SO_SNDBUF)
get_rcvbuf, set_rcvbuf = _number(_stdlib.SOL_SOCKET, _stdlib.SO_RCVBUF)


def _read(fd: Any, option: int, structure: type[Any], values: Values) -> Values:
    """The option's values; what its structure takes as input comes from `values`, which is filled."""
    sock = socket_of(fd)
    asked = fill(structure(), values, sock.family)
    got = values_of(structure.unpack(sock.getsockopt(c.SOL_SCTP, option, asked)))
    values.update({name: value for name, value in got.items() if name in values})
    return got


def _write(fd: Any, option: int, structure: type[Any], values: Values) -> None:
    sock = socket_of(fd)
    sock.setsockopt(c.SOL_SCTP, option, fill(structure(), values, sock.family))


def get_initparams(fd: Any) -> Values:
    """SCTP_INITMSG as a dict."""
    return _read(fd, c.SCTP_INITMSG, structs.sctp_initmsg, {})


def set_initparams(fd: Any, values: Values) -> None:
    """SCTP_INITMSG from a dict."""
    _write(fd, c.SCTP_INITMSG, structs.sctp_initmsg, values)


def event_names() -> dict[str, str]:
    """The member of struct sctp_event_subscribe by pysctp's name."""
    return {member.removeprefix("sctp_").removesuffix("_event"): member
            for member in structs.sctp_event_subscribe().values()}


def get_events(fd: Any) -> Values:
    """SCTP_EVENTS as a dict."""
    size = len(event_names())
    subscribed = structs.sctp_event_subscribe.unpack(
        socket_of(fd).getsockopt(c.SOL_SCTP, c.SCTP_EVENTS, size).ljust(size, b"\0"))
    return {name: getattr(subscribed, member) for name, member in event_names().items()}


def set_events(fd: Any, values: Values) -> None:
    """SCTP_EVENTS from a dict; what is not in it is switched off."""
    sock, names = socket_of(fd), event_names()
    wanted = structs.sctp_event_subscribe(
        **{member: int(values.get(name, 0)) for name, member in names.items()})
    known = len(sock.getsockopt(c.SOL_SCTP, c.SCTP_EVENTS, len(names)))  # an older kernel has fewer
    sock.setsockopt(c.SOL_SCTP, c.SCTP_EVENTS, wanted.pack()[:known])


def get_rtoinfo(fd: Any, values: Values) -> None:
    """SCTP_RTOINFO of the dict's assoc_id, into the dict."""
    _read(fd, c.SCTP_RTOINFO, structs.sctp_rtoinfo, values)


def set_rtoinfo(fd: Any, values: Values) -> None:
    """SCTP_RTOINFO from a dict."""
    _write(fd, c.SCTP_RTOINFO, structs.sctp_rtoinfo, values)


def get_assocparams(fd: Any, values: Values) -> None:
    """SCTP_ASSOCINFO of the dict's assoc_id, into the dict."""
    _read(fd, c.SCTP_ASSOCINFO, structs.sctp_assocparams, values)


def set_assocparams(fd: Any, values: Values) -> None:
    """SCTP_ASSOCINFO from a dict."""
    _write(fd, c.SCTP_ASSOCINFO, structs.sctp_assocparams, values)


def get_paddrparams(fd: Any, values: Values) -> None:
    """SCTP_PEER_ADDR_PARAMS of the dict's assoc_id and sockaddr, into the dict."""
    _read(fd, c.SCTP_PEER_ADDR_PARAMS, structs.sctp_paddrparams, values)


def set_paddrparams(fd: Any, values: Values) -> None:
    """SCTP_PEER_ADDR_PARAMS from a dict, which is read back then."""
    _write(fd, c.SCTP_PEER_ADDR_PARAMS, structs.sctp_paddrparams, values)
    get_paddrparams(fd, values)


def get_paddrinfo(fd: Any, values: Values) -> None:
    """SCTP_GET_PEER_ADDR_INFO of the dict's assoc_id and sockaddr, into the dict."""
    _read(fd, c.SCTP_GET_PEER_ADDR_INFO, structs.sctp_paddrinfo, values)


def get_status(fd: Any, values: Values, primary: Values) -> None:
    """SCTP_STATUS of the dict's assoc_id, into the dict, and of the primary address into the other."""
    kept = values.get("primary")
    primary.update(_read(fd, c.SCTP_STATUS, structs.sctp_status, values)["primary"])
    values["primary"] = kept
