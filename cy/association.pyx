"""One association: the dispatch table (chunk x states -> handler), the timers, the primitives of the user.

RFC 9260 sections 4 (states), 6 (when DATA and SACK are taken), 8.5.1 and 11.1; RFC 3758 section 3.3.
"""
import errno

from cpython.bytes cimport PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from .abandon cimport SEND_POLICY_MASK, choose_policy, make_room, review
from .address cimport Address, Route, address_from_host, host_from_address
from .chunks cimport get_shutdown, make_error, make_tlv
from .delivery cimport go_on, leave_turns, take_turns
from .failed cimport take_failed
from .params cimport PARTIAL_RELIABILITY
from .path cimport PATH_UNCONFIRMED, Path
from .pathmgmt cimport (
    has_room_to_answer, on_heartbeat, on_heartbeat_ack, on_heartbeat_timer, other_path, request_heartbeat,
    reschedule_heartbeat, set_primary,
)
from .proto cimport (
    ABORT, COOKIE_ACK, COOKIE_ECHOED, COOKIE_WAIT, DATA, DATA_I, DATA_U, DROP_BAD_TAG, DROP_BUNDLED_ALONE,
    DROP_CHUNK_LENGTH, DROP_MALFORMED_CHUNK, DROP_STALE_ERROR, DROP_UNEXPECTED_CHUNK, DROP_UNKNOWN_CHUNK,
    ERROR, ESTABLISHED, FLAG_T, FORWARD_TSN, HEARTBEAT, HEARTBEAT_ACK, INIT_ACK, SACK, SHUTDOWN, SHUTDOWN_ACK,
    SHUTDOWN_ACK_SENT, SHUTDOWN_COMPLETE, SHUTDOWN_PENDING, SHUTDOWN_RECEIVED, SHUTDOWN_SENT, STALE_COOKIE,
    UNRECOGNIZED_CHUNK_TYPE, USER_INITIATED_ABORT,
)
from .recvq cimport ReceiveQueue
from .sendq cimport ANY_PATH, Message, SendQueue
from .setup cimport on_cookie_ack, on_init_ack, on_stale_cookie, on_t1
from .serial cimport tsn_t
from .tcb cimport MOST_CAUSES, MOST_CONTROL, Tcb
from .teardown cimport (
    abort_association, guard_orphan, on_abort, on_autoclose, on_error, on_shutdown, on_shutdown_ack,
    on_shutdown_complete, on_t2, on_t5, peer_is_alive, room_for_writer, shutdown_primitive,
)
from .timers cimport (
    TIMER_AUTOCLOSE, TIMER_LIFETIME, TIMER_SACK, TIMER_T1, TIMER_T2_SHUTDOWN, TIMER_T5_GUARD,
)
from .transfer cimport (
    after_packet, on_data, on_forward_tsn, on_sack, on_sack_timer, on_t3, take_cumulative_ack, window_opened,
)
from .transmit cimport transmit
from .user cimport READABLE, WRITABLE, SctpUser
from .wire cimport (
    CHUNK_HEADER, COMMON_HEADER, CURSOR_ITEM, CURSOR_MALFORMED, ChunkView, Cursor, TlvView, get32, next_chunk,
    next_tlv,
)

cdef int EAGAIN = errno.EAGAIN
cdef int EINVAL = errno.EINVAL
cdef int EMSGSIZE = errno.EMSGSIZE
cdef int EPIPE = errno.EPIPE
cdef int ESHUTDOWN = errno.ESHUTDOWN
cdef int ECONNABORTED = errno.ECONNABORTED
cdef int ECONNRESET = errno.ECONNRESET

cdef enum:
    MOST_WALKS = 4               # SACKs and FORWARD TSNs of a packet: each walks over what waits
    UP = 1 << ESTABLISHED | 1 << SHUTDOWN_PENDING | 1 << SHUTDOWN_RECEIVED
    CLOSING = 1 << SHUTDOWN_SENT | 1 << SHUTDOWN_ACK_SENT
    ANY = 1 << COOKIE_WAIT | 1 << COOKIE_ECHOED | UP | CLOSING

ctypedef int (*Handler)(Tcb, const ChunkView *, int64_t) except -1


cdef struct Row:
    Handler handler
    uint32_t states              # bit per state in which the chunk is taken; elsewhere it is dropped
    uint32_t extension           # params.Extension that both sides must have; else the chunk is unknown


cdef int on_error_chunk(Tcb t, const ChunkView *chunk, int64_t now) except -1:
    """ERROR; a Stale Cookie in COOKIE-ECHOED restarts the handshake (5.2.6), elsewhere it is dropped."""
    cdef Cursor cursor
    cdef TlvView cause
    cursor.position = chunk.value
    cursor.end = chunk.value + chunk.value_length
    if next_tlv(&cursor, &cause) == CURSOR_ITEM and cause.type == STALE_COOKIE:
        if t.state != COOKIE_ECHOED or cause.value_length < 4:
            t.drop(DROP_STALE_ERROR)
            return 0
        return on_stale_cookie(t, get32(cause.value), now)
    return on_error(t, chunk, now)


cdef int on_shutdown_chunk(Tcb t, const ChunkView *chunk, int64_t now) except -1:
    """SHUTDOWN: its cumulative ack first, then the state change."""
    cdef tsn_t cumulative_tsn_ack
    if not get_shutdown(chunk, &cumulative_tsn_ack):
        t.drop(DROP_MALFORMED_CHUNK)
        return 0
    t.reply_path = t.packet_path
    take_cumulative_ack(t, cumulative_tsn_ack, now)
    if t.ended:
        return 0
    return on_shutdown(t, chunk, now)


# The dispatch table: which chunk is taken in which states, and by whom.  INIT and COOKIE ECHO are the
# endpoint's (setup.pyx), since they may find no TCB; INIT ACK needs its route.
cdef Row TABLE[256]


cdef void admit(int chunk_type, Handler handler, uint32_t states, uint32_t extension=0) noexcept:
    TABLE[chunk_type].handler = handler
    TABLE[chunk_type].states = states
    TABLE[chunk_type].extension = extension


cdef enum:
    TAKES_DATA = UP & ~(1 << SHUTDOWN_RECEIVED) | 1 << SHUTDOWN_SENT               # 9260-6-02


admit(DATA, on_data, TAKES_DATA)
admit(FORWARD_TSN, on_forward_tsn, TAKES_DATA, PARTIAL_RELIABILITY)                # 3758-3.1-02
admit(SACK, on_sack, UP | 1 << COOKIE_ECHOED)                                      # 9260-6-03
admit(HEARTBEAT, on_heartbeat, UP | CLOSING | 1 << COOKIE_ECHOED)                  # 9260-8.3-02
admit(HEARTBEAT_ACK, on_heartbeat_ack, UP | CLOSING)
admit(ABORT, on_abort, ANY)
admit(SHUTDOWN, on_shutdown_chunk, UP | CLOSING)                                   # 9260-9.2-09
admit(SHUTDOWN_ACK, on_shutdown_ack, CLOSING)
admit(ERROR, on_error_chunk, ANY & ~(1 << COOKIE_WAIT))
admit(COOKIE_ACK, on_cookie_ack, 1 << COOKIE_ECHOED)                               # 9260-5.2.5-01
admit(SHUTDOWN_COMPLETE, on_shutdown_complete, 1 << SHUTDOWN_ACK_SENT)             # 9260-8.5-04


cdef object MAKER = object()     # nobody else has it


cdef Association make_association():
    """An association without a peer; an endpoint gives it one before anybody sees it."""
    return Association.__new__(Association, MAKER)


cdef class Association(Tcb):
    """The primitives of RFC 9260 section 11.1 for the user, packets and time for the endpoint."""

    def __cinit__(self, maker=None):
        if maker is not MAKER:
            raise TypeError("associations are made by an Endpoint")

    # ------------------------------------------------------------------ the endpoint's side

    cdef int handle_packet(self, const uint8_t *chunks, uint32_t length, const Route *route,
                           int64_t now) except -1:
        """Process the chunks of a packet whose checksum, ports and tag are right, then answer."""
        cdef Cursor cursor
        cdef ChunkView chunk
        cdef Row *row
        cdef int result, walks = 0
        cursor.position = chunks
        cursor.end = chunks + length
        while not self.ended:
            result = next_chunk(&cursor, &chunk)
            if result != CURSOR_ITEM:
                if result == CURSOR_MALFORMED:
                    self.drop(DROP_CHUNK_LENGTH)         # 9260-3.2-10
                break
            if chunk.type == DATA and (self.state == ESTABLISHED):
                on_data(self, &chunk, now)
                continue
            row = &TABLE[chunk.type]
            self.statistics.control_chunks_in += chunk.type != DATA
            if chunk.type == ABORT or chunk.type == SHUTDOWN_COMPLETE:
                if self.misplaced(&chunk, chunks):
                    continue
            elif chunk.type == SACK or chunk.type == FORWARD_TSN:
                walks += 1
                if walks > MOST_WALKS:
                    self.drop(DROP_UNEXPECTED_CHUNK)
                    continue
            if row.handler != NULL and row.extension & ~self.extensions == 0:
                if row.states & <uint32_t>1 << self.state:
                    row.handler(self, &chunk, now)
                else:
                    self.drop(DROP_UNEXPECTED_CHUNK)
            elif chunk.type == INIT_ACK:
                if self.state == COOKIE_WAIT and chunk.start == chunks:
                    # alone (9260-3-01): the endpoint saw to it
                    on_init_ack(self, &chunk, route, now)
                else:
                    self.drop(DROP_UNEXPECTED_CHUNK)     # 9260-5.2.3-01
            elif not self.skip_unknown(&chunk):
                break
        if self.causes:
            self.report()
        if self.state == SHUTDOWN_SENT:
            peer_is_alive(self, now)
        after_packet(self, now)
        if not self.ended:
            transmit(self, now)
        return 0

    cdef int report(self) except -1:
        """One ERROR for all that was wrong with a packet, unless the answer to it is too long already."""
        cdef bytes error = make_error(self.causes)
        if len(self.control) < MOST_CONTROL and has_room_to_answer(self.packet_path, error):
            self.control.append(error)
        self.causes = []
        return 0

    cdef bint misplaced(self, const ChunkView *chunk, const uint8_t *chunks) noexcept:
        """ABORT or SHUTDOWN COMPLETE whose T bit does not fit the tag, or the latter not alone (8.5.1)."""
        if (chunk.flags & FLAG_T != 0) != self.packet_reflects_tag:
            self.drop(DROP_BAD_TAG)
            return True
        if chunk.type == SHUTDOWN_COMPLETE and chunk.start != chunks:
            self.drop(DROP_BUNDLED_ALONE)
            return True
        return False

    cdef bint skip_unknown(self, const ChunkView *chunk) except -1:
        """An unknown chunk, by its two high bits (3.2); False: nothing behind it is processed.

        INIT, COOKIE ECHO and the reserved types 12 and 13 have high bits 00 too and end the packet alike.
        """
        self.drop(DROP_UNKNOWN_CHUNK)
        if chunk.type & 0x40 and len(self.causes) < MOST_CAUSES:
            self.causes.append(make_tlv(UNRECOGNIZED_CHUNK_TYPE, (<const char *>chunk.start)[:chunk.length]))
        return chunk.type & 0x80 != 0

    cdef int handle_timeout(self, int64_t now) except -1:
        """Run every timer that is due, then send what that calls for."""
        cdef Path path
        if self.timers.deadline[TIMER_T1] <= now:
            on_t1(self, now)
        if not self.ended and self.timers.deadline[TIMER_T5_GUARD] <= now:
            on_t5(self, now)
        if not self.ended and self.timers.deadline[TIMER_T2_SHUTDOWN] <= now:
            self.reply_path = other_path(self, self.reply_path)      # 9260-6.4-03
            on_t2(self, now)
        if not self.ended and self.timers.deadline[TIMER_SACK] <= now:
            on_sack_timer(self, now)
        if not self.ended and self.timers.deadline[TIMER_AUTOCLOSE] <= now:
            on_autoclose(self, now)
        if not self.ended and self.timers.deadline[TIMER_LIFETIME] <= now:
            review(self, now)
        for path in self.paths:
            if not self.ended and path.t3_deadline <= now:
                on_t3(self, path, now)
            if not self.ended and path.heartbeat_deadline <= now:
                on_heartbeat_timer(self, path, now)
        if not self.ended:
            transmit(self, now)
            self.reschedule()
        return 0

    # ------------------------------------------------------------------ the user's side

    cdef int send(self, bytes data, uint16_t stream_id, uint32_t ppid, uint32_t flags, uint32_t timetolive,
                  uint32_t context, int64_t now) except -1:
        """The SEND primitive (11.1.5): queue a message.  0, or the errno that refuses it."""
        cdef Py_ssize_t length = PyBytes_GET_SIZE(data)
        cdef uint8_t chunk_flags = 0
        cdef bint full
        cdef Message *message
        if self.state != ESTABLISHED and self.state != COOKIE_WAIT and self.state != COOKIE_ECHOED:
            return EPIPE if self.ended else ESHUTDOWN
        if self.shutdown_requested:
            return ESHUTDOWN
        if length > <Py_ssize_t>self.parameters.send_buffer:
            return EMSGSIZE
        if length == 0 or stream_id >= self.outbound_streams or self.send_queue.open:
            return EINVAL
        full = self.send_buffer_full()
        if full and self.send_queue.partial:
            make_room(self, flags, timetolive, now)
            full = self.send_buffer_full()
        if full:
            self.user.writer_waiting = True
            return EAGAIN
        if flags & SEND_UNORDERED:
            chunk_flags |= DATA_U
        if flags & SEND_SACK_IMMEDIATELY:
            chunk_flags |= DATA_I
        message = self.send_queue.push(data, stream_id, ppid, chunk_flags, context)
        message.send_flags = <uint16_t>flags
        self.account()
        if timetolive or flags & SEND_POLICY_MASK:
            choose_policy(self, message, flags, timetolive, now)
        if not self.wants_transmit:
            self.want_transmit()
        return 0

    cdef int credit(self, uint32_t length, bint finished, int64_t now) except -1:
        """The user took `length` bytes of a message (`finished`: its last): the window may open."""
        self.unread_bytes -= min(self.unread_bytes, length)
        if finished and self.unread_records:
            self.unread_records -= 1
        if self.unread_records == 0 and self.reassembly.tail != NULL:
            go_on(self)
        return window_opened(self, now)

    def take_credit(self, uint32_t length, bint finished, int64_t now) -> None:
        """credit() for callers in Python."""
        self.credit(length, finished, now)

    def has_room(self) -> bool:
        """Whether a message would be taken now; if not, the user is told once much room is free."""
        if not self.send_buffer_full():
            return True
        self.user.writer_waiting = True
        return False

    def buffers_changed(self, int64_t now) -> None:
        """The user has set the send or the receive buffer: a sender may go on, the peer may send more."""
        room_for_writer(self)
        window_opened(self, now)

    def submit(self, bytes data not None, int stream_id=0, uint32_t ppid=0, uint32_t flags=0,
               uint32_t timetolive=0, uint32_t context=0, int64_t now=0, int path=ANY_PATH,
               bint end=True) -> int:
        """SEND for callers in Python: 0 if the message was taken, else an errno.

        `path`: the index of the path that it is to go by while that works.  `end` False: more of the message
        follows (RFC 6458 section 8.1.26), by the next calls, with the same stream, ppid and order; EINVAL for
        others, and for a policy.  ECONNRESET, once: the association restarted in the midst of a message.
        """
        cdef SendQueue queue = self.send_queue
        cdef bint begun = queue.open
        cdef uint8_t order = DATA_U if flags & SEND_UNORDERED else 0
        cdef int refused
        if not 0 <= stream_id <= 65535 or not 0 <= path <= ANY_PATH:
            return EINVAL
        if queue.cut:
            queue.cut = False
            return ECONNRESET
        if (begun or not end) and (timetolive or flags & SEND_POLICY_MASK):
            return EINVAL
        if begun and (stream_id != queue.open_stream or ppid != queue.open_ppid or order != queue.open_flags):
            return EINVAL
        queue.open = False
        refused = self.send(data, stream_id, ppid, flags, timetolive, context, now)
        if refused:
            queue.open = begun
            return refused
        queue.last.path = <uint8_t>path
        if begun or not end:
            queue.mark_part(not begun, end)
        return 0

    def receive_unacked(self):
        """RECEIVE_UNACKED (11.1.15): a message that was sent and not acknowledged when the association ended.

        (data, stream, stream sequence number, ppid, sinfo_flags, context), each once, in the order of
        sending; None when there are no more.
        """
        return take_failed(self, &self.send_queue.unacked)

    def receive_unsent(self):
        """RECEIVE_UNSENT (11.1.14): the same of messages that were never sent; their number is 0."""
        return take_failed(self, &self.send_queue.unsent)

    def shutdown(self, int64_t now) -> None:
        """The SHUTDOWN primitive (11.1.3): graceful; what is queued is delivered first."""
        if not self.ended:
            shutdown_primitive(self, now)
            self.reschedule()

    def abort(self, bytes reason not None, int64_t now) -> None:
        """The ABORT primitive (11.1.4), User-Initiated Abort with `reason`; unsent data is lost.

        The reason is cut to what one packet of the path takes: an ABORT goes once, and whole or not at all.
        """
        cdef Path path
        cdef Py_ssize_t room
        if not self.ended:
            path = self.sending_path()
            room = (path.pmtu & ~<uint32_t>3) - COMMON_HEADER - 2 * CHUNK_HEADER
            abort_association(self, [make_tlv(USER_INITIATED_ABORT, reason[:room])], ECONNABORTED)

    def close(self, int64_t now) -> None:
        """The user leaves: ABORT if data of the peer is unread, else a graceful end that goes on behind."""
        cdef bint unread = self.unread_records != 0 or self.reassembly.bytes_held != 0
        self.detached = True
        if self.user is not None:
            self.user.owner = None
            self.user.receive_queue.clear()
        self.unread_bytes = self.unread_records = 0
        self.account()
        if self.ended:
            return
        if unread or self.parameters.linger_abort:
            abort_association(self, [make_tlv(USER_INITIATED_ABORT, b"")], ECONNABORTED)
        else:
            shutdown_primitive(self, now)
            guard_orphan(self, now)
            self.reschedule()

    def path(self, str host not None) -> Path:
        """The path to an address of the peer.  KeyError if it has no such address."""
        cdef Address address
        address_from_host(host, &address)
        found = self.path_of(&address)
        if found is None:
            raise KeyError(host)
        return found

    def change_paths(self, str host, dict changes not None, int64_t now) -> None:
        """SET PROTOCOL PARAMETERS, CHANGE HEARTBEAT, SET FAILURE THRESHOLD (11.1) of one path of the peer.

        `host` None: of all paths, those to come included.  `changes`: by the names of ProtocolParameters,
        heartbeat_enabled, heartbeat_interval, path_max_retrans, sack_delay, sack_frequency, path_mtu,
        pmtu_discovery, dscp, remote_udp_port (0 leaves paths as they are).  KeyError if the peer has no such
        address.
        """
        cdef Path path
        cdef list paths = self.paths
        if host is not None:
            paths = [self.path(host)]
        else:
            for name, value in changes.items():
                setattr(self.parameters, name, value)
        for path in paths:
            path.change(changes)
            if "heartbeat_enabled" in changes or "heartbeat_interval" in changes:
                reschedule_heartbeat(self, path, now)
        self.reschedule()

    def take_greatest_rto(self) -> tuple:
        """(host, RTO) of the path that waited longest for an acknowledgement since this was last asked."""
        cdef Path path, greatest = self.primary
        for path in self.paths:
            if path.greatest_rto > greatest.greatest_rto:
                greatest = path
        answer = greatest.host, max(greatest.greatest_rto, self.parameters.rto_min)
        for path in self.paths:
            path.greatest_rto = 0
        return answer

    def set_primary(self, str host not None) -> None:
        """SETPRIMARY (11.1.6): the path for new data.

        KeyError if the peer has no such address, ValueError if it is not confirmed to be the peer's (5.4).
        """
        cdef Path path = self.path(host)
        if path.state == PATH_UNCONFIRMED:
            raise ValueError(f"{host} is not confirmed yet")
        set_primary(self, path)

    def request_heartbeat(self, str host not None, int64_t now) -> bool:
        """REQUEST HEARTBEAT (11.1.10) at once; False if the state allows none.  KeyError as path()."""
        sent = request_heartbeat(self, self.path(host), now)
        self.reschedule()
        return sent

    def srtt(self, str host not None) -> int:
        """GETSRTTREPORT (11.1.11): microseconds, 0 before a measurement.  KeyError as path()."""
        cdef Path path = self.path(host)
        return path.rto.srtt

    def peel_off(self, SctpUser user not None) -> None:
        """Make `user` the one that is told, and give it what has arrived and was not read.

        Who waits at the old one, to send on the association or to read of it, has to look again.
        """
        cdef ReceiveQueue left = self.user.receive_queue
        self.user.signal(READABLE | WRITABLE)
        self.user.writer_waiting = False
        self.user.held -= self.held
        self.user.charged -= self.charged
        self.held = self.charged = 0
        leave_turns(self)
        left.give(<PyObject *>self, user.receive_queue)
        self.user.associations -= 1
        user.associations += 1
        self.user = user
        self.account()
        self.names = None
        take_turns(left)
        go_on(self)

    @property
    def local_host(self) -> str:
        return host_from_address(&self.primary.route.local)

    def host_of(self, int path) -> str:
        """The peer's address at a path; that of the primary path if there is none such (any more)."""
        cdef Path chosen = self.paths[path] if 0 <= path < len(self.paths) else self.primary
        return host_from_address(&chosen.route.remote)

    @property
    def peer_host(self) -> str:
        return host_from_address(&self.primary.route.remote)
