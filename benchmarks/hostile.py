"""Measure what each kind of hostile packet costs an association that holds nothing, and one that is full.

    python -m benchmarks.hostile [--megabytes 16] [--rounds 200] [--page FILE]

One association with a made-up peer, without a network.  The full one has a receive buffer of so many bytes,
full of fragments and of messages that wait for their turn on 1,000 streams, and as many bytes to send, of
which a large flight is under way.  Then the peer sends each kind of packet; what is measured is the
endpoint's work for it, answers included, as the median of all rounds.
"""
import argparse
import statistics
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pysctpsock._cy.association import Association
from pysctpsock._cy.chunks import make_chunk, make_init, make_tlv
from pysctpsock._cy.crc32c import crc32c
from pysctpsock._cy.endpoint import Endpoint, IcmpKind
from pysctpsock._cy.parameters import ProtocolParameters
from pysctpsock._cy.user import SctpUser

DATA, INIT, INIT_ACK, SACK, HEARTBEAT, HEARTBEAT_ACK, ABORT, SHUTDOWN_ACK, ERROR = 0, 1, 2, 3, 4, 5, 6, 8, 9
COOKIE_ECHO, COOKIE_ACK, FORWARD_TSN, UNKNOWN = 10, 11, 192, 0x3F
STATE_COOKIE, FORWARD_TSN_SUPPORTED = 7, 0xC000
WHOLE, FIRST = 3, 2              # flags of DATA: a message in one chunk, the first piece of one
HOST, HOST_PORT, PEER, PEER_PORT, UDP_PORT = "10.0.0.1", 4000, "10.0.0.2", 5000, 9899
STREAMS = 1000
PAYLOAD, MESSAGE = 300, 1400      # bytes in a chunk of the peer's, and in a message of ours
RECORD = 64                      # bytes that are counted for a record beside its data
A_RWND = 1 << 30
TAG, INITIAL_TSN = 0x11223344, 1000
START = 1_000_000

Kind = tuple[str, Callable[[int], bytes]]


def packet(tag: int, *chunks: bytes) -> bytes:
    """Return a packet of the peer's."""
    data = struct.pack(">HHII", PEER_PORT, HOST_PORT, tag, 0) + b"".join(chunks)
    return data[:8] + struct.pack("<I", crc32c(data)) + data[12:]


def data_chunk(tsn: int, stream: int, ssn: int, flags: int = WHOLE, length: int = PAYLOAD) -> bytes:
    """Return a DATA chunk."""
    return make_chunk(DATA, flags, struct.pack(">IHHI", tsn, stream, ssn, 0) + bytes(length))


class Target:
    """An association, and the packets that its peer makes."""

    def __init__(self, size: int) -> None:
        """`size`: of both buffers."""
        parameters = ProtocolParameters()
        parameters.receive_buffer = parameters.send_buffer = size
        parameters.inbound_streams = parameters.outbound_streams = STREAMS
        self.endpoint = Endpoint(b"s" * 32, parameters)
        user = SctpUser(self.endpoint.ready_list)
        self.now = START
        self.association: Association = self.endpoint.connect(
            user, HOST, HOST_PORT, PEER, PEER_PORT, UDP_PORT, 0, parameters, self.now)
        self.user = user
        self.endpoint.take_packets(self.now)
        self.give(packet(self.association.local_tag, make_init(
            INIT_ACK, TAG, A_RWND, STREAMS, STREAMS, INITIAL_TSN,
            make_tlv(STATE_COOKIE, b"cookie") + make_tlv(FORWARD_TSN_SUPPORTED, b""))))
        self.give(self.made(make_chunk(COOKIE_ACK, 0, b"")))
        self.next_tsn = INITIAL_TSN + 1      # the first never comes, so that all others are held
        self.acknowledged = (self.association.snapshot()["local_initial_tsn"] - 1) % 2**32

    def made(self, *chunks: bytes) -> bytes:
        """Return a packet with the right tag."""
        return packet(self.association.local_tag, *chunks)

    def give(self, datagram: bytes) -> list[bytes]:
        """Let a packet arrive; return those that the endpoint sends then."""
        self.endpoint.receive_datagram(datagram, PEER, UDP_PORT, HOST, 0, self.now)
        return [sent[0] for sent in self.endpoint.take_packets(self.now)]

    def fill(self, size: int) -> None:
        """Hold as much as the receive buffer takes, and have as much to send."""
        for _ in range(size * 95 // 100 // (PAYLOAD + RECORD) // 4):
            chunks = []
            for _ in range(4):
                tsn = self.next_tsn
                self.next_tsn += 1 + (tsn % 5 == 0)      # with gaps
                flags = FIRST if tsn % 3 == 0 else WHOLE
                chunks.append(data_chunk(tsn, tsn % STREAMS, 1 + tsn // STREAMS % 60_000, flags))
            self.give(self.made(*chunks))
        while self.association.submit(bytes(MESSAGE), now=self.now) == 0:
            pass
        self.endpoint.take_packets(self.now)
        for _ in range(1000):                # slow start: each SACK lets one packet more be under way
            self.acknowledged = (self.acknowledged + 2) % 2**32
            self.give(self.made(self.sack()))

    def sack(self, gaps: int = 0) -> bytes:
        """Return a SACK of what is acknowledged already, with so many gap blocks of one chunk."""
        blocks = b"".join(struct.pack(">HH", 2 + 2 * gap, 2 + 2 * gap) for gap in range(gaps))
        return make_chunk(SACK, 0, struct.pack(">IIHH", self.acknowledged, A_RWND, gaps, 0) + blocks)

    def in_flight(self) -> int:
        """Return how many chunks are under way."""
        outstanding = self.association.snapshot()["outstanding"]
        return (outstanding["next_tsn"] - outstanding["cumulative_tsn_ack"] - 1) % 2**32

    def forward_tsn(self, new_cumulative_tsn: int) -> bytes:
        """Return a FORWARD TSN of 44 bytes with its packet: six streams are passed over."""
        skipped = b"".join(struct.pack(">HH", stream, 0) for stream in range(6))
        return self.made(make_chunk(FORWARD_TSN, 0, struct.pack(">I", new_cumulative_tsn) + skipped))

    def kinds(self) -> Iterator[Kind]:
        """Yield each kind with a function that makes the packet of a round."""
        made = self.made
        wrong = (self.association.local_tag + 1) % 2**32
        yield "DATA, one byte, a known TSN", lambda n: made(data_chunk(INITIAL_TSN + 1, 1, 1, WHOLE, 1))
        yield "DATA, beyond all windows", lambda n: made(data_chunk(self.next_tsn + 2**30, 1, 1, WHOLE, 1))
        yield "DATA, 70 chunks of a known TSN", lambda n: made(
            *[data_chunk(INITIAL_TSN + 1, 1, 1, WHOLE, 1)] * 70)
        yield "SACK, nothing new", lambda n: made(self.sack())
        gaps = min(300, self.in_flight() // 2 - 1)
        if gaps > 0:
            yield f"SACK, {gaps} gap blocks", lambda n: made(self.sack(gaps))
        yield "FORWARD TSN, old", lambda n: self.forward_tsn(INITIAL_TSN - 1)
        yield "FORWARD TSN, one further each time", lambda n: self.forward_tsn(INITIAL_TSN + n)
        yield "HEARTBEAT, 1,400 bytes", lambda n: made(make_chunk(HEARTBEAT, 0, make_tlv(1, bytes(1380))))
        yield "HEARTBEAT ACK, invented", lambda n: made(make_chunk(HEARTBEAT_ACK, 0, make_tlv(1, bytes(40))))
        yield "ERROR of 300 causes", lambda n: made(make_chunk(ERROR, 0, make_tlv(6, b"") * 300))
        yield "chunks of no known type, 300", lambda n: made(*[make_chunk(UNKNOWN | 0x80, 0, b"")] * 300)
        yield "INIT of a restart", lambda n: packet(0, make_init(INIT, 77, A_RWND, 10, 10, 5, b""))
        yield "COOKIE ECHO, invented", lambda n: made(make_chunk(COOKIE_ECHO, 0, bytes(200)))
        yield "SHUTDOWN ACK", lambda n: made(make_chunk(SHUTDOWN_ACK, 0, b""))
        yield "ABORT, another's tag", lambda n: packet(wrong, make_chunk(ABORT, 0, b""))

    def cost(self, make: Callable[[int], bytes], rounds: int) -> tuple[int, float]:
        """Return bytes of a packet and microseconds that it takes."""
        times, length = [], 0
        for number in range(rounds):
            datagram = make(number)
            length = len(datagram)
            self.now += 1
            started = time.perf_counter()
            self.give(datagram)
            times.append(time.perf_counter() - started)
        return length, statistics.median(times) * 1e6

    def cost_of_too_big(self, rounds: int) -> float:
        """Return microseconds that an ICMP message costs, which says that a packet was too big."""
        quoted = struct.pack(">HHI", HOST_PORT, PEER_PORT, TAG)
        times = []
        for number in range(rounds):
            self.now += 1
            started = time.perf_counter()
            self.endpoint.receive_icmp_error(quoted, PEER, UDP_PORT, 0, IcmpKind.ICMP_TOO_BIG, self.now,
                                             1400 - 4 * number)
            self.endpoint.take_packets(self.now)
            times.append(time.perf_counter() - started)
        return statistics.median(times) * 1e6


def measured(target: Target, rounds: int) -> dict[str, tuple[int, float]]:
    """Return bytes and microseconds of each kind."""
    costs = {name: target.cost(make, rounds) for name, make in target.kinds()}
    assert target.association.snapshot()["state"] == "ESTABLISHED", "a packet has ended the association"
    costs["ICMP, packet too big, smaller each time"] = 8, target.cost_of_too_big(rounds)
    return costs


def table(empty: dict[str, tuple[int, float]], full: dict[str, tuple[int, float]], megabytes: int) -> str:
    """Return a Markdown table."""
    lines = [f"| packet | bytes | us, holds nothing | us, holds {megabytes} MB |", "|---|---|---|---|"]
    for name, (length, microseconds) in full.items():
        before = f"{empty[name][1]:.1f}" if name in empty else ""
        lines.append(f"| {name} | {length} | {before} | {microseconds:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.hostile", description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=16, help="of both buffers; 4 or more")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--page", type=Path, help="a file for the table")
    options = parser.parse_args()
    size = options.megabytes << 20
    empty, full = Target(size), Target(size)
    full.fill(size)
    print(f"held: {size - full.association.snapshot()['a_rwnd']:,} bytes of the buffer; "
          f"in flight: {full.in_flight():,} chunks")
    made = table(measured(empty, options.rounds), measured(full, options.rounds), options.megabytes)
    print(made)
    if options.page:
        options.page.write_text(made + "\n")


if __name__ == "__main__":
    main()
