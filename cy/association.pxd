"""One association's public face: what the user may ask, what the endpoint feeds in.

RFC 9260 section 11.1 (primitives).  The state is in Tcb, the behaviour in the handler modules.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from .address cimport Route
from .tcb cimport Tcb
from .user cimport SctpUser
from .wire cimport ChunkView

cdef enum SendFlag:              # sinfo_flags of RFC 6458 section 5.3.2, as Linux numbers them
    SEND_UNORDERED = 0x1
    SEND_SACK_IMMEDIATELY = 0x8


cdef class Association(Tcb):
    # --- asked by the user; send returns 0 or a positive errno and changes nothing if it refuses
    cdef int send(self, bytes data, uint16_t stream_id, uint32_t ppid, uint32_t flags, uint32_t timetolive,
                  uint32_t context, int64_t now) except -1
    cdef int credit(self, uint32_t length, bint finished, int64_t now) except -1     # the user read so much
    # --- fed by the endpoint
    cdef int handle_packet(self, const uint8_t *chunks, uint32_t length, const Route *route,
                           int64_t now) except -1
    cdef int handle_timeout(self, int64_t now) except -1

    # within the module
    cdef bint skip_unknown(self, const ChunkView *chunk) except -1
    cdef int report(self) except -1
    cdef bint misplaced(self, const ChunkView *chunk, const uint8_t *chunks) noexcept


cdef Association make_association()
