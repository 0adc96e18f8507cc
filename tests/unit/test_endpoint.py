"""cy/endpoint: RFC 9260 sections 5.1, 6.8, 8.4, 8.5 and 10: look-up, listeners, out of the blue, ICMP."""
import errno
import struct

import pytest
from handmade import (
    ABORT,
    COOKIE_ACK,
    COOKIE_ECHO,
    DATA,
    ERROR,
    HOST,
    HOST_PORT,
    INIT,
    INIT_ACK,
    PEER,
    PEER_PORT,
    SECOND,
    SHUTDOWN_ACK,
    SHUTDOWN_COMPLETE,
    UDP_PORT,
    Peer,
    chunks_of,
    data_chunk,
    packet,
    sack_chunk,
)

from pysctpsock._cy.chunks import make_chunk, make_init, make_tlv
from pysctpsock._cy.endpoint import Endpoint, IcmpKind
from pysctpsock._cy.parameters import ProtocolParameters
from pysctpsock._cy.user import Ready, ReadyList, SctpUser

NOW = 10 * SECOND
T = 1                            # the flag of a reflected tag


def make_endpoint(**listeners):
    """An Endpoint with a listener at each address, all on HOST_PORT; and the listeners by name."""
    endpoint = Endpoint(b"e" * 32)
    return endpoint, {name: endpoint.listen(SctpUser(endpoint.ready_list), address, HOST_PORT, 2)
                      for name, address in listeners.items()}


def receive(endpoint, data, now=NOW, source=PEER, destination=HOST):
    endpoint.receive_datagram(data, source, UDP_PORT, destination, 0, now)
    return [item[0] for item in endpoint.take_packets(now)]


def init_chunk(tag=0xABCDEF01, a_rwnd=1 << 20, outbound=10, inbound=10, parameters=b""):
    return make_init(INIT, tag, a_rwnd, outbound, inbound, 77, parameters)


def cookie_of(init_ack):
    """(cookie, tag to use) of an INIT ACK packet."""
    kind, _flags, value = chunks_of(init_ack)[0]
    assert kind == INIT_ACK
    length = struct.unpack_from(">H", value, 18)[0]
    return value[20:16 + length], struct.unpack_from(">I", value)[0]


def open_passively(endpoint, port=PEER_PORT, destination=HOST, now=NOW, tag=0xABCDEF01):
    answer, = receive(endpoint, packet(port, HOST_PORT, 0, init_chunk(tag)), now, destination=destination)
    cookie, own_tag = cookie_of(answer)
    echo = packet(port, HOST_PORT, own_tag, make_chunk(COOKIE_ECHO, 0, cookie))
    return receive(endpoint, echo, now, destination=destination), echo, own_tag


class TestFirstLook:
    @pytest.mark.parametrize(("data", "reason"), [
        (b"", "too_short"),
        (bytes(15), "too_short"),
        (packet(1, 2, 3, make_chunk(DATA, 0, b""))[:-1] + b"\xff", "bad_checksum"),
        (packet(0, 2, 3, make_chunk(COOKIE_ACK, 0, b"")), "port_zero"),
        (packet(1, 0, 3, make_chunk(COOKIE_ACK, 0, b"")), "port_zero"),
        (packet(1, 2, 0, make_chunk(DATA, 0, b"")), "tag_zero"),
        (packet(1, 2, 3, init_chunk()), "tag_zero"),
        (packet(1, 2, 0, init_chunk(), make_chunk(COOKIE_ACK, 0, b"")), "bundled_alone"),
        (packet(1, 2, 0, make_chunk(INIT, 0, bytes(8))), "malformed_chunk"),
        (packet(1, 2, 0, init_chunk(tag=0)), "tag_collision"),
        (packet(1, 2, 3, make_chunk(COOKIE_ECHO, 0, bytes(128))), "cookie_mac"),
    ])
    def test_dropped_in_silence(self, data, reason):
        """9260-6.8-02, 3.1-02, 8.5-02, 3-01, 3.3.2-03, 5.1.5-01"""
        endpoint, _ = make_endpoint(any="")
        assert receive(endpoint, data) == []
        assert endpoint.drops == {reason: 1}

    @pytest.mark.parametrize(("source", "destination"), [
        ("224.0.0.1", HOST), ("255.255.255.255", HOST), ("ff02::1", HOST), (PEER, "239.1.2.3"),
        ("0.0.0.0", HOST),
    ])
    def test_not_unicast(self, source, destination):
        """9260-8.4-01"""
        endpoint, _ = make_endpoint(any="")
        assert receive(endpoint, packet(1, HOST_PORT, 0, init_chunk()), NOW, source, destination) == []
        assert endpoint.drops == {"not_unicast": 1}


class TestOutOfTheBlue:
    """9260-8.4, in its order."""

    @pytest.mark.parametrize("chunks", [
        [make_chunk(ABORT, 0, b"")],
        [data_chunk(1), make_chunk(ABORT, T, b"")],
        [make_chunk(SHUTDOWN_ACK, 0, b""), make_chunk(ABORT, 0, b"")],
        [make_chunk(SHUTDOWN_COMPLETE, 0, b"")],
        [make_chunk(COOKIE_ACK, 0, b"")],
        [make_chunk(ERROR, 0, make_tlv(3, bytes(4)))],
    ])
    def test_dropped(self, chunks):
        """9260-8.4-02, -06, -07"""
        endpoint, _ = make_endpoint()
        assert receive(endpoint, packet(1, 2, 3, *chunks)) == []
        assert endpoint.drops == {"out_of_the_blue": 1}

    @pytest.mark.parametrize("chunks", [
        [make_chunk(SHUTDOWN_ACK, 0, b"")],
        [make_chunk(COOKIE_ACK, 0, b""), make_chunk(SHUTDOWN_ACK, 0, b"")],
    ])
    def test_shutdown_ack(self, chunks):
        """9260-8.4-05: SHUTDOWN COMPLETE with the reflected tag and T."""
        endpoint, _ = make_endpoint()
        assert receive(endpoint, packet(1, 2, 0x01020304, *chunks)) == [
            packet(2, 1, 0x01020304, make_chunk(SHUTDOWN_COMPLETE, T, b""))]

    @pytest.mark.parametrize("chunks", [
        [data_chunk(1)], [sack_chunk(1)], [make_chunk(ERROR, 0, make_tlv(1, bytes(4)))],
        [make_chunk(0xFE, 0, b"")],
    ])
    def test_anything_else(self, chunks):
        """9260-8.4-08: ABORT with the reflected tag and T."""
        endpoint, _ = make_endpoint()
        assert receive(endpoint, packet(1, 2, 0x01020304, *chunks)) == [
            packet(2, 1, 0x01020304, make_chunk(ABORT, T, b""))]

    def test_rate(self):
        """9260-12-02: one stranger gets two hundred answers a second, and no more."""
        endpoint, _ = make_endpoint()
        data = packet(1, 2, 3, data_chunk(1))
        assert sum(len(receive(endpoint, data)) for _ in range(1100)) == 200
        assert endpoint.drops["rate_limited"] == 900
        assert sum(len(receive(endpoint, data, NOW + SECOND // 2)) for _ in range(1000)) == 100
        assert sum(len(receive(endpoint, data, NOW + 60 * SECOND)) for _ in range(1100)) == 200

    def test_rate_of_forged_sources(self):
        """9260-12-02: whatever sources a flood has, all of it gets four thousand answers a second."""
        endpoint, _ = make_endpoint()
        data = packet(1, 2, 3, data_chunk(1))
        hosts = [f"10.1.{i // 256}.{i % 256}" for i in range(6000)]
        assert sum(len(receive(endpoint, data, source=host)) for host in hosts) == 4000

    def test_refusals_have_a_rate_of_their_own(self):
        """9260-5.1-07: whoever floods us with strange packets, and with INITs, does not silence a refusal."""
        endpoint, _ = make_endpoint()
        strange, refused = packet(1, 2, 3, data_chunk(1)), packet(1, 2, 0, init_chunk())
        for host in ("10.1.0.1", "10.1.0.2", PEER):
            assert sum(len(receive(endpoint, strange, source=host)) for _ in range(1100)) == 200
        for host in ("10.1.0.1", "10.1.0.2", PEER):
            assert sum(len(receive(endpoint, refused, source=host)) for _ in range(1100)) == 200
        assert len(receive(endpoint, refused, source="10.1.0.3")) == 1

    @pytest.mark.parametrize("living", [False, True])
    def test_rate_of_init_acks(self, living):
        """9260-12-02: an INIT ACK is longer than the INIT, so one source gets a bounded number of them; a new
        client gets in beside it."""
        endpoint, _ = make_endpoint(any="")
        if living:
            open_passively(endpoint, now=0)
        init = packet(PEER_PORT, HOST_PORT, 0, init_chunk())
        assert sum(len(receive(endpoint, init)) for _ in range(5000)) == 4000
        assert sum(len(receive(endpoint, init, NOW + SECOND // 10)) for _ in range(5000)) == 200
        other = packet(PEER_PORT, HOST_PORT, 0, init_chunk(tag=9))
        assert len(receive(endpoint, other, source="10.1.0.3")) == 1
        assert endpoint.drops == {"rate_limited": 5800}

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1"])
    def test_init_acks_to_this_host_have_no_limit(self, host):
        """Nobody else can send from a loopback address."""
        endpoint, _ = make_endpoint(any="")
        init = packet(PEER_PORT, HOST_PORT, 0, init_chunk())
        assert sum(len(receive(endpoint, init, source=host)) for _ in range(5000)) == 5000


class TestListeners:
    def test_nobody_listens(self):
        """9260-8.4-03, 5.1-07: ABORT, its tag is the Initiate Tag, T is 0."""
        endpoint, _ = make_endpoint()
        answer, = receive(endpoint, packet(PEER_PORT, HOST_PORT, 0, init_chunk(0x01020304)))
        assert answer == packet(HOST_PORT, PEER_PORT, 0x01020304, make_chunk(ABORT, 0, b""))

    @pytest.mark.parametrize(("changes", "cause"), [
        ({"a_rwnd": 1499}, 13), ({"outbound": 0}, 7), ({"inbound": 0}, 7),
        ({"parameters": make_tlv(11, b"host\0")}, 5),
    ])
    def test_refused(self, changes, cause):
        """9260-3.3.2-04, -07"""
        endpoint, _ = make_endpoint(any="")
        answer, = receive(endpoint, packet(PEER_PORT, HOST_PORT, 0, init_chunk(0x01020304, **changes)))
        assert answer[4:8] == bytes([1, 2, 3, 4])
        (kind, flags, value), = chunks_of(answer)
        assert (kind, flags, value[0] << 8 | value[1]) == (ABORT, 0, cause)

    def test_the_one_at_the_address_comes_first(self):
        endpoint, listeners = make_endpoint(any="", here=HOST)
        open_passively(endpoint)
        open_passively(endpoint, destination="10.0.0.9", port=6000)
        assert len(listeners["here"].pending) == len(listeners["any"].pending) == 1
        assert listeners["here"].accept().local_host == HOST

    def test_no_listener_at_this_address(self):
        endpoint, _ = make_endpoint(here=HOST)
        answer, = receive(endpoint, packet(PEER_PORT, HOST_PORT, 0, init_chunk()), destination="10.0.0.9")
        assert chunks_of(answer)[0][0] == ABORT

    @pytest.mark.parametrize("port", [0, -1, 65536])
    def test_ports(self, port):
        """9260-3.1-02"""
        endpoint = Endpoint(b"e" * 32)
        user = SctpUser(endpoint.ready_list)
        with pytest.raises(ValueError):
            endpoint.listen(user, "", port, 5)
        with pytest.raises(ValueError):
            endpoint.connect(user, HOST, HOST_PORT, PEER, port, UDP_PORT, 0, None, NOW)
        with pytest.raises(ValueError):
            endpoint.connect(user, HOST, port, PEER, PEER_PORT, UDP_PORT, 0, None, NOW)
        assert endpoint.association_count == 0

    def test_init_leaves_no_state(self):
        """9260-5.1-03, 9260-4-03"""
        endpoint, _ = make_endpoint(any="")
        memory = endpoint.memory()
        for port in range(1, 200):
            assert len(receive(endpoint, packet(port, HOST_PORT, 0, init_chunk()))) == 1
        assert endpoint.association_count == 0
        assert endpoint.memory() == memory
        assert endpoint.deadline() is None

    def test_backlog(self):
        """As Linux: backlog + 1 may wait; a COOKIE ECHO beyond that is refused as the INIT is."""
        endpoint, listeners = make_endpoint(any="")
        late = packet(9, HOST_PORT, 0, init_chunk())
        cookie, own_tag = cookie_of(receive(endpoint, late)[0])
        for port in range(1, 4):
            open_passively(endpoint, port)
        echo = packet(9, HOST_PORT, own_tag, make_chunk(COOKIE_ECHO, 0, cookie))
        assert chunks_of(receive(endpoint, late)[0])[0][0] == ABORT
        assert chunks_of(receive(endpoint, echo)[0])[0][0] == ABORT
        assert endpoint.drops["backlog"] == 2
        listeners["any"].accept()
        assert chunks_of(receive(endpoint, echo)[0])[0][0] == COOKIE_ACK

    @pytest.mark.parametrize("most", [1, 2, 5])
    def test_limit_of_one_to_many_sockets(self, most):
        """9260-5.1-07: beyond so many associations INIT and COOKIE ECHO are refused (cause 4) and counted;
        those that there are go on, and when one has ended there is room again."""
        endpoint = Endpoint(b"e" * 32)
        user = SctpUser(endpoint.ready_list)
        user.one_to_many = True
        endpoint.listen(user, "", HOST_PORT, 1, most=most)
        late = packet(9, HOST_PORT, 0, init_chunk())
        cookie, own_tag = cookie_of(receive(endpoint, late)[0])
        echo = packet(9, HOST_PORT, own_tag, make_chunk(COOKIE_ECHO, 0, cookie))
        for port in range(100, 100 + most):
            _, again, _ = open_passively(endpoint, port)
        for refused in (late, echo):
            assert chunks_of(receive(endpoint, refused)[0]) == [(ABORT, 0, make_tlv(4, b""))]
        assert endpoint.drops == {"too_many": 2}
        assert endpoint.associations_of(user) == most
        assert chunks_of(receive(endpoint, again)[0])[0][0] == COOKIE_ACK        # a duplicate is no new one
        endpoint.associations[0].abort(b"", NOW)
        endpoint.take_packets(NOW)
        assert chunks_of(receive(endpoint, echo)[0])[0][0] == COOKIE_ACK

    def test_close_aborts_whom_nobody_accepted(self):
        endpoint, listeners = make_endpoint(any="")
        open_passively(endpoint)
        listeners["any"].close(NOW)
        assert chunks_of(endpoint.take_packets(NOW)[0][0])[0][0] == ABORT
        assert endpoint.association_count == 0
        listeners["any"].close(NOW)          # again is no matter
        assert chunks_of(receive(endpoint, packet(1, HOST_PORT, 0, init_chunk()))[0])[0][0] == ABORT


class TestCookieEcho:
    def test_ports_tag_and_address_must_match(self):
        """9260-5.1.5-02"""
        endpoint, _ = make_endpoint(any="")
        cookie, own_tag = cookie_of(receive(endpoint, packet(PEER_PORT, HOST_PORT, 0, init_chunk()))[0])
        echo = make_chunk(COOKIE_ECHO, 0, cookie)
        for source_port, port, tag, source in [
            (PEER_PORT + 1, HOST_PORT, own_tag, PEER), (PEER_PORT, HOST_PORT + 1, own_tag, PEER),
            (PEER_PORT, HOST_PORT, own_tag ^ 1, PEER), (PEER_PORT, HOST_PORT, own_tag, "10.0.0.3"),
        ]:
            assert receive(endpoint, packet(source_port, port, tag, echo), source=source) == []
        assert endpoint.drops == {"cookie_mismatch": 4}
        assert len(receive(endpoint, packet(PEER_PORT, HOST_PORT, own_tag, echo))) == 1

    def test_stale(self):
        """9260-5.1.5-03: the staleness is told in microseconds."""
        endpoint, _ = make_endpoint(any="")
        cookie, own_tag = cookie_of(receive(endpoint, packet(PEER_PORT, HOST_PORT, 0, init_chunk(5)))[0])
        echo = packet(PEER_PORT, HOST_PORT, own_tag, make_chunk(COOKIE_ECHO, 0, cookie))
        answer, = receive(endpoint, echo, NOW + 60 * SECOND + 1234)
        stale = make_tlv(3, struct.pack(">I", 1234))
        assert answer == packet(HOST_PORT, PEER_PORT, 5, make_chunk(ERROR, 0, stale))
        assert endpoint.association_count == 0

    def test_what_is_bundled_behind_is_taken(self):
        """9260-5.1.5-04: COOKIE ACK first in its packet, and a SACK at once."""
        endpoint, listeners = make_endpoint(any="")
        cookie, own_tag = cookie_of(receive(endpoint, packet(PEER_PORT, HOST_PORT, 0, init_chunk()))[0])
        answer, = receive(endpoint, packet(PEER_PORT, HOST_PORT, own_tag, make_chunk(COOKIE_ECHO, 0, cookie),
                                           data_chunk(77, b"early")))
        assert [chunk[0] for chunk in chunks_of(answer)] == [COOKIE_ACK, 3]
        assert listeners["any"].accept().user.read(NOW)[1] == b"early"

    def test_duplicate_is_answered_again(self):
        """9260-5.2.4-08: action D; also when the cookie is stale by now (5.2.4-02)."""
        endpoint, listeners = make_endpoint(any="")
        _, echo, _ = open_passively(endpoint)
        for now in (NOW, NOW + 100 * SECOND):
            answers = receive(endpoint, echo, now)
            assert chunks_of(answers[0])[0][0] == COOKIE_ACK
        assert endpoint.association_count == len(listeners["any"].pending) == 1


class TestAssociations:
    def test_ids_from_3(self):
        """RFC 6458 section 7.2: 0, 1 and 2 have meanings of their own."""
        endpoint = Endpoint(b"e" * 32)
        user = SctpUser(endpoint.ready_list)
        ids = [endpoint.connect(user, HOST, port, PEER, PEER_PORT, UDP_PORT, 0, None, NOW).assoc_id
               for port in (1, 2, 65535)]
        assert ids == [3, 4, 5]

    def test_ids_go_round_past_those_in_use(self):
        """RFC 6458 section 7.2: an id means one association; behind the greatest come small ones again."""
        endpoint = Endpoint(b"e" * 32)
        user = SctpUser(endpoint.ready_list)
        ports = iter(range(1, 65536))

        def begin():
            return endpoint.connect(user, HOST, next(ports), PEER, PEER_PORT, UDP_PORT, 0, None, NOW)

        first = [begin() for _ in range(3)]
        assert [each.assoc_id for each in first] == [3, 4, 5]
        first[1].abort(b"", NOW)
        assert endpoint.association(4) is None
        endpoint.last_assoc_id = 0x7FFFFFFE
        assert [begin().assoc_id for _ in range(2)] == [0x7FFFFFFF, 6]
        assert endpoint.association(3) is first[0]
        endpoint.last_assoc_id = 3
        assert begin().assoc_id == 7         # somebody still has the association that ended, and may name it
        del first[1]
        while user.read(NOW) is not None:
            pass
        endpoint.last_assoc_id = 3
        assert begin().assoc_id == 4

    def test_every_tag_is_looked_up_first(self):
        """9260-5.1-01: of two living associations no tag is the same, whoever draws it."""
        drawn = Endpoint(b"e" * 32).connect(SctpUser(ReadyList()), HOST, 1, PEER, 2, UDP_PORT, 0, None,
                                            NOW).local_tag
        endpoint = Endpoint(b"e" * 32)
        endpoint.shared.by_tag[drawn] = taken = object()
        ours = endpoint.connect(SctpUser(endpoint.ready_list), HOST, HOST_PORT, PEER, PEER_PORT, UDP_PORT, 0,
                                None, NOW)
        assert ours.local_tag != drawn
        assert endpoint.shared.by_tag[drawn] is taken
        assert endpoint.shared.by_tag[ours.local_tag] is ours

    def test_the_tag_of_an_init_ack_for_a_living_association(self):
        """The same where an INIT for an association is answered (9260-5.2.2-02)."""
        tags = []
        for spoil in (False, True):
            peer = Peer().establish()
            if spoil:
                peer.endpoint.shared.by_tag[tags[0]] = peer          # which keeps nothing alive
            tags.append(peer.init(0x55667788)[1])
        assert tags[0] != tags[1]

    def test_the_same_addresses_twice(self):
        peer = Peer()
        with pytest.raises(OSError) as caught:
            peer.endpoint.connect(peer.user, HOST, HOST_PORT, PEER, PEER_PORT, UDP_PORT, 0, None, NOW)
        assert caught.value.errno == errno.EADDRNOTAVAIL
        assert peer.endpoint.association_count == 1

    def test_found_by_tag_ports_and_address(self):
        """9260-8.5-01"""
        peer = Peer().establish()
        before = peer.association.packets_in
        peer.send(data_chunk(peer.tsn), tag=peer.association.local_tag ^ 1)
        assert peer.endpoint.drops == {"bad_tag": 1}
        tag, data = peer.association.local_tag, data_chunk(peer.tsn)
        receive(peer.endpoint, packet(PEER_PORT + 1, HOST_PORT, tag, data))
        receive(peer.endpoint, packet(PEER_PORT, HOST_PORT + 1, tag, data))
        receive(peer.endpoint, packet(PEER_PORT, HOST_PORT, tag, data), source="10.0.0.77")
        assert peer.association.packets_in == before
        peer.send(data_chunk(peer.tsn))
        assert peer.association.packets_in == before + 1

    @pytest.mark.parametrize(("kind", "flags", "own_tag", "ends"), [
        (ABORT, 0, True, True), (ABORT, T, True, False), (ABORT, T, False, True), (ABORT, 0, False, False),
        (SHUTDOWN_COMPLETE, 0, True, False), (SHUTDOWN_COMPLETE, T, False, False),   # not in ESTABLISHED
    ])
    def test_reflected_tags(self, kind, flags, own_tag, ends):
        """9260-8.5-03, -04"""
        peer = Peer().establish()
        peer.send(make_chunk(kind, flags, b""), tag=peer.association.local_tag if own_tag else peer.tag)
        assert bool(peer.association.ended) == ends
        assert peer.take() == []             # 9260-3.3.7-02

    def test_bury(self):
        """Who has ended is found no more, by tag or by address."""
        peer = Peer().establish()
        tag = peer.association.local_tag
        peer.association.abort(b"", peer.now)
        peer.take()
        assert peer.endpoint.association_count == 0
        assert peer.endpoint.deadline() is None
        peer.send(data_chunk(peer.tsn), tag=tag)
        assert peer.take_chunks() == [(ABORT, T, b"")]
        again = peer.endpoint.connect(peer.user, HOST, HOST_PORT, PEER, PEER_PORT, UDP_PORT, 0, None,
                                      peer.now)
        assert again.assoc_id == 4
        assert again.local_tag != tag        # 9260-5.3.1-01

    def test_a_dead_one_is_not_revived(self):
        """A COOKIE ECHO that comes between the user's ABORT and the next turn of the engine."""
        endpoint, listeners = make_endpoint(any="")
        _, echo, _ = open_passively(endpoint)
        association = listeners["any"].accept()
        association.abort(b"", NOW)
        receive(endpoint, echo)
        assert association.ended
        assert association.snapshot()["state"] == "CLOSED"


class TestIcmp:
    """9260-10; 6951-5-08"""

    def quoted(self, peer, tag, rest=b""):
        return struct.pack(">HHII", HOST_PORT, PEER_PORT, tag, 0) + rest

    def test_established(self):
        """9260-10-01, 9260-10-04: with the right tag, protocol unreachable is an ABORT, without UDP."""
        peer = Peer(udp_port=0).establish()
        for quoted in (self.quoted(peer, peer.tag ^ 1), self.quoted(peer, 0), b"",
                       self.quoted(peer, peer.tag)[:7]):
            peer.endpoint.receive_icmp_error(quoted, PEER, 0, 0, IcmpKind.ICMP_PROTOCOL_UNREACHABLE, peer.now)
        assert not peer.association.ended
        assert peer.endpoint.drops == {"icmp": 4}
        peer.endpoint.receive_icmp_error(self.quoted(peer, peer.tag), PEER, 0, 0,
                                         IcmpKind.ICMP_PROTOCOL_UNREACHABLE, peer.now)
        assert peer.association.error == errno.ECONNRESET

    @pytest.mark.parametrize("kind", [IcmpKind.ICMP_PORT_UNREACHABLE, IcmpKind.ICMP_PROTOCOL_UNREACHABLE])
    def test_established_in_udp(self, kind):
        """9260-10-03 (ICMP3): a port that is gone for a moment ends nothing that is up."""
        peer = Peer().establish()
        for _ in range(20):
            peer.endpoint.receive_icmp_error(self.quoted(peer, peer.tag), PEER, UDP_PORT, 0, kind, peer.now)
        assert not peer.association.ended
        assert peer.association.snapshot()["paths"][0]["state"] == 2
        assert peer.endpoint.drops == {"icmp": 20}

    @pytest.mark.parametrize(("udp_port", "carrier"), [(UDP_PORT + 1, 0), (0, 0), (UDP_PORT, 1)])
    def test_about_another_port(self, udp_port, carrier):
        """9260-10-01: what went to another UDP port or by another carrier was no packet of ours."""
        peer = Peer()
        init, = peer.take()
        for kind in (IcmpKind.ICMP_PORT_UNREACHABLE, IcmpKind.ICMP_PROTOCOL_UNREACHABLE,
                     IcmpKind.ICMP_TOO_BIG):
            peer.endpoint.receive_icmp_error(init, PEER, udp_port, carrier, kind, peer.now, 1000)
        assert not peer.association.ended
        assert peer.association.snapshot()["paths"][0]["mtu"] == 1500
        assert peer.endpoint.drops == {"icmp": 3}

    @pytest.mark.parametrize(("cut", "ends"), [(None, True), (19, False), (20, True), (12, False)])
    def test_setting_up(self, cut, ends):
        """9260-10-02: a quoted INIT has tag 0 and our own Initiate Tag inside."""
        peer = Peer()
        init, = peer.take()
        peer.endpoint.receive_icmp_error(init[:cut], PEER, UDP_PORT, 0, IcmpKind.ICMP_PORT_UNREACHABLE,
                                         peer.now)
        assert bool(peer.association.ended) == ends
        assert peer.association.error == (errno.ECONNREFUSED if ends else 0)

    @pytest.mark.parametrize("kind", [IcmpKind.ICMP_HOST_UNREACHABLE, IcmpKind.ICMP_TOO_BIG])
    def test_others_end_nothing(self, kind):
        peer = Peer().establish()
        peer.endpoint.receive_icmp_error(self.quoted(peer, peer.tag), PEER, UDP_PORT, 0, kind, peer.now)
        assert not peer.association.ended


def test_ready_list():
    endpoint, listeners = make_endpoint(any="")
    open_passively(endpoint)
    users = dict(endpoint.take_ready())
    assert users[listeners["any"].user] == Ready.ACCEPTABLE
    assert users[listeners["any"].accept().user] & Ready.CONNECTED
    assert endpoint.take_ready() == []


def test_parameters_of_the_listener():
    """An association has its own copy: later changes touch only later associations."""
    endpoint = Endpoint(b"e" * 32)
    parameters = ProtocolParameters()
    listener = endpoint.listen(SctpUser(endpoint.ready_list), "", HOST_PORT, 2, parameters)
    parameters.outbound_streams = 3
    open_passively(endpoint)
    parameters.outbound_streams = 7
    association = listener.accept()
    assert association.outbound_streams == association.parameters.outbound_streams == 3


def test_ports_are_held_by_associations():
    """A port stays busy until its last association is gone (RFC 6458 section 9.2; Linux's close)."""
    endpoint = Endpoint(b"e" * 32)
    users = [SctpUser(endpoint.ready_list) for _ in range(2)]
    parameters = ProtocolParameters()
    first, second = [endpoint.connect(user, "", 40_000, PEER, port, UDP_PORT, 0, parameters, NOW)
                     for user, port in zip(users, (7, 8), strict=True)]
    assert endpoint.holds_port(40_000) and not endpoint.holds_port(40_001)
    first.abort(b"", NOW)
    assert endpoint.holds_port(40_000)
    second.abort(b"", NOW)
    assert not endpoint.holds_port(40_000)


class TestFullOutbox:
    """What has no room waits or is sent again later; nothing is lost for good."""
    COUNT = 1500                 # INITs: more than the outbox holds

    def test_initial_packets_and_timers(self):
        """9260-5.1-06: INITs that found no room are retransmitted by T1 as if they had been lost."""
        endpoint = Endpoint(b"e" * 32)
        for i in range(self.COUNT):
            endpoint.connect(SctpUser(endpoint.ready_list), HOST, 1000 + i, PEER, PEER_PORT, UDP_PORT, 0,
                             None, NOW)
        first = endpoint.take_packets(NOW)
        assert 0 < len(first) < self.COUNT
        endpoint.handle_timeouts(NOW + SECOND)
        again = {item[0][:2] for item in endpoint.take_packets(NOW + SECOND)}
        assert len(again) == self.COUNT


def test_closing_one_of_two_listeners():
    """The other one at the port stays."""
    endpoint, listeners = make_endpoint(one=HOST, other="10.0.0.9")
    listeners["one"].close(NOW)
    listeners["one"].close(NOW)              # again: nothing
    answer, = receive(endpoint, packet(PEER_PORT, HOST_PORT, 0, init_chunk()), destination="10.0.0.9")
    assert chunks_of(answer)[0][0] == INIT_ACK
    answer, = receive(endpoint, packet(PEER_PORT, HOST_PORT, 0, init_chunk()))
    assert chunks_of(answer)[0][0] == ABORT


@pytest.mark.parametrize("host", ["0.0.0.0", "::", [], [""]])
def test_nobody_to_connect_to(host):
    endpoint = Endpoint(b"e" * 32)
    with pytest.raises(ValueError, match="no address"):
        endpoint.connect(SctpUser(endpoint.ready_list), HOST, 1, host, 2, UDP_PORT, 0, None, NOW)
    assert endpoint.association_count == 0


@pytest.mark.parametrize("close", [True, False], ids=["listener closed", "backlog full"])
def test_cookie_that_nobody_wants_any_more(close):
    """9260-5.1-07: what changed since the INIT ACK is told by an ABORT with cause 4."""
    endpoint = Endpoint(b"e" * 32)
    listener = endpoint.listen(SctpUser(endpoint.ready_list), HOST, HOST_PORT, 0)
    echoes = []
    for port in (PEER_PORT, PEER_PORT + 1):
        answer, = receive(endpoint, packet(port, HOST_PORT, 0, init_chunk()))
        cookie, own_tag = cookie_of(answer)
        echoes.append(packet(port, HOST_PORT, own_tag, make_chunk(COOKIE_ECHO, 0, cookie)))
    if close:
        listener.close(NOW)
    else:
        receive(endpoint, echoes[0])
    answer, = receive(endpoint, echoes[1])
    assert chunks_of(answer) == [(ABORT, 0, make_tlv(4, b""))]
