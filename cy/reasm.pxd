"""From DATA chunks to whole messages, which StreamOrder then puts in order.

RFC 9260 section 6.9: reassembly of fragments by TSN.  RFC 3758 section 3.6: what is skipped.
"""
cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport uint16_t, uint32_t, uint64_t

from .chunks cimport DataView, ForwardTsnView
from .ordering cimport StreamOrder
from .recvq cimport ReceiveQueue
from .serial cimport ssn_t, tsn_t


cdef struct Piece:
    Piece *next
    PyObject *data                       # owned; as long as the piece has room
    uint32_t used


cdef struct Run:                         # fragments of one message with consecutive TSNs
    Run *next_by_first                   # in the chains of the two tables
    Run *next_by_last
    Piece *first_piece
    Piece *last_piece
    tsn_t first_tsn
    tsn_t last_tsn
    uint32_t length                      # of what is in its pieces; so is `fragments`
    uint32_t fragments
    uint32_t ppid
    uint16_t stream_id
    ssn_t ssn
    bint unordered
    bint has_first                       # begins with the B fragment
    bint has_last                        # ends with the E fragment


@cython.final
cdef class Reassembly(StreamOrder):
    # Owned by one association.  `bytes_held`: payload bytes in runs and in messages held for order.
    cdef readonly uint32_t fragments_held    # chunks in runs
    cdef Run *tail                           # the run that ends at the Cumulative TSN Ack Point, or NULL
    cdef Run **ends                          # two hash tables of the runs above it: by first TSN, by last
    cdef uint32_t ends_width                 # buckets of each
    cdef uint32_t runs_above                 # in the tables
    cdef uint32_t size_hint                  # about the length of the last fragmented messages

    # Call once for each TSN that TsnMap.record called new, before the map's state is looked at again.
    # Messages that become deliverable are pushed on `queue` with `association` as owner.
    # `cumulative_tsn` is the map's, after that record().  After a violation only reset() is of use.
    cdef int add(self, const DataView *chunk, ReceiveQueue queue, object association,
                 tsn_t cumulative_tsn) except -1
    # A FORWARD TSN that is news; `cumulative_tsn` is the map's after it moved.  REASSEMBLY_OK or _DELIVERED.
    cdef int skip(self, const ForwardTsnView *skipped, ReceiveQueue queue, object association,
                  tsn_t cumulative_tsn) except -1
    # Partial delivery: what there is of the message at the ack point goes to the queue, the rest follows in
    # pieces; 0: it may not begin yet.  The last piece goes by itself, in add().
    cdef int hand_out(self, ReceiveQueue queue, object association, tsn_t cumulative_tsn) except -1
    # The message that was handed out in pieces will not be finished.
    cdef int forget_pieces(self, ReceiveQueue queue, object association) except -1
    cdef int reset(self) except -1           # forget everything (association ended or restarted)

    # How the above is done: fragments, ...
    cdef int add_fragment(self, const DataView *chunk, ReceiveQueue queue, object association,
                          tsn_t cumulative_tsn, bint in_sequence) except -1
    cdef Run *run_before(self, tsn_t tsn, bint in_sequence) noexcept
    cdef Run *join(self, Run *before, const DataView *chunk, Run *after, bint in_sequence) except? NULL
    cdef int append(self, Run *run, const DataView *chunk, bint fills_gap, bint in_sequence) except -1
    cdef uint32_t capacity_for(self, const Run *run, uint32_t length, bint in_sequence) noexcept
    cdef void learn_size(self, uint32_t length) noexcept
    cdef PyObject *finish(self, Run *run) except NULL
    cdef void free_run(self, Run *run) noexcept
    # ... the runs above the ack point, ...
    cdef int pass_over(self, tsn_t tsn, tsn_t cumulative_tsn) except -1    # a TSN that holds nothing for us
    cdef int pass_runs(self, tsn_t first, tsn_t last) except -1
    cdef Run *run_by_first(self, tsn_t tsn) noexcept
    cdef Run *run_by_last(self, tsn_t tsn) noexcept
    cdef int link(self, Run *run) except -1
    cdef void unlink(self, Run *run) noexcept
    cdef int widen_ends(self) except -1
    # ... and what FORWARD TSN passes.
    cdef void discard_passed(self, tsn_t cumulative_tsn) noexcept
