"""One end of one SCP session: its state, and what it holds in each direction (SCP-30 to SCP-47).

The state of SCP's table follows from four facts (opened, own FIN sent, peer's FIN received, reset), so it is
not kept a second time.
"""
from libc.stdint cimport uint32_t, uint64_t

from .scp_pieces cimport PieceQueue
from .scp_wire cimport ScpReason


cdef enum Place:                             # among those that have something to send
    NOT_QUEUED = 0
    URGENT = 1                               # SYN or FIN, no data
    IN_TURN = 2


cdef class ScpSession:
    cdef readonly uint32_t id
    cdef readonly bint opened_here
    cdef readonly bint accepted              # the program has it (always true if opened here)
    cdef readonly bint open                  # neither reset nor ended by both FINs: its id is in use
    cdef bint syn_pending                    # the next segment has SYN
    cdef bint heard                          # the peer has sent a segment
    cdef bint fin_queued
    cdef readonly bint fin_sent
    cdef readonly bint fin_received
    cdef readonly bint discards              # the program reads no more: what arrives is thrown away
    cdef Place place
    cdef bint ready                          # is in the connection's list of those to wake
    cdef bint over_mark                      # its unread bytes have passed the mark and not fallen to half
    cdef readonly bint waits_to_read         # somebody does (SCP-70)
    cdef bint waits_to_write
    cdef bint in_message                     # the reader has bytes of a message whose end it has not seen
    cdef readonly ScpReason read_reason      # why nothing more can be read (after the data that is here)
    cdef readonly ScpReason write_reason     # why nothing more can be written
    cdef PieceQueue outgoing, incoming
    cdef bytearray assembly                  # the beginning of a message that read_message() waits for
    cdef uint64_t discarded                  # bytes that were
    cdef readonly uint64_t bytes_in, bytes_out, bytes_read
    cdef public object owner                 # the program's face, told when something has changed

    cdef bint has_output(self) noexcept nogil
