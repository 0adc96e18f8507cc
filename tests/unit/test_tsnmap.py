"""cy/tsnmap: RFC 9260 sections 3.3.4, 6.2, 6.7; RFC 3758 section 3.6."""
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pysctpsock._cy.tsnmap import TsnMap

NEW, DUPLICATE, OUTSIDE = 0, 1, 2
MOD = 1 << 32


class NaiveMap:
    """A set of TSNs, counted on without wrapping."""

    def __init__(self, initial):
        self.cumulative = initial - 1
        self.above = set()

    def record(self, tsn):
        if tsn <= self.cumulative or tsn in self.above:
            return DUPLICATE
        if tsn - self.cumulative > 65535:
            return OUTSIDE
        self.above.add(tsn)
        self.forward(self.cumulative)
        return NEW

    def forward(self, tsn):
        self.cumulative = max(self.cumulative, tsn)
        self.above = {t for t in self.above if t > self.cumulative}
        while self.cumulative + 1 in self.above:
            self.cumulative += 1
            self.above.remove(self.cumulative)

    def gaps(self):
        offsets = sorted(t - self.cumulative for t in self.above)
        starts = [o for o in offsets if o - 1 not in offsets]
        return list(zip(starts, [o for o in offsets if o + 1 not in offsets], strict=True))


def assert_same(real, naive):
    assert real.cumulative_tsn == naive.cumulative % MOD
    assert real.highest_tsn == max(naive.above, default=naive.cumulative) % MOD


def test_nothing_received():
    """9260-3.3.4-04: the ack point starts at the Initial TSN minus 1, also around 0."""
    assert TsnMap(1000).cumulative_tsn == 999
    assert TsnMap(0).cumulative_tsn == MOD - 1
    assert TsnMap(5).gaps() == []


def test_in_order_needs_no_bitmap():
    tsns = TsnMap(MOD - 500)
    for i in range(1000):
        assert tsns.record_tsn((MOD - 500 + i) % MOD) == NEW
    assert tsns.cumulative_tsn == 499
    assert tsns.snapshot()["bitmap_bits"] == 0


def test_gap_blocks_of_section_3_3_4():
    """The example of RFC 9260 section 3.3.4: 10..12 and 14..15 and 17 received."""
    tsns = TsnMap(10)
    for tsn in (17, 15, 14, 11, 10, 12):
        assert tsns.record_tsn(tsn) == NEW
    assert (tsns.cumulative_tsn, tsns.highest_tsn) == (12, 17)
    assert tsns.gaps() == [(2, 3), (5, 5)]


def test_gap_blocks_from_the_lowest_as_many_as_fit():
    """9260-6.7-03: what does not fit stays unreported."""
    tsns = TsnMap(1)
    for tsn in range(2, 200, 2):
        tsns.record_tsn(tsn)
    assert tsns.gaps(3) == [(2, 2), (4, 4), (6, 6)]
    assert tsns.gaps(0) == []
    assert len(tsns.gaps()) == 99


def test_filling_a_gap_moves_over_all_that_is_there():
    tsns = TsnMap(1)
    for tsn in range(2, 5001):
        tsns.record_tsn(tsn)
    tsns.record_tsn(6000)
    assert tsns.cumulative_tsn == 0
    tsns.record_tsn(1)
    assert tsns.cumulative_tsn == 5000
    assert tsns.gaps() == [(1000, 1000)]


def test_farthest_gap_block_offset():
    """Gap block offsets have 16 bits (3.3.4)."""
    tsns = TsnMap(1)                                     # ack point 0
    assert tsns.classify_tsn(65536) == OUTSIDE
    assert tsns.record_tsn(65536) == OUTSIDE
    assert tsns.highest_tsn == 0
    assert tsns.record_tsn(65535) == NEW
    assert tsns.gaps() == [(65535, 65535)]
    assert tsns.record_tsn(0x7FFFFFFF) == OUTSIDE
    assert tsns.record_tsn(0x80000001) == DUPLICATE      # serial arithmetic: below the ack point
    for tsn in range(1, 65535):
        assert tsns.record_tsn(tsn) == NEW
    assert tsns.cumulative_tsn == 65535


def test_duplicates_are_listed_once_for_each_extra_copy():
    """9260-3.3.4-05: once for every extra copy since the last SACK, then forgotten."""
    tsns = TsnMap(1)
    for tsn in (1, 3, 3, 1, 3):
        tsns.record_tsn(tsn)
    assert tsns.snapshot()["duplicates"] == [3, 1, 3]
    assert tsns.pop_duplicates() == [3, 1, 3]
    assert tsns.pop_duplicates() == []
    assert tsns.duplicates_total == 3


def test_duplicates_kept_are_bounded():
    tsns = TsnMap(1)
    for _ in range(101):
        tsns.record_tsn(1)
    assert tsns.duplicates_total == 100
    assert tsns.duplicate_count == 16
    assert tsns.pop_duplicates(5) == [1] * 5
    assert tsns.pop_duplicates() == []                   # all are forgotten


def test_classify_records_nothing():
    tsns = TsnMap(1)
    tsns.record_tsn(3)
    assert [tsns.classify_tsn(t) for t in (0, 1, 3, 4)] == [DUPLICATE, NEW, DUPLICATE, NEW]
    assert tsns.duplicates_total == 0
    assert tsns.gaps() == [(3, 3)]


def test_forward_goes_on_over_what_is_there():
    """3758-3.6-01, and -06: a skipped TSN that comes later is a duplicate."""
    tsns = TsnMap(1)
    for tsn in (3, 5, 6, 8):
        tsns.record_tsn(tsn)
    tsns.forward(4)
    assert tsns.cumulative_tsn == 6
    assert tsns.gaps() == [(2, 2)]
    assert tsns.record_tsn(2) == DUPLICATE


def test_old_forward_changes_nothing():
    """3758-3.6-02."""
    tsns = TsnMap(1)
    for tsn in (1, 2, 4):
        tsns.record_tsn(tsn)
    tsns.forward(2)
    tsns.forward(1)
    assert (tsns.cumulative_tsn, tsns.gaps()) == (2, [(2, 2)])


@pytest.mark.parametrize("target", [500, 70_000, 2_000_000_000])
def test_forward_beyond_everything(target):
    tsns = TsnMap(1)
    for tsn in (3, 300, 500):
        tsns.record_tsn(tsn)
    tsns.forward(target)
    assert tsns.cumulative_tsn == tsns.highest_tsn == target
    tsns.record_tsn(target + 300)                        # no old bit has stayed
    assert tsns.gaps() == [(300, 300)]


def test_large_bitmap_is_freed_when_gaps_close_small_one_is_kept():
    tsns = TsnMap(1)
    tsns.record_tsn(60000)
    assert tsns.snapshot()["bitmap_bits"] == 65536
    tsns.forward(60000)
    assert tsns.snapshot()["bitmap_bits"] == 0
    tsns.record_tsn(60002)
    tsns.record_tsn(60001)
    assert tsns.snapshot()["bitmap_bits"] == 256
    assert tsns.cumulative_tsn == 60002


@pytest.mark.parametrize("moved", [0, 1, 36, 63, 64, 100, 255])
@pytest.mark.parametrize("width", [512, 1024])
def test_widening_keeps_all_and_invents_nothing(moved, width):
    """The ring has moved on by any number of bits and is full when it grows."""
    tsns = TsnMap(1)
    for tsn in range(2, moved + 1):
        tsns.record_tsn(tsn)
    if moved:
        tsns.record_tsn(1)
    present = {moved + 2, *range(moved + 4, moved + 257, 3), moved + 256}
    for tsn in present:
        tsns.record_tsn(tsn)
    assert tsns.snapshot()["bitmap_bits"] == 256
    present.add(moved + width - 200)
    tsns.record_tsn(moved + width - 200)
    assert tsns.snapshot()["bitmap_bits"] == width
    for tsn in range(moved + 1, moved + width + 1):
        assert tsns.classify_tsn(tsn) == (DUPLICATE if tsn in present else NEW), tsn - moved


@settings(max_examples=150, deadline=None)
@given(
    initial=st.sampled_from([0, 1, MOD - 1, MOD - 70, MOD - 40000, 1 << 31]),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["record", "record", "record", "run", "forward", "duplicates"]),
            st.one_of(st.integers(-5, 150), st.integers(-70, 5000), st.integers(60000, 70000)),
        ),
        max_size=60,
    ),
)
def test_like_a_set(initial, steps):
    """Any operations: the same answers as a set of integers, around the wrap of 2^32 too."""
    initial += MOD                                       # so that the model never goes below 0
    real, naive = TsnMap(initial % MOD), NaiveMap(initial)
    duplicates = []
    for what, distance in steps:
        tsn = naive.cumulative + distance
        if what == "duplicates":
            assert real.pop_duplicates() == duplicates[:16]
            duplicates = []
        elif what == "forward":
            real.forward(tsn % MOD)
            naive.forward(tsn)
        else:
            for t in range(tsn, tsn + (130 if what == "run" else 1)):
                expected = naive.record(t)
                assert real.classify_tsn(t % MOD) == expected
                assert real.record_tsn(t % MOD) == expected
                if expected == DUPLICATE:
                    duplicates.append(t % MOD)
        assert_same(real, naive)
        assert real.gaps() == naive.gaps()


@pytest.mark.parametrize("seed", range(4))
def test_lossy_reordered_stream(seed):
    """A long transfer with loss, reordering and duplicates, across the wrap."""
    rng = random.Random(seed)
    initial = MOD - 6000
    real, naive = TsnMap(initial), NaiveMap(initial)
    waiting = list(range(initial, initial + 12000))
    reach = rng.choice([3, 70, 1000, 5000])
    while waiting:
        i = min(int(rng.expovariate(1 / reach)), len(waiting) - 1) if rng.random() < 0.3 else 0
        tsn = waiting[i] if rng.random() < 0.1 else waiting.pop(i)        # a tenth comes again
        assert real.record_tsn(tsn % MOD) == naive.record(tsn), f"seed {seed}"
        assert_same(real, naive)
    assert real.cumulative_tsn == (initial + 12000 - 1) % MOD
    assert real.gaps() == []
