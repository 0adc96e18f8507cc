"""From DATA chunks to whole messages in stream order.

RFC 9260 sections 6.5, 6.6 and 6.9: reassembly of fragments by TSN, ordered delivery by stream
sequence number, unordered delivery at once.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from .chunks cimport DataView
from .recvq cimport ReceiveQueue
from .serial cimport ssn_t, tsn_t

cdef enum ReassemblyResult:
    REASSEMBLY_OK = 0
    REASSEMBLY_DELIVERED = 1     # at least one message went to the receive queue
    REASSEMBLY_VIOLATION = -2    # fragments that contradict each other: the association must be aborted


cdef struct Run
cdef struct HeldMessage


cdef class Reassembly:
    # Owned by one association.  `bytes_held`: payload bytes in runs and in messages held for order.
    cdef readonly uint64_t bytes_held
    cdef readonly uint32_t fragments_held
    cdef readonly uint32_t messages_held
    cdef uint16_t inbound_streams
    cdef ssn_t *next_ssn                     # per stream, allocated by need
    cdef Run *tail                           # the run that ends at the Cumulative TSN Ack Point, or NULL
    cdef Run **ends                          # ring by TSN: runs above it, findable at their first and last TSN
    cdef uint32_t ends_width
    cdef HeldMessage **held                  # hash by (stream, ssn)
    cdef uint32_t held_width
    cdef uint32_t size_hint                  # length of the last fragmented message, for the first buffer
    cdef void *free_runs

    # Call once for each TSN that TsnMap.record called new, before the map's state is looked at again.
    # Messages that become deliverable are pushed on `queue` with `association` as owner.
    cdef int add(self, const DataView *chunk, ReceiveQueue queue, object association,
                 tsn_t cumulative_tsn) except -1
    cdef void set_streams(self, uint16_t inbound_streams) noexcept
    cdef int reset(self) except -1           # forget everything (association ended or restarted)
