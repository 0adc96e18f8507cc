"""What extensions ask of a side that does not use them; RFC 6951 and RFC 4820 as far as they show here."""

import packets
import pytest
from failures import watch
from net import (
    CLIENT,
    CLIENT_PORT,
    MILLISECOND,
    SECOND,
    SERVER,
    Network,
    Pair,
    Puppet,
    Server,
    State,
    connect,
    pair,
    parameters,
    receiver,
)
from packets import ABORT, DATA, ERROR, HEARTBEAT, INIT, INIT_ACK, SACK, STATE_COOKIE

PAD, FORWARD_TSN, PADDING = 132, 192, 0x8005
OWN_PARAMETERS = {STATE_COOKIE}
ADDRESSES = {5, 6}
SUPPORTED_EXTENSIONS, FORWARD_TSN_SUPPORTED = 0x8008, 0xC000
PARTIAL_RELIABILITY = {SUPPORTED_EXTENSIONS, FORWARD_TSN_SUPPORTED}


@pytest.fixture
def handshake():
    """The INIT and the INIT ACK between two of ours, each with one address."""
    p = Pair().establish()
    return [packets.parse(p.network.records[i].packet).chunks[0] for i in range(2)]


def test_nothing_is_offered_that_is_not_there(handshake):
    """8260-2.2-02, 9653-5.3-02: no extension but FORWARD TSN, no zero checksum: nothing is behind them."""
    init, ack = handshake
    assert {type for type, _ in init.parameters} <= ADDRESSES | PARTIAL_RELIABILITY
    assert {type for type, _ in ack.parameters} <= ADDRESSES | OWN_PARAMETERS | PARTIAL_RELIABILITY
    for chunk in handshake:
        assert dict(chunk.parameters)[SUPPORTED_EXTENSIONS] == bytes([FORWARD_TSN])


def test_no_addresses_of_a_single_homed_endpoint(handshake):
    """6951-5-07: a NAT would have to change them, so INIT and INIT ACK hold none."""
    for chunk in handshake:
        assert not ADDRESSES & {type for type, _ in chunk.parameters}


def test_forward_tsn_that_was_not_agreed():
    """3758-3.1-02: it moves nothing, and is answered by ERROR with the chunk."""
    r = receiver()
    r.ask(r.data())
    chunk = packets.chunk(FORWARD_TSN, 0, (r.tsn + 5).to_bytes(4, "big"))
    (answer,) = r.ask(chunk)
    assert answer[ERROR].causes == [(6, chunk)]
    (answer,) = r.ask(r.data(), packets.data(r.tsn + 100, ssn=90))
    assert answer[SACK].cumulative_tsn_ack == r.tsn - 1


@pytest.mark.parametrize("kind", [0xC001, 0xC002, 0xC004], ids=["add", "delete", "set primary"])
def test_asconf_hijacks_nothing(kind):
    """9260-12-04, 5062-3-01: without AUTH there is no ASCONF: an address that it names is neither added nor
    deleted nor made the primary one, and the answer is the ERROR for a chunk that is not known.
    """
    r = receiver()
    before = [(path["address"], path["state"]) for path in r.side.snapshot()["paths"]]
    own, other = (packets.parameter(5, bytes([10, 0, 0, last])) for last in (1, 66))
    change = packets.parameter(kind, bytes(4) + (own if kind == 0xC002 else other))
    asconf = packets.chunk(0xC1, 0, bytes(4) + own + change)
    (answer,) = r.ask(asconf)
    assert (answer.types, [code for code, _ in answer[ERROR].causes]) == ([ERROR], [6])
    assert [(path["address"], path["state"]) for path in r.side.snapshot()["paths"]] == before
    assert not [record for record in r.network.records if record.destination == "10.0.0.66"]


def test_every_packet_has_its_checksum():
    """6951-5-05, 9653-5.2-01: CRC32c in each packet, though UDP has a checksum of its own."""
    p = pair(parameters=parameters(heartbeat_interval=SECOND))
    for size in (1, 500, 5000):
        p.client.send(bytes(size))
        p.server.send(bytes(size))
    p.run_for(10 * SECOND)
    p.close()
    parsed = [packets.parse(record.packet) for record in p.network.records]
    assert {DATA, SACK, HEARTBEAT} <= {type for packet in parsed for type in packet.types}
    assert all(packet.checksum_ok for packet in parsed)


@pytest.mark.parametrize("sizes", [[0], [4], [1000], [0, 4, 100]])
def test_pad_chunks(sizes):
    """4820-3-01: ignored before, between and behind other chunks, any number of them, without an answer."""
    r = receiver()
    pads = [packets.chunk(PAD, 0, bytes(size)) for size in sizes]
    answers = r.ask(*pads, r.data(b"one"), *pads, r.data(b"two"), *pads)
    assert [answer.types for answer in answers] == [[SACK]]
    assert r.side.received == [b"one", b"two"]


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_padding_parameter(size):
    """4820-3-02: dropped silently; the INIT ACK is as long as it is without."""
    network = watch(Network(3))
    Server(network, network.host("server", SERVER))
    puppet = Puppet(network)
    (plain,) = puppet.ask(packets.init(puppet.tag, puppet.tsn), tag=0)
    (padded,) = puppet.ask(
        packets.init(puppet.tag, puppet.tsn, parameters=packets.parameter(PADDING, bytes(size))), tag=0
    )
    assert [type for type, _ in padded[INIT_ACK].parameters] == [STATE_COOKIE]
    assert len(padded.raw) == len(plain.raw)


def from_port(puppet, port, *chunks, tag=None):
    """Deliver a packet of the puppet as if a NAT had given it this UDP port."""
    packet = packets.packet(puppet.port, puppet.peer_port, puppet.peer_tag if tag is None else tag, *chunks)
    puppet.endpoint.receive_datagram(packet, CLIENT, port, SERVER, 0, puppet.network.now)
    return [
        (packets.parse(raw), udp_port)
        for raw, _, udp_port, *_ in puppet.endpoint.take_packets(puppet.network.now)
    ]


def test_udp_port_of_the_peer_follows_it():
    """6951-5-02, 6951-5-03: answers go to the UDP port that a packet with the right tag came from last."""
    r = receiver()
    ((answer, port),) = from_port(r, 33_333, r.data(b"moved"))
    assert (answer.types, port) == ([SACK], 33_333)
    assert r.side.snapshot()["paths"][0]["udp_port"] == 33_333
    from_port(r, 44_444, r.data(b"forged"), tag=r.peer_tag ^ 1)
    assert r.side.snapshot()["paths"][0]["udp_port"] == 33_333
    r.side.association.submit(b"answer", now=r.network.now)
    sent = r.endpoint.take_packets(r.network.now)
    assert [udp_port for _, _, udp_port, *_ in sent] == [33_333]


def test_out_of_the_blue_answers_go_back_where_the_packet_came_from():
    """6951-5-10: to the UDP port of the packet; an association is at the port of its COOKIE ECHO."""
    network = watch(Network(3))
    host = network.host("server", SERVER)
    listener = Server(network, host)
    puppet = Puppet(network)
    puppet.endpoint, puppet.peer_tag = host.endpoint, 0x55555555
    ((answer, port),) = from_port(puppet, 20_001, packets.sack(1))
    assert (answer.types, port) == ([ABORT], 20_001)
    ((answer, port),) = from_port(puppet, 20_002, packets.init(puppet.tag, puppet.tsn), tag=0)
    assert port == 20_002
    puppet.peer_tag = answer[INIT_ACK].initiate_tag
    cookie = dict(answer[INIT_ACK].parameters)[STATE_COOKIE]
    ((answer, port),) = from_port(puppet, 20_002, packets.chunk(packets.COOKIE_ECHO, 0, cookie))
    assert (answer.types, port) == ([packets.COOKIE_ACK], 20_002)
    listener.accept()
    assert listener.sides[0].snapshot()["paths"][0]["udp_port"] == 20_002


def test_restart_from_another_udp_port():
    """9260-5.2.4-04, 6951-5-10: a peer that only connects has another UDP port each time it starts; it is let
    in as from the old one, the user is told, and packets go to the new port.
    """
    r = receiver()
    ((answer, port),) = from_port(r, 33_333, packets.init(0x99, 5000), tag=0)
    assert (answer.types, answer.tag, port) == ([INIT_ACK], 0x99, 33_333)
    r.ask(r.data(b"still the old one"))
    assert r.side.received == [b"still the old one"]
    r.peer_tag = answer[INIT_ACK].initiate_tag
    cookie = dict(answer[INIT_ACK].parameters)[STATE_COOKIE]
    answers = from_port(r, 33_333, packets.chunk(packets.COOKIE_ECHO, 0, cookie))
    assert [(answer.types, answer.tag, port) for answer, port in answers] == [
        ([packets.COOKIE_ACK], 0x99, 33_333)]
    r.side.read()
    assert [fields[0] for kind, fields in r.side.notifications if kind == 0x8001] == [0, 2]     # UP, RESTART
    assert r.side.snapshot()["paths"][0]["udp_port"] == 33_333


def test_init_is_the_same_on_each_repeat():
    """9260-4-07, 9260-5.3.1-01: T1-init sends the INIT again, bit for bit."""
    network = watch(Network(4))
    puppet = Puppet(network, SERVER, 13, CLIENT, CLIENT_PORT)
    side = connect(network, network.host("client", CLIENT))
    answers = puppet.wait(8 * SECOND)
    assert [packet.types for packet in answers] == [[INIT]] * 4
    assert len({packet.raw for packet in answers}) == 1
    assert side.state is State.COOKIE_WAIT


def test_heartbeat_info_is_a_nonce():
    """9260-3.3.5-03: at least 64 bits, new each time; an answer with another one is no answer."""
    r = receiver(heartbeat_interval=SECOND)
    r.answers_heartbeats = False
    infos = []
    for _ in range(200):
        for packet in r.wait(100 * MILLISECOND):
            infos.append(packet[HEARTBEAT].value)
            r.ask(packets.chunk(packets.HEARTBEAT_ACK, 0, infos[-1]))
    bits = [int.from_bytes(info[-8:], "big") for info in infos]
    assert len(set(bits)) == len(bits) >= 5 and max(bits) > 2**56
    r.wait(100 * MILLISECOND)
    assert r.side.snapshot()["error_count"] == 0
    found = next(answers for _ in range(40) if (answers := r.wait(100 * MILLISECOND)))
    forged = bytearray(found[0][HEARTBEAT].value)
    forged[-1] ^= 1
    r.ask(packets.chunk(packets.HEARTBEAT_ACK, 0, bytes(forged)))
    r.wait(2 * SECOND)
    assert r.side.snapshot()["error_count"] == 1


def test_states():
    """9260-4-01: those of section 4, and no others."""
    assert [state.name for state in State] == [
        "CLOSED",
        "COOKIE_WAIT",
        "COOKIE_ECHOED",
        "ESTABLISHED",
        "SHUTDOWN_PENDING",
        "SHUTDOWN_SENT",
        "SHUTDOWN_RECEIVED",
        "SHUTDOWN_ACK_SENT",
    ]
