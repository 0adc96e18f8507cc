"""The transmission control block: all data of one association (RFC 9260 section 14)."""
from .proto import State

from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t

from .address cimport Address, same_ip
from .agenda cimport Agenda
from .entropy cimport Entropy
from .outbox cimport Outbox
from .path cimport PATH_ACTIVE, PATH_UNCONFIRMED, Path
from .proto cimport CLOSED
from .reasm cimport Reassembly
from .sendq cimport SendQueue
from .tally cimport Tally
from .timers cimport earliest, stop_all
from .user cimport WRITABLE


cdef class Shared:
    """What all associations of an endpoint use together: outbox, agenda, entropy, drop counters."""

    def __cinit__(self, bytes seed not None):
        self.outbox = Outbox()
        self.agenda = Agenda()
        self.entropy = Entropy(seed)
        self.by_tag = TagTable()
        self.own_addresses = frozenset()
        self.ended = []

    cdef uint32_t fresh_tag(self) except 0:
        """An Initiate Tag (5.3.1): the only place where one is drawn."""
        cdef uint32_t tag = self.entropy.tag()
        while self.by_tag.find(tag) != NULL:
            tag = self.entropy.tag()
        return tag


cdef class Tcb(Schedulable):
    """The data of one association; see tcb.pxd for what each field means."""

    def __cinit__(self):
        self.state = CLOSED
        self.paths = []
        self.local_addresses = []
        self.given_addresses = 1
        self.carriers[0] = self.carriers[1] = -1
        self.keys = []
        self.control = []
        self.causes = []
        self.cause_data = b""
        self.send_queue = SendQueue()
        self.given_up = Tally()
        self.reassembly = Reassembly()
        stop_all(&self.timers)

    cdef uint64_t buffer_used(self) noexcept:
        """Bytes waiting for reassembly, order or the user, and what their records cost."""
        return (self.reassembly.bytes_held + self.unread_bytes
                + RECORD_OVERHEAD * (self.reassembly.fragments_held + self.reassembly.messages_held
                                     + self.reassembly.messages_behind + self.unread_records))

    cdef uint32_t a_rwnd(self) noexcept:
        """The receive buffer that is left (6.2): all associations of a socket share it.

        However much of it the others use, each has a share of its own, so that none waits for another.
        """
        cdef uint64_t used = self.buffer_used(), others = 0
        cdef uint64_t size = self.parameters.receive_buffer
        if self.user is not None:
            others = self.user.held - self.held
        size = max(size - others if others < size else 0, self.share())
        return <uint32_t>(size - used) if used < size else 0

    cdef uint32_t share(self) noexcept:
        """What of the receive buffer is this association's, however much the others use."""
        return min(max(<uint32_t>LEAST_SHARE, self.least_window()), self.parameters.receive_buffer)

    cdef uint32_t least_window(self) noexcept:
        """The window with which the peer can go on, whatever it has to send: a packet, as it or we see it.

        Only a buffer that holds less than that makes it less.
        """
        return min(max(self.primary.cc.pmdcs, self.longest_chunk), self.parameters.receive_buffer)

    cdef bint receive_buffer_full(self) noexcept:
        # A sender knows nothing of our overhead a record, so data it may rightly send is not refused for
        # that alone; four times the buffer bounds what tiny messages can cost us.
        return self.receive_buffer_holds(1)

    cdef bint receive_buffer_overrun(self) noexcept:
        # Data below the highest TSN is taken although the buffer is full (6.2), since it lets the rest go on.
        # Whoever keeps to a_rwnd needs little of that.
        return self.receive_buffer_holds(2)

    cdef bint receive_buffer_holds(self, uint64_t times) noexcept:
        """Whether the bytes held are `times` the buffer, or with their overhead four times that.

        Of a buffer that several associations share it is twice that of all together, and more than this one's
        share: what was under way when the window shrank is no fault of the peer's.
        """
        cdef uint64_t limit = times * self.parameters.receive_buffer
        cdef uint64_t bytes_used = self.reassembly.bytes_held + self.unread_bytes
        cdef uint64_t used = self.buffer_used()
        if bytes_used >= limit or used >= 4 * limit:
            return True
        return (self.user is not None and self.user.held != self.held and used >= self.share()
                and self.user.held - self.held + used >= 2 * limit)

    cdef uint32_t amdcs(self) noexcept:
        """The least PMDCS of all paths: such a DATA chunk can go again over any of them (7.3)."""
        cdef Path path
        cdef uint32_t least = self.primary.cc.pmdcs
        for path in self.paths:
            least = min(least, path.cc.pmdcs)
        return least

    cdef Path path_of(self, const Address *address):
        """The path to this address of the peer, or None."""
        cdef Path path = self.primary
        if path is not None and same_ip(&path.route.remote, address):
            return path
        for path in self.paths:
            if same_ip(&path.route.remote, address):
                return path
        return None

    cdef Path sending_path(self):
        """The primary path while it works, else another that does (9260-6.4-01, 6.4-05, 8.2-03).

        With none (the dormant state) the confirmed path with the fewest errors; that changes nothing of it.
        """
        cdef Path path, best = self.primary
        if best.state == PATH_ACTIVE:
            return best
        for path in self.paths:
            if path.state == PATH_ACTIVE:
                return path
            if path.state != PATH_UNCONFIRMED and (best.state == PATH_UNCONFIRMED
                                                   or path.error_count < best.error_count):
                best = path
        return best

    cdef int64_t deadline(self) noexcept:
        cdef int64_t first = earliest(&self.timers)
        cdef Path path
        if self.ended:
            return INT64_MAX
        for path in self.paths:
            first = min(first, path.t3_deadline, path.heartbeat_deadline)
        return first

    cdef int notify(self, int kind, tuple fields, uint32_t weight=0) except -1:
        if self.user is None or self.detached or not self.event_mask & (<uint32_t>1 << (kind & 31)):
            return 0
        return self.user.queue_notification(kind, self, fields, weight)

    cdef bint send_buffer_full(self) noexcept:
        """Whether a message has to wait; all associations of a socket share its buffer as well."""
        cdef uint64_t own = self.send_queue.bytes_charged, others = 0
        cdef uint64_t size = self.parameters.send_buffer
        if self.user is not None:
            others = self.user.charged - self.charged
        return own >= size or (own + others >= size and own >= LEAST_SHARE)

    cdef void account(self) noexcept:
        cdef uint64_t held = self.buffer_used(), charged = self.send_queue.bytes_charged
        if self.ended:                       # what was not sent any more waits for RECEIVE_UNSENT at most
            charged = 0
        if self.user is not None:
            self.user.held += held - self.held
            self.user.charged += charged - self.charged
        self.held = held
        self.charged = charged

    cdef void wake_writer(self) noexcept:
        if self.user is not None and self.user.writer_waiting:
            self.user.writer_waiting = False
            self.user.signal(WRITABLE)

    cdef int reschedule(self) except -1:
        """Stand on the agenda for the earliest deadline; called after whatever may have changed one."""
        return self.shared.agenda.schedule(self, self.deadline())

    cdef void want_transmit(self) noexcept:
        self.shared.agenda.want_transmit(self)

    def snapshot(self) -> dict:
        """Everything about the association, in the RFC's names: bytes, chunks, packets."""
        cdef Path path
        if self.shared is None:
            raise TypeError("associations are made by an Endpoint")
        return {
            "assoc_id": self.assoc_id, "state": State(self.state).name, "error": self.error,
            "local_port": self.local_port, "peer_port": self.peer_port,
            "local_tag": self.local_tag, "peer_tag": self.peer_tag,
            "local_initial_tsn": self.local_initial_tsn, "peer_initial_tsn": self.peer_initial_tsn,
            "outbound_streams": self.outbound_streams, "inbound_streams": self.inbound_streams,
            "extensions": self.extensions, "given_up": self.given_up.of_association(0),
            "is_initiator": bool(self.is_initiator), "peer_shutdown": bool(self.peer_shutdown),
            "error_count": self.error_count, "peer_rwnd": self.peer_rwnd, "a_rwnd": self.a_rwnd(),
            "unread_bytes": self.unread_bytes, "unread_records": self.unread_records,
            "packets_in": self.packets_in, "packets_out": self.packets_out,
            "bytes_in": self.bytes_in, "bytes_out": self.bytes_out,
            "data_chunks_in": self.data_chunks_in, "data_chunks_out": self.data_chunks_out,
            "sacks_in": self.sacks_in, "sacks_out": self.sacks_out, "statistics": self.statistics,
            "primary": self.primary.index if self.primary is not None else None,
            "amdcs": self.amdcs() if self.primary is not None else 0,
            "paths": [path.snapshot() for path in self.paths],
            "send_queue": self.send_queue.snapshot(),
            "outstanding": self.outstanding.snapshot() if self.outstanding is not None else None,
            "tsn_map": self.tsn_map.snapshot() if self.tsn_map is not None else None,
        }
