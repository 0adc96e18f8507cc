"""Paths at work: HEARTBEAT, error counters, failure and recovery of addresses.

RFC 9260 sections 5.4, 6.4, 8.1, 8.2 and 8.3.  Several paths are the next change; the functions are per
path already.
"""
from libc.stdint cimport int64_t

from .path cimport Path
from .tcb cimport Tcb
from .wire cimport ChunkView

cdef int count_error(Tcb t, Path path) except -1          # T3 expired, or a HEARTBEAT was not answered
cdef int clear_errors(Tcb t, Path path) except -1         # the peer answered over this path
cdef int on_heartbeat(Tcb t, const ChunkView *chunk, int64_t now) except -1
cdef int on_heartbeat_ack(Tcb t, const ChunkView *chunk, int64_t now) except -1
cdef int on_heartbeat_timer(Tcb t, Path path, int64_t now) except -1
cdef int start_heartbeats(Tcb t, int64_t now) except -1
