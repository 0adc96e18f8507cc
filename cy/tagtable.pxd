"""Verification tag -> association: the one look-up that every packet costs (RFC 9260 section 8.5)."""
from cpython.object cimport PyObject
from libc.stdint cimport uint32_t


cdef class TagTable:
    cdef uint32_t *tags                      # 0: free slot; a tag is never 0
    cdef PyObject **values                   # borrowed; Endpoint.by_id keeps them alive, visible to the GC
    cdef uint32_t capacity
    cdef readonly uint32_t count

    cdef PyObject *find(self, uint32_t tag) noexcept nogil       # borrowed, or NULL
    cdef int add(self, uint32_t tag, object value) except -1     # KeyError if the tag is taken
    cdef int remove(self, uint32_t tag) except -1                # KeyError if it is not there

    # within the module
    cdef void put(self, uint32_t tag, PyObject *value) noexcept
    cdef int resize(self, uint32_t capacity) except -1
