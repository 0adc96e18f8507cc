"""What one end of an SCP connection has to send (see scp_output.pxd)."""
from collections import deque

from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.stdint cimport uint8_t

from .scp_session cimport IN_TURN, NOT_QUEUED, URGENT
from .scp_wire cimport SCP_FIN, SCP_HEADER, SCP_PUSH, SCP_RST, SCP_SYN, put_header

cdef enum:
    BATCH = 4 * (16384 + SCP_HEADER)     # what goes to TCP at once


cdef class ScpOutput:
    """The queues of one connection, and the batch of segments that is on its way to TCP."""

    def __cinit__(self, ScpOptions options not None):
        self.options = options
        self.turns, self.urgent, self.resets = deque(), deque(), deque()
        self.batch = bytearray()
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
        self.start = self.end = 0
        return 0

    cdef int fill(self) except -1:
        cdef uint32_t position = 0
        cdef uint32_t room = max(BATCH, self.options.max_segment + SCP_HEADER)
        cdef ScpSession session
        cdef uint8_t *start
        if not (self.resets or self.urgent or self.turns):
            self.start = self.end = 0
            return 0
        if len(self.batch) < room:
            self.batch = bytearray(room)
        start = <uint8_t *>PyByteArray_AS_STRING(self.batch)
        while self.resets and position + SCP_HEADER <= room:
            put_header(start + position, SCP_RST, self.resets.popleft(),
                       SCP_HEADER if self.options.length_includes_header else 0)
            position += SCP_HEADER
            self.segments += 1
        while self.urgent or self.turns:
            queue = self.urgent or self.turns
            session = queue[0]
            if position + SCP_HEADER + min(session.outgoing.size, self.options.max_segment) > room:
                break
            queue.popleft()
            session.place = NOT_QUEUED
            position = self.put_segment(session, position)
            self.queue(session)
        self.start, self.end = 0, position
        return 0

    cdef uint32_t put_segment(self, ScpSession session, uint32_t position) except? 0xFFFFFFFF:
        """Write the next segment of a session at this place of the batch; where it ends."""
        cdef uint8_t *header = <uint8_t *>PyByteArray_AS_STRING(self.batch) + position
        cdef uint8_t flags = 0
        cdef uint32_t length
        cdef bint ends_message
        length = session.outgoing.take_of_message(header + SCP_HEADER, self.options.max_segment,
                                                  &ends_message)
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
        put_header(header, flags, session.id,
                   length + SCP_HEADER if self.options.length_includes_header else length)
        session.bytes_out += length
        self.segments += 1
        return position + SCP_HEADER + length

    cdef bint is_empty(self):
        return self.start == self.end and not (self.resets or self.urgent or self.turns)
