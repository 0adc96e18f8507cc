"""A queue of pieces of a byte stream with message ends: what one direction of an SCP session holds.

SCP-30 to SCP-32.  A piece refers to the bytes object that it came in; nothing is copied or joined before
somebody asks.  The queue is a ring of plain C records: no Python object but the payload.
"""
from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef enum:
    PIECE_OVERHEAD = 80              # what a piece costs the memory limits beside its bytes


cdef struct Piece:
    PyObject *data                   # strong: bytes
    const uint8_t *start             # the first byte that nobody has taken
    uint32_t left                    # bytes from there on
    uint32_t spare                   # room behind them, until trim()
    bint whole                       # the piece is all of `data`: it can be handed on as it is
    bint ends_message                # after its last byte


cdef class PieceQueue:
    cdef Piece *ring
    cdef uint32_t capacity, head     # capacity: a power of two, 0 until the first piece
    cdef readonly uint32_t count
    cdef readonly uint64_t size      # bytes
    cdef readonly uint64_t charged   # bytes and overhead

    cdef int push(self, bytes data, size_t offset, uint32_t length, bint ends_message) except -1
    # Copy bytes in; `more` that may follow before trim() can join them in one object.
    cdef int append(self, const uint8_t *source, uint32_t length, size_t more, bint ends_message) except -1
    cdef int trim(self) except -1                            # give back the room behind the last piece
    # Room for bytes at the end; then fill() says how many were put there, and gives back the rest.
    cdef uint8_t *reserve(self, uint32_t room) except NULL
    cdef int fill(self, uint32_t length, bint ends_message) except -1
    cdef Piece *first(self) noexcept nogil                   # or NULL
    cdef Piece *last(self) noexcept nogil                    # or NULL
    cdef void consume(self, uint32_t taken) noexcept         # of the first; with all of it the piece goes
    # Copy bytes of the message at the front, without its successors: how many; whether its end was reached.
    cdef uint32_t take_of_message(self, uint8_t *target, uint32_t room, bint *ended) noexcept
    cdef uint64_t left_of_message(self, uint64_t limit) noexcept nogil   # bytes of it, counted up to `limit`
    cdef bytes take(self, uint64_t limit, bint across_messages, bint *ended)
    cdef void clear(self) noexcept

    # within the module
    cdef int grow(self) except -1
