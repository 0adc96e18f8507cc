"""Partial reliability between two endpoints: messages that are given up, and those that must not notice.

RFC 3758, RFC 7496; RFC 9260 sections 11.1.14, 11.1.15 and 11.2.2.  More storms:
PYSCTPSOCK_STORM_SEEDS=1000 (first: PYSCTPSOCK_STORM_FIRST) pytest tests/scenario/test_partial_reliability.py
"""

import collections
import os
import random

import packets
import pytest
from net import MILLISECOND, SECOND, UNORDERED, Link, Pair, parameters

FIRST = int(os.environ.get("PYSCTPSOCK_STORM_FIRST", "1"))
SEEDS = int(os.environ.get("PYSCTPSOCK_STORM_SEEDS", "12"))
MESSAGES, STREAMS, LARGEST = 400, 6, 30_000
NONE, TTL, RTX, PRIO = 0x00, 0x10, 0x20, 0x30  # SCTP_PR_SCTP_*
POLICY_MASK = 0x30
SEND_FAILED, SEND_FAILED_EVENT = 0x8003, 0x800D
UNSENT, SENT = 0, 1
FORWARD_TSN = 192

Failed = collections.namedtuple("Failed", "number sent cause stream_id flags timetolive data")


def failures(side):
    """The failed sends that were reported to a side, oldest first."""
    return [
        Failed(context, flags, cause, stream_id, send_flags, timetolive, data)
        for kind, content in side.notifications
        if kind == SEND_FAILED_EVENT
        for flags, cause, (stream_id, send_flags, _, context, timetolive), _, data in [content]
    ]


# --- a storm


def message_set(rng):
    """Arguments of Side.send, each message unique, its number as ppid and context: all policies, and none."""
    sends = []
    for number in range(MESSAGES):
        size = max(4, min(LARGEST, int(2 ** rng.uniform(2, 15))))
        policy = rng.choice([NONE, NONE, TTL, RTX, PRIO])
        value = {NONE: 0, TTL: rng.randrange(20, 3000), RTX: rng.randrange(4), PRIO: rng.randrange(6)}[policy]
        flags = policy | (UNORDERED if rng.random() < 0.2 else 0)
        data = number.to_bytes(4, "big") + rng.randbytes(size - 4)
        sends.append((data, rng.randrange(STREAMS), number, flags, value, number))
    return sends


def check(sender, receiver, sends, context):
    """What arrived is intact, in order, once; what did not was reported and counted; none of it reliable."""
    failed = failures(sender)
    given_up = {each.number: each for each in failed}
    arrived = collections.Counter(message.ppid for message in receiver.messages)
    assert set(arrived.values()) <= {1}, context
    for message in receiver.messages:
        data, stream_id, _, flags, *_ = sends[message.ppid]
        assert (*message[:2], message.unordered) == (data, stream_id, bool(flags & UNORDERED)), context
    for stream_id in range(STREAMS):
        numbers = [m.ppid for m in receiver.messages if m.stream_id == stream_id and not m.unordered]
        assert numbers == sorted(numbers), f"{context}, stream {stream_id}"
    assert len(given_up) == len(failed), f"{context}: reported twice"
    for each in failed:
        data, stream_id, _, flags, value, _ = sends[each.number]
        assert flags & POLICY_MASK, f"{context}: {each.number} is reliable"
        assert each[2:] == (0, stream_id, flags, value, data), context
    everything = set(range(len(sends)))
    assert set(arrived) | set(given_up) == everything, f"{context}: lost without a word"
    unsent = {each.number for each in failed if each.sent == UNSENT}
    assert not unsent & set(arrived), f"{context}: delivered though it was never sent"
    counted = sender.association.given_up
    for index, policy in enumerate((NONE, TTL, RTX, PRIO)):
        told = [each for each in failed if policy in (NONE, each.flags & POLICY_MASK)]
        sums = tuple(sum(each.sent == sent for each in told) for sent in (UNSENT, SENT))
        assert counted.of_association(index) == sums, context
        by_stream = [counted.of_stream(stream_id, index) for stream_id in range(STREAMS)]
        assert tuple(map(sum, zip(*by_stream, strict=True))) == sums, context


def check_skipped(pair, sender, receiver, context):
    """Nothing of what a FORWARD TSN has passed is delivered after it."""
    skips = []
    for record in pair.network.records:
        if record.destination in receiver.host.addresses and record.fate in ("delivered", "duplicate"):
            for chunk in packets.parse(record.packet).all(FORWARD_TSN):
                skips.append((record.arrival, int.from_bytes(chunk.value[:4], "big")))
    for time, tsn in skips:
        for message, read in zip(receiver.messages, receiver.times, strict=True):
            late = read > time and (tsn - message.tsn) % 2**32 < 2**31
            assert not late, f"{context}: TSN {message.tsn} after FORWARD TSN {tsn}"
    return len(skips)


def storm(seed, link, **changes):
    context = f"seed {seed}"
    rng = random.Random(seed)
    pair = Pair(seed, link=link, parameters=parameters(**changes))
    pair.establish()
    client, server = pair.client, pair.server
    there, back = message_set(rng), message_set(rng)
    for i in range(MESSAGES):
        client.send(*there[i])
        server.send(*back[i])
        for side in client, server:
            side.read()  # reports of what had to make room; more than twice the send buffer are not kept
        submitted = pair.until(lambda: not client.pending and not server.pending, limit=6 * 3600 * SECOND)
        assert submitted, f"{context}: {pair.states}, a message finds no room"
        if rng.random() < 0.05:
            pair.run_for(rng.randrange(200 * MILLISECOND))
    (client if seed % 2 else server).shutdown()
    ended = pair.until(lambda: client.ended and server.ended, limit=6 * 3600 * SECOND)
    assert ended, f"{context}: {pair.states} do not end"
    assert {client.error, server.error} == {0}, f"{context}: {client.error}, {server.error}"
    check(client, server, there, f"{context}, there")
    check(server, client, back, f"{context}, back")
    skips = check_skipped(pair, client, server, context) + check_skipped(pair, server, client, context)
    pair.assert_gone()
    return skips, failures(client) + failures(server)


WEATHER = {
    "storm": (
        {"delay": 5 * MILLISECOND, "jitter": 2 * MILLISECOND, "loss": 0.1, "duplicate": 0.05, "reorder": 0.05,
         "corrupt": 0.01},
        {},
    ),
    "small windows": (
        {"delay": 5 * MILLISECOND, "loss": 0.05, "reorder": 0.1},
        {"receive_buffer": 60_000, "send_buffer": 60_000},
    ),
    "slow link": (
        {"bandwidth": 2_000_000, "queue": 20_000, "delay": 20 * MILLISECOND},
        {"send_buffer": 80_000},
    ),
    "small packets": (
        {"mtu": 576, "loss": 0.05, "delay": 5 * MILLISECOND},
        {"path_mtu": 576, "nodelay": True},
    ),
}


@pytest.mark.parametrize("weather", WEATHER)
@pytest.mark.parametrize("seed", range(FIRST, FIRST + max(1, SEEDS // 4)), ids=lambda seed: f"seed{seed}")
def test_storm(seed, weather):
    """3758-3.5-02, 3758-3.5-03, 3758-3.6-04, 7496-4-02: reliable messages notice nothing, others count."""
    link, changes = WEATHER[weather]
    skips, failed = storm(seed, Link(**link), association_max_retrans=50, **changes)
    assert skips and {each.sent for each in failed} == {UNSENT, SENT}, f"seed {seed}: no storm at all"
