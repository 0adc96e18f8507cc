"""Paths at work: verification, HEARTBEAT, error counters, failure and recovery of addresses.

RFC 9260 sections 5.1.2, 5.4, 6.4, 8.1, 8.2 and 8.3.
"""
from libc.stdint cimport int64_t, uint32_t

from .address cimport Address, Route
from .params cimport MAX_ADDRESSES
from .path cimport Path
from .tcb cimport Tcb
from .wire cimport ChunkView

cdef enum:
    MOST_PATHS = 1 + MAX_ADDRESSES           # the source of INIT or INIT ACK, and what it lists


cdef enum PathEvidence:          # what cleared the errors of a path: sn_error of the notification
    RECEIVED_SACK = 1
    HEARTBEAT_SUCCESS = 2


cdef bint reaches(Tcb t, const Address *address) noexcept
cdef int choose_local(Tcb t, Route *route) except -1      # which own address is to go in its packets
cdef int add_path(Tcb t, const Address *address, int state) except -1     # a further address of the peer
cdef int count_error(Tcb t, Path path) except -1          # T3 expired, or a HEARTBEAT was not answered
cdef int clear_errors(Tcb t, Path path, int reason) except -1        # the peer answered over this path
cdef Path other_path(Tcb t, Path path)                    # where to send again what timed out on `path`
cdef int set_primary(Tcb t, Path path) except -1
cdef int reschedule_heartbeat(Tcb t, Path path, int64_t now) except -1
cdef bint request_heartbeat(Tcb t, Path path, int64_t now) except -1
cdef int send_heartbeat(Tcb t, Path path, int64_t now) except -1
cdef bint has_room_to_answer(Path path, bytes answer)
cdef int on_heartbeat(Tcb t, const ChunkView *chunk, int64_t now) except -1
cdef int on_heartbeat_ack(Tcb t, const ChunkView *chunk, int64_t now) except -1
cdef int on_heartbeat_timer(Tcb t, Path path, int64_t now) except -1
cdef int packet_too_big(Tcb t, Path path, uint32_t mtu, int64_t now) except -1      # says ICMP
cdef int start_heartbeats(Tcb t, int64_t now) except -1
