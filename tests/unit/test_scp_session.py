"""The states of one SCP session, by its table (docs/scp.md, section "Ending")."""
from scp_ends import FIN, PUSH, RST, client, server, why


def both():
    """(end, session) for a session opened here, and for one of the peer's; both have exchanged data."""
    ours, theirs = client(), server()
    session = ours.opened(b"x")
    ours.output()
    ours.receive((0, session.id, b"y"))
    ours.read(session)
    yield ours, session
    session = theirs.accepted(1024, b"x")
    theirs.core.send(session, b"y")
    theirs.output()
    theirs.read(session)
    yield theirs, session


def test_open():
    """SCP-34: a segment with no flag and no data does nothing."""
    for end, session in both():
        assert session.state == "open"
        assert end.receive((0, session.id, b"abc"), (0, session.id)) == []
        assert end.read(session) == b"abc"
        assert end.core.send(session, b"d") == 1


def test_remote_closed():
    """SCP-40: each direction ends by itself; the other goes on."""
    for end, session in both():
        assert end.receive((FIN, session.id, b"last")) == []
        assert session.state == "remote-closed"
        assert end.read(session) == b"last"
        assert session.readable
        assert why(session) == ("NO_REASON", "NO_REASON")
        end.core.send(session, b"still")
        end.core.shutdown(session)
        assert end.sent() == [(FIN, session.id, b"still")]
        assert session.state == "ended"


def test_local_closed():
    """SCP-40, SCP-44: data still comes; the second FIN ends it, and nothing more is sent."""
    for end, session in both():
        end.core.shutdown(session)
        assert end.sent() == [(FIN, session.id, b"")]
        assert end.core.send(session, b"late") == -1
        assert session.state == "local-closed"
        assert end.receive((0, session.id, b"ab"), (FIN, session.id, b"c")) == []
        assert session.state == "ended"
        assert end.read(session) == b"abc"
        assert session.id not in end.core.sessions


def test_fins_cross():
    """SCP-44: both FINs on the way at once are the normal end."""
    for end, session in both():
        end.core.shutdown(session)
        assert end.receive((FIN, session.id)) == [(FIN, session.id, b"")]
        assert session.state == "ended"
        assert end.core.idle


def test_reset_received():
    """SCP-42, SCP-43, SCP-45, SCP-47: at once, unread data is gone, and no RST comes back."""
    for state in ("open", "local-closed", "remote-closed"):
        for end, session in both():
            if state == "local-closed":
                end.core.shutdown(session)
                end.output()
            end.receive((FIN if state == "remote-closed" else 0, session.id, b"unread"))
            assert session.state == state
            assert end.receive((RST, session.id), (RST, session.id)) == []
            assert session.state == "reset-received"
            assert why(session) == ("RESET_BY_PEER", "RESET_BY_PEER")
            assert end.read(session) == b""
            assert end.core.send(session, b"x") == -1
            assert end.counters == {"RESET_BY_PEER": 1, "RST_OF_UNKNOWN_SESSION": 1}


def test_reset_sent():
    """SCP-43, SCP-46: what still arrives is dropped in silence."""
    for end, session in both():
        end.receive((0, session.id, b"unread"))
        end.core.reset(session)
        assert session.state == "reset-sent"
        assert end.sent() == [(RST, session.id, b"")]
        assert end.receive((0, session.id, b"a"), (FIN | PUSH, session.id, b"b"), (RST, session.id)) == []
        assert end.read(session) == b""
        assert why(session) == ("RESET_HERE", "RESET_HERE")
        end.core.reset(session)
        assert end.sent() == []


def test_reset_in_the_midst_of_an_arriving_segment():
    """SCP-43, SCP-64: its rest is read off and thrown away."""
    for end, session in both():
        end.receive(bytes.fromhex(f"01{session.id:06x}0000000a") + b"12345")
        end.core.reset(session)
        assert end.receive(b"67890", (0, session.id, b"x")) == [(RST, session.id, b"")]
        assert end.read(session) == b""
        assert end.core.reason == 0


def test_refused():
    """SCP-24: RST as the peer's first word is a refusal; until then writes succeed."""
    end = client()
    session = end.opened(b"x")
    end.output()
    assert end.core.send(session, b"y") == 1
    end.receive((RST, session.id))
    assert why(session) == ("REFUSED_BY_PEER", "REFUSED_BY_PEER")


def test_snapshot():
    end = client()
    session = end.opened(b"four")
    end.core.send(session, b"five5")
    seen = session.snapshot()
    assert (seen["id"], seen["state"], seen["queued"], seen["read_reason"]) == (1024, "open", 9, "NO_REASON")
    end.output()
    assert session.snapshot()["bytes_out"] == 9
