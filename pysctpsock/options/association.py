"""Options of an association as a whole: its timers, limits and windows, and what it tells of itself.

RFC 6458 sections 8.1.1 to 8.1.5, 8.1.10, 8.1.16, 8.1.24, 8.1.27, 8.2.1, 8.2.5 and 8.2.6.
"""
from __future__ import annotations

import errno
import socket as _socket
from typing import Any

from .. import structs
from ..errors import error
from .paths import fragmentation_point, paddrinfo
from .row import MS, Option, Target, both, byteorder, c_int, parameters

LEAST_PACKET = 512  # bytes that any path takes
CHUNK_HEADERS = 12 + 16  # common header, DATA chunk header
GREATEST_CHUNK = 65532 - 16  # bytes of a message in the greatest DATA chunk

LONGEST_AUTOCLOSE = 0x7FFFFFFF  # seconds


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


def enough_retransmissions(target: Target, merged: dict[str, int]) -> bool:
    """With several paths the association must not outlive all of them (8.1.2)."""
    if target.association is None:
        return True
    paths = target.association.snapshot()["paths"]
    most = len(paths) * target.parameters.path_max_retrans
    return len(paths) == 1 or merged["association_max_retrans"] <= most


def assocparams_read(target: Target, value: Any) -> Any:
    """The read-only fields of SCTP_ASSOCINFO; 0 for an endpoint."""
    if target.association is not None:
        state = target.association.snapshot()
        value.sasoc_number_peer_destinations = len(state["paths"])
        value.sasoc_peer_rwnd = state["peer_rwnd"]
        value.sasoc_local_rwnd = state["a_rwnd"]
    return value


def status_get(target: Target, request: Any) -> Any:
    association = target.association
    state = association.snapshot()
    primary = state["paths"][state["primary"]]
    return structs.sctp_status(
        sstat_assoc_id=association.assoc_id, sstat_state=association.state, sstat_rwnd=state["peer_rwnd"],
        sstat_unackdata=min(state["outstanding"]["chunks"], 0xFFFF),
        sstat_penddata=min(state["unread_records"], 0xFFFF),
        sstat_instrms=association.inbound_streams, sstat_outstrms=association.outbound_streams,
        sstat_fragmentation_point=fragmentation_point(primary, target.parameters.max_segment),
        sstat_primary=paddrinfo(target, primary),
    )


def stats_get(target: Target, request: Any) -> Any:
    """Counters since the association began; the RTO since this was last asked."""
    association = target.association
    state = association.snapshot()
    counted = state["statistics"]
    host, rto = association.take_greatest_rto()
    return structs.sctp_assoc_stats(
        sas_assoc_id=request.sas_assoc_id,
        sas_obs_rto_ipaddr=target.sock.shown_address(host, association.peer_port), sas_maxrto=rto // MS,
        sas_isacks=state["sacks_in"], sas_osacks=state["sacks_out"],
        sas_opackets=state["packets_out"], sas_ipackets=state["packets_in"],
        sas_rtxchunks=state["outstanding"]["retransmissions"],
        sas_outofseqtsns=counted["out_of_sequence_tsns"],
        sas_idupchunks=state["tsn_map"]["duplicates_total"], sas_gapcnt=counted["gap_blocks_in"],
        sas_ouodchunks=counted["unordered_chunks_out"], sas_iuodchunks=counted["unordered_chunks_in"],
        sas_oodchunks=counted["ordered_chunks_out"], sas_iodchunks=counted["ordered_chunks_in"],
        sas_octrlchunks=counted["control_chunks_out"], sas_ictrlchunks=counted["control_chunks_in"])


# ------------------------------------------------------------------ which associations there are

def ids_get(target: Target, request: Any) -> Any:
    ids = [association.assoc_id for association in target.sock.open_associations()]
    value = structs.sctp_assoc_ids(len(ids))
    value.tail = b"".join(number.to_bytes(4, byteorder) for number in ids)
    return value


def one_to_many_only(sock: Any) -> None:
    if sock.type == _socket.SOCK_STREAM:  # those peeled off have it
        raise error(errno.EOPNOTSUPP, "only one-to-many sockets have this option")


def one_to_one_only(sock: Any) -> None:
    if sock.type != _socket.SOCK_STREAM:  # nor those peeled off
        raise error(errno.EOPNOTSUPP, "only one-to-one sockets have this option")


def reuse_port_set(target: Target, value: int) -> None:
    if target.sock.getsockname()[1]:
        raise error(errno.EFAULT, "SCTP_REUSE_PORT comes before bind()")
    target.sock.reuse_port = bool(value)


# ------------------------------------------------------------------ limits

def max_burst_get(target: Target, request: Any) -> Any:
    return structs.sctp_assoc_value(request.assoc_id, target.parameters.max_burst)


def max_burst_set(target: Target, value: Any) -> None:
    target.parameters.max_burst = value.assoc_value


def number_alone(old: Any) -> Any:
    """The sctp_assoc_value that an int meant before it had an association."""
    return structs.sctp_assoc_value(0, old.value & 0xFFFFFFFF)


def maxseg_get(target: Target, request: Any) -> Any:
    """An endpoint's wish; of an association, where it cuts."""
    size = target.parameters.max_segment
    if target.association is not None:
        state = target.association.snapshot()
        size = fragmentation_point(state["paths"][state["primary"]], size)
    return structs.sctp_assoc_value(request.assoc_id, size)


def maxseg_set(target: Target, value: Any) -> None:
    least = LEAST_PACKET - (40 if target.sock.family == _socket.AF_INET6 else 20) - CHUNK_HEADERS
    if value.assoc_value and not least <= value.assoc_value <= GREATEST_CHUNK:
        raise error(errno.EINVAL, f"SCTP_MAXSEG: 0, or {least} to {GREATEST_CHUNK} bytes")
    target.parameters.max_segment = value.assoc_value


AS_INT = (c_int, number_alone, lambda new: c_int(new.assoc_value))


def adaptation_get(target: Target, request: Any) -> Any:
    return structs.sctp_setadaptation(target.sock.parameters.adaptation_indication)


def adaptation_set(target: Target, value: Any) -> None:
    """Only later associations announce it, so it is always the endpoint's."""
    target.sock.parameters.adaptation_indication = value.ssb_adaptation_ind


def autoclose_get(target: Target, request: Any) -> int:
    return int(target.parameters.autoclose // (1000 * MS))


def autoclose_set(target: Target, value: int) -> None:
    """Seconds; only later associations have it, so it is always the endpoint's."""
    target.sock.parameters.autoclose = min(value & 0xFFFFFFFF, LONGEST_AUTOCLOSE) * 1000 * MS


OPTIONS = [
    parameters(
        "SCTP_RTOINFO", structs.sctp_rtoinfo, "B",
        {"srto_initial": ("rto_initial", MS), "srto_max": ("rto_max", MS), "srto_min": ("rto_min", MS)},
        check=lambda target, merged: merged["rto_min"] <= merged["rto_max"], rfc="8.1.1",
        errors=("EINVAL: the minimum is above the maximum",),
        about="RTO.Initial, RTO.Max and RTO.Min in milliseconds; 0 leaves one as it is."),
    parameters(
        "SCTP_ASSOCINFO", structs.sctp_assocparams, "B",
        {"sasoc_asocmaxrxt": ("association_max_retrans", 1), "sasoc_cookie_life": ("valid_cookie_life", MS)},
        check=enough_retransmissions, read=assocparams_read, rfc="8.1.2",
        errors=("EINVAL: more retransmissions than all paths together have, when there are several",),
        about="Association.Max.Retrans and Valid.Cookie.Life (ms); 0 leaves one as it is. Windows and number "
              "of addresses of an association can only be read."),
    Option("SCTP_INITMSG", structs.sctp_initmsg, "", initmsg_get, initmsg_set, rfc="8.1.3",
           about="Of later associations: streams to send on, most streams to receive on, "
                 "Max.Init.Retransmits and the longest T1 (ms); 0 leaves one as it is."),
    Option("SCTP_NODELAY", None, "", *both("nodelay"), rfc="8.1.5",
           about="Small messages go at once, without waiting for acknowledgements of others (Nagle's rule)."),
    Option("SCTP_AUTOCLOSE", None, "", autoclose_get, autoclose_set, rfc="8.1.8", exact=True,
           before=one_to_many_only, errors=("EOPNOTSUPP: a one-to-one socket",),
           about="Seconds without data after which later associations end gracefully; 0: never."),
    Option("SCTP_ADAPTATION_LAYER", structs.sctp_setadaptation, "", adaptation_get, adaptation_set,
           rfc="8.1.10", about="The number that later associations announce to the peer."),
    Option("SCTP_MAXSEG", structs.sctp_assoc_value, "B", maxseg_get, maxseg_set, rfc="8.1.16", older=AS_INT,
           errors=("EINVAL: less than what a packet of 512 bytes has room for, or more than a chunk has",),
           about="The most bytes of a message in one DATA chunk, 0: as many as the path takes; of an "
                 "association: where messages are cut."),
    Option("SCTP_MAX_BURST", structs.sctp_assoc_value, "A", max_burst_get, max_burst_set, rfc="8.1.24",
           older=AS_INT, keeps_length=True,
           about="Max.Burst, the packets that may go at once beyond those in flight; 0: no limit."),
    Option("SCTP_STATUS", structs.sctp_status, "C", status_get, rfc="8.2.1",
           about="State, windows, streams and primary path of an association."),
    Option("SCTP_GET_ASSOC_STATS", structs.sctp_assoc_stats, "C", stats_get, rfc="Linux",
           lengths=range(4, 256),
           about="Packets, SACKs and chunks that an association has sent and received; the greatest RTO (ms) "
                 "since this was last asked, and of which address."),
    Option("SCTP_GET_ASSOC_NUMBER", None, "", lambda target, request: len(target.sock.open_associations()),
           rfc="8.2.5", before=one_to_many_only, errors=("EOPNOTSUPP: a one-to-one socket",),
           about="How many associations the socket has."),
    Option("SCTP_GET_ASSOC_ID_LIST", structs.sctp_assoc_ids, "", ids_get, rfc="8.2.6", tail=True,
           before=one_to_many_only, errors=("EOPNOTSUPP: a one-to-one socket", "EINVAL: no room for all ids"),
           about="Their ids."),
    Option("SCTP_REUSE_PORT", None, "", lambda target, request: int(target.sock.reuse_port), reuse_port_set,
           rfc="8.1.27", before_set=one_to_one_only,
           errors=("EOPNOTSUPP: a one-to-many socket", "EFAULT: the socket is bound"),
           about="Lets several sockets have a port, of which one may listen."),
]
