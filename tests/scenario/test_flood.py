"""A flood of INITs costs the server nothing that lasts: RFC 9260 sections 5.1 and 5.1.3."""

import random

import packets
from failures import watch
from net import CLIENT, SECOND, SERVER, Link, Network, Server, connect

FORGED = 10_000


def forged_inits(seed):
    """(packet, source address): INITs under random addresses, ports, tags and TSNs."""
    rng = random.Random(seed)
    for _ in range(FORGED):
        chunk = packets.init(
            rng.randint(1, 0xFFFFFFFF), rng.randrange(1 << 32), outbound=rng.randint(1, 65535)
        )
        source = f"{rng.randint(11, 126)}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randint(1, 254)}"
        yield packets.packet(rng.randint(1024, 65535), 13, 0, chunk), source


def test_init_flood():
    """9260-4-03, 9260-5.1-03, 9260-12-02: 10,000 forged INITs make no state, and an honest client gets in."""
    network = watch(Network(6, Link(delay=10_000)))
    server = network.host("server", SERVER)
    listener = Server(network, server)
    client = network.host("client", CLIENT)
    before = server.endpoint.association_count, server.endpoint.memory()
    inits = list(forged_inits(6))
    for i, (packet, source) in enumerate(inits):
        network.inject(packet, source, SERVER, source_udp_port=1024 + i % 60_000, delay=i * 100)
    network.run_for(len(inits) * 50)  # half of the flood
    assert (server.endpoint.association_count, server.endpoint.memory()) == before
    side = connect(network, client)
    side.send(b"honest")
    assert network.run_until(lambda: side.connected, limit=SECOND)
    assert network.run_until(
        lambda: listener.sides and listener.sides[0].received == [b"honest"], limit=SECOND
    )
    side.shutdown()
    assert network.run_until(lambda: side.ended and listener.sides[0].ended, limit=SECOND)
    network.run_for(len(inits) * 100)
    listener.sides.clear()
    assert server.endpoint.association_count == 0
    assert server.endpoint.memory() <= before[1] + 65_536  # buffers that the honest client left for the next


def test_answers_are_no_amplifier():
    """5062-9-01, 9260-12-02, 9260-5.1.3-02: an INIT ACK is small; a flood in, at most a few times as much
    out.
    """
    network = watch(Network(7))
    server = network.host("server", SERVER)
    Server(network, server)
    asked = answered = 0
    for packet, source in list(forged_inits(7))[:200]:
        asked += len(packet)
        network.inject(packet, source, SERVER)
    network.run_for(SECOND)
    answers = [record.packet for record in network.records if record.source == SERVER]
    answered = sum(map(len, answers))
    assert len(answers) == 200
    assert answered <= 10 * asked
    assert max(map(len, answers)) < 400


def test_cookie_flood():
    """9260-5.1.5-01: invented cookies make no state and no answers."""
    network = watch(Network(8))
    server = network.host("server", SERVER)
    Server(network, server)
    before = server.endpoint.memory()
    rng = random.Random(8)
    for _ in range(1000):
        echo = packets.packet(
            rng.randint(1024, 65535),
            13,
            rng.randint(1, 0xFFFFFFFF),
            packets.chunk(packets.COOKIE_ECHO, 0, rng.randbytes(rng.choice([64, 100, 164, 200]))),
        )
        network.inject(echo, "192.0.2.1", SERVER)
    network.run_for(SECOND)
    assert not [record for record in network.records if record.source == SERVER]
    assert (server.endpoint.association_count, server.endpoint.memory()) == (0, before)
