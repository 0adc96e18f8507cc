"""The addresses of this host, as its interfaces have them.

What a socket that is bound to no particular address can be reached at: sctp_getladdrs() (RFC 6458 section
9.5).  Linux is asked by rtnetlink (RFC 3549); elsewhere the host's name is looked up.
"""
from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator

RTM_NEWADDR, RTM_GETADDR, NLMSG_DONE, NLMSG_ERROR = 20, 22, 3, 2
NLM_F_DUMP_REQUEST = 0x301
IFA_ADDRESS, IFA_LOCAL = 1, 2
IFA_F_TENTATIVE = 0x40
MESSAGE = struct.Struct("=IHHII")  # length, type, flags, sequence, port
ADDRESS = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, interface
ATTRIBUTE = struct.Struct("=HH")  # length, type


def local_hosts() -> list[str]:
    """Every unicast address of this host, loopback included; link-local ones with their zone."""
    if not sys.platform.startswith("linux"):
        found = {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), 0)}
        return sorted(found | {"127.0.0.1", "::1"})
    request = MESSAGE.pack(MESSAGE.size + ADDRESS.size, RTM_GETADDR, NLM_F_DUMP_REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:  # NETLINK_ROUTE
        netlink.sendto(request + ADDRESS.pack(0, 0, 0, 0, 0), (0, 0))
        return list(dict.fromkeys(_hosts(netlink)))


def _hosts(netlink: socket.socket) -> Iterator[str]:
    while True:
        data = netlink.recv(1 << 16)
        while len(data) >= MESSAGE.size:
            length, kind, _flags, _sequence, _port = MESSAGE.unpack_from(data)
            if kind in (NLMSG_DONE, NLMSG_ERROR) or length < MESSAGE.size:
                return
            if kind == RTM_NEWADDR:
                yield from _host(data[MESSAGE.size:length])
            data = data[length + 3 & ~3:]


def _host(body: bytes) -> Iterator[str]:
    """The address that one RTM_NEWADDR tells, unless it is not usable yet."""
    family, _prefix, flags, _scope, interface = ADDRESS.unpack_from(body)
    attributes: dict[int, bytes] = {}
    rest = body[ADDRESS.size:]
    while len(rest) >= ATTRIBUTE.size:
        length, kind = ATTRIBUTE.unpack_from(rest)
        if length < ATTRIBUTE.size:
            return
        attributes[kind] = rest[ATTRIBUTE.size:length]
        rest = rest[length + 3 & ~3:]
    packed = attributes.get(IFA_LOCAL) or attributes.get(IFA_ADDRESS)
    if packed is None or family not in (socket.AF_INET, socket.AF_INET6) or flags & IFA_F_TENTATIVE:
        return
    host = socket.inet_ntop(family, packed)
    yield f"{host}%{interface}" if host.startswith("fe80:") else host
