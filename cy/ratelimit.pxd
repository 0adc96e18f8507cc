"""How many answers a second go to those who have proved nothing: to one source, and to all together.

RFC 9260 section 12, RFC 5062 sections 8 and 9.
"""
from libc.stdint cimport int64_t, uint64_t

from .address cimport Address
from .entropy cimport Entropy

cdef enum:
    SLOTS = 1024                 # a power of two


cdef struct Pace:                # a token bucket as one number: when the next token is due if all were spent
    int64_t interval             # microseconds from token to token
    int64_t slack                # how far ahead of the clock `due` may run: the bucket's size less one


cdef class RateLimit:
    cdef uint64_t[2] key                     # secret: nobody can choose the slot of another source
    cdef Pace source, all
    cdef int64_t[SLOTS] due                  # of the sources whose hash is the slot's number
    cdef int64_t due_of_all

    cdef bint allows(self, const Address *address, int64_t now) noexcept
    cdef uint64_t hash(self, const Address *address) noexcept nogil      # within the module
