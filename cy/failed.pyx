"""SEND FAILURE, RECEIVE_UNSENT and RECEIVE_UNACKED (RFC 9260 sections 11.1.14, 11.1.15 and 11.2.2).

One report for a message, with all of it, also if parts have arrived.  Whoever does not read the reports
loses some: what waits to be read is at most about twice the send buffer.
"""
from libc.stdint cimport uint32_t, uint64_t

from .outstanding cimport Outstanding
from .sendq cimport MESSAGE_OVERHEAD, Message
from .serial cimport tsn_t
from .tcb cimport Tcb

cdef enum:
    DATA_UNSENT = 0              # flags of the notification
    DATA_SENT = 1
    BOTH_EVENTS = 1 << (SN_SEND_FAILED & 31) | 1 << (SN_SEND_FAILED_EVENT & 31)


cdef int tell_send_failed(Tcb t, int error, const Message *message) except -1:
    """SCTP_SEND_FAILED and SCTP_SEND_FAILED_EVENT, each if it is subscribed."""
    cdef tuple fields
    cdef uint32_t weight = message.length + MESSAGE_OVERHEAD
    if (t.user is None or not t.event_mask & BOTH_EVENTS
            or t.user.receive_queue.waiting_notified() >= 2 * <uint64_t>t.parameters.send_buffer):
        return 0
    fields = (DATA_SENT if message.taken else DATA_UNSENT, error,
              (message.stream_id, message.send_flags, message.ppid, message.context, message.pr_value),
              t.assoc_id, <object>message.data)
    t.notify(SN_SEND_FAILED, fields, weight)
    return t.notify(SN_SEND_FAILED_EVENT, fields, weight)


cdef int fail_all(Tcb t, int error) except -1:
    """Report what was sent and not acknowledged, then what was not sent; both can be got back afterwards."""
    cdef Outstanding outstanding = t.outstanding
    cdef Message *message
    cdef Message *last = NULL
    cdef Message **end = &t.send_queue.unacked
    cdef tsn_t tsn
    t.send_queue.unsent = t.send_queue.take_all()
    if outstanding is not None:
        tsn = outstanding.cumulative_tsn_ack + 1
        while tsn != outstanding.next_tsn:
            message = outstanding.chunk(tsn).message
            if message != last and message.data != NULL and message != t.send_queue.unsent:
                message.fragments += 1
                end[0] = message
                end = &message.next
            last = message
            tsn += 1
    if t.send_queue.unsent != NULL and t.send_queue.unsent.taken:        # a part of it was sent
        end[0] = t.send_queue.unsent
        t.send_queue.unsent = t.send_queue.unsent.next
        end[0].next = NULL
    if outstanding is not None:
        outstanding.clear(t.send_queue)
    tell_chain(t, error, t.send_queue.unacked)
    tell_chain(t, error, t.send_queue.unsent)
    if t.detached:                           # nobody will ask for them
        t.send_queue.forget_failed()
    return 0


cdef int tell_chain(Tcb t, int error, const Message *message) except -1:
    while message != NULL:
        tell_send_failed(t, error, message)
        message = message.next
    return 0


cdef tuple take_failed(Tcb t, Message **chain):
    cdef Message *message = chain[0]
    cdef tuple found
    if message == NULL:
        return None
    found = (<object>message.data, message.stream_id, message.ssn, message.ppid, message.send_flags,
             message.context)
    chain[0] = message.next
    t.send_queue.release(message)
    return found
