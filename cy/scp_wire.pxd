"""SCP, the Session Control Protocol (Simon Spero, 1994): its segment header, flags, ids, and our reasons.

docs/scp.md has the rules, SCP-01 and so on.  A segment is these 8 bytes, big endian, and `length` bytes of
data:  0000 SYN FIN RST PUSH | session id, 24 bits | length, 32 bits.
"""
from libc.stdint cimport uint8_t, uint32_t

from .wire cimport get32, put32

cpdef enum ScpFlag:
    SCP_SYN = 0x08
    SCP_FIN = 0x04
    SCP_RST = 0x02
    SCP_PUSH = 0x01

cdef enum:
    SCP_HEADER = 8
    SCP_FLAGS = 0x0F
    FIRST_SESSION_ID = 1024          # below: reserved
    LAST_SESSION_ID = 0xFFFFFF

cpdef enum ScpReason:                # why something ended, was refused or was dropped; each is counted
    NO_REASON = 0
    # the end of one session
    REFUSED_BY_PEER = 1              # RST before anything else came
    RESET_BY_PEER = 2
    RESET_HERE = 3                   # the program asked for it
    CLOSED_UNREAD = 4                # the program has closed it, and the peer sent on and on
    SYN_ON_OPEN_SESSION = 5
    DATA_AFTER_FIN = 6
    MESSAGE_TOO_LONG = 7
    STALLED = 8                      # its unread data kept other readers waiting
    # SYNs that are refused
    NO_ACCEPTOR = 9
    TOO_MANY_SESSIONS = 10
    CLOSING = 11
    # segments that are dropped
    UNKNOWN_SESSION = 12             # answered by RST
    UNKNOWN_SESSION_UNANSWERED = 13  # too many of them
    AFTER_RESET = 14
    EMPTY_AFTER_FIN = 15
    RST_OF_UNKNOWN_SESSION = 16
    SYN_WITH_RST = 17
    # the end of the connection
    BAD_FLAGS = 18
    FOREIGN_FLAGS = 19               # bad flags in the very first segment: another protocol?
    RESERVED_ID = 20
    ID_PARITY = 21
    SEGMENT_TOO_LONG = 22
    SEGMENT_TOO_SHORT = 23           # only where the length includes the header
    TRUNCATED = 24
    TOO_MANY_RESETS = 25
    CONNECTION_LOST = 26             # TCP ended, between two segments
    TRANSPORT_FAILED = 27            # TCP or TLS reported an error
    CLOSED_HERE = 28

cdef enum:
    REASONS = 29


cdef inline uint32_t session_id_of(const uint8_t *header) noexcept nogil:
    return get32(header) & LAST_SESSION_ID


cdef inline void put_header(uint8_t *header, uint8_t flags, uint32_t session_id,
                            uint32_t length) noexcept nogil:
    put32(header, (<uint32_t>flags << 24) | session_id)
    put32(header + 4, length)
