"""One end of an SCP connection (see scp_connection.pxd).  In order: arriving, ends, sending, the program."""
from collections import deque

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_CheckExact, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from libc.stdint cimport INT64_MAX
from libc.string cimport memcmp, memcpy

from .scp_wire cimport FIRST_SESSION_ID, SCP_FIN, SCP_FLAGS, SCP_PUSH, SCP_RST, SCP_SYN, session_id_of
from .scp_wire import ScpReason as Reasons
from .wire cimport get32

cdef enum:
    RESETS_WAITING = 1024                # more of them, and we read no further
    SECOND = 1_000_000

cdef list REASON_NAMES = [reason.name for reason in Reasons]


cdef class RateLimit:
    """So many events in one window of time."""

    def __cinit__(self, uint32_t limit, int64_t window):
        self.limit, self.window = limit, window
        self.start = -window

    cdef bint exceeded(self, int64_t now) noexcept nogil:
        if now - self.start >= self.window:
            self.start, self.count = now, 0
        if self.count <= self.limit:
            self.count += 1
        return self.count > self.limit


cdef class ScpConnection:
    """The protocol machine of one connection.

    `client`: this side opened the TCP connection.  Whoever drives it gives it what arrives (`receive`, `eof`,
    `transport_failed`), sends what `pending` shows, calls `handle_timeout` at `next_deadline`, reads nothing
    while `stopped`, and after each call tells the owners of the sessions in `take_ready`.
    """

    def __cinit__(self, bint client, ScpOptions options=None):
        self.client = client
        self.options = ScpOptions() if options is None else options
        self.ids = SessionIds(client)
        self.sessions = {}
        self.arrived = deque()
        self.accepting = not client
        self.seen_deadline = INT64_MAX
        self.ready = []
        self.output = ScpOutput(self.options)
        self.unread = ScpUnread(self.options)
        self.answers = RateLimit(self.options.rst_rate, SECOND)
        self.wasted = RateLimit(self.options.max_resets, self.options.reset_window)

    # ------------------------------------------------------------------ arriving

    def receive(self, data, Py_ssize_t length, int64_t now) -> None:
        """The first `length` bytes of `data` have come from the peer.  Never raises for what they are."""
        cdef Py_buffer view
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            if not 0 <= length <= view.len:
                raise ValueError("there are not so many bytes")
            self.take_in(<const uint8_t *>view.buf, length, now)
        finally:
            PyBuffer_Release(&view)

    cdef int take_in(self, const uint8_t *position, size_t left, int64_t now) except -1:
        cdef size_t part
        self.bytes_in += left
        while left and not self.reason:
            if not self.in_segment:
                part = min(SCP_HEADER - self.header_length, left)
                memcpy(self.header + self.header_length, position, part)
                self.header_length += part
                position += part
                left -= part
                if self.header_length < SCP_HEADER:
                    break
                self.header_length = 0
                self.in_segment = True
                self.begin_segment(now)
            part = min(self.segment_left, left)
            if part:
                self.segment_left -= part
                if self.current is not None:
                    self.take_data(position, part, left - part, now)
                position += part
                left -= part
            if self.segment_left == 0 and not self.reason:
                self.in_segment = False
                self.end_segment(now)
                self.current = None
        return self.trim_growing()

    cdef uint32_t bulk(self) noexcept:
        return (self.segment_left if self.in_segment and self.current is not None and self.current.open
                and not self.current.discards else 0)

    cdef uint32_t foreseen(self) noexcept:
        """As long as the one that is arriving, unless a message or all ends there."""
        if self.segment_flags & (SCP_PUSH | SCP_FIN):
            return 0
        return get32(self.header + 4) - (SCP_HEADER if self.options.length_includes_header else 0)

    cdef uint8_t *place(self, uint32_t room) except NULL:
        return self.unread.reserve(self.current, room)

    cdef bint goes_on(self, const uint8_t *header) noexcept:
        """The arriving segment is whole; this header may begin one that is foreseen."""
        if (self.segment_flags & (SCP_PUSH | SCP_FIN) or header[0] & ~<uint8_t>SCP_PUSH
                or memcmp(header + 1, self.header + 1, SCP_HEADER - 1) != 0):
            return False
        self.segment_left = self.foreseen()
        self.segment_flags = header[0]
        self.segments_in += 1
        self.bytes_in += SCP_HEADER
        return True

    cdef int placed(self, uint32_t length, int64_t now) except -1:
        cdef ScpSession session = self.current
        self.bytes_in += length
        session.bytes_in += length
        self.unread.fill(session, length, self.segment_left == 0 and self.segment_flags & SCP_PUSH, now)
        if length:
            self.wake(session)
        if self.segment_left == 0:
            self.in_segment = False
            self.end_segment(now)
            self.current = None
        return 0

    cdef int begin_segment(self, int64_t now) except -1:
        """A header is whole: who gets what follows?  RST first and alone, then SYN, data, PUSH, FIN."""
        cdef uint8_t flags = self.header[0]
        cdef uint32_t session_id = session_id_of(self.header)
        cdef uint32_t length = get32(self.header + 4)
        cdef ScpSession session = None
        cdef PyObject *found
        self.segments_in += 1
        if flags & ~SCP_FLAGS:                                                   # SCP-50
            return self.fail(ScpReason.BAD_FLAGS if self.segments_in > 1 else ScpReason.FOREIGN_FLAGS)
        if session_id < FIRST_SESSION_ID:                                        # SCP-51
            return self.fail(ScpReason.RESERVED_ID)
        if self.options.length_includes_header:                                  # SCP-05
            if length < SCP_HEADER:
                return self.fail(ScpReason.SEGMENT_TOO_SHORT)
            length -= SCP_HEADER
        if length > self.options.max_receive_segment:                            # SCP-58
            return self.fail(ScpReason.SEGMENT_TOO_LONG)
        self.segment_left, self.segment_flags, self.segment_empty = length, flags, length == 0
        found = self.ids.find(session_id)
        if found != NULL:
            session = <ScpSession>found
        if flags & SCP_RST:
            if flags & SCP_SYN:
                self.count(ScpReason.SYN_WITH_RST)
            return self.rst_arrived(session, session_id, now)
        if flags & SCP_SYN:
            session = self.syn_arrived(session, session_id)
            if session is None:
                return 0
        elif session is None:
            return self.stray_arrived(session_id, now)
        if not session.fin_received:
            session.heard = True
            self.current = session
        elif length:
            self.send_reset(session, ScpReason.DATA_AFTER_FIN)                   # SCP-55
        else:
            self.count(ScpReason.EMPTY_AFTER_FIN)                                # SCP-56
        return 0

    cdef ScpSession syn_arrived(self, ScpSession session, uint32_t session_id):
        """Give the session that the segment belongs to, None: nobody's."""
        cdef ScpReason reason
        if self.ids.is_own(session_id):
            if session is not None and not session.heard:
                return session                                                   # SCP-22
            if session is None and (self.ids.barred.has(session_id) or self.ids.silenced.has(session_id)):
                self.count(ScpReason.AFTER_RESET)
            else:
                self.fail(ScpReason.ID_PARITY)                                   # SCP-52
            return None
        if session is not None:
            self.send_reset(session, ScpReason.SYN_ON_OPEN_SESSION)              # SCP-53
            return None
        reason = self.refusal()
        if reason:
            self.count(reason)
            self.answer_reset(session_id)
            return None
        session = ScpSession()
        session.id = session_id
        session.syn_pending = self.options.syn_reply
        self.sessions[session_id] = session
        self.ids.add(session_id, session)
        self.peer_sessions += 1
        self.arrived.append(session)
        return session

    cdef ScpReason refusal(self) noexcept:
        """Why a SYN is refused now (SCP-23)."""
        if self.closing or self.input_ended:
            return ScpReason.CLOSING
        if not self.accepting:
            return ScpReason.NO_ACCEPTOR
        if self.peer_sessions >= self.options.max_sessions:
            return ScpReason.TOO_MANY_SESSIONS                                   # SCP-62
        return ScpReason.NO_REASON

    cdef int rst_arrived(self, ScpSession session, uint32_t session_id, int64_t now) except -1:
        cdef ScpReason reason
        if session is None:                                                      # SCP-47, SCP-57
            self.count(ScpReason.RST_OF_UNKNOWN_SESSION)
            self.ids.silenced.discard(session_id)
            return 0
        reason = (ScpReason.REFUSED_BY_PEER if session.opened_here and not session.heard
                  else ScpReason.RESET_BY_PEER)                                  # SCP-24
        if session.opened_here:
            self.ids.barred.add(session_id)                                      # SCP-14
        self.unread.discard(session)                                             # SCP-42, SCP-43
        self.end_session(session, reason, reason)
        if not session.opened_here and session.bytes_read == 0 and self.wasted.exceeded(now):
            self.fail(ScpReason.TOO_MANY_RESETS)                                 # SCP-63
        return 0

    cdef int stray_arrived(self, uint32_t session_id, int64_t now) except -1:
        """Something other than SYN and RST came for an id that is not in use (SCP-46, SCP-54)."""
        if self.ids.silenced.has(session_id):
            self.count(ScpReason.AFTER_RESET)
        elif self.answers.exceeded(now):
            self.count(ScpReason.UNKNOWN_SESSION_UNANSWERED)
        else:
            self.count(ScpReason.UNKNOWN_SESSION)
            self.answer_reset(session_id)
        return 0

    cdef int take_data(self, const uint8_t *data, uint32_t length, size_t more, int64_t now) except -1:
        """Bytes of the current segment; segment_left is what follows them, `more` is here already."""
        cdef ScpSession session = self.current
        cdef bint ends_message = self.segment_left == 0 and self.segment_flags & SCP_PUSH
        if not session.open:
            self.current = None                                                  # SCP-46
            return 0
        session.bytes_in += length
        if not session.discards:
            if session is not self.growing:
                self.trim_growing()
                self.growing = session
            self.unread.append(session, data, length, more, ends_message, now)
            return self.wake(session)
        session.discarded += length
        if session.discarded > self.options.session_high_water:
            self.send_reset(session, ScpReason.CLOSED_UNREAD)
        return 0

    cdef int trim_growing(self) except -1:
        """No more bytes join those that the last session has got."""
        cdef ScpSession session = self.growing
        self.growing = None
        return 0 if session is None else session.incoming.trim()

    cdef int end_segment(self, int64_t now) except -1:
        cdef ScpSession session = self.current
        if session is None or not session.open:
            return 0
        if self.segment_flags & SCP_PUSH and self.segment_empty and not session.discards:   # SCP-31
            self.unread.end_message(session, now)
            self.wake(session)
        if self.segment_flags & SCP_FIN:                                         # SCP-41
            session.fin_received = True
            self.wake(session)
            if session.fin_sent:
                self.end_session(session, ScpReason.NO_REASON, ScpReason.NO_REASON)       # SCP-44
        return 0

    def eof(self) -> None:
        """The peer has ended its direction of the TCP connection."""
        if self.reason or self.input_ended:
            return
        if self.in_segment or self.header_length:
            self.fail(ScpReason.TRUNCATED)                                       # SCP-59
        else:
            self.lose(ScpReason.CONNECTION_LOST)                                 # SCP-60

    def transport_failed(self, int error_number) -> None:
        """TCP or TLS has reported this errno (SCP-61)."""
        if not self.reason:
            self.error_number = error_number
            self.lose(ScpReason.TRANSPORT_FAILED)

    # ------------------------------------------------------------------ ends

    cdef int end_session(self, ScpSession session, ScpReason read_reason, ScpReason write_reason) except -1:
        """The session is over: its id is no longer in use, its readers and writers learn why."""
        self.output.forget(session)
        session.open = False
        session.read_reason, session.write_reason = read_reason, write_reason
        if write_reason:
            self.count(write_reason)
        self.ids.remove(session.id)
        del self.sessions[session.id]
        if not session.opened_here:
            self.peer_sessions -= 1
            if read_reason and not session.accepted:
                self.arrived.remove(session)     # nobody will ever read it
                self.unread.discard(session)
        return self.wake(session)

    cdef int send_reset(self, ScpSession session, ScpReason reason) except -1:
        """End the session by RST, at once (SCP-43)."""
        cdef bint known = not (session.opened_here and session.syn_pending)
        self.unread.discard(session)
        self.end_session(session, reason, reason)
        if known:                                # else the peer has never heard of it
            self.answer_reset(session.id)
            if session.opened_here:
                self.ids.barred.add(session.id)
        return 0

    cdef int answer_reset(self, uint32_t session_id) except -1:
        self.output.queue_reset(session_id)
        return self.ids.silenced.add(session_id)

    cdef int fail(self, ScpReason reason) except -1:
        """A connection error: everything that is queued is dropped, every open session gets an error."""
        cdef ScpSession session
        self.count(reason)
        self.reason = reason
        self.current = None
        self.output.clear()
        for session in list(self.sessions.values()):
            self.end_session(session, reason, reason)
        return 0

    cdef int lose(self, ScpReason reason) except -1:
        """The peer will say nothing more: sessions whose peer had ended its direction keep their clean end.

        They can still write, if only the peer's direction of TCP has ended.
        """
        cdef ScpSession session
        cdef bint both = reason == ScpReason.TRANSPORT_FAILED
        self.count(reason)
        self.input_ended = True
        if both:
            self.reason = reason
            self.output.clear()
        for session in list(self.sessions.values()):
            if not session.fin_received:
                self.end_session(session, reason, reason)
            elif both:
                self.end_session(session, ScpReason.NO_REASON, reason)
        return 0

    cdef void count(self, ScpReason reason) noexcept nogil:
        self.counts[<int>reason] += 1

    # ------------------------------------------------------------------ sending

    def pending(self) -> memoryview | None:
        """The bytes to be sent next, None: nothing.  The view must not be kept."""
        return self.output.view() if self.prepare() else None

    cdef bint prepare(self) except -1:
        """Whether a batch is ready, or could be made so."""
        cdef ScpSession session
        if self.reason:
            return False
        if self.output.start == self.output.end:
            self.output.fill()
            for session in self.output.touched:
                if session.fin_sent and session.fin_received:
                    self.end_session(session, ScpReason.NO_REASON, ScpReason.NO_REASON)   # SCP-44
                else:
                    self.wake(session)
            self.output.touched.clear()
        return self.output.end > 0

    def sent(self, uint32_t count) -> None:
        """TCP has taken this many bytes of pending()."""
        if count > self.output.end - self.output.start:
            raise ValueError("there were not so many bytes")
        self.output.start += count
        self.bytes_out += count

    # ------------------------------------------------------------------ limits

    @property
    def stopped(self) -> bool:
        """Whether nothing may be read from TCP now (SCP-70)."""
        return self.unread.stopped() or len(self.output.resets) > RESETS_WAITING

    def next_deadline(self) -> int | None:
        """When handle_timeout() is to be called; None: not at all."""
        return None if self.unread.stall_deadline == INT64_MAX else self.unread.stall_deadline

    def flow(self) -> tuple:
        """(stopped, next_deadline()); `eventful` from now on, when one of them is another."""
        self.seen_stopped, self.seen_deadline = self.stopped, self.unread.stall_deadline
        return self.seen_stopped, self.next_deadline()

    def handle_timeout(self, int64_t now) -> None:
        """Stopped too long while readers waited: the session with the most unread bytes is reset."""
        cdef ScpSession session = self.unread.take_stalled(now)
        if session is None:
            return
        if session.open:
            self.send_reset(session, ScpReason.STALLED)
        else:                                    # nothing is left of it but its data
            self.drop_unread(session, ScpReason.STALLED)
        self.unread.watch(now)

    cdef int drop_unread(self, ScpSession session, ScpReason reason) except -1:
        """The rest of a session that has ended will not be read, for a reason of ours."""
        self.count(reason)
        self.unread.discard(session)
        session.read_reason = reason
        return self.wake(session)

    # ------------------------------------------------------------------ the program: sessions

    def open(self) -> ScpSession | None:
        """A new session; None: no id is left (SCP-15), or the connection is closing or over."""
        cdef ScpSession session
        cdef uint32_t session_id
        if self.reason or self.closing or self.input_ended:
            return None
        session_id = self.ids.allocate()
        if session_id == 0:
            return None
        session = ScpSession()
        session.id = session_id
        session.opened_here = session.accepted = session.syn_pending = True
        self.sessions[session_id] = session
        self.ids.add(session_id, session)
        self.output.queue(session)
        return session

    def accept(self) -> ScpSession | None:
        """The longest waiting session of the peer's, None: none waits."""
        cdef ScpSession session
        if not self.arrived:
            return None
        session = self.arrived.popleft()
        session.accepted = True
        return session

    def send(self, ScpSession session not None, data, Py_ssize_t offset=0, bint ends_message=False) -> int:
        """Queue bytes of `data` from `offset` on, as many as there is room for; how many those were.

        `ends_message`: its last byte ends a message; with nothing left of it, the message in progress ends
        here, or is empty.  -1: nothing could be queued, as the session takes no data (any more) or is full.
        """
        cdef Py_buffer view
        cdef uint64_t room
        cdef Py_ssize_t taken
        cdef bytes piece
        if not session.open or session.fin_queued:
            return -1
        if session.outgoing.charged >= self.options.max_queued:
            session.waits_to_write = True
            return -1
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            if not 0 <= offset <= view.len:
                raise ValueError("the offset lies outside of the data")
            room = self.options.max_queued - session.outgoing.charged
            taken = min(view.len - offset, <Py_ssize_t>room)
            ends_message = ends_message and offset + taken == view.len
            if taken or ends_message:
                if PyBytes_CheckExact(data):
                    session.outgoing.push(<bytes>data, offset, taken, ends_message)
                else:
                    piece = PyBytes_FromStringAndSize(<char *>view.buf + offset, taken)
                    session.outgoing.push(piece, 0, taken, ends_message)
                self.output.queue(session)
            session.waits_to_write = offset + taken < view.len
            return taken
        finally:
            PyBuffer_Release(&view)

    def writable(self, ScpSession session not None) -> bool:
        """Whether send() takes something, or says at once that it never will; else the owner is told when."""
        if not session.open or session.fin_queued:
            return True
        session.waits_to_write = session.outgoing.charged >= self.options.max_queued
        return not session.waits_to_write

    def shutdown(self, ScpSession session not None) -> None:
        """End this direction behind what is queued: FIN."""
        session.fin_queued = True
        self.output.queue(session)

    def reset(self, ScpSession session not None) -> None:
        """End the session by RST; without effect if it has ended."""
        if session.open:
            self.send_reset(session, ScpReason.RESET_HERE)

    def stop_reading(self, ScpSession session not None) -> None:
        """What has arrived is discarded, and so is what will."""
        session.discards = True
        self.unread.stop_waiting(session)
        self.unread.discard(session)

    def close(self, ScpSession session not None) -> None:
        """The program lets go: nothing more is read, and FIN is sent behind what is queued."""
        session.owner = None
        self.stop_reading(session)
        self.shutdown(session)

    def read(self, ScpSession session not None, uint64_t limit) -> bytes | None:
        """At most `limit` (> 0) bytes, whatever messages they belong to; None: nothing is here."""
        cdef bint ended
        if session.assembly:
            return self.take_assembled(session, limit)
        while session.incoming.count and session.incoming.first().left == 0:
            self.unread.take(session, 0, False, &ended)      # an empty message, or an end by itself
        if session.incoming.count == 0:
            return None
        return self.unread.take(session, limit, True, &ended)

    def read_part(self, ScpSession session not None, uint64_t limit) -> tuple | None:
        """(at most `limit` (> 0) bytes of one message, whether they end it), None: nothing is here."""
        cdef bint ended
        cdef bytes data
        if session.assembly:
            return self.take_assembled(session, limit), False
        if session.incoming.count == 0:
            return None
        data = self.unread.take(session, limit, False, &ended)
        return data, ended

    def read_message(self, ScpSession session not None) -> bytes | None:
        """One whole message; None: it is not whole yet.  A message beyond max_message ends the session."""
        cdef bytes data
        cdef bint ended = False
        if session.assembly is None:
            session.assembly = bytearray()
        while session.incoming.count and not ended:
            data = self.unread.take(session, session.incoming.first().left, False, &ended)
            if len(session.assembly) + len(data) > self.options.max_message:     # SCP-35
                if session.open:
                    self.send_reset(session, ScpReason.MESSAGE_TOO_LONG)
                else:
                    self.drop_unread(session, ScpReason.MESSAGE_TOO_LONG)
                return None
            session.assembly += data
        return self.take_assembled(session, len(session.assembly)) if ended else None

    cdef bytes take_assembled(self, ScpSession session, uint64_t limit):
        """Bytes that read_message() has collected."""
        cdef bytes data = bytes(session.assembly[:limit])
        del session.assembly[:limit]
        return data

    def take_incomplete(self, ScpSession session not None) -> bytes:
        """What is left of a message that will never be whole (SCP-33); behind it is the end."""
        session.in_message = False
        return self.take_assembled(session, len(session.assembly)) if session.assembly else b""

    def wait_to_read(self, ScpSession session not None, int64_t now) -> None:
        """Somebody waits for data of this session, until some comes or stop_waiting_to_read()."""
        if not session.readable:
            self.unread.wait(session, now)

    def stop_waiting_to_read(self, ScpSession session not None) -> None:
        """Nobody does any more."""
        self.unread.stop_waiting(session)

    # ------------------------------------------------------------------ the program: the connection

    def refuse_sessions(self) -> None:
        """Begin an orderly close: no new sessions from either side (SCP-74)."""
        self.closing = True

    def close_connection(self) -> None:
        """End everything that is still open."""
        if not self.reason:
            self.fail(ScpReason.CLOSED_HERE)

    @property
    def eventful(self) -> bool:
        """Whether the one who drives it has more to do than to move bytes."""
        return (len(self.ready) > 0 or len(self.arrived) > 0 or self.reason != ScpReason.NO_REASON
                or self.closing or self.input_ended or self.stopped != self.seen_stopped
                or self.unread.stall_deadline != self.seen_deadline)

    @property
    def idle(self) -> bool:
        """Whether no session is open and nothing waits to be sent."""
        return not self.sessions and self.output.is_empty()

    @property
    def transport_errno(self) -> int:
        """What transport_failed() was told, 0: nothing."""
        return self.error_number

    @property
    def arrivals(self) -> int:
        """Sessions that wait for accept()."""
        return len(self.arrived)

    cdef int wake(self, ScpSession session) except -1:
        self.unread.stop_waiting(session)
        if not session.ready:
            session.ready = True
            self.ready.append(session)
        return 0

    def take_ready(self) -> list:
        """The sessions that something has happened to since the last call; their owners look what."""
        cdef list ready = self.ready
        cdef ScpSession session
        if ready:
            self.ready = []
            for session in ready:
                session.ready = False
        return ready

    def counters(self) -> dict:
        """reason -> how often; only those that have happened."""
        return {REASON_NAMES[number]: self.counts[number]
                for number in range(REASONS) if self.counts[number]}

    def snapshot(self) -> dict:
        """Everything there is to see."""
        return {
            "role": "client" if self.client else "server", "reason": REASON_NAMES[self.reason],
            "accepting": self.accepting, "closing": self.closing, "input_ended": self.input_ended,
            "stopped": self.stopped, "unread": self.unread.charged, "waiting_readers": self.unread.readers,
            "arrivals": len(self.arrived), "resets_to_send": len(self.output.resets),
            "barred_ids": len(self.ids.barred), "silenced_ids": len(self.ids.silenced),
            "segments_in": self.segments_in, "segments_out": self.output.segments,
            "bytes_in": self.bytes_in, "bytes_out": self.bytes_out, "counters": self.counters(),
            "sessions": [session.snapshot() for session in self.sessions.values()],
        }
