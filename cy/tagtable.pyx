"""Verification tag -> association: an open hash table.  Tags are random, so they hash themselves."""
from cpython.object cimport PyObject
from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc, free


cdef class TagTable:
    """All associations of an endpoint by the tag that their packets carry."""

    def __dealloc__(self):
        free(self.tags)
        free(self.values)

    cdef PyObject *find(self, uint32_t tag) noexcept nogil:
        cdef uint32_t slot
        if self.capacity == 0 or tag == 0:
            return NULL
        slot = tag & (self.capacity - 1)
        while self.tags[slot]:
            if self.tags[slot] == tag:
                return self.values[slot]
            slot = (slot + 1) & (self.capacity - 1)
        return NULL

    cdef void put(self, uint32_t tag, PyObject *value) noexcept:
        cdef uint32_t slot = tag & (self.capacity - 1)
        while self.tags[slot]:
            slot = (slot + 1) & (self.capacity - 1)
        self.tags[slot] = tag
        self.values[slot] = value

    cdef int resize(self, uint32_t capacity) except -1:
        cdef uint32_t *tags = self.tags
        cdef PyObject **values = self.values
        cdef uint32_t slot, old = self.capacity
        cdef uint32_t *fresh_tags = <uint32_t *>calloc(capacity, sizeof(uint32_t))
        cdef PyObject **fresh_values = <PyObject **>calloc(capacity, sizeof(PyObject *))
        if fresh_tags == NULL or fresh_values == NULL:
            free(fresh_tags)
            free(fresh_values)
            raise MemoryError
        self.tags, self.values, self.capacity = fresh_tags, fresh_values, capacity
        for slot in range(old):
            if tags[slot]:
                self.put(tags[slot], values[slot])
        free(tags)
        free(values)
        return 0

    cdef int add(self, uint32_t tag, object value) except -1:
        if tag == 0 or self.find(tag) != NULL:
            raise KeyError(tag)
        if 2 * (self.count + 1) > self.capacity:
            self.resize(2 * self.capacity if self.capacity else 16)
        self.put(tag, <PyObject *>value)
        self.count += 1
        return 0

    cdef int remove(self, uint32_t tag) except -1:
        cdef uint32_t mask = self.capacity - 1, slot = tag & mask, hole, home
        if self.find(tag) == NULL:
            raise KeyError(tag)
        while self.tags[slot] != tag:
            slot = (slot + 1) & mask
        hole = slot
        while True:                          # close the hole: no tombstones
            slot = (slot + 1) & mask
            if self.tags[slot] == 0:
                break
            home = self.tags[slot] & mask
            if ((slot - home) & mask) >= ((slot - hole) & mask):
                self.tags[hole] = self.tags[slot]
                self.values[hole] = self.values[slot]
                hole = slot
        self.tags[hole] = 0
        self.count -= 1
        return 0

    # Python face, for tests
    def __getitem__(self, uint32_t tag):
        cdef PyObject *value = self.find(tag)
        if value == NULL:
            raise KeyError(tag)
        return <object>value

    def __setitem__(self, uint32_t tag, value):
        self.add(tag, value)

    def __delitem__(self, uint32_t tag):
        self.remove(tag)

    def __len__(self):
        return self.count
