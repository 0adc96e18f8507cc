"""Requirements of RFC 9260 sections 6.1 to 6.3, 6.9 and 7 beyond the scenarios: windows, timers, order."""

import packets
from net import MILLISECOND, SECOND, receiver, sender
from packets import DATA, SACK, B, E, I

PMDCS = 1500 - 20 - 8 - 12
PAYLOAD = PMDCS - 16


def chunks(answers):
    return [chunk for answer in answers for chunk in answer.all(DATA)]


def tsns(answers):
    return [chunk.tsn for chunk in chunks(answers)]


def path(s):
    return s.side.snapshot()["paths"][0]


def acked_start(s):
    """One message that is acknowledged, so that the RTT is known; the next TSN."""
    s.side.send(b"start")
    (packet,) = s.wait(10 * MILLISECOND)
    s.ask(packets.sack(packet[DATA].tsn))
    return packet[DATA].tsn + 1


def grown(least, **options):
    """A sender in slow start whose cwnd is `least` or more, with much to send: (puppet, TSNs in flight)."""
    s = sender(a_rwnd=10**6, max_burst=0, **options)
    s.side.association.submit(bytes(1_000_000), now=s.network.now)
    flying = tsns(s.wait(10 * MILLISECOND))
    while path(s)["cwnd"] < least:
        flying += tsns(s.ask(packets.sack(flying.pop(0), 10**6)))
    return s, flying


# --- when DATA may go


def test_no_silly_window():
    """9260-6.1-04: a window of a few bytes does not bring small pieces of a large message."""
    s = sender()
    s.side.send(bytes(20_000))
    flying = tsns(s.wait(10 * MILLISECOND))
    assert s.ask(packets.sack(flying[-1], a_rwnd=100), wait=900 * MILLISECOND) == []
    more = chunks(s.ask(packets.sack(flying[-1], a_rwnd=65536)))
    assert more and {len(chunk.payload) for chunk in more} == {PAYLOAD}


def test_peer_window_is_what_is_left_of_it():
    """9260-6.2.1-03, 9260-6.1-01: a_rwnd minus what is still outstanding after the SACK."""
    s = sender(nodelay=True)
    first = acked_start(s)
    for _ in range(2):
        s.side.send(bytes(1000))
    assert tsns(s.wait(10 * MILLISECOND)) == [first, first + 1]
    assert s.ask(packets.sack(first, a_rwnd=2500)) == []
    assert s.side.snapshot()["peer_rwnd"] == 2500 - 1000
    for _ in range(3):
        s.side.send(bytes(700))
    assert tsns(s.wait(10 * MILLISECOND)) == [first + 2, first + 3]  # 1400 of 1500 bytes


def test_window_after_retransmission():
    """9260-6.2.1-01, 9260-1.3-03: a chunk that is sent again counts once, and not while it is marked."""
    s = sender(nodelay=True)
    first = acked_start(s)
    s.side.send(bytes(1000))
    s.side.send(bytes(1001))
    s.wait(10 * MILLISECOND)
    before = s.side.snapshot()["outstanding"]["data_bytes"], s.side.snapshot()["peer_rwnd"]
    assert before == (2001, 65536 - 2001)
    (again,) = s.wait(1100 * MILLISECOND)
    assert tsns([again]) == [first]  # both do not fit one packet; the second stays marked
    now = s.side.snapshot()
    assert (now["outstanding"]["data_bytes"], now["outstanding"]["marked"]) == (1000, 1)
    assert now["peer_rwnd"] == 65536 - 1000


def test_cwnd_is_overrun_by_one_packet_at_most():
    """9260-6.1-05: never cwnd + PMDCS bytes or more in flight, whatever the SACKs take out of it."""
    s = sender(a_rwnd=10**6, max_burst=0)
    s.side.association.submit(bytes(900_000), now=s.network.now)
    flying, cwnd = chunks(s.wait(10 * MILLISECOND)), path(s)["cwnd"]
    full = 0
    for step in range(60):
        in_flight = sum(len(chunk.value) + 4 + -len(chunk.value) % 4 for chunk in flying)
        assert in_flight <= cwnd + PMDCS - 1
        full += in_flight >= cwnd
        count = 1 + step % 3
        last = flying[count - 1].tsn
        del flying[:count]
        flying += chunks(s.ask(packets.sack(last, 10**6)))
        cwnd = path(s)["cwnd"]
    assert full == 60  # it is used, too


def test_marked_chunks_go_before_new_ones():
    """9260-6.1-06: after T3 all that is missing goes again in order of TSN before anything new."""
    s = sender(nodelay=True)
    acked_start(s)
    for size in [1400] * 4 + [10] * 8:  # a small one would find room beside a large one
        s.side.send(bytes(size))
    flying = tsns(s.wait(10 * MILLISECOND))
    assert len(flying) == 4
    again = tsns(s.wait(1100 * MILLISECOND))
    assert again == flying[:1]
    order = list(again)
    for _ in range(8):
        order += tsns(s.ask(packets.sack(order[-1])))
    assert order == [flying[0] + i for i in range(len(order))] and len(order) > len(flying)


def test_window_of_one_stream_is_bounded():
    """9260-6.1-10, 9260-1.6-03: at most 65535 chunks are outstanding, so no SSN and no TSN is ambiguous."""
    s = sender(a_rwnd=10**9, max_burst=0, nodelay=True, send_buffer=10**9)
    last, most = acked_start(s) - 1, 0
    for _ in range(70_000):
        assert s.side.association.submit(b"x", now=s.network.now) == 0
    first = last + 1
    while most < 65_535:
        found = tsns(s.wait(10 * MILLISECOND))
        if not found:
            break
        last = found[-1]
        # everything but the first is there: it stays outstanding, and cwnd grows
        s.send(packets.sack(first - 1, 10**9, gaps=[(2, min(last - first + 1, 65535))]))
        most = max(most, s.side.snapshot()["outstanding"]["chunks"])
    assert 65_000 < most <= 65_535
    assert last - first < 65_535


# --- T3-rtx


def test_t3_is_left_alone_by_later_data():
    """9260-6.1-09, 9260-6.3.2-01 (R1): the timer of the first chunk runs on when a second follows."""
    s = sender(nodelay=True)
    first = acked_start(s)
    start = s.network.now
    s.side.send(b"one")
    s.wait(600 * MILLISECOND)
    s.side.send(b"two")
    s.wait(10 * MILLISECOND)
    s.wait(start + 990 * MILLISECOND - s.network.now)
    assert tsns(s.wait(30 * MILLISECOND)) == [first, first + 1]


def test_t3_restarts_when_the_lowest_is_acknowledged():
    """9260-6.3.2-01 (R3): then the next one has a whole RTO again."""
    s = sender(nodelay=True)
    first = acked_start(s)
    s.side.send(b"one")
    s.side.send(b"two")
    s.wait(700 * MILLISECOND)
    s.send(packets.sack(first))
    start = s.network.now
    assert tsns(s.wait(990 * MILLISECOND)) == []
    assert tsns(s.wait(40 * MILLISECOND)) == [first + 1]
    assert s.network.now - start <= 1040 * MILLISECOND


def test_t3_is_not_restarted_by_other_acknowledgements():
    """9260-6.3.2-01 (R3): a gap block above the lowest outstanding TSN does not move the timer."""
    s = sender(nodelay=True)
    first = acked_start(s)
    start = s.network.now
    s.side.send(b"one")
    s.side.send(b"two")
    s.wait(700 * MILLISECOND)
    assert s.ask(packets.sack(first - 1, gaps=[(2, 2)])) == []
    s.wait(start + 990 * MILLISECOND - s.network.now)
    assert tsns(s.wait(30 * MILLISECOND)) == [first]


def test_t3_stops_when_all_is_acknowledged():
    """9260-6.3.2-01 (R2): nothing goes again, and no timer runs."""
    s = sender(nodelay=True, heartbeat_enabled=False)
    first = acked_start(s)
    s.side.send(b"one")
    s.wait(10 * MILLISECOND)
    assert path(s)["t3_rtx_running"]
    s.ask(packets.sack(first))
    assert not path(s)["t3_rtx_running"]
    assert s.wait(20 * SECOND) == []


def test_t3_starts_again_for_what_was_taken_back():
    """9260-6.3.2-01 (R4), 9260-6.2.1-04: a TSN acked by a gap block and then no more goes again."""
    s = sender(nodelay=True)
    first = acked_start(s)
    s.side.send(b"one")
    s.side.send(b"two")
    s.wait(10 * MILLISECOND)
    s.ask(packets.sack(first - 1, gaps=[(2, 2)]))
    s.ask(packets.sack(first))  # the peer has dropped the second one again
    assert path(s)["t3_rtx_running"]
    assert tsns(s.wait(1100 * MILLISECOND)) == [first + 1]


def test_t3_restarts_when_the_lowest_goes_again():
    """9260-6.1-09: fast retransmission of the lowest outstanding TSN gives it a whole RTO."""
    s = sender(nodelay=True)
    first = acked_start(s)
    for _ in range(4):
        s.side.send(bytes(1000))
    s.wait(600 * MILLISECOND)
    s.ask(packets.sack(first - 1, gaps=[(2, 2)]))
    s.ask(packets.sack(first - 1, gaps=[(2, 3)]))
    assert tsns(s.ask(packets.sack(first - 1, gaps=[(2, 4)]))) == [first]
    assert tsns(s.wait(900 * MILLISECOND)) == []  # the first timer would have expired
    assert tsns(s.wait(200 * MILLISECOND)) == [first]


# --- what a SACK holds


def test_as_many_gap_blocks_as_fit():
    """9260-6.2-06, 9260-6.7-03: hundreds of gaps: the SACK fills its packet, from the lowest TSN up."""
    r = receiver(path_mtu=1500)
    r.ask(r.data())
    base = r.tsn - 1
    for i in range(0, 1000, 20):
        r.send(*[packets.data(base + 2 + 2 * (i + j), b"x", ssn=100 + i + j) for j in range(20)])
    last = r.wait(50 * MILLISECOND)[-1]
    room = (1500 - 20 - 8 - 12 - 16) // 4
    assert last[SACK].gaps == [(2 + 2 * i, 2 + 2 * i) for i in range(room)]
    assert last[SACK].cumulative_tsn_ack == base


def test_what_was_acknowledged_stays_acknowledged():
    """9260-6.2-10: no reneging; not even when the buffer is full and the program does not read."""
    r = receiver(receive_buffer=10_000)
    r.side.reading = False
    base = r.tsn - 1
    late = r.data(bytes(100))
    reported = set()
    for _ in range(30):
        for answer in r.ask(r.data(bytes(1000))):
            now = {t for start, end in answer[SACK].gaps for t in range(base + start, base + end + 1)}
            assert answer[SACK].cumulative_tsn_ack == base and now >= reported
            reported = now
    assert 5 < len(reported) < 30
    answer = r.ask(late)[-1]
    assert answer[SACK].cumulative_tsn_ack == max(reported)


# --- fragments


def test_fragments_are_not_fragmented_anew():
    """9260-6.9-03: a retransmitted chunk is byte for byte the one that was sent.

    But for the I bit, which is about the packet that it goes with (RFC 7053 section 4).
    """
    s = sender()
    s.side.send(bytes(range(250)) * 40)
    sent = {chunk.tsn: (chunk.flags & ~8, chunk.value) for chunk in chunks(s.wait(10 * MILLISECOND))}
    assert len(sent) > 2
    order = chunks(s.wait(1100 * MILLISECOND))
    while order[-1].tsn < max(sent):
        order += chunks(s.ask(packets.sack(order[-1].tsn)))
    assert {chunk.tsn: (chunk.flags & ~8, chunk.value) for chunk in order[: len(sent)]} == sent


def test_reassembly_and_unbundling():
    """9260-6-04: three messages in two packets, one of them in three fragments."""
    r = receiver()
    r.ask(r.data(b"one"), r.data(b"t", flags=B))
    r.ask(r.data(b"w", flags=0), r.data(b"o", flags=E), r.data(b"three", flags=B | E | I))
    assert r.side.received == [b"one", b"two", b"three"]


# --- congestion window


def test_loss_found_by_sack_halves():
    """9260-7.2.3-01: ssthresh = max(cwnd/2, 4*PMDCS), cwnd = ssthresh; by T3 then cwnd = PMDCS."""
    s, flying = grown(20 * PMDCS)
    before = path(s)["cwnd"]
    for i in range(3):
        before = path(s)["cwnd"]
        s.ask(packets.sack(flying[0] - 1, 10**6, gaps=[(2, 2 + i)]))
    after = path(s)
    assert after["cwnd"] == after["ssthresh"]
    assert after["ssthresh"] >= before // 2 > 4 * PMDCS
    s.wait(1200 * MILLISECOND)
    timed_out = path(s)
    assert timed_out["cwnd"] == PMDCS
    assert timed_out["ssthresh"] == max(after["cwnd"] // 2, 4 * PMDCS)
    assert timed_out["partial_bytes_acked"] == 0


def test_growth_before_loss():
    """9260-7.2.4-05: the SACK that brings the third miss report first makes cwnd grow, then halves it."""
    s, flying = grown(20 * PMDCS)
    for i in range(2):
        s.ask(packets.sack(flying[0] - 1, 10**6, gaps=[(2, 2 + i)]))
    before = path(s)
    in_flight = s.side.snapshot()["outstanding"]["flight_size"][0]
    assert in_flight >= before["cwnd"]  # else it would not grow
    s.ask(packets.sack(flying[0] - 1, 10**6, gaps=[(2, 4)]))
    assert path(s)["ssthresh"] == (before["cwnd"] + PMDCS) // 2


def test_growth_without_cumulative_ack():
    """9260-7.2.1-05, 9260-7.2.1-04: what a gap block acknowledges opens cwnd, too."""
    s, flying = grown(8 * PMDCS)
    before = path(s)["cwnd"]
    s.ask(packets.sack(flying[0] - 1, 10**6, gaps=[(2, 2)]))
    assert path(s)["cwnd"] == before + PMDCS


def test_no_growth_in_fast_recovery():
    """9260-7.2.1-04, 9260-7.2.4-04: a full cwnd stays until all up to the exit point is acked."""
    s, flying = grown(20 * PMDCS)
    for i in range(3):
        s.ask(packets.sack(flying[0] - 1, 10**6, gaps=[(2, 2 + i)]))
    before = path(s)["cwnd"]
    highest = s.side.snapshot()["outstanding"]["next_tsn"] - 1
    for sack in (packets.sack(flying[0] - 1, 10**6, gaps=[(2, 5)]), packets.sack(flying[4], 10**6),
                 packets.sack(flying[5], 10**6)):
        outstanding = s.side.snapshot()["outstanding"]
        assert outstanding["fast_recovery"] and outstanding["flight_size"][0] >= before
        s.ask(sack)
        assert path(s)["cwnd"] == before
    s.ask(packets.sack(highest, 10**6))
    assert not s.side.snapshot()["outstanding"]["fast_recovery"]
    s.ask(packets.sack(highest + 1, 10**6))
    assert path(s)["cwnd"] > before


def test_no_growth_if_cwnd_is_not_used():
    """9260-7.2.1-04: small messages that are acknowledged one by one open nothing."""
    s = sender(nodelay=True)
    before = path(s)["cwnd"]
    for _ in range(20):
        acked_start(s)
    assert path(s)["cwnd"] == before
