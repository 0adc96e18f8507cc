"""One endpoint under test, and everything that can be done to it: the language of the fuzzers.

A scene is played from bytes (libFuzzer, the corpus in tests/fuzz) or from lists of operations (hypothesis).
The first byte sets the scene up, then operations follow: one byte that names it, in its low six bits, then
its arguments.  All bytes mean something.  After each operation every association must be in a legal state
(pysctpsock._cy.audit) and within its bounds of memory, and those whose user has left must end in time;
`Scene` raises AssertionError if it is not so.  What packets do meanwhile is pysctpsock._cy.stage's.

RFC 9260 sections 3 (chunks), 4 (states), 5 (set-up), 8.4 and 8.5 (tags).
"""
import ctypes
import enum
import struct
import typing
from collections import deque
from ipaddress import ip_address

import handmade
from handmade import SECOND, UDP_PORT

from pysctpsock import structs
from pysctpsock._cy.audit import endpoint_faults
from pysctpsock._cy.chunks import make_chunk, make_tlv
from pysctpsock._cy.crc32c import crc32c
from pysctpsock._cy.endpoint import Endpoint, IcmpKind
from pysctpsock._cy.parameters import ProtocolParameters
from pysctpsock._cy.proto import State
from pysctpsock._cy.stage import Stage
from pysctpsock._cy.user import SctpUser
from pysctpsock.options.paths import check_paddrparams, paddrparams_changes

PORTS = 4000, 5000
HOSTS = ("10.0.0.1", "10.0.1.1"), ("10.0.0.2", "10.0.1.2")
STRANGER = "10.9.9.9"
# Of somebody else, or of nobody: loopback, unspecified, multicast, broadcast, link-local, private, both IPv6.
OTHERS = (STRANGER, "127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "169.254.1.1", "192.168.7.7",
          "fe80::1", "2001:db8::9")
BOTH_HAVE = "192.168.7.7"        # as hosts with containers have an address that others have, too
FORWARD_TSN = 192
UNCONFIRMED = 3                  # state of a path
FORWARD_TSN_SUPPORTED = make_tlv(0xC000, b"")
UNORDERED, POLICIES = 1, 0x30    # flags of the SEND primitive
MORE_FOLLOWS = 2                 # our own: a message in parts
PARTIAL_DELIVERY_EVENT = 0x8006
VALUES = (0, 1, 300, 3000)       # of a policy: milliseconds, retransmissions or priority

MOST_WORK = 1500                 # packets that arrive and timers that run; then the scene goes to its end
MOST_BEGUN = 8                   # associations that operations begin at once
MOST_ASSOCIATIONS = 40
MUCH = 65536                     # bytes that one side has to send: more would take too long to play
GUARD_TURNS = 17                 # of 5 * RTO.Max, in which an association ends that its user has left
MOST_MEMORY = 200_000            # of an endpoint's tables
DURATIONS = (0, 1, 1000, 10_000, 200_000, SECOND, 3 * SECOND, 10 * SECOND, 31 * SECOND, 60 * SECOND,
             300 * SECOND, 3700 * SECOND)


class Setup(enum.IntFlag):
    """The first byte of a scene."""
    REAL_PEER = 1                # the peer is an endpoint too, and the network carries what it is told to
    CLIENT = 2                   # the endpoint under test begins the association
    TWO_PATHS = 4
    SMALL_BUFFERS = 8
    TSN_WRAPS = 16               # the made-up peer's TSNs begin just below 2^32
    NODELAY = 32
    HANDSHAKE_IS_YOURS = 64      # no association yet: the operations set it up
    SILENCE = 128                # at the end nothing arrives any more, until all have given up


class U8(int):
    """An argument of one byte."""


class U16(int):
    """An argument of two bytes, big-endian."""


class U32(int):
    """An argument of four bytes, big-endian."""


class Offset(int):
    """A small signed number, or one of some at the edges of what is allowed."""
    EDGES = {-128: -0x80000000, -127: -0x7FFFFFFF, -126: -65536, 127: 0x7FFFFFFF, 126: 65536, 125: 65535,
             124: 65534, 123: 1000}

    @classmethod
    def of(cls, byte):
        signed = byte - 256 if byte > 127 else byte
        return cls(cls.EDGES.get(signed, signed))


WIDTHS = {U16: 2, U32: 4}
OPERATIONS = {}                  # byte: function


def operation(letter):
    """Make a method of Scene an operation, named by the low six bits of this letter."""
    def add(function):
        kinds = typing.get_type_hints(function).values()
        function.kinds = tuple(kinds)
        assert OPERATIONS.setdefault(ord(letter) & 63, function) is function, letter
        return function
    return add


def decode(data):
    """(setup, [(function, arguments)]) of bytes; what is missing at the end is 0."""
    setup = Setup(data[0]) if data else Setup(0)
    played, position = [], 1
    while position < len(data):
        function = OPERATIONS.get(data[position] & 63)
        position += 1
        if function is None:
            continue
        arguments = []
        for kind in function.kinds:
            byte = data[position] if position < len(data) else 0
            position += 1
            if kind in WIDTHS:
                position += WIDTHS[kind] - 1
                wide = data[position - WIDTHS[kind]:position]
                arguments.append(kind(int.from_bytes(wide.ljust(WIDTHS[kind], b"\0"), "big")))
            elif kind is bytes:
                arguments.append(data[position:position + byte])
                position += byte
            else:
                arguments.append(Offset.of(byte) if kind is Offset else U8(byte))
        played.append((function, arguments))
    return setup, played


def play(data):
    """A scene from bytes, to its end."""
    setup, operations = decode(data)
    scene = Scene(setup)
    for function, arguments in operations:
        if scene.stage.work > MOST_WORK:
            break
        scene.do(function, *arguments)
    scene.end()
    scene.leave()


class Side:
    """An endpoint with a listener and a user whose program reads only when an operation says so."""

    def __init__(self, index, setup):
        parameters = ProtocolParameters()
        if setup & Setup.SMALL_BUFFERS:
            # messages may be greater than the window: partial delivery (6.9)
            parameters.receive_buffer, parameters.send_buffer = 5000, 12_000
        parameters.nodelay = bool(setup & Setup.NODELAY)
        self.index = index
        self.hosts = list(HOSTS[index][:2 if setup & Setup.TWO_PATHS else 1])
        self.port = PORTS[index]
        self.endpoint = Endpoint(bytes([index + 1]) * 32, parameters)
        self.endpoint.own_addresses = [*self.hosts, BOTH_HAVE]
        self.users = []              # all there ever were
        self.user = self.new_user()
        self.listener = self.endpoint.listen(self.new_user(), self.hosts, self.port, 5)
        self.association = None
        self.all = []                # associations that were seen here and have not ended
        self.left = []               # (association that its user has closed, when it has to be over)
        self.peer = None             # the other side, if it is real
        self.expected = {}           # payloads that it has sent and that were not read, by stream
        self.count = 0               # messages sent
        self.part = None             # of a message that is sent in parts: (stream, flags, data until now)
        self.pieces = {}             # read of messages without their end, by first TSN

    def restart(self, setup, now):
        """The same program on the same host begins anew, and sets its association up again."""
        fresh = Side(self.index, setup)
        self.leave(now)
        self.endpoint, self.users, self.user, self.listener = (fresh.endpoint, fresh.users, fresh.user,
                                                               fresh.listener)
        self.all, self.left, self.expected, self.pieces, self.part = [], [], {}, {}, None
        self.connect(HOSTS[1 - self.index][:len(self.hosts)], self.port, now)

    def leave(self, now):
        """Break the cycles of references that only the owner of a receive queue can break."""
        self.listener.close(now)
        for user in self.users:
            user.receive_queue.discard()

    def new_user(self):
        user = SctpUser(self.endpoint.ready_list)
        user.event_mask = 0x3FFE
        self.users.append(user)
        return user

    def connect(self, peer, port, now):
        self.association = self.endpoint.connect(self.user, self.hosts, port, list(peer),
                                                 PORTS[1 - self.index], UDP_PORT, 0, None, now)
        self.all.append(self.association)

    def close(self, now):
        """The user of the association leaves; it has bounded time for the rest."""
        association = self.association
        association.close(now)
        self.left.append((association, now + GUARD_TURNS * 5 * association.parameters.rto_max))

    def close_all(self, now):
        for association in self.all:
            if not association.detached:
                self.association = association
                self.close(now)

    def accept(self):
        while (association := self.listener.accept()) is not None:
            self.all.append(association)
            self.users.append(association.user)
            if self.association is None or self.association.ended:
                self.association, self.user = association, association.user

    def send(self, size, stream, flags, value, now, end=True):
        """Send a message that is like no other; with a policy of partial reliability it may be given up.

        Without `end` the next calls send the rest of it (RFC 6458 section 8.1.26).  The errno.
        """
        data, before = struct.pack(">I", self.count) + bytes(size), b""
        if not self.association.send_queue.open:
            self.part = None
        if self.part is not None:
            stream, flags, before = self.part
            value = 0
        refused = self.association.submit(data, stream, 7, flags, value, 0, now, end=end)
        if refused == 0:
            self.count += 1
            self.part = None if end else (stream, flags, before + data)
            if end and self.peer:
                expected = self.peer.expected.setdefault((stream, bool(flags & UNORDERED)), deque())
                expected.append((before + data, bool(flags & POLICIES)))
        return refused

    def read(self, most, now, honest):
        """Read; between honest peers each message comes once, and in the order of its stream."""
        for _ in range(most):
            record = self.user.read(now)
            if record is None:
                break
            kind, data, stream, _ssn, _ppid, unordered, tsn, _association, end = record
            if kind == PARTIAL_DELIVERY_EVENT:           # there is one such message at most
                self.pieces.clear()
            elif kind == 0:
                self.pieces[tsn] = self.pieces.get(tsn, b"") + data
                whole = self.pieces.pop(tsn) if end else None
                if end and honest:
                    self.meet(whole, self.expected.get((stream, unordered), deque()), unordered)

    def meet(self, data, expected, unordered):
        """Cross off a message, and before it in its stream those that were given up."""
        while not unordered and expected and expected[0][0] != data and expected[0][1]:
            expected.popleft()
        found = [each for each in expected if each[0] == data][:1]
        assert found and (unordered or expected[0] == found[0]), \
            f"{data[:4].hex()}, expected {[each[0][:4].hex() for each in expected]}"
        expected.remove(found[0])

    def missing(self):
        """Messages that should have come."""
        return [data for expected in self.expected.values() for data, may_miss in expected if not may_miss]


class Scene:
    """`sides[0]` is under test; `sides[1]`, if there is one, is its real peer."""

    def __init__(self, setup):
        self.setup = setup
        self.sides = [Side(index, setup) for index in range(2 if setup & Setup.REAL_PEER else 1)]
        self.host = self.sides[0]
        if setup & Setup.REAL_PEER:
            self.sides[0].peer, self.sides[1].peer = self.sides[1], self.sides[0]
        self.peer_hosts = HOSTS[1][:len(self.host.hosts)]
        others = OTHERS if setup & Setup.REAL_PEER else self.peer_hosts + OTHERS
        self.stage = Stage([side.endpoint for side in self.sides], [side.hosts for side in self.sides],
                           others, UDP_PORT, SECOND)
        self.sources = [*range(len(self.host.hosts), 2 * len(self.host.hosts) + len(OTHERS))]
        self.sources += range(len(self.host.hosts))      # and its own
        self.chunks = []             # of the next packet to be forged
        self.addresses = b""         # parameters of the next INIT
        self.peer_port = PORTS[1]
        self.peer_tag, self.peer_tsn = 0x11223344, 0xFFFFFFFA if setup & Setup.TSN_WRAPS else 1000
        self.honest = bool(setup & Setup.REAL_PEER)      # nothing was forged, aborted or left
        self.patient = False         # by a user's wish silence may last
        if setup & Setup.CLIENT:
            self.host.connect(self.peer_hosts, self.host.port, self.now)
        elif setup & Setup.REAL_PEER:
            self.sides[1].connect(HOSTS[0][:len(self.host.hosts)], PORTS[1], self.now)
        self.collect()
        if not setup & Setup.HANDSHAKE_IS_YOURS:
            self.shake_hands()
            assert self.host.association.state == State.ESTABLISHED

    @property
    def now(self):
        return self.stage.now

    @property
    def cookie(self):
        """The State Cookie of the last INIT ACK."""
        for number, _flags, value in handmade.chunks_of(self.stage.init_ack or b""):
            if number == handmade.INIT_ACK:
                return cookie_of(value[16:])
        return b""

    def shake_hands(self):
        if self.setup & Setup.REAL_PEER:
            self.carry_all()
        elif self.setup & Setup.CLIENT:
            self.forge(handmade.INIT_ACK, self.init_body(10, FORWARD_TSN_SUPPORTED) + make_tlv(7, b"cookie"))
            self.forge(handmade.COOKIE_ACK)
        else:
            self.forge(handmade.INIT, self.init_body(10, FORWARD_TSN_SUPPORTED), tag=0)
            self.forge(handmade.COOKIE_ECHO, self.cookie, tag=self.stage.init_tag)
        self.stage.clear()

    def init_body(self, streams, parameters=b"", tag=None):
        """What INIT and INIT ACK hold."""
        tag = self.peer_tag if tag is None else tag
        return struct.pack(">IIHHI", tag, 1 << 17, streams, streams, self.peer_tsn) + parameters

    # ---- what goes on between operations ---------------------------------------------------------------

    def do(self, function, *arguments):
        function(self, *arguments)
        self.check()

    def collect(self):
        """What the endpoints want to send goes on the wire."""
        self.stage.collect()
        self.look_around()

    def look_around(self):
        """Programs take what is new."""
        for side in self.sides:
            side.accept()
            side.endpoint.take_ready()

    def carry_all(self):
        self.stage.deliver_all()
        self.look_around()

    def forge(self, kind, value=b"", flags=0, tag=None):
        self.chunks.append(make_chunk(kind, flags, value))
        self.send_packet(tag)

    def send_packet(self, tag=None, source=0, udp_port=None):
        """The chunks that are ready, from the peer's port, to the endpoint under test."""
        association = self.host.association
        if tag is None:
            tag = association.local_tag if association is not None else self.stage.init_tag
        packet = handmade.packet(self.peer_port, self.host.port, tag, *self.chunks)
        self.chunks = []
        self.honest = False
        self.stage.send(packet, self.sources[source % len(self.sources)], 0, udp_port)
        self.look_around()

    def pass_time(self, until, deliver=False):
        """Run the timers up to then."""
        self.stage.pass_time(until, deliver)
        self.look_around()

    def check(self):
        for side in self.sides:
            found = endpoint_faults(side.endpoint, self.now)
            assert not found, "; ".join(found)
            assert side.endpoint.stalls == 0, "an association that has nothing to send wants to transmit"
            if side.left:
                side.left = [each for each in side.left if not each[0].ended]
                for association, limit in side.left:
                    assert self.now <= limit, f"{State(association.state).name} long after its user has left"
            side.all = [association for association in side.all if not association.ended]

    def check_memory(self):
        for side in self.sides:
            assert side.endpoint.memory() < MOST_MEMORY, side.endpoint.memory()
            assert side.endpoint.association_count < MOST_ASSOCIATIONS

    def end(self):
        """Everything must come to an end: by the timers if nothing arrives, else by an orderly shutdown."""
        self.check_memory()
        if self.setup & Setup.SILENCE:
            self.stage.clear()
            if self.patient:
                for side in self.sides:
                    side.close_all(self.now)
                self.collect()
                self.stage.clear()
            self.pass_time(self.now + 20_000 * SECOND)
            self.check()
            assert not any(self.counts()), f"{self.counts()} associations stay though nobody answers"
        elif self.honest:
            self.close_in_order()

    def finish_parts(self):
        """Send the ends of messages that lack them."""
        for _ in range(30):
            for side in self.sides:
                side.read(10_000, self.now, True)
                if side.association is not None and side.association.send_queue.open:
                    side.send(0, 0, 0, 0, self.now)
            self.collect()
            self.carry_all()
            if not any(side.association is not None and side.association.send_queue.open
                       and not side.association.ended for side in self.sides):
                break
            self.pass_time(self.now + 40 * SECOND, deliver=True)

    def counts(self):
        """How many associations there are."""
        return [side.endpoint.association_count for side in self.sides]

    def close_in_order(self):
        """Both shut down over a network without faults: all is delivered, nothing stays."""
        alive = [side.association is not None and not side.association.ended for side in self.sides]
        self.carry_all()
        self.finish_parts()
        for side in self.sides:
            for association in side.all:
                association.shutdown(self.now)
        for _ in range(30):
            for side in self.sides:
                side.read(10_000, self.now, True)
            self.collect()
            self.carry_all()
            self.pass_time(self.now + 40 * SECOND, deliver=True)
            self.check()
        assert not any(self.counts()), "they do not close"
        if all(alive) and not any(side.association.error for side in self.sides):
            assert not any(side.missing() for side in self.sides), "a message was lost"

    def leave(self):
        for side in self.sides:
            side.leave(self.now)

    # ---- time and the network --------------------------------------------------------------------------

    @operation("w")
    def wait(self, how_long: U8):
        self.pass_time(self.now + DURATIONS[how_long % len(DURATIONS)])

    @operation("x")
    def expire(self):
        """To the next timer."""
        deadline = self.stage.deadline()
        if deadline is not None:
            self.pass_time(deadline)

    @operation("v")
    def deliver(self, index: U8):
        self.stage.deliver(index)
        self.look_around()

    @operation("l")
    def lose(self, index: U8):
        self.stage.lose(index)

    @operation("t")
    def twice(self, index: U8):
        """Deliver a packet that stays on the wire."""
        self.stage.deliver(index, keep=True)
        self.look_around()

    @operation("g")
    def go(self):
        """All that is on the wire arrives in order, answers too."""
        self.carry_all()

    @operation("z")
    def icmp(self, kind: U8, index: U8):
        self.honest = False
        self.stage.icmp(index, kind % 5)
        self.look_around()

    @operation("Z")
    def too_big(self, index: U8, mtu: U32, tag: U8, udp_port: U8):
        """ICMP with an MTU of any size, and with the tag and UDP port of the packet or another one."""
        self.honest = False
        self.stage.icmp(index, IcmpKind.ICMP_TOO_BIG, mtu, tag & 1, UDP_PORT + udp_port % 2)
        self.look_around()

    @operation("U")
    def from_elsewhere(self, index: U8, udp_port: U8):
        """A packet on the wire comes from another UDP port: a NAT has forgotten, or somebody else has it."""
        self.stage.deliver(index, udp_port=UDP_PORT + udp_port % 3)
        self.look_around()

    @operation("O")
    def outbox(self, room: U8, packets: U8):
        """Others fill the outboxes from now on; so much room is left in each (255: all)."""
        self.stage.left_bytes = -1 if room == 255 else room * 16
        self.stage.left_packets = packets % 32

    # ---- the users -------------------------------------------------------------------------------------

    def someone(self, who):
        """The side whose user acts, if it has an association."""
        side = self.sides[who % len(self.sides)]
        return side if side.association is not None else None

    @operation("s")
    def send(self, who: U8, length: U8, stream: U8, flags: U8):
        if side := self.someone(who):
            policy = flags & POLICIES
            side.send(length * 40 if length > 128 else length, stream % 12, flags & (policy | 9),
                      VALUES[flags >> 6] if policy else 0, self.now,
                      end=bool(policy) or not flags & MORE_FOLLOWS)
            self.collect()

    @operation("m")
    def manner(self, who: U8, level: U8, point: U8):
        """How unfinished messages are handed out (RFC 6458 sections 8.1.20, 8.1.21)."""
        if side := self.someone(who):
            side.user.receive_queue.interleave = level % 3
            side.association.parameters.partial_delivery_point = 10 * point

    @operation("r")
    def read(self, who: U8, count: U8):
        if side := self.someone(who):
            side.read(count, self.now, self.honest)
            self.collect()

    @operation("q")
    def shutdown(self, who: U8):
        if side := self.someone(who):
            if self.honest and side.association.send_queue.open:     # without its end that is an ABORT
                side.send(0, 0, 0, 0, self.now)
                if side.association.send_queue.open and not side.association.ended:
                    return
            side.association.shutdown(self.now)
            self.collect()

    @operation("u")
    def abort(self, who: U8, reason: bytes):
        if side := self.someone(who):
            self.honest = False
            side.association.abort(reason, self.now)
            self.collect()

    @operation("y")
    def close(self, who: U8):
        if (side := self.someone(who)) and not side.association.detached:
            self.honest = False
            side.close(self.now)
            self.collect()

    @operation("o")
    def open(self, who: U8, port: U8):
        """A further association, if the ports are free."""
        side = self.sides[who % len(self.sides)]
        if len(side.all) < MOST_BEGUN:
            self.honest = False
            side.user = side.new_user()
            try:
                side.connect(HOSTS[1 - side.index][:len(side.hosts)], side.port + port % MOST_BEGUN, self.now)
            except OSError:
                return
            self.collect()

    @operation("C")
    def choose(self, who: U8, index: U8):
        """What follows is about another association."""
        side = self.sides[who % len(self.sides)]
        if side.all:
            self.honest = False
            side.association = side.all[index % len(side.all)]
            side.user = side.association.user

    @operation("P")
    def path_parameters(self, who: U8, path: U8, flags: U16, value: U32):
        """SCTP_PEER_ADDR_PARAMS with sizes of any kind, for one path or all, where the option takes them."""
        if side := self.someone(who):
            asked = structs.sctp_paddrparams(
                spp_flags=flags, spp_hbinterval=value, spp_pathmtu=value, spp_pathmaxrxt=value & 0xFFFF,
                spp_sackdelay=value % 600, spp_dscp=value & 0xFF)
            self.patient = True
            asked.given = ctypes.sizeof(asked)
            try:
                check_paddrparams(asked)
                host = side.association.host_of(path) if path < 2 else None
                side.association.change_paths(
                    host, paddrparams_changes(side.association.parameters, asked), self.now)
            except (OSError, KeyError):
                return
            self.collect()

    @operation("E")
    def endpoint_parameters(self, who: U8, partial_reliability: U8, streams: U8):
        """For associations to come; there may be no stream for what is queued."""
        self.honest = False
        endpoint = self.sides[who % len(self.sides)].endpoint
        endpoint.parameters.partial_reliability = bool(partial_reliability & 1)
        endpoint.parameters.outbound_streams = endpoint.parameters.inbound_streams = 1 + streams

    @operation("H")
    def heartbeat(self, who: U8, path: U8, primary: U8):
        """REQUEST HEARTBEAT or SETPRIMARY (11.1)."""
        if (side := self.someone(who)) and not side.association.ended:
            host = side.association.host_of(path % 4)
            confirmed = side.association.path(host).snapshot()["state"] != UNCONFIRMED
            if primary & 1 and confirmed:    # as SCTP_PRIMARY_ADDR has it
                side.association.set_primary(host)
            else:
                side.association.request_heartbeat(host, self.now)
            self.collect()

    @operation("S")
    def send_much(self, who: U8, length: U8, count: U8):
        """Some messages of up to 64 KB."""
        if side := self.someone(who):
            for _ in range(1 + count % 4):
                if side.association.send_queue.bytes_charged < MUCH:
                    side.send(length * 256, 0, 0, 0, self.now)
            self.collect()

    @operation("R")
    def restart(self, who: U8):
        """A side loses all that it knows, and begins anew.  The made-up peer has another tag, too."""
        side = self.sides[-1 if who & 1 else 0]
        self.honest = False
        if side is self.host or len(self.sides) == 1:
            self.numbers(who, Offset(who))
            self.chunks = []
            self.forge(handmade.INIT, self.init_body(10, FORWARD_TSN_SUPPORTED), tag=0)
            self.forge(handmade.COOKIE_ECHO, self.cookie, tag=self.stage.init_tag)
        elif len(side.all) < MOST_BEGUN:
            side.restart(self.setup, self.now)
            self.stage.endpoints[side.index] = side.endpoint
            self.collect()
            self.carry_all()

    # ---- forged chunks, by what the association expects ------------------------------------------------

    def next_tsn(self):
        """The TSN that the endpoint under test waits for."""
        association = self.host.association
        known = association is not None and association.tsn_map is not None
        return association.tsn_map.cumulative_tsn + 1 if known else self.peer_tsn

    def ack_point(self):
        association = self.host.association
        known = association is not None and association.outstanding is not None
        return association.outstanding.cumulative_tsn_ack if known else 0

    @operation("d")
    def data(self, offset: Offset, flags: U8, stream: U8, ssn: Offset, length: U8):
        payload = bytes(1400 if length == 255 else length)
        self.chunks.append(handmade.data_chunk(self.next_tsn() + offset, payload, stream, ssn, flags & 15))

    @operation("k")
    def sack(self, offset: Offset, a_rwnd: U8, gaps: bytes):
        blocks = list(zip(gaps[::2], gaps[1::2], strict=False))
        self.chunks.append(handmade.sack_chunk(self.ack_point() + offset, a_rwnd << 9, blocks))

    @operation("a")
    def acknowledge(self):
        """A true SACK for all that was ever sent."""
        association = self.host.association
        if association is not None and association.outstanding is not None:
            self.chunks.append(handmade.sack_chunk(association.outstanding.next_tsn - 1))

    @operation("f")
    def forward_tsn(self, offset: Offset, streams: bytes):
        pairs = b"".join(struct.pack(">HH", *pair) for pair in zip(streams[::2], streams[1::2], strict=False))
        value = struct.pack(">I", self.next_tsn() + offset & 0xFFFFFFFF) + pairs
        self.chunks.append(make_chunk(FORWARD_TSN, 0, value))

    @operation("h")
    def peer_shutdown(self, offset: Offset):
        self.chunks.append(handmade.shutdown_chunk(self.ack_point() + offset))

    @operation("c")
    def chunk(self, kind: U8, flags: U8, value: bytes):
        self.chunks.append(make_chunk(kind, flags, value))

    @operation("b")
    def broken(self, kind: U8, high: U8, low: U8, value: bytes):
        """A chunk with a length of its own."""
        self.chunks.append(bytes([kind, 3, high, low]) + value)

    @operation("i")
    def init(self, tag: U8, streams: U8, parameters: bytes):
        """INIT, or if the tag is odd INIT ACK, with any parameters."""
        kind = handmade.INIT_ACK if tag & 1 else handmade.INIT
        cookie = make_tlv(7, b"cookie") if tag & 2 else b""
        body = self.init_body(streams, cookie + self.addresses + parameters, self.peer_tag + (tag >> 2))
        self.addresses = b""
        self.chunks.append(make_chunk(kind, 0, body))

    @operation("A")
    def list_addresses(self, which: bytes):
        """Address parameters of the next INIT: the peer's, the endpoint's own, anybody's (5.1.2)."""
        known = (*HOSTS[0], *HOSTS[1], *OTHERS)
        for index in which:
            packed = ip_address(known[index % len(known)]).packed
            self.addresses += make_tlv(5 if len(packed) == 4 else 6, packed)

    @operation("e")
    def cookie_echo(self, change: U8):
        """The last cookie that came, one bit of it changed if `change` is not 0."""
        cookie = bytearray(self.cookie)
        if change and change <= len(cookie):
            cookie[-change] ^= 1
        self.chunks.append(make_chunk(handmade.COOKIE_ECHO, 0, bytes(cookie)))

    @operation("j")
    def heartbeat_ack(self, index: U8, change: U8):
        """The answer to one of the last HEARTBEATs."""
        if self.stage.heartbeats:
            info = bytearray(self.stage.heartbeats[index % len(self.stage.heartbeats)])
            if change and change <= len(info):
                info[-change] ^= 1
            self.chunks.append(make_chunk(handmade.HEARTBEAT_ACK, 0, bytes(info)))

    @operation("p")
    def packet(self, tag: U8, source: U8):
        """Send the chunks: with the right tag, or zero, the peer's, the last INIT's, or a wrong one."""
        association = self.host.association
        peer_tag = association.peer_tag if association is not None else 0
        tags = None, 0, peer_tag, self.stage.init_tag, 5
        self.send_packet(tags[tag % 5], source % (1 + len(self.peer_hosts)))

    @operation("F")
    def forged(self, tag: U8, source: U8, udp_port: U8):
        """The same from any address, the endpoint's own too, and from another UDP port."""
        association = self.host.association
        peer_tag = association.peer_tag if association is not None else 0
        tags = None, 0, peer_tag, self.stage.init_tag, 5
        self.send_packet(tags[tag % 5], source, UDP_PORT + udp_port % 3)

    @operation("Q")
    def other_port(self, port: U8):
        """The made-up peer speaks from another port: it has several associations."""
        self.peer_port = PORTS[1] + port % MOST_BEGUN

    @operation("n")
    def numbers(self, tag: U8, tsn: Offset):
        """The made-up peer loses its memory: it has another tag and TSN."""
        self.peer_tag, self.peer_tsn = 0x11223344 + tag, 1000 + tsn & 0xFFFFFFFF


def cookie_of(parameters):
    """The State Cookie among the parameters of an INIT ACK."""
    position = 0
    while position + 4 <= len(parameters):
        kind, length = struct.unpack_from(">HH", parameters, position)
        if kind == 7:
            return parameters[position + 4:position + length]
        position += length + 3 & ~3
    return b""


def with_checksum(packet):
    """The packet with the right checksum in place of whatever it has."""
    zeroed = packet[:8] + bytes(4) + packet[12:]
    return packet[:8] + struct.pack("<I", crc32c(zeroed)) + packet[12:]
