"""cy/association and the handlers behind it: RFC 9260 sections 4, 5.2, 6, 9 and 11.1.

A hand-made peer sends any chunk in any state.
"""
import errno
import struct
import sys

import pytest
from handmade import (
    ABORT,
    COOKIE_ACK,
    COOKIE_ECHO,
    DATA,
    ERROR,
    HEARTBEAT,
    HEARTBEAT_ACK,
    HOST,
    HOST_PORT,
    INIT,
    INIT_ACK,
    PEER,
    SACK,
    SECOND,
    SHUTDOWN,
    SHUTDOWN_ACK,
    SHUTDOWN_COMPLETE,
    UDP_PORT,
    Peer,
    chunks_of,
    data_chunk,
    packet,
    sack_chunk,
    shutdown_chunk,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from pysctpsock import structs
from pysctpsock._cy.chunks import make_chunk, make_init, make_tlv
from pysctpsock._cy.parameters import ProtocolParameters
from pysctpsock._cy.proto import State

STATES = ["COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED", "SHUTDOWN_PENDING", "SHUTDOWN_SENT",
          "SHUTDOWN_RECEIVED", "SHUTDOWN_ACK_SENT"]
HEARTBEAT_CHUNK = make_chunk(HEARTBEAT, 0, make_tlv(1, b"info"))
COOKIE_ACK_CHUNK = make_chunk(COOKIE_ACK, 0, b"")


def parameters(**changes):
    made = ProtocolParameters()
    for name, value in changes.items():
        assert hasattr(made, name), name
        setattr(made, name, value)
    return made


def state(peer):
    return State(peer.association.state).name


def in_state(name, **changes):
    """A Peer whose association is in that state; nothing waits."""
    peer = Peer(parameters(**changes) if changes else None)
    peer.take()
    if name == "COOKIE_WAIT":
        return peer
    peer.send(peer.init_ack())
    peer.take()
    if name == "COOKIE_ECHOED":
        return peer
    peer.send(COOKIE_ACK_CHUNK)
    own_tsn = peer.association.local_initial_tsn
    if name in ("SHUTDOWN_PENDING", "SHUTDOWN_RECEIVED"):
        peer.association.submit(b"x", now=peer.now)      # outstanding
        peer.take()
    if name in ("SHUTDOWN_PENDING", "SHUTDOWN_SENT"):
        peer.association.shutdown(peer.now)
    elif name in ("SHUTDOWN_RECEIVED", "SHUTDOWN_ACK_SENT"):
        peer.send(shutdown_chunk(own_tsn - 1))
    peer.take()
    assert state(peer) == name
    return peer


class TestDispatch:
    @pytest.mark.parametrize("name", STATES)
    def test_abort_ends_any_state(self, name):
        """9260-4-18"""
        peer = in_state(name)
        peer.send(make_chunk(ABORT, 0, make_tlv(12, b"why")))
        assert peer.association.ended
        assert peer.association.cause_code == 12
        expected = errno.ECONNREFUSED if name.startswith("COOKIE") else errno.ECONNRESET
        assert peer.association.error == expected
        assert peer.take() == []

    @pytest.mark.parametrize("name", STATES)
    def test_data(self, name):
        """9260-6-02"""
        peer = in_state(name)
        peer.send(data_chunk(peer.tsn, b"payload"))
        read = [content for kind, content in peer.notifications() if kind == 0]
        assert read == ([b"payload"] if name in ("ESTABLISHED", "SHUTDOWN_PENDING", "SHUTDOWN_SENT") else [])

    @pytest.mark.parametrize("name", STATES)
    def test_heartbeat(self, name):
        """9260-8.3-02; before the COOKIE ACK the answer waits (9260-5.1-04)."""
        peer = in_state(name)
        peer.send(HEARTBEAT_CHUNK)
        answers = [chunk for chunk in peer.take_chunks() if chunk[0] == HEARTBEAT_ACK]
        assert answers == ([] if name.startswith("COOKIE") else [(HEARTBEAT_ACK, 0, make_tlv(1, b"info"))])

    @pytest.mark.parametrize("name", STATES)
    def test_cookie_ack(self, name):
        """9260-5.2.5-01: outside COOKIE-ECHOED it is dropped."""
        peer = in_state(name)
        peer.send(COOKIE_ACK_CHUNK)
        assert state(peer) == ("ESTABLISHED" if name == "COOKIE_ECHOED" else name)

    @pytest.mark.parametrize("name", STATES[1:])
    def test_init_ack(self, name):
        """9260-5.2.3-01: outside COOKIE-WAIT it is dropped."""
        peer = in_state(name)
        peer.send(peer.init_ack())
        assert state(peer) == name

    @pytest.mark.parametrize("name", STATES)
    def test_shutdown(self, name):
        """9260-4-11, 4-13, 9.2-09"""
        peer = in_state(name)
        peer.send(shutdown_chunk(peer.association.local_initial_tsn - 1))
        assert state(peer) == {
            "ESTABLISHED": "SHUTDOWN_ACK_SENT", "SHUTDOWN_PENDING": "SHUTDOWN_RECEIVED",
            "SHUTDOWN_SENT": "SHUTDOWN_ACK_SENT"}.get(name, name)

    @pytest.mark.parametrize("name", STATES)
    def test_shutdown_ack(self, name):
        """9260-4-12, 4-16; in COOKIE-WAIT and COOKIE-ECHOED it is out of the blue (9260-9.2-08)."""
        peer = in_state(name)
        peer.send(make_chunk(SHUTDOWN_ACK, 0, b""))
        assert bool(peer.association.ended) == (name in ("SHUTDOWN_SENT", "SHUTDOWN_ACK_SENT"))
        complete = [chunk for chunk in peer.take_chunks() if chunk[0] == SHUTDOWN_COMPLETE]
        if name.startswith("COOKIE"):
            assert complete == [(SHUTDOWN_COMPLETE, 1, b"")]
        else:
            assert complete == ([(SHUTDOWN_COMPLETE, 0, b"")] if peer.association.ended else [])

    @pytest.mark.parametrize("name", STATES)
    def test_shutdown_complete(self, name):
        """9260-8.5-04: only in SHUTDOWN-ACK-SENT."""
        peer = in_state(name)
        peer.send(make_chunk(SHUTDOWN_COMPLETE, 0, b""))
        assert bool(peer.association.ended) == (name == "SHUTDOWN_ACK_SENT")
        assert peer.association.error == 0

    @pytest.mark.parametrize(("kind", "goes_on", "reported"), [
        (0x3F, False, False), (0x7F, False, True), (0xBF, True, False), (0xFF, True, True),
        (12, False, False),
    ])
    def test_unknown_chunks(self, kind, goes_on, reported):
        """9260-3.2-05 to -08"""
        peer = in_state("ESTABLISHED")
        unknown = make_chunk(kind, 0, b"abc")
        peer.send(unknown, HEARTBEAT_CHUNK)
        answers = {chunk[0]: chunk[2] for chunk in peer.take_chunks()}
        assert (HEARTBEAT_ACK in answers) == goes_on
        assert answers.get(ERROR) == (make_tlv(6, unknown[:7])[:11] if reported else None)


def chunk_strategy():
    """Chunks that make sense, chunks that lie, and noise; numbers are filled in when they are sent."""
    near = st.integers(-3, 6)
    return st.one_of(
        st.tuples(st.just("data"), near, st.sampled_from([0, 9, 10, 65535]), st.integers(0, 15),
                  st.sampled_from([b"", b"x", b"y" * 1000])),
        st.tuples(st.just("sack"), near,
                  st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=3),
                  st.sampled_from([0, 100, 1 << 20, 0xFFFFFFFF])),
        st.tuples(st.just("shutdown"), near),
        st.tuples(st.just("init ack"), st.sampled_from([0, 1, 10]), st.sampled_from([0, 1500, 1 << 20]),
                  st.sampled_from([b"", b"cookie", bytes(2000)])),
        st.tuples(st.just("init")),
        st.tuples(st.just("raw"), st.sampled_from([*range(16), 64, 128, 130, 132, 192, 193, 255]),
                  st.integers(0, 255), st.binary(max_size=24)),
        st.tuples(st.sampled_from(["heartbeat", "cookie ack", "shutdown ack", "shutdown complete",
                                   "stale cookie"])),
    )


def make(peer, verb, *arguments):
    association = peer.association
    own = association.local_initial_tsn
    if verb == "data":
        offset, stream_id, flags, payload = arguments
        return data_chunk(peer.tsn + offset, payload, stream_id, 0, flags)
    if verb == "sack":
        return sack_chunk(own - 1 + arguments[0], arguments[2], arguments[1])
    if verb == "shutdown":
        return shutdown_chunk(own - 1 + arguments[0])
    if verb == "init ack":
        return peer.init_ack(arguments[2], arguments[1], arguments[0])
    if verb == "init":
        return make_init(INIT, 7, 1 << 20, 10, 10, 1, b"")
    if verb == "raw":
        return make_chunk(*arguments)
    return {"heartbeat": HEARTBEAT_CHUNK, "cookie ack": COOKIE_ACK_CHUNK,
            "shutdown ack": make_chunk(SHUTDOWN_ACK, 0, b""),
            "shutdown complete": make_chunk(SHUTDOWN_COMPLETE, 0, b""),
            "stale cookie": make_chunk(ERROR, 0, make_tlv(3, bytes(4)))}[verb]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(STATES), st.lists(st.lists(chunk_strategy(), min_size=1, max_size=4), max_size=5),
       st.booleans())
def test_any_chunk_in_any_state(name, packets, with_data):
    """Whatever comes with the right tag: no exception, a legal state, well-formed packets, an end."""
    peer = in_state(name)
    if with_data:
        peer.association.submit(b"z" * 3000, now=peer.now)
    for chunks in packets:
        before = state(peer)
        peer.send(*[make(peer, *chunk) for chunk in chunks])
        assert (before, state(peer)) in LEGAL or len(chunks) > 1
        assert bool(peer.association.ended) == (state(peer) == "CLOSED")
        for kind, _flags, value in peer.take_chunks():
            assert kind in (DATA, SACK, HEARTBEAT, HEARTBEAT_ACK, ABORT, SHUTDOWN, SHUTDOWN_ACK, ERROR,
                            COOKIE_ECHO, COOKIE_ACK, SHUTDOWN_COMPLETE, INIT, INIT_ACK)
            assert kind != COOKIE_ECHO or value in (b"", b"cookie", bytes(2000))
    peer.run(1200 * SECOND)                              # a silent peer is given up
    assert peer.association.ended
    assert peer.endpoint.association_count == 0


ENDS = {(name, "CLOSED") for name in [*STATES, "CLOSED"]}
LEGAL = ENDS | {(name, name) for name in STATES} | {
    ("COOKIE_WAIT", "COOKIE_ECHOED"), ("COOKIE_ECHOED", "ESTABLISHED"),
    ("COOKIE_ECHOED", "COOKIE_WAIT"),                    # Stale Cookie (5.2.6)
    ("ESTABLISHED", "SHUTDOWN_RECEIVED"), ("ESTABLISHED", "SHUTDOWN_ACK_SENT"),
    ("SHUTDOWN_PENDING", "SHUTDOWN_SENT"), ("SHUTDOWN_PENDING", "SHUTDOWN_RECEIVED"),
    ("SHUTDOWN_PENDING", "SHUTDOWN_ACK_SENT"), ("SHUTDOWN_SENT", "SHUTDOWN_ACK_SENT"),
    ("SHUTDOWN_RECEIVED", "SHUTDOWN_ACK_SENT"),
}


class TestSend:
    """The SEND primitive: a call that refuses changes nothing."""

    def refused(self, peer, *arguments, **fields):
        data = arguments[0]
        before = peer.association.snapshot(), sys.getrefcount(data)
        result = peer.association.submit(*arguments, now=peer.now, **fields)
        assert (peer.association.snapshot(), sys.getrefcount(data)) == before
        return result

    @pytest.mark.parametrize(("data", "stream_id"), [
        (b"", 0), (b"x", 10), (b"x", 65535), (b"x", -1), (b"x", 65536),
    ])
    def test_einval(self, data, stream_id):
        """9260-3.3.1-02, 5.1.1-02"""
        assert self.refused(in_state("ESTABLISHED"), data, stream_id) == errno.EINVAL

    def test_emsgsize(self):
        peer = in_state("ESTABLISHED", send_buffer=1000)
        assert self.refused(peer, bytes(1001)) == errno.EMSGSIZE
        assert peer.association.submit(bytes(1000), now=peer.now) == 0

    @pytest.mark.parametrize("name", STATES[3:])
    def test_eshutdown(self, name):
        """9260-9.2-06"""
        assert self.refused(in_state(name), b"x") == errno.ESHUTDOWN

    def test_eshutdown_once_a_close_is_pending(self):
        peer = in_state("COOKIE_WAIT")
        assert peer.association.submit(b"x", now=peer.now) == 0
        peer.association.shutdown(peer.now)
        assert self.refused(peer, b"y") == errno.ESHUTDOWN

    def test_epipe(self):
        peer = in_state("ESTABLISHED")
        peer.association.abort(b"", peer.now)
        assert self.refused(peer, b"x") == errno.EPIPE

    def test_eagain_until_there_is_room(self):
        peer = in_state("ESTABLISHED", send_buffer=1000)
        count = 0
        while peer.association.submit(b"x" * 100, now=peer.now) == 0:
            count += 1
        assert count == 6                    # 180 bytes each, until 1000 are charged
        assert self.refused(peer, b"x") == errno.EAGAIN
        peer.take()
        peer.endpoint.take_ready()
        peer.run(SECOND // 2)
        assert all(not flags & 2 for _user, flags in peer.endpoint.take_ready())
        peer.send(sack_chunk(peer.association.local_initial_tsn))        # 1080 - 180 are left
        assert dict(peer.endpoint.take_ready())[peer.user] & 2
        assert peer.association.submit(b"x", now=peer.now) == 0

    @pytest.mark.parametrize("name", STATES[:3])
    def test_taken(self, name):
        """9260-5.1-04: before the COOKIE ACK it waits, or goes behind the COOKIE ECHO."""
        peer = in_state(name)
        assert peer.association.submit(b"hello", 3, 0, 0, now=peer.now) == 0
        sent = [chunk for chunk in peer.take_chunks() if chunk[0] == DATA]
        assert len(sent) == (1 if name == "ESTABLISHED" else 0)


class TestBundling:
    def test_oversized_cookie(self):
        """9260-3.3.3-06, 5.1-04: a cookie greater than the path MTU goes alone and whole; DATA waits."""
        peer = Peer()
        peer.take()
        peer.association.submit(b"data" * 100, now=peer.now)
        cookie = bytes(range(256)) * 10
        peer.send(peer.init_ack(cookie, parameters=make_tlv(0xC123, b"report me")))
        assert [chunks_of(data) for data in peer.take()] == [[(COOKIE_ECHO, 0, cookie)]]
        peer.send(COOKIE_ACK_CHUNK)
        assert sorted(chunk[0] for chunk in peer.take_chunks()) == [DATA, ERROR]

    def test_reports_on_parameters_are_few(self):
        """9260-12-02; an INIT ACK of 64 KB full of them once made an ERROR too long for its length field."""
        peer = Peer()
        peer.take()
        unknown = b"".join(make_tlv(0xC100 + i, bytes(4088 if i else 4084)) for i in range(16))
        assert len(unknown) == 65468         # as much as a UDP datagram takes
        peer.send(peer.init_ack(b"", parameters=unknown))
        assert state(peer) == "COOKIE_ECHOED"
        assert sum(len(data) for data in peer.take()) < 1500

    def test_oversized_report(self):
        """What reports a chunk greater than the path MTU is sent, and spoils no other packet."""
        peer = in_state("ESTABLISHED")
        unknown = make_chunk(0xFF, 0, bytes(range(250)) * 8)
        peer.send(unknown, data_chunk(peer.tsn))
        packets = peer.take()
        assert sum(len(data) > 1500 for data in packets) == 1
        assert sorted(chunk[0] for data in packets for chunk in chunks_of(data)) == [SACK, ERROR]

    def test_report_that_is_too_long_for_the_answer(self):
        """9260-12-01: beside another answer there is no second packet for it."""
        peer = in_state("ESTABLISHED")
        peer.send(HEARTBEAT_CHUNK, make_chunk(0xFF, 0, bytes(1460)), data_chunk(peer.tsn))
        assert sorted(chunk[0] for chunk in peer.take_chunks()) == [SACK, HEARTBEAT_ACK]

    def test_init_ack_is_alone(self):
        """9260-3-01: behind another chunk it is not believed; nothing is sent that was never there."""
        peer = Peer()
        peer.take()
        peer.send(HEARTBEAT_CHUNK, peer.init_ack(), COOKIE_ACK_CHUNK)
        assert state(peer) == "COOKIE_WAIT"
        assert peer.take() == []

    def test_control_chunks_do_not_pile_up(self):
        """A peer that withholds its COOKIE ACK cannot make us hoard answers."""
        peer = in_state("COOKIE_ECHOED")
        unknown = make_chunk(0xFF, 0, bytes(1000))
        for _ in range(1000):
            peer.send(unknown)
        peer.send(COOKIE_ACK_CHUNK)
        assert sum(len(data) for data in peer.take()) < 100_000

    def test_reports_of_invalid_streams_are_few(self):
        """9260-12-01: one small answer for a packet."""
        peer = in_state("ESTABLISHED")
        peer.send(*[data_chunk(peer.tsn + i, stream_id=99) for i in range(500)])
        errors = [value for kind, _flags, value in peer.take_chunks() if kind == ERROR]
        assert len(errors) == 1
        assert 8 <= len(errors[0]) <= 64


class TestCookieEchoWhileUp:
    """5.2.4"""

    def responder(self, name="ESTABLISHED"):
        """An association that the peer opened: (Peer whose association it is, the peer's COOKIE ECHO)."""
        peer = Peer()
        peer.association.abort(b"", peer.now)
        peer.take()
        listener = peer.endpoint.listen(peer.user, "", HOST_PORT, 5)
        cookie, tag = peer.init(0x55667788, tsn=peer.tsn)
        echo = make_chunk(COOKIE_ECHO, 0, cookie)
        peer.send(echo, tag=tag)
        peer.association, peer.tag = listener.accept(), 0x55667788
        if name == "SHUTDOWN_SENT":
            peer.association.shutdown(peer.now)
        elif name == "SHUTDOWN_ACK_SENT":
            peer.send(shutdown_chunk(peer.association.local_initial_tsn - 1))
        peer.take()
        assert state(peer) == name
        return peer, echo

    @pytest.mark.parametrize("name", ["ESTABLISHED", "SHUTDOWN_SENT", "SHUTDOWN_ACK_SENT"])
    def test_duplicate(self, name):
        """9260-5.2.4-08, action D: only COOKIE-ECHOED becomes ESTABLISHED."""
        peer, echo = self.responder(name)
        peer.send(echo)
        assert state(peer) == name
        assert COOKIE_ACK in [chunk[0] for chunk in peer.take_chunks()]

    def restart(self, peer):
        cookie, tag = peer.init(0x99AABBCC, tsn=500)
        peer.send(make_chunk(COOKIE_ECHO, 0, cookie), tag=tag)
        peer.tag, peer.tsn = 0x99AABBCC, 500

    @pytest.mark.parametrize("name", ["COOKIE_ECHOED", "ESTABLISHED", "SHUTDOWN_RECEIVED"])
    def test_restart(self, name):
        """9260-5.2.4-04, action A: everything begins anew, timers too."""
        peer = in_state(name, heartbeat_enabled=False)
        before = peer.association.local_tag
        self.restart(peer)
        if name == "COOKIE_ECHOED":          # our own tag is in the cookie: that is a collision, action B
            assert peer.association.local_tag == before
        else:
            assert peer.association.local_tag != before
        assert state(peer) == "ESTABLISHED"
        peer.take()
        peer.run(1000 * SECOND)              # no timer of the old association is left
        assert state(peer) == "ESTABLISHED"
        assert peer.take() == []
        peer.send(data_chunk(500, b"anew"))
        assert (0, b"anew") in peer.notifications()

    def test_restart_in_shutdown_ack_sent(self):
        """9260-9.2-07: the INIT is answered by SHUTDOWN ACK."""
        peer = in_state("SHUTDOWN_ACK_SENT")
        peer.send(make_init(INIT, 7, 1 << 20, 10, 10, 1, b""), tag=0)
        assert peer.take_chunks() == [(SHUTDOWN_ACK, 0, b"")]

    @pytest.mark.parametrize("name", ["SHUTDOWN_PENDING", "SHUTDOWN_SENT"])
    def test_restart_of_what_the_user_has_left(self, name):
        """Nobody would ever end it: it is shut down again (as Linux does)."""
        peer = in_state("ESTABLISHED")
        if name == "SHUTDOWN_PENDING":
            peer.association.submit(b"x", now=peer.now)
            peer.take()
        peer.association.close(peer.now)
        peer.take()
        assert state(peer) == name
        self.restart(peer)
        assert state(peer) == "SHUTDOWN_SENT"
        kinds = [chunk[0] for chunk in peer.take_chunks()]
        assert kinds[0] == COOKIE_ACK
        assert SHUTDOWN in kinds


class TestWindows:
    def test_receive_memory_is_bounded(self):
        """9260-6.2-02: a TSN far ahead is no leave to fill the gap below it without bound."""
        peer = in_state("ESTABLISHED", receive_buffer=10_000)
        peer.send(data_chunk(peer.tsn + 1000, flags=2))
        for i in range(1, 1000):
            peer.send(data_chunk(peer.tsn + i, bytes(1000), flags=0))
        peer.take()
        tsn_map = peer.association.tsn_map
        held = sum(end - start + 1 for start, end in tsn_map.gaps())
        assert 10 <= held <= 21

    def test_rwnd_is_renewed_by_the_ack_of_a_shutdown(self):
        """9260-6.2.1-01: what a SHUTDOWN acknowledges is no longer in the peer's window.

        In SHUTDOWN-SENT a peer answers DATA by SHUTDOWN (9.2), so there may be no SACK for a long time.
        """
        peer = Peer()
        peer.establish(a_rwnd=5000)
        for _ in range(20):
            peer.association.submit(bytes(1000), now=peer.now)
        tsn, received, start = peer.association.local_initial_tsn - 1, 0, peer.now
        for _ in range(30):
            received += sum(chunk[0] == DATA for chunk in peer.take_chunks())
            peer.send(shutdown_chunk(tsn + received))
        assert received == 20
        assert state(peer) == "SHUTDOWN_ACK_SENT"
        assert peer.now == start             # no timer had to help

    def test_window_grows_after_a_timeout(self):
        """9260-7.2.1-02: one packet until it is acknowledged; then cwnd may be overrun and grows (6.1 B)."""
        peer = in_state("ESTABLISHED")
        for _ in range(40):
            peer.association.submit(bytes(1400), now=peer.now)
        assert len([chunk for chunk in peer.take_chunks() if chunk[0] == DATA]) == 4
        peer.run(1100_000)                   # T3
        assert [chunk[0] for chunk in peer.take_chunks()] == [DATA]
        tsn, sizes = peer.association.local_initial_tsn - 1, []
        for _ in range(8):
            acked = peer.association.snapshot()["outstanding"]
            in_flight = acked["chunks"] - acked["marked"]
            tsn += max(in_flight, 1)
            peer.send(sack_chunk(tsn))
            sizes.append(len([chunk for chunk in peer.take_chunks() if chunk[0] == DATA]))
        assert max(sizes) >= 3, sizes

    def test_notifications_do_not_pile_up(self):
        """Reports of a peer, which cost it four bytes each, are kept in bounded number."""
        peer = in_state("ESTABLISHED")
        for _ in range(20):
            peer.send(make_chunk(ERROR, 0, make_tlv(99, b"") * 4000))
        assert 1 <= len(peer.notifications()) <= 2000


class TestEnd:
    def test_close_with_unread_data_aborts(self):
        peer = in_state("ESTABLISHED")
        peer.send(data_chunk(peer.tsn))
        peer.association.close(peer.now)
        assert ABORT in [chunk[0] for chunk in peer.take_chunks()]

    def test_close_is_graceful(self):
        peer = in_state("ESTABLISHED")
        peer.association.close(peer.now)
        assert [chunk[0] for chunk in peer.take_chunks()] == [SHUTDOWN]
        peer.send(make_chunk(SHUTDOWN_ACK, 0, b""))
        assert peer.association.ended
        assert peer.association.error == 0

    @pytest.mark.parametrize(("name", "error"), [
        ("COOKIE_WAIT", errno.ETIMEDOUT), ("COOKIE_ECHOED", errno.ETIMEDOUT),
        ("SHUTDOWN_SENT", errno.ETIMEDOUT), ("SHUTDOWN_ACK_SENT", errno.ETIMEDOUT),
    ])
    def test_a_silent_peer(self, name, error):
        """9260-4-07, 4-09, 9.2-02"""
        peer = in_state(name)
        peer.run(1000 * SECOND)
        assert peer.association.ended
        assert peer.association.error == error

    def test_twice(self):
        peer = in_state("ESTABLISHED")
        peer.association.abort(b"reason", peer.now)
        assert peer.take_chunks() == [(ABORT, 0, make_tlv(12, b"reason")[:10])]
        peer.association.abort(b"again", peer.now)
        peer.association.shutdown(peer.now)
        peer.association.close(peer.now)
        assert peer.take() == []


def test_addresses():
    peer = in_state("ESTABLISHED")
    assert (peer.association.local_host, peer.association.peer_host) == (HOST, PEER)
    assert peer.association.snapshot()["paths"][0]["udp_port"] == UDP_PORT


def test_packets_are_sealed_and_tagged():
    """9260-8.5-01: the peer's Initiate Tag, but 0 with INIT."""
    peer = Peer()
    init, = peer.take()
    assert struct.unpack(">HHI", init[:8]) == (HOST_PORT, 5000, 0)
    peer.send(peer.init_ack())
    echo, = peer.take()
    assert echo == packet(HOST_PORT, 5000, peer.tag, make_chunk(COOKIE_ECHO, 0, b"cookie"))


class TestSetUp:
    """What goes wrong before the association is up."""

    def test_streams_that_the_peer_does_not_accept(self):
        """9260-5.1.1-02: messages queued for them are given back, both ways that RFC 6458 has; others go."""
        peer = Peer()
        peer.take()
        for stream_id in (0, 9, 4, 5):
            peer.association.submit(b"%d" % stream_id, stream_id, now=peer.now)
        peer.send(peer.init_ack(inbound=5))
        peer.send(COOKIE_ACK_CHUNK)
        sent = [value[12:] for kind, _, value in peer.take_chunks() if kind == DATA]
        assert sorted(sent) == [b"0", b"4"]
        kinds = [kind for kind, _ in peer.notifications()]
        assert kinds.count(0x8003) == 2
        assert peer.association.send_queue.snapshot()["messages"] == 0

    @pytest.mark.parametrize("length", [0, 4, 15])
    def test_init_ack_that_is_cut(self, length):
        """9260-3.3.3-01, 9260-5.1-07: it is refused, as on Linux; waiting for a better one helps nobody."""
        peer = Peer()
        peer.take()
        peer.send(make_chunk(INIT_ACK, 0, peer.init_ack()[4:4 + length]))
        assert (state(peer), peer.endpoint.drops) == ("CLOSED", {"malformed_chunk": 1})
        assert [(kind, flags) for kind, flags, _ in peer.take_chunks()] == [(ABORT, 1)]

    def test_cookies_that_are_always_stale(self):
        """9260-5.2.5-02: after Max.Init.Retransmits new starts it gives up."""
        peer = in_state("COOKIE_ECHOED", max_init_retransmits=3)
        for attempt in range(4):
            assert state(peer) == "COOKIE_ECHOED", attempt
            peer.send(make_chunk(ERROR, 0, make_tlv(3, bytes(4))))
            if not peer.association.ended:
                peer.take()
                peer.send(peer.init_ack())
                peer.take()
        assert peer.association.error == errno.ETIMEDOUT

    def test_t1_of_less_than_the_rto(self):
        """SCTP_INITMSG's sinit_max_init_timeo bounds T1, the first one too."""
        peer = Peer(parameters(max_init_timeout=300_000))
        peer.take()
        peer.run(1_000_000)
        assert len(peer.take()) == 3
        peer.send(peer.init_ack())
        peer.take()
        peer.run(1_000_000)
        assert [chunk[0] for chunk in peer.take_chunks()] == [COOKIE_ECHO] * 3


def test_snapshot_has_what_status_structures_need():
    """RFC 6458 sections 8.2.1 and 8.2.2: from one call, each field of sctp_status and sctp_paddrinfo."""
    state = Peer().establish().association.snapshot()
    primary = state["paths"][state["primary"]]
    status = {
        "sstat_assoc_id": state["assoc_id"], "sstat_state": state["state"], "sstat_rwnd": state["peer_rwnd"],
        "sstat_unackdata": state["outstanding"]["chunks"], "sstat_penddata": state["unread_records"],
        "sstat_instrms": state["inbound_streams"], "sstat_outstrms": state["outbound_streams"],
        "sstat_fragmentation_point": primary["pmdcs"] - 16, "sstat_primary": primary}
    address = {
        "spinfo_assoc_id": state["assoc_id"], "spinfo_address": (primary["address"], state["peer_port"]),
        "spinfo_state": primary["state"], "spinfo_cwnd": primary["cwnd"], "spinfo_srtt": primary["srtt"],
        "spinfo_rto": primary["rto"], "spinfo_mtu": primary["mtu"]}
    assert list(status) == [name for name, *_ in structs.sctp_status._fields_]
    assert {*address} == {name for name, *_ in structs.sctp_paddrinfo._fields_}
    assert (status["sstat_state"], status["sstat_unackdata"]) == ("ESTABLISHED", 0)
    assert all(value is not None for value in [*status.values(), *address.values()])
