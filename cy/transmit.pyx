"""What to send now (RFC 9260 sections 6.1, 6.2, 6.9 and 6.10)."""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t
from libc.string cimport memcpy, memset

from .chunks cimport put_data_header
from .crc32c cimport seal_packet
from .outstanding cimport Flight, OutChunk, Outstanding
from .path cimport Path
from .proto cimport (
    COOKIE_ECHOED, COOKIE_WAIT, DATA_B, DATA_E, DATA_I, DATA_U, ESTABLISHED, SACK, SHUTDOWN_PENDING,
    SHUTDOWN_RECEIVED, SHUTDOWN_SENT,
)
from .sendq cimport Message, SendQueue
from .serial cimport pad4, tsn_t
from .tcb cimport Tcb
from .timers cimport TIMER_SACK
from .wire cimport COMMON_HEADER, DATA_HEADER, put16, put32

cdef enum:
    SACK_HEADER = 16
    LEAST_FRAGMENT = 512         # no smaller piece of a message is cut off just to fill a packet


cdef int transmit(Tcb t, int64_t now) except -1:
    """Write as many packets as there is cause and leave for; 1 if the outbox is full and more waits."""
    cdef Path path = t.primary
    cdef Flight *flight
    cdef uint8_t *packet
    cdef uint32_t length, limit, burst
    cdef int sent
    if t.ended or t.state < COOKIE_ECHOED:
        return 0
    flight = &t.outstanding.flights[path.index]
    limit = path.cc.cwnd
    if t.parameters.max_burst:               # rule D: as if cwnd were smaller, for this sending
        burst = flight.bytes + t.parameters.max_burst * path.cc.pmdcs
        if burst < limit:
            limit = burst
    while True:
        if t.state == COOKIE_ECHOED and not t.cookie_echo_due:
            break                            # 9260-5.1-04: nothing else until COOKIE ACK
        sent = send_oversized(t, path)
        if sent > 0:
            continue
        packet = t.shared.outbox.reserve(path.pmtu)
        if sent < 0 or packet == NULL:
            t.want_transmit()
            t.reschedule()
            return 1
        length = fill_packet(t, path, flight, packet, limit, now)
        if length == COMMON_HEADER:
            break
        send_packet(t, path, packet, length)
    t.reschedule()
    return 0


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


cdef uint32_t fill_packet(Tcb t, Path path, Flight *flight, uint8_t *packet, uint32_t limit, int64_t now) except 0:
    """Bundle one packet: control chunks first, then a SACK, then DATA; its length (12: nothing to send)."""
    cdef uint32_t position = COMMON_HEADER, before
    cdef bint data
    if t.cookie_echo_due or t.control:
        position = put_control(t, packet, path.pmtu)
    data = data_may_go(t, flight, limit)
    if t.sack_due or (t.packets_to_acknowledge and (data or position > COMMON_HEADER)):
        if t.state != COOKIE_ECHOED and path.pmtu - position >= SACK_HEADER:
            position = put_sack(t, packet, position, path.pmtu)
    before = position
    if data:
        position = put_data(t, path, flight, packet, position, limit, now)
        if position != before:
            path.last_sent = now
            if path.t3_deadline == INT64_MAX and t.state != COOKIE_ECHOED:
                path.start_t3(now)           # 9260-6.1-09
    return position


cdef uint32_t put_control(Tcb t, uint8_t *packet, uint32_t pmtu) except 0:
    """Control chunks that wait, COOKIE ECHO before all (9260-3.2.2-04)."""
    cdef uint32_t position = COMMON_HEADER, size
    cdef bytes chunk
    cdef Py_ssize_t taken = 0
    if t.cookie_echo_due:
        t.cookie_echo_due = False
        size = <uint32_t>PyBytes_GET_SIZE(t.cookie_echo)
        memcpy(packet + position, PyBytes_AS_STRING(t.cookie_echo), size)
        position += size
    for chunk in t.control:
        size = <uint32_t>PyBytes_GET_SIZE(chunk)
        if position + size > pmtu:
            break
        memcpy(packet + position, PyBytes_AS_STRING(chunk), size)
        position += size
        taken += 1
    if taken:
        del t.control[:taken]
    return position


cdef int send_oversized(Tcb t, Path path) except -2:
    """If the next control chunk is greater than any packet of the path, send it alone: IP has to cut it.

    1 if it went, 0 if it is not so great, -1 if the outbox has no room for it.
    """
    cdef bytes chunk
    cdef uint32_t length
    cdef uint8_t *packet
    if not t.cookie_echo_due and not t.control:
        return 0
    chunk = t.cookie_echo if t.cookie_echo_due else t.control[0]
    length = COMMON_HEADER + <uint32_t>PyBytes_GET_SIZE(chunk)
    if length <= path.pmtu:
        return 0
    packet = t.shared.outbox.reserve(length)
    if packet == NULL:
        return -1
    memcpy(packet + COMMON_HEADER, PyBytes_AS_STRING(chunk), length - COMMON_HEADER)
    send_packet(t, path, packet, length)
    if t.cookie_echo_due:
        t.cookie_echo_due = False
    else:
        del t.control[0]
    return 1


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
    return position + length


cdef bint data_may_go(Tcb t, Flight *flight, uint32_t limit) noexcept:
    """Whether state and windows admit a DATA chunk now; the size of the next one is put_data's concern."""
    if not t.outstanding.marked and t.send_queue.first == NULL:
        return False
    if t.state not in (ESTABLISHED, SHUTDOWN_PENDING, SHUTDOWN_RECEIVED, COOKIE_ECHOED):
        return False                         # 9260-6-01
    if t.outstanding.marked and (t.fast_retransmit_now or t.timeout_retransmit_now):
        return True
    if t.one_packet and flight.bytes:
        return False                         # 9260-7.2.1-02: after a T3 expiry
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
    return put_new(t, path, flight, packet, position, limit, position != start, now)


cdef uint32_t put_marked(Tcb t, Path path, Flight *flight, uint8_t *packet, uint32_t position, uint32_t limit,
                         int64_t now) except 0:
    cdef Outstanding outstanding = t.outstanding
    cdef OutChunk *chunk
    cdef tsn_t tsn
    cdef uint32_t start = position
    cdef bint whatever = t.fast_retransmit_now or t.timeout_retransmit_now   # one packet ignores cwnd
    while True:
        chunk = outstanding.next_marked(&tsn)
        if chunk == NULL or position + DATA_HEADER + pad4(chunk.length) > path.pmtu:
            break
        if not whatever and flight.bytes >= limit:
            break
        position = put_chunk(t, chunk, tsn, packet, position)
        outstanding.sent_again(chunk, tsn, path.index)
        t.peer_rwnd -= min(t.peer_rwnd, <uint32_t>chunk.length)
        if tsn == outstanding.cumulative_tsn_ack + 1 and t.state != COOKIE_ECHOED:
            path.start_t3(now)               # the lowest outstanding TSN: T3 restarts (9260-6.1-09)
    if position != start:
        t.fast_retransmit_now = t.timeout_retransmit_now = False
    return position


cdef uint32_t put_new(Tcb t, Path path, Flight *flight, uint8_t *packet, uint32_t position, uint32_t limit,
                      bint has_data, int64_t now) except 0:
    cdef SendQueue queue = t.send_queue
    cdef Outstanding outstanding = t.outstanding
    cdef Message *message
    cdef OutChunk *chunk
    cdef uint32_t room, remaining, size, greatest = path.cc.pmdcs - DATA_HEADER
    cdef uint8_t flags
    cdef tsn_t tsn
    while True:
        message = queue.first
        if message == NULL or flight.bytes >= limit:
            break
        room = path.pmtu - position
        if room < DATA_HEADER + 4:
            break
        room -= DATA_HEADER
        remaining = message.length - message.taken
        size = remaining
        if remaining > room:
            if remaining <= greatest and message.taken == 0:
                break                        # it fits a packet of its own: no fragments
            if room < greatest and room < LEAST_FRAGMENT:
                break
            size = room & ~<uint32_t>3
        elif (not has_data and not t.parameters.nodelay and message.taken == 0 and t.state == ESTABLISHED
              and outstanding.count() and queue.bytes_queued + DATA_HEADER * queue.count < room):
            break                            # Nagle's rule: a small packet waits while data is in flight
        if size > t.peer_rwnd and not (t.probing and outstanding.count() == 0):
            # rule A; with nothing in flight the window is probed, first after an RTO (9260-6.1-02)
            if outstanding.count() == 0 and path.t3_deadline == INT64_MAX:
                path.start_t3(now)
            break
        t.probing = False
        flags = message.flags
        if message.taken == 0:
            flags |= DATA_B
        if size == remaining:
            flags |= DATA_E
            if t.state == SHUTDOWN_PENDING and queue.count == 1:
                flags |= DATA_I              # RFC 7053: the end waits for this acknowledgement
        tsn = outstanding.next_tsn
        chunk = outstanding.append(message, message.taken, <unsigned short>size, flags, path.index, now)
        queue.take(size)
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
