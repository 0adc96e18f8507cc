"""Messages into stream order.

RFC 9260 sections 6.5 and 6.6: ordered delivery by stream sequence number, unordered delivery at once.
RFC 9260 section 6.9: one message may come in pieces.  RFC 3758 section 3.6: going on behind what is skipped.
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
    REASSEMBLY_GIVES_UP = 2      # nothing was done: the message in pieces was given up, forget_pieces() first


cdef struct HeldMessage


cdef class StreamOrder:
    cdef readonly uint64_t bytes_held        # payload of messages held (and, in a subclass, of fragments)
    cdef readonly uint32_t messages_held     # whole messages held for order
    cdef uint16_t inbound_streams
    cdef bint messages_may_end               # partial reliability: the sender may give up what it has begun
    cdef ssn_t *next_ssn                     # per stream, allocated by need
    cdef uint32_t streams_used               # length of next_ssn
    # Partial delivery: at most one message, that at the ack point, is handed out before it is whole.
    cdef readonly bint begun                 # a part of one was; the next four say which
    cdef readonly bint unordered_begun
    cdef readonly uint16_t stream_begun
    cdef readonly ssn_t ssn_begun
    cdef readonly tsn_t tsn_begun            # its first
    cdef bint others_wait                    # its association's other streams, too, wait for its end
    cdef ReceiveQueue behind                 # whole and in order, but to be read behind its end; or None
    cdef readonly uint32_t messages_behind   # in there
    # What went to receive queues since whoever accounts for that took it (and set these to 0).
    cdef uint64_t delivered_bytes
    cdef uint32_t delivered_records
    cdef HeldMessage **held                  # hash by (stream, ssn)
    cdef uint32_t held_width

    cdef void set_streams(self, uint16_t inbound_streams) noexcept
    cdef int accept(self, PyObject *data, tsn_t tsn, uint16_t stream_id, ssn_t ssn, uint32_t ppid,
                    bint unordered, bint in_sequence, ReceiveQueue queue, object association,
                    tsn_t cumulative_tsn) except -1
    cdef int skip_ssns(self, const ForwardTsnView *skipped, ReceiveQueue queue, object association,
                       tsn_t cumulative_tsn) except -1
    cdef int forget_order(self) except -1
    cdef bint may_begin(self, uint16_t stream_id, ssn_t ssn, bint unordered) except -1   # it is its turn
    cdef int begin(self, tsn_t tsn, uint16_t stream_id, ssn_t ssn, bint unordered, ReceiveQueue queue,
                   object association) except -1
    # A piece of the message that has begun, its last one or not; `data` is given away.
    cdef int accept_piece(self, PyObject *data, uint32_t ppid, bint ends, ReceiveQueue queue,
                          object association, tsn_t cumulative_tsn) except -1
    # It has ended, or will not: what waited behind it goes to the queue.
    cdef int end_pieces(self, ReceiveQueue queue, object association) except -1

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
