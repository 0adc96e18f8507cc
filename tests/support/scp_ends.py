"""Ends of SCP connections without I/O: segments made by hand, output as segments, two ends joined."""
import random

from pysctpsock._cy.scp_connection import ScpConnection
from pysctpsock._cy.scp_options import ScpOptions
from pysctpsock._cy.scp_wire import ScpReason, decode_header, encode_header

SYN, FIN, RST, PUSH = 8, 4, 2, 1
SECOND = 1_000_000


def segment(flags, session_id, data=b""):
    """One segment as bytes."""
    return encode_header(flags, session_id, len(data)) + data


def segments(stream):
    """[(flags, id, data)] of whole segments."""
    found = []
    while stream:
        flags, session_id, length = decode_header(stream[:8])
        assert len(stream) >= 8 + length
        found.append((flags, session_id, stream[8:8 + length]))
        stream = stream[8 + length:]
    return found


class End:
    """One end, driven by hand; `now` is its clock in microseconds."""

    def __init__(self, client, **options):
        self.core = ScpConnection(client, ScpOptions(**options))
        self.now = SECOND

    def receive(self, *parts):
        """Bytes, or (flags, id, data) of segments, arrive; then what it sends in answer."""
        stream = b"".join(part if isinstance(part, bytes) else segment(*part) for part in parts)
        self.core.receive(stream, len(stream), self.now)
        return self.sent()

    def output(self):
        """All bytes that it has to send."""
        whole = b""
        while (view := self.core.pending()) is not None:
            whole += view
            self.core.sent(len(view))
        return whole

    def sent(self):
        return segments(self.output())

    def opened(self, data=b"", **how):
        """A session of this end."""
        session = self.core.open()
        if data:
            self.core.send(session, data, **how)
        return session

    def accepted(self, session_id, data=b"", flags=0):
        """A session that the peer opens here."""
        assert self.receive((SYN | flags, session_id, data)) == []
        session = self.core.accept()
        assert session.id == session_id
        return session

    def read(self, session, limit=1 << 20):
        """Everything that a reader of bytes gets now."""
        whole = b""
        while (data := self.core.read(session, limit)) is not None:
            whole += data
        return whole

    @property
    def counters(self):
        return self.core.counters()


def client(**options):
    return End(True, **options)


def server(**options):
    return End(False, **options)


def why(session):
    """(read_reason, write_reason) by name."""
    return ScpReason(session.read_reason).name, ScpReason(session.write_reason).name


class Link:
    """Two ends and the bytes between them, moved in random pieces."""

    def __init__(self, seed=0, **options):
        self.random = random.Random(seed)
        self.client, self.server = client(**options), server(**options)
        self.client.core.accepting = True
        self.wires = {self.client: bytearray(), self.server: bytearray()}    # by receiver

    def peer(self, end):
        return self.server if end is self.client else self.client

    def move(self, end, most=1 << 16):
        """Let `end` send some bytes, and its peer receive some; whether any moved."""
        wire = self.wires[self.peer(end)]
        moved = False
        view = end.core.pending()
        if view is not None and len(wire) < 1 << 18:
            part = self.random.randint(1, min(len(view), most))
            wire += view[:part]
            end.core.sent(part)
            moved = True
        receiver = self.peer(end).core
        if wire and not receiver.stopped:
            part = self.random.randint(1, min(len(wire), most))
            receiver.receive(bytes(wire[:part]), part, end.now)
            del wire[:part]
            moved = True
        return moved

    def settle(self):
        """Until nothing moves any more."""
        while self.move(self.client) | self.move(self.server):
            pass
