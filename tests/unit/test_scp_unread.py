"""Flow control of SCP: when reading from TCP stops, and who has to go when it stops for too long."""
from scp_ends import FIN, PUSH, RST, SYN, client, server, why

OVERHEAD = 80
MARKS = {"session_high_water": 10000, "connection_high_water": 50000}


def test_a_slow_reader_stops_the_connection():
    """SCP-70: above the session's mark, until half is taken."""
    end = server(**MARKS)
    session = end.accepted(1024, bytes(9000))
    assert not end.core.stopped
    end.receive((0, 1024, bytes(2000)))
    assert end.core.stopped
    end.core.read(session, 4000)
    assert end.core.stopped
    end.core.read(session, 3000)
    assert not end.core.stopped


def test_many_sessions_together():
    """SCP-70: the connection's own mark, with each session below its own."""
    end = server(**MARKS)
    sessions = [end.accepted(1024 + 2 * i, bytes(9000)) for i in range(6)]
    assert end.core.stopped
    for session in sessions[:4]:
        assert end.core.stopped
        end.read(session)
    assert not end.core.stopped


def test_ends_of_readers_count_as_reading():
    """SCP-70: a reset or a close gives the memory back at once."""
    for finish in ("close", "reset"):
        end = server(**MARKS)
        session = end.accepted(1024, bytes(11000))
        assert end.core.stopped
        getattr(end.core, finish)(session)
        assert not end.core.stopped
        assert end.core.snapshot()["unread"] == 0


def test_small_pieces_are_counted_with_their_overhead():
    """SCP-70: memory is bounded, whatever the sizes of segments; empty messages too."""
    for data, flags in ((b"x", 0), (b"", PUSH)):
        end = server(**MARKS)
        end.accepted(1024, b"x", PUSH)
        count = 0
        while not end.core.stopped:
            end.receive((flags, 1024, data))
            count += 1
        assert count <= 10000 // OVERHEAD


def test_stalled():
    """SCP-70: after 30 s with a reader waiting, the session with the most unread bytes has to go."""
    end = server(session_high_water=10000)
    slow, small, reader = end.accepted(1024, bytes(11000)), end.accepted(1026, b"few"), end.accepted(1028)
    assert end.core.next_deadline() is None             # nobody waits
    end.core.wait_to_read(reader, end.now)
    assert end.core.next_deadline() == end.now + 30_000_000
    end.core.handle_timeout(end.now + 29_999_999)
    assert slow.open
    end.core.handle_timeout(end.now + 30_000_000)
    assert why(slow) == ("STALLED", "STALLED")
    assert end.sent() == [(RST, 1024, b"")]
    assert (small.open, reader.open, end.core.stopped) == (True, True, False)
    assert end.core.next_deadline() is None


def test_no_stall_when_readers_read():
    """SCP-70: the time begins anew when reading has gone on, and ends when nobody waits any more."""
    end = server(session_high_water=10000)
    slow, reader = end.accepted(1024, bytes(11000)), end.accepted(1026)
    end.core.wait_to_read(reader, end.now)
    end.now += 20_000_000
    end.read(slow)
    assert end.core.next_deadline() is None
    end.receive((0, 1024, bytes(11000)))
    assert end.core.next_deadline() == end.now + 30_000_000
    end.core.stop_waiting_to_read(reader)
    assert end.core.next_deadline() is None
    end.core.wait_to_read(reader, end.now + 5)
    end.core.wait_to_read(reader, end.now + 9)
    assert end.core.next_deadline() == end.now + 5 + 30_000_000


def test_a_stalled_session_that_has_ended():
    """SCP-70: there is no RST for it, but its data goes and its reader learns."""
    end = server(session_high_water=10000)
    ended, reader = end.accepted(1024, bytes(11000), FIN), end.accepted(1026)
    end.core.shutdown(ended)
    end.output()
    assert ended.state == "ended"
    end.core.wait_to_read(reader, end.now)
    end.core.handle_timeout(end.now + 30_000_000)
    assert end.sent() == []
    assert end.read(ended) == b""
    assert why(ended)[0] == "STALLED"
    assert not end.core.stopped


def test_data_wakes_the_reader():
    end = server()
    session = end.accepted(1024)
    end.core.take_ready()
    end.core.wait_to_read(session, end.now)
    assert session.waits_to_read
    end.receive((0, 1024, b"x"))
    assert not session.waits_to_read
    assert end.core.take_ready() == [session]
    assert end.core.take_ready() == []


def test_resets_that_cannot_leave_stop_reading():
    """SCP-62: SYNs that are refused while the peer reads nothing: RSTs are bounded in number."""
    end = server(max_sessions=0)
    for i in range(1025):
        assert not end.core.stopped
        flood = SYN.to_bytes(1, "big") + (1024 + 2 * i).to_bytes(3, "big") + bytes(4)
        end.core.receive(flood, 8, end.now)
    assert end.core.stopped
    assert len(end.sent()) == 1025
    assert not end.core.stopped


def test_a_client_has_the_same_limits():
    end = client(**MARKS)
    session = end.opened(b"x")
    end.output()
    end.receive((0, session.id, bytes(11000)))
    assert end.core.stopped


def test_a_change_of_flow_is_told_once():
    """SCP-70: whoever drives it looks only when reading stops or goes on, or the deadline is another."""
    end = server(session_high_water=10000)
    session, reader = end.accepted(1024), end.accepted(1026)
    end.core.take_ready()
    assert end.core.flow() == (False, None)
    assert not end.core.eventful
    end.receive((0, 1024, bytes(11000)))
    end.core.take_ready()
    assert end.core.eventful
    assert end.core.flow() == (True, None)
    end.core.read(session, 4000)
    assert not end.core.eventful
    end.core.wait_to_read(reader, end.now)
    assert end.core.eventful
    assert end.core.flow() == (True, end.now + 30_000_000)
    assert not end.core.eventful
    end.core.read(session, 3000)
    assert end.core.eventful
    assert end.core.flow() == (False, None)
    assert not end.core.eventful
