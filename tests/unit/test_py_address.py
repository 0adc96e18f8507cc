"""Address tuples to and from the core's hosts (pysctpsock.address)."""
import socket
from socket import AF_INET, AF_INET6

import pytest

from pysctpsock import address


@pytest.mark.parametrize(("family", "given", "wanted"), [
    (AF_INET, ("192.0.2.1", 80), ("192.0.2.1", 80)),
    (AF_INET, ("", 0), ("0.0.0.0", 0)),
    (AF_INET, ("<broadcast>", 5), ("255.255.255.255", 5)),
    (AF_INET, (b"192.0.2.1", 80), ("192.0.2.1", 80)),
    (AF_INET6, ("", 0), ("::", 0)),
    (AF_INET6, ("2001:DB8:0::1", 80), ("2001:db8::1", 80)),
    (AF_INET6, ("2001:db8::1", 80, 0, 7), ("2001:db8::1", 80)),
    (AF_INET6, ("fe80::1", 80, 0, 7), ("fe80::1%7", 80)),
    (AF_INET6, ("::ffff:192.0.2.1", 80), ("192.0.2.1", 80)),
    (AF_INET6, ("::ffff:192.0.2.1", 80, 0, 0), ("192.0.2.1", 80)),
])
def test_to_core(family, given, wanted):
    assert address.to_core(family, given) == wanted


def test_names_are_resolved():
    assert address.to_core(AF_INET, ("localhost", 7)) == ("127.0.0.1", 7)


def test_unknown_names():
    with pytest.raises(socket.gaierror):
        address.to_core(AF_INET, ("no-such-host.invalid", 7))


@pytest.mark.parametrize(("family", "given", "raised"), [
    (AF_INET, ("192.0.2.1", 65536), OverflowError),
    (AF_INET, ("192.0.2.1", -1), OverflowError),
    (AF_INET, ("192.0.2.1", "80"), TypeError),
    (AF_INET, ("192.0.2.1",), TypeError),
    (AF_INET, ("192.0.2.1", 80, 0), TypeError),
    (AF_INET, ["192.0.2.1", 80], TypeError),
    (AF_INET, (5, 80), TypeError),
    (AF_INET, None, TypeError),
    (AF_INET6, ("::1", 80, 0, 0, 0), TypeError),
    (AF_INET6, ("::1", 80, "x"), TypeError),
    (AF_INET6, ("::1", 80, 0, "x"), TypeError),
    (AF_INET6, ("::1", 80, 1 << 20), OverflowError),
    (AF_INET, ("::1", 80), socket.gaierror),
])
def test_refused_as_the_socket_module_does(family, given, raised):
    with pytest.raises(raised):
        address.to_core(family, given)
    with socket.socket(family, socket.SOCK_DGRAM) as kernel, pytest.raises(raised):
        kernel.connect(given)


@pytest.mark.parametrize(("family", "host", "mapped", "wanted"), [
    (AF_INET, "192.0.2.1", True, ("192.0.2.1", 5)),
    (AF_INET6, "2001:db8::1", True, ("2001:db8::1", 5, 0, 0)),
    (AF_INET6, "fe80::1%3", True, ("fe80::1", 5, 0, 3)),
    (AF_INET6, "192.0.2.1", True, ("::ffff:192.0.2.1", 5, 0, 0)),
    (AF_INET6, "192.0.2.1", False, ("192.0.2.1", 5)),
])
def test_from_core(family, host, mapped, wanted):
    assert address.from_core(family, host, 5, mapped) == wanted


def test_wildcards():
    assert all(map(address.is_wildcard, ("", "0.0.0.0", "::")))
    assert not address.is_wildcard("127.0.0.1")
