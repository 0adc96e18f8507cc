"""Flow control of one end of an SCP connection (see scp_unread.pxd)."""
from libc.stdint cimport INT64_MAX

from .scp_pieces cimport PIECE_OVERHEAD, Piece


cdef class ScpUnread:
    """What has arrived and was not read, over all sessions of a connection."""

    def __cinit__(self, ScpOptions options not None):
        self.options = options
        self.holders = set()
        self.stall_deadline = INT64_MAX

    cdef int append(self, ScpSession session, const uint8_t *data, uint32_t length, size_t more,
                    bint ends_message, int64_t now) except -1:
        cdef uint64_t before = session.incoming.charged
        session.incoming.append(data, length, more, ends_message)
        return self.has_come(session, before, now)

    cdef uint8_t *reserve(self, ScpSession session, uint32_t room) except NULL:
        return session.incoming.reserve(room)

    cdef int fill(self, ScpSession session, uint32_t length, bint ends_message, int64_t now) except -1:
        cdef uint64_t before = session.incoming.charged - PIECE_OVERHEAD         # which reserve() has added
        session.incoming.fill(length, ends_message)
        return self.has_come(session, before, now) if length else 0

    cdef int has_come(self, ScpSession session, uint64_t before, int64_t now) except -1:
        """Something has, for a session that held `before`."""
        self.stop_waiting(session)
        self.settle(session, before)
        self.watch(now)
        return 0

    cdef int end_message(self, ScpSession session, int64_t now) except -1:
        cdef Piece *last = session.incoming.last()
        cdef uint64_t before = session.incoming.charged
        if last != NULL and not last.ends_message:
            last.ends_message = True
            return session.incoming.trim()
        session.incoming.push(b"", 0, 0, True)
        return self.has_come(session, before, now)

    cdef bytes take(self, ScpSession session, uint64_t limit, bint across_messages, bint *ended):
        """See PieceQueue.take()."""
        cdef uint64_t before = session.incoming.charged
        cdef bytes data = session.incoming.take(limit, across_messages, ended)
        session.in_message = not ended[0]
        session.bytes_read += len(data)
        self.settle(session, before)
        return data

    cdef int discard(self, ScpSession session) except -1:
        cdef uint64_t before = session.incoming.charged
        session.assembly = None
        session.incoming.clear()
        return self.settle(session, before)

    cdef int settle(self, ScpSession session, uint64_t before) except -1:
        """The unread data of a session has changed: sums, marks."""
        cdef uint64_t charged = session.incoming.charged
        self.charged = self.charged - before + charged
        if charged and not before:
            self.holders.add(session)
        elif before and not charged:
            self.holders.discard(session)
        if not session.over_mark and charged > self.options.session_high_water:
            session.over_mark = True
            self.sessions_over_mark += 1
        elif session.over_mark and 2 * charged <= self.options.session_high_water:
            session.over_mark = False
            self.sessions_over_mark -= 1
        if self.charged > self.options.connection_high_water:
            self.over_mark = True
        elif 2 * self.charged <= self.options.connection_high_water:
            self.over_mark = False
        if not self.stopped():
            self.stall_deadline = INT64_MAX
        return 0

    cdef bint stopped(self) noexcept nogil:
        """Whether readers must take something before more may come."""
        return self.sessions_over_mark > 0 or self.over_mark

    cdef void wait(self, ScpSession session, int64_t now) noexcept:
        """A reader waits for data of this session."""
        if not session.waits_to_read:
            session.waits_to_read = True
            self.readers += 1
            self.watch(now)

    cdef void stop_waiting(self, ScpSession session) noexcept:
        if session.waits_to_read:
            session.waits_to_read = False
            self.readers -= 1
            if self.readers == 0:
                self.stall_deadline = INT64_MAX

    cdef void watch(self, int64_t now) noexcept:
        """Note since when readers wait while the connection is stopped."""
        if not self.stopped() or self.readers == 0:
            self.stall_deadline = INT64_MAX
        elif self.stall_deadline == INT64_MAX:
            self.stall_deadline = now + self.options.stall_timeout

    cdef ScpSession take_stalled(self, int64_t now):
        cdef ScpSession session, worst = None
        if now < self.stall_deadline:
            return None
        self.stall_deadline = INT64_MAX
        for session in self.holders:
            if worst is None or session.incoming.charged > worst.incoming.charged:
                worst = session
        return worst
