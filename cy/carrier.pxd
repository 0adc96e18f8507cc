"""A carrier moves batches of packets between an outbox or endpoint and the world.

The base class; udp.pyx is the carrier of RFC 6951, others follow.
"""
from libc.stdint cimport int64_t, uint16_t, uint32_t

from .endpoint cimport Endpoint
from .outbox cimport Outbox


cdef class Carrier:
    cdef public uint16_t index               # its number in routes (Route.carrier)
    cdef readonly int fd                     # -1: closed
    cdef readonly bint is_ipv6
    # Packets were read from the descriptor that the endpoint has not been given yet: the descriptor alone
    # does not tell that receive_batch has work.
    cdef readonly bint holds_packets

    # Feeds what has arrived to the endpoint, about `budget` bytes at most.  It stops early while
    # outbox_is_filling(); what it has read by then is kept for the next call.  1: more may wait.
    cdef int receive_batch(self, Endpoint endpoint, int64_t now, uint32_t budget) except -1
    # Sends packets [first, outbox.count) that lie side by side and belong to this carrier; how many went (or
    # were lost for good); fewer when the system has no room now.
    cdef int send_batch(self, Outbox outbox, int first) except -1
    cpdef int close(self) except -1
    cdef void forget(self) noexcept          # the descriptor's number is another's now: not to be closed


cdef inline bint outbox_is_filling(Outbox outbox) noexcept:
    """More than three quarters full: it must be emptied before the endpoint gets another packet."""
    return (outbox.used > outbox.capacity - (outbox.capacity >> 2)
            or outbox.count > outbox.max_packets - (outbox.max_packets >> 2))
