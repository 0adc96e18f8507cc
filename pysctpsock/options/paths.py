"""Options of one address of the peer: what it is like, heartbeats, path MTU, delayed
acknowledgements, its UDP port, and which one is the primary.

RFC 6458 sections 8.1.9, 8.1.12, 8.1.19 and 8.2.2, RFC 6951 section 6.1, RFC 7829 section 7.
"""
from __future__ import annotations

import errno
import socket as _socket
from typing import Any

from .. import constants as c
from .. import structs
from .._cy.parameters import ProtocolParameters
from ..address import is_wildcard
from ..errors import error
from .row import MS, Option, Target, byteorder, remember


def known_address(target: Target, storage: Any) -> dict[str, Any] | None:
    """The path (of the association's snapshot) that an address means; None: a wildcard.  EINVAL: no such."""
    address = address_meant(target.sock.family, storage)
    if address is None:
        return None
    if target.association is not None:
        host, port = target.sock.core_address(address)
        if port in (0, target.association.peer_port):
            for path in target.association.snapshot()["paths"]:
                if path["address"] == host:
                    found: dict[str, Any] = path
                    return found
    raise error(errno.EINVAL, f"no path to {address[0]} port {address[1]}")


def address_meant(family: int, storage: Any) -> tuple[Any, ...] | None:
    """The address in a value given to a socket of this family; None: a wildcard, of any family or of none.

    EINVAL for an address of a family that the socket does not have.
    """
    unspecified = storage.ss_family == _socket.AF_UNSPEC
    address = structs.unpack_sockaddr(family.to_bytes(2, byteorder) + bytes(storage)[2:] if unspecified
                                      else bytes(storage))
    if address is not None and is_wildcard(address[0]):
        return None
    if address is None or unspecified or (family == _socket.AF_INET and len(address) > 2):
        raise error(errno.EINVAL, f"an address of family {storage.ss_family}")
    return address if len(address) == 2 else (*address[:2], 0, address[3])  # the flow label names no path


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
        spinfo_rto=path["rto"] // MS, spinfo_mtu=path["mtu"],
    )


def paddrinfo_get(target: Target, request: Any) -> Any:
    path = known_address(target, request.spinfo_address)
    if path is None:
        raise error(errno.EINVAL, "SCTP_GET_PEER_ADDR_INFO wants an address")
    return paddrinfo(target, path)


# ------------------------------------------------------------------ parameters of one path, or of all

def holder(target: Target, path: dict[str, Any] | None) -> Any:
    """What has the parameters: the core's Path, or for a wildcard the association's or the endpoint's."""
    return target.parameters if path is None else target.association.path(path["address"])


def change(target: Target, path: dict[str, Any] | None, changes: dict[str, Any]) -> None:
    """Put protocol parameters in force for an address, or for all, those to come included."""
    if target.association is not None:
        target.sock.change_paths(target.association, path["address"] if path else None, changes)
    else:
        for name, value in changes.items():
            setattr(target.parameters, name, value)


def sack_changes(now: Any, delay: int, frequency: int) -> dict[str, Any]:
    """Delay in milliseconds, 0: as it is; frequency in packets, 1: acknowledge each, 0: as it is."""
    changes = {}
    if delay:
        changes["sack_delay"] = delay * MS
        if now.sack_frequency == 1:
            changes["sack_frequency"] = 2
    if frequency:
        changes["sack_frequency"] = frequency
    return changes


def sack_get(target: Target, request: Any) -> Any:
    p = target.parameters
    off = p.sack_frequency == 1
    return structs.sctp_sack_info(request.sack_assoc_id, 0 if off else p.sack_delay // MS,
                                  p.sack_frequency)


def sack_set(target: Target, value: Any) -> None:
    if value.sack_delay > 500:
        raise error(errno.EINVAL, "a SACK may be delayed by 500 ms at most (RFC 9260 section 6.2)")
    change(target, None, sack_changes(target.parameters, value.sack_delay, value.sack_freq))


def sack_from_older(old: Any) -> Any:
    return structs.sctp_sack_info(old.assoc_id, old.assoc_value, 0 if old.assoc_value else 1)


def sack_to_older(new: Any) -> Any:
    return structs.sctp_assoc_value(new.sack_assoc_id, new.sack_delay)


def paddrparams_get(target: Target, request: Any) -> Any:
    p = holder(target, known_address(target, request.spp_address))
    delayed = p.sack_frequency != 1
    flags = c.SPP_PMTUD_ENABLE if p.pmtu_discovery else c.SPP_PMTUD_DISABLE
    flags |= c.SPP_HB_ENABLE if p.heartbeat_enabled else c.SPP_HB_DISABLE
    flags |= c.SPP_SACKDELAY_ENABLE if delayed else c.SPP_SACKDELAY_DISABLE
    flags |= c.SPP_DSCP if p.dscp else 0
    if p is not target.parameters:
        pmtu = p.path_mtu
    elif target.association is not None:
        pmtu = min(path.path_mtu for path in target.association.paths)
    else:
        pmtu = 0 if p.pmtu_discovery else p.path_mtu
    return structs.sctp_paddrparams(
        spp_assoc_id=request.spp_assoc_id, spp_address=request.spp_address,
        spp_hbinterval=p.heartbeat_interval // MS, spp_pathmaxrxt=p.path_max_retrans, spp_pathmtu=pmtu,
        spp_sackdelay=p.sack_delay // MS, spp_flags=flags, spp_dscp=p.dscp,
    )


def paddrparams_set(target: Target, value: Any) -> None:
    check_paddrparams(value)
    path = known_address(target, value.spp_address)
    if value.spp_flags & c.SPP_HB_DEMAND and target.association is None:
        raise error(errno.EINVAL, "no path to send a HEARTBEAT on")
    changes = paddrparams_changes(holder(target, path), value)
    if value.spp_flags & c.SPP_PMTUD_ENABLE and is_fixed(target, path):
        changes["path_mtu"] = ProtocolParameters().path_mtu  # discovery begins where it does on a new path
    change(target, path, changes)
    if value.spp_flags & c.SPP_HB_DEMAND:
        for each in [path] if path else target.association.snapshot()["paths"]:
            target.sock.request_heartbeat(target.association, each["address"])


def is_fixed(target: Target, path: dict[str, Any] | None) -> bool:
    """Whether a path MTU was fixed: of this path, or of any."""
    holders = [holder(target, path)]
    if path is None and target.association is not None:
        holders += target.association.paths
    return not all(each.pmtu_discovery for each in holders)


def check_paddrparams(value: Any) -> None:
    flags = value.spp_flags
    for pair in (c.SPP_HB, c.SPP_PMTUD, c.SPP_SACKDELAY):
        if flags & pair == pair:
            raise error(errno.EINVAL, "SCTP_PEER_ADDR_PARAMS: both enabled and disabled")
    if value.given < 156 and flags & (c.SPP_DSCP | c.SPP_IPV6_FLOWLABEL):
        raise error(errno.EINVAL, "the older structure has neither flow label nor DSCP")
    if value.spp_sackdelay > 500 or 0 < value.spp_pathmtu < 512:
        raise error(errno.EINVAL, "SCTP_PEER_ADDR_PARAMS: sackdelay up to 500 ms, pathmtu from 512 bytes")
    if flags & c.SPP_IPV6_FLOWLABEL:
        raise error(errno.EOPNOTSUPP, "SCTP_PEER_ADDR_PARAMS: flow labels cannot be chosen")


def paddrparams_changes(now: Any, value: Any) -> dict[str, Any]:
    """What the structure asks to change of the parameters as they are now."""
    flags = value.spp_flags
    changes: dict[str, Any] = {}
    if flags & c.SPP_HB:
        changes["heartbeat_enabled"] = bool(flags & c.SPP_HB_ENABLE)
    if flags & c.SPP_HB_ENABLE and (value.spp_hbinterval or flags & c.SPP_HB_TIME_IS_ZERO):
        changes["heartbeat_interval"] = value.spp_hbinterval * MS
    if flags & c.SPP_PMTUD:
        changes["pmtu_discovery"] = bool(flags & c.SPP_PMTUD_ENABLE)
    if flags & c.SPP_PMTUD_DISABLE and value.spp_pathmtu:
        changes["path_mtu"] = value.spp_pathmtu
    if flags & c.SPP_SACKDELAY_ENABLE:
        changes |= sack_changes(now, value.spp_sackdelay, 2 if now.sack_frequency == 1 else 0)
    elif flags & c.SPP_SACKDELAY_DISABLE:
        changes["sack_frequency"] = 1
    if flags & c.SPP_DSCP:
        changes["dscp"] = value.spp_dscp & 0xFC
    if value.spp_pathmaxrxt:
        changes["path_max_retrans"] = value.spp_pathmaxrxt
    return changes


# ------------------------------------------------------------------ thresholds of failure (RFC 7829)

NEVER = 0xFFFF  # of both thresholds, while no path can be potentially failed
POTENTIALLY_FAILED, PRIMARY_SWITCH = "spt_pathpfthld", "spt_pathcpthld"


def path_of_thresholds(target: Target, storage: Any) -> dict[str, Any] | None:
    """As known_address(), but ENOENT for an address that is none of the peer's."""
    try:
        return known_address(target, storage)
    except OSError:
        raise error(errno.ENOENT, f"no path to {storage.address}") from None


def thresholds_get(target: Target, request: Any) -> Any:
    path = path_of_thresholds(target, request.spt_address)
    request.spt_pathmaxrxt = holder(target, path).path_max_retrans
    kept = target.parameters.remembered
    for name in (POTENTIALLY_FAILED, PRIMARY_SWITCH):
        if hasattr(request, name):
            of_all = kept.get(name, NEVER)
            setattr(request, name, kept.get(f"{name} {path['address']}", of_all) if path else of_all)
    return request


def thresholds_set(target: Target, value: Any) -> None:
    """Path.Max.Retrans is in force, the other thresholds are kept."""
    switch = getattr(value, PRIMARY_SWITCH, NEVER)
    if value.spt_pathpfthld > switch:
        raise error(errno.EINVAL, f"the thresholds {value.spt_pathpfthld} and {switch} contradict each other")
    path = path_of_thresholds(target, value.spt_address)
    if value.spt_pathmaxrxt:
        change(target, path, {"path_max_retrans": value.spt_pathmaxrxt})
    for name in (POTENTIALLY_FAILED, PRIMARY_SWITCH):
        if hasattr(value, name):
            keep_threshold(target.parameters, name, path, getattr(value, name))


def keep_threshold(parameters: Any, name: str, path: dict[str, Any] | None, number: int) -> None:
    """One of a path, or of all, which have no other then."""
    if path is None:
        parameters.remembered = {key: other for key, other in parameters.remembered.items()
                                 if not key.startswith(name + " ")}
    remember(parameters, name if path is None else f"{name} {path['address']}", number)


def primary_get(target: Target, request: Any) -> Any:
    association = target.association
    return structs.sctp_prim(request.ssp_assoc_id,
                             target.sock.shown_address(association.peer_host, association.peer_port))


def primary_set(target: Target, value: Any) -> None:
    path = known_address(target, value.ssp_addr)
    if path is None:
        raise error(errno.EINVAL, "SCTP_PRIMARY_ADDR wants an address of the peer")
    if path["state"] == c.SCTP_UNCONFIRMED:
        raise error(errno.EINVAL, f"{path['address']} is not confirmed to be the peer's yet")
    target.sock.set_primary(target.association, path["address"])


def udpencaps_get(target: Target, request: Any) -> Any:
    path = known_address(target, request.sue_address)
    port = path["udp_port"] if path is not None else target.parameters.remote_udp_port
    return structs.sctp_udpencaps(sue_assoc_id=request.sue_assoc_id,
                                  sue_address=request.sue_address, sue_port=_socket.htons(port))


def udpencaps_set(target: Target, value: Any) -> None:
    path = known_address(target, value.sue_address)
    change(target, path, {"remote_udp_port": _socket.ntohs(value.sue_port)})


OPTIONS = [
    Option("SCTP_PEER_ADDR_PARAMS", structs.sctp_paddrparams, "B", paddrparams_get, paddrparams_set,
           rfc="8.1.12", lengths=(152,),
           errors=("EINVAL: both of a pair of flags, sackdelay above 500, pathmtu below 512, no such path",
                   "EOPNOTSUPP: a flow label"),
           about="Heartbeats, also on demand, Path.Max.Retrans, path MTU, SACK delay and DSCP of one "
                 "address or of all."),
    Option("SCTP_PEER_ADDR_THLDS", structs.sctp_paddrthlds, "B", thresholds_get, thresholds_set, exact=False,
           rfc="RFC 7829 7.2", errors=("ENOENT: no such path",), extension="potentially failed paths",
           about="Path.Max.Retrans of one address or of all, 0 leaves it as it is; and after how many errors "
                 "a path is potentially failed."),
    Option("SCTP_PEER_ADDR_THLDS_V2", structs.sctp_paddrthlds_v2, "B", thresholds_get, thresholds_set,
           exact=False, rfc="RFC 7829 7.2", extension="potentially failed paths",
           errors=("ENOENT: no such path", "EINVAL: the threshold of failure is above that of the switch"),
           about="The same, and after how many errors another path becomes the primary."),
    Option("SCTP_PRIMARY_ADDR", structs.sctp_prim, "C", primary_get, primary_set, rfc="8.1.9",
           errors=("EINVAL: no address of the peer, or one that is not confirmed yet",),
           about="The address of the peer that new data goes to."),
    Option("SCTP_DELAYED_SACK", structs.sctp_sack_info, "A", sack_get, sack_set, rfc="8.1.19",
           older=(structs.sctp_assoc_value, sack_from_older, sack_to_older),
           errors=("EINVAL: a delay above 500 ms",),
           about="How long (ms) and for how many packets a SACK may wait; 0 leaves one as it is, 1 packet is "
                 "no delay."),
    Option("SCTP_GET_PEER_ADDR_INFO", structs.sctp_paddrinfo, "C", paddrinfo_get, rfc="8.2.2",
           errors=("EINVAL: no such path",), about="State, cwnd, RTO and MTU of one address of the peer."),
    Option("SCTP_REMOTE_UDP_ENCAPS_PORT", structs.sctp_udpencaps, "B", udpencaps_get, udpencaps_set,
           rfc="RFC 6951 6.1", errors=("EINVAL: no such path",),
           about="The UDP port, in network byte order, at which an address of the peer is reached, until its "
                 "packets come from another. 0, for associations to come: the configured port."),
]
