"""Requirements of RFC 9260 section 3 (packets, chunks, parameters) and 6.10 that show on the wire."""

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
    UNORDERED,
    Link,
    Network,
    Pair,
    Puppet,
    Server,
    State,
    connect,
    pair,
    parameters,
    receiver,
    sender,
)
from packets import COOKIE_ECHO, DATA, ERROR, INIT, INIT_ACK, SACK, SHUTDOWN, SHUTDOWN_ACK, STATE_COOKIE, I

COOKIE_PRESERVATIVE = 9
SACK_IMMEDIATELY = 8  # SCTP_SACK_IMMEDIATELY
STALE_COOKIE = 3


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


def sent_data(p):
    return [c for record in p.network.records for c in packets.parse(record.packet).all(DATA)]


def test_undefined_flags_are_sent_zero():
    """9260-3.2-09, 9260-3.3.1-01: DATA has four flags (I, U, B, E), no other chunk here has any."""
    p = pair(parameters=parameters(heartbeat_interval=SECOND), link=Link(loss=0.1), seed=5)
    for number in range(40):
        for side in (p.client, p.server):
            side.send(bytes(10 + 100 * number), flags=UNORDERED if number % 3 else 0, timetolive=number % 2)
    p.run_for(30 * SECOND)
    p.close()
    sent = [c for record in p.network.records for c in packets.parse(record.packet).chunks]
    assert {DATA, SACK, packets.HEARTBEAT, packets.HEARTBEAT_ACK, 192, SHUTDOWN} <= {c.type for c in sent}
    assert {c.flags & 0xF0 for c in sent if c.type == DATA} == {0}
    assert {c.flags for c in sent if c.type != DATA} == {0}


@pytest.mark.parametrize("flags", [0, UNORDERED], ids=["ordered", "unordered"])
def test_fragments_of_a_message_agree(flags):
    """9260-3.3.1-04, 9260-3.3.1-08: each fragment has the message's PPID, stream, SSN and U bit, even when it
    is sent again.
    """
    p = pair(seed=6, link=Link(loss=0.1))
    ppids = 0x01010101, 0x02020202, 0x01010101
    for ppid in ppids:
        p.client.send(bytes(20_000), 3, ppid, flags)
    assert p.until(lambda: len(p.server.messages) == 3, limit=60 * SECOND)
    sent = sent_data(p)
    firsts = {c.tsn for c in sent if c.flags & packets.B}
    assert len(sent) > 40 and len(firsts) == 3
    for c in sent:
        number = sum(first <= c.tsn for first in firsts) - 1
        assert (c.ppid, c.stream_id) == (ppids[number], 3)
        assert c.flags & packets.U == (packets.U if flags else 0)
        assert c.ssn == (0 if flags else number)


def test_network_byte_order():
    """9260-3-03, 9260-3.3.3-01: ports, tag, fields of INIT and INIT ACK at their places, big endian."""
    p = Pair(parameters=parameters(outbound_streams=0x0102, inbound_streams=0x0304, receive_buffer=0x050607))
    p.establish()
    init, ack = (p.network.records[i].packet for i in range(2))
    assert init[:8] == struct.pack(">HHI", CLIENT_PORT, SERVER_PORT, 0)
    assert init[12:14] == b"\x01\x00" and ack[12:14] == b"\x02\x00"
    assert init[14:16] == struct.pack(">H", len(init) - 12)
    assert ack[4:8] == init[16:20]  # Verification Tag: the INIT's Initiate Tag
    for packet in init, ack:
        assert packet[20:24] == bytes.fromhex("00050607")
    assert init[24:28] == bytes.fromhex("01020304")
    assert ack[24:28] == bytes.fromhex("01020304")
    assert STATE_COOKIE in dict(packets.parse(ack)[INIT_ACK].parameters)


def test_pmdcs():
    """9260-1.3-01, 9260-1.3-02: the PMTU is without IP and UDP headers, the PMDCS is 12 bytes less."""
    p = pair(parameters=parameters(path_mtu=1500))
    (path,) = p.client.snapshot()["paths"]
    assert (path["pmtu"], path["pmdcs"]) == (1500 - 20 - 8, 1500 - 20 - 8 - 12)


def test_tsns_are_consecutive():
    """9260-3.3.1-07: over messages of any size, stream and order, from the Initial TSN on."""
    p = pair()
    for i, size in enumerate([1, 5000, 70, 1444, 1445, 20_000, 3]):
        p.client.send(bytes(size), stream_id=i % 3, flags=UNORDERED * (i & 1))
    assert p.until(lambda: len(p.server.messages) == 7)
    first = p.client.snapshot()["local_initial_tsn"]
    tsns = [c.tsn for c in sent_data(p)]
    assert len(tsns) > 20
    assert tsns == [(first + i) & 0xFFFFFFFF for i in range(len(tsns))]


def test_immediate_bit_on_request():
    """9260-3.3.1-09, 7053-5-01: I in the last chunk of a message whose sender asked for it, in no other."""
    p = pair()
    p.client.send(b"plain")
    p.client.send(bytes(3000), flags=SACK_IMMEDIATELY)
    assert p.until(lambda: len(p.server.messages) == 2)
    assert [bool(c.flags & I) for c in sent_data(p)] == [False, False, False, True]


def test_immediate_bit_at_the_end():
    """7053-5-01: in SHUTDOWN-PENDING the last chunk has I: the end need not wait for a delayed SACK."""
    p = pair()
    start = p.network.now
    p.client.association.submit(b"last", now=p.network.now)
    p.client.association.shutdown(p.network.now)
    assert p.until(lambda: p.client.ended and p.server.ended)
    assert [bool(c.flags & I) for c in sent_data(p)] == [True]
    assert p.network.now - start < 100 * MILLISECOND


def test_buffer_does_not_shrink():
    """9260-3.3.2-06: when all is read, a SACK offers the whole buffer that the INIT ACK offered."""
    r = receiver(receive_buffer=20_000)
    for _ in range(30):
        r.ask(r.data(bytes(1000)), r.data(bytes(400)))
    answers = r.ask(r.data(b"x", flags=packets.B | packets.E | I))
    assert len(r.side.messages) == 61
    # the SACK leaves before the program reads what came with the DATA
    assert 20_000 - 1000 <= answers[-1][SACK].a_rwnd <= 20_000
    r.side.association.take_credit(0, False, r.network.now)
    (answer,) = r.ask(
        packets.chunk(DATA, packets.B | packets.E | I, struct.pack(">IHHI", r.tsn - 1, 0, 0, 0) + b"x")
    )
    assert answer[SACK].a_rwnd == 20_000


@pytest.mark.parametrize("type", [0x0FFF, 0x4FFF, 0x8FFF, 0xCFFF])
def test_unknown_parameter_does_not_stop_an_init(type):
    """9260-3.3.2-08, 9260-3.2.1-07: the association comes up and carries data."""
    network = watch(Network(3))
    host = network.host("server", SERVER)
    listener = Server(network, host)
    puppet = Puppet(network).establish(parameters=packets.parameter(type, b"what?"))
    puppet.ask(puppet.data(b"hello"))
    assert listener.sides[0].received == [b"hello"]


@pytest.mark.parametrize("accepted", [1, 3, 20, 65535])
def test_outbound_streams_of_init_ack(accepted):
    """9260-3.3.3-02: never more than the MIS of the INIT."""
    network = watch(Network(3))
    made = parameters(outbound_streams=20)
    host = network.host("server", SERVER, parameters=made)
    Server(network, host, parameters=made)
    puppet = Puppet(network)
    (answer,) = puppet.ask(packets.init(puppet.tag, puppet.tsn, inbound=accepted), tag=0)
    assert answer[INIT_ACK].outbound_streams == min(20, accepted)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 100, 1001])
def test_cookie_echo_is_the_cookie(caller, length):
    """9260-3.3.11-01, 9260-8.5-05: its value alone, of any length; under the tag of the INIT ACK."""
    cookie = bytes(range(1, 252)) * 4
    (echo,) = caller.ask(packets.init_ack(caller.tag, caller.tsn, cookie=cookie[:length]))
    assert echo[COOKIE_ECHO].value == cookie[:length]
    assert echo.tag == caller.tag


def test_report_that_does_not_fit_waits_for_the_cookie_ack(caller):
    """9260-3.2.2-03: no ERROR before COOKIE ACK if the cookie leaves no room; after it the report comes."""
    answers = caller.ask(
        packets.init_ack(
            caller.tag, caller.tsn, cookie=bytes(1440), parameters=packets.parameter(0xCFFF, bytes(40))
        )
    )
    assert [answer.types for answer in answers] == [[COOKIE_ECHO]]
    assert [answer.types for answer in caller.wait(1500 * MILLISECOND)] == [[COOKIE_ECHO]]  # T1 repeats it
    (report,) = caller.ask(packets.chunk(packets.COOKIE_ACK))
    assert report.types == [ERROR]
    assert report[ERROR].causes == [(8, packets.parameter(0xCFFF, bytes(40)))]


def test_cookie_preservative_only_after_stale_cookie(caller):
    """9260-3.3.2.1-03, 9260-5.2.5-02: not in the first INIT; then at most the RTT plus a second more."""
    assert COOKIE_PRESERVATIVE not in dict(caller.inbox[0][INIT].parameters)
    caller.ask(packets.init_ack(caller.tag, caller.tsn))
    (again,) = caller.ask(packets.error(packets.cause(STALE_COOKIE, struct.pack(">I", 90_000_000))))
    assert again.types == [INIT] and again.tag == 0
    (milliseconds,) = struct.unpack(">I", dict(again[INIT].parameters)[COOKIE_PRESERVATIVE])
    assert 0 < milliseconds <= 1000 + 20
    assert caller.client.state is State.COOKIE_WAIT


def test_data_is_not_bundled_with_shutdown():
    """9260-6.10-03: not even when the last DATA, a SACK and a SHUTDOWN are due at once."""
    p = pair()
    for i in range(20):
        p.client.send(bytes(500 + i))
        p.server.send(bytes(700 + i))
    p.server.shutdown()
    p.client.shutdown()
    assert p.until(lambda: p.client.ended and p.server.ended)
    parsed = [packets.parse(record.packet) for record in p.network.records]
    ending = [packet.types for packet in parsed if {SHUTDOWN, SHUTDOWN_ACK} & set(packet.types)]
    assert ending and not [types for types in ending if DATA in types]
    assert (len(p.client.messages), len(p.server.messages)) == (20, 20)


def test_control_stands_before_data():
    """9260-6-05: SACK, ERROR and COOKIE chunks before the DATA of their packet, on both sides."""
    s = sender()
    s.side.send(b"first")
    (packet,) = s.wait(10 * MILLISECOND)
    s.side.send(b"second")  # waits, as the first is outstanding (Nagle)
    assert s.wait(10 * MILLISECOND) == []
    (answer,) = s.ask(packets.sack(packet[DATA].tsn), s.data(), packets.chunk(0xC9, 0, b"unknown"))
    assert sorted(answer.types) == [DATA, SACK, ERROR]
    assert answer.types[-1] == DATA


def test_second_packet_while_waiting(caller):
    """9260-6-01, 9260-5.1-04: DATA in COOKIE-WAIT waits for the COOKIE ECHO and goes behind it."""
    caller.client.send(b"early")
    assert caller.wait(500 * MILLISECOND) == []
    (echo,) = caller.ask(packets.init_ack(caller.tag, caller.tsn))
    assert echo.types == [COOKIE_ECHO, DATA]
    assert caller.wait(SECOND // 2) == []
