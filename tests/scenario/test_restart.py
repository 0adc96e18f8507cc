"""INIT and COOKIE ECHO for an association that exists: RFC 9260 section 5.2, packet by packet."""

import errno
from ipaddress import ip_address

import packets
import pytest
from asserts import dropped
from failures import watch
from net import (
    CLIENT,
    CLIENT_ADDRESSES,
    MILLISECOND,
    SECOND,
    SERVER,
    SERVER_ADDRESSES,
    SERVER_PORT,
    Network,
    Puppet,
    Server,
    State,
    connect,
    parameters,
)
from packets import (
    ABORT,
    COOKIE_ACK,
    COOKIE_ECHO,
    DATA,
    ERROR,
    INIT,
    INIT_ACK,
    SACK,
    SHUTDOWN,
    SHUTDOWN_ACK,
    SHUTDOWN_COMPLETE,
    STATE_COOKIE,
)

FIRST, OTHER, STRANGE = "10.0.0.1", "10.0.0.3", "10.0.0.5"
STALE_COOKIE, NEW_ADDRESSES, COOKIE_WHILE_SHUTTING_DOWN = 3, 11, 10
ASSOC_CHANGE, RESTART = 0x8001, 2


def address_list(*hosts):
    return b"".join(packets.parameter(5, ip_address(host).packed) for host in hosts)


def assoc_changes(side):
    return [content[0] for kind, content in side.notifications if kind == ASSOC_CHANGE]


def cookie_of(answer):
    return dict(answer[INIT_ACK].parameters)[STATE_COOKIE]


def echo(cookie):
    return packets.chunk(COOKIE_ECHO, 0, cookie)


@pytest.fixture
def net():
    """A puppet with three addresses, two of which it has told, and a server that it is connected to."""
    network = watch(Network(3))
    host = network.host("server", SERVER, parameters=parameters())
    puppet = Puppet(network, FIRST, more=[OTHER, STRANGE])
    puppet.server, puppet.endpoint = Server(network, host), host.endpoint
    puppet.establish(parameters=address_list(FIRST, OTHER))
    puppet.side = puppet.server.sides[0]
    puppet.wait(2 * SECOND)
    puppet.forget()
    return puppet


def assert_untouched(net):
    """The association goes on under its old tags."""
    tag = net.side.snapshot()["peer_tag"]
    assert tag == net.tag
    (sack,) = [answer for answer in net.ask(net.data(), net.data()) if packets.SACK in answer.types]
    assert sack.tag == net.tag
    assert net.side.state == State.ESTABLISHED
    assert net.endpoint.association_count == 1
    assert assoc_changes(net.side) == [0]


# --- INIT (5.2.2)


@pytest.mark.parametrize(
    ("hosts", "source", "added"),
    [
        ((FIRST, OTHER, STRANGE), FIRST, [STRANGE]),
        ((STRANGE,), OTHER, [STRANGE]),
        ((FIRST, OTHER), STRANGE, [STRANGE]),
        ((OTHER, "10.0.0.77", "10.0.0.78"), STRANGE, [STRANGE, "10.0.0.77", "10.0.0.78"]),
    ],
    ids=["listed", "listed alone", "source", "source and listed"],
)
def test_restart_that_adds_addresses_is_refused(net, hosts, source, added):
    """9260-5.2.2-01, 9260-5.1.2-03: ABORT under the INIT's tag, cause 11 lists what is new; no change."""
    answers = net.ask(packets.init(0x99, parameters=address_list(*hosts)), tag=0, source=source)
    (answer,) = answers
    assert (answer.types, answer.tag, answer.chunks[0].flags) == ([ABORT], 0x99, 0)
    ((code, value),) = answer[ABORT].causes
    assert code == NEW_ADDRESSES
    assert [str(ip_address(host)) for _, host in packets.tlvs(value)] == added
    assert net.routes[-1][1] == source
    assert_untouched(net)


@pytest.mark.parametrize("source", [FIRST, OTHER])
def test_restart_without_new_addresses(net, source):
    """9260-5.2.2-02, -04, 9260-5.2.4-04 (row X X M M): from either address; RESTART, and all begins anew."""
    net.side.send(bytes(5000))
    net.ask(net.data())
    net.tag, net.tsn, net.ssn = 0x99, 5000, 0
    (answer,) = net.ask(
        packets.init(net.tag, net.tsn, parameters=address_list(FIRST, OTHER)), tag=0, source=source
    )[-1:]
    old, net.peer_tag = net.peer_tag, answer[INIT_ACK].initiate_tag
    assert answer.tag == 0x99 and net.peer_tag not in (0, old)
    answers = net.ask(echo(cookie_of(answer)), net.data(b"new"), source=source)
    assert [a.types[0] for a in answers if a.tag == 0x99][:1] == [COOKIE_ACK]
    assert net.endpoint.association_count == 1
    assert assoc_changes(net.side) == [0, RESTART]
    assert net.side.received == [b"x", b"new"]
    snapshot = net.side.snapshot()
    assert snapshot["state"] == "ESTABLISHED"
    assert (snapshot["peer_tag"], snapshot["local_tag"]) == (0x99, net.peer_tag)
    assert [path["error_count"] for path in snapshot["paths"]] == [0, 0]
    assert {path["address"] for path in snapshot["paths"]} == {FIRST, OTHER}
    net.side.send(b"goes on")
    assert any(DATA in a.types for a in net.wait(10 * MILLISECOND))


def test_autoclose_after_a_restart():
    """RFC 6458 section 8.1.8: a restarted association, too, ends once it has been idle for the time."""
    made = parameters(autoclose=5 * SECOND)
    network = watch(Network(3))
    host = network.host("server", SERVER, parameters=made)
    net = Puppet(network, FIRST)
    net.server, net.endpoint = Server(network, host, parameters=made), host.endpoint
    net.establish()
    (side,) = net.server.sides
    net.tag, net.tsn = 0x99, 5000
    net.establish()
    assert assoc_changes(side) == [0, RESTART]
    net.wait(6 * SECOND)
    assert [packet.types for packet in net.inbox][:1] == [[packets.SHUTDOWN]]


def test_restart_with_fewer_addresses(net):
    """9260-5.2.2-01, 9260-5.1.2-02: an address that is not told again is the peer's no more."""
    net.tag, net.tsn = 0x99, 5000
    (answer,) = net.ask(packets.init(net.tag, net.tsn), tag=0)
    net.peer_tag = answer[INIT_ACK].initiate_tag
    net.ask(echo(cookie_of(answer)))
    assert [path["address"] for path in net.side.snapshot()["paths"]] == [FIRST]
    net.forget()
    net.ask(net.data(), source=OTHER)
    assert net.side.received == []


def test_tie_tags_are_not_the_tags(net):
    """9260-5.2.2-04, RFC 5062 section 3.3: random, not 0, and they stay until the association restarts."""
    net.ask(packets.init(0x99, parameters=address_list(FIRST, OTHER)), tag=0)
    snapshot = net.side.association
    ties = snapshot.local_tie_tag, snapshot.peer_tie_tag
    assert 0 not in ties and not set(ties) & {net.tag, net.peer_tag}
    net.ask(packets.init(0x98, parameters=address_list(FIRST, OTHER)), tag=0)
    assert (snapshot.local_tie_tag, snapshot.peer_tie_tag) == ties


# --- COOKIE ECHO: the table of 5.2.4 (local tag, peer's tag, tie-tags)


def test_row_with_matching_tags(net):
    """9260-5.2.4-08 (M M A A, D): COOKIE ACK again, no other change."""
    network = net.network
    cookie = next(
        packets.parse(r.packet)[COOKIE_ECHO].value for r in network.records
        if packets.first_type(r.packet) == COOKIE_ECHO
    )
    for source in (FIRST, OTHER):
        net.forget()
        (answer,) = net.ask(echo(cookie), source=source)
        assert (answer.types, net.routes[-1][1]) == ([COOKIE_ACK], source)  # 9260-6.4-02
    assert_untouched(net)


def test_unknown_tags_without_tie_tags_are_dropped():
    """9260-5.2.4-03, 9260-5.1.2-03 (X X 0 0): a cookie of before it, with other tags, is dropped silently."""
    network = watch(Network(3))
    host = network.host("server", SERVER)
    net = Puppet(network, FIRST, more=[OTHER, STRANGE])
    net.server, net.endpoint = Server(network, host), host.endpoint
    (stray,) = net.ask(packets.init(0x77, parameters=address_list(FIRST, OTHER)), tag=0)
    (other,) = net.ask(packets.init(0x78, parameters=address_list(FIRST)), tag=0, source=STRANGE)
    net.establish(parameters=address_list(FIRST, OTHER))
    net.side = net.server.sides[0]
    for answer, source in ((stray, FIRST), (stray, OTHER), (other, STRANGE)):
        assert net.ask(echo(cookie_of(answer)), tag=answer[INIT_ACK].initiate_tag, source=source) == []
    assert dropped(net.endpoint, "cookie_mismatch") == 3  # 9260-5.1.2-03: listed addresses find it too
    assert_untouched(net)


def test_tie_tags_of_an_earlier_life_are_dropped(net):
    """9260-5.2.4-03: after a restart a cookie with the tie-tags of before is in no row."""
    cookies = []
    for tag in (0x98, 0x99):
        (answer,) = net.ask(packets.init(tag, 5000, parameters=address_list(FIRST, OTHER)), tag=0)
        cookies.append((cookie_of(answer), answer[INIT_ACK].initiate_tag))
    net.ask(echo(cookies[0][0]), tag=cookies[0][1])
    assert assoc_changes(net.side) == [0, RESTART]
    net.forget()
    assert net.ask(echo(cookies[1][0]), tag=cookies[1][1]) == []
    assert assoc_changes(net.side) == [0, RESTART]
    assert dropped(net.endpoint, "cookie_mismatch") == 1


def test_order_of_the_checks_of_a_cookie(net):
    """9260-5.2.4-01, 9260-5.2.4-02: MAC, then age, then tags: an old cookie is silently dropped if it is
    forged, and an error whatever its tags say, but for both being right.
    """
    first = next(packets.parse(r.packet) for r in net.network.records
                 if packets.first_type(r.packet) == COOKIE_ECHO)[COOKIE_ECHO].value
    restarts = []
    for tag in (0x98, 0x99):
        (answer,) = net.ask(packets.init(tag, 5000, parameters=address_list(FIRST, OTHER)), tag=0)
        restarts.append((cookie_of(answer), answer[INIT_ACK].initiate_tag))
    net.wait(61 * SECOND)
    assert net.side.state == State.ESTABLISHED
    for cookie, tag in restarts:
        forged = cookie[:-1] + bytes([cookie[-1] ^ 1])
        assert net.ask(echo(forged), tag=tag) == []
    assert dropped(net.endpoint, "cookie_mac") == 2
    for cookie, tag in restarts:
        (answer,) = net.ask(echo(cookie), tag=tag)
        assert [code for code, _ in answer[ERROR].causes] == [STALE_COOKIE]
    assert dropped(net.endpoint, "cookie_stale") == 2
    (answer,) = net.ask(echo(first))
    assert answer.types == [COOKIE_ACK]
    assert_untouched(net)


def test_stale_cookie_that_is_in_no_row():
    """9260-5.2.4-01: of tags that the table would drop in silence, too, the age comes first."""
    network = watch(Network(3))
    host = network.host("server", SERVER)
    net = Puppet(network, FIRST)
    net.server, net.endpoint = Server(network, host), host.endpoint
    (stray,) = net.ask(packets.init(0x77), tag=0)
    net.establish()
    assert net.ask(echo(cookie_of(stray)), tag=stray[INIT_ACK].initiate_tag) == []
    net.wait(61 * SECOND)
    (answer,) = net.ask(echo(cookie_of(stray)), tag=stray[INIT_ACK].initiate_tag)
    assert [code for code, _ in answer[ERROR].causes] == [STALE_COOKIE]
    assert answer.tag == 0x77


@pytest.fixture
def both():
    """A client that also listens at its port, in COOKIE-WAIT, and a puppet in the place of its peer."""
    network = watch(Network(4))
    host = network.host("client", CLIENT)
    puppet = Puppet(network, SERVER, SERVER_PORT, CLIENT, SERVER_PORT, more=[STRANGE])
    puppet.server, puppet.endpoint = Server(network, host, port=SERVER_PORT), host.endpoint

    def call():
        puppet.client = connect(network, host, local_port=SERVER_PORT)
        puppet.wait(10 * MILLISECOND)
        puppet.peer_tag = puppet.inbox[-1][INIT].initiate_tag
        puppet.forget()

    puppet.call = call
    return puppet


@pytest.mark.parametrize("state", [State.COOKIE_WAIT, State.COOKIE_ECHOED, State.ESTABLISHED])
def test_row_with_another_tag_of_the_peer(both, state):
    """9260-5.2.1-01, 9260-5.2.4-06 (M X A A and M 0 A A, B): ESTABLISHED under the tag of the cookie."""
    both.call()
    if state == State.ESTABLISHED:  # a cookie with our tag can only come from before it was up
        both.ask(packets.init_ack(0x10, 100), tag=both.peer_tag)
        (answer,) = both.ask(packets.init(0x20, 200), tag=0)
        both.ask(packets.chunk(COOKIE_ACK))
    elif state == State.COOKIE_ECHOED:
        both.ask(packets.init_ack(0x10, 100), tag=both.peer_tag)
        (answer,) = both.ask(packets.init(0x20, 200), tag=0)
    else:
        (answer,) = both.ask(packets.init(0x20, 200), tag=0)
    assert both.client.state == state
    assert answer[INIT_ACK].initiate_tag == both.peer_tag  # 9260-5.2.1-01
    (answer, *_) = both.ask(echo(cookie_of(answer)))
    assert (answer.types[0], answer.tag) == (COOKIE_ACK, 0x20)
    assert both.client.state == State.ESTABLISHED
    assert both.client.snapshot()["peer_tag"] == 0x20
    assert both.endpoint.association_count == 1
    assert assoc_changes(both.client) == [0]
    both.forget()
    both.wait(20 * SECOND)
    assert not any({INIT, COOKIE_ECHO} & set(packet.types) for packet in both.inbox)  # T1 has stopped


def test_row_with_another_tag_of_ours(both):
    """9260-5.2.4-07 (X M 0 0, C): a cookie that comes late is dropped; state and timers stay."""
    (late,) = both.ask(packets.init(both.tag, both.tsn), tag=0)
    both.call()
    (echoed,) = both.ask(packets.init_ack(both.tag, both.tsn))
    assert echoed.types == [COOKIE_ECHO]
    assert both.ask(echo(cookie_of(late)), tag=late[INIT_ACK].initiate_tag) == []
    assert both.client.state == State.COOKIE_ECHOED
    assert dropped(both.endpoint, "cookie_mismatch") == 1
    again = both.wait(SECOND)
    assert [packet.types for packet in again] == [[COOKIE_ECHO]]
    both.ask(packets.chunk(COOKIE_ACK))
    assert both.client.state == State.ESTABLISHED


def test_init_from_an_unknown_source_in_cookie_wait(both):
    """9260-5.2.1-02: the INIT ACK goes to an address that the user gave and the INIT lists."""
    both.call()
    request = packets.init(0x20, 200, parameters=address_list(STRANGE, SERVER))
    (answer,) = both.ask(request, tag=0, source=STRANGE)
    assert (answer.types, both.routes[-1][1]) == ([INIT_ACK], SERVER)
    assert answer[INIT_ACK].initiate_tag == both.peer_tag
    (ack,) = both.ask(echo(cookie_of(answer)))
    assert ack.types[0] == COOKIE_ACK
    assert [path["address"] for path in both.client.snapshot()["paths"]] == [SERVER, STRANGE]


@pytest.mark.parametrize("delays", [(10, 10), (10, 3), (3, 10), (1, 30)])
def test_collision_of_hosts_with_two_addresses(delays):
    """9260-5.2.4-06, 9260-5.1.2-02: whoever's cookie wins, both sides know both addresses of the other."""
    network = watch(Network(8))
    a, b = network.host("a", *CLIENT_ADDRESSES), network.host("b", *SERVER_ADDRESSES)
    for one, other in zip(CLIENT_ADDRESSES, SERVER_ADDRESSES, strict=True):
        there, back = (delay * MILLISECOND for delay in delays)
        network.link(one, other).delay, network.link(other, one).delay = there, back
    Server(network, a, port=5000)
    Server(network, b, port=5000)
    sides = [
        connect(network, a, SERVER_ADDRESSES[:1], 5000, 5000),
        connect(network, b, CLIENT_ADDRESSES[:1], 5000, 5000),
    ]
    assert network.run_until(lambda: all(side.connected for side in sides), limit=10 * SECOND)
    network.run_for(5 * SECOND)
    for side, addresses in zip(sides, (SERVER_ADDRESSES, CLIENT_ADDRESSES), strict=True):
        assert {p["address"]: p["state"] for p in side.snapshot()["paths"]} == dict.fromkeys(addresses, 2)
    assert (a.endpoint.association_count, b.endpoint.association_count) == (1, 1)


def test_new_address_in_cookie_echoed(both):
    """9260-5.2.1-03: ABORT to the INIT that adds an address, the association comes up all the same."""
    both.call()
    both.ask(packets.init_ack(both.tag, both.tsn))
    (answer,) = both.ask(packets.init(0x20, parameters=address_list(STRANGE)), tag=0)
    assert (answer.types, answer.tag) == ([ABORT], 0x20)
    assert [code for code, _ in answer[ABORT].causes] == [NEW_ADDRESSES]
    both.ask(packets.chunk(COOKIE_ACK))
    assert both.client.state == State.ESTABLISHED


# --- the SHUTDOWN states


def begin_anew(net):
    """The peer has lost its TCB and sets the association up again; what the COOKIE ECHO is answered with."""
    net.tag, net.tsn, net.ssn = net.tag + 1, 5000, 0
    net.forget()
    net.ask(packets.init(net.tag, net.tsn, parameters=address_list(FIRST, OTHER)), tag=0)
    (answer,) = [packet for packet in net.inbox if INIT_ACK in packet.types]
    net.peer_tag, net.peer_tsn = answer[INIT_ACK].initiate_tag, answer[INIT_ACK].initial_tsn
    return net.ask(echo(cookie_of(answer)))


@pytest.mark.parametrize("leave", ["shutdown", "close"])
@pytest.mark.parametrize("state", ["SHUTDOWN_PENDING", "SHUTDOWN_SENT", "SHUTDOWN_RECEIVED"])
def test_shutdown_survives_a_restart(net, state, leave):
    """9260-5.2.4-04, 9260-9.2-01: the user has asked for the end, and gets it of the new association too.

    COOKIE ACK and SHUTDOWN go together, as Linux sends them.
    """
    if state != "SHUTDOWN_SENT":
        net.side.send(b"never acknowledged")
        net.wait(10 * MILLISECOND)
    if state == "SHUTDOWN_RECEIVED":
        net.ask(packets.shutdown(net.peer_tsn - 1))
    if leave == "shutdown":
        net.side.shutdown()
    else:
        net.side.association.close(net.network.now)
    net.wait(MILLISECOND)
    assert net.side.state == State[state]
    (answer,) = begin_anew(net)
    assert (answer.types, answer.tag) == ([COOKIE_ACK, SHUTDOWN], net.tag)
    assert answer[SHUTDOWN].cumulative_tsn_ack == net.tsn - 1
    assert net.side.state == State.SHUTDOWN_SENT
    assert net.side.association.submit(b"no more", now=net.network.now) == errno.ESHUTDOWN
    assert assoc_changes(net.side) == ([0, RESTART] if leave == "shutdown" else [0])
    (answer,) = net.ask(packets.chunk(SHUTDOWN_ACK))
    assert answer.types == [SHUTDOWN_COMPLETE]
    assert net.side.association.ended and net.side.error == 0
    assert net.endpoint.association_count == 0


def test_shutdown_of_the_peer_does_not_survive_its_restart(net):
    """9260-5.2.4-04: it was the peer that wanted to end, and it begins anew; our user may go on."""
    net.side.send(b"never acknowledged")
    net.wait(10 * MILLISECOND)
    net.ask(packets.shutdown(net.peer_tsn - 1))
    assert net.side.state == State.SHUTDOWN_RECEIVED
    (answer,) = begin_anew(net)
    assert answer.types == [COOKIE_ACK]
    net.side.send(b"goes on")
    (answer,) = net.wait(10 * MILLISECOND)
    assert answer[DATA].payload == b"goes on"


def test_shutdown_that_survived_is_repeated(net):
    """9260-9.2-01: the packet with COOKIE ACK and SHUTDOWN is lost; both come again."""
    net.side.shutdown()
    net.wait(MILLISECOND)
    begin_anew(net)
    (again,) = net.wait(5 * SECOND)[:1]
    assert again.types == [SHUTDOWN]
    assert SACK not in again.types


def test_autoclose_does_not_survive_a_restart():
    """RFC 6458 section 8.1.8: the association was idle, but whoever begins anew has something to say."""
    made = parameters(autoclose=5 * SECOND)
    network = watch(Network(3))
    host = network.host("server", SERVER, parameters=made)
    net = Puppet(network, FIRST)
    net.server, net.endpoint = Server(network, host, parameters=made), host.endpoint
    net.establish()
    (side,) = net.server.sides
    net.wait(6 * SECOND)
    assert side.state == State.SHUTDOWN_SENT
    net.tag, net.tsn = 0x99, 5000
    net.establish()
    assert side.state == State.ESTABLISHED


# --- SHUTDOWN-ACK-SENT


def test_init_in_shutdown_ack_sent(net):
    """9260-9.2-07: the INIT is dropped, SHUTDOWN ACK goes again under the old tag."""
    (answer,) = net.ask(packets.shutdown(net.peer_tsn - 1))
    assert answer.types == [SHUTDOWN_ACK]
    (again,) = net.ask(packets.init(0x99), tag=0)
    assert (again.types, again.tag) == ([SHUTDOWN_ACK], net.tag)
    assert net.side.state == State.SHUTDOWN_ACK_SENT


def test_cookie_in_shutdown_ack_sent(net):
    """9260-5.2.4-05: no new association; SHUTDOWN ACK again and ERROR with cause 10."""
    (answer,) = net.ask(packets.init(0x99, 5000), tag=0)
    net.ask(packets.shutdown(net.peer_tsn - 1))
    (again,) = net.ask(echo(cookie_of(answer)), tag=answer[INIT_ACK].initiate_tag)
    assert again.types == [SHUTDOWN_ACK, ERROR]
    assert [code for code, _ in again[ERROR].causes] == [COOKIE_WHILE_SHUTTING_DOWN]
    assert net.side.state == State.SHUTDOWN_ACK_SENT
    assert net.endpoint.association_count == 1
    assert RESTART not in assoc_changes(net.side)


def test_second_association_between_the_same_addresses():
    """9260-11.1.2, 9260-5.1.2-03: connect to an address of a peer that is connected fails at once."""
    network = watch(Network(4))
    host = network.host("client", CLIENT)
    puppet = Puppet(network, SERVER, SERVER_PORT, CLIENT, SERVER_PORT, more=["10.0.0.9"])
    connect(network, host, [SERVER, "10.0.0.9"], local_port=SERVER_PORT)
    for other in ([SERVER], ["10.0.0.9"], ["10.0.0.8", SERVER]):
        with pytest.raises(OSError) as refused:
            connect(network, host, other, local_port=SERVER_PORT)
        assert refused.value.errno == errno.EADDRNOTAVAIL
    assert host.endpoint.association_count == 1
    assert puppet.inbox == []
