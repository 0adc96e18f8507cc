"""tshark as judge of what goes over the wire: all of it SCTP, checksums good, nothing malformed or warned of.

The recording relay stands between client and server; usrsctp against usrsctp and packets that are wrong on
purpose prove the judge.
"""
from pathlib import Path

import pytest
import tshark
from pcap import PcapWriter
from udp_relay import UdpRelay, free_udp_port

KINDS = [("usrsctp", "usrsctp"), ("ours", "usrsctp"), ("usrsctp", "ours"), ("ours", "ours")]
SEED = 9899
SHUTDOWN_SEQUENCE = ["SHUTDOWN", "SHUTDOWN ACK", "SHUTDOWN COMPLETE"]
INIT_PACKET = bytes.fromhex(  # ports 9260, 13, tag 0, INIT: tag 1, a_rwnd 65536, 10 streams, TSN 1
    "242c000d" "00000000" "00000000" "01000014" "00000001" "00010000" "000a000a" "00000001")


def crc32c(data: bytes) -> int:
    """CRC-32C bit by bit (RFC 9260 appendix A), independent of the library's."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def with_checksum(packet: bytes) -> bytes:
    """Return an SCTP packet with its checksum field set (least significant byte first)."""
    zeroed = packet[:8] + bytes(4) + packet[12:]
    return packet[:8] + crc32c(zeroed).to_bytes(4, "little") + packet[12:]


def judge_one(path: Path, packet: bytes, address: str = "127.0.0.1") -> list[str]:
    """Write one packet to a capture and return what the judge says of it."""
    with PcapWriter(path) as capture:
        capture.write(1_000_000, (address, 40000), (address, 9899), packet)
    dissected = tshark.dissect(path, [9899])
    assert len(dissected) == 1
    return tshark.problems(dissected)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_judge_accepts_a_good_packet(tmp_path: Path, address: str) -> None:
    """A correct INIT in a capture of our own writing has no finding, IPv4 and IPv6."""
    assert judge_one(tmp_path / "good.pcap", with_checksum(INIT_PACKET), address) == []


def test_judge_flags_a_bad_checksum(tmp_path: Path) -> None:
    """One bit flipped behind the checksum is found."""
    packet = bytearray(with_checksum(INIT_PACKET))
    packet[-1] ^= 1
    assert any("checksum bad" in finding for finding in judge_one(tmp_path / "bad.pcap", bytes(packet)))


def test_judge_flags_a_malformed_chunk(tmp_path: Path) -> None:
    """An INIT cut off in its fixed part, checksum correct, is found."""
    cut = bytearray(INIT_PACKET[:-8])
    findings = judge_one(tmp_path / "malformed.pcap", with_checksum(bytes(cut)))
    assert any("malformed" in finding or "error" in finding for finding in findings), findings
    assert not any("checksum" in finding for finding in findings), findings


def test_judge_flags_what_is_not_sctp(tmp_path: Path) -> None:
    """A datagram too short for a common header is found."""
    findings = judge_one(tmp_path / "short.pcap", b"\0" * 5)
    assert any("no chunk" in finding for finding in findings), findings


@pytest.mark.parametrize(("client_kind", "server_kind"), KINDS)
def test_daytime_capture(start, tmp_path: Path, client_kind: str, server_kind: str) -> None:
    """The daytime exchange, packet by packet (RFC 9260 sections 5.1, 6, 9.2): the judge says nothing."""
    tshark.require_tshark()
    server_udp = free_udp_port()
    path = tmp_path / "daytime.pcap"
    with UdpRelay(server_udp, capture=PcapWriter(path)) as relay, \
            start(server_kind, "daytime-server", server_udp, relay.port) as server:
        server.wait_ready()
        with start(client_kind, "daytime-client", free_udp_port(), relay.port) as client:
            assert client.result(20)[0]["ok"], str(client)
            assert server.result(20)[0]["ok"], str(server)
            assert [peer.finish() for peer in (client, server)] == [0, 0], f"{client} {server}"
    packets = tshark.dissect(path, [server_udp])
    assert len(packets) == relay.counts["up"] + relay.counts["down"]
    assert tshark.problems(packets) == []
    chunks = [chunk for packet in packets for chunk in packet.chunks]
    assert chunks[:4] == ["INIT", "INIT ACK", "COOKIE ECHO", "COOKIE ACK"]
    assert chunks.count("DATA") == 2
    assert [chunk for chunk in chunks if "SHUTDOWN" in chunk] == SHUTDOWN_SEQUENCE
    assert "ABORT" not in chunks and "ERROR" not in chunks


@pytest.mark.parametrize(("client_kind", "server_kind"), KINDS)
def test_capture_with_loss(start, tmp_path: Path, client_kind: str, server_kind: str) -> None:
    """A thousand messages each way with 2 % loss: every packet, retransmissions too, is well-formed."""
    tshark.require_tshark()
    server_udp = free_udp_port()
    path = tmp_path / "loss.pcap"
    common = ("-n", 1000, "-S", SEED, "-T", 100)
    with UdpRelay(server_udp, loss=0.02, seed=SEED, capture=PcapWriter(path)) as relay, \
            start(server_kind, "server", server_udp, relay.port, *common) as server:
        server.wait_ready()
        with start(client_kind, "client", free_udp_port(), relay.port, *common, "-d") as client:
            results = [peer.result(100)[0] for peer in (client, server)]
            context = f"seed {SEED}: {results} {client} {server}"
            assert [peer.finish() for peer in (client, server)] == [0, 0], context
    packets = tshark.dissect(path, [server_udp])
    assert len(packets) == relay.counts["up"] + relay.counts["down"]
    assert tshark.problems(packets, tshark.EXPECTED_WITH_LOSS) == [], f"seed {SEED}"
    chunks = {chunk for packet in packets for chunk in packet.chunks}
    assert {"DATA", "SACK", *SHUTDOWN_SEQUENCE} <= chunks and "ABORT" not in chunks
