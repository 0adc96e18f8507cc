"""What one end of an SCP connection has to send, and in which order (SCP-07, SCP-20, SCP-40, SCP-43, SCP-71).

RSTs go first, then SYN and FIN without data, then one segment of each session with data, in turn.  Segments
are written into a batch; what is in the batch counts as begun on the wire.
"""
from libc.stdint cimport uint32_t, uint64_t

from .scp_options cimport ScpOptions
from .scp_session cimport ScpSession


cdef class ScpOutput:
    cdef ScpOptions options
    cdef object turns                        # deque of sessions with data
    cdef object urgent                       # deque of sessions with SYN or FIN and no data
    cdef object resets                       # deque of ids
    cdef bytearray batch
    cdef uint32_t start, end                 # what is left of the batch
    cdef readonly uint64_t segments
    cdef list touched                        # sessions that have got room, or have sent their FIN

    cdef int queue(self, ScpSession session) except -1
    cdef int forget(self, ScpSession session) except -1
    cdef int queue_reset(self, uint32_t session_id) except -1
    cdef int clear(self) except -1           # but sessions
    cdef int fill(self) except -1            # the batch, which must be empty
    cdef bint is_empty(self)

    # within the module
    cdef uint32_t put_segment(self, ScpSession session, uint32_t position) except? 0xFFFFFFFF
