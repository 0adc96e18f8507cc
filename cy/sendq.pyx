"""The send queue: messages without a TSN, first come first served (the default scheduler of Linux).

Which messages may be given up, and since when, is written here; giving them up is abandon.pyx's business.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memset

from .proto cimport DATA_B, DATA_E, DATA_U

cdef enum:
    KEPT_MESSAGES = 256          # records kept for the next messages


cdef set HANDLES = set()         # of take_first()


cdef class SendQueue:
    """All messages of one association that wait for a TSN, and the stream sequence numbers to give them."""

    def __cinit__(self):
        self.next_expiry = INT64_MAX

    def __dealloc__(self):
        cdef Message *message
        self.clear()
        self.forget_failed()
        while self.free_messages != NULL:
            message = self.free_messages
            self.free_messages = message.next
            free(message)
        free(self.next_ssn)

    cdef Message *push(self, bytes data, uint16_t stream_id, uint32_t ppid, uint8_t flags,
                       uint32_t context) except NULL:
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
        message.taken = message.acknowledged = 0
        message.fragments = 1
        message.ppid = ppid
        message.context = context
        message.stream_id = stream_id
        message.ssn = 0
        message.flags = flags
        message.ends = DATA_B | DATA_E
        message.policy = RELIABLE
        message.path = ANY_PATH
        message.send_flags = 0
        message.pr_value = 0
        message.expires = INT64_MAX
        message.next = NULL
        if self.last == NULL:
            self.first = message
        else:
            self.last.next = message
        self.last = message
        self.count += 1
        self.bytes_queued += message.length
        self.bytes_charged += message.length + MESSAGE_OVERHEAD
        return message

    cdef void mark_part(self, bint begins, bint ends) noexcept:
        cdef Message *part = self.last
        part.ends = (DATA_B if begins else 0) | (DATA_E if ends else 0)
        self.open = not ends
        self.open_stream = part.stream_id
        self.open_ppid = part.ppid
        self.open_flags = part.flags & DATA_U

    cdef void set_policy(self, Message *message, int policy, uint32_t value, int64_t now) noexcept:
        """Make a message partially reliable; its life begins now and is never changed (3758-4.1-03)."""
        message.policy = <uint8_t>policy
        message.pr_value = value
        self.partial += 1
        if policy == POLICY_TTL:
            message.expires = now + 1000 * <int64_t>value
            self.next_expiry = min(self.next_expiry, message.expires)

    cdef int take(self, uint32_t length) except -1:
        """Account `length` bytes of the first message as sent; its SSN is fixed with the first of them."""
        cdef Message *message = self.first
        if message.taken == 0 and not message.flags & DATA_U:
            if message.stream_id >= self.ssn_capacity:
                self.grow_ssn(message.stream_id)
            if message.ends & DATA_B:
                self.next_ssn[message.stream_id] += 1
            message.ssn = self.next_ssn[message.stream_id] - 1
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

    cdef void acknowledge(self, Message *message, uint32_t length) noexcept:
        """The peer has these bytes for good; the buffer has room for others, though `data` lives on."""
        if message.data != NULL:
            message.acknowledged += length
            self.bytes_charged -= length
        self.release(message)

    cdef void release(self, Message *message) noexcept:
        message.fragments -= 1
        if message.fragments:
            return
        if message.policy:
            self.partial -= 1
        self.forget_data(message)
        if self.free_count < KEPT_MESSAGES:
            message.next = self.free_messages
            self.free_messages = message
            self.free_count += 1
        else:
            free(message)

    cdef void forget_data(self, Message *message) noexcept:
        cdef PyObject *data = message.data
        if data != NULL:
            self.bytes_charged -= message.length - message.acknowledged + MESSAGE_OVERHEAD
            message.data = NULL
            message.bytes = NULL
            Py_DECREF(<object>data)

    cdef void withdraw(self, Message *message) noexcept:
        cdef Message *before = NULL
        if self.first == message:
            self.first = message.next
        else:
            before = self.first
            while before.next != message:
                before = before.next
            before.next = message.next
        if self.last == message:
            self.last = before
        message.next = NULL
        self.count -= 1
        self.bytes_queued -= message.length - message.taken

    cdef Message *take_out(self, Choice choice, int64_t bound) noexcept:
        """Unlink all messages that are chosen, in their order."""
        cdef Message *message = self.first
        cdef Message *next
        cdef Message *taken = NULL
        cdef Message **kept_end = &self.first
        cdef Message **taken_end = &taken
        self.last = NULL
        while message != NULL:
            next = message.next
            message.next = NULL
            if choice(message, bound):
                taken_end[0] = message
                taken_end = &message.next
                self.count -= 1
                self.bytes_queued -= message.length - message.taken
            else:
                kept_end[0] = message
                kept_end = &message.next
                self.last = message
            message = next
        kept_end[0] = NULL
        return taken

    cdef Message *take_expired(self, int64_t now, bint started) noexcept:
        """Messages whose life time is over; without `started` only those of which nothing has a TSN."""
        cdef Message *taken
        cdef Message *message
        if now < self.next_expiry:
            return NULL
        taken = self.take_out(is_expired if started else is_expired_unsent, now)
        self.next_expiry = INT64_MAX
        message = self.first
        while message != NULL:
            if started or message.taken == 0:
                self.next_expiry = min(self.next_expiry, message.expires)
            message = message.next
        return taken

    cdef Message *take_refused(self, uint32_t streams) noexcept:
        """Messages for streams beyond `streams` (9260-5.1.1-02)."""
        self.open = self.open and self.open_stream < streams
        return self.take_out(is_beyond, streams)

    cdef Message *take_all(self) noexcept:
        return self.take_out(is_any, 0)

    cdef Message *least_important(self, int64_t priority) noexcept:
        """What to give up first for a message of `priority`: the newest of those with the greatest value."""
        cdef Message *message = self.first
        cdef Message *found = NULL
        while message != NULL:
            if (message.policy == POLICY_PRIO and message.taken == 0 and message.pr_value > priority
                    and (found == NULL or message.pr_value >= found.pr_value)):
                found = message
            message = message.next
        return found

    cdef void clear(self) noexcept:
        self.release_chain(self.take_all())

    cdef void forget_failed(self) noexcept:
        self.release_chain(self.unacked)
        self.release_chain(self.unsent)
        self.unacked = self.unsent = NULL

    cdef void release_chain(self, Message *message) noexcept:
        cdef Message *next
        while message != NULL:
            next = message.next
            self.release(message)
            message = next

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
        HANDLES.add((id(self), <size_t>message))
        return {"data": <object>message.data, "stream_id": message.stream_id, "ssn": message.ssn,
                "ppid": message.ppid, "flags": message.flags, "context": message.context,
                "taken": message.taken, "fragments": message.fragments, "handle": <size_t>message}

    def give_back(self, size_t handle, uint32_t length) -> None:
        """One fragment of the message, of so many bytes, is acknowledged."""
        if (id(self), handle) not in HANDLES:
            raise ValueError("take_first() has not given this handle")
        self.acknowledge(<Message *>handle, length)

    def discard(self) -> None:
        self.clear()


cdef bint is_expired(const Message *message, int64_t now) noexcept:
    return message.expires <= now


cdef bint is_expired_unsent(const Message *message, int64_t now) noexcept:
    return message.expires <= now and message.taken == 0


cdef bint is_beyond(const Message *message, int64_t streams) noexcept:
    return message.stream_id >= streams


cdef bint is_any(const Message *message, int64_t bound) noexcept:
    return True
