"""What has arrived for one SCTP user, in the order in which it is read: messages and notifications.

RFC 9260 section 11.1 (RECEIVE) and 11.2; RFC 6458 section 6.  A ring of plain C records.
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
    uint8_t end                  # 1: the end of the message is in this record (0: partial delivery goes on)
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

    # A zeroed record at the end; the caller fills it (and gives away the references it puts in).  `length`
    # is the message's (0: notification); it is written in the record and counted in bytes_queued.
    cdef Received *push(self, uint32_t length) except NULL
    cdef Received *first(self) noexcept nogil        # the oldest record, or NULL
    cdef Received *at(self, uint32_t index) noexcept nogil   # the one behind so many older ones, or NULL
    # A read took part of the first record, which must exist: moves its offset, at most up to its length.
    cdef void consume(self, uint32_t taken) noexcept nogil
    cdef int drop_first(self) except -1      # releases its references; bytes not consumed count as read
    # Move the records of one association behind those of another queue, both in their order.
    cdef int give(self, PyObject *association, ReceiveQueue other) except -1
    # The owner of the queue calls it when it is done, to break reference cycles (see the .pyx).
    cdef int clear(self) except -1

    cdef int grow(self) except -1
