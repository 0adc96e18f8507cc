"""Addresses: RFC 4291 section 2.5.5.2 (IPv4-mapped form), RFC 9260 section 8.4 rule 1 (unicast only)."""
import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysctpsock._cy.address import describe_address


@given(st.ip_addresses())
def test_round_trip(address):
    """Every IP literal gives its 16 bytes and comes back as the system writes it."""
    found = describe_address(str(address))
    if address.version == 4:
        assert found["ip"] == bytes(10) + b"\xff\xff" + address.packed
        assert found["host"] == str(address)
    else:
        assert found["ip"] == address.packed
        mapped = address.ipv4_mapped
        expected = str(mapped) if mapped else socket.inet_ntop(socket.AF_INET6, address.packed)
        assert found["host"] == expected
    assert found["scope_id"] == 0
    assert found["ipv4"] == (address.version == 4 or address.ipv4_mapped is not None)


@given(st.ip_addresses())
def test_kinds(address):
    """Unspecified, loopback and unicast as the standard library sees them."""
    found = describe_address(str(address))
    if address.version == 6 and address.ipv4_mapped:
        address = address.ipv4_mapped
    assert found["unspecified"] == address.is_unspecified
    assert found["loopback"] == address.is_loopback
    broadcast = address == ipaddress.ip_address("255.255.255.255")
    assert found["unicast"] == (not address.is_multicast and not address.is_unspecified and not broadcast)


@pytest.mark.parametrize(("host", "kinds"), {
    "0.0.0.0": {"ipv4", "unspecified"},
    "::": {"unspecified"},
    "::ffff:0.0.0.0": {"ipv4", "unspecified"},
    "127.0.0.1": {"ipv4", "unicast", "loopback"},
    "127.255.255.255": {"ipv4", "unicast", "loopback"},
    "::1": {"unicast", "loopback"},
    "::2": {"unicast"},
    "::1.2.3.4": {"unicast"},
    "223.255.255.255": {"ipv4", "unicast"},
    "224.0.0.1": {"ipv4"},
    "239.255.255.255": {"ipv4"},
    "240.0.0.1": {"ipv4", "unicast"},
    "255.255.255.254": {"ipv4", "unicast"},
    "255.255.255.255": {"ipv4"},
    "::ffff:224.0.0.1": {"ipv4"},
    "ff02::1": set(),
    "ff0e::1": set(),
    "fe80::1": {"unicast"},
}.items())
def test_kinds_at_the_borders(host, kinds):
    """9260-8.4: a packet from or to an address that is not unicast is discarded."""
    found = describe_address(host)
    assert {kind for kind in ("ipv4", "unspecified", "unicast", "loopback") if found[kind]} == kinds


@pytest.mark.parametrize("host", ["fe80::1%7", "ff02::1%7", "febf::1%7", "ff01::5%7"])
def test_scope_of_link_local_addresses_is_kept(host):
    found = describe_address(host)
    assert found["scope_id"] == 7
    assert found["host"] == host


@pytest.mark.parametrize("host", ["2001:db8::1%7", "::1%7", "fec0::1%7", "ff0e::1%7"])
def test_scope_of_other_addresses_is_dropped(host):
    """Two texts for one address must compare equal."""
    found = describe_address(host)
    assert found["scope_id"] == 0
    assert found["host"] == host.partition("%")[0]


def test_scope_by_name():
    index, name = socket.if_nameindex()[0]
    assert describe_address(f"fe80::1%{name}")["scope_id"] == index


@pytest.mark.parametrize("host", [
    "", " ", "localhost", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4x", "1.2.3.4\0", "::1\0", "\0",
    "1.2.3.4 ", " 1.2.3.4", "1.2.3.4%1", ":::", "1::2::3", "12345::", "::1%", "fe80::1%", "fe80::1%no-such-0",
    "fe80::1%4294967296", "fe80::1%-1", "fe80::1%1\0", "fe80::1%²", "\uff11.2.3.4", "[::1]", "1" * 10000,
])
def test_what_is_no_literal_is_refused(host):
    with pytest.raises(ValueError, match=r"not an IP address|no such interface"):
        describe_address(host)


def test_only_text_is_taken():
    for host in (None, b"127.0.0.1", 5):
        with pytest.raises(TypeError):
            describe_address(host)
