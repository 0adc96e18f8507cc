"""SCTP packets by hand: a second, independent codec, so that the core is not checked against itself.

RFC 9260 section 3.  `packet(...)` and the chunk functions make bytes, `parse(...)` takes them apart.
"""

import struct

DATA, INIT, INIT_ACK, SACK, HEARTBEAT, HEARTBEAT_ACK, ABORT, SHUTDOWN, SHUTDOWN_ACK, ERROR = range(10)
COOKIE_ECHO, COOKIE_ACK, SHUTDOWN_COMPLETE = 10, 11, 14
NAMES = {
    DATA: "DATA",
    INIT: "INIT",
    INIT_ACK: "INIT_ACK",
    SACK: "SACK",
    HEARTBEAT: "HEARTBEAT",
    HEARTBEAT_ACK: "HEARTBEAT_ACK",
    ABORT: "ABORT",
    SHUTDOWN: "SHUTDOWN",
    SHUTDOWN_ACK: "SHUTDOWN_ACK",
    ERROR: "ERROR",
    COOKIE_ECHO: "COOKIE_ECHO",
    COOKIE_ACK: "COOKIE_ACK",
    SHUTDOWN_COMPLETE: "SHUTDOWN_COMPLETE",
}
E, B, U, I, T = 1, 2, 4, 8, 1  # noqa: E741
STATE_COOKIE, UNRECOGNIZED_PARAMETER = 7, 8

_TABLE = []
for _byte in range(256):
    for _ in range(8):
        _byte = (_byte >> 1) ^ (0x82F63B78 if _byte & 1 else 0)
    _TABLE.append(_byte)


def crc32c(data):
    """RFC 9260 appendix A."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def padded(data):
    return data + bytes(-len(data) % 4)


def packet(source_port, destination_port, tag, *chunks):
    """A whole packet with its checksum.  `chunks` are bytes as they shall stand there."""
    return with_checksum(struct.pack(">HHII", source_port, destination_port, tag, 0) + b"".join(chunks))


def with_checksum(data):
    """The packet with the right checksum in place of whatever it has there."""
    data = data[:8] + bytes(4) + data[12:]
    return data[:8] + struct.pack("<I", crc32c(data)) + data[12:]


def chunk(type, flags=0, value=b"", length=None):
    return padded(struct.pack(">BBH", type, flags, 4 + len(value) if length is None else length) + value)


def parameter(type, value=b"", length=None):
    return padded(struct.pack(">HH", type, 4 + len(value) if length is None else length) + value)


cause = parameter  # the same layout


def data(tsn, payload=b"x", stream_id=0, ssn=0, flags=B | E, ppid=0):
    return chunk(DATA, flags, struct.pack(">IHHI", tsn & 0xFFFFFFFF, stream_id, ssn & 0xFFFF, ppid) + payload)


def init(tag, tsn=1, a_rwnd=65536, outbound=10, inbound=10, parameters=b"", type=INIT):
    return chunk(
        type, 0, struct.pack(">IIHHI", tag, a_rwnd, outbound, inbound, tsn & 0xFFFFFFFF) + parameters
    )


def init_ack(tag, tsn=1, a_rwnd=65536, outbound=10, inbound=10, cookie=b"cookie", parameters=b""):
    own = parameter(STATE_COOKIE, cookie) if cookie is not None else b""
    return init(tag, tsn, a_rwnd, outbound, inbound, own + parameters, INIT_ACK)


def sack(cumulative_tsn_ack, a_rwnd=65536, gaps=(), duplicates=()):
    value = struct.pack(">IIHH", cumulative_tsn_ack & 0xFFFFFFFF, a_rwnd, len(gaps), len(duplicates))
    value += b"".join(struct.pack(">HH", *gap) for gap in gaps)
    return chunk(SACK, 0, value + b"".join(struct.pack(">I", tsn & 0xFFFFFFFF) for tsn in duplicates))


def shutdown(cumulative_tsn_ack):
    return chunk(SHUTDOWN, 0, struct.pack(">I", cumulative_tsn_ack & 0xFFFFFFFF))


def heartbeat(info=b"12345678"):
    return chunk(HEARTBEAT, 0, parameter(1, info))


def error(*causes):
    return chunk(ERROR, 0, b"".join(causes))


def abort(*causes, flags=0):
    return chunk(ABORT, flags, b"".join(causes))


class Chunk:
    """A received chunk; the attributes that its type has are read out of `value`."""

    def __init__(self, type, flags, value):
        self.type, self.flags, self.value = type, flags, value
        if type == DATA:
            self.tsn, self.stream_id, self.ssn, self.ppid = struct.unpack(">IHHI", value[:12])
            self.payload = value[12:]
        elif type in (INIT, INIT_ACK):
            (
                self.initiate_tag,
                self.a_rwnd,
                self.outbound_streams,
                self.inbound_streams,
                self.initial_tsn,
            ) = struct.unpack(">IIHHI", value[:16])
            self.parameters = tlvs(value[16:])
        elif type == SACK:
            self.cumulative_tsn_ack, self.a_rwnd, gaps, duplicates = struct.unpack(">IIHH", value[:12])
            numbers = struct.unpack(f">{2 * gaps}H{duplicates}I", value[12:])
            self.gaps = list(zip(numbers[0 : 2 * gaps : 2], numbers[1 : 2 * gaps : 2], strict=True))
            self.duplicates = list(numbers[2 * gaps :])
        elif type == SHUTDOWN:
            (self.cumulative_tsn_ack,) = struct.unpack(">I", value)
        elif type in (ERROR, ABORT):
            self.causes = tlvs(value)

    @property
    def name(self):
        return NAMES.get(self.type, str(self.type))

    def __repr__(self):
        fields = {k: v for k, v in vars(self).items() if k not in ("type", "value", "payload", "parameters")}
        return f"{self.name}{fields}"


class Packet:
    """A received packet."""

    def __init__(self, raw):
        self.raw = raw
        self.source_port, self.destination_port, self.tag = struct.unpack(">HHI", raw[:8])
        self.checksum_ok = with_checksum(raw) == raw
        self.chunks = []
        position = 12
        while position < len(raw):
            type, flags, length = struct.unpack(">BBH", raw[position : position + 4])
            assert length >= 4 and position + length <= len(raw), f"malformed packet {raw.hex()}"
            self.chunks.append(Chunk(type, flags, raw[position + 4 : position + length]))
            position += length + -length % 4
        assert position == len(raw), f"padding is missing: {raw.hex()}"

    @property
    def types(self):
        return [chunk.type for chunk in self.chunks]

    @property
    def names(self):
        return " ".join(chunk.name for chunk in self.chunks)

    def __getitem__(self, type):
        """The first chunk of a type; KeyError without."""
        for each in self.chunks:
            if each.type == type:
                return each
        raise KeyError(f"no {NAMES.get(type, type)} in {self!r}")

    def all(self, type):
        return [each for each in self.chunks if each.type == type]

    def __repr__(self):
        return f"<{self.source_port}->{self.destination_port} tag {self.tag:#x} {self.chunks}>"


def parse(raw):
    return Packet(raw)


def tlvs(value):
    """[(type, value)] of parameters or causes."""
    found, position = [], 0
    while position + 4 <= len(value):
        type, length = struct.unpack(">HH", value[position : position + 4])
        assert length >= 4 and position + length <= len(value), f"malformed parameters {value.hex()}"
        found.append((type, value[position + 4 : position + length]))
        position += length + -length % 4
    return found


def first_type(raw):
    """Type of the first chunk, without parsing the rest: for filters, which see every packet."""
    return raw[12]


def has(raw, type):
    """Whether a packet holds a chunk of this type."""
    position = 12
    while position + 4 <= len(raw):
        if raw[position] == type:
            return True
        position += max(4, (int.from_bytes(raw[position + 2 : position + 4], "big") + 3) & ~3)
    return False
