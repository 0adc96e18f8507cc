"""Options of an association as a whole: its timers, limits and windows, and what it tells of itself.

RFC 6458 sections 8.1.1 to 8.1.5, 8.1.16, 8.1.19, 8.2.1.
"""
from __future__ import annotations

from typing import Any

from .. import structs
from .paths import fragmentation_point, paddrinfo
from .row import MS, Option, Target, both, parameters


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


OPTIONS = [
    parameters(
        "SCTP_RTOINFO", structs.sctp_rtoinfo, "B",
        {"srto_initial": ("rto_initial", MS), "srto_max": ("rto_max", MS), "srto_min": ("rto_min", MS)},
        check=lambda target, merged: merged["rto_min"] <= merged["rto_max"], rfc="8.1.1"),
    parameters(
        "SCTP_ASSOCINFO", structs.sctp_assocparams, "B",
        {"sasoc_asocmaxrxt": ("association_max_retrans", 1), "sasoc_cookie_life": ("valid_cookie_life", MS)},
        read=assocparams_read, rfc="8.1.2"),
    Option("SCTP_INITMSG", structs.sctp_initmsg, "", initmsg_get, initmsg_set, rfc="8.1.3"),
    Option("SCTP_NODELAY", None, "", *both("nodelay"), rfc="8.1.5"),
    Option("SCTP_MAXSEG", structs.sctp_assoc_value, "B", maxseg_get, rfc="8.1.16"),
    Option("SCTP_STATUS", structs.sctp_status, "C", status_get, rfc="8.2.1"),
]
