"""Partial reliability through sockets: how it is asked for, reported and counted.

RFC 3758, RFC 7496 section 4, RFC 6458 sections 5.3.2, 5.3.7, 6.1.4, 6.1.11 and 8.1.32, with Linux's numbers.
"""
import errno

import gevent
import pytest
from errnos import raises

from pysctpsock import notifications, socket
from pysctpsock.socket import (
    IPPROTO_SCTP,
    MSG_NOTIFICATION,
    SCTP_DATA_UNSENT,
    SCTP_DEFAULT_PRINFO,
    SCTP_EVENTS,
    SCTP_PR_ASSOC_STATUS,
    SCTP_PR_SCTP_ALL,
    SCTP_PR_SCTP_PRIO,
    SCTP_PR_SCTP_RTX,
    SCTP_PR_SCTP_TTL,
    SCTP_PR_STREAM_STATUS,
    SCTP_PR_SUPPORTED,
    SCTP_PRINFO,
    SCTP_SNDINFO,
    SCTP_UNORDERED,
    SOL_SOCKET,
    sctp_assoc_value,
    sctp_default_prinfo,
    sctp_event_subscribe,
    sctp_prinfo,
    sctp_prstatus,
    sctp_recvmsg,
    sctp_sendmsg,
    sctp_sndinfo,
)

WINDOW = 4000
LARGE = b"will be late".ljust(950)


@pytest.fixture
def pair(sockets):
    """A client that is told of failed sends, and a server with a small window that does not read."""
    listener = sockets.listener()
    listener.setsockopt(SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
    client = sockets.new()
    client.setsockopt(IPPROTO_SCTP, SCTP_EVENTS, sctp_event_subscribe(
        sctp_send_failure_event=1, sctp_send_failure_event_event=1))
    client.connect(listener.getsockname())
    server, _ = listener.accept()
    server.settimeout(5)
    client.setsockopt(IPPROTO_SCTP, socket.SCTP_NODELAY, 1)
    return client, sockets.keep(server)


def fill(client):
    """Send until there is no room for LARGE in the server's window, for a second at least; what was sent."""
    sent = [bytes([65 + i]) * 1000 for i in range(WINDOW // 1000 - 1)]
    for data in sent:
        client.send(data)
    with gevent.Timeout(5):
        while client.association.snapshot()["outstanding"]["chunks"]:
            gevent.sleep(0.001)
    assert client.association.snapshot()["peer_rwnd"] < len(LARGE)
    return sent


def report(client):
    """The next notification."""
    data, _, _, flags = sctp_recvmsg(client, 65536)
    assert flags & MSG_NOTIFICATION
    return notifications.parse(data)


def status(sock, option=SCTP_PR_ASSOC_STATUS, policy=SCTP_PR_SCTP_ALL, stream=0):
    """(abandoned unsent, abandoned sent)."""
    found = sctp_prstatus.unpack(sock.getsockopt(IPPROTO_SCTP, option, sctp_prstatus(0, stream, policy)))
    return found.sprstat_abandoned_unsent, found.sprstat_abandoned_sent


def test_life_time(pair):
    """Cases 56, 92: it is never delivered, the next message is, and the sender gets it back in both forms."""
    client, server = pair
    sent = fill(client)
    for _ in range(5):
        sctp_sendmsg(client, LARGE, ppid=7, stream_no=3, timetolive=50, context=99)
    sctp_sendmsg(client, b"no hurry", stream_no=3)
    old, new = report(client), report(client)
    assert (old.ssf_length, old.tail) == (48 + len(LARGE), LARGE)
    assert (new.ssf_length, new.tail) == (32 + len(LARGE), LARGE)
    assert (new.ssf_flags, new.ssf_error) == (SCTP_DATA_UNSENT, 0)
    assert (old.ssf_info.sinfo_context, old.ssf_info.sinfo_timetolive) == (99, 50)
    assert (new.ssfe_info.snd_sid, new.ssfe_info.snd_ppid, new.ssfe_info.snd_context) == (3, 7, 99)
    for _ in range(8):
        report(client)
    received = [server.recv(65536) for _ in range(len(sent) + 1)]
    assert received == [*sent, b"no hurry"]
    assert status(client) == status(client, policy=SCTP_PR_SCTP_TTL) == (5, 0)
    assert status(client, SCTP_PR_STREAM_STATUS, SCTP_PR_SCTP_TTL, 3) == (5, 0)
    assert status(client, SCTP_PR_STREAM_STATUS, SCTP_PR_SCTP_ALL, 2) == (0, 0)


@pytest.mark.parametrize("way", ["flags", "prinfo", "sndinfo and prinfo", "default"])
def test_ways_to_ask_for_a_policy(pair, way):
    """SNDRCV flags, SCTP_PRINFO alone or with SNDINFO, SCTP_DEFAULT_PRINFO: the policy is counted."""
    client, _ = pair
    prinfo = (IPPROTO_SCTP, SCTP_PRINFO, bytes(sctp_prinfo(SCTP_PR_SCTP_TTL, 30)))
    sndinfo = (IPPROTO_SCTP, SCTP_SNDINFO, bytes(sctp_sndinfo(snd_flags=SCTP_UNORDERED, snd_context=5)))
    fill(client)
    if way == "flags":
        sctp_sendmsg(client, LARGE, flags=SCTP_PR_SCTP_TTL, timetolive=30)
    elif way == "prinfo":
        client.sendmsg([LARGE], [prinfo])
    elif way == "sndinfo and prinfo":
        client.sendmsg([LARGE], [sndinfo, prinfo])
    else:
        client.setsockopt(IPPROTO_SCTP, SCTP_DEFAULT_PRINFO, sctp_default_prinfo(0, 30, SCTP_PR_SCTP_TTL))
        client.send(LARGE)
    report(client)
    # As on Linux the flags are those of the DATA chunk (RFC 9260 section 3.3.1): U, B and E.
    assert report(client).ssfe_info.snd_flags == (0x07 if "sndinfo" in way else 0x03)
    assert status(client, policy=SCTP_PR_SCTP_TTL) == (1, 0)


def test_priority_makes_room(pair):
    """RFC 7496 section 3.2: a send that would wait takes the place of less important messages."""
    client, _ = pair
    client.setsockopt(SOL_SOCKET, socket.SO_SNDBUF, 20_000)
    fill(client)
    client.settimeout(0)
    with raises(errno.EAGAIN):
        while True:
            sctp_sendmsg(client, LARGE, flags=SCTP_PR_SCTP_PRIO, timetolive=5)
    assert status(client) == (0, 0)
    sctp_sendmsg(client, LARGE, flags=SCTP_PR_SCTP_PRIO, timetolive=4)
    assert status(client, policy=SCTP_PR_SCTP_PRIO) == (1, 0)


def test_switched_off(sockets):
    """SCTP_PR_SUPPORTED: of an association what both agreed on; setting it concerns later ones."""
    listener = sockets.listener()
    listener.setsockopt(IPPROTO_SCTP, SCTP_PR_SUPPORTED, sctp_assoc_value(0, 0))
    clients = [sockets.new() for _ in range(2)]
    for client in clients:
        client.connect(listener.getsockname())
        listener.setsockopt(IPPROTO_SCTP, SCTP_PR_SUPPORTED, sctp_assoc_value(0, 1))
    values = [sctp_assoc_value.unpack(client.getsockopt(IPPROTO_SCTP, SCTP_PR_SUPPORTED, 8)).assoc_value
              for client in clients]
    assert values == [0, 1]
    clients[1].setsockopt(IPPROTO_SCTP, SCTP_PR_SUPPORTED, sctp_assoc_value(0, 0))
    value = clients[1].getsockopt(IPPROTO_SCTP, SCTP_PR_SUPPORTED, 8)
    assert sctp_assoc_value.unpack(value).assoc_value == 1


def test_default_shares_its_place():
    """SCTP_DEFAULT_PRINFO and SCTP_DEFAULT_SEND_PARAM show the same policy and lifetime, as on Linux."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP)
    sock.setsockopt(IPPROTO_SCTP, SCTP_DEFAULT_PRINFO, sctp_default_prinfo(0, 3, SCTP_PR_SCTP_RTX))
    shown = socket.sctp_sndrcvinfo.unpack(sock.getsockopt(IPPROTO_SCTP, socket.SCTP_DEFAULT_SEND_PARAM, 32))
    assert (shown.sinfo_flags, shown.sinfo_timetolive) == (SCTP_PR_SCTP_RTX, 3)
    sock.setsockopt(IPPROTO_SCTP, SCTP_DEFAULT_PRINFO, sctp_default_prinfo(0, 3, 0))
    assert bytes(12) == sock.getsockopt(IPPROTO_SCTP, SCTP_DEFAULT_PRINFO, 12)
    sock.close()


def test_failed_sends_at_the_end(pair):
    """Case 56: behind COMM_LOST, what was not acknowledged comes back."""
    client, server = pair
    client.setsockopt(IPPROTO_SCTP, SCTP_EVENTS, sctp_event_subscribe(
        sctp_association_event=1, sctp_send_failure_event_event=1))
    fill(client)
    for i in range(3):
        sctp_sendmsg(client, LARGE, context=i)
    server.close()  # with messages unread: an ABORT
    assert report(client).sac_state == socket.SCTP_COMM_LOST
    assert [report(client).ssfe_info.snd_context for _ in range(3)] == [0, 1, 2]
