"""Whole messages into stream order.

RFC 9260 sections 6.5 and 6.6: ordered delivery by stream sequence number, unordered delivery at once.
RFC 3758 section 3.6: going on behind what is skipped.
"""
from cpython.object cimport PyObject
from libc.stdint cimport uint16_t, uint32_t, uint64_t

from .chunks cimport ForwardTsnView
from .recvq cimport ReceiveQueue
from .serial cimport ssn_t, tsn_t

cdef enum ReassemblyResult:
    REASSEMBLY_OK = 0
    REASSEMBLY_DELIVERED = 1     # at least one message went to the receive queue
    REASSEMBLY_VIOLATION = -2    # what contradicts itself: the association must be aborted


cdef struct HeldMessage


cdef class StreamOrder:
    cdef readonly uint64_t bytes_held        # payload of messages held (and, in a subclass, of fragments)
    cdef readonly uint32_t messages_held     # whole messages held for order
    cdef uint16_t inbound_streams
    cdef bint messages_may_end               # partial reliability: the sender may give up what it has begun
    cdef ssn_t *next_ssn                     # per stream, allocated by need
    cdef uint32_t streams_used               # length of next_ssn
    cdef HeldMessage **held                  # hash by (stream, ssn)
    cdef uint32_t held_width

    cdef void set_streams(self, uint16_t inbound_streams) noexcept
    cdef int accept(self, PyObject *data, tsn_t tsn, uint16_t stream_id, ssn_t ssn, uint32_t ppid,
                    bint unordered, bint in_sequence, ReceiveQueue queue, object association,
                    tsn_t cumulative_tsn) except -1
    cdef int skip_ssns(self, const ForwardTsnView *skipped, ReceiveQueue queue, object association,
                       tsn_t cumulative_tsn) except -1
    cdef int forget_order(self) except -1

    # within the module, and for tests
    cdef int deliver_held(self, uint16_t stream_id, ReceiveQueue queue, object association,
                          tsn_t cumulative_tsn) except -1
    cdef int deliver_passed(self, const ssn_t *before, ReceiveQueue queue, object association,
                            tsn_t cumulative_tsn) except -1
    cdef int use_stream(self, uint16_t stream_id) except -1
    cdef int hold(self, PyObject *data, tsn_t tsn, uint16_t stream_id, ssn_t ssn, uint32_t ppid) except -1
    cdef HeldMessage *take_held(self, uint16_t stream_id, ssn_t ssn) noexcept
    cdef HeldMessage **find_held(self, uint16_t stream_id, ssn_t ssn) noexcept
    cdef int widen_held(self) except -1
    cdef tuple recount_held(self)            # (bytes, messages)
    cdef uint32_t longest_held_chain(self) noexcept
    cdef uint64_t order_allocated(self) noexcept
