"""Sizes at their borders: path MTUs that options, configuration and ICMP set, and what the outbox holds.

RFC 9260 sections 3.2 (a chunk's length has 16 bits), 6.9, 7.3 and 10.
"""
import pytest
from handmade import DATA, PEER, SECOND, UDP_PORT, Peer, chunks_of, sack_chunk
from net import MILLISECOND, SERVER, pair, parameters, sender
from packets import DATA as DATA_CHUNK

TOO_BIG = 4  # IcmpKind


@pytest.mark.parametrize("mtu", [65_499, 65_500, 65_535, 65_536, 65_600, 262_144, 300_000, 2**32 - 1])
def test_messages_over_paths_of_any_mtu(mtu):
    """9260-6.9-01, 9260-7.3-01: what a length field cannot say is cut smaller; all arrives, and whole."""
    settings = parameters(path_mtu=mtu, send_buffer=1 << 22, receive_buffer=1 << 22)
    p = pair(parameters=settings)
    sizes = [1, 34_464, 65_463, 65_464, 65_476, 65_477, 100_000, 300_000]
    for size in sizes:
        p.client.send(bytes([size % 251]) * size)
    assert p.until(lambda: len(p.server.received) == len(sizes), limit=20 * SECOND)
    assert [(len(data), data[0]) for data in p.server.received] == [(size, size % 251) for size in sizes]
    p.close()


def full_window(flight):
    """A sender with so many bytes in flight, at 1400 B a chunk, and its last packet."""
    peer = Peer(parameters(max_burst=0, send_buffer=1 << 23, nodelay=True)).establish(a_rwnd=1 << 24)
    association = peer.association
    while association.snapshot()["outstanding"]["data_bytes"] < flight:
        while association.snapshot()["send_queue"]["bytes_queued"] < 1_000_000:
            assert association.submit(bytes(1400), now=peer.now) == 0
        peer.now += 10 * MILLISECOND
        sent = peer.take()
        if association.snapshot()["outstanding"]["data_bytes"] < flight:
            peer.send(sack_chunk(association.outstanding.next_tsn - 1, 1 << 24))
    return peer, sent[-1]


@pytest.mark.parametrize("mtu", [512, 576, 1280, 1400])
def test_chunks_longer_than_a_new_mtu_fill_the_outbox(mtu):
    """9260-6.9-01: an outbox with room for the MTU, not for such a chunk, is full; the rest goes later."""
    peer, last = full_window(400_000)
    flight = peer.association.snapshot()["outstanding"]["data_bytes"]
    peer.endpoint.receive_icmp_error(last, PEER, UDP_PORT, 0, TOO_BIG, peer.now, mtu)
    again = [value for data in peer.take() for kind, _, value in chunks_of(data) if kind == DATA]
    assert sum(len(value) - 12 for value in again) >= flight * 9 // 10       # as far as cwnd admits
    assert peer.endpoint.stalls == 0


def test_fixed_mtu_below_the_chunks_in_flight():
    """The same where the user lowers it (SPP_PMTUD_DISABLE), and T3-rtx finds all of the flight lost."""
    peer, _ = full_window(400_000)
    association = peer.association
    association.change_paths(None, {"path_mtu": 576, "pmtu_discovery": False}, peer.now)
    end = association.outstanding.next_tsn - 1
    for _ in range(200):
        peer.run(2 * SECOND)
        peer.take()
        cumulative = association.outstanding.cumulative_tsn_ack
        if cumulative == end:
            break
        peer.send(sack_chunk(min(cumulative + 40, end), 1 << 24))
    assert association.outstanding.cumulative_tsn_ack >= end - 40
    assert peer.endpoint.stalls == 0


@pytest.mark.parametrize("told", [1, 68, 511, 512])
def test_icmp_below_the_least_mtu_changes_nothing_twice(told):
    """9260-10-03, 9260-7.3-01: what is less than 512 means 512, and that is in force: nothing goes again."""
    s = sender(a_rwnd=1 << 20, nodelay=True)
    s.side.send(bytes(3000))
    s.wait(5 * MILLISECOND)
    quoted = s.network.records[-1].packet
    s.endpoint.receive_icmp_error(quoted, SERVER, 9899, 0, TOO_BIG, s.network.now, told)
    s.wait(2 * SECOND)
    s.forget()
    for _ in range(10):
        s.endpoint.receive_icmp_error(quoted, SERVER, 9899, 0, TOO_BIG, s.network.now, told)
        assert s.wait(10 * MILLISECOND) == []


def test_a_storm_of_icmp_makes_the_flight_go_again_once():
    """9260-10-03: 400 messages with the right tag, each with a lower MTU, within an RTO."""
    s = sender(a_rwnd=1 << 20, nodelay=True)
    s.side.send(bytes(4000))
    first = [c for packet in s.wait(5 * MILLISECOND) for c in packet.all(DATA_CHUNK)]
    quoted = s.network.records[-1].packet
    again = []
    for step in range(400):
        s.endpoint.receive_icmp_error(quoted, SERVER, 9899, 0, TOO_BIG, s.network.now, 1499 - 2 * step)
        again += [c for packet in s.wait(MILLISECOND) for c in packet.all(DATA_CHUNK)]
    assert {c.tsn for c in again} == {c.tsn for c in first}
    assert len(again) == len(first)
    assert s.side.snapshot()["paths"][0]["mtu"] == 1499 - 2 * 399
