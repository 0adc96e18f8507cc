"""The four-way handshake (RFC 9260 sections 5.1 and 5.2)."""
import errno

from libc.stdint cimport INT64_MAX, int64_t, uint16_t, uint32_t

from .address cimport Route, same_ip
from .chunks cimport InitView, cause_missing_parameters, get_init, make_abort, make_chunk, make_error, make_init, make_tlv
from .cookie cimport CookieJar, StateCookie
from .emit cimport emit, emit_on
from .outstanding cimport Outstanding
from .params cimport (
    PARAMETERS_OK, InitParameters, parse_init_parameters, unrecognized_causes, unrecognized_parameters,
)
from .path cimport PATH_ACTIVE, Path, new_path
from .pathmgmt cimport start_heartbeats
from .proto cimport (
    CLOSED, COOKIE_ACK, COOKIE_ECHO, COOKIE_ECHOED, COOKIE_PRESERVATIVE, COOKIE_WAIT, DROP_MALFORMED_CHUNK,
    DROP_TAG_COLLISION, ESTABLISHED, INIT, INIT_ACK,
    INVALID_MANDATORY_PARAMETER, PROTOCOL_VIOLATION, SHUTDOWN_ACK_SENT, SHUTDOWN_PENDING, SHUTDOWN_RECEIVED,
    STATE_COOKIE, UNRESOLVABLE_ADDRESS,
)
from .reasm cimport Reassembly
from .rto cimport rto_sample
from .tcb cimport Tcb
from .teardown cimport (
    CANT_STR_ASSOC, COMM_UP, RESTART, abort_association, delete_tcb, shutdown_primitive, tell_change,
)
from .timers cimport TIMER_T1, stop_all
from .tsnmap cimport TsnMap
from .user cimport CONNECTED, WRITABLE
from .wire cimport ChunkView

cdef int ECONNREFUSED = errno.ECONNREFUSED
cdef int EPROTO = errno.EPROTO
cdef int ETIMEDOUT = errno.ETIMEDOUT
cdef bytes COOKIE_ACK_CHUNK = make_chunk(COOKIE_ACK, 0, b"")
cdef enum:
    MOST_UNRECOGNIZED = 512      # bytes of reports on unknown parameters (9260-12-02: keep answers small)


cdef int start_association(Tcb t, const Route *route, int64_t now) except -1:
    """The ASSOCIATE primitive (11.1.2): send INIT, start T1-init, go to COOKIE-WAIT."""
    t.is_initiator = True
    t.local_tag = t.shared.entropy.tag()
    t.local_initial_tsn = t.shared.entropy.uint32()
    t.outbound_streams = t.parameters.outbound_streams
    t.inbound_streams = t.parameters.inbound_streams
    add_first_path(t, route)
    t.outstanding = Outstanding(t.local_initial_tsn)
    t.outstanding.set_paths(1)
    t.state = COOKIE_WAIT
    send_first_init(t, b"", now)
    return 0


cdef int send_first_init(Tcb t, bytes parameters, int64_t now) except -1:
    t.init_chunk = make_init(INIT, t.local_tag, t.parameters.receive_buffer, t.parameters.outbound_streams,
                             t.parameters.inbound_streams, t.local_initial_tsn, parameters)
    t.retransmissions = 0
    t.back_off = min(t.primary.rto.rto, t.parameters.max_init_timeout)
    t.setup_sent = now
    emit_on(t, t.primary, 0, t.init_chunk)
    t.timers.deadline[TIMER_T1] = now + t.back_off
    return 0


cdef int add_first_path(Tcb t, const Route *route) except -1:
    t.primary = new_path(route, 0, PATH_ACTIVE, t.parameters)
    t.reply_path = t.primary
    t.paths = [t.primary]
    return 0


cdef int take_peer(Tcb t, uint32_t tag, uint32_t a_rwnd, uint16_t outbound, uint16_t inbound, uint32_t tsn) except -1:
    """What the peer said in INIT or INIT ACK becomes part of the TCB."""
    t.peer_tag = tag
    t.peer_rwnd = a_rwnd
    t.outbound_streams = outbound            # 5.1.1: the lesser of what we offer and what the peer accepts
    t.inbound_streams = inbound
    t.peer_initial_tsn = tsn
    t.tsn_map = TsnMap(tsn)
    t.reassembly.set_streams(inbound)
    t.advertised_rwnd = t.parameters.receive_buffer
    return 0


cdef int come_up(Tcb t, int64_t now) except -1:
    """ESTABLISHED: T1 stops, the user is told, what it queued may go."""
    t.state = ESTABLISHED
    t.timers.deadline[TIMER_T1] = INT64_MAX
    t.retransmissions = 0
    t.cookie_echo = None
    t.cookie_echo_due = False
    t.init_chunk = None
    t.announced = True
    tell_change(t, COMM_UP, 0, b"")
    start_heartbeats(t, now)
    if t.user is not None:
        t.user.signal(CONNECTED | WRITABLE)
    if t.shutdown_when_up:
        shutdown_primitive(t, now)
    t.want_transmit()
    return 0


cdef int begin_from_cookie(Tcb t, StateCookie cookie, const Route *route, int64_t now) except -1:
    """The TCB of a passive opening, built from a checked cookie (5.1.5 step 5)."""
    t.local_tag = cookie.local_tag
    t.local_initial_tsn = cookie.local_initial_tsn
    add_first_path(t, route)
    t.outstanding = Outstanding(t.local_initial_tsn)
    t.outstanding.set_paths(1)
    take_peer(t, cookie.peer_tag, cookie.peer_a_rwnd, cookie.outbound_streams, cookie.inbound_streams,
              cookie.peer_initial_tsn)
    return acknowledge_cookie(t, now)


cdef int acknowledge_cookie(Tcb t, int64_t now) except -1:
    """COOKIE ACK, first in its packet (9260-5.1-05); ESTABLISHED if the association was not yet."""
    t.control.insert(0, COOKIE_ACK_CHUNK)
    if t.state not in (CLOSED, COOKIE_WAIT, COOKIE_ECHOED):      # CLOSED: it is just being made
        t.want_transmit()
        return 0
    resume_outstanding(t, now)
    return come_up(t, now)


cdef int resume_outstanding(Tcb t, int64_t now) except -1:
    """DATA that went with the COOKIE ECHO is guarded by T3-rtx from now on."""
    if t.outstanding.flights[0].bytes and t.primary.t3_deadline == INT64_MAX:
        t.primary.start_t3(now)
    return 0


cdef list check_init(const InitView *init, const InitParameters *parameters):
    """Causes to refuse an INIT or INIT ACK with (3.3.2, 3.3.3, 9260-5.1-07); empty if it is acceptable."""
    if init.initiate_tag == 0 or init.outbound_streams == 0 or init.inbound_streams == 0:
        return [make_tlv(INVALID_MANDATORY_PARAMETER, b"")]
    if init.a_rwnd < LEAST_A_RWND:
        return [make_tlv(PROTOCOL_VIOLATION, b"a_rwnd below 1500")]
    if parameters.has_host_name:             # 9260-3.3.2-07
        return [make_tlv(UNRESOLVABLE_ADDRESS,
                         (<const char *>parameters.host_name)[:parameters.host_name_length])]
    return []


cdef bytes make_init_ack(CookieJar jar, StateCookie cookie, const InitParameters *parameters, uint32_t a_rwnd,
                         uint16_t outbound_streams, uint16_t inbound_streams):
    """INIT ACK with the sealed cookie and the reports on unknown parameters (3.2.2)."""
    return make_init(INIT_ACK, cookie.local_tag, a_rwnd, outbound_streams, inbound_streams,
                     cookie.local_initial_tsn,
                     make_tlv(STATE_COOKIE, jar.seal(cookie)) + unrecognized_parameters(parameters,
                                                                                      MOST_UNRECOGNIZED))


cdef int answer_init(Tcb t, CookieJar jar, const InitView *init, const InitParameters *parameters,
                     const Route *route, int64_t now) except -1:
    """INIT while a TCB exists: it stays as it is, and the answer is an INIT ACK (5.2.1, 5.2.2)."""
    cdef StateCookie cookie = StateCookie()
    if t.state in (COOKIE_WAIT, COOKIE_ECHOED):
        cookie.local_tag = t.local_tag       # 9260-5.2.1-01: the parameters of our own INIT
        cookie.local_initial_tsn = t.local_initial_tsn
    else:
        cookie.local_tag = t.shared.entropy.tag()
        cookie.local_initial_tsn = t.shared.entropy.uint32()
    if t.state != COOKIE_WAIT:
        if t.local_tie_tag == 0:             # nonces, never the real tags (RFC 5062 section 3.3)
            t.local_tie_tag = t.shared.entropy.tag()
            t.peer_tie_tag = t.shared.entropy.tag()
        cookie.local_tie_tag = t.local_tie_tag
        cookie.peer_tie_tag = t.peer_tie_tag
    cookie.created = now
    cookie.life = t.parameters.valid_cookie_life
    cookie.local_port = t.local_port
    cookie.peer_port = t.peer_port
    cookie.peer_tag = init.initiate_tag
    cookie.peer_initial_tsn = init.initial_tsn
    cookie.peer_a_rwnd = init.a_rwnd
    cookie.outbound_streams = min(t.parameters.outbound_streams, init.inbound_streams)
    cookie.inbound_streams = min(t.parameters.inbound_streams, init.outbound_streams)
    cookie.route = route[0]
    emit(t.shared.outbox, route, t.local_port, t.peer_port, init.initiate_tag,
         make_init_ack(jar, cookie, parameters, t.parameters.receive_buffer, cookie.outbound_streams,
                       t.parameters.inbound_streams))
    return 0


cdef int cookie_action(Tcb t, StateCookie cookie) noexcept:
    """The table of 5.2.4."""
    cdef bint local = cookie.local_tag == t.local_tag
    cdef bint peer = cookie.peer_tag == t.peer_tag
    if local and peer:
        return ACTION_DUPLICATE
    if local:
        return ACTION_COLLISION
    if peer and cookie.local_tie_tag == 0 and cookie.peer_tie_tag == 0:
        return ACTION_LATE
    if (not peer and cookie.local_tie_tag != 0 and cookie.local_tie_tag == t.local_tie_tag
            and cookie.peer_tie_tag == t.peer_tie_tag):
        return ACTION_RESTART
    return ACTION_NONE


cdef int collide(Tcb t, StateCookie cookie, const Route *route, int64_t now) except -1:
    """Action B: both sides began at once; the peer's tag and numbers are those of the cookie."""
    if t.state in (COOKIE_WAIT, COOKIE_ECHOED):
        take_peer(t, cookie.peer_tag, cookie.peer_a_rwnd,
                  min(t.parameters.outbound_streams, cookie.outbound_streams), cookie.inbound_streams,
                  cookie.peer_initial_tsn)
    else:
        t.peer_tag = cookie.peer_tag
    return acknowledge_cookie(t, now)


cdef int restart(Tcb t, StateCookie cookie, const Route *route, int64_t now) except -1:
    """Action A: the peer lost its TCB and began anew; ours starts again under the user's eyes."""
    t.outstanding.clear(t.send_queue)
    t.send_queue.clear()
    t.reassembly.reset()
    t.reassembly = Reassembly()
    t.send_queue = type(t.send_queue)()
    t.local_tag = cookie.local_tag
    t.local_initial_tsn = cookie.local_initial_tsn
    t.local_tie_tag = t.peer_tie_tag = 0
    stop_all(&t.timers)
    t.cookie_echo = None
    t.cookie_echo_due = False
    t.probing = t.one_packet = t.fast_retransmit_now = t.timeout_retransmit_now = False
    t.retransmissions = 0
    t.peer_shutdown = False
    t.any_data_received = False
    t.packets_to_acknowledge = 0
    t.sack_due = False
    t.control = []
    t.error_count = 0
    add_first_path(t, route)
    t.outstanding = Outstanding(t.local_initial_tsn)
    t.outstanding.set_paths(1)
    take_peer(t, cookie.peer_tag, cookie.peer_a_rwnd, cookie.outbound_streams, cookie.inbound_streams,
              cookie.peer_initial_tsn)
    t.state = ESTABLISHED
    tell_change(t, RESTART, 0, b"")
    start_heartbeats(t, now)
    t.control.append(COOKIE_ACK_CHUNK)
    t.want_transmit()
    if t.detached:                           # nobody is left who could end it
        shutdown_primitive(t, now)
    return 0


cdef int on_init_ack(Tcb t, const ChunkView *chunk, const Route *route, int64_t now) except -1:
    """INIT ACK in COOKIE-WAIT: send COOKIE ECHO, start T1-cookie, go to COOKIE-ECHOED (5.1 C)."""
    cdef InitView init
    cdef InitParameters parameters
    cdef list causes, reports
    cdef Py_ssize_t left
    if not get_init(chunk, &init):
        t.drop(DROP_MALFORMED_CHUNK)
        return 0
    if parse_init_parameters(init.parameters, init.parameters_length, &parameters) != PARAMETERS_OK:
        t.drop(DROP_MALFORMED_CHUNK)
        return 0
    if init.initiate_tag == 0:               # 9260-3.3.3-03: the TCB goes
        t.drop(DROP_TAG_COLLISION)
        return delete_tcb(t, ECONNREFUSED, CANT_STR_ASSOC)
    t.peer_tag = init.initiate_tag           # answers below carry it
    causes = check_init(&init, &parameters)
    if causes:
        if init.a_rwnd < LEAST_A_RWND and init.outbound_streams and init.inbound_streams:
            emit_on(t, t.primary, t.peer_tag, make_abort(False, causes))     # 9260-3.3.3-05: no state changes
            t.peer_tag = 0
            return 0
        return abort_association(t, causes, EPROTO)
    if not parameters.has_state_cookie:
        return abort_association(t, [cause_missing_parameters([STATE_COOKIE])], EPROTO)
    if t.retransmissions == 0:
        rto_sample(&t.primary.rto, now - t.setup_sent, t.parameters)
    if not same_ip(&t.primary.route.remote, &route.remote):      # 5.1.2: the packet's source is a destination
        t.primary.route.remote = route.remote
    t.primary.route.remote_udp_port = route.remote_udp_port
    t.primary.route.local = route.local
    take_peer(t, init.initiate_tag, init.a_rwnd, min(t.parameters.outbound_streams, init.inbound_streams),
              min(t.parameters.inbound_streams, init.outbound_streams), init.initial_tsn)
    t.cookie_echo = make_chunk(COOKIE_ECHO, 0,
                               (<const char *>parameters.state_cookie)[:parameters.state_cookie_length])
    reports, left = [], MOST_UNRECOGNIZED
    for report in unrecognized_causes(&parameters):
        left -= len(report)
        if left >= 0:
            reports.append(report)
    if reports:                              # 9260-3.2.2-02: behind the COOKIE ECHO, or after the COOKIE ACK
        t.control.append(make_error(reports))
    t.state = COOKIE_ECHOED
    t.cookie_echo_due = True
    t.retransmissions = 0
    t.back_off = min(t.primary.rto.rto, t.parameters.max_init_timeout)
    t.timers.deadline[TIMER_T1] = now + t.back_off
    t.want_transmit()
    return 0


cdef int on_cookie_ack(Tcb t, const ChunkView *chunk, int64_t now) except -1:
    """COOKIE ACK in COOKIE-ECHOED: the association is up (5.1 E)."""
    resume_outstanding(t, now)
    return come_up(t, now)


cdef int on_stale_cookie(Tcb t, uint32_t staleness, int64_t now) except -1:
    """5.2.6, third way: a new INIT that asks for a longer cookie life."""
    cdef uint32_t milliseconds
    t.stale_cookies += 1
    if t.stale_cookies > t.parameters.max_init_retransmits:
        return delete_tcb(t, ETIMEDOUT, CANT_STR_ASSOC)
    milliseconds = min(staleness // 1000 + 1, <uint32_t>(t.primary.rto.srtt // 1000 + 1000))
    t.outstanding.mark_path(0)               # DATA that went with the COOKIE ECHO was dropped with it
    t.state = COOKIE_WAIT
    t.peer_tag = 0
    t.cookie_echo = None
    t.cookie_echo_due = False
    send_first_init(t, make_tlv(COOKIE_PRESERVATIVE, milliseconds.to_bytes(4, "big")), now)
    return 0


cdef int on_t1(Tcb t, int64_t now) except -1:
    """T1-init or T1-cookie expired: the same again, at most Max.Init.Retransmits times (9260-4-07, 4-09)."""
    t.retransmissions += 1
    if t.retransmissions > t.parameters.max_init_retransmits:
        return delete_tcb(t, ETIMEDOUT, CANT_STR_ASSOC)
    t.back_off = min(2 * t.back_off, t.parameters.max_init_timeout)
    t.timers.deadline[TIMER_T1] = now + t.back_off
    if t.state == COOKIE_WAIT:
        emit_on(t, t.primary, 0, t.init_chunk)
    else:
        t.outstanding.mark_path(0)
        t.cookie_echo_due = True
        t.want_transmit()
    return 0
