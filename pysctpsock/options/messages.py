"""Options about messages: how they are sent, what comes with received ones, which events are wanted.

RFC 6458 sections 6.2, 8.1.11, 8.1.13 to 8.1.15 and 8.1.28 to 8.1.31.
"""
from __future__ import annotations

import errno
from typing import Any

from .. import constants as c
from .. import structs
from ..errors import error
from .row import Option, Target, switch
from .socket_level import buffer_shown

EVENT_MASK_BITS = 14


def events_get(target: Target, request: Any) -> Any:
    mask = subscriber(target).event_mask
    return structs.sctp_event_subscribe(*(mask >> bit & 1 for bit in range(EVENT_MASK_BITS)))


def events_set(target: Target, value: Any) -> None:
    """The bytes given, maybe only the first of them, switch their events (6.2.1)."""
    wanted = bytes(value)[:value.given]
    mask = subscriber(target).event_mask
    for bit, on in enumerate(wanted):
        mask = mask | 1 << bit if on else mask & ~(1 << bit)
    subscribe(target, mask)


def event_get(target: Target, request: Any) -> Any:
    return structs.sctp_event(request.se_assoc_id, request.se_type,
                              subscriber(target).event_mask >> event_bit(request) & 1)


def event_set(target: Target, value: Any) -> None:
    bit, mask = event_bit(value), subscriber(target).event_mask
    subscribe(target, mask | 1 << bit if value.se_on else mask & ~(1 << bit))


def event_bit(value: Any) -> int:
    if not c.SCTP_SN_TYPE_BASE <= value.se_type <= c.SCTP_SN_TYPE_MAX:
        raise error(errno.EINVAL, f"no notification type {value.se_type:#x}")
    return int(value.se_type) - c.SCTP_SN_TYPE_BASE


def subscriber(target: Target) -> Any:
    """Who has the mask: the association, or the socket for later ones."""
    return target.sock.user if target.association is None else target.association


def subscribe(target: Target, mask: int) -> None:
    """Put a new mask in force; a sender that is dry already is told at once (6.1.9)."""
    holder = subscriber(target)
    dry = 1 << (c.SCTP_SENDER_DRY_EVENT - c.SCTP_SN_TYPE_BASE)
    newly_dry = mask & dry and not holder.event_mask & dry
    holder.event_mask = mask
    if newly_dry and target.association is not None:
        target.sock.report_if_dry(target.association)


def default_send_param_get(target: Target, request: Any) -> Any:
    p = target.parameters
    return structs.sctp_sndrcvinfo(
        sinfo_stream=p.default_stream, sinfo_flags=p.default_flags, sinfo_ppid=p.default_ppid,
        sinfo_context=p.default_context, sinfo_timetolive=p.default_timetolive,
        sinfo_assoc_id=request.sinfo_assoc_id)


def default_send_param_set(target: Target, value: Any) -> None:
    set_send_defaults(target.parameters, value.sinfo_stream, value.sinfo_flags, value.sinfo_ppid,
                      value.sinfo_context)
    target.parameters.default_timetolive = value.sinfo_timetolive


def default_sndinfo_get(target: Target, request: Any) -> Any:
    p = target.parameters
    return structs.sctp_sndinfo(p.default_stream, p.default_flags, p.default_ppid, p.default_context,
                                request.snd_assoc_id)


def default_sndinfo_set(target: Target, value: Any) -> None:
    set_send_defaults(target.parameters, value.snd_sid, value.snd_flags, value.snd_ppid, value.snd_context)


def set_send_defaults(parameters: Any, stream: int, flags: int, ppid: int, context: int) -> None:
    if flags & ~(c.SCTP_UNORDERED | c.SCTP_ADDR_OVER | c.SCTP_ABORT | c.SCTP_EOF):
        raise error(errno.EINVAL, f"flags {flags:#x} cannot be a default")
    parameters.default_stream, parameters.default_flags = stream, flags
    parameters.default_ppid, parameters.default_context = ppid, context


# ------------------------------------------------------------------ what comes with received messages

def context_get(target: Target, request: Any) -> Any:
    return structs.sctp_assoc_value(request.assoc_id, target.parameters.receive_context)


def context_set(target: Target, value: Any) -> None:
    target.parameters.receive_context = value.assoc_value


def interleave_get(target: Target, request: Any) -> int:
    return int(target.sock.user.receive_queue.interleave != 0)


def interleave_set(target: Target, value: int) -> None:
    """Levels 0, 1 and 2; what is none counts as 1, as on Linux."""
    target.sock.user.receive_queue.interleave = value if value == 2 else int(value != 0)


def delivery_point_get(target: Target, request: Any) -> int:
    return int(target.sock.parameters.partial_delivery_point)


def delivery_point_set(target: Target, value: int) -> None:
    """The socket's, at once for all its associations."""
    if not 0 <= value <= buffer_shown(target.sock, "receive_buffer") // 2:
        raise error(errno.EINVAL, f"partial delivery point {value}")
    for holder in (target.sock, *target.sock.open_associations()):
        holder.parameters.partial_delivery_point = value


OPTIONS = [
    Option("SCTP_CONTEXT", structs.sctp_assoc_value, "A", context_get, context_set, rfc="8.1.25",
           about="The context that comes with received messages."),
    Option("SCTP_FRAGMENT_INTERLEAVE", None, "", interleave_get, interleave_set, exact=True, rfc="8.1.20",
           about="What may come between the pieces of a message: 0 nothing, 1 what other associations have, "
                 "2 other streams too. 2 reads back as 1, as on Linux."),
    Option("SCTP_PARTIAL_DELIVERY_POINT", None, "", delivery_point_get, delivery_point_set, exact=True,
           rfc="8.1.21", errors=("EINVAL: more than half of what SO_RCVBUF shows",),
           about="From how many bytes on a message that is not whole is handed out in pieces. 0: only one "
                 "that the receive buffer cannot hold."),
    Option("SCTP_EXPLICIT_EOR", None, "", *switch("explicit_eor"), rfc="8.1.26",
           about="A message ends with the send that has SCTP_EOR or MSG_EOR, and may take several. Not on "
                 "Linux, so the number is ours."),
    Option("SCTP_DISABLE_FRAGMENTS", None, "", *switch("disable_fragments"), rfc="8.1.11",
           about="Messages that do not fit one packet are refused with EMSGSIZE."),
    Option("SCTP_DEFAULT_SEND_PARAM", structs.sctp_sndrcvinfo, "A",
           default_send_param_get, default_send_param_set, rfc="8.1.13",
           errors=("EINVAL: flags other than UNORDERED, ADDR_OVER, ABORT, EOF",),
           about="Stream, flags, ppid, context and lifetime of messages that say nothing else."),
    Option("SCTP_EVENTS", structs.sctp_event_subscribe, "", events_get, events_set, rfc="6.2.1",
           lengths=range(14), about="Which notifications come, a byte each; fewer bytes change only those."),
    Option("SCTP_I_WANT_MAPPED_V4_ADDR", None, "", *switch("mapped_v4"), rfc="8.1.15",
           about="IPv6 sockets show IPv4 peers as ::ffff:a.b.c.d, else as AF_INET addresses."),
    Option("SCTP_EVENT", structs.sctp_event, "A", event_get, event_set, rfc="6.2.2", exact=False,
           errors=("EINVAL: no such notification",), about="Whether one type of notification comes."),
    Option("SCTP_RECVRCVINFO", None, "", *switch("recv_rcvinfo"), rfc="8.1.29",
           about="SCTP_RCVINFO comes with each message."),
    Option("SCTP_RECVNXTINFO", None, "", *switch("recv_nxtinfo"), rfc="8.1.30",
           about="SCTP_NXTINFO comes with a message when another one waits behind it."),
    Option("SCTP_DEFAULT_SNDINFO", structs.sctp_sndinfo, "A", default_sndinfo_get, default_sndinfo_set,
           rfc="8.1.31", errors=("EINVAL: flags other than UNORDERED, ADDR_OVER, ABORT, EOF",),
           about="The same without a lifetime."),
]
