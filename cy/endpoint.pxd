"""Every packet's first stop: checksum, ports, verification tag; listeners; out-of-the-blue rules.

RFC 9260 sections 6.8, 8.4, 8.5 and 10.  One Endpoint serves all ports of a process (or, in tests, of a
simulated host).
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from .address cimport Route
from .outbox cimport Outbox
from .user cimport ReadyList, SctpUser

cdef enum:
    ICMP_PORT_UNREACHABLE = 1
    ICMP_PROTOCOL_UNREACHABLE = 2
    ICMP_HOST_UNREACHABLE = 3
    ICMP_TOO_BIG = 4


cdef class Endpoint:
    cdef readonly Outbox outbox
    cdef readonly ReadyList ready_list

    # The four verbs.  `receive` needs room for two packets in the outbox; the engine sees to it.
    cdef int receive(self, const uint8_t *packet, uint32_t length, const Route *route, int64_t now) except -1
    cdef int handle_timeout(self, int64_t now) except -1
    cdef int poll_transmit(self, int64_t now) except -1     # fills the outbox; 1: full and more waits
    cdef int64_t next_deadline(self) noexcept               # microseconds, or NEVER
    cdef int receive_icmp(self, const uint8_t *quoted, uint32_t length, const Route *route, int kind,
                          int64_t now) except -1
