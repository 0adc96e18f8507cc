"""Several addresses for each side: how they are told, verified, used (RFC 9260: 5.1.2, 5.4, 6.4, 8.3)."""

import errno
import itertools
from ipaddress import ip_address

import packets
import pytest
from asserts import dropped
from failures import watch
from net import (
    CLIENT_ADDRESSES,
    MILLISECOND,
    SECOND,
    SERVER_ADDRESSES,
    Link,
    Network,
    Pair,
    Puppet,
    Server,
    State,
    parameters,
    two_paths,
)
from packets import COOKIE_ACK, COOKIE_ECHO, DATA, HEARTBEAT, HEARTBEAT_ACK, INIT, INIT_ACK, SACK

from pysctpsock._cy.endpoint import IcmpKind

IPV4_ADDRESS, IPV6_ADDRESS = 5, 6  # parameters of INIT and INIT ACK
PEER_ADDR_CHANGE = 0x8002
AVAILABLE, UNREACHABLE, CONFIRMED = 0, 1, 5  # spc_state
INACTIVE, ACTIVE, UNCONFIRMED = 0, 2, 3  # spinfo_state
FIRST, SECOND_ADDRESS = CLIENT_ADDRESSES


def address_parameter(host):
    address = ip_address(host)
    return packets.parameter(IPV4_ADDRESS if address.version == 4 else IPV6_ADDRESS, address.packed)


def address_list(*hosts):
    return b"".join(address_parameter(host) for host in hosts)


def listed(chunk):
    """The addresses that an INIT or INIT ACK lists."""
    kinds = IPV4_ADDRESS, IPV6_ADDRESS
    return [str(ip_address(value)) for type, value in chunk.parameters if type in kinds]


def paths(side):
    """{address: state} of the peer."""
    return {path["address"]: path["state"] for path in side.snapshot()["paths"]}


def path_events(side):
    """[(address, spc_state)] that the user was told."""
    return [(content[0][0], content[1]) for kind, content in side.notifications if kind == PEER_ADDR_CHANGE]


@pytest.fixture
def net():
    """A server with two addresses and a puppet with two in the client's place; no association yet."""
    return two_homed_puppet()


def two_homed_puppet(seed=3, **options):
    network = watch(Network(seed))
    made = parameters(**options)
    host = network.host("server", *SERVER_ADDRESSES, parameters=made)
    puppet = Puppet(
        network, CLIENT_ADDRESSES[0], peer=SERVER_ADDRESSES[0], more=[*CLIENT_ADDRESSES[1:], "10.0.3.1"]
    )
    puppet.server, puppet.endpoint = Server(network, host, parameters=made), host.endpoint
    return puppet


def verified_puppet(**options):
    """The same with an association whose two paths are both confirmed."""
    puppet = two_homed_puppet(**options).establish(parameters=address_list(*CLIENT_ADDRESSES))
    puppet.side = puppet.server.sides[0]
    puppet.wait(4 * SECOND)
    assert paths(puppet.side) == dict.fromkeys(CLIENT_ADDRESSES, ACTIVE)
    puppet.forget()
    return puppet


def sent_to(puppet, address):
    """The packets of the inbox that came to one of the puppet's addresses."""
    return [packet for packet, (_, to) in zip(puppet.inbox, puppet.routes, strict=True) if to == address]


# --- address lists


def test_address_lists_on_the_wire():
    """9260-5.1.2-02, 9260-3.3.2: INIT and INIT ACK name all addresses, and both sides take them."""
    p = two_paths().establish()
    init, ack = (packets.parse(record.packet) for record in itertools.islice(p.network.records, 2))
    assert listed(init[INIT]) == list(CLIENT_ADDRESSES)
    assert listed(ack[INIT_ACK]) == list(SERVER_ADDRESSES)
    assert list(paths(p.client)) == list(SERVER_ADDRESSES)
    assert list(paths(p.server)) == list(CLIENT_ADDRESSES)


def test_one_address_is_not_listed():
    """6951-5-07, 9260-5.1.2-01: no address in the packets, the source is the destination."""
    p = Pair().establish()
    init, ack = (packets.parse(record.packet) for record in itertools.islice(p.network.records, 2))
    assert listed(init[INIT]) == listed(ack[INIT_ACK]) == []
    assert len(paths(p.client)) == len(paths(p.server)) == 1


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ((), [FIRST]),
        ((SECOND_ADDRESS,), [FIRST, SECOND_ADDRESS]),
        ((FIRST, SECOND_ADDRESS), [FIRST, SECOND_ADDRESS]),
        ((SECOND_ADDRESS, FIRST, SECOND_ADDRESS, FIRST), [FIRST, SECOND_ADDRESS]),
        ((FIRST, "224.0.0.5", "255.255.255.255", "0.0.0.0", SECOND_ADDRESS), [FIRST, SECOND_ADDRESS]),
        (("fd00::1", "ff02::1", "::", SECOND_ADDRESS), [FIRST, SECOND_ADDRESS]),
    ],
    ids=["none", "source left out", "both", "duplicates", "not unicast", "other family"],
)
def test_which_addresses_count(net, hosts, expected):
    """9260-5.1.2-01, -02, -04, 9260-3.3.2.1-02: the list and the source, each once; no error for what cannot
    be used.
    """
    net.answers_heartbeats = False
    net.establish(parameters=address_list(*hosts))
    assert list(paths(net.server.sides[0])) == expected
    assert not any(packet.types == [packets.ERROR] for packet in net.wait(SECOND))


@pytest.mark.parametrize("hosts", [("224.0.0.5", FIRST), ("fd00::1", SECOND_ADDRESS, SECOND_ADDRESS)])
def test_restart_with_the_same_odd_list(net, hosts):
    """9260-5.2.2-01: addresses that were passed over the first time are nothing new the second."""
    net.establish(parameters=address_list(*hosts))
    (answer,) = net.ask(packets.init(0x55, parameters=address_list(*hosts)), tag=0)
    assert answer.types == [INIT_ACK]


def test_peer_of_too_many_addresses(net):
    """9260-5.1.2-02: of 50 addresses the first 32 and the source are kept.  The same INIT again adds none
    (9260-5.2.2-01), and packets from those passed over are dropped in silence: an ABORT would end it.
    """
    hosts = [f"10.0.9.{i}" for i in range(1, 51)]
    net.answers_heartbeats = False
    net.establish(parameters=address_list(*hosts))
    side = net.server.sides[0]
    assert list(paths(side)) == [FIRST, *hosts[:32]]
    (answer,) = net.ask(packets.init(0x55, parameters=address_list(*hosts)), tag=0)
    assert answer.types == [INIT_ACK]
    net.forget()
    net.network.records.clear()
    net.network.inject(packets.packet(net.port, net.peer_port, net.peer_tag, packets.heartbeat()), hosts[40],
                       SERVER_ADDRESSES[0])
    net.network.run_for(MILLISECOND)
    assert [r for r in net.network.records if r.destination == hosts[40]] == []
    assert dropped(net.endpoint, "out_of_the_blue") == 1
    assert side.state == State.ESTABLISHED


def test_init_ack_of_many_addresses():
    """9260-5.1.2-02, 9260-3.3.3-06: 30 and 60 addresses, an INIT ACK of more than 1500 bytes."""
    clients = [f"fd00::{i:x}:1" for i in range(1, 31)]
    servers = [f"fd00::{i:x}:2" for i in range(1, 61)]
    p = Pair(clients=clients, servers=servers, destinations=servers[:1]).establish()
    ack = p.network.records[1].packet
    assert len(ack) > 1500
    assert listed(packets.parse(ack)[INIT_ACK]) == servers
    assert list(paths(p.server)) == clients
    assert set(paths(p.client)) < set(servers) and len(paths(p.client)) == 32  # a bound of ours
    p.client.send(b"there")
    assert p.until(lambda: p.server.received == [b"there"], limit=SECOND)
    p.run_for(60 * SECOND)
    assert set(paths(p.server).values()) == set(paths(p.client).values()) == {ACTIVE}
    assert path_events(p.server) == [(host, CONFIRMED) for host in clients[1:]]
    p.close()


# --- verification (5.4)


def test_addresses_of_the_user_are_confirmed_at_once():
    """9260-5.4-01: those given to connect, and for the server the one that the INIT ACK went to."""
    p = two_paths()
    p.network.on_packet(lambda packet, *_: packets.first_type(packet) != HEARTBEAT)
    p.establish()
    assert paths(p.client) == dict.fromkeys(SERVER_ADDRESSES, ACTIVE)
    assert paths(p.server) == {CLIENT_ADDRESSES[0]: ACTIVE, CLIENT_ADDRESSES[1]: UNCONFIRMED}


def test_listed_address_is_probed_and_confirmed():
    """9260-5.4-01, -02, -03: an address that only the INIT ACK named; the user is told."""
    p = two_paths(destinations=SERVER_ADDRESSES[:1])
    p.establish()
    assert paths(p.client)[SERVER_ADDRESSES[1]] == UNCONFIRMED
    p.run_for(2 * SECOND)
    assert paths(p.client) == dict.fromkeys(SERVER_ADDRESSES, ACTIVE)
    assert path_events(p.client) == [(SERVER_ADDRESSES[1], CONFIRMED)]
    assert path_events(p.server) == [(CLIENT_ADDRESSES[1], CONFIRMED)]


def test_only_heartbeats_go_to_an_unconfirmed_address(net):
    """9260-5.4-06, 9260-12-04: neither DATA nor SACK, wherever the peer's DATA came from."""
    net.answers_heartbeats = False
    net.establish(parameters=address_list(*CLIENT_ADDRESSES))
    side = net.server.sides[0]
    for _ in range(20):
        side.send(bytes(1000))
    net.send(net.data(), source=SECOND_ADDRESS, destination=SERVER_ADDRESSES[1])
    net.wait(30 * SECOND)
    there = sent_to(net, SECOND_ADDRESS)
    assert len(there) >= 3
    assert {tuple(packet.types) for packet in there} == {(HEARTBEAT,)}
    assert any(SACK in packet.types for packet in sent_to(net, FIRST))
    nonces = [packet[HEARTBEAT].value[4:] for packet in there]
    assert all(len(nonce) >= 8 for nonce in nonces) and len(set(nonces)) == len(nonces)  # 9260-3.3.5-03


def test_only_the_right_nonce_confirms(net):
    """9260-5.4-02, 9260-3.3.5-03: altered, shortened or borrowed from another path it confirms nothing."""
    net.answers_heartbeats = False
    net.establish(parameters=address_list(*CLIENT_ADDRESSES))
    side = net.server.sides[0]
    net.wait(500 * MILLISECOND)
    (probe,) = [r.packet for r in net.network.records if r.destination == SECOND_ADDRESS]
    info = packets.parse(probe)[HEARTBEAT].value
    wrong = [info[:-1] + bytes([info[-1] ^ 1]), info[:4] + bytes(len(info) - 4)]
    wrong.append(packets.parameter(1, info[4:-4]))
    for value in wrong:
        net.send(packets.chunk(HEARTBEAT_ACK, 0, value), source=SECOND_ADDRESS)
    net.wait(10 * MILLISECOND)
    assert paths(side)[SECOND_ADDRESS] == UNCONFIRMED
    assert dropped(net.endpoint, "unexpected_chunk") == len(wrong)
    net.ask(packets.chunk(HEARTBEAT_ACK, 0, info), source=SECOND_ADDRESS)
    assert paths(side)[SECOND_ADDRESS] == ACTIVE
    assert path_events(side) == [(SECOND_ADDRESS, CONFIRMED)]


def test_probes_are_spread():
    """9260-5.4-03: at first one probe an RTO; no path is probed more often than once in its own RTO."""
    net = two_homed_puppet()
    net.answers_heartbeats = False
    many = [f"10.0.9.{i}" for i in range(1, 7)]
    net.establish(parameters=address_list(*many))
    net.network.run_for(6 * SECOND)
    sent = {}
    for record in net.network.records:
        if record.destination in many:
            sent.setdefault(record.destination, []).append(record.time)
    firsts = sorted(times[0] for times in sent.values())
    assert len(firsts) == len(many)
    gaps = [b - a for a, b in itertools.pairwise(firsts)]
    assert gaps == pytest.approx([SECOND] * 5, abs=10 * MILLISECOND)
    net.network.run_for(60 * SECOND)
    for record in net.network.records:
        if record.destination in many and record.time > sent[record.destination][-1]:
            sent[record.destination].append(record.time)
    for times in sent.values():
        for number, (a, b) in enumerate(itertools.pairwise(times)):
            assert b - a >= SECOND * 2**number, f"{times}"


@pytest.mark.parametrize("burst", [1, 3])
def test_probes_of_all_paths_together_are_limited(burst):
    """9260-5.4-04: HB.Max.Burst probes an RTO (1 s here), however many addresses there are, and all have
    their turn.
    """
    net = two_homed_puppet(heartbeat_max_burst=burst, path_max_retrans=100, rto_max=SECOND)
    net.answers_heartbeats = False
    many = [f"10.0.9.{i}" for i in range(1, 21)]
    net.establish(parameters=address_list(*many))
    net.network.run_for(60 * SECOND)
    probed = [(r.time, r.destination) for r in net.network.records if r.destination in many]
    gaps = [b - a for (a, _), (b, _) in itertools.pairwise(probed)]
    assert min(gaps) >= SECOND // burst and max(gaps) < 1.1 * SECOND / burst
    counts = [sum(to == host for _, to in probed) for host in many]
    assert max(counts) - min(counts) <= 1


def test_failed_probes_do_not_count_for_the_association():
    """9260-5.4-05: only the path's counter rises, up to Path.Max.Retrans + 1; nobody is told UNREACHABLE."""
    net = two_homed_puppet(association_max_retrans=2, path_max_retrans=5)
    net.network.on_packet(lambda packet, source, destination: destination != SECOND_ADDRESS)
    net.establish(parameters=address_list(*CLIENT_ADDRESSES))
    side = net.server.sides[0]
    counts = []
    for _ in range(400):
        net.wait(SECOND)
        snapshot = side.snapshot()
        assert snapshot["error_count"] == 0
        counts.append(snapshot["paths"][1]["error_count"])
    assert sorted(set(counts)) == [1, 2, 3, 4, 5, 6]
    assert paths(side)[SECOND_ADDRESS] == UNCONFIRMED
    assert path_events(side) == []
    assert side.state == State.ESTABLISHED


# --- where packets go


def test_sack_goes_to_the_source_of_the_last_data():
    """9260-6.4-02."""
    net = verified_puppet()
    for source in (SECOND_ADDRESS, FIRST, SECOND_ADDRESS, SECOND_ADDRESS, FIRST):
        net.forget()
        net.ask(net.data(), net.data(), source=source, wait=300 * MILLISECOND)
        assert [(to, packet.types) for packet, (_, to) in zip(net.inbox, net.routes, strict=True)] == [
            (source, [SACK])
        ]


def test_heartbeat_is_answered_to_its_source(net):
    """9260-3.3.5-04, 9260-8.3-02: unchanged, over a confirmed path or one that is not."""
    net.answers_heartbeats = False
    net.establish(parameters=address_list(*CLIENT_ADDRESSES))
    for source in CLIENT_ADDRESSES:
        for info in (b"i", b"info" * 5):
            net.ask(packets.heartbeat(info), source=source)
            (answer,) = [packet for packet in sent_to(net, source) if HEARTBEAT_ACK in packet.types]
            assert answer[HEARTBEAT_ACK].value == packets.parameter(1, info)[: 4 + len(info)]
            net.forget()


@pytest.mark.parametrize(("wrong", "answers"), [(0, []), (1, [[packets.ABORT]])], ids=["tag", "no tag"])
def test_heartbeat_from_a_stranger_is_not_answered(net, wrong, answers):
    """9260-5.1.2-01, 9260-8.4-08: an address that the peer did not list is not the peer's.  With the tag of
    an association even an ABORT is too much: it can be one of the peer's that was not taken, and end it.
    """
    net.establish(parameters=address_list(*CLIENT_ADDRESSES))
    net.ask(packets.heartbeat(), source="10.0.3.1", tag=net.peer_tag ^ wrong)
    assert [packet.types for packet in sent_to(net, "10.0.3.1")] == answers
    assert net.server.sides[0].state == State.ESTABLISHED


def test_timed_out_data_goes_to_another_path():
    """9260-6.4-01, 9260-6.4-03, 9260-6.3.3-02: new data to the primary, after T3 to the other address."""
    net = verified_puppet(path_max_retrans=5)
    net.side.send(b"slow")
    net.wait(10 * MILLISECOND)
    assert [to for _, to in net.routes] == [FIRST]
    first = net.inbox[0][DATA].tsn
    net.wait(1500 * MILLISECOND)
    assert [to for _, to in net.routes] == [FIRST, SECOND_ADDRESS]
    assert net.inbox[1][DATA].tsn == first
    snapshot = net.side.snapshot()
    assert [path["error_count"] for path in snapshot["paths"]] == [1, 0]
    assert snapshot["paths"][0]["rto"] == 2 * SECOND
    net.ask(packets.sack(first), source=SECOND_ADDRESS)
    net.side.send(b"next")
    net.forget()
    net.wait(10 * MILLISECOND)
    assert [to for _, to in net.routes] == [FIRST]


def test_acknowledgement_of_data_that_waits_for_another_path():
    """9260-8.1-02: data that timed out and is acknowledged before it goes again resets the association's
    counter, though it tells of neither path (8.2).
    """
    net = verified_puppet(nodelay=True)
    for _ in range(60):
        net.side.send(bytes(1000))
    for _ in range(3):                       # the window of this path grows beyond the other's
        net.wait(10 * MILLISECOND)
        last = max(chunk.tsn for packet in net.inbox for chunk in packet.all(DATA))
        net.send(packets.sack(last))
    net.wait(10 * MILLISECOND)
    sent = [chunk.tsn for packet in net.inbox for chunk in packet.all(DATA)]
    assert len(sent) == len(set(sent))
    net.forget()
    net.wait(1500 * MILLISECOND)
    again = [chunk.tsn for packet in sent_to(net, SECOND_ADDRESS) for chunk in packet.all(DATA)]
    assert again[0] == last + 1 and sent[-1] not in again
    assert net.side.snapshot()["error_count"] == 1
    gap = sent[-1] - last
    net.ask(packets.sack(last, gaps=[(gap, gap)]))
    snapshot = net.side.snapshot()
    assert snapshot["error_count"] == 0
    assert [path["error_count"] for path in snapshot["paths"]] == [1, 0]


def test_t3_of_the_path_that_a_retransmission_takes():
    """9260-6.3.3-03, 9260-6.3.1-01 (E4): it runs for the RTO of the path that the data goes to now."""
    net = two_homed_puppet()
    for one, other in itertools.permutations((SECOND_ADDRESS, SERVER_ADDRESSES[1])):
        net.network.link(one, other).delay = 250 * MILLISECOND
    net.establish(parameters=address_list(*CLIENT_ADDRESSES))
    net.side = net.server.sides[0]
    net.wait(4 * SECOND)
    rtos = [path["rto"] for path in net.side.snapshot()["paths"]]
    assert rtos[0] == SECOND and rtos[1] > 1.4 * SECOND
    net.forget()
    net.side.send(b"lost")
    net.wait(10 * SECOND)
    times = [t - (250 if to == SECOND_ADDRESS else 0) * MILLISECOND
             for t, (_, to) in zip(net.arrivals, net.routes, strict=True)]       # of sending
    assert [to for _, to in net.routes][:3] == [FIRST, SECOND_ADDRESS, FIRST]
    waits = [b - a for a, b in itertools.pairwise(times)]
    assert waits[:3] == pytest.approx([rtos[0], rtos[1], 2 * rtos[0]], abs=20 * MILLISECOND)
    lost = next(packet[DATA].tsn for packet in net.inbox if DATA in packet.types)
    net.ask(packets.sack(lost))
    rto = net.side.snapshot()["paths"][1]["rto"]
    net.side.association.submit(b"new", now=net.network.now, path=1)
    sent = net.network.now
    net.wait(rto - 10 * MILLISECOND)
    net.forget()
    net.wait(20 * MILLISECOND)
    assert [packet[DATA].tsn for packet in net.inbox] == [lost + 1]
    assert net.routes == [(SERVER_ADDRESSES[0], FIRST)]
    assert net.arrivals[0] - sent == pytest.approx(rto, abs=5 * MILLISECOND)


def test_t3_of_the_path_that_was_left():
    """9260-6.3.3-03 (F1): another primary path has its own T3; that of the old one goes on and expires."""
    net = verified_puppet(nodelay=True)
    net.side.send(b"old")
    sent = net.network.now
    net.wait(400 * MILLISECOND)
    net.side.association.set_primary(SECOND_ADDRESS)
    net.side.send(b"new")
    net.wait(10 * MILLISECOND)
    (old, new) = net.inbox
    assert [to for _, to in net.routes] == [FIRST, SECOND_ADDRESS]
    assert [path["t3_rtx_running"] for path in net.side.snapshot()["paths"]] == [True, True]
    net.ask(packets.sack(old[DATA].tsn - 1, gaps=[(2, 2)]), source=SECOND_ADDRESS)
    assert [path["t3_rtx_running"] for path in net.side.snapshot()["paths"]] == [True, False]
    net.wait(SECOND)
    assert [packet[DATA].tsn for packet in net.inbox] == [old[DATA].tsn, new[DATA].tsn, old[DATA].tsn]
    assert net.routes[-1][1] == SECOND_ADDRESS
    assert net.arrivals[-1] - sent == pytest.approx(SECOND, abs=20 * MILLISECOND)


def test_timed_out_data_goes_where_fewest_errors_are():
    """9260-6.4-03: of several other active addresses, to the one that had the fewest errors lately."""
    net = two_homed_puppet()
    third = "10.0.3.1"
    net.establish(parameters=address_list(*CLIENT_ADDRESSES, third))
    net.side = net.server.sides[0]
    net.wait(6 * SECOND)
    assert paths(net.side) == dict.fromkeys([*CLIENT_ADDRESSES, third], ACTIVE)
    net.answers_heartbeats = False
    assert net.side.association.request_heartbeat(SECOND_ADDRESS, net.network.now)
    net.wait(1500 * MILLISECOND)
    assert [path["error_count"] for path in net.side.snapshot()["paths"]] == [0, 1, 0]
    net.forget()
    net.side.send(b"lost")
    net.wait(1500 * MILLISECOND)
    assert [to for packet, (_, to) in zip(net.inbox, net.routes, strict=True) if DATA in packet.types] == [
        FIRST, third]


def test_icmp_about_an_address_that_is_not_confirmed(net):
    """6951-5-08, 5062-2-01: who owns a listed address cannot end the association, nor who has the peer's."""
    net.answers_heartbeats = False
    net.establish(parameters=address_list(*CLIENT_ADDRESSES))
    side = net.server.sides[0]
    net.wait(SECOND)
    probe = next(r.packet for r in net.network.records if r.destination == SECOND_ADDRESS)
    for host in (SECOND_ADDRESS, FIRST):
        net.endpoint.receive_icmp_error(probe, host, 9899, 0, IcmpKind.ICMP_PROTOCOL_UNREACHABLE,
                                        net.network.now)
        net.wait(MILLISECOND)
        assert not side.ended
    assert dropped(net.endpoint, "icmp") == 2


def test_fast_retransmission_stays_on_its_path():
    """9260-6.4-04: the third miss report sends the chunk again where it went before."""
    net = verified_puppet(nodelay=True)
    for _ in range(5):
        net.side.send(bytes(500))
    net.wait(10 * MILLISECOND)
    tsns = [chunk.tsn for packet in net.inbox for chunk in packet.all(DATA)]
    net.forget()
    for count in (2, 3, 4):
        net.ask(packets.sack(tsns[0] - 1, gaps=[(2, count)]), source=SECOND_ADDRESS)
    again = [
        (to, chunk.tsn) for packet, (_, to) in zip(net.inbox, net.routes, strict=True)
        for chunk in packet.all(DATA)
    ]
    assert again == [(FIRST, tsns[0])]
    assert [path["error_count"] for path in net.side.snapshot()["paths"]] == [0, 0]


# --- set-up over addresses that do not work


def test_handshake_over_a_dead_first_address():
    """9260-5.1-06: INITs go round the addresses that the user gave; the second one answers after 1 s."""
    p = two_paths()
    p.path(0, up=False)
    start = p.network.now
    p.establish()
    assert p.network.now - start == pytest.approx(SECOND, abs=50 * MILLISECOND)
    inits = [record.destination for record in p.network.records if packets.first_type(record.packet) == INIT]
    assert inits == list(SERVER_ADDRESSES)
    p.client.send(b"works")
    p.server.send(b"both ways")
    assert p.until(lambda: p.server.messages and p.client.messages, limit=SECOND)


def test_set_up_fails_when_no_address_answers():
    """9260-5.1-06, 9260-4-07: Max.Init.Retransmits counts INITs to all addresses together."""
    p = two_paths(parameters=parameters(max_init_retransmits=3))
    p.path(0, up=False)
    p.path(1, up=False)
    p.connect()
    assert p.until(lambda: p.client.ended)
    assert p.client.error == errno.ETIMEDOUT
    assert [record.destination for record in p.network.records] == [*SERVER_ADDRESSES] * 2


@pytest.mark.parametrize("lost", [COOKIE_ECHO, COOKIE_ACK], ids=["before COOKIE ECHO", "before COOKIE ACK"])
def test_first_path_dies_in_the_handshake(lost):
    """9260-5.1-06, 9260-5.4-06: COOKIE ECHO goes over the other address, and COOKIE ACK comes back there."""
    p = two_paths()

    @p.network.on_packet
    def cut(packet, source, destination):
        if packets.first_type(packet) == lost:
            p.path(0, up=False)

    start = p.network.now
    p.connect()
    assert p.until(lambda: p.client.connected, limit=20 * SECOND), p.story
    assert p.network.now - start < 8 * SECOND
    p.server = p.listener.sides[0]
    p.client.send(b"works")
    assert p.until(lambda: p.server.received == [b"works"], limit=20 * SECOND)
    assert p.server_host.endpoint.association_count == 1


# --- idle paths (8.3)


def beats(p, destination):
    return [
        record.time for record in p.network.records
        if record.destination == destination and packets.first_type(record.packet) == HEARTBEAT
    ]


def test_heartbeats_of_idle_paths_are_spread():
    """9260-8.3-01: HB.interval + RTO with +/- 50 % of jitter, each path for itself."""
    p = two_paths(link=Link(delay=MILLISECOND)).establish()
    p.run_for(200 * 31 * SECOND)
    for destination in SERVER_ADDRESSES:
        gaps = [b - a - 2 * MILLISECOND for a, b in itertools.pairwise(beats(p, destination))]
        assert len(gaps) > 190
        assert 30.5 * SECOND <= min(gaps) < 30.6 * SECOND
        assert 31.4 * SECOND < max(gaps) <= 31.5 * SECOND
        assert sum(gaps) / len(gaps) == pytest.approx(31 * SECOND, abs=0.1 * SECOND)
    assert [path["error_count"] for path in p.client.snapshot()["paths"]] == [0, 0]


def test_unanswered_heartbeats_back_off():
    """9260-8.3-01, 9260-8.3-04, 9260-8.2-01: the RTO doubles, the counter stops beyond its limit."""
    p = two_paths().establish()
    p.run_for(5 * SECOND)
    p.path(1, up=False)
    p.network.records.clear()
    seen = []
    while len(seen) < 9:
        p.run_for(SECOND)
        path = p.client.snapshot()["paths"][1]
        if path["error_count"] and (path["error_count"], path["rto"]) not in seen[-1:]:
            seen.append((path["error_count"], path["rto"]))
        if (path["error_count"], path["rto"]) == (6, 60 * SECOND):
            break
    assert seen == [(n, min(2**n, 60) * SECOND) for n in range(1, 7)]
    p.run_for(1000 * SECOND)
    times = beats(p, SERVER_ADDRESSES[1])
    for number, (a, b) in enumerate(itertools.pairwise(times)):
        rto, doubled = min(2**number, 60) * SECOND, min(2 ** (number + 1), 60) * SECOND
        assert rto + 30 * SECOND + doubled // 2 <= b - a <= rto + 30 * SECOND + doubled * 3 // 2
    assert p.client.snapshot()["paths"][1]["error_count"] == 6
    assert path_events(p.client) == [(SERVER_ADDRESSES[1], UNREACHABLE)]
    assert p.client.snapshot()["error_count"] == 0
    p.path(1, up=True)
    p.run_for(181 * SECOND)
    assert path_events(p.client)[-1] == (SERVER_ADDRESSES[1], AVAILABLE)
    assert p.client.snapshot()["paths"][1]["error_count"] == 0  # 9260-8.3-05


def test_message_to_a_chosen_address_that_failed():
    """9260-6.4-05: an active address is tried before an error is reported."""
    p = two_paths(parameters=parameters(path_max_retrans=0)).establish()
    p.run_for(5 * SECOND)
    p.path(1, up=False)
    p.client.association.request_heartbeat(SERVER_ADDRESSES[1], p.network.now)
    assert p.until(lambda: paths(p.client)[SERVER_ADDRESSES[1]] == INACTIVE, limit=5 * SECOND)
    p.client.association.submit(b"all the same", now=p.network.now, path=1)
    p.run_for(SECOND // 2)
    assert p.server.received == [b"all the same"]


def test_message_to_a_chosen_address():
    """RFC 6458 section 5.3.2 (SCTP_ADDR_OVER), RFC 9260 section 11.1.5: one message by another path."""
    p = two_paths().establish()
    p.run_for(5 * SECOND)                                # both paths are confirmed
    p.network.records.clear()
    for path in (1, 255, 1):
        p.client.association.submit(bytes(1000), now=p.network.now, path=path)
    assert p.until(lambda: len(p.server.received) == 3)
    went = [record.destination for record in p.network.records
            if record.source in CLIENT_ADDRESSES and b"\0" * 900 in record.packet]
    assert went == [SERVER_ADDRESSES[1], SERVER_ADDRESSES[0], SERVER_ADDRESSES[1]]
