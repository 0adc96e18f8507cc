"""Every association that its user has left ends in bounded time, and whoever gives up says so.

RFC 9260 sections 8.1 (failure), 9.1 (ABORT) and 9.2 (T2-shutdown, T5-shutdown-guard); the promise on closed
sockets is that of docs/architecture.md.
"""

import errno

import packets
import pytest
from net import CLIENT, MILLISECOND, SECOND, SERVER, State, pair, parameters, receiver, sender
from packets import ABORT, COOKIE_ACK, COOKIE_ECHO, DATA, HEARTBEAT, INIT_ACK, SHUTDOWN, SHUTDOWN_ACK

MINUTE = 60 * SECOND
GUARD = 5 * MINUTE  # 5 * RTO.Max
STEPS = 16  # parts of what is left in the send buffer, each of which must go within a guard interval
LONGEST = (STEPS + 1) * GUARD


def close(peer):
    """The user leaves; the association is an orphan."""
    peer.left = peer.side.association
    peer.left.close(peer.network.now)


def ends_within(peer, limit, meanwhile=lambda: None, step=20 * SECOND):
    """Let the peer act every `step` until the association has ended; how long that took."""
    start = peer.network.now
    while not peer.left.ended:
        assert peer.network.now - start <= limit, f"{peer.left.snapshot()['state']} after {limit // SECOND} s"
        meanwhile()
        peer.wait(step)
    peer.wait(SECOND)
    assert peer.endpoint.association_count == 0
    return peer.network.now - start


def last_abort(peer):
    """The causes of the ABORT, with the peer's tag, that was the last packet."""
    last = peer.inbox[-1]
    assert (last.types, last.tag, last.chunks[0].flags) == ([ABORT], peer.tag, 0)
    return [code for code, _ in last.chunks[0].causes]


def shut(by_peer, **options):
    """An orphan with data that a peer with a shut window does not take, but probes are answered."""
    s = sender(nodelay=True, **options)
    for _ in range(10):
        s.side.send(bytes(1000))
    s.wait(10 * MILLISECOND)
    s.ask(packets.sack(s.inbox[0][DATA].tsn, 0))
    if by_peer:
        s.ask(packets.shutdown(s.inbox[0][DATA].tsn))
    close(s)
    s.wait(MILLISECOND)
    assert s.side.state == (State.SHUTDOWN_RECEIVED if by_peer else State.SHUTDOWN_PENDING)
    return s


@pytest.mark.parametrize("by_peer", [False, True], ids=["SHUTDOWN-PENDING", "SHUTDOWN-RECEIVED"])
def test_shut_window(by_peer):
    """9260-9.2-04: acknowledgements that advance nothing keep no closed association alive."""
    s = shut(by_peer)
    first = s.inbox[0][DATA].tsn
    took = ends_within(s, LONGEST, lambda: s.send(packets.sack(first, 0)))
    assert GUARD <= took <= GUARD + MINUTE
    assert s.side.error == errno.ETIMEDOUT and last_abort(s) == [13]


def test_gap_blocks_are_no_progress():
    """9260-9.2-04, 9260-6.2.1-04: what a gap block says can be taken back, again and again."""
    s = shut(False)
    first = s.inbox[0][DATA].tsn
    turns = iter(range(10_000))
    took = ends_within(
        s, LONGEST, lambda: s.send(packets.sack(first, 65536, gaps=[(3, 3)] if next(turns) & 1 else []))
    )
    assert took <= GUARD + MINUTE


@pytest.mark.parametrize("by_peer", [False, True], ids=["SHUTDOWN-PENDING", "SHUTDOWN-RECEIVED"])
def test_slow_peer_gets_its_data(by_peer):
    """9260-9.2-01: one that takes a sixteenth of what is left each guard interval gets everything."""
    s = shut(by_peer)
    first = s.inbox[0][DATA].tsn
    acknowledged = iter(range(first + 1, first + 10))

    def take_one():
        tsn = next(acknowledged, None)
        if tsn is not None:
            s.send(packets.sack(tsn, 1000))

    end = SHUTDOWN_ACK if by_peer else SHUTDOWN
    start = s.network.now
    while not any(end in packet.types for packet in s.inbox):
        assert s.network.now - start < LONGEST
        take_one()
        s.wait(GUARD - MINUTE)
    assert s.network.now - start > 7 * GUARD
    sent = {chunk.tsn for packet in s.inbox for chunk in packet.all(DATA)}
    assert len(sent) == 10
    s.ask(packets.chunk(packets.SHUTDOWN_COMPLETE if by_peer else SHUTDOWN_ACK))
    assert s.left.ended and s.side.error == 0


def test_too_slow_a_peer_does_not():
    """9260-9.2-04: progress of a byte a guard interval is none; it is over after 17 of them at the latest."""
    s = sender(nodelay=True, send_buffer=1 << 20)
    for _ in range(1000):
        s.side.send(bytes(100))
    s.wait(10 * MILLISECOND)
    base = s.inbox[0][DATA].tsn - 1
    close(s)
    counter = iter(range(1, 100_000))
    took = ends_within(s, LONGEST, lambda: s.send(packets.sack(base + next(counter), 2000)), step=MINUTE)
    assert took <= 2 * GUARD
    assert last_abort(s) == [13]


def test_data_for_ever_in_shutdown_sent():
    """9260-9.2-03, 9260-9.2-04: DATA puts T2 off, but not the guard."""
    r = receiver()
    close(r)
    r.wait(MILLISECOND)
    assert r.side.state == State.SHUTDOWN_SENT
    took = ends_within(r, LONGEST, lambda: r.send(r.data()))
    assert GUARD <= took <= GUARD + MINUTE
    assert last_abort(r) == [13]


@pytest.mark.parametrize("closed", [False, True])
def test_shutdown_for_ever_in_shutdown_ack_sent(closed):
    """9260-9.2-02: only the sender of the SHUTDOWN begins its count anew; SHUTDOWN ACK goes so often."""
    r = receiver()
    answers = r.ask(packets.shutdown(r.peer_tsn - 1))
    assert answers[-1].types == [SHUTDOWN_ACK]
    r.left = r.side.association
    if closed:
        close(r)
    took = ends_within(r, 15 * MINUTE, lambda: r.send(packets.shutdown(r.peer_tsn - 1)))
    assert not closed or took <= GUARD + MINUTE
    assert last_abort(r) == [13]


def test_restarts_for_ever():
    """9260-5.2.4-04, 9260-9.2-04: a peer that begins anew, again and again, does not put the guard off."""
    r = receiver()
    r.side.send(b"nobody waits for this")
    close(r)

    def restart():
        r.tag, r.tsn = r.tag + 1, 5000
        r.forget()
        (answer,) = [p for p in r.ask(packets.init(r.tag, r.tsn), tag=0) if INIT_ACK in p.types]
        r.peer_tag = answer[INIT_ACK].initiate_tag
        r.ask(packets.chunk(COOKIE_ECHO, 0, dict(answer[INIT_ACK].parameters)[packets.STATE_COOKIE]))

    assert ends_within(r, LONGEST, restart) <= 2 * GUARD + MINUTE


def test_owned_association_waits_for_a_shut_window():
    """RFC 9260 section 9.2: after shutdown() alone the user still owns it; it may wait, and may close."""
    s = sender(nodelay=True)
    for _ in range(2):
        s.side.send(bytes(1000))
    s.wait(10 * MILLISECOND)
    tsn = s.inbox[0][DATA].tsn
    s.ask(packets.sack(tsn, 0))
    s.side.shutdown()
    for _ in range(120):
        s.ask(packets.sack(tsn, 0), wait=20 * SECOND)
    assert s.side.state == State.SHUTDOWN_PENDING
    close(s)
    assert ends_within(s, LONGEST, lambda: s.send(packets.sack(tsn, 0))) <= GUARD + MINUTE


def test_left_during_set_up():
    """9260-4-18: also where Max.Init.Retransmits alone would let it go on for hours."""
    p = pair(parameters=parameters(max_init_retransmits=1000))
    client = p.connect(local_port=50_000)
    p.network.link(CLIENT, SERVER).up = False
    client.association.submit(b"data that waits", now=p.network.now)
    client.association.close(p.network.now)
    assert p.until(lambda: client.association.ended, limit=GUARD + MINUTE)


# --- giving up


def quiet(side, peer, kind):
    """Nothing of the peer comes any more in a state where this is what goes again and again."""
    peer.answers_heartbeats = False
    if kind == DATA:
        side.send(b"data")
    elif kind == SHUTDOWN:
        side.shutdown()
    elif kind == SHUTDOWN_ACK:
        peer.ask(packets.shutdown(peer.peer_tsn - 1))


@pytest.mark.parametrize("kind", [DATA, HEARTBEAT, SHUTDOWN, SHUTDOWN_ACK], ids=lambda t: packets.NAMES[t])
def test_giving_up_is_said(kind):
    """9260-8.1-01, 9260-9.1-01: the peer may only be unheard: ABORT with its tag, as Linux and usrsctp do."""
    s = sender(association_max_retrans=3)
    quiet(s.side, s, kind)
    s.wait(20 * MINUTE)
    assert s.side.ended and s.side.error == errno.ETIMEDOUT
    assert s.inbox[-2].types == [kind]
    assert last_abort(s) == [13]
    code = [content[1] for type, content in s.side.notifications if type == 0x8001][-1]
    assert code == 0  # the cause is not one of the peer's


def test_giving_up_in_cookie_echoed():
    """9260-4-09, 9260-5.1-06: the tag is known, and the peer may be up already."""
    p = pair(parameters=parameters(max_init_retransmits=3))
    p.network.on_packet(lambda packet, *_: False if packets.has(packet, COOKIE_ACK) else None)
    client = p.connect(local_port=50_000)
    assert p.until(lambda: client.ended, limit=10 * MINUTE)
    p.run_for(SECOND)
    assert client.error == errno.ETIMEDOUT
    assert p.listener.sides[-1].ended and p.listener.sides[-1].error == errno.ECONNRESET


def test_giving_up_in_cookie_wait():
    """9260-4-07: no tag is known, so nothing is said."""
    p = pair(parameters=parameters(max_init_retransmits=3))
    p.network.link(SERVER, CLIENT).up = False
    client = p.connect(local_port=50_000)
    assert p.until(lambda: client.ended, limit=10 * MINUTE)
    assert not any(packets.has(record.packet, ABORT) for record in p.network.records)


def test_nobody_stays_half_open():
    """9260-8.1-01: one way is broken; the side that hears nothing ends the other's association, too."""
    p = pair(parameters=parameters(heartbeat_enabled=False))
    p.network.link(SERVER, CLIENT).up = False
    p.client.send(b"data")
    assert p.until(lambda: p.client.ended, limit=20 * MINUTE)
    p.run_for(SECOND)
    assert p.client.error == errno.ETIMEDOUT
    assert p.server.ended and p.server.error == errno.ECONNRESET
    p.assert_gone()
