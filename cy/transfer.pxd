"""DATA, FORWARD TSN and SACK received, T3-rtx, and when to acknowledge.

RFC 9260 sections 6.2 (acknowledging), 6.2.1 (processing a SACK), 6.3.3 (T3-rtx), 7.2 (congestion control);
RFC 3758 section 3.6 (receiving FORWARD TSN).
"""
from libc.stdint cimport int64_t

from .path cimport Path
from .serial cimport tsn_t
from .tcb cimport Tcb
from .wire cimport ChunkView

cdef int on_data(Tcb t, const ChunkView *chunk, int64_t now) except -1
cdef int on_forward_tsn(Tcb t, const ChunkView *chunk, int64_t now) except -1
cdef int on_sack(Tcb t, const ChunkView *chunk, int64_t now) except -1
cdef int take_cumulative_ack(Tcb t, tsn_t cumulative_tsn_ack, int64_t now) except -1     # of a SHUTDOWN
cdef int after_packet(Tcb t, int64_t now) except -1       # the SACK decision, once for a packet
cdef int on_sack_timer(Tcb t, int64_t now) except -1
cdef int on_t3(Tcb t, Path path, int64_t now) except -1
cdef int window_opened(Tcb t, int64_t now) except -1      # the user has read
