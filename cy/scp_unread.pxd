"""Flow control of one end of an SCP connection, which has none on the wire: when to stop reading (SCP-70).

Unread data is counted for each session and for all together, with an overhead for each piece.  Above a mark
nothing more is read from TCP until the readers have taken half.  Readers of other sessions may starve
meanwhile; if they have for `stall_timeout`, the session with the most unread data has to go.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from .scp_options cimport ScpOptions
from .scp_session cimport ScpSession


cdef class ScpUnread:
    cdef ScpOptions options
    cdef readonly uint64_t charged           # bytes and overhead of all sessions
    cdef bint over_mark                      # it has passed the mark and not fallen to half
    cdef uint32_t sessions_over_mark
    cdef set holders                         # sessions with unread data, ended ones too
    cdef readonly uint32_t readers           # sessions with a reader that waits
    cdef int64_t stall_deadline              # INT64_MAX: none

    cdef int append(self, ScpSession session, const uint8_t *data, uint32_t length, size_t more,
                    bint ends_message, int64_t now) except -1        # see PieceQueue.append()
    # Bytes that are put where reserve() says: see PieceQueue.
    cdef uint8_t *reserve(self, ScpSession session, uint32_t room) except NULL
    cdef int fill(self, ScpSession session, uint32_t length, bint ends_message, int64_t now) except -1
    cdef int end_message(self, ScpSession session, int64_t now) except -1    # behind what has come, SCP-31
    cdef bytes take(self, ScpSession session, uint64_t limit, bint across_messages, bint *ended)
    cdef int discard(self, ScpSession session) except -1
    cdef bint stopped(self) noexcept nogil
    cdef void wait(self, ScpSession session, int64_t now) noexcept
    cdef void stop_waiting(self, ScpSession session) noexcept
    cdef ScpSession take_stalled(self, int64_t now)  # who has to go now, or None

    # within the module
    cdef int has_come(self, ScpSession session, uint64_t before, int64_t now) except -1
    cdef int settle(self, ScpSession session, uint64_t before) except -1
    cdef void watch(self, int64_t now) noexcept
