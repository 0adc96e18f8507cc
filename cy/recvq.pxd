"""What has arrived for one SCTP user, in the order in which it is read: messages and notifications.

RFC 9260 section 11.1 (RECEIVE) and 11.2; RFC 6458 sections 6 and 8.1.20.  A ring of plain C records.
"""
cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from .address cimport Address


cdef enum ReceivedKind:
    KIND_DATA = 0                # any other kind is the sn_type of a notification (0x8001 ...)


cdef struct Received:
    PyObject *data               # strong: bytes of a message, or a tuple with a notification's fields
    PyObject *association        # strong, or NULL
    uint32_t length              # bytes of the message (0 for notifications)
    uint32_t offset              # bytes that earlier reads took
    uint16_t kind
    uint16_t stream_id
    uint16_t ssn
    uint8_t unordered
    uint8_t path                 # by which its last chunk came
    uint8_t end                  # 1: the end of the message is in this record (0: more pieces of it follow)
    uint32_t weight              # bytes that a notification keeps alive
    uint32_t ppid                # four bytes as they came
    uint32_t tsn                 # of the first fragment
    uint32_t cumulative_tsn


@cython.final
cdef class ReceiveQueue:
    cdef Received *ring
    cdef uint32_t capacity       # a power of two, 0 until the first record
    cdef uint32_t head           # index of the oldest record (mod capacity)
    cdef uint8_t path            # of the messages that are pushed now
    cdef readonly uint32_t count
    cdef readonly uint64_t bytes_queued      # unread bytes of messages
    cdef readonly uint64_t notified_bytes    # weight of the notifications

    # SCTP_FRAGMENT_INTERLEAVE: what may come between the pieces of a message.  0: nothing, 1: what other
    # associations have, 2: other streams too.  A message keeps the level that it began with.
    cdef public int interleave
    cdef PyObject *reserved_for  # level 0: the association whose message has begun and not ended (borrowed)
    cdef ReceiveQueue lobby      # level 0: what comes behind its end.  Neither read nor counted here
    cdef list turns              # level 0: associations that have to begin such a message, and may not yet

    # A zeroed record at the end; the caller fills it (and gives away the references it puts in).  `length`
    # is that of a message of `association`; it is written in the record and counted in bytes_queued.
    cdef Received *push(self, PyObject *association, uint32_t length) except NULL
    cdef Received *push_notification(self, uint32_t weight) except NULL
    cdef int reserve(self, uint32_t records) except -1       # so many can be pushed without MemoryError
    # A message of `association` begins to be handed out in pieces; nothing is reserved yet.
    cdef int begin_pieces(self, PyObject *association) except -1
    # ... and has ended, or will not: what waited in the lobby follows.
    cdef int end_pieces(self, PyObject *association) except -1
    # Drop the unread pieces of a message, known by its first TSN: (bytes, records).
    cdef tuple withdraw(self, PyObject *association, uint32_t tsn)
    # All of another queue comes behind; with `association` the records, which have none, are of that one.
    cdef int pour(self, ReceiveQueue other, PyObject *association) except -1
    cdef uint32_t waiting(self) noexcept nogil               # records, the lobby's too
    cdef uint64_t waiting_notified(self) noexcept nogil      # notified_bytes, the lobby's too
    cdef Received *first(self) noexcept nogil        # the oldest record, or NULL
    cdef Received *at(self, uint32_t index) noexcept nogil   # the one behind so many older ones, or NULL
    # A read took part of the first record, which must exist: moves its offset, at most up to its length.
    cdef void consume(self, uint32_t taken) noexcept nogil
    cdef int drop_first(self) except -1      # releases its references; bytes not consumed count as read
    # Move the records of one association behind those of another queue, both in their order.
    cdef int give(self, PyObject *association, ReceiveQueue other) except -1
    cdef int sift(self, PyObject *association, ReceiveQueue other) except -1     # without the lobby
    # The owner of the queue calls it when it is done, to break reference cycles (see the .pyx).
    cdef int clear(self) except -1

    cdef int grow(self) except -1
