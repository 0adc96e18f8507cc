"""What those get who have no association: answers out of the blue and refusals, so many and no more.

RFC 9260 sections 5.1, 8.4 and 12; RFC 5062 sections 8 and 9.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from .address cimport Route
from .ratelimit cimport RateLimit
from .tcb cimport Shared


cdef class Strangers:
    cdef Shared shared
    # one kind of flood does not silence the answers of another kind
    cdef RateLimit blue, refusals, init_acks

    cdef int out_of_the_blue(self, const uint8_t *packet, uint32_t length, const Route *route,
                             int64_t now) except -1
    # ABORT to an INIT or COOKIE ECHO, whose sender chose `tag`; `reason`: how it is counted
    cdef int refuse(self, const uint8_t *packet, uint32_t tag, list causes, const Route *route, int reason,
                    int64_t now) except -1
    cdef bint may_get_init_ack(self, const Route *route, int64_t now) noexcept       # else that is counted
