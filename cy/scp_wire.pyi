from enum import IntFlag

class ScpFlag(IntFlag):
    SCP_SYN = 8
    SCP_FIN = 4
    SCP_RST = 2
    SCP_PUSH = 1

class ScpReason(IntFlag):
    NO_REASON = 0
    REFUSED_BY_PEER = 1
    RESET_BY_PEER = 2
    RESET_HERE = 3
    CLOSED_UNREAD = 4
    SYN_ON_OPEN_SESSION = 5
    DATA_AFTER_FIN = 6
    MESSAGE_TOO_LONG = 7
    STALLED = 8
    NO_ACCEPTOR = 9
    TOO_MANY_SESSIONS = 10
    CLOSING = 11
    UNKNOWN_SESSION = 12
    UNKNOWN_SESSION_UNANSWERED = 13
    AFTER_RESET = 14
    EMPTY_AFTER_FIN = 15
    RST_OF_UNKNOWN_SESSION = 16
    SYN_WITH_RST = 17
    BAD_FLAGS = 18
    FOREIGN_FLAGS = 19
    RESERVED_ID = 20
    ID_PARITY = 21
    SEGMENT_TOO_LONG = 22
    SEGMENT_TOO_SHORT = 23
    TRUNCATED = 24
    TOO_MANY_RESETS = 25
    CONNECTION_LOST = 26
    TRANSPORT_FAILED = 27
    CLOSED_HERE = 28

def encode_header(flags: int, session_id: int, length: int) -> bytes: ...
def decode_header(header: bytes) -> tuple[int, int, int]: ...
