"""Messages on one-to-one sockets: boundaries, streams, ancillary data, notifications (RFC 6458, 3 to 6)."""
import errno
import socket as kernel
import struct
import time

import gevent
import pytest
from errnos import raises
from many import until_queued
from waiting import fill, has_message, until

from pysctpsock import notifications, socket
from pysctpsock.socket import (
    IPPROTO_SCTP,
    MSG_CTRUNC,
    MSG_DONTWAIT,
    MSG_EOR,
    MSG_NOTIFICATION,
    MSG_PEEK,
    SCTP_EVENTS,
    SCTP_RCVINFO,
    SCTP_SNDINFO,
    SCTP_SNDRCV,
    SCTP_UNORDERED,
    sctp_event_subscribe,
    sctp_initmsg,
    sctp_prinfo,
    sctp_rcvinfo,
    sctp_recvmsg,
    sctp_recvv,
    sctp_send,
    sctp_sendmsg,
    sctp_sendv,
    sctp_sendv_spa,
    sctp_sndinfo,
    sctp_sndrcvinfo,
)


def subscribe(sock, **events):
    sock.setsockopt(IPPROTO_SCTP, SCTP_EVENTS, sctp_event_subscribe(**events))


# ------------------------------------------------------------------ send

def test_both_directions(sockets):
    """Cases 59, 60, 66."""
    client, server = sockets.pair()
    assert client.send(b"to the server") == 13
    assert server.send(memoryview(b"to the client, only a part")[:13]) == 13
    assert server.recv(99) == b"to the server"
    assert client.recv(99) == b"to the client"
    client.sendall(bytearray(b"bytearray"))
    assert server.recv(99) == b"bytearray"
    for sender, receiver in ((server, client), (client, server)):
        assert sender.sendmsg([b"one ", bytearray(b"message"), memoryview(b"!")]) == 12
        assert receiver.recvmsg(99) == (b"one message!", [], MSG_EOR, sender.getsockname())


def test_sends_on_a_listening_socket(sockets):
    """Cases 58, 61."""
    listener = sockets.listener()
    for call in (lambda: listener.send(b"x"), lambda: listener.sendmsg([b"x"]),
                 lambda: listener.sendall(b"x")):
        with raises(errno.EPIPE):
            call()


def test_sends_on_an_unconnected_socket(ipv4):
    with raises(errno.EPIPE):
        ipv4.new().send(b"x")


def test_empty_message(ipv4):
    client, _ = ipv4.pair()
    for call in (lambda: client.send(b""), lambda: client.sendmsg([]), lambda: client.sctp_sendmsg(b"")):
        with raises(errno.EINVAL):
            call()


def test_text_is_refused(ipv4):
    client, _ = ipv4.pair()
    with pytest.raises(TypeError):
        client.send("text")


def test_stream_out_of_range(sockets):
    """Case 74."""
    client, server = sockets.pair(SCTP_INITMSG=sctp_initmsg(5, 5, 4, 0))
    with raises(errno.EINVAL):
        sctp_sendmsg(client, b"x", stream_no=5)
    with raises(errno.EINVAL):
        sctp_sendmsg(client, b"x", stream_no=70000)
    assert sctp_sendmsg(client, b"x", stream_no=4) == 1
    assert server.recv(9) == b"x"


def test_highest_stream(sockets):
    """Cases 28 and 29: 65535 out, 10 in, one attempt, time-out 0."""
    listener = sockets.listener()
    client = sockets.connect(listener, SCTP_INITMSG=sctp_initmsg(65535, 10, 1, 0))
    server = sockets.accept(listener)
    status = socket.sctp_status.unpack(client.getsockopt(IPPROTO_SCTP, socket.SCTP_STATUS, 176))
    assert (status.sstat_outstrms, status.sstat_instrms) == (65535, 10)
    subscribe(server, sctp_data_io_event=1)
    sctp_sendmsg(client, b"top", stream_no=65534)
    data, _, info, _ = sctp_recvmsg(server, 99)
    assert (data, info.sinfo_stream) == (b"top", 65534)


@pytest.mark.parametrize("flags", [999, socket.SCTP_EOF, socket.SCTP_ABORT, socket.SCTP_ADDR_OVER])
def test_flags_that_are_refused(sockets, flags):
    """Cases 63, 64, 73, 98: EOF and ABORT are for one-to-many, ADDR_OVER wants an address."""
    client, server = sockets.pair()
    with raises(errno.EINVAL):
        sctp_sendmsg(client, b"x", flags=flags)
    with raises(errno.EINVAL):
        sctp_send(client, b"x", sctp_sndrcvinfo(sinfo_flags=flags))
    client.send(b"works")
    assert server.recv(9) == b"works"


@pytest.mark.parametrize("item", [
    (IPPROTO_SCTP, SCTP_SNDINFO, bytes(15)), (IPPROTO_SCTP, SCTP_SNDINFO, bytes(17)),
    (IPPROTO_SCTP, SCTP_SNDRCV, bytes(31)), (IPPROTO_SCTP, 99, b""),
    (IPPROTO_SCTP, socket.SCTP_PRINFO, sctp_prinfo(0x40, 1)),
])
def test_bad_ancillary_data(sockets, item):
    """Case 77."""
    client, _ = sockets.pair()
    with raises(errno.EINVAL):
        client.sendmsg([b"x"], [item])


@pytest.mark.parametrize(("kind", "size"), [(socket.SCTP_DSTADDRV4, 3), (socket.SCTP_DSTADDRV6, 17)])
def test_more_addresses_are_for_new_associations(sockets, kind, size):
    """Their length matters only to a message that begins one (case 77)."""
    client, server = sockets.pair()
    item = (IPPROTO_SCTP, kind, bytes(size))
    assert client.sendmsg([b"x"], [item]) == 1
    assert server.recv(9) == b"x"
    with raises(errno.EINVAL):
        sockets.new().sendmsg([b"x"], [item], 0, client.getpeername())


def test_other_levels_are_ignored(ipv4):
    client, server = ipv4.pair()
    assert client.sendmsg([b"x"], [(kernel.SOL_SOCKET, 1, b"whatever")]) == 1
    assert server.recv(9) == b"x"


def test_sndinfo_wins_over_sndrcv(ipv4):
    client, server = ipv4.pair()
    subscribe(server, sctp_data_io_event=1)
    client.sendmsg([b"x"], [(IPPROTO_SCTP, SCTP_SNDINFO, sctp_sndinfo(snd_sid=3)),
                            (IPPROTO_SCTP, SCTP_SNDRCV, sctp_sndrcvinfo(sinfo_stream=4))])
    assert sctp_recvmsg(server, 9)[2].sinfo_stream == 3


def test_send_defaults(ipv4):
    """SCTP_DEFAULT_SNDINFO is for messages that carry no information of their own (8.1.31)."""
    client, server = ipv4.pair()
    subscribe(server, sctp_data_io_event=1)
    client.setsockopt(IPPROTO_SCTP, socket.SCTP_DEFAULT_SNDINFO,
                      sctp_sndinfo(snd_sid=2, snd_ppid=0x11223344, snd_flags=SCTP_UNORDERED))
    client.send(b"default")
    client.sendmsg([b"own"], [(IPPROTO_SCTP, SCTP_SNDINFO, sctp_sndinfo(snd_sid=1))])
    infos = [sctp_recvmsg(server, 99)[2] for _ in range(2)]
    assert [(i.sinfo_stream, i.sinfo_ppid, i.sinfo_flags) for i in infos] == [(2, 0x11223344, SCTP_UNORDERED),
                                                                             (1, 0, 0)]


def test_too_long_for_the_send_buffer(ipv4):
    client, _ = ipv4.pair()
    client.setsockopt(kernel.SOL_SOCKET, kernel.SO_SNDBUF, 5000)
    with raises(errno.EMSGSIZE):
        client.send(bytes(10001))
    assert client.send(bytes(10000)) == 10000


def test_disable_fragments(sockets):
    """Case 87."""
    client, server = sockets.pair()
    client.setsockopt(IPPROTO_SCTP, socket.SCTP_DISABLE_FRAGMENTS, 1)
    assert client.getsockopt(IPPROTO_SCTP, socket.SCTP_DISABLE_FRAGMENTS) == 1
    with raises(errno.EMSGSIZE):
        client.send(bytes(100000))
    point = socket.sctp_assoc_value.unpack(client.getsockopt(IPPROTO_SCTP, socket.SCTP_MAXSEG, 8)).assoc_value
    with raises(errno.EMSGSIZE):
        client.send(bytes(point + 1))
    assert client.send(bytes(point)) == point
    assert server.recv(9999) == bytes(point)


def test_sendto_on_a_connected_socket(sockets):
    """Cases 68, 70, and an address that is not the peer's."""
    client, server = sockets.pair()
    assert client.sendto(b"to the peer", client.getpeername()) == 11
    assert client.sendto(memoryview(b"with flags, a part")[:10], 0, client.getpeername()) == 10
    assert [server.recv(99), server.recv(99)] == [b"to the peer", b"with flags"]
    with raises(errno.EADDRNOTAVAIL):
        client.sendto(b"x", (sockets.hosts(8, 2)[1], client.getpeername()[1]))
    with raises(errno.EADDRNOTAVAIL):
        client.sendto(b"x", (client.getpeername()[0], 1))


def test_sender_waits_for_room(ipv4):
    """A full send buffer blocks; what the peer reads lets it go on.  Nothing is lost or mixed."""
    client, server = ipv4.pair()
    messages = [bytes([n % 251]) * 3000 for n in range(1500)]  # four times the send buffer
    sender = gevent.spawn(lambda: [client.sendall(message) for message in messages])
    for message in messages:
        assert server.recv(9999) == message
    sender.get(timeout=5)


def test_full_send_buffer_without_waiting(ipv4):
    """EAGAIN, and room again after the peer has read."""
    client, server = ipv4.pair()
    sent = fill(client, 3000)
    client.settimeout(0.1)
    before = time.monotonic()
    with pytest.raises(TimeoutError):
        client.send(bytes(3000))
    assert time.monotonic() - before > 0.09
    with pytest.raises(BlockingIOError):
        client.send(bytes(3000), MSG_DONTWAIT)
    for _ in range(sent):
        assert len(server.recv(9999)) == 3000
    client.settimeout(5)
    assert client.send(b"room again") == 10
    assert server.recv(99) == b"room again"


def test_sender_learns_of_the_end(ipv4):
    """A sender that waits for room is woken by the association's end."""
    client, server = ipv4.pair()

    def flood():
        while True:
            client.send(bytes(3000))

    sender = gevent.spawn(flood)
    until(lambda: len(client._writers) and has_message(server))
    server.close()  # unread data: ABORT
    with raises(errno.ECONNRESET):
        sender.get(timeout=5)


# ------------------------------------------------------------------ receive

def test_pieces(sockets):
    """Cases 85 and 86: fifteen reads of 2000 bytes, MSG_EOR on the last; MSG_PEEK sees what remains."""
    client, server = sockets.pair()
    message = bytes(n * 7 % 256 for n in range(30000))
    client.send(message)
    for number in range(15):
        data, _, flags, _ = server.recvmsg(40000, 0, MSG_PEEK)
        assert data == message[2000 * number:]
        assert flags == MSG_EOR
        data, _, flags, _ = server.recvmsg(2000)
        assert data == message[2000 * number:2000 * number + 2000]
        assert flags == (MSG_EOR if number == 14 else 0)
    with pytest.raises(BlockingIOError):
        server.recv(1, MSG_DONTWAIT)


def test_pieces_by_recv(ipv4):
    client, server = ipv4.pair()
    client.send(b"abcdefghij")
    client.send(b"second")
    buffer = bytearray(4)
    assert server.recv(4) == b"abcd"
    assert server.recv_into(buffer) == 4
    assert buffer == b"efgh"
    assert server.recv_into(buffer, 1) == 1
    assert buffer == b"ifgh"
    assert server.recv(100) == b"j"
    assert server.recvfrom(100) == (b"second", client.getsockname())


@pytest.mark.parametrize("size", [1, 1353, 1500, 4096, 20000, 32768, 65536, 300_000])
def test_sizes(sockets, size):
    """Case 88: complete and identical."""
    client, server = sockets.pair()
    message = bytes(n * 31 % 256 for n in range(size))
    assert client.send(message) == size
    received = b""
    flags = 0
    while not flags & MSG_EOR:
        data, _, flags, _ = server.recvmsg(1 << 20)
        received += data
    assert received == message


def test_recv_into_rules(ipv4):
    client, server = ipv4.pair()
    client.send(b"message")
    with pytest.raises(ValueError, match="buffer too small"):
        server.recv_into(bytearray(3), 4)
    with pytest.raises(ValueError, match="negative"):
        server.recv(-1)
    with pytest.raises((TypeError, BufferError)):
        server.recv_into(b"read-only")
    parts = [bytearray(3), bytearray(9)]
    count, items, flags, address = server.recvmsg_into(parts)
    assert (count, items, flags, address) == (7, [], MSG_EOR, client.getsockname())
    assert parts == [b"mes", b"sage\0\0\0\0\0"]
    client.send(b"again")
    assert server.recvfrom_into(parts[1]) == (5, client.getsockname())


def test_empty_buffer(ipv4):
    """recvfrom(0), which goes to the kernel, returns once something is queued, and leaves it."""
    client, server = ipv4.pair()
    with pytest.raises(BlockingIOError):
        server.recvfrom(0, MSG_DONTWAIT)
    client.send(b"kept")
    assert server.recvfrom(0) == (b"", client.getsockname())
    assert server.recv(9) == b"kept"


def test_receive_without_association(sockets):
    """Case 84, and an unconnected socket."""
    for sock in (sockets.listener(), sockets.new()):
        for receive in (sock.recv, sock.recvmsg, sock.sctp_recvmsg, sock.recvfrom):
            with raises(errno.ENOTCONN):
                receive(9)
        with raises(errno.ENOTCONN):
            sock.recv_into(bytearray(9))


def test_nothing_to_read(sockets):
    """Cases 39 and 40; timeouts are kept."""
    _client, server = sockets.pair()
    server.setblocking(False)
    with raises(errno.EAGAIN):
        server.recvmsg(9)
    server.settimeout(0.15)
    before = time.monotonic()
    with pytest.raises(TimeoutError):
        server.recv(9)
    assert time.monotonic() - before > 0.14
    listener = sockets.listener()
    listener.setblocking(False)
    with raises(errno.EAGAIN):  # case 37
        listener.accept()


def test_polling_alone_receives(ipv4):
    """A program that only ever polls gets its data: the stack works inside the call."""
    client, server = ipv4.pair()
    client.send(b"polled")
    server.setblocking(False)
    deadline = time.monotonic() + 5
    while True:
        try:
            assert server.recv(9) == b"polled"
            return
        except BlockingIOError:
            assert time.monotonic() < deadline


def test_end_of_stream_has_no_flags(ipv4):
    client, server = ipv4.pair()
    client.close()
    assert server.recvmsg(9, 100) == (b"", [], 0, None)
    data, address, info, flags = server.sctp_recvmsg(9)
    assert (data, address, bytes(info), flags) == (b"", None, bytes(32), 0)
    assert server.recvfrom(9) == (b"", None)
    assert server.recvfrom_into(bytearray(9)) == (0, None)


# ------------------------------------------------------------------ what accompanies messages

def test_sndrcvinfo(sockets):
    """SNDRCV comes with data_io on: stream, ssn, ppid as the sender had it in memory, TSN, id (case 46)."""
    client, server = sockets.pair()
    client.send(b"before")
    assert bytes(sctp_recvmsg(server, 99)[2]) == bytes(32)
    subscribe(server, sctp_data_io_event=1)
    for _ in range(2):
        sctp_sendmsg(client, b"ordered", ppid=0x01020304, stream_no=1)
    sctp_sendmsg(client, b"unordered", flags=SCTP_UNORDERED, stream_no=1)
    first, second, third = (sctp_recvmsg(server, 99) for _ in range(3))
    assert first[0] == b"ordered"
    assert first[1] == client.getsockname()
    assert first[3] == MSG_EOR
    assert (first[2].sinfo_stream, first[2].sinfo_ppid, first[2].sinfo_flags) == (1, 0x01020304, 0)
    assert (first[2].sinfo_ssn, second[2].sinfo_ssn) == (0, 1)
    assert second[2].sinfo_tsn == (first[2].sinfo_tsn + 1) % 2**32
    assert first[2].sinfo_assoc_id == server.association.assoc_id
    assert (third[2].sinfo_flags, third[2].sinfo_ssn) == (SCTP_UNORDERED, 0)


def test_ancillary_data_of_received_messages(ipv4):
    """Order NXTINFO, RCVINFO, SNDRCV; MSG_CTRUNC where the buffer is too small."""
    client, server = ipv4.pair()
    subscribe(server, sctp_data_io_event=1)
    server.setsockopt(IPPROTO_SCTP, socket.SCTP_RECVRCVINFO, 1)
    server.setsockopt(IPPROTO_SCTP, socket.SCTP_RECVNXTINFO, 1)
    for number in range(3):
        sctp_sendmsg(client, b"message", stream_no=number, ppid=number)
    until_queued(server, 3)
    data, items, flags, _ = server.recvmsg(99, 200)
    assert [item[:2] for item in items] == [(132, socket.SCTP_NXTINFO), (132, SCTP_RCVINFO),
                                            (132, SCTP_SNDRCV)]
    assert flags == MSG_EOR
    following = socket.sctp_nxtinfo.unpack(items[0][2])
    assert (following.nxt_sid, following.nxt_ppid, following.nxt_length) == (1, 1, 7)
    assert sctp_rcvinfo.unpack(items[1][2]).rcv_assoc_id == server.association.assoc_id
    data, items, flags, _ = server.recvmsg(99, socket.CMSG_SPACE(16) + socket.CMSG_SPACE(28))
    assert [item[1] for item in items] == [socket.SCTP_NXTINFO, SCTP_RCVINFO]
    assert flags == MSG_EOR | MSG_CTRUNC
    data, items, flags, _ = server.recvmsg(99)
    assert (data, items, flags) == (b"message", [], MSG_EOR | MSG_CTRUNC)


@pytest.mark.parametrize("room", range(90))
def test_ancillary_data_that_does_not_fit(ipv4, room):
    """cmsg(3), put_cmsg() of Linux: what has room for its header is cut, MSG_CTRUNC says so."""
    client, server = ipv4.pair()
    subscribe(server, sctp_data_io_event=1)
    server.setsockopt(IPPROTO_SCTP, socket.SCTP_RECVRCVINFO, 1)
    client.send(b"message")
    until_queued(server, 1)
    whole = server.recvmsg(99, 200, socket.MSG_PEEK)[1]
    first, second = (item[2] for item in whole)
    expected = []
    if room >= socket.CMSG_LEN(0):
        expected.append((132, SCTP_RCVINFO, first[:room - socket.CMSG_LEN(0)]))
    left = room - socket.CMSG_SPACE(len(first))
    if left >= socket.CMSG_LEN(0):
        expected.append((132, SCTP_SNDRCV, second[:left - socket.CMSG_LEN(0)]))
    _, items, flags, _ = server.recvmsg(99, room)
    assert (items, flags) == (expected, MSG_EOR | (0 if items == whole else MSG_CTRUNC))


def test_length_of_an_event_that_is_next(ipv4):
    """nxt_length (RFC 6458 section 5.3.6): of a notification its own, as of a message."""
    client, server = ipv4.pair()
    server.setsockopt(IPPROTO_SCTP, socket.SCTP_RECVNXTINFO, 1)
    subscribe(server, sctp_shutdown_event=1)
    client.send(b"last")
    client.close()
    until_queued(server, 2)
    _, [(_, _, following)], _, _ = server.recvmsg(99, 99)
    following = socket.sctp_nxtinfo.unpack(following)
    data, _, flags, _ = server.recvmsg(99)
    assert flags == MSG_NOTIFICATION | MSG_EOR
    assert (following.nxt_flags, following.nxt_length) == (socket.SCTP_NOTIFICATION, len(data))


def test_reading_nothing(sockets):
    """As the standard module: recv(0) and its like give nothing, at once, and take nothing."""
    client, server = sockets.pair()
    for sock in (sockets.new(), server, sockets.many()):
        assert (sock.recv(0), sock.recv_into(bytearray()), sock.recv_into(bytearray(0), 0)) == (b"", 0, 0)
    client.send(b"message")
    until_queued(server, 1)
    assert server.recv(0) == b""
    assert server.recv(99) == b"message"


def test_next_message_behind_a_piece(ipv4):
    """NXTINFO with a piece is of the message behind the one that is read; there is none with MSG_PEEK."""
    client, server = ipv4.pair()
    server.setsockopt(IPPROTO_SCTP, socket.SCTP_RECVNXTINFO, 1)
    sctp_sendmsg(client, b"first", stream_no=1)
    sctp_sendmsg(client, b"second!", stream_no=2)
    until_queued(server, 2)
    assert server.recvmsg(99, 99, socket.MSG_PEEK)[1] == []
    for _ in range(2):
        [(_, kind, following)] = server.recvmsg(3, 99)[1]
        assert (kind, following) == (socket.SCTP_NXTINFO, bytes(socket.sctp_nxtinfo(
            2, 0, 0, 7, server.association.assoc_id)))
    assert server.recvmsg(3, 99)[1] == []


def test_cumulative_tsn_of_unordered_messages_only(ipv4):
    """RFC 6458 section 5.3.5: it means nothing for others, and Linux has 0 there."""
    client, server = ipv4.pair()
    subscribe(server, sctp_data_io_event=1)
    server.setsockopt(IPPROTO_SCTP, socket.SCTP_RECVRCVINFO, 1)
    for flags in (0, SCTP_UNORDERED):
        for _ in range(2):
            sctp_sendmsg(client, b"x", flags=flags)
        items = dict(item[1:] for item in server.recvmsg(9, 200)[1])
        received = [sctp_rcvinfo.unpack(items[SCTP_RCVINFO]).rcv_cumtsn,
                    sctp_sndrcvinfo.unpack(items[SCTP_SNDRCV]).sinfo_cumtsn,
                    sctp_recvmsg(server, 9)[2].sinfo_cumtsn]
        assert [bool(number) for number in received] == [flags == SCTP_UNORDERED] * 3


def test_every_piece_has_its_information(ipv4):
    """A message received in several reads carries the same cmsg with each."""
    client, server = ipv4.pair()
    server.setsockopt(IPPROTO_SCTP, socket.SCTP_RECVRCVINFO, 1)
    sctp_sendmsg(client, b"abcdef", stream_no=3, ppid=9)
    parts = [server.recvmsg(2, 99) for _ in range(3)]
    assert b"".join(part[0] for part in parts) == b"abcdef"
    assert len({part[1][0][2] for part in parts}) == 1
    assert [part[2] for part in parts] == [0, 0, MSG_EOR]


def test_sendv_and_recvv(sockets):
    """Cases 125 to 128: three parts, PRINFO alone, SPA with two and with all three, on streams 3 and 4."""
    client, server = sockets.pair()
    assert sctp_sendv(client, [b"three ", b"part ", b"message"]) == 18
    assert sctp_recvv(server, 99) == (b"three part message", client.getsockname(), None,
                                      socket.SCTP_RECVV_NOINFO,
                                      MSG_EOR)
    server.setsockopt(IPPROTO_SCTP, socket.SCTP_RECVRCVINFO, 1)
    assert sctp_sendv(client, [b"rtx"], None, sctp_prinfo(socket.SCTP_PR_SCTP_RTX, 10),
                      socket.SCTP_SENDV_PRINFO) == 3
    spa = sctp_sendv_spa(sendv_flags=socket.SCTP_SEND_SNDINFO_VALID | socket.SCTP_SEND_PRINFO_VALID)
    spa.sendv_sndinfo.snd_sid = 3
    assert sctp_sendv(client, [b"spa"], None, spa, socket.SCTP_SENDV_SPA) == 3
    spa.sendv_flags |= socket.SCTP_SEND_AUTHINFO_VALID
    spa.sendv_sndinfo.snd_sid = 4
    assert sctp_sendv(client, [b"all three"], None, spa, socket.SCTP_SENDV_SPA) == 9
    assert sctp_recvv(server, 99)[0] == b"rtx"
    for wanted in ((b"spa", 3), (b"all three", 4)):
        data, _, info, kind, _ = sctp_recvv(server, 99)
        assert (data, info.rcv_sid, kind) == (*wanted, socket.SCTP_RECVV_RCVINFO)
    server.setsockopt(IPPROTO_SCTP, socket.SCTP_RECVNXTINFO, 1)
    client.send(b"one")
    client.send(b"two")
    until_queued(server, 2)
    _, _, info, kind, _ = sctp_recvv(server, 99)
    assert (info.recvv_nxtinfo.nxt_length, kind) == (3, socket.SCTP_RECVV_RN)
    with raises(errno.EINVAL):
        sctp_sendv(client, [b"x"], None, sctp_prinfo(), socket.SCTP_SENDV_SNDINFO)


@pytest.mark.parametrize("kind", ["sndinfo", "spa", "bytes", "none"])
def test_sendv_tells_the_association(sockets, kind):
    """RFC 6458 section 9.12: snd_assoc_id has the id of the new association when the call returns."""
    server, client = sockets.many(), sockets.many(bound=False, listening=False)
    info, infotype = sctp_sndinfo(snd_ppid=7), socket.SCTP_SENDV_SNDINFO
    told = info
    if kind in ("spa", "none"):
        info, infotype = sctp_sendv_spa(sendv_flags=socket.SCTP_SEND_SNDINFO_VALID), socket.SCTP_SENDV_SPA
        told = info.sendv_sndinfo
    if kind == "none":
        info.sendv_flags = 0
    info = bytearray(info) if kind == "bytes" else info
    before = bytes(info)
    assert sctp_sendv(client, [b"x"], [server.getsockname()], info, infotype) == 1
    [association] = client.open_associations()
    if kind == "bytes":
        told = sctp_sndinfo.unpack(bytes(info))
    if kind == "none":
        assert bytes(info) == before
    else:
        assert told.snd_assoc_id == association.assoc_id
        told.snd_assoc_id = 0
        assert kind == "bytes" or bytes(info) == before  # nothing else
    assert sctp_sendv(client, [b"y"], [server.getsockname()], before, infotype) == 1  # is only read


# ------------------------------------------------------------------ notifications

def test_comm_up_first(sockets):
    """Case 44: the client's first read is COMM_UP, 20 bytes."""
    listener = sockets.listener()
    client = sockets.new()
    subscribe(client, sctp_association_event=1)
    client.connect(listener.getsockname())
    data, items, flags, address = client.recvmsg(999)
    assert (len(data), items, flags, address) == (20, [], MSG_NOTIFICATION | MSG_EOR, listener.getsockname())
    change = notifications.parse(data)
    assert (change.sac_state, change.sac_outbound_streams,
            change.sac_inbound_streams) == (socket.SCTP_COMM_UP, 10, 10)
    assert change.sac_assoc_id == client.association.assoc_id


def test_data_comes_behind_the_events(sockets):
    """Cases 45, 46: COMM_UP, NO_AUTH, then the data with MSG_EOR, its stream and ppid in SNDRCV."""
    client, server = sockets.pair(SCTP_EVENTS=sctp_event_subscribe(
        sctp_data_io_event=1, sctp_association_event=1, sctp_authentication_event=1))
    assert sctp_sendmsg(client, b"data", ppid=0x01020304, stream_no=1) == 4
    events = [server.recvmsg(99, 99) for _ in range(2)]
    assert [event[1:3] for event in events] == [([], MSG_NOTIFICATION | MSG_EOR)] * 2
    up, auth = (notifications.parse(event[0]) for event in events)
    assert (up.sac_type, up.sac_state) == (socket.SCTP_ASSOC_CHANGE, socket.SCTP_COMM_UP)
    assert auth.auth_type == socket.SCTP_AUTHENTICATION_EVENT
    assert auth.auth_indication == socket.SCTP_AUTH_NO_AUTH
    data, [(_, kind, item)], flags, address = server.recvmsg(99, 99)
    info = sctp_sndrcvinfo.unpack(item)
    assert (data, kind, flags, address) == (b"data", SCTP_SNDRCV, MSG_EOR, client.getsockname())
    assert (info.sinfo_stream, info.sinfo_ppid) == (1, 0x01020304)


def test_events_in_order_of_a_graceful_end(sockets):
    """Data, SHUTDOWN_EVENT, SHUTDOWN_COMP (case 48); a listener's subscription is its accepted sockets'."""
    listener = sockets.listener()
    subscribe(listener, sctp_association_event=1, sctp_shutdown_event=1)
    client = sockets.connect(listener)
    server = sockets.accept(listener)
    client.send(b"data")
    client.close()
    seen = []
    while not seen or seen[-1] != (socket.SCTP_ASSOC_CHANGE, socket.SCTP_SHUTDOWN_COMP):
        data, _, flags, _ = server.recvmsg(999)
        if flags & MSG_NOTIFICATION:
            event = notifications.parse(data)
            kind = int.from_bytes(data[:2], "little" if struct.pack("=H", 1)[0] else "big")
            seen.append((kind, event.sac_state if kind == socket.SCTP_ASSOC_CHANGE else None))
        elif data:
            seen.append(data)
        else:
            gevent.sleep(0.001)  # the end of the stream comes before that of the association
    assert seen == [(socket.SCTP_ASSOC_CHANGE, socket.SCTP_COMM_UP), b"data",
                    (socket.SCTP_SHUTDOWN_EVENT, None),
                    (socket.SCTP_ASSOC_CHANGE, socket.SCTP_SHUTDOWN_COMP)]
    assert server.recv(9) == b""


def test_only_what_was_subscribed(sockets):
    """Case 55: only the shutdown event, subscribed to before the association is set up."""
    client, server = sockets.pair(SCTP_EVENTS=sctp_event_subscribe(sctp_shutdown_event=1))
    client.close()
    data, _, flags, _ = server.recvmsg(999)
    assert (data[:2], flags) == (struct.pack("=H", socket.SCTP_SHUTDOWN_EVENT), MSG_NOTIFICATION | MSG_EOR)
    assert server.recvmsg(999) == (b"", [], 0, None)


def test_comm_lost(sockets):
    """Case 50: length 24, the cause of a user-initiated abort, in network byte order."""
    client, server = sockets.pair()
    subscribe(server, sctp_association_event=1)
    client.setsockopt(kernel.SOL_SOCKET, kernel.SO_LINGER, struct.pack("=ii", 1, 0))
    client.close()
    data, _, _flags, _ = server.recvmsg(999)
    change = notifications.parse(data)
    assert (change.sac_length, change.sac_state,
            kernel.ntohs(change.sac_error)) == (24, socket.SCTP_COMM_LOST, 12)
    assert (change.sac_outbound_streams, change.sac_inbound_streams) == (0, 0)  # as on Linux but at COMM_UP
    assert change.tail == b"\0\x0c\0\4"
    with raises(errno.ECONNRESET):
        server.recv(9)


def test_notification_in_pieces(ipv4):
    """A notification too is read in pieces, MSG_EOR on the last; MSG_PEEK leaves it."""
    listener = ipv4.listener()
    client = ipv4.new()
    subscribe(client, sctp_association_event=1)
    client.connect(listener.getsockname())
    ipv4.accept(listener).send(b"data behind it")
    whole, _, flags, _ = client.recvmsg(99, 0, MSG_PEEK)
    assert (len(whole), flags) == (20, MSG_NOTIFICATION | MSG_EOR)
    parts = [client.recvmsg(8) for _ in range(3)]
    assert b"".join(part[0] for part in parts) == whole
    assert [part[2] for part in parts] == [MSG_NOTIFICATION, MSG_NOTIFICATION, MSG_NOTIFICATION | MSG_EOR]
    assert client.recv(99) == b"data behind it"


def test_sender_dry(ipv4):
    """SCTP_SENDER_DRY_EVENT: at once when nothing is in flight, and when all is acknowledged (6.1.9)."""
    client, server = ipv4.pair()
    subscribe(client, sctp_sender_dry_event=1)
    assert notifications.parse(client.recv(99)).sender_dry_type == socket.SCTP_SENDER_DRY_EVENT
    client.send(b"in flight")
    assert server.recv(99) == b"in flight"
    assert notifications.parse(client.recv(99)).sender_dry_assoc_id == client.association.assoc_id


def test_event_option(sockets):
    """SCTP_EVENT switches one type; SCTP_EVENTS shows it (case 54)."""
    client, _ = sockets.pair()
    assert client.getsockopt(IPPROTO_SCTP, SCTP_EVENTS, 14) == bytes(14)
    client.setsockopt(IPPROTO_SCTP, socket.SCTP_EVENT, socket.sctp_event(0, socket.SCTP_SHUTDOWN_EVENT, 1))
    assert client.getsockopt(IPPROTO_SCTP, SCTP_EVENTS, 14) == b"\0\0\0\0\0\1" + bytes(8)
    with raises(errno.EINVAL):
        client.setsockopt(IPPROTO_SCTP, socket.SCTP_EVENT, socket.sctp_event(0, 0x800E, 1))


# ------------------------------------------------------------------ many at once

def test_many_greenlets_on_one_pair(sockets):
    """Case 155, with greenlets: ten times ten messages through a pair of sockets; all arrive once, whole."""
    client, server = sockets.pair()
    sent = [b"%d/%d:" % (worker, turn) + bytes([worker]) * (worker * 300 + 1) for worker in range(10)
            for turn in range(10)]
    received = []

    def read():
        for _ in range(10):
            received.append(server.recv(9999))

    def write(worker):
        for message in sent[worker * 10:worker * 10 + 10]:
            client.send(message)
            gevent.sleep(0)

    gevent.joinall([gevent.spawn(read) for _ in range(10)] + [gevent.spawn(write, n) for n in range(10)],
                   timeout=10, raise_error=True)
    assert sorted(received) == sorted(sent)
    for worker in range(10):
        own = [message for message in received if message.startswith(b"%d/" % worker)]
        assert own == sent[worker * 10:worker * 10 + 10]
