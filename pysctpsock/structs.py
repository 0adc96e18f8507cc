"""Every structure of <netinet/sctp.h>, with C names, field names and Linux's binary layout.

RFC 6458 sections 5.3, 6.1 and 8.  All are `ctypes.Structure`: the buffer protocol makes them work as
`setsockopt` values and ancillary data with any socket, the kernel's too.  Integers are in the host's
byte order; fields that Linux holds in network byte order say so.
"""
from __future__ import annotations

import ctypes
import socket as _socket
import struct
import sys
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

_byteorder = sys.byteorder

_TYPES: dict[str, Any] = {
    "u8": ctypes.c_uint8,
    "u16": ctypes.c_uint16,
    "u32": ctypes.c_uint32,
    "u64": ctypes.c_uint64,
    "s32": ctypes.c_int32, "s64": ctypes.c_int64,
}
_BOUNDS = {kind: (0, 2 ** bits - 1) if name[0] == "u" else (-2 ** (bits - 1), 2 ** (bits - 1) - 1)
           for name, kind in _TYPES.items() if (bits := 8 * ctypes.sizeof(kind))}


class Struct(ctypes.Structure):
    """A C structure with keyword construction, equality, and a repr that shows the fields.

    `layout` declares the members; with `packed=True` there is no padding but what is declared.  Where a
    member is a `sockaddr_storage` an address tuple, or None, may be assigned.  Members whose name begins
    with an underscore are padding.  TypeError and AttributeError for a name that is no member,
    OverflowError for a number that a member does not hold.
    """

    tail: bytes = b""  # what follows the fixed part, where C has an open array at the end
    given: int = 0  # of an option's value: how many bytes the caller has passed
    _format: ClassVar[struct.Struct | None] = None  # of the members if all are integers, laid out as C does
    _bounds: ClassVar[dict[str, tuple[int, int]]] = {}  # of the members that are integers
    _addresses: ClassVar[frozenset[str]] = frozenset()  # the members that are a sockaddr_storage

    def __init__(self, *values: Any, **named: Any) -> None:
        for name in named:
            if not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__} has no member {name!r}")
        if named or len(values) != len(self._bounds) or self._format is None or not self._packs(values):
            super().__init__(*values, **named)

    def _packs(self, values: tuple[Any, ...]) -> bool:
        """Put all values in at once, which is quick, for messages have some; False: one does not fit."""
        assert self._format is not None
        try:
            self._format.pack_into(self, 0, *values)
        except struct.error:  # the slow way says what is wrong with them
            return False
        return True

    @classmethod
    def unpack(cls, data: bytes) -> Any:
        """The structure at the beginning of `data`; `tail` has what follows.  ValueError if too short."""
        self = cls.from_buffer_copy(data)
        if len(data) > ctypes.sizeof(cls):
            self.tail = bytes(data[ctypes.sizeof(cls):])
        return self

    def pack(self) -> bytes:
        """The bytes as C has them, the open array behind."""
        return bytes(self) + self.tail

    def values(self) -> dict[str, Any]:
        """The members by name, without padding."""
        return {name: getattr(self, name) for name, *_ in self._fields_ if not name.startswith("_")}

    def __setattr__(self, name: str, value: Any) -> None:
        bounds = self._bounds.get(name)
        if bounds is not None:
            if isinstance(value, int) and not bounds[0] <= value <= bounds[1]:
                raise OverflowError(f"{type(self).__name__}.{name} is from {bounds[0]} to {bounds[1]}, "
                                    f"not {value}")
        elif name in self._addresses:
            if value is None or isinstance(value, tuple):
                value = sockaddr_storage.of(value)
        elif not hasattr(type(self), name):
            raise AttributeError(f"{type(self).__name__} has no member {name!r}")
        super().__setattr__(name, value)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.pack() == other.pack()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = [f"{name}={value!r}" for name, value in self.values().items()]
        if self.tail:
            shown.append(f"tail={self.tail!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


S = TypeVar("S", bound=type[Struct])


def layout(declaration: str, packed: bool = False) -> Callable[[S], S]:
    """Give a structure its members, declared as C does: "type name; type name"."""

    def declare(cls: S) -> S:
        members: list[tuple[str, Any]] = []
        for part in declaration.split(";"):
            kind, name = part.split()
            name, _, count = name.partition("[")
            members.append((name, _TYPES[kind] * int(count[:-1]) if count else _TYPES[kind]))
        if packed:
            cls._pack_ = 1
            setattr(cls, "_layout_", "ms")  # noqa: B010  Python 3.14 asks for it
        cls._fields_ = members
        cls._bounds = {name: _BOUNDS[kind] for name, kind in members if kind in _BOUNDS}
        cls._addresses = frozenset(name for name, kind in members if kind is _TYPES.get("sockaddr_storage"))
        if len(cls._bounds) == len(members) and not packed:
            cls._format = struct.Struct("@" + "".join(kind._type_ for _, kind in members))
        _TYPES[cls.__name__] = cls
        return cls

    return declare


@layout("u16 ss_family; u8 _data[118]; u64 _align")
class sockaddr_storage(Struct):
    """An address of any family; all zero is "no address"."""

    @classmethod
    def of(cls, address: tuple[Any, ...] | None, family: int = 0) -> sockaddr_storage:
        """From an address tuple of the socket module with a numeric host; the family is taken from the host
        unless given.  ValueError if it is no address."""
        return cls() if address is None else cls.from_buffer_copy(
            pack_sockaddr(address, family).ljust(128, b"\0"))

    @property
    def address(self) -> tuple[Any, ...] | None:
        """(host, port) or (host, port, flowinfo, scope_id); None when there is no address in it."""
        return unpack_sockaddr(bytes(self))

    def __repr__(self) -> str:
        return repr(self.address)


def pack_sockaddr(address: tuple[Any, ...], family: int = 0) -> bytes:
    """sockaddr_in (16 bytes) or sockaddr_in6 (28 bytes) of an address tuple with a numeric host."""
    host, port = address[:2]
    host, _, zone = host.partition("%")
    family = family or (_socket.AF_INET6 if ":" in host else _socket.AF_INET)
    head = int(family).to_bytes(2, _byteorder) + int(port).to_bytes(2, "big")
    try:
        ip = _socket.inet_pton(family, host)
    except OSError:
        raise ValueError(f"not an IP address: {host!r}") from None
    if family == _socket.AF_INET:
        return head + ip + bytes(8)
    flowinfo, scope_id = (*address[2:4], 0, 0)[:2]
    if zone and not scope_id:
        scope_id = int(zone) if zone.isdigit() else _socket.if_nametoindex(zone)
    return head + int(flowinfo).to_bytes(4, "big") + ip + int(scope_id).to_bytes(4, _byteorder)


def unpack_sockaddr(data: bytes) -> tuple[Any, ...] | None:
    """The address tuple in a sockaddr of either family; None if the family is unspecified or unknown."""
    family, port = int.from_bytes(data[:2], _byteorder), int.from_bytes(data[2:4], "big")
    if family == _socket.AF_INET:
        return _socket.inet_ntop(family, data[4:8]), port
    if family == _socket.AF_INET6:
        flowinfo, scope_id = int.from_bytes(data[4:8], "big"), int.from_bytes(data[24:28], _byteorder)
        return _socket.inet_ntop(family, data[8:24]), port, flowinfo, scope_id
    return None


def unpack_sockaddrs(data: bytes, count: int | None = None) -> list[tuple[Any, ...]]:
    """The addresses of a packed list, each only as long as its family: `count` of them, or all.

    ValueError if that fails.
    """
    addresses: list[tuple[Any, ...]] = []
    while data if count is None else len(addresses) < count:
        address = unpack_sockaddr(data)
        if address is None:
            raise ValueError("unknown address family in a packed address list")
        addresses.append(address)
        data = data[16 if len(address) == 2 else 28:]
    return addresses


# --- messages: ancillary data (RFC 6458 section 5.3)

@layout("""u16 sinit_num_ostreams; u16 sinit_max_instreams; u16 sinit_max_attempts;
        u16 sinit_max_init_timeo""")
class sctp_initmsg(Struct):
    """5.3.1, SCTP_INIT and SCTP_INITMSG; milliseconds."""


@layout("""u16 sinfo_stream; u16 sinfo_ssn; u16 sinfo_flags; u32 sinfo_ppid;
        u32 sinfo_context; u32 sinfo_timetolive; u32 sinfo_tsn; u32 sinfo_cumtsn; s32 sinfo_assoc_id""")
class sctp_sndrcvinfo(Struct):
    """5.3.2, SCTP_SNDRCV; sinfo_ppid is four opaque bytes."""


@layout("u16 snd_sid; u16 snd_flags; u32 snd_ppid; u32 snd_context; s32 snd_assoc_id")
class sctp_sndinfo(Struct):
    """5.3.4, SCTP_SNDINFO."""


@layout("""u16 rcv_sid; u16 rcv_ssn; u16 rcv_flags; u32 rcv_ppid; u32 rcv_tsn;
        u32 rcv_cumtsn; u32 rcv_context; s32 rcv_assoc_id""")
class sctp_rcvinfo(Struct):
    """5.3.5, SCTP_RCVINFO."""


@layout("u16 nxt_sid; u16 nxt_flags; u32 nxt_ppid; u32 nxt_length; s32 nxt_assoc_id")
class sctp_nxtinfo(Struct):
    """5.3.6, SCTP_NXTINFO."""


@layout("u16 pr_policy; u32 pr_value")
class sctp_prinfo(Struct):
    """5.3.7, SCTP_PRINFO; value is milliseconds, a retransmission count or a priority."""


@layout("u16 auth_keynumber")
class sctp_authinfo(Struct):
    """5.3.8, SCTP_AUTHINFO."""


# --- notifications (section 6.1)

@layout("u16 sn_type; u16 sn_flags; u32 sn_length")
class sctp_tlv(Struct):
    """The header that every notification begins with."""


@layout("""u16 sac_type; u16 sac_flags; u32 sac_length; u16 sac_state;
        u16 sac_error;
        u16 sac_outbound_streams; u16 sac_inbound_streams; s32 sac_assoc_id""")
class sctp_assoc_change(Struct):
    """6.1.1; sac_error is in network byte order; tail: the body of the ABORT chunk."""


@layout("""u16 spc_type; u16 spc_flags; u32 spc_length;
        sockaddr_storage spc_aaddr;
        s32 spc_state; s32 spc_error; s32 spc_assoc_id""", packed=True)
class sctp_paddr_change(Struct):
    """6.1.2."""


@layout("""u16 sre_type; u16 sre_flags; u32 sre_length; u16 sre_error;
        s32 sre_assoc_id""")
class sctp_remote_error(Struct):
    """6.1.3; sre_error is in network byte order; tail: the error cause behind its header, padded to 4."""


@layout("""u16 ssf_type; u16 ssf_flags; u32 ssf_length; u32 ssf_error;
        sctp_sndrcvinfo ssf_info; s32 ssf_assoc_id""")
class sctp_send_failed(Struct):
    """6.1.4 (deprecated); tail: the data."""


@layout("""u16 ssf_type; u16 ssf_flags; u32 ssf_length; u32 ssf_error;
        sctp_sndinfo ssfe_info; s32 ssf_assoc_id""")
class sctp_send_failed_event(Struct):
    """6.1.11; tail: the data."""


@layout("u16 sse_type; u16 sse_flags; u32 sse_length; s32 sse_assoc_id")
class sctp_shutdown_event(Struct):
    """6.1.5."""


@layout("""u16 sai_type; u16 sai_flags; u32 sai_length;
        u32 sai_adaptation_ind;
        s32 sai_assoc_id""")
class sctp_adaptation_event(Struct):
    """6.1.6."""


@layout("""u16 pdapi_type; u16 pdapi_flags; u32 pdapi_length;
        u32 pdapi_indication;
        s32 pdapi_assoc_id; u32 pdapi_stream; u32 pdapi_seq""")
class sctp_pdapi_event(Struct):
    """6.1.7."""


@layout("""u16 auth_type; u16 auth_flags; u32 auth_length; u16 auth_keynumber;
        u16 auth_altkeynumber; u32 auth_indication; s32 auth_assoc_id""")
class sctp_authkey_event(Struct):
    """6.1.8."""


@layout("""u16 sender_dry_type; u16 sender_dry_flags;
        u32 sender_dry_length;
        s32 sender_dry_assoc_id""")
class sctp_sender_dry_event(Struct):
    """6.1.9."""


@layout("""u16 strreset_type; u16 strreset_flags; u32 strreset_length;
        s32 strreset_assoc_id""")
class sctp_stream_reset_event(Struct):
    """RFC 6525 6.1.1; tail: the stream numbers, u16 each."""


@layout("""u16 assocreset_type; u16 assocreset_flags;
        u32 assocreset_length;
        s32 assocreset_assoc_id; u32 assocreset_local_tsn; u32 assocreset_remote_tsn""")
class sctp_assoc_reset_event(Struct):
    """RFC 6525 6.1.2."""


@layout("""u16 strchange_type; u16 strchange_flags;
        u32 strchange_length;
        s32 strchange_assoc_id; u16 strchange_instrms; u16 strchange_outstrms""")
class sctp_stream_change_event(Struct):
    """RFC 6525 6.1.3."""


@layout("""u8 sctp_data_io_event; u8 sctp_association_event;
        u8 sctp_address_event;
        u8 sctp_send_failure_event; u8 sctp_peer_error_event; u8 sctp_shutdown_event;
        u8 sctp_partial_delivery_event; u8 sctp_adaptation_layer_event; u8 sctp_authentication_event;
        u8 sctp_sender_dry_event; u8 sctp_stream_reset_event; u8 sctp_assoc_reset_event;
        u8 sctp_stream_change_event; u8 sctp_send_failure_event_event""")
class sctp_event_subscribe(Struct):
    """6.2.1, SCTP_EVENTS: byte k subscribes to notification type 0x8000 + k."""


@layout("s32 se_assoc_id; u16 se_type; u8 se_on")
class sctp_event(Struct):
    """6.2.2, SCTP_EVENT."""


# --- socket options (section 8)

@layout("s32 srto_assoc_id; u32 srto_initial; u32 srto_max; u32 srto_min")
class sctp_rtoinfo(Struct):
    """8.1.1, SCTP_RTOINFO; milliseconds."""


@layout("""s32 sasoc_assoc_id; u16 sasoc_asocmaxrxt;
        u16 sasoc_number_peer_destinations; u32 sasoc_peer_rwnd; u32 sasoc_local_rwnd;
        u32 sasoc_cookie_life""")
class sctp_assocparams(Struct):
    """8.1.2, SCTP_ASSOCINFO; bytes, milliseconds."""


@layout("s32 sspp_assoc_id; sockaddr_storage sspp_addr", packed=True)
class sctp_setpeerprim(Struct):
    """8.3.1, SCTP_SET_PEER_PRIMARY_ADDR."""


@layout("s32 ssp_assoc_id; sockaddr_storage ssp_addr", packed=True)
class sctp_prim(Struct):
    """8.1.9, SCTP_PRIMARY_ADDR."""


@layout("u32 ssb_adaptation_ind")
class sctp_setadaptation(Struct):
    """8.1.10, SCTP_ADAPTATION_LAYER."""


@layout("""s32 spp_assoc_id; sockaddr_storage spp_address; u32 spp_hbinterval;
        u16 spp_pathmaxrxt; u32 spp_pathmtu; u32 spp_sackdelay; u32 spp_flags; u32 spp_ipv6_flowlabel;
        u8 spp_dscp;
        u8 _padding""", packed=True)
class sctp_paddrparams(Struct):
    """8.1.12, SCTP_PEER_ADDR_PARAMS; milliseconds."""


@layout("u8 sauth_chunk")
class sctp_authchunk(Struct):
    """8.3.2, SCTP_AUTH_CHUNK."""


@layout("u32 shmac_num_idents")
class sctp_hmacalgo(Struct):
    """8.1.17, SCTP_HMAC_IDENT; tail: the identifiers, u16 each."""


@layout("s32 sca_assoc_id; u16 sca_keynumber; u16 sca_keylength")
class sctp_authkey(Struct):
    """8.3.3, SCTP_AUTH_KEY; tail: the key."""


@layout("s32 scact_assoc_id; u16 scact_keynumber")
class sctp_authkeyid(Struct):
    """8.1.18, SCTP_AUTH_ACTIVE_KEY."""


@layout("s32 sack_assoc_id; u32 sack_delay; u32 sack_freq")
class sctp_sack_info(Struct):
    """8.1.19, SCTP_DELAYED_SACK; milliseconds, packets."""


@layout("s32 assoc_id; u32 assoc_value")
class sctp_assoc_value(Struct):
    """One number of one association."""


@layout("s32 assoc_id; u16 stream_id; u16 stream_value")
class sctp_stream_value(Struct):
    """RFC 8260 4.3.3, SCTP_STREAM_SCHEDULER_VALUE."""


@layout("""s32 spinfo_assoc_id; sockaddr_storage spinfo_address; s32 spinfo_state;
        u32 spinfo_cwnd; u32 spinfo_srtt; u32 spinfo_rto; u32 spinfo_mtu""", packed=True)
class sctp_paddrinfo(Struct):
    """8.2.2, SCTP_GET_PEER_ADDR_INFO; bytes, milliseconds."""


@layout("""s32 sstat_assoc_id; s32 sstat_state; u32 sstat_rwnd; u16 sstat_unackdata;
        u16 sstat_penddata; u16 sstat_instrms; u16 sstat_outstrms; u32 sstat_fragmentation_point;
        sctp_paddrinfo sstat_primary""")
class sctp_status(Struct):
    """8.2.1, SCTP_STATUS."""


@layout("s32 gauth_assoc_id; u32 gauth_number_of_chunks")
class sctp_authchunks(Struct):
    """8.2.3, SCTP_PEER_AUTH_CHUNKS; tail: the chunk types."""


@layout("u32 gaids_number_of_ids")
class sctp_assoc_ids(Struct):
    """8.2.6, SCTP_GET_ASSOC_ID_LIST; tail: the ids, s32 each."""


@layout("s32 assoc_id; s32 addr_num; u64 addrs")
class sctp_getaddrs_old(Struct):
    """Linux: behind sctp_connectx; `addrs` is a pointer."""


@layout("s32 assoc_id; u32 addr_num")
class sctp_getaddrs(Struct):
    """Linux: behind sctp_getpaddrs; tail: the packed addresses."""


@layout("""s32 sas_assoc_id; sockaddr_storage sas_obs_rto_ipaddr;
        u64 sas_maxrto;
        u64 sas_isacks; u64 sas_osacks; u64 sas_opackets; u64 sas_ipackets; u64 sas_rtxchunks;
        u64 sas_outofseqtsns; u64 sas_idupchunks; u64 sas_gapcnt; u64 sas_ouodchunks; u64 sas_iuodchunks;
        u64 sas_oodchunks; u64 sas_iodchunks; u64 sas_octrlchunks; u64 sas_ictrlchunks""")
class sctp_assoc_stats(Struct):
    """Linux: SCTP_GET_ASSOC_STATS."""


@layout("""s32 spt_assoc_id; sockaddr_storage spt_address; u16 spt_pathmaxrxt;
        u16 spt_pathpfthld""")
class sctp_paddrthlds(Struct):
    """RFC 7829 7.2, SCTP_PEER_ADDR_THLDS."""


@layout("""s32 spt_assoc_id; sockaddr_storage spt_address; u16 spt_pathmaxrxt;
        u16 spt_pathpfthld; u16 spt_pathcpthld""")
class sctp_paddrthlds_v2(Struct):
    """Linux: SCTP_PEER_ADDR_THLDS_V2."""


@layout("""s32 sprstat_assoc_id; u16 sprstat_sid; u16 sprstat_policy;
        u64 sprstat_abandoned_unsent; u64 sprstat_abandoned_sent""")
class sctp_prstatus(Struct):
    """RFC 7496 4.3, SCTP_PR_ASSOC_STATUS and SCTP_PR_STREAM_STATUS."""


@layout("s32 pr_assoc_id; u32 pr_value; u16 pr_policy")
class sctp_default_prinfo(Struct):
    """8.1.32, SCTP_DEFAULT_PRINFO, in Linux's order."""


@layout("""u32 sctpi_tag; u32 sctpi_state; u32 sctpi_rwnd; u16 sctpi_unackdata;
        u16 sctpi_penddata; u16 sctpi_instrms; u16 sctpi_outstrms; u32 sctpi_fragmentation_point;
        u32 sctpi_inqueue; u32 sctpi_outqueue; u32 sctpi_overall_error; u32 sctpi_max_burst; u32 sctpi_maxseg;
        u32 sctpi_peer_rwnd; u32 sctpi_peer_tag; u8 sctpi_peer_capable; u8 sctpi_peer_sack; u16 __reserved1;
        u64 sctpi_isacks; u64 sctpi_osacks; u64 sctpi_opackets; u64 sctpi_ipackets; u64 sctpi_rtxchunks;
        u64 sctpi_outofseqtsns; u64 sctpi_idupchunks; u64 sctpi_gapcnt; u64 sctpi_ouodchunks;
        u64 sctpi_iuodchunks; u64 sctpi_oodchunks; u64 sctpi_iodchunks; u64 sctpi_octrlchunks;
        u64 sctpi_ictrlchunks; sockaddr_storage sctpi_p_address; s32 sctpi_p_state; u32 sctpi_p_cwnd;
        u32 sctpi_p_srtt; u32 sctpi_p_rto; u32 sctpi_p_hbinterval; u32 sctpi_p_pathmaxrxt;
        u32 sctpi_p_sackdelay; u32 sctpi_p_sackfreq; u32 sctpi_p_ssthresh; u32 sctpi_p_partial_bytes_acked;
        u32 sctpi_p_flight_size; u16 sctpi_p_error; u16 __reserved2; u32 sctpi_s_autoclose;
        u32 sctpi_s_adaptation_ind; u32 sctpi_s_pd_point; u8 sctpi_s_nodelay; u8 sctpi_s_disable_fragments;
        u8 sctpi_s_v4mapped; u8 sctpi_s_frag_interleave; u32 sctpi_s_type; u32 __reserved3""")
class sctp_info(Struct):
    """Linux: what the diagnostics interface tells of one association."""


@layout("s32 srs_assoc_id; u16 srs_flags; u16 srs_number_streams")
class sctp_reset_streams(Struct):
    """RFC 6525 6.3.2, SCTP_RESET_STREAMS; tail: the stream numbers, u16 each."""


@layout("s32 sas_assoc_id; u16 sas_instrms; u16 sas_outstrms")
class sctp_add_streams(Struct):
    """RFC 6525 6.3.4, SCTP_ADD_STREAMS."""


@layout("s32 sue_assoc_id; sockaddr_storage sue_address; u16 sue_port")
class sctp_udpencaps(Struct):
    """RFC 6951 6.1, SCTP_REMOTE_UDP_ENCAPS_PORT; sue_port is in network byte order."""


@layout("s32 spi_assoc_id; sockaddr_storage spi_address; u32 spi_interval")
class sctp_probeinterval(Struct):
    """Linux: SCTP_PLPMTUD_PROBE_INTERVAL; milliseconds."""


@layout("s32 associd; s32 sd")
class sctp_peeloff_arg_t(Struct):
    """Linux: SCTP_SOCKOPT_PEELOFF."""


@layout("s32 associd; s32 sd; u32 flags")
class sctp_peeloff_flags_arg_t(Struct):
    """Linux: SCTP_SOCKOPT_PEELOFF_FLAGS."""


@layout("""u32 sendv_flags; sctp_sndinfo sendv_sndinfo; sctp_prinfo sendv_prinfo;
        sctp_authinfo sendv_authinfo""")
class sctp_sendv_spa(Struct):
    """9.12, sctp_sendv."""


@layout("sctp_rcvinfo recvv_rcvinfo; sctp_nxtinfo recvv_nxtinfo")
class sctp_recvv_rn(Struct):
    """9.13, sctp_recvv."""


__all__ = [name for name in list(globals()) if name.startswith(("sctp_", "sockaddr_"))]
