"""Behaviour cases about socket options, by number, on IPv4 and IPv6 (RFC 6458 section 8)."""
import errno
import os
import socket as kernel
import struct

import pytest
from errnos import raises
from many import associated, change, to, until_queued

from pysctpsock import socket
from pysctpsock.socket import (
    AF_INET,
    AF_INET6,
    IPPROTO_SCTP,
    SCTP_ADD_STREAMS,
    SCTP_ALL_ASSOC,
    SCTP_ASSOCINFO,
    SCTP_AUTHINFO,
    SCTP_CURRENT_ASSOC,
    SCTP_DEFAULT_SEND_PARAM,
    SCTP_DEFAULT_SNDINFO,
    SCTP_DELAYED_SACK,
    SCTP_ENABLE_STREAM_RESET,
    SCTP_ESTABLISHED,
    SCTP_EVENTS,
    SCTP_FRAGMENT_INTERLEAVE,
    SCTP_FUTURE_ASSOC,
    SCTP_GET_PEER_ADDR_INFO,
    SCTP_INITMSG,
    SCTP_PEER_ADDR_PARAMS,
    SCTP_RESET_ASSOC,
    SCTP_RESET_STREAMS,
    SCTP_RTOINFO,
    SCTP_STATUS,
    SO_LINGER,
    SO_SNDBUF,
    SOCK_SEQPACKET,
    SOL_SCTP,
    SOL_SOCKET,
    SPP_HB,
    SPP_HB_DEMAND,
    SPP_PMTUD,
    SPP_PMTUD_DISABLE,
    SPP_PMTUD_ENABLE,
    SPP_SACKDELAY,
    SPP_SACKDELAY_DISABLE,
    SPP_SACKDELAY_ENABLE,
    sctp_add_streams,
    sctp_assoc_value,
    sctp_assocparams,
    sctp_event,
    sctp_event_subscribe,
    sctp_initmsg,
    sctp_paddrinfo,
    sctp_paddrparams,
    sctp_reset_streams,
    sctp_rtoinfo,
    sctp_sack_info,
    sctp_sndinfo,
    sctp_sndrcvinfo,
    sctp_status,
)


@pytest.fixture(params=["one", "many"])
def make(request, sockets):
    """Makes a fresh socket of each style."""
    return sockets.new if request.param == "one" else lambda: sockets.new(type=SOCK_SEQPACKET)


def ask(sock, option, request):
    """The answer as the request's structure."""
    return type(request).unpack(sock.getsockopt(SOL_SCTP, option, request))


# ------------------------------------------------------------------ events, sending, interleaving

def test_case_54(make):
    """EVENTS of a fresh socket are all zero; what is set is read back."""
    sock = make()
    assert sock.getsockopt(SOL_SCTP, SCTP_EVENTS, 14) == bytes(14)
    events = sctp_event_subscribe(sctp_association_event=1, sctp_shutdown_event=1)
    sock.setsockopt(SOL_SCTP, SCTP_EVENTS, events)
    assert sock.getsockopt(SOL_SCTP, SCTP_EVENTS, 14) == bytes(events)


@pytest.mark.parametrize("number", [0, 7])
def test_case_78(sockets, number):
    """AUTHINFO has no effect where nothing has to be authenticated, whatever key it names."""
    client, server = sockets.pair()
    assert client.sendmsg([b"message"], [(IPPROTO_SCTP, SCTP_AUTHINFO, struct.pack("=H", number))]) == 7
    assert server.recv(99) == b"message"


def test_cases_90_and_91(sockets):
    """FRAGMENT_INTERLEAVE 1 on both ends; a large message among small ones arrives as it was sent."""
    client, server = sockets.pair(SCTP_FRAGMENT_INTERLEAVE=1)
    assert client.getsockopt(SOL_SCTP, SCTP_FRAGMENT_INTERLEAVE) == 1
    assert server.getsockopt(SOL_SCTP, SCTP_FRAGMENT_INTERLEAVE) == 1
    large = os.urandom(100_000)
    for sent in (b"before", large, b"behind"):
        client.send(sent)
    received, part = [], b""
    while len(received) < 3:
        data, _, flags, _ = server.recvmsg(30_000)
        part += data
        if flags & socket.MSG_EOR:
            received.append(part)
            part = b""
    assert received == [b"before", large, b"behind"]


# ------------------------------------------------------------------ stream reconfiguration, which is off

def test_case_120(make):
    """ENABLE_STREAM_RESET 7 is set and read back (with id FUTURE)."""
    sock = make()
    sock.setsockopt(SOL_SCTP, SCTP_ENABLE_STREAM_RESET, sctp_assoc_value(0, 7))
    assert ask(sock, SCTP_ENABLE_STREAM_RESET, sctp_assoc_value()).assoc_value == 7


def test_cases_121_to_123(sockets):
    """Resets and more streams: ENOPROTOOPT, for the peer has no RE-CONFIG, and nothing has changed."""
    one, _ = sockets.pair(SCTP_ENABLE_STREAM_RESET=sctp_assoc_value(0, 7))
    many, _, live, _ = associated(sockets)
    for sock, assoc_id in ((one, 0), (many, live)):
        before = bytes(ask(sock, SCTP_STATUS, sctp_status(assoc_id)))
        for option, value in ((SCTP_RESET_ASSOC, assoc_id),
                              (SCTP_ADD_STREAMS, sctp_add_streams(assoc_id, 2, 3)),
                              (SCTP_RESET_STREAMS, sctp_reset_streams(assoc_id, 3, 0)),
                              (SCTP_RESET_STREAMS, sctp_reset_streams(assoc_id, 3, 0))):
            with raises(errno.ENOPROTOOPT):
                sock.setsockopt(SOL_SCTP, option, value)
        assert bytes(ask(sock, SCTP_STATUS, sctp_status(assoc_id))) == before


# ------------------------------------------------------------------ the calls

def test_cases_131_and_132(make):
    """EBADF when closed, ENOPROTOOPT for an unknown level, EFAULT for no value, TypeError for a bad one."""
    sock = make()
    with raises(errno.ENOPROTOOPT):
        sock.setsockopt(-1, SCTP_INITMSG, bytes(8))
    with raises(errno.EFAULT):
        sock.setsockopt(SOL_SCTP, SCTP_INITMSG, None, 8)
    with pytest.raises(TypeError):
        sock.setsockopt(SOL_SCTP, SCTP_INITMSG, "text")
    with pytest.raises(TypeError):
        sock.getsockopt(SOL_SCTP, SCTP_INITMSG, "text")
    sock.close()
    with raises(errno.EBADF):
        sock.setsockopt(SOL_SCTP, SCTP_INITMSG, bytes(8))
    with raises(errno.EBADF):
        sock.getsockopt(SOL_SCTP, SCTP_INITMSG, 8)


@pytest.mark.parametrize("family", [AF_INET, AF_INET6])
def test_case_131_on_another_kind_of_socket(family):
    """The options are SCTP's alone."""
    with kernel.socket(family) as tcp, raises(errno.ENOPROTOOPT):
        tcp.setsockopt(SOL_SCTP, SCTP_INITMSG, bytes(8))


def test_case_133(make):
    """INITMSG of one socket is no other socket's."""
    sock, other = make(), make()
    before = ask(other, SCTP_INITMSG, sctp_initmsg())
    sock.setsockopt(SOL_SCTP, SCTP_INITMSG, sctp_initmsg(5, 5))
    assert ask(sock, SCTP_INITMSG, sctp_initmsg()) == sctp_initmsg(5, 5, 8, 60000)
    assert ask(other, SCTP_INITMSG, sctp_initmsg()) == before


@pytest.mark.parametrize("linger", [(0, 0), (1, 10)])
def test_case_134(make, linger):
    sock = make()
    sock.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("=ii", *linger))
    assert sock.getsockopt(SOL_SOCKET, SO_LINGER, 8) == struct.pack("=ii", *linger)


def test_case_135(make):
    """SO_SNDBUF 2304 reads back 4608."""
    sock = make()
    sock.setsockopt(SOL_SOCKET, SO_SNDBUF, 2304)
    assert sock.getsockopt(SOL_SOCKET, SO_SNDBUF) == 4608


# ------------------------------------------------------------------ status

def test_case_136(sockets):
    """STATUS of accepted and connected sockets with id 0: ESTABLISHED, a window."""
    for sock in sockets.pair():
        status = ask(sock, SCTP_STATUS, sctp_status())
        assert status.sstat_state == SCTP_ESTABLISHED
        assert status.sstat_rwnd > 1500


def test_case_139(sockets):
    """STATUS with the right id: ESTABLISHED, streams as negotiated."""
    server, client, at_server, at_client = associated(sockets)
    for sock, assoc_id in ((server, at_server), (client, at_client)):
        status = ask(sock, SCTP_STATUS, sctp_status(assoc_id))
        assert (status.sstat_assoc_id, status.sstat_state) == (assoc_id, SCTP_ESTABLISHED)
        assert (status.sstat_instrms, status.sstat_outstrms) == (10, 10)


def test_case_140(sockets):
    """STATUS with a wrong id, and with id 0, on a one-to-many socket: EINVAL."""
    server, _, live, _ = associated(sockets)
    for wrong in (live + 1000, -1, 0, 1, 2):
        with raises(errno.EINVAL):
            server.getsockopt(SOL_SCTP, SCTP_STATUS, sctp_status(wrong))


# ------------------------------------------------------------------ parameters

def test_case_137(make):
    """ASSOCINFO: five retransmissions and 10 ms more, read back."""
    sock = make()
    now = ask(sock, SCTP_ASSOCINFO, sctp_assocparams())
    now.sasoc_asocmaxrxt += 5
    now.sasoc_cookie_life += 10
    sock.setsockopt(SOL_SCTP, SCTP_ASSOCINFO, now)
    assert ask(sock, SCTP_ASSOCINFO, sctp_assocparams()) == now


def test_case_138(make):
    """RTOINFO of a fresh socket (RFC 9260: RTO.Initial is 1 s, where Linux has 3 s); then three values."""
    sock = make()
    assert ask(sock, SCTP_RTOINFO, sctp_rtoinfo()) == sctp_rtoinfo(0, 1000, 60000, 1000)
    sock.setsockopt(SOL_SCTP, SCTP_RTOINFO, sctp_rtoinfo(0, 60, 100, 40))
    assert ask(sock, SCTP_RTOINFO, sctp_rtoinfo()) == sctp_rtoinfo(0, 60, 100, 40)


def test_case_141(make):
    """INITMSG: 10, 65535, 8, 60000; changed values read back."""
    sock = make()
    assert ask(sock, SCTP_INITMSG, sctp_initmsg()) == sctp_initmsg(10, 65535, 8, 60000)
    sock.setsockopt(SOL_SCTP, SCTP_INITMSG, sctp_initmsg(65535, 10, 1, 100))
    assert ask(sock, SCTP_INITMSG, sctp_initmsg()) == sctp_initmsg(65535, 10, 1, 100)


def test_case_142(make):
    """PEER_ADDR_PARAMS of the endpoint: HB.interval 30000, Path.Max.Retrans 5, SACK delay 200."""
    value = ask(make(), SCTP_PEER_ADDR_PARAMS, sctp_paddrparams())
    assert (value.spp_hbinterval, value.spp_pathmaxrxt, value.spp_sackdelay) == (30000, 5, 200)


@pytest.mark.parametrize("delay", [100, 250])
def test_case_143(make, delay):
    """DELAYED_ACK shows as spp_sackdelay and the other way round."""
    sock = make()
    sock.setsockopt(SOL_SCTP, SCTP_DELAYED_SACK, sctp_assoc_value(0, delay))
    assert ask(sock, SCTP_PEER_ADDR_PARAMS, sctp_paddrparams()).spp_sackdelay == delay
    sock.setsockopt(SOL_SCTP, SCTP_PEER_ADDR_PARAMS,
                    sctp_paddrparams(spp_flags=SPP_SACKDELAY_ENABLE, spp_sackdelay=delay + 1))
    assert ask(sock, SCTP_DELAYED_SACK, sctp_sack_info()).sack_delay == delay + 1


def test_a_sack_delay_that_is_switched_off_is_kept(make):
    """As Linux: spp_sackdelay is shown and in force again when it is switched on without a number."""
    sock = make()
    for flags, delay in ((SPP_SACKDELAY_ENABLE, 120), (SPP_SACKDELAY_DISABLE, 0), (SPP_SACKDELAY_ENABLE, 0)):
        sock.setsockopt(SOL_SCTP, SCTP_PEER_ADDR_PARAMS,
                        sctp_paddrparams(spp_flags=flags, spp_sackdelay=delay))
        value = ask(sock, SCTP_PEER_ADDR_PARAMS, sctp_paddrparams())
        assert (value.spp_sackdelay, value.spp_flags & SPP_SACKDELAY) == (120, flags)
        assert ask(sock, SCTP_DELAYED_SACK, sctp_sack_info()).sack_delay == (
            120 if flags == SPP_SACKDELAY_ENABLE else 0)


@pytest.mark.parametrize("fixed", ["one", "all"])
@pytest.mark.parametrize("enabled", ["one", "all"])
def test_discovery_after_a_fixed_path_mtu(sockets, fixed, enabled):
    """SPP_PMTUD_ENABLE: the path MTU is again what it was before it was fixed, to be lowered by ICMP."""
    client, _ = sockets.pair()
    of = {"one": {"spp_address": client.getpeername()}, "all": {}}

    def shown():
        value = ask(client, SCTP_PEER_ADDR_PARAMS, sctp_paddrparams(**of["one"]))
        return value.spp_pathmtu, value.spp_flags & SPP_PMTUD

    before = shown()
    client.setsockopt(SOL_SCTP, SCTP_PEER_ADDR_PARAMS,
                      sctp_paddrparams(spp_flags=SPP_PMTUD_DISABLE, spp_pathmtu=1300, **of[fixed]))
    assert shown() == (1300, SPP_PMTUD_DISABLE)
    client.setsockopt(SOL_SCTP, SCTP_PEER_ADDR_PARAMS, sctp_paddrparams(spp_flags=SPP_PMTUD_ENABLE,
                                                                        **of[enabled]))
    assert shown() == before


def test_case_144(sockets):
    """PEER_ADDR_PARAMS with a wrong id on a one-to-many socket: EINVAL."""
    sock = sockets.new(type=SOCK_SEQPACKET)
    with raises(errno.EINVAL):
        sock.setsockopt(SOL_SCTP, SCTP_PEER_ADDR_PARAMS, sctp_paddrparams(1234))
    with raises(errno.EINVAL):
        sock.getsockopt(SOL_SCTP, SCTP_PEER_ADDR_PARAMS, sctp_paddrparams(1234))


@pytest.mark.parametrize("option", [SCTP_PEER_ADDR_PARAMS, SCTP_DELAYED_SACK])
def test_case_145(make, option):
    """One byte short: EINVAL."""
    size = 156 if option == SCTP_PEER_ADDR_PARAMS else 12
    with raises(errno.EINVAL):
        make().setsockopt(SOL_SCTP, option, bytes(size - 1))


@pytest.mark.parametrize(("option", "value"), [
    (SCTP_PEER_ADDR_PARAMS, sctp_paddrparams(spp_flags=SPP_SACKDELAY_ENABLE, spp_sackdelay=501)),
    (SCTP_DELAYED_SACK, sctp_sack_info(0, 501, 2)),
])
def test_case_146(make, option, value):
    """A SACK delay of 501 ms: EINVAL."""
    with raises(errno.EINVAL):
        make().setsockopt(SOL_SCTP, option, value)


@pytest.mark.parametrize("flags", [SPP_HB, SPP_PMTUD, SPP_SACKDELAY])
def test_case_147(make, flags):
    """Both flags of a pair: EINVAL."""
    with raises(errno.EINVAL):
        make().setsockopt(SOL_SCTP, SCTP_PEER_ADDR_PARAMS, sctp_paddrparams(spp_flags=flags))


def test_case_148(make):
    """A heartbeat on demand without an association: EINVAL."""
    with raises(errno.EINVAL):
        make().setsockopt(SOL_SCTP, SCTP_PEER_ADDR_PARAMS, sctp_paddrparams(spp_flags=SPP_HB_DEMAND))


# ------------------------------------------------------------------ defaults of messages

def test_case_149(sockets):
    """A wrong id, and one of another socket: EINVAL."""
    server, _, live, _ = associated(sockets)
    other = sockets.new(type=SOCK_SEQPACKET)
    for sock, wrong in ((server, live + 1000), (other, 1234), (other, live)):
        for option, value in ((SCTP_DEFAULT_SEND_PARAM, sctp_sndrcvinfo(sinfo_assoc_id=wrong)),
                              (SCTP_DEFAULT_SNDINFO, sctp_sndinfo(snd_assoc_id=wrong))):
            with raises(errno.EINVAL):
                sock.setsockopt(SOL_SCTP, option, value)
            with raises(errno.EINVAL):
                sock.getsockopt(SOL_SCTP, option, value)


def test_case_150(sockets):
    """Defaults set with an id are that association's; the socket keeps its own."""
    server, client, _, live = associated(sockets)
    client.setsockopt(SOL_SCTP, SCTP_DEFAULT_SEND_PARAM,
                      sctp_sndrcvinfo(sinfo_ppid=1000, sinfo_assoc_id=live))
    of_it = ask(client, SCTP_DEFAULT_SEND_PARAM, sctp_sndrcvinfo(sinfo_assoc_id=live))
    assert of_it.sinfo_ppid == 1000
    assert ask(client, SCTP_DEFAULT_SEND_PARAM, sctp_sndrcvinfo()).sinfo_ppid == 0
    client.sendto(b"message", server.getsockname())
    assert server.sctp_recvmsg(99)[2].sinfo_ppid == 1000


def test_case_151(sockets):
    """On a one-to-one socket any id goes."""
    sock = sockets.new()
    sock.setsockopt(SOL_SCTP, SCTP_DEFAULT_SEND_PARAM, sctp_sndrcvinfo(sinfo_ppid=1000, sinfo_assoc_id=1234))
    assert ask(sock, SCTP_DEFAULT_SEND_PARAM, sctp_sndrcvinfo(sinfo_assoc_id=1234)).sinfo_ppid == 1000
    assert ask(sock, SCTP_DEFAULT_SEND_PARAM, sctp_sndrcvinfo()).sinfo_ppid == 1000


def test_case_152(sockets):
    """An accepted socket has the values of its association, not what the listener gets later."""
    listener = sockets.listener(SCTP_DEFAULT_SEND_PARAM=sctp_sndrcvinfo(sinfo_ppid=1))
    sockets.connect(listener)
    server = sockets.accept(listener)
    listener.setsockopt(SOL_SCTP, SCTP_DEFAULT_SEND_PARAM, sctp_sndrcvinfo(sinfo_ppid=2))
    assert ask(server, SCTP_DEFAULT_SEND_PARAM, sctp_sndrcvinfo()).sinfo_ppid == 1
    server.setsockopt(SOL_SCTP, SCTP_DEFAULT_SEND_PARAM, sctp_sndrcvinfo(sinfo_ppid=3))
    assert ask(listener, SCTP_DEFAULT_SEND_PARAM, sctp_sndrcvinfo()).sinfo_ppid == 2


# ------------------------------------------------------------------ addresses of the peer

def test_case_153(sockets):
    """A live id with an address that is not of that peer: EINVAL."""
    server, client, live, _ = associated(sockets)
    foreign = ("192.0.2.1" if sockets.family == socket.AF_INET else "2001:db8::1", client.getsockname()[1])
    with raises(errno.EINVAL):
        server.getsockopt(SOL_SCTP, SCTP_GET_PEER_ADDR_INFO, sctp_paddrinfo(live, foreign))


def test_case_154(sockets):
    """A live id and the peer's address: ACTIVE, both echoed."""
    server, client, live, _ = associated(sockets)
    peer = client.getsockname()
    info = ask(server, SCTP_GET_PEER_ADDR_INFO, sctp_paddrinfo(live, peer))
    assert (info.spinfo_state, info.spinfo_assoc_id) == (socket.SCTP_ACTIVE, live)
    assert info.spinfo_address.address == peer


# ------------------------------------------------------------------ one association among several

CLASS_A = [  # option, how to make its value from a number and an id, the member that has the number
    ("SCTP_DELAYED_SACK", lambda n, assoc_id: sctp_sack_info(assoc_id, n, 3), "sack_delay"),
    ("SCTP_CONTEXT", lambda n, assoc_id: sctp_assoc_value(assoc_id, n), "assoc_value"),
    ("SCTP_MAX_BURST", lambda n, assoc_id: sctp_assoc_value(assoc_id, n), "assoc_value"),
    ("SCTP_DEFAULT_SEND_PARAM",
     lambda n, assoc_id: sctp_sndrcvinfo(sinfo_ppid=n, sinfo_assoc_id=assoc_id), "sinfo_ppid"),
    ("SCTP_DEFAULT_SNDINFO",
     lambda n, assoc_id: sctp_sndinfo(snd_ppid=n, snd_assoc_id=assoc_id), "snd_ppid"),
    ("SCTP_ENABLE_STREAM_RESET", lambda n, assoc_id: sctp_assoc_value(assoc_id, n % 7 + 1), "assoc_value"),
    ("SCTP_STREAM_SCHEDULER", lambda n, assoc_id: sctp_assoc_value(assoc_id, n % 4 + 1), "assoc_value"),
    ("SCTP_EVENT",
     lambda n, assoc_id: sctp_event(assoc_id, socket.SCTP_SHUTDOWN_EVENT, n % 2), "se_on"),
]


@pytest.mark.parametrize(("name", "value", "member"), CLASS_A, ids=[row[0] for row in CLASS_A])
def test_future_current_all(ipv4, name, value, member):
    """Section 7.2 and the ids of class A: one association, those to come, those that exist, all."""
    option = getattr(socket, name)
    server, _, first, _ = associated(ipv4)
    other = ipv4.many(listening=False)
    other.sendto(b"hello", server.getsockname())
    second = change(server, socket.SCTP_COMM_UP).sac_assoc_id

    def now():
        return [getattr(ask(server, option, value(0, assoc_id)), member) for assoc_id in (0, first, second)]

    assert len(set(now())) == 1
    for number, assoc_id, changed in (
            (11, first, [1]), (12, SCTP_FUTURE_ASSOC, [0]), (14, SCTP_CURRENT_ASSOC, [1, 2]),
            (15, SCTP_ALL_ASSOC, [0, 1, 2])):
        wanted = now()
        for index in changed:
            wanted[index] = getattr(value(number, assoc_id), member)
        server.setsockopt(SOL_SCTP, option, value(number, assoc_id))
        assert now() == wanted


@pytest.mark.parametrize("flags", [None, 0, socket.SOCK_NONBLOCK])
def test_peeloff_by_option(sockets, flags):
    """Section 9.2 as the kernel has it: the answer has the descriptor of the socket that was peeled off."""
    server, client, live, _ = associated(sockets)
    option, request = (socket.SCTP_SOCKOPT_PEELOFF, socket.sctp_peeloff_arg_t(live)) if flags is None else (
        socket.SCTP_SOCKOPT_PEELOFF_FLAGS, socket.sctp_peeloff_flags_arg_t(live, 0, flags))
    answer = ask(server, option, request)
    assert answer.associd == live
    peeled = sockets.keep(socket.socket(fileno=answer.sd), None if not flags else 0)
    assert peeled.getpeername() == client.getsockname()
    assert peeled.send(b"peeled") == 6
    assert client.recv(99) == b"peeled"
    with raises(errno.EINVAL):
        server.getsockopt(SOL_SCTP, option, request)


def test_status_counts_what_waits_of_one_association(ipv4):
    """8.2.1: messages of other associations, and notifications, are not of this one."""
    server, client, live, _ = associated(ipv4)
    other = ipv4.many(listening=False)
    other.sendto(b"another association's", server.getsockname())
    for _ in range(2):
        client.sendto(b"waits", server.getsockname())
    until_queued(server, 4)  # COMM_UP, three messages
    assert ask(server, SCTP_STATUS, sctp_status(live)).sstat_penddata == 2


def test_number_and_ids_of_associations(sockets):
    """8.2.5 and 8.2.6: as many as there are, none that has ended."""
    server, _, live, _ = associated(sockets)
    size = 4 + 4 * 3
    assert server.getsockopt(SOL_SCTP, socket.SCTP_GET_ASSOC_NUMBER) == 1
    assert server.getsockopt(SOL_SCTP, socket.SCTP_GET_ASSOC_ID_LIST, size) == struct.pack("=Ii", 1, live)
    server.sendmsg([], to(live, socket.SCTP_ABORT))
    assert server.getsockopt(SOL_SCTP, socket.SCTP_GET_ASSOC_NUMBER) == 0
    assert server.getsockopt(SOL_SCTP, socket.SCTP_GET_ASSOC_ID_LIST, size) == struct.pack("=I", 0)
