"""For tests: whether one association is in a legal state (RFC 9260 sections 4, 6.1, 6.3, 14; RFC 3758, 3.5).

What the core keeps as running sums is counted again from what the sums are of, timers are compared with the
state, and memory with the bounds that the parameters set.
"""
from .proto import State

from cpython.object cimport PyObject
from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t
from libc.string cimport memset

from .association cimport Association
from .endpoint cimport Endpoint
from .outstanding cimport ABANDONED, IN_FLIGHT, MARKED, OutChunk, Outstanding
from .path cimport Path
from .pathmgmt cimport MOST_PATHS
from .proto cimport (
    CLOSED, COOKIE_ECHOED, COOKIE_WAIT, ESTABLISHED, SHUTDOWN_ACK_SENT, SHUTDOWN_PENDING, SHUTDOWN_RECEIVED,
    SHUTDOWN_SENT,
)
from .reasm cimport Run
from .recvq cimport KIND_DATA, Received, ReceiveQueue
from .sendq cimport MESSAGE_OVERHEAD, RELIABLE, Message
from .serial cimport tsn_le, tsn_lt, tsn_t
from .tcb cimport MOST_CONTROL, RECORD_OVERHEAD
from .timers cimport TIMER_LIFETIME, TIMER_SACK, TIMER_T1, TIMER_T2_SHUTDOWN, TIMER_T5_GUARD

cdef enum:
    MOST_OUTSTANDING = 65535
    USUAL_MTU = 1500
    MOST_SACK_DELAY = 500000     # microseconds (6.2); one that runs is not shortened by an option
    SLACK = 0x20000              # what one packet more than the bound may bring
    MOST_NOTIFICATIONS = 4000


cdef class Audit:
    """The faults of one association at one time."""
    cdef list faults
    cdef Association t
    cdef int64_t now

    cdef int expect(self, bint holds, str fault) except -1:
        if not holds:
            self.faults.append(fault)
        return 0

    cdef int fault(self, str fault) except -1:
        """What expect() does, where the sentence costs more than the look."""
        self.faults.append(fault)
        return 0

    cdef int equal(self, int64_t kept, int64_t counted, str name) except -1:
        if kept != counted:
            self.faults.append(f"{name} is {kept}, counted {counted}")
        return 0

    cdef int states(self) except -1:
        cdef bint up = self.t.state in (ESTABLISHED, SHUTDOWN_PENDING, SHUTDOWN_RECEIVED, SHUTDOWN_SENT,
                                        SHUTDOWN_ACK_SENT)
        cdef Path path
        cdef int index = 0
        if not (up or self.t.state in (COOKIE_WAIT, COOKIE_ECHOED)):
            self.fault(f"state {self.t.state}")
        self.expect(self.t.local_tag != 0, "no local tag")
        self.expect(not up or self.t.peer_tag != 0, "up without the peer's tag")
        self.expect(not up or self.t.tsn_map is not None, "up without a TSN map")
        self.expect(self.t.primary in self.t.paths and self.t.reply_path in self.t.paths,
                    "primary or reply path is none of the paths")
        for path in self.t.paths:
            self.equal(path.index, index, "index of a path")
            index += 1

    cdef int timer(self, str name, int64_t deadline, int64_t longest) except -1:
        """A timer that runs is not overdue, and not farther away than its greatest interval."""
        if deadline != INT64_MAX and not self.now <= deadline <= self.now + longest:
            self.fault(f"{name} is at {deadline - self.now} us from now")
        return 0

    cdef int timers(self) except -1:
        cdef Association t = self.t
        cdef int64_t t1 = t.timers.deadline[TIMER_T1], t2 = t.timers.deadline[TIMER_T2_SHUTDOWN]
        cdef int64_t rto_max = t.parameters.rto_max
        cdef Path path
        self.timer("T1", t1, max(rto_max, t.parameters.max_init_timeout))
        self.timer("T2-shutdown", t2, rto_max)
        self.timer("T5-shutdown-guard", t.timers.deadline[TIMER_T5_GUARD], 5 * rto_max)
        self.timer("delayed SACK", t.timers.deadline[TIMER_SACK], MOST_SACK_DELAY)
        self.equal(t1 != INT64_MAX, t.state in (COOKIE_WAIT, COOKIE_ECHOED), "T1 runs")
        self.equal(t2 != INT64_MAX, t.state in (SHUTDOWN_SENT, SHUTDOWN_ACK_SENT), "T2-shutdown runs")
        for path in t.paths:
            self.timer("T3-rtx of a path", path.t3_deadline, rto_max)
            self.timer("heartbeat of a path", path.heartbeat_deadline,
                       path.heartbeat_interval + 2 * rto_max + len(t.paths) * rto_max)
            self.expect(t.state == COOKIE_ECHOED or path.t3_deadline != INT64_MAX
                        or t.outstanding.flights[path.index].bytes == 0,
                        "data in flight on a path without T3-rtx")
        self.expect(t.due <= t.deadline(), "the agenda will come too late")

    cdef int outgoing(self) except -1:
        """Send queue and outstanding chunks: sums, references to messages, and that something goes on."""
        cdef Association t = self.t
        cdef Outstanding out = t.outstanding
        cdef uint64_t flights[MOST_PATHS]
        cdef uint64_t queued = 0, charged = 0, data_bytes = 0
        cdef uint32_t messages = 0, marked = 0, acked = 0, abandoned = 0, partial = 0, references = 0
        cdef Message *message = t.send_queue.first
        cdef OutChunk *chunk
        cdef Path path
        cdef bint guarded = False
        cdef tsn_t tsn = out.cumulative_tsn_ack + 1
        memset(flights, 0, sizeof(flights))
        while message != NULL:
            messages += 1
            queued += message.length - message.taken
            charged += message.length - message.taken + MESSAGE_OVERHEAD
            partial += message.policy != RELIABLE
            self.expect(message == t.send_queue.first or message.fragments == 1, "references to a message")
            self.expect(t.timers.deadline[TIMER_LIFETIME] <= message.expires or message.taken != 0,
                        "a message outlives its time")
            message = message.next
        message = NULL
        while tsn != out.next_tsn:           # the chunks of a message lie behind each other
            chunk = out.chunk(tsn)
            if chunk.message != message:
                self.references(message, references)
                message, references = chunk.message, 0
                if message != t.send_queue.first:
                    charged += MESSAGE_OVERHEAD if message.data != NULL else 0
                    partial += message.policy != RELIABLE
            references += 1
            charged += chunk.length if message.data != NULL else 0
            if (chunk.state == ABANDONED) != (message.data == NULL):
                self.fault(f"TSN {tsn} is abandoned or not, its message the contrary")
            if chunk.state == ABANDONED:
                abandoned += 1
            elif tsn_le(tsn, out.advanced_peer_ack_point):
                self.fault(f"TSN {tsn} would be skipped")
            if chunk.state == IN_FLIGHT:
                data_bytes += chunk.length
                flights[chunk.path] += 16 + (chunk.length + 3 & ~3)
            elif chunk.state == MARKED:
                marked += 1
                if tsn_lt(tsn, out.scan):
                    self.fault(f"TSN {tsn} is marked but will not be found")
            elif chunk.state != ABANDONED:
                acked += 1
            tsn += 1
        self.references(message, references)
        for path in t.paths:
            guarded = guarded or path.t3_deadline != INT64_MAX
            self.equal(out.flights[path.index].bytes, flights[path.index], "flight size of a path")
        self.expect(out.count() <= MOST_OUTSTANDING, "too many chunks are outstanding")
        self.equal(t.send_queue.count, messages, "messages in the send queue")
        self.equal(t.send_queue.bytes_queued, queued, "bytes queued")
        self.equal(t.send_queue.bytes_charged, charged, "bytes charged")
        self.equal(t.send_queue.partial, partial, "messages that may be given up")
        self.equal(out.abandoned, abandoned, "chunks abandoned")
        self.expect(out.advanced_peer_ack_point == out.cumulative_tsn_ack or t.forward_tsn_due or guarded,
                    "the peer has to skip something and nothing tells it")
        self.equal(out.data_bytes, data_bytes, "data bytes in flight")
        self.equal(out.marked, marked, "chunks marked")
        if t.state in (ESTABLISHED, SHUTDOWN_PENDING, SHUTDOWN_RECEIVED) and not t.wants_transmit:
            self.expect(marked + messages == 0 or acked or guarded, "data waits and nothing will send it")
        return 0

    cdef int references(self, Message *message, uint32_t chunks) except -1:
        """A message is held by its chunks, and by the send queue while a part of it has no TSN."""
        if message != NULL:
            self.equal(message.fragments, chunks + (message == self.t.send_queue.first),
                       "references to a message")
        return 0

    cdef int incoming(self) except -1:
        """Reassembly and the user's queue: sums and bounds."""
        cdef Association t = self.t
        cdef ReceiveQueue queue
        cdef Received *record
        cdef uint64_t unread_bytes = 0, unread_records = 0, bytes_held, records
        cdef bint unfinished = False
        cdef tsn_t first_tsn = 0
        cdef uint32_t i
        if t.tsn_map is not None:
            self.expect(not tsn_lt(t.tsn_map.highest_tsn, t.tsn_map.cumulative_tsn), "highest TSN too low")
        counted = t.reassembly.recount()
        if (t.reassembly.bytes_held, t.reassembly.fragments_held, t.reassembly.messages_held) != counted:
            self.fault(f"bytes, fragments and messages held: counted {counted}")
        if t.user is not None and not t.detached:
            queue = t.user.receive_queue
            for i in range(queue.count):
                record = &queue.ring[(queue.head + i) & (queue.capacity - 1)]
                if record.kind == KIND_DATA and record.association == <PyObject *>t:
                    unread_bytes += record.length - record.offset
                    unread_records += 1
                    self.expect(not unfinished or record.tsn == first_tsn or queue.interleave == 2,
                                "a message between the pieces of another")
                    if not unfinished or record.tsn == first_tsn:
                        unfinished, first_tsn = not record.end, record.tsn
            self.expect(not unfinished or (t.reassembly.begun and t.reassembly.tsn_begun == first_tsn),
                        "pieces whose end will not come")
            if queue.reserved_for != NULL:
                for i in range(queue.lobby.count):
                    record = &queue.lobby.ring[(queue.lobby.head + i) & (queue.lobby.capacity - 1)]
                    if record.kind == KIND_DATA and record.association == <PyObject *>t:
                        unread_bytes += record.length - record.offset
                        unread_records += 1
            self.equal(t.unread_bytes, unread_bytes, "unread bytes")
            self.equal(t.unread_records, unread_records, "unread records")
            self.expect(queue.waiting() - unread_records <= MOST_NOTIFICATIONS, "too many notifications")
        self.equal(t.held, t.buffer_used(), "the user's account of what is held")
        self.equal(t.charged, t.send_queue.bytes_charged, "the user's account of what is charged")
        self.pieces()
        bytes_held = t.reassembly.bytes_held + t.unread_bytes
        records = (t.reassembly.fragments_held + t.reassembly.messages_held + t.reassembly.messages_behind
                   + t.unread_records)
        self.expect(bytes_held <= 2 * <uint64_t>t.parameters.receive_buffer + SLACK, "too many bytes held")
        self.expect(bytes_held + RECORD_OVERHEAD * records
                    <= 8 * <uint64_t>t.parameters.receive_buffer + SLACK, "too many records held")
        self.expect(len(t.control) <= 2 * MOST_CONTROL, "too many control chunks wait")
        self.equal(len(t.causes), 0, "causes left")

    cdef int pieces(self) except -1:
        """Partial delivery (6.9): what waits for an end, and that a message too long to wait does not."""
        cdef Association t = self.t
        cdef Run *run = t.reassembly.tail
        cdef ReceiveQueue behind = t.reassembly.behind
        self.equal(t.reassembly.messages_behind, behind.count if behind is not None else 0, "messages behind")
        self.expect(t.reassembly.begun or t.reassembly.messages_behind == 0, "messages wait for no end")
        if t.user is not None:
            self.expect(t.reassembly.begun or t.user.receive_queue.reserved_for != <PyObject *>t,
                        "the user's queue is reserved for nothing")
        if run == NULL or run.length == 0 or t.unread_records or t.awaits_turn:
            return 0
        self.expect(not t.reassembly.begun, "a piece waits though the user has read all before it")
        # A path MTU that has grown meanwhile counts from the next DATA on.
        self.expect(t.a_rwnd() >= min(t.least_window(), max(t.longest_chunk, <uint32_t>USUAL_MTU))
                    or t.tsn_map.has_gaps()
                    or not t.reassembly.may_begin(run.stream_id, run.ssn, run.unordered),
                    "a message without end blocks the association")


cdef list found(Association association, int64_t now):
    cdef Audit audit = Audit()
    audit.t, audit.now, audit.faults = association, now, []
    if association.ended:
        audit.equal(association.state, CLOSED, "state of what has ended")
        audit.equal(association.deadline(), INT64_MAX, "deadline of what has ended")
        return audit.faults
    audit.states()
    audit.timers()
    audit.outgoing()
    audit.incoming()
    return audit.faults


def faults(Association association not None, int64_t now) -> list:
    """What is wrong with the association at `now`, as sentences; its timers must have run until then."""
    return found(association, now)


def endpoint_faults(Endpoint endpoint not None, int64_t now) -> list:
    """The same of all associations of an endpoint, with their states in front."""
    cdef Association association
    cdef list wrong = []
    endpoint.bury()
    for association in endpoint.by_id.values():
        wrong += [f"{State(association.state).name}: {fault}" for fault in found(association, now)]
    return wrong
