"""From reassembly to the user: messages that are whole, and when one goes in pieces.

RFC 9260 section 6.9 (partial delivery); RFC 6458 sections 6.1.7, 8.1.20 and 8.1.21.

Only a message that the receive buffer cannot hold, or that has reached the partial delivery point, goes in
pieces, and a piece only when the user has read all before it: so it takes no more calls than it must.
"""
from cpython.object cimport PyObject
from libc.stdint cimport uint32_t, uint64_t

from .ordering cimport REASSEMBLY_DELIVERED
from .reasm cimport Run
from .recvq cimport ReceiveQueue
from .tcb cimport Tcb
from .user cimport READABLE


cdef int hand_over(Tcb t) except -1:
    """Messages have gone to the user's queue."""
    if t.detached:                           # nobody will read it; the peer must not be held up
        t.user.receive_queue.clear()
    else:
        t.unread_bytes += t.reassembly.delivered_bytes
        t.unread_records += t.reassembly.delivered_records
        t.user.signal(READABLE)
    t.reassembly.delivered_bytes = t.reassembly.delivered_records = 0
    t.account()
    return 0


cdef int go_on(Tcb t) except -1:
    cdef ReceiveQueue queue = t.user.receive_queue
    if t.unread_records or t.reassembly.tail == NULL:
        return 0
    if not t.reassembly.begun:
        if not must_begin(t):
            return 0
        if queue.reserved_for != NULL:       # at level 0, by another association
            await_turn(t, queue)
            return 0
    if t.reassembly.hand_out(queue, t, t.tsn_map.cumulative_tsn) == REASSEMBLY_DELIVERED:
        hand_over(t)
    return 0


cdef bint must_begin(Tcb t) noexcept:
    """Whether the message at the ack point is too long to wait for the rest of it.

    While TSNs are missing there is room for them, however full the buffer is, and it may yet become whole.
    """
    cdef const Run *run = t.reassembly.tail
    cdef uint32_t point = t.parameters.partial_delivery_point
    return (point and run.length >= point) or (t.a_rwnd() < t.least_window() and not t.tsn_map.has_gaps())


cdef int await_turn(Tcb t, ReceiveQueue queue) except -1:
    if not t.awaits_turn:
        t.awaits_turn = True
        if queue.turns is None:
            queue.turns = []
        queue.turns.append(t)
    return 0


cdef int leave_turns(Tcb t) except -1:
    cdef ReceiveQueue queue = t.user.receive_queue
    if t.awaits_turn and queue.turns is not None:
        queue.turns.remove(t)
    t.awaits_turn = False
    return 0


cdef int take_turns(ReceiveQueue queue) except -1:
    cdef Tcb t
    while queue.turns and queue.reserved_for == NULL:
        t = queue.turns.pop(0)
        t.awaits_turn = False
        go_on(t)
    return 0


cdef int give_up_pieces(Tcb t) except -1:
    """Its unread pieces go; the user learns that what it has read has no end (RFC 6458 section 6.1.7)."""
    cdef ReceiveQueue queue
    if t.user is None:
        return 0
    queue = t.user.receive_queue
    leave_turns(t)
    if not t.reassembly.begun:
        return 0
    dropped_bytes, dropped_records = queue.withdraw(<PyObject *>t, t.reassembly.tsn_begun)
    if not t.detached:
        t.unread_bytes -= <uint64_t>dropped_bytes
        t.unread_records -= <uint64_t>dropped_records
    if queue.reserved_for == <PyObject *>t:
        queue.reserved_for = NULL            # this comes in their place
        tell_aborted(t)
        queue.reserved_for = <PyObject *>t
    else:
        tell_aborted(t)
    t.reassembly.forget_pieces(queue, t)
    hand_over(t)
    return take_turns(queue)


cdef int tell_aborted(Tcb t) except -1:
    return t.notify(SN_PARTIAL_DELIVERY_EVENT, (
        PARTIAL_DELIVERY_ABORTED, t.assoc_id, t.reassembly.stream_begun,
        0 if t.reassembly.unordered_begun else t.reassembly.ssn_begun))
