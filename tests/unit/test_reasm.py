"""cy/reasm: RFC 9260 sections 3.3.1, 6.5, 6.6 and 6.9."""
import random
import sys
import tracemalloc
from collections import namedtuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pysctpsock._cy.reasm import Reassembly
from pysctpsock._cy.recvq import ReceiveQueue
from pysctpsock._cy.tsnmap import TsnMap

E, B, U = 1, 2, 4
WHOLE = B | E
HELD, DELIVERED, VIOLATION = 0, 1, -2
MOD = 1 << 32

Chunk = namedtuple("Chunk", "tsn stream ssn ppid flags data")       # tsn counts on without wrapping


class Receiver:
    """TSN map, reassembly and queue put together as an association does it."""

    def __init__(self, initial_tsn=1):
        self.tsns = TsnMap(initial_tsn % MOD)
        self.reassembly = Reassembly()
        self.queue = ReceiveQueue()
        self.owner = object()

    def receive(self, chunk):
        """The result of add_chunk, or None if the TSN was not new."""
        tsn = chunk.tsn % MOD
        if self.tsns.record_tsn(tsn) != 0:
            return None
        return self.reassembly.add_chunk(tsn, chunk.stream, chunk.ssn, chunk.ppid, chunk.flags, chunk.data,
                                         self.queue, self.owner, self.tsns.cumulative_tsn)

    def get(self, tsn, flags, data=b"x", stream=0, ssn=0, ppid=0):
        return self.receive(Chunk(tsn, stream, ssn, ppid, flags, data))

    def messages(self):
        """What the user reads now: [data]."""
        return [record[0] for record in iter(self.queue.pop, None)]

    def held(self):
        r = self.reassembly
        return r.bytes_held, r.fragments_held, r.messages_held


@pytest.fixture
def rx():
    return Receiver()


def assert_nothing_held(rx):
    assert rx.held() == (0, 0, 0)
    assert rx.reassembly.snapshot()["runs"] == []


# --- one message ---

def test_unfragmented_message(rx):
    """9260-3.3.1-05, -08: B and E are a whole message; the ppid is passed on as it came."""
    assert rx.get(1, WHOLE, b"hello", stream=7, ppid=0x01020304) == DELIVERED
    assert rx.queue.pop() == (b"hello", rx.owner, 5, 0, 0, 7, 0, 0, 1, 0x01020304, 1, 1)
    assert_nothing_held(rx)


@pytest.mark.parametrize("order", ["123", "132", "213", "231", "312", "321"])
@pytest.mark.parametrize("unordered", [0, U])
def test_three_fragments_in_any_order(rx, order, unordered):
    """9260-3.3.1-06, 6-04: fragments are joined by consecutive TSNs."""
    fragments = {"1": (1, B, b"one"), "2": (2, 0, b"two"), "3": (3, E, b"three")}
    for which in order[:2]:
        tsn, flags, data = fragments[which]
        assert rx.get(tsn, flags | unordered, data, stream=3, ppid=9) == HELD
    assert rx.held()[1] == 2
    tsn, flags, data = fragments[order[2]]
    assert rx.get(tsn, flags | unordered, data, stream=3, ppid=9) == DELIVERED
    assert rx.queue.pop() == (b"onetwothree", rx.owner, 11, 0, 0, 3, 0, unordered // U, 1, 9, 1, 3)
    assert rx.queue.pop() is None
    assert_nothing_held(rx)


def test_record_names_first_tsn_and_ack_point():
    """snd/rcv info: the TSN is the first fragment's, the cumulative TSN that of the delivery."""
    rx = Receiver(100)
    rx.get(100, WHOLE)
    rx.get(103, E, ssn=1)
    rx.get(102, 0, ssn=1)
    rx.get(105, WHOLE | U)
    rx.get(101, B, ssn=1)
    assert [record[-2:] for record in iter(rx.queue.pop, None)] == [(100, 100), (105, 100), (101, 103)]


@pytest.mark.parametrize("size", [1, 2, 100, 511, 512, 5000, 65536, 65537, 300_000, 1_500_000])
def test_sizes_in_order(rx, size):
    """Growth of the buffer, with and without a hint from an earlier message, and its final cut."""
    fragment = 1444
    payload = random.Random(size).randbytes(size)
    parts = [payload[i:i + fragment] for i in range(0, size, fragment)]
    tsn = 1
    for ssn in range(3):
        for i, part in enumerate(parts):
            flags = (B if i == 0 else 0) | (E if i == len(parts) - 1 else 0)
            rx.get(tsn, flags, part, ssn=ssn)
            tsn += 1
        assert rx.messages() == [payload]
        assert_nothing_held(rx)


def test_shorter_after_longer(rx):
    """A hint that is too large: the delivered object is no larger than its message."""
    rx.get(1, B, b"a" * 40000)
    rx.get(2, E, b"b" * 10000)
    rx.get(3, B, b"c" * 10, ssn=1)
    rx.get(4, E, b"d" * 10, ssn=1)
    long, short = rx.messages()
    assert (len(long), short) == (50000, b"c" * 10 + b"d" * 10)
    assert sys.getsizeof(short) == sys.getsizeof(b"x" * 20)


# --- order ---

def test_ordered_by_ssn_within_a_stream(rx):
    """9260-6.6-01: early messages are held, then delivered in order."""
    assert rx.get(4, WHOLE, b"d", ssn=3) == HELD
    assert rx.get(3, WHOLE, b"cc", ssn=2) == HELD
    assert rx.get(2, WHOLE, b"bbb", ssn=1) == HELD
    assert rx.held() == (6, 0, 3)
    assert rx.messages() == []
    assert rx.get(1, WHOLE, b"a", ssn=0) == DELIVERED
    assert rx.messages() == [b"a", b"bbb", b"cc", b"d"]
    assert_nothing_held(rx)


def test_streams_do_not_wait_for_each_other(rx):
    """9260-6.6-01: order is a stream's own matter."""
    assert rx.get(2, WHOLE, b"held", stream=1, ssn=1) == HELD
    assert rx.get(3, WHOLE, b"free", stream=2, ssn=0) == DELIVERED
    assert rx.get(4, WHOLE, b"far", stream=65535, ssn=0) == DELIVERED
    assert rx.messages() == [b"free", b"far"]
    rx.get(1, WHOLE, b"first", stream=1, ssn=0)
    assert rx.messages() == [b"first", b"held"]


def test_unordered_is_delivered_at_once(rx):
    """9260-6.6-02, 3.3.1-03: whatever its ssn, and without moving the stream's (6.5-02)."""
    assert rx.get(3, WHOLE | U, b"u1", ssn=77) == DELIVERED
    assert rx.get(2, WHOLE, b"second", ssn=1) == HELD
    assert rx.get(4, WHOLE | U, b"u2", ssn=1) == DELIVERED
    assert rx.get(1, WHOLE, b"first", ssn=0) == DELIVERED
    assert rx.messages() == [b"u1", b"u2", b"first", b"second"]


def test_fragmented_message_that_is_early(rx):
    """A message can be whole and yet wait for its turn."""
    rx.get(3, E, b"late", ssn=1)
    assert rx.held() == (4, 1, 0)
    assert rx.get(2, B, b"too ", ssn=1) == HELD
    assert rx.held() == (8, 0, 1)
    assert rx.get(1, WHOLE, b"first") == DELIVERED
    assert rx.messages() == [b"first", b"too late"]
    assert_nothing_held(rx)


def test_ssn_wraps_from_65535_to_0(rx):
    """9260-6.5-02, with neighbours swapped, so that each second message is held for a moment."""
    count = 65536 + 3000
    for i in range(0, count, 2):
        assert rx.get(i + 2, WHOLE, b"%d" % (i + 1), ssn=(i + 1) % 65536) == HELD
        assert rx.get(i + 1, WHOLE, b"%d" % i, ssn=i % 65536) == DELIVERED
    assert rx.messages() == [b"%d" % i for i in range(count)]
    assert rx.reassembly.snapshot()["next_ssn"] == {0: 3000}
    assert_nothing_held(rx)


def test_nearly_all_ssns_ahead(rx):
    """9260-6.1-10 allows 65535 messages of a stream in flight: all but the first come before it."""
    for i in range(1, 65535):
        assert rx.get(i + 1, WHOLE, b"x", ssn=i) == HELD
    assert rx.held() == (65534, 0, 65534)
    assert rx.get(1, WHOLE, b"x", ssn=0) == DELIVERED
    assert len(rx.messages()) == 65535
    assert_nothing_held(rx)


# --- violations ---

@pytest.mark.parametrize(
    "before",
    [[], [(1, WHOLE, 0)], [(1, B, 0), (2, E, 0)], [(1, WHOLE | U, 0)]],
    ids=["nothing", "whole", "fragments", "unordered"],
)
@pytest.mark.parametrize("flags", [0, E])
def test_continuation_of_nothing(rx, before, flags):
    """3.3.1-05: no B, though all before it has come and is whole."""
    for tsn, f, ssn in before:
        assert rx.get(tsn, f, ssn=ssn) != VIOLATION
    assert rx.get(len(before) + 1, flags, ssn=1) == VIOLATION


@pytest.mark.parametrize("flags", [B, WHOLE, B | U, WHOLE | U])
@pytest.mark.parametrize("above", [False, True], ids=["at ack point", "above it"])
def test_beginning_inside_a_message(rx, flags, above):
    """3.3.1-06: B right after an unfinished message."""
    tsn = 5 if above else 1
    rx.get(tsn, B)
    rx.get(tsn + 1, 0)
    assert rx.get(tsn + 2, flags, ssn=1) == VIOLATION


def test_end_followed_by_continuation_above_the_ack_point(rx):
    rx.get(4, E)
    assert rx.get(5, 0) == VIOLATION


@pytest.mark.parametrize("flags", [0, B])
def test_no_end_before_a_beginning(rx, flags):
    """The same seen from below: the fragment just before a B must have E."""
    rx.get(5, B, ssn=1)
    assert rx.get(4, flags) == VIOLATION


@pytest.mark.parametrize("flags", [E, WHOLE])
def test_end_before_a_continuation(rx, flags):
    rx.get(5, 0)
    assert rx.get(4, flags) == VIOLATION


@pytest.mark.parametrize("change", [{"stream": 2}, {"ssn": 1}, {"u": U}])
@pytest.mark.parametrize("first", ["lower", "upper", "lower, above the ack point"])
def test_fragments_that_differ(rx, change, first):
    """9260-3.3.1-04: stream, ssn and U are the same in all fragments."""
    base = {"stream": 1, "ssn": 0, "ppid": 7}
    unordered = change.get("u", 0)
    changed = base | {k: v for k, v in change.items() if k != "u"}
    tsn = 5 if "above" in first else 1
    if first == "upper":
        assert rx.get(tsn + 1, E | unordered, **changed) == HELD
        assert rx.get(tsn, B, **base) == VIOLATION
    else:
        assert rx.get(tsn, B, **base) == HELD
        assert rx.get(tsn + 1, E | unordered, **changed) == VIOLATION


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
def test_ppid_is_that_of_the_first_fragment(rx, order):
    """9260-3.3.1-08: what the others say is the sender's affair, and no reason to end the association."""
    flags = {1: B, 2: 0, 3: E}
    for tsn in order:
        assert rx.get(tsn, flags[tsn], ppid=10 * tsn) >= 0
    (fields,) = iter(rx.queue.pop, None)
    assert fields[0] == b"xxx" and fields[9] == 10


def test_ssn_of_unordered_fragments_is_ignored(rx):
    """9260-3.3.1-03."""
    rx.get(1, B | U, b"a", ssn=5)
    assert rx.get(2, E | U, b"b", ssn=6) == DELIVERED


def test_middle_between_whole_messages(rx):
    """Whole messages above the ack point leave no trace: this is seen when the ack point passes."""
    rx.get(2, WHOLE, ssn=1)
    rx.get(4, WHOLE, ssn=2)
    assert rx.get(3, 0, ssn=9) == HELD
    assert rx.get(1, WHOLE, ssn=0) == VIOLATION


def test_beginning_before_a_whole_message(rx):
    """An unfinished message at the ack point that something else follows."""
    rx.get(2, WHOLE, ssn=1)
    assert rx.get(1, B) == VIOLATION


def test_unfinished_message_passed_by_the_ack_point(rx):
    rx.get(3, WHOLE, ssn=2)
    rx.get(2, B, ssn=1)
    assert rx.get(1, WHOLE) == VIOLATION


def test_middle_that_becomes_the_tail(rx):
    """A run without B that ends at the ack point continues nothing either."""
    rx.get(2, WHOLE, ssn=1)
    rx.get(3, 0, ssn=2)
    assert rx.get(1, WHOLE) == VIOLATION


def test_one_ssn_twice(rx):
    """6.5-02: held already, or delivered already."""
    rx.get(3, WHOLE, ssn=1)
    assert rx.get(4, WHOLE, ssn=1) == VIOLATION
    rx = Receiver()
    rx.get(1, WHOLE, ssn=0)
    rx.get(2, WHOLE, ssn=1)
    assert rx.get(3, WHOLE, ssn=0) == VIOLATION
    assert_nothing_held(rx)


def test_tail_found_after_a_chunk_that_was_not_added(rx):
    """DATA of an invalid stream is acknowledged but dropped (section 6.5)."""
    rx.get(2, B, b"a")
    rx.tsns.record_tsn(1)                                # the ack point is 2, unknown to the reassembly
    assert rx.get(3, E, b"b") == DELIVERED
    assert rx.messages() == [b"ab"]
    assert_nothing_held(rx)


# --- against a plain model ---

class NaiveReassembler:
    """Keeps every chunk in a dict and looks at all of a message whenever one of its chunks comes."""

    def __init__(self):
        self.chunks, self.early, self.next_ssn, self.delivered = {}, {}, {}, []

    def add(self, chunk):
        self.chunks[chunk.tsn] = chunk
        first = last = chunk.tsn
        while first in self.chunks and not self.chunks[first].flags & B:
            first -= 1
        while last in self.chunks and not self.chunks[last].flags & E:
            last += 1
        if first not in self.chunks or last not in self.chunks:
            return
        message = b"".join(self.chunks.pop(tsn).data for tsn in range(first, last + 1))
        if chunk.flags & U:
            self.delivered.append((chunk.stream, first % MOD, message))
            return
        self.early[chunk.stream, chunk.ssn] = (chunk.stream, first % MOD, message)
        ssn = self.next_ssn.get(chunk.stream, 0)
        while (chunk.stream, ssn) in self.early:
            self.delivered.append(self.early.pop((chunk.stream, ssn)))
            ssn = (ssn + 1) % 65536
        self.next_ssn[chunk.stream] = ssn

    def held(self):
        return (
            sum(len(c.data) for c in self.chunks.values()) + sum(len(m[2]) for m in self.early.values()),
            len(self.chunks),
            len(self.early),
        )


def conversation(rng, count, initial_tsn, streams, fragment):
    """The chunks of random messages."""
    chunks, ssns, tsn = [], {}, initial_tsn
    for _ in range(count):
        stream = rng.choice(streams)
        unordered = U if rng.random() < 0.2 else 0
        ssn = rng.randrange(65536) if unordered else ssns.get(stream, 0)
        if not unordered:
            ssns[stream] = (ssn + 1) % 65536
        size = rng.choice([1, 3, fragment, fragment + 1, rng.randint(1, 12 * fragment)])
        payload, ppid = rng.randbytes(size), rng.randrange(MOD)
        for i in range(0, size, fragment):
            flags = unordered | (B if i == 0 else 0) | (E if i + fragment >= size else 0)
            chunks.append(Chunk(tsn, stream, ssn, ppid, flags, payload[i:i + fragment]))
            tsn += 1
    return chunks


def arrivals(rng, chunks, reach, trouble):
    """A network: each chunk comes at least once, some late, some twice."""
    waiting = list(reversed(chunks))
    while waiting:
        late = min(int(rng.expovariate(1 / reach)), len(waiting) - 1) if rng.random() < trouble else 0
        yield waiting[-1 - late]
        if rng.random() < 0.95:
            del waiting[-1 - late]


def run_against_model(seed, count, initial_tsn, streams, fragment, reach, trouble):
    rng = random.Random(seed)
    rx, naive, delivered = Receiver(initial_tsn), NaiveReassembler(), []
    for chunk in arrivals(rng, conversation(rng, count, initial_tsn, streams, fragment), reach, trouble):
        before = len(naive.delivered)
        result = rx.receive(chunk)
        if result is None:
            continue
        naive.add(chunk)
        assert result == (DELIVERED if len(naive.delivered) > before else HELD), f"seed {seed}"
        assert rx.held() == naive.held(), f"seed {seed}"
        for record in iter(rx.queue.pop, None):
            delivered.append((record[5], record[10], record[0]))
        assert delivered[before:] == naive.delivered[before:], f"seed {seed}"
    assert naive.held() == (0, 0, 0)
    assert_nothing_held(rx)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, MOD),
    initial_tsn=st.sampled_from([MOD + 1, MOD - 1, MOD - 30, 3 << 31]),
    streams=st.sampled_from([[0], [0, 1, 2], [5, 300, 65535], list(range(50))]),
    fragment=st.sampled_from([1, 5, 100]),
    reach=st.sampled_from([1, 5, 40]),
    trouble=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
)
def test_like_the_naive_one(seed, initial_tsn, streams, fragment, reach, trouble):
    """Loss, reordering, duplicates and the TSN wrap: the same deliveries at the same moments."""
    run_against_model(seed, 30, initial_tsn, streams, fragment, reach, trouble)


@pytest.mark.parametrize("seed", range(3))
def test_like_the_naive_one_for_long(seed):
    """Tables of runs and held messages grow and shrink."""
    run_against_model(seed, 3000, MOD - 4000, list(range(0, 1000, 7)), 50, 1000, 0.7)


@settings(max_examples=200, deadline=None)
@given(
    chunks=st.lists(
        st.tuples(st.integers(1, 25), st.sampled_from([0, 0, B, E, WHOLE, U, U | B, U | E, U | WHOLE]),
                  st.integers(0, 1), st.integers(0, 3), st.binary(min_size=1, max_size=3)),
        max_size=60,
    )
)
def test_contradictory_chunks(chunks):
    """Whatever comes, a delivered message is what lies between a B and the next E, and nothing is lost."""
    rx, seen, read = Receiver(), {}, 0
    for tsn, flags, stream, ssn, data in chunks:
        result = rx.get(tsn, flags, data, stream=stream, ssn=ssn)
        if result is None:
            continue
        seen[tsn] = flags, data
        for record in iter(rx.queue.pop, None):
            first = last = record[10]
            while not seen[last][0] & E:
                last += 1
            assert seen[first][0] & B
            assert not any(seen[t][0] & B for t in range(first + 1, last + 1))
            assert record[0] == b"".join(seen[t][1] for t in range(first, last + 1))
            read += record[2]
        if result == VIOLATION:
            break
        assert rx.reassembly.bytes_held == sum(len(data) for _, data in seen.values()) - read
    rx.reassembly.forget()
    assert_nothing_held(rx)


# --- bounded work, bounded memory ---

def test_tiny_fragments_in_reverse_order(rx):
    """One run that grows downwards: no search, whatever its length."""
    count = 20000
    for tsn in range(count, 0, -1):
        rx.get(tsn, (B if tsn == 1 else 0) | (E if tsn == count else 0), bytes([tsn % 256]))
        assert tsn % 1000 or rx.reassembly.longest_chain() == 1
    assert rx.messages() == [bytes(tsn % 256 for tsn in range(1, count + 1))]
    assert_nothing_held(rx)


@pytest.mark.parametrize("stride", [2, 3, 64, 256, 512])
def test_many_runs_are_found_at_once(rx, stride):
    """TSNs chosen to fall together: chains stay as short as the TSN window makes them."""
    tsns = range(2, 65536, stride)
    for tsn in tsns:
        assert rx.get(tsn, 0, b"xy") == HELD
    assert rx.held() == (2 * len(tsns), len(tsns), 0)
    assert rx.reassembly.longest_chain() <= 256
    rx.reassembly.forget()
    assert_nothing_held(rx)
    assert rx.reassembly.allocated() == 0


def test_all_gaps_closed_one_by_one(rx):
    """Each second fragment first, then those between in random order."""
    count = 20001
    between = list(range(2, count, 2))
    random.Random(1).shuffle(between)
    for tsn in [*range(1, count + 1, 2), *between]:
        rx.get(tsn, (B if tsn == 1 else 0) | (E if tsn == count else 0), b"%05d" % tsn)
    assert rx.messages() == [b"".join(b"%05d" % tsn for tsn in range(1, count + 1))]
    assert_nothing_held(rx)


@pytest.mark.parametrize("shape", ["one stream", "one ssn", "low bits equal", "sum equal"])
def test_many_held_messages_are_found_at_once(rx, shape):
    """Streams and ssns cannot be chosen to make the search long."""
    keys = {
        "one stream": [(0, i) for i in range(1, 20001)],
        "one ssn": [(i, 1) for i in range(20000)],
        "low bits equal": [(i, 256 * j) for i in range(80) for j in range(1, 251)],
        "sum equal": [(i, 30000 - i) for i in range(20000)],
    }[shape]
    for tsn, (stream, ssn) in enumerate(keys, 2):
        assert rx.get(tsn, WHOLE, b"z", stream=stream, ssn=ssn) == HELD
    assert rx.reassembly.messages_held == 20000
    assert rx.reassembly.longest_chain() <= 32
    rx.reassembly.forget()
    assert_nothing_held(rx)


def test_a_far_fragment_costs_no_more_than_a_near_one(rx):
    rx.get(65535, B, b"x")
    assert rx.reassembly.allocated() <= 512


@pytest.mark.parametrize("stride", [1, 2])
def test_buffers_are_no_larger_than_a_multiple_of_what_was_sent(rx, stride):
    """After a long message has set the hint, beginnings of messages with a byte each."""
    rx.get(1, B, b"a" * 60000)
    rx.get(2, E, b"b" * 5000)
    assert rx.get(3, B, b"c", ssn=1) == HELD             # the one at the ack point may trust the hint
    assert rx.reassembly.allocated() <= 0x10000 + 512
    for tsn in range(5, 60000, 2 * stride):
        rx.get(tsn, B, b"x", ssn=2)
    tables = 2 * 8 * 65536
    assert rx.reassembly.allocated() <= 0x10000 + tables + 4 * rx.reassembly.bytes_held


def test_a_growing_message_has_at_most_four_times_its_bytes(rx):
    """With a hint of 3 MB: it is believed little by little."""
    for ssn in range(2):
        for i in range(100):
            flags = (B if i == 0 else 0) | (E if i == 99 else 0)
            rx.get(ssn * 100 + i + 1, flags, b"x" * 30000, ssn=ssn)
            held = rx.reassembly.bytes_held
            assert rx.reassembly.allocated() <= max(4 * held, 0x10000, 4 * 30000) + 512
    assert [len(m) for m in rx.messages()] == [3_000_000] * 2


def test_tables_shrink_when_all_is_delivered(rx):
    """An idle association is small."""
    for tsn in range(3, 4000, 2):
        rx.get(tsn, E, b"x", stream=1, ssn=tsn // 2)
    for tsn in range(2, 4000, 2):
        rx.get(tsn, B, b"x", stream=1, ssn=tsn // 2)
    assert rx.reassembly.messages_held > 1500
    assert rx.get(1, WHOLE, b"x", stream=1, ssn=0) == DELIVERED
    assert_nothing_held(rx)
    assert rx.reassembly.allocated() <= 32               # next_ssn of 16 streams


def test_reset_starts_anew(rx):
    """After a restart of the association all ssns are 0 again (5.2.4)."""
    rx.get(1, WHOLE, b"a")
    rx.get(2, B, b"b", ssn=1)
    rx.get(4, WHOLE, b"c", ssn=3)
    rx.get(6, E, b"d", ssn=4)
    rx.reassembly.forget()
    assert_nothing_held(rx)
    assert rx.reassembly.allocated() == 0
    rx.messages()
    rx.tsns = TsnMap(1000)
    assert rx.get(1000, WHOLE, b"new") == DELIVERED
    assert rx.messages() == [b"new"]


@pytest.mark.parametrize("end", ["delivered", "reset", "dropped"])
def test_nothing_leaks(end):
    """Owners get their references back, buffers and tables go."""
    owner = object()
    references = sys.getrefcount(owner)

    def once():
        rx = Receiver()
        rx.owner = owner
        chunks = conversation(random.Random(3), 300, 1, [0, 1, 2], 20)
        for chunk in reversed(chunks[1 if end != "delivered" else 0:]):
            rx.receive(chunk)
        if end == "delivered":
            assert_nothing_held(rx)
        elif end == "reset":
            rx.reassembly.forget()

    once()
    tracemalloc.start()
    try:
        once()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(5):
            once()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert sys.getrefcount(owner) == references
    assert grown < 2000


# --- a message in pieces (9260-6.9-05, RFC 6458 section 8.1.20) ---

def piece(record):
    """What a reader sees of a record: (data, stream, ssn, whether a message ends there, first TSN)."""
    return record[0], record[5], record[6], bool(record[8]), record[10]


def give_out(rx):
    return rx.reassembly.give_out(rx.queue, rx.owner, rx.tsns.cumulative_tsn)


@pytest.mark.parametrize("unordered", [0, U])
def test_pieces(rx, unordered):
    """9260-6.9-05: the head of an incomplete message is delivered; the last piece says that it is one."""
    rx.get(1, B | unordered, b"one", stream=3, ppid=9)
    assert give_out(rx) == DELIVERED
    assert give_out(rx) == HELD                          # there is no more yet
    assert rx.held() == (0, 0, 0)
    rx.get(2, unordered, b"two", stream=3, ppid=9)
    rx.get(3, unordered, b"three", stream=3, ppid=9)
    assert rx.held() == (8, 2, 0)
    assert give_out(rx) == DELIVERED
    assert rx.get(4, E | unordered, b"four", stream=3, ppid=9) == DELIVERED
    assert [piece(record) for record in iter(rx.queue.pop, None)] == [
        (b"one", 3, 0, False, 1), (b"twothree", 3, 0, False, 1), (b"four", 3, 0, True, 1)]
    assert_nothing_held(rx)
    rx.get(5, WHOLE, b"next", stream=3, ssn=0 if unordered else 1)
    assert rx.messages() == [b"next"]                    # the stream goes on


def test_only_the_message_whose_turn_it_is_begins(rx):
    """9260-6.6-01: no piece of a message before the one that its stream waits for."""
    rx.get(1, B, b"early", ssn=1)
    assert give_out(rx) == HELD
    assert rx.messages() == []


def test_what_arrives_behind_a_gap_in_the_midst(rx):
    """Fragments of the message above a gap follow when that closes, its end among them."""
    rx.get(1, B, b"a")
    give_out(rx)
    rx.get(3, 0, b"c")
    rx.get(4, E, b"d")
    assert give_out(rx) == HELD
    assert rx.get(2, 0, b"b") == DELIVERED
    assert [piece(record)[::3] for record in iter(rx.queue.pop, None)] == [(b"a", False), (b"bcd", True)]
    assert_nothing_held(rx)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_what_may_come_between(rx, level):
    """8.1.20: below level 2 nothing of the same association, at level 2 nothing of the same stream."""
    rx.queue.interleave = level
    rx.get(1, B, b"begin", stream=1)
    give_out(rx)
    rx.get(3, WHOLE, b"other", stream=2)
    rx.get(4, WHOLE | U, b"same", stream=1)
    rx.get(5, WHOLE, b"behind", stream=1, ssn=1)
    rx.get(2, E, b"end", stream=1)
    expected = [b"begin", b"end", b"other", b"same", b"behind"]
    if level == 2:
        expected = [b"begin", b"other", b"end", b"same", b"behind"]
    assert rx.messages() == expected
    assert_nothing_held(rx)


def test_a_message_that_is_given_up(rx):
    """Its unread pieces go, what waited behind it follows, and its stream can go on."""
    rx.get(1, B, b"read")
    give_out(rx)
    assert rx.queue.pop()[0] == b"read"
    rx.get(2, 0, b"unread")
    give_out(rx)
    rx.get(3, 0, b"not handed out")
    rx.get(5, WHOLE, b"behind", stream=1)
    rx.reassembly.give_up(rx.queue, rx.owner)
    assert rx.messages() == [b"behind"]
    assert_nothing_held(rx)


def test_forget_in_the_midst(rx):
    """The association ends while a message is handed out: nothing stays."""
    rx.get(1, B, b"a")
    give_out(rx)
    rx.get(3, WHOLE, b"behind", stream=1)
    assert rx.reassembly.snapshot()["begun"] == (0, 0, 1)
    rx.reassembly.forget()
    assert rx.held() == (0, 0, 0) and rx.reassembly.messages_behind == 0
    assert rx.reassembly.snapshot()["begun"] is None


class Sender:
    """Messages of one association, cut into chunks with TSNs in order."""

    def __init__(self, draw, number):
        self.receiver = Receiver()
        self.chunks, self.sent = [], {}
        ssns = {}
        for index in range(draw(st.integers(1, 6))):
            stream, unordered = draw(st.integers(0, 2)), draw(st.sampled_from([0, U]))
            count = draw(st.integers(1, 4))
            ssn = ssns.get(stream, 0)
            if not unordered:
                ssns[stream] = ssn + 1
            first = len(self.chunks) + 1
            parts = [f"{number}.{index}.{i} ".encode() for i in range(count)]
            for i, part in enumerate(parts):
                flags = unordered | (B if i == 0 else 0) | (E if i == count - 1 else 0)
                self.chunks.append(Chunk(first + i, stream, ssn, 0, flags, part))
            self.sent[first] = (stream, unordered, b"".join(parts))


@settings(deadline=None)
@given(st.data())
def test_any_pieces_are_what_was_sent(data):
    """9260-6.9-05, 8.1.20: two associations, one queue; however chunks arrive, whatever is handed out early,
    whenever it is read: each message comes as it was sent, in the order of its stream, and nothing between
    its pieces that may not.
    """
    level = data.draw(st.integers(0, 2))
    senders = [Sender(data.draw, number) for number in range(2)]
    queue = senders[0].receiver.queue
    queue.interleave = level
    arrivals = []
    for sender in senders:
        sender.receiver.queue = queue
        order = data.draw(st.permutations(range(len(sender.chunks))))
        arrivals += [(sender, sender.chunks[i]) for i in order]
    log = []

    def read():
        record = queue.pop()
        if record is not None:
            log.append((record[1], record[10], record[0], record[8]))

    for sender, chunk in data.draw(st.permutations(arrivals)):
        rx = sender.receiver
        assert rx.receive(chunk) in (HELD, DELIVERED)
        if data.draw(st.booleans()) and queue.reserved() in (None, rx.owner):
            give_out(rx)
        if data.draw(st.booleans()):
            read()
    while len(queue):
        read()
    for sender in senders:
        assert_nothing_held(sender.receiver)
        mine = [(tsn, part, end) for owner, tsn, part, end in log if owner is sender.receiver.owner]
        for first, (_stream, _unordered, whole) in sender.sent.items():
            parts = [(part, end) for tsn, part, end in mine if tsn == first]
            assert b"".join(part for part, _ in parts) == whole
            assert [end for _, end in parts] == [0] * (len(parts) - 1) + [1]
        for stream in range(3):
            order = [tsn for tsn, _, end in mine if end and sender.sent[tsn][:2] == (stream, 0)]
            assert order == sorted(order)
        for first, (stream, _unordered, _whole) in sender.sent.items():
            places = [i for i, (owner, tsn, *_) in enumerate(log)
                      if (owner, tsn) == (sender.receiver.owner, first)]
            for owner, tsn, *_ in log[places[0]:places[-1]]:
                if (owner, tsn) != (sender.receiver.owner, first):
                    assert level > 0 and (owner is not sender.receiver.owner
                                          or (level == 2 and sender.sent[tsn][0] != stream))
