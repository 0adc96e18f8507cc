"""SCP from a descriptor: the same comes out as when the machine is given the bytes (receive())."""
import random
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scp_ends import FIN, PUSH, RST, SYN, segment

from pysctpsock._cy.scp_connection import ScpConnection
from pysctpsock._cy.scp_io import receive_pending
from pysctpsock._cy.scp_options import ScpOptions

BUFFER = 1 << 17
LARGE = 1 << 30  # what nobody reads is to stop nothing


class Pair:
    """A machine that reads from a descriptor, and one that is given the same bytes."""

    def __init__(self, **options):
        options = ScpOptions(session_high_water=LARGE, connection_high_water=LARGE, **options)
        self.reading, self.given = ScpConnection(False, options), ScpConnection(False, options)
        self.writer, self.reader = socket.socketpair()
        for end in (self.writer, self.reader):
            end.setblocking(False)
        self.writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.buffer = bytearray(BUFFER)
        self.sessions = {}, {}           # session -> messages, and the beginning of the next one

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.writer.close()
        self.reader.close()

    def arrive(self, stream):
        self.given.receive(stream, len(stream), 0)
        while stream:
            stream = stream[self.writer.send(stream):]
            self.read()

    def read(self):
        while receive_pending(self.reading, self.reader.fileno(), self.buffer, 0):
            pass

    def compare(self):
        """Accept and read all that is there; both have the same history, and look alike."""
        for machine, sessions in zip((self.reading, self.given), self.sessions, strict=True):
            while (session := machine.accept()) is not None:
                sessions[session] = [b""]
            for session, messages in sessions.items():
                while (part := machine.read_part(session, LARGE)) is not None:
                    messages[-1] += part[0]
                    messages += [b""] * part[1]
        assert self.reading.snapshot() == self.given.snapshot()
        history, same = [[(session.id, messages, session.state, session.read_reason)
                          for session, messages in sessions.items()] for sessions in self.sessions]
        assert history == same
        return history


def cut(draw, stream):
    """The stream in pieces, many of which end within or beside a header."""
    while stream:
        length = draw.choice([1, 7, 8, 9, 4096, 16384, 16392, 16400, 40000, 65568, 200_000])
        yield stream[:length]
        stream = stream[length:]


@pytest.mark.parametrize("size", [4095, 4096, 5000, 16384, 65536, 65537, 200_000])
@pytest.mark.parametrize("includes", [False, True])
def test_bulk_of_one_session(size, includes):
    """Segments of equal length, the last one shorter and the end of a message; both kinds of SCP-05."""
    draw = random.Random(size)
    data = draw.randbytes(6 * size + 1000)
    parts = [data[start:start + size] for start in range(0, len(data), size)]
    with Pair(length_includes_header=includes) as pair:
        for number, part in enumerate(parts):
            flags = (SYN if number == 0 else 0) | (PUSH if number == len(parts) - 1 else 0)
            header = segment(flags, 1024, part)[:8]
            length = len(part) + 8 * includes
            for piece in cut(draw, header[:4] + length.to_bytes(4, "big") + part):
                pair.arrive(piece)
        assert pair.compare() == [(1024, [data, b""], "open", 0)]


def test_what_was_not_foreseen():
    """Behind a large segment: another session, another length, FIN, RST, a message's end, half a header."""
    with Pair() as pair:
        bulk = b"x" * 10_000
        pair.arrive(segment(SYN, 1024, bulk) + segment(SYN, 1026, bulk) + segment(0, 1024, bulk)[:3000])
        pair.compare()
        pair.arrive(segment(0, 1024, bulk)[3000:] + segment(0, 1026, bulk) + segment(0, 1024, b"short")
                    + segment(0, 1024, bulk) + segment(PUSH, 1024, bulk) + segment(0, 1024, bulk)[:5000])
        pair.arrive(segment(0, 1024, bulk)[5000:] + segment(FIN, 1024, bulk) + segment(RST, 1026)
                    + segment(SYN, 1028, bulk)[:12])
        pair.arrive(segment(SYN, 1028, bulk)[12:] + segment(0, 1028, bulk) + segment(0, 1028, bulk)[:6])
        assert [(messages, state) for _, messages, state, _ in pair.compare()] == [
            ([bulk * 2 + b"short" + bulk * 2, bulk * 2], "remote-closed"), ([bulk], "reset-received"),
            ([bulk * 2], "open")]


def test_bulk_for_nobody():
    """Of a session that the program has closed: thrown away, wherever it was read to."""
    with Pair() as pair:
        pair.arrive(segment(SYN, 1024, b"x" * 100_000)[:5000])
        for machine in (pair.reading, pair.given):
            machine.close(machine.accept())
        pair.arrive(segment(SYN, 1024, b"x" * 100_000)[5000:] + segment(0, 1024, b"x" * 100_000))
        assert pair.compare() == []


def test_the_end_in_the_midst_of_bulk():
    """SCP-59: nothing of what came is lost, and nothing else is there."""
    with Pair() as pair:
        pair.arrive(segment(SYN, 1024, b"x" * 100_000)[:40_000])
        pair.compare()
        pair.arrive(segment(SYN, 1024, b"x" * 100_000)[40_000:50_000])
        pair.writer.close()
        pair.read()
        pair.given.eof()
        [(_, messages, state, _)] = pair.compare()
        assert messages == [b"x" * 49_992]
        assert state == "lost"


def test_a_descriptor_that_cannot_be_read():
    """OSError, and the place that was kept for bulk is gone."""
    with Pair() as pair:
        pair.arrive(segment(SYN, 1024, b"x" * 100_000)[:50_000])
        with pytest.raises(OSError), open("/dev/null", "rb") as other:
            receive_pending(pair.reading, other.fileno(), pair.buffer, 0)
        with pytest.raises(ValueError):
            receive_pending(pair.reading, pair.reader.fileno(), bytearray(65536), 0)
        pair.compare()


def test_it_stops_where_readers_are_slow():
    """SCP-70: not a byte more than the mark and one read."""
    with Pair() as pair:
        pair.reading = ScpConnection(False, ScpOptions(session_high_water=100_000))
        stream = b"".join(segment(0 if n else SYN, 1024, bytes(16384)) for n in range(30))
        pair.writer.send(stream)
        pair.read()
        assert pair.reading.stopped
        assert 100_000 <= pair.reading.snapshot()["unread"] < 100_000 + 2 * BUFFER


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0, 0, 0, PUSH, FIN, SYN, RST, SYN | PUSH]),
                          st.sampled_from([1024, 1024, 1026]),
                          st.sampled_from([0, 5, 4096, 8000, 8000, 8000, 16384, 70_000])), max_size=25),
       st.integers(0, 1 << 32), st.booleans())
def test_any_segments_cut_anywhere(described, seed, read_between):
    """Both machines agree on every session's history, counters and states, whatever comes in what pieces."""
    draw = random.Random(seed)
    stream = b"".join(segment(flags, session_id, draw.randbytes(length))
                      for flags, session_id, length in described)
    with Pair() as pair:
        for part in cut(draw, segment(SYN, 1024, b"x" * 5000) + stream):
            pair.arrive(part)
            if read_between:
                pair.compare()
        pair.compare()
