"""Several addresses a socket: sctp_bindx, sctp_connectx, sctp_get[lp]addrs (RFC 6458 section 9)."""
import errno
import socket as kernel

import gevent
import pytest
from errnos import raises
from many import associated, change, event, message, to

from pysctpsock import socket
from pysctpsock.interfaces import local_hosts
from pysctpsock.socket import (
    AF_INET,
    AF_INET6,
    SCTP_ASSOC_CHANGE,
    SCTP_BINDX_ADD_ADDR,
    SCTP_BINDX_REM_ADDR,
    SCTP_COMM_UP,
    SCTP_PEER_ADDR_CHANGE,
    SCTP_PEER_ADDR_PARAMS,
    SCTP_PRIMARY_ADDR,
    SCTP_STATUS,
    SOL_SCTP,
    sctp_bindx,
    sctp_connectx,
    sctp_getladdrs,
    sctp_getpaddrs,
    sctp_paddrparams,
    sctp_prim,
    sctp_status,
)


def bound(sock, hosts, port=0):
    """Bind to all of the hosts; the addresses."""
    sctp_bindx(sock, [(host, port) for host in hosts], SCTP_BINDX_ADD_ADDR)
    return sctp_getladdrs(sock)


def hosts_of(addresses):
    return sorted(address[0].removeprefix("::ffff:") for address in addresses)


def test_interfaces():
    """What the system has, loopback included; each can be bound to."""
    hosts = local_hosts()
    assert "127.0.0.1" in hosts
    for host in hosts:
        host, _, zone = host.partition("%")
        with kernel.socket(AF_INET6 if ":" in host else AF_INET, kernel.SOCK_DGRAM) as probe:
            probe.bind((host, 0, 0, int(zone or 0)) if ":" in host else (host, 0))


# ------------------------------------------------------------------ bindx

def test_add_and_remove(sockets):
    """Case 108: all added, all but one removed; getladdrs shows exactly the rest."""
    sock = sockets.new()
    assert sctp_getladdrs(sock) == []
    six = sockets.hosts(11, 6)
    addresses = bound(sock, six)
    assert [address[0] for address in addresses] == six
    assert len({address[1] for address in addresses}) == 1
    assert sock.getsockname() in addresses
    sctp_bindx(sock, addresses[1:], SCTP_BINDX_REM_ADDR)
    assert sctp_getladdrs(sock) == addresses[:1]
    sctp_bindx(sock, [(six[3], 0)], SCTP_BINDX_ADD_ADDR)
    assert [address[0] for address in sctp_getladdrs(sock)] == [six[0], six[3]]


def test_add_with_another_port(sockets):
    """Case 109: EINVAL, and nothing is added."""
    sock = sockets.new()
    first, second = sockets.hosts(11, 2)
    before = bound(sock, [first])
    for port in (1, before[0][1] - 1):
        with raises(errno.EINVAL):
            sctp_bindx(sock, [(second, port)], SCTP_BINDX_ADD_ADDR)
    assert sctp_getladdrs(sock) == before


def test_add_after_bind(ipv4):
    sock = ipv4.new()
    sock.bind(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    sctp_bindx(sock, [("127.0.0.2", port), ("127.0.0.3", port)], SCTP_BINDX_ADD_ADDR)
    assert hosts_of(sctp_getladdrs(sock)) == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]


@pytest.mark.parametrize(("addresses", "flags", "number"), [
    ([], SCTP_BINDX_ADD_ADDR, errno.EINVAL),
    ([("127.0.0.5", 0)], 0, errno.EINVAL),
    ([("127.0.0.5", 0)], SCTP_BINDX_ADD_ADDR | SCTP_BINDX_REM_ADDR, errno.EINVAL),
    ([("127.0.0.5", 1)], SCTP_BINDX_ADD_ADDR, errno.EINVAL),  # another port
    ([("127.0.0.1", 0)], SCTP_BINDX_ADD_ADDR, errno.EINVAL),  # it has that
    ([("127.0.0.5", 0), ("127.0.0.5", 0)], SCTP_BINDX_ADD_ADDR, errno.EINVAL),
    ([("127.0.0.5", 0), ("172.31.43.112", 0)], SCTP_BINDX_ADD_ADDR, errno.EADDRNOTAVAIL),
    ([("127.0.0.5", 0), ("", 0)], SCTP_BINDX_ADD_ADDR, errno.EINVAL),
    ([("", 0)], SCTP_BINDX_ADD_ADDR, errno.EINVAL),
    ([("224.0.0.1", 0)], SCTP_BINDX_ADD_ADDR, errno.EADDRNOTAVAIL),
    ([("127.0.0.5", 0)], SCTP_BINDX_REM_ADDR, errno.EINVAL),  # it does not have that
    ([("172.31.43.112", 0)], SCTP_BINDX_REM_ADDR, errno.EADDRNOTAVAIL),
    ([("127.0.0.1", 1)], SCTP_BINDX_REM_ADDR, errno.EINVAL),
    ([("127.0.0.1", 0), ("127.0.0.2", 0)], SCTP_BINDX_REM_ADDR, errno.EBUSY),  # none would be left
    ([("::1", 0, 0, 0)], SCTP_BINDX_ADD_ADDR, errno.EINVAL),
])
def test_bindx_errors(ipv4, addresses, flags, number):
    """All or nothing: a call that raises has changed nothing."""
    sock = ipv4.new()
    before = bound(sock, ["127.0.0.1", "127.0.0.2"])
    with raises(number):
        sctp_bindx(sock, addresses, flags)
    assert sctp_getladdrs(sock) == before


@pytest.mark.parametrize("hosts", [["172.31.43.112"], ["127.0.0.1", "172.31.43.112"]])
def test_failed_first_bindx_binds_nothing(ipv4, hosts):
    sock = ipv4.new()
    with raises(errno.EADDRNOTAVAIL):
        sctp_bindx(sock, [(host, 0) for host in hosts], SCTP_BINDX_ADD_ADDR)
    assert sctp_getladdrs(sock) == []
    sock.bind(("127.0.0.1", 0))


def test_wildcard_has_all(sockets):
    """getladdrs expands the wildcard; adding to it is EINVAL, removing from it EBUSY."""
    sock = sockets.new()
    sock.bind(("", 0))
    addresses = sctp_getladdrs(sock)
    hosts = [host.partition("%")[0] for host in local_hosts()]  # the scope is another item of an address
    wanted = [host for host in hosts if sockets.family == AF_INET6 or ":" not in host]
    assert hosts_of(addresses) == sorted(wanted)
    assert {address[1] for address in addresses} == {sock.getsockname()[1]}
    with raises(errno.EINVAL):
        sctp_bindx(sock, [(sockets.host, 0)], SCTP_BINDX_ADD_ADDR)
    with raises(errno.EBUSY):
        sctp_bindx(sock, [(sockets.host, 0)], SCTP_BINDX_REM_ADDR)


def test_port_in_use_at_one_of_the_addresses(ipv4):
    port = bound(ipv4.new(), ["127.0.0.1", "127.0.0.2"])[0][1]
    other = ipv4.new()
    other.bind(("127.0.0.3", port))
    with raises(errno.EADDRINUSE):
        sctp_bindx(other, [("127.0.0.4", port), ("127.0.0.2", port)], SCTP_BINDX_ADD_ADDR)
    assert sctp_getladdrs(other) == [("127.0.0.3", port)]


def test_session_by_hand(sockets):
    """Case 158, what one does in sctp_darn: bindx, connectx, path parameters, primary path; the events."""
    server = sockets.many(SCTP_ASSOC_CHANGE, bound=False, listening=False)
    bound(server, sockets.hosts(31, 3))
    sctp_bindx(server, sctp_getladdrs(server)[2:], SCTP_BINDX_REM_ADDR)
    first, second = sctp_getladdrs(server)
    server.listen(1)
    client = sockets.many(SCTP_ASSOC_CHANGE, SCTP_PEER_ADDR_CHANGE, bound=False, listening=False)
    bound(client, sockets.hosts(34, 2))
    assoc_id = sctp_connectx(client, [first])
    assert change(client, SCTP_COMM_UP).sac_assoc_id == assoc_id
    confirmed, _ = event(client)
    assert (confirmed.spc_state, confirmed.spc_aaddr.address) == (socket.SCTP_ADDR_CONFIRMED, second)

    def asked(option, request):
        return type(request).unpack(client.getsockopt(SOL_SCTP, option, request))

    client.setsockopt(SOL_SCTP, SCTP_PEER_ADDR_PARAMS, sctp_paddrparams(
        assoc_id, second, spp_hbinterval=7000, spp_pathmaxrxt=2, spp_flags=socket.SPP_HB_ENABLE))
    for address, wanted in ((first, (30000, 5)), (second, (7000, 2))):
        shown = asked(SCTP_PEER_ADDR_PARAMS, sctp_paddrparams(assoc_id, address))
        assert (shown.spp_hbinterval, shown.spp_pathmaxrxt) == wanted
    assert asked(SCTP_PRIMARY_ADDR, sctp_prim(assoc_id)).ssp_addr.address == first
    client.setsockopt(SOL_SCTP, SCTP_PRIMARY_ADDR, sctp_prim(assoc_id, second))
    made, _ = event(client)
    assert (made.spc_state, made.spc_aaddr.address) == (socket.SCTP_ADDR_MADE_PRIM, second)
    assert asked(SCTP_STATUS, sctp_status(assoc_id)).sstat_primary.spinfo_address.address == second
    client.sendmsg([b"by hand"], to(assoc_id))
    server_id = change(server, SCTP_COMM_UP).sac_assoc_id
    assert message(server)[:2] == (b"by hand", server_id)
    client.sendmsg([], to(assoc_id, socket.SCTP_EOF))
    assert change(client, socket.SCTP_SHUTDOWN_COMP).sac_assoc_id == assoc_id


# ------------------------------------------------------------------ connectx, names

@pytest.mark.parametrize("waits", [True, False])
def test_six_addresses(sockets, waits):
    """Cases 16, 33 to 35: of six addresses given one is not the peer's; both ends know the real ones."""
    server = sockets.many(SCTP_ASSOC_CHANGE, bound=False, listening=False)
    real = bound(server, sockets.hosts(11, 6))
    server.listen(5)
    client = sockets.many(SCTP_ASSOC_CHANGE, bound=False, listening=False)
    own = bound(client, sockets.hosts(21, 2))
    given = [*real[:5], (sockets.hosts(98, 2)[1], real[0][1])]
    if waits:
        assoc_id = sctp_connectx(client, given)
    else:
        client.setblocking(False)
        with raises(errno.EINPROGRESS) as caught:
            sctp_connectx(client, given)
        client.settimeout(5)
        assoc_id = caught.value.assoc_id
    assert change(client, SCTP_COMM_UP).sac_assoc_id == assoc_id
    assert sorted(sctp_getpaddrs(client, assoc_id)) == sorted(real)
    server_id = change(server, SCTP_COMM_UP).sac_assoc_id
    assert sorted(sctp_getpaddrs(server, server_id)) == sorted(own)
    assert sctp_getladdrs(client, assoc_id) == own


def test_peer_addresses_of_one_to_one(sockets):
    """Cases 10, 13: both ends' addresses of a connected pair; the id does not matter."""
    listener = sockets.new()
    addresses = bound(listener, sockets.hosts(41, 2))
    listener.listen(1)
    client = sockets.new()
    own = bound(client, sockets.hosts(43, 2))
    client.connect(listener.getsockname())
    server = sockets.accept(listener)
    assert sorted(sctp_getpaddrs(client, 1234)) == sorted(addresses)
    assert sctp_getladdrs(server) == addresses
    assert sctp_getladdrs(client) == own
    assert client.getsockname() in own
    assert server.getpeername() in sctp_getpaddrs(server)
    socket.sctp_freepaddrs(addresses)  # case 14
    socket.sctp_freeladdrs(addresses)


def test_peer_addresses_of_one_to_many(sockets):
    """Case 15: those of a living id, with the peer's port."""
    server, client, server_id, client_id = associated(sockets)
    assert sctp_getpaddrs(server, server_id) == [client.getsockname()]
    assert sctp_getpaddrs(client, client_id) == [server.getsockname()]


def test_unknown_associations(sockets):
    """Cases 8, 11, 12: closed sockets, and sockets of other protocols."""
    many = sockets.many()
    for function in (sctp_getpaddrs, sctp_getladdrs):
        with raises(errno.EINVAL):
            function(many, 1234)
    with raises(errno.EINVAL):
        sctp_getpaddrs(many, 0)
    with raises(errno.EINVAL):
        sctp_getpaddrs(sockets.new(), 0)
    many.close()
    for function in (sctp_getpaddrs, sctp_getladdrs):
        with raises(errno.EBADF):
            function(many, 0)


@pytest.mark.parametrize("addresses", [[], [("127.0.0.1", 5000), ("127.0.0.2", 5001)]])
def test_connectx_errors(sockets, addresses):
    """Cases 23, 24: no addresses; several ports."""
    if sockets.family == AF_INET6:
        addresses = [("::ffff:" + host, port) for host, port in addresses]
    for sock in (sockets.new(), sockets.many()):
        with raises(errno.EINVAL):
            sctp_connectx(sock, addresses)


def test_connectx_one_to_one(sockets):
    """Cases 25, 26, 27: as connect(), a refusal included."""
    listener = sockets.listener(backlog=1)
    clients = [sockets.new() for _ in range(3)]
    for client in clients[:2]:
        assert sctp_connectx(client, [listener.getsockname()]) > socket.SCTP_ALL_ASSOC
    with raises(errno.ECONNREFUSED):
        sctp_connectx(clients[2], [listener.getsockname()])
    sockets.accept(listener)
    sctp_connectx(clients[2], [listener.getsockname()])
    clients[2].send(b"x")


def test_both_versions_of_ip():
    """One AF_INET6 socket with addresses of both versions; a peer with both; data on either path."""
    with socket.socket(AF_INET6, socket.SOCK_SEQPACKET, socket.IPPROTO_SCTP) as server, \
            socket.socket(AF_INET6, socket.SOCK_SEQPACKET, socket.IPPROTO_SCTP) as client, gevent.Timeout(10):
        sctp_bindx(server, [("::1", 0, 0, 0), ("127.0.0.51", 0)], SCTP_BINDX_ADD_ADDR)
        addresses = sctp_getladdrs(server)
        assert hosts_of(addresses) == ["127.0.0.51", "::1"]
        server.listen(1)
        sctp_bindx(client, [("::1", 0, 0, 0), ("127.0.0.52", 0)], SCTP_BINDX_ADD_ADDR)
        assoc_id = sctp_connectx(client, addresses)
        assert hosts_of(sctp_getpaddrs(client, assoc_id)) == ["127.0.0.51", "::1"]
        client.sendmsg([b"hello"], [(socket.IPPROTO_SCTP, socket.SCTP_SNDINFO,
                                     bytes(socket.sctp_sndinfo(snd_assoc_id=assoc_id)))])
        assert server.recv(10) == b"hello"
        [association] = server.open_associations()
        assert hosts_of(sctp_getpaddrs(server, association.assoc_id)) == ["127.0.0.52", "::1"]
        while any(path["state"] != socket.SCTP_ACTIVE for path in association.snapshot()["paths"]):
            gevent.sleep(0.01)  # until the HEARTBEATs over both are answered


def test_listeners_are_told_apart_by_version():
    """The same port at 0.0.0.0 and, IPv4 apart, at an IPv6 address: each gets what comes to it."""
    with socket.socket(AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP) as one, \
            socket.socket(AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_SCTP) as other, gevent.Timeout(10):
        one.bind(("", 0))
        other.bind(("::1", one.getsockname()[1]))
        one.listen(1)
        other.listen(1)
        for listener, family, host in ((one, AF_INET, "127.0.0.1"), (other, AF_INET6, "::1")):
            with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_SCTP) as client:
                client.connect((host, one.getsockname()[1]))
                accepted, _ = listener.accept()
                accepted.close()


def test_mapped_addresses():
    """An AF_INET6 listener takes IPv4 peers too; how it shows them SCTP_I_WANT_MAPPED_V4_ADDR says."""
    with socket.socket(AF_INET6, socket.SOCK_SEQPACKET, socket.IPPROTO_SCTP) as server, \
            socket.socket(AF_INET, socket.SOCK_SEQPACKET, socket.IPPROTO_SCTP) as client, gevent.Timeout(10):
        server.bind(("", 0))
        server.listen(1)
        client.bind(("127.0.0.1", 0))
        client.sendto(b"one", ("127.0.0.1", server.getsockname()[1]))
        port = client.getsockname()[1]
        assert server.recvfrom(10) == (b"one", ("::ffff:127.0.0.1", port, 0, 0))
        server.sendto(b"to mapped", ("::ffff:127.0.0.1", port, 0, 0))
        assert client.recv(10) == b"to mapped"
        server.setsockopt(socket.IPPROTO_SCTP, socket.SCTP_I_WANT_MAPPED_V4_ADDR, 0)
        client.sendto(b"two", ("127.0.0.1", server.getsockname()[1]))
        assert server.recvfrom(10) == (b"two", ("127.0.0.1", port))
        server.sendto(b"plain", ("127.0.0.1", port))
        assert client.recv(10) == b"plain"


def test_messages_come_from_where_they_were_sent(ipv4):
    """msg_name of data is the path it came by."""
    server = ipv4.many(bound=False, listening=False)
    addresses = bound(server, ["127.0.0.61", "127.0.0.62"])
    server.listen(1)
    client = ipv4.many()
    client.sendto(b"x", addresses[1])
    assert message(server)[2] == client.getsockname()
    server.sendto(b"back", client.getsockname())
    assert message(client)[2] == addresses[1]


@pytest.mark.parametrize("style", ["one", "many"])
def test_message_to_one_of_the_addresses(ipv4, style):
    """SCTP_ADDR_OVER (on one-to-one sockets the address alone) chooses the path of a message."""
    server = ipv4.many(bound=False, listening=False)
    addresses = bound(server, ["127.0.0.81", "127.0.0.82"])
    server.listen(1)
    client = ipv4.many(bound=False, listening=False) if style == "many" else ipv4.new()
    client.bind(("127.0.0.83", 0))
    sctp_connectx(client, addresses)
    [association] = client.open_associations()
    flags = socket.SCTP_ADDR_OVER if style == "many" else 0

    def sent():
        paths = association.snapshot()["paths"]
        return {path["address"]: path["packets_sent"] for path in paths}

    for host, port in addresses * 2:
        before = sent()
        socket.sctp_sendmsg(client, bytes(1000), (host, port), flags=flags)
        assert message(server)[0] == bytes(1000)
        assert sent()[host] > before[host]
