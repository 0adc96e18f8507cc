"""Addresses between text and 16 bytes, and what kind of address they are.

RFC 4291 section 2.5.5.2 (IPv4-mapped form); which addresses SCTP accepts: RFC 9260 sections 5.1.2 and 8.4.
"""
import socket

from libc.stdint cimport uint8_t
from libc.string cimport memcpy, memset

cdef extern from *:
    """
    #ifdef _WIN32
    #include <winsock2.h>
    #include <ws2tcpip.h>
    #else
    #include <arpa/inet.h>
    #include <sys/socket.h>
    #endif
    static const unsigned char IPV4_MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    static const unsigned char ZEROS[16] = {0};
    """
    const uint8_t *IPV4_MAPPED
    const uint8_t *ZEROS
    int AF_INET, AF_INET6
    int inet_pton(int family, const char *text, void *out) nogil
    const char *inet_ntop(int family, const void *address, char *out, unsigned int size) nogil


cdef bint is_ipv4(const Address *a) noexcept nogil:
    return memcmp(a.ip, IPV4_MAPPED, 12) == 0


cdef bint is_unspecified(const Address *a) noexcept nogil:
    """:: or 0.0.0.0."""
    return memcmp(a.ip + 12, ZEROS, 4) == 0 and (is_ipv4(a) or memcmp(a.ip, ZEROS, 12) == 0)


cdef bint is_unicast(const Address *a) noexcept nogil:
    if is_unspecified(a):
        return False
    if not is_ipv4(a):
        return a.ip[0] != 0xFF                      # ff00::/8
    if 224 <= a.ip[12] <= 239:
        return False
    return not (a.ip[12] == 255 and a.ip[13] == 255 and a.ip[14] == 255 and a.ip[15] == 255)


cdef bint is_listable(const Address *a) noexcept nogil:
    """Whether it can be an address of a peer beside the source of a packet: no 0.0.0.0/8, no class E."""
    return is_unicast(a) and not (is_ipv4(a) and (a.ip[12] == 0 or a.ip[12] >= 240))


cdef bint is_loopback(const Address *a) noexcept nogil:
    """127.0.0.0/8 or ::1."""
    if is_ipv4(a):
        return a.ip[12] == 127
    return a.ip[15] == 1 and memcmp(a.ip, ZEROS, 15) == 0


cdef bint has_link_scope(const Address *a) noexcept nogil:
    """fe80::/10, and ff02::/16 and its like: meaningless without the interface."""
    if a.ip[0] == 0xFE:
        return a.ip[1] & 0xC0 == 0x80
    return a.ip[0] == 0xFF and a.ip[1] & 0x0F in (1, 2)


cdef int address_from_host(str host, Address *out) except -1:
    cdef bytes literal
    memset(out, 0, sizeof(Address))
    text, percent, scope = host.partition("%")
    literal = text.encode("ascii", "replace")       # "?" stands in no address
    if b"\0" in literal:
        raise ValueError(f"not an IP address: {host!r}")
    if not percent and inet_pton(AF_INET, literal, out.ip + 12) == 1:
        memcpy(out.ip, IPV4_MAPPED, 12)
        return 0
    if inet_pton(AF_INET6, literal, out.ip) != 1:
        raise ValueError(f"not an IP address: {host!r}")
    if percent:
        scope_id = _scope_number(scope, host)
        if has_link_scope(out):                     # elsewhere the scope says nothing
            out.scope_id = scope_id
    return 0


def _scope_number(str scope, str host):
    """The interface index that stands behind the % of `host`, as number or name."""
    if scope.isascii() and scope.isdigit() and int(scope) <= 0xFFFFFFFF:
        return int(scope)
    try:
        return socket.if_nametoindex(scope)
    except (OSError, ValueError):
        raise ValueError(f"no such interface: {host!r}") from None


cdef str host_from_address(const Address *a):
    cdef char text[64]
    if is_ipv4(a):
        inet_ntop(AF_INET, a.ip + 12, text, sizeof(text))
    else:
        inet_ntop(AF_INET6, a.ip, text, sizeof(text))
    host = (<const char *>text).decode("ascii")
    return f"{host}%{a.scope_id}" if a.scope_id else host


# ---- Python face, for tests and tools ------------------------------------------------------------------


def describe_address(str host not None):
    """What the core makes of an IP literal: a dict with ip (16 bytes), scope_id, host and its kinds.

    ValueError if `host` is not an IP literal.
    """
    cdef Address address
    address_from_host(host, &address)
    return {
        "ip": address.ip[:16],
        "scope_id": address.scope_id,
        "host": host_from_address(&address),
        "ipv4": is_ipv4(&address),
        "unspecified": is_unspecified(&address),
        "unicast": is_unicast(&address),
        "listable": is_listable(&address),
        "loopback": is_loopback(&address),
    }
