"""Packets ready to go: one contiguous buffer, written by the associations, emptied by the engine.

Packets of one route and size lie side by side, so that a carrier can send a run of them with one
segmentation-offload call.
"""
from libc.stdint cimport uint8_t, uint32_t

from .address cimport Route


cdef struct OutPacket:
    uint32_t offset              # in Outbox.buffer
    uint32_t length
    Route route


cdef class Outbox:
    cdef uint8_t *buffer
    cdef uint32_t capacity, used
    cdef OutPacket *packets
    cdef int count, max_packets

    cdef inline uint8_t *reserve(self, uint32_t length) noexcept nogil:
        """Room for a packet of at most `length` bytes, or NULL when the outbox must be emptied first."""
        if self.count == self.max_packets or self.capacity - self.used < length:
            return NULL
        return self.buffer + self.used

    cdef void commit(self, uint32_t length, const Route *route) noexcept nogil
    cdef void clear(self) noexcept nogil
    # Empties it, for tests and the simulated network:
    # [(packet bytes, destination host, destination UDP port, source host or "", carrier)]
    cdef list take(self)
