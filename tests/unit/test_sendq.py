"""cy/sendq: RFC 9260 sections 6.5 (stream sequence numbers) and 6.9 (fragmentation)."""
import sys

import pytest

from pysctpsock._cy.sendq import SendQueue

OVERHEAD = 80                    # what a message costs the send buffer beside its bytes
UNORDERED = 4


def test_first_come_first_served():
    queue = SendQueue()
    for stream_id in (3, 1, 2):
        queue.put(b"abc", stream_id, 7, 0, 9)
    taken = [queue.take_first(3) for _ in range(3)]
    assert [message["stream_id"] for message in taken] == [3, 1, 2]
    assert (taken[0]["ppid"], taken[0]["context"], taken[0]["data"]) == (7, 9, b"abc")
    assert queue.count == 0
    with pytest.raises(ValueError):
        queue.take_first(1)


def test_ssn_starts_at_0_and_grows_in_its_stream():
    """9260-6.5-02"""
    queue = SendQueue()
    given = []
    for stream_id in (0, 1, 0, 0, 65535, 1, 65535, 8):
        queue.put(b"x", stream_id)
        given.append(queue.take_first(1)["ssn"])
    assert given == [0, 0, 1, 2, 0, 1, 1, 0]


def test_ssn_belongs_to_the_message_not_to_the_fragment():
    """9260-3.3.1-04"""
    queue = SendQueue()
    queue.put(b"x" * 10, 5)
    queue.put(b"y", 5)
    assert [queue.take_first(length)["ssn"] for length in (4, 4, 2, 1)] == [0, 0, 0, 1]


def test_ssn_wraps():
    """9260-6.5-02: from 65535 to 0."""
    queue = SendQueue()
    for expected in range(65538):
        queue.put(b"x", 2)
        message = queue.take_first(1)
        assert message["ssn"] == expected % 65536
        queue.give_back(message["handle"], 1)


def test_unordered_messages_do_not_move_it():
    """9260-6.5-02"""
    queue = SendQueue()
    for flags in (0, UNORDERED, UNORDERED, 0):
        queue.put(b"x", 1, 0, flags)
    ssns = [queue.take_first(1)["ssn"] for _ in range(4)]
    assert (ssns[0], ssns[3]) == (0, 1)


def test_bytes_are_exact():
    """bytes_queued: without a TSN.  bytes_charged: until acknowledged, the overhead with the last ones."""
    queue = SendQueue()
    queue.put(b"x" * 100)
    queue.put(b"y" * 7)
    assert (queue.count, queue.bytes_queued, queue.bytes_charged) == (2, 107, 107 + 2 * OVERHEAD)
    handle = queue.take_first(60)["handle"]
    assert (queue.count, queue.bytes_queued, queue.bytes_charged) == (2, 47, 107 + 2 * OVERHEAD)
    assert queue.take_first(40)["fragments"] == 2
    assert (queue.count, queue.bytes_queued, queue.bytes_charged) == (1, 7, 107 + 2 * OVERHEAD)
    queue.give_back(handle, 60)
    assert queue.bytes_charged == 47 + 2 * OVERHEAD
    queue.give_back(handle, 40)
    assert queue.bytes_charged == 7 + OVERHEAD
    queue.give_back(queue.take_first(7)["handle"], 7)
    assert queue.snapshot() == {"messages": 0, "bytes_queued": 0, "bytes_charged": 0}


def test_acknowledged_before_it_is_wholly_sent():
    queue = SendQueue()
    queue.put(b"x" * 10)
    handle = queue.take_first(5)["handle"]
    queue.give_back(handle, 5)
    assert (queue.count, queue.bytes_charged) == (1, 5 + OVERHEAD)
    assert queue.take_first(5)["handle"] == handle
    queue.give_back(handle, 5)
    assert queue.bytes_charged == 0


def payload(text="payload"):
    return bytes(bytearray(text.encode() * 3))           # an object that nothing else refers to


def test_the_payload_is_referenced_until_acknowledged():
    data = payload()
    start = sys.getrefcount(data)
    queue = SendQueue()
    queue.put(data)
    assert sys.getrefcount(data) == start + 1
    handle = queue.take_first(len(data))["handle"]
    assert sys.getrefcount(data) == start + 1
    queue.give_back(handle, len(data))
    assert sys.getrefcount(data) == start


def test_clear_drops_what_is_not_wholly_taken():
    first, second = payload("first"), payload("second")
    start = sys.getrefcount(first), sys.getrefcount(second)
    queue = SendQueue()
    queue.put(first)
    queue.put(second)
    handle = queue.take_first(4)["handle"]
    queue.discard()
    assert (queue.count, queue.bytes_queued) == (0, 0)
    assert queue.bytes_charged == len(first) + OVERHEAD              # its fragment is in flight
    assert sys.getrefcount(second) == start[1]
    queue.give_back(handle, 4)
    assert queue.bytes_charged == 0
    assert sys.getrefcount(first) == start[0]


def test_the_end_of_the_queue_releases_what_waits():
    data = payload()
    start = sys.getrefcount(data)
    queue = SendQueue()
    for _ in range(300):
        queue.put(data)
    del queue
    assert sys.getrefcount(data) == start


@pytest.mark.parametrize("length", [0, 4])
def test_only_what_is_there_is_taken(length):
    queue = SendQueue()
    queue.put(b"abc")
    with pytest.raises(ValueError):
        queue.take_first(length)
    assert queue.snapshot()["bytes_queued"] == 3
