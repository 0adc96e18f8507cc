"""Options do what they say (RFC 6458 section 8.1)."""
import errno
import socket as kernel
import struct

import gevent
import pytest
from errnos import raises

from pysctpsock import notifications, socket
from pysctpsock.socket import (
    IPPROTO_SCTP,
    SCTP_AUTO_ASCONF,
    SCTP_CONTEXT,
    SCTP_DELAYED_SACK,
    SCTP_ENABLE_STREAM_RESET,
    SCTP_EVENTS,
    SCTP_FRAGMENT_INTERLEAVE,
    SCTP_MAX_BURST,
    SCTP_MAXSEG,
    SCTP_NODELAY,
    SCTP_PARTIAL_DELIVERY_POINT,
    SCTP_RCVINFO,
    SCTP_RECVRCVINFO,
    SCTP_REUSE_PORT,
    SCTP_SNDRCV,
    SCTP_STATUS,
    SOL_SCTP,
    sctp_assoc_value,
    sctp_rcvinfo,
    sctp_sack_info,
    sctp_sndrcvinfo,
    sctp_status,
)


def value(sock, option):
    """The number in an sctp_assoc_value."""
    return sctp_assoc_value.unpack(sock.getsockopt(SOL_SCTP, option, 8)).assoc_value


def settled(condition):
    with gevent.Timeout(5):
        while not condition():
            gevent.sleep(0.01)


@pytest.mark.parametrize(("size", "chunks"), [(500, 1), (501, 2), (1000, 2), (1203, 3)])
def test_maxseg_cuts_messages(sockets, size, chunks):
    """8.1.16: no DATA chunk has more bytes of a message; the rest is cut at multiples of four."""
    client, server = sockets.pair(SCTP_MAXSEG=sctp_assoc_value(0, 503))
    client.send(bytes(size))
    assert server.recv(9999) == bytes(size)
    assert server.association.snapshot()["data_chunks_in"] == chunks
    status = sctp_status.unpack(client.getsockopt(SOL_SCTP, SCTP_STATUS, 176))
    assert value(client, SCTP_MAXSEG) == status.sstat_fragmentation_point == 500
    client.setsockopt(SOL_SCTP, SCTP_MAXSEG, 0)  # the older form: an int
    client.send(bytes(1203))
    assert server.recv(9999) == bytes(1203)
    assert server.association.snapshot()["data_chunks_in"] == chunks + 1


def test_maxseg_and_disabled_fragments(ipv4):
    """8.1.11: what would be cut is refused."""
    client, server = ipv4.pair(SCTP_MAXSEG=sctp_assoc_value(0, 500), SCTP_DISABLE_FRAGMENTS=1)
    with raises(errno.EMSGSIZE):
        client.send(bytes(501))
    client.send(bytes(500))
    assert server.recv(9999) == bytes(500)


def test_context_of_received_messages(ipv4):
    """8.1.25: the association's, in sinfo_context and rcv_context."""
    client, server = ipv4.pair(SCTP_CONTEXT=sctp_assoc_value(0, 77))
    server.setsockopt(SOL_SCTP, SCTP_EVENTS, b"\1")
    server.setsockopt(SOL_SCTP, SCTP_RECVRCVINFO, 1)
    for _ in range(3):
        client.send(b"message")
    assert server.sctp_recvmsg(99)[2].sinfo_context == 77
    server.setsockopt(SOL_SCTP, SCTP_CONTEXT, sctp_assoc_value(0, 78))
    items = {kind: data for _, kind, data in server.recvmsg(99, 300)[1]}
    assert sctp_rcvinfo.unpack(items[SCTP_RCVINFO]).rcv_context == 78
    assert sctp_sndrcvinfo.unpack(items[SCTP_SNDRCV]).sinfo_context == 78
    assert server.sctp_recvv(99)[2].rcv_context == 78


def test_assoc_stats(sockets):
    """What went and came: chunks ordered and unordered, control chunks, the greatest RTO since last asked."""
    client, server = sockets.pair()

    def stats(sock):
        return socket.sctp_assoc_stats.unpack(sock.getsockopt(SOL_SCTP, socket.SCTP_GET_ASSOC_STATS, 256))

    for flags in (0, 0, socket.SCTP_UNORDERED):
        client.sctp_sendmsg(b"message", flags=flags)
        server.recv(99)
    settled(lambda: not client.association.snapshot()["outstanding"]["chunks"])
    sent, received = stats(client), stats(server)
    assert (sent.sas_oodchunks, sent.sas_ouodchunks) == (2, 1)
    assert (received.sas_iodchunks, received.sas_iuodchunks) == (2, 1)
    assert sent.sas_isacks == received.sas_osacks > 0
    assert sent.sas_ictrlchunks >= sent.sas_isacks
    assert received.sas_octrlchunks >= received.sas_osacks
    assert sent.sas_opackets >= 3
    assert sent.sas_rtxchunks == received.sas_idupchunks == received.sas_outofseqtsns == sent.sas_gapcnt == 0
    assert sent.sas_obs_rto_ipaddr.address == client.getpeername()
    assert sent.sas_maxrto >= 1000
    assert stats(client).sas_maxrto == 1000  # RTO.Min, where a new period begins
    part = client.getsockopt(SOL_SCTP, socket.SCTP_GET_ASSOC_STATS, 152)
    assert part[:136] == bytes(stats(client))[:136]
    assert len(part) == 152


@pytest.mark.parametrize("indication", [0, 0xDEADBEEF])
def test_adaptation_and_authentication_events(sockets, indication):
    """Case 45, 8.1.10, 6.1.6 and 6.1.8: after COMM_UP what the peer announced, then that it has no AUTH."""
    events = socket.sctp_event_subscribe(sctp_association_event=1, sctp_adaptation_layer_event=1,
                                         sctp_authentication_event=1)
    ends = sockets.pair(SCTP_EVENTS=events, SCTP_ADAPTATION_LAYER=socket.sctp_setadaptation(indication))
    for sock in ends:
        wanted = [socket.SCTP_ASSOC_CHANGE, *[socket.SCTP_ADAPTATION_INDICATION] * (indication != 0),
                  socket.SCTP_AUTHENTICATION_EVENT]
        came = [notifications.parse(sock.recv(999)) for _ in wanted]
        assert [socket.sctp_tlv.unpack(bytes(each)).sn_type for each in came] == wanted
        if indication:
            assert came[1].sai_adaptation_ind == indication
        assert came[-1].auth_indication == socket.SCTP_AUTH_NO_AUTH
        assert came[-1].auth_assoc_id == sock.association.assoc_id


def test_delayed_sack_off(ipv4):
    """8.1.19, frequency 1: a SACK for each packet; and the older structure, 0 ms."""
    for off in (sctp_sack_info(0, 0, 1), sctp_assoc_value(0, 0)):
        client, server = ipv4.pair(SCTP_DELAYED_SACK=off)
        client.setsockopt(SOL_SCTP, SCTP_NODELAY, 1)
        before = server.association.snapshot()["sacks_out"]
        for count in range(1, 4):
            client.send(b"message")
            settled(lambda count=count, client=client: client.association.snapshot()["sacks_in"] == count)
        assert server.association.snapshot()["sacks_out"] == before + 3
        after = sctp_sack_info.unpack(server.getsockopt(SOL_SCTP, SCTP_DELAYED_SACK, 12))
        assert (after.sack_delay, after.sack_freq) == (0, 1)


def test_max_burst_of_the_association(ipv4):
    """8.1.24, and the older form, an int."""
    client, _ = ipv4.pair(SCTP_MAX_BURST=sctp_assoc_value(0, 7))
    assert client.association.parameters.max_burst == 7
    client.setsockopt(SOL_SCTP, SCTP_MAX_BURST, 0)
    assert client.association.parameters.max_burst == 0
    assert client.getsockopt(SOL_SCTP, SCTP_MAX_BURST) == 0


def test_reuse_port(sockets):
    """8.1.27: both sockets ask for it; only one of them listens."""
    first, second, third = sockets.new(), sockets.new(), sockets.new()
    for sock in (first, second):
        sock.setsockopt(SOL_SCTP, SCTP_REUSE_PORT, 1)
    first.bind((sockets.host, 0))
    second.bind(first.getsockname()[:2])
    with raises(errno.EADDRINUSE):
        third.bind(first.getsockname()[:2])
    first.listen(1)
    with raises(errno.EADDRINUSE):
        second.listen(1)


def test_auto_asconf_wants_the_wildcard(sockets):
    """8.1.23: EINVAL for a socket that is bound to an address, or not bound."""
    specific, wildcard = sockets.new(), sockets.new()
    specific.bind((sockets.host, 0))
    wildcard.bind(("", 0))
    with raises(errno.EINVAL):
        specific.setsockopt(SOL_SCTP, SCTP_AUTO_ASCONF, 1)
    specific.setsockopt(SOL_SCTP, SCTP_AUTO_ASCONF, 0)
    wildcard.setsockopt(SOL_SCTP, SCTP_AUTO_ASCONF, 1)
    assert wildcard.getsockopt(SOL_SCTP, SCTP_AUTO_ASCONF) == 1


def test_accepted_sockets_inherit(ipv4):
    """What only is kept, too; later changes at the listener do not reach them."""
    listener = ipv4.listener(
        SCTP_FRAGMENT_INTERLEAVE=1, SCTP_PARTIAL_DELIVERY_POINT=4000, SCTP_REUSE_PORT=0,
        SCTP_ENABLE_STREAM_RESET=sctp_assoc_value(0, 5), SCTP_MAXSEG=sctp_assoc_value(0, 600))
    ipv4.connect(listener)
    server = ipv4.accept(listener)
    listener.setsockopt(SOL_SCTP, SCTP_ENABLE_STREAM_RESET, sctp_assoc_value(0, 1))
    listener.setsockopt(SOL_SCTP, SCTP_PARTIAL_DELIVERY_POINT, 9)
    assert server.getsockopt(SOL_SCTP, SCTP_FRAGMENT_INTERLEAVE) == 1
    assert server.getsockopt(SOL_SCTP, SCTP_PARTIAL_DELIVERY_POINT) == 4000
    assert value(server, SCTP_ENABLE_STREAM_RESET) == 5
    assert value(server, SCTP_MAXSEG) == 600


@pytest.mark.parametrize("option", [
    "SCTP_RECONFIG_SUPPORTED", "SCTP_ASCONF_SUPPORTED", "SCTP_AUTH_SUPPORTED", "SCTP_INTERLEAVING_SUPPORTED",
    "SCTP_ECN_SUPPORTED",
])
def test_no_association_has_what_is_not_there(ipv4, option):
    """Of an association the answer is what was agreed on, whatever the endpoint wished for."""
    wishes = {} if option == "SCTP_INTERLEAVING_SUPPORTED" else {option: sctp_assoc_value(0, 1)}
    for sock in ipv4.pair(**wishes):
        assert value(sock, getattr(socket, option)) == 0


# ------------------------------------------------------------------ other levels

def test_levels(ipv4):
    """An unknown level is ENOPROTOOPT to set; to get EOPNOTSUPP, on IPv6 sockets ENOPROTOOPT."""
    sock, sock6 = ipv4.new(), socket.socket(socket.AF_INET6, socket.SOCK_STREAM, IPPROTO_SCTP)
    for level in (-1, 133, socket.IPPROTO_IPV6, socket.IPPROTO_TCP):
        for each, to_get in ((sock, errno.EOPNOTSUPP), (sock6, errno.ENOPROTOOPT)):
            with raises(errno.ENOPROTOOPT):
                each.setsockopt(level, 999, 1)
            with raises(to_get):
                each.getsockopt(level, 999)
    for level in (socket.SOL_SOCKET, socket.IPPROTO_IP):
        with raises(errno.ENOPROTOOPT):
            sock.getsockopt(level, 999)
    with raises(errno.EOPNOTSUPP):
        sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    sock6.close()


def test_short_buffers_of_other_levels(ipv4):
    """There the answer is cut to the buffer: the first bytes of SO_LINGER are an int."""
    sock = ipv4.new()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 9))
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER) == 1
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 5) == struct.pack("=ii", 1, 9)[:5]
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE, 1) == struct.pack("=i", 1)[:1]


def test_traffic_class_of_all_packets(sockets):
    """IP_TOS and IPV6_TCLASS: the DSCP of the paths there are and of those to come."""
    level, option = ((socket.IPPROTO_IP, socket.IP_TOS) if sockets.family == socket.AF_INET
                     else (socket.IPPROTO_IPV6, socket.IPV6_TCLASS))
    listener = sockets.listener()
    client = sockets.new()
    client.setsockopt(level, option, 0xB8)
    client.connect(listener.getsockname())
    assert [path.dscp for path in client.association.paths] == [0xB8]
    client.setsockopt(level, option, 0x28)
    assert [path.dscp for path in client.association.paths] == [0x28]
    assert client.getsockopt(level, option) == 0x28


@pytest.mark.parametrize("everywhere", [True, False])
def test_encapsulation_port_of_an_address(sockets, everywhere):
    """RFC 6951 section 6.1: packets to that address, or to all, go to this UDP port from now on."""
    client, _ = sockets.pair()
    with kernel.socket(sockets.family, kernel.SOCK_DGRAM) as other:
        other.bind((sockets.host, 0))
        other.settimeout(5)
        port = socket.htons(other.getsockname()[1])
        address = None if everywhere else client.getpeername()
        client.setsockopt(SOL_SCTP, socket.SCTP_REMOTE_UDP_ENCAPS_PORT,
                          socket.sctp_udpencaps(0, address, port))
        request = socket.sctp_udpencaps(0, client.getpeername())
        assert socket.sctp_udpencaps.unpack(
            client.getsockopt(SOL_SCTP, socket.SCTP_REMOTE_UDP_ENCAPS_PORT, request)).sue_port == port
        client.send(b"goes to the other port")
        assert b"goes to the other port" in other.recv(2000)


def test_ip_options(ipv4):
    """Kept, and read back as Linux does; the ECN bits of the type of service are not the user's."""
    sock = ipv4.new()
    for option, default, given, then in (
            (socket.IP_TTL, 64, 7, 7), (socket.IP_TOS, 0, 0xBB, 0xB8)):
        assert sock.getsockopt(socket.IPPROTO_IP, option) == default
        sock.setsockopt(socket.IPPROTO_IP, option, given)
        assert sock.getsockopt(socket.IPPROTO_IP, option) == then


def test_v6only():
    """The wildcard is of IPv6 only, so that an IPv4 socket has the same port; EINVAL once bound."""
    both, six, four = (socket.socket(family, socket.SOCK_STREAM, IPPROTO_SCTP)
                       for family in (socket.AF_INET6, socket.AF_INET6, socket.AF_INET))
    both.bind(("::", 0))
    with raises(errno.EADDRINUSE):
        four.bind(("0.0.0.0", both.getsockname()[1]))
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    six.bind(("::", 0))
    four.bind(("0.0.0.0", six.getsockname()[1]))
    assert six.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
    with raises(errno.EINVAL):
        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    for sock in (both, six, four):
        sock.close()


# ------------------------------------------------------------------ arguments

def test_arguments_of_setsockopt(ipv4):
    """TypeError, OverflowError and errnos as the standard module raises them."""
    sock = ipv4.new()
    for arguments in ((1, 2, 1 << 31), (1, 2, -(1 << 31) - 1), (1, 2, 1.5), (1, 2, "1"), (1, 2, None),
                      (1, 2, 1, 4), (1, 2), ("a", 2, 1), (1, "x", 1), (1.0, 2, 1)):
        with pytest.raises(TypeError):
            sock.setsockopt(*arguments)
    for arguments in ((1 << 31, 2, 1), (1, 1 << 40, 1)):
        with pytest.raises(OverflowError):
            sock.setsockopt(*arguments)
    with raises(errno.EFAULT):
        sock.setsockopt(SOL_SCTP, SCTP_NODELAY, None, 4)
    with raises(errno.EINVAL):
        sock.setsockopt(SOL_SCTP, SCTP_NODELAY, None, -1)
    for given in (True, bytearray(struct.pack("=i", 1)), memoryview(struct.pack("=i", 1))):
        sock.setsockopt(SOL_SCTP, SCTP_NODELAY, 0)
        sock.setsockopt(SOL_SCTP, SCTP_NODELAY, given)
        assert sock.getsockopt(SOL_SCTP, SCTP_NODELAY) == 1
    sock.close()
    with pytest.raises(TypeError):
        sock.setsockopt("a", 2, 1)
    with raises(errno.EBADF):
        sock.setsockopt(SOL_SCTP, SCTP_NODELAY, 1)


def test_arguments_of_getsockopt(ipv4):
    sock = ipv4.new()
    for arguments in ((1, 2, "4"), (1, 2, 4.0), (1, 2, None), (1,), ("a", 2), (1, 2, 4, 4)):
        with pytest.raises(TypeError):
            sock.getsockopt(*arguments)
    for arguments in ((1 << 31, 2), (1, 1 << 40), (1, 2, 1 << 31)):
        with pytest.raises(OverflowError):
            sock.getsockopt(*arguments)
    with raises(errno.EINVAL):
        sock.getsockopt(SOL_SCTP, SCTP_NODELAY, -1)
    sock.close()
    with raises(errno.EBADF):
        sock.getsockopt(SOL_SCTP, SCTP_NODELAY)
    with raises(errno.EBADF):
        sock.getsockopt(IPPROTO_SCTP, SCTP_NODELAY, 4)


@pytest.mark.parametrize("number", [socket.SCTP_PEER_ADDR_THLDS, socket.SCTP_PEER_ADDR_THLDS_V2])
def test_thresholds(sockets, number):
    """RFC 7829 section 7.2: of the endpoint, of an association and its paths, of one path."""
    structure = (socket.sctp_paddrthlds if number == socket.SCTP_PEER_ADDR_THLDS else
                 socket.sctp_paddrthlds_v2)
    client, server = sockets.pair()

    def of(address):
        value = structure.unpack(server.getsockopt(SOL_SCTP, number, structure(spt_address=address)))
        return value.spt_pathmaxrxt, value.spt_pathpfthld

    def put(address, *thresholds):
        server.setsockopt(SOL_SCTP, number, structure(0, address, *thresholds, *[9] * (
            structure is socket.sctp_paddrthlds_v2)))

    peer = client.getsockname()
    put(peer, 7, 3)
    assert (of(peer), of(None)) == ((7, 3), (5, 0xFFFF))
    assert server.association.path(sockets.host).path_max_retrans == 7
    put(None, 0, 4)
    assert (of(peer), of(None)) == ((7, 4), (5, 4))
    put(None, 8, 4)
    assert (of(peer), of(None)) == ((8, 4), (8, 4))


def test_auto_asconf_of_a_connected_socket(ipv4):
    """It is about what the socket is bound to, which is the wildcard, not about what it uses."""
    client = ipv4.connect(ipv4.listener())
    client.setsockopt(SOL_SCTP, socket.SCTP_AUTO_ASCONF, 1)
    assert client.getsockopt(SOL_SCTP, socket.SCTP_AUTO_ASCONF) == 1
