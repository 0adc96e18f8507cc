"""Options on real sockets: how values are given, and what an association answers (RFC 6458 section 8)."""
import errno
import socket as kernel
import struct

import gevent
import pytest
from errnos import raises
from many import until_queued
from waiting import ended, until

from pysctpsock import socket
from pysctpsock.socket import (
    IPPROTO_SCTP,
    SCTP_ASSOCINFO,
    SCTP_GET_PEER_ADDR_INFO,
    SCTP_INITMSG,
    SCTP_NODELAY,
    SCTP_PEER_ADDR_PARAMS,
    SCTP_REMOTE_UDP_ENCAPS_PORT,
    SCTP_RTOINFO,
    SCTP_STATUS,
    SOL_SCTP,
    sctp_assocparams,
    sctp_initmsg,
    sctp_opt_info,
    sctp_paddrinfo,
    sctp_paddrparams,
    sctp_rtoinfo,
    sctp_status,
    sctp_udpencaps,
)


def test_forms_of_values(sockets):
    """An int without a length, bytes with one, a structure in place of a length; case 131: EFAULT."""
    sock = sockets.new()
    sock.setsockopt(SOL_SCTP, SCTP_NODELAY, 1)
    assert sock.getsockopt(SOL_SCTP, SCTP_NODELAY) == 1
    assert sock.getsockopt(SOL_SCTP, SCTP_NODELAY, 4) == struct.pack("=i", 1)
    sock.setsockopt(SOL_SCTP, SCTP_NODELAY, struct.pack("=i", 0))
    assert sock.getsockopt(SOL_SCTP, SCTP_NODELAY) == 0
    sock.setsockopt(SOL_SCTP, SCTP_INITMSG, sctp_initmsg(5, 5))
    assert sock.getsockopt(SOL_SCTP, SCTP_INITMSG, 8) == bytes(sctp_initmsg(5, 5, 8, 60000))
    assert sock.getsockopt(SOL_SCTP, SCTP_INITMSG, sctp_initmsg()) == bytes(sctp_initmsg(5, 5, 8, 60000))
    with raises(errno.EFAULT):
        sock.setsockopt(SOL_SCTP, SCTP_INITMSG, None, 8)
    with raises(errno.EINVAL):
        sock.getsockopt(SOL_SCTP, SCTP_INITMSG)
    with raises(errno.EINVAL):
        sock.getsockopt(SOL_SCTP, SCTP_INITMSG, -1)
    with pytest.raises(TypeError):
        sock.setsockopt(SOL_SCTP, SCTP_NODELAY, "1")


def test_initmsg_sets_the_streams(sockets):
    """Case 163's numbers: the lesser of what one offers and the other accepts."""
    listener = sockets.listener(SCTP_INITMSG=sctp_initmsg(7, 4))
    client = sockets.connect(listener, SCTP_INITMSG=sctp_initmsg(5, 6))
    server = sockets.accept(listener)
    client_status = sctp_status.unpack(client.getsockopt(SOL_SCTP, SCTP_STATUS, 176))
    server_status = sctp_status.unpack(server.getsockopt(SOL_SCTP, SCTP_STATUS, 176))
    assert (client_status.sstat_outstrms, client_status.sstat_instrms) == (4, 6)
    assert (server_status.sstat_outstrms, server_status.sstat_instrms) == (6, 4)


def test_status(sockets):
    """Cases 136, 139, 159: ESTABLISHED, window, fragmentation point, an active primary; any id will do."""
    client, server = sockets.pair(SCTP_INITMSG=sctp_initmsg(5, 5, 4, 0))
    for sock in (client, server):
        for wanted_id in (0, 1234, sock.association.assoc_id):
            status = sctp_status.unpack(
                sock.getsockopt(SOL_SCTP, SCTP_STATUS, sctp_status(sstat_assoc_id=wanted_id)))
            assert status.sstat_state == socket.SCTP_ESTABLISHED
            assert status.sstat_assoc_id == sock.association.assoc_id > 2
            assert (status.sstat_instrms, status.sstat_outstrms) == (5, 5)
            assert 500 < status.sstat_fragmentation_point < 1500
            assert status.sstat_rwnd > 1500
            assert status.sstat_primary.spinfo_address.address == sock.getpeername()
            assert status.sstat_primary.spinfo_state == socket.SCTP_ACTIVE
            assert status.sstat_primary.spinfo_mtu <= 1500
    with raises(errno.EINVAL):
        client.getsockopt(SOL_SCTP, SCTP_STATUS, 175)


def test_status_counts_what_waits(ipv4):
    client, server = ipv4.pair()
    for _ in range(3):
        client.send(b"waits")
    until_queued(server, 3)
    status = sctp_status.unpack(server.getsockopt(SOL_SCTP, SCTP_STATUS, 176))
    assert status.sstat_penddata == 3


def test_status_without_association(sockets):
    """Cases 49 and 140: EINVAL before, and once it is gone."""
    client, server = sockets.pair()
    with raises(errno.EINVAL):
        sockets.new().getsockopt(SOL_SCTP, SCTP_STATUS, 176)
    client.close()
    assert server.recv(9) == b""
    until(lambda: ended(server))
    with raises(errno.EINVAL):
        server.getsockopt(SOL_SCTP, SCTP_STATUS, 176)


def test_peer_addr_info(sockets):
    """Cases 153 and 154."""
    client, _ = sockets.pair()
    request = sctp_paddrinfo(spinfo_address=client.getpeername())
    info = sctp_paddrinfo.unpack(client.getsockopt(SOL_SCTP, SCTP_GET_PEER_ADDR_INFO, request))
    assert info.spinfo_state == socket.SCTP_ACTIVE
    assert info.spinfo_assoc_id == client.association.assoc_id
    assert info.spinfo_address.address == client.getpeername()
    assert info.spinfo_cwnd > 4000
    assert info.spinfo_rto >= 1000
    for other in (("192.0.2.1", client.getpeername()[1]), (client.getpeername()[0], 1)):
        with raises(errno.EINVAL):
            client.getsockopt(SOL_SCTP, SCTP_GET_PEER_ADDR_INFO, sctp_paddrinfo(spinfo_address=other))


def test_options_of_a_living_association(ipv4):
    """RTOINFO and ASSOCINFO reach the association; new ones keep the endpoint's values."""
    client, _ = ipv4.pair()
    client.setsockopt(SOL_SCTP, SCTP_RTOINFO, sctp_rtoinfo(srto_min=50))
    assert client.association.parameters.rto_min == 50_000
    assert client.parameters.rto_min == 1_000_000
    value = sctp_rtoinfo.unpack(client.getsockopt(SOL_SCTP, SCTP_RTOINFO, 16))
    assert value.srto_min == 50
    info = sctp_assocparams.unpack(client.getsockopt(SOL_SCTP, SCTP_ASSOCINFO, 20))
    assert info.sasoc_number_peer_destinations == 1
    assert info.sasoc_peer_rwnd > 1500
    assert info.sasoc_local_rwnd > 1500


def test_heartbeats_by_option(ipv4):
    """SCTP_PEER_ADDR_PARAMS on a living association: HEARTBEATs go at the new interval."""
    client, server = ipv4.pair()
    client.setsockopt(SOL_SCTP, SCTP_RTOINFO, sctp_rtoinfo(srto_initial=20, srto_min=20, srto_max=50))
    before = server.association.snapshot()["packets_in"]
    for path in (None, client.getpeername()):
        client.setsockopt(SOL_SCTP, SCTP_PEER_ADDR_PARAMS, sctp_paddrparams(
            spp_address=path, spp_hbinterval=10, spp_flags=socket.SPP_HB_ENABLE))
    with gevent.Timeout(10):
        while server.association.snapshot()["packets_in"] < before + 3:
            gevent.sleep(0.02)


def test_encapsulation_port(ipv4):
    """The peer's UDP port is learnt, and shown for its address; in network order (RFC 6951 section 6.1)."""
    client, server = ipv4.pair()
    ours = client.engine.carriers[client.association.snapshot()["paths"][0]["carrier"]].local_address()[1]
    request = sctp_udpencaps(sue_address=server.getpeername())
    value = sctp_udpencaps.unpack(server.getsockopt(SOL_SCTP, SCTP_REMOTE_UDP_ENCAPS_PORT, request))
    assert kernel.ntohs(value.sue_port) == ours
    with raises(errno.EINVAL):
        server.setsockopt(SOL_SCTP, SCTP_REMOTE_UDP_ENCAPS_PORT,
                          sctp_udpencaps(sue_address=("192.0.2.1", 5), sue_port=5))


def test_receive_buffer_is_the_window(ipv4):
    """SO_RCVBUF before listen() sets the window that the peer sees; both shown values are doubled."""
    listener = ipv4.new()
    listener.setsockopt(kernel.SOL_SOCKET, kernel.SO_RCVBUF, 50_000)
    assert listener.getsockopt(kernel.SOL_SOCKET, kernel.SO_RCVBUF) == 100_000
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    client = ipv4.connect(listener)
    server = ipv4.accept(listener)
    assert client.association.snapshot()["peer_rwnd"] == 50_000
    assert server.getsockopt(kernel.SOL_SOCKET, kernel.SO_RCVBUF) == 100_000


def test_opt_info(ipv4):
    """sctp_opt_info() takes the id apart and knows 17 options; others are ENOTSUP."""
    client, _ = ipv4.pair()
    assoc_id = client.association.assoc_id
    status = sctp_status.unpack(sctp_opt_info(client, assoc_id, SCTP_STATUS, sctp_status()))
    assert status.sstat_state == socket.SCTP_ESTABLISHED
    with raises(errno.ENOTSUP):
        sctp_opt_info(client, 0, socket.SCTP_EVENT, socket.sctp_event())


def test_addresses_by_function(sockets):
    """Cases 10, 13, 14."""
    client, server = sockets.pair()
    assert socket.sctp_getpaddrs(client, 0) == [client.getpeername()]
    assert client.getsockname() in socket.sctp_getladdrs(client, 0)  # bound to the wildcard: all
    assert socket.sctp_freepaddrs(socket.sctp_getpaddrs(server)) is None
    with raises(errno.EINVAL):
        socket.sctp_getpaddrs(sockets.new(), 0)
    assert [socket.sctp_getaddrlen(f) for f in (socket.AF_INET, socket.AF_INET6, 99)] == [16, 28, 0]


def test_connectx_and_bindx(sockets):
    """Cases 24, 25; bindx on an unbound socket binds."""
    listener = sockets.new()
    socket.sctp_bindx(listener, [(sockets.host, 0)], socket.SCTP_BINDX_ADD_ADDR)
    listener.listen(1)
    client = sockets.new()
    with raises(errno.EINVAL):
        socket.sctp_connectx(client, [])
    with raises(errno.EINVAL):
        socket.sctp_connectx(client, [(sockets.host, 5), (sockets.host, 6)])
    assert socket.sctp_connectx(client, [listener.getsockname()]) == client.association.assoc_id
    with raises(errno.EINVAL):
        socket.sctp_bindx(client, [(sockets.host, 0)], 3)
    with raises(errno.EINVAL):
        socket.sctp_peeloff(client, client.association.assoc_id)
    assert IPPROTO_SCTP == 132
