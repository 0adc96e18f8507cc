"""One end of an SCP connection: opening, messages, and what it answers to bad input."""
import errno
import os

import pytest
from scp_ends import FIN, PUSH, RST, SECOND, SYN, client, segment, server, why

from pysctpsock._cy.scp_wire import ScpReason, encode_header

STRIDE = int(os.environ.get("PYSCTPSOCK_SCP_STRIDE", 64))     # 2: all the ids of a side


def reason(end):
    return ScpReason(end.core.reason).name


# ------------------------------------------------------------------ arriving

def test_vectors():
    """SCP-01 to SCP-06: the client's request and the server's answer, byte for byte."""
    end = server()
    session = end.accepted(1024, b"GET\r\n", PUSH | FIN)
    assert end.core.read_part(session, 100) == (b"GET\r\n", True)
    assert session.fin_received
    end = client()
    session = end.opened(b"?")
    end.output()
    answer = bytes.fromhex("05 00 04 00  00 00 00 02  6F 6B")
    end.core.receive(answer, len(answer), end.now)
    assert end.core.read_part(session, 100) == (b"ok", True)
    assert session.fin_received


def test_any_cut():
    """SCP-08: byte by byte; data is handed on as it comes, before its segment is whole."""
    end = server()
    stream = segment(SYN, 1024, b"abcdef")
    for index in range(8):
        end.core.receive(stream[index:index + 1], 1, end.now)
        assert bool(end.core.sessions) == (index == 7)
    session = end.core.accept()
    for index in range(6):
        end.core.receive(stream[8 + index:], 1, end.now)
        assert end.read(session) == b"abcdef"[index:index + 1]


def test_only_what_it_is_told():
    """The buffer may be longer than what has arrived."""
    end = server()
    end.core.receive(bytearray(segment(SYN, 1024) + b"rubbish"), 8, end.now)
    assert end.core.accept().id == 1024
    with pytest.raises(ValueError):
        end.core.receive(b"abc", 4, end.now)
    assert end.core.reason == 0


def test_a_long_segment_by_parts():
    """SCP-08: 2^24 - 1 bytes are taken, and not held back."""
    end = server(session_high_water=1 << 20)
    end.core.receive(encode_header(SYN | PUSH, 1024, 2**24 - 1), 8, end.now)
    session = end.core.accept()
    left, whole = 2**24 - 1, bytes(1 << 16)
    while left:
        part = min(left, len(whole))
        end.core.receive(whole, part, end.now)
        assert end.core.read_part(session, part) == (whole[:part], left == part)
        left -= part


# ------------------------------------------------------------------ opening

def test_opening():
    """SCP-20, SCP-25: SYN with data and FIN; the acceptor can write."""
    end = server()
    session = end.accepted(1024, b"request", FIN)
    assert (end.read(session), session.fin_received, session.state) == (b"request", True, "remote-closed")
    assert end.core.send(session, b"answer") == 6
    end.core.shutdown(session)
    assert end.sent() == [(FIN, 1024, b"answer")]


def test_syn_reply():
    """SCP-22: a SYN in the acceptor's first segment is taken, and sent if the option says so."""
    opener, acceptor = client(), server(syn_reply=True)
    session = opener.opened(b"x")
    accepted = acceptor.accepted(1024, b"x")
    assert acceptor.sent() == []
    acceptor.core.send(accepted, b"first")
    reply = acceptor.output()
    assert reply == segment(SYN, 1024, b"first")
    acceptor.core.send(accepted, b"second")
    assert acceptor.sent() == [(0, 1024, b"second")]
    opener.output()
    assert opener.receive(reply, (0, 1024, b"second")) == []
    assert opener.read(session) == b"firstsecond"


def test_refusals():
    """SCP-23, SCP-62: RST, and the program hears nothing."""
    end = server()
    end.core.accepting = False
    assert end.receive((SYN, 1024, b"data")) == [(RST, 1024, b"")]
    end.core.accepting = True
    end.core.refuse_sessions()
    assert end.receive((SYN | FIN, 1026, b"data"), (0, 1026, b"more")) == [(RST, 1026, b"")]
    assert end.core.accept() is None
    assert end.counters == {"NO_ACCEPTOR": 1, "CLOSING": 1, "AFTER_RESET": 1}
    end = server(max_sessions=2)
    first = end.accepted(1024)
    end.accepted(1026)
    assert end.receive((SYN, 1028)) == [(RST, 1028, b"")]
    end.core.reset(first)
    end.output()
    end.accepted(1028)
    assert end.counters["TOO_MANY_SESSIONS"] == 1


def test_syn_with_rst():
    """SCP-26: from the opener it opens nothing; from the acceptor it is a refusal."""
    end = server()
    assert end.receive((SYN | RST, 1024, b"data")) == []
    assert end.core.accept() is None
    end = client()
    session = end.opened(b"x")
    end.output()
    assert end.receive((SYN | RST, session.id)) == []
    assert why(session) == ("REFUSED_BY_PEER", "REFUSED_BY_PEER")


def test_refused_or_reset():
    """SCP-24: reset, if something had come before."""
    for first in ((0, 1024, b"x"), (SYN, 1024), (FIN, 1024)):
        end = client()
        session = end.opened(b"x")
        end.output()
        end.receive(first, (RST, 1024))
        assert why(session) == ("RESET_BY_PEER", "RESET_BY_PEER")


def test_ids_are_used_again_after_two_fins_only():
    """SCP-13, SCP-14: at once after FINs; not after a reset, of either side."""
    end = server()
    for _ in range(3):
        session = end.accepted(1024, b"x", FIN)
        end.core.shutdown(session)
        assert end.sent() == [(FIN, 1024, b"")]
    end = client()
    mine, theirs, good = end.opened(b"a"), end.opened(b"b"), end.opened(b"c")
    end.output()
    end.core.reset(mine)
    end.core.shutdown(good)
    end.receive((RST, theirs.id), (FIN, good.id))
    end.core.ids.bar(1030, 16777214)
    assert end.core.open().id == good.id
    assert end.core.open() is None


def test_nothing_on_reserved_ids():
    """SCP-10, SCP-16: the first ids are 1024 and 1025, and what comes on a reserved one is not answered."""
    assert [client().core.open().id, server().core.open().id] == [1024, 1025]
    for flags in range(16):
        for session_id in (0, 1, 1022, 1023):
            end = server()
            assert end.receive((flags, session_id, b"data")) == []
            assert reason(end) == "RESERVED_ID"


# ------------------------------------------------------------------ messages

def test_messages_over_segments():
    """SCP-30, SCP-32, SCP-78: any number of segments to one message; never two together."""
    end = server()
    session = end.accepted(1024, b"ab")
    end.receive((0, 1024, b"cd"), (PUSH, 1024, b"ef"), (PUSH, 1024, b"next"), (0, 1024, b"begin"))
    assert end.core.read_part(session, 100) == (b"abcdef", True)
    assert end.core.read_part(session, 3) == (b"nex", False)
    assert end.core.read_part(session, 100) == (b"t", True)
    assert end.core.read_part(session, 100) == (b"begin", False)
    assert end.core.read_part(session, 100) is None


def test_push_on_an_empty_segment():
    """SCP-31: the end of the message in progress, read or not; else an empty message."""
    end = server()
    session = end.accepted(1024, b"ab")
    end.receive((PUSH, 1024), (PUSH, 1024), (0, 1024, b"cd"))
    assert [end.core.read_part(session, 9) for _ in range(3)] == [(b"ab", True), (b"", True), (b"cd", False)]
    end.receive((PUSH, 1024))
    assert end.core.read_part(session, 9) == (b"", True)
    assert end.core.read_part(session, 9) is None


def test_a_reader_of_bytes_sees_no_messages():
    """SCP-30, SCP-32."""
    end = server()
    session = end.accepted(1024, b"ab", PUSH)
    end.receive((PUSH, 1024), (PUSH, 1024, b"cd"), (PUSH, 1024))
    assert end.core.read(session, 3) == b"abc"
    assert end.core.read(session, 3) == b"d"
    assert end.core.read(session, 3) is None
    assert end.core.snapshot()["unread"] == 0


def test_whole_messages():
    """SCP-32: collected while they come, and read on as bytes if the reader changes its mind."""
    end = server()
    session = end.accepted(1024, b"ab")
    assert end.core.read_message(session) is None
    end.receive((PUSH, 1024, b"c"), (PUSH, 1024), (0, 1024, b"half"))
    assert [end.core.read_message(session) for _ in range(3)] == [b"abc", b"", None]
    assert end.core.snapshot()["unread"] == 0
    assert session.readable
    assert end.core.read_part(session, 3) == (b"hal", False)
    assert end.core.read(session, 3) == b"f"


def test_incomplete():
    """SCP-33: FIN in the midst of a message; a reader of bytes just sees the end."""
    end = server()
    session = end.accepted(1024, b"ab", FIN)
    assert not session.incomplete
    assert end.core.read_message(session) is None
    assert session.incomplete
    assert end.core.take_incomplete(session) == b"ab"
    assert (session.incomplete, session.fin_received, session.readable) == (False, True, True)
    for how in ("read_part", "read"):
        session = end.accepted(1026 if how == "read" else 1028, b"cd", PUSH | FIN)
        getattr(end.core, how)(session, 100)
        assert not session.incomplete


def test_a_message_that_is_too_long():
    """SCP-35: beyond max_message the session is reset."""
    end = server(max_message=10)
    session = end.accepted(1024, b"0123456789", PUSH)
    assert end.core.read_message(session) == b"0123456789"
    end.receive((0, 1024, b"012345"))
    assert end.core.read_message(session) is None
    end.receive((PUSH, 1024, b"67890"))
    assert end.core.read_message(session) is None
    assert end.sent() == [(RST, 1024, b"")]
    assert why(session) == ("MESSAGE_TOO_LONG", "MESSAGE_TOO_LONG")
    ended = end.accepted(1026, b"0123456789+", PUSH | FIN)
    end.core.shutdown(ended)
    end.output()
    assert end.core.read_message(ended) is None
    assert why(ended)[0] == "MESSAGE_TOO_LONG"
    assert end.sent() == []


# ------------------------------------------------------------------ session errors

@pytest.mark.parametrize("flags, data", [(0, b"x"), (PUSH, b"x"), (FIN, b"x")])
def test_data_after_fin(flags, data):
    """SCP-55: a session error; the connection lives on."""
    end = server()
    session, other = end.accepted(1024, b"unread", FIN), end.accepted(1026)
    assert end.receive((flags, 1024, data), (0, 1026, b"fine")) == [(RST, 1024, b"")]
    assert why(session) == ("DATA_AFTER_FIN", "DATA_AFTER_FIN")
    assert end.read(session) == b""
    assert end.read(other) == b"fine"


@pytest.mark.parametrize("flags", [0, FIN, PUSH, PUSH | FIN])
def test_second_fin(flags):
    """SCP-56: ignored and counted."""
    end = server()
    session = end.accepted(1024, b"ab", FIN)
    assert end.receive((flags, 1024)) == []
    assert (session.state, end.read(session)) == ("remote-closed", b"ab")
    assert end.counters == {"EMPTY_AFTER_FIN": 1}


@pytest.mark.parametrize("before", [0, FIN])
def test_syn_on_an_open_session(before):
    """SCP-53: a session error."""
    end = server()
    session = end.accepted(1024, b"x", before)
    assert end.receive((SYN, 1024, b"data")) == [(RST, 1024, b"")]
    assert why(session) == ("SYN_ON_OPEN_SESSION", "SYN_ON_OPEN_SESSION")
    again = end.accepted(1024, b"new")                     # SCP-46: until a SYN uses the id anew
    assert end.read(again) == b"new"


@pytest.mark.parametrize("flags, data", [(0, b"x"), (FIN, b""), (PUSH, b""), (PUSH | FIN, b"abc")])
def test_unknown_session(flags, data):
    """SCP-54, SCP-46: RST for that id, once."""
    end = server()
    assert end.receive((flags, 1030, data), (flags, 1030, data)) == [(RST, 1030, b"")]
    assert end.receive((flags, 1031, data)) == [(RST, 1031, b"")]      # of our half
    assert end.counters == {"UNKNOWN_SESSION": 2, "AFTER_RESET": 1}


def test_unknown_sessions_in_great_numbers():
    """SCP-54: 100 answers a second, beyond that silence; memory is a bit for each answer."""
    end = server()
    assert len(end.receive(*((0, 2000 + i, b"x") for i in range(1000)))) == 100
    end.now += SECOND
    assert len(end.receive(*((0, 4000 + i, b"x") for i in range(1000)))) == 100
    assert end.counters == {"UNKNOWN_SESSION": 200, "UNKNOWN_SESSION_UNANSWERED": 1800}
    assert end.core.snapshot()["silenced_ids"] == 200


def test_rst_of_unknown_sessions():
    """SCP-47, SCP-57: ignored, however many; and it ends our own silence about the id (SCP-46)."""
    end = server()
    assert end.receive(*((RST, 1024 + i % 5000, b"") for i in range(20000))) == []
    assert end.counters == {"RST_OF_UNKNOWN_SESSION": 20000}
    assert end.receive((0, 1024, b"x"), (RST, 1024)) == [(RST, 1024, b"")]
    assert end.receive((0, 1024, b"x")) == [(RST, 1024, b"")]


def test_rst_with_data():
    """SCP-64, SCP-43: read off and thrown away, however it is cut."""
    end = server()
    session = end.accepted(1024)
    stream = segment(RST | FIN | PUSH, 1024, b"0123456789") + segment(SYN, 1026, b"next")
    for byte in stream:
        end.core.receive(bytes([byte]), 1, end.now)
    assert why(session) == ("RESET_BY_PEER", "RESET_BY_PEER")
    assert end.read(session) == b""
    assert end.read(end.core.accept()) == b"next"


@pytest.mark.parametrize("spoilt_by", ["rst received", "rst sent"])
def test_late_segments_on_a_spoilt_own_id(spoilt_by):
    """SCP-46, and the rows reset-sent and reset-received of the table of states."""
    end = client()
    session = end.opened(b"x")
    end.output()
    if spoilt_by == "rst sent":
        end.core.reset(session)
        end.output()
        assert end.receive((0, session.id, b"late"), (FIN, session.id), (SYN, session.id)) == []
    else:
        end.receive((RST, session.id))
        assert end.receive((SYN, session.id)) == []
        assert end.receive((0, session.id, b"late")) == [(RST, session.id, b"")]
        assert end.receive((SYN, session.id)) == []
    assert end.core.reason == 0


def test_a_closed_session_takes_what_still_comes_up_to_the_mark():
    """SCP-43: the program has let go; a peer that never stops is reset."""
    end = server(session_high_water=1000)
    session = end.accepted(1024, b"unread")
    end.core.close(session)
    assert end.sent() == [(FIN, 1024, b"")]
    assert end.receive((0, 1024, bytes(1000))) == []
    assert end.core.snapshot()["unread"] == 0
    assert end.receive((0, 1024, b"x")) == [(RST, 1024, b"")]
    assert end.counters == {"CLOSED_UNREAD": 1}
    polite = end.accepted(1026)
    end.core.close(polite)
    end.receive((PUSH, 1026, b"abc"), (PUSH, 1026), (FIN, 1026))
    assert (polite.state, end.core.idle) == ("ended", True)


# ------------------------------------------------------------------ connection errors

OPEN_SESSIONS = 3


def end_with_sessions():
    """A server with a session of its own, one of the peer's with unread data, one whose peer has ended."""
    end = server()
    own = end.opened(b"x")
    end.output()
    sessions = [own, end.accepted(1024, b"unread"), end.accepted(1026, b"done", FIN)]
    end.core.send(sessions[0], b"queued")
    return end, sessions


@pytest.mark.parametrize("name, stream", [
    pytest.param("BAD_FLAGS", segment(0x10, 1024), id="SCP-50"),
    pytest.param("BAD_FLAGS", segment(0x80 | SYN, 1028), id="SCP-50, with good flags too"),
    pytest.param("RESERVED_ID", segment(SYN, 1023), id="SCP-51"),
    pytest.param("RESERVED_ID", segment(RST, 0), id="SCP-51, any flags"),
    pytest.param("ID_PARITY", segment(SYN, 1027), id="SCP-52"),
    pytest.param("SEGMENT_TOO_LONG", encode_header(0, 1024, 2**24), id="SCP-58"),
    pytest.param("SEGMENT_TOO_LONG", encode_header(RST, 1024, 2**32 - 1), id="SCP-58, 4 GiB and RST"),
])
def test_connection_errors(name, stream):
    """All open sessions get the error, never a clean end; what is queued is dropped, also what follows."""
    end, sessions = end_with_sessions()
    end.core.take_ready()
    end.core.receive(stream + segment(SYN, 1030), len(stream) + 8, end.now)
    assert reason(end) == name
    assert set(end.core.take_ready()) == set(sessions)
    for session in sessions:
        assert why(session) == (name, name)
    assert end.read(sessions[1]) == b"unread"
    assert end.core.pending() is None
    assert (end.core.open(), end.core.accept(), end.core.sessions) == (None, None, {})
    assert end.counters[name] == 1 + OPEN_SESSIONS


def test_the_peer_may_speak_something_else():
    """SCP-50: bad flags in the very first segment have a reason of their own."""
    end = server()
    end.core.receive(b"GET / HTTP/1.1\r\n", 16, end.now)
    assert reason(end) == "FOREIGN_FLAGS"


def test_own_id_after_the_first_segment():
    """SCP-52: SYN in a later segment of the acceptor."""
    end = client()
    session = end.opened(b"x")
    end.output()
    end.receive((0, session.id, b"x"), (SYN, session.id, b"y"))
    assert reason(end) == "ID_PARITY"


def test_the_highest_length_that_is_taken():
    """SCP-58: the limit is an option; the error comes with the header, before any data."""
    end = server(max_receive_segment=10)
    end.accepted(1024, bytes(10))
    end.core.receive(encode_header(0, 1024, 11), 8, end.now)
    assert reason(end) == "SEGMENT_TOO_LONG"
    end = server(length_includes_header=True)
    end.core.receive(encode_header(SYN, 1024, 7), 8, end.now)
    assert reason(end) == "SEGMENT_TOO_SHORT"


@pytest.mark.parametrize("rest", [b"\x00", segment(0, 1024)[:7], encode_header(0, 1024, 1),
                                  encode_header(0, 1024, 9) + b"12345678", encode_header(0, 1050, 1)])
def test_truncated(rest):
    """SCP-59: TCP ends within a header, or within a segment, whosever it is."""
    end, sessions = end_with_sessions()
    end.core.receive(rest, len(rest), end.now)
    end.core.eof()
    assert reason(end) == "TRUNCATED"
    assert {why(session) for session in sessions} == {("TRUNCATED", "TRUNCATED")}


def test_connection_lost():
    """SCP-60: after the data already received; a peer's direction that had ended keeps its clean end."""
    end, (own, unread, done) = end_with_sessions()
    unaccepted = end.receive((SYN, 1028, b"x"), (SYN | FIN, 1030, b"whole request"))
    assert unaccepted == [(0, own.id, b"queued")]
    end.core.eof()
    lost = ("CONNECTION_LOST", "CONNECTION_LOST")
    assert (why(own), why(unread)) == (lost, lost)
    assert end.read(unread) == b"unread"
    assert (why(done), done.state, end.read(done)) == (("NO_REASON", "NO_REASON"), "remote-closed", b"done")
    request = end.core.accept()
    assert (end.read(request), request.state) == (b"whole request", "remote-closed")
    assert end.core.accept() is None
    end.core.send(done, b"answer")                         # TCP may be half-closed only
    end.core.shutdown(done)
    end.core.close(request)
    assert end.sent() == [(FIN, 1030, b""), (FIN, 1026, b"answer")]
    assert (end.core.idle, end.core.open()) == (True, None)
    end.core.eof()
    assert end.counters == {"CONNECTION_LOST": 4}          # the connection, and three sessions


def test_what_nobody_accepted_is_forgotten():
    """SCP-60: a session that the program has never seen leaves nothing behind."""
    for finish in (lambda core: core.eof(), lambda core: core.close_connection()):
        end = server()
        end.receive((SYN, 1024, b"unread"))
        finish(end.core)
        assert (end.core.accept(), end.core.snapshot()["unread"]) == (None, 0)


def test_transport_failed():
    """SCP-61: as at the end of TCP, but nothing can be written any more."""
    end, (own, unread, done) = end_with_sessions()
    end.core.receive(b"\0\0\4", 3, end.now)
    end.core.transport_failed(errno.ECONNRESET)
    assert (reason(end), end.core.transport_errno) == ("TRANSPORT_FAILED", errno.ECONNRESET)
    failed = ("TRANSPORT_FAILED", "TRANSPORT_FAILED")
    assert (why(own), why(unread), why(done)) == (failed, failed, ("NO_REASON", "TRANSPORT_FAILED"))
    assert (end.read(unread), end.read(done)) == (b"unread", b"done")
    assert end.core.pending() is None
    assert end.core.send(done, b"x") == -1
    end.core.transport_failed(errno.EPIPE)
    assert end.core.transport_errno == errno.ECONNRESET


def test_too_many_resets():
    """SCP-63: more than 200 sessions in a second that were opened and reset, with nothing read."""
    end = server()
    for i in range(200):
        end.receive((SYN, 1024 + 2 * i), (RST, 1024 + 2 * i))
    assert end.core.reason == 0
    end.now += SECOND
    for i in range(200):
        end.receive((SYN, 1024 + 2 * i), (RST, 1024 + 2 * i))
    assert end.core.reason == 0
    assert end.core.arrivals == 0
    end.receive((SYN, 1024), (RST, 1024))
    assert reason(end) == "TOO_MANY_RESETS"


def test_resets_of_sessions_that_were_read_do_no_harm():
    """SCP-63: nor of our own sessions."""
    end = server()
    for i in range(300):
        session = end.accepted(1024 + 2 * i, b"x")
        end.read(session)
        own = end.opened(b"x")
        end.output()
        end.receive((RST, session.id), (RST, own.id))
    assert end.core.reason == 0


def test_sixteen_million_syns():
    """SCP-62: 1000 sessions, and a bit for each id that was refused."""
    end = server()
    for first in range(1024, 1 << 24, 1 << 20):
        stream = b"".join(SYN.to_bytes(1, "big") + each.to_bytes(3, "big") + bytes(4)
                          for each in range(first, min(first + (1 << 20), 1 << 24), STRIDE))
        for start in range(0, len(stream), 8000):
            assert not end.core.stopped
            end.core.receive(stream[start:start + 8000], min(8000, len(stream) - start), end.now)
            end.output()
    assert len(end.core.sessions) == end.core.arrivals == 1000
    refused = ((1 << 24) - 1024) // STRIDE - 1000
    assert end.counters["TOO_MANY_SESSIONS"] == len(end.core.ids.silenced) == refused


# ------------------------------------------------------------------ the connection

def test_closing():
    """SCP-74: new sessions of both sides are refused, open ones go on."""
    end = server()
    session = end.accepted(1024)
    end.core.refuse_sessions()
    assert end.core.open() is None
    assert end.receive((SYN, 1026), (0, 1024, b"fine")) == [(RST, 1026, b"")]
    assert end.read(session) == b"fine"
    assert not end.core.idle
    end.core.shutdown(session)
    end.output()
    end.receive((FIN, 1024))
    assert end.core.idle


def test_closed_here():
    """SCP-74: what is still open at the end gets an error."""
    end, sessions = end_with_sessions()
    end.core.close_connection()
    assert {why(session) for session in sessions} == {("CLOSED_HERE", "CLOSED_HERE")}
    end.core.eof()
    end.core.transport_failed(errno.EPIPE)
    end.core.close_connection()
    assert end.counters == {"CLOSED_HERE": 4}


def test_snapshot():
    end, _ = end_with_sessions()
    seen = end.core.snapshot()
    assert (seen["role"], seen["reason"], seen["segments_in"], seen["counters"]) == (
        "server", "NO_REASON", 2, {})
    assert [session["id"] for session in seen["sessions"]] == [1025, 1024, 1026]
    assert (seen["unread"], seen["bytes_in"]) == (len("unreaddone") + 160, 26)


def test_a_client_accepts_only_if_asked():
    """SCP-23: no acceptor is set."""
    end = client()
    assert end.receive((SYN, 1025)) == [(RST, 1025, b"")]
    end.core.accepting = True
    end.accepted(1027)


def test_sent_is_checked():
    end = client()
    end.opened(b"x")
    with pytest.raises(ValueError):
        end.core.sent(len(end.core.pending()) + 1)
