"""How many messages were given up: by policy, by stream, and whether a part of them had been sent.

RFC 7496 sections 4.3 (stream) and 4.4 (association).
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t

from .sendq cimport POLICY_COUNT


cdef struct Given:               # messages given up, by Policy
    uint64_t unsent[POLICY_COUNT]
    uint64_t sent[POLICY_COUNT]          # as soon as one fragment had a TSN


cdef class Tally:
    cdef Given association
    cdef Given *streams                  # by need
    cdef uint32_t stream_count

    cdef int count(self, int policy, uint16_t stream_id, bint sent) except -1
