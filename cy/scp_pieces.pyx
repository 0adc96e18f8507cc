"""A queue of pieces of a byte stream with message ends (see scp_pieces.pxd)."""
cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

cdef extern from "Python.h":
    int _PyBytes_Resize(PyObject **data, Py_ssize_t size) except -1  # on failure *data is NULL

cdef enum:
    FIRST_CAPACITY = 4
    HANDED_ON = 4096                 # a whole piece this long is handed on as it is, short ones are joined
    LONGEST_JOINED = 65536           # by append()


@cython.final
cdef class PieceQueue:
    """Pieces of one direction of a session, oldest first."""

    def __dealloc__(self):
        self.clear()

    cdef int push(self, bytes data, size_t offset, uint32_t length, bint ends_message) except -1:
        cdef Piece *piece
        if self.count == self.capacity:
            self.grow()
        piece = &self.ring[(self.head + self.count) & (self.capacity - 1)]
        Py_INCREF(data)
        piece.data = <PyObject *>data
        piece.start = <const uint8_t *>PyBytes_AS_STRING(data) + offset
        piece.left = length
        piece.spare = 0
        piece.whole = length == <size_t>PyBytes_GET_SIZE(data)
        piece.ends_message = ends_message
        self.count += 1
        self.size += length
        self.charged += length + PIECE_OVERHEAD
        return 0

    cdef int append(self, const uint8_t *source, uint32_t length, size_t more, bint ends_message) except -1:
        cdef Piece *piece = self.last()
        cdef size_t part, room
        cdef bytes data
        if piece != NULL and piece.spare:
            part = min(length, piece.spare)
            memcpy(<uint8_t *>piece.start + piece.left, source, part)
            piece.left += part
            piece.spare -= part
            self.size += part
            self.charged += part
            source += part
            length -= part
            if length == 0:
                piece.ends_message = ends_message
                return self.trim() if ends_message else 0
        room = length
        if length >= HANDED_ON and not ends_message:
            room = max(length, min(length + more, LONGEST_JOINED))
        data = PyBytes_FromStringAndSize(NULL, room)
        memcpy(PyBytes_AS_STRING(data), source, length)
        self.push(data, 0, length, ends_message)
        piece = self.last()
        piece.spare = room - length
        piece.whole = True
        return 0

    cdef int trim(self) except -1:
        cdef Piece *piece = self.last()
        if piece == NULL or piece.spare == 0:
            return 0
        piece.spare = 0
        try:
            _PyBytes_Resize(&piece.data, piece.left)     # nobody else has seen the object yet
        except MemoryError:                              # the object is gone
            self.count -= 1
            self.size -= piece.left
            self.charged -= piece.left + PIECE_OVERHEAD
            raise
        piece.start = <const uint8_t *>PyBytes_AS_STRING(<object>piece.data)
        return 0

    cdef uint8_t *reserve(self, uint32_t room) except NULL:
        self.push(PyBytes_FromStringAndSize(NULL, room), 0, 0, False)
        self.last().spare = room
        self.last().whole = True
        return <uint8_t *>self.last().start

    cdef int fill(self, uint32_t length, bint ends_message) except -1:
        cdef Piece *piece = self.last()
        if length == 0:
            self.count -= 1
            self.charged -= PIECE_OVERHEAD
            Py_DECREF(<object>piece.data)
            return 0
        piece.left = length
        piece.spare -= length
        piece.ends_message = ends_message
        self.size += length
        self.charged += length
        return self.trim()

    cdef Piece *first(self) noexcept nogil:
        return &self.ring[self.head] if self.count else NULL

    cdef Piece *last(self) noexcept nogil:
        return &self.ring[(self.head + self.count - 1) & (self.capacity - 1)] if self.count else NULL

    cdef void consume(self, uint32_t taken) noexcept:
        cdef Piece *piece = &self.ring[self.head]
        cdef PyObject *data = piece.data
        piece.start += taken
        piece.left -= taken
        piece.whole = False
        self.size -= taken
        self.charged -= taken
        if piece.left == 0:
            self.head = (self.head + 1) & (self.capacity - 1)
            self.count -= 1
            self.charged -= PIECE_OVERHEAD
            Py_DECREF(<object>data)

    cdef uint32_t take_of_message(self, uint8_t *target, uint32_t room, bint *ended) noexcept:
        cdef Piece *piece
        cdef uint32_t part, taken = 0
        ended[0] = False
        while self.count and not ended[0]:
            piece = self.first()
            part = min(piece.left, room - taken)
            if part == 0 and piece.left:
                break
            memcpy(target + taken, piece.start, part)
            taken += part
            ended[0] = piece.ends_message and part == piece.left
            self.consume(part)
        return taken

    cdef uint64_t left_of_message(self, uint64_t limit) noexcept nogil:
        cdef uint64_t found = 0
        cdef uint32_t index
        cdef Piece *piece
        for index in range(self.count):
            piece = &self.ring[(self.head + index) & (self.capacity - 1)]
            found += piece.left
            if found >= limit or piece.ends_message:
                break
        return min(found, limit)

    cdef bytes take(self, uint64_t limit, bint across_messages, bint *ended):
        """At most `limit` bytes from the front, within one message or across; not for an empty queue.

        `ended`: whether the last of them ends a message.
        """
        cdef Piece *piece = self.first()
        cdef uint64_t room
        cdef uint32_t taken = 0
        cdef bytes data
        if piece.whole and piece.left <= limit and (
                self.count == 1 or piece.left >= HANDED_ON or (piece.ends_message and not across_messages)):
            ended[0] = piece.ends_message
            data = <bytes>piece.data
            self.consume(piece.left)
            return data
        room = min(limit, self.size) if across_messages else self.left_of_message(limit)
        data = PyBytes_FromStringAndSize(NULL, room)
        while True:
            taken += self.take_of_message(<uint8_t *>PyBytes_AS_STRING(data) + taken, room - taken, ended)
            if taken == room or not across_messages:
                return data

    cdef void clear(self) noexcept:
        cdef Piece *ring = self.ring
        cdef uint32_t index, head = self.head, count = self.count, mask = self.capacity - 1
        self.ring = NULL
        self.capacity = self.head = self.count = 0
        self.size = self.charged = 0
        for index in range(count):
            Py_DECREF(<object>ring[(head + index) & mask].data)
        free(ring)

    cdef int grow(self) except -1:
        cdef uint32_t capacity = 2 * self.capacity if self.capacity else FIRST_CAPACITY
        cdef uint32_t first_part
        cdef Piece *ring = <Piece *>malloc(capacity * sizeof(Piece))
        if ring == NULL:
            raise MemoryError
        if self.count:
            first_part = min(self.count, self.capacity - self.head)
            memcpy(ring, self.ring + self.head, first_part * sizeof(Piece))
            memcpy(ring + first_part, self.ring, (self.count - first_part) * sizeof(Piece))
        free(self.ring)
        self.ring, self.capacity, self.head = ring, capacity, 0
        return 0

    # ---- Python face, for tests and tools ----------------------------------------------------------------

    def put(self, bytes data not None, size_t offset=0, bint ends_message=False) -> None:
        self.push(data, offset, len(data) - offset, ends_message)

    def put_copy(self, bytes data not None, size_t more=0, bint ends_message=False) -> None:
        self.append(<const uint8_t *>PyBytes_AS_STRING(data), len(data), more, ends_message)

    def close_gap(self) -> None:
        self.trim()

    def put_in_place(self, bytes data not None, uint32_t room, bint ends_message=False) -> None:
        if not len(data) <= <Py_ssize_t>room:
            raise ValueError("the room is too small")
        memcpy(self.reserve(room), PyBytes_AS_STRING(data), len(data))
        self.fill(len(data), ends_message)

    def get(self, uint64_t limit, bint across_messages=True) -> tuple | None:
        """(bytes, whether they end a message), or None from an empty queue."""
        cdef bint ended
        if self.count == 0:
            return None
        return self.take(limit, across_messages, &ended), ended
