"""The SCTP user: what one socket is to the core.

RFC 9260 section 11 calls the upper layer so.  Whatever the core has to tell (messages and
notifications to read, room to send, a new association to accept, an end) it puts here and enters the
user in the endpoint's ready list; nothing is called back.
"""
from libc.stdint cimport uint32_t, uint64_t

from .recvq cimport ReceiveQueue


cpdef enum Ready:
    READABLE = 1                 # the receive queue has something new
    WRITABLE = 2                 # room in the send buffer after it was full
    ACCEPTABLE = 4               # a new association waits to be accepted
    CONNECTED = 8                # an association left COOKIE-WAIT / COOKIE-ECHOED, up or failed
    ENDED = 16                   # an association is gone (its `error` says why)


cdef class ReadyList:
    cdef SctpUser head, tail
    cdef SctpUser pop(self)      # the next ready user, or None; its `ready` is left for the caller to take


cdef class SctpUser:
    cdef public object owner                 # opaque to the core: the socket that is to be woken
    cdef readonly ReceiveQueue receive_queue
    cdef public uint32_t event_mask          # bit k: later associations tell of type 0x8000 + k
    cdef public uint32_t ready               # Ready flags since they were last taken
    cdef public bint one_to_many             # associations that peers set up are its own at once
    cdef readonly uint32_t associations      # that it has and that have not ended
    # Of the socket's buffers, which its associations share (Tcb.account); with their overhead
    cdef readonly uint64_t held              # what has arrived and was not read
    cdef readonly uint64_t charged           # what was sent and is not acknowledged
    cdef bint writer_waiting                 # a message was refused for want of room
    cdef ReadyList ready_list
    cdef SctpUser next_ready
    cdef bint in_ready_list

    cdef void signal(self, uint32_t flags) noexcept
    # `weight`: the bytes that it keeps alive
    cdef int queue_notification(self, int kind, object association, tuple fields,
                                uint32_t weight=*) except -1
