"""Messages that could not be delivered: who is told, and how they are got back.

RFC 9260 sections 11.2.2 (SEND FAILURE), 11.1.14 (RECEIVE_UNSENT) and 11.1.15 (RECEIVE_UNACKED); RFC 6458
sections 6.1.4 and 6.1.11.
"""
from .sendq cimport Message
from .tcb cimport Tcb

cdef enum:
    SN_SEND_FAILED = 0x8003
    SN_SEND_FAILED_EVENT = 0x800d


# `error`: a cause code, 0: given up by its policy
cdef int tell_send_failed(Tcb t, int error, const Message *message) except -1
cdef int fail_all(Tcb t, int error) except -1        # the end: everything unacknowledged or unsent has failed
cdef tuple take_failed(Tcb t, Message **chain)       # the first of SendQueue.unacked or .unsent, or None
