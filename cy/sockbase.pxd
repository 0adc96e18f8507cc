"""The compiled half of the socket class: what sending and receiving cost when nothing has to wait.

RFC 6458 section 3 (one-to-one style) and 8.1.13, 9.6 to 9.9.  The rest is in pysctpsock/socket.py.
"""
from libc.stdint cimport uint16_t, uint32_t

from .association cimport Association
from .engine cimport Engine
from .parameters cimport ProtocolParameters
from .recvq cimport Received
from .user cimport SctpUser


cdef class Readiness:
    cdef readonly SctpUser user
    cdef readonly object readers, writers    # WaitLists of hub.py
    cdef public object descriptor            # of fileno(), or None: it is told of every change
    cdef bint discards_data                  # SHUT_RD: messages that come are dropped
    cdef bint discards_all                   # SHUT_RDWR: notifications, too
    cdef uint32_t kept                       # records that waited already: they can still be read

    cdef int discard(self) except -1
    cdef int record_taken(self) except -1


cdef class SocketBase:
    cdef public SctpUser user
    cdef public Association association      # None: never connected, connecting failed, or closed
    cdef public Engine engine
    cdef public Readiness readiness
    cdef public ProtocolParameters parameters                # of later associations, or of the only one
    cdef public bint disable_fragments, explicit_eor
    cdef bytes notification                  # the encoded one at the head of the queue, once it was looked at

    cdef bint try_send(self, Association association, object data, uint32_t stream_id, uint32_t ppid,
                       uint32_t flags, uint32_t timetolive, uint32_t context) except -1
    cdef bint try_send_by_defaults(self, object data) except -1
    cdef object name_of(self, Association association, int path)
    cdef Received *head(self, int flags) except? NULL
    cdef bytes read(self, Received *record, Py_ssize_t size, bint peek, bint *end)
    cdef bytes read_notification(self, Received *record, Py_ssize_t size, bint peek, bint *end)
    cpdef int state_changed(self) except -1
    cdef int credit(self, Association association, uint32_t length, bint finished) except -1
