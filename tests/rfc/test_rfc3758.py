"""Requirements of RFC 3758 and RFC 7496: FORWARD TSN at the receiver, abandoned chunks at the sender."""

import struct

import packets
import pytest
from failures import watch
from net import (
    CLIENT,
    CLIENT_PORT,
    MILLISECOND,
    SECOND,
    SERVER,
    SERVER_PORT,
    UNORDERED,
    Network,
    Pair,
    Puppet,
    Server,
    connect,
    parameters,
)
from packets import DATA, ERROR, INIT, INIT_ACK, SACK, B, E, U

FORWARD_TSN, FORWARD_TSN_SUPPORTED = 192, 0xC000
SUPPORTED = packets.parameter(FORWARD_TSN_SUPPORTED)
TTL, RTX, PRIO = 0x10, 0x20, 0x30
SEND_FAILED_EVENT = 0x800D
PMDCS = 1500 - 20 - 8 - 12
PAYLOAD = PMDCS - 16


def receiver(seed=3, offered=SUPPORTED, **options):
    """A puppet that offers partial reliability, connected to a real server."""
    network = watch(Network(seed))
    made = parameters(**options)
    listener = Server(network, network.host("server", SERVER, parameters=made), parameters=made)
    puppet = Puppet(network).establish(parameters=offered)
    puppet.wait(SECOND)
    puppet.side = listener.sides[0]
    puppet.forget()
    puppet.ask(puppet.data(b"first"))  # the first DATA is acknowledged at once, later ones are not
    return puppet


def sender(a_rwnd=65536, seed=4, offered=SUPPORTED, inbound=10, **options):
    """A real client that is connected to a puppet, which offers partial reliability."""
    network = watch(Network(seed))
    made = parameters(**options)
    puppet = Puppet(network, SERVER, SERVER_PORT, CLIENT, CLIENT_PORT)
    puppet.side = connect(network, network.host("client", CLIENT, parameters=made), parameters=made)
    puppet.wait(10 * MILLISECOND)
    puppet.answer_init(a_rwnd, inbound=inbound, parameters=offered)
    return puppet


def forward(tsn, *streams):
    """FORWARD TSN with (stream, SSN) pairs."""
    value = struct.pack(">I", tsn & 0xFFFFFFFF) + b"".join(struct.pack(">HH", *pair) for pair in streams)
    return packets.chunk(FORWARD_TSN, 0, value)


def forwards(answers):
    """[(New Cumulative TSN, [(stream, SSN)])] of the FORWARD TSNs in packets."""
    return [
        (struct.unpack(">I", chunk.value[:4])[0], list(struct.iter_unpack(">HH", chunk.value[4:])))
        for answer in answers
        for chunk in answer.all(FORWARD_TSN)
    ]


def chunks(answers):
    return [chunk for answer in answers for chunk in answer.all(DATA)]


def submit(s, data=b"x", stream_id=0, flags=0, value=0, context=0):
    assert s.side.association.submit(data, stream_id, 0, flags, value, context, s.network.now) == 0


def failed(s):
    """[(sent, context)] of the failed sends reported."""
    told = [content for kind, content in s.side.notifications if kind == SEND_FAILED_EVENT]
    return [(content[0], content[2][3]) for content in told]


def path(s):
    return s.side.snapshot()["paths"][0]


# --- negotiation


@pytest.mark.parametrize("client", [False, True])
@pytest.mark.parametrize("server", [False, True])
def test_both_sides_must_offer_it(client, server):
    """3758-3.1-01, 3758-3.1-04: an empty parameter; in INIT ACK only if INIT had it; on by default."""
    assert parameters().partial_reliability
    p = Pair(
        parameters=parameters(partial_reliability=client),
        server_parameters=parameters(partial_reliability=server),
    ).establish()
    init, ack = (packets.parse(p.network.records[i].packet).chunks[0] for i in range(2))
    assert dict(init.parameters).get(FORWARD_TSN_SUPPORTED) == (b"" if client else None)
    assert dict(ack.parameters).get(FORWARD_TSN_SUPPORTED) == (b"" if client and server else None)
    for side in p.client, p.server:
        assert side.association.extensions == int(client and server)


def test_forward_tsn_that_we_did_not_offer():
    """3758-3.1-02: a side that did not offer it answers FORWARD TSN by ERROR, though the peer offered it."""
    r = receiver(partial_reliability=False)
    (answer,) = r.ask(forward(r.tsn + 5))
    assert answer[ERROR].causes == [(6, forward(r.tsn + 5))]
    assert r.side.snapshot()["tsn_map"]["cumulative_tsn"] == r.tsn - 1


def test_peer_without_it_never_gets_one():
    """3758-3.1-03: what has a TSN is then sent until it arrives; what has none may still expire."""
    s = sender(a_rwnd=2000, offered=b"")
    submit(s, bytes(1000), flags=TTL, value=100, context=1)
    submit(s, bytes(1500), flags=TTL, value=100, context=2)
    submit(s, b"rtx", flags=RTX, value=0, context=3)
    answers = s.wait(10 * SECOND)
    assert not forwards(answers)
    assert {chunk.tsn for chunk in chunks(answers)} == {s.peer_tsn, s.peer_tsn + 1}
    assert failed(s) == [(0, 2)]
    assert len(chunks(answers)) > 4


@pytest.mark.parametrize("ours, cookie_from", [(True, "collision"), (False, "collision")])
def test_collision(ours, cookie_from):
    """3758-3.1-01, 9260-5.2.4-03: both sides connect at once; what was agreed holds."""
    network = watch(Network(5))
    made = parameters(partial_reliability=ours)
    puppet = Puppet(network, SERVER, SERVER_PORT, CLIENT, CLIENT_PORT)
    puppet.side = connect(network, network.host("client", CLIENT, parameters=made), parameters=made)
    puppet.wait(10 * MILLISECOND)
    (answer,) = puppet.ask(packets.init(puppet.tag, puppet.tsn, parameters=SUPPORTED), tag=0)
    puppet.peer_tag = answer[INIT_ACK].initiate_tag
    puppet.ask(packets.chunk(packets.COOKIE_ECHO, 0, dict(answer[INIT_ACK].parameters)[7]))
    assert puppet.side.connected
    assert puppet.side.association.extensions == int(ours)


# --- the receiver


def test_layout():
    """3758-3.2-01, 3758-3.2-02, 3758-3.6-01: missing TSNs count as received, then what is there already."""
    r = receiver()
    cumulative = r.tsn - 1
    for gap in (2, 3, 5):  # 1 and 4 are missing
        r.ask(packets.data(cumulative + gap, ssn=gap, flags=B | E | U))
    (answer,) = r.ask(forward(cumulative + 1))
    assert (answer[SACK].cumulative_tsn_ack, answer[SACK].gaps) == (cumulative + 3, [(2, 2)])


def test_held_messages_are_released_in_order():
    """3758-3.6-04: all up to the SSN listed, then those that follow it; other streams wait."""
    r = receiver()
    t = r.tsn  # t: stream 0, SSN 1, is lost
    for tsn, stream, ssn in [(6, 0, 5), (3, 0, 3), (2, 0, 2), (5, 0, 4), (7, 0, 7), (8, 1, 1)]:
        r.ask(packets.data(t + tsn, b"%d/%d" % (stream, ssn), stream, ssn))
    assert r.side.received == [b"first"]
    r.ask(forward(t + 1, (0, 1)))
    assert r.side.received[1:] == [b"0/2", b"0/3", b"0/4", b"0/5"]
    r.ask(forward(t + 4, (0, 6)))
    assert r.side.received[5:] == [b"0/7"]
    assert r.side.snapshot()["tsn_map"]["cumulative_tsn"] == t + 8
    r.ask(packets.data(t + 9, b"1/0", 1, 0))
    assert r.side.received[6:] == [b"1/0", b"1/1"]


@pytest.mark.parametrize("back", [0, 1, 2**31 - 1])
def test_old_forward_tsn(back):
    """3758-3.6-02: at or behind the ack point it changes nothing, streams neither; a SACK answers."""
    r = receiver()
    (answer,) = r.ask(forward(r.tsn - 1 - back, (0, 70)))
    assert answer[SACK].cumulative_tsn_ack == r.tsn - 1
    r.ask(r.data(b"next"))
    assert r.side.received == [b"first", b"next"]


def test_acknowledged_as_data_is():
    """3758-3.6-03: without gaps after the delay, or with the second packet; with a gap at once."""
    r = receiver()
    assert r.ask(forward(r.tsn, (0, 1))) == []
    (answer,) = r.wait(300 * MILLISECOND)
    assert answer[SACK].cumulative_tsn_ack == r.tsn
    assert r.ask(forward(r.tsn + 1, (0, 2))) == []
    (answer,) = r.ask(packets.data(r.tsn + 2, ssn=3))
    assert answer[SACK].cumulative_tsn_ack == r.tsn + 2
    (answer,) = r.ask(packets.data(r.tsn + 5, ssn=5))
    (answer,) = r.ask(forward(r.tsn + 3))
    assert (answer[SACK].cumulative_tsn_ack, answer[SACK].gaps) == (r.tsn + 3, [(2, 2)])


def test_half_built_messages_go():
    """3758-3.6-05: what misses a TSN that is passed is thrown away, and nothing else."""
    r = receiver()
    t = r.tsn
    r.ask(packets.data(t, b"begun", 0, 1, B))  # its end, t + 1, is skipped
    r.ask(packets.data(t + 3, b"tail", 0, 2, E))  # its beginning, t + 2, too
    r.ask(packets.data(t + 5, b"still ", 0, 3, B))
    r.ask(packets.data(t + 6, b"being ", 0, 3, 0))
    assert r.side.association.reassembly.fragments_held == 4
    (answer,) = r.ask(forward(t + 4, (0, 2)))
    assert answer[SACK].cumulative_tsn_ack == t + 6
    assert r.side.association.reassembly.fragments_held == 2
    r.ask(packets.data(t + 7, b"built", 0, 3, E))
    assert r.side.received == [b"first", b"still being built"]
    assert r.side.association.reassembly.bytes_held == 0


def test_what_was_skipped_is_a_duplicate():
    """3758-3.6-06: it is dropped and reported."""
    r = receiver()
    r.ask(forward(r.tsn + 1, (0, 2)), wait=SECOND)
    (answer,) = r.ask(packets.data(r.tsn, b"late", 0, 1))
    assert answer[SACK].duplicates == [r.tsn]
    assert r.side.received == [b"first"]


def test_rest_of_a_message_cut_in_the_middle():
    """3758-3.6-05: a FORWARD TSN may end within a message; its other fragments are discarded as they come."""
    r = receiver()
    t = r.tsn
    r.ask(packets.data(t + 3, b"d", 0, 1, 0))
    r.ask(forward(t + 1, (0, 1)))
    for tsn, flags in ((2, 0), (4, E)):
        r.ask(packets.data(t + tsn, b"x", 0, 1, flags))
    (answer,) = r.ask(packets.data(t + 5, b"next", 0, 2), wait=SECOND)
    assert answer.types == [SACK] and answer[SACK].cumulative_tsn_ack == t + 5
    assert r.side.received == [b"first", b"next"]
    assert r.side.association.reassembly.bytes_held == 0


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 1, 0), (1, 2, 0)])
def test_message_without_an_end(order):
    """3758-3.5-03: the sender may give up what has no TSN yet; the next message then follows a middle."""
    r = receiver()
    t = r.tsn
    sent = [
        packets.data(t, b"a", 0, 1, B),
        packets.data(t + 1, b"b", 0, 1, 0),
        packets.data(t + 2, b"next", 0, 1, B | E | U),
    ]
    for index in order:
        r.ask(sent[index])
    assert r.side.received == [b"first", b"next"] and r.side.state.name == "ESTABLISHED"
    r.ask(forward(t + 3, (0, 1)), packets.data(t + 4, b"last", 0, 2))
    assert r.side.received[2:] == [b"last"]
    assert r.side.association.reassembly.bytes_held == 0


def test_unordered_messages_are_not_listed():
    """3758-3.2-03: a FORWARD TSN without streams moves the TSNs and no SSN."""
    r = receiver()
    r.ask(forward(r.tsn + 3))
    r.ask(packets.data(r.tsn + 4, b"next", 0, 1))
    assert r.side.received == [b"first", b"next"]


def test_streams_out_of_range_are_passed_over():
    """3758-3.6-04: the pairs of other streams count."""
    r = receiver(inbound_streams=5)
    r.ask(forward(r.tsn, (5, 1), (65535, 65535), (4, 0), (0, 1)))
    r.ask(packets.data(r.tsn + 1, b"a", 4, 1), packets.data(r.tsn + 2, b"b", 0, 2))
    assert r.side.received == [b"first", b"a", b"b"]
    assert r.side.association.reassembly.allocated() < 100


def test_ssn_wrap():
    """9260-1.6-02, 3758-3.6-04: SSN 65535 is followed by 0, also when skipped; older ones move nothing."""
    r = receiver()
    t = r.tsn
    for step, ssn in enumerate((32767, 65534)):
        r.ask(forward(t + step, (0, ssn)))
    r.ask(packets.data(t + 4, b"1", 0, 1), packets.data(t + 3, b"0", 0, 0))
    r.ask(forward(t + 2, (0, 65535), (0, 65000), (0, 65535)))
    assert r.side.received == [b"first", b"0", b"1"]


def test_malformed():
    """3758-3.2-01: shorter than a TSN, or with half a pair, it is dropped and counted."""
    r = receiver()
    for value in (b"", b"123", forward(r.tsn + 1)[4:] + b"12"):
        assert r.ask(packets.chunk(FORWARD_TSN, 0, value)) == []
    assert r.side.host.endpoint.drops["malformed_chunk"] == 3
    assert r.side.snapshot()["tsn_map"]["cumulative_tsn"] == r.tsn - 1


def test_farthest_jump():
    """3758-3.6-01: as far as serial arithmetic sees ahead, at no cost."""
    r = receiver()
    (answer,) = r.ask(forward(r.tsn - 1 + 2**31 - 1), wait=SECOND)
    assert answer[SACK].cumulative_tsn_ack == (r.tsn - 1 + 2**31 - 1) % 2**32
    r.ask(packets.data(r.tsn + 2**31 - 1, b"next", 0, 1))
    assert r.side.received == [b"first", b"next"]


def test_many_pairs_are_cheap():
    """3758-3.6-04: pairs without number cost their length, whatever they say and whatever is held."""
    r = receiver()
    for i in range(100):
        r.ask(packets.data(r.tsn + 100 + i, b"held", 1, 40_000 + i))
    pairs = [(i % 2, ssn) for i, ssn in enumerate([30_000, 20_000, 10_000, 50_000] * 4000)]
    for step in range(30):
        r.ask(forward(r.tsn + step, *pairs))
    assert r.side.state.name == "ESTABLISHED"
    assert r.side.received.count(b"held") == 100


# --- the sender


def test_advanced_peer_ack_point():
    """3758-3.5-01, 3758-3.5-04: the RFC's example: 103 and 104 abandoned, 105 lost, 106 acknowledged."""
    s = sender(nodelay=True)
    for context, flags in enumerate((RTX, RTX, 0, 0)):
        submit(s, b"%d" % context, context, flags, 0, context)
    first = chunks(s.wait(10 * MILLISECOND))[0].tsn
    answers = s.ask(packets.sack(first - 1, gaps=[(4, 4)]), wait=1100 * MILLISECOND)
    assert forwards(answers) == [(first + 1, [(1, 0), (0, 0)])]
    assert [chunk.tsn for chunk in chunks(answers)] == [first + 2]
    outstanding = s.side.snapshot()["outstanding"]
    assert outstanding["cumulative_tsn_ack"] == first - 1
    assert outstanding["advanced_peer_ack_point"] == first + 1
    assert failed(s) == [(1, 0), (1, 1)]


def test_bundled_with_data():
    """3758-3.5-07: FORWARD TSN goes before the DATA of the same packet, at once."""
    s = sender(nodelay=True)
    submit(s, b"a", flags=RTX)
    submit(s, b"b")
    s.wait(10 * MILLISECOND)
    (answer,) = s.wait(SECOND)  # T3
    assert answer.types == [FORWARD_TSN, DATA]


def test_list_that_does_not_fit_behind_a_sack():
    """3758-3.5-04 (C4), 3758-3.5-05: it is not cut for that, but goes in a packet of its own, whole."""
    s = sender(a_rwnd=10**6, max_burst=0, inbound=300, outbound_streams=300, nodelay=True)
    for stream_id in range(200):
        submit(s, b"x", stream_id, RTX)
    for _ in range(3):
        submit(s, b"last", 299)
    first = min(chunk.tsn for chunk in chunks(s.wait(10 * MILLISECOND)))
    for end in (201, 202):
        s.ask(packets.sack(first - 1, 10**6, gaps=[(201, end)]))
    lonely = [packets.data(s.tsn + 2 * i, b"y", flags=B | E | U) for i in range(1, 251)]
    for start in range(50, 250, 50):         # a SACK of 250 gap blocks is due with the third miss report
        s.ask(*lonely[start:start + 50])
    answers = s.ask(packets.sack(first - 1, 10**6, gaps=[(201, 203)]), *lonely[:50])
    assert SACK in answers[0].types and FORWARD_TSN not in answers[0].types
    ((tsn, pairs),) = forwards(answers)
    assert tsn == first + 199
    assert sorted(pairs) == [(stream_id, 0) for stream_id in range(200)]


def test_life_that_ends_before_the_probe():
    """3758-4.1-01, 9260-6.1-02: what waits for a shut window and is given up is no probe and no error."""
    s = sender()
    submit(s)
    (chunk,) = chunks(s.wait(10 * MILLISECOND))
    s.ask(packets.sack(chunk.tsn, 0))
    submit(s, b"short", 0, TTL, 500, 9)
    assert chunks(s.wait(20 * SECOND)) == []
    assert failed(s) == [(0, 9)]
    assert (path(s)["t3_rtx_running"], path(s)["error_count"]) == (False, 0)
    submit(s, b"next")
    (probe,) = chunks(s.wait(SECOND + 100 * MILLISECOND))
    assert (probe.tsn, probe.payload) == (chunk.tsn + 1, b"next")


def test_no_credit_for_abandoned_chunks():
    """3758-3.5-02: no longer outstanding, nothing for cwnd."""
    s = sender(a_rwnd=10**6, max_burst=0)
    submit(s, bytes(4000), flags=RTX)
    s.wait(10 * MILLISECOND)
    assert s.side.snapshot()["outstanding"]["flight_size"] == [4000 + 3 * 16]
    (answer,) = s.wait(SECOND)
    assert s.side.snapshot()["outstanding"]["flight_size"] == [0]
    assert s.side.snapshot()["outstanding"]["data_bytes"] == 0
    cwnd = path(s)["cwnd"]
    submit(s, bytes(20_000))
    s.wait(10 * MILLISECOND)
    assert s.side.snapshot()["outstanding"]["flight_size"][0] >= cwnd        # else it would not grow anyway
    s.ask(packets.sack(forwards([answer])[0][0], 10**6))
    assert path(s)["cwnd"] == cwnd and path(s)["partial_bytes_acked"] == 0


def test_all_fragments_go_also_those_without_a_tsn():
    """3758-3.5-03, 3758-4.1-01: one TSN more, which is never sent, stands for what got none."""
    s = sender(a_rwnd=10**6, max_burst=0)
    submit(s, bytes(50_000), 3, TTL, 500, 7)
    submit(s, b"next", 3)
    sent = chunks(s.wait(10 * MILLISECOND))
    assert 1 < len(sent) < 30 and not sent[-1].flags & E
    last = sent[-1].tsn
    answers = s.wait(SECOND)
    assert forwards(answers)[0] == (last + 1, [(3, 0)])
    following = chunks(answers)[0]
    assert (following.tsn, following.ssn, following.payload) == (last + 2, 1, b"next")
    assert failed(s) == [(1, 7)]


def test_all_that_was_sent_is_acknowledged_and_yet_it_is_skipped():
    """3758-3.5-03: fragments acknowledged, the rest never sent: the stream must not wait for the message."""
    s = sender(a_rwnd=10**6)
    submit(s, bytes(100_000), 3, TTL, 500, 7)
    last = chunks(s.wait(10 * MILLISECOND))[-1].tsn
    s.ask(packets.sack(last, 0))  # and the window is shut
    answers = s.wait(SECOND)
    assert forwards(answers)[0] == (last + 1, [(3, 0)])
    s.ask(packets.sack(last + 1, 10**6))
    submit(s, b"next", 3)
    (following,) = chunks(s.wait(10 * MILLISECOND))
    assert (following.tsn, following.ssn) == (last + 2, 1)


def test_confirmed_address():
    """3758-3.5-04, C3: an address that is not confirmed gets no FORWARD TSN."""
    network = watch(Network(4))
    puppet = Puppet(network, SERVER, SERVER_PORT, CLIENT, CLIENT_PORT, more=("10.0.0.3",))
    puppet.answers_heartbeats = False
    puppet.side = connect(network, network.host("client", CLIENT))
    puppet.wait(10 * MILLISECOND)
    puppet.answer_init(parameters=SUPPORTED + packets.parameter(5, bytes([10, 0, 0, 3])))
    submit(puppet, b"x", flags=RTX)
    puppet.wait(30 * SECOND)
    routes = {
        destination
        for packet, (_, destination) in zip(puppet.inbox, puppet.routes, strict=True)
        if FORWARD_TSN in packet.types
    }
    assert routes == {SERVER}


def test_each_stream_once_unordered_never():
    """3758-3.2-03, 3758-3.5-04, C4: its greatest SSN that is skipped."""
    s = sender(nodelay=True)
    for stream_id, flags in ((1, RTX), (2, RTX), (1, RTX), (3, RTX | UNORDERED), (1, RTX)):
        submit(s, b"x", stream_id, flags)
    sent = chunks(s.wait(10 * MILLISECOND))
    skipped = forwards(s.wait(SECOND))
    assert [(tsn, sorted(streams)) for tsn, streams in skipped] == [(sent[-1].tsn, [(1, 2), (2, 0)])]


def test_never_above_the_pmtu():
    """3758-3.5-05: a list that is too long lowers the Advanced.Peer.Ack.Point to what fits."""
    s = sender(inbound=300, a_rwnd=10**6, path_mtu=512, outbound_streams=300, nodelay=True, max_burst=0)
    submit(s, bytes(30_000))
    flying = chunks(s.wait(10 * MILLISECOND))
    while flying:  # slow start
        flying = chunks(s.ask(packets.sack(flying[-1].tsn, 10**6)))
    for stream_id in range(300):
        submit(s, b"x", stream_id, RTX)
    sent = [chunk.tsn for chunk in chunks(s.wait(10 * MILLISECOND))]
    most = (512 - 20 - 8 - 12 - 8) // 4
    assert len(sent) > most
    answers = s.wait(SECOND)
    (tsn, streams), *_ = forwards(answers)
    assert len(streams) == most and tsn == sent[0] + most - 1
    assert max(len(answer.raw) for answer in answers) <= 512 - 28
    (tsn, streams), *_ = forwards(s.ask(packets.sack(tsn, 10**6)))
    assert tsn > sent[0] + most - 1


def test_retransmitted_by_t3():
    """3758-3.5-04, C5, 3758-3.5-06: a lost FORWARD TSN goes again when T3 expires, until acked."""
    s = sender(nodelay=True)
    submit(s, b"x", flags=RTX)
    (chunk,) = chunks(s.wait(10 * MILLISECOND))
    s.forget()
    s.wait(8 * SECOND)
    assert [packet.types for packet in s.inbox] == [[FORWARD_TSN]] * 3
    assert [round((time - s.arrivals[0]) / SECOND) for time in s.arrivals] == [0, 2, 6]
    s.ask(packets.sack(chunk.tsn))
    assert s.wait(20 * SECOND) == []
    assert s.side.snapshot()["outstanding"]["chunks"] == 0


def test_same_forward_tsn_not_at_each_sack():
    """3758-3.5-07: SACKs that do not know of it yet do not bring it again within a round trip or 200 ms."""
    s = sender(nodelay=True)
    submit(s, b"a", flags=RTX)
    submit(s, b"b")
    first = chunks(s.wait(10 * MILLISECOND))[0].tsn
    s.wait(SECOND)
    for a_rwnd in (60_000, 60_001, 60_002):
        s.send(packets.sack(first - 1, a_rwnd, gaps=[(2, 2)]))
    assert len(forwards(s.wait(10 * MILLISECOND))) == 1
    s.wait(200 * MILLISECOND)
    assert len(forwards(s.ask(packets.sack(first - 1, 60_003, gaps=[(2, 2)])))) == 1


def test_old_sack_is_told_by_the_cumulative_ack():
    """3758-3.5-08: a SACK below the Advanced.Peer.Ack.Point is none that is out of order."""
    s = sender(nodelay=True)
    submit(s, b"a", flags=RTX)
    submit(s, b"b")
    first = chunks(s.wait(10 * MILLISECOND))[0].tsn
    s.wait(SECOND)
    assert s.side.snapshot()["outstanding"]["advanced_peer_ack_point"] == first
    s.ask(packets.sack(first - 1, 12_345, gaps=[(2, 2)]))
    assert s.side.snapshot()["peer_rwnd"] == 12_345
    assert not s.side.host.endpoint.drops


def test_loss_of_an_abandoned_chunk_is_a_loss():
    """3758-3.5-09, 7496-3.1-02: fast retransmit halves the window, though nothing is retransmitted."""
    s = sender(a_rwnd=10**6, nodelay=True, max_burst=0)
    submit(s, b"start")
    s.ask(packets.sack(chunks(s.wait(10 * MILLISECOND))[0].tsn, 10**6))
    submit(s, b"lost", flags=RTX, value=0, context=1)
    for _ in range(3):
        submit(s, bytes(1000))
    first = chunks(s.wait(10 * MILLISECOND))[0].tsn
    for count in (2, 3):
        s.ask(packets.sack(first - 1, 10**6, gaps=[(2, count)]))
    before = path(s)["ssthresh"], path(s)["cwnd"]
    answers = s.ask(packets.sack(first - 1, 10**6, gaps=[(2, 4)]))
    assert forwards(answers) == [(first, [(0, 1)])] and not chunks(answers)
    assert path(s)["ssthresh"] < before[0] and path(s)["cwnd"] < before[1] + PMDCS
    assert s.side.snapshot()["outstanding"]["fast_recovery"]
    assert failed(s) == [(1, 1)]


def test_loss_is_noticed_after_the_message_was_given_up():
    """3758-3.5-09: what was in flight when its message was given up counts when it turns out to be lost."""
    s = sender(a_rwnd=10**6, nodelay=True, max_burst=0)
    submit(s, b"start")
    s.ask(packets.sack(chunks(s.wait(10 * MILLISECOND))[0].tsn, 10**6))
    submit(s, bytes(20_000), flags=TTL, value=50)
    flying = [chunk.tsn for chunk in chunks(s.wait(10 * MILLISECOND))]
    assert forwards(s.wait(100 * MILLISECOND))
    for _ in range(3):
        submit(s, bytes(1000), 1)
    following = [chunk.tsn for chunk in chunks(s.wait(10 * MILLISECOND))]
    ssthresh, offset = path(s)["ssthresh"], following[0] - flying[0] + 1
    for count in range(3):
        s.ask(packets.sack(flying[0] - 1, 10**6, gaps=[(offset, offset + count)]))
    assert path(s)["ssthresh"] < ssthresh


def test_t3_keeps_its_effects():
    """7496-3.1-02: RTO doubled, cwnd down, an error counted, and nothing retransmitted."""
    s = sender(nodelay=True)
    submit(s, b"x", flags=RTX)
    s.wait(10 * MILLISECOND)
    rto = path(s)["rto"]
    answers = s.wait(SECOND)
    assert forwards(answers) and not chunks(answers)
    assert (path(s)["rto"], path(s)["cwnd"], path(s)["error_count"]) == (2 * rto, PMDCS, 1)


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_limited_retransmissions(limit):
    """7496-3.1-01: sent once and `limit` times more."""
    s = sender(nodelay=True)
    submit(s, bytes(2000), flags=RTX, value=limit, context=5)
    answers = s.wait(20 * SECOND)
    times = [chunk.tsn for chunk in chunks(answers)]
    assert times.count(times[0]) == 1 + limit
    assert forwards(answers)[0] == (times[0] + 1, [(0, 0)])
    assert failed(s) == [(1, 5)]


def test_fast_retransmissions_count():
    """7496-3.1-01: as those by T3 do."""
    s = sender(a_rwnd=10**6, nodelay=True, max_burst=0)
    submit(s, b"start")
    s.ask(packets.sack(chunks(s.wait(10 * MILLISECOND))[0].tsn, 10**6))
    submit(s, b"lost", flags=RTX, value=1)
    for _ in range(3):
        submit(s, bytes(1000))
    first = chunks(s.wait(10 * MILLISECOND))[0].tsn
    again = []
    for count in (2, 3, 4):
        again += s.ask(packets.sack(first - 1, 10**6, gaps=[(2, count)]))
    assert [chunk.tsn for chunk in chunks(again)] == [first] and not forwards(again)
    answers = s.wait(2 * SECOND)
    assert forwards(answers)[0][0] == first and not chunks(answers)


# --- life times


def test_expired_before_it_has_a_tsn():
    """3758-4.1-01, 3758-3.5-10: it gets none, no FORWARD TSN is needed, and the user learns of it in time."""
    s = sender(a_rwnd=1500)
    submit(s, bytes(1400))
    submit(s, bytes(1400), flags=TTL, value=300, context=1)
    submit(s, bytes(1400))
    (chunk,) = chunks(s.wait(299 * MILLISECOND))
    assert failed(s) == []
    s.wait(2 * MILLISECOND)
    assert failed(s) == [(0, 1)]
    answers = s.ask(packets.sack(chunk.tsn, 10_000))
    assert [each.tsn for each in chunks(answers)] == [chunk.tsn + 1] and not forwards(answers)
    assert s.side.association.given_up.of_association(1) == (1, 0)


def test_expired_before_it_is_sent_again():
    """3758-4.1-01, 3758-4.1-02: nothing happens when the time is over, but it is not retransmitted after."""
    s = sender(nodelay=True)
    submit(s, b"x", flags=TTL, value=500)
    s.wait(10 * MILLISECOND)
    assert s.wait(900 * MILLISECOND) == []
    answers = s.wait(100 * MILLISECOND)
    assert forwards(answers) and not chunks(answers)


def test_life_goes_on():
    """3758-4.1-01: until it is over the message is sent as any other."""
    s = sender(nodelay=True)
    submit(s, b"x", flags=TTL, value=5000)
    assert len(chunks(s.wait(4 * SECOND))) == 3
    assert forwards(s.wait(4 * SECOND))


def test_life_begins_when_the_message_is_passed_down():
    """3758-4.1-03: also while the association is set up, and behind other messages."""
    network = watch(Network(4))
    puppet = Puppet(network, SERVER, SERVER_PORT, CLIENT, CLIENT_PORT)
    puppet.side = connect(network, network.host("client", CLIENT))
    submit(puppet, b"early", flags=TTL, value=400, context=1)
    submit(puppet, b"later", flags=TTL, value=900, context=2)
    puppet.wait(500 * MILLISECOND)
    assert failed(puppet) == [(0, 1)]
    answers = puppet.answer_init(parameters=SUPPORTED)
    assert [chunk.payload for chunk in chunks(answers)] == [b"later"]
    assert INIT not in answers[0].types


@pytest.mark.parametrize("flags", [0, TTL])
@pytest.mark.parametrize("value, dies", [(300, True), (0, False)])
def test_life_time_without_a_policy(flags, value, dies):
    """7496-4-01: a life time alone means TTL; 0 means for ever."""
    s = sender(nodelay=True)
    submit(s, b"x", flags=flags, value=value)
    assert bool(forwards(s.wait(1500 * MILLISECOND))) == dies


# --- priorities


def full(s):
    return s.side.association.submit(bytes(1000), 0, 0, 0, 0, 99, s.network.now) != 0


def test_priority():
    """7496-3.2-01: the least important goes first, the newest of equals, until there is room."""
    s = sender(a_rwnd=1500, send_buffer=11_000)
    for context, value in enumerate((3, 5, 1, 5, 4, 2, 0, 5, 3, 1)):
        submit(s, bytes(1000), flags=PRIO, value=value, context=context)
    s.wait(10 * MILLISECOND)
    submit(s, bytes(1000), flags=PRIO, value=9, context=10)
    assert s.side.association.submit(bytes(1000), 0, 0, PRIO, 9, 11, s.network.now)
    assert failed(s) == []
    for value, context in ((4, 20), (4, 21), (4, 22), (3, 23)):
        submit(s, bytes(1000), flags=PRIO, value=value, context=context)
    s.side.read()
    assert failed(s) == [(0, 10), (0, 7), (0, 3), (0, 1)]


def test_reliable_messages_are_more_important():
    """7496-3.2-01: than any priority, 0 too; what has been sent goes last, with a FORWARD TSN."""
    s = sender(a_rwnd=1500, send_buffer=3000)
    for context in range(3):
        submit(s, bytes(1000), flags=PRIO, value=0, context=context)
    (chunk,) = chunks(s.wait(10 * MILLISECOND))
    submit(s, bytes(1000), context=10)
    submit(s, bytes(1000), context=11)
    submit(s, bytes(1000), context=12)
    s.side.read()
    assert failed(s) == [(0, 2), (0, 1), (1, 0)]
    assert forwards(s.wait(10 * MILLISECOND)) == [(chunk.tsn, [(0, 0)])]
    assert full(s)


def test_counters():
    """7496-4-02: by policy and stream; once a message, as sent if a part of it was."""
    s = sender(a_rwnd=3000, nodelay=True)
    submit(s, bytes(2000), 1, RTX)
    submit(s, bytes(2000), 2, TTL, 100)
    submit(s, bytes(2000), 2, TTL, 100)
    s.wait(2 * SECOND)
    counted = s.side.association.given_up
    assert [counted.of_association(policy) for policy in range(4)] == [(1, 2), (1, 1), (0, 1), (0, 0)] or [
        counted.of_association(policy) for policy in range(4)
    ] == [(2, 1), (2, 0), (0, 1), (0, 0)]
    assert counted.of_stream(1, 0) == (0, 1)
    assert counted.of_stream(2, 1) == counted.of_association(1)
    assert counted.of_stream(9, 0) == counted.of_stream(70_000, 0) == (0, 0)
