"""A NAT between the hosts: other ports than the endpoints know (RFC 6951 sections 5.4, 5.5 and 5.7)."""

import packets
import pytest
from net import MILLISECOND, SECOND, SERVER, Link, Pair, connect, parameters

OUTSIDE = "192.0.2.1"


def behind_nat(seed=1, **changes):
    """A Pair whose client is behind a NAT, established, and the NAT."""
    p = Pair(seed, link=Link(delay=5 * MILLISECOND), parameters=parameters(**changes))
    nat = p.network.nat(OUTSIDE, p.client_host)
    return p.establish(), nat


def server_path(p):
    (path,) = p.server.snapshot()["paths"]
    return path


def test_the_peer_sees_the_outside():
    """6951-5-02, 6951-5-03, 6951-5-07: the address of the packets is the destination, no other is told."""
    p, _nat = behind_nat()
    assert (server_path(p)["address"], server_path(p)["udp_port"]) == (OUTSIDE, 20_000)
    p.client.send(b"there")
    p.server.send(b"back")
    p.run_for(SECOND)
    assert p.server.received == [b"there"] and p.client.received == [b"back"]
    p.close()


def test_rebinding_in_a_transfer():
    """6951-5-03: each packet with the right tag says where answers go; nothing is lost by a new mapping."""
    p, nat = behind_nat()
    messages = [i.to_bytes(2, "big") * 5000 for i in range(3000)]
    for message in messages:
        p.client.send(message)
    for rebinding in range(3):
        count = len(p.server.messages) + 30
        assert p.until(lambda count=count: len(p.server.messages) >= count, limit=10 * SECOND)
        nat.rebind()
        p.run_for(1100 * MILLISECOND)  # T3, as all SACKs went to the old port
        assert server_path(p)["udp_port"] == 20_001 + rebinding
    assert p.until(lambda: len(p.server.messages) == len(messages), limit=60 * SECOND)
    assert p.server.received == messages
    p.close()


def test_rebinding_of_an_idle_association():
    """6951-5-03: what is sent to the old port is lost, until the client's HEARTBEAT shows the new one."""
    p, nat = behind_nat(heartbeat_interval=5 * SECOND)
    p.run_for(SECOND)
    nat.rebind()
    p.server.send(b"are you there")
    p.run_for(500 * MILLISECOND)
    assert p.client.received == []
    assert p.until(lambda: p.client.received == [b"are you there"], limit=20 * SECOND)
    assert server_path(p)["udp_port"] == 20_001
    assert (p.client.error, p.server.error) == (0, 0)


def test_a_wrong_tag_moves_nothing():
    """6951-5-03: only a packet whose tag was checked tells the port."""
    p, _nat = behind_nat()
    forged = packets.packet(40_000, 13, 0xDEADBEEF, packets.heartbeat())
    p.network.inject(forged, OUTSIDE, SERVER, source_udp_port=666)
    p.run_for(SECOND)
    assert server_path(p)["udp_port"] == 20_000


def test_an_unreachable_port_is_no_end():
    """9260-10-03 (ICMP3), 6951-5-08: after a rebinding ICMP says that nobody has the old port; the client's
    next packet tells the new one, and what was lost goes again.
    """
    p, nat = behind_nat()
    p.network.link(OUTSIDE, SERVER).icmp = True
    nat.rebind()
    p.server.send(b"lost")
    p.run_for(SECOND // 2)
    assert p.server.error == 0 and p.client.received == []
    p.client.send(b"here")
    assert p.until(lambda: p.client.received == [b"lost"], limit=20 * SECOND)


def test_two_clients_behind_one_nat():
    """6951-5-02, 6951-5-10: same address and SCTP port, other UDP ports are not told apart; other SCTP ports
    are.
    """
    p, _nat = behind_nat()
    other_host = p.network.host("other", "10.0.0.9")
    p.network.nat(OUTSIDE, p.client_host, other_host)
    other = connect(p.network, other_host, local_port=40_001)
    p.run_for(SECOND)
    assert other.connected
    p.client.send(b"one")
    other.send(b"two")
    p.run_for(SECOND)
    assert [side.received for side in p.listener.sides] == [[b"one"], [b"two"]]


@pytest.mark.parametrize("seed", range(1, 4))
def test_storm_with_a_nat_that_rebinds(seed):
    """6951-5-03, 9260-6.2-01: 5 % loss and another mapping twice a second or more: all arrives once."""
    p = Pair(seed, link=Link(delay=5 * MILLISECOND, loss=0.05, reorder=0.05))
    nat = p.network.nat(OUTSIDE, p.client_host)
    p.establish()

    def rebind():
        nat.rebind()
        p.network.call_at(p.network.now + p.network.random.randint(100, 500) * MILLISECOND, rebind)

    rebind()
    messages = [i.to_bytes(2, "big") * 2000 for i in range(300)]
    for message in messages:
        p.client.send(message)
    assert p.until(lambda: len(p.server.messages) == 300, limit=600 * SECOND), f"seed {seed}"
    assert p.server.received == messages
