"""Which associations an id in an option's value means (RFC 6458 section 7.2; Linux's errnos).

On a one-to-one socket (accepted and peeled-off ones too) always its own, whatever the id.  On a one-to-many
socket 0, 1 and 2 are the endpoint (for associations to come), all that exist, and both; other numbers are
ids.  Which of these an option takes is its class:

    A  set: each of them; get: the endpoint or an id
    B  the endpoint or an id
    C  an id only: it is about an association
    D  set: an id, or all that exist; get: an id
    "" no id in the value: set concerns the endpoint and all its associations
"""
from __future__ import annotations

import errno
from typing import Any, NamedTuple

from .constants import SCTP_ALL_ASSOC, SCTP_CURRENT_ASSOC, SCTP_FUTURE_ASSOC
from .errors import error


class Target(NamedTuple):
    """Whose option it is."""

    sock: Any  # the socket that was asked
    association: Any  # the association meant, or None: the endpoint, whose values later ones get
    parameters: Any  # ProtocolParameters of the association, or else of the endpoint


def targets(sock: Any, ids: str, assoc_id: int, setting: bool) -> list[Target]:
    """What an option of class `ids` works on; a get has one target.  EINVAL: an id that is not taken."""
    endpoint = Target(sock, None, sock.parameters)
    if not ids:
        existing = [_of(sock, association) for association in sock.open_associations()]
        if setting:
            return [endpoint, *existing]
        return [endpoint] if sock.one_to_many or not existing else existing
    association = sock.association_meant(assoc_id)
    if association is not None:
        return [_of(sock, association)]
    if not sock.one_to_many:
        if ids in "AB":
            return [endpoint]
        if ids == "D" and setting:
            return []
    elif assoc_id == SCTP_FUTURE_ASSOC and ids in "AB":
        return [endpoint]
    elif assoc_id == SCTP_CURRENT_ASSOC and ids in "AD" and setting:
        return [_of(sock, association) for association in sock.open_associations()]
    elif assoc_id == SCTP_ALL_ASSOC and ids == "A" and setting:
        return [endpoint, *(_of(sock, association) for association in sock.open_associations())]
    raise error(errno.EINVAL, f"association id {assoc_id} means nothing here")


def _of(sock: Any, association: Any) -> Target:
    return Target(sock, association, association.parameters)
