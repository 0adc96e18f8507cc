"""Options of levels IPPROTO_IP and IPPROTO_IPV6; ip(7) and ipv6(7) describe them.

SCTP in UDP has one socket of the system for many of ours, so most of them are only kept.
"""
from __future__ import annotations

import errno
import socket as _socket
from typing import Any

from ..errors import error
from .paths import change
from .row import Getter, Option, Setter, Target

ECN_BITS = 0x03  # of the type of service, which are not the user's
KEPT = "Kept, without effect."


def kept(level: int, name: str, number: int, default: int = 0) -> Option:
    """A number that is remembered."""
    return Option(name, None, "", lambda target, request: target.sock.switches.get(name, default),
                  lambda target, value: target.sock.switches.__setitem__(name, value),
                  level=level, fixed_number=number, about=KEPT)


def traffic_class(level: int, name: str, number: int) -> Option:
    """The DSCP of all packets; SCTP_PEER_ADDR_PARAMS has it for single addresses."""
    return Option(name, None, "", lambda target, request: target.parameters.dscp,
                  lambda target, value: change(target, None, {"dscp": value & ~ECN_BITS & 0xFF}),
                  level=level, fixed_number=number,
                  about="The DSCP of all packets of the socket and its associations.")


def v6only() -> tuple[Getter, Setter]:
    def get(target: Target, request: Any) -> int:
        return int(target.sock.v6only)

    def set_(target: Target, value: int) -> None:
        if target.sock.getsockname()[1]:
            raise error(errno.EINVAL, "IPV6_V6ONLY comes before bind()")
        target.sock.v6only = bool(value)

    return get, set_


OPTIONS = [
    traffic_class(_socket.IPPROTO_IP, "IP_TOS", 1),
    kept(_socket.IPPROTO_IP, "IP_TTL", 2, default=64),
    kept(_socket.IPPROTO_IP, "IP_MTU_DISCOVER", 10, default=1),
    kept(_socket.IPPROTO_IP, "IP_RECVERR", 11),
    kept(_socket.IPPROTO_IP, "IP_FREEBIND", 15),
    kept(_socket.IPPROTO_IPV6, "IPV6_UNICAST_HOPS", 16, default=64),
    kept(_socket.IPPROTO_IPV6, "IPV6_MTU_DISCOVER", 23, default=1),
    kept(_socket.IPPROTO_IPV6, "IPV6_RECVERR", 25),
    Option("IPV6_V6ONLY", None, "", *v6only(), level=_socket.IPPROTO_IPV6, fixed_number=26,
           errors=("EINVAL: the socket is bound",),
           about="The wildcard means IPv6 only; IPv4 peers are not reached."),
    traffic_class(_socket.IPPROTO_IPV6, "IPV6_TCLASS", 67),
]
