"""From DATA chunks to whole messages in stream order.

RFC 9260 sections 6.5, 6.6 and 6.9: reassembly of fragments by TSN, ordered delivery by stream
sequence number, unordered delivery at once.
"""
cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from .chunks cimport DataView
from .recvq cimport ReceiveQueue
from .serial cimport ssn_t, tsn_t

cdef enum ReassemblyResult:
    REASSEMBLY_OK = 0
    REASSEMBLY_DELIVERED = 1     # at least one message went to the receive queue
    REASSEMBLY_VIOLATION = -2    # fragments that contradict each other: the association must be aborted


cdef struct Run
cdef struct HeldMessage


@cython.final
cdef class Reassembly:
    # Owned by one association.  `bytes_held`: payload bytes in runs and in messages held for order.
    cdef readonly uint64_t bytes_held
    cdef readonly uint32_t fragments_held    # chunks in runs
    cdef readonly uint32_t messages_held     # whole messages held for order
    cdef uint16_t inbound_streams
    cdef ssn_t *next_ssn                     # per stream, allocated by need
    cdef uint32_t streams_used               # length of next_ssn
    cdef Run *tail                           # the run that ends at the Cumulative TSN Ack Point, or NULL
    cdef Run **ends                          # two hash tables of the runs above it: by first TSN, by last
    cdef uint32_t ends_width                 # buckets of each
    cdef uint32_t runs_above                 # in the tables
    cdef HeldMessage **held                  # hash by (stream, ssn)
    cdef uint32_t held_width
    cdef uint32_t size_hint                  # about the length of the last fragmented messages

    # Call once for each TSN that TsnMap.record called new, before the map's state is looked at again.
    # Messages that become deliverable are pushed on `queue` with `association` as owner.
    # `cumulative_tsn` is the map's, after that record().  After a violation only reset() is of use.
    cdef int add(self, const DataView *chunk, ReceiveQueue queue, object association,
                 tsn_t cumulative_tsn) except -1
    cdef void set_streams(self, uint16_t inbound_streams) noexcept
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
    cdef int pass_runs(self, tsn_t first, tsn_t last) except -1
    cdef Run *run_by_first(self, tsn_t tsn) noexcept
    cdef Run *run_by_last(self, tsn_t tsn) noexcept
    cdef int link(self, Run *run) except -1
    cdef void unlink(self, Run *run) noexcept
    cdef int widen_ends(self) except -1
    # ... and whole messages in order.
    cdef int accept(self, PyObject *data, tsn_t tsn, uint16_t stream_id, ssn_t ssn, uint32_t ppid,
                    bint unordered, bint in_sequence, ReceiveQueue queue, object association,
                    tsn_t cumulative_tsn) except -1
    cdef int use_stream(self, uint16_t stream_id) except -1
    cdef int hold(self, PyObject *data, tsn_t tsn, uint16_t stream_id, ssn_t ssn, uint32_t ppid) except -1
    cdef HeldMessage *take_held(self, uint16_t stream_id, ssn_t ssn) noexcept
    cdef HeldMessage **find_held(self, uint16_t stream_id, ssn_t ssn) noexcept
    cdef int widen_held(self) except -1
