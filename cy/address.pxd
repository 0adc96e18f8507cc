"""Transport addresses and routes as plain C values.

An IP address is always 16 bytes; IPv4 is kept in its IPv4-mapped form, so that comparing is one
memcmp.  `udp_port` is the remote UDP encapsulation port (RFC 6951), 0 without encapsulation.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcmp


cdef struct Address:
    uint8_t ip[16]               # network order; IPv4 as ::ffff:a.b.c.d; all zero: unspecified
    uint32_t scope_id            # IPv6 link-local scope, else 0


cdef struct Route:
    Address remote
    Address local                # unspecified: the system chooses
    uint16_t remote_udp_port     # host order
    uint16_t carrier             # index of the carrier that received or shall send
    uint8_t dscp                 # of packets that go, in its place in the traffic class: the upper six bits


cdef inline bint same_ip(const Address *a, const Address *b) noexcept nogil:
    return memcmp(a.ip, b.ip, 16) == 0 and a.scope_id == b.scope_id


cdef inline bint same_route(const Route *a, const Route *b) noexcept nogil:
    return (a.remote_udp_port == b.remote_udp_port and a.carrier == b.carrier and a.dscp == b.dscp
            and same_ip(&a.remote, &b.remote) and same_ip(&a.local, &b.local))


cdef bint is_ipv4(const Address *a) noexcept nogil
cdef bint is_unspecified(const Address *a) noexcept nogil
cdef bint is_unicast(const Address *a) noexcept nogil          # neither multicast, broadcast nor unspecified
cdef bint is_listable(const Address *a) noexcept nogil         # ... nor of a class that no host has
cdef bint has_link_scope(const Address *a) noexcept nogil      # IPv6: meaningless without the interface
cdef bint is_loopback(const Address *a) noexcept nogil
cdef int address_from_host(str host, Address *out) except -1   # ValueError unless an IP literal, v6%scope too
cdef str host_from_address(const Address *a)                   # "127.0.0.1", "::1", "fe80::1%2"
