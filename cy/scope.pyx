"""Which addresses are told to a peer, and which of those that it tells are taken (RFC 9260 section 5.1.2)."""
from libc.string cimport memcpy, memset

from .address cimport Address, Route, address_from_host, has_link_scope, is_ipv4, is_loopback, same_ip
from .params cimport InitParameters
from .tcb cimport Shared


cdef Scope scope_of(const Address *a) noexcept nogil:
    if is_loopback(a):
        return SCOPE_LOOPBACK
    if is_ipv4(a):
        if a.ip[12] == 169 and a.ip[13] == 254:
            return SCOPE_LINK
        if (a.ip[12] == 10 or a.ip[12] == 172 and a.ip[13] & 0xF0 == 16
                or a.ip[12] == 192 and a.ip[13] == 168):
            return SCOPE_PRIVATE
        return SCOPE_GLOBAL
    if has_link_scope(a):
        return SCOPE_LINK
    if a.ip[0] & 0xFE == 0xFC or a.ip[0] == 0xFE and a.ip[1] & 0xC0 == 0xC0:
        return SCOPE_PRIVATE
    return SCOPE_GLOBAL


cdef bint in_scope(const Address *a, const Address *other) noexcept nogil:
    """Whether the hosts that can be reached at `other` may be told of `a`: it is not narrower."""
    return scope_of(a) <= scope_of(other)


cdef bint is_own(Shared shared, const Address *a) except -1:
    return is_loopback(a) or (<const char *>a.ip)[:16] in shared.own_addresses


cdef list announced(list addresses, const Route *route):
    """Those of our addresses that a peer at `route.remote` may be told of and is sent packets from.

    The one that its packet came to is known to it anyway.  Someone who has no other uses the first.
    """
    cdef Address address
    cdef list kept = []
    memset(&address, 0, sizeof(Address))
    for ip in addresses:
        memcpy(address.ip, <const char *>(<bytes>ip), 16)
        if in_scope(&address, &route.remote) or same_ip(&address, &route.local):
            kept.append(ip)
    return kept or addresses[:1]


cdef int keep_usable(Shared shared, InitParameters *parameters, const Route *route) except -1:
    """Take out of a peer's list what is narrower than its source, or our own though its source is not.

    What is narrower belongs to another host here, for instance to ourselves.  Link-local addresses are on
    the link that the packet came by.
    """
    cdef bint on_this_host = is_own(shared, &route.remote)
    cdef Address *address
    cdef int index, kept = 0
    for index in range(parameters.address_count):
        address = &parameters.addresses[index]
        if in_scope(address, &route.remote) and (on_this_host or not is_own(shared, address)):
            if has_link_scope(address):
                address.scope_id = route.remote.scope_id
            parameters.addresses[kept] = address[0]
            kept += 1
    parameters.address_count = kept
    return 0


# ---- Python face, for tests ----------------------------------------------------------------------------


def scope_of_host(str host not None) -> Scope:
    """The scope of an IP literal; ValueError if it is none."""
    cdef Address address
    address_from_host(host, &address)
    return Scope(scope_of(&address))
