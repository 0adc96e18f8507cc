"""A carrier moves batches of packets between an outbox or endpoint and the world.

The base class; udp.pyx is the carrier of RFC 6951, others follow.
"""
from libc.stdint cimport int64_t, uint16_t, uint32_t

from .endpoint cimport Endpoint
from .outbox cimport Outbox


cdef class Carrier:
    cdef public uint16_t index               # its number in routes (Route.carrier)
    cdef readonly int fd
    cdef readonly bint is_ipv6
    # Feeds what has arrived to the endpoint, at most about `budget` bytes; 1: more may wait.  Before each
    # datagram it makes sure that the endpoint's outbox has room, calling flush() if not.
    cdef int receive_batch(self, Endpoint endpoint, int64_t now, uint32_t budget) except -1
    # Sends packets [first, outbox.count) that lie side by side and belong to this carrier; how many went (or were lost
    # for good); fewer when the system has no room now.
    cdef int send_batch(self, Outbox outbox, int first) except -1
