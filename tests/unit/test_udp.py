"""The UDP carrier (RFC 6951) on loopback: batches with and without offload, addresses, ICMP errors."""
import errno
import fcntl
import itertools
import os
import random
import select
import socket
import subprocess
import sys
from time import monotonic

import pytest

from pysctpsock._cy.udp import UdpCarrier

PORT_UNREACHABLE = 1                # endpoint.pxd: ICMP_PORT_UNREACHABLE

LINUX = os.uname().sysname == "Linux"
SWITCHES = list(itertools.product([False, True], repeat=3))


def open_pair(host="127.0.0.1", ipv6=False, gso=True, gro=True, mmsg=True):
    carriers = UdpCarrier(host, 0, ipv6), UdpCarrier(host, 0, ipv6)
    for carrier in carriers:
        carrier.use_gso, carrier.use_gro, carrier.use_mmsg = gso, gro, mmsg
    return carriers


def collect(carrier, count):
    """What arrives until `count` packets have."""
    packets, end = [], monotonic() + 10
    while len(packets) < count and monotonic() < end:
        select.select([carrier.fd], [], [], 1)
        packets += carrier.receive_packets()
    return packets


def wait_for_error(carrier):
    """The ICMP errors, once one has arrived."""
    poll = select.poll()
    poll.register(carrier.fd, 0)
    assert poll.poll(10_000), "no ICMP error came"
    return carrier.receive_errors()


def addressed(payloads, carrier, source=""):
    host, port = carrier.local_address()
    return [(payload, host, port, source) for payload in payloads]


@pytest.mark.parametrize(("gso", "gro", "mmsg"), SWITCHES)
def test_packets_arrive_whole_and_in_order_whatever_the_system_helps_with(gso, gro, mmsg):
    """RFC 6951 section 5.3: one SCTP packet in one UDP datagram, however they are batched; runs of equal and
    unequal sizes, the last of a run shorter, and more of them than any one message may hold."""
    sizes = [1452] * 130 + [700] + [28] * 70 + [1452] * 3 + [1453] + [100, 200, 300, 300, 200] + [4, 8, 4]
    payloads = [bytes([i % 251]) * size for i, size in enumerate(sizes)]
    a, b = open_pair(gso=gso, gro=gro, mmsg=mmsg)
    assert a.send_packets(addressed(payloads, b)) == len(sizes)
    arrived = collect(b, len(sizes))
    assert [packet for packet, *_ in arrived] == payloads
    assert {tuple(end) for _, *end in arrived} == {(*a.local_address(), "127.0.0.1")}
    assert a.packets_sent == b.packets_received == len(sizes)
    assert a.bytes_sent == b.bytes_received == sum(sizes)
    assert (a.packets_offloaded > 0) == (gso and a.use_gso)
    if not gso:
        assert a.datagrams_sent == len(sizes)
    if not gro:
        assert b.packets_coalesced == 0
    if not gso and not gro and not mmsg:
        assert a.send_calls >= len(sizes) // 64


@pytest.mark.parametrize(("gso", "gro", "mmsg"), SWITCHES)
def test_random_sizes_and_two_destinations(gso, gro, mmsg):
    """Runs end where the route or the size changes; nothing is lost, nothing swapped."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    a, b = open_pair(gso=gso, gro=gro, mmsg=mmsg)
    c = UdpCarrier("127.0.0.1", 0, False)
    c.use_gro = gro
    expected, packets = {b: [], c: []}, []
    while len(packets) < 300:
        target, size = rng.choice((b, c)), rng.choice((28, 100, 1000))
        for _ in range(rng.randrange(1, 9)):
            payload = rng.randbytes(size)
            expected[target].append(payload)
            packets += addressed([payload], target)
    assert a.send_packets(packets) == len(packets)
    for carrier, payloads in expected.items():
        assert [packet for packet, *_ in collect(carrier, len(payloads))] == payloads


def test_a_burst_of_a_thousand_packets_fits_the_receive_buffer():
    """The receive buffer is as large as the system allows, so that a window's worth of packets survives."""
    a, b = open_pair()
    if b.receive_buffer < 4 << 20:
        pytest.skip(f"the system allows only {b.receive_buffer} bytes of receive buffer")
    for _ in range(10):
        assert a.send_packets(addressed([b"x" * 1452] * 100, b)) == 100
    assert len(collect(b, 1000)) == 1000
    if LINUX:
        assert a.send_calls == 10


@pytest.mark.skipif(not LINUX, reason="needs 127.0.0.0/8 and UDP_SEGMENT")
def test_segments_of_a_run_share_one_message():
    """At most 64 segments and 65,507 bytes a message, of equal size but for a shorter last one."""
    a, b = open_pair()
    if not a.use_gso:
        pytest.skip("no UDP_SEGMENT here")
    a.send_packets(addressed([b"x" * 1452] * 45 + [b"x" * 1452] * 45 + [b"y" * 100], b))
    assert (a.datagrams_sent, a.send_calls) == (3, 1)
    a.send_packets(addressed([b"x" * 20] * 129, b))
    assert a.datagrams_sent == 3 + 3
    a.send_packets(addressed([b"x" * 40, b"x" * 44, b"x" * 48], b))       # growing: no two together
    assert a.datagrams_sent == 6 + 3
    assert len(collect(b, 91 + 129 + 3)) == 223


def test_largest_datagram():
    """A packet of 65,507 bytes passes; one more is lost and counted, and those behind it go."""
    a, b = open_pair()
    assert a.send_packets(addressed([b"x" * 65507, b"x" * 65508, b"tail"], b)) == 3
    assert [len(packet) for packet, *_ in collect(b, 2)] == [65507, 4]
    assert a.lost_by_errno == {errno.EMSGSIZE: 1}
    assert a.packets_lost == 1


@pytest.mark.skipif(not LINUX, reason="needs 127.0.0.0/8")
def test_source_address_is_chosen_and_destination_address_is_told():
    """RFC 6951 section 5.4: the local address of what arrives is known, and of what is sent is chosen."""
    a, b = UdpCarrier("0.0.0.0", 0, False), UdpCarrier("0.0.0.0", 0, False)
    port = b.local_address()[1]
    a.send_packets([(b"one", "127.0.0.7", port, "127.0.0.3"), (b"two", "127.0.0.8", port, "127.0.0.4"),
                    (b"six", "127.0.0.8", port, "0.0.0.0")])
    source_port = a.local_address()[1]
    arrived = collect(b, 3)
    assert arrived[:2] == [(b"one", "127.0.0.3", source_port, "127.0.0.7"),
                           (b"two", "127.0.0.4", source_port, "127.0.0.8")]
    assert arrived[2][0] == b"six"


@pytest.mark.skipif(not LINUX, reason="what Linux says to a source address that is not ours")
@pytest.mark.parametrize("count", [1, 3])
def test_packets_that_the_system_refuses_are_lost_alone(count):
    """A foreign source address: those packets are lost and counted, others go, offload is not to blame."""
    a, b = open_pair()
    packets = addressed([b"x" * 100] * count, b, "192.0.2.1") + addressed([b"good"], b)
    offload = a.use_gso
    assert a.send_packets(packets) == count + 1
    assert [packet for packet, *_ in collect(b, 1)] == [b"good"]
    assert a.packets_lost == count
    assert sum(a.lost_by_errno.values()) == count
    assert a.use_gso == offload
    assert a.offload_limit == 65507


def test_destination_of_the_other_family_is_lost():
    a = UdpCarrier("127.0.0.1", 0, False)
    assert a.send_packets([(b"x", "::1", 9, "")]) == 1
    assert a.packets_lost == 1


@pytest.mark.skipif(not LINUX, reason="the error queue is Linux's")
@pytest.mark.parametrize(("host", "ipv6"), [("127.0.0.1", False), ("::1", True)])
def test_port_unreachable_is_reported_with_the_quoted_packet(host, ipv6):
    """RFC 6951 section 5.5: ICMP messages reach the SCTP layer with what they quote of the SCTP packet."""
    a, b = open_pair(host, ipv6)
    packets = addressed([b"quoted packet of SCTP"], b)
    port = b.local_address()[1]
    b.close()
    a.send_packets(packets)
    assert wait_for_error(a) == [(PORT_UNREACHABLE, b"quoted packet of SCTP", host, port, host)]
    assert a.icmp_errors == 1
    assert a.receive_errors() == []


@pytest.mark.skipif(not LINUX, reason="the error queue is Linux's")
@pytest.mark.parametrize("gso", [False, True])
def test_an_earlier_packets_error_loses_no_other_packet(gso):
    """ECONNREFUSED given to the next call: that call is made again, and offload stays."""
    a, b = open_pair(gso=gso)
    gone = UdpCarrier("127.0.0.1", 0, False)
    to_gone = addressed([b"to nobody"], gone)
    gone.close()
    for _ in range(5):
        a.send_packets(to_gone)
        assert a.send_packets(addressed([b"x" * 100] * 5, b)) == 5
    assert len(collect(b, 25)) == 25
    assert a.packets_lost == 0
    assert a.use_gso == gso
    assert len(wait_for_error(a)) == 5


@pytest.mark.skipif(not LINUX, reason="the error queue is Linux's")
def test_an_error_does_not_hide_what_has_arrived():
    """recvmmsg reports the error first; the datagrams behind it are read all the same."""
    a, b = open_pair()
    gone = UdpCarrier("127.0.0.1", 0, False)
    to_gone = addressed([b"to nobody"], gone)
    gone.close()
    b.send_packets(addressed([b"data"], a))
    a.send_packets(to_gone)
    assert [packet for packet, *_ in collect(a, 1)] == [b"data"]
    assert len(wait_for_error(a)) == 1


def test_ipv6_carrier_serves_ipv6_only():
    """Addresses of IPv6 carriers, source chosen; the same port of IPv4 stays free."""
    a, b = open_pair("::1", True)
    assert a.send_packets(addressed([b"x" * 1232] * 100, b, "::1")) == 100
    arrived = collect(b, 100)
    assert {tuple(end) for _, *end in arrived} == {(*a.local_address(), "::1")}
    any6 = UdpCarrier("::", 0, True)
    any4 = UdpCarrier("0.0.0.0", any6.local_address()[1], False)
    assert any4.local_address() == ("0.0.0.0", any6.local_address()[1])


def test_opening():
    """Non-blocking, close-on-exec, bound where it was asked for; errors carry the system's errno."""
    carrier = UdpCarrier("127.0.0.1", 0, False)
    assert fcntl.fcntl(carrier.fd, fcntl.F_GETFL) & os.O_NONBLOCK
    assert fcntl.fcntl(carrier.fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    with pytest.raises(OSError) as raised:
        UdpCarrier(*carrier.local_address(), False)
    assert raised.value.errno == errno.EADDRINUSE
    with pytest.raises(OSError) as raised:
        UdpCarrier("192.0.2.1", 0, False)
    assert raised.value.errno == errno.EADDRNOTAVAIL
    with pytest.raises(ValueError):
        UdpCarrier("localhost", 0, False)
    with pytest.raises(OverflowError):
        UdpCarrier("127.0.0.1", 65536, False)


@pytest.mark.skipif(not LINUX, reason="what a Linux socket says of itself")
def test_options_of_the_socket():
    """DF off, errors queued, buffers as large as the system allows."""
    carrier = UdpCarrier("127.0.0.1", 0, False)
    with socket.socket(fileno=os.dup(carrier.fd)) as sock:
        assert sock.getsockopt(socket.IPPROTO_IP, 10) == 0        # IP_MTU_DISCOVER: IP_PMTUDISC_DONT
        assert sock.getsockopt(socket.IPPROTO_IP, 11) == 1        # IP_RECVERR
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == carrier.receive_buffer
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
            assert carrier.receive_buffer > plain.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


@pytest.mark.skipif(not LINUX, reason="what a Linux socket says of itself")
@pytest.mark.parametrize(("host", "ipv6", "level", "option"), [
    ("127.0.0.1", False, socket.IPPROTO_IP, 10), ("::1", True, socket.IPPROTO_IPV6, 23)])
def test_path_mtu_discovery(host, ipv6, level, option):
    """RFC 6951 section 5.6: only on demand, as nobody may rely on ICMP; then DF is set (IP_PMTUDISC_WANT)."""
    carrier = UdpCarrier(host, 0, ipv6)
    with socket.socket(fileno=os.dup(carrier.fd)) as sock:
        for on in (False, True, False):
            carrier.pmtu_discovery = on
            assert carrier.pmtu_discovery == on
            assert sock.getsockopt(level, option) == int(on)      # ..._MTU_DISCOVER


@pytest.mark.skipif(not LINUX, reason="the ancillary data's names are Linux's")
@pytest.mark.parametrize(("host", "ipv6", "level", "receive", "item"), [
    ("127.0.0.1", False, socket.IPPROTO_IP, 13, 1), ("::1", True, socket.IPPROTO_IPV6, 66, 67)])
def test_traffic_class(host, ipv6, level, receive, item):
    """RFC 9260 section 7.2.5.1: packets bear their path's DSCP; those of different ones share no message."""
    carrier = UdpCarrier(host, 0, ipv6)
    with socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        sock.settimeout(5)
        sock.setsockopt(level, receive, 1)                        # IP_RECVTOS, IPV6_RECVTCLASS
        port = sock.getsockname()[1]
        assert carrier.send_packets([(b"x" * 12, host, port, "", dscp) for dscp in (0, 0xB8, 0x20)]) == 3
        classes = []
        for _ in range(3):
            _, ancillary, _, _ = sock.recvmsg(100, 100)
            ((_, kind, value),) = ancillary
            assert kind == item
            classes.append(value[0])
        assert classes == [0, 0xB8, 0x20]


def test_close_frees_the_port_and_twice_is_allowed():
    carrier = UdpCarrier("127.0.0.1", 0, False)
    address = carrier.local_address()
    carrier.close()
    carrier.close()
    assert carrier.fd == -1
    assert UdpCarrier(*address, False).local_address() == address
    with pytest.raises(OSError) as raised:
        carrier.receive_packets()
    assert raised.value.errno == errno.EBADF


def test_packets_of_a_closed_carrier_are_lost():
    a, b = open_pair()
    a.close()
    assert a.send_packets(addressed([b"x"], b)) == 1
    assert a.lost_by_errno == {errno.EBADF: 1}


REFUSING = """
import ctypes, errno, struct
from pysctpsock._cy.udp import UdpCarrier

def refuse(number, error):
    # A seccomp filter: this system call of x86-64 fails with this errno from now on.
    code = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | error), (0x06, 0, 0, 0x7FFF0000)]
    filters = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(filters)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0                        # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, 2, ctypes.c_void_p(ctypes.addressof(program)), 0, 0) == 0      # PR_SET_SECCOMP

SENDMSG, RECVMMSG, SENDMMSG = 46, 299, 307
a, b = UdpCarrier("127.0.0.1", 0, False), UdpCarrier("127.0.0.1", 0, False)
packets = [(bytes([65 + i]) * 50, *b.local_address(), "") for i in range(5)]
unequal = [(b"x" * (10 + i), *b.local_address(), "") for i in range(5)]
"""


@pytest.mark.skipif(not LINUX or os.uname().machine != "x86_64", reason="system call numbers of x86-64 Linux")
@pytest.mark.parametrize("case", [
    pytest.param("""
refuse(SENDMMSG, errno.ENOSYS)
refuse(RECVMMSG, errno.ENOSYS)
assert a.send_packets(unequal) == 5 and not a.use_mmsg
assert [p[0] for p in b.receive_packets()] == [p[0] for p in unequal] and not b.use_mmsg
""", id="no-mmsg"),
    pytest.param("""
refuse(SENDMSG, errno.EIO)
assert a.use_gso
assert a.send_packets(packets) == 5 and not a.use_gso and a.packets_lost == 0
assert a.send_packets(packets) == 5 and a.send_calls == 2 + 1 + 1
assert len(b.receive_packets()) == 10
""", id="offload-refused"),
    pytest.param("""
refuse(SENDMSG, errno.EINVAL)
assert a.send_packets(packets) == 5 and a.use_gso and a.offload_limit == 49 and a.packets_lost == 0
assert len(b.receive_packets()) == 5
""", id="segment-too-large"),
    pytest.param("""
refuse(SENDMMSG, errno.EAGAIN)
assert a.send_packets(unequal) == 0 and a.packets_lost == 0
""", id="no-room"),
    pytest.param("""
refuse(SENDMSG, errno.ENOBUFS)
assert a.send_packets(packets[:1]) == 1 and a.lost_by_errno == {errno.ENOBUFS: 1}
""", id="queue-dropped-it"),
])
def test_what_the_kernel_refuses_is_done_without(case):
    """Fall back to sendmmsg, then sendto, as the kernel has it; EAGAIN stops the batch."""
    subprocess.run([sys.executable, "-c", REFUSING + case], check=True, timeout=60)


def test_snapshot_names_switches_and_counters():
    a, b = open_pair()
    a.send_packets(addressed([b"x" * 12] * 3, b))
    collect(b, 3)
    state = b.snapshot()
    assert state["packets_received"] == 3
    assert state["bytes_received"] == 36
    assert state["lost_by_errno"] == {}
