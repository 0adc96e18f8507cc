"""Options of partial reliability: whether it is offered, the default policy, counters of abandoned messages.

RFC 7496 section 4, RFC 6458 section 8.1.32.  Default policy and value are kept where SCTP_DEFAULT_SEND_PARAM
has its flags and lifetime, as on Linux.
"""
from __future__ import annotations

import errno
from typing import Any

from .. import constants as c
from .. import structs
from ..errors import error
from .row import Option, Target

POLICIES = {  # as the core numbers them; 0 counts all
    c.SCTP_PR_SCTP_TTL: 1, c.SCTP_PR_SCTP_RTX: 2, c.SCTP_PR_SCTP_PRIO: 3, c.SCTP_PR_SCTP_ALL: 0,
}
PARTIAL_RELIABILITY = 1  # bit of Association.extensions


def supported_get(target: Target, request: Any) -> Any:
    if target.association is None:
        return structs.sctp_assoc_value(request.assoc_id, int(target.parameters.partial_reliability))
    return structs.sctp_assoc_value(request.assoc_id, target.association.extensions & PARTIAL_RELIABILITY)


def supported_set(target: Target, value: Any) -> None:
    """An association that exists has agreed already, so it is always the endpoint's."""
    target.sock.parameters.partial_reliability = bool(value.assoc_value)


def default_prinfo_get(target: Target, request: Any) -> Any:
    p = target.parameters
    return structs.sctp_default_prinfo(request.pr_assoc_id, p.default_timetolive,
                                       p.default_flags & c.SCTP_PR_SCTP_MASK)


def default_prinfo_set(target: Target, value: Any) -> None:
    if value.pr_policy & ~c.SCTP_PR_SCTP_MASK:
        raise error(errno.EINVAL, f"partial reliability policy {value.pr_policy:#x}")
    p = target.parameters
    p.default_flags = p.default_flags & ~c.SCTP_PR_SCTP_MASK | value.pr_policy
    p.default_timetolive = value.pr_value if value.pr_policy else 0


def policy_of(request: Any) -> int:
    if request.sprstat_policy not in POLICIES:
        raise error(errno.EINVAL, f"partial reliability policy {request.sprstat_policy:#x}")
    return POLICIES[request.sprstat_policy]


def association_status(target: Target, request: Any) -> Any:
    counted = target.association.given_up.of_association(policy_of(request))
    return status(request, *counted)


def stream_status(target: Target, request: Any) -> Any:
    policy = policy_of(request)
    if request.sprstat_sid >= target.association.outbound_streams:
        raise error(errno.EINVAL, f"stream {request.sprstat_sid} of {target.association.outbound_streams}")
    return status(request, *target.association.given_up.of_stream(request.sprstat_sid, policy))


def status(request: Any, unsent: int, sent: int) -> Any:
    return structs.sctp_prstatus(request.sprstat_assoc_id, request.sprstat_sid, request.sprstat_policy,
                                 unsent, sent)


BAD_POLICY = "EINVAL: not one policy, and not SCTP_PR_SCTP_ALL"

OPTIONS = [
    Option("SCTP_PR_SUPPORTED", structs.sctp_assoc_value, "B", supported_get, supported_set,
           rfc="RFC 7496 4.5", about="Whether later associations are offered partial reliability; of an "
                                     "association: whether both ends have it."),
    Option("SCTP_DEFAULT_PRINFO", structs.sctp_default_prinfo, "A", default_prinfo_get, default_prinfo_set,
           rfc="8.1.32", errors=("EINVAL: no such policy",),
           about="Policy and value of messages that say nothing else."),
    Option("SCTP_PR_ASSOC_STATUS", structs.sctp_prstatus, "C", association_status, rfc="RFC 7496 4.4",
           errors=(BAD_POLICY,),
           about="How many messages were abandoned before, and after, a part was sent."),
    Option("SCTP_PR_STREAM_STATUS", structs.sctp_prstatus, "C", stream_status, rfc="RFC 7496 4.3",
           errors=(BAD_POLICY, "EINVAL: no such stream"), about="The same of one stream."),
]
