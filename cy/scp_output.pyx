"""What one end of an SCP connection has to send (see scp_output.pxd)."""
from collections import deque

from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.string cimport memcpy

from .scp_pieces cimport Piece
from .scp_session cimport IN_TURN, NOT_QUEUED, URGENT
from .scp_wire cimport SCP_FIN, SCP_HEADER, SCP_PUSH, SCP_RST, SCP_SYN, put_header

cdef enum:
    BATCH = 4 * (16384 + SCP_HEADER)     # what goes to TCP at once
    NOT_COPIED = 4096                    # a full segment this long stays where it is


cdef class ScpOutput:
    """The queues of one connection, and the batch of segments that is on its way to TCP."""

    def __cinit__(self, ScpOptions options not None):
        self.options = options
        self.turns, self.urgent, self.resets = deque(), deque(), deque()
        self.buffer, self.gathered, self.kept = bytearray(), bytearray(), []
        self.touched = []

    cdef int queue(self, ScpSession session) except -1:
        """Put a session in its place, or in a better one."""
        if not session.has_output():
            return 0
        if session.outgoing.count:
            if session.place == URGENT:      # its SYN goes with the data, and data waits for its turn
                self.urgent.remove(session)
            if session.place != IN_TURN:
                self.turns.append(session)
                session.place = IN_TURN
        elif session.place == NOT_QUEUED:
            self.urgent.append(session)
            session.place = URGENT
        return 0

    cdef int forget(self, ScpSession session) except -1:
        """Nothing more of this session is sent (SCP-43)."""
        session.outgoing.clear()
        if session.place == IN_TURN:
            self.turns.remove(session)
        elif session.place == URGENT:
            self.urgent.remove(session)
        session.place = NOT_QUEUED
        return 0

    cdef int queue_reset(self, uint32_t session_id) except -1:
        self.resets.append(session_id)
        return 0

    cdef int clear(self) except -1:
        """The connection is over."""
        self.resets.clear()
        self.start = self.end = self.run_count = 0
        self.kept.clear()
        return 0

    cdef int fill(self) except -1:
        cdef uint32_t room = max(BATCH, self.options.max_segment + SCP_HEADER)
        cdef ScpSession session
        self.start = self.end = self.run_count = self.used = self.run_start = 0
        self.kept.clear()
        if not (self.resets or self.urgent or self.turns):
            return 0
        if len(self.buffer) < room:
            self.buffer = bytearray(room)
        while self.resets and self.end + SCP_HEADER <= room:
            self.put(SCP_RST, self.resets.popleft(), 0)
        while self.urgent or self.turns:
            queue = self.urgent or self.turns
            session = queue[0]
            if self.end + SCP_HEADER + min(session.outgoing.size, self.options.max_segment) > room:
                break
            queue.popleft()
            session.place = NOT_QUEUED
            self.put_segment(session)
            self.queue(session)
        self.end_run()
        return 0

    cdef uint8_t *put(self, uint8_t flags, uint32_t session_id, uint32_t length) except NULL:
        """Write a header; where it ends."""
        cdef uint8_t *header = <uint8_t *>PyByteArray_AS_STRING(self.buffer) + self.used
        put_header(header, flags, session_id,
                   length + SCP_HEADER if self.options.length_includes_header else length)
        self.used += SCP_HEADER
        self.end += SCP_HEADER + length
        self.segments += 1
        return header + SCP_HEADER

    cdef int put_segment(self, ScpSession session) except -1:
        """Make the next segment of a session ready."""
        cdef uint8_t *data = <uint8_t *>PyByteArray_AS_STRING(self.buffer) + self.used + SCP_HEADER
        cdef Piece *piece = session.outgoing.first()
        cdef const uint8_t *where = NULL
        cdef uint8_t flags = 0
        cdef uint32_t length = self.options.max_segment
        cdef bint ends_message
        if piece != NULL and piece.left >= length and length >= NOT_COPIED:
            where = piece.start
            ends_message = piece.ends_message and piece.left == length
            self.kept.append(<object>piece.data)
            session.outgoing.consume(length)
        else:
            length = session.outgoing.take_of_message(data, length, &ends_message)
        if session.syn_pending:
            flags |= SCP_SYN
            session.syn_pending = False
        if ends_message:
            flags |= SCP_PUSH
        if session.fin_queued and session.outgoing.count == 0:
            flags |= SCP_FIN
            session.fin_sent = True
            self.touched.append(session)
        elif session.waits_to_write and 2 * session.outgoing.charged <= self.options.max_queued:
            session.waits_to_write = False
            self.touched.append(session)
        self.put(flags, session.id, length)
        session.bytes_out += length
        if where == NULL:
            self.used += length
            return 0
        self.end_run()
        self.runs[self.run_count] = Run(where, length)
        self.run_count += 1
        return 0

    cdef void end_run(self) noexcept:
        """What the buffer has got since the last run is a run."""
        if self.used > self.run_start:
            self.runs[self.run_count] = Run(
                <const uint8_t *>PyByteArray_AS_STRING(self.buffer) + self.run_start,
                self.used - self.run_start)
            self.run_count += 1
            self.run_start = self.used

    cdef memoryview view(self):
        cdef uint32_t index, position = 0
        if self.run_count == 1:
            return memoryview(self.buffer)[self.start:self.end]
        if self.start == 0:
            if len(self.gathered) < self.end:
                self.gathered = bytearray(self.end)
            for index in range(self.run_count):
                memcpy(PyByteArray_AS_STRING(self.gathered) + position, self.runs[index].start,
                       self.runs[index].length)
                position += self.runs[index].length
        return memoryview(self.gathered)[self.start:self.end]

    cdef bint is_empty(self):
        return self.start == self.end and not (self.resets or self.urgent or self.turns)
