"""Socket options: each declared once, in one table at the foot of this file.

RFC 6458 section 8, with Linux's numbers, structures, lengths and errnos.  Values travel as bytes, as
`setsockopt` and `getsockopt` have them.  An option works on a `Target`: the socket that was asked, and
the association that the id in the value means (see targets.py).
Options that are not in the table answer ENOPROTOOPT.
"""
from __future__ import annotations

import ctypes
import errno
import socket as _socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from . import constants as c
from . import structs
from .errors import error
from .structs import Struct
from .targets import Target, targets

_byteorder = sys.byteorder
MS = 1000  # microseconds, which the core counts, in one of the API's milliseconds
EVENT_MASK_BITS = 14
LARGEST_BUFFER = 1 << 30
LEAST_STORED = {"receive_buffer": 2304, "send_buffer": 4608}  # what Linux raises smaller requests to
LEAST_WINDOW = 1500  # a_rwnd at set-up (RFC 9260 section 3.3.2)


Getter = Callable[[Target, Any], Any]  # (target, the structure given or zeros) -> structure or int
Setter = Callable[[Target, Any], None]  # (target, structure or int)


@dataclass(frozen=True)
class Option:
    """One row of the table.

    ids: which association ids are taken (A, B, C, D as socket-level documents name them; "" none).
    lengths: of values that are shorter than the structure and yet taken; the rest stays as it is.
    exact: set takes nothing longer than the structure (Linux checks some options so, others not).
    legacy: an older structure of another size, and how it becomes the newer one and back.
    """

    number: int
    name: str
    struct: type[Struct] | None  # None: a C int
    ids: str = ""
    get: Getter | None = None
    set: Setter | None = None
    exact: bool = True
    lengths: Sequence[int] = ()
    legacy: tuple[type[Struct], Callable[[Any], Any], Callable[[Any], Any]] | None = None
    without_get: int = errno.ENOPROTOOPT  # what asking a write-only option answers


# ------------------------------------------------------------------ the two calls

def set_option(sock: Any, level: int, number: int, value: bytes | int) -> None:
    """setsockopt: OSError with Linux's errno where it does not fit."""
    option = find(level, number)
    if option is None or option.set is None:
        raise error(errno.ENOPROTOOPT, _name(level, number))
    data = value.to_bytes(4, _byteorder, signed=value < 0) if isinstance(value, int) else value
    request = _parse(option, data)
    for target in _targets(sock, option, request, setting=True):
        option.set(target, request)


def get_option(sock: Any, level: int, number: int, buffer: bytes) -> bytes:
    """getsockopt with a buffer that is also input; what comes back is cut to the option's true size."""
    option = find(level, number)
    if option is None:
        known_level = level in (c.SOL_SCTP, _socket.SOL_SOCKET)
        raise error(errno.ENOPROTOOPT if known_level else errno.EOPNOTSUPP, _name(level, number))
    if option.get is None:
        raise error(option.without_get, f"{option.name} can only be set")
    if option.struct is None:
        if len(buffer) < 4:
            raise error(errno.EINVAL, f"{option.name} is 4 bytes")
        return int(option.get(_targets(sock, option, None)[0], None)).to_bytes(4, _byteorder)
    size = ctypes.sizeof(option.struct)
    if len(buffer) in option.lengths:
        request = option.struct.unpack(buffer.ljust(size, b"\0"))
        return bytes(option.get(_targets(sock, option, request)[0], request))[:len(buffer)]
    if option.legacy is not None and len(buffer) == ctypes.sizeof(option.legacy[0]):
        old, newer, older = option.legacy
        request = newer(old.unpack(buffer))
        return bytes(older(option.get(_targets(sock, option, request)[0], request)))
    if len(buffer) < size:
        raise error(errno.EINVAL, f"{option.name} is {size} bytes, not {len(buffer)}")
    request = option.struct.from_buffer_copy(buffer)
    return bytes(option.get(_targets(sock, option, request)[0], request))


def find(level: int, number: int) -> Option | None:
    """The option's row, or None if we have none."""
    return TABLE.get((level, number))


def _parse(option: Option, data: bytes) -> Any:
    """The value to set, as the option's structure or an int.  EINVAL for a wrong length."""
    if option.struct is None:
        if len(data) < 4:
            raise error(errno.EINVAL, f"{option.name} is an int")
        return int.from_bytes(data[:4], _byteorder, signed=True)
    size = ctypes.sizeof(option.struct)
    if option.legacy is not None and len(data) == ctypes.sizeof(option.legacy[0]):
        return option.legacy[1](option.legacy[0].unpack(data))
    if len(data) in option.lengths:
        value = option.struct.unpack(data.ljust(size, b"\0"))
        value.given = len(data)
        return value
    if len(data) < size or (len(data) > size and option.exact):
        raise error(errno.EINVAL, f"{option.name} is {size} bytes, not {len(data)}")
    value = option.struct.from_buffer_copy(data)
    value.given = size
    return value


def _targets(sock: Any, option: Option, request: Any, setting: bool = False) -> list[Target]:
    """Whom the id in the value means."""
    field = id_field(option.struct)
    return targets(sock, option.ids, getattr(request, field) if field else 0, setting)


def id_field(struct: type[Struct] | None) -> str | None:
    """The member that has the association's id."""
    if struct is None:
        return None
    return next((name for name, *_ in struct._fields_ if name.endswith("assoc_id")), None)


def _name(level: int, number: int) -> str:
    return f"no option {number} of level {level}"


# ------------------------------------------------------------------ parameters of the protocol

def parameters(number: int, name: str, struct: type[Struct], ids: str, id_field: str,
               fields: dict[str, tuple[str, int]], check: Callable[[dict[str, int]], bool] | None = None,
               read: Getter | None = None) -> Option:
    """An option whose fields are protocol parameters: field -> (parameter, unit); 0 leaves one as it is."""

    def get(target: Target, request: Any) -> Any:
        value = struct(**{field: getattr(target.parameters, parameter) // unit
                          for field, (parameter, unit) in fields.items()})
        if id_field:
            setattr(value, id_field, getattr(request, id_field))
        return read(target, value) if read is not None else value

    def set_(target: Target, value: Any) -> None:
        merged = {parameter: getattr(value, field) * unit or getattr(target.parameters, parameter)
                  for field, (parameter, unit) in fields.items()}
        if check is not None and not check(merged):
            raise error(errno.EINVAL, f"{name}: the values contradict each other")
        for parameter, number in merged.items():
            setattr(target.parameters, parameter, number)

    return Option(number, name, struct, ids, get, set_)


def initmsg_get(target: Target, request: Any) -> Any:
    p = target.sock.parameters
    return structs.sctp_initmsg(p.outbound_streams, p.inbound_streams, p.max_init_retransmits,
                                min(p.max_init_timeout // MS, 0xFFFF))


def initmsg_set(target: Target, value: Any) -> None:
    """Only later associations have it, so it is always the endpoint's."""
    apply_initmsg(target.sock.parameters, value)


def apply_initmsg(parameters: Any, value: Any) -> None:
    """Put a sctp_initmsg into protocol parameters; 0 leaves one as it is."""
    parameters.outbound_streams = value.sinit_num_ostreams or parameters.outbound_streams
    parameters.inbound_streams = value.sinit_max_instreams or parameters.inbound_streams
    parameters.max_init_retransmits = value.sinit_max_attempts or parameters.max_init_retransmits
    parameters.max_init_timeout = value.sinit_max_init_timeo * MS or parameters.max_init_timeout


def assocparams_read(target: Target, value: Any) -> Any:
    """The read-only fields of SCTP_ASSOCINFO; 0 for an endpoint."""
    if target.association is not None:
        state = target.association.snapshot()
        value.sasoc_number_peer_destinations = len(state["paths"])
        value.sasoc_peer_rwnd = state["peer_rwnd"]
        value.sasoc_local_rwnd = state["a_rwnd"]
    return value


def both(attribute: str) -> Any:
    """Getter and setter of a switch that is a protocol parameter."""
    def get(target: Target, request: Any) -> int:
        return int(getattr(target.parameters, attribute))

    def set_(target: Target, value: int) -> None:
        setattr(target.sock.parameters, attribute, bool(value))
        setattr(target.parameters, attribute, bool(value))

    return get, set_


def switch(attribute: str) -> Any:
    """Getter and setter of a switch that is an attribute of the socket."""
    return (lambda target, request: int(getattr(target.sock, attribute)),
            lambda target, value: setattr(target.sock, attribute, bool(value)))


# ------------------------------------------------------------------ delayed acknowledgements, heartbeats

def set_sack(parameters: Any, delay: int, frequency: int) -> None:
    """Delay in milliseconds, 0: as it is; frequency in packets, 1: acknowledge each, 0: as it is."""
    if delay:
        parameters.sack_delay = delay * MS
        if parameters.sack_frequency == 1:
            parameters.sack_frequency = 2
    if frequency:
        parameters.sack_frequency = frequency


def sack_get(target: Target, request: Any) -> Any:
    p = target.parameters
    off = p.sack_frequency == 1
    return structs.sctp_sack_info(request.sack_assoc_id, 0 if off else p.sack_delay // MS,
                                  p.sack_frequency)


def sack_set(target: Target, value: Any) -> None:
    if value.sack_delay > 500:
        raise error(errno.EINVAL, "a SACK may be delayed by 500 ms at most (RFC 9260 section 6.2)")
    set_sack(target.parameters, value.sack_delay, value.sack_freq)


def sack_from_legacy(old: Any) -> Any:
    return structs.sctp_sack_info(old.assoc_id, old.assoc_value, 0 if old.assoc_value else 1)


def sack_to_legacy(new: Any) -> Any:
    return structs.sctp_assoc_value(new.sack_assoc_id, new.sack_delay)


def paddrparams_get(target: Target, request: Any) -> Any:
    known_address(target, request.spp_address)
    p = target.parameters
    delayed = p.sack_frequency != 1
    flags = c.SPP_PMTUD_ENABLE
    flags |= c.SPP_HB_ENABLE if p.heartbeat_enabled else c.SPP_HB_DISABLE
    flags |= c.SPP_SACKDELAY_ENABLE if delayed else c.SPP_SACKDELAY_DISABLE
    pmtu = 0
    if target.association is not None:
        pmtu = mtu_of(target.association.snapshot()["paths"][0])
    return structs.sctp_paddrparams(
        spp_assoc_id=request.spp_assoc_id, spp_address=request.spp_address,
        spp_hbinterval=p.heartbeat_interval // MS, spp_pathmaxrxt=p.path_max_retrans, spp_pathmtu=pmtu,
        spp_sackdelay=p.sack_delay // MS if delayed else 0, spp_flags=flags,
    )


def paddrparams_set(target: Target, value: Any) -> None:
    flags = value.spp_flags
    for pair in (c.SPP_HB, c.SPP_PMTUD, c.SPP_SACKDELAY):
        if flags & pair == pair:
            raise error(errno.EINVAL, "SCTP_PEER_ADDR_PARAMS: both enabled and disabled")
    if value.given < 156 and flags & (c.SPP_DSCP | c.SPP_IPV6_FLOWLABEL):
        raise error(errno.EINVAL, "the older structure has neither flow label nor DSCP")
    if value.spp_sackdelay > 500 or 0 < value.spp_pathmtu < 512:
        raise error(errno.EINVAL, "SCTP_PEER_ADDR_PARAMS: sackdelay up to 500 ms, pathmtu from 512 bytes")
    known_address(target, value.spp_address)
    if flags & c.SPP_HB_DEMAND and target.association is None:
        raise error(errno.EINVAL, "no path to send a HEARTBEAT on")
    if flags & (c.SPP_PMTUD_DISABLE | c.SPP_DSCP | c.SPP_IPV6_FLOWLABEL | c.SPP_HB_DEMAND):
        raise error(errno.EOPNOTSUPP, "SCTP_PEER_ADDR_PARAMS: only heartbeats, pathmaxrxt and sackdelay yet")
    p = target.parameters
    if flags & c.SPP_HB_ENABLE:
        p.heartbeat_enabled = True
        if value.spp_hbinterval or flags & c.SPP_HB_TIME_IS_ZERO:
            p.heartbeat_interval = value.spp_hbinterval * MS
    elif flags & c.SPP_HB_DISABLE:
        p.heartbeat_enabled = False
    if flags & c.SPP_SACKDELAY_ENABLE:
        set_sack(p, value.spp_sackdelay, 2 if p.sack_frequency == 1 else 0)
    elif flags & c.SPP_SACKDELAY_DISABLE:
        p.sack_frequency = 1
    p.path_max_retrans = value.spp_pathmaxrxt or p.path_max_retrans
    if target.association is not None and (flags & c.SPP_HB or value.spp_pathmaxrxt):
        target.sock.heartbeats_changed()


# ------------------------------------------------------------------ what an association tells

def known_address(target: Target, storage: Any) -> dict[str, Any] | None:
    """The path (of the association's snapshot) that an address means; None: a wildcard.  EINVAL: no such."""
    address = storage.address
    if address is None or address[0] in ("0.0.0.0", "::"):
        return None
    if target.association is not None:
        host, port = target.sock.core_address(address)
        if port in (0, target.association.peer_port):
            for path in target.association.snapshot()["paths"]:
                if path["address"] == host:
                    found: dict[str, Any] = path
                    return found
    raise error(errno.EINVAL, f"no path to {address[0]} port {address[1]}")


def mtu_of(path: dict[str, Any]) -> int:
    """The path's MTU with IP and UDP headers, as the API counts it."""
    headers = 40 if ":" in path["address"] else 20
    return int(path["pmtu"]) + headers + (8 if path["udp_port"] else 0)


def fragmentation_point(path: dict[str, Any]) -> int:
    """The longest message that goes in one DATA chunk (common header 12, chunk header 16)."""
    return (int(path["pmtu"]) - 12 - 16) & ~3


def paddrinfo(target: Target, path: dict[str, Any]) -> Any:
    association = target.association
    return structs.sctp_paddrinfo(
        spinfo_assoc_id=association.assoc_id,
        spinfo_address=target.sock.shown_address(path["address"], association.peer_port),
        spinfo_state=path["state"], spinfo_cwnd=path["cwnd"], spinfo_srtt=path["srtt"] // MS,
        spinfo_rto=path["rto"] // MS, spinfo_mtu=mtu_of(path),
    )


def paddrinfo_get(target: Target, request: Any) -> Any:
    path = known_address(target, request.spinfo_address)
    if path is None:
        raise error(errno.EINVAL, "SCTP_GET_PEER_ADDR_INFO wants an address")
    return paddrinfo(target, path)


def status_get(target: Target, request: Any) -> Any:
    association = target.association
    state = association.snapshot()
    primary = state["paths"][state["primary"]]
    return structs.sctp_status(
        sstat_assoc_id=association.assoc_id, sstat_state=association.state, sstat_rwnd=state["peer_rwnd"],
        sstat_unackdata=min(state["outstanding"]["chunks"], 0xFFFF),
        sstat_penddata=min(target.sock.user.receive_queue.snapshot()["count"], 0xFFFF),
        sstat_instrms=association.inbound_streams, sstat_outstrms=association.outbound_streams,
        sstat_fragmentation_point=fragmentation_point(primary), sstat_primary=paddrinfo(target, primary),
    )


def maxseg_get(target: Target, request: Any) -> Any:
    size = 0
    if target.association is not None:
        size = fragmentation_point(target.association.snapshot()["paths"][0])
    return structs.sctp_assoc_value(request.assoc_id, size)


def udpencaps_get(target: Target, request: Any) -> Any:
    path = known_address(target, request.sue_address)
    port = path["udp_port"] if path is not None else target.parameters.remote_udp_port
    return structs.sctp_udpencaps(sue_assoc_id=request.sue_assoc_id,
                                  sue_address=request.sue_address, sue_port=_socket.htons(port))


def udpencaps_set(target: Target, value: Any) -> None:
    known_address(target, value.sue_address)
    target.parameters.remote_udp_port = _socket.ntohs(value.sue_port)


# ------------------------------------------------------------------ subscriptions

def events_get(target: Target, request: Any) -> Any:
    mask = target.sock.user.event_mask
    return structs.sctp_event_subscribe(*(mask >> bit & 1 for bit in range(EVENT_MASK_BITS)))


def events_set(target: Target, value: Any) -> None:
    """The bytes given, maybe only the first of them, switch their events (6.2.1)."""
    wanted = bytes(value)[:value.given]
    mask = target.sock.user.event_mask
    for bit, on in enumerate(wanted):
        mask = mask | 1 << bit if on else mask & ~(1 << bit)
    subscribe(target, mask)


def event_get(target: Target, request: Any) -> Any:
    return structs.sctp_event(request.se_assoc_id, request.se_type,
                              target.sock.user.event_mask >> event_bit(request) & 1)


def event_set(target: Target, value: Any) -> None:
    bit, mask = event_bit(value), target.sock.user.event_mask
    subscribe(target, mask | 1 << bit if value.se_on else mask & ~(1 << bit))


def event_bit(value: Any) -> int:
    if not c.SCTP_SN_TYPE_BASE <= value.se_type <= c.SCTP_SN_TYPE_MAX:
        raise error(errno.EINVAL, f"no notification type {value.se_type:#x}")
    return int(value.se_type) - c.SCTP_SN_TYPE_BASE


def subscribe(target: Target, mask: int) -> None:
    """Put a new mask in force; a sender that is dry already is told at once (6.1.9)."""
    user = target.sock.user
    dry = 1 << (c.SCTP_SENDER_DRY_EVENT - c.SCTP_SN_TYPE_BASE)
    newly_dry = mask & dry and not user.event_mask & dry
    user.event_mask = mask
    if newly_dry and target.association is not None:
        target.sock.report_if_dry()


# ------------------------------------------------------------------ defaults of sent messages

def default_send_param_get(target: Target, request: Any) -> Any:
    s = target.sock
    return structs.sctp_sndrcvinfo(
        sinfo_stream=s.default_stream, sinfo_flags=s.default_flags, sinfo_ppid=s.default_ppid,
        sinfo_context=s.default_context, sinfo_timetolive=s.default_timetolive,
        sinfo_assoc_id=request.sinfo_assoc_id)


def default_send_param_set(target: Target, value: Any) -> None:
    set_send_defaults(target.sock, value.sinfo_stream, value.sinfo_flags, value.sinfo_ppid,
                      value.sinfo_context)
    target.sock.default_timetolive = value.sinfo_timetolive


def default_sndinfo_get(target: Target, request: Any) -> Any:
    s = target.sock
    return structs.sctp_sndinfo(s.default_stream, s.default_flags, s.default_ppid, s.default_context,
                                request.snd_assoc_id)


def default_sndinfo_set(target: Target, value: Any) -> None:
    set_send_defaults(target.sock, value.snd_sid, value.snd_flags, value.snd_ppid, value.snd_context)


def set_send_defaults(sock: Any, stream: int, flags: int, ppid: int, context: int) -> None:
    if flags & ~(c.SCTP_UNORDERED | c.SCTP_ADDR_OVER | c.SCTP_ABORT | c.SCTP_EOF):
        raise error(errno.EINVAL, f"flags {flags:#x} cannot be a default")
    sock.default_stream, sock.default_flags = stream, flags
    sock.default_ppid, sock.default_context = ppid, context


# ------------------------------------------------------------------ level SOL_SOCKET

@structs.layout("s32 l_onoff; s32 l_linger")
class linger(Struct):
    """SO_LINGER; seconds."""


def linger_get(target: Target, request: Any) -> Any:
    return linger(*target.sock.linger)


def linger_set(target: Target, value: Any) -> None:
    target.sock.linger = (value.l_onoff, value.l_linger)
    abort = bool(value.l_onoff) and value.l_linger == 0
    target.sock.parameters.linger_abort = target.parameters.linger_abort = abort


def buffer_size(attribute: str) -> Any:
    """SO_RCVBUF, SO_SNDBUF: Linux stores, and shows, twice what was asked for."""
    def get(target: Target, request: Any) -> int:
        return int(target.sock.buffer_sizes.get(attribute) or 2 * getattr(target.sock.parameters, attribute))

    def set_(target: Target, value: int) -> None:
        stored = max(2 * min(max(value, 0), LARGEST_BUFFER // 2), LEAST_STORED[attribute])
        target.sock.buffer_sizes[attribute] = stored
        # Of the receive buffer half is window, the other half what messages cost beside their bytes.
        size = max(stored // 2, LEAST_WINDOW) if attribute == "receive_buffer" else stored
        setattr(target.sock.parameters, attribute, size)
        if target.association is not None:  # a window once given is not taken back
            before = getattr(target.parameters, attribute) if attribute == "receive_buffer" else 0
            setattr(target.parameters, attribute, max(size, before))

    return get, set_


def stored(number: int, name: str) -> Option:
    """A switch of the socket level that has no effect here but is remembered."""
    return Option(number, name, None, "", lambda target, request: target.sock.switches.get(number, 0),
                  lambda target, value: target.sock.switches.__setitem__(number, int(bool(value))))


def told(number: int, name: str, read: Callable[[Any], int]) -> Option:
    """A read-only number."""
    return Option(number, name, None, "", lambda target, request: read(target.sock))


# ------------------------------------------------------------------ the table

SCTP_OPTIONS = [
    parameters(
        c.SCTP_RTOINFO, "SCTP_RTOINFO", structs.sctp_rtoinfo, "B", "srto_assoc_id",
        {"srto_initial": ("rto_initial", MS), "srto_max": ("rto_max", MS), "srto_min": ("rto_min", MS)},
        check=lambda merged: merged["rto_min"] <= merged["rto_max"]),
    parameters(
        c.SCTP_ASSOCINFO, "SCTP_ASSOCINFO", structs.sctp_assocparams, "B", "sasoc_assoc_id",
        {"sasoc_asocmaxrxt": ("association_max_retrans", 1), "sasoc_cookie_life": ("valid_cookie_life", MS)},
        read=assocparams_read),
    Option(c.SCTP_INITMSG, "SCTP_INITMSG", structs.sctp_initmsg, "", initmsg_get, initmsg_set),
    Option(c.SCTP_NODELAY, "SCTP_NODELAY", None, "", *both("nodelay")),
    Option(c.SCTP_DISABLE_FRAGMENTS, "SCTP_DISABLE_FRAGMENTS", None, "", *switch("disable_fragments")),
    Option(c.SCTP_PEER_ADDR_PARAMS, "SCTP_PEER_ADDR_PARAMS", structs.sctp_paddrparams, "B", paddrparams_get,
           paddrparams_set, lengths=(152,)),
    Option(c.SCTP_DEFAULT_SEND_PARAM, "SCTP_DEFAULT_SEND_PARAM", structs.sctp_sndrcvinfo, "A",
           default_send_param_get, default_send_param_set),
    Option(c.SCTP_EVENTS, "SCTP_EVENTS", structs.sctp_event_subscribe, "", events_get, events_set,
           lengths=range(1, 14)),
    Option(c.SCTP_I_WANT_MAPPED_V4_ADDR, "SCTP_I_WANT_MAPPED_V4_ADDR", None, "", *switch("mapped_v4")),
    Option(c.SCTP_MAXSEG, "SCTP_MAXSEG", structs.sctp_assoc_value, "B", maxseg_get),
    Option(c.SCTP_STATUS, "SCTP_STATUS", structs.sctp_status, "C", status_get),
    Option(c.SCTP_GET_PEER_ADDR_INFO, "SCTP_GET_PEER_ADDR_INFO", structs.sctp_paddrinfo, "C", paddrinfo_get),
    Option(c.SCTP_DELAYED_SACK, "SCTP_DELAYED_SACK", structs.sctp_sack_info, "A", sack_get, sack_set,
           legacy=(structs.sctp_assoc_value, sack_from_legacy, sack_to_legacy)),
    Option(c.SCTP_RECVRCVINFO, "SCTP_RECVRCVINFO", None, "", *switch("recv_rcvinfo")),
    Option(c.SCTP_RECVNXTINFO, "SCTP_RECVNXTINFO", None, "", *switch("recv_nxtinfo")),
    Option(c.SCTP_DEFAULT_SNDINFO, "SCTP_DEFAULT_SNDINFO", structs.sctp_sndinfo, "A",
           default_sndinfo_get, default_sndinfo_set),
    Option(c.SCTP_EVENT, "SCTP_EVENT", structs.sctp_event, "A", event_get, event_set, exact=False),
    Option(c.SCTP_REMOTE_UDP_ENCAPS_PORT, "SCTP_REMOTE_UDP_ENCAPS_PORT", structs.sctp_udpencaps, "B",
           udpencaps_get, udpencaps_set),
]

SOCKET_OPTIONS = [
    Option(_socket.SO_RCVBUF, "SO_RCVBUF", None, "", *buffer_size("receive_buffer")),
    Option(_socket.SO_SNDBUF, "SO_SNDBUF", None, "", *buffer_size("send_buffer")),
    Option(_socket.SO_LINGER, "SO_LINGER", linger, "", linger_get, linger_set, exact=False),
    Option(_socket.SO_REUSEADDR, "SO_REUSEADDR", None, "", *switch("reuse_address")),
    told(_socket.SO_ERROR, "SO_ERROR", lambda sock: sock.take_error()),
    told(_socket.SO_TYPE, "SO_TYPE", lambda sock: sock.type),
    told(c.SO_PROTOCOL, "SO_PROTOCOL", lambda sock: sock.proto),
    told(c.SO_DOMAIN, "SO_DOMAIN", lambda sock: sock.family),
    told(_socket.SO_ACCEPTCONN, "SO_ACCEPTCONN", lambda sock: int(sock.listening)),
    stored(_socket.SO_KEEPALIVE, "SO_KEEPALIVE"),
    stored(_socket.SO_BROADCAST, "SO_BROADCAST"),
    stored(_socket.SO_DONTROUTE, "SO_DONTROUTE"),
    stored(_socket.SO_OOBINLINE, "SO_OOBINLINE"),
]

TABLE: dict[tuple[int, int], Option] = {
    **{(c.SOL_SCTP, option.number): option for option in SCTP_OPTIONS},
    **{(_socket.SOL_SOCKET, option.number): option for option in SOCKET_OPTIONS},
}
