"""Write packet captures (classic pcap, LINKTYPE_RAW): SCTP in UDP over IPv4 or IPv6, from payloads alone.

For real and for simulated time: each packet's time is given by the caller, in microseconds.
"""
import ipaddress
import struct
from pathlib import Path
from types import TracebackType

LINKTYPE_RAW = 101  # the packet begins with its IP header, the version nibble tells which
IPPROTO_UDP = 17
Address = tuple[str, int]  # IP address, UDP port


def internet_checksum(data: bytes) -> int:
    """Return the checksum of RFC 1071 over data (padded to an even length with zero)."""
    if len(data) % 2:
        data += b"\0"
    return -int.from_bytes(data, "big") % 0xFFFF


def udp_datagram(source: Address, destination: Address, payload: bytes) -> bytes:
    """Return the IP packet of one UDP datagram, header checksums correct (RFC 791, RFC 8200, RFC 768)."""
    source_ip, destination_ip = (ipaddress.ip_address(address[0]) for address in (source, destination))
    addresses = source_ip.packed + destination_ip.packed
    length = 8 + len(payload)
    ports = struct.pack("!HH", source[1], destination[1])
    pseudo_header = addresses + struct.pack("!IHBB", length, 0, 0, IPPROTO_UDP)  # same sum for both versions
    checksum = internet_checksum(pseudo_header + ports + struct.pack("!HH", length, 0) + payload) or 0xFFFF
    udp = ports + struct.pack("!HH", length, checksum) + payload
    if source_ip.version == 6:
        return struct.pack("!IHBB", 6 << 28, length, IPPROTO_UDP, 64) + addresses + udp
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0x4000, 64, IPPROTO_UDP, 0)
    header = header[:10] + struct.pack("!H", internet_checksum(header + addresses))
    return header + addresses + udp


class PcapWriter:
    """A capture file being written; a context manager."""

    def __init__(self, path: "str | Path") -> None:
        self.path = Path(path)
        self.packets = 0
        self._file = open(path, "wb")  # noqa: SIM115 - closed by close()
        self._file.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, LINKTYPE_RAW))

    def write(self, microseconds: int, source: Address, destination: Address, payload: bytes) -> None:
        """Append the UDP datagram that carried payload at this time."""
        packet = udp_datagram(source, destination, payload)
        seconds, fraction = divmod(microseconds, 1_000_000)
        self._file.write(struct.pack("=IIII", seconds, fraction, len(packet), len(packet)) + packet)
        self.packets += 1

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def __enter__(self) -> "PcapWriter":
        return self

    def __exit__(self, kind: "type[BaseException] | None", error: "BaseException | None",
                 traceback: "TracebackType | None") -> None:
        self.close()
