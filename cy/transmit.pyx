"""What to send now (RFC 9260 sections 6.1, 6.2, 6.9 and 6.10)."""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from .abandon cimport abandon_sent, gives_up, put_forward_tsn, review
from .chunks cimport put_data_header
from .crc32c cimport seal_packet
from .outstanding cimport Flight, OutChunk, Outstanding
from .path cimport PATH_ACTIVE, Path
from .proto cimport (
    COOKIE_ECHOED, DATA_B, DATA_E, DATA_I, DATA_U, ESTABLISHED, SACK, SHUTDOWN_PENDING,
    SHUTDOWN_RECEIVED,
)
from .sendq cimport ANY_PATH, Message, SendQueue
from .serial cimport pad4, tsn_lt, tsn_t
from .tcb cimport Tcb
from .timers cimport TIMER_SACK
from .wire cimport COMMON_HEADER, DATA_HEADER, get16, put16, put32

cdef enum:
    SACK_HEADER = 16
    MOST_OUTSTANDING = 65535     # gap blocks reach no further, and SSNs stay unambiguous (9260-6.1-10)
    MOST_SKIPPABLE = 32767       # where SSNs may be skipped: so passed ones and new ones differ
    LEAST_FRAGMENT = 512         # no smaller piece of a message is cut off just to fill a packet


cdef int transmit(Tcb t, int64_t now) except -1:
    """Write as many packets as there is cause and leave for; 1 if the outbox is full and more waits."""
    cdef Path path, last = None
    cdef uint8_t *packet
    cdef uint32_t length, limit = 0
    if t.ended or t.state < COOKIE_ECHOED:
        return 0
    if t.send_queue.partial:
        review(t, now)
    if t.heartbeats_due and t.state != COOKIE_ECHOED and send_path_control(t):
        t.want_transmit()
        return 1
    while t.state != COOKIE_ECHOED or t.cookie_echo_due:     # 9260-5.1-04: nothing else until COOKIE ACK
        path = next_path(t)
        if path is not last:
            limit = burst_limit(t, path)
            last = path
        packet = t.shared.outbox.reserve(next_size(t, path))
        if packet == NULL:
            t.want_transmit()
            t.reschedule()
            return 1
        length = fill_packet(t, path, packet, limit, now)
        if length == COMMON_HEADER:
            break
        send_packet(t, path, packet, length)
    t.reschedule()
    return 0


cdef uint32_t next_size(Tcb t, Path path) noexcept:
    """The room that the next packet may take: more than the PMTU for what was made before that fell (6.9)."""
    cdef uint32_t longest = path.pmtu
    if t.cookie_echo_due:
        longest = max(longest, COMMON_HEADER + <uint32_t>PyBytes_GET_SIZE(t.cookie_echo))
    if t.control:
        longest = max(longest, COMMON_HEADER + <uint32_t>PyBytes_GET_SIZE(<bytes>t.control[0]))
    if t.outstanding.marked:
        longest = max(longest, COMMON_HEADER + DATA_HEADER + pad4(t.outstanding.longest))
    return longest


cdef Path next_path(Tcb t):
    """Where the next packet goes: answers to where the question came from (6.4), then DATA."""
    if t.cookie_echo_due:
        return t.primary
    if t.control or t.sack_due:
        return answer_path(t)
    return data_path(t)


cdef Path answer_path(Tcb t):
    """SACK and control chunks go to the source of what they answer, if it is confirmed (9260-6.4-02)."""
    return t.reply_path if t.reply_path.state == PATH_ACTIVE else t.sending_path()


cdef Path data_path(Tcb t):
    """The path of the next DATA packet: that of the earliest chunk to be sent again, else of new data."""
    cdef OutChunk *chunk
    cdef Path path
    cdef tsn_t tsn
    if t.outstanding.marked:
        chunk = t.outstanding.next_marked(&tsn)
        path = t.paths[chunk.target]
        if path.state == PATH_ACTIVE:
            return path
    return new_data_path(t)


cdef Path new_data_path(Tcb t):
    """Of the next message: the one that its sender chose (RFC 6458 section 5.3.2), while that works."""
    cdef Message *message = t.send_queue.first
    cdef Path path
    if message != NULL and message.path != ANY_PATH and message.path < len(t.paths):
        path = t.paths[message.path]
        if path.state == PATH_ACTIVE:
            return path
    return t.sending_path()


cdef uint32_t burst_limit(Tcb t, Path path) noexcept:
    """Rule D: Max.Burst acts as a smaller cwnd, for this sending only."""
    cdef uint64_t burst                      # Max.Burst may be any number of 32 bits
    if t.parameters.max_burst == 0:
        return path.cc.cwnd
    burst = t.outstanding.flights[path.index].bytes + <uint64_t>t.parameters.max_burst * path.cc.pmdcs
    return <uint32_t>min(<uint64_t>path.cc.cwnd, burst)


cdef bint send_path_control(Tcb t) except -1:
    """HEARTBEAT and HEARTBEAT ACK go on their own path and no other; True if the outbox has no room.

    Other answers go with them where they can: one packet for a packet (9260-12-01).
    """
    cdef Path path
    cdef uint8_t *packet
    cdef uint32_t length
    for path in t.paths:
        while path.control:
            packet = t.shared.outbox.reserve(max(
                next_size(t, path), COMMON_HEADER + <uint32_t>PyBytes_GET_SIZE(<bytes>path.control[0])))
            if packet == NULL:
                return True
            length = COMMON_HEADER
            if path is answer_path(t):       # first: COOKIE ACK has to be (9260-5.1-05)
                length = put_control(t, path, t.control, packet)
            length = put_control(t, path, path.control, packet, length)
            if length > COMMON_HEADER:
                send_packet(t, path, packet, length)
        path.control = None
    t.heartbeats_due = False
    return False


cdef int send_packet(Tcb t, Path path, uint8_t *packet, uint32_t length) except -1:
    put16(packet, t.local_port)
    put16(packet + 2, t.peer_port)
    put32(packet + 4, t.peer_tag)
    seal_packet(packet, length)
    t.shared.outbox.commit(length, &path.route)
    t.packets_out += 1
    t.bytes_out += length
    path.packets_sent += 1
    return 0


cdef uint32_t fill_packet(Tcb t, Path path, uint8_t *packet, uint32_t limit, int64_t now) except 0:
    """Bundle one packet: control chunks first, then a SACK, then DATA; its length (12: nothing to send)."""
    cdef uint32_t position = COMMON_HEADER, before
    cdef Flight *flight = &t.outstanding.flights[path.index]
    cdef uint64_t in_flight = t.outstanding.data_bytes
    cdef bint data, answers
    if t.cookie_echo_due:
        position = put_cookie_echo(t, packet, path.pmtu)
    answers = t.sack_due or t.control or t.packets_to_acknowledge
    if answers and t.state != COOKIE_ECHOED:
        answers = path is answer_path(t)
    if answers and t.control:
        position = put_control(t, path, t.control, packet, position)
    if position >= path.pmtu:
        return position
    data = data_may_go(t, path, flight, limit)
    if answers and t.state != COOKIE_ECHOED and (
            t.sack_due or (t.packets_to_acknowledge and (data or position > COMMON_HEADER))):
        if path.pmtu - position >= SACK_HEADER:
            position = put_sack(t, packet, position, path.pmtu)
    if t.forward_tsn_due and t.state != COOKIE_ECHOED and path is data_path(t):
        position = put_forward_tsn(t, path, packet, position, now)
    before = position
    if data:
        position = put_data(t, path, flight, packet, position, limit, now)
        if position != before:
            path.last_sent = now
            if t.send_buffer_full() and t.send_queue.first == NULL:
                ask_for_sack(packet, before, position)   # nobody can add to what is on its way
            elif in_flight == 0 and (flight.bytes >= limit or t.peer_rwnd < path.cc.pmdcs):
                ask_for_sack(packet, before, position)   # one packet fills the window
            if path.t3_deadline == INT64_MAX and t.state != COOKIE_ECHOED:
                path.start_t3(now)           # 9260-6.1-09
    return position


cdef void ask_for_sack(uint8_t *packet, uint32_t position, uint32_t end) noexcept nogil:
    """The I bit in the last of a packet's DATA chunks: all waits for its SACK (6.1, RFC 7053 section 4)."""
    cdef uint32_t last = position
    while position < end:
        last = position
        position += pad4(get16(packet + position + 2))
    packet[last + 1] |= DATA_I


cdef uint32_t put_cookie_echo(Tcb t, uint8_t *packet, uint32_t pmtu) except 0:
    """COOKIE ECHO is the first chunk of its packet (9260-3.2.2-04)."""
    cdef uint32_t size = <uint32_t>PyBytes_GET_SIZE(t.cookie_echo)
    t.cookie_echo_due = False
    if COMMON_HEADER + size > pmtu:
        return put_oversized(packet, t.cookie_echo)
    memcpy(packet + COMMON_HEADER, PyBytes_AS_STRING(t.cookie_echo), size)
    return COMMON_HEADER + size


cdef uint32_t put_control(Tcb t, Path path, list chunks, uint8_t *packet,
                          uint32_t position=COMMON_HEADER) except 0:
    """Control chunks that wait, as many as fit; those written leave the list."""
    cdef uint32_t size
    cdef bytes chunk
    cdef Py_ssize_t taken = 0
    for chunk in chunks:
        size = <uint32_t>PyBytes_GET_SIZE(chunk)
        if position + size > path.pmtu:
            if position == COMMON_HEADER:
                position = put_oversized(packet, chunk)
                taken += 1
            break
        memcpy(packet + position, PyBytes_AS_STRING(chunk), size)
        position += size
        taken += 1
    del chunks[:taken]
    t.statistics.control_chunks_out += taken
    return position


cdef uint32_t put_oversized(uint8_t *packet, bytes chunk) except 0:
    """A chunk greater than the path's packets, alone: the IP layer cuts it.  next_size() saw to its room."""
    cdef uint32_t length = <uint32_t>PyBytes_GET_SIZE(chunk)
    memcpy(packet + COMMON_HEADER, PyBytes_AS_STRING(chunk), length)
    return COMMON_HEADER + length


cdef uint32_t put_sack(Tcb t, uint8_t *packet, uint32_t position, uint32_t pmtu) except 0:
    """SACK: all gap blocks that fit, then duplicates (9260-6.2-06, 3.3.4)."""
    cdef uint8_t *chunk = packet + position
    cdef uint32_t room = (pmtu - position - SACK_HEADER) // 4
    cdef uint32_t gaps = 0, duplicates = 0, length
    t.advertised_rwnd = t.a_rwnd()
    if t.tsn_map.has_gaps():
        gaps = t.tsn_map.gap_blocks(chunk + SACK_HEADER, room)
    if t.tsn_map.duplicate_count:
        duplicates = t.tsn_map.take_duplicates(chunk + SACK_HEADER + 4 * gaps, room - gaps)
    length = SACK_HEADER + 4 * (gaps + duplicates)
    chunk[0] = SACK
    chunk[1] = 0
    put16(chunk + 2, <unsigned short>length)
    put32(chunk + 4, t.tsn_map.cumulative_tsn)
    put32(chunk + 8, t.advertised_rwnd)
    put16(chunk + 12, <unsigned short>gaps)
    put16(chunk + 14, <unsigned short>duplicates)
    t.sack_due = False
    t.packets_to_acknowledge = 0
    t.timers.deadline[TIMER_SACK] = INT64_MAX
    t.sacks_out += 1
    t.statistics.control_chunks_out += 1
    return position + length


cdef bint data_may_go(Tcb t, Path path, Flight *flight, uint32_t limit):
    """Whether state and windows admit a DATA chunk now; the size of the next one is put_data's concern."""
    if not t.outstanding.marked and t.send_queue.first == NULL:
        return False
    if t.state not in (ESTABLISHED, SHUTDOWN_PENDING, SHUTDOWN_RECEIVED, COOKIE_ECHOED):
        return False                         # 9260-6-01
    if path is not data_path(t):
        return False
    if t.outstanding.marked and (t.fast_retransmit_now or t.timeout_retransmit_now):
        return True
    if path.after_timeout and flight.bytes:
        return False                         # 9260-7.2.1-02: one packet until something is acknowledged
    return flight.bytes < limit


cdef uint32_t put_data(Tcb t, Path path, Flight *flight, uint8_t *packet, uint32_t position, uint32_t limit,
                       int64_t now) except 0:
    """Chunks marked for retransmission, then new ones (rule C), as the windows and the room allow."""
    cdef uint32_t start = position
    if t.outstanding.marked:
        position = put_marked(t, path, flight, packet, position, limit, now)
        if t.outstanding.marked:
            return position
    t.fast_retransmit_now = t.timeout_retransmit_now = False
    if path is not new_data_path(t):
        return position
    return put_new(t, path, flight, packet, position, limit, position != start, now)


cdef uint32_t put_marked(Tcb t, Path path, Flight *flight, uint8_t *packet, uint32_t position, uint32_t limit,
                         int64_t now) except 0:
    cdef Outstanding outstanding = t.outstanding
    cdef OutChunk *chunk
    cdef tsn_t tsn
    cdef uint32_t start = position, size
    cdef bint whatever = t.fast_retransmit_now or t.timeout_retransmit_now   # one packet ignores cwnd
    while True:
        chunk = outstanding.next_marked(&tsn)
        if chunk == NULL:
            break
        if chunk.message.policy and gives_up(t, chunk, now):
            abandon_sent(t, tsn, now)
            continue
        size = DATA_HEADER + pad4(chunk.length)
        if position + size > path.pmtu and position != COMMON_HEADER:
            break                            # what is longer than the PMTU goes alone, and IP cuts it (6.9)
        if chunk.target != path.index and path is not data_path(t):
            break                            # it goes elsewhere
        if not whatever and (flight.bytes >= limit or not window_takes(t, path, chunk, tsn, now)):
            break
        position = put_chunk(t, chunk, tsn, packet, position)
        outstanding.sent_again(chunk, tsn, path.index)
        t.peer_rwnd -= min(t.peer_rwnd, <uint32_t>chunk.length)
        if tsn == outstanding.advanced_peer_ack_point + 1 and t.state != COOKIE_ECHOED:
            path.start_t3(now)               # the lowest outstanding TSN: T3 restarts (9260-6.1-09)
    if position != start:
        t.fast_retransmit_now = t.timeout_retransmit_now = False
    return position


cdef bint window_takes(Tcb t, Path path, const OutChunk *chunk, tsn_t tsn, int64_t now) noexcept:
    """Whether a lost chunk may go as far as the peer's window is concerned (rule A).

    What fills a gap may: the peer holds what comes after it.  What lies above all that it has is like new
    data, of which one packet goes at each T3 while the window is shut.
    """
    if chunk.length <= t.peer_rwnd or t.outstanding.has_gap_acked and tsn_lt(
            tsn, t.outstanding.highest_gap_acked):
        return True
    if not t.outstanding.data_bytes and path.t3_deadline == INT64_MAX:
        path.start_t3(now)
    return False


cdef uint32_t put_new(Tcb t, Path path, Flight *flight, uint8_t *packet, uint32_t position, uint32_t limit,
                      bint has_data, int64_t now) except 0:
    cdef SendQueue queue = t.send_queue
    cdef Outstanding outstanding = t.outstanding
    cdef Message *message
    cdef OutChunk *chunk
    cdef uint32_t room, remaining, size, bundle_room, greatest = t.amdcs() - DATA_HEADER
    cdef uint32_t most = MOST_SKIPPABLE if queue.partial else MOST_OUTSTANDING
    cdef uint8_t flags, chosen = ANY_PATH if queue.first == NULL else queue.first.path
    cdef tsn_t tsn
    if t.parameters.max_segment:
        greatest = min(greatest, t.parameters.max_segment & ~<uint32_t>3)
    if flight.bytes == 0 and path.last_sent and now - path.last_sent > path.rto.rto:
        path.cc.on_idle((now - path.last_sent) // path.rto.rto)
    while True:
        message = queue.first
        if message == NULL or flight.bytes >= limit or outstanding.count() >= most:
            break
        if message.path != chosen:
            break                            # it may have to go elsewhere
        room = path.pmtu - position
        if room < DATA_HEADER + 4:
            break
        bundle_room = room - DATA_HEADER
        room = min(bundle_room, greatest)                # 9260-7.3-01: it may have to go another way
        remaining = message.length - message.taken
        size = remaining
        if remaining > room:
            if remaining <= greatest and message.taken == 0:
                break                        # it fits a packet of its own: no fragments
            if room < greatest and room < LEAST_FRAGMENT:
                break
            size = room & ~<uint32_t>3
        elif (not has_data and not t.parameters.nodelay and message.taken == 0 and t.state == ESTABLISHED
              and outstanding.busy() and not t.send_buffer_full()
              and queue.bytes_queued + DATA_HEADER * queue.count < bundle_room):
            break                            # Nagle's rule: more may come to fill it while data is in flight
        if size > t.peer_rwnd and not (t.probing and outstanding.count() == 0):
            # rule A; with nothing in flight the window is probed, first after an RTO (9260-6.1-02)
            if outstanding.count() == 0 and path.t3_deadline == INT64_MAX:
                path.start_t3(now)
            break
        t.probe_outstanding = size > t.peer_rwnd
        t.probing = False
        flags = message.flags & ~<uint8_t>DATA_I
        if message.taken == 0:
            flags |= message.ends & DATA_B
        if size == remaining:
            flags |= message.ends & DATA_E | message.flags & DATA_I      # RFC 7053: I is in the last one
            if t.state == SHUTDOWN_PENDING and queue.count == 1:
                flags |= DATA_I              # the end waits for this acknowledgement
        tsn = outstanding.next_tsn
        chunk = outstanding.append(message, message.taken, <unsigned short>size, flags, path.index, now)
        queue.take(size)
        if flags & DATA_U:
            t.statistics.unordered_chunks_out += 1
        else:
            t.statistics.ordered_chunks_out += 1
        position = put_chunk(t, chunk, tsn, packet, position)
        t.peer_rwnd -= min(t.peer_rwnd, size)
        has_data = True
    return position


cdef inline uint32_t put_chunk(Tcb t, const OutChunk *chunk, tsn_t tsn, uint8_t *packet,
                               uint32_t position) noexcept:
    cdef uint8_t *out = packet + position
    cdef Message *message = chunk.message
    cdef uint32_t padded = pad4(chunk.length)
    put_data_header(out, chunk.flags, tsn, message.stream_id, 0 if chunk.flags & DATA_U else message.ssn,
                    message.ppid, chunk.length)
    if padded != chunk.length:
        memset(out + DATA_HEADER + padded - 4, 0, 4)
    memcpy(out + DATA_HEADER, message.bytes + chunk.offset, chunk.length)
    t.data_chunks_out += 1
    return position + DATA_HEADER + padded
