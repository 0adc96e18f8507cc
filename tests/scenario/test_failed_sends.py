"""What was not delivered when an association ends: reported, and to be got back.

RFC 9260 sections 11.1.14 (RECEIVE_UNSENT), 11.1.15 (RECEIVE_UNACKED) and 11.2.2 (SEND FAILURE); RFC 6458
sections 6.1.4 and 6.1.11.  What is given up while the association lives: see test_partial_reliability.py.
"""

import errno

import pytest
from net import MILLISECOND, SECOND, SERVER, UNORDERED, Network, Pair, connect, pair, parameters

from pysctpsock._cy.endpoint import Endpoint
from pysctpsock._cy.recvq import ReceiveQueue
from pysctpsock.sim import endpoint_seed

ASSOC_CHANGE, SEND_FAILED, SEND_FAILED_EVENT = 0x8001, 0x8003, 0x800D
COMM_LOST, RESTART, CANT_STR_ASSOC = 1, 2, 4
UNSENT, SENT = 0, 1
USER_INITIATED_ABORT, INVALID_STREAM_IDENTIFIER = 12, 1
OVERHEAD = 80


def told(side, kind=SEND_FAILED_EVENT):
    """[(sent, cause, (stream, flags, ppid, context, lifetime), data)] of the failed sends reported."""
    return [(each[0], each[1], each[2], each[4]) for number, each in side.notifications if number == kind]


def kinds(side):
    return [number for number, _ in side.notifications if number != 0x8002]


def blocked(**options):
    """A pair whose packets are lost from now on; the client has two messages under way and two queued."""
    p = pair(parameters=parameters(nodelay=True, **options))
    p.client.notifications.clear()
    for link in p.network.links(p.client_host, p.server_host):
        link.up = False
    p.client.send(b"one" * 10, 1, 11, 0, 0, 101)
    p.client.send(bytes(3000), 2, 12, UNORDERED, 0, 102)
    p.run_for(10 * MILLISECOND)
    p.client.send(bytes(range(256)) * 400, 3, 13, 0, 0, 103)  # more than cwnd: a part of it has TSNs
    p.client.send(b"four", 4, 14, 0, 0, 104)
    p.run_for(10 * MILLISECOND)
    return p


EXPECTED = [
    (SENT, (1, 0, 11, 101, 0), b"one" * 10),
    (SENT, (2, UNORDERED, 12, 102, 0), bytes(3000)),
    (SENT, (3, 0, 13, 103, 0), bytes(range(256)) * 400),
    (UNSENT, (4, 0, 14, 104, 0), b"four"),
]


@pytest.mark.parametrize("kind", [SEND_FAILED, SEND_FAILED_EVENT])
def test_abort(kind):
    """9260-11-02: behind COMM_LOST, what was sent first, whole messages in their order, the ABORT's cause."""
    p = blocked()
    p.client.abort(b"enough")
    p.client.read()
    wanted = [(sent, USER_INITIATED_ABORT, info, data) for sent, info, data in EXPECTED]
    assert told(p.client, kind) == wanted
    assert kinds(p.client) == [ASSOC_CHANGE, *[SEND_FAILED, SEND_FAILED_EVENT] * 4]
    assert p.client.notifications[0][1][0] == COMM_LOST


def test_abort_by_the_peer():
    """9260-11-02: the same at the side that is aborted; the other one had nothing to lose."""
    p = blocked()
    p.server.abort(b"enough")
    p.run_for(SECOND)
    for link in p.network.links(p.client_host, p.server_host):
        link.up = True
    p.run_for(5 * SECOND)  # a retransmission meets nobody, and is answered by an ABORT without a cause
    assert p.client.ended and p.client.error == errno.ECONNRESET
    assert [(each[0], each[2], each[3]) for each in told(p.client)] == EXPECTED
    assert told(p.server) == []


def test_peer_is_gone():
    """9260-11-02: too many retransmissions; there is no cause code."""
    p = blocked(association_max_retrans=2)
    assert p.until(lambda: p.client.ended)
    assert p.client.error == errno.ETIMEDOUT
    assert told(p.client) == [(sent, 0, info, data) for sent, info, data in EXPECTED]


def test_association_never_came_up():
    """9260-11-02: nothing was sent."""
    network = Network(1)
    host = network.host("client", "10.0.0.1")
    side = connect(network, host, SERVER, parameters=parameters(max_init_retransmits=1))
    side.send(b"early", 3, 5, 0, 0, 7)
    assert network.run_until(lambda: side.ended, 60 * SECOND)
    assert kinds(side) == [ASSOC_CHANGE, SEND_FAILED, SEND_FAILED_EVENT]
    assert side.notifications[0][1][0] == CANT_STR_ASSOC
    assert told(side) == [(UNSENT, 0, (3, 0, 5, 7, 0), b"early")]


def test_streams_that_the_peer_does_not_take():
    """9260-5.1.1-02: messages for them are reported with the cause Invalid Stream Identifier."""
    p = Pair(server_parameters=parameters(inbound_streams=3))
    p.connect()
    for stream_id in (2, 3, 9, 0):
        p.client.send(b"%d" % stream_id, stream_id, 0, 0, 0, stream_id)
    p.run_for(SECOND)
    assert [(sent, cause, info[3]) for sent, cause, info, _ in told(p.client)] == [
        (UNSENT, INVALID_STREAM_IDENTIFIER, 3),
        (UNSENT, INVALID_STREAM_IDENTIFIER, 9),
    ]
    assert sorted(p.listener.sides[0].received) == [b"0", b"2"]


def test_graceful_end_loses_nothing():
    """9260-11-02: after a shutdown there is nothing to report or to get back."""
    p = pair()
    for size in (1, 1000, 100_000):
        p.client.send(bytes(size))
    p.close()
    assert told(p.client) == told(p.server) == []
    assert p.client.association.receive_unacked() is p.client.association.receive_unsent() is None


def test_getting_it_back():
    """9260-11-01: RECEIVE_UNACKED and RECEIVE_UNSENT give back, oldest first, each message once."""
    p = blocked()
    association = p.client.association
    assert association.receive_unacked() is association.receive_unsent() is None
    p.client.abort()
    unacked = [association.receive_unacked() for _ in range(4)]
    assert unacked == [
        (b"one" * 10, 1, 0, 11, 0, 101),
        (bytes(3000), 2, 0, 12, UNORDERED, 102),
        (bytes(range(256)) * 400, 3, 0, 13, 0, 103),
        None,
    ]
    assert association.receive_unsent() == (b"four", 4, 0, 14, 0, 104)
    assert association.receive_unsent() is None
    assert association.send_queue.bytes_charged == 0


def test_what_is_acknowledged_is_not_reported():
    """9260-11-02: a message of which a part is missing is, with all its bytes."""
    p = pair(parameters=parameters(nodelay=True))
    p.client.send(b"there", 0, 0, 0, 0, 1)
    p.run_for(SECOND)
    large = bytes(range(256)) * 100
    p.client.send(large, 0, 0, 0, 0, 2)
    p.run_for(3 * MILLISECOND)
    assert 0 < p.client.snapshot()["outstanding"]["chunks"] < 18
    p.client.abort()
    p.client.read()
    assert told(p.client) == [(SENT, USER_INITIATED_ABORT, (0, 0, 0, 2, 0), large)]


def test_who_left_hears_nothing():
    """9260-11-02: close() gives up the notifications, and the messages with them."""
    p = blocked(association_max_retrans=1)
    association = p.client.association
    p.client.association.close(p.network.now)
    assert p.until(lambda: association.ended)
    assert told(p.client) == []
    assert association.receive_unacked() is association.receive_unsent() is None
    assert association.send_queue.bytes_charged == 0


def test_restart_of_the_peer():
    """9260-11-02: what the lost TCB had not acknowledged is reported before the restart."""
    p = pair(parameters=parameters(nodelay=True))
    p.client.notifications.clear()
    p.path(0, up=False)
    p.client.send(b"lost", 1, 0, 0, 0, 5)
    p.run_for(10 * MILLISECOND)
    p.path(0, up=True)
    host = p.server_host
    host.endpoint = Endpoint(endpoint_seed(99, "reborn"), parameters())
    again = connect(p.network, host, "10.0.0.1", p.client.association.local_port,
                    p.client.association.peer_port)
    assert p.until(lambda: again.connected or again.ended, 30 * SECOND)
    changes = [fields[0] for kind, fields in p.client.notifications if kind == ASSOC_CHANGE]
    assert changes == [RESTART]
    assert kinds(p.client)[:3] == [SEND_FAILED, SEND_FAILED_EVENT, ASSOC_CHANGE]
    assert told(p.client) == [(SENT, 0, (1, 0, 0, 5, 0), b"lost")]


def test_reports_that_nobody_reads_are_bounded():
    """9260-12-02: about twice the send buffer of them is kept, others are lost."""
    p = pair(parameters=parameters(send_buffer=20_000))
    p.client.reading = False
    for link in p.network.links(p.client_host, p.server_host):
        link.up = False
    for i in range(2000):
        p.client.send(bytes(1000), 0, 0, 0, 50, i)
        p.run_for(5 * MILLISECOND)
    queue = p.client.user.receive_queue
    assert 40_000 <= queue.notified_bytes < 40_000 + 2 * (1000 + OVERHEAD)
    p.client.read()
    assert queue.notified_bytes == 0
    assert 10 < len(told(p.client)) < 20


def test_reports_move_with_their_association():
    """RFC 6458 section 9.2: what sctp_peeloff takes along no longer counts for the socket that it leaves."""
    p = blocked()
    p.client.reading = False
    p.client.abort()
    queue, other = p.client.user.receive_queue, ReceiveQueue()
    weight = queue.notified_bytes
    assert weight == 2 * sum(len(data) + OVERHEAD for _, _, data in EXPECTED)
    queue.hand_over(p.client.association, other)
    assert (queue.notified_bytes, other.notified_bytes) == (0, weight)
    other.discard()
    assert other.notified_bytes == 0
