"""CRC-32C: RFC 9260 section 6.8 and appendix A."""
import random

import pytest

from pysctpsock._cy.crc32c import chosen, crc32c, implementations, is_intact, sealed

INIT_PACKET = bytes.fromhex(
    "03e807d0 00000000 1d57eb78 01000014 01020304 00020000 000a000a 11223344")
VECTORS = {
    b"": 0x00000000,
    b"123456789": 0xE3069283,
    bytes(32): 0x8A9136AA,
    b"\xff" * 32: 0x62A8AB43,
    bytes(range(32)): 0x46DD794E,
    bytes(range(31, -1, -1)): 0x113FDB5C,
    INIT_PACKET[:8] + bytes(4) + INIT_PACKET[12:]: 0x78EB571D,
}


def bitwise_crc32c(data: bytes) -> int:
    """Appendix A read literally: one bit at a time."""
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    return state ^ 0xFFFFFFFF


@pytest.fixture(params=sorted(implementations()))
def implementation(request):
    return implementations()[request.param]


@pytest.mark.parametrize("data", VECTORS, ids=lambda data: data.hex()[:24] or "empty")
def test_known_values(implementation, data):
    """9260-A-01: polynomial, reflection, initial value and final complement."""
    assert implementation(data) == VECTORS[data]
    assert crc32c(data) == VECTORS[data]


def test_every_length_and_alignment(implementation):
    """Each implementation gives the CRC of the definition for lengths 0 to 4096 at unaligned starts."""
    data = random.Random(9260).randbytes(4096 + 8)
    definition = [0] * 4097             # of data[start:start + length]
    table = [bitwise_crc32c(bytes([b])) ^ bitwise_crc32c(b"\0") for b in range(256)]
    for start in (0, 1, 3, 7):
        state = 0xFFFFFFFF
        for length in range(4097):
            definition[length] = state ^ 0xFFFFFFFF
            state = state >> 8 ^ table[(state ^ data[start + length]) & 0xFF]
        for length in range(0, 4097, 1 if start == 0 else 13):
            found = implementation(data[:start + length], start)
            assert found == definition[length], (start, length)


@pytest.mark.parametrize("length", [9216, 65507, 65536, 1 << 20])
def test_long_inputs(implementation, length):
    """Lengths that take several rounds of the longest lanes."""
    seed = random.randrange(1 << 32)
    data = random.Random(seed).randbytes(length)
    assert implementation(data) == implementations()["table"](data), f"seed {seed}"


def test_bitwise_definition_is_the_table():
    """The reference of the tests above is itself the definition."""
    for data, expected in VECTORS.items():
        assert bitwise_crc32c(data) == expected


def test_start_outside_the_data_is_refused(implementation):
    for start in (-1, 4):
        with pytest.raises(ValueError, match="outside"):
            implementation(b"abc", start)


def test_the_chosen_one_is_available_and_named_last():
    assert chosen() == list(implementations())[-1]


def test_checksum_lies_low_byte_first():
    """Table 0.5 and 9260-6.8-01: computed with the field as zero, laid down little endian."""
    for junk in (bytes(4), b"\xff\xff\xff\xff", INIT_PACKET[8:12]):
        assert sealed(INIT_PACKET[:8] + junk + INIT_PACKET[12:]) == INIT_PACKET


def test_intact_packet_is_told_and_left_alone():
    """9260-6.8-02."""
    packet = bytes(INIT_PACKET)
    assert is_intact(packet)
    assert packet == INIT_PACKET


def test_any_flipped_bit_is_found():
    """9260-6.8-02: a mismatch drops the packet; a CRC finds every single-bit error."""
    for bit in range(8 * len(INIT_PACKET)):
        damaged = bytearray(INIT_PACKET)
        damaged[bit // 8] ^= 1 << bit % 8
        assert not is_intact(bytes(damaged)), bit


@pytest.mark.parametrize("length", range(12))
def test_packet_without_a_common_header_is_not_intact(length):
    """9260-3.1-01: the common header has 12 bytes."""
    assert not is_intact(bytes(length))
    with pytest.raises(ValueError, match="common header"):
        sealed(bytes(length))


def test_common_header_alone():
    """The smallest packet that has a checksum."""
    assert is_intact(sealed(bytes(12)))
