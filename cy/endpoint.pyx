"""Every packet's first stop (RFC 9260 sections 5.1, 6.8, 8.4, 8.5 and 10)."""
import errno
from collections import deque
from sys import getsizeof
from weakref import WeakValueDictionary

from .proto import DropReason

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from .address cimport (
    Address, Route, address_from_host, host_from_address, is_ipv4, is_unicast, is_unspecified, same_ip,
)
from .association cimport Association, make_association
from .chunks cimport InitView, cause_stale_cookie, get_init, make_chunk, make_error, make_tlv
from .cookie cimport COOKIE_FORGED, COOKIE_TOO_OLD, CookieJar, StateCookie
from .crc32c cimport packet_is_intact
from .emit cimport emit
from .params cimport InitParameters
from .path cimport PATH_UNCONFIRMED, Path
from .pathmgmt cimport packet_too_big
from .proto cimport (
    ABORT, COOKIE_ECHO, COOKIE_ECHOED, COOKIE_RECEIVED_WHILE_SHUTTING_DOWN, COOKIE_WAIT,
    DROP_BACKLOG, DROP_BAD_CHECKSUM, DROP_BAD_TAG, DROP_BUNDLED_ALONE, DROP_COOKIE_MAC, DROP_COOKIE_MISMATCH,
    DROP_COOKIE_STALE, DROP_ICMP, DROP_MALFORMED_CHUNK, DROP_NO_LISTENER, DROP_NOT_UNICAST,
    DROP_OUT_OF_THE_BLUE, DROP_PORT_ZERO, DROP_REASON_COUNT, DROP_TAG_COLLISION,
    DROP_TAG_ZERO, DROP_TOO_MANY, DROP_TOO_SHORT, FLAG_T, INIT, INIT_ACK, OUT_OF_RESOURCE, SHUTDOWN_ACK,
    SHUTDOWN_ACK_SENT, SHUTDOWN_COMPLETE,
)
from .scope cimport announced, is_own, keep_usable
from .setup cimport (
    ACTION_COLLISION, ACTION_DUPLICATE, ACTION_RESTART, acknowledge_cookie, agree_on_extensions, answer_init,
    begin_from_cookie, check_init, collide, cookie_action, listed_addresses, make_init_ack,
    restart, start_association,
)
from .strangers cimport Strangers
from .tcb cimport Shared
from .teardown cimport CANT_STR_ASSOC, COMM_LOST, delete_tcb
from .transmit cimport transmit
from .user cimport ACCEPTABLE, SctpUser
from .wire cimport (
    CHUNK_HEADER, COMMON_HEADER, CURSOR_ITEM, ChunkView, Cursor, get16, get32, next_chunk,
)

cdef int ECONNREFUSED = errno.ECONNREFUSED
cdef int ECONNRESET = errno.ECONNRESET

cdef enum:
    IDLE_TURNS = 4               # of an association in one poll that write nothing
    ROOM_BYTES = 16384           # what one received packet may provoke at the most
    ROOM_PACKETS = 24
    MOST_ASSOCIATIONS = 65536    # of a one-to-many socket, unless it says otherwise
    FIRST_ASSOC_ID = 3           # 0, 1 and 2 mean future, current and all (RFC 6458 section 7.2)

cdef list DROP_NAMES = [reason.name.removeprefix("DROP_").lower() for reason in DropReason]


cdef list packed_addresses(hosts):
    """Host names of one or several addresses as 16 bytes each; wildcards give none.

    ValueError as address_from_host.
    """
    cdef Address address
    cdef list packed = []
    for host in [hosts] if isinstance(hosts, str) else hosts:
        if host not in ("", "0.0.0.0", "::"):
            address_from_host(host, &address)
            packed.append((<const char *>address.ip)[:16])
    return packed


cdef class Listener:
    """A local port, and maybe one address of it, where associations may be set up by the peer."""

    def accept(self):
        """The longest waiting association, or None.  Its `user` holds what has arrived meanwhile."""
        return self.pending.popleft() if self.pending else None

    def set_addresses(self, host) -> None:
        """Listen at these addresses from now on, and announce them to peers; "" or [] are all of the host."""
        self.addresses = packed_addresses(host)

    cdef int lacks_room(self) except -1:
        if self.user.one_to_many:
            return <int>DROP_TOO_MANY if self.user.associations >= self.most else 0
        return <int>DROP_BACKLOG if len(self.pending) > self.backlog else 0      # as Linux: one more may wait

    def close(self, int64_t now) -> None:
        """Stop listening; associations that nobody accepted are aborted, as Linux does."""
        cdef Association association
        if self.endpoint is None:
            return
        self.endpoint.listeners[self.port].remove(self)
        if not self.endpoint.listeners[self.port]:
            del self.endpoint.listeners[self.port]
        while self.pending:
            association = self.pending.popleft()
            association.abort(b"", now)
            association.close(now)
        self.endpoint.bury()
        self.endpoint = None


cdef class Endpoint:
    """All associations and listeners of one host as seen from its carriers.

    `seed`: 32 or more secret bytes, from which every tag, TSN and cookie secret derives.
    """

    def __cinit__(self, bytes seed not None, ProtocolParameters parameters=None):
        self.parameters = parameters if parameters is not None else ProtocolParameters()
        self.shared = Shared(seed)
        self.outbox = self.shared.outbox
        self.ready_list = ReadyList()
        self.jar = CookieJar(self.shared.entropy)
        self.by_id = {}
        self.ended_by_id = WeakValueDictionary()
        self.ports_held = {}
        self.by_address = {}
        self.listeners = {}
        self.last_assoc_id = FIRST_ASSOC_ID - 1
        self.strangers = Strangers(self.shared)
        self.taken = []

    # ------------------------------------------------------------------ packets

    cdef bint room(self) noexcept nogil:
        """Whether the outbox can take whatever one received packet provokes."""
        return (self.outbox.capacity - self.outbox.used >= ROOM_BYTES
                and self.outbox.max_packets - self.outbox.count >= ROOM_PACKETS)

    cdef int receive(self, const uint8_t *packet, uint32_t length, const Route *route, int64_t now) except -1:
        """One SCTP packet from a carrier (8.5): checksum, ports, tag, then to its association."""
        cdef PyObject *found
        cdef Association association
        cdef Path path
        cdef uint32_t tag
        if length < COMMON_HEADER + CHUNK_HEADER:
            return self.drop(DROP_TOO_SHORT)
        if not packet_is_intact(packet, length):
            return self.drop(DROP_BAD_CHECKSUM)          # 9260-6.8-02
        self.bury()                                      # whom its user has aborted meanwhile
        tag = get32(packet + 4)
        found = self.shared.by_tag.find(tag)
        if found != NULL:
            association = <Association>found
            if association.peer_port == get16(packet) and association.local_port == get16(packet + 2):
                path = association.path_of(&route.remote)
                if path is not None or association.state == COOKIE_WAIT:
                    return self.deliver(association, path, packet, length, route, now)
        if get16(packet) == 0 or get16(packet + 2) == 0:
            return self.drop(DROP_PORT_ZERO)             # 9260-3.1-02
        if not is_unicast(&route.remote) or not (is_unspecified(&route.local) or is_unicast(&route.local)):
            return self.drop(DROP_NOT_UNICAST)           # 9260-8.4-01
        self.receive_unmatched(packet, length, route, now)
        self.bury()
        return 0

    cdef int deliver(self, Association association, Path path, const uint8_t *packet, uint32_t length,
                     const Route *route, int64_t now) except -1:
        """A packet with the association's own tag."""
        cdef const uint8_t *chunks = packet + COMMON_HEADER
        if chunks[0] == COOKIE_ECHO:
            self.receive_cookie_echo(packet, length, route, now)
            return self.bury()
        if chunks[0] == INIT or chunks[0] == INIT_ACK or chunks[0] == SHUTDOWN_COMPLETE:
            if chunks[0] == INIT or not self.is_alone(chunks, length - COMMON_HEADER):
                return self.drop(DROP_TAG_ZERO if chunks[0] == INIT else DROP_BUNDLED_ALONE)
        if association.state <= COOKIE_ECHOED and chunks[0] == SHUTDOWN_ACK:
            return self.strangers.out_of_the_blue(packet, length, route, now)       # 9260-8.5-06
        association.packets_in += 1
        association.bytes_in += length
        association.packet_path = path if path is not None else association.primary
        association.packet_reflects_tag = False
        if path is not None:
            path.packets_received += 1
            if (path.route.remote_udp_port != route.remote_udp_port
                    or path.route.carrier != route.carrier):
                path.follow(route)                       # 6951-5-03: the tag is right
        association.handle_packet(chunks, length - COMMON_HEADER, route, now)
        if association.ended:
            self.bury()
        elif len(association.keys) != len(association.paths) or path is None or association.keys_are_old:
            self.register_addresses(association)         # the INIT ACK named them, or came from another one
        return 0

    cdef bint is_alone(self, const uint8_t *chunks, uint32_t length) noexcept:
        """Whether the first chunk is the only one of the packet (9260-3-01)."""
        cdef Cursor cursor
        cdef ChunkView chunk
        cursor.position = chunks
        cursor.end = chunks + length
        return next_chunk(&cursor, &chunk) == CURSOR_ITEM and cursor.position == cursor.end

    cdef int receive_unmatched(self, const uint8_t *packet, uint32_t length, const Route *route,
                               int64_t now) except -1:
        """A packet whose tag is no association's own: INIT, reflected tags, and what is out of the blue."""
        cdef const uint8_t *chunks = packet + COMMON_HEADER
        cdef uint8_t first = chunks[0]
        cdef uint32_t tag = get32(packet + 4)
        cdef Association association
        if tag == 0:
            if first != INIT:
                return self.drop(DROP_TAG_ZERO)          # 9260-8.5-02
            if not self.is_alone(chunks, length - COMMON_HEADER):
                return self.drop(DROP_BUNDLED_ALONE)
            return self.receive_init(packet, length, route, now)
        if first == INIT:
            return self.drop(DROP_TAG_ZERO)              # 12.3: an INIT with a tag
        if first == COOKIE_ECHO:
            return self.receive_cookie_echo(packet, length, route, now)
        association = self.by_address.get(self.key(&route.remote, get16(packet), get16(packet + 2)))
        if association is None:
            return self.out_of_the_blue(packet, length, route, now)
        if (first == ABORT and chunks[1] & FLAG_T and tag == association.peer_tag
                or first == SHUTDOWN_COMPLETE and chunks[1] & FLAG_T and tag == association.peer_tag
                and association.state == SHUTDOWN_ACK_SENT and self.is_alone(chunks, length - COMMON_HEADER)):
            association.packets_in += 1
            association.packet_path = association.path_of(&route.remote)
            association.packet_reflects_tag = True
            return association.handle_packet(chunks, length - COMMON_HEADER, route, now)
        if first == SHUTDOWN_ACK and association.state <= COOKIE_ECHOED:
            return self.strangers.out_of_the_blue(packet, length, route, now)       # 9260-8.5-06
        if self.owner(self.key(&route.remote, get16(packet), get16(packet + 2))) is None:
            return self.out_of_the_blue(packet, length, route, now)      # the address may be somebody else's
        return self.drop(DROP_BAD_TAG)

    cdef int out_of_the_blue(self, const uint8_t *packet, uint32_t length, const Route *route,
                             int64_t now) except -1:
        """8.4, but for what concerns an association of ours, which the answer could end.

        That is a packet with its own tag from an address of the peer that we have not taken, and one that we
        sent to an address of another host that is an address of this one too.
        """
        cdef PyObject *found = self.shared.by_tag.find(get32(packet + 4))
        cdef Association association
        if found != NULL:
            association = <Association>found
            if association.peer_port == get16(packet) and association.local_port == get16(packet + 2):
                return self.drop(DROP_OUT_OF_THE_BLUE)
        association = self.by_address.get(self.key(&route.local, get16(packet + 2), get16(packet)))
        if (association is not None and association.peer_tag == get32(packet + 4)
                and not is_own(self.shared, &association.primary.route.remote)):
            return self.drop(DROP_OUT_OF_THE_BLUE)
        return self.strangers.out_of_the_blue(packet, length, route, now)

    # ------------------------------------------------------------------ passive set-up

    cdef int receive_init(self, const uint8_t *packet, uint32_t length, const Route *route,
                          int64_t now) except -1:
        """INIT (5.1 B, 5.2.1, 5.2.2): the answer holds all state, we keep none."""
        cdef Cursor cursor
        cdef ChunkView chunk
        cdef InitView init
        cdef InitParameters parameters
        cdef uint16_t peer_port = get16(packet), port = get16(packet + 2)
        cdef Association association
        cdef Listener listener
        cdef StateCookie cookie
        cdef list causes
        cdef int index, reason
        cursor.position = packet + COMMON_HEADER
        cursor.end = packet + length
        if next_chunk(&cursor, &chunk) != CURSOR_ITEM or not get_init(&chunk, &init):
            return self.drop(DROP_MALFORMED_CHUNK)
        if init.initiate_tag == 0:
            return self.drop(DROP_TAG_COLLISION)         # 9260-3.3.2-03
        causes = check_init(&init, &parameters)
        if causes:
            return self.strangers.refuse(packet, init.initiate_tag, causes, route, DROP_MALFORMED_CHUNK, now)
        keep_usable(self.shared, &parameters, route)
        association = self.owner(self.key(&route.remote, peer_port, port))
        for index in range(parameters.address_count):    # 9260-5.1.2-03: any address of the INIT finds it
            if association is None:
                association = self.owner(self.key(&parameters.addresses[index], peer_port, port))
        if association is not None:
            if not self.strangers.may_get_init_ack(route, now):
                return 0
            if association.state == SHUTDOWN_ACK_SENT:   # 9260-9.2-07
                association.control.append(make_chunk(SHUTDOWN_ACK, 0, b""))
                return transmit(association, now)
            return answer_init(association, self.jar, &init, &parameters, route, now)
        listener = self.listener_for(route, port)
        if listener is None:
            return self.strangers.refuse(packet, init.initiate_tag, [], route, DROP_NO_LISTENER, now)
        reason = listener.lacks_room()
        if reason:
            return self.strangers.refuse(packet, init.initiate_tag, [make_tlv(OUT_OF_RESOURCE, b"")], route,
                                         reason, now)
        if not self.strangers.may_get_init_ack(route, now):
            return 0
        cookie = StateCookie()
        cookie.created = now
        cookie.life = (listener.parameters.valid_cookie_life
                       + 1000 * <int64_t>min(parameters.cookie_preservative, <uint32_t>10000))
        cookie.local_port = port
        cookie.peer_port = peer_port
        cookie.local_tag = self.shared.fresh_tag()
        cookie.local_initial_tsn = self.shared.entropy.uint32()
        cookie.peer_tag = init.initiate_tag
        cookie.peer_initial_tsn = init.initial_tsn
        cookie.peer_a_rwnd = init.a_rwnd
        cookie.outbound_streams = min(listener.parameters.outbound_streams, init.inbound_streams)
        cookie.inbound_streams = min(listener.parameters.inbound_streams, init.outbound_streams)
        cookie.extensions = agree_on_extensions(&parameters, listener.parameters)
        cookie.peer_adaptation = parameters.adaptation_indication
        cookie.route = route[0]
        cookie.peer_addresses = listed_addresses(&parameters, route)
        emit(self.outbox, route, port, peer_port, init.initiate_tag,
             make_init_ack(self.jar, cookie, &parameters, listener.parameters.receive_buffer,
                           cookie.outbound_streams, listener.parameters.inbound_streams,
                           announced(listener.addresses, route), listener.parameters.adaptation_indication))
        return 0

    cdef int receive_cookie_echo(self, const uint8_t *packet, uint32_t length, const Route *route,
                                 int64_t now) except -1:
        """COOKIE ECHO (5.1.5, 5.2.4), then whatever is bundled behind it."""
        cdef Cursor cursor
        cdef ChunkView chunk
        cdef StateCookie cookie = StateCookie()
        cdef Association association
        cdef int verdict, action
        cursor.position = packet + COMMON_HEADER
        cursor.end = packet + length
        if next_chunk(&cursor, &chunk) != CURSOR_ITEM:
            return self.drop(DROP_MALFORMED_CHUNK)
        verdict = self.jar.open((<const char *>chunk.value)[:chunk.value_length], cookie, now)
        if verdict == COOKIE_FORGED:
            return self.drop(DROP_COOKIE_MAC)
        if (cookie.local_port != get16(packet + 2) or cookie.peer_port != get16(packet)
                or cookie.local_tag != get32(packet + 4)
                or not (same_ip(&cookie.route.remote, &route.remote)
                        or (<const char *>route.remote.ip)[:16] in cookie.peer_addresses)):
            return self.drop(DROP_COOKIE_MISMATCH)
        association = self.owner(self.key(&route.remote, cookie.peer_port, cookie.local_port))
        if association is None:
            association = self.owner(self.key(&cookie.route.remote, cookie.peer_port, cookie.local_port))
        for ip in cookie.peer_addresses:                 # 9260-5.1.2-03
            if association is None:
                association = self.owner((ip, 0, cookie.peer_port, cookie.local_port))
        action = cookie_action(association, cookie) if association is not None else ACTION_RESTART
        if verdict == COOKIE_TOO_OLD and not (association is not None and action == ACTION_DUPLICATE):
            emit(self.outbox, route, cookie.local_port, cookie.peer_port, cookie.peer_tag,
                 make_error([cause_stale_cookie(
                     <uint32_t>min(now - cookie.created - cookie.life, 0xFFFFFFFF))]))
            return self.drop(DROP_COOKIE_STALE)          # 9260-5.1.5-03, 5.2.4-02
        if association is None:
            association = self.accept_cookie(packet, cookie, route, now)
            if association is None:
                return 0
        else:
            association.packet_path = association.path_of(&route.remote) or association.primary
            if not self.apply_cookie_action(association, action, cookie, route, now):
                return 0
        association.packets_in += 1
        association.bytes_in += length
        association.packet_reflects_tag = False
        return association.handle_packet(cursor.position, <uint32_t>(cursor.end - cursor.position), route,
                                         now)

    cdef Association accept_cookie(self, const uint8_t *packet, StateCookie cookie, const Route *route,
                                   int64_t now):
        """A new association from a valid cookie, or None if it is refused."""
        cdef Listener listener = self.listener_for(route, cookie.local_port)
        cdef Association association
        cdef SctpUser user
        cdef int reason = listener.lacks_room() if listener is not None else <int>DROP_NO_LISTENER
        if reason == 0 and self.shared.by_tag.find(cookie.local_tag) != NULL:
            reason = DROP_TAG_COLLISION      # another association has that tag now
        if reason:
            self.strangers.refuse(packet, cookie.peer_tag, [make_tlv(OUT_OF_RESOURCE, b"")], route, reason,
                                  now)
            return None
        if listener.user.one_to_many:
            user = listener.user
        else:
            user = SctpUser(self.ready_list)
            user.event_mask = listener.user.event_mask
            user.receive_queue.interleave = listener.user.receive_queue.interleave
        association = self.new_association(user, cookie.local_port, cookie.peer_port, listener.parameters)
        association.local_addresses = listener.addresses
        association.carriers[0], association.carriers[1] = listener.carriers
        begin_from_cookie(association, cookie, route, now)
        self.register(association)
        if not listener.user.one_to_many:
            listener.pending.append(association)
            listener.user.signal(ACCEPTABLE)
        return association

    cdef bint apply_cookie_action(self, Association association, int action, StateCookie cookie,
                                  const Route *route, int64_t now) except -1:
        """The table of 5.2.4; False if the packet ends there."""
        if action == ACTION_DUPLICATE:
            acknowledge_cookie(association, now)
        elif action == ACTION_COLLISION:
            collide(association, cookie, route, now)
            self.register_addresses(association)
        elif action == ACTION_RESTART and association.state == SHUTDOWN_ACK_SENT:
            association.control.append(make_chunk(SHUTDOWN_ACK, 0, b""))
            association.control.append(make_error([make_tlv(COOKIE_RECEIVED_WHILE_SHUTTING_DOWN, b"")]))
            transmit(association, now)
            return False
        elif action == ACTION_RESTART and self.shared.by_tag.find(cookie.local_tag) != NULL:
            self.drop(DROP_TAG_COLLISION)    # another association has that tag now; the peer begins anew
            return False
        elif action == ACTION_RESTART:
            self.shared.by_tag.remove(association.local_tag)
            restart(association, cookie, route, now)
            self.register_addresses(association)
            self.shared.by_tag.add(association.local_tag, association)
        else:                                            # C, or not in the table
            self.drop(DROP_COOKIE_MISMATCH)
            return False
        return True

    # ------------------------------------------------------------------ tables

    cdef tuple key(self, const Address *remote, uint16_t peer_port, uint16_t local_port):
        return ((<const char *>remote.ip)[:16], remote.scope_id, peer_port, local_port)

    cdef int32_t fresh_id(self) except 0:
        """The next association id that means none: ended ones keep theirs until nobody has them any more."""
        while True:
            self.last_assoc_id = self.last_assoc_id + 1 if self.last_assoc_id < 0x7FFFFFFF else FIRST_ASSOC_ID
            if self.last_assoc_id not in self.by_id and self.last_assoc_id not in self.ended_by_id:
                return self.last_assoc_id

    cdef Listener listener_for(self, const Route *route, uint16_t port):
        """Who listens at the address that a packet came to, or else at all of its version of IP."""
        cdef Listener listener, wildcard = None
        cdef bint ipv4 = is_ipv4(&route.remote)
        for listener in self.listeners.get(port, ()):
            if not listener.addresses:
                if listener.ipv4 if ipv4 else listener.ipv6:
                    wildcard = listener
            elif (<const char *>route.local.ip)[:16] in listener.addresses:
                return listener
        return wildcard

    cdef Association new_association(self, SctpUser user, uint16_t local_port, uint16_t peer_port,
                                     ProtocolParameters parameters):
        cdef Association association = make_association()
        association.shared = self.shared
        association.user = user
        association.event_mask = user.event_mask
        association.parameters = parameters.copy()
        association.local_port = local_port
        association.peer_port = peer_port
        association.assoc_id = self.fresh_id()
        return association

    cdef int register(self, Association association) except -1:
        self.shared.by_tag.add(association.local_tag, association)
        self.by_id[association.assoc_id] = association
        self.ports_held[association.local_port] = self.ports_held.get(association.local_port, 0) + 1
        association.user.associations += 1
        self.register_addresses(association)
        association.reschedule()
        return 0

    cdef int register_addresses(self, Association association) except -1:
        """Make the association findable by each of its paths, and by no other address."""
        cdef Path path
        cdef tuple key
        self.forget_addresses(association)
        association.keys = []
        association.keys_are_old = False
        for path in association.paths:
            key = self.key(&path.route.remote, association.peer_port, association.local_port)
            association.keys.append(key)
            if key not in self.by_address or (path.state != PATH_UNCONFIRMED and self.owner(key) is None):
                self.by_address[key] = association       # one that another association owns stays its
        return 0

    cdef Association owner(self, tuple key):
        """The association whose peer has this address for certain, not because it says so, or None."""
        cdef Association association = self.by_address.get(key)
        cdef Address address
        cdef Path path
        if association is None:
            return None
        memcpy(address.ip, <const char *>(<bytes>key[0]), 16)
        address.scope_id = key[1]
        path = association.path_of(&address)
        return association if path is not None and path.state != PATH_UNCONFIRMED else None

    cdef int forget_addresses(self, Association association) except -1:
        for key in association.keys:
            if self.by_address.get(key) is association:
                del self.by_address[key]
        return 0

    cdef int bury(self) except -1:
        """Forget the associations that have ended."""
        cdef Association association
        cdef list ended
        if not self.shared.ended:
            return 0
        ended, self.shared.ended = self.shared.ended, []
        for association in ended:
            self.shared.agenda.forget(association)
            if self.shared.by_tag.find(association.local_tag) == <PyObject *>association:
                self.shared.by_tag.remove(association.local_tag)
            if self.by_id.pop(association.assoc_id, None) is not None:
                self.ended_by_id[association.assoc_id] = association
                association.user.associations -= 1
                self.ports_held[association.local_port] -= 1
                if self.ports_held[association.local_port] == 0:
                    del self.ports_held[association.local_port]
            self.forget_addresses(association)
        return 0

    cdef inline int drop(self, int reason) except -1:
        self.shared.drops[reason] += 1
        return 0

    # ------------------------------------------------------------------ time and transmission

    cdef int64_t next_deadline(self) noexcept:
        return self.shared.agenda.next_deadline()

    cdef int handle_timeout(self, int64_t now) except -1:
        """Run all timers that are due; 1 if the outbox filled up before."""
        cdef Association association
        cdef int64_t deadline
        while True:
            if not self.room():
                return 1
            association = <Association>self.shared.agenda.take_due(now)
            if association is None:
                break
            deadline = association.deadline()
            if deadline > now:
                self.shared.agenda.schedule(association, deadline)
            else:
                association.handle_timeout(now)
        return self.bury()

    cdef int poll_transmit(self, int64_t now) except -1:
        """Let every association that wants to send fill packets; 1 if the outbox is full and more waits.

        A turn that writes no packet may ask for one more, for instance after it has given messages up.
        Associations that go on asking have a fault: that is counted, and the others have their turn later.
        """
        cdef Association association
        cdef Py_ssize_t idle_turns = IDLE_TURNS * (len(self.by_id) + 1)
        cdef int written
        while idle_turns > 0:
            association = <Association>self.shared.agenda.next_transmit()
            if association is None:
                break
            written = self.outbox.count
            if not association.ended and transmit(association, now):
                if written == 0 and self.outbox.count == 0:
                    self.stalls += 1         # an empty outbox is too small for its packet
                    break
                return 1
            idle_turns -= self.outbox.count == written
        else:
            self.stalls += 1
        return self.bury()

    cdef int receive_icmp(self, const uint8_t *quoted, uint32_t length, const Route *route, int kind,
                          uint32_t mtu, int64_t now) except -1:
        """An ICMP error about a packet of ours (section 10); believed only if it quotes the right tag.

        `mtu`: of the next hop, where a packet was too big.
        Under UDP encapsulation an unreachable port means what an unreachable protocol means (6951-5-08), but
        only in set-up: a port is gone for a moment while a program starts again or a NAT forgets.
        """
        cdef Association association = None
        cdef Path path
        cdef uint32_t tag
        cdef bint setting_up
        if length >= 8:
            association = self.by_address.get(self.key(&route.remote, get16(quoted + 2), get16(quoted)))
        if association is None:
            return self.drop(DROP_ICMP)
        tag = get32(quoted + 4)
        if tag == 0:                                     # 9260-10-02: our INIT, with our own tag inside
            if (length < COMMON_HEADER + 8 or quoted[COMMON_HEADER] != INIT
                    or get32(quoted + COMMON_HEADER + 4) != association.local_tag):
                return self.drop(DROP_ICMP)
        elif tag != association.peer_tag:
            return self.drop(DROP_ICMP)
        path = association.path_of(&route.remote)
        if (path is None or path.route.remote_udp_port != route.remote_udp_port
                or path.route.carrier != route.carrier):
            return self.drop(DROP_ICMP)                  # about a packet that we did not send
        if kind == ICMP_TOO_BIG:
            return packet_too_big(association, path, mtu, now)
        if (kind != ICMP_PROTOCOL_UNREACHABLE
                and not (kind == ICMP_PORT_UNREACHABLE and route.remote_udp_port)):
            return self.drop(DROP_ICMP)
        if path.state == PATH_UNCONFIRMED:
            return self.drop(DROP_ICMP)                  # it may not be the peer's address
        if route.remote_udp_port and association.state > COOKIE_ECHOED:
            return self.drop(DROP_ICMP)                  # ICMP3: the path's own counters find out
        setting_up = association.state <= COOKIE_ECHOED
        association.unreachable = True
        delete_tcb(association, ECONNREFUSED if setting_up else ECONNRESET,
                   CANT_STR_ASSOC if setting_up else COMM_LOST)
        return self.bury()

    # ------------------------------------------------------------------ Python face: users, tests, tools

    def listen(self, SctpUser user not None, host, int port, int backlog,
               ProtocolParameters parameters=None, ipv6=None, carriers=(-1, -1),
               uint32_t most=MOST_ASSOCIATIONS) -> Listener:
        """Accept associations at `port` (1 to 65535) of `host` ("" or a wildcard address: any).

        `host` may be a list: the INIT ACK then announces these addresses to the peer.  `ipv6`: only this
        version of IP.  `carriers` for IPv4 and IPv6, without which an association has paths of one version.
        `most`: associations that a one-to-many user may have; whoever wants one more is refused.
        """
        cdef Listener listener = Listener()
        if not 0 < port <= 65535:
            raise ValueError(f"port {port} is not in 1..65535")
        listener.set_addresses(host)
        listener.ipv4, listener.ipv6 = ipv6 is not True, ipv6 is not False
        listener.carriers = carriers
        listener.user = user
        listener.parameters = parameters if parameters is not None else self.parameters
        listener.port = port
        listener.backlog = backlog
        listener.most = most
        listener.pending = deque()
        listener.endpoint = self
        self.listeners.setdefault(port, []).append(listener)
        return listener

    def connect(self, SctpUser user not None, local_host, int local_port, host, int port, int udp_port,
                carrier, ProtocolParameters parameters, int64_t now) -> Association:
        """The ASSOCIATE primitive: begin an association, INIT is queued in the outbox.

        `local_host` and `host` may be lists: own addresses to announce, and addresses of the one peer.
        `carrier` may be a pair, for IPv4 and IPv6 (-1: none); else all paths are of one IP version.
        Raises OSError (EADDRNOTAVAIL) if the same two transport addresses have an association already.
        """
        cdef Association association
        cdef Route route
        cdef list remote, local
        if not 0 < port <= 65535 or not 0 < local_port <= 65535:
            raise ValueError("ports are 1 to 65535")
        remote = packed_addresses(host)
        local = packed_addresses(local_host)
        if not remote:
            raise ValueError("no address to connect to")
        memset(&route, 0, sizeof(Route))
        address_from_host(host if isinstance(host, str) else host[0], &route.remote)
        route.remote_udp_port = udp_port
        if isinstance(carrier, tuple):
            route.carrier = carrier[not is_ipv4(&route.remote)]
        else:
            route.carrier = carrier
        self.bury()
        if any(self.owner((ip, route.remote.scope_id, port, local_port)) is not None for ip in remote):
            raise OSError(errno.EADDRNOTAVAIL, "an association between these transport addresses exists")
        association = self.new_association(user, local_port, port,
                                           parameters if parameters is not None else self.parameters)
        association.local_addresses = local
        if isinstance(carrier, tuple):
            association.carriers[0], association.carriers[1] = carrier
        start_association(association, &route, remote[1:], now)
        self.register(association)
        return association

    def receive_datagram(self, bytes packet not None, str source, int source_udp_port, str destination,
                         int carrier, int64_t now) -> None:
        """One packet, as the simulated network delivers it; `now` in microseconds."""
        cdef Route route
        memset(&route, 0, sizeof(Route))
        address_from_host(source, &route.remote)
        address_from_host(destination, &route.local)
        route.remote_udp_port = source_udp_port
        route.carrier = carrier
        if not self.room():
            self.taken += self.outbox.take()
        self.receive(<const uint8_t *>PyBytes_AS_STRING(packet), <uint32_t>PyBytes_GET_SIZE(packet), &route,
                     now)

    def receive_icmp_error(self, bytes quoted not None, str host, int udp_port, int carrier, int kind,
                           int64_t now, uint32_t mtu=0) -> None:
        """An ICMP error of IcmpKind about a packet `quoted` that went to `host`; `mtu`: if it was too big."""
        cdef Route route
        memset(&route, 0, sizeof(Route))
        address_from_host(host, &route.remote)
        route.remote_udp_port = udp_port
        route.carrier = carrier
        self.receive_icmp(<const uint8_t *>PyBytes_AS_STRING(quoted), <uint32_t>PyBytes_GET_SIZE(quoted),
                          &route, kind, mtu, now)

    def take_packets(self, int64_t now) -> list:
        """All packets that are to go: [(bytes, host, udp_port, local_host, carrier)]."""
        cdef list packets = self.taken
        self.taken = []
        packets += self.outbox.take()
        while self.poll_transmit(now):
            packets += self.outbox.take()
        return packets + self.outbox.take()

    def handle_timeouts(self, int64_t now) -> None:
        """Run the timers that are due; take_packets() gives what they sent."""
        while self.handle_timeout(now):
            self.taken += self.outbox.take()

    def deadline(self) -> int | None:
        """When handle_timeouts() is next wanted (microseconds); it may turn out to be nothing."""
        cdef int64_t deadline = self.next_deadline()
        return None if deadline == INT64_MAX else deadline

    def take_ready(self) -> list:
        """[(SctpUser, Ready flags)] since the last call."""
        cdef list ready = []
        cdef SctpUser user = self.ready_list.pop()
        while user is not None:
            ready.append((user, user.ready))
            user.ready = 0
            user = self.ready_list.pop()
        return ready

    @property
    def drops(self) -> dict:
        """Counted reasons for everything that was discarded, by name."""
        cdef int reason
        return {DROP_NAMES[reason]: self.shared.drops[reason]
                for reason in range(<int>DROP_REASON_COUNT) if self.shared.drops[reason]}

    @property
    def association_count(self) -> int:
        self.bury()
        return len(self.by_id)

    def holds_port(self, int port) -> bool:
        """Whether an association that has not ended has this local port."""
        self.bury()
        return port in self.ports_held

    def association(self, int assoc_id):
        """The association with this id, or None."""
        self.bury()
        return self.by_id.get(assoc_id)

    def associations_of(self, SctpUser user not None):
        """How many associations of a user have not ended."""
        self.bury()
        return user.associations

    @property
    def own_addresses(self) -> list:
        """The addresses of this host, beside loopback: no peer elsewhere is looked for there."""
        cdef Address address
        cdef list hosts = []
        memset(&address, 0, sizeof(Address))
        for ip in self.shared.own_addresses:
            memcpy(address.ip, <const char *>(<bytes>ip), 16)
            hosts.append(host_from_address(&address))
        return sorted(hosts)

    @own_addresses.setter
    def own_addresses(self, hosts) -> None:
        self.shared.own_addresses = frozenset(packed_addresses(hosts))

    def find(self, str host not None, int port, int local_port):
        """The association of a local port with the peer that has this transport address, or None.

        An address that a peer has listed and that is not confirmed (5.4) may be anybody's.
        """
        cdef Address address
        self.bury()
        address_from_host(host, &address)
        return self.owner(self.key(&address, <uint16_t>port, <uint16_t>local_port))

    @property
    def associations(self) -> list:
        """All associations that have not ended."""
        self.bury()
        return list(self.by_id.values())

    def memory(self) -> int:
        """Bytes of the tables that peers could make grow."""
        return (self.shared.by_tag.capacity * (sizeof(uint32_t) + sizeof(PyObject *))
                + self.shared.agenda.capacity * sizeof(PyObject *)
                + getsizeof(self.by_id) + getsizeof(self.by_address) + getsizeof(self.listeners)
                + sum(getsizeof(listener.pending) for group in self.listeners.values() for listener in group))
