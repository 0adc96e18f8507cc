"""Sending and receiving when nothing has to wait (see sockbase.pxd).

A call that cannot be answered here at once goes on in the subclass, by these methods of it:
    _send_by_defaults(data, msg_flags) -> int                                     all rules, waiting included
    _send_as(data, to, stream, ppid, flags, timetolive, context) -> int           the same
    _await_record(msg_flags) -> bool        wait for something to read; False: the end of the stream
    _encode(kind, fields) -> bytes          a notification in the form that a receive call hands out
    _typed(data) -> bytes                   the same, which has the fields as attributes
    _name_of(association, path) -> address  the peer's at that path, as this socket shows addresses
"""
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, Py_buffer, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport int32_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from .association cimport SEND_SACK_IMMEDIATELY, SEND_UNORDERED, Association
from .engine cimport clock
from .parameters cimport ProtocolParameters
from .proto cimport ESTABLISHED
from .recvq cimport KIND_DATA, Received, ReceiveQueue
from .user cimport ACCEPTABLE, CONNECTED, ENDED, READABLE, WRITABLE, ReadyList, SctpUser

cdef enum:                       # as Linux numbers them on every host (pysctpsock.constants)
    MSG_PEEK = 0x2
    MSG_EOR = 0x80
    MSG_ERRQUEUE = 0x2000
    MSG_NOTIFICATION = 0x8000
    SENDER_DRY_EVENT = 0x8009
    DATA_IO_EVENT = 1            # bit of SctpUser.event_mask: SNDRCV comes with each message


cdef struct sndrcvinfo:          # struct sctp_sndrcvinfo of <netinet/sctp.h>
    uint16_t stream, ssn, flags, padding
    uint32_t ppid, context, timetolive, tsn, cumtsn
    int32_t assoc_id


cdef class Readiness:
    """What the engine tells when something happened to a socket.

    It knows the waiting greenlets but not the socket, so that a socket that nobody refers to any more can be
    collected, and closed, while its association lives.
    """

    def __cinit__(self, SctpUser user not None, readers, writers):
        self.user = user
        self.readers = readers
        self.writers = writers

    def _on_ready(self, uint32_t flags):
        """Called by the engine: wake whom the Ready flags concern."""
        if self.discards_data:
            self.discard()
        if flags & (READABLE | ACCEPTABLE | ENDED) and self.readers:
            self.readers.wake_all()
        if flags & (WRITABLE | CONNECTED | ENDED) and self.writers:
            self.writers.wake_all()
        if self.descriptor is not None:
            self.descriptor.update(flags & (READABLE | ACCEPTABLE) != 0)

    cdef int discard(self) except -1:
        """Drop what is not wanted at the head of the queue, messages as if they had been read."""
        cdef Received *record
        cdef Association association
        cdef uint32_t length
        if self.kept:
            return 0
        record = self.user.receive_queue.first()
        while record != NULL and (record.kind == KIND_DATA or self.discards_all):
            if record.kind == KIND_DATA:
                association = <Association>record.association
                length = record.length - record.offset
                self.user.receive_queue.drop_first()
                association.credit(length, True, clock())
            else:
                self.user.receive_queue.drop_first()
            record = self.user.receive_queue.first()
        return 0

    cdef int record_taken(self) except -1:
        """A record was read and has left the queue."""
        if self.discards_data:
            self.kept -= self.kept > 0
            self.discard()
        return 0


cdef SctpUser NOBODY = SctpUser(ReadyList())
cdef Readiness NOBODYS = Readiness(NOBODY, None, None)


cdef class SocketBase:
    """Base of pysctpsock.socket.socket: its hot methods."""

    def __cinit__(self):                     # whatever a subclass takes is not looked at
        self.user = NOBODY                   # nothing to read, nobody to tell, until a subclass is set up
        self.readiness = NOBODYS

    # ------------------------------------------------------------------ sending

    cdef bint try_send(self, Association association, object data, uint32_t stream_id, uint32_t ppid,
                       uint32_t flags, uint32_t timetolive, uint32_t context) except -1:
        """Queue a message if that needs no further thought; False: the subclass must look into it."""
        if (type(data) is not bytes or association is None or association.state != ESTABLISHED
                or flags & ~<uint32_t>(SEND_UNORDERED | SEND_SACK_IMMEDIATELY) or stream_id > 0xFFFF
                or self.disable_fragments or self.explicit_eor):
            return False
        if association.send(<bytes>data, <uint16_t>stream_id, ppid, flags, timetolive, context, clock()):
            return False
        self.engine.maybe_pump(<uint32_t>PyBytes_GET_SIZE(data),
                               association.outstanding.data_bytes == 0 and association.send_queue.count == 1)
        self.state_changed()
        return True

    cdef bint try_send_by_defaults(self, object data) except -1:
        cdef ProtocolParameters p
        if self.association is None:
            return False
        p = self.association.parameters
        return self.try_send(self.association, data, p.default_stream, p.default_ppid, p.default_flags,
                             p.default_timetolive, p.default_context)

    def send(self, data, int flags=0):
        """Send one message as the defaults say; its length.  Errors: see sendmsg."""
        if flags == 0 and self.try_send_by_defaults(data):
            return PyBytes_GET_SIZE(data)
        return self._send_by_defaults(data, flags)

    def sendall(self, data, int flags=0):
        """As send(); one message is sent whole or not at all."""
        if not (flags == 0 and self.try_send_by_defaults(data)):
            self._send_by_defaults(data, flags)

    def sctp_sendmsg(self, msg, to=None, uint32_t ppid=0, uint32_t flags=0, uint32_t stream_no=0,
                     uint32_t timetolive=0, uint32_t context=0):
        """Send one message on a stream; its length (RFC 6458 section 9.6).

        ppid: 32 bits that the peer gets as they lie in memory here.  flags: SCTP_UNORDERED and other
        sinfo_flags.  timetolive: milliseconds, 0 for ever.
        """
        if to is None and self.try_send(self.association, msg, stream_no, ppid, flags, timetolive, context):
            return PyBytes_GET_SIZE(msg)
        return self._send_as(msg, to, stream_no, ppid, flags, timetolive, context)

    # ------------------------------------------------------------------ receiving

    cdef Received *head(self, int flags) except? NULL:
        """The oldest record, waited for; NULL without an exception is the end of the stream."""
        cdef Received *record
        while True:                          # other threads may read too, whenever Python code runs
            record = self.user.receive_queue.first()
            if record == NULL or flags & MSG_ERRQUEUE:
                if not self._await_record(flags):
                    return NULL
            elif record.kind == KIND_DATA or self.notification is not None:
                return record
            else:
                fields = <object>record.data
                encoded = self._encode(record.kind, fields)
                record = self.user.receive_queue.first()
                if record != NULL and record.data == <PyObject *>fields:
                    self.notification = encoded

    cdef bytes read(self, Received *record, Py_ssize_t size, bint peek, bint *end):
        """Up to `size` bytes of a record, taken from the queue unless `peek`; whether its end is among them.

        `record` is not valid any more behind it.
        """
        cdef uint32_t offset = record.offset, left = record.length - record.offset
        cdef Association association
        cdef bytes data
        if record.kind != KIND_DATA:
            return self.read_notification(record, size, peek, end)
        if size >= left:
            data = <bytes>record.data
            if offset:
                data = PyBytes_FromStringAndSize(PyBytes_AS_STRING(data) + offset, left)
            end[0] = record.end
            if not peek:
                association = <Association>record.association
                self.user.receive_queue.drop_first()
                self.readiness.record_taken()
                self.credit(association, left, True)
        else:
            data = PyBytes_FromStringAndSize(PyBytes_AS_STRING(<bytes>record.data) + offset, size)
            end[0] = False
            if not peek:
                self.user.receive_queue.consume(<uint32_t>size)
                self.credit(<Association>record.association, <uint32_t>size, False)
        return data

    cdef bytes read_notification(self, Received *record, Py_ssize_t size, bint peek, bint *end):
        """The same of a notification, which took its form when it was first looked at."""
        cdef uint32_t offset = record.offset
        cdef bytes data
        data = self.notification[offset:offset + size]
        end[0] = offset + PyBytes_GET_SIZE(data) == PyBytes_GET_SIZE(self.notification)
        if peek:
            return data
        if end[0]:
            record.offset = 0                # notifications have no length in the queue's account
            self.notification = None
            self.user.receive_queue.drop_first()
            self.readiness.record_taken()
        else:
            record.offset = offset + <uint32_t>PyBytes_GET_SIZE(data)
        self.state_changed()
        return data

    cdef int credit(self, Association association, uint32_t length, bint finished) except -1:
        """The peer may send more; a SACK goes if that has become worth telling."""
        association.credit(length, finished, clock())
        if association.wants_transmit or self.user.in_ready_list:    # more to read may concern other readers
            self.engine.soon()
        self.state_changed()
        return 0

    cpdef int state_changed(self) except -1:
        """To be called when the socket may have become, or may no longer be, readable or writable."""
        if self.readiness.descriptor is not None:
            self.readiness.descriptor.update()
        return 0

    def recv(self, Py_ssize_t bufsize, int flags=0):
        """Up to `bufsize` bytes of the next message or notification; b"" at the end of the stream.

        What is left of it comes with the next call (RFC 6458 section 3.1.4: MSG_EOR, see recvmsg).
        """
        cdef Received *record
        cdef bint end
        if bufsize < 0:
            raise ValueError("negative buffersize in recv")
        if bufsize == 0:                     # as the standard module: nothing is looked at
            return b""
        record = self.head(flags)
        if record == NULL:
            return b""
        return self.read(record, bufsize, flags & MSG_PEEK, &end)

    def recv_into(self, buffer, Py_ssize_t nbytes=0, int flags=0):
        """As recv(), into a buffer; the number of bytes."""
        cdef Received *record
        cdef Py_buffer view
        cdef bytes data
        cdef bint end
        PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE | PyBUF_WRITABLE)
        try:
            if nbytes < 0:
                raise ValueError("negative buffersize in recv_into")
            if nbytes > view.len:
                raise ValueError("buffer too small for requested bytes")
            nbytes = nbytes or view.len
            if nbytes == 0:
                return 0
            record = self.head(flags)
            if record == NULL:
                return 0
            data = self.read(record, nbytes, flags & MSG_PEEK, &end)
            memcpy(view.buf, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
            return PyBytes_GET_SIZE(data)
        finally:
            PyBuffer_Release(&view)

    def sctp_recvmsg(self, Py_ssize_t size, int flags=0):
        """(data, address, sctp_sndrcvinfo, msg_flags) of the next message or notification (section 9.7).

        The structure is filled when the data_io event is subscribed (SCTP_EVENTS); msg_flags has MSG_EOR with
        the last piece, MSG_NOTIFICATION with notifications, whose data has their fields as attributes (see
        notifications.Notification).  (b"", None, zeros, 0) at the end of the stream.
        """
        cdef Received *record
        cdef Association association
        cdef sndrcvinfo info
        cdef bint is_data, whole, end = False
        cdef int path
        cdef bytes data
        if size < 0:
            raise ValueError("negative size")
        record = self.head(flags)
        memset(&info, 0, sizeof(info))
        if record == NULL or size == 0:
            return b"", None, self._sndrcvinfo((<char *>&info)[:sizeof(info)]), 0
        is_data = record.kind == KIND_DATA
        association = <Association>record.association
        if is_data and (self.user.event_mask | association.event_mask) & DATA_IO_EVENT:
            info.stream = record.stream_id
            info.ssn = 0 if record.unordered else record.ssn
            info.flags = SEND_UNORDERED if record.unordered else 0
            info.ppid = record.ppid
            info.tsn = record.tsn
            info.cumtsn = record.cumulative_tsn if record.unordered else 0
            info.context = association.parameters.receive_context
            info.assoc_id = association.assoc_id
        path = record.path if is_data else association.primary.index
        whole = record.offset == 0
        data = self.read(record, size, flags & MSG_PEEK, &end)
        return (data if is_data or not (whole and end) else self._typed(data),
                self.name_of(association, path), self._sndrcvinfo((<char *>&info)[:sizeof(info)]),
                (MSG_EOR if end else 0) | (0 if is_data else MSG_NOTIFICATION))

    cdef object name_of(self, Association association, int path):
        """The peer's address, made once and then kept with the association."""
        if association.names is None:
            association.names = {}
        name = association.names.get(path)
        if name is None:
            name = association.names[path] = self._name_of(association, path)
        return name

    def _source(self, Association association not None):
        """For the subclass: the peer's primary address."""
        return self.name_of(association, association.primary.index)

    def _hand_over(self, Association association not None, SctpUser user not None):
        """For the subclass: the association is peeled off, what it has brought goes with it."""
        self.notification = None             # the one at the head may leave
        association.peel_off(user)
        self.engine.soon()                   # wakes who waits here; another association may have its turn
        self.state_changed()

    def _receive(self, Py_ssize_t size, int flags):
        """For the subclass: (data, msg_flags, address, association, fields), None at the end of the stream.

        fields: (stream, ssn, unordered, ppid, tsn, cumulative tsn) of a message, None of a notification.
        """
        cdef Received *record = self.head(flags)
        cdef Received seen
        cdef Association association
        cdef bint is_data, end = False
        cdef bytes data = b""
        if record == NULL:
            return None
        seen = record[0]
        is_data = seen.kind == KIND_DATA
        association = <Association>seen.association
        if size:
            data = self.read(record, size, flags & MSG_PEEK, &end)
        fields = (seen.stream_id, 0 if seen.unordered else seen.ssn, seen.unordered != 0, seen.ppid,
                  seen.tsn, seen.cumulative_tsn if seen.unordered else 0) if is_data else None
        return (data, (MSG_EOR if end else 0) | (0 if is_data else MSG_NOTIFICATION),
                self.name_of(association, seen.path if is_data else association.primary.index), association,
                fields)

    def _next(self, uint32_t index):
        """For the subclass: (kind, stream, unordered, ppid, length left, assoc id) of a record that waits."""
        cdef Received *record = self.user.receive_queue.at(index)
        cdef Received seen
        if record == NULL:
            return None
        seen = record[0]
        assoc_id = (<Association>seen.association).assoc_id
        length = (seen.length - seen.offset if seen.kind == KIND_DATA
                  else len(self._encode(seen.kind, <object>seen.data)))
        return seen.kind, seen.stream_id, seen.unordered != 0, seen.ppid, length, assoc_id

    def _peek(self, Py_ssize_t size, long long end):
        """For the subclass: up to `size` bytes of all messages that wait, up to one whose ppid is `end`."""
        cdef ReceiveQueue queue = self.user.receive_queue
        cdef Received *record
        cdef uint32_t i
        cdef Py_ssize_t taken
        cdef list parts = []
        for i in range(queue.count):
            record = &queue.ring[(queue.head + i) & (queue.capacity - 1)]
            if record.kind != KIND_DATA or record.ppid == end or size == 0:
                break
            taken = min(size, <Py_ssize_t>(record.length - record.offset))
            parts.append(PyBytes_FromStringAndSize(
                PyBytes_AS_STRING(<bytes>record.data) + record.offset, taken))
            size -= taken
        return b"".join(parts)

    def _discard(self, bint notifications):
        """For the subclass: SHUT_RD; what comes from now on is dropped, messages and maybe notifications."""
        if not self.readiness.discards_data:
            self.readiness.discards_data = True
            self.readiness.kept = self.user.receive_queue.count
        self.readiness.discards_all |= notifications
        self.state_changed()

    # ------------------------------------------------------------------ what options change in the core

    def report_if_dry(self, Association association not None):
        """SCTP_SENDER_DRY_EVENT was switched on: queued at once if nothing is to be sent or acknowledged."""
        if association.send_queue.count == 0 and association.outstanding.data_bytes == 0:
            association.notify(SENDER_DRY_EVENT, (association.assoc_id,))
            self.engine.soon()

    def buffers_changed(self, Association association not None):
        """SO_SNDBUF or SO_RCVBUF was set."""
        association.buffers_changed(clock())
        self.engine.soon()
        self.state_changed()

    def change_paths(self, Association association not None, str host, dict changes not None):
        """Association.change_paths(), from now on."""
        association.change_paths(host, changes, clock())
        self.engine.soon()

    def request_heartbeat(self, Association association not None, str host not None):
        """A HEARTBEAT on demand (SPP_HB_DEMAND)."""
        association.request_heartbeat(host, clock())
        self.engine.soon()

    def set_primary(self, Association association not None, str host not None):
        """SCTP_PRIMARY_ADDR."""
        association.set_primary(host)
        self.engine.soon()
