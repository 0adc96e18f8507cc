"""The buffers of a one-to-many socket are shared by its associations, as Linux has it by default.

(RFC 6458 leaves it open; net.sctp.rcvbuf_policy and sndbuf_policy 0.)  However many peers there are, what
waits is bounded by the socket's buffer and a small share for each, which an association has whatever the
others do.
"""

import errno

import pytest
from asserts import assert_same_messages
from failures import watch
from net import (
    CLIENT_PORT,
    MILLISECOND,
    SECOND,
    SERVER,
    SERVER_PORT,
    Link,
    Network,
    Side,
    connect,
    parameters,
)

from pysctpsock._cy.audit import faults
from pysctpsock._cy.user import Ready, SctpUser

SHARE, RECORD, IN_FLIGHT = 8192, 64, 20_000
PEERS = 40


class Many:
    """A one-to-many socket and `count` peers, each a host of its own."""

    def __init__(self, count, **options):
        self.network = watch(Network(5, Link(delay=MILLISECOND)))
        made = parameters(**options)
        host = self.network.host("server", SERVER, parameters=made)
        self.side = Side(self.network, host)
        self.side.user.one_to_many = True
        host.endpoint.listen(self.side.user, SERVER, SERVER_PORT, 5, made)
        self.peers = [
            connect(self.network, self.network.host(f"peer {i}", f"10.0.1.{i + 1}"), local_port=CLIENT_PORT,
                    parameters=parameters(send_buffer=1 << 20))
            for i in range(count)
        ]
        assert self.network.run_until(lambda: all(peer.connected for peer in self.peers))
        self.network.run_for(SECOND)
        self.endpoint, self.user = host.endpoint, self.side.user

    def check(self):
        for association in self.endpoint.associations:
            assert faults(association, self.network.now) == []


@pytest.mark.parametrize("size", [100, 1400, 5000, 60_000])
def test_what_is_not_read_is_bounded(size):
    """40 peers send as fast as they can to a program that does not read; later all of it is read."""
    made = Many(PEERS, receive_buffer=100_000)
    made.side.reading = False
    sent = [bytes([i]) * size for i in range(PEERS)] * max(1, 300_000 // size // 4)
    for i, data in enumerate(sent):
        made.peers[i % PEERS].send(data)
    most = 0
    for _ in range(100):
        made.network.run_for(20 * MILLISECOND)
        most = max(most, made.user.held)
    made.check()
    assert 100_000 <= most + size <= 2 * 100_000 + PEERS * (SHARE + IN_FLIGHT)
    made.side.reading = True
    made.side.read()
    assert made.network.run_until(lambda: len(made.side.messages) == len(sent), limit=1000 * SECOND)
    assert_same_messages(sorted(made.side.received), sorted(sent))
    made.network.run_for(SECOND)
    made.check()
    assert made.user.held == 0


def test_one_association_has_all_of_it():
    """Nothing is kept back for peers that do not use it."""
    made = Many(PEERS, receive_buffer=100_000)
    made.side.reading = False
    made.peers[7].send(bytes(300_000))
    made.network.run_for(5 * SECOND)
    assert made.user.held > 90_000


def test_a_share_is_left_for_each():
    """One that fills the buffer does not shut the others out."""
    made = Many(3, receive_buffer=100_000)
    made.side.reading = False
    for _ in range(30):
        made.peers[0].send(bytes(10_000))
    made.network.run_for(5 * SECOND)
    before = made.network.now
    for peer in made.peers[1:]:
        for _ in range(7):
            peer.send(bytes(1000))
    assert made.network.run_until(lambda: all(
        peer.snapshot()["send_queue"]["messages"] == 0 and peer.snapshot()["outstanding"]["chunks"] == 0
        for peer in made.peers[1:]))
    assert made.network.now - before < SECOND


def test_an_end_gives_its_part_back():
    made = Many(2, receive_buffer=100_000)
    made.side.reading = False
    made.peers[0].send(bytes(3000))
    made.network.run_for(SECOND)
    assert made.user.held == 3000 + RECORD
    made.peers[0].abort()
    made.network.run_for(SECOND)
    assert made.user.held == 3000 + RECORD  # it can be read still
    made.side.read()
    assert (made.user.held, made.user.charged) == (0, 0)


def test_peel_off_takes_its_part_along():
    made = Many(2, receive_buffer=100_000, send_buffer=100_000)
    made.side.reading = False
    for peer, size in zip(made.peers, (3000, 5000), strict=True):
        peer.reading = False
        peer.send(bytes(size))
    made.network.run_for(SECOND)
    first, second = made.endpoint.associations
    sizes = [association.snapshot()["unread_bytes"] for association in (first, second)]
    for association in (first, second):
        assert association.submit(bytes(20_000), now=made.network.now) == 0
    user = SctpUser(made.endpoint.ready_list)
    first.peel_off(user)
    assert (user.held, user.charged) == (sizes[0] + RECORD, 20_080)
    assert (made.user.held, made.user.charged) == (sizes[1] + RECORD, 20_080)
    made.check()


# --- sending


def test_what_is_not_taken_is_bounded():
    """Messages to peers that do not read: one buffer for all, and one message beyond each one's share."""
    made = Many(PEERS, send_buffer=100_000, receive_buffer=4000)
    for peer in made.peers:
        peer.reading = False
    associations, refused = made.endpoint.associations, 0
    for _ in range(100):
        for association in associations:
            result = association.submit(bytes(2000), now=made.network.now)
            assert result in (0, errno.EAGAIN)
            refused += result != 0
    assert refused
    assert 100_000 <= made.user.charged <= 100_000 + PEERS * (SHARE + 2080)
    made.check()


def test_who_waits_for_one_goes_on_when_another_makes_room():
    """The room is the socket's: an acknowledgement of any association wakes its senders."""
    made = Many(2, send_buffer=50_000)
    first, second = made.endpoint.associations
    while first.submit(bytes(2000), now=made.network.now) == 0:
        pass
    while second.submit(bytes(2000), now=made.network.now) == 0:
        pass
    assert second.snapshot()["send_queue"]["bytes_charged"] < 2 * SHARE
    made.side.flags &= ~Ready.WRITABLE
    made.network.run_for(SECOND)
    assert made.side.flags & Ready.WRITABLE
    assert made.user.charged == 0


def test_a_peer_that_does_not_read_holds_up_no_other():
    made = Many(4, send_buffer=50_000)
    made.peers[0].reading = False
    stuck, *others = made.endpoint.associations
    if stuck.peer_host != "10.0.1.1":
        stuck, others = next((a, [b for b in made.endpoint.associations if b is not a])
                             for a in made.endpoint.associations if a.peer_host == "10.0.1.1")
    for _ in range(3000):
        if stuck.submit(bytes(1000), now=made.network.now) == errno.EAGAIN and stuck.snapshot()[
                "outstanding"]["chunks"] == 0:
            break
        made.network.run_for(MILLISECOND)
    assert made.user.charged >= 50_000
    for i in range(50):
        for association in others:
            while association.submit(bytes([i]) * 30_000, now=made.network.now) == errno.EAGAIN:
                made.network.run_for(MILLISECOND)
                assert made.network.now < 2000 * SECOND
    assert made.network.run_until(lambda: all(len(peer.messages) == 50 for peer in made.peers[1:]))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_what_makes_room_for_the_important_is_given_back_though_it_is_too_little(count):
    """RFC 7496 3.4: less important messages go; the account knows of it even if the buffer is still full."""
    made = Many(1, send_buffer=40_000)
    priority = 0x30
    association, = made.endpoint.associations

    def submit(length, flags=0, value=0):
        return association.submit(bytes(length), 0, 0, flags, value, now=made.network.now)

    for _ in range(count):
        assert submit(100, priority, 9) == 0
    assert submit(39_000) == 0
    assert submit(20_000) == 0
    assert submit(10) == errno.EAGAIN
    made.check()
    assert made.user.charged == association.snapshot()["send_queue"]["bytes_charged"]
