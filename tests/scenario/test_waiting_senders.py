"""Senders that wait for room in the send buffer, or for the peer's window, go on as soon as there is some.

RFC 9260 sections 6.1 (the I bit: a sender gains by an early SACK) and 6.2 (delayed SACKs, window updates).
Whatever the sizes of messages and buffers, nobody waits for a delayed SACK, for T3-rtx or for a window probe
on a network that loses nothing.
"""

import itertools

import packets
import pytest
from failures import watch
from net import (
    CLIENT,
    CLIENT_PORT,
    MILLISECOND,
    SERVER,
    SERVER_PORT,
    Link,
    Network,
    Puppet,
    connect,
    pair,
    parameters,
    receiver,
    sender,
)
from packets import DATA

DATA_I = 0x08
DELAY = 20  # microseconds
LONGEST_PAUSE = 100 * MILLISECOND  # half the delay of a SACK, and less than all other timers
BUFFERS = (4096, 16_384, 100_000)


def sizes_around(*buffers):
    """Message sizes from one byte to beyond the buffers, and around each of them."""
    found = {1, 1000, 1440, 1460}
    for buffer in buffers:
        for part in (buffer // 2, buffer):
            found |= {part - 1500, part - 80, part, part + 1}
    return sorted(size for size in found if size > 0)


def longest_pause(times):
    return max((later - earlier for earlier, later in itertools.pairwise(times)), default=0)


def send_all(made, messages):
    """(the longest time that the first message in line waited, the longest pause between two packets)."""
    waited, left = [], len(messages)

    def watch():
        nonlocal left
        if len(made.client.pending) != left:
            left = len(made.client.pending)
            waited.append(made.network.now)
        return len(made.server.messages) == len(messages)

    start = made.network.now
    waited.append(start)
    for data in messages:
        made.client.send(data)
    assert made.until(watch)
    assert made.server.received == messages
    sent = [record.time for record in made.network.records
            if record.time >= start and packets.parse(record.packet).all(DATA)]
    return longest_pause(waited), longest_pause([start, *sent])


@pytest.mark.parametrize("nodelay", [False, True], ids=["nagle", "nodelay"])
@pytest.mark.parametrize("receive_buffer", [1500, 2500, *BUFFERS])
@pytest.mark.parametrize("send_buffer", BUFFERS)
def test_nobody_waits_for_a_timer(send_buffer, receive_buffer, nodelay):
    """Messages of all sizes that fit the send buffer, one after the other, to a peer that reads at once.

    Nagle's rule may keep the last packet until a delayed SACK comes; that is no sender that waits.
    """
    slow = {}
    for size in sizes_around(send_buffer, receive_buffer):
        if size > send_buffer:
            continue
        made = pair(link=Link(delay=DELAY), parameters=parameters(send_buffer=send_buffer, nodelay=nodelay),
                    server_parameters=parameters(receive_buffer=receive_buffer))
        count = max(7, min(60, 3 * send_buffer // (size + 80)))
        waited, paused = send_all(made, [bytes([i]) * size for i in range(count)])
        if (max(waited, paused) if nodelay else waited) >= LONGEST_PAUSE:
            slow[size] = waited, paused
    assert not slow


# --- who asks for a SACK (RFC 7053 section 4)


def asks(answers):
    """Of each packet with DATA whether its last chunk has the I bit; no other one may have it."""
    found = []
    for packet in answers:
        flags = [chunk.flags & DATA_I for chunk in packet.all(DATA)]
        assert not any(flags[:-1])
        found += [bool(flags[-1])] if flags else []
    return found


@pytest.mark.parametrize("size", [1000, 1452, 3000])
def test_a_full_buffer_asks_with_its_last_packet(size):
    """Nobody can add to what is on its way, so a delayed SACK would delay the sender as well."""
    s = sender(send_buffer=size, max_burst=0)
    s.side.send(bytes(size))
    *others, last = asks(s.wait(10 * MILLISECOND))
    assert last and not any(others)
    s.side.send(bytes(size))
    assert s.side.pending
    s.ask(packets.sack(s.side.association.snapshot()["outstanding"]["next_tsn"] - 1))
    assert not s.side.pending


@pytest.mark.parametrize("size", [1, 1000, 1452, 3000])
def test_who_does_not_wait_does_not_ask(size):
    s = sender(send_buffer=2 * size + 400)
    s.side.send(bytes(size))
    assert not any(asks(s.wait(10 * MILLISECOND)))


def test_full_means_full_not_sent():
    """What still has to be sent goes without asking: only the last packet of all leaves nothing to come."""
    s = sender(send_buffer=20_000, nodelay=True)
    s.side.send(bytes(20_000))
    assert len(asked := asks(s.wait(10 * MILLISECOND))) == 4 and not any(asked)  # as far as cwnd goes


def test_nagle_keeps_nothing_back_from_a_full_buffer():
    """Nothing can come to fill the packet, so it goes (its purpose, RFC 1122 section 4.2.3.4)."""
    s = sender(send_buffer=1000)
    s.side.send(bytes(600))
    s.wait(MILLISECOND)
    s.side.send(bytes(100))  # 780 and 180 are charged
    assert asks(s.wait(MILLISECOND)) == []
    s.side.send(bytes(100))
    assert asks(s.wait(MILLISECOND)) == [True]


@pytest.mark.parametrize(("a_rwnd", "expected"), [(1600, True), (2000, True), (1 << 16, False)])
def test_one_packet_that_fills_the_window_asks(a_rwnd, expected):
    s = sender(a_rwnd=a_rwnd)
    s.side.send(bytes(1400))
    assert asks(s.wait(10 * MILLISECOND)) == [expected]


def test_the_one_packet_after_a_timeout_asks():
    """9260-7.2.1-02: nothing else goes until it is acknowledged."""
    s = sender()
    s.side.send(bytes(4000))
    assert not any(asks(s.wait(10 * MILLISECOND)))
    assert asks(s.wait(1100 * MILLISECOND)) == [True]


def test_what_is_acknowledged_is_given_back():
    """A message of several chunks leaves the buffer chunk by chunk, and the sender goes on at once."""
    s = sender(send_buffer=10_000)
    s.side.send(bytes(10_000))
    chunks = [chunk for packet in s.wait(10 * MILLISECOND) for chunk in packet.all(DATA)]
    left = 10_000
    for number, chunk in enumerate(chunks):
        assert chunk.tsn == s.peer_tsn + number
        chunks += [chunk for packet in s.ask(packets.sack(chunk.tsn)) for chunk in packet.all(DATA)]
        left -= len(chunk.payload)
        charged = s.side.association.snapshot()["send_queue"]["bytes_charged"]
        assert charged == (left + 80 if left else 0)  # the overhead goes with the last chunk
    assert left == 0 and len(chunks) == 7


def test_the_sender_goes_on_at_the_first_room():
    s = sender(send_buffer=10_000)
    s.side.send(bytes(10_000))
    s.side.send(b"next")
    (first, *_) = s.wait(10 * MILLISECOND)
    assert s.side.pending
    s.ask(packets.sack(first[DATA].tsn))
    assert not s.side.pending


# --- what else makes room


def test_a_restart_of_the_peer_makes_room():
    """5.2.4: what was queued for the old association is given up, the sender goes on with the new one."""
    r = receiver(send_buffer=5000)
    while not r.side.pending:
        r.side.send(bytes(1000))
    r.wait(100 * MILLISECOND)
    r.tag, r.tsn = r.tag + 1, 5000
    r.establish()
    assert not r.side.pending


def test_streams_that_the_peer_refuses_make_room():
    """9260-5.1.1-02: messages for them are given up with the INIT ACK."""
    network = watch(Network(4))
    made = parameters(send_buffer=5000)
    host = network.host("client", CLIENT, parameters=made)
    puppet = Puppet(network, SERVER, SERVER_PORT, CLIENT, CLIENT_PORT)
    side = connect(network, host, parameters=made)
    while not side.pending:
        side.send(bytes(1000), stream_id=9)
    side.pending.clear()
    side.send(b"goes", stream_id=1)
    assert side.pending
    puppet.wait(10 * MILLISECOND)
    puppet.answer_init(inbound=2)
    assert not side.pending
