"""The four-way handshake (RFC 9260 sections 5.1 and 5.2)."""
import errno

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from .address cimport Address, Route, same_ip
from .chunks cimport (
    InitView, cause_missing_parameters, get_init, make_abort, make_chunk, make_error, make_init, make_tlv,
)
from .cookie cimport CookieJar, StateCookie
from .delivery cimport give_up_pieces
from .emit cimport emit, emit_on
from .failed cimport fail_all, tell_send_failed
from .outstanding cimport Outstanding
from .params cimport (
    PARAMETERS_OK, PARTIAL_RELIABILITY, InitParameters, adaptation_parameter, address_parameter,
    extension_parameters, offered_extensions, parse_init_parameters, report_extensions,
    unrecognized_causes, unrecognized_parameters,
)
from .parameters cimport ProtocolParameters
from .path cimport PATH_ACTIVE, PATH_UNCONFIRMED, Path, new_path
from .pathmgmt cimport add_path, choose_local, reaches, send_heartbeat, start_heartbeats
from .peerwindow cimport mark_lost
from .proto cimport (
    CLOSED, COOKIE_ACK, COOKIE_ECHO, COOKIE_ECHOED, COOKIE_PRESERVATIVE, COOKIE_WAIT, DROP_MALFORMED_CHUNK,
    ESTABLISHED, INIT, INIT_ACK, INVALID_MANDATORY_PARAMETER, INVALID_STREAM_IDENTIFIER,
    PROTOCOL_VIOLATION, RESTART_WITH_NEW_ADDRESSES, STATE_COOKIE, UNRESOLVABLE_ADDRESS,
)
from .reasm cimport Reassembly
from .rto cimport rto_sample
from .scope cimport announced, keep_usable
from .sendq cimport Message
from .tcb cimport Tcb
from .teardown cimport (
    AUTH_NO_AUTH, CANT_STR_ASSOC, COMM_UP, RESTART, SN_ADAPTATION_INDICATION, SN_AUTHENTICATION_EVENT,
    abort_association, delete_tcb, give_up, room_for_writer, shutdown_primitive, tell_change,
)
from .timers cimport TIMER_AUTOCLOSE, TIMER_T1, TIMER_T5_GUARD, stop_all
from .tsnmap cimport TsnMap
from .user cimport CONNECTED, WRITABLE
from .wire cimport ChunkView

cdef int EPROTO = errno.EPROTO
cdef int ETIMEDOUT = errno.ETIMEDOUT
cdef bytes COOKIE_ACK_CHUNK = make_chunk(COOKIE_ACK, 0, b"")
cdef enum:
    MOST_UNRECOGNIZED = 512      # bytes of reports on unknown parameters (9260-12-02: keep answers small)


cdef int start_association(Tcb t, const Route *route, list more, int64_t now) except -1:
    """The ASSOCIATE primitive (11.1.2): send INIT, start T1-init, go to COOKIE-WAIT.

    `more`: further addresses of the same peer, 16 bytes each.
    """
    cdef Address address
    t.is_initiator = True
    t.local_tag = t.shared.fresh_tag()
    t.local_initial_tsn = t.shared.entropy.uint32()
    t.outbound_streams = t.parameters.outbound_streams
    t.inbound_streams = t.parameters.inbound_streams
    t.local_addresses = announced(t.local_addresses, route)
    add_first_path(t, route)
    choose_local(t, &t.primary.route)
    for ip in more:                          # 9260-5.4-01: what the user gives is confirmed
        memset(&address, 0, sizeof(Address))
        memcpy(address.ip, <const char *>(<bytes>ip), 16)
        add_path(t, &address, PATH_ACTIVE)
    t.given_addresses = len(t.paths)
    t.outstanding = Outstanding(t.local_initial_tsn)
    t.outstanding.set_paths(len(t.paths))
    t.state = COOKIE_WAIT
    send_first_init(t, b"", now)
    return 0


cdef int send_first_init(Tcb t, bytes parameters, int64_t now) except -1:
    t.init_chunk = make_init(INIT, t.local_tag, t.parameters.receive_buffer, t.parameters.outbound_streams,
                             t.parameters.inbound_streams, t.local_initial_tsn,
                             address_parameters(t.local_addresses)
                             + extension_parameters(own_extensions(t.parameters))
                             + adaptation_parameter(t.parameters.adaptation_indication) + parameters)
    t.retransmissions = 0
    t.back_off = min(t.primary.rto.rto, t.parameters.max_init_timeout)
    t.setup_sent = now
    emit_on(t, t.primary, 0, t.init_chunk)
    t.timers.deadline[TIMER_T1] = now + t.back_off
    return 0


cdef uint32_t own_extensions(ProtocolParameters parameters) noexcept:
    return PARTIAL_RELIABILITY if parameters.partial_reliability else 0


cdef uint32_t agree_on_extensions(InitParameters *theirs, ProtocolParameters ours) noexcept:
    """What both sides support: an extension is used only then (3758-3.1-01).

    What only the peer does is reported to it as unrecognized.
    """
    report_extensions(theirs, own_extensions(ours))
    return offered_extensions(theirs) & own_extensions(ours)


cdef bytes address_parameters(list addresses):
    """Our address list (3.3.2.1); none if the packet's source is the only one, as behind NAT (6951-5-07)."""
    cdef Address address
    cdef bytes parameters = b""
    memset(&address, 0, sizeof(Address))
    if len(addresses) > 1:
        for ip in addresses:
            memcpy(address.ip, <const char *>(<bytes>ip), 16)
            parameters += address_parameter(&address)
    return parameters


cdef int add_first_path(Tcb t, const Route *route) except -1:
    t.primary = new_path(route, 0, PATH_ACTIVE, t.parameters)
    t.reply_path = t.primary
    t.paths = [t.primary]
    t.names = None
    return 0


cdef int take_peer(Tcb t, uint32_t tag, uint32_t a_rwnd, uint16_t outbound, uint16_t inbound,
                   uint32_t tsn, uint32_t extensions, uint32_t adaptation) except -1:
    """What the peer said in INIT or INIT ACK becomes part of the TCB."""
    cdef Message *refused = t.send_queue.take_refused(outbound)
    cdef Message *message = refused
    while message != NULL:
        tell_send_failed(t, INVALID_STREAM_IDENTIFIER, message)
        message = message.next
    t.send_queue.release_chain(refused)
    t.peer_tag = tag
    t.peer_rwnd = t.told_rwnd = a_rwnd
    t.hidden_rwnd = 0
    t.window_shut = False
    t.extensions = extensions
    t.peer_adaptation = adaptation
    t.outbound_streams = outbound            # 5.1.1: the lesser of what we offer and what the peer accepts
    t.inbound_streams = inbound
    t.peer_initial_tsn = tsn
    t.tsn_map = TsnMap(tsn)
    t.reassembly.set_streams(inbound)
    t.reassembly.messages_may_end = extensions & PARTIAL_RELIABILITY
    t.advertised_rwnd = t.parameters.receive_buffer
    t.longest_chunk = 0
    room_for_writer(t)
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
    if t.peer_adaptation:
        t.notify(SN_ADAPTATION_INDICATION, (t.peer_adaptation, t.assoc_id))
    t.notify(SN_AUTHENTICATION_EVENT, (0, 0, AUTH_NO_AUTH, t.assoc_id))      # RFC 6458 section 6.1.8
    start_idling(t, now)
    if t.user is not None:
        t.user.signal(CONNECTED | WRITABLE)
    if t.shutdown_requested:
        shutdown_primitive(t, now)
    t.want_transmit()
    return 0


cdef int start_idling(Tcb t, int64_t now) except -1:
    """What an association does that has nothing to send: HEARTBEATs, and the end if its user wants that."""
    start_heartbeats(t, now)
    if t.parameters.autoclose:
        t.timers.deadline[TIMER_AUTOCLOSE] = now + t.parameters.autoclose
    return 0


cdef int begin_from_cookie(Tcb t, StateCookie cookie, const Route *route, int64_t now) except -1:
    """The TCB of a passive opening, built from a checked cookie (5.1.5 step 5)."""
    t.local_tag = cookie.local_tag
    t.local_initial_tsn = cookie.local_initial_tsn
    t.local_addresses = announced(t.local_addresses, &cookie.route)
    add_cookie_paths(t, cookie, route)
    t.outstanding = Outstanding(t.local_initial_tsn)
    t.outstanding.set_paths(len(t.paths))
    take_peer(t, cookie.peer_tag, cookie.peer_a_rwnd, cookie.outbound_streams, cookie.inbound_streams,
              cookie.peer_initial_tsn, cookie.extensions, cookie.peer_adaptation)
    return acknowledge_cookie(t, now)


cdef int add_cookie_paths(Tcb t, StateCookie cookie, const Route *route) except -1:
    """The address that the INIT ACK went to is confirmed, those that INIT listed are not (9260-5.4-01)."""
    cdef Route first = cookie.route
    cdef Address address
    first.remote_udp_port = route.remote_udp_port
    first.carrier = route.carrier
    add_first_path(t, &first)
    memset(&address, 0, sizeof(Address))
    for ip in cookie.peer_addresses:
        memcpy(address.ip, <const char *>(<bytes>ip), 16)
        add_path(t, &address, PATH_UNCONFIRMED)
    t.packet_path = t.path_of(&route.remote) or t.primary
    return 0


cdef int acknowledge_cookie(Tcb t, int64_t now) except -1:
    """COOKIE ACK; ESTABLISHED if the association was not yet."""
    if t.state in (CLOSED, COOKIE_WAIT, COOKIE_ECHOED):          # CLOSED: it is just being made
        resume_outstanding(t, now)
        come_up(t, now)
    return send_cookie_ack(t, now)


cdef int send_cookie_ack(Tcb t, int64_t now) except -1:
    """First in its packet (9260-5.1-05), to where the COOKIE ECHO came from.

    To an address that is not confirmed it goes together with the HEARTBEAT that probes it (9260-5.4-06).
    """
    cdef Path path = t.packet_path
    if path.state == PATH_UNCONFIRMED:
        path.control = [COOKIE_ACK_CHUNK, *(path.control or ())]
        return send_heartbeat(t, path, now)
    t.reply_path = path
    t.control.insert(0, COOKIE_ACK_CHUNK)
    t.want_transmit()
    return 0


cdef int resume_outstanding(Tcb t, int64_t now) except -1:
    """DATA that went with the COOKIE ECHO is guarded by T3-rtx from now on."""
    cdef Path path
    for path in t.paths:
        if t.outstanding.flights[path.index].bytes and path.t3_deadline == INT64_MAX:
            path.start_t3(now)
    return 0


cdef int mark_all(Tcb t) except -1:
    """DATA that went with a COOKIE ECHO goes again with the next one."""
    cdef Path path
    for path in t.paths:
        mark_lost(t, path, t.primary, t.outstanding.next_tsn)
    return 0


cdef list check_init(const InitView *init, InitParameters *parameters):
    """Read the parameters of INIT or INIT ACK; causes to refuse it with (9260-5.1-07), empty if it is good.

    What the causes say is short: no stranger gets an answer that is longer than the INIT.
    """
    if parse_init_parameters(init.parameters, init.parameters_length, parameters) != PARAMETERS_OK:
        return [make_tlv(PROTOCOL_VIOLATION, b"parameters")]
    if init.initiate_tag == 0 or init.outbound_streams == 0 or init.inbound_streams == 0:
        return [make_tlv(INVALID_MANDATORY_PARAMETER, b"")]
    if init.a_rwnd < LEAST_A_RWND:
        return [make_tlv(PROTOCOL_VIOLATION, b"low a_rwnd")]
    if parameters.has_host_name:             # 9260-3.3.2-07
        return [make_tlv(UNRESOLVABLE_ADDRESS,
                         (<const char *>parameters.host_name)[:parameters.host_name_length])]
    return []


cdef bytes make_init_ack(CookieJar jar, StateCookie cookie, const InitParameters *parameters, uint32_t a_rwnd,
                         uint16_t outbound_streams, uint16_t inbound_streams, list addresses,
                         uint32_t adaptation):
    """INIT ACK with the sealed cookie and the reports on unknown parameters (3.2.2)."""
    return make_init(INIT_ACK, cookie.local_tag, a_rwnd, outbound_streams, inbound_streams,
                     cookie.local_initial_tsn,
                     address_parameters(addresses) + make_tlv(STATE_COOKIE, jar.seal(cookie))
                     + extension_parameters(cookie.extensions) + adaptation_parameter(adaptation)
                     + unrecognized_parameters(parameters, MOST_UNRECOGNIZED))


cdef list listed_addresses(const InitParameters *parameters, const Route *route):
    """The addresses of an INIT beside its source, 16 bytes each (5.1.2)."""
    cdef int index
    return [(<const char *>parameters.addresses[index].ip)[:16] for index in range(parameters.address_count)
            if not same_ip(&parameters.addresses[index], &route.remote)]


cdef int answer_init(Tcb t, CookieJar jar, const InitView *init, InitParameters *parameters,
                     const Route *route, int64_t now) except -1:
    """INIT while a TCB exists: it stays as it is, and the answer is an INIT ACK (5.2.1, 5.2.2)."""
    cdef StateCookie cookie = StateCookie()
    cdef Route back = route[0]
    cdef Path path = t.path_of(&route.remote)
    cdef int index
    if t.state != COOKIE_WAIT and adds_addresses(t, parameters, route):
        emit(t.shared.outbox, route, t.local_port, t.peer_port, init.initiate_tag,
             make_abort(False, [new_addresses_cause(t, parameters, route)]))     # 9260-5.2.1-03, 5.2.2-01
        return 0
    if path is None:                         # 9260-5.2.1-02: to an address given and listed
        for index in range(parameters.address_count):
            path = t.path_of(&parameters.addresses[index])
            if path is not None:
                back = path.route
                break
    if t.state in (COOKIE_WAIT, COOKIE_ECHOED):
        cookie.local_tag = t.local_tag       # 9260-5.2.1-01: the parameters of our own INIT
        cookie.local_initial_tsn = t.local_initial_tsn
    else:
        cookie.local_tag = t.shared.fresh_tag()
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
    cookie.extensions = agree_on_extensions(parameters, t.parameters)
    cookie.peer_adaptation = parameters.adaptation_indication
    cookie.route = back
    cookie.peer_addresses = listed_addresses(parameters, &back)
    if not same_ip(&back.remote, &route.remote):
        cookie.peer_addresses.append((<const char *>route.remote.ip)[:16])
    emit(t.shared.outbox, &back, t.local_port, t.peer_port, init.initiate_tag,
         make_init_ack(jar, cookie, parameters, t.parameters.receive_buffer, cookie.outbound_streams,
                       t.parameters.inbound_streams, t.local_addresses,
                       t.parameters.adaptation_indication))
    return 0


cdef bint adds_addresses(Tcb t, const InitParameters *parameters, const Route *route) except -1:
    """Whether an INIT names an address that the association does not have (5.2.1, 5.2.2)."""
    cdef int index
    if t.path_of(&route.remote) is None:
        return True
    for index in range(parameters.address_count):
        if reaches(t, &parameters.addresses[index]) and t.path_of(&parameters.addresses[index]) is None:
            return True
    return False


cdef bytes new_addresses_cause(Tcb t, const InitParameters *parameters, const Route *route):
    """Restart of an Association with New Addresses (3.3.10.11): the new ones, as address parameters."""
    cdef int index
    cdef bytes addresses = b""
    if t.path_of(&route.remote) is None:
        addresses += address_parameter(&route.remote)
    for index in range(parameters.address_count):
        if t.path_of(&parameters.addresses[index]) is None:
            addresses += address_parameter(&parameters.addresses[index])
    return make_tlv(RESTART_WITH_NEW_ADDRESSES, addresses)


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
    cdef Address address
    memset(&address, 0, sizeof(Address))
    if t.state in (COOKIE_WAIT, COOKIE_ECHOED):
        take_peer(t, cookie.peer_tag, cookie.peer_a_rwnd,
                  min(t.parameters.outbound_streams, cookie.outbound_streams), cookie.inbound_streams,
                  cookie.peer_initial_tsn, cookie.extensions, cookie.peer_adaptation)
        for ip in cookie.peer_addresses:     # 5.1.2; the INIT ACK may never come
            memcpy(address.ip, <const char *>(<bytes>ip), 16)
            add_path(t, &address, PATH_UNCONFIRMED)
    else:
        t.peer_tag = cookie.peer_tag
    return acknowledge_cookie(t, now)


cdef int restart(Tcb t, StateCookie cookie, const Route *route, int64_t now) except -1:
    """Action A: the peer lost its TCB and began anew; ours starts again under the user's eyes.

    A user that has asked for the end gets it: SHUTDOWN goes with the COOKIE ACK.  Nor does the guard of an
    orphan begin anew, or a peer could keep one by restarts.
    """
    cdef int64_t guard = t.timers.deadline[TIMER_T5_GUARD]
    fail_all(t, 0)
    give_up_pieces(t)
    t.reassembly.reset()
    t.reassembly = Reassembly()
    cut = t.send_queue.open
    t.send_queue = type(t.send_queue)()
    t.send_queue.cut = cut
    t.local_tag = cookie.local_tag
    t.local_initial_tsn = cookie.local_initial_tsn
    t.local_tie_tag = t.peer_tie_tag = 0
    stop_all(&t.timers)
    if t.detached:
        t.timers.deadline[TIMER_T5_GUARD] = guard
    t.cookie_echo = None
    t.cookie_echo_due = False
    t.probing = t.probe_outstanding = t.fast_retransmit_now = t.timeout_retransmit_now = False
    t.forward_tsn_due = False
    t.forwarded_on = None
    t.retransmissions = 0
    t.peer_shutdown = False
    t.any_data_received = False
    t.packets_to_acknowledge = 0
    t.sack_due = False
    t.control = []
    t.error_count = 0
    add_cookie_paths(t, cookie, route)
    t.outstanding = Outstanding(t.local_initial_tsn)
    t.outstanding.set_paths(len(t.paths))
    take_peer(t, cookie.peer_tag, cookie.peer_a_rwnd, cookie.outbound_streams, cookie.inbound_streams,
              cookie.peer_initial_tsn, cookie.extensions, cookie.peer_adaptation)
    t.state = ESTABLISHED
    tell_change(t, RESTART, 0, b"")
    start_idling(t, now)
    send_cookie_ack(t, now)
    if t.shutdown_requested:
        shutdown_primitive(t, now)
    return 0


cdef int on_init_ack(Tcb t, const ChunkView *chunk, const Route *route, int64_t now) except -1:
    """INIT ACK in COOKIE-WAIT: send COOKIE ECHO, start T1-cookie, go to COOKIE-ECHOED (5.1 C)."""
    cdef InitView init
    cdef InitParameters parameters
    cdef list causes, reports
    cdef int index
    cdef Path answered
    cdef Py_ssize_t left
    if not get_init(chunk, &init):
        return refuse_init_ack(t, make_tlv(PROTOCOL_VIOLATION, b"INIT ACK"))
    if init.initiate_tag == 0:
        return refuse_init_ack(t, make_tlv(INVALID_MANDATORY_PARAMETER, b""))
    t.peer_tag = init.initiate_tag           # answers below carry it
    causes = check_init(&init, &parameters)
    if causes:
        if init.a_rwnd < LEAST_A_RWND and init.outbound_streams and init.inbound_streams:
            emit_on(t, t.primary, t.peer_tag, make_abort(False, causes))     # 9260-3.3.3-05: no state changes
            t.peer_tag = 0
            return 0
        t.drop(DROP_MALFORMED_CHUNK)
        return abort_association(t, causes, EPROTO)
    if not parameters.has_state_cookie:
        return abort_association(t, [cause_missing_parameters([STATE_COOKIE])], EPROTO)
    if t.retransmissions == 0:
        rto_sample(&t.primary.rto, now - t.setup_sent, t.parameters)
    answered = t.path_of(&route.remote)
    if answered is None:                     # 5.1.2: the packet's source is a destination
        answered = t.primary
        answered.route.remote = route.remote
    t.primary = t.reply_path = answered
    t.primary.route.remote_udp_port = route.remote_udp_port
    t.primary.route.local = route.local
    take_peer(t, init.initiate_tag, init.a_rwnd, min(t.parameters.outbound_streams, init.inbound_streams),
              min(t.parameters.inbound_streams, init.outbound_streams), init.initial_tsn,
              agree_on_extensions(&parameters, t.parameters), parameters.adaptation_indication)
    keep_listed(t, &parameters)
    keep_usable(t.shared, &parameters, route)
    t.keys_are_old = True
    for index in range(parameters.address_count):        # 5.1.2; unconfirmed, but for what the user gave
        add_path(t, &parameters.addresses[index], PATH_UNCONFIRMED)
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


cdef int refuse_init_ack(Tcb t, bytes cause) except -1:
    """One without a tag of the peer (9260-3.3.3-03): the TCB goes, and the ABORT reflects our own tag."""
    t.drop(DROP_MALFORMED_CHUNK)
    emit_on(t, t.primary, t.local_tag, make_abort(True, [cause]))
    return delete_tcb(t, EPROTO, CANT_STR_ASSOC)


cdef int keep_listed(Tcb t, const InitParameters *parameters) except -1:
    """Addresses that the user gave and the peer neither lists nor answers from are not its own (5.1.2)."""
    cdef Path path
    cdef list kept = []
    cdef int index
    if t.outstanding.count():                # after a stale cookie chunks know their paths by index
        return 0
    for path in t.paths:
        if path is not t.primary:
            for index in range(parameters.address_count):
                if same_ip(&parameters.addresses[index], &path.route.remote):
                    break
            else:
                continue
        path.index = <uint8_t>len(kept)
        kept.append(path)
    t.paths = kept
    t.names = None
    t.given_addresses = len(kept)
    t.outstanding.set_paths(len(kept))
    return 0


cdef int on_cookie_ack(Tcb t, const ChunkView *chunk, int64_t now) except -1:
    """COOKIE ACK in COOKIE-ECHOED: the association is up (5.1 E)."""
    resume_outstanding(t, now)
    return come_up(t, now)


cdef int on_stale_cookie(Tcb t, uint32_t staleness, int64_t now) except -1:
    """5.2.6, third way: a new INIT that asks for a longer cookie life."""
    cdef uint32_t milliseconds
    t.stale_cookies += 1
    if t.stale_cookies > t.parameters.max_init_retransmits:      # the peer has no TCB that could be told
        return delete_tcb(t, ETIMEDOUT, CANT_STR_ASSOC)
    milliseconds = min(staleness // 1000 + 1, <uint32_t>(t.primary.rto.srtt // 1000 + 1000))
    mark_all(t)                              # DATA that went with the COOKIE ECHO was dropped with it
    t.state = COOKIE_WAIT
    t.peer_tag = 0
    t.cookie_echo = None
    t.cookie_echo_due = False
    send_first_init(t, make_tlv(COOKIE_PRESERVATIVE, milliseconds.to_bytes(4, "big")), now)
    return t.reschedule()                    # T1-init may end before the T1-cookie that the agenda knows of


cdef int on_t1(Tcb t, int64_t now) except -1:
    """T1-init or T1-cookie expired: the same again, at most Max.Init.Retransmits times (9260-4-07, 4-09)."""
    t.retransmissions += 1
    if t.retransmissions > t.parameters.max_init_retransmits:
        return give_up(t, b"no answer to INIT or COOKIE ECHO")
    t.back_off = min(2 * t.back_off, t.parameters.max_init_timeout)
    t.timers.deadline[TIMER_T1] = now + t.back_off
    t.primary = t.paths[(t.primary.index + 1) % t.given_addresses]       # 9260-5.1-06: they take turns
    t.reply_path = t.primary
    if t.state == COOKIE_WAIT:
        emit_on(t, t.primary, 0, t.init_chunk)
    else:
        mark_all(t)
        t.cookie_echo_due = True
        t.want_transmit()
    return 0
