"""Requirements of RFC 9260 section 9 (ending an association) and 8.4, 8.5."""

import errno

import packets
import pytest
from net import MILLISECOND, SECOND, State, pair, parameters, receiver, sender
from packets import ABORT, DATA, HEARTBEAT_ACK, SHUTDOWN, SHUTDOWN_ACK, SHUTDOWN_COMPLETE, B


def in_shutdown_sent(**options):
    """A puppet whose peer has sent it a SHUTDOWN just now."""
    s = sender(**options)
    s.side.shutdown()
    (packet,) = s.wait(MILLISECOND * 2)
    assert packet.types == [SHUTDOWN] and s.side.state is State.SHUTDOWN_SENT
    return s


def test_any_packet_of_the_peer_clears_the_count_of_shutdowns():
    """9260-9.2-02: Association.Max.Retrans counts anew from each packet, and the back-off begins anew."""
    s = in_shutdown_sent(association_max_retrans=2)
    for _ in range(6):
        seen = [packet.types for packet in s.ask(packets.heartbeat(), wait=1020 * MILLISECOND)]
        assert seen == [[HEARTBEAT_ACK], [SHUTDOWN]]
    (packet,) = s.wait(2 * SECOND)
    assert packet.types == [SHUTDOWN]
    assert s.side.state is State.SHUTDOWN_SENT
    s.wait(5 * SECOND)
    assert s.side.ended and s.side.error == errno.ETIMEDOUT


def test_only_data_puts_a_shutdown_off():
    """9260-9.2-01, 9260-9.2-02, 9260-9.2-03: T2 starts anew for the peer to send its DATA; a peer that
    missed the SHUTDOWN and keeps sending HEARTBEATs gets another one no later for that.
    """
    s = in_shutdown_sent()
    heard = [type for _ in range(3) for packet in s.ask(packets.heartbeat(), wait=400 * MILLISECOND)
             for type in packet.types]
    assert heard.count(SHUTDOWN) == 1
    for _ in range(3):
        (answer,) = s.ask(s.data(b"late"), wait=900 * MILLISECOND)
        assert answer.types == [SHUTDOWN]
    (resent,) = s.wait(200 * MILLISECOND)
    assert resent.types == [SHUTDOWN]


def test_silent_peer_does_not_clear_it():
    """9260-9.2-02, 9260-9.1-01: two resends, then the end, and an ABORT for a peer that only is unheard."""
    s = in_shutdown_sent(association_max_retrans=2)
    answers = s.wait(60 * SECOND)
    assert [packet.types for packet in answers] == [[SHUTDOWN], [SHUTDOWN], [ABORT]]
    assert s.side.ended and s.side.error == errno.ETIMEDOUT
    assert s.endpoint.association_count == 0


def test_guard_timer_ends_a_shutdown_that_lasts():
    """9260-9.2-04: after 5 * RTO.Max an ABORT, although the peer goes on sending packets."""
    s = in_shutdown_sent(rto_max=10 * SECOND)
    for _ in range(45):
        s.ask(packets.heartbeat(), wait=SECOND)
    assert s.side.state is State.SHUTDOWN_SENT
    seen = [type for packet in s.wait(10 * SECOND) for type in packet.types]
    assert ABORT in seen and s.side.ended


def test_resent_shutdown_has_the_current_tsn():
    """9260-9.2-01, 9260-9.2-03: each SHUTDOWN acknowledges what has arrived meanwhile."""
    s = in_shutdown_sent()
    base = s.tsn - 1
    (answer,) = s.ask(s.data(b"late"))
    assert answer[SHUTDOWN].cumulative_tsn_ack == base + 1
    (again,) = s.wait(1100 * MILLISECOND)
    assert again.types == [SHUTDOWN]
    assert again[SHUTDOWN].cumulative_tsn_ack == base + 1
    assert s.side.received == [b"late"]


def test_shutdown_waits_for_what_is_outstanding():
    """9260-9.2-01, 9260-4-10: no SHUTDOWN while a chunk is not acknowledged; then at once."""
    s = sender()
    s.side.send(b"data")
    (packet,) = s.wait(2 * MILLISECOND)
    s.side.shutdown()
    assert s.side.state is State.SHUTDOWN_PENDING
    waited = [type for answer in s.wait(3 * SECOND) for type in answer.types]
    assert waited and set(waited) == {DATA}
    (answer,) = s.ask(packets.sack(packet[DATA].tsn))
    assert answer.types == [SHUTDOWN]


@pytest.mark.parametrize("close_first", [False, True])
def test_shutdown_received_answers_shutdown_chunks_only(close_first):
    """9260-9.2-05, 9260-4-11: the user's shutdown changes nothing; SHUTDOWN ACK when all is acknowledged."""
    r = receiver()
    r.side.send(b"outstanding")
    (packet,) = r.wait(10 * MILLISECOND)
    assert r.ask(packets.shutdown(packet[DATA].tsn - 1)) == []
    assert r.side.state is State.SHUTDOWN_RECEIVED
    if close_first:
        r.side.shutdown()
        assert r.wait(10 * MILLISECOND) == []
        assert r.side.state is State.SHUTDOWN_RECEIVED
    (answer,) = r.ask(packets.shutdown(packet[DATA].tsn))
    assert answer.types == [SHUTDOWN_ACK]
    r.ask(packets.chunk(SHUTDOWN_COMPLETE))
    assert r.side.ended and r.side.error == 0


def test_heartbeats_end_with_the_shutdown():
    """9260-8.3-03: an idle path is heartbeated before, and no more after SHUTDOWN."""
    s = sender(heartbeat_interval=2 * SECOND, association_max_retrans=100)
    s.answers_heartbeats = False
    assert packets.HEARTBEAT in [type for answer in s.wait(6 * SECOND) for type in answer.types]
    s.side.shutdown()
    later = [type for answer in s.wait(60 * SECOND) for type in answer.types]
    assert SHUTDOWN in later and packets.HEARTBEAT not in later


def test_reason_of_an_abort():
    """9260-9.1-01, 9260-9.1-02, 9260-3.3.7-03: ABORT alone, T=0, under the peer's tag, with cause 12."""
    s = sender()
    s.side.send(b"first")
    s.wait(10 * MILLISECOND)
    s.side.send(b"waits")
    s.side.abort(b"enough")
    (answer,) = s.wait(10 * MILLISECOND)
    assert (answer.types, answer.tag, answer.chunks[0].flags) == ([ABORT], s.tag, 0)
    assert answer[ABORT].causes == [(12, b"enough")]
    assert s.wait(5 * SECOND) == []


def test_both_close_at_once_with_data_on_the_way():
    """9260-4-13, 9260-9.2-01: crossing SHUTDOWNs lose no message."""
    p = pair(parameters=parameters(nodelay=True))
    for i in range(10):
        p.client.send(bytes([i]) * 800)
        p.server.send(bytes([i]) * 900)
    p.client.shutdown()
    p.server.shutdown()
    assert p.until(lambda: p.client.ended and p.server.ended)
    assert p.server.received == [bytes([i]) * 800 for i in range(10)]
    assert p.client.received == [bytes([i]) * 900 for i in range(10)]
    assert (p.client.error, p.server.error) == (0, 0)


def test_partial_message_at_the_end_is_not_delivered():
    """9260-9.1-02: what an ABORT cuts off is no message."""
    r = receiver()
    r.ask(r.data(b"whole"), r.data(b"half", flags=B))
    r.ask(packets.abort())
    assert r.side.ended and r.side.received == [b"whole"]
