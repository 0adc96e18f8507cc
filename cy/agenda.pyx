"""What an endpoint has to do next: a lazy heap of deadlines and a queue of senders."""
from cpython.object cimport PyObject
from libc.stdint cimport INT64_MAX, int64_t
from libc.stdlib cimport free, realloc


cdef class Schedulable:
    """Whatever can stand on an agenda."""

    def __cinit__(self):
        self.due = INT64_MAX
        self.heap_index = -1


cdef class Agenda:
    """Deadlines and waiting senders of one endpoint."""

    def __dealloc__(self):
        free(self.heap)

    cdef inline void place(self, Py_ssize_t index, PyObject *item) noexcept:
        self.heap[index] = item
        (<Schedulable>item).heap_index = index

    cdef void sift_up(self, Py_ssize_t index) noexcept:
        cdef PyObject *item = self.heap[index]
        cdef int64_t due = (<Schedulable>item).due
        cdef Py_ssize_t parent
        while index > 0:
            parent = (index - 1) >> 1
            if (<Schedulable>self.heap[parent]).due <= due:
                break
            self.place(index, self.heap[parent])
            index = parent
        self.place(index, item)

    cdef void sift_down(self, Py_ssize_t index) noexcept:
        cdef PyObject *item = self.heap[index]
        cdef int64_t due = (<Schedulable>item).due
        cdef Py_ssize_t child
        while True:
            child = 2 * index + 1
            if child >= self.count:
                break
            if (child + 1 < self.count
                    and (<Schedulable>self.heap[child + 1]).due < (<Schedulable>self.heap[child]).due):
                child += 1
            if due <= (<Schedulable>self.heap[child]).due:
                break
            self.place(index, self.heap[child])
            index = child
        self.place(index, item)

    cdef int schedule(self, Schedulable item, int64_t deadline) except -1:
        cdef PyObject **grown
        cdef Py_ssize_t capacity
        if deadline >= item.due:
            return 0                         # comes up in time as it stands
        item.due = deadline
        if item.heap_index < 0:
            if self.count == self.capacity:
                capacity = self.capacity * 2 if self.capacity else 16
                grown = <PyObject **>realloc(self.heap, capacity * sizeof(PyObject *))
                if grown == NULL:
                    item.due = INT64_MAX
                    raise MemoryError
                self.heap = grown
                self.capacity = capacity
            self.place(self.count, <PyObject *>item)
            self.count += 1
        self.sift_up(item.heap_index)
        return 0

    cdef void remove(self, Schedulable item) noexcept:
        cdef Py_ssize_t index = item.heap_index
        cdef Schedulable moved
        item.heap_index = -1
        item.due = INT64_MAX
        self.count -= 1
        if index < self.count:
            self.place(index, self.heap[self.count])
            moved = <Schedulable>self.heap[index]
            self.sift_up(index)
            self.sift_down(moved.heap_index)

    cdef void forget(self, Schedulable item) noexcept:
        # an entry in the transmit queue stays: its owner finds nothing to send
        if item.heap_index >= 0:
            self.remove(item)

    cdef int64_t next_deadline(self) noexcept:
        return (<Schedulable>self.heap[0]).due if self.count else INT64_MAX

    cdef Schedulable take_due(self, int64_t now):
        cdef Schedulable item
        if self.count == 0:
            return None
        item = <Schedulable>self.heap[0]
        if item.due > now:
            return None
        self.remove(item)
        return item

    cdef void want_transmit(self, Schedulable item) noexcept:
        if item.wants_transmit:
            return
        item.wants_transmit = True
        if self.transmit_tail is None:
            self.transmit_head = item
        else:
            self.transmit_tail.next_to_transmit = item
        self.transmit_tail = item

    cdef Schedulable next_transmit(self):
        cdef Schedulable item = self.transmit_head
        if item is not None:
            self.transmit_head = item.next_to_transmit
            item.next_to_transmit = None
            item.wants_transmit = False
            if self.transmit_head is None:
                self.transmit_tail = None
        return item

    # ---- Python face, for tests and tools ----------------------------------------------------------------

    def put(self, Schedulable item not None, int64_t deadline) -> None:
        self.schedule(item, deadline)

    def drop(self, Schedulable item not None) -> None:
        self.forget(item)

    def pop_due(self, int64_t now):
        return self.take_due(now)

    def earliest(self) -> int | None:
        cdef int64_t deadline = self.next_deadline()
        return None if deadline == INT64_MAX else deadline

    def enqueue(self, Schedulable item not None) -> None:
        self.want_transmit(item)

    def pop_sender(self):
        return self.next_transmit()

    def __len__(self) -> int:
        return self.count
