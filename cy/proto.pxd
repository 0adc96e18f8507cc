"""Numbers of the RFCs: chunk, parameter and cause codes, flags, states, drop reasons.  No code.

RFC 9260 section 3 and the registries that its extensions add to; states as Linux numbers them
(sstat_state), so that no table has to translate them.
"""

cpdef enum ChunkType:
    DATA = 0
    INIT = 1
    INIT_ACK = 2
    SACK = 3
    HEARTBEAT = 4
    HEARTBEAT_ACK = 5
    ABORT = 6
    SHUTDOWN = 7
    SHUTDOWN_ACK = 8
    ERROR = 9
    COOKIE_ECHO = 10
    COOKIE_ACK = 11
    ECNE = 12
    CWR = 13
    SHUTDOWN_COMPLETE = 14
    AUTH = 15
    I_DATA = 64
    ASCONF_ACK = 128
    RE_CONFIG = 130
    PAD = 132
    FORWARD_TSN = 192
    ASCONF = 193
    I_FORWARD_TSN = 194

cpdef enum ChunkFlag:
    DATA_E = 0x01          # last fragment
    DATA_B = 0x02          # first fragment
    DATA_U = 0x04          # unordered
    DATA_I = 0x08          # acknowledge at once (RFC 7053)
    FLAG_T = 0x01          # ABORT, SHUTDOWN COMPLETE: the verification tag is reflected

cpdef enum ParameterType:
    HEARTBEAT_INFO = 1
    IPV4_ADDRESS = 5
    IPV6_ADDRESS = 6
    STATE_COOKIE = 7
    UNRECOGNIZED_PARAMETER = 8
    COOKIE_PRESERVATIVE = 9
    HOST_NAME_ADDRESS = 11
    SUPPORTED_ADDRESS_TYPES = 12
    ECN_CAPABLE = 0x8000
    ZERO_CHECKSUM_ACCEPTABLE = 0x8001
    RANDOM = 0x8002
    CHUNKS = 0x8003
    HMAC_ALGO = 0x8004
    PADDING = 0x8005
    SUPPORTED_EXTENSIONS = 0x8008
    FORWARD_TSN_SUPPORTED = 0xC000
    ADD_IP_ADDRESS = 0xC001
    DELETE_IP_ADDRESS = 0xC002
    ERROR_CAUSE_INDICATION = 0xC003
    SET_PRIMARY_ADDRESS = 0xC004
    SUCCESS_INDICATION = 0xC005
    ADAPTATION_LAYER_INDICATION = 0xC006

cpdef enum CauseCode:
    CAUSE_NONE = 0
    INVALID_STREAM_IDENTIFIER = 1
    MISSING_MANDATORY_PARAMETER = 2
    STALE_COOKIE = 3
    OUT_OF_RESOURCE = 4
    UNRESOLVABLE_ADDRESS = 5
    UNRECOGNIZED_CHUNK_TYPE = 6
    INVALID_MANDATORY_PARAMETER = 7
    UNRECOGNIZED_PARAMETERS = 8
    NO_USER_DATA = 9
    COOKIE_RECEIVED_WHILE_SHUTTING_DOWN = 10
    RESTART_WITH_NEW_ADDRESSES = 11
    USER_INITIATED_ABORT = 12
    PROTOCOL_VIOLATION = 13

cpdef enum State:
    CLOSED = 1
    COOKIE_WAIT = 2
    COOKIE_ECHOED = 3
    ESTABLISHED = 4
    SHUTDOWN_PENDING = 5
    SHUTDOWN_SENT = 6
    SHUTDOWN_RECEIVED = 7
    SHUTDOWN_ACK_SENT = 8

cpdef enum DropReason:
    # Why a packet, or a chunk of it, was discarded without an answer.  Each has a counter.
    NOT_DROPPED = 0
    DROP_TOO_SHORT             # no common header, or not even one chunk header
    DROP_BAD_CHECKSUM          # RFC 9260 section 6.8
    DROP_PORT_ZERO             # section 3.1
    DROP_NOT_UNICAST           # section 8.4, rule 1
    DROP_BAD_TAG               # section 8.5
    DROP_TAG_ZERO              # section 8.5.1 A: tag 0 and not a lone INIT
    DROP_BUNDLED_ALONE         # section 3: INIT, INIT ACK or SHUTDOWN COMPLETE with company
    DROP_CHUNK_LENGTH          # section 3.2: a length below 4 or beyond the packet
    DROP_MALFORMED_CHUNK       # a chunk whose inner structure is wrong
    DROP_UNKNOWN_CHUNK         # section 3.2: unknown type, high bits 00 or 10
    DROP_UNEXPECTED_CHUNK      # a chunk that its state does not admit
    DROP_OUT_OF_THE_BLUE       # section 8.4: discarded there without an answer
    DROP_RATE_LIMITED          # an answer to a stranger, or an INIT ACK, that the limit forbids
    DROP_COOKIE_MAC            # section 5.1.5, steps 1 and 2
    DROP_COOKIE_MISMATCH       # section 5.1.5, step 3; section 5.2.4, not in the table
    DROP_COOKIE_STALE          # section 5.1.5, step 4 (answered by an ERROR)
    DROP_TAG_COLLISION         # an INIT whose Initiate Tag is 0
    DROP_DUPLICATE_DATA        # section 6.2
    DROP_OUTSIDE_WINDOW        # TSN beyond what the TSN map or the receive window holds
    DROP_OLD_SACK              # section 6.2.1: Cumulative TSN Ack below the ack point
    DROP_BACKLOG               # no room in the accept queue (answered by an ABORT)
    DROP_ICMP                  # section 10: does not match an association and its tag
    DROP_STALE_ERROR           # section 5.2.6 outside COOKIE-ECHOED
    DROP_AFTER_ABORT           # chunks behind an ABORT
    DROP_NO_LISTENER           # INIT for a port where nobody listens (answered by an ABORT)
    DROP_TOO_MANY              # a one-to-many socket has its most associations (answered by an ABORT)
    DROP_REASON_COUNT
