"""Messages in pieces and in parts over loopback, in both styles.

RFC 6458 sections 3.1.4, 6.1.7, 8.1.20 (FRAGMENT_INTERLEAVE), 8.1.21 (PARTIAL_DELIVERY_POINT) and 8.1.26
(EXPLICIT_EOR); RFC 9260 section 6.9.
"""
import errno
import os

import gevent
import pytest
from errnos import raises
from waiting import until

from pysctpsock import socket
from pysctpsock.socket import (
    IPPROTO_SCTP,
    MSG_DONTWAIT,
    MSG_EOR,
    MSG_NOTIFICATION,
    SCTP_EOR,
    SCTP_EVENT,
    SCTP_EXPLICIT_EOR,
    SCTP_FRAGMENT_INTERLEAVE,
    SCTP_PARTIAL_DELIVERY_EVENT,
    SCTP_PARTIAL_DELIVERY_POINT,
    SCTP_RCVINFO,
    SCTP_RECVRCVINFO,
    SCTP_UNORDERED,
    SO_RCVBUF,
    SO_SNDBUF,
    SOCK_SEQPACKET,
    SOL_SCTP,
    SOL_SOCKET,
    sctp_event,
    sctp_rcvinfo,
    sctp_sndinfo,
)

BEGIN = b"begin " * 500  # longer than the partial delivery point below
POINT = 1000


def option(sock, number, value):
    sock.setsockopt(SOL_SCTP, number, value)
    return sock


def receive(sock, flags=0):
    """(data, whether a message ends, its stream) of one read with SCTP_RCVINFO."""
    data, items, msg_flags, _ = sock.recvmsg(1 << 20, 64, flags)
    assert not msg_flags & MSG_NOTIFICATION
    [info] = [sctp_rcvinfo.unpack(item) for _, kind, item in items if kind == SCTP_RCVINFO]
    assert info.rcv_assoc_id or sock.type != SOCK_SEQPACKET
    return data, bool(msg_flags & MSG_EOR), info.rcv_sid


def receive_whole(sock):
    """A message of one association, its pieces joined; all its reads must be of one message."""
    first = None
    parts = []
    while True:
        data, items, msg_flags, _ = sock.recvmsg(1 << 20, 64)
        [info] = [sctp_rcvinfo.unpack(item) for _, kind, item in items if kind == SCTP_RCVINFO]
        seen = info.rcv_sid, info.rcv_ssn, info.rcv_flags, info.rcv_ppid, info.rcv_tsn, info.rcv_context
        first = first or seen
        assert seen == first
        parts.append(data)
        if msg_flags & MSG_EOR:
            return b"".join(parts), len(parts), info


def acknowledged(sock):
    """Whether all that the socket's association has sent has arrived."""
    [association] = sock.open_associations()
    return association.send_queue.count == 0 and association.outstanding.data_bytes == 0


def receiver_and_senders(sockets, level, count=2):
    """A one-to-many receiver that hands out what has 1000 bytes, and one-to-one senders with explicit EOR."""
    receiver = sockets.many()
    option(receiver, SCTP_RECVRCVINFO, 1)
    option(receiver, SCTP_FRAGMENT_INTERLEAVE, level)
    option(receiver, SCTP_PARTIAL_DELIVERY_POINT, POINT)
    senders = [option(sockets.connect(receiver), SCTP_EXPLICIT_EOR, 1) for _ in range(count)]
    return receiver, senders


def explicit_pair(sockets, point=0):
    listener = sockets.listener(SCTP_PARTIAL_DELIVERY_POINT=point)
    client = option(sockets.connect(listener), SCTP_EXPLICIT_EOR, 1)
    server = option(sockets.accept(listener), SCTP_RECVRCVINFO, 1)
    return client, server


@pytest.mark.parametrize("size", [0, 2000, 20_000, 524_288, None])
def test_the_greatest_point(ipv4, size):
    """Half of what SO_RCVBUF reads back, as on Linux, which is the whole window; more is EINVAL."""
    listener = ipv4.new()
    if size is not None:
        listener.setsockopt(SOL_SOCKET, SO_RCVBUF, size)
    most = listener.getsockopt(SOL_SOCKET, SO_RCVBUF) // 2
    for wrong in (most + 1, 1 << 30, -1):
        with raises(errno.EINVAL):
            listener.setsockopt(IPPROTO_SCTP, SCTP_PARTIAL_DELIVERY_POINT, wrong)
    listener.setsockopt(IPPROTO_SCTP, SCTP_PARTIAL_DELIVERY_POINT, most)
    listener.bind((ipv4.host, 0))
    listener.listen(1)
    client = ipv4.new()
    client.setsockopt(SOL_SOCKET, SO_SNDBUF, 2_000_000)
    client.connect(listener.getsockname())
    server = ipv4.accept(listener)
    assert server.getsockopt(IPPROTO_SCTP, SCTP_PARTIAL_DELIVERY_POINT) == most
    message = os.urandom(2 * most + 5000)  # works as one that the window cannot hold does
    sender = gevent.spawn(client.send, message)
    got = b""
    while len(got) < len(message):
        got += server.recv(1 << 21)
    assert got == message
    sender.join()


# ------------------------------------------------------------------ longer than the buffers

@pytest.mark.parametrize("flags", [0, SCTP_UNORDERED], ids=["ordered", "unordered"])
def test_a_message_longer_than_the_receive_buffer(ipv4, flags):
    """9260-6.9-05, one-to-one: pieces without MSG_EOR, the last one with it, the same data about each."""
    listener = ipv4.new()
    listener.setsockopt(SOL_SOCKET, SO_RCVBUF, 20_000)
    listener.bind((ipv4.host, 0))
    listener.listen(1)
    client = ipv4.new()
    client.setsockopt(SOL_SOCKET, SO_SNDBUF, 400_000)
    client.connect(listener.getsockname())
    server = option(ipv4.accept(listener), SCTP_RECVRCVINFO, 1)
    long = os.urandom(300_000)
    sender = gevent.spawn(lambda: [client.sctp_sendmsg(long, ppid=5, stream_no=3, flags=flags),
                                   client.sctp_sendmsg(b"short", ppid=6, stream_no=3)])
    data, count, info = receive_whole(server)
    assert data == long and count > 5
    assert (info.rcv_sid, info.rcv_ppid, info.rcv_flags) == (3, 5, flags)
    assert receive(server) == (b"short", True, 3)
    assert sender.get(timeout=5) == [300_000, 5]


def test_many_long_messages_at_once(ipv4):
    """One-to-many, the default level: each of several long messages comes in one piece after the other."""
    receiver = ipv4.new(type=SOCK_SEQPACKET)
    receiver.setsockopt(SOL_SOCKET, SO_RCVBUF, 20_000)
    option(receiver, SCTP_RECVRCVINFO, 1)
    receiver.bind((ipv4.host, 0))
    receiver.listen(5)
    senders = []
    for _ in range(4):
        sender = ipv4.new()
        sender.setsockopt(SOL_SOCKET, SO_SNDBUF, 400_000)
        sender.connect(receiver.getsockname())
        senders.append(sender)
    sent = [os.urandom(150_000) for _ in senders]
    for sender, data in zip(senders, sent, strict=True):
        sender.sctp_sendmsg(data)
    assert sorted(receive_whole(receiver)[0] for _ in sent) == sorted(sent)


def test_level_1_several_at_once(ipv4):
    """8.1.20, level 1: pieces of several associations' messages mix; by association each is intact."""
    receiver, senders = receiver_and_senders(ipv4, 1, 3)
    for number, sender in enumerate(senders):
        sender.send(bytes([number]) * 2000)
        until(lambda sender=sender: acknowledged(sender))
    for number, sender in enumerate(senders):
        sender.send(bytes([number]) * 7, MSG_EOR)
    found, ended = {}, 0
    while ended < 3:
        data, items, msg_flags, _ = receiver.recvmsg(1 << 20, 200)
        [info] = [sctp_rcvinfo.unpack(item) for _, kind, item in items if kind == SCTP_RCVINFO]
        found[info.rcv_assoc_id] = found.get(info.rcv_assoc_id, b"") + data
        ended += bool(msg_flags & MSG_EOR)
    assert sorted(found.values()) == [bytes([number]) * 2007 for number in range(3)]


# ------------------------------------------------------------------ interleaving

@pytest.mark.parametrize("level", [0, 1, 2])
def test_another_association_in_between(sockets, level):
    """8.1.20: at level 0 nothing comes between the pieces of a message, above it others' messages do."""
    receiver, (one, other) = receiver_and_senders(sockets, level)
    one.send(BEGIN)
    begun = b""
    while len(begun) < len(BEGIN):
        data, end, _ = receive(receiver)
        begun += data
        assert not end
    other.send(b"other", MSG_EOR)
    until(lambda: acknowledged(other))
    if level == 0:
        with raises(errno.EAGAIN):
            receiver.recv(100, MSG_DONTWAIT)
    else:
        assert receive(receiver) == (b"other", True, 0)
    one.send(b"end", MSG_EOR)
    assert receive(receiver) == (b"end", True, 0)
    if level == 0:
        assert receive(receiver) == (b"other", True, 0)


def test_no_descriptor_shows_what_waits(ipv4):
    """8.1.20, level 0: what may not be read yet does not make the socket readable."""
    receiver, (one, other) = receiver_and_senders(ipv4, 0)
    one.send(BEGIN)
    begun = b""
    while len(begun) < len(BEGIN):
        begun += receive(receiver)[0]
    other.send(b"other", MSG_EOR)
    until(lambda: acknowledged(other))
    assert receiver.user.receive_queue.count == 0
    one.send(b"end", MSG_EOR)
    until(lambda: receiver.user.receive_queue.count == 2)


def test_level_as_it_reads_back(sockets):
    """8.1.20: 2 is in force, and reads 1 as on Linux; so does what is no level."""
    for sock in (sockets.new(), sockets.new(type=SOCK_SEQPACKET)):
        assert sock.getsockopt(SOL_SCTP, SCTP_FRAGMENT_INTERLEAVE) == 0
        for value, level in ((1, 1), (2, 2), (3, 1), (-1, 1), (0, 0)):
            option(sock, SCTP_FRAGMENT_INTERLEAVE, value)
            assert sock.getsockopt(SOL_SCTP, SCTP_FRAGMENT_INTERLEAVE) == bool(value)
            assert sock.user.receive_queue.interleave == level


def test_half_read_with_a_small_buffer(ipv4):
    """3.1.4: the rest of what a small buffer took comes next at any level, then the next piece."""
    receiver, (one, other) = receiver_and_senders(ipv4, 2)
    one.send(BEGIN)
    until(lambda: acknowledged(one))
    other.send(b"other", MSG_EOR)
    until(lambda: acknowledged(other))
    begun = b""
    while len(begun) < 1200:
        data, _, msg_flags, _ = receiver.recvmsg(100, 200)
        assert msg_flags == 0 and len(data) == 100
        begun += data
    assert begun == BEGIN[:1200]


def test_peel_off_in_the_midst(ipv4):
    """9.2: the rest of the message comes at the new socket; what waited for its end need not any more."""
    receiver, (one, other) = receiver_and_senders(ipv4, 0)
    one.send(BEGIN)
    begun = b""
    while len(begun) < len(BEGIN):
        data, items, _, _ = receiver.recvmsg(1 << 20, 64)
        begun += data
    other.send(b"other", MSG_EOR)
    until(lambda: acknowledged(other))
    [info] = [sctp_rcvinfo.unpack(item) for _, kind, item in items if kind == SCTP_RCVINFO]
    peeled = ipv4.keep(receiver.sctp_peeloff(info.rcv_assoc_id))
    assert receive(receiver) == (b"other", True, 0)
    one.send(b"end", MSG_EOR)
    assert receive(peeled) == (b"end", True, 0)


def test_aborted_partial_delivery(sockets):
    """6.1.7: SCTP_PARTIAL_DELIVERY_EVENT names the association, stream and message, in Linux's layout."""
    client, server = explicit_pair(sockets, POINT)
    option(server, SCTP_EVENT, sctp_event(0, SCTP_PARTIAL_DELIVERY_EVENT, 1))
    client.sctp_sendmsg(b"whole", stream_no=4, flags=SCTP_EOR)
    assert receive(server) == (b"whole", True, 4)
    client.sctp_sendmsg(BEGIN, stream_no=4)
    begun = b""
    while len(begun) < len(BEGIN):
        begun += receive(server)[0]
    client.close()
    event, _, _, msg_flags = server.sctp_recvmsg(100)
    assert msg_flags == MSG_NOTIFICATION | MSG_EOR
    assert len(event) == event.pdapi_length == 24
    assert (event.pdapi_type, event.pdapi_flags, event.pdapi_indication) == (0x8006, 0, 0)
    assert (event.pdapi_stream, event.pdapi_seq) == (4, 1)
    assert event.pdapi_assoc_id == server.association.assoc_id
    with raises(errno.ECONNRESET):
        server.recv(100)


# ------------------------------------------------------------------ explicit EOR

def test_parts_of_a_message(sockets):
    """8.1.26: sends append to a message until one has SCTP_EOR, or MSG_EOR."""
    client, server = explicit_pair(sockets)
    for part in (b"one ", b"two "):
        assert client.sctp_sendmsg(part, ppid=3, stream_no=2) == 4
    assert client.sctp_sendmsg(b"three", ppid=3, stream_no=2, flags=SCTP_EOR) == 5
    assert receive(server) == (b"one two three", True, 2)
    info = sctp_sndinfo(snd_sid=1, snd_flags=SCTP_EOR)
    assert client.sctp_sendv([b"at ", b"once"], None, info, socket.SCTP_SENDV_SNDINFO) == 7
    client.send(b"by the flag ")
    client.send(b"of the call", MSG_EOR)
    assert receive(server) == (b"at once", True, 1)
    assert receive(server) == (b"by the flag of the call", True, 0)


def test_longer_than_the_send_buffer(ipv4):
    """8.1.26: one call may send more than SO_SNDBUF holds; without waiting it sends what there is room for"""
    listener = ipv4.listener()
    client = ipv4.new()
    client.setsockopt(SOL_SOCKET, SO_SNDBUF, 20_000)
    option(client, SCTP_EXPLICIT_EOR, 1).connect(listener.getsockname())
    server = option(ipv4.accept(listener), SCTP_RECVRCVINFO, 1)
    long = os.urandom(500_000)
    sender = gevent.spawn(client.send, long, MSG_EOR)
    assert receive_whole(server)[0] == long
    assert sender.get(timeout=5) == len(long)
    sent = client.send(long, MSG_DONTWAIT)
    assert 20_000 <= sent < len(long)
    while sent < len(long):
        sent += client.send(long[sent:], MSG_EOR)
    assert receive_whole(server)[0] == long


def test_errors_in_the_midst(sockets):
    """8.1.26: another stream, ppid or order is EINVAL and changes nothing."""
    client, server = explicit_pair(sockets)
    client.sctp_sendmsg(b"begin ", stream_no=1, ppid=2)
    for other in ({"stream_no": 2, "ppid": 2}, {"stream_no": 1, "ppid": 3},
                  {"stream_no": 1, "ppid": 2, "flags": SCTP_UNORDERED},
                  {"stream_no": 1, "ppid": 2, "timetolive": 1000}):
        with raises(errno.EINVAL):
            client.sctp_sendmsg(b"x", **other)
    with raises(errno.EINVAL):
        client.sctp_sendmsg(b"", stream_no=1, ppid=2, flags=SCTP_EOR)
    client.sctp_sendmsg(b"end", stream_no=1, ppid=2, flags=SCTP_EOR)
    assert receive(server) == (b"begin end", True, 1)


def test_switched_off_in_the_midst(ipv4):
    """8.1.26: then each send ends its message."""
    client, server = explicit_pair(ipv4)
    client.send(b"begin ")
    option(client, SCTP_EXPLICIT_EOR, 0)
    client.send(b"end")
    client.send(b"whole")
    assert [receive(server)[:2] for _ in range(2)] == [(b"begin end", True), (b"whole", True)]


def test_without_the_option_nothing_changes(sockets):
    """SCTP_EOR is EINVAL as on Linux, and each send is a message."""
    listener = sockets.listener()
    client = sockets.connect(listener)
    server = option(sockets.accept(listener), SCTP_RECVRCVINFO, 1)
    with raises(errno.EINVAL):
        client.sctp_sendmsg(b"x", flags=SCTP_EOR)
    client.send(b"one")
    client.send(b"two", MSG_EOR)
    assert [receive(server)[:2] for _ in range(2)] == [(b"one", True), (b"two", True)]


def test_parts_to_several_associations(ipv4):
    """8.1.26 on a one-to-many socket: each association has a message of its own under way."""
    sender = option(ipv4.many(), SCTP_EXPLICIT_EOR, 1)
    receivers = [option(ipv4.many(), SCTP_RECVRCVINFO, 1) for _ in range(2)]
    for receiver in receivers:
        sender.sctp_sendmsg(b"begin ", receiver.getsockname())
    for number, receiver in enumerate(receivers):
        sender.sctp_sendmsg(b"end %d" % number, receiver.getsockname(), flags=SCTP_EOR)
    for number, receiver in enumerate(receivers):
        assert receive(receiver)[:2] == (b"begin end %d" % number, True)


def test_accepted_sockets_have_it(ipv4):
    """As other switches of the listener."""
    listener = ipv4.listener(SCTP_EXPLICIT_EOR=1)
    client = ipv4.connect(listener)
    server = ipv4.accept(listener)
    assert server.getsockopt(IPPROTO_SCTP, SCTP_EXPLICIT_EOR) == 1
    server.send(b"one ")
    server.send(b"two", MSG_EOR)
    until(lambda: client.user.receive_queue.count)
    assert client.recv(100) == b"one two"
