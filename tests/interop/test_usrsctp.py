"""Associations with usrsctp over UDP encapsulation (RFC 6951) through a network that loses packets.

Each way PYSCTPSOCK_INTEROP_MESSAGES messages (1000) of 1 byte to 100 KB on ten streams, 2 % of the packets
lost, a graceful shutdown started by either side.  usrsctp against usrsctp comes first: it proves the judge.
"""
import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from our_messages import Direction, expires
from udp_relay import UdpRelay, free_udp_port

MESSAGES = int(os.environ.get("PYSCTPSOCK_INTEROP_MESSAGES", "1000"))
LOSS = 0.02
SEED = int(os.environ.get("PYSCTPSOCK_INTEROP_SEED", "6951"))
TIMEOUT = 60 + MESSAGES // 20
DATA, FORWARD_TSN = 0, 192
INIT, INIT_ACK, ABORT, SHUTDOWN_ACK, COOKIE_ECHO, COOKIE_ACK, SHUTDOWN_COMPLETE = 1, 2, 6, 8, 10, 11, 14

pairs = pytest.mark.parametrize(("client_kind", "server_kind"), [
    ("usrsctp", "usrsctp"), ("ours", "usrsctp"), ("usrsctp", "ours"), ("ours", "ours")])


def test_both_peers_make_the_same_messages(usrsctp_program: Path) -> None:
    """The C and the Python generator agree, so that a mismatch in the tests below is one of the transport."""
    streams, messages, seed = 10, 500, 4294967290
    options = ["-s", str(streams), "-n", str(messages), "-S", str(seed)]
    printed = subprocess.run([usrsctp_program, "messages", *options], capture_output=True, check=True).stdout
    direction = Direction(seed)
    made, lengths = [], set()
    for i in range(messages):
        data = direction.message(i % streams, i // streams)
        made.append(b"%d %d %d\n" % (i % streams, i, len(data)) + data)
        lengths.add(len(data))
    assert hashlib.sha256(printed).hexdigest() == hashlib.sha256(b"".join(made)).hexdigest()
    assert min(lengths) == 1 and max(lengths) > 65536 and len(lengths) > 200


@pairs
@pytest.mark.parametrize("starts_shutdown", ["client", "server"])
def test_messages_with_loss(start, client_kind: str, server_kind: str, starts_shutdown: str) -> None:
    """RFC 9260 sections 5 to 7, 9.2: all messages arrive once, in order, unchanged; the end is graceful."""
    server_udp = free_udp_port()
    common = ("-n", MESSAGES, "-S", SEED, "-T", TIMEOUT)
    options = {side: (*common, "-d") if side == starts_shutdown else common for side in ("client", "server")}
    with UdpRelay(server_udp, loss=LOSS, seed=SEED) as relay, \
            start(server_kind, "server", server_udp, relay.port, *options["server"]) as server:
        server.wait_ready()
        with start(client_kind, "client", free_udp_port(), relay.port, *options["client"]) as client:
            results = [peer.result(TIMEOUT)[0] for peer in (client, server)]
            context = f"seed {SEED}, {dict(relay.counts)}, chunks {dict(relay.first_chunk_types)}, {results}"
            assert [peer.finish() for peer in (client, server)] == [0, 0], f"{context} {client} {server}"
    for result in results:
        assert result["ok"] and result["received"] == MESSAGES and result["mismatches"] == 0, context
        assert result["notifications"]["COMM_UP"] == 1, context
    assert results[0]["bytes_sent"] == results[1]["bytes_received"] > 0, context
    assert results[1]["bytes_sent"] == results[0]["bytes_received"] > 0, context
    assert relay.counts["up lost"] > 0 and relay.counts["down lost"] > 0, context
    assert relay.first_chunk_types[ABORT] == 0, context
    for chunk in (INIT, INIT_ACK, COOKIE_ECHO, COOKIE_ACK, SHUTDOWN_ACK, SHUTDOWN_COMPLETE):
        assert relay.first_chunk_types[chunk] > 0, f"chunk type {chunk} not seen; {context}"


class LoseWhatExpires:
    """A relay's filter: packets with a fragment of a message that has a life time never arrive."""

    def __init__(self) -> None:
        self.forward_tsns = {"up": 0, "down": 0}

    def __call__(self, direction: str, packet: bytes) -> "bytes | None":
        position = 12
        while position + 4 <= len(packet):
            kind, length = packet[position], int.from_bytes(packet[position + 2:position + 4], "big")
            if kind == FORWARD_TSN:
                self.forward_tsns[direction] += 1
            elif kind == DATA and expires(int.from_bytes(packet[position + 12:position + 16], "big")):
                return None
            position += max(4, length + 3 & ~3)
        return packet


@pairs
def test_life_times(start, client_kind: str, server_kind: str) -> None:
    """3758-3.6-04: messages expire on the way in both directions; ordered streams go on without them."""
    server_udp = free_udp_port()
    common = ("-n", 62, "-s", 5, "-S", SEED, "-T", 90, "-L", 300)
    lose = LoseWhatExpires()
    with UdpRelay(server_udp, seed=SEED, filter=lose) as relay, \
            start(server_kind, "server", server_udp, relay.port, *common) as server:
        server.wait_ready()
        with start(client_kind, "client", free_udp_port(), relay.port, *common, "-d") as client:
            results = [peer.result(90)[0] for peer in (client, server)]
            assert [peer.finish() for peer in (client, server)] == [0, 0], f"{results} {client} {server}"
    assert all(result["ok"] and result["received"] == 53 for result in results), results
    assert min(lose.forward_tsns.values()) > 0, lose.forward_tsns


@pairs
def test_daytime(start, client_kind: str, server_kind: str) -> None:
    """The server's two messages arrive on streams 0 and 1, in the client's reading order of sending."""
    server_udp = free_udp_port()
    with start(server_kind, "daytime-server", server_udp, 0) as server:
        server.wait_ready()
        with start(client_kind, "daytime-client", free_udp_port(), server_udp) as client:
            result, text = client.result(20)
            assert server.result(20)[0]["ok"], str(server)
            assert [peer.finish() for peer in (client, server)] == [0, 0], f"{client} {server}"
    assert result["ok"] and len(text) == 2
    assert text[0].startswith("(stream 0) ") and text[0].endswith("local")
    assert text[1].startswith("(stream 1) ") and text[1].endswith("GMT")


def test_a_changed_byte_is_noticed(start) -> None:
    """The judge can fail: messages of another seed than the receiver's are mismatches."""
    server_udp = free_udp_port()
    common = ("-n", 20, "-T", 30)
    with start("usrsctp", "server", server_udp, 0, *common, "-S", 1) as server:
        server.wait_ready()
        with start("usrsctp", "client", free_udp_port(), server_udp, *common, "-S", 2, "-d") as client:
            results = [peer.result(30)[0] for peer in (client, server)]
            assert [peer.finish() for peer in (client, server)] == [1, 1]
    assert all(result["mismatches"] > 0 and not result["ok"] for result in results)
