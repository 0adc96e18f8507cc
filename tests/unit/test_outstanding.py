"""cy/outstanding: RFC 9260 sections 6.2.1 (SACK), 6.3.1 (Karn), 6.3.2, 6.3.3 and 7.2.4 (fast retransmit)."""
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pysctpsock._cy.outstanding import Outstanding
from pysctpsock._cy.sendq import SendQueue

IN_FLIGHT, ACKED, MARKED = range(3)
TAKEN, OLD, LIES = 0, 1, -2
MOD = 1 << 32
SIZE = 16 + 8                    # a DATA chunk with 5 bytes of data: header, data, padding


def make(count=0, initial=1000, paths=1, length=5):
    """(Outstanding, SendQueue) with `count` chunks in flight on path 0, a message each."""
    out, queue = Outstanding(initial), SendQueue()
    out.open_paths(paths)
    send(out, queue, count, length=length)
    return out, queue


def send(out, queue, count=1, path=0, now=0, length=5):
    for _ in range(count):
        queue.put(b"x" * length)
        out.send_new(queue, length, path, now)


def states(out):
    return [chunk[1] for chunk in out.chunks()]


def misses(out):
    return [chunk[2] for chunk in out.chunks()]


class TestCumulativeAck:
    def test_nothing_sent(self):
        """9260-5.1-09: the Cumulative TSN Ack Point starts at the own Initial TSN minus 1."""
        assert make(initial=1000)[0].cumulative_tsn_ack == 999
        assert make(initial=0)[0].cumulative_tsn_ack == MOD - 1

    def test_removes_what_it_covers(self):
        """9260-6.7-02"""
        out, queue = make(5)
        assert out.take_sack(queue, 1002) == (TAKEN, 0)
        assert [chunk[0] for chunk in out.chunks()] == [1003, 1004]
        assert out.data_bytes == 10
        assert out.flight()["bytes"] == 2 * SIZE
        assert out.flight()["newly_acked"] == 3 * SIZE
        assert out.flight()["bytes_before"] == 5 * SIZE

    def test_of_an_older_point_is_dropped(self):
        """9260-6.2.1-02"""
        out, queue = make(5)
        out.take_sack(queue, 1002)
        before = out.snapshot(), out.chunks()
        assert out.take_sack(queue, 1001, [(3, 3)]) == (OLD, 0)
        assert (out.snapshot(), out.chunks()) == before

    def test_of_the_same_point_acknowledges_nothing(self):
        out, queue = make(2)
        assert out.take_sack(queue, 999) == (TAKEN, 0)
        assert out.flight()["newly_acked"] == 0

    def test_across_the_wrap(self):
        """9260-1.6-01"""
        out, queue = make(6, initial=MOD - 3)
        assert out.next_tsn == 3
        out.take_sack(queue, MOD - 2, [(2, 3)])          # 0 and 1
        assert states(out) == [IN_FLIGHT, ACKED, ACKED, IN_FLIGHT]
        out.take_sack(queue, 2)
        assert out.chunks() == []

    def test_releases_the_messages(self):
        data = bytes(bytearray(b"a message of its own"))
        start = sys.getrefcount(data)
        out, queue = make()
        queue.put(data)
        out.send_new(queue, 10)
        out.send_new(queue, 10)
        out.take_sack(queue, 1000)
        assert sys.getrefcount(data) == start + 1        # the second fragment holds it
        out.take_sack(queue, 1001)
        assert sys.getrefcount(data) == start
        assert queue.bytes_charged == 0

    def test_clear_releases_them_too(self):
        out, queue = make(4, paths=2)
        out.take_sack(queue, 999, [(3, 3)])
        out.mark_lost()
        out.discard(queue)
        assert queue.bytes_charged == out.data_bytes == out.marked == 0
        assert out.flight()["bytes"] == 0
        assert out.chunks() == []


class TestGapAck:
    def test_is_not_in_flight(self):
        out, queue = make(5)
        out.take_sack(queue, 999, [(2, 3), (5, 5)])
        assert states(out) == [IN_FLIGHT, ACKED, ACKED, IN_FLIGHT, ACKED]
        assert out.flight()["bytes"] == 2 * SIZE
        assert out.flight()["newly_acked"] == 3 * SIZE
        assert out.data_bytes == 10

    def test_counts_once(self):
        """What a block said before is not newly acknowledged, neither by a block nor cumulatively."""
        out, queue = make(5)
        out.take_sack(queue, 999, [(2, 3)])
        out.take_sack(queue, 999, [(2, 3)])
        assert out.flight()["newly_acked"] == 0
        out.take_sack(queue, 1002)
        assert out.flight()["newly_acked"] == SIZE

    @pytest.mark.parametrize(("cumulative", "gaps"), [
        (1005, []),                          # never sent
        (1004, [(1, 1)]),
        (999, [(2, 6)]),
        (999, [(2, 2), (65535, 65535)]),
        (999, [(4, 5), (2, 6)]),             # in whatever order
        (999 + (1 << 30), []),
    ])
    def test_lies_change_nothing(self, cumulative, gaps):
        """9260-6.2.1-05"""
        out, queue = make(5)
        before = out.snapshot(), out.chunks()
        assert out.take_sack(queue, cumulative, gaps) == (LIES, 0)
        assert (out.snapshot(), out.chunks()) == before

    @pytest.mark.parametrize(("gaps", "acknowledged"), [
        ([(0, 0)], []),                      # offset 0 is the cumulative ack itself
        ([(0, 2)], [1, 2]),
        ([(3, 2)], []),                      # ends before it begins
        ([(65535, 2)], []),
        ([(2, 3), (3, 4)], [2, 3, 4]),       # overlapping
        ([(2, 5), (3, 4)], [2, 3, 4, 5]),
        ([(2, 3), (4, 5)], [2, 3, 4, 5]),    # adjacent
        ([(3, 3)] * 1000, [3]),
        ([(4, 5), (2, 2)], [4, 5]),          # out of order: only what lies above those before it counts
        ([(3, 3), (2, 4)], [3, 4]),
    ])
    def test_blocks_that_are_not_isolated(self, gaps, acknowledged):
        """9260-3.3.4-03 is a SHOULD: no block ends the association, or takes back what another one says."""
        out, queue = make(5)
        for _ in range(2):
            assert out.take_sack(queue, 999, gaps)[0] == TAKEN
            assert [n for n, state in enumerate(states(out), 1) if state == ACKED] == acknowledged
        assert out.flight()["bytes"] == (5 - len(acknowledged)) * SIZE
        assert misses(out) == [1 if n not in acknowledged and any(n < each for each in acknowledged) else 0
                               for n in range(1, 6)]
        assert out.take_sack(queue, 1004) == (TAKEN, 0)
        assert out.data_bytes == 0 and out.chunks() == []

    def test_with_nothing_outstanding(self):
        out, queue = make()
        assert out.take_sack(queue, 999) == (TAKEN, 0)
        assert out.take_sack(queue, 999, [(1, 1)]) == (LIES, 0)

    def test_offsets_of_16_bits(self):
        """A block may reach 65535 above the ack point, and no further."""
        out, queue = make(65540, length=1)
        assert out.take_sack(queue, 999, [(65535, 65535)])[0] == TAKEN
        assert states(out)[65534] == ACKED
        assert states(out).count(ACKED) == 1


class TestDuplicates:
    def test_bytes_of_what_is_reported(self):
        """9260-7.2.2-01: of chunks that the ack point has not passed before; others' size is forgotten."""
        out, queue = make(5)
        out.take_sack(queue, 1000)
        out.take_sack(queue, 1001, [(2, 2)], duplicates=[1000, 1001, 1003, 1005, 5])
        assert (out.flight()["duplicated"], out.flight()["newly_acked"]) == (2 * SIZE, 2 * SIZE)
        out.take_sack(queue, 1002)
        assert out.flight()["duplicated"] == 0


def test_marked_chunk_that_arrived_after_all():
    """9260-7.2.2-01, 9260-8.2-02: acknowledged before it went again, elsewhere, it tells of neither."""
    out, queue = make(3, paths=2)
    assert out.mark_lost(0, 1) == 3
    out.take_sack(queue, 1000)
    assert [out.flight(path)["newly_acked"] for path in (0, 1)] == [0, 0]
    assert out.send_marked(1) == 1001
    out.take_sack(queue, 1001)
    assert [out.flight(path)["newly_acked"] for path in (0, 1)] == [0, SIZE]
    out.take_sack(queue, 1002)
    assert out.snapshot()["marked"] == 0


class TestReneging:
    def test_takes_back(self):
        """9260-6.2.1-04: outstanding again, with one miss report."""
        out, queue = make(5)
        out.take_sack(queue, 999, [(2, 4)])
        out.take_sack(queue, 999, [(3, 3)])
        assert states(out) == [IN_FLIGHT, IN_FLIGHT, ACKED, IN_FLIGHT, IN_FLIGHT]
        assert misses(out)[1] == misses(out)[3] == 1
        assert out.flight()["bytes"] == 4 * SIZE
        assert out.data_bytes == 20

    def test_is_one_miss_report_whatever_else_the_sack_says(self):
        """9260-6.2.1-04: not another one because a higher TSN is newly acknowledged; the next SACK counts."""
        out, queue = make(6)
        out.take_sack(queue, 999, [(2, 3)])
        out.take_sack(queue, 999, [(3, 5)])
        assert misses(out)[:2] == [2, 1]
        out.take_sack(queue, 999, [(3, 6)])
        assert misses(out)[:2] == [3, 2]

    def test_of_everything(self):
        out, queue = make(3)
        out.take_sack(queue, 999, [(2, 3)])
        out.take_sack(queue, 999)
        assert states(out) == [IN_FLIGHT] * 3
        assert out.flight()["bytes"] == 3 * SIZE

    def test_below_the_lowest_of_its_path(self):
        """9260-6.3.2-01 (R3): what is taken back is the earliest outstanding TSN of its path again."""
        out, queue = make(1, paths=2)
        send(out, queue, 3, path=1)          # 1001 to 1003
        out.take_sack(queue, 999, [(2, 3)])
        assert out.flight(1)["lowest"] == 1003
        out.take_sack(queue, 999, [(3, 3)])
        assert out.flight(1)["lowest"] == 1001
        out.take_sack(queue, 1001, [(2, 2)])
        assert out.flight(1)["lowest_acked"]

    def test_of_all_that_a_path_carried(self):
        """9260-6.2.1-04, 9260-6.3.2-01 (R4): then it has an earliest outstanding TSN again."""
        out, queue = make(1, paths=2)
        send(out, queue, 2, path=1)
        out.take_sack(queue, 999, [(2, 3)])
        assert out.flight(1)["lowest"] is None
        out.take_sack(queue, 999)
        assert (out.flight(1)["lowest"], out.flight(1)["bytes"]) == (1001, 2 * SIZE)

    def test_then_acknowledged_again(self):
        out, queue = make(3)
        out.take_sack(queue, 999, [(2, 3)])
        out.take_sack(queue, 999)
        out.take_sack(queue, 999, [(3, 3)])
        assert states(out) == [IN_FLIGHT, IN_FLIGHT, ACKED]
        assert out.take_sack(queue, 1002)[0] == TAKEN
        assert out.data_bytes == 0

    def test_shutdown_has_no_gaps_and_does_not_renege(self):
        """9260-3.3.8-02"""
        out, queue = make(5)
        out.take_sack(queue, 999, [(3, 4)])
        assert out.take_sack(queue, 1000, [], False) == (TAKEN, 0)
        assert states(out) == [IN_FLIGHT, ACKED, ACKED, IN_FLIGHT]
        out.take_sack(queue, 1000)           # a SACK that says the same does
        assert states(out) == [IN_FLIGHT] * 4

    def test_the_lowest_outstanding_tsn_may_be_taken_back(self):
        """6.3.2 R3 asks for the earliest outstanding TSN, also if it was acknowledged for a while."""
        out, queue = make(3)
        for _ in range(3):                   # 1000 is lost and not yet sent again
            send(out, queue)
            out.take_sack(queue, 999, [(2, out.next_tsn - 1000)])
        send(out, queue)
        assert states(out)[0] == MARKED
        out.take_sack(queue, 999, [(2, 5)])
        assert out.flight()["lowest"] == 1005
        out.take_sack(queue, 999, [(3, 5)])
        assert out.flight()["lowest"] == 1001


class TestFastRetransmit:
    def test_third_miss_report_marks(self):
        """9260-7.2.4-01"""
        out, queue = make(4)
        assert out.take_sack(queue, 999, [(2, 2)]) == (TAKEN, 0)
        assert out.take_sack(queue, 999, [(2, 3)]) == (TAKEN, 0)
        assert misses(out)[0] == 2
        assert out.take_sack(queue, 999, [(2, 4)]) == (TAKEN, 1)
        assert states(out) == [MARKED, ACKED, ACKED, ACKED]
        assert out.marked == 1
        assert out.data_bytes == out.flight()["bytes"] == 0      # 9260-1.3-03: not outstanding while marked

    def test_reports_follow_the_highest_newly_acknowledged(self):
        """HTNA: a SACK that newly acknowledges 1002 says nothing of what lies above 1002."""
        out, queue = make(8)
        out.take_sack(queue, 999, [(7, 7)])
        assert misses(out) == [1, 1, 1, 1, 1, 1, 0, 0]
        out.take_sack(queue, 999, [(3, 3), (7, 7)])
        assert misses(out)[:6] == [2, 2, 1, 1, 1, 1]             # [2] was acknowledged with its one report

    def test_without_news_no_reports(self):
        out, queue = make(3)
        out.take_sack(queue, 999, [(3, 3)])
        for _ in range(5):
            assert out.take_sack(queue, 999, [(3, 3)]) == (TAKEN, 0)
        assert misses(out)[:2] == [1, 1]

    def test_once_only(self):
        """9260-7.2.4-03, rule 5"""
        out, queue = make(8)
        for end in (2, 3, 4):
            out.take_sack(queue, 999, [(2, end)])
        assert out.send_marked() == 1000
        for end in (5, 6, 7, 8):
            assert out.take_sack(queue, 999, [(2, end)]) == (TAKEN, 0)
        assert states(out)[0] == IN_FLIGHT

    def test_in_fast_recovery_an_advancing_sack_counts_all(self):
        """9260-7.2.4-02"""
        out, queue = make(8)
        out.take_sack(queue, 999, [(3, 3), (8, 8)])
        out.enter_fast_recovery()
        assert misses(out) == [1, 1, 0, 1, 1, 1, 1, 0]
        out.take_sack(queue, 1000, [(2, 2), (7, 7)])             # newly acknowledged: 1000 alone
        assert misses(out) == [2, 0, 2, 2, 2, 2, 0]

    def test_in_fast_recovery_without_advance_htna_holds(self):
        out, queue = make(8)
        out.take_sack(queue, 999, [(8, 8)])
        out.enter_fast_recovery()
        out.take_sack(queue, 999, [(3, 3), (8, 8)])
        assert misses(out)[:7] == [2, 2, 1, 1, 1, 1, 1]

    def test_fast_recovery_ends_at_its_exit(self):
        """9260-7.2.4-04"""
        out, queue = make(4)
        out.enter_fast_recovery()
        send(out, queue, 2)
        out.take_sack(queue, 1002)
        assert out.fast_recovery
        out.take_sack(queue, 1003)
        assert not out.fast_recovery

    def test_earliest_first(self):
        out, _ = make(4)
        out.mark_lost()
        assert [out.send_marked() for _ in range(5)] == [1000, 1001, 1002, 1003, None]
        assert out.retransmissions == 4


class TestT3:
    def test_marks_all_of_its_path(self):
        """9260-6.3.3-02; 6.3.2 is per path."""
        out, queue = make(2, paths=2)
        send(out, queue, 2, path=1)
        assert out.mark_lost(0) == 2
        assert states(out) == [MARKED, MARKED, IN_FLIGHT, IN_FLIGHT]
        assert (out.flight(0)["bytes"], out.flight(1)["bytes"]) == (0, 2 * SIZE)
        assert out.send_marked(1) == 1000
        assert (out.flight(0)["bytes"], out.flight(1)["bytes"]) == (0, 3 * SIZE)
        assert out.flight(1)["lowest"] == 1000
        assert out.chunks()[0] == (1000, IN_FLIGHT, 0, 2, 1)

    def test_not_what_is_acknowledged(self):
        out, queue = make(3)
        out.take_sack(queue, 999, [(2, 2)])
        assert out.mark_lost() == 2
        assert states(out) == [MARKED, ACKED, MARKED]

    def test_a_late_ack_spares_the_retransmission(self):
        out, queue = make(3)
        out.mark_lost()
        assert out.take_sack(queue, 1001) == (TAKEN, 0)
        assert out.marked == 1
        assert out.send_marked() == 1002
        assert out.data_bytes == 5

    def test_ack_of_the_lowest_is_seen(self):
        """6.3.2 R3"""
        out, queue = make(3)
        out.take_sack(queue, 999, [(2, 2)])
        assert not out.flight()["lowest_acked"]
        out.take_sack(queue, 1000, [])
        assert out.flight()["lowest_acked"]


class TestRoundTrip:
    def test_one_measurement_at_a_time(self):
        """9260-6.3.1-05"""
        out, queue = make()
        send(out, queue, now=10)
        send(out, queue, now=20)
        assert out.flight()["timed_at"] == 10
        out.take_sack(queue, 1000)
        assert out.flight()["rtt"] == 0      # ended: the caller knows the time
        send(out, queue, now=30)
        assert out.flight()["timed_at"] == 30
        out.take_sack(queue, 1001)
        assert out.flight()["rtt"] == -1

    def test_karn(self):
        """9260-6.3.1-06: never from a retransmitted chunk."""
        out, queue = make(1)
        out.mark_lost()
        out.send_marked()
        out.take_sack(queue, 1000)
        assert out.flight()["rtt"] == -1

    def test_a_fast_retransmission_ends_the_measurement(self):
        out, queue = make(4)
        for end in (2, 3, 4):
            out.take_sack(queue, 999, [(2, end)])
        assert not out.flight()["timing"]
        out.send_marked()
        out.take_sack(queue, 1003)
        assert out.flight()["rtt"] == -1

    def test_by_a_gap_block(self):
        out, queue = make(3)
        out.take_sack(queue, 1000)
        send(out, queue, now=50)
        out.take_sack(queue, 1000, [(3, 3)])
        assert (out.flight()["rtt"], out.flight()["timed_at"]) == (0, 50)


class TestRing:
    def test_grows_and_keeps(self):
        out, queue = make(16, initial=MOD - 20)
        assert out.ring_capacity == 16
        out.take_sack(queue, MOD - 19, [(2, 3)])
        before = out.chunks()
        send(out, queue, 40)
        assert out.ring_capacity == 64
        assert out.chunks()[:14] == before
        assert [chunk[0] for chunk in out.chunks()] == [(MOD - 18 + i) % MOD for i in range(54)]

    def test_a_large_one_is_given_back_when_idle(self):
        out, queue = make(3000)
        assert out.ring_capacity == 4096
        out.take_sack(queue, 3998)
        assert out.ring_capacity == 4096
        out.take_sack(queue, 3999)
        assert out.ring_capacity == 0
        send(out, queue, 2)
        assert states(out) == [IN_FLIGHT] * 2

    def test_a_small_one_is_kept(self):
        out, queue = make(10)
        out.take_sack(queue, 1009)
        assert out.ring_capacity == 16


class Model:
    """A dict of TSN -> [state, misses, transmissions, path, fast retransmitted], the rules in plain words."""

    def __init__(self, initial):
        self.ack, self.next = initial - 1, initial
        self.chunks = {}
        self.recovery_exit = None

    def send(self, path):
        self.chunks[self.next] = [IN_FLIGHT, 0, 1, path, False]
        self.next += 1

    def send_marked(self, path):
        for tsn in sorted(self.chunks):
            chunk = self.chunks[tsn]
            if chunk[0] == MARKED:
                chunk[0], chunk[1], chunk[3] = IN_FLIGHT, 0, path
                chunk[2] += 1
                return tsn
        return None

    def mark_lost(self, path):
        lost = [chunk for chunk in self.chunks.values() if chunk[0] == IN_FLIGHT and chunk[3] == path]
        for chunk in lost:
            chunk[0] = MARKED
        return len(lost)

    def sack(self, ack, gaps, is_sack):
        if ack < self.ack:
            return OLD, 0
        gaps = [(start, end) for start, end in gaps if start <= end]
        if max([ack, *(ack + end for _, end in gaps)]) >= self.next:
            return LIES, 0
        covered, highest = set(), 0
        for start, end in gaps:
            covered |= {ack + offset for offset in range(max(start, highest + 1), end + 1)}
            highest = max(highest, end)
        newly = [t for t, chunk in self.chunks.items() if (t <= ack or t in covered) and chunk[0] != ACKED]
        advanced = ack != self.ack
        for tsn in newly:
            self.chunks[tsn][0] = ACKED
        self.chunks = {t: chunk for t, chunk in self.chunks.items() if t > ack}
        self.ack = ack
        reneged = set()                      # their one miss report is counted here
        if is_sack:
            reneged = {t for t, chunk in self.chunks.items() if chunk[0] == ACKED and t not in covered}
            for tsn in reneged:
                self.chunks[tsn][:2] = IN_FLIGHT, 1
        if self.recovery_exit is not None and self.recovery_exit <= ack:
            self.recovery_exit = None
        marked = 0
        if gaps and (newly or (self.recovery_exit is not None and advanced)):
            until = ack + highest if self.recovery_exit is not None and advanced else max(newly)
            for tsn, chunk in self.chunks.items():
                if tsn < until and chunk[0] == IN_FLIGHT and not chunk[4] and tsn not in reneged:
                    chunk[1] += 1
                    if chunk[1] >= 3:
                        chunk[0], chunk[4] = MARKED, True
                        marked += 1
        return TAKEN, marked

    def bytes(self, path):
        return sum(SIZE for chunk in self.chunks.values() if chunk[0] == IN_FLIGHT and chunk[3] == path)


PATHS = st.integers(0, 1)
OPERATIONS = st.lists(st.one_of(
    st.tuples(st.just("send"), st.integers(1, 20), PATHS),
    st.tuples(st.just("resend"), PATHS),
    st.tuples(st.just("lost"), PATHS),
    st.tuples(st.just("recover")),
    st.tuples(st.just("sack"), st.integers(-2, 6), st.lists(st.integers(-2, 5), max_size=6), st.booleans()),
), max_size=40)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([1000, 0, MOD - 5, MOD - 40, 1 << 31]), OPERATIONS)
def test_against_the_model(initial, operations):
    """Any sequence of transmissions, losses and SACKs: reneging, lying and unsorted ones among them."""
    out, queue = make(initial=initial, paths=2)
    model = Model(initial)
    for verb, *arguments in operations:
        if verb == "send":
            count, path = arguments
            send(out, queue, count, path)
            for _ in range(count):
                model.send(path)
        elif verb == "resend":
            expected = model.send_marked(arguments[0])
            assert out.send_marked(arguments[0]) == (None if expected is None else expected % MOD)
        elif verb == "lost":
            assert out.mark_lost(arguments[0]) == model.mark_lost(arguments[0])
        elif verb == "recover":
            out.enter_fast_recovery()
            model.recovery_exit = model.next - 1
        else:
            advance, steps, is_sack = arguments
            position, gaps = 0, []
            for i in range(0, len(steps) - 1, 2):
                start = max(position + steps[i], 0)
                gaps.append((start, max(start + steps[i + 1], 0)))
                position = gaps[-1][1]
            ack = model.ack + advance
            gaps = gaps if is_sack else []
            assert out.take_sack(queue, ack % MOD, gaps, is_sack) == model.sack(ack, gaps, is_sack)
        assert out.chunks() == [(tsn % MOD, *chunk[:4]) for tsn, chunk in sorted(model.chunks.items())]
        assert out.cumulative_tsn_ack == model.ack % MOD
        assert bool(out.fast_recovery) == (model.recovery_exit is not None)
        assert out.marked == sum(chunk[0] == MARKED for chunk in model.chunks.values())
        for path in (0, 1):
            assert out.flight(path)["bytes"] == model.bytes(path)
            flying = [t for t, chunk in model.chunks.items() if chunk[0] == IN_FLIGHT and chunk[3] == path]
            if verb == "sack":
                assert out.flight(path)["lowest"] == (min(flying) % MOD if flying else None) or not is_sack
        assert out.data_bytes == 5 * sum(chunk[0] == IN_FLIGHT for chunk in model.chunks.values())
        assert queue.bytes_charged == len(model.chunks) * (5 + 80)


@pytest.mark.parametrize(("length", "path"), [(0, 0), (6, 0), (5, 1)])
def test_what_is_not_there_is_not_sent(length, path):
    out, queue = make()
    queue.put(b"12345")
    with pytest.raises(ValueError):
        out.send_new(queue, length, path)
    assert out.snapshot()["chunks"] == 0
    with pytest.raises(ValueError):
        out.send_new(SendQueue(), 1)
