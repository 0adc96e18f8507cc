"""What must not work: broken, forged and misplaced packets.

Each gets the answer that RFC 9260 prescribes or is discarded and counted; never an exception, never state.
"""

import random
import struct

import packets
import pytest
from asserts import assert_dropped, dropped
from failures import watch
from net import (
    CLIENT,
    CLIENT_PORT,
    MILLISECOND,
    SECOND,
    SERVER,
    SERVER_PORT,
    Network,
    Puppet,
    Server,
    State,
    connect,
    receiver,
    sender,
)
from packets import (
    ABORT,
    COOKIE_ACK,
    COOKIE_ECHO,
    DATA,
    ERROR,
    HEARTBEAT,
    HEARTBEAT_ACK,
    INIT,
    INIT_ACK,
    SACK,
    SHUTDOWN,
    SHUTDOWN_ACK,
    SHUTDOWN_COMPLETE,
    B,
    E,
    T,
    chunk,
)

from pysctpsock._cy.audit import faults


@pytest.fixture
def stranger():
    """A puppet without an association, beside a listening server."""
    network = watch(Network(3))
    host = network.host("server", SERVER)
    puppet = Puppet(network)
    puppet.server, puppet.endpoint = Server(network, host), host.endpoint
    return puppet


@pytest.fixture
def peer():
    """A puppet with an established association."""
    return receiver()


def assert_alive(peer):
    """The association stands and carries data."""
    count = len(peer.side.messages)
    (answer,) = peer.ask(peer.data(flags=B | E | packets.I))
    assert answer[SACK].cumulative_tsn_ack == peer.tsn - 1
    assert len(peer.side.messages) == count + 1
    assert peer.side.state == State.ESTABLISHED


def abort_cause(answers):
    (answer,) = answers
    assert answer.types == [ABORT]
    return answer[ABORT].causes[0][0]


# --- packets as a whole


@pytest.mark.parametrize("length", [0, 1, 4, 11, 12, 13, 15])
def test_too_short(peer, length):
    """9260-3.1-01, 9260-3.2-10: no common header, or no whole chunk behind it."""
    raw = packets.packet(CLIENT_PORT, SERVER_PORT, peer.peer_tag, chunk(HEARTBEAT))[:length]
    if length >= 12:
        raw = packets.with_checksum(raw)
    assert peer.ask_raw(raw) == []
    assert sum(peer.endpoint.drops.values()) == 1
    assert_alive(peer)


@pytest.mark.parametrize("bit", [0, 20, 40, 64, 95, 100, 130])
def test_bad_checksum(peer, bit):
    """9260-6.8-02: dropped silently wherever the damage is."""
    raw = bytearray(packets.packet(CLIENT_PORT, SERVER_PORT, peer.peer_tag, peer.data()))
    raw[bit // 8] ^= 0x80 >> (bit % 8)
    assert peer.ask_raw(bytes(raw)) == []
    assert_dropped(peer.endpoint, "bad_checksum")


@pytest.mark.parametrize("checksum", ["zero", "big endian", "adler"])
def test_other_checksums(peer, checksum):
    """9260-6.8-01, 9260-A-01, 9653-5.3-01: only CRC32c, low byte first; zero is not one."""
    raw = packets.packet(CLIENT_PORT, SERVER_PORT, peer.peer_tag, peer.data())
    other = {"zero": bytes(4), "big endian": raw[11:7:-1], "adler": struct.pack(">I", 1)}[checksum]
    assert peer.ask_raw(raw[:8] + other + raw[12:]) == []
    assert_dropped(peer.endpoint, "bad_checksum")


@pytest.mark.parametrize(("port", "peer_port"), [(0, SERVER_PORT), (CLIENT_PORT, 0)])
def test_port_zero(stranger, port, peer_port):
    """9260-3.1-02: dropped; not even an INIT is answered."""
    raw = packets.packet(port, peer_port, 0, packets.init(5))
    assert stranger.ask_raw(raw) == []
    assert_dropped(stranger.endpoint, "port_zero")


@pytest.mark.parametrize("difference", [1, 0x80000000, 0xFFFFFFFF])
def test_bad_tag(peer, difference):
    """9260-8.5-01: dropped silently."""
    assert peer.ask(peer.data(), tag=peer.peer_tag ^ difference) == []
    assert_dropped(peer.endpoint, "bad_tag")


@pytest.mark.parametrize(
    "make",
    [
        lambda: packets.data(1),
        lambda: packets.sack(1),
        lambda: chunk(ABORT),
        lambda: chunk(SHUTDOWN_ACK),
        lambda: chunk(COOKIE_ACK),
        lambda: packets.heartbeat(),
    ],
    ids=["DATA", "SACK", "ABORT", "SHUTDOWN_ACK", "COOKIE_ACK", "HEARTBEAT"],
)
def test_tag_zero(peer, make):
    """9260-8.5-02: tag 0 is for INIT alone."""
    assert peer.ask(make(), tag=0) == []
    assert sum(peer.endpoint.drops.values()) == 1
    assert_alive(peer)


def test_init_with_a_tag(stranger):
    """9260-8.5-02: an INIT whose packet has a tag is dropped or, as out of the blue, aborted; never
    answered.
    """
    answers = stranger.ask(packets.init(5), tag=9)
    assert all(INIT_ACK not in answer.types for answer in answers)
    assert stranger.endpoint.association_count == 0


@pytest.mark.parametrize("order", ["first", "last"])
def test_bundled_init(stranger, order):
    """9260-3-01, 9260-8.5-02: INIT stands alone."""
    chunks = [packets.init(5), packets.data(1)]
    answers = stranger.ask(*(chunks if order == "first" else chunks[::-1]), tag=0)
    assert answers == []
    assert sum(stranger.endpoint.drops.values()) == 1


def test_init_for_a_living_association_bundled(peer):
    """9260-3-01: with an association, too."""
    answers = peer.ask(packets.data(peer.tsn), packets.init(5))
    assert all(INIT_ACK not in answer.types for answer in answers)
    assert peer.ask(packets.init(5), packets.data(peer.tsn), tag=0) == []
    assert peer.side.state == State.ESTABLISHED


@pytest.mark.parametrize("source", ["224.0.0.1", "255.255.255.255", "0.0.0.0"])
def test_not_unicast(stranger, source):
    """9260-8.4-01: never answered."""
    stranger.network.inject(packets.packet(1, SERVER_PORT, 0, packets.init(5)), source, SERVER)
    stranger.wait(10 * MILLISECOND)
    assert not [record for record in stranger.network.records if record.source == SERVER]
    assert_dropped(stranger.endpoint, "not_unicast")


# --- chunk lengths


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_chunk_length_below_four(peer, length):
    """9260-3.2-10: what stands before it counts, nothing after it."""
    before, after = peer.data(b"before"), peer.data(b"after")
    peer.ask(before, chunk(HEARTBEAT, 0, b"", length), after)
    assert peer.side.received == [b"before"]
    assert dropped(peer.endpoint, "chunk_length") == 1
    assert peer.side.state == State.ESTABLISHED


@pytest.mark.parametrize("beyond", [1, 4, 1000, 65_000])
def test_chunk_beyond_the_packet(peer, beyond):
    """9260-3.2-10, 9260-6.10-01: a partial chunk is dropped."""
    payload = b"12345678"
    body = struct.pack(">IHHI", peer.tsn, 0, 0, 0) + payload
    partial = struct.pack(">BBH", DATA, B | E, min(65_535, 4 + len(body) + beyond)) + body
    peer.ask(partial)
    assert peer.side.received == []
    assert dropped(peer.endpoint, "chunk_length") == 1
    assert_alive(peer)


@pytest.mark.parametrize("extra", [1, 2, 3])
def test_final_padding_that_is_missing(peer, extra):
    """9260-3.2-02: the receiver does not look at the padding, not even whether it is there."""
    payload = b"1234" + b"5" * extra
    data = peer.data(payload)
    peer.ask_raw(
        packets.with_checksum(packets.packet(CLIENT_PORT, SERVER_PORT, peer.peer_tag, data)[: extra - 4])
    )
    assert peer.side.received == [payload]


def test_padding_that_is_not_zero(peer):
    """9260-3.2-02: ignored."""
    data = bytearray(peer.data(b"12345"))
    data[-3:] = b"\xff\xff\xff"
    peer.ask(bytes(data), peer.data(b"next"))
    assert peer.side.received == [b"12345", b"next"]


@pytest.mark.parametrize(
    ("type", "value"),
    [
        (SACK, b""),
        (SACK, bytes(11)),
        (SACK, struct.pack(">IIHH", 1, 1, 1, 0)),
        (SACK, struct.pack(">IIHH", 1, 1, 0xFFFF, 0xFFFF)),
        (SHUTDOWN, b""),
        (SHUTDOWN, bytes(3)),
        (HEARTBEAT, b""),
        (HEARTBEAT, b"\0\1\0\3"),
        (HEARTBEAT, b"\0\1\0\xff" + bytes(8)),
    ],
    ids=lambda v: packets.NAMES.get(v) if isinstance(v, int) else v.hex() or "empty",
)
def test_inner_lengths(peer, type, value):
    """9260-3.3.4-01, 9260-3.3.8-01, 9260-3.3.5-01: the inner structure must fit the chunk; else no effect."""
    answers = peer.ask(chunk(type, 0, value))
    assert all(answer.types in ([HEARTBEAT_ACK], [ABORT], [ERROR]) for answer in answers)
    if not any(answer.types == [ABORT] for answer in answers):
        assert_alive(peer)


@pytest.mark.parametrize("length", [4, 8, 12, 15])
def test_data_header_that_is_cut(peer, length):
    """9260-6.2-12: a DATA chunk below 16 bytes is a protocol violation."""
    answers = peer.ask(chunk(DATA, B | E, bytes(length - 4)))
    assert abort_cause(answers) == 13
    assert peer.side.ended


def test_data_without_data(peer):
    """9260-6.2-11: ABORT with cause 9 and the TSN."""
    tsn = peer.tsn
    (answer,) = peer.ask(packets.data(tsn, b""))
    assert answer[ABORT].causes == [(9, struct.pack(">I", tsn))]
    assert peer.side.ended and peer.side.error != 0


@pytest.mark.parametrize("length", [0, 3, 8, 15])
def test_short_init(stranger, length):
    """9260-3.3.2-01: an INIT without its whole fixed part is not answered by INIT ACK."""
    answers = stranger.ask(chunk(INIT, 0, packets.init(5)[4 : 4 + length]), tag=0)
    assert all(answer.types == [ABORT] for answer in answers)
    assert stranger.endpoint.association_count == 0


@pytest.mark.parametrize(
    "parameters",
    [
        b"\0\5\0\0",
        b"\0\5\0\3",
        b"\0\5\0\x07\1\2\3",
        b"\0\5\xff\xff\1\2\3\4",
        b"\0\6\0\x08\1\2\3\4",
        b"\0\x0c\0\x05\1",
        b"\0\5\0\x08\xff\xff\xff\xff",
        b"\0\5\0\x08\xe0\0\0\1",
        b"\0",
        b"\0\0\0",
        b"\x80\0" * 3,
    ],
    ids=lambda p: p.hex(),
)
def test_broken_parameters_of_init(stranger, parameters):
    """9260-3.2.1-01: lengths are checked; whatever is answered, no association and no address comes of it."""
    answers = stranger.ask(packets.init(5, parameters=parameters), tag=0)
    assert len(answers) <= 1
    assert all(answer.types in ([INIT_ACK], [ABORT]) for answer in answers)
    assert stranger.endpoint.association_count == 0


def test_a_thousand_addresses_in_an_init(stranger):
    """9260-12-02: bounded work, and a small answer."""
    many = b"".join(packets.parameter(5, struct.pack(">I", 0x0A010000 + i)) for i in range(1000))
    (answer,) = stranger.ask(packets.init(5, parameters=many), tag=0)
    assert len(answer.raw) < 1500
    many = b"".join(packets.parameter(0xC100 + i, bytes(40)) for i in range(1000))
    (answer,) = stranger.ask(packets.init(5, parameters=many), tag=0)
    assert len(answer.raw) < 1500


# --- unknown chunks


@pytest.mark.parametrize(
    ("type", "reported", "goes_on"),
    [
        (0x3E, False, False),
        (0x7E, True, False),
        (0xBE, False, True),
        (0xFE, True, True),
        (0x10, False, False),
        (0x0C, False, False),
        (0x0D, False, False),
    ],
)
def test_unknown_chunks(peer, type, reported, goes_on):
    """9260-3.2-05..08: stop or skip, silent or reported, by the two highest bits."""
    unknown = chunk(type, 0, b"what?")
    answers = peer.ask(peer.data(b"before"), unknown, peer.data(b"after"))
    errors = [c for answer in answers for c in answer.all(ERROR)]
    assert peer.side.received == [b"before", b"after"][: 1 + goes_on]
    assert len(errors) == reported
    if reported:
        ((code, value),) = errors[0].causes
        assert (code, value[:9]) == (6, unknown[:9])
    assert peer.side.state == State.ESTABLISHED


def test_many_unknown_chunks_get_one_answer(peer):
    """9260-12-01, 9260-12-02: at most one packet of control chunks, within the path MTU."""
    answers = peer.ask(*[chunk(0xFE, 0, bytes(4)) for _ in range(170)])
    assert len(answers) <= 1
    assert all(len(answer.raw) <= 1472 for answer in answers)


def test_undefined_flags_are_ignored(peer):
    """9260-3.2-09."""
    raw = bytearray(peer.data(b"flags"))
    raw[1] |= 0xF0
    peer.ask(bytes(raw))
    assert peer.side.received == [b"flags"]
    (answer,) = peer.ask(chunk(HEARTBEAT, 0xFF, packets.parameter(1, b"info")))
    assert HEARTBEAT_ACK in answer.types
    assert answer[HEARTBEAT_ACK].flags == 0


def test_heartbeat_is_echoed(peer):
    """9260-3.3.5-04: unchanged, whatever it holds."""
    info = packets.parameter(1, bytes(range(199)))
    (answer,) = peer.ask(chunk(HEARTBEAT, 0, info))
    assert packets.padded(answer[HEARTBEAT_ACK].value) == info


def test_heartbeat_ack_that_nobody_asked_for(peer):
    """9260-5.4-02: a nonce that was not sent confirms nothing and breaks nothing."""
    assert peer.ask(chunk(HEARTBEAT_ACK, 0, packets.parameter(1, bytes(40)))) == []
    assert peer.ask(chunk(HEARTBEAT_ACK, 0, b"")) == []
    assert_alive(peer)


# --- data and acknowledgements that cannot be


def test_invalid_stream(peer):
    """9260-6.5-01: acknowledged, ERROR with cause 1, not delivered."""
    answers = peer.ask(peer.data(b"lost", stream_id=60_000))
    types = [type for answer in answers for type in answer.types]
    assert ERROR in types
    (error,) = [c for answer in answers for c in answer.all(ERROR)]
    assert error.causes == [(1, struct.pack(">HH", 60_000, 0))]
    peer.ssn = 0
    assert_alive(peer)
    assert b"lost" not in peer.side.received


@pytest.mark.parametrize("ahead", [0, 1, 100, 0x7FFFFFF0])
def test_sack_for_a_tsn_never_sent(ahead):
    """9260-6.2.1-05, 9260-12-03: ABORT with cause 13."""
    s = sender()
    s.side.send(b"one")
    (packet,) = s.wait(10 * MILLISECOND)
    assert abort_cause(s.ask(packets.sack(packet[DATA].tsn + 1 + ahead))) == 13
    assert s.side.ended


def test_gap_block_for_a_tsn_never_sent():
    """9260-12-03: the same in a gap block."""
    s = sender()
    s.side.send(b"one")
    (packet,) = s.wait(10 * MILLISECOND)
    assert abort_cause(s.ask(packets.sack(packet[DATA].tsn - 1, gaps=[(2, 5)]))) == 13


@pytest.mark.parametrize(
    "gaps",
    [[(2, 65535)], [(4, 5), (2, 3)], [(2, 3), (3, 4)], [(2, 2)] * 300 + [(4, 4)]],
    ids=lambda gaps: f"{len(gaps)} to {gaps[-1]}",
)
def test_impossible_gap_blocks(gaps):
    """9260-12-03, 9260-3.3.4-02: whatever the order of the blocks, one for what was not sent ends it."""
    s = sender(nodelay=True)
    for _ in range(3):
        s.side.send(bytes(100))
    first = s.wait(10 * MILLISECOND)[0][DATA].tsn
    assert abort_cause(s.ask(packets.sack(first - 1, gaps=gaps))) == 13
    assert s.side.ended


@pytest.mark.parametrize(
    "gaps", [[(0, 0)], [(1, 1)], [(3, 2)], [(65535, 2)], [(2, 2)] * 300, [(3, 3), (2, 2)], [(1, 2), (2, 3)]],
    ids=lambda gaps: f"{len(gaps)} to {gaps[-1]}",
)
def test_strange_gap_blocks(gaps):
    """9260-3.3.4-03 is a SHOULD: blocks that overlap or lie in any order, for what was sent, end nothing."""
    s = sender(nodelay=True)
    for _ in range(3):
        s.side.send(bytes(100))
    first = s.wait(10 * MILLISECOND)[0][DATA].tsn
    answers = s.ask(packets.sack(first - 1, gaps=gaps))
    assert s.side.state == State.ESTABLISHED
    again = {c.tsn for packet in answers + s.wait(5 * SECOND) for c in packet.all(DATA)}
    assert again <= {first, first + 1, first + 2}
    s.ask(packets.sack(first + 2))
    assert s.side.state == State.ESTABLISHED
    assert s.side.snapshot()["outstanding"]["chunks"] == 0


def test_tsn_far_ahead(peer):
    """9260-6.2-02: a TSN beyond what can be held is dropped, and costs no memory."""
    before = peer.endpoint.memory()
    for ahead in (0x10000, 0x7FFFFFFF, 0x40000000, 100_000):
        peer.ask(packets.data(peer.tsn + ahead, b"far"))
    assert peer.side.received == []
    assert dropped(peer.endpoint, "outside_window") >= 3
    assert peer.endpoint.memory() <= before + 65_536
    assert_alive(peer)


def test_tsn_far_behind(peer):
    """9260-6.2-08: an old TSN is a duplicate."""
    peer.ask(peer.data(b"once"))
    for behind in (1, 2, 1000, 0x7FFFFFF0):
        peer.ask(packets.data(peer.tsn - behind, b"again"))
    assert peer.side.received == [b"once"]
    assert dropped(peer.endpoint, "duplicate_data") == 4
    assert_alive(peer)


def test_fragments_that_contradict_each_other(peer):
    """9260-3.3.1-04, 9260-3.3.1-06: a message that begins twice ends the association, or one of them is
    lost.
    """
    tsn = peer.tsn
    peer.ask(packets.data(tsn, b"one", flags=B))
    answers = peer.ask(packets.data(tsn + 1, b"two", flags=B), packets.data(tsn + 2, b"end", flags=E))
    assert b"oneend" not in peer.side.received and b"onetwoend" not in peer.side.received
    if peer.side.ended:
        assert abort_cause(answers) == 13


@pytest.mark.parametrize("wrong", range(4))
def test_a_message_with_a_part_on_another_stream(wrong):
    """9260-6.5-01, 9260-3.3.1-06: one fragment of four goes to a stream that there is not.

    However they arrive, before and after those of the next message, nothing of it is delivered, and what is
    held is known: no fragment is forgotten.
    """
    orders = [random.Random(seed).sample(range(7), 7) for seed in range(20)] + [[0, 2, 4, 5, 1, 3, 6]]
    for order in orders:
        peer = receiver()
        flags = [B, 0, 0, E, B, 0, E]
        parts = [packets.data(peer.tsn + i, bytes([i]) * 100, 60_000 if i == wrong else 0, flags=flags[i])
                 for i in range(7)]
        for i in order:
            peer.ask(parts[i])
            if not peer.side.ended:
                assert faults(peer.side.association, peer.network.now) == []
        assert not any(0 in data for data in peer.side.received)


def test_endless_fragments_are_bounded():
    """9260-6.9-05, 9260-6.2-02: a message without end takes no more than the receive buffer, read or not."""
    peer = receiver(receive_buffer=30_000)
    peer.side.reading = False
    for i in range(200):
        peer.ask(packets.data(peer.tsn + i, bytes(1400), flags=B if i == 0 else 0))
        held = peer.side.association.reassembly.bytes_held + peer.side.snapshot()["unread_bytes"]
        assert held <= 30_000 + 1400
    assert dropped(peer.endpoint, "outside_window") >= 150


def test_one_byte_fragments_are_bounded():
    """9260-6.2-02: 30,000 chunks of one byte with gaps between: what is held of them is in proportion to the
    buffer (four times its size, at 64 bytes for each, is the core's bound).
    """
    peer = receiver(receive_buffer=30_000)
    for i in range(600):
        peer.send(*[packets.data(peer.tsn + 2 * (i * 50 + k) + 1, b"x", flags=0) for k in range(50)])
        if i % 50 == 0:
            peer.wait(0)
    peer.wait(SECOND)
    assert 0 < peer.side.association.reassembly.fragments_held <= 4 * 30_000 // 64 + 1
    assert peer.side.received == []


# --- out of the blue (8.4)


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(ABORT)],
        [chunk(ABORT, T)],
        [packets.data(1), chunk(ABORT)],
        [chunk(SHUTDOWN_COMPLETE)],
        [chunk(SHUTDOWN_COMPLETE, T)],
        [chunk(COOKIE_ACK)],
        [chunk(COOKIE_ACK), packets.data(1)],
        [packets.error(packets.cause(3, bytes(4)))],
    ],
    ids=lambda chunks: "+".join(packets.NAMES[c[0]] for c in chunks),
)
def test_out_of_the_blue_that_is_not_answered(stranger, chunks):
    """9260-8.4-02, -06, -07: dropped silently, and counted."""
    assert stranger.ask(*chunks, tag=0x1234) == []
    assert_dropped(stranger.endpoint, "out_of_the_blue")


def test_out_of_the_blue_shutdown_ack(stranger):
    """9260-8.4-05: SHUTDOWN COMPLETE with T and the reflected tag."""
    (answer,) = stranger.ask(chunk(SHUTDOWN_ACK), tag=0x1234)
    assert (answer.types, answer.tag, answer.chunks[0].flags) == ([SHUTDOWN_COMPLETE], 0x1234, T)
    assert (answer.source_port, answer.destination_port) == (SERVER_PORT, CLIENT_PORT)


@pytest.mark.parametrize(
    "chunks",
    [
        [packets.data(1)],
        [packets.sack(1)],
        [packets.heartbeat()],
        [chunk(HEARTBEAT_ACK)],
        [packets.shutdown(1)],
        [packets.error(packets.cause(1, bytes(4)))],
        [packets.init_ack(5)],
        [chunk(0xFE)],
        [chunk(0xBE)],
    ],
    ids=lambda chunks: "+".join(packets.NAMES.get(c[0], hex(c[0])) for c in chunks),
)
def test_out_of_the_blue_that_is_aborted(stranger, chunks):
    """9260-8.4-08: ABORT with T and the reflected tag."""
    (answer,) = stranger.ask(*chunks, tag=0x1234)
    assert (answer.types, answer.tag, answer.chunks[0].flags) == ([ABORT], 0x1234, T)
    assert stranger.endpoint.association_count == 0


@pytest.mark.parametrize(
    "answers_to", [[packets.data(1)], [chunk(SHUTDOWN_ACK)]], ids=["DATA", "SHUTDOWN_ACK"]
)
def test_out_of_the_blue_answers_are_small(stranger, answers_to):
    """9260-12-02: nothing to amplify."""
    (answer,) = stranger.ask(*answers_to, tag=0x1234)
    assert len(answer.raw) == 16


def test_out_of_the_blue_answers_are_limited(stranger):
    """9260-12-02, design section 9: the rate of such answers has a limit; what is over it is counted."""
    for i in range(5_000):
        stranger.send(packets.data(1), tag=i + 1, port=1024 + i)
    answers = stranger.wait(10 * MILLISECOND)
    assert 1 <= len(answers) < 2_500
    assert dropped(stranger.endpoint, "rate_limited") == 5_000 - len(answers)


def test_packet_for_an_association_that_ended(peer):
    """9260-8.4-08: after the end its packets are out of the blue."""
    peer.ask(packets.abort())
    assert peer.side.ended
    (answer,) = peer.ask(peer.data())
    assert (answer.types, answer.tag, answer.chunks[0].flags) == ([ABORT], peer.peer_tag, T)


# --- tags of single chunks (8.5.1)


@pytest.mark.parametrize(
    ("tag", "flags", "ends"),
    [
        ("own", 0, True),
        ("peer", T, True),
        ("own", T, False),
        ("peer", 0, False),
        ("wrong", 0, False),
        ("wrong", T, False),
    ],
)
def test_abort_tags(peer, tag, flags, ends):
    """9260-8.5-03: (receiver's tag, T=0) or (sender's own tag reflected, T=1)."""
    value = {"own": peer.peer_tag, "peer": peer.tag, "wrong": 0x5A5A5A5A}[tag]
    assert peer.ask(chunk(ABORT, flags), tag=value) == []
    assert peer.side.ended == ends
    if not ends:
        assert_dropped(peer.endpoint, "bad_tag")
        assert_alive(peer)


@pytest.mark.parametrize(
    ("tag", "flags", "ends"),
    [
        ("own", 0, True),
        ("peer", T, True),
        ("own", T, False),
        ("peer", 0, False),
    ],
)
def test_shutdown_complete_tags(tag, flags, ends):
    """9260-8.5-04: the same two cases."""
    peer = sender()
    (answer,) = peer.ask(packets.shutdown(peer.peer_tsn - 1))
    assert answer.types == [SHUTDOWN_ACK]
    peer.ask(chunk(SHUTDOWN_COMPLETE, flags), tag=peer.peer_tag if tag == "own" else peer.tag)
    assert peer.side.ended == ends


def test_shutdown_complete_outside_shutdown_ack_sent(peer):
    """9260-8.5-04: has no effect."""
    assert peer.ask(chunk(SHUTDOWN_COMPLETE)) == []
    assert_alive(peer)


def test_shutdown_ack_while_established(peer):
    """A SHUTDOWN ACK that answers nothing has no effect."""
    peer.ask(chunk(SHUTDOWN_ACK))
    assert peer.side.state == State.ESTABLISHED
    assert_alive(peer)


@pytest.mark.parametrize(
    "chunk_under_test", [chunk(SHUTDOWN_ACK), packets.shutdown(1)], ids=["SHUTDOWN_ACK", "SHUTDOWN"]
)
@pytest.mark.parametrize("own_tag", [True, False])
def test_shutdown_while_cookie_wait(chunk_under_test, own_tag):
    """9260-8.5-06, 9260-9.2-08, 9260-9.2-09: SHUTDOWN ACK: SHUTDOWN COMPLETE, reflected; SHUTDOWN:
    dropped.
    """
    network = watch(Network(4))
    host = network.host("client", CLIENT)
    puppet = Puppet(network, SERVER, SERVER_PORT, CLIENT, CLIENT_PORT)
    side = connect(network, host)
    puppet.wait(10 * MILLISECOND)
    tag = puppet.inbox[0][INIT].initiate_tag if own_tag else 0x4321
    answers = puppet.ask(chunk_under_test, tag=tag)
    if chunk_under_test[0] == SHUTDOWN_ACK:
        (answer,) = answers
        assert (answer.types, answer.tag, answer.chunks[0].flags) == ([SHUTDOWN_COMPLETE], tag, T)
    else:
        assert answers == []
    assert side.state == State.COOKIE_WAIT
    assert puppet.wait(SECOND)[-1].types == [INIT]  # T1 goes on


def test_chunks_behind_an_abort_are_ignored(peer):
    """9260-3.3.7-01."""
    peer.ask(chunk(ABORT), peer.data(b"behind"))
    assert peer.side.ended
    assert peer.side.received == []


@pytest.mark.parametrize("causes", [b"", b"\0\x0c\0\x03", b"\0\x0c\xff\xff", b"\0", bytes(7)], ids=bytes.hex)
def test_abort_with_broken_causes(peer, causes):
    """9260-3.3.7-02, 9260-8.5-03: the end, or dropped as malformed; never an answer."""
    assert peer.ask(chunk(ABORT, 0, causes)) == []
    assert peer.side.ended or dropped(peer.endpoint, "malformed_chunk")


@pytest.mark.parametrize(
    "causes", [b"", b"\0\6\0\x03", b"\0\6\xff\xff", b"\0", bytes(7), b"\0\3\0\x08\0\0\0\0"], ids=bytes.hex
)
def test_error_chunks(peer, causes):
    """9260-3.3.10-02, 9260-5.2.5-01: an ERROR is not fatal, however broken; Stale Cookie is too late here."""
    assert peer.ask(chunk(ERROR, 0, causes)) == []
    assert_alive(peer)


def test_forged_packets_from_another_address(peer):
    """9260-8.5-01, 9260-5.1.2-01: an association is its addresses and ports; a stranger's packets are not
    its.
    """
    raw = packets.packet(CLIENT_PORT, SERVER_PORT, peer.peer_tag ^ 5, peer.data(b"forged"))
    peer.network.inject(raw, "10.0.0.66", SERVER)
    peer.network.inject(
        packets.packet(CLIENT_PORT + 1, SERVER_PORT, peer.peer_tag, packets.data(peer.tsn)), CLIENT, SERVER
    )
    peer.wait(10 * MILLISECOND)
    assert peer.side.received == []
    assert peer.side.state == State.ESTABLISHED


def test_cookie_echo_in_established_is_not_a_stranger(peer):
    """9260-5.1.5-01: a forged COOKIE ECHO does not disturb a living association."""
    assert peer.ask(chunk(COOKIE_ECHO, 0, bytes(200))) == []
    assert_alive(peer)
