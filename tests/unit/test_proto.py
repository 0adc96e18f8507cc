"""cy/proto: the numbers of RFC 9260 section 3 and of the extensions' registries."""
import pytest

from pysctpsock._cy import proto

CHUNK_TYPES = {                  # RFC 9260 section 3.2 and the extensions'
    "DATA": 0, "INIT": 1, "INIT_ACK": 2, "SACK": 3, "HEARTBEAT": 4, "HEARTBEAT_ACK": 5, "ABORT": 6,
    "SHUTDOWN": 7, "SHUTDOWN_ACK": 8, "ERROR": 9, "COOKIE_ECHO": 10, "COOKIE_ACK": 11, "ECNE": 12, "CWR": 13,
    "SHUTDOWN_COMPLETE": 14, "AUTH": 0x0F, "I_DATA": 0x40, "ASCONF_ACK": 0x80, "RE_CONFIG": 0x82, "PAD": 0x84,
    "FORWARD_TSN": 0xC0, "ASCONF": 0xC1, "I_FORWARD_TSN": 0xC2,
}
CHUNK_FLAGS = {"DATA_E": 1, "DATA_B": 2, "DATA_U": 4, "DATA_I": 8, "FLAG_T": 1}
PARAMETER_TYPES = {              # of INIT, INIT ACK, HEARTBEAT and ASCONF
    "HEARTBEAT_INFO": 1, "IPV4_ADDRESS": 5, "IPV6_ADDRESS": 6, "STATE_COOKIE": 7, "UNRECOGNIZED_PARAMETER": 8,
    "COOKIE_PRESERVATIVE": 9, "HOST_NAME_ADDRESS": 11, "SUPPORTED_ADDRESS_TYPES": 12, "ECN_CAPABLE": 0x8000,
    "ZERO_CHECKSUM_ACCEPTABLE": 0x8001, "RANDOM": 0x8002, "CHUNKS": 0x8003, "HMAC_ALGO": 0x8004,
    "PADDING": 0x8005, "SUPPORTED_EXTENSIONS": 0x8008, "FORWARD_TSN_SUPPORTED": 0xC000,
    "ADD_IP_ADDRESS": 0xC001,
    "DELETE_IP_ADDRESS": 0xC002, "ERROR_CAUSE_INDICATION": 0xC003, "SET_PRIMARY_ADDRESS": 0xC004,
    "SUCCESS_INDICATION": 0xC005, "ADAPTATION_LAYER_INDICATION": 0xC006,
}
CAUSE_CODES = {                  # RFC 9260 section 3.3.10
    "INVALID_STREAM_IDENTIFIER": 1, "MISSING_MANDATORY_PARAMETER": 2, "STALE_COOKIE": 3, "OUT_OF_RESOURCE": 4,
    "UNRESOLVABLE_ADDRESS": 5, "UNRECOGNIZED_CHUNK_TYPE": 6, "INVALID_MANDATORY_PARAMETER": 7,
    "UNRECOGNIZED_PARAMETERS": 8, "NO_USER_DATA": 9, "COOKIE_RECEIVED_WHILE_SHUTTING_DOWN": 10,
    "RESTART_WITH_NEW_ADDRESSES": 11, "USER_INITIATED_ABORT": 12, "PROTOCOL_VIOLATION": 13,
}
STATES = {                       # sstat_state of Linux (enum sctp_sstat_state)
    "CLOSED": 1, "COOKIE_WAIT": 2, "COOKIE_ECHOED": 3, "ESTABLISHED": 4, "SHUTDOWN_PENDING": 5,
    "SHUTDOWN_SENT": 6, "SHUTDOWN_RECEIVED": 7, "SHUTDOWN_ACK_SENT": 8,
}


@pytest.mark.parametrize(("enumeration", "expected", "may_grow"), [
    (proto.ChunkType, CHUNK_TYPES, False),
    (proto.ChunkFlag, CHUNK_FLAGS, False),
    (proto.ParameterType, PARAMETER_TYPES, True),        # RFC 6525's come with RE-CONFIG
    (proto.CauseCode, {"CAUSE_NONE": 0, **CAUSE_CODES}, True),
    (proto.State, STATES, False),
])
def test_numbers(enumeration, expected, may_grow):
    numbers = {name: int(member) for name, member in enumeration.__members__.items()}
    assert {name: numbers.get(name) for name in expected} == expected
    if not may_grow:
        assert set(numbers) == set(expected)


def test_drop_reasons_fit_their_counters():
    reasons = [int(reason) for reason in proto.DropReason]
    assert sorted(reasons) == list(range(len(reasons)))
    assert proto.DropReason.DROP_REASON_COUNT == max(reasons) < 64
