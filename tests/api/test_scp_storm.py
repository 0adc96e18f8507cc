"""A thousand sessions of SCP at the same time, over a TCP connection that is cut into random pieces."""
import contextlib
import os
import random
import socket

import gevent.queue
import gevent.socket
from waiting import until

from pysctpsock import scp

SESSIONS = int(os.environ.get("PYSCTPSOCK_SCP_SESSIONS", 200))
LARGEST = int(os.environ.get("PYSCTPSOCK_SCP_LARGEST", 100_000))
PATIENCE = 200 + SESSIONS        # seconds


@contextlib.contextmanager
def cut_up(address, draw):
    """The address of a relay to `address`, which passes both directions on in pieces of random length."""
    def hand_on(source, target):
        with contextlib.suppress(OSError):
            while piece := source.recv(int(65536 ** draw.random())):
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)

    def relay():
        near, far = listener.accept()[0], gevent.socket.create_connection(address)
        for each in (near, far):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        gevent.joinall([gevent.spawn(hand_on, near, far), gevent.spawn(hand_on, far, near)])

    listener = gevent.socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    relaying = gevent.spawn(relay)
    yield listener.getsockname()
    relaying.kill()
    listener.close()


class Conversation:
    """A session of many: messages are sent, and come back reversed, unless one side resets or lets go."""

    def __init__(self, connection, draw):
        self.connection = connection
        sizes = [int(LARGEST ** draw.random()) for _ in range(draw.randint(1, 3))]
        self.messages = [(draw.randbytes(1000) * (size // 1000 + 1))[:size] for size in sizes]
        self.end = draw.choice(["read"] * 8 + ["reset", "close"])
        self.read = draw.randrange(len(sizes)) if self.end != "read" else len(sizes)
        self.got = []

    def run(self):
        with self.connection.open(self.messages[0], message=True) as session:
            writing = gevent.spawn(self.write, session)
            while len(self.got) < self.read:
                self.got.append(session.recv_message())
            if self.end == "reset":
                session.reset()
            elif self.end == "read":
                assert session.recv_message() is None
        writing.get()

    def write(self, session):
        try:
            for message in self.messages[1:]:
                session.send_message(message)
            if self.end == "read":
                session.shutdown(socket.SHUT_WR)
        except OSError:
            assert self.end != "read"


def reverse(session):
    """Answer messages until the peer ends the session, in whatever way; never cease to read (SCP-70)."""
    def answer():
        with contextlib.suppress(OSError):
            for message in iter(answers.get, None):
                session.send_message(message)
            session.shutdown(socket.SHUT_WR)

    answers = gevent.queue.SimpleQueue()
    answering = gevent.spawn(answer)
    with session:
        with contextlib.suppress(OSError):
            while (message := session.recv_message()) is not None:
                answers.put(message[::-1])
        answers.put(None)
        answering.get()


def test_a_thousand_sessions():
    """SCP-30, SCP-32, SCP-43, SCP-71: at the same time, of both sides, over TCP that is cut anywhere.

    Some are reset, some closed unread.  All others get what was sent, intact and framed, and nothing is left.
    """
    seed = random.randrange(1 << 32)
    print("seed", seed)
    draw = random.Random(seed)
    with (scp.listen(("127.0.0.1", 0)) as listener, cut_up(listener.getsockname(), draw) as address,
          gevent.Timeout(PATIENCE)):
        client = scp.connect(address, accepting=True)
        server = listener.accept()
        conversations = [Conversation(end, draw) for end in (client, server) for _ in range(SESSIONS // 2)]
        answering = []
        accepting = [gevent.spawn(lambda e=end: answering.extend(gevent.spawn(reverse, each) for each in e))
                     for end in (client, server)]
        running = [gevent.spawn(each.run) for each in conversations]
        for each in running:
            each.get()
        for each in conversations:
            assert each.got == [message[::-1] for message in each.messages[:each.read]], seed
        until(lambda: client._core.idle and server._core.idle)
        for end in (client, server):
            seen = end.snapshot()
            assert (seen["reason"], seen["sessions"]) == ("NO_REASON", [])
            print(*(f"{name} {seen[name]}" for name in ("role", "bytes_in", "segments_in", "counters")))
        for each in answering:
            each.get()
        gevent.killall(accepting)
        client.close()
        server.close()
        assert [end.snapshot()["unread"] for end in (client, server)] == [0, 0]
