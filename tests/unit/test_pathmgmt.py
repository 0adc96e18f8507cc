"""HEARTBEAT and the counters, against a peer made by hand (RFC 9260 sections 8.1 to 8.3)."""
import struct

import pytest
from handmade import HEARTBEAT, HEARTBEAT_ACK, SECOND, Peer, chunks_of

from pysctpsock._cy.chunks import make_chunk
from pysctpsock._cy.parameters import ProtocolParameters

PEER_ADDR_CHANGE = 0x8002
OTHER = "10.0.1.2"


@pytest.fixture
def peer():
    """Up, with a second address that only the INIT ACK named; HB.interval is 30 s."""
    parameters = ProtocolParameters()
    parameters.path_max_retrans = 2
    return Peer(parameters).establish(parameters=struct.pack(">HH4B", 5, 8, 10, 0, 1, 2))


def beats(peer):
    """Heartbeat Infos of the HEARTBEATs that were sent, each alone in its packet."""
    found = []
    for data in peer.take():
        chunks = chunks_of(data)
        if chunks[0][0] == HEARTBEAT:
            assert len(chunks) == 1
            found.append(chunks[0][2])
    return found


def other(peer):
    return peer.association.snapshot()["paths"][1]


def test_answer_measures_and_confirms(peer):
    """9260-5.4-02, 9260-8.3-05: the round trip of the HEARTBEAT is the first sample of the path."""
    peer.run(0)
    (info,) = beats(peer)
    assert len(info) >= 4 + 8                # 9260-3.3.5-03: a nonce of 64 bits at the least
    peer.now += 80_000
    peer.send(make_chunk(HEARTBEAT_ACK, 0, info), source=OTHER)
    assert (other(peer)["state"], other(peer)["srtt"], other(peer)["error_count"]) == (2, 80_000, 0)
    told = [content for kind, content in peer.notifications() if kind == PEER_ADDR_CHANGE]
    assert [(content[0], content[1]) for content in told] == [((OTHER, 5000), 5)]


def test_an_answer_counts_once(peer):
    """9260-8.3-05: the same HEARTBEAT ACK again measures nothing and is dropped."""
    peer.run(0)
    (info,) = beats(peer)
    for _ in range(3):
        peer.now += 50_000
        peer.send(make_chunk(HEARTBEAT_ACK, 0, info), source=OTHER)
    assert other(peer)["srtt"] == 50_000
    assert peer.endpoint.drops == {"unexpected_chunk": 2}


@pytest.mark.parametrize("late", [0, 1, 2])
def test_a_late_answer_is_an_answer(peer, late):
    """9260-8.3-05: it clears the counter and measures, however long it took; each answer counts once."""
    peer.run(0)
    (info,) = beats(peer)
    started = peer.now
    while other(peer)["error_count"] < late:
        peer.run(SECOND // 10)
    peer.send(make_chunk(HEARTBEAT_ACK, 0, info), source=OTHER)
    assert (other(peer)["state"], other(peer)["error_count"]) == (2, 0)
    assert other(peer)["srtt"] == peer.now - started
    peer.send(make_chunk(HEARTBEAT_ACK, 0, info), source=OTHER)
    assert peer.endpoint.drops == {"unexpected_chunk": 1}


def test_few_late_answers_are_waited_for():
    """What a path remembers is bounded: of its unanswered HEARTBEATs the last eight and the one under way."""
    parameters = ProtocolParameters()
    parameters.heartbeat_interval, parameters.path_max_retrans = 0, 100
    parameters.association_max_retrans, parameters.rto_max = 100, SECOND
    peer = Peer(parameters).establish()
    infos = []
    while len(infos) < 12:
        peer.run(SECOND // 10)
        infos += [value for kind, _, value in peer.take_chunks() if kind == HEARTBEAT]
    for info, taken in [(infos[2], False), (infos[3], True), (infos[11], True)]:
        before = peer.endpoint.drops.get("unexpected_chunk", 0)
        peer.send(make_chunk(HEARTBEAT_ACK, 0, info))
        assert (peer.endpoint.drops.get("unexpected_chunk", 0) == before) is taken


def test_round_trips_longer_than_the_greatest_rto():
    """9260-8.3-05: RTO.Max 100 ms, each probe answered after 130 ms: the idle association lives."""
    parameters = ProtocolParameters()
    parameters.rto_initial = parameters.rto_min = parameters.rto_max = SECOND // 10
    parameters.heartbeat_interval, parameters.association_max_retrans = SECOND // 2, 2
    peer = Peer(parameters).establish()
    answers = []
    for _ in range(6000):
        peer.run(SECOND // 100)
        answers += [(peer.now + 130_000, value) for kind, _, value in peer.take_chunks() if kind == HEARTBEAT]
        while answers and answers[0][0] <= peer.now:
            peer.send(make_chunk(HEARTBEAT_ACK, 0, answers.pop(0)[1]))
    assert not peer.association.ended
    assert peer.association.snapshot()["error_count"] <= 1


def test_info_tells_time_and_address(peer):
    """9260-3.3.5-02: address, time in microseconds, then the nonce."""
    peer.run(SECOND // 2)
    (info,) = beats(peer)
    address, time, nonce = info[4:20], int.from_bytes(info[20:28], "big"), info[28:]
    assert address == bytes(10) + b"\xff\xff\x0a\x00\x01\x02"
    assert time == peer.now - SECOND // 2
    assert len(nonce) == 16 and any(nonce)


def test_every_probe_has_a_nonce_of_its_own(peer):
    """9260-5.4-02."""
    peer.run(20 * SECOND)
    infos = beats(peer)
    assert len(infos) > 2 and len(set(infos)) == len(infos)


def test_heartbeat_answers_of_one_packet_are_bounded(peer):
    """9260-12-01: many HEARTBEATs in one packet are answered by one packet."""
    peer.run(0)
    peer.take()
    peer.send(*[make_chunk(HEARTBEAT, 0, struct.pack(">HH", 1, 104) + bytes([i]) * 100) for i in range(100)])
    (answer,) = peer.take()
    assert {kind for kind, *_ in chunks_of(answer)} == {HEARTBEAT_ACK}
    assert len(answer) <= peer.association.snapshot()["paths"][0]["pmtu"]
