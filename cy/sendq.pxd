"""Messages of the user that have no TSN yet, and the bookkeeping of those that have.

RFC 9260 sections 6.5 (stream sequence numbers), 6.9 (fragmentation).  A message is referenced, not
copied: its `bytes` object lives until the last fragment is acknowledged.
"""
from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from .serial cimport ssn_t

cdef enum:
    MESSAGE_OVERHEAD = 80        # what a queued message costs the send buffer beside its bytes


cdef struct Message:
    PyObject *data               # strong
    const uint8_t *bytes
    uint32_t length
    uint32_t taken               # bytes that already have TSNs
    uint32_t fragments           # outstanding chunks that point here, plus 1 while it is queued
    uint32_t ppid                # four bytes as given
    uint32_t context
    uint16_t stream_id
    ssn_t ssn                    # valid once taken > 0
    uint8_t flags                # DATA_U, DATA_I
    Message *next


cdef class SendQueue:
    cdef Message *first
    cdef Message *last
    cdef Message *free_messages
    cdef uint32_t free_count
    cdef readonly uint32_t count             # messages not wholly taken
    cdef readonly uint64_t bytes_queued      # their bytes without a TSN
    cdef readonly uint64_t bytes_charged     # against the send buffer: until acknowledged
    cdef ssn_t *next_ssn                     # per stream, allocated by need
    cdef uint32_t ssn_capacity

    cdef int push(self, bytes data, uint16_t stream_id, uint32_t ppid, uint8_t flags,
                  uint32_t context) except -1
    cdef int take(self, uint32_t length) except -1       # `length` bytes of `first` now have a TSN
    cdef void release(self, Message *message) noexcept   # one reference less
    cdef list refuse_streams(self, uint32_t streams)     # messages for streams that the peer does not accept
    cdef void clear(self) noexcept                       # everything not yet taken is dropped

    # within the module
    cdef int grow_ssn(self, uint16_t stream_id) except -1
