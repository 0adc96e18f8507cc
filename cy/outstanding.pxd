"""DATA chunks that have a TSN and are not yet acknowledged; what a SACK does to them.

RFC 9260 sections 6.2.1 (processing a SACK), 6.3.2 and 6.3.3 (T3-rtx), 7.2.4 (fast retransmit); RFC 3758
section 3.5 (abandoned chunks, Advanced.Peer.Ack.Point, FORWARD TSN).  The chunks lie in a ring
indexed by TSN, so an acknowledgement finds its chunk without a search.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from .chunks cimport SackView
from .sendq cimport Message, SendQueue
from .serial cimport tsn_t

cdef enum ChunkState:
    IN_FLIGHT = 0
    ACKED = 1                    # by a gap block; the cumulative ack has not reached it
    MARKED = 2                   # lost, to be sent again; not outstanding meanwhile (9260-1.3-03)
    ABANDONED = 3                # given up: never sent again, no longer outstanding (3758-3.5-02)

cdef enum SackVerdict:
    SACK_TAKEN = 0
    SACK_OLD = 1                 # 9260-6.2.1-02
    SACK_LIES = -2               # acks what was never sent: abort (9260-6.2.1-05)


cdef struct OutChunk:
    Message *message
    uint32_t offset              # of its first byte in the message
    uint16_t length              # data bytes
    uint8_t flags                # DATA_B, DATA_E, DATA_U, DATA_I
    uint8_t state
    uint8_t miss_reports
    uint8_t fast_retransmitted   # miss reports of it mean nothing any more
    uint8_t path                 # index of the path it was last sent on
    uint8_t target               # if MARKED: of the path it is to go on
    uint8_t reneged_in           # Outstanding.sack_number of the SACK that took its acknowledgement back
    uint16_t transmissions       # counted up to 65535


cdef struct Flight:              # what is outstanding on one path, and what the last SACK did to it
    uint32_t bytes               # flightsize: chunk headers and padding included
    uint32_t newly_acked         # by the SACK being processed, in the same measure
    uint32_t duplicated          # of that what the SACK reports as duplicates too
    uint32_t bytes_before        # flightsize before it
    bint lost                    # miss reports marked chunks of the path
    bint lowest_acked            # the earliest outstanding TSN of the path was acknowledged
    bint has_lowest
    tsn_t lowest                 # the earliest outstanding TSN, if has_lowest
    bint timing                  # a round-trip measurement is on its way
    tsn_t timed_tsn
    int64_t timed_at
    int64_t rtt                  # measured by this SACK, or -1


cdef class Outstanding:
    cdef readonly tsn_t cumulative_tsn_ack   # Cumulative TSN Ack Point of the peer
    cdef readonly tsn_t next_tsn
    cdef OutChunk *ring
    cdef uint32_t capacity                   # a power of two, 0 until the first chunk
    cdef readonly uint64_t data_bytes        # user data in flight (not marked, not gap-acked), for rwnd
    cdef readonly uint32_t marked            # chunks to be sent again
    cdef uint32_t longest                    # no chunk has more data bytes; 0 when there is none
    cdef readonly uint32_t abandoned         # chunks given up that the ack point has not passed
    cdef readonly tsn_t advanced_peer_ack_point      # all up to here is acknowledged or abandoned
    cdef tsn_t scan                          # no chunk before this one is marked
    cdef tsn_t highest_gap_acked             # the highest TSN of the last SACK's gap blocks
    cdef bint has_gap_acked
    cdef tsn_t newest_acked                  # HTNA: the highest TSN that the SACK being processed newly acks
    cdef bint any_newly_acked
    cdef uint32_t bytes_newly_acked          # user data
    cdef uint8_t sack_number                 # of the SACK being processed, 1 to 255
    cdef readonly bint fast_recovery
    cdef tsn_t fast_recovery_exit            # 7.2.4: ends when all up to here is acknowledged
    cdef readonly uint64_t retransmissions
    cdef Flight *flights
    cdef int flight_count

    cdef int set_paths(self, int count) except -1
    cdef uint32_t count(self) noexcept nogil             # chunks not cumulatively acknowledged
    cdef OutChunk *chunk(self, tsn_t tsn) noexcept nogil
    cdef OutChunk *append(self, Message *message, uint32_t offset, uint16_t length, uint8_t flags,
                          uint8_t path, int64_t now) except NULL
    cdef int process_sack(self, const SackView *sack, SendQueue queue, bint has_gaps) except -3  # SackVerdict
    cdef uint32_t count_misses(self, const SackView *sack, bint advanced) noexcept nogil  # how many it marks
    cdef OutChunk *next_marked(self, tsn_t *tsn) noexcept nogil
    cdef void sent_again(self, OutChunk *chunk, tsn_t tsn, uint8_t path) noexcept nogil
    # What is in flight on the path, below TSN `until`, is lost and goes to `target`; how many
    cdef uint32_t mark_path(self, int path, int target, tsn_t until) noexcept nogil
    cdef void clear(self, SendQueue queue) noexcept
    # 3758-3.5-03: all chunks of the message that has this TSN are abandoned
    cdef void abandon(self, tsn_t tsn) noexcept nogil
    cdef int append_abandoned(self, Message *message) except -1      # a TSN that is never sent
    cdef bint least_important(self, int64_t priority, tsn_t *tsn) noexcept nogil    # see SendQueue
    cdef bint busy(self) noexcept nogil                  # something is in flight, or has to be sent again
    # A FORWARD TSN chunk in `room` bytes; its length, 0 if not all fits.  With `cut` as much as fits goes.
    cdef uint32_t put_forward_tsn(self, uint8_t *out, uint32_t room, bint cut) noexcept nogil

    # within the module
    cdef int resize(self, uint32_t capacity) except -1
    cdef void acknowledge(self, OutChunk *chunk, tsn_t tsn) noexcept nogil
    cdef void process_gaps(self, const SackView *sack) noexcept nogil
    cdef void count_duplicates(self, const SackView *sack) noexcept nogil
    cdef void take_back(self, tsn_t tsn, tsn_t until) noexcept nogil
    cdef void find_lowest(self) noexcept nogil
    cdef void mark(self, OutChunk *chunk, tsn_t tsn) noexcept nogil
    cdef void abandon_chunk(self, OutChunk *chunk, tsn_t tsn) noexcept nogil
    cdef void advance(self) noexcept nogil
