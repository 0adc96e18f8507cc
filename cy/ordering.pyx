"""Messages into stream order.

RFC 9260 sections 6.5 (stream sequence numbers) and 6.6 (ordering); RFC 3758 section 3.6 (ssns that are
skipped).  Messages that wait for an earlier one of their stream are in a hash table by (stream, ssn).

RFC 9260 section 6.9, RFC 6458 section 8.1.20: one message may be handed out in pieces.  Since fragments of a
message have consecutive TSNs, it is the one at the Cumulative TSN Ack Point, and there is no other.  Until it
has ended, what may not be read between its pieces is in the queue `behind`.
"""
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.stdlib cimport qsort
from libc.string cimport memcpy, memset

from .chunks cimport ForwardTsnView
from .recvq cimport Received, ReceiveQueue
from .serial cimport ssn_lt, ssn_t, tsn_t
from .wire cimport get16

cdef extern from "Python.h":
    Py_ssize_t bytes_length "PyBytes_GET_SIZE"(PyObject *data) noexcept nogil
    void Py_DECREF(PyObject *data)

cdef enum:
    FIRST_WIDTH = 16                     # of the hash table, and of next_ssn
    WIDEST_KEPT = 256                    # a wider table is freed when it runs empty


cdef struct HeldMessage:                 # whole, ordered and early
    HeldMessage *next                    # in its bucket
    PyObject *data                       # owned
    tsn_t tsn
    uint32_t ppid
    uint16_t stream_id
    ssn_t ssn
    uint32_t order                       # by which deliver_passed() sorts


# A peer chooses the streams and ssns it sends; that it cannot choose them to fall into one bucket,
# the hash multiplies with a number that differs from process to process (universal hashing).
cdef uint64_t HASH_MULTIPLIER = <uint64_t><Py_hash_t>hash("messages held for order") | 1


cdef class StreamOrder:
    """What has arrived whole and waits for its turn, and whose turn it is."""

    cdef void set_streams(self, uint16_t inbound_streams) noexcept:
        self.inbound_streams = inbound_streams

    cdef int accept(self, PyObject *data, tsn_t tsn, uint16_t stream_id, ssn_t ssn, uint32_t ppid,
                    bint unordered, bint in_sequence, ReceiveQueue queue, object association,
                    tsn_t cumulative_tsn) except -1:
        """A whole message, `data` is given away: deliver it, or hold it until its turn (6.6)."""
        cdef ssn_t due
        if unordered:                                    # its ssn means nothing (3.3.1)
            deliver(self, data, tsn, stream_id, ssn, ppid, True, queue, association, cumulative_tsn)
            return REASSEMBLY_DELIVERED
        if stream_id >= self.streams_used:
            try:
                self.use_stream(stream_id)
            except MemoryError:
                Py_DECREF(data)
                raise
        due = self.next_ssn[stream_id]
        if ssn != due:
            # All before it has arrived, so it is no early one: its ssn was used before.  Otherwise
            # up to 65535 ahead is right (6.1), and then old and early ssns look alike: both are held.
            if in_sequence and ssn_lt(ssn, due):
                Py_DECREF(data)
                return REASSEMBLY_OK if self.messages_may_end else REASSEMBLY_VIOLATION
            return self.hold(data, tsn, stream_id, ssn, ppid)
        deliver(self, data, tsn, stream_id, ssn, ppid, False, queue, association, cumulative_tsn)
        self.next_ssn[stream_id] = <ssn_t>(due + 1)
        if self.messages_held:
            self.deliver_held(stream_id, queue, association, cumulative_tsn)
        return REASSEMBLY_DELIVERED

    cdef int deliver_held(self, uint16_t stream_id, ReceiveQueue queue, object association,
                          tsn_t cumulative_tsn) except -1:
        """The held messages whose turn has come now; whether there were any."""
        cdef HeldMessage *message
        cdef HeldMessage record
        cdef int result = REASSEMBLY_OK
        while self.messages_held:
            message = self.take_held(stream_id, self.next_ssn[stream_id])
            if message == NULL:
                break
            record = message[0]
            PyMem_Free(message)
            deliver(self, record.data, record.tsn, stream_id, record.ssn, record.ppid, False, queue,
                    association, cumulative_tsn)
            self.next_ssn[stream_id] += 1
            result = REASSEMBLY_DELIVERED
        return result

    # --- a message in pieces ---

    cdef bint may_begin(self, uint16_t stream_id, ssn_t ssn, bint unordered) except -1:
        if unordered:
            return True
        if stream_id >= self.streams_used:
            self.use_stream(stream_id)
        return ssn == self.next_ssn[stream_id]

    cdef int begin(self, tsn_t tsn, uint16_t stream_id, ssn_t ssn, bint unordered, ReceiveQueue queue,
                   object association) except -1:
        queue.begin_pieces(<PyObject *>association)
        self.begun = True
        self.tsn_begun = tsn
        self.stream_begun = stream_id
        self.ssn_begun = ssn
        self.unordered_begun = unordered
        self.others_wait = queue.interleave < 2
        return 0

    cdef int accept_piece(self, PyObject *data, uint32_t ppid, bint ends, ReceiveQueue queue,
                          object association, tsn_t cumulative_tsn) except -1:
        cdef Received *record = put(data, self.tsn_begun, self.stream_begun, self.ssn_begun, ppid,
                                    self.unordered_begun, queue, association, cumulative_tsn)
        record.end = ends
        self.delivered_bytes += record.length
        self.delivered_records += 1
        if ends:
            self.end_pieces(queue, association)
            if not self.unordered_begun:
                self.next_ssn[self.stream_begun] += 1
                if self.messages_held:
                    self.deliver_held(self.stream_begun, queue, association, cumulative_tsn)
        return REASSEMBLY_DELIVERED

    cdef int end_pieces(self, ReceiveQueue queue, object association) except -1:
        cdef uint64_t length
        self.begun = False
        if self.messages_behind:
            length = self.behind.bytes_queued
            queue.pour(self.behind, <PyObject *>association)
            self.bytes_held -= length
            self.delivered_bytes += length
            self.delivered_records += self.messages_behind
            self.messages_behind = 0
        return queue.end_pieces(<PyObject *>association)

    cdef int use_stream(self, uint16_t stream_id) except -1:
        """Room in next_ssn for this stream; the first message of a stream has ssn 0 (6.5)."""
        cdef uint32_t count = max(self.streams_used, <uint32_t>FIRST_WIDTH)
        cdef ssn_t *next_ssn
        while count <= stream_id:
            count *= 2
        next_ssn = <ssn_t *>PyMem_Realloc(self.next_ssn, count * sizeof(ssn_t))
        if next_ssn == NULL:
            raise MemoryError()
        memset(next_ssn + self.streams_used, 0, (count - self.streams_used) * sizeof(ssn_t))
        self.next_ssn = next_ssn
        self.streams_used = count
        return 0

    cdef int hold(self, PyObject *data, tsn_t tsn, uint16_t stream_id, ssn_t ssn, uint32_t ppid) except -1:
        """Keep an early message; a second one with its ssn is a violation."""
        cdef HeldMessage *message
        cdef HeldMessage **place
        if self.messages_held == self.held_width:
            try:
                self.widen_held()
            except MemoryError:
                Py_DECREF(data)
                raise
        place = self.find_held(stream_id, ssn)
        if place[0] != NULL:
            Py_DECREF(data)
            return REASSEMBLY_VIOLATION
        message = <HeldMessage *>PyMem_Malloc(sizeof(HeldMessage))
        if message == NULL:
            Py_DECREF(data)
            raise MemoryError()
        message.next = NULL
        message.data = data
        message.tsn = tsn
        message.ppid = ppid
        message.stream_id = stream_id
        message.ssn = ssn
        place[0] = message
        self.messages_held += 1
        self.bytes_held += bytes_length(data)
        return REASSEMBLY_OK

    cdef HeldMessage *take_held(self, uint16_t stream_id, ssn_t ssn) noexcept:
        """The held message of that ssn, taken out of the table, or NULL."""
        cdef HeldMessage **place = self.find_held(stream_id, ssn)
        cdef HeldMessage *message = place[0]
        if message == NULL:
            return NULL
        place[0] = message.next
        self.messages_held -= 1
        self.bytes_held -= bytes_length(message.data)
        if self.messages_held == 0 and self.held_width > WIDEST_KEPT:
            PyMem_Free(self.held)
            self.held = NULL
            self.held_width = 0
        return message

    cdef HeldMessage **find_held(self, uint16_t stream_id, ssn_t ssn) noexcept:
        """Where the pointer to the message of that ssn is, or would be.  There must be a table."""
        cdef HeldMessage **place = &self.held[bucket(stream_id, ssn, self.held_width)]
        while place[0] != NULL and not (place[0].stream_id == stream_id and place[0].ssn == ssn):
            place = &place[0].next
        return place

    cdef int widen_held(self) except -1:
        """Double the table."""
        cdef uint32_t width = self.held_width * 2 if self.held_width else FIRST_WIDTH
        cdef HeldMessage **held = <HeldMessage **>PyMem_Calloc(width, sizeof(HeldMessage *))
        cdef HeldMessage *message
        cdef HeldMessage *following
        cdef uint32_t i, new
        if held == NULL:
            raise MemoryError()
        for i in range(self.held_width):
            message = self.held[i]
            while message != NULL:
                following = message.next
                new = bucket(message.stream_id, message.ssn, width)
                message.next = held[new]
                held[new] = message
                message = following
        PyMem_Free(self.held)
        self.held = held
        self.held_width = width
        return 0

    cdef int skip_ssns(self, const ForwardTsnView *skipped, ReceiveQueue queue, object association,
                       tsn_t cumulative_tsn) except -1:
        """FORWARD TSN: nothing up to the listed ssns comes any more; streams out of range are passed over."""
        cdef ssn_t *before = NULL
        cdef ssn_t ssn
        cdef uint16_t stream_id
        cdef uint32_t i
        cdef int result = REASSEMBLY_OK
        for i in range(skipped.count):                   # room for all of them, before next_ssn is copied
            stream_id = get16(skipped.streams + 4 * i)
            if self.streams_used <= stream_id < self.inbound_streams:
                self.use_stream(stream_id)
        if self.messages_held:
            before = <ssn_t *>PyMem_Malloc(self.streams_used * sizeof(ssn_t))
            if before == NULL:
                raise MemoryError()
            memcpy(before, self.next_ssn, self.streams_used * sizeof(ssn_t))
        for i in range(skipped.count):
            stream_id = get16(skipped.streams + 4 * i)
            ssn = get16(skipped.streams + 4 * i + 2)
            if stream_id < self.inbound_streams and not ssn_lt(ssn, self.next_ssn[stream_id]):
                self.next_ssn[stream_id] = <ssn_t>(ssn + 1)
        if before != NULL:
            try:
                result = self.deliver_passed(before, queue, association, cumulative_tsn)
            finally:
                PyMem_Free(before)
        for i in range(skipped.count):
            if self.messages_held == 0:
                break
            stream_id = get16(skipped.streams + 4 * i)
            if stream_id < self.inbound_streams:
                result |= self.deliver_held(stream_id, queue, association, cumulative_tsn)
        return result

    cdef int deliver_passed(self, const ssn_t *before, ReceiveQueue queue, object association,
                            tsn_t cumulative_tsn) except -1:
        """Deliver, in order, the held messages between next_ssn as it was `before` and as it is."""
        cdef HeldMessage **passed = <HeldMessage **>PyMem_Malloc(self.messages_held * sizeof(HeldMessage *))
        cdef HeldMessage *message
        cdef uint32_t count = 0, i
        cdef uint16_t stream_id
        cdef ssn_t distance
        if passed == NULL:
            raise MemoryError()
        for i in range(self.held_width):
            message = self.held[i]
            while message != NULL:
                stream_id = message.stream_id
                distance = <ssn_t>(message.ssn - before[stream_id])
                if distance < <ssn_t>(self.next_ssn[stream_id] - before[stream_id]):
                    message.order = <uint32_t>stream_id << 16 | distance
                    passed[count] = message
                    count += 1
                message = message.next
        qsort(passed, count, sizeof(HeldMessage *), by_order)
        try:
            for i in range(count):
                message = self.take_held(passed[i].stream_id, passed[i].ssn)
                deliver(self, message.data, message.tsn, message.stream_id, message.ssn, message.ppid, False,
                        queue, association, cumulative_tsn)
                PyMem_Free(message)
        finally:
            PyMem_Free(passed)
        return REASSEMBLY_DELIVERED if count else REASSEMBLY_OK

    cdef int forget_order(self) except -1:
        cdef HeldMessage *message
        cdef HeldMessage *following
        cdef uint32_t i
        for i in range(self.held_width):
            message = self.held[i]
            while message != NULL:
                following = message.next
                self.bytes_held -= bytes_length(message.data)
                self.messages_held -= 1
                Py_DECREF(message.data)
                PyMem_Free(message)
                message = following
        PyMem_Free(self.held)
        PyMem_Free(self.next_ssn)
        self.held = NULL
        self.next_ssn = NULL
        self.held_width = self.streams_used = 0
        self.begun = False
        if self.behind is not None:
            self.bytes_held -= self.behind.bytes_queued
            self.behind.clear()
            self.messages_behind = 0
        return 0

    cdef tuple recount_held(self):
        cdef uint64_t total = 0
        cdef uint32_t i, messages = 0
        cdef HeldMessage *message
        for i in range(self.held_width):
            message = self.held[i]
            while message != NULL:
                total += bytes_length(message.data)
                messages += 1
                message = message.next
        for i in range(self.messages_behind):
            total += self.behind.ring[(self.behind.head + i) & (self.behind.capacity - 1)].length
        return total, messages

    cdef uint32_t longest_held_chain(self) noexcept:
        cdef uint32_t longest = 0, i, n
        cdef HeldMessage *message
        for i in range(self.held_width):
            message = self.held[i]
            n = 0
            while message != NULL:
                n += 1
                message = message.next
            longest = max(longest, n)
        return longest

    cdef uint64_t order_allocated(self) noexcept:
        return self.held_width * sizeof(HeldMessage *) + self.streams_used * sizeof(ssn_t)


cdef inline int deliver(StreamOrder order, PyObject *data, tsn_t tsn, uint16_t stream_id, ssn_t ssn,
                        uint32_t ppid, bint unordered, ReceiveQueue queue, object association,
                        tsn_t cumulative_tsn) except -1:
    """Hand a whole message to the user; `data` is given away."""
    cdef Received *record
    if order.begun and (order.others_wait or stream_id == order.stream_begun):
        if order.behind is None:
            order.behind = ReceiveQueue()
        order.behind.path = queue.path
        # without a reference to the association, which nobody could release: it owns this queue
        record = put(data, tsn, stream_id, ssn, ppid, unordered, order.behind, None, cumulative_tsn)
        order.bytes_held += record.length
        order.messages_behind += 1
    else:
        record = put(data, tsn, stream_id, ssn, ppid, unordered, queue, association, cumulative_tsn)
        order.delivered_bytes += record.length
        order.delivered_records += 1
    record.end = 1
    return 0


cdef inline Received *put(PyObject *data, tsn_t tsn, uint16_t stream_id, ssn_t ssn, uint32_t ppid,
                          bint unordered, ReceiveQueue queue, object association,
                          tsn_t cumulative_tsn) except NULL:
    """A message or a piece of one at the end of a queue; `data` is given away."""
    cdef Received *record
    try:
        record = queue.push(<PyObject *>association, <uint32_t>bytes_length(data))
    except MemoryError:
        Py_DECREF(data)
        raise
    if association is not None:
        Py_INCREF(association)
        record.association = <PyObject *>association
    record.data = data
    record.stream_id = stream_id
    record.ssn = ssn
    record.unordered = unordered
    record.ppid = ppid
    record.tsn = tsn
    record.cumulative_tsn = cumulative_tsn
    return record


cdef int by_order(const void *one, const void *other) noexcept nogil:
    cdef uint32_t a = (<const HeldMessage **>one)[0].order
    cdef uint32_t b = (<const HeldMessage **>other)[0].order
    return (a > b) - (a < b)


cdef inline uint32_t bucket(uint16_t stream_id, ssn_t ssn, uint32_t width) noexcept:
    """The high half of the product is well mixed; width is a power of two, at most 2^32."""
    return <uint32_t>(((<uint64_t>stream_id << 16 | ssn) * HASH_MULTIPLIER) >> 32) & (width - 1)
