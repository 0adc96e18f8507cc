"""What an endpoint has to do next: who is due when, and who has something to transmit.

A binary heap that is lazy: a deadline that moves to a later time leaves its entry where it is, and the
entry finds its new place when it comes up.  Restarting T3-rtx at each SACK so costs one comparison.
"""
from cpython.object cimport PyObject
from libc.stdint cimport int64_t


cdef class Schedulable:
    cdef int64_t due                         # its place in the heap
    cdef Py_ssize_t heap_index               # -1: not in it
    cdef Schedulable next_to_transmit
    cdef bint wants_transmit


cdef class Agenda:
    cdef PyObject **heap                     # borrowed: who ends calls forget()
    cdef Py_ssize_t count, capacity
    cdef Schedulable transmit_head, transmit_tail

    cdef int schedule(self, Schedulable item, int64_t deadline) except -1    # at the latest then
    cdef void forget(self, Schedulable item) noexcept
    cdef int64_t next_deadline(self) noexcept
    cdef Schedulable take_due(self, int64_t now)         # removes and gives the earliest if it is due
    cdef void want_transmit(self, Schedulable item) noexcept
    cdef Schedulable next_transmit(self)                 # removes and gives the longest waiting

    # within the module
    cdef void place(self, Py_ssize_t index, PyObject *item) noexcept
    cdef void sift_up(self, Py_ssize_t index) noexcept
    cdef void sift_down(self, Py_ssize_t index) noexcept
    cdef void remove(self, Schedulable item) noexcept
