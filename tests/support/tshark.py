"""Wireshark's dissector as a judge of SCTP-in-UDP packets: run tshark on a capture, list what it finds wrong.

    assert problems(dissect("x.pcap", udp_ports=[9899])) == []
"""
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

SEVERITIES = {0x100000: "comment", 0x200000: "chat", 0x400000: "note", 0x600000: "warning", 0x800000: "error"}
CHECKSUMS = {"0": "bad", "1": "good", "2": "unverified", "3": "not present", "4": "illegal"}
CHUNKS = {0: "DATA", 1: "INIT", 2: "INIT ACK", 3: "SACK", 4: "HEARTBEAT", 5: "HEARTBEAT ACK", 6: "ABORT",
          7: "SHUTDOWN", 8: "SHUTDOWN ACK", 9: "ERROR", 10: "COOKIE ECHO", 11: "COOKIE ACK", 12: "ECNE",
          13: "CWR", 14: "SHUTDOWN COMPLETE", 15: "AUTH", 64: "I-DATA", 128: "ASCONF ACK", 130: "RE-CONFIG",
          132: "PAD", 192: "FORWARD TSN", 193: "ASCONF", 194: "I-FORWARD TSN"}

# Warnings of the dissector's TSN analysis about what a lossy network does: no fault of the sender.
EXPECTED_WITH_LOSS = ("More than 100 TSNs were gap-acknowledged in this SACK.",
                      "This TSN was retransmitted more than 2 times.",
                      "This TSN was acked prior to this retransmission (reneged ack?).")

_FIELDS = ("frame.number", "frame.protocols", "ip.checksum.status", "udp.checksum.status",
           "sctp.checksum.status", "sctp.chunk_type", "_ws.expert.severity", "_ws.expert.message",
           "_ws.malformed")
_SEPARATOR = "\x1f"  # between the values of one field; a message may have commas


def environment() -> dict[str, str]:
    """Return the environment for tshark: a sanitizer that we are run with is not for it."""
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


@dataclass
class Packet:
    """What the dissector makes of one captured packet."""

    number: int
    protocols: list[str]
    ip_checksum: str  # empty for IPv6
    udp_checksum: str
    checksum: str  # of SCTP, CRC-32C: good, bad, unverified, ...; empty if there is no SCTP
    chunks: list[str]
    expert: list[tuple[str, str]]  # (severity, message)
    malformed: bool

    def problems(self, allowed: Iterable[str] = ()) -> list[str]:
        """Return what is wrong with this packet; expert messages in allowed are none."""
        found = []
        if "sctp" not in self.protocols:
            found.append(f"not dissected as SCTP but as {':'.join(self.protocols)}")
        elif not self.chunks:
            found.append("no chunk")
        elif self.checksum != "good":
            found.append(f"SCTP checksum {self.checksum}")
        if self.ip_checksum not in ("good", ""):
            found.append(f"IP checksum {self.ip_checksum}")
        if self.udp_checksum not in ("good", "not present"):
            found.append(f"UDP checksum {self.udp_checksum}")
        if self.malformed:
            found.append("malformed")
        found += [f"{severity}: {message}" for severity, message in self.expert
                  if severity in ("warning", "error") and message not in allowed]
        return found


def require_tshark() -> str:
    """Return the path of tshark; skip the test if there is none."""
    path = shutil.which("tshark")
    if path is None:
        pytest.skip("tshark is not installed (Debian: tshark)")
    return path


def dissect(capture: "str | Path", udp_ports: Iterable[int]) -> list[Packet]:
    """Dissect a capture, taking the payload of these UDP ports for SCTP, all checksums verified."""
    command = [require_tshark(), "-n", "-r", str(capture), "-T", "fields", "-E", f"aggregator={_SEPARATOR}",
               "-E", "occurrence=a"]
    for option in ("sctp.checksum:CRC-32C", "sctp.ulp_dissection:FALSE", "sctp.reassembly:FALSE",
                   "udp.check_checksum:TRUE", "ip.check_checksum:TRUE"):
        command += ["-o", option]
    for port in udp_ports:
        command += ["-d", f"udp.port=={port},sctp"]
    for field in _FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment())
    if done.returncode != 0:
        raise AssertionError(f"tshark ended with {done.returncode}: {done.stderr}")
    return [_packet(line) for line in done.stdout.splitlines()]


def _packet(line: str) -> Packet:
    values = line.split("\t")
    number, protocols, ip_checksum, udp_checksum, checksum, chunk_types, severities, messages, malformed = (
        [part for part in value.split(_SEPARATOR) if part] for value in values)
    names = [SEVERITIES.get(int(severity, 0), severity) for severity in severities]
    return Packet(
        number=int(number[0]), protocols=protocols[0].split(":") if protocols else [],
        ip_checksum=CHECKSUMS.get("".join(ip_checksum), "".join(ip_checksum)),
        udp_checksum=CHECKSUMS.get("".join(udp_checksum), "".join(udp_checksum)),
        checksum=CHECKSUMS.get("".join(checksum), "".join(checksum)),
        chunks=[CHUNKS.get(int(kind), f"type {kind}") for kind in chunk_types],
        expert=list(zip(names, messages, strict=True)), malformed=bool(malformed))


def problems(packets: Iterable[Packet], allowed: Iterable[str] = ()) -> list[str]:
    """Return all that is wrong, one line a finding, the packet's number and chunks first."""
    return [f"packet {packet.number} ({', '.join(packet.chunks)}): {finding}"
            for packet in packets for finding in packet.problems(allowed)]
