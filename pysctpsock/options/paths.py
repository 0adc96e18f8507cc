"""Options of one address of the peer: what it is like, heartbeats, delayed acknowledgements, its UDP port.

RFC 6458 sections 8.1.12, 8.1.19 and 8.2.2, RFC 6951 section 6.1.
"""
from __future__ import annotations

import errno
import socket as _socket
from typing import Any

from .. import constants as c
from .. import structs
from ..errors import error
from .row import MS, Option, Target


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


def fragmentation_point(path: dict[str, Any], max_segment: int = 0) -> int:
    """The longest message that goes in one DATA chunk (common header 12, chunk header 16)."""
    greatest = int(path["pmtu"]) - 12 - 16
    return min(greatest, max_segment or greatest) & ~3


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


def sack_from_older(old: Any) -> Any:
    return structs.sctp_sack_info(old.assoc_id, old.assoc_value, 0 if old.assoc_value else 1)


def sack_to_older(new: Any) -> Any:
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
        target.sock.heartbeats_changed(target.association)


def udpencaps_get(target: Target, request: Any) -> Any:
    path = known_address(target, request.sue_address)
    port = path["udp_port"] if path is not None else target.parameters.remote_udp_port
    return structs.sctp_udpencaps(sue_assoc_id=request.sue_assoc_id,
                                  sue_address=request.sue_address, sue_port=_socket.htons(port))


def udpencaps_set(target: Target, value: Any) -> None:
    known_address(target, value.sue_address)
    target.parameters.remote_udp_port = _socket.ntohs(value.sue_port)


OPTIONS = [
    Option("SCTP_PEER_ADDR_PARAMS", structs.sctp_paddrparams, "B", paddrparams_get, paddrparams_set,
           rfc="8.1.12", lengths=(152,),
           errors=("EINVAL: both of a pair of flags, sackdelay above 500, pathmtu below 512, no such path",),
           about="Heartbeats, Path.Max.Retrans, path MTU and SACK delay of one address or of all."),
    Option("SCTP_DELAYED_SACK", structs.sctp_sack_info, "A", sack_get, sack_set, rfc="8.1.19",
           older=(structs.sctp_assoc_value, sack_from_older, sack_to_older),
           errors=("EINVAL: a delay above 500 ms",),
           about="How long (ms) and for how many packets a SACK may wait; 0 leaves one as it is, 1 packet is "
                 "no delay."),
    Option("SCTP_GET_PEER_ADDR_INFO", structs.sctp_paddrinfo, "C", paddrinfo_get, rfc="8.2.2",
           errors=("EINVAL: no such path",), about="State, cwnd, RTO and MTU of one address of the peer."),
    Option("SCTP_REMOTE_UDP_ENCAPS_PORT", structs.sctp_udpencaps, "B", udpencaps_get, udpencaps_set,
           rfc="RFC 6951 6.1", errors=("EINVAL: no such path",),
           about="The UDP port, in network byte order, at which an address of the peer is reached."),
]
