"""One association's public face: what the user may ask, what the endpoint feeds in.

RFC 9260 section 11.1 (primitives).  The state is in Tcb, the behaviour in the handler modules.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from .address cimport Route
from .tcb cimport Tcb


cdef class Association(Tcb):
    # --- asked by the user; each returns 0 or a positive errno and changes nothing if it refuses
    cdef int send(self, bytes data, uint16_t stream_id, uint32_t ppid, uint32_t flags, uint32_t timetolive,
                  uint32_t context, int64_t now) except -1
    cdef void credit(self, uint32_t length, int64_t now) noexcept     # the user read `length` bytes: window update
    # --- fed by the endpoint
    cdef int handle_packet(self, const uint8_t *packet, uint32_t length, const Route *route, int64_t now) except -1
    cdef int handle_timeout(self, int64_t now) except -1
    cdef int transmit(self, int64_t now) except -1                    # 1: the outbox is full and more waits
