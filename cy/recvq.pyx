"""What has arrived for one SCTP user, in the order in which it is read: messages and notifications.

RFC 9260 section 11.1 (RECEIVE) and 11.2; RFC 6458 section 6.

A ring of plain C records, since one is written and read for each message.  The records hold their
references by hand, invisible to Python's cycle collector: a queue whose records refer to
associations that refer to the queue's owner is a cycle that nobody breaks.  Therefore whoever owns
the queue calls `clear()` when the socket is closed, which ends that cycle.
"""
cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

cdef enum:
    FIRST_CAPACITY = 8
    LARGEST_CAPACITY = 0x4000000     # records: 3 GB, far beyond any receive window
    LARGEST_KEPT = 1024              # a larger ring is freed when it runs empty


@cython.final
cdef class ReceiveQueue:
    """Messages and notifications waiting for one user, oldest first."""

    def __dealloc__(self):
        self.clear()

    cdef Received *push(self, uint32_t length) except NULL:
        cdef Received *record
        if self.count == self.capacity:
            self.grow()
        record = &self.ring[(self.head + self.count) & (self.capacity - 1)]
        memset(record, 0, sizeof(Received))
        record.length = length
        record.path = self.path
        self.count += 1
        self.bytes_queued += length
        return record

    cdef Received *first(self) noexcept nogil:
        return &self.ring[self.head] if self.count else NULL

    cdef Received *at(self, uint32_t index) noexcept nogil:
        return &self.ring[(self.head + index) & (self.capacity - 1)] if index < self.count else NULL

    cdef void consume(self, uint32_t taken) noexcept nogil:
        self.ring[self.head].offset += taken
        self.bytes_queued -= taken

    cdef int drop_first(self) except -1:
        cdef PyObject *data
        cdef PyObject *association
        cdef Received *record = self.first()
        if record == NULL:
            return 0
        data = record.data
        association = record.association
        self.bytes_queued -= record.length - record.offset
        self.notified_bytes -= record.weight
        self.head = (self.head + 1) & (self.capacity - 1)
        self.count -= 1
        if self.count == 0 and self.capacity > LARGEST_KEPT:
            free(self.ring)
            self.ring = NULL
            self.capacity = self.head = 0
        Py_XDECREF(data)                 # last: the end of an object can run code that uses this queue
        Py_XDECREF(association)
        return 0

    cdef int clear(self) except -1:
        cdef Received *ring = self.ring
        cdef Received *record
        cdef uint32_t capacity = self.capacity
        cdef uint32_t head = self.head
        cdef uint32_t count = self.count
        cdef uint32_t i
        self.ring = NULL                 # empty before any reference goes, for the same reason
        self.capacity = self.head = self.count = 0
        self.bytes_queued = self.notified_bytes = 0
        for i in range(count):
            record = &ring[(head + i) & (capacity - 1)]
            Py_XDECREF(record.data)
            Py_XDECREF(record.association)
        free(ring)
        return 0

    cdef int give(self, PyObject *association, ReceiveQueue other) except -1:
        cdef uint32_t count = self.count, moving = 0, kept = 0, i
        cdef uint64_t length
        cdef Received *record
        for i in range(count):
            moving += self.ring[(self.head + i) & (self.capacity - 1)].association == association
        while other.capacity < other.count + moving:
            other.grow()
        for i in range(count):
            record = &self.ring[(self.head + i) & (self.capacity - 1)]
            if record.association == association:
                length = record.length - record.offset
                self.bytes_queued -= length
                self.notified_bytes -= record.weight
                other.push(0)[0] = record[0]
                other.bytes_queued += length
                other.notified_bytes += record.weight
            else:
                self.ring[(self.head + kept) & (self.capacity - 1)] = record[0]
                kept += 1
        self.count = kept
        return 0

    cdef int grow(self) except -1:
        """Double the ring."""
        cdef uint32_t capacity = self.capacity * 2 if self.capacity else FIRST_CAPACITY
        cdef uint32_t before_wrap = self.capacity - self.head
        cdef Received *ring = NULL
        if capacity <= LARGEST_CAPACITY:
            ring = <Received *>malloc(capacity * sizeof(Received))
        if ring == NULL:
            raise MemoryError()
        if self.capacity:
            memcpy(ring, self.ring + self.head, before_wrap * sizeof(Received))
            memcpy(ring + before_wrap, self.ring, self.head * sizeof(Received))
        free(self.ring)
        self.ring = ring
        self.capacity = capacity
        self.head = 0
        return 0

    def __len__(self) -> int:
        return self.count

    def snapshot(self) -> dict:
        return {"count": self.count, "bytes_queued": self.bytes_queued, "capacity": self.capacity}

    # Python face, for tests and tools.

    def push_record(self, bytes data, object association=None, int kind=0) -> None:
        """Append a message (kind 0) or, as notifications do, a record of no length."""
        cdef Received *record = self.push(<uint32_t>len(data) if kind == KIND_DATA else 0)
        Py_INCREF(data)
        Py_INCREF(association)
        record.data = <PyObject *>data
        record.association = <PyObject *>association
        record.kind = kind
        record.end = 1

    def read(self, uint32_t most) -> bytes | None:
        """Take up to `most` bytes of the oldest message, dropping it when it is used up."""
        cdef Received *record = self.first()
        cdef uint32_t taken
        if record == NULL:
            return None
        taken = min(most, record.length - record.offset)
        part = (<object>record.data)[record.offset:record.offset + taken]
        self.consume(taken)
        if record.offset == record.length:
            self.drop_first()
        return part

    def pop(self) -> tuple | None:
        """Take the oldest record: its fields in the order of `Received`, or None."""
        cdef Received *r = self.first()
        if r == NULL:
            return None
        fields = (
            <object>r.data if r.data != NULL else None,
            <object>r.association if r.association != NULL else None,
            r.length, r.offset, r.kind, r.stream_id, r.ssn, r.unordered, r.end,
            r.ppid, r.tsn, r.cumulative_tsn,
        )
        self.drop_first()
        return fields

    def hand_over(self, object association, ReceiveQueue other not None) -> None:
        """Move the records of one association to another queue."""
        self.give(<PyObject *>association, other)

    def discard(self) -> None:
        """Forget everything that waits."""
        self.clear()
