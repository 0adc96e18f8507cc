"""One end of one SCP session (see scp_session.pxd)."""
from .scp_wire import ScpReason as Reasons

cdef list REASON_NAMES = [reason.name for reason in Reasons]


cdef class ScpSession:
    """The data of a session; what is done with it is in ScpConnection."""

    def __cinit__(self):
        self.outgoing = PieceQueue()
        self.incoming = PieceQueue()
        self.open = True

    cdef bint has_output(self) noexcept nogil:
        """Whether a segment of it can be sent: data, or SYN or FIN without."""
        if not self.open:
            return False
        return (self.outgoing.count > 0 or (self.syn_pending and self.opened_here)
                or (self.fin_queued and not self.fin_sent))

    @property
    def state(self) -> str:
        """A word of SCP's table of states, or "lost" if the connection ended under it."""
        if self.open:
            if self.fin_sent:
                return "local-closed"
            return "remote-closed" if self.fin_received else "open"
        if self.write_reason == ScpReason.NO_REASON:
            return "ended"
        if self.write_reason in (ScpReason.REFUSED_BY_PEER, ScpReason.RESET_BY_PEER):
            return "reset-received"
        return "reset-sent" if self.write_reason <= ScpReason.STALLED else "lost"

    @property
    def readable(self) -> bool:
        """Whether a read gives something at once: bytes, the end or an error."""
        return (self.incoming.count > 0 or len(self.assembly or b"") > 0 or self.fin_received
                or self.read_reason != ScpReason.NO_REASON)

    @property
    def incomplete(self) -> bool:
        """Whether all has been read, and the end came in the midst of a message (SCP-33)."""
        return self.fin_received and self.in_message and self.incoming.count == 0

    @property
    def writes_ended(self) -> bool:
        """Whether the program has ended its direction."""
        return self.fin_queued

    @property
    def unread_bytes(self) -> int:
        """Bytes that have arrived and that nobody has read."""
        return self.incoming.size

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait to be sent."""
        return self.outgoing.size

    def snapshot(self) -> dict:
        return {
            "id": self.id, "state": self.state, "opened_here": self.opened_here, "accepted": self.accepted,
            "discards": self.discards, "unread": self.incoming.size, "queued": self.outgoing.size,
            "bytes_in": self.bytes_in, "bytes_out": self.bytes_out,
            "read_reason": REASON_NAMES[self.read_reason],
            "write_reason": REASON_NAMES[self.write_reason],
        }
