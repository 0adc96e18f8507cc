"""One end of an SCP connection: segments in, segments out, and what the program does with its sessions.

Sections 1 to 7 of docs/scp.md.  Sans I/O: bytes and the time (microseconds) go in, bytes and the list of
sessions that have something to say come out.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from .scp_ids cimport SessionIds
from .scp_options cimport ScpOptions
from .scp_output cimport ScpOutput
from .scp_session cimport ScpSession
from .scp_unread cimport ScpUnread
from .scp_wire cimport REASONS, SCP_HEADER, ScpReason


cdef class RateLimit:
    """So many events in one window of time, which begins with an event."""
    cdef int64_t window, start
    cdef uint32_t limit, count

    cdef bint exceeded(self, int64_t now) noexcept nogil     # by the event that happens now


cdef class ScpConnection:
    cdef readonly bint client
    cdef readonly ScpOptions options
    cdef readonly SessionIds ids
    cdef readonly dict sessions              # id -> open session; the owner of them
    cdef readonly uint32_t peer_sessions     # those that the peer has opened
    cdef object arrived                      # deque of sessions that wait for accept()
    cdef public bint accepting               # whether the peer may open sessions
    cdef readonly bint closing
    cdef readonly bint input_ended           # the peer has ended its direction of TCP
    cdef readonly ScpReason reason           # why all is over
    cdef int error_number                    # errno of TCP or TLS, with TRANSPORT_FAILED
    cdef list ready                          # sessions to wake
    cdef uint64_t[REASONS] counts
    cdef readonly uint64_t segments_in, bytes_in, bytes_out
    cdef bint seen_stopped                   # what flow() has told last
    cdef int64_t seen_deadline
    cdef ScpOutput output
    cdef ScpUnread unread
    cdef RateLimit answers                   # SCP-54
    cdef RateLimit wasted                    # SCP-63

    # the segment that is arriving
    cdef uint8_t[SCP_HEADER] header
    cdef uint32_t header_length              # bytes of it that have come
    cdef bint in_segment
    cdef uint32_t segment_left
    cdef uint8_t segment_flags
    cdef bint segment_empty
    cdef ScpSession current                  # who gets its data, None: nobody
    cdef ScpSession growing                  # whose last piece has room for more of the same read

    cdef bint prepare(self) except -1        # sending: the batch in `output`

    # arriving
    cdef int take_in(self, const uint8_t *position, size_t left, int64_t now) except -1
    # Bytes of the arriving segment that its reader waits for, and of segments to foresee behind it (0: none).
    cdef uint32_t bulk(self) noexcept
    cdef uint32_t foreseen(self) noexcept
    # Of bulk: where it is to be put; whether a header behind it is as foreseen; that so many bytes came.
    cdef uint8_t *place(self, uint32_t room) except NULL
    cdef bint goes_on(self, const uint8_t *header) noexcept
    cdef int placed(self, uint32_t length, int64_t now) except -1
    cdef int begin_segment(self, int64_t now) except -1
    cdef int take_data(self, const uint8_t *data, uint32_t length, size_t more, int64_t now) except -1
    cdef int trim_growing(self) except -1
    cdef int end_segment(self, int64_t now) except -1
    cdef ScpSession syn_arrived(self, ScpSession session, uint32_t session_id)
    cdef int rst_arrived(self, ScpSession session, uint32_t session_id, int64_t now) except -1
    cdef int stray_arrived(self, uint32_t session_id, int64_t now) except -1
    cdef ScpReason refusal(self) noexcept
    # ends
    cdef int end_session(self, ScpSession session, ScpReason read_reason, ScpReason write_reason) except -1
    cdef int send_reset(self, ScpSession session, ScpReason reason) except -1
    cdef int answer_reset(self, uint32_t session_id) except -1
    cdef int fail(self, ScpReason reason) except -1
    cdef int lose(self, ScpReason reason) except -1
    cdef void count(self, ScpReason reason) noexcept nogil
    cdef int drop_unread(self, ScpSession session, ScpReason reason) except -1
    cdef bytes take_assembled(self, ScpSession session, uint64_t limit)
    cdef int wake(self, ScpSession session) except -1
