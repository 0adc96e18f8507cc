"""Setting up an association: RFC 9260 section 5, over the simulated network."""

import errno
import itertools

import handmade
import packets
import pytest
from asserts import assert_dropped, assert_nothing_dropped, dropped
from failures import watch
from net import (
    CLIENT,
    CLIENT_PORT,
    MILLISECOND,
    SECOND,
    SERVER,
    SERVER_PORT,
    Link,
    Network,
    Pair,
    Puppet,
    Server,
    State,
    connect,
    pair,
    parameters,
    story,
)
from packets import COOKIE_ACK, COOKIE_ECHO, INIT, INIT_ACK, STATE_COOKIE


@pytest.fixture
def net():
    """A server at SERVER:SERVER_PORT and a puppet in the client's place."""
    network = watch(Network(3))
    host = network.host("server", SERVER)
    listener = Server(network, host)
    puppet = Puppet(network)
    puppet.server, puppet.endpoint = listener, host.endpoint
    return puppet


@pytest.fixture
def caller():
    """A puppet in the server's place, and a client that has sent its INIT to it."""
    network = watch(Network(4))
    host = network.host("client", CLIENT)
    puppet = Puppet(network, SERVER, SERVER_PORT, CLIENT, CLIENT_PORT)
    puppet.client = connect(network, host)
    puppet.wait(10 * MILLISECOND)
    puppet.endpoint = host.endpoint
    return puppet


def cookie_of(answer):
    return dict(answer[INIT_ACK].parameters)[STATE_COOKIE]


# --- the four packets


def test_four_way_handshake():
    """9260-3.1-03, 9260-3-01, 9260-4-02..08, 9260-5.1-02: who sends what, under which tag."""
    p = Pair().establish()
    p.run_for(SECOND)
    assert p.story == ["client: INIT", "server: INIT_ACK", "client: COOKIE_ECHO", "server: COOKIE_ACK"]
    init, ack, echo, done = (packets.parse(record.packet) for record in p.network.records)
    assert init.tag == 0
    assert init[INIT].initiate_tag != 0
    assert ack.tag == done.tag == init[INIT].initiate_tag
    assert echo.tag == ack[INIT_ACK].initiate_tag != 0
    assert echo[COOKIE_ECHO].value == cookie_of(ack)
    assert all(packet.checksum_ok for packet in (init, ack, echo, done))
    assert (init.source_port, init.destination_port) == (CLIENT_PORT, SERVER_PORT)
    assert (ack.source_port, ack.destination_port) == (SERVER_PORT, CLIENT_PORT)
    assert p.states == ("ESTABLISHED", "ESTABLISHED")
    assert_nothing_dropped(p.client_host.endpoint)
    assert_nothing_dropped(p.server_host.endpoint)


def test_init_says_what_the_parameters_say():
    """9260-5.1.1-01, 9260-3.3.2-01: OS, MIS and a_rwnd."""
    p = Pair(
        parameters=parameters(outbound_streams=7, inbound_streams=9, receive_buffer=50_000),
        server_parameters=parameters(outbound_streams=20, inbound_streams=5),
    ).establish()
    init = packets.parse(p.network.records[0].packet)[INIT]
    ack = packets.parse(p.network.records[1].packet)[INIT_ACK]
    assert (init.outbound_streams, init.inbound_streams, init.a_rwnd) == (7, 9, 50_000)
    assert ack.inbound_streams == 5
    assert ack.outbound_streams <= 9  # 9260-3.3.3-02
    assert p.client.association.submit(b"x", 4, now=p.network.now) == 0
    assert p.client.association.submit(b"x", 5, now=p.network.now) == errno.EINVAL  # 9260-5.1.1-02
    assert p.server.association.submit(b"x", 8, now=p.network.now) == 0
    assert p.server.association.submit(b"x", 9, now=p.network.now) == errno.EINVAL


def test_tags_and_tsns_are_unpredictable():
    """9260-5.1-01, 9260-3.3.2-05, 9260-5.3.1-01: new for each association, over the full range."""
    p = Pair()
    for i in range(64):
        p.connect(local_port=CLIENT_PORT + i)
    p.run_for(SECOND)
    parsed = [packets.parse(record.packet) for record in p.network.records]
    for type in (INIT, INIT_ACK):
        chunks = [packet[type] for packet in parsed if packet.types == [type]]
        for values in ([c.initiate_tag for c in chunks], [c.initial_tsn for c in chunks]):
            assert len(values) == len(set(values)) == 64
            assert max(values) > 0xC0000000 and min(values) < 0x40000000


def test_data_rides_behind_cookie_echo_and_cookie_ack():
    """9260-5.1-04, 9260-3.3.11-02, 9260-5.1.5-04, 9260-5.1-08: DATA with the third and SACK with the
    fourth.
    """
    p = Pair()
    p.connect()
    p.client.send(b"early")
    p.until(lambda: p.listener.sides and p.listener.sides[0].messages)
    p.run_for(10 * MILLISECOND)
    assert p.story == [
        "client: INIT",
        "server: INIT_ACK",
        "client: COOKIE_ECHO DATA",
        "server: COOKIE_ACK SACK",
    ]
    assert p.listener.sides[0].received == [b"early"]


def test_no_second_packet_before_cookie_ack():
    """9260-5.1-04: until COOKIE ACK comes nothing else goes to the peer, however much waits."""
    p = Pair(link=Link(delay=50 * MILLISECOND))
    p.connect()
    for _ in range(10):
        p.client.send(bytes(1000))
    assert p.until(lambda: p.client.connected)
    before = [r for r in p.network.records if r.time < p.network.now and r.source == CLIENT]
    assert [packets.parse(r.packet).names for r in before] == ["INIT", "COOKIE_ECHO DATA"]
    assert p.until(lambda: len(p.listener.sides[0].messages) == 10)


@pytest.mark.parametrize("type", [INIT, INIT_ACK, COOKIE_ECHO, COOKIE_ACK], ids=lambda t: packets.NAMES[t])
@pytest.mark.parametrize("losses", [1, 3])
def test_loss_of_each_packet(type, losses):
    """9260-4-07, 9260-4-09, 9260-5.2.4-08: T1 repeats the request, after 1, 2, 4 seconds."""
    p = Pair()
    lost = []

    @p.network.on_packet
    def lose(packet, source, destination):
        if packets.first_type(packet) == type and len(lost) < losses:
            lost.append(p.network.now)
            return False

    start = p.network.now
    p.establish()
    expected = (2**losses - 1) * SECOND
    assert expected <= p.network.now - start < expected + 100 * MILLISECOND
    assert [b - a for a, b in itertools.pairwise(lost)] == pytest.approx(
        [SECOND, 2 * SECOND][: losses - 1], abs=10 * MILLISECOND
    )
    p.client.send(b"works")
    assert p.until(lambda: p.server.received == [b"works"])
    assert p.server_host.endpoint.association_count == p.client_host.endpoint.association_count == 1


@pytest.mark.parametrize("type", [INIT, COOKIE_ECHO], ids=lambda t: packets.NAMES[t])
def test_max_init_retransmits(type):
    """9260-4-07, 9260-4-09, 9260-5.1-06: T1 doubles up to RTO.Max; after Max.Init.Retransmits ETIMEDOUT."""
    p = Pair(parameters=parameters(max_init_retransmits=8))
    sent = []

    @p.network.on_packet
    def lose(packet, source, destination):
        if packets.first_type(packet) == type:
            sent.append(p.network.now)
            return False

    p.connect()
    assert p.until(lambda: p.client.ended, limit=1000 * SECOND)
    gaps = [b - a for a, b in itertools.pairwise(sent)]
    assert gaps == pytest.approx([s * SECOND for s in (1, 2, 4, 8, 16, 32, 60, 60)], abs=10 * MILLISECOND)
    assert p.network.now - sent[-1] == pytest.approx(60 * SECOND, abs=10 * MILLISECOND)
    assert p.client.error == errno.ETIMEDOUT
    assert p.client_host.endpoint.association_count == 0


# --- refusals


def test_no_listener():
    """9260-8.4-03, 9260-5.1-07: ABORT with the INIT's tag and T=0; the client fails with ECONNREFUSED."""
    network = watch(Network(1))
    a, b = network.host("client", CLIENT), network.host("server", SERVER)
    side = connect(network, a)
    assert network.run_until(lambda: side.ended, limit=SECOND)
    assert side.error == errno.ECONNREFUSED
    assert story(network) == ["client: INIT", "server: ABORT"]
    init, abort = (packets.parse(record.packet) for record in network.records)
    assert abort.tag == init[INIT].initiate_tag
    assert abort[packets.ABORT].flags == 0
    assert (a.endpoint.association_count, b.endpoint.association_count) == (0, 0)
    assert_dropped(b.endpoint, "no_listener")


def test_icmp_port_unreachable():
    """6951-5-08, 9260-10-04: port unreachable for the UDP port of our INIT is ECONNREFUSED."""
    network = watch(Network(1, Link(icmp=True)))
    a = network.host("client", CLIENT)
    network.host("server", SERVER, udp_port=1)
    side = connect(network, a)
    assert network.run_until(lambda: side.ended, limit=SECOND)
    assert side.error == errno.ECONNREFUSED


@pytest.mark.parametrize("field", ["initiate tag", "port", "short"])
def test_icmp_that_does_not_match_is_discarded(caller, field):
    """9260-10-01, 9260-10-02, 6951-5-08: a quoted INIT must be ours, else the message is discarded."""
    quoted = bytearray(caller.inbox[0].raw)
    if field == "initiate tag":
        quoted[16] ^= 1
    elif field == "port":
        quoted[0] ^= 1
    else:
        del quoted[19:]
    caller.endpoint.receive_icmp_error(bytes(quoted), SERVER, 9899, 0, 1, caller.network.now)
    assert caller.client.state == State.COOKIE_WAIT
    assert_dropped(caller.endpoint, "icmp")


@pytest.mark.parametrize(
    ("fields", "answered"),
    [({"outbound": 0}, True), ({"inbound": 0}, True), ({"a_rwnd": 1499}, True), ({"tag": 0}, False)],
    ids=["no outbound streams", "no inbound streams", "a_rwnd 1499", "tag 0"],
)
def test_init_that_is_refused(net, fields, answered):
    """9260-3.3.2-03, 9260-3.3.2-04: dropped; ABORT under the Initiate Tag, but nothing for tag 0."""
    answers = net.ask(packets.init(**{"tag": 77, **fields}), tag=0)
    if answered:
        (answer,) = answers
        assert (answer.types, answer.tag, answer.chunks[0].flags) == ([packets.ABORT], 77, 0)
    else:
        assert answers == []
        assert_dropped(net.endpoint, "tag_collision")
    assert net.endpoint.association_count == 0


def test_init_with_the_least_window(net):
    """9260-3.3.2-04: 1500 is enough."""
    (answer,) = net.ask(packets.init(77, a_rwnd=1500), tag=0)
    assert answer.types == [INIT_ACK]


@pytest.mark.parametrize(
    ("fields", "state", "flags"),
    [
        ({"tag": 0}, State.CLOSED, packets.T),
        ({"outbound": 0}, State.CLOSED, 0),
        ({"inbound": 0}, State.CLOSED, 0),
        ({"a_rwnd": 1499}, State.COOKIE_WAIT, 0),
        ({"cookie": None}, State.CLOSED, 0),
    ],
    ids=["tag 0", "no outbound streams", "no inbound streams", "a_rwnd 1499", "no cookie"],
)
def test_init_ack_that_is_refused(caller, fields, state, flags):
    """9260-3.3.3-03, -04, -05, 9260-5.1-07: ABORT and the end, but a small window changes no state."""
    tag = caller.inbox[0][INIT].initiate_tag
    answers = caller.ask(packets.init_ack(**{"tag": 5, **fields}), tag=tag)
    assert [(answer.types, answer.chunks[0].flags) for answer in answers] == [([packets.ABORT], flags)]
    assert caller.client.state == state
    if state == State.CLOSED:
        assert caller.client.ended and caller.client.error != 0


def test_init_ack_with_a_wrong_tag(caller):
    """9260-8.5-01: dropped silently."""
    tag = caller.inbox[0][INIT].initiate_tag
    assert caller.ask(packets.init_ack(5), tag=tag ^ 1) == []
    assert caller.client.state == State.COOKIE_WAIT
    assert_dropped(caller.endpoint, "bad_tag")


def test_large_init_ack(caller):
    """9260-3.3.3-06: a cookie of several thousand bytes is echoed."""
    tag = caller.inbox[0][INIT].initiate_tag
    cookie = bytes(range(250)) * 12
    (echo,) = caller.ask(packets.init_ack(5, cookie=cookie), tag=tag)
    assert echo[COOKIE_ECHO].value == cookie
    assert echo.tag == 5


def test_backlog_full():
    """9260-5.1-07: no room to accept: ABORT to the surplus association, ECONNREFUSED there; room comes
    back.
    """
    p = Pair(backlog=2)
    p.listener.accepting = False
    clients = [p.connect(local_port=CLIENT_PORT + i) for i in range(5)]
    p.run_for(SECOND)
    outcome = [client.state if not client.ended else client.error for client in clients]
    refused = outcome.count(errno.ECONNREFUSED)
    assert outcome.count(State.ESTABLISHED) == 5 - refused
    assert refused in (2, 3), outcome  # Linux lets one more in than the backlog says
    assert p.server_host.endpoint.association_count == 5 - refused
    assert dropped(p.server_host.endpoint, "backlog") == refused
    p.listener.accepting = True
    p.listener.accept()
    assert len(p.listener.sides) == 5 - refused
    p.establish(local_port=CLIENT_PORT + 5)


# --- cookies


def test_no_state_before_the_cookie(net):
    """9260-4-03, 9260-5.1-03: INITs leave nothing behind."""
    before = net.endpoint.memory()
    for i in range(100):
        net.send(packets.init(i + 1), tag=0, port=20_000 + i)
    answers = net.wait(10 * MILLISECOND)
    assert [answer.types for answer in answers] == [[INIT_ACK]] * 100
    assert (net.endpoint.association_count, net.endpoint.memory()) == (0, before)
    assert len({cookie_of(answer) for answer in answers}) == 100


def take_cookie(net):
    (answer,) = net.ask(packets.init(net.tag, net.tsn), tag=0)
    net.peer_tag, net.peer_tsn = answer[INIT_ACK].initiate_tag, answer[INIT_ACK].initial_tsn
    return cookie_of(answer)


def test_every_altered_byte_of_a_cookie_is_found(net):
    """9260-4-05, 9260-5.1.5-01: a cookie that is not bit for bit ours is dropped silently."""
    cookie = take_cookie(net)
    for i in range(len(cookie)):
        altered = bytearray(cookie)
        altered[i] ^= 1 << (i % 8)
        net.send(packets.chunk(COOKIE_ECHO, 0, bytes(altered)))
    assert net.wait(10 * MILLISECOND) == []
    assert net.endpoint.association_count == 0
    assert_dropped(net.endpoint, "cookie_mac", len(cookie))


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33])
def test_short_and_invented_cookies(net, length):
    """9260-5.1.5-01."""
    assert net.ask(packets.chunk(COOKIE_ECHO, 0, bytes(length)), tag=1) == []
    assert net.endpoint.association_count == 0
    assert sum(net.endpoint.drops.values()) == 1


def test_longer_and_truncated_cookie(net):
    """9260-5.1.5-01."""
    cookie = take_cookie(net)
    assert net.ask(packets.chunk(COOKIE_ECHO, 0, cookie + b"\0\0\0\0")) == []
    assert net.ask(packets.chunk(COOKIE_ECHO, 0, cookie[:-4])) == []
    assert net.endpoint.association_count == 0
    assert_dropped(net.endpoint, "cookie_mac", 2)


def test_cookie_of_another_endpoint(net):
    """9260-5.1.5-01: the secret is each endpoint's own."""
    other = Network(99)
    Server(other, other.host("other", SERVER))
    puppet = Puppet(other)
    foreign = take_cookie(puppet)
    net.peer_tag = puppet.peer_tag
    assert net.ask(packets.chunk(COOKIE_ECHO, 0, foreign)) == []
    assert_dropped(net.endpoint, "cookie_mac")


@pytest.mark.parametrize("change", ["source port", "destination port", "tag"])
def test_cookie_under_other_ports_or_tag(net, change):
    """9260-5.1.5-02: dropped silently."""
    Server(net.network, net.server.host, port=SERVER_PORT + 1)
    cookie = take_cookie(net)
    options = {
        "source port": {"port": CLIENT_PORT + 1},
        "destination port": {"peer_port": SERVER_PORT + 1},
        "tag": {"tag": net.peer_tag ^ 1},
    }[change]
    assert net.ask(packets.chunk(COOKIE_ECHO, 0, cookie), **options) == []
    assert net.endpoint.association_count == 0
    assert_dropped(net.endpoint, "cookie_mismatch")


def test_stale_cookie(net):
    """9260-5.1.5-03, 9260-4-05: an ERROR with cause 3 says how stale, in microseconds; no association."""
    cookie = take_cookie(net)
    net.network.run_for(61 * SECOND)
    (answer,) = net.ask(packets.chunk(COOKIE_ECHO, 0, cookie))
    assert answer.types == [packets.ERROR]
    assert answer.tag == net.tag
    ((code, value),) = answer[packets.ERROR].causes
    assert code == 3
    assert SECOND <= int.from_bytes(value, "big") < 2 * SECOND
    assert net.endpoint.association_count == 0
    assert_dropped(net.endpoint, "cookie_stale")


def test_cookie_that_just_lives(net):
    """9260-5.1.5-03: Valid.Cookie.Life is 60 s."""
    cookie = take_cookie(net)
    net.network.run_for(59 * SECOND)
    (answer,) = net.ask(packets.chunk(COOKIE_ECHO, 0, cookie))
    assert answer.types == [COOKIE_ACK]


def test_client_answers_stale_cookie_with_a_new_start_or_gives_up():
    """9260-5.2.5-02: after a Stale Cookie ERROR the client starts again or fails; it never hangs."""
    p = Pair(link=Link(delay=1))
    slow = []

    @p.network.on_packet
    def hold(packet, source, destination):
        if packets.first_type(packet) == COOKIE_ECHO and not slow:
            slow.append(packet)
            p.network.inject(packet, source, destination, delay=70 * SECOND)
            return False
        if packets.first_type(packet) == COOKIE_ECHO and p.network.now < 1075 * SECOND:
            return False

    p.connect()
    assert p.until(lambda: p.client.ended or p.client.connected, limit=600 * SECOND)
    assert p.client.connected or p.client.error != 0


def test_t1_init_after_a_stale_cookie_is_not_late():
    """9260-5.2.5-02, 9260-4-07: the new INIT's T1 counts, not the longer T1-cookie that ran before."""
    peer = handmade.Peer()
    peer.take()
    peer.send(peer.init_ack())
    peer.run(4 * SECOND)                     # T1-cookie has doubled to 4 s
    peer.take()
    stale = packets.error(packets.cause(3, bytes(4)))
    peer.send(stale)
    assert [kind for kind, _, _ in peer.take_chunks()] == [packets.INIT]
    peer.run(SECOND)
    assert [kind for kind, _, _ in peer.take_chunks()] == [packets.INIT]


def test_duplicate_cookie_echo(net):
    """9260-5.2.4-08 (D): COOKIE ACK again, one association."""
    cookie = take_cookie(net)
    for _ in range(3):
        (answer,) = net.ask(packets.chunk(COOKIE_ECHO, 0, cookie))
        assert answer.types[0] == COOKIE_ACK
    assert net.endpoint.association_count == 1
    assert len(net.server.sides) == 1


def test_duplicate_cookie_echo_after_its_life(net):
    """9260-5.2.4-02: with both tags of the living association a cookie is valid whatever its age."""
    cookie = take_cookie(net)
    net.ask(packets.chunk(COOKIE_ECHO, 0, cookie))
    net.network.run_for(20 * SECOND)
    net.ask(packets.heartbeat())
    net.network.run_for(45 * SECOND)
    answers = net.ask(packets.chunk(COOKIE_ECHO, 0, cookie))
    assert COOKIE_ACK in [type for answer in answers for type in answer.types]


def test_cookie_echo_must_be_first(net):
    """9260-3.2.2-04, 9260-8.4-04: behind another chunk a COOKIE ECHO makes no association."""
    cookie = take_cookie(net)
    net.ask(packets.data(1), packets.chunk(COOKIE_ECHO, 0, cookie))
    assert net.endpoint.association_count == 0


def test_data_behind_cookie_echo_is_acknowledged_at_once(net):
    """9260-5.1.5-04 (7)."""
    cookie = take_cookie(net)
    (answer,) = net.ask(packets.chunk(COOKIE_ECHO, 0, cookie), net.data(b"first"), net.data(b"second"))
    assert answer.types == [COOKIE_ACK, packets.SACK]
    assert answer[packets.SACK].cumulative_tsn_ack == net.tsn - 1
    assert net.server.sides[0].received == [b"first", b"second"]


def test_init_for_a_living_association_leaves_it_alone(net):
    """9260-5.2.2-02: INIT ACK with a new tag under the INIT's; the association goes on."""
    net.establish()
    (answer,) = net.ask(packets.init(0x55), tag=0)
    assert (answer.types, answer.tag) == ([INIT_ACK], 0x55)
    assert answer[INIT_ACK].initiate_tag not in (0, net.peer_tag)
    (sack,) = net.ask(net.data(b"still here"))
    assert sack.types == [packets.SACK]
    assert net.endpoint.association_count == 1


def test_restart(net):
    """9260-5.2.4-04 (A): a peer that lost its state gets a new association in place of the old one."""
    net.establish()
    net.ask(net.data(b"old"))
    net.tag, net.tsn, net.ssn = 0x99, 5_000, 0
    cookie = take_cookie(net)
    answers = net.ask(packets.chunk(COOKIE_ECHO, 0, cookie), net.data(b"new"))
    assert answers[0].types[:1] == [COOKIE_ACK]
    assert answers[0].tag == 0x99
    assert net.endpoint.association_count == 1
    assert net.server.sides[0].received[:1] == [b"old"]
    assert net.server.sides[-1].received[-1:] == [b"new"]
    assert any(kind == 0x8001 for kind, _ in net.server.sides[0].notifications)


def test_unexpected_init_ack_and_cookie_ack(net):
    """9260-5.2.3-01, 9260-5.2.5-01: dropped in ESTABLISHED."""
    net.establish()
    assert net.ask(packets.init_ack(0x77)) == []
    assert net.ask(packets.chunk(COOKIE_ACK)) == []
    (answer,) = net.ask(net.data())
    assert answer.types == [packets.SACK]
    assert sum(net.endpoint.drops.values()) == 2


# --- both at once


@pytest.mark.parametrize("delays", [(10, 10), (10, 3), (3, 10), (1, 30)])
def test_collision(delays):
    """9260-5.2.1-01, 9260-5.2.4-06, 9260-5.2.4-08: both connect to each other: one association, both up."""
    network = watch(Network(8))
    a, b = network.host("a", CLIENT), network.host("b", SERVER)
    network.link(CLIENT, SERVER).delay, network.link(SERVER, CLIENT).delay = (d * MILLISECOND for d in delays)
    Server(network, a, port=5000)
    Server(network, b, port=5000)
    one = connect(network, a, SERVER, 5000, 5000)
    two = connect(network, b, CLIENT, 5000, 5000)
    assert network.run_until(lambda: one.connected and two.connected, limit=10 * SECOND), story(network)
    assert (one.state, two.state) == (State.ESTABLISHED, State.ESTABLISHED)
    one.send(b"from a")
    two.send(b"from b")
    assert network.run_until(lambda: one.messages and two.messages, limit=10 * SECOND)
    assert (one.received, two.received) == ([b"from b"], [b"from a"])
    assert (a.endpoint.association_count, b.endpoint.association_count) == (1, 1)
    network.run_for(2 * SECOND)
    one.shutdown()
    assert network.run_until(lambda: one.ended and two.ended)
    assert (one.error, two.error) == (0, 0)


def test_collision_under_loss():
    """9260-5.2.4-06, -07, -08: whatever is lost, a collision ends in one association."""
    for seed in range(20):
        network = watch(Network(seed, Link(delay=5 * MILLISECOND, loss=0.3, reorder=0.3)))
        a, b = network.host("a", CLIENT), network.host("b", SERVER)
        Server(network, a, port=5000)
        Server(network, b, port=5000)
        one = connect(network, a, SERVER, 5000, 5000)
        two = connect(network, b, CLIENT, 5000, 5000)
        one.send(b"from a")
        two.send(b"from b")
        up = network.run_until(lambda: one.messages and two.messages)  # noqa: B023
        assert up, f"seed {seed}: {one.state.name} {two.state.name} {story(network)}"
        assert (a.endpoint.association_count, b.endpoint.association_count) == (1, 1), f"seed {seed}"


# --- unknown parameters


@pytest.mark.parametrize(
    ("type", "reported", "skipped"),
    [(0x1234, False, False), (0x5234, True, False), (0x9234, False, True), (0xD234, True, True)],
)
def test_unknown_parameters_of_init(net, type, reported, skipped):
    """9260-3.2.1-03..07, 9260-3.2.2-01: always INIT ACK; reported there by the second highest bit."""
    unknown = packets.parameter(type, b"value")
    marker = packets.parameter(0xD235, b"beyond")
    (answer,) = net.ask(packets.init(7, parameters=unknown + marker), tag=0)
    found = [value for kind, value in answer[INIT_ACK].parameters if kind == packets.UNRECOGNIZED_PARAMETER]
    assert (any(value.startswith(unknown[:9]) for value in found)) == reported
    assert (any(value.startswith(marker[:10]) for value in found)) == skipped


def test_host_name_address_is_refused(net):
    """9260-3.3.2-07: ABORT."""
    (answer,) = net.ask(packets.init(7, parameters=packets.parameter(11, b"host\0")), tag=0)
    assert (answer.types, answer.tag) == ([packets.ABORT], 7)


def test_unknown_parameters_of_init_ack(caller):
    """9260-3.2.2-02: COOKIE ECHO first, then an ERROR with cause 8 behind it."""
    tag = caller.inbox[0][INIT].initiate_tag
    unknown = packets.parameter(0xD234, b"value")
    (answer,) = caller.ask(packets.init_ack(5, parameters=unknown), tag=tag)
    assert answer.types[0] == COOKIE_ECHO
    assert packets.ERROR in answer.types
    assert answer[packets.ERROR].causes[0][0] == 8


def test_endpoint_that_has_nothing_to_do_sleeps():
    """A listener alone has no deadline: an idle process is not woken."""
    network = Network(1)
    host = network.host("server", SERVER)
    Server(network, host)
    assert host.endpoint.deadline() is None


def test_pair_helper_establishes():
    """The helper that the other scenarios start from."""
    p = pair()
    assert p.states == ("ESTABLISHED", "ESTABLISHED")
    p.close()
