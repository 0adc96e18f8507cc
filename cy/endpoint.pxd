"""Every packet's first stop: checksum, ports, verification tag; listeners; out-of-the-blue rules.

RFC 9260 sections 6.8, 8.4, 8.5 and 10.  One Endpoint serves all ports of a process (or, in tests, of a
simulated host).
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from .address cimport Address, Route
from .association cimport Association
from .cookie cimport CookieJar, StateCookie
from .outbox cimport Outbox
from .parameters cimport ProtocolParameters
from .path cimport Path
from .strangers cimport Strangers
from .tcb cimport Shared
from .user cimport ReadyList, SctpUser

cpdef enum IcmpKind:
    ICMP_PORT_UNREACHABLE = 1
    ICMP_PROTOCOL_UNREACHABLE = 2
    ICMP_HOST_UNREACHABLE = 3
    ICMP_TOO_BIG = 4


cdef class Listener:
    cdef readonly SctpUser user
    cdef readonly ProtocolParameters parameters
    cdef readonly uint16_t port
    cdef public int backlog
    cdef readonly uint32_t most              # associations of a one-to-many user
    cdef readonly object pending             # deque of Association
    cdef list addresses                      # 16 bytes each; empty: any
    cdef bint ipv4, ipv6                     # of which version "any" is
    cdef tuple carriers                      # for paths of IPv4 and of IPv6, -1: none
    cdef Endpoint endpoint

    cdef int lacks_room(self) except -1      # DropReason of an association too many, or 0


cdef class Endpoint:
    cdef readonly Outbox outbox
    cdef readonly ReadyList ready_list
    cdef readonly ProtocolParameters parameters
    cdef readonly Shared shared
    cdef CookieJar jar
    cdef dict by_id                          # assoc_id -> Association: this keeps them alive
    cdef object ended_by_id                  # the same of those that ended and that somebody still has; weak
    cdef dict ports_held                     # local port -> how many associations have it
    cdef dict by_address                     # (peer ip, peer port, local port) -> Association
    cdef dict listeners                      # local port -> [Listener]
    cdef public int32_t last_assoc_id
    cdef Strangers strangers
    cdef readonly uint64_t stalls            # polls that ended without progress: none, if all is well
    cdef list taken                          # packets that left the outbox when it was full (Python face)

    # The verbs.  `receive` wants room for a few packets in the outbox, see room(); the engine sees to it.
    cdef bint room(self) noexcept nogil
    cdef int receive(self, const uint8_t *packet, uint32_t length, const Route *route, int64_t now) except -1
    cdef int handle_timeout(self, int64_t now) except -1    # 1: the outbox is full and more is due
    cdef int poll_transmit(self, int64_t now) except -1     # fills the outbox; 1: full and more waits
    cdef int64_t next_deadline(self) noexcept               # microseconds, INT64_MAX for never
    cdef int receive_icmp(self, const uint8_t *quoted, uint32_t length, const Route *route, int kind,
                          uint32_t mtu, int64_t now) except -1

    # within the module
    cdef int deliver(self, Association association, Path path, const uint8_t *packet, uint32_t length,
                     const Route *route, int64_t now) except -1
    cdef bint is_alone(self, const uint8_t *chunks, uint32_t length) noexcept
    cdef int receive_unmatched(self, const uint8_t *packet, uint32_t length, const Route *route,
                               int64_t now) except -1
    cdef int out_of_the_blue(self, const uint8_t *packet, uint32_t length, const Route *route,
                             int64_t now) except -1
    cdef int receive_init(self, const uint8_t *packet, uint32_t length, const Route *route,
                          int64_t now) except -1
    cdef int receive_cookie_echo(self, const uint8_t *packet, uint32_t length, const Route *route,
                                 int64_t now) except -1
    cdef Association accept_cookie(self, const uint8_t *packet, StateCookie cookie, const Route *route,
                                   int64_t now)
    cdef bint apply_cookie_action(self, Association association, int action, StateCookie cookie,
                                  const Route *route, int64_t now) except -1
    cdef tuple key(self, const Address *remote, uint16_t peer_port, uint16_t local_port)
    cdef Association owner(self, tuple key)
    cdef int32_t fresh_id(self) except 0
    cdef Listener listener_for(self, const Route *route, uint16_t port)
    cdef Association new_association(self, SctpUser user, uint16_t local_port, uint16_t peer_port,
                                     ProtocolParameters parameters)
    cdef int register(self, Association association) except -1
    cdef int register_addresses(self, Association association) except -1
    cdef int forget_addresses(self, Association association) except -1
    cdef int bury(self) except -1
    cdef int drop(self, int reason) except -1
