"""Scopes of addresses: what is told to a peer, what of its list is taken (RFC 9260 section 5.1.2)."""
import struct

import pytest
from handmade import COOKIE_ECHO, INIT, INIT_ACK, PEER_PORT, SECOND, UDP_PORT, chunks_of, packet

from pysctpsock._cy.chunks import make_chunk, make_init
from pysctpsock._cy.endpoint import Endpoint
from pysctpsock._cy.params import make_address_parameter, parse_parameters
from pysctpsock._cy.scope import Scope, scope_of_host
from pysctpsock._cy.user import SctpUser

PORT = 4000
# The first and the last of each block and their neighbours.
HOSTS = {
    "8.8.8.8": 0, "9.255.255.255": 0, "10.0.0.0": 1, "10.255.255.255": 1, "11.0.0.0": 0,
    "126.255.255.255": 0, "127.0.0.1": 3, "127.255.255.255": 3, "128.0.0.0": 0,
    "169.253.255.255": 0, "169.254.0.0": 2, "169.254.255.255": 2, "169.255.0.0": 0,
    "172.15.255.255": 0, "172.16.0.0": 1, "172.31.255.255": 1, "172.32.0.0": 0,
    "192.167.255.255": 0, "192.168.0.0": 1, "192.168.255.255": 1, "192.169.0.0": 0,
    "2001:db8::1": 0, "fbff::1": 0, "fc00::1": 1, "fdff::1": 1, "fe00::1": 0, "fe7f::1": 0, "fe80::1": 2,
    "febf::1": 2, "fec0::1": 1, "feff::1": 1, "::1": 3, "::2": 0,
}
UNUSABLE = ("0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.254",
            "255.255.255.255", "::", "ff02::1", "ff0e::1")
SOURCES = {"203.0.113.1": 0, "10.7.7.7": 1, "169.254.7.7": 2, "127.0.0.7": 3,
           "2001:db8::7": 0, "fd00::7": 1, "fe80::7": 2, "::1": 3}
BOTH = (0, 0)                    # one carrier for both versions of IP


def listener(hosts="", own=()):
    endpoint = Endpoint(b"s" * 32)
    endpoint.own_addresses = list(own)
    user = SctpUser(endpoint.ready_list)
    user.one_to_many = True
    endpoint.listen(user, hosts, PORT, 5, carriers=BOTH)
    return endpoint


def ask(endpoint, source, destination, tag, *chunks):
    endpoint.receive_datagram(packet(PEER_PORT, PORT, tag, *chunks), source, UDP_PORT, destination, 0, SECOND)
    return [chunk for item in endpoint.take_packets(SECOND) for chunk in chunks_of(item[0])]


def init_of(hosts):
    addresses = b"".join(map(make_address_parameter, hosts))
    return make_init(INIT, 7, 1 << 20, 10, 10, 1, addresses)


def answer_to(endpoint, source, destination, hosts=()):
    """(tag, parameters) of the INIT ACK."""
    (answer,) = ask(endpoint, source, destination, 0, init_of(hosts))
    assert answer[0] == INIT_ACK
    return struct.unpack_from(">I", answer[2])[0], parse_parameters(answer[2][16:])


def taken(source, hosts, own=()):
    """The addresses of the peer that an association has whose INIT came from `source` and listed `hosts`."""
    endpoint = listener(own=own)
    tag, parameters = answer_to(endpoint, source, "10.0.0.1" if "." in source else "fd00::1", hosts)
    ask(endpoint, source, "10.0.0.1" if "." in source else "fd00::1", tag,
        make_chunk(COOKIE_ECHO, 0, parameters["state_cookie"]))
    (association,) = endpoint.associations
    return [path.host.partition("%")[0] for path in association.paths]


@pytest.mark.parametrize(("host", "scope"), HOSTS.items())
def test_scopes_end_where_their_blocks_end(host, scope):
    assert scope_of_host(host) == Scope(scope)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("host", HOSTS)
def test_taken_is_what_is_not_narrower_than_the_source(source, host):
    """A peer that is reached globally has its loopback, link-local and private addresses elsewhere."""
    kept = host == source or HOSTS[host] <= SOURCES[source]
    assert (host in taken(source, [host])) == kept


@pytest.mark.parametrize("source", SOURCES)
def test_no_one_host_has_these(source):
    """Nor an IPv4 address in its mapped form (9260-3.3.2.1-01)."""
    mapped = struct.pack(">HH", 6, 20) + bytes(10) + b"\xff\xff\x08\x08\x08\x08"
    assert parse_parameters(mapped)["addresses"] == []
    assert taken(source, UNUSABLE) == [source]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("own", HOSTS)
def test_announced_is_what_is_not_narrower_than_the_destination(source, own):
    """In an INIT ACK by the source of the INIT, in an INIT by the first address of the peer."""
    hosts = ["8.8.4.4", "2001:db8::99", own]
    _tag, parameters = answer_to(listener(hosts), source, "8.8.4.4")
    assert (own in parameters["addresses"]) == (HOSTS[own] <= SOURCES[source])
    endpoint = Endpoint(b"s" * 32)
    endpoint.connect(SctpUser(endpoint.ready_list), hosts, PORT, [source], PEER_PORT, UDP_PORT, BOTH, None,
                     SECOND)
    ((_kind, _flags, value),) = chunks_of(endpoint.take_packets(SECOND)[0][0])
    listed = parse_parameters(value[16:])["addresses"]
    assert (own in listed) == (HOSTS[own] <= SOURCES[source])


def test_the_address_that_the_peer_uses_is_announced_whatever_its_scope():
    """Behind a port forwarding a private address is reached from everywhere."""
    _tag, parameters = answer_to(listener(["192.168.0.1", "8.8.4.4"]), "203.0.113.1", "192.168.0.1")
    assert parameters["addresses"] == ["192.168.0.1", "8.8.4.4"]


def test_one_address_that_is_left_is_not_listed():
    """6951-5-07: the source of the packets says it, through a NAT too."""
    _tag, parameters = answer_to(listener(["192.168.0.1", "8.8.4.4"]), "203.0.113.1", "8.8.4.4")
    assert parameters["addresses"] == []


@pytest.mark.parametrize(("source", "kept"), [("203.0.113.1", False), ("172.17.0.1", True),
                                              ("127.0.0.1", True), ("172.18.0.1", True)])
def test_addresses_that_this_host_has_too(source, kept):
    """Every host with containers has 172.17.0.1.  Of another host it is not taken, for it would be us; of a
    peer on this host, whichever of our addresses it uses, it is.
    """
    own = ["172.17.0.1", "172.18.0.1", "8.8.4.4", "fd00::17"]
    assert ("8.8.4.4" in taken(source, ["8.8.4.4"], own)) == kept
    assert ("172.17.0.1" in taken(source, ["172.17.0.1"], own)) == kept


def test_a_private_neighbour_does_not_have_our_addresses_either():
    assert taken("172.17.0.5", ["172.17.0.1", "172.17.0.6"], ["172.17.0.1"]) == ["172.17.0.5", "172.17.0.6"]
