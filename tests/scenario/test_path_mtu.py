"""Paths that carry less than was thought: ICMP "fragmentation needed" (RFC 9260 sections 6.9, 7.3 and 10)."""

import packets
import pytest
from asserts import assert_same_messages, dropped
from net import (
    CLIENT,
    MILLISECOND,
    SECOND,
    SERVER,
    SERVER_ADDRESSES,
    Link,
    Pair,
    pair,
    parameters,
    sender,
    two_paths,
)
from packets import DATA

TOO_BIG = 4  # IcmpKind
HEADERS = 28  # of IPv4 and UDP
FEW = Link(delay=10 * MILLISECOND, mtu=1400, icmp=True)


def path(side, index=0):
    return side.snapshot()["paths"][index]


def lengths(network, source=CLIENT):
    """Of the IP packets with DATA from a host."""
    sent = [r.packet for r in network.records if r.source == source]
    return [len(packet) + HEADERS for packet in sent if packets.has(packet, DATA)]


def test_pmtu_is_found_and_everything_arrives():
    """9260-10-03, 9260-7.3-01: at the first packet that is too big both sides learn it, within a round trip;
    no congestion is seen in it.
    """
    p = pair(link=FEW, parameters=parameters(association_max_retrans=1))
    messages = [bytes([i]) * 100_000 for i in range(10)]
    cwnd = path(p.client)["cwnd"]
    for message in messages:
        p.client.send(message)
        p.server.send(message)
    p.run_for(50 * MILLISECOND)
    assert [path(side)["mtu"] for side in (p.client, p.server)] == [1400, 1400]
    assert path(p.client)["pmtu"] == 1400 - HEADERS and path(p.client)["cwnd"] >= cwnd
    assert p.until(lambda: len(p.server.messages) == len(p.client.messages) == 10, limit=10 * SECOND)
    assert_same_messages(p.server.received, messages)
    assert_same_messages(p.client.received, messages)
    assert path(p.client)["error_count"] == 0
    assert max(lengths(p.network)[20:]) <= 1400
    p.close()


def test_cut_chunks_are_not_cut_again():
    """9260-6.9-01, 9260-7.3-01: a chunk with a TSN keeps its size, alone in its packet, which IP cuts."""
    s = sender(a_rwnd=1 << 20)
    s.side.send(bytes(3000))
    first = s.wait(5 * MILLISECOND)
    s.endpoint.receive_icmp_error(s.network.records[-1].packet, SERVER, 9899, 0, TOO_BIG, s.network.now, 1200)
    s.side.send(bytes(3000))
    again = s.wait(5 * MILLISECOND)
    sizes = {chunk.tsn: len(chunk.payload) for packet in first for chunk in packet.chunks}
    most = 1200 - HEADERS - 12 - 16
    assert len([size for size in sizes.values() if size > most]) == 2
    for packet in again:
        long = [chunk for chunk in packet.chunks if len(chunk.payload) > most]
        assert not long or len(packet.chunks) == 1
        for chunk in packet.chunks:
            assert len(chunk.payload) == sizes.pop(chunk.tsn, len(chunk.payload))
        assert long == [] or long[0].tsn in {c.tsn for p in first for c in p.chunks}
    assert not sizes


def test_several_small_chunks_are_bundled_anew():
    """9260-7.3-01: what shared one packet goes again in several that fit."""
    s = sender(a_rwnd=1 << 20, nodelay=True)
    for i in range(5):
        s.side.send(bytes([i]) * 250)
    (first,) = s.wait(5 * MILLISECOND)
    assert len(first.chunks) == 5
    s.endpoint.receive_icmp_error(s.network.records[-1].packet, SERVER, 9899, 0, TOO_BIG, s.network.now, 600)
    again = s.wait(5 * MILLISECOND)
    assert [len(packet.chunks) for packet in again] == [2, 2, 1]
    assert [c.tsn for packet in again for c in packet.chunks] == [c.tsn for c in first.chunks]


@pytest.mark.parametrize(("told", "mtu"), [(1500, 1500), (9000, 1500), (1400, 1400), (100, 512), (0, 576)])
def test_what_is_believed(told, mtu):
    """9260-10-03: it never rises by ICMP, nor falls below 512 bytes; a router that tells no MTU means 576."""
    s = sender()
    s.side.send(b"x")
    s.wait(5 * MILLISECOND)
    s.endpoint.receive_icmp_error(s.network.records[-1].packet, SERVER, 9899, 0, TOO_BIG, s.network.now, told)
    assert path(s.side)["mtu"] == mtu


def test_wrong_tag_is_not_believed():
    """9260-10-01."""
    s = sender()
    s.side.send(b"x")
    s.wait(5 * MILLISECOND)
    quoted = bytearray(s.network.records[-1].packet)
    quoted[7] ^= 1
    s.endpoint.receive_icmp_error(bytes(quoted), SERVER, 9899, 0, TOO_BIG, s.network.now, 1000)
    assert path(s.side)["mtu"] == 1500
    assert dropped(s.endpoint, "icmp") == 1


def test_discovery_that_is_off():
    """9260-7.3-01: a PMTU that the user fixed stays."""
    s = sender(pmtu_discovery=False, path_mtu=1300)
    s.side.send(b"x")
    s.wait(5 * MILLISECOND)
    s.endpoint.receive_icmp_error(s.network.records[-1].packet, SERVER, 9899, 0, TOO_BIG, s.network.now, 1000)
    assert path(s.side)["mtu"] == 1300


def test_a_wider_path_is_found_again():
    """9260-7.3-01: after ten minutes (RFC 1191 section 6.3) the PMTU is tried as at first."""
    p = pair(link=FEW)
    p.client.send(bytes(5000))
    p.run_for(SECOND)
    assert path(p.client)["mtu"] == 1400
    for link in p.network.links(*p.network.hosts):
        link.mtu = 1500
    p.run_for(560 * SECOND)
    assert path(p.client)["mtu"] == 1400
    p.run_for(80 * SECOND)
    assert path(p.client)["mtu"] == 1500
    p.client.send(bytes(5000))
    p.run_for(SECOND)
    assert max(lengths(p.network)[-4:]) == 1500
    assert [len(m.data) for m in p.server.messages] == [5000, 5000]


def test_each_path_has_its_own_and_fragments_fit_all():
    """9260-7.3-01: the narrow path alone gets a lesser PMTU; fragments keep to the least, AMDCS, so that
    they can go again over any path.
    """
    p = two_paths(link=Link(delay=5 * MILLISECOND, icmp=True)).establish()
    p.run_for(5 * SECOND)
    p.path(1, mtu=1000)
    p.client.association.change_paths(
        SERVER_ADDRESSES[1], {"path_mtu": 1000, "pmtu_discovery": False}, p.network.now
    )
    p.network.records.clear()
    p.client.send(bytes(20_000))
    p.run_for(SECOND)
    assert [each["mtu"] for each in p.client.snapshot()["paths"]] == [1500, 1000]
    chunks = [
        chunk
        for r in p.network.records
        if packets.has(r.packet, DATA)
        for chunk in packets.parse(r.packet).chunks
    ]
    assert max(len(chunk.payload) for chunk in chunks) == 1000 - HEADERS - 12 - 16
    p.path(0, up=False)
    p.client.send(bytes(20_000))
    assert p.until(lambda: len(p.server.messages) == 2, limit=100 * SECOND)
    assert "too big" not in p.network.fates


def test_ipv6_is_never_below_1280():
    """9260-10-03: RFC 8201 section 4."""
    p = Pair(clients=["fd00::1"], servers=["fd00::2"], link=Link(mtu=1400, icmp=True)).establish()
    p.client.send(bytes(5000))
    p.run_for(SECOND)
    assert path(p.client)["mtu"] == 1400
    quoted = p.network.records[-1].packet
    for record in p.network.records:
        if packets.has(record.packet, DATA):
            quoted = record.packet
    p.client_host.endpoint.receive_icmp_error(quoted, "fd00::2", 9899, 0, TOO_BIG, p.network.now, 600)
    assert path(p.client)["mtu"] == 1280
