"""Giving messages up (RFC 3758 sections 3.5 and 4.1, RFC 7496 section 3).

What has no TSN yet just goes.  A message that has is abandoned whole, at its next loss or when more of it
would be sent; the FORWARD TSN that follows lets the peer go on without it.  Life times of messages that wait
are kept by one timer; without the peer's consent nothing else of all this happens.
"""
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t

from .failed cimport tell_send_failed
from .outstanding cimport OutChunk, Outstanding
from .params cimport PARTIAL_RELIABILITY
from .path cimport Path
from .sendq cimport POLICY_PRIO, POLICY_RTX, POLICY_TTL, RELIABLE, Message, SendQueue
from .serial cimport tsn_t
from .tcb cimport Tcb
from .teardown cimport all_sent, room_for_writer
from .timers cimport TIMER_LIFETIME
from .wire cimport COMMON_HEADER

cdef enum:
    LONGEST_PAUSE = 200000       # microseconds between two FORWARD TSNs that say the same (3758-3.5-07)


cdef int choose_policy(Tcb t, Message *message, uint32_t flags, uint32_t value, int64_t now) except -1:
    """The policy of a message that was just queued; a life time without a policy means TTL, as on Linux."""
    cdef int policy = (flags & SEND_POLICY_MASK) >> SEND_POLICY_SHIFT
    if policy == RELIABLE and value:
        policy = POLICY_TTL
    if policy == RELIABLE or (policy == POLICY_TTL and value == 0):      # 0: for ever
        return 0
    t.send_queue.set_policy(message, policy, value, now)
    if message.expires < t.timers.deadline[TIMER_LIFETIME]:
        t.timers.deadline[TIMER_LIFETIME] = message.expires
        t.reschedule()
    return 0


cdef int review(Tcb t, int64_t now) except -1:
    """TR3, TR4: what has outlived its time, or was lost too often, is given up before anything is sent."""
    cdef const OutChunk *chunk
    cdef tsn_t tsn
    if now >= t.send_queue.next_expiry:
        give_up_expired(t, now)
    t.timers.deadline[TIMER_LIFETIME] = t.send_queue.next_expiry
    while True:
        chunk = t.outstanding.next_marked(&tsn)
        if chunk == NULL or not gives_up(t, chunk, now):
            break
        abandon_sent(t, tsn, now)
    return 0


cdef bint gives_up(Tcb t, const OutChunk *chunk, int64_t now) noexcept:
    """Whether a chunk that was lost ends its message: life time over (TR4), or retransmitted often enough."""
    cdef const Message *message = chunk.message
    if not t.extensions & PARTIAL_RELIABILITY:
        return False
    return message.expires <= now or (message.policy == POLICY_RTX
                                      and chunk.transmissions > message.pr_value)


cdef int give_up_expired(Tcb t, int64_t now) except -1:
    """Messages that wait: without a TSN they just go; of one that has begun the rest goes as well."""
    cdef Message *message = t.send_queue.take_expired(now, t.extensions & PARTIAL_RELIABILITY)
    cdef Message *next
    if message == NULL:
        return 0
    while message != NULL:
        next = message.next
        message.next = NULL
        if message.taken:
            t.outstanding.append_abandoned(message)
            abandon(t, message, t.outstanding.next_tsn - 1)
        else:
            give_up(t, message)
        t.send_queue.release(message)
        message = next
    return after_giving_up(t, now)


cdef int abandon_sent(Tcb t, tsn_t tsn, int64_t now) except -1:
    """Abandon the message that has this TSN, all of it (3758-3.5-03).

    If some of it has no TSN yet, one that is never sent stands for that.  So the message has an end behind
    which the next begins, and a TSN to skip even if all that went out is acknowledged.
    """
    cdef Message *message = t.outstanding.chunk(tsn).message
    if message.taken < message.length:
        t.send_queue.withdraw(message)
        t.outstanding.append_abandoned(message)
        t.send_queue.release(message)
    abandon(t, message, tsn)
    return after_giving_up(t, now)


cdef int abandon(Tcb t, Message *message, tsn_t tsn) except -1:
    give_up(t, message)
    t.outstanding.abandon(tsn)
    return 0


cdef int give_up(Tcb t, Message *message) except -1:
    """Count it, tell the user, free its bytes."""
    t.given_up.count(message.policy, message.stream_id, message.taken != 0)
    tell_send_failed(t, 0, message)
    t.send_queue.forget_data(message)
    t.account()
    return 0


cdef int after_giving_up(Tcb t, int64_t now) except -1:
    if not t.outstanding.marked:
        t.fast_retransmit_now = t.timeout_retransmit_now = False
    forward(t, now)
    room_for_writer(t)
    if t.send_queue.count == 0 and t.outstanding.count() == 0:
        all_sent(t, now)
    return 0


cdef int make_room(Tcb t, uint32_t flags, uint32_t value, int64_t now) except -1:
    """The Priority Policy: the send buffer is full, and less important messages make room for this one.

    A message of another policy, or of none, is more important than all that have the Priority Policy.  First
    go messages that were not sent, then those that were; of equals the newest.
    """
    cdef SendQueue queue = t.send_queue
    cdef bint has_priority = (flags & SEND_POLICY_MASK) >> SEND_POLICY_SHIFT == POLICY_PRIO
    cdef int64_t priority = value if has_priority else -1
    cdef Message *message
    cdef tsn_t tsn
    if not t.extensions & PARTIAL_RELIABILITY:
        return 0
    while t.send_buffer_full():
        message = queue.least_important(priority)
        if message != NULL:
            queue.withdraw(message)
            give_up(t, message)
            queue.release(message)
        elif t.outstanding.least_important(priority, &tsn):
            abandon_sent(t, tsn, now)
        else:
            break
    return 0


# ---- FORWARD TSN (RFC 3758 section 3.5) ------------------------------------------------------------------


cdef int forward(Tcb t, int64_t now) except -1:
    """C3 and C5: FORWARD TSN goes if there is something to skip; the same one again not at each SACK (F2)."""
    cdef Outstanding outstanding = t.outstanding
    cdef Path path = t.forwarded_on
    if outstanding.advanced_peer_ack_point == outstanding.cumulative_tsn_ack:
        t.forward_tsn_due = False
        return 0
    if (path is None or outstanding.advanced_peer_ack_point != t.forwarded_tsn
            or now - t.forwarded_at >= min(path.rto.srtt, LONGEST_PAUSE)):
        t.forward_tsn_due = True
        t.want_transmit()
    elif path.t3_deadline == INT64_MAX:
        path.start_t3(now)
    return 0


cdef uint32_t put_forward_tsn(Tcb t, Path path, uint8_t *packet, uint32_t position, int64_t now) except 0:
    """The chunk, before the packet's DATA; one that does not fit waits for a packet of its own."""
    cdef uint32_t length = t.outstanding.put_forward_tsn(packet + position, path.pmtu - position,
                                                         position == COMMON_HEADER)
    if length:
        t.forward_tsn_due = False
        t.forwarded_tsn = t.outstanding.advanced_peer_ack_point
        t.forwarded_at = now
        t.forwarded_on = path
        if path.t3_deadline == INT64_MAX:
            path.start_t3(now)               # C5: its loss is noticed
    return position + length
