"""DATA chunks in flight: acknowledgement, loss detection, retransmission order, abandonment."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

from .chunks cimport SackView
from .proto cimport DATA_E, DATA_U, FORWARD_TSN
from .sendq cimport POLICY_PRIO, Message, SendQueue
from .serial cimport pad4, tsn_le, tsn_lt, tsn_t
from .wire cimport DATA_HEADER, get16, get32, put16, put32

cdef enum:
    FIRST_CAPACITY = 16
    IDLE_CAPACITY = 1024         # a larger ring is given back when nothing is outstanding
    MISS_THRESHOLD = 3           # 9260-7.2.4-01
    FORWARD_TSN_HEADER = 8
    STREAM_WORDS = 1024          # of 64 bits: one bit a stream
    FARTHEST_ADVANCE = 32767     # TSNs that one FORWARD TSN skips: an SSN that is skipped with them stays new


cdef inline uint32_t chunk_size(const OutChunk *chunk) noexcept nogil:
    return DATA_HEADER + pad4(chunk.length)


cdef class Outstanding:
    """The chunks between the peer's Cumulative TSN Ack Point and the next TSN to be given."""

    def __cinit__(self, tsn_t initial_tsn):
        self.next_tsn = initial_tsn
        self.cumulative_tsn_ack = self.advanced_peer_ack_point = initial_tsn - 1
        self.scan = initial_tsn

    def __dealloc__(self):
        free(self.ring)
        free(self.flights)

    cdef int set_paths(self, int count) except -1:
        cdef Flight *grown = <Flight *>realloc(self.flights, count * sizeof(Flight))
        if grown == NULL:
            raise MemoryError
        if count > self.flight_count:
            memset(grown + self.flight_count, 0, (count - self.flight_count) * sizeof(Flight))
        self.flights = grown
        self.flight_count = count
        return 0

    cdef uint32_t count(self) noexcept nogil:
        return self.next_tsn - self.cumulative_tsn_ack - 1

    cdef OutChunk *chunk(self, tsn_t tsn) noexcept nogil:
        return &self.ring[tsn & (self.capacity - 1)]

    cdef int resize(self, uint32_t capacity) except -1:
        cdef OutChunk *fresh = <OutChunk *>malloc(capacity * sizeof(OutChunk))
        cdef tsn_t tsn = self.cumulative_tsn_ack + 1
        if fresh == NULL:
            raise MemoryError
        while tsn != self.next_tsn:
            memcpy(&fresh[tsn & (capacity - 1)], self.chunk(tsn), sizeof(OutChunk))
            tsn += 1
        free(self.ring)
        self.ring = fresh
        self.capacity = capacity
        return 0

    cdef OutChunk *append(self, Message *message, uint32_t offset, uint16_t length, uint8_t flags,
                          uint8_t path, int64_t now) except NULL:
        """Give the next TSN to a fragment that is being sent on `path`."""
        cdef OutChunk *chunk
        cdef Flight *flight = &self.flights[path]
        if self.count() == self.capacity:
            self.resize(self.capacity * 2 if self.capacity else FIRST_CAPACITY)
        chunk = self.chunk(self.next_tsn)
        chunk.message = message
        chunk.offset = offset
        chunk.length = length
        chunk.flags = flags
        chunk.state = IN_FLIGHT
        chunk.miss_reports = 0
        chunk.fast_retransmitted = 0
        chunk.transmissions = 1
        chunk.path = path
        chunk.reneged_in = 0
        if not flight.has_lowest:
            flight.has_lowest = True
            flight.lowest = self.next_tsn
        if not flight.timing:                # 9260-6.3.1-05: one measurement each round trip
            flight.timing = True
            flight.timed_tsn = self.next_tsn
            flight.timed_at = now
        flight.bytes += chunk_size(chunk)
        self.data_bytes += length
        self.longest = max(self.longest, length)
        self.next_tsn += 1
        return chunk

    cdef inline void acknowledge(self, OutChunk *chunk, tsn_t tsn) noexcept nogil:
        """The chunk has arrived, by a cumulative ack or a gap block.  TSNs come in rising order."""
        cdef Flight *flight = &self.flights[chunk.path]
        cdef uint32_t size = chunk_size(chunk)
        if chunk.state == MARKED:
            self.marked -= 1
        else:
            flight.bytes -= size
            self.data_bytes -= chunk.length
        if chunk.state != MARKED or chunk.target == chunk.path:          # else it tells of neither path (8.2)
            flight.newly_acked += size
        if flight.has_lowest and flight.lowest == tsn:
            flight.lowest_acked = True
        if flight.timing and flight.timed_tsn == tsn:
            flight.timing = False            # mark() ends it for what is sent again: Karn (9260-6.3.1-06)
            flight.rtt = 0
        chunk.state = ACKED
        self.bytes_newly_acked += chunk.length
        self.newest_acked = tsn
        self.any_newly_acked = True

    cdef int process_sack(self, const SackView *sack, SendQueue queue, bint has_gaps) except -3:
        """Apply a SACK: advance the ack point, mark gap-acked chunks, take back what the peer reneged on.

        Leaves in `flights` what happened to each path (rtt is 0 where a measurement ended: the caller
        knows the time).  `has_gaps` is False for the ack of a SHUTDOWN, which cannot have any.  Miss reports
        are counted by count_misses(), after the congestion windows grew.
        """
        cdef tsn_t tsn, bound
        cdef uint32_t offered = sack.cumulative_tsn_ack - self.cumulative_tsn_ack, index
        cdef uint16_t start, end
        cdef OutChunk *chunk
        cdef Flight *flight
        cdef int path
        if tsn_lt(sack.cumulative_tsn_ack, self.cumulative_tsn_ack):
            return SACK_OLD
        if offered > self.count():
            return SACK_LIES
        bound = self.next_tsn - sack.cumulative_tsn_ack - 1      # TSNs that gap blocks may speak of
        for index in range(sack.gap_count):
            start = get16(sack.gaps + 4 * index)
            end = get16(sack.gaps + 4 * index + 2)
            if start <= end and end > bound:
                return SACK_LIES
        for path in range(self.flight_count):
            flight = &self.flights[path]
            flight.newly_acked = flight.duplicated = 0
            flight.bytes_before = flight.bytes
            flight.lowest_acked = False
            flight.lost = False
            flight.rtt = -1
        self.any_newly_acked = False
        self.bytes_newly_acked = 0
        self.sack_number = self.sack_number % 255 + 1
        if sack.duplicate_count:
            self.count_duplicates(sack)

        while self.cumulative_tsn_ack != sack.cumulative_tsn_ack:
            tsn = self.cumulative_tsn_ack + 1
            chunk = self.chunk(tsn)
            if chunk.state == IN_FLIGHT or chunk.state == MARKED:
                self.acknowledge(chunk, tsn)
            elif chunk.state == ABANDONED:
                self.abandoned -= 1
            self.cumulative_tsn_ack = tsn
            queue.acknowledge(chunk.message, chunk.length)
        if tsn_lt(self.scan, self.cumulative_tsn_ack + 1):
            self.scan = self.cumulative_tsn_ack + 1
        if self.has_gap_acked and tsn_le(self.highest_gap_acked, self.cumulative_tsn_ack):
            self.has_gap_acked = False

        if has_gaps and (sack.gap_count or self.has_gap_acked):
            self.process_gaps(sack)
        if self.fast_recovery and tsn_le(self.fast_recovery_exit, self.cumulative_tsn_ack):
            self.fast_recovery = False
        self.find_lowest()
        self.advance()
        if self.count() == 0:
            self.longest = 0
        if self.count() == 0 and self.capacity > IDLE_CAPACITY:
            free(self.ring)
            self.ring = NULL
            self.capacity = 0
        return SACK_TAKEN

    cdef void count_duplicates(self, const SackView *sack) noexcept nogil:
        """Bytes of the duplicates that it reports (7.2.2), as far as the ack point has not passed them."""
        cdef OutChunk *chunk
        cdef uint32_t index
        cdef tsn_t tsn
        for index in range(sack.duplicate_count):
            tsn = get32(sack.duplicates + 4 * index)
            if tsn_lt(self.cumulative_tsn_ack, tsn) and tsn_lt(tsn, self.next_tsn):
                chunk = self.chunk(tsn)
                self.flights[chunk.path].duplicated += chunk_size(chunk)

    cdef void process_gaps(self, const SackView *sack) noexcept nogil:
        """Walk once over what the blocks span.

        Of a block that overlaps earlier ones, or lies below them, only what is above them counts: that blocks
        are isolated is a SHOULD (9260-3.3.4-03).
        """
        cdef tsn_t tsn = self.cumulative_tsn_ack + 1, first, last
        cdef uint32_t index
        for index in range(sack.gap_count):
            first = sack.cumulative_tsn_ack + get16(sack.gaps + 4 * index)
            last = sack.cumulative_tsn_ack + get16(sack.gaps + 4 * index + 2)
            if tsn_lt(last, first) or tsn_lt(last, tsn):
                continue
            if tsn_lt(tsn, first):
                self.take_back(tsn, first)
                tsn = first
            while tsn != last + 1:
                if self.chunk(tsn).state == IN_FLIGHT or self.chunk(tsn).state == MARKED:
                    self.acknowledge(self.chunk(tsn), tsn)
                tsn += 1
        if self.has_gap_acked and tsn_le(tsn, self.highest_gap_acked):
            self.take_back(tsn, self.highest_gap_acked + 1)
        self.has_gap_acked = tsn != self.cumulative_tsn_ack + 1
        self.highest_gap_acked = tsn - 1

    cdef void take_back(self, tsn_t tsn, tsn_t until) noexcept nogil:
        """Chunks of [tsn, until) that were gap-acked and no longer are: the peer reneged (9260-6.2.1-04)."""
        cdef OutChunk *chunk
        cdef Flight *flight
        while tsn != until:
            chunk = self.chunk(tsn)
            if chunk.state == ACKED:
                flight = &self.flights[chunk.path]
                chunk.state = IN_FLIGHT
                chunk.miss_reports = 1           # and count_misses() leaves it at that
                chunk.reneged_in = self.sack_number
                flight.bytes += chunk_size(chunk)
                self.data_bytes += chunk.length
                if flight.has_lowest and tsn_lt(tsn, flight.lowest):
                    flight.lowest = tsn
            tsn += 1

    cdef void find_lowest(self) noexcept nogil:
        """The earliest outstanding TSN of each path, for the restart rule of T3-rtx (6.3.2, R3)."""
        cdef int path
        cdef tsn_t tsn
        cdef Flight *flight
        cdef OutChunk *chunk
        for path in range(self.flight_count):
            flight = &self.flights[path]
            if flight.bytes == 0:
                flight.has_lowest = False
                continue
            tsn = self.cumulative_tsn_ack + 1
            if flight.has_lowest and not tsn_lt(flight.lowest, tsn):
                tsn = flight.lowest
            while tsn != self.next_tsn:
                chunk = self.chunk(tsn)
                if chunk.path == path and chunk.state == IN_FLIGHT:
                    break
                tsn += 1
            flight.has_lowest = tsn != self.next_tsn
            flight.lowest = tsn

    cdef uint32_t count_misses(self, const SackView *sack, bint advanced) noexcept nogil:
        """Miss reports by the highest TSN newly acknowledged (7.2.4); returns how many chunks are lost.

        In Fast Recovery a SACK that advances the ack point counts for all TSNs that it reports missing.
        """
        cdef tsn_t tsn = self.cumulative_tsn_ack + 1, until = self.highest_gap_acked
        cdef uint32_t found = 0
        cdef OutChunk *chunk
        if sack.gap_count == 0 or not self.has_gap_acked:
            return 0
        if not (self.fast_recovery and advanced):
            if not self.any_newly_acked:
                return 0
            until = self.newest_acked        # HTNA
        while tsn_lt(tsn, until):
            chunk = self.chunk(tsn)
            if ((chunk.state == IN_FLIGHT or chunk.state == ABANDONED) and not chunk.fast_retransmitted
                    and chunk.reneged_in != self.sack_number):
                chunk.miss_reports += 1
                if chunk.miss_reports >= MISS_THRESHOLD:
                    chunk.fast_retransmitted = True
                    self.flights[chunk.path].lost = True
                    if chunk.state == IN_FLIGHT:
                        self.mark(chunk, tsn)
                    found += 1               # abandoned in flight: a loss all the same (3758-3.5-09)
            tsn += 1
        return found

    cdef inline void mark(self, OutChunk *chunk, tsn_t tsn) noexcept nogil:
        cdef Flight *flight = &self.flights[chunk.path]
        chunk.state = MARKED
        chunk.target = chunk.path
        self.marked += 1
        flight.bytes -= chunk_size(chunk)
        self.data_bytes -= chunk.length
        if flight.timing and flight.timed_tsn == tsn:
            flight.timing = False
        if tsn_lt(tsn, self.scan):
            self.scan = tsn

    cdef OutChunk *next_marked(self, tsn_t *tsn) noexcept nogil:
        """The earliest chunk that is to be sent again, or NULL."""
        if self.marked == 0:
            return NULL
        while self.scan != self.next_tsn:
            if self.chunk(self.scan).state == MARKED:
                tsn[0] = self.scan
                return self.chunk(self.scan)
            self.scan += 1
        return NULL

    cdef void sent_again(self, OutChunk *chunk, tsn_t tsn, uint8_t path) noexcept nogil:
        cdef Flight *flight = &self.flights[path]
        chunk.state = IN_FLIGHT
        chunk.miss_reports = 0
        chunk.path = path
        if chunk.transmissions < 65535:
            chunk.transmissions += 1
        self.marked -= 1
        self.retransmissions += 1
        flight.bytes += chunk_size(chunk)
        self.data_bytes += chunk.length
        if not flight.has_lowest or tsn_lt(tsn, flight.lowest):
            flight.has_lowest = True
            flight.lowest = tsn

    cdef uint32_t mark_path(self, int path, int target, tsn_t until) noexcept nogil:
        cdef tsn_t tsn = self.cumulative_tsn_ack + 1
        cdef uint32_t found = 0
        cdef OutChunk *chunk
        while tsn_lt(tsn, until):
            chunk = self.chunk(tsn)
            if chunk.state == IN_FLIGHT and chunk.path == path:
                self.mark(chunk, tsn)
                chunk.target = <uint8_t>target
                found += 1
            tsn += 1
        if until == self.next_tsn:
            self.flights[path].has_lowest = self.flights[path].timing = False
        else:
            self.find_lowest()
        return found

    # --- abandoned chunks (RFC 3758 section 3.5)

    cdef bint busy(self) noexcept nogil:
        return self.data_bytes != 0 or self.marked != 0

    cdef void abandon(self, tsn_t tsn) noexcept nogil:
        cdef const Message *message = self.chunk(tsn).message
        while tsn != self.cumulative_tsn_ack + 1 and self.chunk(tsn - 1).message == message:
            tsn -= 1
        while tsn != self.next_tsn and self.chunk(tsn).message == message:
            self.abandon_chunk(self.chunk(tsn), tsn)
            tsn += 1
        self.find_lowest()
        self.advance()

    cdef void abandon_chunk(self, OutChunk *chunk, tsn_t tsn) noexcept nogil:
        cdef Flight *flight = &self.flights[chunk.path]
        if chunk.state == ABANDONED:
            return
        if chunk.state == MARKED:
            self.marked -= 1
        elif chunk.state == IN_FLIGHT:
            flight.bytes -= chunk_size(chunk)
            self.data_bytes -= chunk.length
        if chunk.state != IN_FLIGHT:
            chunk.fast_retransmitted = True      # it is known whether it was lost
        if flight.timing and flight.timed_tsn == tsn:
            flight.timing = False
        chunk.state = ABANDONED
        self.abandoned += 1

    cdef int append_abandoned(self, Message *message) except -1:
        cdef OutChunk *chunk
        if self.count() == self.capacity:
            self.resize(self.capacity * 2 if self.capacity else FIRST_CAPACITY)
        chunk = self.chunk(self.next_tsn)
        memset(chunk, 0, sizeof(OutChunk))
        chunk.message = message
        chunk.offset = message.length
        chunk.flags = DATA_E | message.flags & DATA_U
        chunk.state = ABANDONED
        chunk.fast_retransmitted = True
        message.fragments += 1
        self.abandoned += 1
        self.next_tsn += 1
        return 0

    cdef bint least_important(self, int64_t priority, tsn_t *tsn) noexcept nogil:
        """Find a message below `priority` that is not acknowledged: the newest of the least important."""
        cdef const OutChunk *chunk
        cdef const Message *found = NULL
        cdef tsn_t each = self.cumulative_tsn_ack + 1
        while each != self.next_tsn:
            chunk = self.chunk(each)
            if (chunk.message.policy == POLICY_PRIO and chunk.message.pr_value > priority
                    and (chunk.state == IN_FLIGHT or chunk.state == MARKED)
                    and (found == NULL or chunk.message.pr_value >= found.pr_value)):
                found = chunk.message
                tsn[0] = each
            each += 1
        return found != NULL

    cdef void advance(self) noexcept nogil:
        """C1 and C2: the Advanced.Peer.Ack.Point goes up over acknowledged and abandoned chunks."""
        if tsn_lt(self.advanced_peer_ack_point, self.cumulative_tsn_ack):
            self.advanced_peer_ack_point = self.cumulative_tsn_ack
        if self.abandoned == 0:
            return
        while (self.advanced_peer_ack_point + 1 != self.next_tsn
                and self.advanced_peer_ack_point - self.cumulative_tsn_ack < FARTHEST_ADVANCE
                and self.chunk(self.advanced_peer_ack_point + 1).state == ABANDONED):
            self.advanced_peer_ack_point += 1

    cdef uint32_t put_forward_tsn(self, uint8_t *out, uint32_t room, bint cut) noexcept nogil:
        """FORWARD TSN: the Advanced.Peer.Ack.Point, and each ordered stream with its greatest SSN skipped.

        What does not fit a packet of its own lowers the Advanced.Peer.Ack.Point (3758-3.5-05).
        """
        cdef uint64_t listed[STREAM_WORDS]       # a bit for each stream
        cdef const OutChunk *chunk
        cdef const Message *message = NULL
        cdef uint32_t pairs = 0, most
        cdef uint16_t stream_id
        cdef tsn_t tsn = self.cumulative_tsn_ack + 1
        if room < FORWARD_TSN_HEADER:
            return 0
        most = (room - FORWARD_TSN_HEADER) // 4
        memset(listed, 0, sizeof(listed))
        while tsn != self.advanced_peer_ack_point + 1:
            chunk = self.chunk(tsn)
            stream_id = chunk.message.stream_id
            if not chunk.flags & DATA_U and not listed[stream_id >> 6] >> (stream_id & 63) & 1:
                if pairs == most:
                    break
                listed[stream_id >> 6] |= <uint64_t>1 << (stream_id & 63)
                pairs += 1
            tsn += 1
        if tsn != self.advanced_peer_ack_point + 1:
            if not cut:
                return 0
            self.advanced_peer_ack_point = tsn - 1
        out[0] = FORWARD_TSN
        out[1] = 0
        put16(out + 2, <uint16_t>(FORWARD_TSN_HEADER + 4 * pairs))
        put32(out + 4, self.advanced_peer_ack_point)
        out += FORWARD_TSN_HEADER
        while tsn != self.cumulative_tsn_ack + 1:        # backwards: the first SSN seen is the greatest
            tsn -= 1
            chunk = self.chunk(tsn)
            if chunk.flags & DATA_U or chunk.message == message:
                continue
            message = chunk.message
            stream_id = message.stream_id
            if listed[stream_id >> 6] >> (stream_id & 63) & 1:
                listed[stream_id >> 6] &= ~(<uint64_t>1 << (stream_id & 63))
                put16(out, stream_id)
                put16(out + 2, message.ssn)
                out += 4
        return FORWARD_TSN_HEADER + 4 * pairs

    cdef void clear(self, SendQueue queue) noexcept:
        cdef int path
        while self.cumulative_tsn_ack + 1 != self.next_tsn:
            self.cumulative_tsn_ack += 1
            queue.release(self.chunk(self.cumulative_tsn_ack).message)
        self.advanced_peer_ack_point = self.cumulative_tsn_ack
        self.data_bytes = 0
        self.marked = self.abandoned = 0
        self.has_gap_acked = False
        self.fast_recovery = False
        for path in range(self.flight_count):
            memset(&self.flights[path], 0, sizeof(Flight))

    def snapshot(self) -> dict:
        cdef int path
        return {
            "cumulative_tsn_ack": self.cumulative_tsn_ack, "next_tsn": self.next_tsn, "chunks": self.count(),
            "data_bytes": self.data_bytes, "marked": self.marked, "abandoned": self.abandoned,
            "advanced_peer_ack_point": self.advanced_peer_ack_point,
            "fast_recovery": bool(self.fast_recovery),
            "retransmissions": self.retransmissions,
            "flight_size": [self.flights[path].bytes for path in range(self.flight_count)],
        }

    # ---- Python face, for tests and tools ----------------------------------------------------------------

    def open_paths(self, int count) -> None:
        self.set_paths(count)

    def send_new(self, SendQueue queue not None, int length, uint8_t path=0, int64_t now=0) -> int:
        """Give the next TSN to `length` bytes of the first message of `queue`; returns the TSN."""
        cdef Message *message = queue.first
        if (message == NULL or not 0 < length <= <int>(message.length - message.taken)
                or path >= self.flight_count):
            raise ValueError("no such bytes or path")
        self.append(message, message.taken, <uint16_t>length, message.flags, path, now)
        queue.take(length)
        return <tsn_t>(self.next_tsn - 1)

    def send_marked(self, uint8_t path=0):
        """Send the earliest marked chunk again; its TSN, or None."""
        cdef tsn_t tsn
        cdef OutChunk *chunk = self.next_marked(&tsn)
        if chunk == NULL:
            return None
        self.sent_again(chunk, tsn, path)
        return tsn

    def take_sack(self, SendQueue queue not None, tsn_t cumulative_tsn_ack, gaps=(),
                  bint is_sack=True, duplicates=()) -> tuple:
        """(SackVerdict, chunks newly marked) of a SACK with gap blocks [(start, end)], or of a SHUTDOWN."""
        cdef SackView sack
        cdef tsn_t before = self.cumulative_tsn_ack
        cdef bytes blocks = b"".join([(start << 16 | end).to_bytes(4, "big") for start, end in gaps])
        cdef bytes reported = b"".join([tsn.to_bytes(4, "big") for tsn in duplicates])
        cdef int verdict
        memset(&sack, 0, sizeof(SackView))
        sack.cumulative_tsn_ack = cumulative_tsn_ack
        sack.gap_count = <uint16_t>len(gaps)
        sack.gaps = <const uint8_t *><const char *>blocks
        sack.duplicate_count = <uint16_t>len(duplicates)
        sack.duplicates = <const uint8_t *><const char *>reported
        verdict = self.process_sack(&sack, queue, is_sack)
        if verdict != SACK_TAKEN:
            return verdict, 0
        return verdict, self.count_misses(&sack, self.cumulative_tsn_ack != before)

    def mark_lost(self, int path=0, target=None) -> int:
        return self.mark_path(path, path if target is None else target, self.next_tsn)

    def enter_fast_recovery(self) -> None:
        self.fast_recovery = True
        self.fast_recovery_exit = self.next_tsn - 1

    def discard(self, SendQueue queue not None) -> None:
        self.clear(queue)

    def chunks(self) -> list:
        """[(TSN, ChunkState, miss reports, transmissions, path)] above the ack point."""
        cdef tsn_t tsn = self.cumulative_tsn_ack + 1
        cdef OutChunk *chunk
        cdef list found = []
        while tsn != self.next_tsn:
            chunk = self.chunk(tsn)
            found.append((tsn, chunk.state, chunk.miss_reports, chunk.transmissions, chunk.path))
            tsn += 1
        return found

    def flight(self, int path=0) -> dict:
        """What is outstanding on a path, and what the last SACK did to it."""
        cdef Flight *flight = &self.flights[path]
        return {"bytes": flight.bytes, "newly_acked": flight.newly_acked, "bytes_before": flight.bytes_before,
                "duplicated": flight.duplicated,
                "lowest_acked": bool(flight.lowest_acked), "timing": bool(flight.timing),
                "timed_at": flight.timed_at, "rtt": flight.rtt,
                "lowest": flight.lowest if flight.has_lowest else None}

    @property
    def ring_capacity(self) -> int:
        return self.capacity
