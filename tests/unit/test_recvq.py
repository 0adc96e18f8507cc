"""cy/recvq: RFC 9260 section 11.1 (RECEIVE), RFC 6458 section 6."""
import random
import sys
from collections import deque

import pytest

from pysctpsock._cy.reasm import Reassembly
from pysctpsock._cy.recvq import ReceiveQueue

NOTIFICATION = 0x8001


class Owner:
    """Something with a countable number of references."""


def references(thing):
    return sys.getrefcount(thing) - 2                    # without this function's and the caller's


def test_empty():
    queue = ReceiveQueue()
    assert queue.pop() is None
    assert queue.read(5) is None
    assert queue.snapshot() == {"count": 0, "bytes_queued": 0, "capacity": 0}
    queue.discard()


def test_fields_of_a_record():
    """A record starts zeroed, whatever was there before."""
    queue = ReceiveQueue()
    owner = Owner()
    for _ in range(20):
        queue.push_record(b"abc", owner, 0)
        assert queue.pop() == (b"abc", owner, 3, 0, 0, 0, 0, 0, 1, 0, 0, 0)
        queue.push_record(b"notified", None, NOTIFICATION)
        assert queue.pop() == (b"notified", None, 0, 0, NOTIFICATION, 0, 0, 0, 1, 0, 0, 0)


def test_messages_and_notifications_in_the_order_of_arrival():
    queue = ReceiveQueue()
    kinds = [0, NOTIFICATION, 0, 0, NOTIFICATION]
    for kind in kinds:
        queue.push_record(b"x", None, kind)
    assert [queue.pop()[4] for _ in kinds] == kinds


def test_bytes_queued_counts_unread_bytes_of_messages():
    """Notifications take nothing from the receive window."""
    queue = ReceiveQueue()
    queue.push_record(b"0123456789", None, 0)
    queue.push_record(b"notification", None, NOTIFICATION)
    queue.push_record(b"abc", None, 0)
    assert queue.bytes_queued == 13
    assert queue.read(4) == b"0123"
    assert queue.bytes_queued == 9
    assert queue.pop()[:4] == (b"0123456789", None, 10, 4)     # dropped half-read
    assert queue.bytes_queued == 3
    queue.pop()
    assert queue.bytes_queued == 3
    assert queue.read(100) == b"abc"
    assert queue.bytes_queued == 0
    assert len(queue) == 0


def test_partial_reads_give_the_whole_message():
    queue = ReceiveQueue()
    queue.push_record(bytes(range(100)), None, 0)
    parts = [queue.read(7) for _ in range(15)]
    assert b"".join(parts) == bytes(range(100))
    assert queue.read(7) is None


@pytest.mark.parametrize("seed", range(5))
def test_like_a_deque(seed):
    """Growth while the ring is wrapped around, at any fill."""
    rng = random.Random(seed)
    queue, model = ReceiveQueue(), deque()
    for step in range(20000):
        if rng.random() < (0.7 if step % 4000 < 2500 else 0.2):
            data = str(step).encode()
            queue.push_record(data, None, 0)
            model.append(data)
        else:
            record = queue.pop()
            assert (record[0] if record else None) == (model.popleft() if model else None), f"seed {seed}"
        assert len(queue) == len(model)
        assert queue.bytes_queued == sum(map(len, model)) if step % 500 == 0 else True
    assert queue.bytes_queued == sum(map(len, model))


def test_an_emptied_queue_is_small():
    queue = ReceiveQueue()
    for _ in range(1025):
        queue.push_record(b"x", None, 0)
    assert queue.snapshot()["capacity"] == 2048
    while queue.pop():
        pass
    assert queue.snapshot()["capacity"] == 0
    for _ in range(1024):
        queue.push_record(b"x", None, 0)
    while queue.pop():
        pass
    assert queue.snapshot()["capacity"] == 1024          # a moderate ring is kept


@pytest.mark.parametrize("seed", range(5))
def test_hand_over(seed):
    """sctp_peeloff: the records of one association move, in order; the others stay, in order."""
    rng = random.Random(seed)
    mine, other = Owner(), Owner()
    before = references(mine), references(other)
    source, target = ReceiveQueue(), ReceiveQueue()
    for _ in range(rng.randrange(20)):                   # anywhere in the ring
        source.push_record(b"gone", None, 0)
        source.pop()
    target.push_record(b"before", None, 0)
    records = [(bytes([n]) * rng.randrange(1, 9), rng.choice([mine, other])) for n in range(100)]
    for data, owner in records:
        source.push_record(data, owner, 0)
    source.read(1)                                       # half read
    half = records[0][0][1:]
    source.hand_over(mine, target)
    for queue, owner, first in ((source, other, []), (target, mine, [b"before"])):
        wanted = first + [data for data, whose in records if whose is owner]
        lengths = sum(map(len, wanted)) - (records[0][1] is owner)
        assert (len(queue), queue.bytes_queued) == (len(wanted), lengths), f"seed {seed}"
        got = []
        while len(queue):
            got.append(queue.read(100))
        if records[0][1] is owner and len(records[0][0]) > 1:
            wanted[len(first)] = half
        elif records[0][1] is owner:
            wanted.pop(len(first))
        assert got == wanted, f"seed {seed}"
    del records, owner
    assert (references(mine), references(other)) == before


@pytest.mark.parametrize("end", ["pop", "discard", "del"])
def test_references_are_released(end):
    owner, data = Owner(), b"some data " * 10
    before = references(owner), references(data)
    queue = ReceiveQueue()
    for _ in range(50):
        queue.push_record(data, owner, 0)
    assert (references(owner), references(data)) == (before[0] + 50, before[1] + 50)
    if end == "pop":
        while queue.pop():
            pass
    elif end == "discard":
        queue.discard()
        assert queue.snapshot() == {"count": 0, "bytes_queued": 0, "capacity": 0}
        queue.push_record(b"again", None, 0)
        assert queue.pop()[0] == b"again"
    else:
        del queue
    assert (references(owner), references(data)) == before


def test_an_object_whose_end_uses_the_queue():
    """References go after the queue is in order again."""
    queue = ReceiveQueue()
    seen = []

    class Last:
        def __del__(self):
            seen.append(len(queue))
            queue.push_record(b"from __del__", None, 0)

    for _ in range(8):
        queue.push_record(b"x", Last(), 0)
    queue.discard()
    assert seen == list(range(8))
    assert [queue.pop()[0] for _ in range(8)] == [b"from __del__"] * 8
    queue.push_record(b"x", Last(), 0)
    queue.push_record(b"y", None, 0)
    queue.pop()
    assert seen[8:] == [1]
    assert [queue.pop()[0], queue.pop()[0]] == [b"y", b"from __del__"]


# --- what may not come between the pieces of a message (RFC 6458 section 8.1.20) ---

def begin(queue, tsn=1, data=b"begin"):
    """An association with a message that has begun to be handed out: its Reassembly, itself."""
    reassembly, owner = Reassembly(), Owner()
    reassembly.add_chunk(tsn, 0, 0, 0, 2, data, queue, owner, tsn)
    reassembly.give_out(queue, owner, tsn)
    return reassembly, owner


def taken(queue):
    return [record[0] for record in iter(queue.pop, None)]


@pytest.mark.parametrize("level", [0, 1, 2])
def test_messages_and_notifications_of_others(level):
    """At level 0 all wait for the end; from level 1 on none does."""
    queue, other = ReceiveQueue(), Owner()
    queue.interleave = level
    reassembly, owner = begin(queue)
    queue.push_record(b"other's", other)
    queue.push_record(b"notification", owner, NOTIFICATION)
    assert queue.reserved() is (owner if level == 0 else None)
    assert len(queue) == (1 if level == 0 else 3)
    assert queue.bytes_queued == (5 if level == 0 else 12)
    reassembly.add_chunk(2, 0, 0, 0, 1, b"end", queue, owner, 2)
    assert queue.reserved() is None
    assert taken(queue) == ([b"begin", b"end", b"other's", b"notification"] if level == 0
                            else [b"begin", b"other's", b"notification", b"end"])


def test_hand_over_in_the_midst():
    """sctp_peeloff while its message comes in pieces: the rest of it comes there; others need not wait."""
    queue, other, peeled = ReceiveQueue(), Owner(), ReceiveQueue()
    reassembly, owner = begin(queue)
    queue.push_record(b"other's", other)
    queue.push_record(b"told", owner, NOTIFICATION)
    queue.push_record(b"told, too", None, NOTIFICATION)
    queue.hand_over(owner, peeled)
    assert taken(queue) == [b"other's", b"told, too"]
    assert peeled.reserved() is owner
    reassembly.add_chunk(2, 0, 0, 0, 1, b"end", peeled, owner, 2)
    assert taken(peeled) == [b"begin", b"end", b"told"]


def test_hand_over_of_one_that_waits():
    queue, other, peeled = ReceiveQueue(), Owner(), ReceiveQueue()
    reassembly, owner = begin(queue)
    queue.push_record(b"other's", other)
    queue.hand_over(other, peeled)
    assert taken(peeled) == [b"other's"]
    reassembly.add_chunk(2, 0, 0, 0, 1, b"end", queue, owner, 2)
    assert taken(queue) == [b"begin", b"end"]


def test_the_lobby_is_cleared_too():
    queue, other = ReceiveQueue(), Owner()
    before = references(other)
    _reassembly, _owner = begin(queue)
    queue.push_record(b"other's", other)
    queue.discard()
    assert references(other) == before
    assert queue.reserved() is None
    queue.push_record(b"again", other)
    assert taken(queue) == [b"again"]
