"""What to send now: control chunks, SACK, retransmissions, new DATA, bundled into packets.

RFC 9260 sections 6.1 (rules A to D), 6.9 (fragmentation), 6.10 (bundling), 7.2 (windows).
"""
from libc.stdint cimport int64_t

from .tcb cimport Tcb

cdef int transmit(Tcb t, int64_t now) except -1          # 1: the outbox is full and more waits
