"""Two ends of SCP joined: a thousand sessions; any interleaving; any bytes whatever."""
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from scp_ends import Link, server, why

from pysctpsock._cy.scp_wire import ScpReason, encode_header

SESSIONS = 1000
LARGEST = 1 << 20


class Talk:
    """One session: what each side writes, what each side reads."""

    def __init__(self, draw, opener):
        self.opener, self.sides = opener, {}               # dicts by "is the opener's side"
        self.messages = {True: self.drawn_messages(draw), False: self.drawn_messages(draw)}
        self.written = {True: 0, False: 0}
        self.offset = {True: 0, False: 0}
        self.got = {True: [], False: []}
        self.reset_by = draw.choice([None] * 8 + [True, False])
        self.reset_after = draw.randrange(3)

    @staticmethod
    def drawn_messages(draw):
        sizes = [int(LARGEST ** draw.random()) for _ in range(draw.randrange(4))]
        return [draw.randbytes(size) if size < 5000 else draw.randbytes(1000) * (size // 1000)
                for size in sizes if draw.random() < 0.5 or size < 50_000]

    def write(self, core, side):
        """Queue a part of the next message; FIN or RST in the end."""
        session, messages, number = self.sides[side], self.messages[side], self.written[side]
        if side == self.reset_by and number >= self.reset_after:
            core.reset(session)
        elif number < len(messages):
            taken = core.send(session, messages[number], self.offset[side], True)
            if taken >= 0:
                self.offset[side] += taken
                if self.offset[side] == len(messages[number]):
                    self.offset[side], self.written[side] = 0, number + 1
        else:
            core.shutdown(session)

    def read(self, core, side):
        while (message := core.read_message(self.sides[side])) is not None:
            self.got[side].append(message)

    def over(self):
        return len(self.sides) == 2 and not any(session.open for session in self.sides.values())


def test_a_thousand_sessions():
    """SCP-30, SCP-32, SCP-43, SCP-71: sizes to 1 MB both ways, resets, a stream cut anywhere."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    draw = random.Random(seed)
    link = Link(seed)
    ends = {True: link.client, False: link.server}
    talks = {}
    for _ in range(SESSIONS):
        client_opens = draw.random() < 0.5
        opener = ends[client_opens]
        talk = Talk(draw, client_opens)
        talk.sides[True] = opener.core.open()
        talks[talk.sides[True].id] = talk
    open_talks = dict(talks)
    while open_talks:
        for end in ends.values():
            while (session := end.core.accept()) is not None:
                talks[session.id].sides[False] = session
        for session_id, talk in list(open_talks.items()):
            for is_opener, session in talk.sides.items():
                core = ends[talk.opener == is_opener].core
                if session.open:
                    talk.write(core, is_opener)
                talk.read(core, is_opener)
            if talk.over() or (talk.reset_by and not talk.sides[True].open):
                del open_talks[session_id]
        for end in ends.values():
            assert end.core.reason == 0, end.counters
            for _ in range(60):
                link.move(end)
    link.settle()
    resets = 0
    for talk in talks.values():
        for side in talk.sides:
            talk.read(ends[talk.opener == side].core, side)
            expected = talk.messages[not side]
            if talk.reset_by is None:
                assert talk.got[side] == expected
            else:
                assert talk.got[side] == expected[:len(talk.got[side])]
        resets += talk.reset_by is not None
    assert 0 < resets < SESSIONS
    for end in ends.values():
        assert end.core.idle
        assert end.core.snapshot()["unread"] == 0
        assert end.core.reason == 0


# ------------------------------------------------------------------ any interleaving

ACTIONS = st.lists(st.tuples(
    st.sampled_from(["open", "send", "message", "shutdown", "reset", "close", "read", "move", "move"]),
    st.booleans(), st.integers(0, 7), st.integers(0, 400)), max_size=120)


class History:
    """One direction of a session: what was written until its end, what was read."""

    def __init__(self):
        self.written, self.read, self.cut = b"", b"", False


@settings(max_examples=300, deadline=None)
@given(ACTIONS, st.integers(0, 1 << 30))
def test_any_interleaving(actions, seed):
    """SCP-13, SCP-40 to SCP-47: both ends agree on the history of every session, and on who is left."""
    link = Link(seed, max_segment=50, max_queued=500, session_high_water=1000)
    histories, known = {}, {link.client: [], link.server: []}      # (direction's writer, session) -> History

    def partner(session):
        return pairs.get(session)

    pairs = {}

    def read(end, session):
        while (data := end.core.read(session, 100)) is not None:
            histories[session].read += data

    def meet():
        for end in (link.client, link.server):
            while (session := end.core.accept()) is not None:
                opened = opens[link.peer(end), session.id].pop(0)
                pairs[session], pairs[opened] = opened, session
                histories[session] = History()
                known[end].append(session)

    opens = {}
    for action, at_client, index, size in actions:
        end = link.client if at_client else link.server
        if action == "open":
            session = end.core.open()
            histories[session] = History()
            known[end].append(session)
            opens.setdefault((end, session.id), []).append(session)
        elif action == "move":
            link.move(end, 1 + size)
            meet()
        elif known[end]:
            session = known[end][index % len(known[end])]
            if action in ("send", "message"):
                data = bytes([index]) * size
                taken = end.core.send(session, data, 0, action == "message")
                histories[session].written += data[:max(taken, 0)]
            elif action == "read":
                read(end, session)
            else:
                getattr(end.core, action)(session)
        assert end.core.reason == 0, end.counters
    for _ in range(3):                                  # readers take everything until nothing moves
        link.settle()
        meet()
        for end, sessions in known.items():
            for session in sessions:
                read(end, session)
    for session, other in pairs.items():
        mine, theirs = histories[session], histories[other]
        assert theirs.written.startswith(mine.read)
        if session.open or other.open:
            assert session.open == other.open
        clean = why(session) == why(other) == ("NO_REASON", "NO_REASON")
        if clean and not session.discards:
            assert mine.read == theirs.written
            assert session.fin_received == other.fin_sent
        if session.state == "reset-received":
            assert other.state == "reset-sent"
    for end in (link.client, link.server):
        still = {session for session in known[end] if session.open}
        assert {session.id for session in still} == set(end.core.sessions)
        for session in known[end]:
            assert session in pairs or not session.open or session.snapshot()["bytes_out"] == 0


# ------------------------------------------------------------------ any bytes

HEADERS = st.builds(
    lambda flags, session_id, data, extra: encode_header(flags, session_id, len(data) + extra) + data,
    st.integers(0, 15) | st.integers(0, 255),
    st.integers(1024, 1036) | st.integers(0, (1 << 24) - 1),
    st.binary(max_size=40), st.just(0) | st.integers(0, 1 << 30))


@settings(max_examples=500, deadline=None)
@given(st.lists(HEADERS | st.binary(max_size=30), max_size=60), st.integers(1, 50), st.booleans())
def test_any_bytes(parts, cut, ends_well):
    """SCP-50 to SCP-64: any byte stream whatever leaves a legal state; no exception, bounded memory."""
    end = server(max_sessions=4, session_high_water=200, connection_high_water=400, max_resets=3)
    own = end.opened(b"x")
    accepted = []
    stream = b"".join(parts)
    for start in range(0, len(stream), cut):
        part = stream[start:start + cut]
        if end.core.stopped:
            for session in [own, *accepted]:
                end.read(session)
        end.core.receive(part, len(part), end.now)
        end.now += 1000
        end.core.handle_timeout(end.now)
        while (session := end.core.accept()) is not None:
            accepted.append(session)
        check_legal(end, [own, *accepted])
        end.output()
        for session in accepted[::2]:
            end.core.read_message(session)
    if ends_well:
        end.core.eof()
    else:
        end.core.transport_failed(104)
    check_legal(end, [own, *accepted])
    for session in [own, *accepted]:
        assert session.readable or not ends_well
        end.read(session)
        end.core.close(session)
    assert end.core.snapshot()["unread"] == 0


def check_legal(end, sessions):
    """The facts that always hold."""
    core = end.core
    seen = core.snapshot()
    assert core.peer_sessions <= 4
    assert {session for session in sessions if session.open} == set(core.sessions.values())
    assert seen["unread"] <= 400 + 50 + 7 * 80             # the mark, and one read
    assert seen["resets_to_send"] <= 1024 + 60
    for session in sessions:
        assert session.state in {"open", "local-closed", "remote-closed", "ended", "reset-sent",
                                 "reset-received", "lost"}
        if session.state == "ended":
            assert session.fin_sent
            assert session.fin_received
        if core.reason:
            assert not session.open
    assert core.reason == 0 or seen["counters"][ScpReason(core.reason).name] >= 1
