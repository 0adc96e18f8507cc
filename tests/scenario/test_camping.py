"""Addresses that a peer lists and that are not its own (RFC 5062 section 2), under UDP encapsulation.

There the owner of an address never says no: the probes go to the attacker's UDP port at the owner's host.
"""
import errno
import struct

import pytest
from handmade import (
    ABORT,
    COOKIE_ACK,
    COOKIE_ECHO,
    DATA,
    HEARTBEAT,
    HEARTBEAT_ACK,
    INIT,
    INIT_ACK,
    PEER_PORT,
    SECOND,
    SHUTDOWN_ACK,
    UDP_PORT,
    chunks_of,
    data_chunk,
    packet,
    shutdown_chunk,
)

from pysctpsock._cy.chunks import make_chunk, make_init
from pysctpsock._cy.endpoint import Endpoint, IcmpKind
from pysctpsock._cy.params import make_address_parameter, parse_parameters
from pysctpsock._cy.user import SctpUser

PORT = 4000
HOST, CAMPER, VICTIM = "203.0.113.1", "198.51.100.66", "192.0.2.5"
CAMPER_UDP, VICTIM_UDP = 6666, 9899
UNCONFIRMED, ACTIVE = 3, 2


class Server:
    """A one-to-many listener, and what it sends: packets of peers are made by hand."""

    def __init__(self, own=()):
        self.now = SECOND
        self.endpoint = Endpoint(b"s" * 32)
        self.endpoint.own_addresses = list(own)
        self.user = SctpUser(self.endpoint.ready_list)
        self.user.one_to_many = True
        self.user.event_mask = 0x3FFE
        self.endpoint.listen(self.user, "", PORT, 5)
        self.sent = []           # (packet, host, UDP port), of all time

    def receive(self, source, udp_port, tag, *chunks, ports=(PEER_PORT, PORT)):
        """[(chunk, host, UDP port)] of the answers."""
        self.endpoint.receive_datagram(packet(*ports, tag, *chunks), source, udp_port, HOST, 0, self.now)
        return self.take()

    def take(self):
        taken = [item[:3] for item in self.endpoint.take_packets(self.now)]
        self.sent += taken
        return [(chunk, host, udp_port) for data, host, udp_port in taken for chunk in chunks_of(data)]

    def run(self, duration):
        end = self.now + duration
        while (deadline := self.endpoint.deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.endpoint.handle_timeouts(self.now)
            self.take()
        self.now = end

    def init(self, source, udp_port, tag, hosts=()):
        listed = b"".join(map(make_address_parameter, hosts))
        return self.receive(source, udp_port, 0, make_init(INIT, tag, 1 << 20, 10, 10, 1, listed))

    def set_up(self, source, udp_port, tag, hosts=()):
        """An association through the whole handshake."""
        ((answer, host, port),) = self.init(source, udp_port, tag, hosts)
        assert (answer[0], host, port) == (INIT_ACK, source, udp_port)
        cookie = parse_parameters(answer[2][16:])["state_cookie"]
        answers = self.receive(source, udp_port, struct.unpack_from(">I", answer[2])[0],
                               make_chunk(COOKIE_ECHO, 0, cookie))
        assert answers[0][0][0] == COOKIE_ACK
        return self.endpoint.associations[-1]

    def connect(self, host, udp_port):
        return self.endpoint.connect(self.user, HOST, PORT, host, PEER_PORT, udp_port, 0, None, self.now)

    def to(self, host):
        """[(chunk type, UDP port)] of all that was sent there."""
        return [(chunk[0], udp_port) for data, to, udp_port in self.sent if to == host
                for chunk in chunks_of(data)]


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def camping(server):
    """The attacker's association, which lists the victim's address; its probe is under way."""
    server.camp = server.set_up(CAMPER, CAMPER_UDP, 0x666, [VICTIM])
    server.run(SECOND)
    states = [(path.host, path.state) for path in server.camp.paths]
    assert states == [(CAMPER, ACTIVE), (VICTIM, UNCONFIRMED)]
    return server


def test_camping_hides_nobody_from_a_look_up(camping):
    """5062-2-01: what a user sends to the victim's address does not go to the camper."""
    assert camping.endpoint.find(VICTIM, PEER_PORT, PORT) is None
    assert camping.endpoint.find(CAMPER, PEER_PORT, PORT) is camping.camp


def test_camping_does_not_keep_a_user_from_the_owner(camping):
    """5062-2-01: an association with the owner can be set up; from then on the address is its."""
    own = camping.connect(VICTIM, VICTIM_UDP)
    assert camping.endpoint.find(VICTIM, PEER_PORT, PORT) is own
    with pytest.raises(OSError) as refused:
        camping.connect(VICTIM, VICTIM_UDP)
    assert refused.value.errno == errno.EADDRNOTAVAIL


@pytest.mark.parametrize("udp_port", [VICTIM_UDP, CAMPER_UDP])
@pytest.mark.parametrize("lists", [(), (VICTIM,), ("192.0.2.6",), (VICTIM, "192.0.2.6")])
def test_the_owner_s_init_is_neither_refused_nor_a_restart(camping, udp_port, lists):
    """5062-2-01, 9260-5.2.2-01: an INIT from a camped address is a stranger's, whatever else it lists."""
    own = camping.set_up(VICTIM, udp_port, 0x777, lists)
    assert own is not camping.camp and camping.endpoint.association_count == 2
    assert camping.endpoint.find(VICTIM, PEER_PORT, PORT) is own
    assert camping.camp.peer_tag == 0x666 and not camping.camp.ended
    assert own.submit(b"to the owner", now=camping.now) == 0
    assert [(to, port) for chunk, to, port in camping.take() if chunk[0] == DATA] == [(VICTIM, udp_port)]


def test_restart_pinned(camping):
    """5062-2-01: only an INIT that names a confirmed address of the camper too is about its association."""
    (answer,) = camping.init(VICTIM, VICTIM_UDP, 0x777, [CAMPER])
    assert answer[0][0] == INIT_ACK      # as of a peer that begins anew from its second address
    assert camping.endpoint.association_count == 1
    assert camping.set_up(VICTIM, VICTIM_UDP, 0x778) is not camping.camp


def test_the_owner_keeps_its_address_when_the_camper_ends(camping):
    own = camping.set_up(VICTIM, VICTIM_UDP, 0x777)
    camping.camp.abort(b"", camping.now)
    assert camping.endpoint.find(VICTIM, PEER_PORT, PORT) is own


def test_an_owner_cannot_be_camped_upon(server):
    """5062-2-01: an address that an association has is not another one's, listed or even confirmed."""
    own = server.set_up(VICTIM, VICTIM_UDP, 0x777)
    (answer,) = server.init(CAMPER, CAMPER_UDP, 0x666, [VICTIM])
    assert answer[0][0] == ABORT         # 9260-5.2.2-01
    assert server.endpoint.find(VICTIM, PEER_PORT, PORT) is own


def test_who_proves_an_address_owns_it(camping):
    """9260-5.4-02: with the nonce's return, a look-up and an INIT find the association."""
    (probe,) = [data for data, host, _port in camping.sent if host == VICTIM]
    ((_kind, _flags, value),) = chunks_of(probe)
    camping.receive(VICTIM, CAMPER_UDP, camping.camp.local_tag, make_chunk(HEARTBEAT_ACK, 0, value))
    assert camping.camp.paths[1].state == ACTIVE
    assert camping.endpoint.find(VICTIM, PEER_PORT, PORT) is camping.camp


def test_camped_address_is_forgotten(camping):
    """5062-2-01, 5062-5-01: Path.Max.Retrans + 1 probes without an answer, and never another."""
    for _ in range(300):                 # the camper itself goes on answering its HEARTBEATs
        camping.run(SECOND)
        for data, host, _port in camping.sent:
            for kind, _flags, value in chunks_of(data):
                if host == CAMPER and kind == HEARTBEAT:
                    camping.receive(CAMPER, CAMPER_UDP, camping.camp.local_tag,
                                    make_chunk(HEARTBEAT_ACK, 0, value))
        camping.sent = [item for item in camping.sent if item[1] == VICTIM]
    assert not camping.camp.ended
    assert camping.to(VICTIM) == [(HEARTBEAT, CAMPER_UDP)] * (camping.camp.parameters.path_max_retrans + 1)


def test_forgotten_address_is_tried_again_when_the_peer_is_heard_there(camping):
    """9260-5.4-03: a second network that was down during set-up is not lost for ever."""
    camping.camp.change_paths(CAMPER, {"heartbeat_enabled": False}, camping.now)
    camping.run(300 * SECOND)
    camping.sent = []
    camping.receive(VICTIM, CAMPER_UDP, camping.camp.local_tag, make_chunk(HEARTBEAT, 0, b"\0\1\0\6hi\0\0"))
    camping.run(SECOND)
    assert sorted(camping.to(VICTIM)) == [(HEARTBEAT, CAMPER_UDP), (HEARTBEAT_ACK, CAMPER_UDP)]
    camping.run(300 * SECOND)
    assert len(camping.to(VICTIM)) == 2  # one probe for each question


def test_bombing_of_a_camped_address(camping):
    """5062-5-01, 9260-5.4-06: DATA from it, SHUTDOWN, bad chunks: no answer but HEARTBEATs goes there."""
    tag = camping.camp.local_tag
    for chunks in ([data_chunk(1)], [data_chunk(2, stream_id=999)], [make_chunk(0xFE, 0, b"????")],
                   [shutdown_chunk(camping.camp.local_initial_tsn - 1)], [make_chunk(SHUTDOWN_ACK, 0, b"")]):
        camping.receive(VICTIM, CAMPER_UDP, tag, *chunks)
        camping.run(SECOND // 2)
    assert {kind for kind, _port in camping.to(VICTIM)} == {HEARTBEAT}


def test_icmp_about_a_camped_address(camping):
    """9260-10-01: that nobody is at an address that may not be the peer's ends nothing."""
    (probe,) = [data for data, host, _port in camping.sent if host == VICTIM]
    for kind in IcmpKind:
        camping.endpoint.receive_icmp_error(probe, VICTIM, CAMPER_UDP, 0, kind, 1280, camping.now)
    assert not camping.camp.ended


def test_strangers_at_a_camped_address_are_answered(camping):
    """9260-8.4-08: the owner, whose association of old we have lost, is told so."""
    ((answer, host, udp_port),) = camping.receive(VICTIM, VICTIM_UDP, 0x12345678, data_chunk(1))
    assert (answer[0], host, udp_port) == (ABORT, VICTIM, VICTIM_UDP)


# --- our own addresses


@pytest.mark.parametrize("known", [True, False])
def test_our_own_probe_ends_no_association(known):
    """172.17.0.1 is both hosts': its probe reaches ourselves, and an ABORT of ours would be the peer's.

    If it became ours after the association began, the packet is known by the tag that it carries.
    """
    both = "172.17.0.1"
    server = Server([HOST, both] if known else [HOST])
    association = server.set_up("172.17.0.9", CAMPER_UDP, 0x666, [both])
    server.run(SECOND)
    probes = [data for data, host, _port in server.sent if host == both]
    assert bool(probes) != known
    server.endpoint.own_addresses = [HOST, both]
    for probe in probes:
        server.endpoint.receive_datagram(probe, both, UDP_PORT, both, 0, server.now)
        for data, host, udp_port in [item[:3] for item in server.endpoint.take_packets(server.now)]:
            server.endpoint.receive_datagram(data, host, udp_port, both, 0, server.now)
    assert not association.ended


def test_association_with_ourselves_is_aborted_when_its_other_end_is_gone():
    """9260-8.4-08: on one host both ends have its addresses; there an answer out of the blue is right."""
    server = Server([HOST])
    association = server.set_up(HOST, UDP_PORT, 0x666)
    answers = server.receive(HOST, UDP_PORT, 0x666, data_chunk(1), ports=(PORT, PEER_PORT))
    assert [(answer[0], host) for answer, host, _port in answers] == [(ABORT, HOST)]
    assert not association.ended
