"""Random and mutated packets against a listener and living associations.

Never an exception, never an illegal state, never memory beyond what the parameters allow; a run is bounded.
More rounds: PYSCTPSOCK_FUZZ_ROUNDS (first seed: PYSCTPSOCK_FUZZ_FIRST).
"""

import os
import random

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
    Network,
    Pair,
    Puppet,
    Server,
    State,
)
from packets import chunk

FIRST = int(os.environ.get("PYSCTPSOCK_FUZZ_FIRST", "1"))
ROUNDS = int(os.environ.get("PYSCTPSOCK_FUZZ_ROUNDS", "6"))
PACKETS = 3_000
MEMORY = 4_000_000  # above all buffers of a few associations with default parameters

LENGTHS = (0, 1, 3, 4, 5, 7, 8, 12, 15, 16, 17, 20, 0x7FFF, 0xFFFC, 0xFFFF)
NUMBERS = (0, 1, 2, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def random_chunk(rng, tsn):
    """A chunk of any type: sometimes well formed, sometimes with a length or fields that cannot be."""
    kind = rng.randrange(12)
    near = (tsn + rng.choice((-1, 0, 1, 2, 5, rng.randrange(-3000, 3000)))) & 0xFFFFFFFF
    number = rng.choice((near, rng.choice(NUMBERS), rng.randrange(1 << 32)))
    if kind < 3:
        return packets.data(
            number,
            rng.randbytes(rng.choice((0, 1, 4, 100, 1000))),
            rng.choice((0, 1, 9, 65535)),
            rng.choice((0, 1, 2, 65535)),
            rng.randrange(16),
        )
    if kind == 3:
        gaps = [(rng.randrange(65536), rng.randrange(65536)) for _ in range(rng.randrange(5))]
        return packets.sack(number, rng.choice(NUMBERS), gaps, [rng.randrange(1 << 32)] * rng.randrange(3))
    if kind == 4:
        return packets.heartbeat(rng.randbytes(rng.randrange(64)))
    if kind == 5:
        return packets.init(
            rng.choice((0, 1, number)),
            number,
            rng.choice((0, 1499, 65536)),
            rng.choice((0, 1, 65535)),
            rng.choice((0, 1, 65535)),
            random_parameters(rng),
            rng.choice((1, 2)),
        )
    if kind == 6:
        return packets.shutdown(number)
    if kind == 7:
        return chunk(rng.choice((packets.ERROR, packets.ABORT)), rng.randrange(2), random_parameters(rng))
    value = rng.randbytes(rng.choice((0, 1, 2, 3, 4, 8, 12, 16, 20, 64, 200)))
    length = rng.choice(LENGTHS) if rng.random() < 0.3 else None
    type = rng.choice((*range(16), 64, 128, 130, 132, 192, 193, 194, rng.randrange(256)))
    return chunk(type, rng.randrange(256), value, length)


def random_parameters(rng):
    made = b""
    for _ in range(rng.randrange(6)):
        type = rng.choice((1, 5, 6, 7, 8, 9, 11, 12, 0x8000, 0x8008, 0xC000, 0xC006, rng.randrange(65536)))
        length = rng.choice(LENGTHS) if rng.random() < 0.2 else None
        made += packets.parameter(type, rng.randbytes(rng.choice((0, 2, 4, 16, 40))), length)
    return made


def mutate(rng, raw):
    """A genuine packet with a few changes, and the right checksum (else it would end at the door)."""
    raw = bytearray(raw)
    for _ in range(rng.randint(1, 3)):
        what = rng.randrange(5)
        position = rng.randrange(12, len(raw)) if len(raw) > 12 else 0
        if what == 0:
            raw[position] ^= 1 << rng.randrange(8)
        elif what == 1:
            raw[position] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif what == 2:
            del raw[position : position + rng.randrange(1, 9)]
        elif what == 3:
            raw[position:position] = rng.randbytes(rng.randrange(1, 9))
        else:
            raw += raw[12:]
        raw = raw[:3000]
        if len(raw) < 12:
            return bytes(raw)
    return packets.with_checksum(bytes(raw))


def check(endpoint, context):
    assert endpoint.memory() < MEMORY, f"{context}: {endpoint.memory()} bytes"
    assert endpoint.association_count < 50, context


@pytest.mark.parametrize("seed", range(FIRST, FIRST + ROUNDS), ids=lambda seed: f"seed{seed}")
def test_random_packets(seed):
    """9260-3.2-10, 9260-12-01, design section 9: right ports, tag and checksum; everything else is
    anything.
    """
    rng = random.Random(seed)
    context = f"seed {seed}"
    network = watch(Network(seed, record=1000))
    host = network.host("server", SERVER)
    server = Server(network, host)
    puppet = Puppet(network)
    for number in range(PACKETS):
        if not server.sides or server.sides[-1].ended:
            puppet.tag, puppet.tsn, puppet.port = (
                rng.randint(1, 0xFFFFFFFF),
                rng.randrange(1 << 32),
                puppet.port + 1,
            )
            puppet.establish()
        side = server.sides[-1]
        tsn = rng.choice((puppet.tsn, puppet.peer_tsn))
        chunks = [random_chunk(rng, tsn) for _ in range(rng.choice((1, 1, 1, 2, 3, 8)))]
        tag = puppet.peer_tag if rng.random() < 0.9 else rng.choice((0, puppet.tag, 1))
        puppet.send(*chunks, tag=tag)
        if rng.random() < 0.1:
            side.association.submit(rng.randbytes(100), now=network.now)
        before = network.packets_sent
        network.run_for(rng.choice((0, 0, 2 * MILLISECOND)))
        assert network.packets_sent - before <= 80, f"{context}, packet {number}: a storm of answers"
        assert State(side.association.state) in State, context
        puppet.inbox.clear()
        if number % 100 == 0:
            check(host.endpoint, f"{context}, packet {number}")
    puppet.answers_heartbeats = False
    network.run_for(3600 * SECOND)
    check(host.endpoint, context)
    for side in server.sides:
        assert side.ended, f"{context}: {side.state.name} does not end though its peer is silent"


@pytest.mark.parametrize("seed", range(FIRST, FIRST + ROUNDS), ids=lambda seed: f"seed{seed}")
def test_mutated_packets(seed):
    """Genuine traffic, every third packet followed by a mutation of itself, into both sides.

    The association may be aborted (a mutated SACK may well be a violation), but both sides end, and messages
    that are delivered before that are at most those that were sent in number of ordered ones per stream.
    """
    rng = random.Random(seed)
    context = f"seed {seed}"
    pair = Pair(seed, record=1000)
    network = pair.network

    @network.on_packet
    def follow(packet, source, destination):
        if rng.random() < 0.33:
            network.inject(mutate(rng, packet), source, destination, delay=rng.randrange(5 * MILLISECOND))

    for round in range(20):
        client = pair.connect(local_port=CLIENT_PORT + round)
        for _ in range(20):
            client.pending.append((rng.randbytes(rng.choice((1, 100, 3000))), rng.randrange(3), 0, 0))
        count = len(pair.listener.sides)
        try:
            client.pump()
        except AssertionError:
            client.pending.clear()  # ended already
        network.run_until(
            lambda: client.ended or (not client.pending and client.connected),  # noqa: B023
            limit=100 * SECOND,
        )
        for side in (client, *pair.listener.sides[count:]):
            side.pending.clear()
            if not side.ended:
                side.association.shutdown(network.now)
        network.run_until(lambda: client.ended, limit=400 * SECOND)  # noqa: B023
        for host in network.hosts:
            check(host.endpoint, f"{context}, round {round}")
        assert client.ended, f"{context}, round {round}: {client.state.name}"
    network.filters.clear()
    network.run_for(2000 * SECOND)
    for host in network.hosts:
        check(host.endpoint, context)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + 2), ids=lambda seed: f"seed{seed}")
def test_noise(seed):
    """Bytes without any sense, with and without a right checksum: counted, never answered with more than
    came.
    """
    rng = random.Random(seed)
    network = watch(Network(seed, record=10_000))
    host = network.host("server", SERVER)
    Server(network, host)
    before = host.endpoint.memory()
    total = 0
    for _ in range(PACKETS):
        raw = rng.randbytes(rng.choice((0, 1, 11, 12, 13, 16, 20, 40, 100)))
        if rng.random() < 0.7 and len(raw) >= 12:
            raw = (CLIENT_PORT).to_bytes(2, "big") + SERVER_PORT.to_bytes(2, "big") + raw[4:]
            raw = packets.with_checksum(raw)
        total += len(raw)
        network.inject(raw, CLIENT, SERVER)
    network.run_for(SECOND)
    answers = [record for record in network.records if record.source == SERVER]
    assert sum(len(record.packet) for record in answers) < total
    assert host.endpoint.association_count == 0
    assert host.endpoint.memory() <= before + 65_536
    assert len(answers) + sum(host.endpoint.drops.values()) >= PACKETS
