"""Values that cannot be meant, or that are as great as a field is: an error at the call, or no harm.

RFC 6458 sections 7 to 9; errnos as Linux has them, exceptions as the standard module has them.
"""
import errno
import struct
import sys

import pytest
from errnos import raises

from pysctpsock import options, socket, structs
from pysctpsock.options import calls
from pysctpsock.socket import AF_INET, AF_INET6, IPPROTO_SCTP, SOL_SCTP, sockaddr_storage

OPTIONS = [option for option in options.TABLE.values() if option not in calls.OPTIONS]
WITH_ADDRESS = [(option, name) for option in OPTIONS if option.struct is not None
                for name, kind in option.struct._fields_ if kind is sockaddr_storage
                and option.name not in ("SCTP_SET_PEER_PRIMARY_ADDR", "SCTP_STATUS", "SCTP_GET_ASSOC_STATS")]


def named(each):
    return getattr(each, "name", each)


def sockaddr(family, body=b""):
    """A sockaddr_storage of any family, with these bytes behind it."""
    return sockaddr_storage.from_buffer_copy(struct.pack("=H", family) + body.ljust(126, b"\0"))


# ------------------------------------------------------------------ addresses in options

@pytest.mark.parametrize(("option", "member"), WITH_ADDRESS, ids=named)
def test_addresses_that_the_socket_cannot_have(sockets, option, member):
    """An IPv6 address to an AF_INET socket, families that are none: EINVAL (or what it has for "no path")."""
    client, _ = sockets.pair()
    port = struct.pack("!H", client.getpeername()[1])
    mapped = bytes(10) + b"\xff\xff" + bytes([127, 0, 0, 1])
    wrong = [sockaddr(77), sockaddr(1), sockaddr(0xFFFF), sockaddr(0, port + b"\x7f\0\0\1" * 7)]
    if sockets.family == AF_INET:
        wrong += [sockaddr(AF_INET6, port + bytes(4) + ip) for ip in (mapped, bytes(15) + b"\1")]
        wrong.append(sockaddr(AF_INET6, port + b"\xff" * 120))
    for address in wrong:
        for sock in (client, sockets.new(), sockets.many(listening=False)):
            value = option.struct(**{member: address})
            expected = errno.ENOENT if "THLDS" in option.name else errno.EINVAL
            if option.set is not None:
                with raises(expected):
                    sock.setsockopt(SOL_SCTP, option.number, value)
            if option.get is not None and option.name != "SCTP_PRIMARY_ADDR":
                with raises(expected):
                    sock.getsockopt(SOL_SCTP, option.number, value)


@pytest.mark.parametrize(("option", "member"), [each for each in WITH_ADDRESS
                                                if each[0].name not in ("SCTP_PRIMARY_ADDR",)], ids=named)
def test_members_of_an_address_that_mean_nothing(sockets, option, member):
    """A flow label, and a scope id of an address that has none, are not looked at."""
    client, _ = sockets.pair()
    peer = client.getpeername()
    if sockets.family == AF_INET:
        address = sockaddr(AF_INET, struct.pack("!H", peer[1]) + b"\x7f\0\0\1" + b"\xff" * 100)
    else:
        body = struct.pack("!H", peer[1]) + b"\xff" * 4 + bytes(15) + b"\1" + b"\xff" * 100
        address = sockaddr(AF_INET6, body)
    assert client.getsockopt(SOL_SCTP, option.number, option.struct(**{member: address}))


@pytest.mark.parametrize("number", [socket.SCTP_SOCKOPT_BINDX_ADD, socket.SCTP_SOCKOPT_BINDX_REM,
                                    socket.SCTP_SOCKOPT_CONNECTX, socket.SCTP_SOCKOPT_CONNECTX_OLD])
def test_packed_addresses_that_the_socket_cannot_have(ipv4, number):
    six = structs.pack_sockaddr(("::1", 5, 0, 0))
    for value in (six, six[:4] + b"\xff" * 4 + six[8:], structs.pack_sockaddr(("127.0.0.1", 5))[:7],
                  struct.pack("=H", 77) + bytes(26), bytes(16)):
        with raises(errno.EINVAL):
            ipv4.new().setsockopt(SOL_SCTP, number, value)


def test_more_addresses_that_the_socket_cannot_have(ipv4):
    """IPv6 addresses in a message that begins an association: EINVAL on an AF_INET socket."""
    to = ipv4.listener().getsockname()
    for sock in (ipv4.new(), ipv4.many()):
        with raises(errno.EINVAL):
            sock.sctp_sendv([b"x"], [to, ("::1", to[1], 0, 0)])
        with raises(errno.EINVAL):
            sock.sctp_sendv([b"x"], [("::1", to[1], 0, 0), to])
        with raises(errno.EINVAL):
            sock.sendmsg([b"x"], [(IPPROTO_SCTP, socket.SCTP_DSTADDRV6, bytes(15) + b"\1")], 0, to)
        with raises(errno.EINVAL):
            sock.sctp_connectx([to, ("::1", to[1], 0, 0)])
        with raises(errno.EINVAL):
            sock.sctp_bindx([("::1", 0, 0, 0)], socket.SCTP_BINDX_ADD_ADDR)


# ------------------------------------------------------------------ structures of something else

@pytest.mark.parametrize("option", OPTIONS, ids=named)
def test_structures_of_other_options(ipv4, option):
    """A structure is taken by the options that have it; TypeError, which names both, from all others."""
    sock = ipv4.new()
    own = [kind for kind in (option.struct, *(option.older or ())[:1]) if kind is not None]
    for other in (structs.sctp_initmsg, structs.sctp_assoc_value, structs.sctp_event_subscribe,
                  structs.sctp_sndrcvinfo, structs.sctp_rtoinfo):
        if other in own:
            continue
        for call in (sock.setsockopt, sock.getsockopt):
            with pytest.raises(TypeError, match=f"{option.name}.*{other.__name__}"):
                call(option.level, option.number, other())
        if option.level == SOL_SCTP and option.number in socket.socket.opt_info_takes:
            with pytest.raises(TypeError, match=other.__name__):
                sock.sctp_opt_info(0, option.number, other())


def test_structures_of_other_ancillary_data(ipv4):
    client, _ = ipv4.pair()
    for kind, wrong in ((socket.SCTP_PRINFO, structs.sctp_initmsg()),
                        (socket.SCTP_SNDINFO, structs.sctp_rcvinfo()),
                        (socket.SCTP_INIT, structs.sctp_prinfo()),
                        (socket.SCTP_SNDRCV, structs.sctp_sndinfo())):
        with pytest.raises(TypeError, match=type(wrong).__name__):
            client.sendmsg([b"x"], [(IPPROTO_SCTP, kind, wrong)])
    with pytest.raises(TypeError, match="sctp_sndinfo"):
        client.sctp_send(b"x", structs.sctp_sndinfo())
    with raises(errno.EINVAL):
        client.sctp_sendv([b"x"], None, structs.sctp_initmsg(), socket.SCTP_SENDV_PRINFO)


# ------------------------------------------------------------------ numbers

NOT_IDS = [("x", TypeError), (None, TypeError), (1.5, TypeError), (b"\1", TypeError),
           (1 << 31, OverflowError), (-(1 << 31) - 1, OverflowError), (1 << 64, OverflowError)]


@pytest.mark.parametrize(("number", "problem"), NOT_IDS)
@pytest.mark.parametrize("style", ["one", "many"])
def test_ids_that_are_none(ipv4, style, number, problem):
    """TypeError, or OverflowError where a C int does not hold it; from sockets of both styles."""
    sock = ipv4.pair()[0] if style == "one" else ipv4.many()
    for call in (lambda: sock.sctp_opt_info(number, socket.SCTP_STATUS, structs.sctp_status()),
                 lambda: sock.sctp_opt_info(0, number, structs.sctp_status()),
                 lambda: sock.sctp_getpaddrs(number), lambda: sock.sctp_getladdrs(number),
                 lambda: sock.sctp_peeloff(number), lambda: sock.sctp_peeloff_flags(number, 0)):
        with pytest.raises(problem):
            call()


def test_structures_that_are_too_short_for_an_id(ipv4):
    """sctp_opt_info() puts the id in the first four bytes; a buffer without them is EINVAL, as its length."""
    for length in range(4):
        with raises(errno.EINVAL):
            ipv4.pair()[0].sctp_opt_info(0, socket.SCTP_STATUS, bytes(length))


def test_sizes_that_are_none(ipv4):
    """ValueError for a negative size, from each call that receives."""
    client, server = ipv4.pair()
    server.send(b"message")
    for call in (client.recv, client.recvfrom, client.recvmsg, client.sctp_recvmsg, client.sctp_recvv):
        for size in (-1, -(1 << 31), -(1 << 62)):
            with pytest.raises(ValueError, match="negative"):
                call(size)
        with pytest.raises(OverflowError):
            call(1 << 64)
    assert client.sctp_recvv(100)[0] == b"message"


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.get is not None], ids=named)
def test_length_of_an_answer(ipv4, option):
    """No memory is spent on a length that no option has: EINVAL with the standard module's words."""
    sock = ipv4.new()
    for length in ((1 << 20) + 1, 2**31 - 1):
        with raises(errno.EINVAL) as caught:
            sock.getsockopt(option.level, option.number, length)
        assert "getsockopt buflen out of range" in str(caught.value)
    try:
        answer = sock.getsockopt(option.level, option.number, 1 << 20)
    except OSError:
        return
    assert len(answer) == 1 << 20 if option.keeps_length else len(answer) <= 300


def extremes(option):
    """(member, value): the bytes of an option's value with one number as small or great as it can be."""
    if option.struct is None:
        for number in (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x40000000, 0xFFFF, 0x10000):
            yield "int", number.to_bytes(4, sys.byteorder)
        return
    for name, (least, greatest) in option.struct._bounds.items():
        if name.endswith(("assoc_id", "associd")) or name.startswith("_"):
            continue
        for number in {least, greatest, greatest // 2, greatest // 2 + 1, greatest // 4 + 1}:
            value = option.struct(**{name: number})
            for more in FLAGS.get(option.name, ({},)):
                for member, flags in more.items():
                    setattr(value, member, flags)
                yield name, bytes(value)


FLAGS = {  # without which the numbers are not looked at
    "SCTP_PEER_ADDR_PARAMS": [
        {"spp_flags": socket.SPP_HB_ENABLE}, {"spp_flags": socket.SPP_SACKDELAY_ENABLE},
        {"spp_flags": socket.SPP_DSCP}, {"spp_flags": socket.SPP_PMTUD_DISABLE}],
}
REFUSED = {errno.EINVAL, errno.EACCES, errno.EPERM, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.ENOENT,
           errno.EFAULT}
ELSEWHERE = {  # what they change is whom the packets go to
    "SCTP_REMOTE_UDP_ENCAPS_PORT",
}


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.set is not None
                                    and option.name not in ELSEWHERE and option.level != socket.SOL_SOCKET],
                         ids=named)
@pytest.mark.parametrize("when", ["before", "after"])
def test_extreme_numbers_do_no_harm(ipv4, option, when):
    """Whatever number an option takes, messages go on: those sent are received, or the call has an errno."""
    for member, value in extremes(option):
        listener, client = ipv4.listener(), ipv4.new()
        ends = [listener, client]
        if when == "after":
            client.connect(listener.getsockname())
            ends = [ipv4.accept(listener), client]
        try:
            for sock in ends:
                sock.setsockopt(option.level, option.number, value)
        except OSError as problem:
            assert problem.errno in REFUSED
        if when == "before":
            client.connect(listener.getsockname())
            ends[0] = ipv4.accept(listener)
        for sender, receiver in (ends, reversed(ends)):
            try:
                for _ in range(10):
                    sender.sendmsg([bytes(1400)], flags=socket.MSG_EOR)
            except OSError as problem:
                assert problem.errno in (errno.EINVAL, errno.EMSGSIZE), (member, value)
                continue
            got = 0
            while got < 14_000:
                data, _, flags, _ = receiver.recvmsg(2000)
                assert data, (member, value)
                got += 0 if flags & socket.MSG_NOTIFICATION else len(data)
        for sock in (listener, *ends):
            sock.close()
