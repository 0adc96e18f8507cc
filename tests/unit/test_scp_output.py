"""What an end of an SCP connection sends, and in which order."""
import pytest
from scp_ends import FIN, PUSH, RST, SYN, client, segments, server

# The vectors of docs/scp.md, section "Wire format".
REQUEST = bytes.fromhex("0D 00 04 00  00 00 00 05  47 45 54 0D 0A")
ANSWER = bytes.fromhex("05 00 04 00  00 00 00 02  6F 6B")


def test_a_whole_request():
    """SCP-20, SCP-21, SCP-25: SYN, data, PUSH and FIN in one segment, before the peer has said anything."""
    end = client()
    session = end.opened(b"GET\r\n", ends_message=True)
    end.core.shutdown(session)
    assert end.output() == REQUEST


def test_an_answer():
    """SCP-22, SCP-40: no SYN in the acceptor's first segment."""
    end = server()
    end.core.receive(REQUEST, len(REQUEST), end.now)
    session = end.core.accept()
    end.core.send(session, b"ok", ends_message=True)
    end.core.shutdown(session)
    assert end.output() == ANSWER
    assert session.state == "ended"


def test_plain_data():
    """SCP-03, SCP-06: no flag, no padding."""
    end = client()
    end.opened(b"x")
    session = end.opened(b"y")
    end.output()
    end.core.send(session, b"abc")
    assert end.output() == bytes.fromhex("00 00 04 02  00 00 00 03  61 62 63")


def test_a_reset():
    """SCP-42: RST has no data."""
    end = client()
    session = end.opened(b"x")
    end.output()
    end.core.reset(session)
    assert end.output() == bytes.fromhex("02 00 04 00  00 00 00 00")


def test_an_opening_without_data():
    """SCP-20: the server's first session."""
    end = server()
    end.core.open()
    assert end.output() == bytes.fromhex("08 00 04 01  00 00 00 00")


def test_a_fin_of_the_highest_id():
    """SCP-12: the client's last id, with FIN only."""
    end = client()
    end.core.ids.bar(1024, 16777212)
    session = end.opened(b"x")
    end.output()
    end.core.shutdown(session)
    assert end.output() == bytes.fromhex("04 FF FF FE  00 00 00 00")


@pytest.mark.parametrize("length", [0, 1, 5, 16])
def test_length_includes_header(length):
    """SCP-05: by default the length counts the data; an option adds the header, both ways."""
    plain, other = client(), client(length_includes_header=True)
    plain.opened(bytes(length), ends_message=True)
    other.opened(bytes(length), ends_message=True)
    assert plain.output()[4:8] == length.to_bytes(4, "big")
    sent = other.output()
    assert sent[4:8] == (length + 8).to_bytes(4, "big")
    receiver = server(length_includes_header=True)
    receiver.core.receive(sent, len(sent), receiver.now)
    session = receiver.core.accept()
    assert receiver.read(session) == bytes(length)
    receiver.core.reset(session)
    assert receiver.output()[4:8] == b"\0\0\0\x08"


def test_segments_are_bounded():
    """SCP-07, SCP-30, SCP-78: a message is cut; only its last segment has PUSH."""
    end = client()
    end.opened(bytes(40000), ends_message=True)
    assert [(flags, len(data)) for flags, _, data in end.sent()] == [(SYN, 16384), (0, 16384), (PUSH, 7232)]
    end = client(max_segment=3)
    end.opened(b"abcdefg")
    assert [data for _, _, data in end.sent()] == [b"abc", b"def", b"g"]


def test_writes_share_a_segment_up_to_a_message_end():
    """SCP-30, SCP-31: PUSH stands for the end of its segment; an end by itself is an empty segment."""
    end = client()
    session = end.opened(b"ab")
    for data, ends in ((b"c", False), (b"d", True), (b"e", False), (b"", True), (b"", True)):
        end.core.send(session, data, ends_message=ends)
    assert end.sent() == [(SYN | PUSH, 1024, b"abcd"), (PUSH, 1024, b"e"), (PUSH, 1024, b"")]
    end.core.send(session, b"f")
    assert end.sent() == [(0, 1024, b"f")]
    end.core.send(session, b"", ends_message=True)
    assert end.sent() == [(PUSH, 1024, b"")]
    end.core.send(session, b"")
    assert end.sent() == []


def test_fin_goes_with_the_last_data():
    """SCP-41."""
    end = client()
    session = end.opened(bytes(20000))
    end.core.shutdown(session)
    assert [(flags, len(data)) for flags, _, data in end.sent()] == [(SYN, 16384), (FIN, 3616)]
    assert session.state == "local-closed"
    end.core.shutdown(session)
    assert end.sent() == []


def test_sessions_take_turns():
    """SCP-71: one segment each; control without data first."""
    end = client(max_segment=10)
    first, second, third = (end.opened(bytes([letter]) * 30) for letter in b"abc")
    end.output()
    end.core.send(first, bytes(25))
    end.core.send(second, bytes(15))
    end.core.shutdown(third)
    end.core.open()
    assert [(flags, session_id, len(data)) for flags, session_id, data in end.sent()] == [
        (FIN, third.id, 0), (SYN, 1030, 0), (0, first.id, 10), (0, second.id, 10), (0, first.id, 10),
        (0, second.id, 5), (0, first.id, 5)]


def test_resets_go_before_everything():
    """SCP-71: and an opening that has got data waits for its turn."""
    end = client(max_segment=10)
    first, second = end.opened(b"a"), end.opened(b"b")
    end.output()
    end.core.send(first, bytes(15))
    end.opened(b"c")
    end.core.reset(second)
    assert [(flags, session_id) for flags, session_id, _ in end.sent()] == [
        (RST, second.id), (0, first.id), (SYN, 1028), (0, first.id)]


def test_a_small_request_waits_for_one_batch():
    """SCP-71: beside sessions that always have data, the next segment is a small one's."""
    end = client()
    for _ in range(3):
        end.opened(bytes(65536))
    assert len(end.core.pending()) == 4 * (16384 + 8)      # the batch, already begun
    small = end.opened(b"ping")
    sent = end.sent()
    at = [session_id for _, session_id, _ in sent].index(small.id)
    assert at <= 4 + 3                                     # the batch, then a turn of the others


def test_the_writer_waits():
    """SCP-71: a session's queue is bounded; who waits for room is told at half of it."""
    end = client(max_queued=1000, max_segment=100)
    session = end.core.open()
    assert end.core.send(session, bytes(1500)) == 1000
    assert end.core.send(session, b"more") == -1
    assert end.core.take_ready() == []
    assert session.queued_bytes == 1000
    assert end.core.send(end.core.open(), b"other") == 5   # each session has its own
    view = end.core.pending()
    assert end.core.take_ready() == [session]
    end.core.sent(len(view))
    assert end.core.send(session, b"more") == 4


def test_many_small_writes_are_bounded():
    """SCP-71: what a queued write costs beside its bytes counts too."""
    end = client()
    session = end.core.open()
    writes = 0
    while end.core.send(session, b"x") == 1:
        writes += 1
    assert 500 < writes < 1000


def test_reset_discards_what_is_unsent():
    """SCP-43: the batch is begun on the wire and goes; what is behind it does not."""
    end = client()
    session = end.opened(bytes(65536))
    end.core.sent(len(end.core.pending()) - 5)
    assert end.core.send(session, bytes(50000)) == 50000
    end.core.reset(session)
    rest = end.output()
    assert rest[:5] == bytes(5)
    assert segments(rest[5:]) == [(RST, session.id, b"")]
    assert session.queued_bytes == 0


def test_a_session_that_was_reset_before_its_syn():
    """SCP-14, SCP-43: the peer never heard of it, so nothing is sent and the id is not spoilt."""
    end = client()
    session = end.opened(b"data")
    end.core.reset(session)
    assert end.sent() == []
    assert session.id not in end.core.ids.barred


def test_data_of_any_kind():
    """Buffers other than bytes are copied; a later change does not show."""
    end = client()
    data = bytearray(b"0123456789")
    session = end.core.open()
    assert end.core.send(session, memoryview(data)[2:], 3) == 5
    data[:] = bytes(10)
    assert end.sent() == [(SYN, 1024, b"56789")]
    with pytest.raises(ValueError):
        end.core.send(session, b"abc", 4)
    with pytest.raises(TypeError):
        end.core.send(session, "text")
