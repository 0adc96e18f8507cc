"""A network in memory: hosts with one endpoint each, links that misbehave, a virtual clock, one seed.

The core does no I/O and reads no clock, so a whole network of endpoints runs in one loop.  All times are
microseconds of virtual time; whatever is random comes from `Network.seed`, so a run with the same seed and
the same calls is the same run, packet for packet.

    network = Network(seed=7, link=Link(delay=10_000, loss=0.1))
    client, server = network.host("client", "10.0.0.1"), network.host("server", "10.0.0.2")
    client.endpoint.connect(...)
    network.run_until(lambda: ..., limit=60 * SECOND)
    network.write_pcap("run.pcap")

Packets travel in UDP (RFC 6951) when the endpoint names a UDP port, else directly in IP.
"""
from __future__ import annotations

import dataclasses
import hashlib
import random
from collections import deque
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from . import pcap

SECOND = 1_000_000
MILLISECOND = 1_000
UDP_PORT = 9899                  # sctp-tunneling, RFC 6951 section 5.1
UDP_HEADER = 8

ICMP_PORT_UNREACHABLE = 1        # numbers of cy/endpoint.pxd
ICMP_TOO_BIG = 4

Filter = Callable[[bytes, str, str], "bytes | bool | None"]


def endpoint_seed(seed: int, name: str) -> bytes:
    """The 32 bytes from which the endpoint of a network's host draws: they follow from seed and name."""
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()


class Runaway(Exception):
    """More events than the limit: timers that fire without end, or packets that answer each other."""


@dataclasses.dataclass(slots=True)
class Link:
    """How one direction between two addresses behaves.  Rates are probabilities from 0 to 1."""

    delay: int = 1_000           # microseconds
    jitter: int = 0              # up to so many microseconds more; packets keep their order
    loss: float = 0.0
    duplicate: float = 0.0       # a second copy, `reorder_delay` (at random) behind the first
    reorder: float = 0.0         # the packet is held back, later ones overtake it
    reorder_delay: int = 20_000  # by up to so many microseconds
    corrupt: float = 0.0         # one to three bits flip: CRC32c finds every such error
    mtu: int = 65_535            # greatest IP packet; larger ones are lost,
    icmp: bool = False           # what is too big or finds no port is reported to the sender, whose
                                 # IP layer knows the MTU from then on and cuts what is still larger
    bandwidth: int = 0           # bits a second, 0: unlimited
    queue: int = 64 * 1024       # bytes that may wait for a limited link; the rest is lost
    up: bool = True
    last_arrival: int = 0        # of the packets that kept their order
    busy_until: int = 0          # a limited link is sending what it has until then


@dataclasses.dataclass(slots=True)
class Record:
    """One packet, or one copy of it, and what became of it."""

    time: int                    # when it was sent
    source: str
    source_udp_port: int         # 0: not encapsulated
    destination: str
    udp_port: int
    packet: bytes                # as it arrives: bits that flipped and what a filter altered are in it
    fate: str                    # see below
    arrival: int | None = None   # when it reaches the other host, or None


# Fates.  The first five arrive, the others do not.
DELIVERED = "delivered"
DUPLICATE = "duplicate"          # the second copy
CORRUPTED = "corrupted"
ALTERED = "altered"              # by a filter
INJECTED = "injected"
LOST = "lost"
FILTERED = "filtered"            # a filter dropped it
TOO_BIG = "too big"
QUEUE_FULL = "queue full"
LINK_DOWN = "link down"
NO_HOST = "no host"
NO_PORT = "no port"              # nobody, or no mapping of a NAT, has the UDP port


class Host:
    """A machine: an endpoint and the addresses at which it is reached.

    `application`, if set, is called as application(user, flags) for each SCTP user that became ready, after
    each event of this host: a program that reacts at once.  Without it `endpoint.take_ready()` is the test's.
    """

    __slots__ = (
        "addresses", "application", "carrier", "endpoint", "known_mtu", "name", "timer_at", "udp_port",
    )

    def __init__(self, name: str, addresses: tuple[str, ...], endpoint: Any, udp_port: int) -> None:
        self.name = name
        self.addresses = addresses
        self.endpoint = endpoint
        self.udp_port = udp_port
        self.carrier = 0
        self.application: Callable[[Any, int], None] | None = None
        self.timer_at: int | None = None     # time of this host's entry in the agenda
        self.known_mtu: dict[str, int] = {}  # by destination, as ICMP told it

    def __repr__(self) -> str:
        return f"<Host {self.name} {'/'.join(self.addresses)}>"

    @property
    def address(self) -> str:
        """The first address."""
        return self.addresses[0]

    def source_for(self, destination: str) -> str:
        """The address from which packets to `destination` leave if the endpoint does not name one: the one
        that shares the longest prefix with it (RFC 6724 rule 8)."""
        family = [a for a in self.addresses if (":" in a) == (":" in destination)] or self.addresses
        if len(family) == 1:
            return family[0]
        wanted = int(ip_address(destination))
        return min(family, key=lambda a: (int(ip_address(a)) ^ wanted).bit_length())


class Nat:
    """A network address and port translator (RFC 4787, endpoint-independent): hosts behind it are seen under
    its `address`.  What comes to a port without a mapping is lost, and so is what is not in UDP.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.next_port = 20_000
        self._outside: dict[tuple[str, int], int] = {}
        self._inside: dict[int, tuple[str, int]] = {}

    def outside(self, source: str, source_udp_port: int) -> int:
        """The port under which a host's address and port are seen."""
        port = self._outside.get((source, source_udp_port))
        if port is None:
            port = self._outside[source, source_udp_port] = self.next_port
            self._inside[port] = source, source_udp_port
            self.next_port += 1
        return port

    def inside(self, udp_port: int) -> tuple[str, int] | None:
        """The address and port of the host that has this port, or None."""
        return self._inside.get(udp_port)

    def rebind(self) -> None:
        """Forget all mappings, as after a restart or a pause; the next packet out gets another port."""
        self._outside.clear()
        self._inside.clear()


class Network:
    """Hosts, links and the agenda of what happens next."""

    def __init__(
        self, seed: int = 0, link: Link | None = None, record: int = 100_000, start: int = 1_000 * SECOND
    ) -> None:
        """`link` is the pattern of every link; the newest `record` packets are kept in `records`."""
        self.seed = seed
        self.now = start
        self.random = random.Random(seed)
        self.hosts: list[Host] = []
        self.filters: list[Filter] = []
        self.records: deque[Record] = deque(maxlen=record)
        self.packets_sent = 0
        self.fates: dict[str, int] = {}      # how many packets met which fate
        self.events = 0
        self._pattern = link or Link()
        self._links: dict[tuple[str, str], Link] = {}
        self._host_at: dict[str, Host] = {}
        self._nat_before: dict[str, Nat] = {}    # by the address of a host behind it
        self._nat_at: dict[str, Nat] = {}
        # (time, sequence number, host, record): a packet arrives; record None: the host's deadline;
        # host None: `record` is a function to call.
        self._agenda: list[tuple[int, int, Host | None, Any]] = []
        self._sequence = 0
        self._spins = 0                      # deadlines in a row that did not move the clock

    # --- building

    def host(
        self, name: str, *addresses: str, parameters: Any = None, endpoint: Any = None,
        udp_port: int = UDP_PORT,
    ) -> Host:
        """Add a host.  Without `endpoint` it gets a core Endpoint with `parameters` (default: RFC 9260's)."""
        if not addresses:
            raise ValueError("a host has at least one address")
        if endpoint is None:
            from ._cy.endpoint import Endpoint
            from ._cy.parameters import ProtocolParameters

            endpoint = Endpoint(endpoint_seed(self.seed, name), parameters or ProtocolParameters())
        host = Host(name, addresses, endpoint, udp_port)
        for address in addresses:
            if address in self._host_at:
                raise ValueError(f"{address} is taken by {self._host_at[address]}")
            self._host_at[address] = host
        self.hosts.append(host)
        return host

    def nat(self, address: str, *hosts: Host) -> Nat:
        """Put hosts behind a NAT with a public address.  Links and filters see the packets outside of it."""
        nat = self._nat_at[address] = Nat(address)
        for host in hosts:
            for inside in host.addresses:
                self._nat_before[inside] = nat
        return nat

    def link(self, source: str, destination: str) -> Link:
        """The link from one address to another, to be read or changed at any time."""
        link = self._links.get((source, destination))
        if link is None:
            link = dataclasses.replace(self._pattern)
            self._links[source, destination] = link
        return link

    def links(self, one: Host, other: Host) -> Iterator[Link]:
        """All links between two hosts, both directions."""
        for a in one.addresses:
            for b in other.addresses:
                yield self.link(a, b)
                yield self.link(b, a)

    def on_packet(self, function: Filter) -> Filter:
        """Call function(packet, source, destination) for each packet sent: None lets it pass, bytes replace
        it, False drops it.  Returns the function, to serve as decorator; `filters.remove` ends it."""
        self.filters.append(function)
        return function

    # --- putting things on the agenda

    def call_at(self, time: int, function: Callable[[], object]) -> None:
        """Call function() at a virtual time."""
        self._push(time, None, function)

    def inject(
        self, packet: bytes, source: str, destination: str, source_udp_port: int = UDP_PORT,
        udp_port: int | None = None, delay: int = 0,
    ) -> None:
        """Let a packet of the test's making arrive, `delay` from now, past links and filters."""
        if udp_port is None:
            host = self._host_at.get(destination)
            udp_port = host.udp_port if host else UDP_PORT
        if source_udp_port == 0:
            udp_port = 0
        record = Record(self.now, source, source_udp_port, destination, udp_port, packet, INJECTED)
        self._arrive(record, delay)

    def flush(self, host: Host) -> None:
        """Put on the wire what the host's endpoint has to send, and note its deadline."""
        now = self.now
        self._send_all(host, host.endpoint.take_packets(now))
        deadline = host.endpoint.deadline()
        if deadline is not None and (host.timer_at is None or deadline < host.timer_at):
            host.timer_at = max(deadline, now)
            self._push(host.timer_at, host, None)

    def _send_all(self, host: Host, packets: list[tuple[bytes, str, int, str, int]]) -> None:
        for packet, destination, udp_port, source, _carrier in packets:
            if not source or source in ("::", "0.0.0.0"):
                source = host.source_for(destination)
            self._send(packet, source, host.udp_port if udp_port else 0, destination, udp_port)

    def _push(self, time: int, host: Host | None, what: Any) -> None:
        self._sequence += 1
        heappush(self._agenda, (time, self._sequence, host, what))

    def _arrive(self, record: Record, delay: int) -> None:
        record.arrival = self.now + delay
        host = self._host_at.get(record.destination)
        if record.destination in self._nat_at:
            self.call_at(record.arrival, lambda: self._deliver_inside(record))
        elif host is None:
            record.fate = NO_HOST
        else:
            self._push(record.arrival, host, record)
        self._note(record)

    def _deliver_inside(self, record: Record) -> None:
        """A packet has come to a NAT."""
        inside = self._nat_at[record.destination].inside(record.udp_port)
        if inside is None:
            self._refuse(record)
            return
        address, udp_port = inside
        inner = dataclasses.replace(record, destination=address, udp_port=udp_port)
        self._deliver(self._host_at[address], inner)

    def _refuse(self, record: Record) -> None:
        """Nobody has this port."""
        self.fates[record.fate] -= 1
        record.fate, record.arrival = NO_PORT, None
        self.fates[NO_PORT] = self.fates.get(NO_PORT, 0) + 1
        link = self.link(record.destination, record.source)
        if link.icmp:
            self._report(record, ICMP_PORT_UNREACHABLE, link.delay)

    def _note(self, record: Record) -> None:
        self.records.append(record)
        self.fates[record.fate] = self.fates.get(record.fate, 0) + 1

    def _send(
        self, packet: bytes, source: str, source_udp_port: int, destination: str, udp_port: int
    ) -> None:
        """One packet meets the filters, then its link."""
        self.packets_sent += 1
        now = self.now
        sender = self._host_at.get(source)
        nat = self._nat_before.get(source)
        if nat is not None:
            source, source_udp_port = nat.address, nat.outside(source, source_udp_port) if udp_port else 0
        record = Record(now, source, source_udp_port, destination, udp_port, packet, DELIVERED)
        for function in self.filters:
            verdict = function(record.packet, source, destination)
            if verdict is False:
                record.fate = FILTERED
                self._note(record)
                return
            if verdict is not None and verdict is not True:
                record.packet = verdict
                record.fate = ALTERED
        link = self._links.get((source, destination)) or self.link(source, destination)
        draw = self.random.random
        size = len(record.packet) + (40 if ":" in destination else 20) + (UDP_HEADER if udp_port else 0)
        fate = None
        if nat is not None and not udp_port:
            fate = NO_PORT
        elif not link.up:
            fate = LINK_DOWN
        elif size > link.mtu and not (sender and sender.known_mtu.get(destination, size) <= link.mtu):
            fate = TOO_BIG
            if link.icmp:
                self._report(record, ICMP_TOO_BIG, 2 * link.delay, link.mtu)
        elif link.loss and draw() < link.loss:
            fate = LOST
        elif link.bandwidth and (link.busy_until - now) * link.bandwidth // (8 * SECOND) + size > link.queue:
            fate = QUEUE_FULL
        if fate is not None:
            record.fate = fate
            self._note(record)
            return
        delay = link.delay
        if link.bandwidth:
            link.busy_until = max(link.busy_until, now) + size * 8 * SECOND // link.bandwidth
            delay += link.busy_until - now
        if link.jitter:
            delay += int(draw() * link.jitter)
        copy = None
        if link.duplicate and draw() < link.duplicate:
            copy = dataclasses.replace(record, fate=DUPLICATE)
        if link.reorder and draw() < link.reorder:
            delay += 1 + int(draw() * link.reorder_delay)
        elif now + delay >= link.last_arrival:
            link.last_arrival = now + delay
        else:
            delay = link.last_arrival - now
        if link.corrupt:
            for one in (record, copy) if copy else (record,):
                if draw() < link.corrupt:
                    one.packet, one.fate = self._flip(one.packet), CORRUPTED
        self._arrive(record, delay)
        if copy is not None:
            self._arrive(copy, delay + int(draw() * link.reorder_delay))

    def _flip(self, packet: bytes) -> bytes:
        """The packet with one to three different bits inverted."""
        value = int.from_bytes(packet, "big")
        for bit in self.random.sample(range(8 * len(packet)), self.random.randint(1, 3)):
            value ^= 1 << bit
        return value.to_bytes(len(packet), "big")

    def _report(self, record: Record, kind: int, delay: int, mtu: int = 0) -> None:
        """Tell the sender of a packet by ICMP what happened to it."""
        nat = self._nat_at.get(record.source)
        inside = nat.inside(record.source_udp_port) if nat else (record.source, record.source_udp_port)
        host = self._host_at.get(inside[0]) if inside else None
        if host is not None:
            def tell() -> None:
                if mtu:
                    host.known_mtu[record.destination] = mtu
                host.endpoint.receive_icmp_error(
                    record.packet, record.destination, record.udp_port, host.carrier, kind, self.now, mtu
                )
                self._after(host)

            self.call_at(self.now + delay, tell)

    # --- running

    def step(self, until: int | None = None) -> bool:
        """Let the next event happen; False if there is none (or none up to the time `until`)."""
        agenda = self._agenda
        while agenda and (until is None or agenda[0][0] <= until):
            time, _, host, what = heappop(agenda)
            if host is None:
                self.now = time
                what()
            elif what is not None:
                self.now = time
                self._deliver(host, what)
            elif time != host.timer_at:
                continue                     # an earlier deadline took its place
            else:
                host.timer_at = None
                deadline = host.endpoint.deadline()
                if deadline is None:
                    continue
                if deadline > time:
                    host.timer_at = deadline
                    self._push(deadline, host, None)
                    continue
                self._spins = self._spins + 1 if time == self.now else 0
                if self._spins > 10_000:
                    raise Runaway(f"{host} has a deadline that handle_timeouts({time}) does not clear")
                self.now = time
                self._send_all(host, host.endpoint.handle_timeouts(time) or [])
                self._after(host)
            self.events += 1
            return True
        return False

    def _deliver(self, host: Host, record: Record) -> None:
        if record.udp_port and record.udp_port != host.udp_port:
            self._refuse(record)
            return
        host.endpoint.receive_datagram(
            record.packet, record.source, record.source_udp_port, record.destination, host.carrier, self.now
        )
        self._after(host)

    def _after(self, host: Host) -> None:
        """After an event of a host: its program may react, then its packets leave."""
        if host.application is not None:
            for user, flags in host.endpoint.take_ready():
                host.application(user, flags)
        self.flush(host)

    def _flush_all(self) -> None:
        for host in self.hosts:
            self._after(host)

    def run(self, until: int | None = None, limit: int = 10_000_000) -> int:
        """Run up to the virtual time `until` (None: until nothing is left to happen, which with heartbeats
        on is never).  The number of events; Runaway if there are more than `limit`."""
        self._flush_all()
        events = 0
        while self.step(until):
            events += 1
            if events > limit:
                raise Runaway(f"{events} events up to {self.now} (seed {self.seed})")
        if until is not None and until > self.now:
            self.now = until
        return events

    def run_for(self, duration: int, limit: int = 10_000_000) -> int:
        """Run for so many microseconds."""
        return self.run(self.now + duration, limit)

    def run_until(
        self, predicate: Callable[[], object], limit: int = 600 * SECOND, max_events: int = 10_000_000
    ) -> bool:
        """Run until predicate() is true, at most `limit` microseconds; whether it became true."""
        until = self.now + limit
        self._flush_all()
        events = 0
        while not predicate():
            if not self.step(until):
                self._flush_all()            # the predicate may have asked an endpoint for something
                if not self._agenda or self._agenda[0][0] > until:
                    self.now = max(self.now, until) if self._agenda else self.now
                    return bool(predicate())
            events += 1
            if events > max_events:
                raise Runaway(f"{events} events up to {self.now} (seed {self.seed})")
        return True

    # --- looking

    def write_pcap(self, path: str | Path, host: Host | None = None) -> int:
        """Write the recorded packets as a capture: all at the time they were sent or, with `host`, what a
        capture on that host would have seen: its own when it sent them, others' when they came.  How many."""
        frames: list[pcap.Frame] = []
        for r in self.records:
            addresses = (r.source, r.source_udp_port, r.destination, r.udp_port, r.packet)
            if host is None or (r.source in host.addresses and r.fate not in (DUPLICATE, INJECTED)):
                frames.append((r.time, *addresses))
            if host is not None and r.destination in host.addresses and r.arrival is not None:
                frames.append((r.arrival, *addresses))
        frames.sort(key=lambda frame: frame[0])
        with open(path, "wb") as file:
            return pcap.write_pcap(file, frames)
