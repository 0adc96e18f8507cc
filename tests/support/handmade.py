"""A peer made by hand: packets that a test writes itself, against one Endpoint.

RFC 9260 section 3.  `Peer` plays the other side of one association as far as a test wants it to.
"""
import struct

from pysctpsock._cy.chunks import make_chunk, make_init, make_tlv
from pysctpsock._cy.crc32c import crc32c
from pysctpsock._cy.endpoint import Endpoint
from pysctpsock._cy.user import SctpUser

DATA, INIT, INIT_ACK, SACK, HEARTBEAT, HEARTBEAT_ACK, ABORT, SHUTDOWN, SHUTDOWN_ACK, ERROR = range(10)
COOKIE_ECHO, COOKIE_ACK, SHUTDOWN_COMPLETE = 10, 11, 14
HOST, PEER = "10.0.0.1", "10.0.0.2"
HOST_PORT, PEER_PORT = 4000, 5000
UDP_PORT = 9899
SECOND = 1_000_000


def packet(source_port, destination_port, tag, *chunks):
    """A packet with its checksum."""
    data = struct.pack(">HHII", source_port, destination_port, tag, 0) + b"".join(chunks)
    return data[:8] + struct.pack("<I", crc32c(data)) + data[12:]


def chunks_of(data):
    """[(type, flags, value)] of a packet; padding is taken off."""
    found, position = [], 12
    while position < len(data):
        kind, flags, length = struct.unpack_from(">BBH", data, position)
        assert 4 <= length <= len(data) - position, f"a chunk of {length} bytes at {position} of {data.hex()}"
        found.append((kind, flags, data[position + 4:position + length]))
        position += length + 3 & ~3
    return found


def data_chunk(tsn, payload=b"x", stream_id=0, ssn=0, flags=3):
    return make_chunk(DATA, flags, struct.pack(">IHHI", tsn % 2**32, stream_id, ssn % 65536, 0) + payload)


def sack_chunk(cumulative_tsn_ack, a_rwnd=1 << 20, gaps=()):
    blocks = b"".join(struct.pack(">HH", *gap) for gap in gaps)
    fixed = struct.pack(">IIHH", cumulative_tsn_ack % 2**32, a_rwnd, len(gaps), 0)
    return make_chunk(SACK, 0, fixed + blocks)


def shutdown_chunk(cumulative_tsn_ack):
    return make_chunk(SHUTDOWN, 0, struct.pack(">I", cumulative_tsn_ack % 2**32))


class Peer:
    """The other side of one association with `endpoint`, which is the initiator."""

    def __init__(self, parameters=None, seed=b"s" * 32, tag=0x11223344, tsn=1000, now=SECOND, endpoint=None,
                 udp_port=UDP_PORT):
        self.endpoint = endpoint or Endpoint(seed, parameters)
        self.user = SctpUser(self.endpoint.ready_list)
        self.user.event_mask = 0x3FFE
        self.tag, self.tsn, self.now, self.udp_port = tag, tsn, now, udp_port
        self.association = self.endpoint.connect(self.user, HOST, HOST_PORT, PEER, PEER_PORT, udp_port, 0,
                                                 None, now)
        self.init_tag = self.association.local_tag
        self.packets = []                    # all that came and was not looked at

    def send(self, *chunks, tag=None, source=PEER):
        self.endpoint.receive_datagram(
            packet(PEER_PORT, HOST_PORT, self.association.local_tag if tag is None else tag, *chunks),
            source, self.udp_port, HOST, 0, self.now)

    def take(self):
        """The packets that the endpoint has sent since the last call."""
        self.packets += [item[0] for item in self.endpoint.take_packets(self.now)]
        taken, self.packets = self.packets, []
        return taken

    def take_chunks(self):
        return [chunk for data in self.take() for chunk in chunks_of(data)]

    def run(self, duration):
        """Let time pass, timers included; what is sent waits for take()."""
        end = self.now + duration
        while (deadline := self.endpoint.deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.endpoint.handle_timeouts(self.now)
            self.packets += [item[0] for item in self.endpoint.take_packets(self.now)]
        self.now = end

    def init_ack(self, cookie=b"cookie", a_rwnd=1 << 20, outbound=10, inbound=10, parameters=b""):
        return make_init(INIT_ACK, self.tag, a_rwnd, outbound, inbound, self.tsn,
                         make_tlv(7, cookie) + parameters)

    def establish(self, **fields):
        """Through the handshake; nothing waits afterwards."""
        self.take()
        self.send(self.init_ack(**fields))
        self.take()
        self.send(make_chunk(COOKIE_ACK, 0, b""))
        self.take()
        return self

    def init(self, tag, tsn=1, a_rwnd=1 << 20, outbound=10, inbound=10):
        """Send an INIT of our own; the cookie of the answer, and the tag that goes with it."""
        self.take()
        self.send(make_init(INIT, tag, a_rwnd, outbound, inbound, tsn, b""), tag=0)
        for kind, _flags, value in self.take_chunks():
            if kind == INIT_ACK:
                length = struct.unpack_from(">H", value, 18)[0]
                return value[20:16 + length], struct.unpack_from(">I", value)[0]
        return None

    def notifications(self):
        """Read everything: [(kind, content)]."""
        found = []
        while (record := self.user.read(self.now)) is not None:
            found.append(record[:2])
        return found
