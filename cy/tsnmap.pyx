"""Which TSNs have arrived: Cumulative TSN Ack Point, gap blocks, duplicates.

RFC 9260 sections 3.3.4 (SACK), 6.2 (acknowledging) and 6.7 (gaps); RFC 3758 section 3.6 (FORWARD TSN).

As long as nothing is missing two numbers say it all.  The first gap allocates a ring of bits for
the TSNs above the ack point; bits at and below it are always zero, so a map without gaps has an
all-zero ring and `base` may stand anywhere.
"""
cimport cython
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from .serial cimport tsn_le, tsn_lt, tsn_t
from .wire cimport get16, get32, put16, put32

cdef extern from *:
    int __builtin_ctzll(unsigned long long) noexcept nogil

cdef enum:
    FARTHEST = 65535             # gap block offsets have 16 bits (3.3.4)
    NARROWEST = 256              # bits of the first ring
    WIDEST_KEPT = 4096           # a wider ring is freed when the gaps have closed
    DUPLICATES_KEPT = 16

cdef uint64_t ALL_ONES = ~<uint64_t>0


@cython.final
cdef class TsnMap:
    """The TSNs received from a peer whose Initial TSN is `initial_tsn`."""

    def __cinit__(self, tsn_t initial_tsn):
        self.cumulative_tsn = self.highest_tsn = initial_tsn - 1     # nothing received yet (3.3.4)

    def __dealloc__(self):
        free(self.bits)

    cdef int record(self, tsn_t tsn) except -1:
        cdef uint32_t distance = tsn - self.cumulative_tsn
        cdef uint32_t index
        cdef int result
        if distance == 1 and self.highest_tsn == self.cumulative_tsn:    # the usual case: in order, no gaps
            self.cumulative_tsn = self.highest_tsn = tsn
            return TSN_NEW
        result = self.classify(tsn)
        if result == TSN_OUTSIDE:
            return result
        if result == TSN_DUPLICATE:
            if self.duplicate_count < DUPLICATES_KEPT:
                self.duplicates[self.duplicate_count] = tsn
                self.duplicate_count += 1
            self.duplicates_total += 1
            return result
        if distance > self.width:
            self.widen(distance)
        index = (self.base + distance - 1) & (self.width - 1)
        self.bits[index >> 6] |= <uint64_t>1 << (index & 63)
        if tsn_lt(self.highest_tsn, tsn):
            self.highest_tsn = tsn
        if distance == 1:
            self.shift(self.find(0, self.highest_tsn - self.cumulative_tsn, ALL_ONES))
            self.release_if_closed()
        return TSN_NEW

    cdef int classify(self, tsn_t tsn) noexcept nogil:
        cdef uint32_t distance = tsn - self.cumulative_tsn
        cdef uint32_t index
        if tsn_le(tsn, self.cumulative_tsn):
            return TSN_DUPLICATE
        if distance > FARTHEST:
            return TSN_OUTSIDE
        if distance > self.width:
            return TSN_NEW
        index = (self.base + distance - 1) & (self.width - 1)
        return TSN_DUPLICATE if self.bits[index >> 6] >> (index & 63) & 1 else TSN_NEW

    cdef bint has_gaps(self) noexcept nogil:
        return self.highest_tsn != self.cumulative_tsn

    cdef void advance_to(self, tsn_t tsn) noexcept nogil:
        if tsn_le(tsn, self.cumulative_tsn):
            return                                        # an old FORWARD TSN changes nothing (3758-3.6-02)
        if tsn_le(self.highest_tsn, tsn):
            if self.has_gaps():
                memset(self.bits, 0, self.width >> 3)
            self.cumulative_tsn = self.highest_tsn = tsn
        else:
            self.shift(tsn - self.cumulative_tsn)
            # then further over what is already there (3758-3.6-01)
            self.shift(self.find(0, self.highest_tsn - self.cumulative_tsn, ALL_ONES))
        self.release_if_closed()

    cdef uint32_t gap_blocks(self, uint8_t *out, uint32_t most) noexcept nogil:
        cdef uint32_t end = self.highest_tsn - self.cumulative_tsn
        cdef uint32_t count = 0
        cdef uint32_t start, stop
        stop = 0
        while count < most:
            start = self.find(stop, end, 0)
            if start == end:
                break
            stop = self.find(start, end, ALL_ONES)
            put16(out + 4 * count, <uint16_t>(start + 1))        # bit 0 is cumulative_tsn + 1
            put16(out + 4 * count + 2, <uint16_t>stop)
            count += 1
        return count

    cdef uint32_t take_duplicates(self, uint8_t *out, uint32_t most) noexcept nogil:
        cdef uint32_t count = min(self.duplicate_count, most)
        cdef uint32_t i
        for i in range(count):
            put32(out + 4 * i, self.duplicates[i])
        self.duplicate_count = 0                          # listed once, then forgotten (3.3.4)
        return count

    cdef int widen(self, uint32_t bits) except -1:
        """Make room for offsets below `bits` (at most FARTHEST), keeping what is there."""
        cdef uint32_t width = max(self.width, <uint32_t>NARROWEST)
        cdef uint32_t words = self.width >> 6
        cdef uint32_t first = self.base >> 6
        cdef uint32_t i
        cdef uint64_t before_base = (<uint64_t>1 << (self.base & 63)) - 1
        cdef uint64_t *wider
        while width < bits:
            width *= 2
        wider = <uint64_t *>calloc(width >> 6, 8)
        if wider == NULL:
            raise MemoryError()
        # Word by word, base first.  Of base's word the bits below base are the ring's end.
        if words:
            for i in range(words):
                wider[i] = self.bits[(first + i) & (words - 1)]
            wider[words] = wider[0] & before_base
            wider[0] &= ~before_base
            self.base &= 63
        free(self.bits)
        self.bits = wider
        self.width = width
        return 0

    cdef uint32_t find(self, uint32_t offset, uint32_t end, uint64_t flip) noexcept nogil:
        """The first set bit (flip = ALL_ONES: the first clear bit) from `offset` on, else `end`."""
        cdef uint32_t index
        cdef uint64_t word
        while offset < end:
            index = (self.base + offset) & (self.width - 1)
            word = (self.bits[index >> 6] ^ flip) >> (index & 63)
            if word:
                return min(offset + <uint32_t>__builtin_ctzll(word), end)
            offset += 64 - (index & 63)
        return end

    cdef void shift(self, uint32_t count) noexcept nogil:
        """Move the ack point up by `count` (not above highest_tsn), clearing the bits that it passes."""
        cdef uint32_t left = count
        cdef uint32_t bit, taken
        while left:
            bit = self.base & 63
            taken = min(64 - bit, left)
            self.bits[self.base >> 6] &= ~((ALL_ONES >> (64 - taken)) << bit)
            self.base = (self.base + taken) & (self.width - 1)
            left -= taken
        self.cumulative_tsn += count

    cdef void release_if_closed(self) noexcept nogil:
        """An idle association is small: without gaps only a small ring is kept."""
        if self.width > WIDEST_KEPT and not self.has_gaps():
            free(self.bits)
            self.bits = NULL
            self.width = self.base = 0

    def snapshot(self) -> dict:
        return {
            "cumulative_tsn": self.cumulative_tsn,
            "highest_tsn": self.highest_tsn,
            "gap_blocks": self.gaps(),
            "duplicates": [self.duplicates[i] for i in range(self.duplicate_count)],
            "duplicates_total": self.duplicates_total,
            "bitmap_bits": self.width,
        }

    # Python face, for tests and tools.

    def record_tsn(self, tsn_t tsn) -> int:
        """Record a TSN: 0 new, 1 duplicate, 2 outside."""
        return self.record(tsn)

    def classify_tsn(self, tsn_t tsn) -> int:
        """As record_tsn, recording nothing."""
        return self.classify(tsn)

    def forward(self, tsn_t tsn) -> None:
        """FORWARD TSN: all up to `tsn` counts as arrived (RFC 3758 section 3.6)."""
        self.advance_to(tsn)

    def gaps(self, uint32_t most=32768) -> list:
        """Gap blocks as [(start, end)], offsets from cumulative_tsn, at most `most`."""
        cdef bytearray out = bytearray(4 * min(most, <uint32_t>32768))
        cdef const uint8_t *p = out
        cdef uint32_t count = self.gap_blocks(out, min(most, <uint32_t>32768))
        return [(get16(p + 4 * i), get16(p + 4 * i + 2)) for i in range(count)]

    def pop_duplicates(self, uint32_t most=DUPLICATES_KEPT) -> list:
        """The duplicates that the next SACK lists, at most `most`; all are forgotten."""
        cdef uint8_t[4 * DUPLICATES_KEPT] out
        cdef uint32_t count = self.take_duplicates(out, most)
        return [get32(out + 4 * i) for i in range(count)]
