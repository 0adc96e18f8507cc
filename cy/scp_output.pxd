"""What one end of an SCP connection has to send, and in which order (SCP-07, SCP-20, SCP-40, SCP-43, SCP-71).

RSTs go first, then SYN and FIN without data, then one segment of each session with data, in turn.  A batch of
segments is made ready at a time; what is in it counts as begun on the wire.  It consists of runs of bytes:
headers and small data are written into one buffer, full segments stay where the program has put them.
"""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from .scp_options cimport ScpOptions
from .scp_session cimport ScpSession


cdef enum:
    MOST_RUNS = 64


cdef struct Run:
    const uint8_t *start
    size_t length


cdef class ScpOutput:
    cdef ScpOptions options
    cdef object turns                        # deque of sessions with data
    cdef object urgent                       # deque of sessions with SYN or FIN and no data
    cdef object resets                       # deque of ids
    cdef uint32_t start, end                 # what is left of the batch, in bytes
    cdef Run[MOST_RUNS] runs                 # the batch
    cdef uint32_t run_count
    cdef list kept                           # bytes objects that runs point into
    cdef bytearray buffer                    # headers and copied data
    cdef uint32_t used, run_start            # of the buffer: all, where the last run begins
    cdef bytearray gathered                  # the batch in one piece, if somebody wants it so
    cdef readonly uint64_t segments
    cdef list touched                        # sessions that have got room, or have sent their FIN

    cdef int queue(self, ScpSession session) except -1
    cdef int forget(self, ScpSession session) except -1
    cdef int queue_reset(self, uint32_t session_id) except -1
    cdef int clear(self) except -1           # but sessions
    cdef int fill(self) except -1            # the batch, which must be empty
    cdef memoryview view(self)               # what is left of the batch, in one piece
    cdef bint is_empty(self)

    # within the module
    cdef uint8_t *put(self, uint8_t flags, uint32_t session_id, uint32_t length) except NULL
    cdef int put_segment(self, ScpSession session) except -1
    cdef void end_run(self) noexcept
