"""What has arrived for one SCTP user, in the order in which it is read: messages and notifications.

RFC 9260 section 11.1 (RECEIVE) and 11.2; RFC 6458 sections 6 and 8.1.20.

A ring of plain C records, since one is written and read for each message.  The records hold their
references by hand, invisible to Python's cycle collector: a queue whose records refer to
associations that refer to the queue's owner is a cycle that nobody breaks.  Therefore whoever owns
the queue calls `clear()` when the socket is closed, which ends that cycle.

A message may come in pieces (reasm.pyx says when).  With fragment interleave 0 nothing else may come
between them: from the first piece until the last the queue is reserved for them, and whatever else is
pushed waits in the lobby.  One such message at a time; other associations take turns.
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

    cdef Received *push(self, PyObject *association, uint32_t length) except NULL:
        cdef Received *record
        if self.reserved_for != NULL and association != self.reserved_for:
            self.lobby.path = self.path
            return self.lobby.push(association, length)
        if self.count == self.capacity:
            self.grow()
        record = &self.ring[(self.head + self.count) & (self.capacity - 1)]
        memset(record, 0, sizeof(Received))
        record.length = length
        record.path = self.path
        self.count += 1
        self.bytes_queued += length
        return record

    cdef Received *push_notification(self, uint32_t weight) except NULL:
        cdef ReceiveQueue queue = self if self.reserved_for == NULL else self.lobby
        cdef Received *record = queue.push(NULL, 0)
        record.weight = weight
        queue.notified_bytes += weight
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
        self.reserved_for = NULL
        if self.lobby is not None:
            self.lobby.clear()
        self.turns = None
        for i in range(count):
            record = &ring[(head + i) & (capacity - 1)]
            Py_XDECREF(record.data)
            Py_XDECREF(record.association)
        free(ring)
        return 0

    # --- messages in pieces ---

    cdef int begin_pieces(self, PyObject *association) except -1:
        if self.interleave == 0:
            if self.lobby is None:
                self.lobby = ReceiveQueue()
            self.reserved_for = association
        return 0

    cdef int end_pieces(self, PyObject *association) except -1:
        if self.reserved_for == association:
            self.pour(self.lobby, NULL)
            self.reserved_for = NULL
        return 0

    cdef tuple withdraw(self, PyObject *association, uint32_t tsn):
        cdef ReceiveQueue dropped = ReceiveQueue()
        cdef uint32_t count = self.count, kept = 0, i
        cdef uint64_t length
        cdef Received *record
        dropped.reserve(count)
        for i in range(count):
            record = &self.ring[(self.head + i) & (self.capacity - 1)]
            if record.association == association and record.kind == KIND_DATA and record.tsn == tsn:
                length = record.length - record.offset
                self.bytes_queued -= length
                dropped.bytes_queued += length
                dropped.push(NULL, 0)[0] = record[0]
            else:
                self.ring[(self.head + kept) & (self.capacity - 1)] = record[0]
                kept += 1
        self.count = kept
        found = dropped.bytes_queued, dropped.count
        dropped.clear()
        if self.reserved_for != NULL:                    # it began before the queue was reserved
            more = self.lobby.withdraw(association, tsn)
            found = found[0] + more[0], found[1] + more[1]
        return found

    cdef int pour(self, ReceiveQueue other, PyObject *association) except -1:
        cdef Received *record
        cdef uint32_t i
        self.reserve(other.count)
        for i in range(other.count):
            record = &self.ring[(self.head + self.count) & (self.capacity - 1)]
            record[0] = other.ring[(other.head + i) & (other.capacity - 1)]
            if association != NULL:
                Py_INCREF(<object>association)
                record.association = association
            self.count += 1
        self.bytes_queued += other.bytes_queued
        self.notified_bytes += other.notified_bytes
        other.count = 0
        other.bytes_queued = other.notified_bytes = 0
        other.clear()
        return 0

    cdef uint32_t waiting(self) noexcept nogil:
        return self.count + (self.lobby.count if self.reserved_for != NULL else 0)

    cdef uint64_t waiting_notified(self) noexcept nogil:
        return self.notified_bytes + (self.lobby.notified_bytes if self.reserved_for != NULL else 0)

    # --- peeling off ---

    cdef int give(self, PyObject *association, ReceiveQueue other) except -1:
        cdef ReceiveQueue behind = other
        self.sift(association, other)
        if self.reserved_for == NULL:
            return 0
        if self.reserved_for == association:             # the message goes on there
            behind = other.lobby = ReceiveQueue()
            other.reserved_for = association
        self.lobby.sift(association, behind)
        return self.end_pieces(association)

    cdef int sift(self, PyObject *association, ReceiveQueue other) except -1:
        cdef uint32_t count = self.count, moving = 0, kept = 0, i
        cdef uint64_t length
        cdef Received *record
        for i in range(count):
            moving += self.ring[(self.head + i) & (self.capacity - 1)].association == association
        other.reserve(moving)
        for i in range(count):
            record = &self.ring[(self.head + i) & (self.capacity - 1)]
            if record.association == association:
                length = record.length - record.offset
                self.bytes_queued -= length
                self.notified_bytes -= record.weight
                other.push(NULL, 0)[0] = record[0]
                other.bytes_queued += length
                other.notified_bytes += record.weight
            else:
                self.ring[(self.head + kept) & (self.capacity - 1)] = record[0]
                kept += 1
        self.count = kept
        return 0

    cdef int reserve(self, uint32_t records) except -1:
        while self.capacity - self.count < records:
            self.grow()
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
        cdef Received *record
        if kind == KIND_DATA:
            record = self.push(<PyObject *>association, <uint32_t>len(data))
        else:
            record = self.push_notification(0)
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

    def reserved(self) -> object:
        """The association whose message comes in pieces at level 0, or None."""
        return <object>self.reserved_for if self.reserved_for != NULL else None

    def discard(self) -> None:
        """Forget everything that waits."""
        self.clear()
