"""Addresses as the `socket` module has them, to and from the (host, port) that the core knows.

AF_INET: (host, port).  AF_INET6: (host, port[, flowinfo[, scope_id]]).  The core's hosts are numeric
("192.0.2.1", "2001:db8::1", "fe80::1%2"); an IPv4-mapped IPv6 address is the IPv4 address to it.
Host names are resolved as gevent does: a peer's without holding up other greenlets, one's own, which bind()
is given, at once; in a thread without a hub by the system's function.
"""
from __future__ import annotations

import ipaddress
import socket as _socket
from typing import Any

from gevent.socket import getaddrinfo

from . import native
from .hub import current_hub

Address = tuple[Any, ...]

WILDCARDS = {_socket.AF_INET: "0.0.0.0", _socket.AF_INET6: "::"}
MAPPED = "::ffff:"


def to_core(family: int, address: Any, may_switch: bool = True) -> tuple[str, int]:
    """Numeric host and port of an address tuple; "" is the wildcard, "<broadcast>" the broadcast address.

    TypeError for what is no address of the family, OverflowError for a port out of range, gaierror for a
    name that does not resolve: the rules of the `socket` module.
    """
    name = "AF_INET" if family == _socket.AF_INET else "AF_INET6"
    most = 2 if family == _socket.AF_INET else 4
    if not isinstance(address, tuple):
        raise TypeError(f"{name} address must be tuple, not {type(address).__name__}")
    if not 2 <= len(address) <= most:
        wanted = "a pair (host, port)" if most == 2 else "a tuple (host, port[, flowinfo[, scopeid]])"
        raise TypeError(f"{name} address must be {wanted}")
    host, port, flowinfo, scope_id = (*address, 0, 0)[:4]
    if not isinstance(host, (str, bytes, bytearray)):
        raise TypeError(f"str, bytes or bytearray expected, not {type(host).__name__}")
    for what, number in (("port", port), ("flowinfo", flowinfo), ("scope id", scope_id)):
        if not isinstance(number, int):
            raise TypeError(f"an integer is required for the {what}, not {type(number).__name__}")
    if not 0 <= port <= 65535:
        raise OverflowError("port must be 0-65535.")
    if not 0 <= flowinfo <= 1048575:
        raise OverflowError("flowinfo must be 0-1048575.")
    host = resolve(family, host if isinstance(host, str) else bytes(host).decode("idna"), may_switch)
    if scope_id and "%" not in host and ":" in host and ipaddress.ip_address(host).is_link_local:
        host = f"{host}%{scope_id}"
    return host, port


def resolve(family: int, host: str, may_switch: bool = True) -> str:
    """The numeric address of a host name or literal in this family, a zone given as its number."""
    if not host:
        return WILDCARDS[family]  # type: ignore[index]
    if host == "<broadcast>" and family == _socket.AF_INET:
        return "255.255.255.255"
    try:
        packed = _socket.inet_pton(family, host)
        return _socket.inet_ntop(family, packed) if family == _socket.AF_INET else unmapped(host)
    except OSError:
        pass
    look_up = getaddrinfo if may_switch and current_hub() is not None else native.getaddrinfo
    found: Any = look_up(host, 0, family, _socket.SOCK_DGRAM)[0][4]
    host = str(found[0]).partition("%")[0]
    return f"{host}%{found[3]}" if len(found) == 4 and found[3] else unmapped(host)


def from_core(family: int, host: str, port: int, mapped: bool = True) -> Address:
    """The address tuple that a socket of this family shows.

    An AF_INET6 socket shows an IPv4 peer as ::ffff:a.b.c.d, or, unless `mapped`
    (SCTP_I_WANT_MAPPED_V4_ADDR), as an AF_INET address.
    """
    if family == _socket.AF_INET:
        return host, port
    if ":" not in host:
        return (MAPPED + host, port, 0, 0) if mapped else (host, port)
    bare, _, zone = host.partition("%")
    return bare, port, 0, int(zone) if zone.isdigit() else _socket.if_nametoindex(zone) if zone else 0


def unmapped(host: str) -> str:
    """The IPv4 address in an IPv4-mapped IPv6 address; anything else as it is, in its shortest form."""
    bare, percent, zone = host.partition("%")
    ip = ipaddress.ip_address(bare)
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ip) + percent + zone


def is_wildcard(host: str) -> bool:
    """Whether the host means every address."""
    return host in ("", "0.0.0.0", "::")


def is_multicast(host: str) -> bool:
    """Whether no association can be with this host: multicast and broadcast addresses."""
    if ":" in host:
        return host.lower().startswith("ff")
    first = int(host.partition(".")[0])
    return first >= 224 or first == 0
