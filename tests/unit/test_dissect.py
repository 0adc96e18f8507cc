"""dissect() reads every packet, build() writes any packet: RFC 9260 section 3 and extensions."""
import random
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pysctpsock import dissect as module
from pysctpsock._cy.crc32c import is_intact
from pysctpsock.dissect import build, describe, dissect

INIT_PACKET = bytes.fromhex(
    "03e807d0 00000000 1d57eb78 01000014 01020304 00020000 000a000a 11223344")
HEADER = INIT_PACKET[:12]


def one_chunk(chunk):
    """The bytes of one chunk built from `chunk`."""
    return build({"chunks": [chunk]})[12:]


def cause(cause):
    return one_chunk({"name": "ERROR", "causes": [cause]})[4:]


def parameter(parameter):
    return one_chunk({"name": "INIT", "parameters": [parameter]})[20:]


def test_init_packet():
    """Layouts of 3.1, 3.2 and 3.3.2 (the packet of the checksum's test vector)."""
    found = dissect(INIT_PACKET)
    assert found == {
        "source_port": 1000, "destination_port": 2000, "verification_tag": 0, "checksum": 0x78EB571D,
        "checksum_ok": True, "chunks": [{
            "type": 1, "name": "INIT", "flags": 0, "length": 20, "initiate_tag": 0x01020304,
            "a_rwnd": 131072, "outbound_streams": 10, "inbound_streams": 10, "initial_tsn": 0x11223344,
            "parameters": []}]}
    assert build(found) == INIT_PACKET
    del found["checksum"], found["chunks"][0]["length"]
    assert build(found) == INIT_PACKET


def test_wrong_checksum_is_told():
    """9260-6.8-02."""
    damaged = INIT_PACKET[:-1] + b"\0"
    assert dissect(damaged)["checksum_ok"] is False
    assert "checksum wrong" in describe(damaged)


@pytest.mark.parametrize(("chunk", "expected"), [
    ({"name": "DATA", "flags": 3, "tsn": 1, "stream_id": 2, "ssn": 3, "ppid": 4, "data": b"hello"},
     "00030015 00000001 0002 0003 00000004 68656c6c 6f000000"),
    ({"name": "INIT ACK", "initiate_tag": 1, "a_rwnd": 2, "outbound_streams": 3, "inbound_streams": 4,
      "initial_tsn": 5, "parameters": [{"name": "State Cookie", "cookie": b"c"}]},
     "02000019 00000001 00000002 0003 0004 00000005 00070005 63000000"),
    ({"name": "SACK", "cumulative_tsn_ack": 1, "a_rwnd": 2, "gap_ack_blocks": [(2, 3)],
      "duplicate_tsns": [9]},
     "03000018 00000001 00000002 0001 0001 0002 0003 00000009"),
    ({"name": "HEARTBEAT", "parameters": [{"name": "Heartbeat Info", "info": b"info"}]},
     "0400000c 00010008 696e666f"),
    ({"name": "HEARTBEAT ACK", "parameters": [{"name": "Heartbeat Info", "info": b"inf"}]},
     "0500000b 00010007 696e6600"),
    ({"name": "ABORT", "flags": 1}, "06010004"),
    ({"name": "SHUTDOWN", "cumulative_tsn_ack": 1}, "07000008 00000001"),
    ({"name": "SHUTDOWN ACK"}, "08000004"),
    ({"name": "ERROR", "causes": [{"name": "Out of Resource"}]}, "09000008 00040004"),
    ({"name": "COOKIE ECHO", "cookie": b"cookie"}, "0a00000a 636f6f6b 69650000"),
    ({"name": "COOKIE ACK"}, "0b000004"),
    ({"name": "SHUTDOWN COMPLETE", "flags": 1}, "0e010004"),
    ({"name": "AUTH", "shared_key_id": 1, "hmac_id": 3, "hmac": b"mac!"}, "0f00000c 0001 0003 6d616321"),
    ({"name": "FORWARD TSN", "new_cumulative_tsn": 1, "streams": [(2, 3)]}, "c000000c 00000001 0002 0003"),
    ({"name": "I-FORWARD-TSN", "new_cumulative_tsn": 1, "streams": [(2, 1, 3)]},
     "c2000010 00000001 0002 0001 00000003"),
    ({"type": 200, "flags": 7, "value": b"abc"}, "c8070007 61626300"),
])
def test_chunks(chunk, expected):
    """3.3, byte by byte; and the fields come back."""
    data = bytes.fromhex(expected)
    assert one_chunk(chunk) == data
    found = dissect(HEADER + data)["chunks"][0]
    assert "malformed" not in found
    for key, value in chunk.items():
        if key not in ("parameters", "causes"):
            assert found[key] == value
    for key in ("parameters", "causes"):
        for given_item, found_item in zip(chunk.get(key, []), found.get(key, []), strict=True):
            assert given_item.items() <= found_item.items()


@pytest.mark.parametrize(("item", "expected"), [
    ({"name": "IPv4 Address", "address": "192.0.2.1"}, "00050008 c0000201"),
    ({"name": "IPv6 Address", "address": "2001:db8::1"}, "00060014 20010db8 00000000 00000000 00000001"),
    ({"name": "State Cookie", "cookie": b"abcd"}, "00070008 61626364"),
    ({"name": "Unrecognized Parameter", "parameters": [{"type": 0xC123, "value": b"x"}]},
     "00080009 c1230005 78000000"),
    ({"name": "Cookie Preservative", "life_span_increment": 1000}, "00090008 000003e8"),
    ({"name": "Host Name Address", "host_name": b"a\0"}, "000b0006 61000000"),
    ({"name": "Supported Address Types", "address_types": [5, 6]}, "000c0008 00050006"),
    ({"name": "ECN Capable"}, "80000004"),
    ({"name": "Forward-TSN-Supported"}, "c0000004"),
    ({"name": "Supported Extensions", "chunk_types": b"\xc0\x82"}, "80080006 c0820000"),
    ({"name": "Adaptation Layer Indication", "adaptation_code_point": 1}, "c0060008 00000001"),
])
def test_parameters(item, expected):
    """3.3.2.1, 3.3.3.1 and the extensions' parameters."""
    assert parameter(item) == bytes.fromhex(expected)


@pytest.mark.parametrize(("item", "expected"), [
    ({"name": "Invalid Stream Identifier", "stream_id": 1}, "00010008 00010000"),
    ({"name": "Missing Mandatory Parameter", "missing": [7]}, "0002000a 00000001 00070000"),
    ({"name": "Stale Cookie", "staleness": 1}, "00030008 00000001"),
    ({"name": "Out of Resource"}, "00040004"),
    ({"name": "Unresolvable Address", "parameters": [{"name": "Host Name Address", "host_name": b"a\0"}]},
     "0005000a 000b0006 61000000"),
    ({"name": "Unrecognized Chunk Type", "chunks": [{"type": 200, "value": b"x"}]},
     "00060009 c8000005 78000000"),
    ({"name": "Invalid Mandatory Parameter"}, "00070004"),
    ({"name": "Unrecognized Parameters", "parameters": [{"type": 0xC123}, {"type": 0xC124, "value": b"x"}]},
     "0008000d c1230004 c1240005 78000000"),
    ({"name": "No User Data", "tsn": 1}, "00090008 00000001"),
    ({"name": "Cookie Received While Shutting Down"}, "000a0004"),
    ({"name": "Restart of an Association with New Addresses",
      "parameters": [{"name": "IPv4 Address", "address": "192.0.2.1"}]}, "000b000c 00050008 c0000201"),
    ({"name": "User-Initiated Abort", "reason": b"bye"}, "000c0007 62796500"),
    ({"name": "Protocol Violation", "information": b"bad!"}, "000d0008 62616421"),
])
def test_causes(item, expected):
    """3.3.10.1 to 3.3.10.13."""
    assert cause(item) == bytes.fromhex(expected)


@pytest.mark.parametrize("name", [name for names in module.TYPES.values() for name in names])
def test_every_layout_round_trips_empty(name):
    """Each kind that is known can be built from nothing but its name, and is then well formed."""
    if name in module.TYPES[module.CHUNKS]:
        packet = build({"chunks": [{"name": name}]})
        item = dissect(packet)["chunks"][0]
    elif name in module.TYPES[module.PARAMETERS]:
        packet = build({"chunks": [{"name": "INIT", "parameters": [{"name": name}]}]})
        item = dissect(packet)["chunks"][0]["parameters"][0]
    else:
        packet = build({"chunks": [{"name": "ERROR", "causes": [{"name": name}]}]})
        item = dissect(packet)["chunks"][0]["causes"][0]
    assert item["name"] == name
    assert "malformed" not in item
    assert is_intact(packet)
    assert build(dissect(packet)) == packet


@pytest.mark.parametrize(("data", "reason"), {
    "01": "shorter than a header",
    "0e0000": "shorter than a header",
    "01000000 00000000": "length below 4",
    "01000003 00000000": "length below 4",
    "01000015 00000000": "length beyond the end",
    "00030008 00000001": "too short for stream_id",
    "0100000c 00000001 00000002": "too short for outbound_streams",
    "03000010 00000001 00000002 0001 0000": "do not fit the length",
    "03000014 00000001 00000002 0000 0000 00000000": "too long|do not fit",
    "0300000c 00000001 00000002": "too short for the numbers",
    "07000004": "too short for cumulative_tsn_ack",
    "0700000c 00000001 00000002": "4 bytes too long",
    "08000008 00000000": "4 bytes too long",
    "c000000a 00000001 0002 0000": "end within an entry",
}.items())
def test_malformed_chunks(data, reason):
    """9260-3.2-10 and wrong inner lengths: told with the reason, the bytes are kept."""
    packet = HEADER + bytes.fromhex(data)
    chunk = dissect(packet)["chunks"][0]
    assert any(part in chunk["malformed"] for part in reason.split("|"))
    assert isinstance(chunk["value"], bytes)
    assert chunk["malformed"] in describe(packet)
    assert build(dissect(packet)) == packet


@pytest.mark.parametrize(("data", "reason"), {
    "00050006 0a00": "wrong length of an address",
    "00060008 0a000001": "wrong length of an address",
    "00090006 0000": "too short for life_span_increment",
    "000c0007 000500": "address_types end within an entry",
    "00050002": "length below 4",
    "00050009 0a000001": "length beyond the end",
    "000500": "shorter than a header",
}.items())
def test_malformed_parameters(data, reason):
    """A bad parameter does not hide the fields of its chunk."""
    row = bytes.fromhex(data)
    packet = HEADER + struct.pack(">BBH", 1, 0, 20 + len(row)) + bytes(16) + row
    chunk = dissect(packet)["chunks"][0]
    assert chunk["initiate_tag"] == 0
    assert chunk["parameters"][-1]["malformed"] == reason
    assert build(dissect(packet)) == packet


def test_number_of_missing_parameters_must_fit():
    packet = HEADER + bytes.fromhex("0900000e 0002000a 00000002 0007")
    assert "number of missing" in dissect(packet)["chunks"][0]["causes"][0]["malformed"]


@pytest.mark.parametrize("length", range(12))
def test_no_common_header(length):
    """9260-3.1-01."""
    assert dissect(bytes(length)) == {"malformed": "shorter than a common header", "value": bytes(length)}
    assert "malformed packet" in describe(bytes(length))
    assert build(dissect(bytes(length))) == bytes(length)


def test_nesting_has_an_end():
    """A parameter in a parameter in a ...: neither the stack nor the patience of the reader overflows."""
    value = b""
    for _ in range(16000):
        value = struct.pack(">HH", 8, 4 + len(value)) + value
    packet = HEADER + struct.pack(">BBH", 4, 0, 4 + len(value)) + value
    assert "nested too deeply" in describe(packet)
    assert build(dissect(packet)) == packet


class TestOverrides:
    """build() writes malformed packets when it is told to."""

    def test_length(self):
        assert one_chunk({"name": "COOKIE ACK", "length": 0}) == bytes.fromhex("0b000000")
        assert parameter({"name": "ECN Capable", "length": 65535}) == bytes.fromhex("8000ffff")

    def test_value(self):
        assert one_chunk({"name": "SHUTDOWN", "value": b"ab"}) == bytes.fromhex("07000006 61620000")

    def test_padding(self):
        assert one_chunk({"name": "COOKIE ECHO", "cookie": b"a", "padding": b"\xff"}) == bytes.fromhex(
            "0a000005 61ff")

    def test_counts_of_a_sack(self):
        assert one_chunk({"name": "SACK", "number_of_gap_ack_blocks": 7}) == bytes.fromhex(
            "03000010 00000000 00000000 0007 0000")

    def test_checksum(self):
        packet = build({"source_port": 1, "destination_port": 2, "checksum": 0x01020304})
        assert packet[8:12] == bytes.fromhex("04030201")
        assert dissect(packet)["checksum_ok"] is False

    def test_whole_packet(self):
        assert build({"value": b"xyz"}) == b"xyz"


@pytest.mark.parametrize("packet", [
    {"port": 1},
    {"chunks": [{"name": "DATA", "stream": 1}]},
    {"chunks": [{"name": "SHUTDOWN ACK", "tsn": 1}]},
    {"chunks": [{"name": "no such chunk"}]},
    {"chunks": [{"name": "IPv4 Address"}]},
    {"chunks": [{"name": "ERROR", "causes": [{"name": "Stale Cookie", "tsn": 1}]}]},
    {"chunks": [{"tsn": 1}]},
])
def test_misspelt_keys_are_refused(packet):
    """A test that crafts a packet must not silently craft another one."""
    with pytest.raises(ValueError, match=r"has no field|are called"):
        build(packet)


def test_one_line_a_chunk():
    packet = build({"source_port": 1, "destination_port": 2, "verification_tag": 3, "chunks": [
        {"name": "DATA", "flags": 0x17, "tsn": 5, "data": b"\x01\x02"},
        {"name": "ABORT", "flags": 1, "causes": [{"name": "User-Initiated Abort", "reason": bytes(50)}]},
        {"type": 200, "flags": 4},
        {"name": "SHUTDOWN", "length": 99},
    ]})
    assert describe(packet).split("\n") == [
        "1 > 2 tag=0x00000003 checksum ok",
        "  DATA flags=UBE+0x10 tsn=5 stream_id=0 ssn=0 ppid=0 data=0102",
        "  ABORT flags=T causes=[User-Initiated Abort(reason=50 bytes)]",
        "  unknown 200 flags=0x04 value=0 bytes",
        "  SHUTDOWN MALFORMED (length beyond the end) value=00000000 padding=0 bytes",
    ]


@given(st.binary(max_size=300))
@example(INIT_PACKET)
def test_any_bytes(packet):
    """Neither function ever raises, and nothing is lost."""
    assert build(dissect(packet)) == packet
    assert describe(packet)


def test_damaged_packets():
    """Packets that were good, with some bytes changed or cut: deeper than plain random bytes reach."""
    good = build({"chunks": [
        {"name": "SACK", "gap_ack_blocks": [(2, 3), (5, 9)], "duplicate_tsns": [7]},
        {"name": "INIT", "parameters": [{"name": "Unrecognized Parameter", "parameters": [{"type": 0xC123}]},
                                        {"name": "Supported Address Types", "address_types": [5]},
                                        {"name": "IPv6 Address", "address": "::ffff:192.0.2.1"}]},
        {"name": "ERROR", "causes": [{"name": "Missing Mandatory Parameter", "missing": [7]},
                                     {"name": "Unrecognized Chunk Type", "chunks": [{"name": "DATA"}]}]}]})
    seed = random.randrange(1 << 32)
    source = random.Random(seed)
    for _ in range(3000):
        packet = bytearray(good[:source.randint(12, len(good))])
        for _ in range(source.randint(1, 4)):
            byte = source.choice([0, 1, 4, 5, 6, 8, 255, source.randrange(256)])
            packet[source.randrange(len(packet))] = byte
        assert build(dissect(bytes(packet))) == bytes(packet), f"seed {seed}"
        assert describe(bytes(packet))
