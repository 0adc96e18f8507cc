"""Requirements of RFC 9260 sections 5 (setting up) and 6 (states in which DATA and SACK count)."""

import struct

import packets
import pytest
from failures import watch
from net import (
    CLIENT,
    CLIENT_PORT,
    MILLISECOND,
    SECOND,
    SERVER,
    SERVER_PORT,
    Network,
    Puppet,
    Server,
    State,
    connect,
    receiver,
    sender,
)
from packets import ABORT, COOKIE_ACK, COOKIE_ECHO, DATA, HEARTBEAT_ACK, INIT, INIT_ACK, SACK, STATE_COOKIE, T

from pysctpsock._cy.cookie import LAYOUT

IPV4_ADDRESS = 5
NEW_ADDRESSES = 11  # cause "Restart of an Association with New Addresses"
OTHER = packets.parameter(IPV4_ADDRESS, bytes([10, 0, 0, 77]))


@pytest.fixture
def net():
    """A server at SERVER:SERVER_PORT and a puppet in the client's place."""
    network = watch(Network(3))
    host = network.host("server", SERVER)
    listener = Server(network, host)
    puppet = Puppet(network)
    puppet.server, puppet.endpoint = listener, host.endpoint
    return puppet


@pytest.fixture
def caller():
    """A puppet in the server's place, and a client that has sent its INIT to it."""
    network = watch(Network(4))
    host = network.host("client", CLIENT)
    puppet = Puppet(network, SERVER, SERVER_PORT, CLIENT, CLIENT_PORT)
    puppet.client = connect(network, host)
    puppet.wait(10 * MILLISECOND)
    request = puppet.inbox[-1][INIT]
    puppet.peer_tag, puppet.peer_tsn = request.initiate_tag, request.initial_tsn
    return puppet


def cookie_of(answer):
    return dict(answer[INIT_ACK].parameters)[STATE_COOKIE]


def tie_tags(cookie):
    """(local tie-tag, peer's tie-tag); they are the seventh and eighth field of our cookie."""
    return LAYOUT.unpack(cookie[: LAYOUT.size])[6:8]


def assert_carries_data(puppet, side):
    puppet.ask(puppet.data(b"still here"))
    assert side.received[-1] == b"still here"


# --- cookies


def test_cookie_has_a_mac(net):
    """9260-5.1.3-01, 9260-5.1-05: one altered bit of its content or of its end makes it worthless."""
    (answer,) = net.ask(packets.init(net.tag, net.tsn), tag=0)
    cookie, net.peer_tag = cookie_of(answer), answer[INIT_ACK].initiate_tag
    for place in (0, 8, 20, len(cookie) // 2, len(cookie) - 1):
        altered = bytearray(cookie)
        altered[place] ^= 0x10
        assert net.ask(packets.chunk(COOKIE_ECHO, 0, bytes(altered))) == []
    assert net.endpoint.association_count == 0
    (ack,) = net.ask(packets.chunk(COOKIE_ECHO, 0, cookie), net.data(b"with the cookie"))
    assert ack.types == [COOKIE_ACK, SACK]


def test_cookie_holds_no_tag_of_a_living_association(net):
    """9260-5.1.3-04, 9260-5.2.2-02, 9260-12-04: who forges an INIT learns no tag from the answer."""
    net.establish()
    (answer,) = net.ask(packets.init(0x0A0B0C0D, 5), tag=0)
    cookie = cookie_of(answer)
    assert struct.pack(">I", 0x0A0B0C0D) in cookie  # tags stand there in this form
    for tag in (net.tag, net.peer_tag):
        assert struct.pack(">I", tag) not in cookie
        assert tag not in tie_tags(cookie)


def test_tie_tags(net):
    """9260-5.2.2-04, 9260-5.2.1-04: 0 for a normal INIT; else random, and the same for each further INIT."""
    (answer,) = net.ask(packets.init(net.tag, net.tsn), tag=0)
    assert tie_tags(cookie_of(answer)) == (0, 0)
    net.establish()
    found = [tie_tags(cookie_of(net.ask(packets.init(tag, 5), tag=0)[0])) for tag in (7, 8)]
    assert found[0] == found[1] and 0 not in found[0]


def test_tie_tags_in_cookie_echoed(caller):
    """9260-5.2.1-04: in COOKIE-ECHOED they are set in the cookie, in COOKIE-WAIT not yet."""
    (answer,) = caller.ask(packets.init(caller.tag, caller.tsn), tag=0)
    assert tie_tags(cookie_of(answer)) == (0, 0)
    caller.ask(packets.init_ack(caller.tag, caller.tsn))
    assert caller.client.state is State.COOKIE_ECHOED
    (answer,) = caller.ask(packets.init(caller.tag, caller.tsn), tag=0)
    assert 0 not in tie_tags(cookie_of(answer))


def test_heartbeat_in_cookie_echoed(caller):
    """9260-8.3-02, 9260-5.1-04: it is answered, but only after the COOKIE ACK."""
    caller.ask(packets.init_ack(caller.tag, caller.tsn))
    assert caller.client.state is State.COOKIE_ECHOED
    assert caller.ask(packets.heartbeat()) == []
    answers = caller.ask(packets.chunk(COOKIE_ACK))
    assert [answer.types for answer in answers] == [[HEARTBEAT_ACK]]


# --- INIT that meets an association


@pytest.mark.parametrize("state", [State.COOKIE_WAIT, State.COOKIE_ECHOED])
def test_init_of_a_collision(caller, state):
    """9260-5.2.1-01: INIT ACK with the tag, TSN, window and streams of the own INIT; nothing else changes."""
    own = caller.inbox[0][INIT]
    if state is State.COOKIE_ECHOED:
        caller.ask(packets.init_ack(caller.tag, caller.tsn))
    assert caller.client.state is state
    (answer,) = caller.ask(packets.init(0x0A0B0C0D, 5), tag=0)
    ack = answer[INIT_ACK]
    assert answer.tag == 0x0A0B0C0D
    assert (ack.initiate_tag, ack.initial_tsn, ack.a_rwnd) == (own.initiate_tag, own.initial_tsn, own.a_rwnd)
    assert (ack.outbound_streams, ack.inbound_streams) == (own.outbound_streams, own.inbound_streams)
    assert caller.client.state is state
    again = caller.wait(1200 * MILLISECOND)  # T1 goes on
    assert [packet.types for packet in again] == [[INIT if state is State.COOKIE_WAIT else COOKIE_ECHO]]


def test_init_from_a_stranger_in_cookie_wait(caller):
    """9260-5.2.1-02: an address that the user did not pass gets no INIT ACK."""
    stranger = Puppet(caller.network, "10.0.0.99", SERVER_PORT, CLIENT, CLIENT_PORT)
    answers = stranger.ask(packets.init(0x0A0B0C0D, 5), tag=0)
    assert INIT_ACK not in [type for answer in answers for type in answer.types]
    assert caller.client.state is State.COOKIE_WAIT
    caller.answer_init()
    assert caller.client.connected


def test_new_address_in_cookie_echoed(caller):
    """9260-5.2.1-03: ABORT under the INIT's tag, cause 11 with the address; the handshake goes on."""
    caller.ask(packets.init_ack(caller.tag, caller.tsn))
    (answer,) = caller.ask(packets.init(0x0A0B0C0D, 5, parameters=OTHER), tag=0)
    assert (answer.types, answer.tag, answer.chunks[0].flags & T) == ([ABORT], 0x0A0B0C0D, 0)
    assert answer[ABORT].causes == [(NEW_ADDRESSES, OTHER)]
    assert caller.client.state is State.COOKIE_ECHOED
    caller.ask(packets.chunk(COOKIE_ACK))
    assert caller.client.connected


def test_new_address_in_established(net):
    """9260-5.2.2-01: ABORT under the INIT's tag, cause 11 with the address; the association is as before."""
    net.establish()
    (side,) = net.server.sides
    before = side.snapshot()["paths"]
    (answer,) = net.ask(packets.init(0x0A0B0C0D, 5, parameters=OTHER), tag=0)
    assert (answer.types, answer.tag, answer.chunks[0].flags & T) == ([ABORT], 0x0A0B0C0D, 0)
    assert answer[ABORT].causes == [(NEW_ADDRESSES, OTHER)]
    assert [path["address"] for path in side.snapshot()["paths"]] == [path["address"] for path in before]
    assert_carries_data(net, side)


def test_init_ack_of_a_possible_restart(net):
    """9260-5.2.2-02, 9260-5.2.2-03: a new tag each time; streams and window as the association has them."""
    (first,) = net.ask(packets.init(net.tag, net.tsn), tag=0)
    net.establish()
    (side,) = net.server.sides
    tags = {net.peer_tag}
    for tag in (7, 8, 9):
        (answer,) = net.ask(packets.init(tag, 5), tag=0)
        assert answer.tag == tag
        ack = answer[INIT_ACK]
        assert (ack.outbound_streams, ack.inbound_streams, ack.a_rwnd) == (
            first[INIT_ACK].outbound_streams,
            first[INIT_ACK].inbound_streams,
            first[INIT_ACK].a_rwnd,
        )
        tags.add(ack.initiate_tag)
    assert len(tags) == 4 and 0 not in tags
    assert side.state is State.ESTABLISHED
    assert_carries_data(net, side)


@pytest.mark.parametrize("difference", [1, 0x80000000])
def test_cookie_echo_under_another_tag(net, difference):
    """9260-8.5-05, 9260-5.1.5-02: COOKIE ECHO counts only under the Initiate Tag of the INIT ACK."""
    (answer,) = net.ask(packets.init(net.tag, net.tsn), tag=0)
    tag = answer[INIT_ACK].initiate_tag
    echo = packets.chunk(COOKIE_ECHO, 0, cookie_of(answer))
    assert net.ask(echo, tag=tag ^ difference) == []
    assert net.endpoint.association_count == 0
    (ack,) = net.ask(echo, tag=tag)
    assert ack.types == [COOKIE_ACK] and ack.tag == net.tag


# --- DATA and SACK by state


def test_sack_in_shutdown_sent_is_dropped():
    """9260-6-03: not even one that lies does anything in SHUTDOWN-SENT."""
    s = sender()
    s.side.shutdown()
    s.wait(10 * MILLISECOND)
    assert s.side.state is State.SHUTDOWN_SENT
    assert s.ask(packets.sack(s.peer_tsn + 100)) == []
    assert s.side.state is State.SHUTDOWN_SENT


def test_sack_in_cookie_wait_and_closed_is_out_of_the_blue(caller):
    """9260-6-03, 9260-8.4-08: in COOKIE-WAIT it is dropped; without a TCB the answer is ABORT with T."""
    assert caller.ask(packets.sack(caller.peer_tsn - 1)) == []
    assert caller.client.state is State.COOKIE_WAIT
    (answer,) = caller.ask(packets.sack(1), tag=0x55555555, peer_port=4444)
    assert (answer.types, answer.chunks[0].flags, answer.tag) == ([ABORT], T, 0x55555555)


def test_data_in_shutdown_received_is_sent_but_not_taken():
    """9260-6-01, 9260-6-02: SHUTDOWN-RECEIVED sends what is queued and drops DATA of the peer."""
    r = receiver(nodelay=True)
    for _ in range(8):
        r.side.send(bytes(1400))
    first = [c.tsn for answer in r.wait(10 * MILLISECOND) for c in answer.all(DATA)]
    assert 0 < len(first) < 8
    r.ask(packets.shutdown(r.peer_tsn - 1))
    assert r.side.state is State.SHUTDOWN_RECEIVED
    assert r.ask(r.data(b"too late")) == []
    assert r.side.received == []
    more = [c.tsn for answer in r.ask(packets.shutdown(first[-1])) for c in answer.all(DATA)]
    assert more and more[0] == first[-1] + 1


def test_no_data_while_shutting_down():
    """9260-6-01: in SHUTDOWN-SENT no DATA leaves, however long it lasts."""
    s = sender()
    s.side.shutdown()
    s.wait(10 * MILLISECOND)
    assert s.side.association.submit(b"x", now=s.network.now) != 0
    assert [packet.types for packet in s.wait(20 * SECOND) if DATA in packet.types] == []
