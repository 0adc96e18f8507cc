"""Session ids of one SCP connection: whose session an id is, and which ids may be used (SCP-10 to SCP-16).

An id is 24 bits.  Besides the open sessions two things are remembered, in bitmaps that grow by need to 2 MB
each at most: own ids that a reset has spoilt, and ids whose late segments are to be dropped in silence.
"""
from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint32_t

from .tagtable cimport TagTable


cdef class IdSet:
    cdef uint8_t **pages
    cdef readonly uint32_t count

    cdef bint has(self, uint32_t session_id) noexcept nogil
    cdef int add(self, uint32_t session_id) except -1
    cdef void discard(self, uint32_t session_id) noexcept nogil


cdef class SessionIds:
    cdef readonly uint32_t first             # of this side: 1024 or 1025
    cdef uint32_t next                       # where the search for a free id begins
    cdef uint32_t own                        # open sessions of this side
    cdef readonly TagTable sessions          # values are borrowed
    cdef readonly IdSet barred               # own ids that ended by a reset (SCP-14)
    cdef readonly IdSet silenced             # ids that we have sent RST for (SCP-46)

    cdef bint is_own(self, uint32_t session_id) noexcept nogil
    cdef PyObject *find(self, uint32_t session_id) noexcept nogil        # borrowed, or NULL
    cdef uint32_t allocate(self) noexcept nogil                          # 0: none is left
    cdef int add(self, uint32_t session_id, object session) except -1
    cdef int remove(self, uint32_t session_id) except -1
