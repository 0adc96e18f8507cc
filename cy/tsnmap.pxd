"""Which TSNs have arrived: Cumulative TSN Ack Point, gap blocks, duplicates, and when a SACK is due.

RFC 9260 sections 3.3.4, 6.2 and 6.7.
"""
cimport cython
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from .serial cimport tsn_t

cdef enum TsnResult:
    TSN_NEW = 0                  # recorded
    TSN_DUPLICATE = 1            # seen before, noted for the next SACK
    TSN_OUTSIDE = 2              # too far ahead: not recorded, not acknowledged


@cython.final
cdef class TsnMap:
    cdef readonly tsn_t cumulative_tsn       # Cumulative TSN Ack Point
    cdef readonly tsn_t highest_tsn          # == cumulative_tsn: no gaps
    cdef uint64_t *bits                      # ring; bit base + i: cumulative_tsn + 1 + i has arrived
    cdef uint32_t width                      # bits allocated, a power of two; at most 65536
    cdef uint32_t base                       # ring index of cumulative_tsn + 1
    cdef tsn_t duplicates[16]
    cdef readonly uint32_t duplicate_count
    cdef readonly uint64_t duplicates_total

    cdef int record(self, tsn_t tsn) except -1              # TsnResult; moves the ack point over filled gaps
    cdef int classify(self, tsn_t tsn) noexcept nogil       # TsnResult, without recording
    cdef bint has_gaps(self) noexcept nogil
    cdef void advance_to(self, tsn_t tsn) noexcept nogil    # FORWARD TSN: all up to tsn count as arrived
    # Writes (start, end) pairs, big endian, lowest first; returns how many.
    cdef uint32_t gap_blocks(self, uint8_t *out, uint32_t most) noexcept nogil
    # Writes TSNs, big endian, returns how many; forgets all of them.
    cdef uint32_t take_duplicates(self, uint8_t *out, uint32_t most) noexcept nogil

    # How the above is done.
    cdef int widen(self, uint32_t bits) except -1
    cdef uint32_t find(self, uint32_t offset, uint32_t end, uint64_t flip) noexcept nogil
    cdef void shift(self, uint32_t count) noexcept nogil
    cdef void release_if_closed(self) noexcept nogil
