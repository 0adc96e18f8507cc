"""What the user may ask of one path: primary, heartbeats, thresholds, PMTU, DSCP, delayed SACKs (RFC 9260
sections 7.2.5, 8.3 and 11.1; RFC 6458 sections 6.1.2 and 8.1.12).
"""

import itertools

import packets
import pytest
from net import CLIENT_ADDRESSES, MILLISECOND, SECOND, SERVER_ADDRESSES, Link, State, parameters, two_paths
from packets import DATA, HEARTBEAT, SACK

FIRST, OTHER = SERVER_ADDRESSES
PEER_ADDR_CHANGE = 0x8002
AVAILABLE, UNREACHABLE, MADE_PRIM, CONFIRMED = 0, 1, 4, 5  # spc_state
INACTIVE, ACTIVE, UNCONFIRMED = 0, 2, 3  # spinfo_state


@pytest.fixture
def p():
    return ready()


def ready(**changes):
    """Two paths, both confirmed on both sides; nothing recorded."""
    p = two_paths(link=Link(delay=5 * MILLISECOND), parameters=parameters(**changes)).establish()
    p.run_for(5 * SECOND)
    for side in (p.client, p.server):
        assert [path["state"] for path in side.snapshot()["paths"]] == [ACTIVE, ACTIVE]
        side.notifications.clear()
    p.network.records.clear()
    return p


def change(p, host, **changes):
    p.client.association.change_paths(host, changes, p.network.now)


def sent(p, kind, source=CLIENT_ADDRESSES):
    """[(time, destination)] of the client's packets with this chunk."""
    records = [r for r in p.network.records if r.source in source]
    return [(r.time, r.destination) for r in records if packets.has(r.packet, kind)]


def events(side):
    return [(content[0][0], content[1]) for kind, content in side.notifications if kind == PEER_ADDR_CHANGE]


def path(p, host):
    (found,) = [each for each in p.client.snapshot()["paths"] if each["address"] == host]
    return found


# --- primary path


def test_set_primary(p):
    """9260-6.4-01: new data goes to the address that the user chose; ADDR_MADE_PRIM is told, once."""
    for _ in range(2):
        p.client.association.set_primary(OTHER)
    assert p.client.association.peer_host == OTHER
    p.client.send(b"there")
    p.run_for(SECOND)
    assert {to for _, to in sent(p, DATA)} == {OTHER}
    assert events(p.client) == [(OTHER, MADE_PRIM)]


def test_primary_that_is_not_confirmed_yet():
    """9260-5.4-06: it is refused, and no data goes there, before it is; then it does."""
    p = two_paths(link=Link(delay=5 * MILLISECOND), destinations=[FIRST])
    p.network.link(CLIENT_ADDRESSES[1], OTHER).up = p.network.link(CLIENT_ADDRESSES[0], OTHER).up = False
    p.establish()
    with pytest.raises(ValueError, match="not confirmed"):
        p.client.association.set_primary(OTHER)
    p.client.send(b"first")
    p.run_for(100 * MILLISECOND)
    assert path(p, OTHER)["state"] == UNCONFIRMED
    assert {to for _, to in sent(p, DATA)} == {FIRST}
    p.path(1, up=True)
    p.network.link(CLIENT_ADDRESSES[0], OTHER).up = True
    assert p.until(lambda: path(p, OTHER)["state"] == ACTIVE, limit=60 * SECOND)
    p.client.association.set_primary(OTHER)
    p.network.records.clear()
    p.client.send(b"second")
    p.run_for(SECOND)
    assert {to for _, to in sent(p, DATA)} == {OTHER}


def test_a_strange_address_is_refused(p):
    """RFC 9260 section 11.1: the primitives speak of addresses of the peer."""
    association = p.client.association
    for ask in (
        lambda: association.set_primary("192.0.2.1"),
        lambda: change(p, "192.0.2.1"),
        lambda: association.request_heartbeat("192.0.2.1", p.network.now),
        lambda: association.srtt("192.0.2.1"),
        lambda: association.path("192.0.2.1"),
    ):
        with pytest.raises(KeyError):
            ask()


# --- heartbeats


def test_request_heartbeat(p):
    """9260-8.3-06: one at once, on the path asked for, also where heartbeats are off."""
    change(p, OTHER, heartbeat_enabled=False)
    assert p.client.association.request_heartbeat(OTHER, p.network.now)
    start = p.network.now
    p.run_for(SECOND)
    assert sent(p, HEARTBEAT) == [(start, OTHER)]
    assert p.client.association.srtt(OTHER) == 10 * MILLISECOND
    p.network.records.clear()
    p.run_for(200 * SECOND)
    assert {to for _, to in sent(p, HEARTBEAT)} == {FIRST}


def test_no_heartbeat_on_request_in_a_shutdown(p):
    """9260-8.3-03."""
    p.path(0, up=False)
    p.path(1, up=False)
    p.client.shutdown()
    p.run_for(MILLISECOND)
    assert p.client.state == State.SHUTDOWN_SENT
    assert not p.client.association.request_heartbeat(OTHER, p.network.now)
    p.run_for(SECOND)
    assert sent(p, HEARTBEAT) == []


def test_an_inactive_path_is_available_after_a_demanded_heartbeat():
    """9260-8.2-02, 9260-8.3-05."""
    p = ready(path_max_retrans=1, heartbeat_interval=20 * SECOND)
    p.path(1, up=False)
    assert p.until(lambda: path(p, OTHER)["state"] == INACTIVE, limit=200 * SECOND)
    p.path(1, up=True)
    p.client.association.request_heartbeat(OTHER, p.network.now)
    p.run_for(100 * MILLISECOND)
    assert events(p.client) == [(OTHER, UNREACHABLE), (OTHER, AVAILABLE)]


def test_heartbeat_interval_of_one_path(p):
    """9260-8.3-06: the new interval counts from now, the other path keeps its own."""
    change(p, OTHER, heartbeat_interval=2 * SECOND)
    p.run_for(25 * SECOND)
    times = [time for time, to in sent(p, HEARTBEAT) if to == OTHER]
    assert all(2.5 * SECOND <= b - a <= 3.6 * SECOND for a, b in itertools.pairwise(times))
    assert len(times) >= 6
    assert [to for _, to in sent(p, HEARTBEAT) if to == FIRST] == []


def test_heartbeats_off_and_on(p):
    """9260-8.3-06: for one path, then for all."""
    change(p, OTHER, heartbeat_enabled=False)
    p.run_for(100 * SECOND)
    assert {to for _, to in sent(p, HEARTBEAT)} == {FIRST}
    p.network.records.clear()
    change(p, None, heartbeat_enabled=False)
    p.run_for(200 * SECOND)
    assert sent(p, HEARTBEAT) == []
    change(p, None, heartbeat_enabled=True)
    p.run_for(100 * SECOND)
    assert {to for _, to in sent(p, HEARTBEAT)} == {FIRST, OTHER}


# --- the other parameters


def test_threshold_of_one_path(p):
    """9260-8.2-01: SET FAILURE THRESHOLD (11.1.12) of an address."""
    change(p, OTHER, path_max_retrans=0)
    p.path(0, up=False)
    p.path(1, up=False)
    for host in (FIRST, OTHER):
        p.client.association.request_heartbeat(host, p.network.now)
    p.run_for(1500 * MILLISECOND)
    assert [path(p, host)["state"] for host in (FIRST, OTHER)] == [ACTIVE, INACTIVE]


def test_sack_delay_of_one_path(p):
    """9260-6.2-04: how long and for how many packets a SACK waits is a matter of the path of the DATA."""
    server = p.server.association
    server.change_paths(CLIENT_ADDRESSES[1], {"sack_delay": 50 * MILLISECOND}, p.network.now)
    p.client.send(b"first")  # acknowledged at once (9260-5.1-08)
    p.run_for(SECOND)
    for host, delay in ((FIRST, 200), (OTHER, 50)):
        p.client.association.set_primary(host)
        p.network.records.clear()
        p.client.send(b"x")
        p.run_for(SECOND)
        ((data, _),) = sent(p, DATA)
        ((sack, _),) = sent(p, SACK, SERVER_ADDRESSES)
        assert sack - data == (5 + delay) * MILLISECOND
    server.change_paths(CLIENT_ADDRESSES[1], {"sack_frequency": 1}, p.network.now)
    p.network.records.clear()
    p.client.send(b"x")
    p.run_for(4 * MILLISECOND)
    p.run_for(2 * MILLISECOND)
    assert len(sent(p, SACK, SERVER_ADDRESSES)) == 1


def grown(p):
    """Let the client's windows grow, on both paths; their cwnd at the start."""
    start = path(p, FIRST)["cwnd"]
    for host in (OTHER, FIRST):
        p.client.association.set_primary(host)
        for _ in range(30):
            p.client.send(bytes(10_000))
        p.run_for(2 * SECOND)
    assert min(path(p, FIRST)["cwnd"], path(p, OTHER)["cwnd"]) > 2 * start
    return start


def test_another_dscp_begins_anew(p):
    """9260-7.2.5-01: other queues, perhaps: congestion control of the path is as at first."""
    start = grown(p)
    before = path(p, OTHER)
    change(p, FIRST, dscp=0)  # no change
    assert path(p, FIRST)["cwnd"] > start
    change(p, FIRST, dscp=46 << 2)
    assert (path(p, FIRST)["cwnd"], path(p, FIRST)["partial_bytes_acked"]) == (start, 0)
    assert path(p, OTHER) == before
    change(p, None, dscp=8 << 2)
    assert path(p, OTHER)["cwnd"] == start


def test_another_carrier_begins_anew(p):
    """9260-7.2.5-01: packets that come through another carrier tell of another route, for ours too."""
    start = grown(p)
    p.client_host.carrier = 1
    p.server.send(b"by another way")
    p.run_for(SECOND)
    assert (path(p, FIRST)["carrier"], path(p, FIRST)["cwnd"]) == (1, start)


def test_encapsulation_that_ends_widens_the_pmtu(p):
    """6951-5-04, 6951-5-06, 9260-7.2.5-01: without UDP a packet has 8 bytes more, and goes another way."""
    start = grown(p)
    pmtu = path(p, FIRST)["pmtu"]
    p.network.records.clear()
    p.server.send(b"x")
    p.run_for(MILLISECOND)
    (record,) = p.network.records
    p.network.inject(record.packet, FIRST, CLIENT_ADDRESSES[0], source_udp_port=0)
    p.run_for(MILLISECOND)
    assert (path(p, FIRST)["udp_port"], path(p, FIRST)["pmtu"]) == (0, pmtu + 8)
    assert path(p, FIRST)["cwnd"] == start


def test_states_that_are_told():
    """9260-8.2-01, -02, 9260-5.4-02: of one address, in order."""
    p = two_paths(
        link=Link(delay=5 * MILLISECOND),
        destinations=[FIRST],
        parameters=parameters(path_max_retrans=1, heartbeat_interval=SECOND),
    ).establish()
    p.run_for(5 * SECOND)
    p.client.association.set_primary(OTHER)
    p.path(1, up=False)
    p.run_for(20 * SECOND)
    p.path(1, up=True)
    p.run_for(60 * SECOND)
    assert events(p.client) == [
        (OTHER, CONFIRMED),
        (OTHER, MADE_PRIM),
        (OTHER, UNREACHABLE),
        (OTHER, AVAILABLE),
    ]
