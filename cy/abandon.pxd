"""Partial reliability, the sender's half: which messages are given up, and how the peer learns of it.

RFC 3758 sections 3.5 (abandoned chunks, FORWARD TSN) and 4.1 (timed reliability), RFC 7496 section 3 (limited
retransmissions, priority).  The receiver's half is in transfer and reasm.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from .outstanding cimport OutChunk
from .path cimport Path
from .sendq cimport Message
from .serial cimport tsn_t
from .tcb cimport Tcb

cdef enum:                       # sinfo_flags of RFC 7496 section 4.2, as Linux numbers them
    SEND_POLICY_MASK = 0x30
    SEND_POLICY_SHIFT = 4        # makes one of sendq.Policy


cdef int choose_policy(Tcb t, Message *message, uint32_t flags, uint32_t value, int64_t now) except -1
cdef int review(Tcb t, int64_t now) except -1        # gives up what is over by now; before anything is sent
cdef bint gives_up(Tcb t, const OutChunk *chunk, int64_t now) noexcept   # instead of sending it again
cdef int abandon_sent(Tcb t, tsn_t tsn, int64_t now) except -1       # the message that has this TSN
cdef int make_room(Tcb t, uint32_t flags, uint32_t value, int64_t now) except -1
cdef int forward(Tcb t, int64_t now) except -1       # is a FORWARD TSN due?
cdef uint32_t put_forward_tsn(Tcb t, Path path, uint8_t *packet, uint32_t position, int64_t now) except 0
