"""Messages that are handed out before they are whole, and messages that are sent in parts.

RFC 9260 section 6.9 (9260-6.9-05); RFC 6458 sections 6.1.7, 8.1.20, 8.1.21 and 8.1.26.
"""

import errno
import random

import packets
import pytest
from failures import watch
from net import (
    MILLISECOND,
    PARTIAL_DELIVERY_EVENT,
    SECOND,
    SERVER,
    UNORDERED,
    Link,
    Network,
    Pair,
    Puppet,
    Server,
    parameters,
    receiver,
)
from packets import ABORT, B, E, U

from pysctpsock._cy.audit import faults

FORWARD_TSN = 192
ASSOC_CHANGE, RESTART, COMM_LOST = 0x8001, 2, 1
TTL = 0x10
WEATHER = {
    "fair": {},
    "loss": {"loss": 0.05, "delay": 5 * MILLISECOND},
    "reordering": {"reorder": 0.2, "duplicate": 0.1, "delay": 5 * MILLISECOND, "jitter": 2 * MILLISECOND},
    "slow": {"bandwidth": 2_000_000, "queue": 20_000, "delay": 20 * MILLISECOND},
}


def data_of(length, seed=1):
    return random.Random(seed).randbytes(length)


def in_pieces(side):
    """How many reads that ended no message there were."""
    return sum(1 for each in side.order if isinstance(each, tuple) and not each[1])


def watch_bounds(pair):
    """Check both associations until the network rests; the most bytes that the server ever held."""
    most = 0
    for side in (pair.client, pair.server):
        found = [] if side.ended else faults(side.association, pair.network.now)
        assert not found, found
        held = side.association.reassembly.bytes_held + side.snapshot()["unread_bytes"]
        most = max(most, held)
    return most


# --- greater than all windows


@pytest.mark.parametrize("flags", [0, UNORDERED], ids=["ordered", "unordered"])
@pytest.mark.parametrize("weather", WEATHER)
def test_a_message_greater_than_the_receive_buffer(weather, flags):
    """9260-6.9-05: it arrives as it was sent, those around it whole; the buffer holds no more than ever."""
    made = Pair(7, link=Link(**WEATHER[weather]),
                parameters=parameters(receive_buffer=20_000, send_buffer=400_000)).establish()
    long, short = data_of(250_000), [data_of(3000, seed) for seed in range(2, 8)]
    for data in short[:3]:
        made.client.send(data, stream_id=1)
    made.client.send(long, stream_id=2, flags=flags)
    for data in short[3:]:
        made.client.send(data, stream_id=1)
    most, deadline = 0, made.network.now + 600 * SECOND
    while len(made.server.messages) < 7:
        assert made.network.now < deadline, made.server.order[-5:]
        made.run_for(10 * MILLISECOND)
        most = max(most, watch_bounds(made))
    assert most <= 2 * 20_000 + 1500
    assert [m.data for m in made.server.messages if m.stream_id == 2] == [long]
    assert made.server.on_stream(1) == short
    assert in_pieces(made.server) >= 10
    assert all(length for length, _ in [each for each in made.server.order if isinstance(each, tuple)])
    made.close()


def test_a_slow_reader_gets_few_pieces():
    """A piece has all that came since the last one was read, so a reader who pauses needs fewer calls."""
    made = Pair(8, parameters=parameters(receive_buffer=20_000, send_buffer=400_000)).establish()
    made.server.reading = False
    made.client.send(data_of(200_000))
    deadline = made.network.now + 600 * SECOND
    while not made.server.messages:
        made.run_for(SECOND)
        assert made.network.now < deadline
        made.server.read()
    assert made.server.received == [data_of(200_000)]
    assert in_pieces(made.server) <= 60


def test_a_message_that_fits_comes_whole():
    """9260-6.9-05: only one that the buffer cannot hold comes in pieces, whatever is lost meanwhile."""
    made = Pair(9, link=Link(loss=0.1, delay=5 * MILLISECOND),
                parameters=parameters(receive_buffer=60_000, send_buffer=400_000)).establish()
    sent = [data_of(40_000, seed) for seed in range(20)]
    for data in sent:
        made.client.send(data)
    assert made.until(lambda: len(made.server.messages) == 20)
    assert made.server.received == sent
    assert in_pieces(made.server) == 0


def test_unread_messages_before_it_do_not_count():
    """A buffer that is full of whole messages is no cause: reading them makes room."""
    made = Pair(10, parameters=parameters(receive_buffer=30_000, send_buffer=400_000)).establish()
    made.server.reading = False
    sent = [data_of(12_000, seed) for seed in range(10)]
    for data in sent:
        made.client.send(data)
    deadline = made.network.now + 600 * SECOND
    while len(made.server.messages) < 10:
        made.run_for(SECOND)
        assert made.network.now < deadline
        made.server.read(1)
    assert made.server.received == sent
    assert in_pieces(made.server) == 0


def test_the_receiver_shuts_down_and_does_not_read():
    """9260-9.2-03, 9260-6.1-03: the SACK tells of a shut window too, else what it refuses counts as lost."""
    made = Pair(19, parameters=parameters(receive_buffer=5000, send_buffer=400_000)).establish()
    made.server.reading = False
    made.client.send(data_of(30_000))
    made.run_for(SECOND)
    made.server.association.shutdown(made.network.now)
    for _ in range(30):
        made.run_for(8 * SECOND)
        made.server.read()
    assert made.until(lambda: made.client.ended and made.server.ended)
    assert (made.client.error, made.server.error) == (0, 0)
    assert made.server.received == [data_of(30_000)]


@pytest.mark.parametrize("leaves", [False, True], ids=["reading", "closed"])
def test_the_receiver_shuts_down_in_the_midst(leaves):
    """9260-9.2-03: a SHUTDOWN acknowledges data but says nothing of the window: a SACK has to."""
    made = Pair(18, parameters=parameters(receive_buffer=20_000, send_buffer=400_000)).establish()
    association, begun = made.server.association, made.network.now
    made.client.send(data_of(300_000))
    assert made.until(lambda: in_pieces(made.server) > 3 and not made.server.snapshot()["unread_bytes"])
    if leaves:
        made.server.reading = False
        association.close(made.network.now)
    else:
        association.shutdown(made.network.now)
    assert made.until(lambda: made.client.ended and association.ended, 60 * SECOND)
    assert (made.client.error, association.error) == (0, 0)
    assert made.network.now - begun < 20 * SECOND        # it is not sent probe by probe
    assert made.server.received == ([] if leaves else [data_of(300_000)])
    made.assert_gone()


# --- the partial delivery point


@pytest.mark.parametrize("length", [1000, 4000, 4001, 20_000])
def test_partial_delivery_point(length):
    """RFC 6458 section 8.1.21: messages up to it come with one read, longer ones in pieces."""
    made = Pair(12, link=Link(delay=10 * MILLISECOND),
                parameters=parameters(partial_delivery_point=4000)).establish()
    made.server.order.clear()
    made.client.send(data_of(length))
    assert made.until(lambda: made.server.messages)
    assert made.server.received == [data_of(length)]
    if length <= 4000:
        assert in_pieces(made.server) == 0
    else:
        assert made.server.order[0] != (length, True) or length == 4001


# --- interleaving (8.1.20), chunk by chunk


def pieces_peer(level=0, point=100, **options):
    """A puppet and a receiver that hands out what has 100 bytes, and has read the first 200 of a message."""
    peer = receiver(partial_delivery_point=point, **options)
    peer.side.user.receive_queue.interleave = level
    peer.side.order.clear()
    tell(peer, 0, B, b"a" * 200)
    assert peer.side.order == [(200, False)]
    return peer


def tell(peer, number, flags, payload, stream=0, ssn=0):
    """The puppet sends the DATA chunk with its TSN of this number; what comes back."""
    return peer.ask(packets.data(peer.tsn + number, payload, stream, ssn, flags))


@pytest.mark.parametrize("level", [0, 1, 2])
def test_other_streams_in_between(level):
    """8.1.20: at level 2 a message of another stream comes between, below it waits for the end."""
    peer = pieces_peer(level)
    tell(peer, 2, B | E, b"other", stream=1)
    tell(peer, 3, B | E | U, b"same", stream=0)
    tell(peer, 1, E, b"end")
    between = [(5, True)] if level == 2 else []
    after = [] if level == 2 else [(5, True)]
    assert peer.side.order == [(200, False), *between, (3, True), *after, (4, True)]
    assert peer.side.received[-1] == b"same"
    assert (b"a" * 200 + b"end") in peer.side.received


# --- what will never be whole


def events(side):
    """(stream, ssn) of the partial deliveries that were aborted."""
    return [content[2:] for kind, content in side.notifications if kind == PARTIAL_DELIVERY_EVENT]


@pytest.mark.parametrize("unordered", [0, U], ids=["ordered", "unordered"])
def test_abandoned_by_forward_tsn(unordered):
    """6.1.7, 3758-3.6-01: the event says which message it was; the stream goes on behind it."""
    peer = receiver_with_pr()
    tell(peer, 0, B | unordered, b"a" * 200, stream=3)
    assert peer.side.order == [(200, False)]
    peer.side.reading = False
    tell(peer, 1, unordered, b"unread" * 50, stream=3)
    tell(peer, 3, B | E, b"behind", stream=4)
    skipped = b"" if unordered else (3).to_bytes(2, "big") + bytes(2)
    peer.ask(packets.chunk(FORWARD_TSN, 0, (peer.tsn + 2).to_bytes(4, "big") + skipped))
    tell(peer, 4, B | E, b"next", stream=3, ssn=0 if unordered else 1)
    assert not faults(peer.side.association, peer.network.now)
    peer.side.read()
    assert peer.side.order == [(200, False), PARTIAL_DELIVERY_EVENT, (6, True), (4, True)]
    assert peer.side.received == [b"behind", b"next"]
    assert events(peer.side) == [(3, 0)]


def receiver_with_pr():
    """A puppet that may give messages up, and a receiver that hands out what has 100 bytes."""
    network = watch(Network(3))
    made = parameters(partial_delivery_point=100)
    host = network.host("server", SERVER, parameters=made)
    listener = Server(network, host, parameters=made)
    puppet = Puppet(network).establish(parameters=packets.parameter(0xC000, b""))
    puppet.wait(SECOND)
    puppet.side, puppet.endpoint, puppet.server = listener.sides[0], host.endpoint, listener
    puppet.side.order.clear()
    puppet.forget()
    return puppet


def test_given_up_without_a_word():
    """3758-3.5-03: the FORWARD TSN is lost, and another message begins where this one should go on."""
    peer = receiver_with_pr()
    tell(peer, 0, B, b"a" * 200)
    tell(peer, 1, B | E, b"next", ssn=0, stream=1)
    assert peer.side.order == [(200, False), PARTIAL_DELIVERY_EVENT, (4, True)]
    assert peer.side.received == [b"next"]


def test_aborted_in_the_midst():
    """9260-9.1: PARTIAL_DELIVERY_ABORTED, then COMM_LOST; half a message is none."""
    peer = pieces_peer()
    peer.side.reading = False
    tell(peer, 1, 0, b"b" * 300)
    peer.ask(packets.chunk(ABORT))
    peer.side.read()
    assert peer.side.order == [(200, False), PARTIAL_DELIVERY_EVENT, ASSOC_CHANGE]
    assert events(peer.side) == [(0, 0)] and peer.side.notifications[-1][1][0] == COMM_LOST
    assert peer.side.received == []


def test_restarted_in_the_midst():
    """9260-5.2.4-02: the new association's messages are none of the old one's rest."""
    peer = pieces_peer()
    peer.tag, peer.tsn = 0x0A0B0C0D, 77_000
    peer.establish()
    tell(peer, 0, B | E, b"new")
    kinds = [each for each in peer.side.order if not isinstance(each, tuple)]
    assert kinds == [PARTIAL_DELIVERY_EVENT, ASSOC_CHANGE]
    assert peer.side.notifications[-1][1][0] == RESTART
    assert peer.side.order[-1] == (3, True) and peer.side.received == [b"new"]


def test_a_contradiction_in_the_midst():
    """9260-3.3.1-06: without partial reliability a new beginning is a violation; the event comes before."""
    peer = pieces_peer()
    answers = tell(peer, 1, B | E, b"next", stream=1)
    assert answers[-1].types == [ABORT]
    assert peer.side.order == [(200, False), PARTIAL_DELIVERY_EVENT, ASSOC_CHANGE]


def test_given_up_by_the_sender():
    """RFC 3758 section 3.5: a life time that ends while a message longer than the peer's buffer is read."""
    made = Pair(13, link=Link(delay=5 * MILLISECOND), parameters=parameters(send_buffer=400_000),
                server_parameters=parameters(receive_buffer=20_000)).establish()
    made.server.reading = False
    made.client.send(b"first", 1)
    made.client.send(data_of(200_000), 1, flags=TTL, timetolive=2500)
    made.client.send(b"last", 1)
    for _ in range(200):
        made.run_for(SECOND)
        watch_bounds(made)
        made.server.read()
    assert made.server.received == [b"first", b"last"]
    assert events(made.server) == [(1, 1)]
    made.server.reading = True
    made.close()


# --- explicit EOR (8.1.26)


def give(side, data, stream=0, flags=0, end=False, ppid=0):
    return side.association.submit(data, stream, ppid, flags, now=side.network.now, end=end)


@pytest.mark.parametrize("flags", [0, UNORDERED], ids=["ordered", "unordered"])
@pytest.mark.parametrize("weather", WEATHER)
def test_a_message_in_parts(weather, flags):
    """8.1.26: parts become one message, also one that is longer than the send buffer."""
    made = Pair(14, link=Link(**WEATHER[weather]),
                parameters=parameters(send_buffer=30_000, receive_buffer=20_000)).establish()
    rng = random.Random(5)
    made.client.send(b"before")
    for _ in range(3):
        parts = [rng.randbytes(rng.choice([1, 100, 1452, 5000])) for _ in range(50)]
        for index, part in enumerate(parts):
            taken = made.until(lambda part=part, index=index: give(
                made.client, part, 1, flags, index == 49, 9) != errno.EAGAIN)
            assert taken
            watch_bounds(made)
        whole = b"".join(parts)
        assert made.until(lambda whole=whole: made.server.messages[-1].data == whole)
        assert made.server.messages[-1].ppid == 9
    made.client.send(b"after")
    made.close()
    assert made.server.received[0] == b"before" and made.server.received[-1] == b"after"
    assert [m.ssn for m in made.server.messages if m.stream_id == 1 and not flags] in ([0, 1, 2], [])


def test_what_is_refused_in_the_midst():
    """8.1.26: another stream, ppid, order or a policy is EINVAL, and the message can go on."""
    made = Pair(15).establish()
    assert give(made.client, b"begin ", 1, ppid=7) == 0
    for wrong in ({"stream": 2, "ppid": 7}, {"stream": 1, "ppid": 8},
                  {"stream": 1, "ppid": 7, "flags": UNORDERED}, {"stream": 1, "ppid": 7, "flags": TTL}):
        assert give(made.client, b"x", **wrong) == errno.EINVAL
    assert give(made.client, b"", 1, ppid=7) == errno.EINVAL
    assert give(made.client, b"end", 1, ppid=7, end=True) == 0
    assert give(made.client, b"other", 2, ppid=8, flags=UNORDERED, end=True) == 0
    assert give(made.client, b"in parts it may not be given up", 2, flags=TTL) == errno.EINVAL
    made.run_for(SECOND)
    assert made.server.received == [b"begin end", b"other"]
    made.close()


def test_shutdown_in_the_midst():
    """A message without its end cannot be finished any more: ABORT; the peer takes no half for a whole."""
    made = Pair(16).establish()
    assert give(made.client, b"half") == 0
    made.run_for(SECOND)
    made.client.association.shutdown(made.network.now)
    assert made.until(lambda: made.client.ended and made.server.ended)
    assert made.server.received == []
    assert made.server.error == errno.ECONNRESET


def test_the_sender_meets_a_restart_in_the_midst():
    """The rest of a message is not sent as one of its own: ECONNRESET, once."""
    peer = receiver()
    side = peer.side
    assert give(side, b"half") == 0
    peer.wait(SECOND)
    peer.ask(packets.sack(peer.peer_tsn))
    peer.tag, peer.tsn = 0x0A0B0C0D, 77_000
    peer.establish()
    assert give(side, b"the other half", end=True) == errno.ECONNRESET
    assert give(side, b"whole", end=True) == 0
    peer.forget()
    assert b"whole" in [chunk.value[12:] for packet in peer.wait(SECOND) for chunk in packet.chunks
                        if chunk.type == packets.DATA]


def test_half_a_message_for_a_stream_that_the_peer_does_not_take():
    """9260-5.1.1-02: it fails with the others of that stream, and no longer stands in anyone's way."""
    made = Pair(17, server_parameters=parameters(inbound_streams=2))
    made.connect()
    assert give(made.client, b"half", 5) == 0
    assert made.until(lambda: made.client.connected)
    assert give(made.client, b"whole", 1, end=True) == 0
    made.run_for(SECOND)
    made.server = made.listener.sides[-1]
    assert made.server.received == [b"whole"]
