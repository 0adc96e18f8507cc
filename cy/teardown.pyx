"""The ends of an association: graceful shutdown, abort, failure (RFC 9260 sections 8.1, 9.1, 9.2)."""
import errno

from libc.stdint cimport INT64_MAX, int64_t, uint64_t

from .chunks cimport make_abort, make_chunk, make_shutdown, make_tlv
from .delivery cimport give_up_pieces
from .emit cimport emit_on
from .failed cimport fail_all
from .path cimport PATH_UNCONFIRMED, Path
from .proto cimport (
    CLOSED, COOKIE_ECHOED, COOKIE_WAIT, DROP_MALFORMED_CHUNK, ESTABLISHED, FLAG_T, PROTOCOL_VIOLATION,
    SHUTDOWN, SHUTDOWN_ACK, SHUTDOWN_ACK_SENT, SHUTDOWN_COMPLETE, SHUTDOWN_PENDING, SHUTDOWN_RECEIVED,
    SHUTDOWN_SENT, USER_INITIATED_ABORT,
)
from .tcb cimport Tcb
from .timers cimport TIMER_AUTOCLOSE, TIMER_T2_SHUTDOWN, TIMER_T5_GUARD, stop_all
from .user cimport CONNECTED, ENDED, READABLE, WRITABLE
from .wire cimport CURSOR_ITEM, ChunkView, Cursor, TlvView, next_tlv

cdef int ECONNABORTED = errno.ECONNABORTED
cdef int ECONNREFUSED = errno.ECONNREFUSED
cdef int ECONNRESET = errno.ECONNRESET
cdef int ETIMEDOUT = errno.ETIMEDOUT
cdef enum:
    ORPHAN_STEPS = 16            # of what an orphan has in its send buffer one goes each guard interval
    MOST_UNREAD = 1000           # records of a user who does not read; then reports of the peer are lost
cdef bytes SHUTDOWN_ACK_CHUNK = make_chunk(SHUTDOWN_ACK, 0, b"")
cdef bytes SHUTDOWN_COMPLETE_CHUNK = make_chunk(SHUTDOWN_COMPLETE, 0, b"")


cdef int tell_change(Tcb t, int change, int error_code, bytes info) except -1:
    """SCTP_ASSOC_CHANGE (RFC 6458 section 6.1.1); one that ends the association has no streams."""
    cdef bint up = change == COMM_UP or change == RESTART
    return t.notify(SN_ASSOC_CHANGE, (change, error_code, t.outbound_streams if up else 0,
                                      t.inbound_streams if up else 0, t.assoc_id, info))


cdef int delete_tcb(Tcb t, int error, int change) except -1:
    """The association is over: nothing is sent or retransmitted any more, and the user is told why."""
    cdef Path path
    if t.ended:
        return 0
    t.ended = True
    t.shared.ended.append(t)
    t.error = error
    t.state = CLOSED
    stop_all(&t.timers)
    for path in t.paths:
        path.stop_t3()
        path.heartbeat_deadline = INT64_MAX
    t.control = []
    t.causes = []
    t.cookie_echo = None
    t.init_chunk = None
    give_up_pieces(t)
    t.reassembly.reset()
    tell_change(t, change, t.cause_code, t.cause_data)
    fail_all(t, t.cause_code)                # behind COMM_LOST, as on Linux
    t.account()
    if t.user is not None:
        t.user.signal(READABLE | WRITABLE | CONNECTED | ENDED)
    return 0


cdef int abort_association(Tcb t, list causes, int error) except -1:
    """Tell the peer by ABORT and delete the TCB (9.1).  `causes` are encoded."""
    if causes:
        t.cause_code = (causes[0][0] << 8) | causes[0][1]        # the user gets the causes of the peer only
    return send_abort_and_delete(t, causes, error)


cdef int give_up(Tcb t, bytes reason) except -1:
    """Nobody answers any more (8.1, 9.2).  A peer that only is unheard is told, as by Linux and usrsctp."""
    return send_abort_and_delete(t, [make_tlv(PROTOCOL_VIOLATION, reason)], ETIMEDOUT)


cdef int send_abort_and_delete(Tcb t, list causes, int error) except -1:
    if not t.ended and t.peer_tag:
        emit_on(t, t.sending_path(), t.peer_tag, make_abort(False, causes))
    return delete_tcb(t, error, CANT_STR_ASSOC if t.state in (COOKIE_WAIT, COOKIE_ECHOED) else COMM_LOST)


cdef int shutdown_primitive(Tcb t, int64_t now) except -1:
    """The SHUTDOWN primitive (11.1.3): accept no more from the user, send what is queued, then close.

    A message without its end (RFC 6458 section 8.1.26) cannot be finished any more: that is an ABORT.
    """
    t.shutdown_requested = True
    return begin_shutdown(t, now)


cdef int begin_shutdown(Tcb t, int64_t now) except -1:
    if t.send_queue.open and t.state in (ESTABLISHED, COOKIE_WAIT, COOKIE_ECHOED):
        return abort_association(t, [make_tlv(USER_INITIATED_ABORT, b"a message without its end")],
                                 ECONNABORTED)
    if t.state == ESTABLISHED:
        t.state = SHUTDOWN_PENDING
        continue_shutdown(t, now)
        t.want_transmit()
    elif t.state in (COOKIE_WAIT, COOKIE_ECHOED) and t.send_queue.count == 0 and t.outstanding.count() == 0:
        abort_association(t, [], 0)          # else the data that is queued goes first
    if t.user is not None:
        t.user.writer_waiting = False
        t.user.signal(WRITABLE)              # a send fails at once from now on
    return 0


cdef int continue_shutdown(Tcb t, int64_t now) except -1:
    """9.2: once nothing is outstanding, SHUTDOWN or SHUTDOWN ACK goes out."""
    if t.send_queue.count or t.outstanding.count():
        return 0
    if t.state == SHUTDOWN_PENDING:
        t.state = SHUTDOWN_SENT
        if not t.detached:                   # an orphan's runs already, and nothing puts it off
            start_guard(t, now)
        start_t2(t, now)
        send_shutdown(t)
    elif t.state == SHUTDOWN_RECEIVED:
        t.state = SHUTDOWN_ACK_SENT
        start_t2(t, now)
        queue_control(t, SHUTDOWN_ACK_CHUNK)
    return 0


cdef int room_for_writer(Tcb t) except -1:
    t.account()
    if not t.send_buffer_full():
        t.wake_writer()
    return 0


cdef int all_sent(Tcb t, int64_t now) except -1:
    """Nothing waits any more, for a TSN or for an acknowledgement."""
    t.notify(SN_SENDER_DRY_EVENT, (t.assoc_id,))
    return continue_shutdown(t, now)


cdef int start_t2(Tcb t, int64_t now) except -1:
    t.retransmissions = 0
    t.back_off = t.primary.rto.rto
    t.timers.deadline[TIMER_T2_SHUTDOWN] = now + t.back_off
    return 0


cdef int queue_control(Tcb t, bytes chunk) except -1:
    t.control.append(chunk)
    t.want_transmit()
    return 0


cdef int send_shutdown(Tcb t) except -1:
    """SHUTDOWN with the current Cumulative TSN Ack; one that still waits is replaced."""
    t.control = [chunk for chunk in t.control if chunk[0] != SHUTDOWN]
    return queue_control(t, make_shutdown(t.tsn_map.cumulative_tsn))


cdef int answer_data_in_shutdown_sent(Tcb t, int64_t now) except -1:
    """9260-9.2-03: each packet with DATA is answered at once, and gives the peer time for more."""
    start_t2(t, now)
    return send_shutdown(t)


cdef int peer_is_alive(Tcb t, int64_t now) except -1:
    """9260-9.2-02: whatever comes in SHUTDOWN-SENT, the count and the back-off of T2 begin anew.

    Only DATA puts the next SHUTDOWN off, though: a peer that missed the last one goes on with HEARTBEATs.
    """
    cdef int64_t deadline = t.timers.deadline[TIMER_T2_SHUTDOWN]
    start_t2(t, now)
    t.timers.deadline[TIMER_T2_SHUTDOWN] = min(deadline, t.timers.deadline[TIMER_T2_SHUTDOWN])
    return 0


cdef int on_t2(Tcb t, int64_t now) except -1:
    """T2-shutdown expired: SHUTDOWN or SHUTDOWN ACK again, up to Association.Max.Retrans times."""
    t.retransmissions += 1
    if t.retransmissions > t.parameters.association_max_retrans:
        return give_up(t, b"no answer to SHUTDOWN or SHUTDOWN ACK")
    t.back_off = min(2 * t.back_off, t.parameters.rto_max)
    t.timers.deadline[TIMER_T2_SHUTDOWN] = now + t.back_off
    if t.state == SHUTDOWN_SENT:
        send_shutdown(t)
    else:
        queue_control(t, SHUTDOWN_ACK_CHUNK)
    return 0


cdef int start_guard(Tcb t, int64_t now) except -1:
    t.timers.deadline[TIMER_T5_GUARD] = now + 5 * t.parameters.rto_max
    return 0


cdef int guard_orphan(Tcb t, int64_t now) except -1:
    """The user has closed: whatever the peer does, in whatever state, T5 ends what is left."""
    t.orphan_bytes = t.send_queue.bytes_charged
    t.orphan_step = t.orphan_bytes // ORPHAN_STEPS + 1
    if t.timers.deadline[TIMER_T5_GUARD] == INT64_MAX:
        start_guard(t, now)
    return 0


cdef int on_t5(Tcb t, int64_t now) except -1:
    """9260-9.2-04: the guard bounds the whole shutdown.

    An orphan that has data gets another turn if the peer has taken a good part of it in the last one.  That
    is what the cumulative ack has passed: gap blocks can be taken back, probes of a shut window take nothing.
    """
    cdef uint64_t left = t.send_queue.bytes_charged
    if t.orphan_bytes and left <= t.orphan_bytes - min(t.orphan_bytes, t.orphan_step):
        t.orphan_bytes = left
        return start_guard(t, now)
    return give_up(t, b"T5-shutdown-guard expired")


cdef int on_autoclose(Tcb t, int64_t now) except -1:
    """Idle for long enough (RFC 6458 section 8.1.8): a graceful end; DATA meanwhile puts it off."""
    cdef int64_t last = t.last_received
    cdef Path path
    for path in t.paths:
        last = max(last, path.last_sent)
    if now - last < t.parameters.autoclose:
        t.timers.deadline[TIMER_AUTOCLOSE] = last + t.parameters.autoclose
        return 0
    t.timers.deadline[TIMER_AUTOCLOSE] = INT64_MAX
    return begin_shutdown(t, now)            # nobody asked: a peer that restarts meanwhile may go on


cdef int on_shutdown(Tcb t, const ChunkView *chunk, int64_t now) except -1:
    """SHUTDOWN (9.2); its cumulative ack was applied before.

    In SHUTDOWN-ACK-SENT it does not clear the count of T2: only the sender of a SHUTDOWN does that.
    """
    if t.state in (ESTABLISHED, SHUTDOWN_PENDING):
        t.state = SHUTDOWN_RECEIVED
        tell_peer_shutdown(t)
        continue_shutdown(t, now)
        t.want_transmit()
    elif t.state == SHUTDOWN_SENT:           # both at once (9260-4-13)
        t.state = SHUTDOWN_ACK_SENT
        tell_peer_shutdown(t)
        start_t2(t, now)
        queue_control(t, SHUTDOWN_ACK_CHUNK)
    elif t.state == SHUTDOWN_ACK_SENT and SHUTDOWN_ACK_CHUNK not in t.control:   # our SHUTDOWN ACK was lost
        queue_control(t, SHUTDOWN_ACK_CHUNK)
    return 0


cdef int tell_peer_shutdown(Tcb t) except -1:
    t.peer_shutdown = True
    t.notify(SN_SHUTDOWN_EVENT, (t.assoc_id,))
    if t.user is not None:
        t.user.signal(READABLE | WRITABLE)
    return 0


cdef int on_shutdown_ack(Tcb t, const ChunkView *chunk, int64_t now) except -1:
    """SHUTDOWN ACK: answer SHUTDOWN COMPLETE and delete (9260-4-12, 4-16)."""
    cdef Path path = t.packet_path
    if path.state == PATH_UNCONFIRMED:
        path = t.sending_path()              # 9260-5.4-06
    emit_on(t, path, t.peer_tag, SHUTDOWN_COMPLETE_CHUNK)
    return delete_tcb(t, 0, SHUTDOWN_COMP)


cdef int on_shutdown_complete(Tcb t, const ChunkView *chunk, int64_t now) except -1:
    return delete_tcb(t, 0, SHUTDOWN_COMP)


cdef int on_abort(Tcb t, const ChunkView *chunk, int64_t now) except -1:
    """A valid ABORT deletes the TCB; the user gets its causes (9.1)."""
    cdef bint setting_up = t.state in (COOKIE_WAIT, COOKIE_ECHOED)
    cdef Cursor cursor
    cdef TlvView cause
    t.cause_data = (<const char *>chunk.value)[:chunk.value_length]
    cursor.position = chunk.value
    cursor.end = chunk.value + chunk.value_length
    if next_tlv(&cursor, &cause) == CURSOR_ITEM:
        t.cause_code = cause.type
    if t.state == SHUTDOWN_ACK_SENT and chunk.flags & FLAG_T:
        # The peer has no TCB any more: it had our SHUTDOWN ACK, and only its SHUTDOWN COMPLETE was lost.
        return delete_tcb(t, 0, SHUTDOWN_COMP)
    return delete_tcb(t, ECONNREFUSED if setting_up else ECONNRESET,
                      CANT_STR_ASSOC if setting_up else COMM_LOST)


cdef int on_error(Tcb t, const ChunkView *chunk, int64_t now) except -1:
    """ERROR (3.3.10): not fatal; each cause is told to the user as SCTP_REMOTE_ERROR."""
    cdef Cursor cursor
    cdef TlvView cause
    cdef int result
    cursor.position = chunk.value
    cursor.end = chunk.value + chunk.value_length
    while True:
        result = next_tlv(&cursor, &cause)
        if result != CURSOR_ITEM:
            break
        if t.user is not None and t.user.receive_queue.waiting() < MOST_UNREAD:
            t.notify(SN_REMOTE_ERROR, (cause.type, t.assoc_id, (<const char *>cause.start)[:cause.length]))
    if result < 0:
        t.drop(DROP_MALFORMED_CHUNK)
    return 0
