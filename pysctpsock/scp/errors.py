"""From a reason of the core to the OSError that everybody who waits gets."""
from __future__ import annotations

import errno

from .._cy.scp_wire import ScpReason as R
from ..errors import error

MEANINGS = {
    R.REFUSED_BY_PEER: (errno.ECONNREFUSED, "the peer refused the session"),
    R.RESET_BY_PEER: (errno.ECONNRESET, "the peer reset the session"),
    R.RESET_HERE: (errno.ECONNABORTED, "the session was reset on this side"),
    R.CLOSED_UNREAD: (errno.ECONNABORTED, "the peer sent on after reading had ended"),
    R.SYN_ON_OPEN_SESSION: (errno.EPROTO, "SYN on an open session"),
    R.DATA_AFTER_FIN: (errno.EPROTO, "data after FIN"),
    R.MESSAGE_TOO_LONG: (errno.EMSGSIZE, "the message is longer than max_message"),
    R.STALLED: (errno.ENOBUFS, "unread data of this session kept the others waiting"),
    R.BAD_FLAGS: (errno.EPROTO, "bad flags"),
    R.FOREIGN_FLAGS: (errno.EPROTO, "bad flags: the peer may speak TMP or SCP 2, or no SCP at all"),
    R.RESERVED_ID: (errno.EPROTO, "reserved session id"),
    R.ID_PARITY: (errno.EPROTO, "session id parity"),
    R.SEGMENT_TOO_LONG: (errno.EPROTO, "segment too long"),
    R.SEGMENT_TOO_SHORT: (errno.EPROTO, "segment too short"),
    R.TRUNCATED: (errno.ECONNRESET, "truncated: the connection ended within a segment"),
    R.TOO_MANY_RESETS: (errno.EPROTO, "too many resets"),
    R.CONNECTION_LOST: (errno.ECONNRESET, "connection lost"),
    R.CLOSED_HERE: (errno.ECONNABORTED, "the connection was closed on this side"),
}


class IncompleteMessage(OSError):
    """FIN came in the midst of a message (EBADMSG); `partial` is what came of it and was not read."""

    def __init__(self, partial: bytes) -> None:
        super().__init__(errno.EBADMSG, "the peer ended its direction in the midst of a message")
        self.partial = partial


def reason_error(reason: int, failure: OSError | None = None) -> OSError:
    """The error of a reason; `failure` is what TCP or TLS raised, for TRANSPORT_FAILED."""
    if reason == R.TRANSPORT_FAILED:
        assert failure is not None
        return failure.__class__(*failure.args)  # each waiter gets one of its own: tracebacks grow
    return error(*MEANINGS[R(reason)])
