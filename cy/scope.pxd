"""Which addresses are told to a peer, and which of those that it tells are taken.

RFC 9260 section 5.1.2; scopes as in draft-stewart-tsvwg-sctp-ipv4 and Linux.
"""
from .address cimport Address, Route
from .params cimport InitParameters
from .tcb cimport Shared

cpdef enum Scope:                # from wide to narrow, as Linux numbers them
    SCOPE_GLOBAL = 0
    SCOPE_PRIVATE = 1            # RFC 1918; fc00::/7 (RFC 4193), and fec0::/10 that was before it
    SCOPE_LINK = 2               # 169.254.0.0/16, fe80::/10
    SCOPE_LOOPBACK = 3


cdef Scope scope_of(const Address *a) noexcept nogil                 # of an address that is_listable
cdef bint in_scope(const Address *a, const Address *other) noexcept nogil        # `a` means the same there
cdef bint is_own(Shared shared, const Address *a) except -1          # of this host
cdef list announced(list addresses, const Route *route)              # of our own, 16 bytes each
cdef int keep_usable(Shared shared, InitParameters *parameters, const Route *route) except -1
