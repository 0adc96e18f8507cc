"""The SCTP user: what one socket is to the core (RFC 9260 section 11)."""
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int64_t, uint32_t

from .recvq cimport Received, ReceiveQueue


cdef class ReadyList:
    """The users that something has happened to, in the order in which it did."""

    cdef SctpUser pop(self):
        cdef SctpUser user = self.head
        if user is not None:
            self.head = user.next_ready
            user.next_ready = None
            user.in_ready_list = False
            if self.head is None:
                self.tail = None
        return user

    # Python face, for tests and tools
    def take(self):
        return self.pop()


cdef class SctpUser:
    """One socket as the core sees it: where its messages, notifications and readiness go."""

    def __cinit__(self, ReadyList ready_list not None):
        self.ready_list = ready_list
        self.receive_queue = ReceiveQueue()

    cdef void signal(self, uint32_t flags) noexcept:
        self.ready |= flags
        if not self.in_ready_list:
            self.in_ready_list = True
            if self.ready_list.tail is None:
                self.ready_list.head = self
            else:
                self.ready_list.tail.next_ready = self
            self.ready_list.tail = self

    cdef int queue_notification(self, int kind, object association, tuple fields,
                                uint32_t weight=0) except -1:
        cdef Received *record = self.receive_queue.push_notification(weight)
        record.kind = <unsigned short>kind
        record.end = 1
        Py_INCREF(fields)
        record.data = <PyObject *>fields
        if association is not None:
            Py_INCREF(association)
            record.association = <PyObject *>association
        self.signal(READABLE)
        return 0

    def has_room(self, uint32_t send_buffer) -> bool:
        """Whether the send buffer has room for some association; if not, the user is told once it has."""
        if self.charged < send_buffer:
            return True
        self.writer_waiting = True
        return False

    # Python face, for tests and tools
    def read(self, int64_t now):
        """The oldest record whole, or None: (kind, bytes or fields, stream_id, ssn, ppid, unordered, tsn,
        association, whether a message ends with it)."""
        cdef Received *record = self.receive_queue.first()
        cdef object association
        if record == NULL:
            return None
        association = <object>record.association if record.association != NULL else None
        result = (record.kind, <object>record.data, record.stream_id, record.ssn, record.ppid,
                  bool(record.unordered), record.tsn, association, bool(record.end))
        length = record.length
        kind = record.kind
        self.receive_queue.drop_first()
        if association is not None and kind == 0:
            association.take_credit(length, True, now)
        return result

    def raise_flags(self, uint32_t flags) -> None:
        self.signal(flags)

    def push_notification(self, int kind, object association, tuple fields not None) -> None:
        self.queue_notification(kind, association, fields)
