"""The four-way handshake: INIT, INIT ACK, COOKIE ECHO, COOKIE ACK.

RFC 9260 sections 5.1 (normal), 5.2 (collisions, restarts, duplicates), 3.3.2 and 3.3.3.
"""
from libc.stdint cimport int64_t, uint16_t, uint32_t

from .address cimport Route
from .chunks cimport InitView
from .cookie cimport CookieJar, StateCookie
from .params cimport InitParameters
from .parameters cimport ProtocolParameters
from .tcb cimport Tcb
from .wire cimport ChunkView

cdef enum:
    LEAST_A_RWND = 1500          # 9260-3.3.2-04

cdef enum CookieAction:          # the table of 5.2.4
    ACTION_RESTART               # A
    ACTION_COLLISION             # B
    ACTION_LATE                  # C
    ACTION_DUPLICATE             # D
    ACTION_NONE


# ASSOCIATE: sends INIT
cdef int start_association(Tcb t, const Route *route, list more, int64_t now) except -1
cdef int begin_from_cookie(Tcb t, StateCookie cookie, const Route *route, int64_t now) except -1
# reads the parameters; causes for a refusal, empty: fine
cdef list check_init(const InitView *init, InitParameters *parameters)
cdef bytes make_init_ack(CookieJar jar, StateCookie cookie, const InitParameters *parameters, uint32_t a_rwnd,
                         uint16_t outbound_streams, uint16_t inbound_streams, list addresses,
                         uint32_t adaptation)
cdef uint32_t agree_on_extensions(InitParameters *theirs, ProtocolParameters ours) noexcept
cdef list listed_addresses(const InitParameters *parameters, const Route *route)
cdef int answer_init(Tcb t, CookieJar jar, const InitView *init, InitParameters *parameters,
                     const Route *route, int64_t now) except -1
cdef int cookie_action(Tcb t, StateCookie cookie) noexcept                          # 5.2.4
cdef int collide(Tcb t, StateCookie cookie, const Route *route, int64_t now) except -1      # action B
cdef int restart(Tcb t, StateCookie cookie, const Route *route, int64_t now) except -1      # action A
cdef int acknowledge_cookie(Tcb t, int64_t now) except -1                          # COOKIE ACK; up if not yet
cdef int on_init_ack(Tcb t, const ChunkView *chunk, const Route *route, int64_t now) except -1
cdef int on_cookie_ack(Tcb t, const ChunkView *chunk, int64_t now) except -1
cdef int on_stale_cookie(Tcb t, uint32_t staleness, int64_t now) except -1
cdef int on_t1(Tcb t, int64_t now) except -1
