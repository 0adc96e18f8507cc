"""DATA, FORWARD TSN and SACK received, T3-rtx, when to acknowledge (RFC 9260 sections 6.2, 6.3, 7.2)."""
import errno

from libc.stdint cimport INT64_MAX, UINT32_MAX, int64_t, uint32_t, uint64_t

from .abandon cimport forward
from .chunks cimport (
    DataView, ForwardTsnView, SackView, cause_invalid_stream, cause_no_user_data, get_data, get_forward_tsn,
    get_sack, make_tlv,
)
from .delivery cimport give_up_pieces, go_on, hand_over, take_turns
from .ordering cimport REASSEMBLY_DELIVERED, REASSEMBLY_GIVES_UP, REASSEMBLY_VIOLATION
from .outstanding cimport SACK_LIES, SACK_OLD, Flight
from .path cimport PATH_UNCONFIRMED, Path
from .pathmgmt cimport RECEIVED_SACK, clear_errors, count_error, other_path
from .peerwindow cimport mark_lost, recover_dropped, take_window
from .proto cimport (
    DATA_I, DATA_U, DROP_DUPLICATE_DATA, DROP_MALFORMED_CHUNK, DROP_OLD_SACK, DROP_OUTSIDE_WINDOW,
    PROTOCOL_VIOLATION, SHUTDOWN_SENT,
)
from .recvq cimport ReceiveQueue
from .rto cimport rto_back_off, rto_sample
from .serial cimport tsn_le, tsn_lt, tsn_t
from .tcb cimport MOST_CAUSES, Tcb
from .teardown cimport abort_association, all_sent, answer_data_in_shutdown_sent, room_for_writer
from .timers cimport TIMER_SACK
from .tsnmap cimport TSN_DUPLICATE, TSN_NEW
from .wire cimport ChunkView

cdef int ECONNABORTED = errno.ECONNABORTED


cdef int on_data(Tcb t, const ChunkView *chunk, int64_t now) except -1:
    """One DATA chunk (6.2): into the TSN map, then to reassembly and, whole and in order, to the user."""
    cdef DataView data
    cdef ReceiveQueue queue
    cdef int result
    if not get_data(chunk, &data):           # 9260-6.2-12
        return abort_association(t, [make_tlv(PROTOCOL_VIOLATION, b"DATA chunk too short")], ECONNABORTED)
    if data.length == 0:                     # 9260-6.2-11
        return abort_association(t, [cause_no_user_data(data.tsn)], ECONNABORTED)
    t.data_chunks_in += 1
    t.packet_has_data = True
    t.reply_path = t.packet_path             # 9260-6.4-02
    if data.flags & DATA_I or t.tsn_map.has_gaps():
        t.sack_due = True                    # 9260-6.2-07, 6.7-01
    if t.receive_buffer_full() and (tsn_lt(t.tsn_map.highest_tsn, data.tsn) or t.receive_buffer_overrun()):
        t.drop(DROP_OUTSIDE_WINDOW)          # 9260-6.2-02
        t.sack_due = True
        return 0
    result = t.tsn_map.record(data.tsn)
    if result != TSN_NEW:
        t.sack_due = True
        t.drop(DROP_DUPLICATE_DATA if result == TSN_DUPLICATE else DROP_OUTSIDE_WINDOW)
        return 0
    t.advertised_rwnd -= min(t.advertised_rwnd, data.length)     # the peer takes it off the window too
    t.longest_chunk = max(t.longest_chunk, data.length)
    if t.tsn_map.has_gaps():
        t.sack_due = True
        t.statistics.out_of_sequence_tsns += tsn_lt(t.tsn_map.cumulative_tsn, data.tsn)
    if data.flags & DATA_U:
        t.statistics.unordered_chunks_in += 1
    else:
        t.statistics.ordered_chunks_in += 1
    if data.stream_id >= t.inbound_streams:  # 9260-6.5-01: acknowledged, reported, dropped
        if len(t.causes) < MOST_CAUSES:
            t.causes.append(cause_invalid_stream(data.stream_id))
        if tsn_le(data.tsn, t.tsn_map.cumulative_tsn):
            give_up_pieces(t)
        if t.reassembly.pass_over(data.tsn, t.tsn_map.cumulative_tsn) == REASSEMBLY_VIOLATION:
            return contradiction(t)
        return 0
    queue = t.user.receive_queue
    queue.path = t.packet_path.index
    result = t.reassembly.add(&data, queue, t, t.tsn_map.cumulative_tsn)
    if result == REASSEMBLY_GIVES_UP:
        give_up_pieces(t)
        result = t.reassembly.add(&data, queue, t, t.tsn_map.cumulative_tsn)
    if result == REASSEMBLY_DELIVERED:
        hand_over(t)
        if queue.turns:
            take_turns(queue)
    elif result == REASSEMBLY_VIOLATION:
        return contradiction(t)
    if t.reassembly.tail != NULL and t.unread_records == 0:
        go_on(t)
    return 0


cdef int contradiction(Tcb t) except -1:
    return abort_association(t, [make_tlv(PROTOCOL_VIOLATION, b"fragments contradict each other")],
                             ECONNABORTED)


cdef int on_forward_tsn(Tcb t, const ChunkView *chunk, int64_t now) except -1:
    """FORWARD TSN (RFC 3758 section 3.6): what is missing up to there does not come any more."""
    cdef ForwardTsnView skip
    cdef ReceiveQueue queue = t.user.receive_queue
    if not get_forward_tsn(chunk, &skip):
        t.drop(DROP_MALFORMED_CHUNK)
        return 0
    t.packet_has_data = True                 # 3758-3.6-03: acknowledged as DATA is
    t.reply_path = t.packet_path
    if tsn_le(skip.new_cumulative_tsn, t.tsn_map.cumulative_tsn):
        t.sack_due = True                    # 3758-3.6-02: the last SACK may be lost
        return 0
    if t.tsn_map.has_gaps():
        t.sack_due = True
    t.tsn_map.advance_to(skip.new_cumulative_tsn)
    give_up_pieces(t)                        # the next TSN of its message is among those that are skipped
    if t.reassembly.skip(&skip, queue, t, t.tsn_map.cumulative_tsn) == REASSEMBLY_DELIVERED:
        hand_over(t)
    return go_on(t)


cdef int after_packet(Tcb t, int64_t now) except -1:
    """Whether a SACK is due after a packet with DATA: the rules of 6.2, once for a packet."""
    if t.ended:
        return 0
    if t.packet_has_data:
        t.packet_has_data = False
        t.last_received = now
        t.packets_to_acknowledge += 1
        t.account()
        if not t.any_data_received:          # 9260-5.1-08
            t.any_data_received = True
            t.sack_due = True
        if t.packets_to_acknowledge >= t.packet_path.sack_frequency:
            t.sack_due = True
        if t.state == SHUTDOWN_SENT:         # 9260-9.2-03: SHUTDOWN answers; SACK: gaps or duplicates
            t.sack_due = (t.tsn_map.has_gaps() or t.tsn_map.duplicate_count != 0
                          or t.a_rwnd() == 0)            # or a shut window, of which a SHUTDOWN says nothing
            t.packets_to_acknowledge = 0
            window_opened(t, now)
            answer_data_in_shutdown_sent(t, now)
        elif not t.sack_due and t.timers.deadline[TIMER_SACK] == INT64_MAX:
            t.timers.deadline[TIMER_SACK] = now + t.packet_path.sack_delay
    return 0


cdef int on_sack_timer(Tcb t, int64_t now) except -1:
    t.timers.deadline[TIMER_SACK] = INT64_MAX
    t.sack_due = True
    t.want_transmit()
    return 0


cdef int window_opened(Tcb t, int64_t now) except -1:
    """A window update is worth a SACK (9260-6.2-05, RFC 1122 section 4.2.3.3).

    That is when a quarter of the buffer has opened since the last SACK, and at the latest when a peer that
    had no window for a packet has one: it may be waiting.
    """
    cdef uint32_t window, least = t.least_window()
    t.account()
    if t.ended or t.sack_due:
        return 0
    window = t.a_rwnd()
    if window > t.advertised_rwnd and (window - t.advertised_rwnd >= t.parameters.receive_buffer // 4
                                       or t.advertised_rwnd < least <= window):
        t.sack_due = True
        t.want_transmit()
    return 0


cdef int on_sack(Tcb t, const ChunkView *chunk, int64_t now) except -1:
    """SACK (6.2.1): what arrived, what is missing, how much the peer can take."""
    cdef SackView sack
    if not get_sack(chunk, &sack):
        t.drop(DROP_MALFORMED_CHUNK)
        return 0
    t.sacks_in += 1
    return apply_sack(t, &sack, True, now)


cdef int take_cumulative_ack(Tcb t, tsn_t cumulative_tsn_ack, int64_t now) except -1:
    """The ack of a SHUTDOWN: it has no gap blocks, which is not reneging (9260-3.3.8-02)."""
    cdef SackView sack
    sack.cumulative_tsn_ack = cumulative_tsn_ack
    # It says nothing of the window, so that is as it was: what is acknowledged now leaves it (6.2.1).
    sack.a_rwnd = <uint32_t>min(t.peer_rwnd + t.outstanding.data_bytes, <uint64_t>UINT32_MAX)
    sack.gap_count = sack.duplicate_count = 0
    sack.gaps = sack.duplicates = NULL
    return apply_sack(t, &sack, False, now)


cdef int apply_sack(Tcb t, SackView *sack, bint is_sack, int64_t now) except -1:
    cdef tsn_t ack_point = t.outstanding.cumulative_tsn_ack
    cdef bint was_fast_recovery = t.outstanding.fast_recovery
    cdef bint advanced
    cdef int verdict
    verdict = t.outstanding.process_sack(sack, t.send_queue, is_sack)
    if verdict == SACK_OLD:
        t.drop(DROP_OLD_SACK)
        return 0
    if verdict == SACK_LIES:                 # 9260-12-03
        return abort_association(t, [make_tlv(PROTOCOL_VIOLATION, b"SACK for what was not sent")],
                                 ECONNABORTED)
    advanced = t.outstanding.cumulative_tsn_ack != ack_point
    t.sack_since_t3 = True
    if t.outstanding.any_newly_acked:
        t.error_count = 0                    # 9260-8.1-02: whichever path it came by
    update_paths(t, was_fast_recovery, now)
    t.statistics.gap_blocks_in += sack.gap_count
    if sack.gap_count and t.outstanding.count_misses(sack, advanced):
        lose(t, now)
    take_window(t, sack.a_rwnd, now)
    if t.outstanding.abandoned or t.forward_tsn_due:
        forward(t, now)
    room_for_writer(t)
    if advanced and t.send_queue.count == 0 and t.outstanding.count() == 0:
        all_sent(t, now)
    return 0


cdef int update_paths(Tcb t, bint was_fast_recovery, int64_t now) except -1:
    """Round trips, windows, counters and T3-rtx of each path, by what the SACK did to its flight."""
    cdef Path path
    cdef Flight *flight
    for path in t.paths:
        flight = &t.outstanding.flights[path.index]
        if flight.newly_acked:
            path.after_timeout = False
            t.probe_outstanding = False
            if flight.rtt == 0:
                rto_sample(&path.rto, now - flight.timed_at, t.parameters)
            # 9260-7.2.4-05: growth before the loss that the same SACK may report
            path.cc.on_acknowledged(flight.newly_acked, flight.duplicated, flight.bytes_before, flight.bytes,
                                    was_fast_recovery)
            if path.state != PATH_UNCONFIRMED:
                clear_errors(t, path, RECEIVED_SACK)
        if flight.bytes == 0:
            path.stop_t3()                   # 6.3.2, R2
        elif flight.lowest_acked or path.t3_deadline == INT64_MAX:
            path.start_t3(now)               # R3, R4
    return 0


cdef int lose(Tcb t, int64_t now) except -1:
    """Fast retransmit (7.2.4): chunks were just marked by their third miss report."""
    cdef Path path
    if t.outstanding.fast_recovery:
        return 0
    for path in t.paths:
        if t.outstanding.flights[path.index].lost:
            path.cc.on_loss()
    t.outstanding.fast_recovery = True
    t.outstanding.fast_recovery_exit = t.outstanding.next_tsn - 1
    t.fast_retransmit_now = True
    return 0


cdef int on_t3(Tcb t, Path path, int64_t now) except -1:
    """T3-rtx expired (6.3.3), or, with nothing outstanding, it is time to probe a shut window (6.1 A)."""
    path.stop_t3()
    if t.outstanding.count() == 0 and t.send_queue.count == 0:
        return 0                             # what should have been the probe was given up
    if recover_dropped(t, now) and t.outstanding.marked:
        return 0                             # else it is a T3 like any other
    rto_back_off(&path.rto, t.parameters)
    if t.outstanding.count() == 0:
        t.probing = True
        t.want_transmit()
        return 0
    if not t.probe_outstanding and not t.window_shut:        # a shut window is no congestion
        path.cc.on_timeout()
        path.after_timeout = True
    if not (t.peer_rwnd == 0 and t.sack_since_t3):       # 9260-6.1-03: a probe that is answered is no error
        count_error(t, path)
        if t.ended:
            return 0
    t.sack_since_t3 = False
    mark_lost(t, path, other_path(t, path), t.outstanding.next_tsn)      # 9260-6.4-03
    if t.window_shut:
        t.peer_rwnd = 0                      # what it has lost does not open it
    t.outstanding.fast_recovery = False
    t.timeout_retransmit_now = t.outstanding.marked != 0
    t.forward_tsn_due = t.outstanding.advanced_peer_ack_point != t.outstanding.cumulative_tsn_ack    # A5
    t.want_transmit()
    return 0
