"""Paths that fail and come back under load (RFC 9260 sections 6.4, 6.4.1, 8.1 and 8.2).

More: PYSCTPSOCK_FAILOVER_MEGABYTES=1000 pytest tests/scenario/test_failover.py
"""

import errno
import os
import random

import packets
import pytest
from asserts import assert_same_messages
from net import (
    CLIENT_ADDRESSES,
    MILLISECOND,
    SECOND,
    SERVER_ADDRESSES,
    Link,
    State,
    parameters,
    two_paths,
)

MEGABYTES = int(os.environ.get("PYSCTPSOCK_FAILOVER_MEGABYTES", "20"))
MESSAGE = 64 * 1024
PEER_ADDR_CHANGE = 0x8002
AVAILABLE, UNREACHABLE, CONFIRMED = 0, 1, 5  # spc_state
INACTIVE, ACTIVE = 0, 2  # spinfo_state
FIRST, OTHER = SERVER_ADDRESSES


def events(side):
    """[(address, spc_state)] that the user was told, confirmations left out."""
    told = [content for kind, content in side.notifications if kind == PEER_ADDR_CHANGE]
    return [(host, state) for ((host, _port), state, *_) in told if state != CONFIRMED]


def states(side):
    return [path["state"] for path in side.snapshot()["paths"]]


def ready_pair(seed=1, link=None, **changes):
    """Two paths, both confirmed on both sides."""
    link = link or Link(delay=5 * MILLISECOND)
    p = two_paths(seed, link=link, parameters=parameters(**changes)).establish()
    p.run_for(5 * SECOND)
    assert states(p.client) == states(p.server) == [ACTIVE, ACTIVE]
    p.client.notifications.clear()
    p.server.notifications.clear()
    return p


def feed(p, count, size=1000):
    messages = [bytes([i % 251]) * size for i in range(count)]
    for message in messages:
        p.client.send(message)
    return messages


def data_destinations(p):
    return [r.destination for r in p.network.records if packets.has(r.packet, packets.DATA)]


# --- a transfer goes on


def test_transfer_survives_the_loss_of_the_primary_path(record_property):
    """9260-6.4-03, -05, 9260-8.2-01, -02, -03: what timed out goes to the other at once, new data when
    the primary is given up after 1 + 2 + 4 + 8 + 16 + 32 s; nothing is lost or doubled; the primary is used
    again once a HEARTBEAT is answered.
    """
    link = Link(delay=5 * MILLISECOND, bandwidth=200_000_000, queue=300_000)
    p = ready_pair(link=link)
    count = MEGABYTES * 1_000_000 // MESSAGE
    body = random.Random(5).randbytes(MESSAGE - 4)
    for number in range(count):
        p.client.send(number.to_bytes(4, "big") + body)
    assert p.until(lambda: len(p.server.messages) >= count // 2)
    p.path(0, up=False)
    cut = p.network.now
    before = p.server.snapshot()["data_chunks_in"]
    p.run_for(30 * MILLISECOND)  # what was under way has arrived
    arrived = p.server.snapshot()["data_chunks_in"]
    assert p.until(lambda: p.server.snapshot()["data_chunks_in"] > arrived, limit=10 * SECOND)
    resumed = p.network.now - cut
    assert resumed < 1.1 * SECOND  # RTO.Min, and that is the RTO of a path with a round trip of 10 ms
    assert p.until(lambda: (FIRST, UNREACHABLE) in events(p.client), limit=70 * SECOND)
    given_up = p.network.now - cut
    assert 62 * SECOND < given_up < 64 * SECOND
    assert p.client.snapshot()["paths"][0]["error_count"] == 6  # Path.Max.Retrans + 1
    assert p.until(lambda: len(p.server.messages) == count, limit=100 * SECOND)
    finished = p.network.now - cut
    assert [m.data[:4] for m in p.server.messages] == [n.to_bytes(4, "big") for n in range(count)]
    assert all(m.data[4:] == body for m in p.server.messages)
    print(f"{MEGABYTES} MB: data again after {resumed / SECOND:.3f} s, path given up after "
          f"{given_up / SECOND:.3f} s, all there after {finished / SECOND:.3f} s; chunks {before} before")
    record_property("resumed", resumed)
    p.network.records.clear()
    feed(p, 20)
    p.run_for(2 * SECOND)
    assert set(data_destinations(p)) == {OTHER}
    p.path(0, up=True)
    assert p.until(lambda: events(p.client) == [(FIRST, UNREACHABLE), (FIRST, AVAILABLE)], limit=181 * SECOND)
    p.network.records.clear()
    feed(p, 20)
    p.run_for(SECOND)
    assert set(data_destinations(p)) == {FIRST}
    assert len(p.server.messages) == count + 40
    p.close()


def test_each_path_has_its_own_counters():
    """9260-6.3.1-02, 9260-7.2, 9260-8.2-01: RTO, cwnd and errors of one path say nothing of the other."""
    p = ready_pair()
    feed(p, 500)
    assert p.until(lambda: len(p.server.messages) == 500)
    p.run_for(SECOND)
    first, other = p.client.snapshot()["paths"]
    assert first["cwnd"] > other["cwnd"]
    assert 10 * MILLISECOND <= first["srtt"] < 50 * MILLISECOND  # with a delayed SACK or two
    p.path(0, up=False)
    feed(p, 1)
    p.run_for(1500 * MILLISECOND)
    first, other = p.client.snapshot()["paths"]
    assert (first["error_count"], other["error_count"]) == (1, 0)
    assert (first["rto"], other["rto"]) == (2 * SECOND, SECOND)
    assert first["cwnd"] <= 1500 < other["cwnd"]
    assert p.client.snapshot()["error_count"] == 0  # acknowledged over the other path (9260-8.1-02)
    assert len(p.server.messages) == 501


@pytest.mark.parametrize("broken", ["there", "back"])
def test_one_direction_of_the_primary_is_dead(broken):
    """9260-6.4-02, 9260-6.4-03: DATA or SACKs of one path are lost; everything arrives once."""
    p = ready_pair()
    ends = (CLIENT_ADDRESSES[0], SERVER_ADDRESSES[0])
    p.network.link(*(ends if broken == "there" else ends[::-1])).up = False
    messages = feed(p, 200, 5000)
    assert p.until(lambda: len(p.server.messages) == 200, limit=200 * SECOND)
    assert_same_messages(p.server.received, messages)
    p.run_for(200 * SECOND)
    assert (FIRST, UNREACHABLE) in events(p.client)
    assert p.client.snapshot()["outstanding"]["chunks"] == 0
    assert (p.client.state, p.server.state) == (State.ESTABLISHED, State.ESTABLISHED)


# --- all paths down


def test_dormant_association_goes_on_when_one_path_heals():
    """9260-6.4-05, 9260-8.2-02: with no active path it waits; the queue goes over the one that heals."""
    p = ready_pair(association_max_retrans=40)
    p.path(0, up=False)
    p.path(1, up=False)
    messages = feed(p, 50)
    p.run_for(400 * SECOND)
    assert states(p.client) == [INACTIVE, INACTIVE]
    assert p.client.state == State.ESTABLISHED
    assert sorted(events(p.client)) == [(FIRST, UNREACHABLE), (OTHER, UNREACHABLE)]
    p.path(1, up=True)
    healed = p.network.now
    assert p.until(lambda: len(p.server.messages) == 50, limit=200 * SECOND)
    assert p.network.now - healed <= (30 + 90 + 60) * SECOND
    assert_same_messages(p.server.received, messages)
    assert events(p.client)[-1] == (OTHER, AVAILABLE)
    assert states(p.client) == [INACTIVE, ACTIVE]


def test_association_fails_when_all_paths_stay_down():
    """9260-8.1-01: ETIMEDOUT beyond Association.Max.Retrans, errors of both paths together."""
    p = ready_pair(heartbeat_enabled=False)
    p.path(0, up=False)
    p.path(1, up=False)
    cut = p.network.now
    feed(p, 1)
    assert p.until(lambda: p.client.ended, limit=1000 * SECOND)
    assert p.client.error == errno.ETIMEDOUT
    # eleven timers in turn on two paths: 1, 1, 2, 2, 4, 4, 8, 8, 16, 16, 32 s
    assert p.network.now - cut == pytest.approx(94 * SECOND, abs=10 * MILLISECOND)
    assert sum(data_destinations(p).count(host) for host in SERVER_ADDRESSES) == 11
    assert p.client_host.endpoint.association_count == 0


def test_idle_association_fails_by_its_heartbeats():
    """9260-8.1-01, 9260-8.2-01: nothing to send, both paths dead: the heartbeats of the primary find out."""
    p = ready_pair()
    p.path(0, up=False)
    p.path(1, up=False)
    assert p.until(lambda: p.client.ended, limit=3600 * SECOND)
    assert p.client.error == errno.ETIMEDOUT


# --- the end of an association, over the path that works


@pytest.mark.parametrize("who", ["client", "server"])
def test_shutdown_over_the_second_path(who):
    """9260-9.2-02, 9260-6.4-03: SHUTDOWN and SHUTDOWN ACK are repeated over another address."""
    p = ready_pair()
    p.path(0, up=False)
    start = p.network.now
    (p.client if who == "client" else p.server).shutdown()
    assert p.until(lambda: p.client.ended and p.server.ended, limit=290 * SECOND), p.states
    assert (p.client.error, p.server.error) == (0, 0)
    assert p.network.now - start < 10 * SECOND


def test_abort_over_the_second_path():
    """9260-9.1-01, 9260-6.4-05: an ABORT is sent once, so it goes where it can arrive."""
    p = ready_pair()
    p.path(0, up=False)
    feed(p, 5)
    assert p.until(lambda: states(p.client)[0] == INACTIVE, limit=300 * SECOND)
    p.client.abort(b"enough")
    assert p.until(lambda: p.server.ended, limit=SECOND)
    assert p.server.error == errno.ECONNRESET


# --- storm


@pytest.mark.parametrize("seed", range(1, 6), ids=lambda seed: f"seed{seed}")
def test_storm_with_a_flapping_path(seed):
    """9260-6.2-01, 9260-6.4-03, 9260-8.2-02: 10 % loss on both paths, one up and down every few seconds:
    everything arrives exactly once, in both directions.
    """
    storm = Link(delay=5 * MILLISECOND, jitter=2 * MILLISECOND, loss=0.10, duplicate=0.02, reorder=0.05)
    p = two_paths(seed, link=storm, parameters=parameters(association_max_retrans=50)).establish()
    rng = random.Random(seed)

    def flap(up=False):
        p.path(seed % 2, up=up)
        p.network.call_at(p.network.now + rng.randint(SECOND, 5 * SECOND), lambda: flap(not up))

    flap()
    sends = [[rng.randbytes(int(2 ** rng.uniform(2, 16))) for _ in range(300)] for _ in range(2)]
    for side, messages in zip((p.client, p.server), sends, strict=True):
        for number, message in enumerate(messages):
            side.send(message, stream_id=number % 10)

    def complete():
        return len(p.server.messages) >= 300 and len(p.client.messages) >= 300

    done = p.until(complete, limit=6 * 3600 * SECOND)
    assert done, f"seed {seed}: {len(p.server.messages)} and {len(p.client.messages)} messages; {p.states}"
    for receiver, messages in ((p.server, sends[0]), (p.client, sends[1])):
        for stream_id in range(10):
            assert_same_messages(receiver.on_stream(stream_id), messages[stream_id::10], f"seed {seed}")
    p.client.shutdown()
    ended = p.until(lambda: p.client.ended and p.server.ended, limit=3600 * SECOND)
    assert ended and {p.client.error, p.server.error} == {0}, f"seed {seed}: {p.states}"
