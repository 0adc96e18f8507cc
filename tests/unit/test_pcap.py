"""Capture files: headers, lengths and checksums as RFC 768, 791 and 8200 have them."""

import io
import struct

import pytest

from pysctpsock import pcap


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        (b"", 0xFFFF),
        (bytes.fromhex("0001f203f4f5f6f7"), 0x220D),  # the example of RFC 1071 section 3
        (b"\x01", 0xFEFF),  # an odd length is padded with zero
    ],
)
def test_internet_checksum(data, checksum):
    """RFC 1071 section 1."""
    assert pcap.internet_checksum(data) == checksum


def test_checksums_of_headers_verify():
    """RFC 1071 section 1 (3): a checksum over data that holds its own checksum is zero."""
    packet = b"odd length."
    frame = pcap.ip_packet("10.0.0.1", 1000, "10.0.0.2", 9899, packet, number=5)
    assert pcap.internet_checksum(frame[:20]) == 0
    assert struct.unpack(">BBHHHBB", frame[:10]) == (0x45, 0, 20 + 8 + 11, 5, 0x4000, 64, 17)
    udp = frame[20:]
    assert struct.unpack(">HHH", udp[:6]) == (1000, 9899, 19)
    assert pcap.internet_checksum(frame[12:20] + struct.pack(">BBH", 0, 17, 19) + udp) == 0
    assert udp[8:] == packet


def test_ipv6_and_plain_sctp():
    """Without UDP ports the packet is IP protocol 132; IPv6 has no header checksum (RFC 8200)."""
    frame = pcap.ip_packet("fe80::1%eth0", 0, "2001:db8::2", 0, b"abcd")
    assert frame[:8] == bytes.fromhex("6000000000048440")
    assert frame[8:24] == bytes.fromhex("fe800000000000000000000000000001")
    assert frame[40:] == b"abcd"


def test_file_layout():
    """The classic format: 24 bytes of header, 16 for each frame, microseconds."""
    file = io.BytesIO()
    assert pcap.write_pcap(file, [(1_500_000, "10.0.0.1", 1, "10.0.0.2", 2, b"xy")]) == 1
    data = file.getvalue()
    assert struct.unpack("<IHHiIII", data[:24]) == (0xA1B2C3D4, 2, 4, 0, 0, 262144, 101)
    assert struct.unpack("<IIII", data[24:40]) == (1, 500_000, 30, 30)
    assert len(data) == 24 + 16 + 30
