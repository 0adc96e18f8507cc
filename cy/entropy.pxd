"""Unpredictable numbers from a seed that the engine draws: tags, TSNs, nonces, cookie secrets.

RFC 9260 sections 5.1 and 5.1.3, RFC 4086.  The core draws no randomness itself: the same seed gives the
same numbers, so that a whole network can be simulated from one.
"""
from libc.stdint cimport uint8_t, uint32_t, uint64_t


cdef class Entropy:
    cdef bytes key
    cdef uint64_t counter
    cdef bytes block
    cdef int used

    cpdef bytes take(self, int length)
    cdef uint32_t uint32(self) except? 0
    cdef uint32_t tag(self) except 0                     # 1 .. 2^32 - 1
