"""Paths at work: verification, HEARTBEAT, error counters, failure (RFC 9260 sections 5.4 and 8.1 to 8.3)."""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from .address cimport Address, Route, has_link_scope, host_from_address, is_ipv4, is_unicast
from .chunks cimport get_heartbeat, make_chunk, make_tlv
from .path cimport PATH_ACTIVE, PATH_INACTIVE, PATH_UNCONFIRMED, Path, new_path
from .peerwindow cimport mark_lost
from .proto cimport (
    DROP_ICMP, DROP_MALFORMED_CHUNK, DROP_UNEXPECTED_CHUNK, ESTABLISHED, HEARTBEAT, HEARTBEAT_ACK,
    HEARTBEAT_INFO, SHUTDOWN_PENDING, SHUTDOWN_RECEIVED,
)
from .rto cimport rto_back_off, rto_sample
from .tcb cimport Tcb
from .teardown cimport SN_PEER_ADDR_CHANGE, give_up
from .wire cimport COMMON_HEADER, ChunkView

cdef enum:
    MOST_LATE = 8                # HEARTBEATs of a path whose answers are taken after their RTO
    ADDRESS = 16                 # bytes of the parts of a HEARTBEAT's info
    TIME = 8
    NONCE = 16                   # at least 64 bits (9260-3.3.5-03)
    INFO = ADDRESS + TIME + NONCE
    UNTOLD_MTU = 576             # taken where a router does not tell its MTU (RFC 1191 section 5)
cdef int64_t PMTU_LIFE = 600 * 1000000       # then the path may have become wider (RFC 1191 section 6.3)

cdef enum:                       # spc_state of SCTP_PEER_ADDR_CHANGE
    ADDR_AVAILABLE = 0
    ADDR_UNREACHABLE = 1
    ADDR_MADE_PRIM = 4
    ADDR_CONFIRMED = 5

cdef enum:
    FAILED_THRESHOLD = 0         # sn_error of a path that became inactive


cdef int add_path(Tcb t, const Address *address, int state) except -1:
    """A further address of the peer (5.1.2), reached as the first one is; one we know changes nothing.

    An endpoint of one address family passes over the other (9260-5.1.2-04).
    """
    cdef Route route = t.primary.route
    if (t.path_of(address) is not None or len(t.paths) >= MOST_PATHS or not is_unicast(address)
            or not reaches(t, address)):
        return 0
    if is_ipv4(address) != is_ipv4(&route.remote):
        route.carrier = <uint16_t>t.carriers[not is_ipv4(address)]
        memset(&route.local, 0, sizeof(Address))         # the system chooses by its routes
    route.remote = address[0]
    if has_link_scope(address) and address.scope_id == 0:
        route.remote.scope_id = t.primary.route.remote.scope_id
    choose_local(t, &route)
    t.paths.append(new_path(&route, <uint8_t>len(t.paths), state, t.parameters))
    if t.outstanding is not None:
        t.outstanding.set_paths(len(t.paths))
    return 0


cdef bint reaches(Tcb t, const Address *address) noexcept:
    """Whether the association can have a path of this address family."""
    return is_ipv4(address) == is_ipv4(&t.primary.route.remote) or t.carriers[not is_ipv4(address)] >= 0


cdef int choose_local(Tcb t, Route *route) except -1:
    """Of several own addresses the one that begins as the peer's does for longest (RFC 6724 section 5)."""
    cdef const uint8_t *ip
    cdef int common, best = -1
    for packed in t.local_addresses:
        ip = <const uint8_t *>PyBytes_AS_STRING(packed)
        common = common_bits(ip, route.remote.ip)
        if common > best:
            best = common
            memcpy(route.local.ip, ip, 16)
    return 0


cdef int common_bits(const uint8_t *one, const uint8_t *other) noexcept nogil:
    cdef int byte, bits = 0
    cdef uint8_t difference
    for byte in range(16):
        difference = one[byte] ^ other[byte]
        if difference:
            while not difference & 0x80:
                difference = <uint8_t>(difference << 1)
                bits += 1
            return bits
        bits += 8
    return bits


cdef int tell_path(Tcb t, Path path, int change, int error) except -1:
    """SCTP_PEER_ADDR_CHANGE (RFC 6458 section 6.1.2)."""
    return t.notify(SN_PEER_ADDR_CHANGE, ((host_from_address(&path.route.remote), t.peer_port), change, error,
                                          t.assoc_id))


cdef int count_path_error(Tcb t, Path path) except -1:
    """One more unanswered transmission on this path (8.2); beyond Path.Max.Retrans it is inactive."""
    if path.error_count <= path.path_max_retrans:             # 9260-8.3-04: then the counter stands still
        path.error_count += 1
        if path.error_count > path.path_max_retrans and path.state == PATH_ACTIVE:
            path.state = PATH_INACTIVE
            tell_path(t, path, ADDR_UNREACHABLE, FAILED_THRESHOLD)
    return 0


cdef int count_error(Tcb t, Path path) except -1:
    """The same for path and association (8.1); beyond Association.Max.Retrans it is over."""
    t.error_count += 1
    count_path_error(t, path)
    if t.error_count > t.parameters.association_max_retrans:
        give_up(t, b"Association.Max.Retrans exceeded")
    return 0


cdef int clear_errors(Tcb t, Path path, int reason) except -1:
    """The peer answered over this path: it works (9260-8.2-02)."""
    t.error_count = 0
    path.error_count = 0
    if path.state == PATH_INACTIVE:
        path.state = PATH_ACTIVE
        tell_path(t, path, ADDR_AVAILABLE, reason)
        t.want_transmit()
    return 0


cdef int set_primary(Tcb t, Path path) except -1:
    """SETPRIMARY (11.1.6): new data goes there while the path works."""
    if path is not t.primary:
        t.primary = path
        tell_path(t, path, ADDR_MADE_PRIM, FAILED_THRESHOLD)
        t.want_transmit()
    return 0


cdef int reschedule_heartbeat(Tcb t, Path path, int64_t now) except -1:
    """CHANGE HEARTBEAT (11.1.9): a new HB.interval counts from now."""
    if t.state >= ESTABLISHED and path.state != PATH_UNCONFIRMED and path.heartbeat_info is None:
        schedule_heartbeat(t, path, now)
    return 0


cdef bint request_heartbeat(Tcb t, Path path, int64_t now) except -1:
    """REQUEST HEARTBEAT (11.1.10); False in a state that sends none."""
    if t.state not in (ESTABLISHED, SHUTDOWN_PENDING, SHUTDOWN_RECEIVED):
        return False
    send_heartbeat(t, path, now)
    return True


cdef Path other_path(Tcb t, Path path):
    """Another active path for what timed out on this one (9260-6.4-03); the same if there is none."""
    cdef Path candidate, best = None
    cdef int distance
    for distance in range(1, len(t.paths)):
        candidate = t.paths[(path.index + distance) % len(t.paths)]
        if candidate.state == PATH_ACTIVE and (best is None or candidate.error_count < best.error_count):
            best = candidate
    return best if best is not None else path


cdef int packet_too_big(Tcb t, Path path, uint32_t mtu, int64_t now) except -1:
    """A packet was longer than its path carries (7.3): shorter ones from now on, and again what is under way.

    That is no sign of congestion, so it happens once in an RTO: messages about the same flight, and whoever
    makes them up, change the size only.  A chunk that has a TSN cannot be cut any more; it goes alone, and
    the IP layer cuts it (6.9).
    """
    if path is not None:
        mtu = path.credible_mtu(mtu if mtu else UNTOLD_MTU)
    if path is None or not path.pmtu_discovery or mtu >= path.mtu:
        t.drop(DROP_ICMP)
        return 0
    path.set_mtu(mtu)
    path.pmtu_expires = now + PMTU_LIFE
    if now < path.too_big_again:
        return 0
    path.too_big_again = now + path.rto.rto
    if mark_lost(t, path, path, t.outstanding.next_tsn):
        path.stop_t3()
        t.want_transmit()
    return 0


cdef int on_heartbeat(Tcb t, const ChunkView *chunk, int64_t now) except -1:
    """All that it holds comes back unchanged, to the HEARTBEAT's source (9260-3.3.5-04; 8.3)."""
    cdef const unsigned char *info
    cdef uint32_t length, all_length
    cdef bytes answer
    if not get_heartbeat(chunk, &info, &length, &all_length):
        t.drop(DROP_MALFORMED_CHUNK)
        return 0
    answer = make_chunk(HEARTBEAT_ACK, 0, (<const char *>info)[:all_length])
    if t.packet_path.state == PATH_UNCONFIRMED and t.packet_path.heartbeat_deadline == INT64_MAX:
        t.packet_path.heartbeat_deadline = now           # it rested: the peer can be there after all
    if has_room_to_answer(t.packet_path, answer):
        t.packet_path.queue_control(answer)
        t.heartbeats_due = True
        t.want_transmit()
    return 0


cdef bint has_room_to_answer(Path path, bytes answer):
    """Whether this fits into the one packet of answers that a packet gets (9260-12-01); the first does."""
    cdef Py_ssize_t size = COMMON_HEADER + PyBytes_GET_SIZE(answer)
    cdef bytes waiting
    if not path.control:
        return True
    for waiting in path.control:
        size += PyBytes_GET_SIZE(waiting)
    return size <= path.pmtu


cdef int start_heartbeats(Tcb t, int64_t now) except -1:
    """From ESTABLISHED on: unconfirmed paths are probed (9260-5.4-03), the others when they are idle."""
    cdef Path path
    for path in t.paths:
        if path.state == PATH_UNCONFIRMED:
            path.heartbeat_deadline = now
        else:
            schedule_heartbeat(t, path, now)
    return 0


cdef int schedule_heartbeat(Tcb t, Path path, int64_t now) except -1:
    """HB.interval + RTO, the RTO with +/- 50 % of jitter (9260-8.3-01).

    An unconfirmed path has no interval, and rests after Path.Max.Retrans + 1 probes without an answer.
    """
    cdef int64_t jitter = <int64_t>(t.shared.entropy.uint32()) * path.rto.rto // 0xFFFFFFFF
    cdef int64_t jittered = path.rto.rto // 2 + jitter
    if path.state == PATH_UNCONFIRMED:
        path.heartbeat_deadline = now + jittered if path.error_count <= path.path_max_retrans else INT64_MAX
    elif path.heartbeat_enabled:
        path.heartbeat_deadline = now + path.heartbeat_interval + jittered
    else:
        path.heartbeat_deadline = INT64_MAX
    return 0


cdef int on_heartbeat_timer(Tcb t, Path path, int64_t now) except -1:
    """Time for a HEARTBEAT, or the last one was not answered within an RTO (8.3)."""
    if path.pmtu_expires <= now:
        path.pmtu_expires = INT64_MAX
        path.set_mtu(t.parameters.path_mtu)
    if path.heartbeat_info is not None:
        keep_late_heartbeat(path)
        rto_back_off(&path.rto, t.parameters)
        if path.state == PATH_UNCONFIRMED or path is not t.sending_path():
            count_path_error(t, path)        # 9260-5.4-05; 8.1: the association counts the path of its data
        else:
            count_error(t, path)
        if not t.ended:
            schedule_heartbeat(t, path, now)
        return 0
    if t.state not in (ESTABLISHED, SHUTDOWN_PENDING, SHUTDOWN_RECEIVED):
        path.heartbeat_deadline = INT64_MAX              # 9260-8.3-03
        return 0
    if path.state == PATH_UNCONFIRMED:
        return probe(t, path, now)
    if now - path.last_sent < path.heartbeat_interval:
        schedule_heartbeat(t, path, path.last_sent)      # not idle: DATA went there meanwhile
        path.heartbeat_deadline = max(path.heartbeat_deadline, now + path.rto.rto)
        return 0
    return send_heartbeat(t, path, now)


cdef int keep_late_heartbeat(Path path) except -1:
    """An answer that takes longer than the RTO is an answer: it clears the counters when it comes (8.3)."""
    cdef bytes earlier = path.late_heartbeats or b""
    path.late_heartbeats = path.heartbeat_info + earlier[:(MOST_LATE - 1) * INFO]
    path.heartbeat_info = None
    return 0


cdef int64_t take_heartbeat(Path path, bytes info) except -2:
    """When the HEARTBEAT with this info was sent, each once; -1: none was."""
    cdef bytes late = path.late_heartbeats
    cdef Py_ssize_t start
    if PyBytes_GET_SIZE(info) != INFO:
        return -1
    if path.heartbeat_info == info:
        path.heartbeat_info = path.late_heartbeats = None
        return path.heartbeat_sent
    start = late.find(info) if late is not None else -1
    if start < 0 or start % INFO:
        return -1
    path.late_heartbeats = (late[:start] + late[start + INFO:]) or None
    return int.from_bytes(info[ADDRESS:ADDRESS + TIME], "big")


cdef int probe(Tcb t, Path path, int64_t now) except -1:
    """An unconfirmed path's turn: HB.Max.Burst an RTO for all of them, the longest waiting first (5.4)."""
    cdef Path other, first = path
    for other in t.paths:
        if (other.state == PATH_UNCONFIRMED and other.heartbeat_info is None
                and other.heartbeat_deadline <= now and other.heartbeat_sent < first.heartbeat_sent):
            first = other
    if t.next_probe <= now:
        send_heartbeat(t, first, now)
    if path.heartbeat_info is None:
        path.heartbeat_deadline = t.next_probe
    return 0


cdef int send_heartbeat(Tcb t, Path path, int64_t now) except -1:
    """Its info holds address and time (8.3), and a nonce that only the answer can hold."""
    path.heartbeat_info = ((<const char *>path.route.remote.ip)[:ADDRESS] + now.to_bytes(TIME, "big")
                           + t.shared.entropy.take(NONCE))
    path.heartbeat_sent = now
    path.queue_control(make_chunk(HEARTBEAT, 0, make_tlv(HEARTBEAT_INFO, path.heartbeat_info)))
    path.heartbeat_deadline = now + path.rto.rto
    if path.state == PATH_UNCONFIRMED:
        t.next_probe = now + t.primary.rto.rto // max(t.parameters.heartbeat_max_burst, <uint32_t>1)
    t.heartbeats_due = True
    t.want_transmit()
    return 0


cdef int on_heartbeat_ack(Tcb t, const ChunkView *chunk, int64_t now) except -1:
    """An answer with our nonce confirms the path, clears the counters, measures (9260-5.4-02, 8.3-05)."""
    cdef const unsigned char *info
    cdef uint32_t length, all_length
    cdef bytes value
    cdef int64_t sent
    cdef Path path
    if not get_heartbeat(chunk, &info, &length, &all_length):
        t.drop(DROP_MALFORMED_CHUNK)
        return 0
    value = (<const char *>info)[4:length]
    for path in t.paths:
        sent = take_heartbeat(path, value)
        if sent >= 0:
            rto_sample(&path.rto, now - sent, t.parameters)
            if path.state == PATH_UNCONFIRMED:
                path.state = PATH_ACTIVE
                t.keys_are_old = True
                tell_path(t, path, ADDR_CONFIRMED, HEARTBEAT_SUCCESS)
            clear_errors(t, path, HEARTBEAT_SUCCESS)
            if path.heartbeat_info is None:
                schedule_heartbeat(t, path, now)
            return 0
    t.drop(DROP_UNEXPECTED_CHUNK)
    return 0
