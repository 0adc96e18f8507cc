"""The send queue: messages without a TSN, first come first served (the default scheduler of Linux)."""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memset

from .proto cimport DATA_U

cdef enum:
    KEPT_MESSAGES = 256          # records kept for the next messages


cdef class SendQueue:
    """All messages of one association that wait for a TSN, and the stream sequence numbers to give them."""

    def __dealloc__(self):
        cdef Message *message
        self.clear()
        while self.free_messages != NULL:
            message = self.free_messages
            self.free_messages = message.next
            free(message)
        free(self.next_ssn)

    cdef int push(self, bytes data, uint16_t stream_id, uint32_t ppid, uint8_t flags,
                  uint32_t context) except -1:
        cdef Message *message = self.free_messages
        if message != NULL:
            self.free_messages = message.next
            self.free_count -= 1
        else:
            message = <Message *>malloc(sizeof(Message))
            if message == NULL:
                raise MemoryError
        Py_INCREF(data)
        message.data = <PyObject *>data
        message.bytes = <const uint8_t *>PyBytes_AS_STRING(data)
        message.length = <uint32_t>PyBytes_GET_SIZE(data)
        message.taken = 0
        message.fragments = 1
        message.ppid = ppid
        message.context = context
        message.stream_id = stream_id
        message.ssn = 0
        message.flags = flags
        message.next = NULL
        if self.last == NULL:
            self.first = message
        else:
            self.last.next = message
        self.last = message
        self.count += 1
        self.bytes_queued += message.length
        self.bytes_charged += message.length + MESSAGE_OVERHEAD
        return 0

    cdef int take(self, uint32_t length) except -1:
        """Account `length` bytes of the first message as sent; its SSN is fixed with the first of them."""
        cdef Message *message = self.first
        if message.taken == 0 and not message.flags & DATA_U:
            if message.stream_id >= self.ssn_capacity:
                self.grow_ssn(message.stream_id)
            message.ssn = self.next_ssn[message.stream_id]
            self.next_ssn[message.stream_id] += 1
        message.taken += length
        message.fragments += 1
        self.bytes_queued -= length
        if message.taken == message.length:
            self.first = message.next
            if self.first == NULL:
                self.last = NULL
            message.next = NULL
            message.fragments -= 1           # no longer queued; its chunks keep it
            self.count -= 1
        return 0

    cdef int grow_ssn(self, uint16_t stream_id) except -1:
        cdef uint32_t capacity = self.ssn_capacity if self.ssn_capacity else 8
        cdef uint16_t *grown
        while capacity <= stream_id:
            capacity *= 2
        grown = <uint16_t *>realloc(self.next_ssn, capacity * sizeof(uint16_t))
        if grown == NULL:
            raise MemoryError
        memset(grown + self.ssn_capacity, 0, (capacity - self.ssn_capacity) * sizeof(uint16_t))
        self.next_ssn = grown
        self.ssn_capacity = capacity
        return 0

    cdef void release(self, Message *message) noexcept:
        message.fragments -= 1
        if message.fragments:
            return
        self.bytes_charged -= message.length + MESSAGE_OVERHEAD
        Py_DECREF(<object>message.data)
        if self.free_count < KEPT_MESSAGES:
            message.next = self.free_messages
            self.free_messages = message
            self.free_count += 1
        else:
            free(message)

    cdef list refuse_streams(self, uint32_t streams):
        """Take out the messages for streams beyond `streams` (9260-5.1.1-02).

        [(stream, flags, ppid, context, data)].
        """
        cdef list refused = []
        cdef Message *message = self.first
        cdef Message *next
        self.first = self.last = NULL
        while message != NULL:
            next = message.next
            message.next = NULL
            if message.stream_id < streams:
                if self.last == NULL:
                    self.first = message
                else:
                    self.last.next = message
                self.last = message
            else:
                refused.append((message.stream_id, message.flags, message.ppid, message.context,
                                <object>message.data))
                self.count -= 1
                self.bytes_queued -= message.length
                self.release(message)
            message = next
        return refused

    cdef void clear(self) noexcept:
        cdef Message *message
        while self.first != NULL:
            message = self.first
            self.first = message.next
            self.bytes_queued -= message.length - message.taken
            self.count -= 1
            self.release(message)
        self.last = NULL

    def snapshot(self) -> dict:
        return {"messages": self.count, "bytes_queued": self.bytes_queued,
                "bytes_charged": self.bytes_charged}

    # ---- Python face, for tests and tools ----------------------------------------------------------------

    def put(self, bytes data not None, uint16_t stream_id=0, uint32_t ppid=0, uint8_t flags=0,
            uint32_t context=0) -> None:
        self.push(data, stream_id, ppid, flags, context)

    def take_first(self, uint32_t length) -> dict:
        """Take `length` bytes of the first message: its fields after that, and a handle for give_back()."""
        cdef Message *message = self.first
        if message == NULL or not 0 < length <= message.length - message.taken:
            raise ValueError("no such bytes")
        self.take(length)
        return {"data": <object>message.data, "stream_id": message.stream_id, "ssn": message.ssn,
                "ppid": message.ppid, "flags": message.flags, "context": message.context,
                "taken": message.taken, "fragments": message.fragments, "handle": <size_t>message}

    def give_back(self, size_t handle) -> None:
        """One fragment of the message is acknowledged."""
        self.release(<Message *>handle)

    def discard(self) -> None:
        self.clear()
