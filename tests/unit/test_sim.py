"""The simulated network itself, on fake endpoints with the face of the core's."""

import pytest

from pysctpsock import sim
from pysctpsock.sim import MILLISECOND, SECOND, Link, Network


class FakeEndpoint:
    """Keeps what it receives; sends what the test queues; echoes if told to; a timer that repeats."""

    def __init__(self, echo=False, period=None):
        self.received, self.queue, self.timeouts, self.icmp, self.ready = [], [], [], [], []
        self.echo, self.period = echo, period
        self.next = period
        self.drops = {}
        self.due = []  # what handle_timeouts has to send at once

    def send(self, packet, host, udp_port=9899, source=""):
        self.queue.append((packet, host, udp_port, source, 0))

    def receive_datagram(self, packet, source, source_udp_port, destination, carrier, now):
        self.received.append((now, packet, source, source_udp_port, destination))
        if self.echo:
            self.send(packet, source, source_udp_port, destination)
        self.ready.append(("user", 1))

    def receive_icmp_error(self, quoted, host, udp_port, carrier, kind, now, mtu=0):
        self.icmp.append((now, quoted, host, udp_port, kind))

    def handle_timeouts(self, now):
        self.timeouts.append(now)
        self.next = now + self.period
        taken, self.due = self.due, []
        return taken

    def deadline(self):
        return self.next

    def take_packets(self, now):
        taken, self.queue = self.queue, []
        return taken

    def take_ready(self):
        taken, self.ready = self.ready, []
        return taken


def make(seed=1, echo=False, period=None, **link):
    network = Network(seed, Link(**link), start=0)
    a = network.host("a", "10.0.0.1", endpoint=FakeEndpoint())
    b = network.host("b", "10.0.0.2", endpoint=FakeEndpoint(echo=echo, period=period))
    return network, a, b


def packets(count):
    return [i.to_bytes(4, "big") * 10 for i in range(count)]


def send_all(network, a, b, count=1000, gap=0):
    for i, packet in enumerate(packets(count)):
        network.call_at(i * gap, lambda p=packet: (a.endpoint.send(p, b.address), network.flush(a)))
    network.run()
    return [packet for _, packet, *_ in b.endpoint.received]


def test_delay_and_addresses():
    network, a, b = make(echo=True, delay=5 * MILLISECOND)
    a.endpoint.send(b"hello", "10.0.0.2")
    assert network.run() == 2
    assert b.endpoint.received == [(5 * MILLISECOND, b"hello", "10.0.0.1", 9899, "10.0.0.2")]
    assert a.endpoint.received == [(10 * MILLISECOND, b"hello", "10.0.0.2", 9899, "10.0.0.1")]


def test_directions_are_independent():
    network, a, _b = make(echo=True, delay=1000)
    network.link("10.0.0.2", "10.0.0.1").delay = 7000
    a.endpoint.send(b"x", "10.0.0.2")
    network.run()
    assert a.endpoint.received[0][0] == 8000


@pytest.mark.parametrize("misbehaviour", ["loss", "duplicate", "corrupt", "reorder"])
def test_rates(misbehaviour):
    """A rate of 0.2 hits about every fifth packet, and only in its own way."""
    network, a, b = make(**{misbehaviour: 0.2})
    arrived, sent = send_all(network, a, b, gap=100), packets(1000)
    hits = {
        "loss": len(sent) - len(arrived),
        "duplicate": len(arrived) - len(set(arrived)),
        "corrupt": sum(packet not in sent for packet in arrived),
        "reorder": 150 if arrived != sent else 0,
    }
    assert 140 < hits.pop(misbehaviour) < 260
    if misbehaviour != "loss":
        assert len(arrived) >= 1000
    if misbehaviour == "reorder":
        assert sorted(arrived) == sent
    if misbehaviour == "corrupt":
        flipped = [
            bin(int.from_bytes(x, "big") ^ int.from_bytes(y, "big")).count("1")
            for x, y in zip(arrived, sent, strict=True)
            if x != y
        ]
        assert set(flipped) == {1, 2, 3}


def test_jitter_keeps_the_order():
    network, a, b = make(jitter=50 * MILLISECOND)
    assert send_all(network, a, b, gap=100) == packets(1000)
    assert len({now for now, *_ in b.endpoint.received}) > 10


def test_same_seed_same_run():
    def run(seed):
        network, a, b = make(seed, loss=0.1, duplicate=0.1, reorder=0.2, corrupt=0.1, jitter=3000)
        send_all(network, a, b, gap=50)
        return b.endpoint.received

    assert run(4) == run(4)
    assert run(4) != run(5)


def test_endpoint_seeds_differ_by_host_and_network():
    seeds = {sim.endpoint_seed(1, "a"), sim.endpoint_seed(1, "b"), sim.endpoint_seed(2, "a")}
    assert len(seeds) == 3 and all(len(seed) >= 32 for seed in seeds)


@pytest.mark.parametrize(("udp_port", "header"), [(9899, 28), (0, 20)])
def test_mtu_is_of_the_ip_packet(udp_port, header):
    network, a, b = make(mtu=1500, icmp=True)
    a.endpoint.send(bytes(1500 - header), "10.0.0.2", udp_port)
    a.endpoint.send(bytes(1501 - header), "10.0.0.2", udp_port)
    network.run()
    assert [len(packet) for _, packet, *_ in b.endpoint.received] == [1500 - header]
    assert a.endpoint.icmp == [(2000, bytes(1501 - header), "10.0.0.2", udp_port, sim.ICMP_TOO_BIG)]


def test_bandwidth_and_queue():
    """1 Mbit/s carries 125 bytes in a millisecond; what the queue cannot hold is lost."""
    network, a, b = make(delay=0, bandwidth=1_000_000, queue=1250)
    for _ in range(20):
        a.endpoint.send(bytes(125 - 28), "10.0.0.2")
    network.run()
    assert [now for now, *_ in b.endpoint.received] == [i * MILLISECOND for i in range(1, 11)]
    assert network.fates[sim.QUEUE_FULL] == 10


def test_link_down_and_up():
    network, a, b = make()
    network.link("10.0.0.1", "10.0.0.2").up = False
    a.endpoint.send(b"1", "10.0.0.2")
    network.run()
    network.link("10.0.0.1", "10.0.0.2").up = True
    a.endpoint.send(b"2", "10.0.0.2")
    network.run()
    assert [packet for _, packet, *_ in b.endpoint.received] == [b"2"]


def test_filter_passes_alters_and_drops():
    network, a, b = make()
    verdicts = {b"1": None, b"2": False, b"3": b"three", b"4": True}
    network.on_packet(lambda packet, source, destination: verdicts[packet])
    for packet in verdicts:
        a.endpoint.send(packet, "10.0.0.2")
    network.run()
    assert [packet for _, packet, *_ in b.endpoint.received] == [b"1", b"three", b"4"]
    assert network.fates == {sim.DELIVERED: 2, sim.FILTERED: 1, sim.ALTERED: 1}


def test_inject_passes_filters_and_links():
    network, _a, b = make(loss=1.0)
    network.inject(b"forged", "192.0.2.66", "10.0.0.2", source_udp_port=1234, delay=10)
    network.run()
    assert b.endpoint.received == [(10, b"forged", "192.0.2.66", 1234, "10.0.0.2")]


def test_unknown_host_and_wrong_port():
    network, a, b = make(icmp=True)
    a.endpoint.send(b"nobody", "10.0.0.3")
    a.endpoint.send(b"no port", "10.0.0.2", udp_port=1)
    network.run()
    assert b.endpoint.received == []
    assert network.fates == {sim.NO_HOST: 1, sim.DELIVERED: 0, sim.NO_PORT: 1}
    assert a.endpoint.icmp == [(2000, b"no port", "10.0.0.2", 1, sim.ICMP_PORT_UNREACHABLE)]


def test_rebound_udp_port_is_seen_by_the_peer():
    """RFC 6951 section 5.4: a NAT may give a host another port in mid-run."""
    network, a, b = make(echo=True)
    a.udp_port = 40_000
    a.endpoint.send(b"x", "10.0.0.2")
    network.run()
    assert b.endpoint.received[0][3] == 40_000
    assert len(a.endpoint.received) == 1


def behind_a_nat(**link):
    """Host a and another one behind 192.0.2.1, and the network outside, where b answers."""
    network, a, b = make(echo=True, **link)
    other = network.host("other", "10.0.0.3", endpoint=FakeEndpoint())
    return network, network.nat("192.0.2.1", a, other), a, other, b


def test_nat_translates_both_ways():
    """Hosts behind it share its address, each has a port of its own, which stays."""
    network, _nat, a, other, b = behind_a_nat()
    for host in (a, other, a):
        host.endpoint.send(host.name.encode(), "10.0.0.2")
    network.run()
    assert sorted((packet, source, port) for _, packet, source, port, _ in b.endpoint.received) == [
        (b"a", "192.0.2.1", 20_000), (b"a", "192.0.2.1", 20_000), (b"other", "192.0.2.1", 20_001)]
    assert [(packet, source, port, to) for _, packet, source, port, to in a.endpoint.received] == [
        (b"a", "10.0.0.2", 9899, "10.0.0.1")] * 2
    assert [packet for _, packet, *_ in other.endpoint.received] == [b"other"]


def test_nat_that_rebinds():
    """What comes to the old port is refused; the next packet out is seen from another one."""
    network, nat, a, _other, b = behind_a_nat(icmp=True)
    a.endpoint.send(b"1", "10.0.0.2")
    network.run()
    nat.rebind()
    b.endpoint.send(b"late", "192.0.2.1", 20_000)
    network.run()
    assert [packet for _, packet, *_ in a.endpoint.received] == [b"1"]
    assert [(quoted, kind) for _, quoted, _, _, kind in b.endpoint.icmp] == [
        (b"late", sim.ICMP_PORT_UNREACHABLE)]
    a.endpoint.send(b"2", "10.0.0.2")
    network.run()
    seen = [(packet, port) for _, packet, _, port, _ in b.endpoint.received]
    assert seen == [(b"1", 20_000), (b"2", 20_001)]
    assert [packet for _, packet, *_ in a.endpoint.received] == [b"1", b"2"]


def test_nat_passes_nothing_but_udp():
    network, _nat, a, _other, b = behind_a_nat()
    a.endpoint.send(b"plain", "10.0.0.2", udp_port=0)
    network.run()
    assert b.endpoint.received == [] and network.fates == {sim.NO_PORT: 1}


def test_icmp_finds_its_way_back_through_a_nat():
    network, _nat, a, _other, _b = behind_a_nat(mtu=1000, icmp=True)
    a.endpoint.send(bytes(1400), "10.0.0.2")
    network.run()
    assert [kind for *_, kind in a.endpoint.icmp] == [sim.ICMP_TOO_BIG]


def test_told_of_an_mtu_the_sender_cuts():
    """As IP does: after "fragmentation needed" longer packets go in fragments, until the MTU falls again."""
    network, a, b = make(mtu=1400, icmp=True)
    for mtu in (1400, 1200):
        network.link("10.0.0.1", "10.0.0.2").mtu = mtu
        for _ in range(2):
            a.endpoint.send(bytes(1450), "10.0.0.2")
            network.run()
    assert network.fates == {sim.TOO_BIG: 2, sim.DELIVERED: 2}
    assert len(b.endpoint.received) == 2


def test_several_addresses_and_families():
    """The source is the endpoint's choice, else the host's first address of the destination's family."""
    network = Network(start=0)
    a = network.host("a", "10.0.0.1", "10.1.0.1", "fd00::1", endpoint=FakeEndpoint())
    b = network.host("b", "10.0.0.2", "fd00::2", endpoint=FakeEndpoint())
    a.endpoint.send(b"1", "10.0.0.2")
    a.endpoint.send(b"2", "10.0.0.2", source="10.1.0.1")
    a.endpoint.send(b"3", "fd00::2", source="::")
    network.run()
    assert [source for _, _, source, *_ in b.endpoint.received] == ["10.0.0.1", "10.1.0.1", "fd00::1"]
    assert len(list(network.links(a, b))) == 12
    with pytest.raises(ValueError, match="taken"):
        network.host("c", "10.0.0.1", endpoint=FakeEndpoint())


def test_deadlines():
    network, _a, b = make(period=SECOND)
    network.run(until=3 * SECOND + 1)
    assert b.endpoint.timeouts == [SECOND, 2 * SECOND, 3 * SECOND]
    assert network.now == 3 * SECOND + 1


def test_packets_of_a_deadline_leave():
    """handle_timeouts gives the packets that had to leave the outbox while it ran."""
    network, a, b = make(period=SECOND)
    b.endpoint.due = [(b"late", "10.0.0.1", 9899, "", 0)]
    network.run(until=SECOND + 5000)
    assert [(now, packet) for now, packet, *_ in a.endpoint.received] == [(SECOND + 1000, b"late")]


def test_deadline_that_moves_up_and_back():
    network, _a, b = make(period=10 * SECOND)
    network.run(until=0)
    b.endpoint.next = SECOND  # earlier: a new entry
    network.run(until=0)
    b.endpoint.next = 2 * SECOND  # later: the entry is put back when its time comes
    network.run(until=5 * SECOND)
    assert b.endpoint.timeouts == [2 * SECOND]


def test_deadline_that_never_moves_is_found():
    network, _a, _b = make(period=0)
    with pytest.raises(sim.Runaway, match="does not clear"):
        network.run(until=SECOND)


def test_run_until():
    network, _a, b = make(period=SECOND)
    assert network.run_until(lambda: len(b.endpoint.timeouts) == 3)
    assert network.now == 3 * SECOND
    assert not network.run_until(lambda: False, limit=SECOND // 2)
    assert network.now == 3 * SECOND + SECOND // 2


def test_application_reacts_after_each_event():
    network, a, b = make()
    seen = []
    b.application = lambda user, flags: (seen.append((user, flags)), b.endpoint.send(b"answer", "10.0.0.1"))
    a.endpoint.send(b"x", "10.0.0.2")
    network.run()
    assert seen == [("user", 1)]
    assert [packet for _, packet, *_ in a.endpoint.received] == [b"answer"]


def test_capture(tmp_path):
    """All packets once; on a host, its own at sending and the others' at arrival."""
    network, a, b = make(echo=True, delay=1000)
    network.link("10.0.0.2", "10.0.0.1").loss = 1.0
    a.endpoint.send(b"x", "10.0.0.2")
    network.run()
    assert network.write_pcap(tmp_path / "all.pcap") == 2
    assert network.write_pcap(tmp_path / "a.pcap", a) == 1
    assert network.write_pcap(tmp_path / "b.pcap", b) == 2
    assert (tmp_path / "b.pcap").stat().st_size == 24 + 2 * (16 + 29)
    assert [record.fate for record in network.records] == [sim.DELIVERED, sim.LOST]
