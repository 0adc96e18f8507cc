"""Ending an association: RFC 9260 section 9, over the simulated network."""

import errno
import gc
import itertools

import packets
import pytest
from net import CLIENT, MILLISECOND, SECOND, SERVER, Link, State, pair, parameters, receiver, sender
from packets import DATA, SACK, SHUTDOWN, SHUTDOWN_ACK, SHUTDOWN_COMPLETE

from pysctpsock._cy.association import Association

ASSOC_CHANGE, SHUTDOWN_EVENT = 0x8001, 0x8005


def both_ended(p):
    return lambda: p.client.ended and p.server.ended


def test_three_packets():
    """9260-4-10..12, 9260-4-15, 9260-3-01: SHUTDOWN, SHUTDOWN ACK, SHUTDOWN COMPLETE, each alone."""
    p = pair()
    p.close()
    assert p.story == ["client: SHUTDOWN", "server: SHUTDOWN_ACK", "client: SHUTDOWN_COMPLETE"]
    complete = packets.parse(p.network.records[-1].packet)
    assert complete.chunks[0].flags == 0  # 9260-8.5-04: a TCB existed, T is 0
    assert (p.client.state, p.server.state) == (State.CLOSED, State.CLOSED)


def test_either_side():
    """9260-9.2-01: the one that was called can end it too; the user of the other side is told."""
    p = pair()
    p.server.shutdown()
    assert p.until(both_ended(p))
    assert (p.client.error, p.server.error) == (0, 0)
    assert SHUTDOWN_EVENT in [kind for kind, _ in p.client.notifications]
    assert ASSOC_CHANGE in [kind for kind, _ in p.client.notifications]


def test_both_at_once():
    """9260-4-13, 9260-4-16: SHUTDOWNs that cross."""
    p = pair(link=Link(delay=10 * MILLISECOND))
    p.client.shutdown()
    p.server.shutdown()
    p.run_for(MILLISECOND)
    assert p.states == ("SHUTDOWN_SENT", "SHUTDOWN_SENT")
    assert p.until(both_ended(p), limit=SECOND)
    assert (p.client.error, p.server.error) == (0, 0)
    p.assert_gone()


@pytest.mark.parametrize("lost", [SHUTDOWN, SHUTDOWN_ACK, SHUTDOWN_COMPLETE], ids=lambda t: packets.NAMES[t])
@pytest.mark.parametrize("losses", [1, 3])
def test_loss_of_each_packet(lost, losses):
    """9260-9.2-01, 9260-9.2-02, 9260-8.4-05: T2 repeats; a SHUTDOWN ACK out of the blue is answered."""
    p = pair()
    count = []

    @p.network.on_packet
    def lose(packet, source, destination):
        if packets.has(packet, lost) and len(count) < losses:
            count.append(packet)
            return False

    p.client.shutdown()
    assert p.until(both_ended(p), limit=60 * SECOND), p.states
    assert (p.client.error, p.server.error) == (0, 0)
    assert len(count) == losses
    p.assert_gone()


def test_both_at_once_under_loss():
    """9260-4-13, 9260-4-16, 9260-9.2-02: whatever is lost, crossing SHUTDOWNs end."""
    for seed in range(20):
        p = pair(seed)
        for link in p.network.links(p.client_host, p.server_host):
            link.loss, link.reorder, link.duplicate = 0.3, 0.2, 0.2
        p.client.send(b"last of client")
        p.server.send(b"last of server")
        p.client.shutdown()
        p.server.shutdown()
        assert p.until(both_ended(p)), f"seed {seed}: {p.states} {p.story}"
        assert (p.client.error, p.server.error) == (0, 0), f"seed {seed}"
        assert (p.client.received, p.server.received) == ([b"last of server"], [b"last of client"]), (
            f"seed {seed}"
        )


def test_queued_data_is_delivered_first():
    """9260-4-10, 9260-9.2-01: SHUTDOWN waits until everything is acknowledged."""
    p = pair(link=Link(delay=10 * MILLISECOND, loss=0.05))
    sent = [bytes([i]) * 1400 for i in range(100)]
    for data in sent:
        p.client.send(data)
    p.client.shutdown()
    p.run_for(MILLISECOND)
    assert p.client.state == State.SHUTDOWN_PENDING
    assert p.until(both_ended(p))
    assert p.server.received == sent
    assert (p.client.error, p.server.error) == (0, 0)


def test_peer_sends_what_it_has_queued():
    """9260-4-17, 9260-9.2-03: data of the peer that meets a SHUTDOWN is still delivered, in SHUTDOWN-SENT."""
    p = pair(link=Link(delay=10 * MILLISECOND))
    sent = [bytes([i]) * 1400 for i in range(100)]
    for data in sent:
        p.server.send(data)
    p.client.shutdown()
    p.run_for(MILLISECOND)
    assert p.client.state == State.SHUTDOWN_SENT
    assert p.until(lambda: p.server.state == State.SHUTDOWN_RECEIVED, limit=SECOND)
    assert p.until(both_ended(p))
    assert p.client.received == sent


def test_no_new_data_after_shutdown():
    """9260-9.2-06, 9260-4-17: refused in the SHUTDOWN states, on both sides."""
    p = pair(link=Link(delay=10 * MILLISECOND))
    p.client.shutdown()
    assert p.client.association.submit(b"x", now=p.network.now) not in (0, errno.EAGAIN)
    p.server.send(bytes(20_000))
    p.run_for(15 * MILLISECOND)
    assert p.server.state == State.SHUTDOWN_RECEIVED
    assert p.server.association.submit(b"x", now=p.network.now) not in (0, errno.EAGAIN)


def test_data_in_shutdown_sent_is_answered_by_shutdown():
    """9260-4-14, 9260-9.2-03: at once, by SHUTDOWN with the new cumulative TSN; with a SACK if there is a
    gap.
    """
    r = receiver()
    r.ask(r.data())
    r.side.shutdown()
    (first,) = r.wait(10 * MILLISECOND)
    assert first.types == [SHUTDOWN]
    assert first[SHUTDOWN].cumulative_tsn_ack == r.tsn - 1
    (answer,) = r.ask(r.data(b"late"))
    assert answer.types[-1] == SHUTDOWN and answer[SHUTDOWN].cumulative_tsn_ack == r.tsn - 1
    missing = r.data(b"missing")
    (answer,) = r.ask(r.data(b"behind"))
    assert set(answer.types) == {SACK, SHUTDOWN}
    assert answer[SACK].gaps == [(2, 2)]
    r.ask(missing)
    assert r.side.received == [b"x", b"late", b"missing", b"behind"]
    (answer,) = r.ask(packets.chunk(SHUTDOWN_ACK))
    assert answer.types == [SHUTDOWN_COMPLETE]
    assert r.side.ended and r.side.error == 0


def test_shutdown_acknowledges():
    """9260-3.3.8-01, 9260-4-11: a SHUTDOWN's cumulative TSN counts as acknowledgement."""
    s = sender()
    s.side.send(b"data")
    (packet,) = s.wait(10 * MILLISECOND)
    (answer,) = s.ask(packets.shutdown(packet[DATA].tsn))
    assert answer.types == [SHUTDOWN_ACK]
    assert s.side.state == State.SHUTDOWN_ACK_SENT
    assert s.ask(packets.chunk(SHUTDOWN_COMPLETE)) == []
    assert s.side.ended and s.side.error == 0


def test_shutdown_that_does_not_acknowledge_all():
    """9260-4-11, 9260-4-17, 9260-3.3.8-02: SHUTDOWN-RECEIVED goes on sending until all is acknowledged."""
    s = sender()
    s.side.send(b"data")
    (packet,) = s.wait(10 * MILLISECOND)
    tsn = packet[DATA].tsn
    answers = s.ask(packets.shutdown(tsn - 1))
    assert SHUTDOWN_ACK not in [type for answer in answers for type in answer.types]
    assert s.side.state == State.SHUTDOWN_RECEIVED
    again = s.wait(2 * SECOND)
    assert [chunk.tsn for packet in again for chunk in packet.all(DATA)] == [tsn]
    (answer,) = s.ask(packets.sack(tsn))
    assert answer.types == [SHUTDOWN_ACK]


def test_shutdown_does_not_renege():
    """9260-3.3.8-02: what gap blocks acknowledged stays so, though SHUTDOWN has none."""
    s = sender(nodelay=True)
    for _ in range(4):
        s.side.send(bytes(500))
    (first, *others) = [c.tsn for packet in s.wait(10 * MILLISECOND) for c in packet.all(DATA)]
    s.ask(packets.sack(first - 1, gaps=[(2, 4)]))
    s.ask(packets.shutdown(first - 1))
    assert s.side.snapshot()["outstanding"]["data_bytes"] == 500
    again = [c.tsn for packet in s.wait(3 * SECOND) for c in packet.all(DATA)]
    assert set(again) == {first}
    (answer,) = s.ask(packets.shutdown(others[-1]))
    assert answer.types == [SHUTDOWN_ACK]


@pytest.mark.parametrize("by_peer", [False, True], ids=["SHUTDOWN-PENDING", "SHUTDOWN-RECEIVED"])
def test_end_waits_for_what_has_no_tsn_yet(by_peer):
    """9260-4-10, 9260-4-17, 9260-9.2-01: nothing in flight, a shut window: what is queued goes first."""
    s = sender(nodelay=True)
    s.side.send(b"first")
    (packet,) = s.wait(10 * MILLISECOND)
    tsn = packet[DATA].tsn
    s.ask(packets.sack(tsn, 0))
    s.side.send(b"second")
    if by_peer:
        answers = s.ask(packets.shutdown(tsn))
    else:
        s.side.shutdown()
        answers = s.wait(10 * MILLISECOND)
    assert answers == []
    assert s.side.state == (State.SHUTDOWN_RECEIVED if by_peer else State.SHUTDOWN_PENDING)
    (packet,) = s.ask(packets.sack(tsn, 65536))
    assert packet.types == [DATA] and packet[DATA].payload == b"second"
    (packet,) = s.ask(packets.sack(tsn + 1))
    assert packet.types == [SHUTDOWN_ACK if by_peer else SHUTDOWN]


def test_shutdown_again_is_answered_again():
    """9260-9.2-05, 9260-4-15."""
    s = sender()
    (answer,) = s.ask(packets.shutdown(s.peer_tsn - 1))
    assert answer.types == [SHUTDOWN_ACK]
    (answer,) = s.ask(packets.shutdown(s.peer_tsn - 1))
    assert answer.types == [SHUTDOWN_ACK]


def test_t2_exhaustion_of_shutdown():
    """9260-9.2-02: SHUTDOWN goes again with back-off; at Association.Max.Retrans the association ends."""
    p = pair(parameters=parameters(association_max_retrans=5, heartbeat_enabled=False))
    sent = []

    @p.network.on_packet
    def black_hole(packet, source, destination):
        if source == CLIENT:
            sent.append((p.network.now, packets.parse(packet).types))
        return False

    p.client.shutdown()
    assert p.until(lambda: p.client.ended, limit=1000 * SECOND)
    assert p.client.error == errno.ETIMEDOUT
    times = [time for time, types in sent if types == [SHUTDOWN]]
    assert len(times) == 1 + 5
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert gaps == pytest.approx([2**i * SECOND for i in range(5)], rel=0.02)


def test_t2_exhaustion_of_shutdown_ack():
    """9260-9.2-02: the same for SHUTDOWN ACK."""
    p = pair(parameters=parameters(association_max_retrans=5, heartbeat_enabled=False))

    @p.network.on_packet
    def lose_acks(packet, source, destination):
        if packets.has(packet, SHUTDOWN_ACK):
            p.network.link(CLIENT, SERVER).up = False
            return False

    p.client.shutdown()
    assert p.until(both_ended(p), limit=1000 * SECOND)
    assert p.server.error == errno.ETIMEDOUT
    p.assert_gone()


# --- abort


def test_abort_with_a_reason():
    """9260-9.1-01, 9260-9.1-02, 9260-3.3.7-01: ABORT with cause 12; both ends gone, the peer with
    ECONNRESET, and its user is told the reason (SCTP_COMM_LOST).
    """
    p = pair()
    p.client.abort(b"enough")
    assert p.until(both_ended(p), limit=SECOND)
    (abort,) = (packets.parse(record.packet) for record in p.network.records)
    assert abort.types == [packets.ABORT]
    assert abort.chunks[0].flags == 0
    assert abort.chunks[0].causes == [(12, b"enough")]
    assert p.server.error == errno.ECONNRESET
    kind, (change, code, *_, causes) = p.server.notifications[-1]
    assert (kind, change, code, packets.tlvs(causes)) == (0x8001, 1, 12, [(12, b"enough")])
    p.assert_gone()


@pytest.mark.parametrize("mtu", [512, 1200, 1203, 1500])
@pytest.mark.parametrize("beyond", [-4, -1, 0, 1, 4, 4000, 70_000])
def test_reason_of_an_abort_is_what_one_packet_takes(mtu, beyond):
    """9260-9.1-01: beside 12, 4 and 4 bytes of headers the reason fills the packet; what is longer is cut."""
    p = pair()
    path = p.client.association.path("10.0.0.2")
    p.client.association.change_paths(None, {"path_mtu": mtu}, p.network.now)
    room = (path.pmtu & ~3) - 20
    reason = bytes(i % 251 for i in range(room + beyond))
    p.client.abort(reason)
    assert p.until(both_ended(p), limit=SECOND)
    (record,) = p.network.records
    assert len(record.packet) <= path.pmtu
    assert packets.parse(record.packet).chunks[0].causes == [(12, reason[:room])]


def test_abort_discards_what_is_queued():
    """9260-9.1-01: no DATA goes with or after it."""
    p = pair()
    for _ in range(50):
        p.client.send(bytes(1400))
    p.client.abort()
    p.run_for(SECOND)
    assert p.client.ended and p.server.ended
    assert p.story == ["client: ABORT"]


def test_abort_keeps_what_was_received():
    """9260-9.1-02: messages that arrived before the ABORT can still be read after it."""
    p = pair()
    p.server.reading = False
    p.client.send(b"before")
    p.run_for(SECOND)
    p.client.abort()
    p.run_for(SECOND)
    p.server.read()
    assert p.server.received == [b"before"]


@pytest.mark.parametrize("state", ["COOKIE_WAIT", "COOKIE_ECHOED"])
def test_abort_while_connecting(state):
    """9260-4-18: the ABORT primitive ends an association in any state."""
    p = pair()
    p.network.on_packet(
        lambda packet, source, destination: (
            False
            if packets.first_type(packet)
            in (packets.INIT_ACK if state == "COOKIE_WAIT" else packets.COOKIE_ACK,)
            else None
        )
    )
    client = p.connect(local_port=50_000)
    p.run_for(100 * MILLISECOND)
    assert client.state == State[state]
    client.abort()
    p.run_for(SECOND)
    assert client.state == State.CLOSED
    assert p.client_host.endpoint.association_count == 1  # the one that pair() made


def test_shutdown_while_connecting():
    """9260-9.2, 9260-4-18: a SHUTDOWN request before ESTABLISHED ends cleanly, without leftovers."""
    p = pair()
    client = p.connect(local_port=50_000)
    client.association.shutdown(p.network.now)
    assert p.until(lambda: client.ended, limit=60 * SECOND)
    p.run_for(60 * SECOND)
    assert p.client_host.endpoint.association_count == p.server_host.endpoint.association_count == 1


def test_abort_from_the_peer_with_both_tags():
    """9260-8.5-03: T=0 with our tag, T=1 with the peer's own; anything else is dropped."""
    for tag, flags, ends in (("own", 0, True), ("peer", 1, True), ("own", 1, False), ("peer", 0, False)):
        r = receiver()
        r.ask(packets.abort(flags=flags), tag=r.peer_tag if tag == "own" else r.tag)
        assert r.side.ended == ends, (tag, flags)


def test_port_is_free_after_the_end():
    """9260-5.3.1-01: the same ports again, under new tags."""
    p = pair()
    p.close()
    p.establish()
    p.client.send(b"again")
    assert p.until(lambda: p.server.received == [b"again"])
    p.close()


# --- nothing is left behind


def living_associations():
    gc.collect()
    return sum(isinstance(each, Association) for each in gc.get_objects())


def leave_gracefully(p):
    p.close()


def leave_by_abort(p):
    for side in (p.client, p.server):
        for _ in range(20):
            side.send(bytes(3000))
    p.run_for(1500)
    p.client.abort()
    assert p.until(both_ended(p))


def leave_unread(p):
    p.server.reading = False
    p.client.send(b"nobody reads this")
    p.run_for(SECOND)
    p.server.association.close(p.network.now)
    assert p.until(lambda: p.client.ended and p.server.association.ended)


def leave_unaccepted(p):
    p.listener.accepting = False
    p.connect(local_port=50_000).send(b"nobody reads this")
    p.run_for(SECOND)
    p.listener.listener.close(p.network.now)
    assert p.until(lambda: p.client.ended)


def leave_by_timeout(p):
    p.client.send(bytes(30_000))
    p.network.link(CLIENT, SERVER).up = False
    assert p.until(both_ended(p), limit=10_000 * SECOND)


@pytest.mark.parametrize(
    "leave",
    [
        leave_gracefully,
        leave_by_abort,
        leave_unread,
        leave_unaccepted,
        leave_by_timeout,
    ],
)
def test_ended_associations_are_freed(leave):
    """Bounded memory: when both the core and the user let go, nothing holds an association."""
    before = living_associations()
    leave(pair())
    assert living_associations() == before


def test_autoclose():
    """RFC 6458 section 8.1.8: idle for the time, then a graceful end; DATA either way puts it off."""
    p = pair(parameters=parameters(autoclose=5 * SECOND), server_parameters=parameters())
    for side in (p.client, p.server) * 2:
        p.run_for(3 * SECOND)
        side.send(b"still here")
    p.run_for(4 * SECOND)
    assert p.states == ("ESTABLISHED", "ESTABLISHED")
    p.run_for(2 * SECOND)
    assert p.client.ended and p.server.ended
    p.assert_gone()
