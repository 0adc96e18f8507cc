"""Sending and acknowledging user data: RFC 9260 section 6 and the parts of 7 and 8 that show on the wire."""

import errno
import hashlib
import itertools

import packets
import pytest
from asserts import assert_same_messages
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
    Puppet,
    Ready,
    Server,
    State,
    pair,
    parameters,
    receiver,
    sender,
)
from packets import DATA, SACK, B, E, I, U

from pysctpsock._cy.endpoint import Endpoint
from pysctpsock._cy.user import SctpUser
from pysctpsock.sim import endpoint_seed

PAYLOAD = 1500 - 20 - 8 - 12 - 16  # greatest unfragmented message in UDP over IPv4, path MTU 1500


def tsns(answers):
    return [chunk.tsn for answer in answers for chunk in answer.all(DATA)]


# --- fragmentation and sizes


@pytest.mark.parametrize(
    "size",
    [
        1,
        2,
        3,
        4,
        5,
        PAYLOAD - 5,
        PAYLOAD - 4,
        PAYLOAD - 3,
        PAYLOAD - 1,
        PAYLOAD,
        PAYLOAD + 1,
        PAYLOAD + 4,
        2 * PAYLOAD - 1,
        2 * PAYLOAD,
        2 * PAYLOAD + 1,
        10 * PAYLOAD,
        65_535,
        65_536,
        100_000,
    ],
)
def test_sizes(size):
    """9260-6.9-01, 9260-6.9-04, 9260-3.2-02: every size arrives whole; no packet is above the path MTU."""
    p = pair(link=Link(mtu=1500))
    data = (hashlib.sha256(str(size).encode()).digest() * (size // 32 + 1))[:size]
    p.client.send(data, stream_id=3, ppid=0x01020304)
    assert p.until(lambda: p.server.messages, limit=60 * SECOND)
    (message,) = p.server.messages
    assert (message.data, message.stream_id, message.ppid) == (data, 3, 0x01020304)
    assert "too big" not in p.network.fates
    sent = [c for record in p.network.records for c in packets.parse(record.packet).all(DATA)]
    assert sent[0].flags & B and sent[-1].flags & E
    assert [c.flags & (B | E) for c in sent[1:-1]] == [0] * (len(sent) - 2)  # 9260-3.3.1-05
    assert [c.tsn for c in sent] == [
        (sent[0].tsn + i) & 0xFFFFFFFF for i in range(len(sent))
    ]  # 9260-3.3.1-06
    assert {(c.ssn, c.stream_id, c.ppid) for c in sent} == {(0, 3, sent[0].ppid)}  # 9260-3.3.1-04
    assert (len(sent) == 1) == (size <= PAYLOAD)


@pytest.mark.parametrize("path_mtu", [576, 1280, 1500, 9000])
def test_path_mtu_of_the_parameters(path_mtu):
    """9260-6.9-02, 6951-5-06: packets fill the path MTU and stay within it."""
    p = pair(link=Link(mtu=path_mtu), parameters=parameters(path_mtu=path_mtu))
    p.client.send(bytes(60_000))
    assert p.until(lambda: p.server.messages, limit=60 * SECOND)
    assert "too big" not in p.network.fates
    largest = max(len(record.packet) for record in p.network.records) + 28
    assert path_mtu - 4 <= largest <= path_mtu


def test_unordered_passes_ordered():
    """9260-6.6-02, 9260-3.3.1-03: an unordered message does not wait for ordered ones before it."""
    r = receiver()
    late = r.data(b"ordered 0")
    r.ask(r.data(b"ordered 1"))
    r.ask(r.data(b"unordered", flags=B | E | U))
    assert r.side.received == [b"unordered"]
    r.ask(late)
    assert r.side.received == [b"unordered", b"ordered 0", b"ordered 1"]


def test_unordered_on_the_wire():
    """9260-6.5-02, 9260-3.3.1-04: U in every fragment; the stream sequence number does not move."""
    p = pair()
    p.client.send(b"0")
    p.client.send(bytes(3000), flags=UNORDERED)
    p.client.send(b"1")
    assert p.until(lambda: len(p.server.messages) == 3)
    sent = [c for record in p.network.records for c in packets.parse(record.packet).all(DATA)]
    assert [bool(c.flags & U) for c in sent] == [False, True, True, True, False]
    assert [c.ssn for c in sent if not c.flags & U] == [0, 1]
    assert [m.unordered for m in p.server.messages].count(True) == 1


def test_streams_do_not_wait_for_each_other():
    """9260-6.6-01: a packet of stream 0 that is lost does not delay stream 1."""
    p = pair(parameters=parameters(nodelay=True))
    lost = []

    @p.network.on_packet
    def lose_first(packet, source, destination):
        if packets.first_type(packet) == DATA and not lost:
            lost.append(packet)
            return False

    p.client.send(b"a0", 0)
    p.run_for(MILLISECOND)
    p.client.send(b"b0", 1)
    p.client.send(b"a1", 0)
    p.client.send(b"b1", 1)
    p.run_for(10 * MILLISECOND)
    assert p.server.received == [b"b0", b"b1"]
    assert p.until(lambda: len(p.server.messages) == 4)
    assert p.server.on_stream(0) == [b"a0", b"a1"]


# --- when a receiver acknowledges


def test_first_data_is_acknowledged_at_once():
    """9260-5.1-08."""
    r = receiver()
    (answer,) = r.ask(r.data())
    assert answer.types == [SACK]
    assert answer[SACK].cumulative_tsn_ack == r.tsn - 1


def test_delayed_sack():
    """9260-6.2-03: a single packet is acknowledged after 200 ms, at the latest."""
    r = receiver()
    r.ask(r.data())
    start = r.network.now
    assert r.ask(r.data(), wait=190 * MILLISECOND) == []
    (answer,) = r.wait(20 * MILLISECOND)
    assert answer.types == [SACK]
    assert 200 * MILLISECOND <= r.arrivals[-1] - start <= 203 * MILLISECOND


def test_sack_for_every_second_packet():
    """9260-6.2-03, 9260-6.2-04: one SACK for two packets, none for one."""
    r = receiver()
    r.ask(r.data())
    counts = [len(r.ask(r.data())) for _ in range(10)]
    assert counts == [0, 1] * 5


def test_packets_count_not_chunks():
    """9260-6.2-03, 9260-6.2-04: many chunks in one packet are one packet."""
    r = receiver()
    r.ask(r.data())
    assert r.ask(*[r.data() for _ in range(20)]) == []
    (answer,) = r.ask(r.data())
    assert answer[SACK].cumulative_tsn_ack == r.tsn - 1


def test_sack_frequency_and_delay_are_parameters():
    """9260-6.2-03: sack_frequency 4, sack_delay 100 ms."""
    r = receiver(sack_frequency=4, sack_delay=100 * MILLISECOND)
    r.ask(r.data())
    assert [len(r.ask(r.data())) for _ in range(8)] == [0, 0, 0, 1] * 2
    assert r.ask(r.data(), wait=90 * MILLISECOND) == []
    assert len(r.wait(20 * MILLISECOND)) == 1


def test_gap_is_reported_at_once_until_it_is_filled():
    """9260-6.7-01, 9260-3.3.4-02: offsets from the Cumulative TSN Ack; each packet behind a gap is
    answered.
    """
    r = receiver()
    r.ask(r.data())
    base = r.tsn - 1
    missing = r.data(b"missing")
    for i in range(3):
        (answer,) = r.ask(r.data())
        assert answer[SACK].cumulative_tsn_ack == base
        assert answer[SACK].gaps == [(2, 2 + i)]
    (answer,) = r.ask(missing)
    assert (answer[SACK].cumulative_tsn_ack, answer[SACK].gaps) == (base + 4, [])


def test_several_gaps():
    """9260-3.3.4-03, 9260-6.7-03: isolated blocks from the lowest TSN up."""
    r = receiver()
    r.ask(r.data())
    base = r.tsn - 1
    chunks = [r.data() for _ in range(12)]
    answers = [r.ask(chunks[i])[-1] for i in (2, 3, 6, 10, 8)]
    assert answers[-1][SACK].cumulative_tsn_ack == base
    assert answers[-1][SACK].gaps == [(3, 4), (7, 7), (9, 9), (11, 11)]


def test_duplicates_are_answered_at_once_and_listed_once():
    """9260-6.2-08, 9260-3.3.4-05."""
    r = receiver()
    chunk = r.data()
    r.ask(chunk)
    (answer,) = r.ask(chunk)
    assert answer[SACK].duplicates == [r.tsn - 1]
    (answer,) = r.ask(chunk, chunk)
    assert answer[SACK].duplicates == [r.tsn - 1] * 2
    r.ask(r.data())
    (answer,) = r.ask(r.data())
    assert answer[SACK].duplicates == []
    assert r.side.received == [b"x"] * 3


def test_immediate_bit():
    """9260-6.2-07, 7053-5-02."""
    r = receiver()
    r.ask(r.data())
    (answer,) = r.ask(r.data(flags=B | E | I))
    assert answer[SACK].cumulative_tsn_ack == r.tsn - 1


def test_sack_rides_with_data():
    """9260-6.1-08: a SACK that waits goes with outgoing DATA, before it (9260-6-05)."""
    r = receiver()
    r.ask(r.data())
    assert r.ask(r.data()) == []
    r.side.send(b"answer")
    (answer,) = r.wait(10 * MILLISECOND)
    assert answer.types == [SACK, DATA]


# --- when a sender retransmits


def acked_start(s):
    """One message that is acknowledged, so that RTT and cwnd are known; the next TSN."""
    s.side.send(b"start")
    (packet,) = s.wait(10 * MILLISECOND)
    tsn = packet[DATA].tsn
    s.ask(packets.sack(tsn))
    return tsn + 1


def test_fast_retransmit_after_three_reports():
    """9260-7.2.4-01, 9260-7.2.4-03: the third miss report, and not an earlier one, brings the chunk again."""
    s = sender(nodelay=True)
    first = acked_start(s)
    for _ in range(4):
        s.side.send(bytes(1000))
        s.wait(0)
    assert tsns(s.wait(10 * MILLISECOND)) == [first, first + 1, first + 2, first + 3]
    assert tsns(s.ask(packets.sack(first - 1, gaps=[(2, 2)]))) == []
    assert tsns(s.ask(packets.sack(first - 1, gaps=[(2, 3)]))) == []
    assert tsns(s.ask(packets.sack(first - 1, gaps=[(2, 4)]))) == [first]
    assert tsns(s.ask(packets.sack(first - 1, gaps=[(2, 4)]))) == []
    assert tsns(s.ask(packets.sack(first + 3))) == []


def test_reports_count_only_below_newly_acked_tsns():
    """9260-7.2.4-01 (HTNA): the same SACK three times is one report."""
    s = sender(nodelay=True)
    first = acked_start(s)
    for _ in range(4):
        s.side.send(bytes(1000))
    s.wait(10 * MILLISECOND)
    for _ in range(6):
        assert tsns(s.ask(packets.sack(first - 1, gaps=[(2, 2)]))) == []


def test_fast_retransmit_is_faster_than_the_timer():
    """9260-7.2.4-03: with four packets behind it a lost one is repaired within a few round trips."""
    p = pair(parameters=parameters(nodelay=True), link=Link(delay=5 * MILLISECOND))
    lost = []

    @p.network.on_packet
    def lose_one(packet, source, destination):
        if packets.first_type(packet) == DATA and not lost:
            lost.append(packet)
            return False

    start = p.network.now
    for _ in range(20):
        p.client.send(bytes(1400))
    assert p.until(lambda: len(p.server.messages) == 20)
    assert lost and p.network.now - start < 500 * MILLISECOND


def test_t3_backs_off_and_gives_up():
    """9260-6.3.3-01, 9260-8.1-01, 9260-9.2: RTO doubles up to RTO.Max; after Association.Max.Retrans
    ETIMEDOUT.
    """
    p = pair(parameters=parameters(association_max_retrans=10, heartbeat_enabled=False))
    sent = []

    @p.network.on_packet
    def black_hole(packet, source, destination):
        if source == CLIENT:
            sent.append((p.network.now, packets.parse(packet).types))
        return False

    p.client.send(b"never acknowledged")
    assert p.until(lambda: p.client.ended, limit=1000 * SECOND)
    assert p.client.error == errno.ETIMEDOUT
    times = [time for time, types in sent if DATA in types]
    assert len(times) == 1 + 10
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert gaps == pytest.approx([min(2**i, 60) * SECOND for i in range(10)], rel=0.02)
    assert p.client_host.endpoint.association_count == 0


def test_error_count_is_reset_by_an_acknowledgement():
    """9260-8.1-02: only consecutive losses count."""
    p = pair(parameters=parameters(association_max_retrans=3, heartbeat_enabled=False))
    state = {"losses": 0}

    @p.network.on_packet
    def lose_three_of_four(packet, source, destination):
        if packets.first_type(packet) == DATA and source == CLIENT:
            state["losses"] += 1
            if state["losses"] % 4:
                return False

    for i in range(5):
        p.client.send(bytes([i]))
        assert p.until(lambda: len(p.server.messages) == i + 1, limit=600 * SECOND)  # noqa: B023
    assert p.client.state == State.ESTABLISHED


def test_t3_sends_one_packet_of_the_earliest():
    """9260-6.3.3-02, 9260-7.2.1-02: after T3 one packet is in flight until something is acknowledged."""
    s = sender(nodelay=True)
    first = acked_start(s)
    for _ in range(4):
        s.side.send(bytes(1000))
    s.wait(10 * MILLISECOND)
    assert tsns(s.wait(1500 * MILLISECOND)) == [first]
    again = tsns(s.ask(packets.sack(first)))
    assert again[0] == first + 1


@pytest.mark.parametrize(
    "size",
    [
        100,
        800,
        PAYLOAD,
    ],
)
def test_slow_start_after_t3(size):
    """9260-7.2.1-02, 9260-7.2.1-04: one packet only until an acknowledgement; then cwnd grows again, whatever
    the size of the messages is, and no packet has to wait for a delayed SACK after the first ones.
    """
    p = pair()
    link = p.network.link(CLIENT, SERVER)
    link.up = False
    for i in range(200):
        p.client.send(i.to_bytes(2, "big") * (size // 2))
    p.run_for(500 * MILLISECOND)
    link.up = True
    assert p.until(lambda: p.server.messages, limit=5 * SECOND)
    start = p.network.now
    assert p.until(lambda: len(p.server.messages) == 200)
    assert p.network.now - start < SECOND


def test_gap_acked_data_is_not_sent_again():
    """9260-6.7-02, 9260-6.3.3-02: after T3 only what is missing goes again."""
    s = sender(nodelay=True)
    first = acked_start(s)
    for _ in range(4):
        s.side.send(bytes(1000))
    s.wait(10 * MILLISECOND)
    s.ask(packets.sack(first - 1, gaps=[(2, 3)]))
    again = tsns(s.wait(1500 * MILLISECOND))
    again += tsns(s.ask(packets.sack(first + 2)))
    assert again == [first, first + 3]


def test_old_sack_is_dropped():
    """9260-6.2.1-02."""
    s = sender(nodelay=True)
    first = acked_start(s)
    s.side.send(b"a")
    s.wait(10 * MILLISECOND)
    s.ask(packets.sack(first))
    s.ask(packets.sack(first - 1, a_rwnd=0))
    s.side.send(b"b")
    assert tsns(s.wait(10 * MILLISECOND)) == [first + 1]  # the window of the old SACK does not count


# --- windows


def test_initial_window():
    """9260-7.2.1-01, 9260-6.1-07: min(4*PMDCS, max(2*PMDCS, 4404)) bytes leave at first; no more than
    Max.Burst.
    """
    s = sender(a_rwnd=1_000_000)
    for _ in range(20):
        s.side.send(bytes(PAYLOAD))
    sent = s.wait(10 * MILLISECOND)
    # 4404 bytes of DATA, overrun by at most one packet (9260-6.1-05)
    assert 3 <= len(sent) <= 4
    assert tsns(sent) == [(s.peer_tsn + i) & 0xFFFFFFFF for i in range(len(sent))]


def test_slow_start_doubles():
    """9260-7.2.1-04: each acknowledged packet opens two while cwnd is at most ssthresh."""
    p = pair(parameters=parameters(heartbeat_enabled=False), link=Link(delay=50 * MILLISECOND))
    for _ in range(60):
        p.client.send(bytes(PAYLOAD))
    start = p.network.now
    assert p.until(lambda: len(p.server.messages) == 60)
    rounds = (p.network.now - start) / (100 * MILLISECOND)
    assert rounds < 6, f"60 packets took {rounds} round trips"


def test_zero_window_stops_the_sender_and_is_probed():
    """9260-6.1-01, 9260-6.1-02, 9260-6.1-03: one chunk as probe, first after an RTO, then twice as late."""
    s = sender(nodelay=True, heartbeat_enabled=False)
    first = acked_start(s)
    s.ask(packets.sack(first - 1, a_rwnd=0))
    for _ in range(5):
        s.side.send(bytes(500))
    probes = []
    for _ in range(400):
        for packet in s.wait(100 * MILLISECOND):
            if packet.all(DATA):
                assert len(packet.all(DATA)) == 1
                assert packet[DATA].tsn == first
                probes.append(s.arrivals[-1])
                s.send(packets.sack(first - 1, a_rwnd=0))
    gaps = [b - a for a, b in itertools.pairwise(probes)]
    assert len(probes) >= 3
    assert all(b >= 1.5 * a for a, b in itertools.pairwise(gaps)), gaps
    assert s.side.state == State.ESTABLISHED
    for tsn in range(first, first + 5):  # the window is open: the rest comes
        s.ask(packets.sack(tsn))
    assert max(tsns(s.inbox)) == first + 4


def test_zero_window_does_not_kill():
    """9260-6.1-03: a peer that answers every probe with a closed window stays connected for as long as it
    likes.
    """
    s = sender(nodelay=True, heartbeat_enabled=False, association_max_retrans=3)
    first = acked_start(s)
    s.ask(packets.sack(first - 1, a_rwnd=0))
    s.side.send(bytes(500))
    for _ in range(6_000):
        if any(packet.all(DATA) for packet in s.wait(100 * MILLISECOND)):
            s.send(packets.sack(first - 1, a_rwnd=0))
    assert s.side.state == State.ESTABLISHED


def test_slow_reader():
    """9260-6.2-05, 9260-6.2-09: a program that does not read closes the window, one that reads opens it."""
    p = pair(server_parameters=parameters(receive_buffer=20_000))
    p.server.reading = False
    for i in range(100):
        p.client.send(bytes([i]) * 1000)
    p.run_for(10 * SECOND)
    last = [packets.parse(record.packet) for record in p.network.records if record.source == SERVER][-1]
    assert last[SACK].a_rwnd < 1500
    p.network.records.clear()
    now = p.network.now
    p.server.reading = True
    p.server.read()
    assert p.until(lambda: len(p.server.messages) == 100, limit=60 * SECOND)
    assert p.network.now - now < SECOND, "the window update, not a probe, woke the sender"
    update = packets.parse(p.network.records[0].packet)
    assert update.types == [SACK] and update[SACK].a_rwnd >= 5_000
    assert p.server.received == [bytes([i]) * 1000 for i in range(100)]


def test_a_rwnd_follows_the_buffer():
    """9260-6.2-09: minus what is held, plus what is read."""
    r = receiver(receive_buffer=50_000)
    r.side.reading = False
    windows = []
    for _ in range(8):
        for answer in r.ask(r.data(bytes(1000))):
            windows.append(answer[SACK].a_rwnd)
    assert windows == sorted(windows, reverse=True)
    assert 50_000 - windows[-1] >= 8 * 1000 - 1000
    r.side.read()
    r.ask(r.data(b"x"))
    (answer,) = r.ask(r.data(b"x", flags=B | E | I))
    assert answer[SACK].a_rwnd >= 49_000


def test_data_beyond_the_window_is_dropped_and_answered():
    """9260-6.2-02: with a_rwnd 0 a TSN above the highest is dropped, the SACK says so at once."""
    r = receiver(receive_buffer=5_000)
    r.side.reading = False
    answers = []
    for _ in range(12):
        answers += r.ask(r.data(bytes(1400)))
    last = answers[-1][SACK]
    assert last.a_rwnd == 0
    assert last.cumulative_tsn_ack < r.tsn - 1
    held = r.side.read()
    assert held < 12
    assert sum(map(len, r.side.received)) <= 5_000 + 1400


# --- small messages


def test_nagle_gathers_small_messages():
    """9260-6.10, case 160: while something is in flight small chunks wait for a full packet or its SACK."""
    p = pair(link=Link(delay=20 * MILLISECOND))
    for _ in range(100):
        p.client.send(b"small")
        p.run_for(100)
    assert p.until(lambda: len(p.server.messages) == 100)
    carriers = [record for record in p.network.records if packets.has(record.packet, DATA)]
    assert len(carriers) <= 6


def test_nodelay_sends_at_once():
    """Case 160, RFC 6458 section 8.1.5: every message leaves when it is sent, as far as cwnd allows."""
    p = pair(link=Link(delay=20 * MILLISECOND), parameters=parameters(nodelay=True))
    start = p.network.now
    for _ in range(20):
        p.client.send(b"small")
        p.run_for(100)
    carriers = [record for record in p.network.records if packets.has(record.packet, DATA)]
    assert len(carriers) == 20
    assert p.until(lambda: len(p.server.messages) == 20)
    assert p.network.now - start < 30 * MILLISECOND


def test_bundling():
    """9260-3-02, 9260-6.10-02: what waits goes many to a packet, in TSN order."""
    p = pair()
    for i in range(1000):
        p.client.send(i.to_bytes(4, "big"), stream_id=i % 10)
    assert p.until(lambda: len(p.server.messages) == 1000)
    counts = [
        len(packets.parse(r.packet).all(DATA)) for r in p.network.records if packets.has(r.packet, DATA)
    ]
    assert max(counts) == (1472 - 12) // 20
    assert len(counts) < 40
    all_tsns = [c.tsn for r in p.network.records for c in packets.parse(r.packet).all(DATA)]
    assert all((b - a) & 0xFFFFFFFF == 1 for a, b in itertools.pairwise(all_tsns))


def test_send_buffer_is_bounded():
    """EAGAIN when it is full, WRITABLE when there is room again; nothing is lost between."""
    p = pair(parameters=parameters(send_buffer=50_000))
    taken = 0
    while p.client.association.submit(bytes(1000), now=p.network.now) == 0:
        taken += 1
        assert taken < 200
    assert p.client.association.submit(bytes(1000), now=p.network.now) == errno.EAGAIN
    assert 40 <= taken <= 60
    p.client.flags &= ~Ready.WRITABLE
    assert p.until(lambda: p.client.flags & Ready.WRITABLE)
    assert p.client.association.submit(b"more", now=p.network.now) == 0
    assert p.until(lambda: len(p.server.messages) == taken + 1)


@pytest.mark.parametrize(
    ("size", "options", "expected"),
    [
        (0, {}, errno.EINVAL),
        (1, {"stream_id": 60_000}, errno.EINVAL),
        (2_000_000, {}, errno.EMSGSIZE),
    ],
)
def test_what_submit_refuses(size, options, expected):
    """9260-3.3.1-02, 9260-5.1.1-02: no empty message, no stream that was not agreed; nothing beyond the
    buffer.
    """
    p = pair(parameters=parameters(send_buffer=200_000))
    assert p.client.association.submit(bytes(size), **options, now=p.network.now) == expected
    p.client.send(b"still works")
    assert p.until(lambda: p.server.received == [b"still works"])


# --- numbers that wrap


@pytest.mark.parametrize("before", [1, 2, 5, 100])
def test_tsn_wraps_at_the_receiver(before):
    """9260-1.6-01: TSN 2^32-1 is followed by 0, with gaps and duplicates across the seam."""
    network = watch(Network(3))
    host = network.host("server", SERVER)
    listener = Server(network, host)
    puppet = Puppet(network, tsn=2**32 - before).establish()
    chunks = [puppet.data(i.to_bytes(2, "big")) for i in range(200)]
    order = [*range(0, 200, 2), *range(199, 0, -2)]
    for i in order:
        puppet.send(chunks[i], chunks[i])
        puppet.wait(0)
    puppet.wait(SECOND)
    assert puppet.inbox[-1][SACK].cumulative_tsn_ack == (2**32 - before + 199) & 0xFFFFFFFF
    assert puppet.inbox[-1][SACK].gaps == []
    assert_same_messages(listener.sides[0].received, [i.to_bytes(2, "big") for i in range(200)])


def test_tsn_wraps_at_the_sender():
    """9260-1.6-01: the sender's own TSNs and the SACKs for them, across the seam and under loss.

    The Initial TSN is drawn by the endpoint: seeds are tried until one draws it near the wrap.
    """
    distance = 1 << 17

    def initial_tsn(seed):
        endpoint = Endpoint(endpoint_seed(seed, "client"))
        user = SctpUser(endpoint.ready_list)
        association = endpoint.connect(user, CLIENT, CLIENT_PORT, SERVER, SERVER_PORT, 9899, 0, None, 0)
        return association.snapshot()["local_initial_tsn"]

    seed = next(s for s in range(10_000_000) if initial_tsn(s) > 2**32 - distance)
    before = 2**32 - initial_tsn(seed)
    p = pair(seed, link=Link(loss=0.02, reorder=0.02))
    sent = [i.to_bytes(4, "big") for i in range(before + 1000)]
    for data in sent:
        p.client.send(data)
    assert p.until(lambda: len(p.server.messages) == len(sent), limit=3600 * SECOND)
    assert_same_messages(p.server.received, sent, f"seed {seed}")
    assert [m.tsn for m in p.server.messages[before - 1 : before + 1]] == [2**32 - 1, 0]


def test_ssn_wraps():
    """9260-6.5-02, 9260-6.1-10: after 65535 comes 0; more than 65536 messages on one stream, under loss."""
    p = pair(5, link=Link(loss=0.01, reorder=0.02), parameters=parameters(send_buffer=1 << 20))
    sent = [i.to_bytes(4, "big") for i in range(66_000)]
    for data in sent:
        p.client.send(data, stream_id=2)
    assert p.until(lambda: len(p.server.messages) == len(sent), limit=3600 * SECOND)
    assert_same_messages(p.server.received, sent)
    assert [m.ssn for m in p.server.messages[65_534:65_538]] == [65_534, 65_535, 0, 1]
