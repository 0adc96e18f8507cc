"""What those get who have no association (RFC 9260 sections 5.1, 8.4 and 12)."""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from .address cimport Route, is_loopback
from .chunks cimport make_abort, make_chunk
from .emit cimport emit
from .proto cimport (
    ABORT, COOKIE_ACK, DROP_OUT_OF_THE_BLUE, DROP_RATE_LIMITED, ERROR, FLAG_T, SHUTDOWN_ACK,
    SHUTDOWN_COMPLETE, STALE_COOKIE,
)
from .ratelimit cimport RateLimit
from .wire cimport COMMON_HEADER, CURSOR_ITEM, ChunkView, Cursor, get16, get32, next_chunk

cdef enum:                       # a second, and at once; an answer is never longer than the question,
    SMALL_ANSWERS_A_SOURCE = 200
    SMALL_ANSWERS = 4000
    INIT_ACKS_A_SOURCE = 2000    # but an INIT ACK is, up to three times; a gateway has many clients, though
    INIT_ACKS = 20000

cdef bytes SHUTDOWN_COMPLETE_REFLECTED = make_chunk(SHUTDOWN_COMPLETE, FLAG_T, b"")
cdef bytes ABORT_REFLECTED = make_abort(True, [])


cdef class Strangers:
    """The answers of one endpoint to packets that belong to no association."""

    def __cinit__(self, Shared shared not None):
        self.shared = shared
        self.blue = RateLimit(shared.entropy, SMALL_ANSWERS_A_SOURCE, SMALL_ANSWERS_A_SOURCE, SMALL_ANSWERS)
        self.refusals = RateLimit(shared.entropy, SMALL_ANSWERS_A_SOURCE, SMALL_ANSWERS_A_SOURCE,
                                  SMALL_ANSWERS)
        self.init_acks = RateLimit(shared.entropy, INIT_ACKS_A_SOURCE, 2 * INIT_ACKS_A_SOURCE, INIT_ACKS)

    cdef int out_of_the_blue(self, const uint8_t *packet, uint32_t length, const Route *route,
                             int64_t now) except -1:
        """The rules of 8.4 from the second on, in their order."""
        cdef Cursor cursor
        cdef ChunkView chunk
        cdef bint shutdown_ack = False, silent = False
        cursor.position = packet + COMMON_HEADER
        cursor.end = packet + length
        while next_chunk(&cursor, &chunk) == CURSOR_ITEM:
            if chunk.type == ABORT:
                self.shared.drop(DROP_OUT_OF_THE_BLUE)
                return 0
            if chunk.type == SHUTDOWN_ACK:
                shutdown_ack = True
            elif chunk.type == SHUTDOWN_COMPLETE or chunk.type == COOKIE_ACK:
                silent = True
            elif chunk.type == ERROR:
                if chunk.value_length >= 4 and get16(chunk.value) == STALE_COOKIE:
                    silent = True
        if silent and not shutdown_ack:
            self.shared.drop(DROP_OUT_OF_THE_BLUE)
        elif not self.blue.allows(&route.remote, now):
            self.shared.drop(DROP_RATE_LIMITED)
        else:
            emit(self.shared.outbox, route, get16(packet + 2), get16(packet), get32(packet + 4),
                 SHUTDOWN_COMPLETE_REFLECTED if shutdown_ack else ABORT_REFLECTED)
            self.shared.drop(DROP_OUT_OF_THE_BLUE)
        return 0

    cdef int refuse(self, const uint8_t *packet, uint32_t tag, list causes, const Route *route, int reason,
                    int64_t now) except -1:
        """ABORT whose tag is the Initiate Tag received (9260-5.1-07)."""
        if not self.refusals.allows(&route.remote, now):
            self.shared.drop(DROP_RATE_LIMITED)
            return 0
        emit(self.shared.outbox, route, get16(packet + 2), get16(packet), tag, make_abort(False, causes))
        self.shared.drop(reason)
        return 0

    cdef bint may_get_init_ack(self, const Route *route, int64_t now) noexcept:
        """Nobody else can send from a loopback address, and nobody else is hit by what goes there."""
        if is_loopback(&route.remote) or self.init_acks.allows(&route.remote, now):
            return True
        self.shared.drop(DROP_RATE_LIMITED)
        return False
