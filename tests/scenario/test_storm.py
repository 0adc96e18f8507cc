"""Storms: networks that lose, double, delay and damage packets, and messages that must not notice.

More: PYSCTPSOCK_STORM_SEEDS=1000 (first: PYSCTPSOCK_STORM_FIRST) pytest tests/scenario/test_storm.py
"""

import hashlib
import os
import random

import pytest
from asserts import assert_same_messages, dropped
from net import MILLISECOND, SECOND, UNORDERED, Link, Pair, parameters

FIRST = int(os.environ.get("PYSCTPSOCK_STORM_FIRST", "1"))
SEEDS = int(os.environ.get("PYSCTPSOCK_STORM_SEEDS", "12"))
MESSAGES, STREAMS, LARGEST = 500, 10, 100_000


def storm_link():
    return Link(
        delay=5 * MILLISECOND,
        jitter=2 * MILLISECOND,
        loss=0.10,
        duplicate=0.05,
        reorder=0.05,
        reorder_delay=20 * MILLISECOND,
        corrupt=0.01,
    )


def message_set(rng):
    """Arguments of Side.send: small, middling and large messages, every tenth unordered, each one unique."""
    sends = []
    for number in range(MESSAGES):
        size = min(LARGEST, int(2 ** rng.uniform(0, 17)))
        head = number.to_bytes(4, "big")
        payload = (head + rng.randbytes(size))[:size] if size >= 4 else rng.randbytes(size)
        flags = UNORDERED if rng.random() < 0.1 else 0
        sends.append((payload, rng.randrange(STREAMS), number, flags))
    return sends


def check(receiver, sends, context):
    """Exactly once, intact, in order per stream."""
    for stream_id in range(STREAMS):
        expected = [data for data, stream, _, flags in sends if stream == stream_id and not flags & UNORDERED]
        assert_same_messages(receiver.on_stream(stream_id), expected, f"{context}, stream {stream_id}")
    unordered = {ppid: (data, stream) for data, stream, ppid, flags in sends if flags & UNORDERED}
    arrived = [m for m in receiver.messages if m.unordered]
    assert len(arrived) == len(unordered), context
    assert {m.ppid: (m.data, m.stream_id) for m in arrived} == unordered, context
    assert all(
        m.ppid == ppid
        for m, ppid in zip(
            (m for m in receiver.messages if m.stream_id == 0 and not m.unordered),
            (ppid for _, stream, ppid, flags in sends if stream == 0 and not flags & UNORDERED),
            strict=True,
        )
    ), f"{context}: payload protocol identifiers"


def storm(seed, link=None, **changes):
    """One storm of a seed; the pair, for what a caller wants to look at."""
    context = f"seed {seed}"
    rng = random.Random(seed)
    pair = Pair(seed, link=link or storm_link(), parameters=parameters(**changes))
    pair.establish()
    client, server = pair.client, pair.server
    there, back = message_set(rng), message_set(rng)
    for sends, side in ((there, client), (back, server)):
        for one in sends:
            side.send(*one)

    def complete():
        return len(server.messages) >= MESSAGES and len(client.messages) >= MESSAGES

    up = pair.until(complete, limit=6 * 3600 * SECOND)
    assert up, f"{context}: {len(server.messages)} and {len(client.messages)} messages; {pair.states}"
    check(server, there, context)
    check(client, back, context)
    (client if seed % 2 else server).shutdown()
    ended = pair.until(lambda: client.ended and server.ended, limit=3600 * SECOND)
    assert ended, f"{context}: {pair.states} do not end"
    assert {client.error, server.error} == {0}, context
    assert len(server.messages) == len(client.messages) == MESSAGES, context
    pair.assert_gone()
    return pair


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS), ids=lambda seed: f"seed{seed}")
def test_storm(seed):
    """9260-6.2-01, 9260-6.6-01, 9260-6.6-02, 9260-6.8-02, 9260-6.9-01, 9260-9.2-01: delivered exactly
    once.
    """
    pair = storm(seed)
    pair.run_for(SECOND)                     # what was still on the way when both had ended
    damaged = sum(dropped(h.endpoint, "bad_checksum") for h in pair.network.hosts)
    assert damaged == pair.network.fates["corrupted"], f"seed {seed}: each damaged packet is counted"


VARIANTS = {
    # so many in a row are lost that RFC 9260's defaults would rightly give up
    "heavy loss": (
        {"loss": 0.25, "reorder": 0.1, "delay": 2 * MILLISECOND},
        {"max_init_retransmits": 50, "association_max_retrans": 50},
    ),
    "small windows": (
        {"loss": 0.02, "delay": 5 * MILLISECOND},
        {"receive_buffer": 120_000, "send_buffer": 120_000},
    ),
    "slow link": ({"bandwidth": 20_000_000, "queue": 30_000, "delay": 10 * MILLISECOND}, {}),
    "small packets": ({"mtu": 576, "loss": 0.02, "jitter": 5 * MILLISECOND}, {"path_mtu": 576}),
    "large packets": ({"mtu": 9000, "loss": 0.02, "duplicate": 0.3}, {"path_mtu": 9000, "nodelay": True}),
    "much reordering": ({"reorder": 0.5, "reorder_delay": 50 * MILLISECOND}, {"max_burst": 0}),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("seed", range(FIRST, FIRST + max(1, SEEDS // 12)), ids=lambda seed: f"seed{seed}")
def test_other_weather(seed, variant):
    """The same promises where other things are scarce: windows, bandwidth, room in a packet, order."""
    link, changes = VARIANTS[variant]
    pair = storm(seed, Link(**link), **changes)
    assert "too big" not in pair.network.fates


def test_same_seed_is_the_same_storm():
    """The core draws no randomness of its own and reads no clock: a run can be repeated, packet for
    packet.
    """
    digests = []
    for _ in range(2):
        pair = storm(FIRST)
        digest = hashlib.sha256(b"".join(r.packet for r in pair.network.records))
        digests.append((digest.digest(), pair.network.now, pair.network.packets_sent))
    assert digests[0] == digests[1]
