"""The attacks of RFC 5062 by name, and others of their kind, against one server.

What a single forged or broken packet may do is in test_hostile.py, INIT and cookie floods in test_flood.py,
restarts in test_restart.py, and which packets go to addresses that are not confirmed in test_multihoming.py.
"""

import random
import struct

import packets
import pytest
from asserts import dropped
from failures import watch
from net import (
    CLIENT,
    CLIENT_PORT,
    MILLISECOND,
    SECOND,
    SERVER,
    SERVER_PORT,
    Network,
    Puppet,
    Server,
    State,
    connect,
    receiver,
    sender,
)
from packets import (
    ABORT,
    COOKIE_ACK,
    COOKIE_ECHO,
    DATA,
    ERROR,
    HEARTBEAT,
    HEARTBEAT_ACK,
    INIT_ACK,
    SACK,
    STATE_COOKIE,
    B,
    E,
    T,
    U,
    chunk,
)

from pysctpsock._cy.audit import faults

VICTIM = "10.0.0.3"


def address(text):
    return packets.parameter(5, bytes(map(int, text.split("."))))


def assert_legal(peer):
    assert faults(peer.side.association, peer.network.now) == []


def assert_carries_data(peer):
    assert_legal(peer)
    count = len(peer.side.messages)
    peer.ask(peer.data(flags=B | E | packets.I))
    assert len(peer.side.messages) == count + 1


class Camper:
    """A server, and an attacker at CLIENT whose INIT lists the victim's address too."""

    def __init__(self, **options):
        self.network = watch(Network(11, **options))
        self.server_host = self.network.host("server", SERVER)
        self.server = Server(self.network, self.server_host)
        self.attacker = Puppet(self.network)
        self.attacker.establish(parameters=address(CLIENT) + address(VICTIM))
        self.side = self.server.sides[0]

    def to_victim(self, *types):
        """Packets for the victim that hold a chunk of these types."""
        return [record.packet for record in self.network.records if record.destination == VICTIM
                and any(packets.has(record.packet, type) for type in types)]


# --- RFC 5062 section 2: address camping


def test_camping_ends_when_the_owner_speaks():
    """5062-2-01: the owner of the address answers the HEARTBEAT, which it knows nothing of, by ABORT; the
    camper loses its association and the owner gets its own.
    """
    c = Camper()
    victim = c.network.host("victim", VICTIM)
    assert c.network.run_until(lambda: c.side.ended, limit=6 * SECOND)
    assert c.to_victim(HEARTBEAT)
    side = connect(c.network, victim)
    side.send(b"mine")
    assert c.network.run_until(lambda: len(c.server.sides) == 2 and c.server.sides[1].received == [b"mine"],
                               limit=5 * SECOND)


def test_camped_address_is_probed_every_rto():
    """5062-2-01, 9260-5.4-04: the address of a silent owner is probed each RTO, not each HB.interval, and
    with fresh nonces; it is never confirmed by an answer that the camper invents.
    """
    c = Camper()
    nonces = []
    for _ in range(20):
        c.network.run_for(SECOND)
        for packet in c.to_victim(HEARTBEAT)[len(nonces):]:
            nonces.append(packets.parse(packet)[HEARTBEAT].value)
        guess = packets.parameter(1, struct.pack(">I", 1 << 24) + random.Random(1).randbytes(16))
        c.attacker.send(chunk(HEARTBEAT_ACK, 0, guess), source=CLIENT)
    assert len(nonces) == len(set(nonces)) >= 3
    assert all(len(nonce) >= 4 + 8 for nonce in nonces)
    assert [path["state"] for path in c.side.snapshot()["paths"]] == [2, 3]


# --- RFC 5062 sections 3 and 4: hijacking


@pytest.mark.parametrize("source", [VICTIM, CLIENT], ids=["elsewhere", "same address"])
def test_hijacking_with_bundled_chunks(source):
    """5062-3-01: behind a COOKIE ECHO that is no good, from whatever address, nothing is processed: no DATA,
    no ABORT, no SACK; the association stays where and as it was.
    """
    peer = receiver()
    before = peer.side.snapshot()["paths"]
    for cookie in (b"", bytes(100), random.Random(2).randbytes(164)):
        for tag in (peer.peer_tag, peer.tag, 1):
            behind = [peer.data(b"evil"), chunk(ABORT), packets.sack(peer.peer_tsn + 5)]
            raw = packets.packet(CLIENT_PORT, SERVER_PORT, tag, chunk(COOKIE_ECHO, 0, cookie), *behind)
            peer.network.inject(raw, source, SERVER)
            peer.tsn -= 1
            peer.ssn -= 1
            peer.wait(10 * MILLISECOND)
    assert peer.side.received == []
    assert peer.side.state == State.ESTABLISHED
    assert [path["address"] for path in peer.side.snapshot()["paths"]] == [before[0]["address"]]
    assert_carries_data(peer)


def test_right_tag_from_a_foreign_address():
    """5062-3-01: who knows the tag but not the address changes nothing either, nor do answers go to it."""
    peer = receiver()
    for chunks in ([peer.data(b"evil")], [chunk(ABORT)], [packets.shutdown(peer.peer_tsn - 1)],
                   [packets.heartbeat()]):
        peer.network.inject(packets.packet(CLIENT_PORT, SERVER_PORT, peer.peer_tag, *chunks), VICTIM, SERVER)
    peer.tsn -= 1
    peer.ssn -= 1
    peer.wait(SECOND)
    assert all(packets.parse(record.packet).types == [ABORT] for record in peer.network.records
               if record.destination == VICTIM)
    assert_carries_data(peer)


def test_restart_is_told_to_the_user():
    """5062-4-01, 9260-12-04: who takes over the peer's address can restart the association, but not
    unnoticed; what was queued for the old peer does not go to the new one.
    """
    peer = receiver()
    peer.side.send(b"for the old one")
    peer.tag, peer.tsn, peer.ssn = 0x0BADBAD0, 77, 0
    answer = peer.ask(packets.init(peer.tag, peer.tsn), tag=0)[-1]
    ack = answer[INIT_ACK]
    peer.peer_tag = ack.initiate_tag
    peer.forget()
    answers = peer.ask(chunk(COOKIE_ECHO, 0, dict(ack.parameters)[STATE_COOKIE]), wait=5 * SECOND)
    assert not any(answer.all(DATA) for answer in answers)
    changes = [fields[0] for kind, fields in peer.side.notifications if kind == 0x8001]
    assert changes == [0, 2]                 # SCTP_COMM_UP, SCTP_RESTART
    assert_carries_data(peer)


# --- RFC 5062 sections 5 to 10: bombing


def test_bombing_by_retransmission():
    """5062-5-01, 9260-5.4-05: data asked for by a peer that never acknowledges is retransmitted to it alone;
    its own address fails, the association ends, and the victim it listed got no DATA.
    """
    c = Camper(record=10_000)
    c.attacker.answers_heartbeats = False
    c.side.send(bytes(100_000))
    c.network.run_for(900 * SECOND)
    assert c.side.ended
    assert [record for record in c.network.records if record.destination == CLIENT
            and packets.has(record.packet, DATA)]
    assert not c.to_victim(DATA)
    assert len(c.to_victim(HEARTBEAT)) < 40


@pytest.mark.parametrize("ahead", [1, 2, 1000])
def test_bombing_by_guessed_acknowledgements(ahead):
    """5062-5-02, 9260-12-03: acknowledging one TSN too many ends it."""
    peer = sender()
    peer.side.send(bytes(20_000))
    (*_, last) = peer.wait(10 * MILLISECOND)
    (answer,) = peer.ask(packets.sack(last.all(DATA)[-1].tsn + ahead))
    assert answer.types == [ABORT] and peer.side.ended


def test_cookie_replay_brings_one_heartbeat_each():
    """5062-6-01: a cookie that lists the victim 20 times over in different addresses, replayed after each
    ABORT of the victim: at the most HB.Max.Burst (1) HEARTBEAT at once, no large one, and after
    Valid.Cookie.Life none.
    """
    network = watch(Network(12, record=10_000))
    host = network.host("server", SERVER)
    Server(network, host)
    puppet = Puppet(network)
    victims = [f"10.0.9.{i}" for i in range(20)]
    request = packets.init(puppet.tag, puppet.tsn, parameters=b"".join(map(address, [CLIENT, *victims])))
    (answer,) = puppet.ask(request, tag=0)
    ack = answer[INIT_ACK]
    echo = chunk(COOKIE_ECHO, 0, dict(ack.parameters)[STATE_COOKIE])
    for _ in range(5):
        network.records.clear()
        answers = puppet.ask(echo, tag=ack.initiate_tag)
        assert answers[0].types[0] == COOKIE_ACK
        bombs = [record.packet for record in network.records if record.destination in victims]
        assert len(bombs) <= 1 and all(len(bomb) <= 60 for bomb in bombs)
        network.inject(packets.packet(CLIENT_PORT, SERVER_PORT, ack.initiate_tag, chunk(ABORT)),
                       victims[0], SERVER)
        network.run_for(10 * MILLISECOND)
        assert host.endpoint.association_count == 0
    network.run_for(61 * SECOND)
    network.records.clear()
    (answer,) = puppet.ask(echo, tag=ack.initiate_tag)
    assert answer.types == [ERROR]
    assert host.endpoint.association_count == 0


@pytest.mark.parametrize("wish", [1, 60_000, 0xFFFFFFFF])
def test_no_cookie_lives_long(wish):
    """5062-6-02: whatever life span an INIT asks for, a cookie is stale after a bounded time."""
    network = watch(Network(13))
    host = network.host("server", SERVER)
    Server(network, host)
    puppet = Puppet(network)
    (answer,) = puppet.ask(
        packets.init(puppet.tag, puppet.tsn, parameters=packets.parameter(9, struct.pack(">I", wish))), tag=0)
    network.run_for(71 * SECOND)
    cookie = dict(answer[INIT_ACK].parameters)[STATE_COOKIE]
    (answer,) = puppet.ask(chunk(COOKIE_ECHO, 0, cookie), tag=answer[INIT_ACK].initiate_tag)
    assert answer.types == [ERROR]


def test_redirection_of_a_cookie():
    """5062-7-01: the ports are in the cookie; with another port in the packet it is dropped silently."""
    network = watch(Network(14))
    host = network.host("server", SERVER)
    Server(network, host)
    Server(network, host, SERVER_PORT + 1)
    puppet = Puppet(network)
    (answer,) = puppet.ask(packets.init(puppet.tag, puppet.tsn), tag=0)
    ack = answer[INIT_ACK]
    echo = chunk(COOKIE_ECHO, 0, dict(ack.parameters)[STATE_COOKIE])
    assert puppet.ask(echo, tag=ack.initiate_tag, peer_port=SERVER_PORT + 1) == []
    assert puppet.ask(echo, tag=ack.initiate_tag, port=CLIENT_PORT + 1) == []
    assert dropped(host.endpoint, "cookie_mismatch") == 2
    assert host.endpoint.association_count == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda peer: packets.heartbeat(),
        lambda peer: chunk(0xFE, 0, b"????"),
        lambda peer: peer.data(stream_id=50_000),
        lambda peer: packets.sack(peer.peer_tsn - 1),
        lambda peer: packets.shutdown(peer.peer_tsn - 1),
        lambda peer: chunk(COOKIE_ECHO, 0, bytes(8)),
        lambda peer: packets.init(5),
        lambda peer: packets.error(packets.cause(6, b"\xfe\0\0\4")),
        lambda peer: packets.heartbeat() + chunk(0xFE) + peer.data(stream_id=50_000),
    ],
    ids=["HEARTBEAT", "unknown", "bad stream", "SACK", "SHUTDOWN", "COOKIE ECHO", "INIT", "ERROR", "mixed"],
)
@pytest.mark.parametrize("path_mtu", [1500, 512])
def test_amplification_by_bundled_chunks(make, path_mtu):
    """5062-8-01, 5062-10-01, 9260-12-01: a packet full of chunks that each call for an answer gets at the
    most one packet of control chunks (a SACK may go besides), not longer than itself.
    """
    peer = receiver(path_mtu=path_mtu)
    chunks = []
    while sum(map(len, chunks)) < 1400:
        chunks.append(make(peer))
    answers = peer.ask(*chunks)
    assert len([answer for answer in answers if answer.types != [SACK]]) <= 1
    assert sum(len(answer.raw) for answer in answers) <= 1500


# --- blind attackers, who know addresses and ports but no tag


def test_blind_resets():
    """9260-8.5-01, 9260-8.5-03: 20,000 guesses with every chunk that could end, restart or confuse the
    association do nothing, and provoke no packet to the peer that could do so.
    """
    peer = receiver()
    rng = random.Random(15)
    weapons = [chunk(ABORT), chunk(ABORT, T), packets.shutdown(peer.peer_tsn - 1), chunk(14, T), chunk(8),
               packets.data(peer.tsn, b"evil"), packets.sack(peer.peer_tsn), packets.error(),
               chunk(COOKIE_ACK)]
    before = peer.endpoint.memory()
    for i in range(20_000):
        tag = rng.choice((rng.randint(1, 0xFFFFFFFF), peer.peer_tag ^ (1 << rng.randrange(32))))
        peer.send(rng.choice(weapons), tag=tag)
        if i % 500 == 0:
            peer.wait(MILLISECOND)
    answers = peer.wait(SECOND)
    assert answers == []
    assert peer.side.received == [] and peer.endpoint.memory() == before
    assert dropped(peer.endpoint, "bad_tag") == 20_000
    assert_carries_data(peer)


def test_old_cookie_after_the_end():
    """9260-5.1.5-03: a cookie of an association that has ended opens one again only for whom the cookie was
    made, and only in its life; the peer's ABORT then ends that, as of any that it does not know.
    """
    peer = receiver()
    cookie = None
    for record in peer.network.records:
        parsed = packets.parse(record.packet)
        if parsed.types == [INIT_ACK]:
            cookie = dict(parsed[INIT_ACK].parameters)[STATE_COOKIE]
    peer.ask(chunk(ABORT))
    echo = packets.packet(CLIENT_PORT, SERVER_PORT, peer.peer_tag, chunk(COOKIE_ECHO, 0, cookie))
    peer.network.inject(echo, VICTIM, SERVER)            # comes to where the cookie says
    peer.wait(10 * MILLISECOND)
    assert not [record for record in peer.network.records if record.destination == VICTIM
                and not packets.has(record.packet, HEARTBEAT) and not packets.has(record.packet, ABORT)]
    peer.ask(chunk(ABORT))
    assert peer.endpoint.association_count == 0
    peer.network.run_for(61 * SECOND)
    answers = peer.ask_raw(echo)
    assert [answer.types for answer in answers] == [[ERROR]]
    assert peer.endpoint.association_count == 0


# --- lies about what has arrived


def test_sacks_that_shrink():
    """9260-6.2.1-02: a SACK older than the last one changes nothing, whatever window and gaps it tells of."""
    peer = sender(nodelay=True)
    for _ in range(20):
        peer.side.send(bytes(100))
    peer.ask(packets.sack(peer.peer_tsn + 9))
    before = peer.side.snapshot()
    for behind in range(1, 300):
        peer.send(packets.sack(peer.peer_tsn + 9 - behind, 0, [(2, 5)]))
    peer.wait(MILLISECOND)
    after = peer.side.snapshot()
    assert after["outstanding"] == before["outstanding"]
    assert after["peer_rwnd"] == before["peer_rwnd"]
    assert dropped(peer.endpoint, "old_sack") == 299
    assert_legal(peer)


def test_reneging_again_and_again():
    """9260-6.2.1-04: what a gap block acknowledged and the next SACK takes back is outstanding again, and the
    sums stay right, a thousand times over.
    """
    peer = sender(nodelay=True, a_rwnd=100_000)
    for _ in range(3):
        peer.side.send(bytes(1000))
    peer.wait(10 * MILLISECOND)
    for i in range(1000):
        peer.send(packets.sack(peer.peer_tsn - 1, 100_000, [(2, 3)] if i % 2 else [(3, 3)] if i % 3 else []))
        if i % 10 == 0:
            peer.wait(MILLISECOND)
            assert_legal(peer)
    peer.forget()
    peer.ask(packets.sack(peer.peer_tsn + 2, 100_000))
    assert peer.side.snapshot()["outstanding"]["chunks"] == 0
    assert peer.side.snapshot()["outstanding"]["data_bytes"] == 0


@pytest.mark.parametrize("windows", [(0, 0xFFFFFFFF), (0xFFFFFFFF,), (0,), (1,)])
def test_windows_that_lie(windows):
    """9260-6.1-01, 9260-6.2.1-01: whatever window a peer tells of, cwnd bounds what is in flight and the send
    buffer what is queued; nothing is lost when it comes to its senses.
    """
    peer = sender(nodelay=True, send_buffer=20_000)
    for i in range(40):
        peer.side.send(bytes([i]) * 1000)
    got = {}
    for i in range(400):
        for packet in peer.wait(20 * MILLISECOND):
            got.update({each.tsn: each.payload for each in packet.all(DATA)})
        peer.forget()
        outstanding = peer.side.snapshot()["outstanding"]
        assert outstanding["data_bytes"] <= 20_000
        assert_legal(peer)
        point = peer.peer_tsn - 1
        while point + 1 in got:
            point += 1
        peer.send(packets.sack(point, windows[i % len(windows)] if i < 200 else 65_536))
    assert b"".join(got[tsn] for tsn in sorted(got)) == b"".join(bytes([i]) * 1000 for i in range(40))


# --- floods by a peer that has an association


def test_data_into_a_shut_window():
    """9260-6.2-02: a peer that sends on into a window of 0 gets it dropped; what is held is bounded."""
    peer = receiver(receive_buffer=20_000)
    peer.side.reading = False
    for _ in range(2000):
        peer.send(peer.data(bytes(1000)))
        peer.wait(MILLISECOND)
        assert peer.side.snapshot()["unread_bytes"] <= 21_000
    assert_legal(peer)
    assert dropped(peer.endpoint, "outside_window") >= 1900
    assert peer.inbox[-1][SACK].a_rwnd == 0


@pytest.mark.parametrize(
    ("flags", "step"), [(0, 1), (B, 2), (B | E, 1), (B | E | U, 1)],
    ids=["middles", "beginnings", "ordered", "unordered"])
def test_tiny_chunks_below_a_far_one(flags, step):
    """9260-6.2-02: with one TSN far ahead, all below it may come; 60,000 chunks of one byte there cost no
    more than eight times the buffer, at 64 bytes for each.
    """
    size = 30_000
    peer = receiver(receive_buffer=size)
    peer.side.reading = False
    peer.ask(packets.data(peer.tsn + 60_001, b"x", ssn=65_000, flags=B | E))
    association = peer.side.association
    before = dropped(peer.endpoint, "outside_window")
    for first in range(2, 59_000, 60 * step):
        numbers = range(first, first + 60 * step, step)
        peer.send(*[packets.data(peer.tsn + n, b"x", 0, n if flags & E else 1, flags) for n in numbers])
        peer.wait(MILLISECOND)
        held = association.reassembly.fragments_held + association.reassembly.messages_held
        assert 64 * (held + len(peer.side.user.receive_queue)) <= 8 * size + 64 * 60
    assert not peer.side.ended
    assert_legal(peer)
    assert dropped(peer.endpoint, "outside_window") - before > 59_000 // step - 8 * size // 64 - 100


def test_errors_for_a_user_who_does_not_read():
    """9260-3.3.10-02: reports of the peer's ERRORs (SCTP_REMOTE_ERROR) are bounded, however many it sends."""
    peer = receiver()
    peer.side.reading = False
    cause = packets.cause(6, b"\xfe\0\0\4")
    for _ in range(60):
        peer.send(packets.error(*[cause] * 100))
        peer.wait(MILLISECOND)
    assert len(peer.side.user.receive_queue) == 1000
    peer.side.read()
    peer.side.reading = True
    assert_carries_data(peer)


def test_bad_streams_by_the_thousand():
    """9260-6.5-01: each is acknowledged and none is held; there is one ERROR a packet, with few causes."""
    peer = receiver()
    for _ in range(200):
        answers = peer.ask(*[peer.data(stream_id=60_000 - i) for i in range(40)], wait=MILLISECOND)
        errors = [error for answer in answers for error in answer.all(ERROR)]
        assert len(errors) <= 1 and all(len(error.causes) <= 8 for error in errors)
    assert peer.side.association.reassembly.snapshot()["bytes_allocated"] < 1000
    peer.ssn = 0
    assert_carries_data(peer)


@pytest.mark.parametrize(
    ("advance", "count"), [(0, 300), (1, 3000), (30_000, 300)], ids=["old", "next", "far"])
def test_forward_tsn_with_streams_without_end(advance, count):
    """9260-3.2-10, 3758-3.6-02: a million stream entries, for streams that exist and others, cost no more
    than the table of the streams' sequence numbers, and the association goes on.
    """
    peer = receiver(inbound_streams=1000)
    rng = random.Random(16)
    peer.tag, peer.port = 0x33333333, peer.port + 1
    peer.establish(parameters=packets.parameter(0xC000), outbound=1000)
    peer.wait(10 * MILLISECOND)
    peer.side = peer.server.sides[-1]
    for _ in range(count):
        entries = rng.randbytes(4 * 340)     # (stream, SSN) each
        peer.tsn = (peer.tsn + advance) & 0xFFFFFFFF
        peer.send(chunk(192, 0, struct.pack(">I", (peer.tsn - 1) & 0xFFFFFFFF) + entries))
        peer.wait(MILLISECOND)
        assert peer.side.association.reassembly.snapshot()["bytes_allocated"] < 8000
        assert not peer.side.ended
    assert_legal(peer)
    point = peer.side.snapshot()["tsn_map"]["cumulative_tsn"]
    assert point == (peer.tsn - 1) & 0xFFFFFFFF
    peer.ask(packets.data(point + 1, b"unordered", flags=B | E | U))
    assert peer.side.received == [b"unordered"]
