"""The State Cookie: all that is needed to build a TCB, sealed, so that the listener keeps no state.

RFC 9260 sections 5.1.3 (making), 5.1.5 (checking) and 5.2.2 (Tie-Tags).
"""
from libc.stdint cimport int64_t, uint16_t, uint32_t

from .address cimport Route
from .entropy cimport Entropy

cdef enum CookieVerdict:
    COOKIE_VALID = 0
    COOKIE_FORGED = 1            # wrong MAC, or the secret is gone
    COOKIE_TOO_OLD = 2           # the MAC is right, the life is over


cdef class StateCookie:
    cdef public int64_t created, life        # microseconds
    cdef public uint16_t local_port, peer_port
    cdef public uint32_t local_tag, peer_tag
    cdef public uint32_t local_tie_tag, peer_tie_tag
    cdef public uint32_t local_initial_tsn, peer_initial_tsn
    cdef public uint32_t peer_a_rwnd
    cdef public uint16_t outbound_streams, inbound_streams
    cdef public uint32_t peer_adaptation     # which the INIT announced, 0: none
    cdef public uint32_t extensions          # that both sides support
    cdef Route route                         # where the INIT came from
    cdef public list peer_addresses          # further ones that it listed, 16 bytes each

    # within the module
    cdef bytes pack(self)
    cdef int unpack(self, bytes packed) except -1


cdef class CookieJar:
    cdef bytes master                        # secret; the keys of each hour derive from it

    cdef bytes key(self, int64_t created)
    cdef bytes seal(self, StateCookie cookie)
    cdef int open(self, bytes sealed, StateCookie cookie, int64_t now) except -1     # CookieVerdict
