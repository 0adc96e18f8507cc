"""Capture files that Wireshark and tshark open: classic pcap, raw IP, with right lengths and checksums.

SCTP packets are written as they go over the wire: in UDP (RFC 6951) when both UDP ports are given, else
directly in IP as protocol 132.  Times are microseconds.
"""
from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable
from typing import BinaryIO

LINKTYPE_RAW = 101
PROTOCOL_UDP = 17
PROTOCOL_SCTP = 132

# (time, source host, source UDP port, destination host, destination UDP port, SCTP packet)
Frame = tuple[int, str, int, str, int, bytes]


def internet_checksum(data: bytes) -> int:
    """The 16-bit one's complement checksum of RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip_packet(
    source: str, source_udp_port: int, destination: str, destination_udp_port: int, packet: bytes,
    number: int = 0,
) -> bytes:
    """One SCTP packet in its UDP (unless a UDP port is 0) and IPv4 or IPv6 headers; `number` is IPv4's id."""
    source_ip, destination_ip = (ipaddress.ip_address(h.partition("%")[0]) for h in (source, destination))
    protocol, payload = PROTOCOL_SCTP, packet
    if source_udp_port and destination_udp_port:
        protocol = PROTOCOL_UDP
        length = 8 + len(packet)
        header = struct.pack(">HHH", source_udp_port, destination_udp_port, length)
        # Both pseudo headers (RFC 768, RFC 8200) have the same sum: addresses, length, protocol.
        pseudo = source_ip.packed + destination_ip.packed + struct.pack(">II", length, protocol)
        checksum = internet_checksum(pseudo + header + b"\0\0" + packet) or 0xFFFF
        payload = header + checksum.to_bytes(2, "big") + packet
    if source_ip.version == 6:
        return (
            struct.pack(">IHBB", 0x60000000, len(payload), protocol, 64)
            + source_ip.packed + destination_ip.packed + payload
        )
    head = struct.pack(">BBHHHBB", 0x45, 0, 20 + len(payload), number & 0xFFFF, 0x4000, 64, protocol)
    addresses = source_ip.packed + destination_ip.packed
    checksum = internet_checksum(head + b"\0\0" + addresses)
    return head + checksum.to_bytes(2, "big") + addresses + payload


def write_pcap(file: BinaryIO, frames: Iterable[Frame]) -> int:
    """Write a whole capture to `file` (opened for bytes); the number of frames written."""
    file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, LINKTYPE_RAW))
    count = 0
    for time, source, source_udp_port, destination, destination_udp_port, packet in frames:
        data = ip_packet(source, source_udp_port, destination, destination_udp_port, packet, count)
        file.write(struct.pack("<IIII", time // 1_000_000, time % 1_000_000, len(data), len(data)) + data)
        count += 1
    return count
