"""Ancillary data: what accompanies one message, sent or received, as (level, type, bytes) items.

RFC 6458 section 5.3, with Linux's lengths, order and errnos.
"""
from __future__ import annotations

import ctypes
import errno
import socket as _socket
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import index
from typing import Any

from . import constants as c
from . import structs
from .address import Address, to_core, unmapped
from .errors import error

Item = tuple[int, int, bytes]

SEND_FLAGS = (c.SCTP_UNORDERED | c.SCTP_ADDR_OVER | c.SCTP_SACK_IMMEDIATELY | c.SCTP_ABORT | c.SCTP_EOF
              | c.SCTP_SENDALL | c.SCTP_PR_SCTP_MASK)
STRUCTURES: dict[int, type[structs.Struct]] = {  # in which a program may have them
    c.SCTP_INIT: structs.sctp_initmsg, c.SCTP_SNDRCV: structs.sctp_sndrcvinfo,
    c.SCTP_SNDINFO: structs.sctp_sndinfo, c.SCTP_PRINFO: structs.sctp_prinfo,
    c.SCTP_AUTHINFO: structs.sctp_authinfo,
}
LENGTHS = {  # of the payload of what may be sent
    c.SCTP_INIT: 8, c.SCTP_SNDRCV: 32, c.SCTP_SNDINFO: 16, c.SCTP_PRINFO: 8, c.SCTP_AUTHINFO: 2,
    c.SCTP_DSTADDRV4: 4, c.SCTP_DSTADDRV6: 16,
}
SENDV_TYPES = {  # infotype: the ancillary type
    c.SCTP_SENDV_SNDINFO: c.SCTP_SNDINFO,
    c.SCTP_SENDV_PRINFO: c.SCTP_PRINFO,
    c.SCTP_SENDV_AUTHINFO: c.SCTP_AUTHINFO,
}
SENDV_STRUCTURES: dict[int, type[structs.Struct]] = {
    infotype: STRUCTURES[kind] for infotype, kind in SENDV_TYPES.items()
} | {c.SCTP_SENDV_SPA: structs.sctp_sendv_spa}


@dataclass
class SendInfo:
    """How one message is to be sent, as far as the call says it."""

    stream: int = 0
    flags: int = 0
    ppid: int = 0
    context: int = 0
    timetolive: int = 0
    assoc_id: int = 0
    explicit: bool = False  # SNDRCV or SNDINFO said the above, so that no default applies
    lifetime_given: bool = False  # by SNDRCV or PRINFO
    policy_given: bool = False  # by PRINFO
    end: bool = True  # of the message; explicit EOR
    init: Any = None  # sctp_initmsg, for an association that the message creates
    more_hosts: list[str] = field(default_factory=list)  # of the peer that it begins one with
    bad_hosts: bool = False  # one of those has a wrong length

    def check(self, length: int, has_address: bool, explicit_eor: bool = False) -> None:
        """EINVAL for flags that are none or contradict the message; SCTP_EOR is one with explicit EOR."""
        if explicit_eor:
            self.end = bool(self.flags & c.SCTP_EOR)
            self.flags &= ~c.SCTP_EOR
        if self.flags & ~SEND_FLAGS:
            raise error(errno.EINVAL, f"flags {self.flags:#x}")
        if length and self.flags & c.SCTP_EOF:
            raise error(errno.EINVAL, "SCTP_EOF goes without data")
        if not length and not self.flags & (c.SCTP_EOF | c.SCTP_ABORT):
            raise error(errno.EINVAL, "a message has at least one byte")
        if self.flags & c.SCTP_ADDR_OVER and not has_address:
            raise error(errno.EINVAL, "SCTP_ADDR_OVER wants an address")

    def complete(self, parameters: Any) -> None:
        """Put the defaults of the association, or of the endpoint, where the call left it open."""
        if not self.explicit:
            self.stream, self.ppid = parameters.default_stream, parameters.default_ppid
            self.context = parameters.default_context
            if not self.policy_given:
                self.flags = parameters.default_flags
        if not self.lifetime_given:
            self.timetolive = parameters.default_timetolive


def parse(items: Iterable[tuple[int, int, Any]]) -> SendInfo:
    """What ancillary data says of a message.

    EINVAL for a wrong length, an unknown SCTP type or policy.  Other levels are ignored, and so are
    addresses, whatever their length, unless the message begins an association.
    """
    info = SendInfo()
    given: dict[int, Any] = {}
    for item in items:
        if not isinstance(item, tuple) or len(item) != 3:
            raise TypeError("ancillary data are tuples (level, type, bytes)")
        level, kind, data = index(item[0]), index(item[1]), bytes(memoryview(item[2]))
        if level != c.IPPROTO_SCTP:
            continue
        wanted = STRUCTURES.get(kind)
        if isinstance(item[2], structs.Struct) and wanted is not None and not isinstance(item[2], wanted):
            raise TypeError(f"ancillary data of type {kind}: {wanted.__name__}, not {type(item[2]).__name__}")
        if LENGTHS.get(kind) != len(data):
            if kind in (c.SCTP_DSTADDRV4, c.SCTP_DSTADDRV6):
                info.bad_hosts = True
                continue
            raise error(errno.EINVAL, f"ancillary data of type {kind} with {len(data)} bytes")
        given[kind] = data
        if kind == c.SCTP_DSTADDRV4:
            info.more_hosts.append(_socket.inet_ntop(_socket.AF_INET, data))
        elif kind == c.SCTP_DSTADDRV6:
            info.more_hosts.append(unmapped(_socket.inet_ntop(_socket.AF_INET6, data)))
    if c.SCTP_INIT in given:
        info.init = structs.sctp_initmsg.unpack(given[c.SCTP_INIT])
    if c.SCTP_SNDRCV in given:
        old = structs.sctp_sndrcvinfo.unpack(given[c.SCTP_SNDRCV])
        info.stream, info.flags, info.ppid = old.sinfo_stream, old.sinfo_flags, old.sinfo_ppid
        info.context, info.timetolive = old.sinfo_context, old.sinfo_timetolive
        info.assoc_id, info.lifetime_given = old.sinfo_assoc_id, True
    if c.SCTP_SNDINFO in given:  # wins over SNDRCV
        snd = structs.sctp_sndinfo.unpack(given[c.SCTP_SNDINFO])
        info.stream, info.flags, info.ppid = snd.snd_sid, snd.snd_flags, snd.snd_ppid
        info.context, info.assoc_id = snd.snd_context, snd.snd_assoc_id
    info.explicit = c.SCTP_SNDRCV in given or c.SCTP_SNDINFO in given
    if c.SCTP_PRINFO in given:
        pr = structs.sctp_prinfo.unpack(given[c.SCTP_PRINFO])
        if pr.pr_policy & ~c.SCTP_PR_SCTP_MASK:
            raise error(errno.EINVAL, f"partial reliability policy {pr.pr_policy:#x}")
        info.flags = info.flags & ~c.SCTP_PR_SCTP_MASK | pr.pr_policy
        info.timetolive = pr.pr_value if pr.pr_policy else 0
        info.policy_given = info.lifetime_given = True
    return info


def more_addresses(family: int, addresses: Sequence[Address]) -> list[Item]:
    """A peer's addresses but the first, whose port all have, for the message that begins the association."""
    items = []
    for address in addresses[1:]:
        host = to_core(family, address)[0].partition("%")[0]
        if ":" in host:
            items.append((c.IPPROTO_SCTP, c.SCTP_DSTADDRV6, _socket.inet_pton(_socket.AF_INET6, host)))
        else:
            items.append((c.IPPROTO_SCTP, c.SCTP_DSTADDRV4, _socket.inet_pton(_socket.AF_INET, host)))
    return items


def sendv_items(info: Any, infotype: int) -> list[Item]:
    """sctp_sendv's information (RFC 6458 section 9.12) as ancillary data; EINVAL if it is not of its type."""
    data = b"" if info is None else bytes(memoryview(info))
    wanted = SENDV_STRUCTURES.get(infotype)
    if isinstance(info, structs.Struct) and wanted is not None and not isinstance(info, wanted):
        raise error(errno.EINVAL, f"sctp_sendv: {wanted.__name__} is wanted, not {type(info).__name__}")
    if infotype == c.SCTP_SENDV_NOINFO and not data:
        return []
    kind = SENDV_TYPES.get(infotype)
    if kind is not None and len(data) == LENGTHS[kind]:
        return [(c.IPPROTO_SCTP, kind, data)]
    if infotype != c.SCTP_SENDV_SPA or len(data) != ctypes.sizeof(structs.sctp_sendv_spa):
        raise error(errno.EINVAL, "sctp_sendv: the information is not of its type")
    spa = structs.sctp_sendv_spa.unpack(data)
    members = [
        (c.SCTP_SEND_SNDINFO_VALID, c.SCTP_SNDINFO, spa.sendv_sndinfo),
        (c.SCTP_SEND_PRINFO_VALID, c.SCTP_PRINFO, spa.sendv_prinfo),
        (c.SCTP_SEND_AUTHINFO_VALID, c.SCTP_AUTHINFO, spa.sendv_authinfo),
    ]
    return [(c.IPPROTO_SCTP, kind, bytes(member)) for bit, kind, member in members if spa.sendv_flags & bit]


def tell_association(info: Any, infotype: int, assoc_id: int) -> None:
    """Put the id of the association that was sent on into sctp_sendv's information, where it has one."""
    offset = structs.sctp_sndinfo.snd_assoc_id.offset
    if infotype == c.SCTP_SENDV_SPA:
        if not structs.sctp_sendv_spa.unpack(bytes(memoryview(info))).sendv_flags & c.SCTP_SEND_SNDINFO_VALID:
            return
        offset += structs.sctp_sendv_spa.sendv_sndinfo.offset
    elif infotype != c.SCTP_SENDV_SNDINFO:
        return
    view = memoryview(info).cast("B")
    if not view.readonly:
        view[offset:offset + 4] = assoc_id.to_bytes(4, sys.byteorder, signed=True)


def sndrcvinfo(fields: tuple[Any, ...], association: Any) -> Any:
    """sctp_sndrcvinfo of a received message: (stream, ssn, unordered, ppid, tsn, cumulative tsn)."""
    stream, ssn, unordered, ppid, tsn, cumtsn = fields
    return structs.sctp_sndrcvinfo(stream, ssn, c.SCTP_UNORDERED if unordered else 0, ppid,
                                   association.parameters.receive_context, 0, tsn, cumtsn,
                                   association.assoc_id)


def rcvinfo(fields: tuple[Any, ...], association: Any) -> Any:
    """sctp_rcvinfo of a received message."""
    stream, ssn, unordered, ppid, tsn, cumtsn = fields
    return structs.sctp_rcvinfo(stream, ssn, c.SCTP_UNORDERED if unordered else 0, ppid, tsn, cumtsn,
                                association.parameters.receive_context, association.assoc_id)


def nxtinfo(following: tuple[Any, ...]) -> Any:
    """sctp_nxtinfo of what waits behind: (kind, stream, unordered, ppid, length, assoc id)."""
    kind, stream, unordered, ppid, length, assoc_id = following
    flags = (c.SCTP_UNORDERED if unordered else 0) | (c.SCTP_NOTIFICATION if kind else 0)
    return structs.sctp_nxtinfo(stream, flags, ppid, length, assoc_id)


def recvv_info(items: dict[int, Any], room: int | None) -> tuple[Any, int]:
    """(the structure that sctp_recvv gives, its type) of received items, by the room for it in bytes."""
    rcv, nxt = items.get(c.SCTP_RCVINFO), items.get(c.SCTP_NXTINFO)
    choices = [(rcv, c.SCTP_RECVV_RCVINFO), (nxt, c.SCTP_RECVV_NXTINFO)]
    if rcv is not None and nxt is not None:
        choices.insert(0, (structs.sctp_recvv_rn(rcv, nxt), c.SCTP_RECVV_RN))
    for info, infotype in choices:
        if info is not None and (room is None or ctypes.sizeof(info) <= room):
            return info, infotype
    return None, c.SCTP_RECVV_NOINFO


def fit(items: list[tuple[int, Any]], space: int) -> tuple[list[Item], int]:
    """(what a control buffer of `space` bytes holds of the items, MSG_CTRUNC if that is not all).

    As Linux, one that has room for its header is cut where the buffer ends.
    """
    header = ctypes.sizeof(ctypes.c_size_t) + 8
    taken: list[Item] = []
    flags = 0
    for kind, structure in items:
        data = bytes(structure)
        room = space - header
        if room < len(data):
            flags = c.MSG_CTRUNC
        if room >= 0:
            taken.append((c.IPPROTO_SCTP, kind, data[:room]))
            space = max(room - (len(data) + 7 & ~7), 0)
    return taken, flags
