"""From reassembly to the user: messages that are whole, and when one goes in pieces.

RFC 9260 section 6.9 (partial delivery); RFC 6458 sections 6.1.7, 8.1.20 and 8.1.21.
"""
from .recvq cimport ReceiveQueue
from .tcb cimport Tcb

cdef enum:
    SN_PARTIAL_DELIVERY_EVENT = 0x8006
    PARTIAL_DELIVERY_ABORTED = 0


cdef int hand_over(Tcb t) except -1              # something went to the user's queue
# If the user has read all that there is, and no more can come before it reads more: the message at the ack
# point goes in pieces.  If one does already, the next piece goes.
cdef int go_on(Tcb t) except -1
cdef int give_up_pieces(Tcb t) except -1         # the message that goes in pieces, if any, has no end
cdef int leave_turns(Tcb t) except -1            # the user changes
cdef int take_turns(ReceiveQueue queue) except -1        # the queue may be free for another such message
