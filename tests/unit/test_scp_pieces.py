"""The queue of one direction of an SCP session."""
import random

from pysctpsock._cy.scp_pieces import PieceQueue

OVERHEAD = 80


def test_pieces_are_handed_on():
    """A whole piece is the very object; what is long is never joined."""
    queue, long = PieceQueue(), bytes(5000)
    queue.put(long)
    queue.put(b"next")
    assert queue.get(10000)[0] is long
    assert queue.get(10000) == (b"next", False)
    assert queue.get(1) is None


def test_short_pieces_are_joined():
    queue = PieceQueue()
    for text in (b"ab", b"cd", b"ef"):
        queue.put(text)
    assert queue.get(5) == (b"abcde", False)
    assert queue.get(5) == (b"f", False)


def test_messages_are_kept_apart():
    """SCP-32."""
    queue = PieceQueue()
    queue.put(b"ab")
    queue.put(b"c", ends_message=True)
    queue.put(b"", ends_message=True)
    queue.put(b"defgh", ends_message=True)
    assert queue.get(10, across_messages=False) == (b"abc", True)
    assert queue.get(10, across_messages=False) == (b"", True)
    assert queue.get(3, across_messages=False) == (b"def", False)
    assert queue.get(2, across_messages=False) == (b"gh", True)


def test_bytes_across_messages():
    """SCP-32: a reader of bytes sees no message ends."""
    queue = PieceQueue()
    queue.put(b"ab", ends_message=True)
    queue.put(b"", ends_message=True)
    queue.put(b"cd", ends_message=True)
    assert queue.get(10) == (b"abcd", True)


def test_what_arrives_together_is_joined():
    """One object for what is here already, up to 64 KB; trimmed to what came."""
    queue = PieceQueue()
    queue.put_copy(bytes(16384), more=100_000)
    queue.put_copy(b"x" * 40000, more=60_000)
    queue.put_copy(b"y" * 10000, more=50_000)
    assert (queue.count, queue.size, queue.charged) == (2, 66384, 66384 + 2 * OVERHEAD)
    queue.close_gap()
    assert queue.get(1 << 20) == (bytes(16384) + b"x" * 40000 + b"y" * 9152, False)
    assert queue.get(1 << 20) == (b"y" * 848, False)
    for ends in (False, True):
        queue.put_copy(bytes(5000), more=10_000)
        queue.put_copy(b"end", more=10_000, ends_message=ends)
        queue.close_gap()
        assert queue.get(1 << 20) == (bytes(5000) + b"end", ends)
    queue.put_copy(bytes(5000), more=10_000, ends_message=True)
    queue.put_copy(bytes(10), more=10_000)
    assert queue.count == 2
    queue.close_gap()
    assert (queue.get(5000), queue.get(99)) == ((bytes(5000), True), (bytes(10), False))


def test_what_is_put_in_place():
    """The reader gets the object that the bytes were put in, cut to them; without any there is no piece."""
    queue = PieceQueue()
    queue.put_in_place(b"x" * 5000, 10_000)
    queue.put_in_place(b"", 10_000)
    queue.put_in_place(b"y" * 10_000, 10_000, ends_message=True)
    assert (queue.count, queue.size, queue.charged) == (2, 15_000, 15_000 + 2 * OVERHEAD)
    assert queue.get(1 << 20, across_messages=False) == (b"x" * 5000, False)
    assert queue.get(1 << 20, across_messages=False) == (b"y" * 10_000, True)
    assert (queue.count, queue.size, queue.charged) == (0, 0, 0)


def test_a_part_of_an_object():
    queue, data = PieceQueue(), b"0123456789"
    queue.put(data, 4)
    assert (queue.size, queue.charged) == (6, 6 + OVERHEAD)
    assert queue.get(10) == (b"456789", False)
    assert (queue.size, queue.charged, queue.count) == (0, 0, 0)


def test_random_histories():
    """Against a list of messages, with the ring wrapping and growing."""
    for seed in range(20):
        draw = random.Random(seed)
        queue, expected, got = PieceQueue(), [b""], [b""]
        for _ in range(500):
            if draw.random() < 0.5:
                data, ends = draw.randbytes(draw.choice([1, 2, 10, 4096, 5000])), draw.random() < 0.3
                if draw.random() < 0.1:
                    data, ends = b"", True
                queue.put(data, 0, ends)
                expected[-1] += data
                expected += [b""] * ends
            elif (part := queue.get(draw.choice([1, 3, 100, 10000]), across_messages=False)) is not None:
                got[-1] += part[0]
                got += [b""] * part[1]
            assert queue.size == sum(map(len, expected)) - sum(map(len, got)), seed
        while (part := queue.get(1 << 20, across_messages=False)) is not None:
            got[-1] += part[0]
            got += [b""] * part[1]
        assert got == expected, seed
        assert (queue.count, queue.charged) == (0, 0), seed
