"""For tests: whether one association is in a legal state (RFC 9260 sections 4, 6.1, 6.3, 14; RFC 3758, 3.5).

What the core keeps as running sums is counted again from what the sums are of, timers are compared with the
state, and memory with the bounds that the parameters set.
"""
from cpython.object cimport PyObject
from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t

from .association cimport Association
from .outstanding cimport ABANDONED, IN_FLIGHT, MARKED, OutChunk, Outstanding
from .path cimport Path
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

    cdef int equal(self, object kept, object counted, str name) except -1:
        if kept != counted:
            self.faults.append(f"{name} is {kept}, counted {counted}")
        return 0

    cdef int states(self) except -1:
        cdef bint up = self.t.state in (ESTABLISHED, SHUTDOWN_PENDING, SHUTDOWN_RECEIVED, SHUTDOWN_SENT,
                                        SHUTDOWN_ACK_SENT)
        self.expect(up or self.t.state in (COOKIE_WAIT, COOKIE_ECHOED), f"state {self.t.state}")
        self.expect(self.t.local_tag != 0, "no local tag")
        self.expect(not up or self.t.peer_tag != 0, "up without the peer's tag")
        self.expect(not up or self.t.tsn_map is not None, "up without a TSN map")
        self.expect(self.t.primary in self.t.paths and self.t.reply_path in self.t.paths,
                    "primary or reply path is none of the paths")
        self.equal([path.index for path in self.t.paths], list(range(len(self.t.paths))), "indices of paths")

    cdef int timer(self, str name, int64_t deadline, int64_t longest) except -1:
        """A timer that runs is not overdue, and not farther away than its greatest interval."""
        self.expect(deadline == INT64_MAX or self.now <= deadline <= self.now + longest,
                    f"{name} is at {deadline - self.now} us from now")

    cdef int timers(self) except -1:
        cdef Association t = self.t
        cdef int64_t t1 = t.timers.deadline[TIMER_T1], t2 = t.timers.deadline[TIMER_T2_SHUTDOWN]
        cdef int64_t rto_max = t.parameters.rto_max
        cdef Path path
        self.timer("T1", t1, max(rto_max, t.parameters.max_init_timeout))
        self.timer("T2-shutdown", t2, rto_max)
        self.timer("T5-shutdown-guard", t.timers.deadline[TIMER_T5_GUARD], 5 * rto_max)
        self.timer("delayed SACK", t.timers.deadline[TIMER_SACK], t.parameters.sack_delay)
        self.equal(t1 != INT64_MAX, t.state in (COOKIE_WAIT, COOKIE_ECHOED), "T1 runs")
        self.equal(t2 != INT64_MAX, t.state in (SHUTDOWN_SENT, SHUTDOWN_ACK_SENT), "T2-shutdown runs")
        for path in t.paths:
            self.timer(f"T3-rtx of path {path.index}", path.t3_deadline, rto_max)
            self.timer(f"heartbeat of path {path.index}", path.heartbeat_deadline,
                       path.heartbeat_interval + 2 * rto_max + len(t.paths) * rto_max)
            self.expect(t.state == COOKIE_ECHOED or path.t3_deadline != INT64_MAX
                        or t.outstanding.flights[path.index].bytes == 0,
                        f"data in flight on path {path.index} without T3-rtx")
        self.expect(t.due <= t.deadline(), "the agenda will come too late")

    cdef int outgoing(self) except -1:
        """Send queue and outstanding chunks: sums, references to messages, and that something goes on."""
        cdef Association t = self.t
        cdef Outstanding out = t.outstanding
        cdef dict references = {}, charged = {}
        cdef set given_up = set()
        cdef list flights = [0] * len(t.paths)
        cdef uint64_t queued = 0, data_bytes = 0
        cdef uint32_t messages = 0, marked = 0, acked = 0, abandoned = 0, partial = 0
        cdef set counted = set()
        cdef Message *message = t.send_queue.first
        cdef OutChunk *chunk
        cdef tsn_t tsn = out.cumulative_tsn_ack + 1
        while message != NULL:
            messages += 1
            queued += message.length - message.taken
            references[<size_t>message] = 1
            charged[<size_t>message] = [message.fragments, message.length - message.taken]
            partial += message.policy != RELIABLE
            counted.add(<size_t>message)
            self.expect(t.timers.deadline[TIMER_LIFETIME] <= message.expires or message.taken != 0,
                        "a message outlives its time")
            message = message.next
        while tsn != out.next_tsn:
            chunk = out.chunk(tsn)
            references[<size_t>chunk.message] = references.get(<size_t>chunk.message, 0) + 1
            charged.setdefault(<size_t>chunk.message, [chunk.message.fragments, 0])[1] += chunk.length
            if <size_t>chunk.message not in counted:
                counted.add(<size_t>chunk.message)
                partial += chunk.message.policy != RELIABLE
            self.equal(chunk.state == ABANDONED, chunk.message.data == NULL, f"TSN {tsn} is abandoned")
            if chunk.state == ABANDONED:
                given_up.add(<size_t>chunk.message)
                abandoned += 1
            elif tsn_le(tsn, out.advanced_peer_ack_point):
                self.faults.append(f"TSN {tsn} would be skipped")
            if chunk.state == IN_FLIGHT:
                data_bytes += chunk.length
                flights[chunk.path] += 16 + (chunk.length + 3 & ~3)
            elif chunk.state == MARKED:
                marked += 1
                self.expect(not tsn_lt(tsn, out.scan), f"TSN {tsn} is marked but will not be found")
            elif chunk.state != ABANDONED:
                acked += 1
            tsn += 1
        self.expect(out.count() <= MOST_OUTSTANDING, f"{out.count()} chunks outstanding")
        self.equal(t.send_queue.count, messages, "messages in the send queue")
        self.equal(t.send_queue.bytes_queued, queued, "bytes queued")
        self.equal(t.send_queue.bytes_charged, sum([left + MESSAGE_OVERHEAD for key, (_, left)
                                                    in charged.items() if key not in given_up]),
                   "bytes charged")
        self.equal(t.send_queue.partial, partial, "messages that may be given up")
        self.equal(out.abandoned, abandoned, "chunks abandoned")
        self.expect(out.advanced_peer_ack_point == out.cumulative_tsn_ack or t.forward_tsn_due
                    or any([(<Path>path).t3_deadline != INT64_MAX for path in t.paths]),
                    "the peer has to skip something and nothing tells it")
        self.equal({key: value[0] for key, value in charged.items()}, references, "references to messages")
        self.equal(out.data_bytes, data_bytes, "data bytes in flight")
        self.equal(out.marked, marked, "chunks marked")
        self.equal([out.flights[i].bytes for i in range(len(t.paths))], flights, "flight sizes")
        if t.state in (ESTABLISHED, SHUTDOWN_PENDING, SHUTDOWN_RECEIVED) and not t.wants_transmit:
            self.expect(marked + messages == 0 or acked
                        or any([(<Path>path).t3_deadline != INT64_MAX for path in t.paths]),
                        "data waits and nothing will send it")

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
        self.equal((t.reassembly.bytes_held, t.reassembly.fragments_held, t.reassembly.messages_held),
                   t.reassembly.recount(), "bytes, fragments and messages held")
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
            self.equal((t.unread_bytes, t.unread_records), (unread_bytes, unread_records), "unread")
            self.expect(queue.waiting() - unread_records <= MOST_NOTIFICATIONS,
                        f"{queue.waiting()} notifications")
        self.pieces()
        bytes_held = t.reassembly.bytes_held + t.unread_bytes
        records = (t.reassembly.fragments_held + t.reassembly.messages_held + t.reassembly.messages_behind
                   + t.unread_records)
        self.expect(bytes_held <= 2 * <uint64_t>t.parameters.receive_buffer + SLACK,
                    f"{bytes_held} bytes held")
        self.expect(bytes_held + RECORD_OVERHEAD * records
                    <= 8 * <uint64_t>t.parameters.receive_buffer + SLACK,
                    f"{records} records held")
        self.expect(len(t.control) <= 2 * MOST_CONTROL, f"{len(t.control)} control chunks wait")
        self.equal(t.causes, [], "causes left")

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
        self.expect(t.a_rwnd() >= t.least_window() or t.tsn_map.has_gaps()
                    or not t.reassembly.may_begin(run.stream_id, run.ssn, run.unordered),
                    "a message without end blocks the association")


def faults(Association association not None, int64_t now) -> list:
    """What is wrong with the association at `now`, as sentences; its timers must have run until then."""
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
