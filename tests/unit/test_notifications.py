"""Notifications as bytes and back (pysctpsock.notifications; RFC 6458 section 6.1)."""
import socket
import struct
import sys

import pytest

from pysctpsock import constants as c
from pysctpsock import notifications


def BE(code):
    """A cause code as it lies in memory in network byte order."""
    return int.from_bytes(struct.pack("!H", code), sys.byteorder)


def test_assoc_change():
    """sac_error is in network byte order, the tail is the ABORT chunk's body (case 50: length 24)."""
    cause = b"\0\x0c\0\4"
    data = notifications.encode(c.SCTP_ASSOC_CHANGE, (c.SCTP_COMM_LOST, 12, 10, 5, 7, cause))
    assert data == struct.pack("=HHIHHHHi", 0x8001, 0, 24, 1, BE(12), 10, 5, 7) + cause
    change = notifications.parse(data)
    assert (change.sac_state, change.sac_outbound_streams, change.sac_inbound_streams) == (1, 10, 5)
    assert (change.sac_assoc_id, change.tail) == (7, cause)
    assert socket.ntohs(change.sac_error) == 12


def test_comm_up_is_twenty_bytes():
    """Case 44."""
    assert len(notifications.encode(c.SCTP_ASSOC_CHANGE, (c.SCTP_COMM_UP, 0, 5, 5, 3, b""))) == 20


@pytest.mark.parametrize(("family", "mapped", "shown"), [
    (socket.AF_INET, True, ("192.0.2.1", 5)),
    (socket.AF_INET6, True, ("::ffff:192.0.2.1", 5, 0, 0)),
    (socket.AF_INET6, False, ("192.0.2.1", 5)),
])
def test_peer_addr_change(family, mapped, shown):
    data = notifications.encode(c.SCTP_PEER_ADDR_CHANGE,
                                (("192.0.2.1", 5), c.SCTP_ADDR_UNREACHABLE, c.SCTP_FAILED_THRESHOLD, 9),
                                family, mapped)
    assert len(data) == 148
    assert struct.unpack("=HHI", data[:8]) == (0x8002, 0, 148)
    assert struct.unpack("=iii", data[136:]) == (1, 0, 9)
    assert notifications.parse(data).spc_aaddr.address == shown


def test_remote_error():
    """sre_error is in network byte order; sre_data is the cause without header, padded, as on Linux."""
    for length in range(9):
        value = b"\xff" * length
        cause = struct.pack("!HH", 6, 4 + length) + value
        data = notifications.encode(c.SCTP_REMOTE_ERROR, (6, 4, cause))
        value += bytes(-length % 4)
        assert data == struct.pack("=HHIH2xi", 0x8004, 0, 16 + len(value), BE(6), 4) + value
        assert notifications.parse(data).tail == value


@pytest.mark.parametrize(("kind", "fixed"), [(c.SCTP_SEND_FAILED, 48), (c.SCTP_SEND_FAILED_EVENT, 32)])
def test_send_failed(kind, fixed):
    """Case 56: the length is that of the fixed part and of the data; the cause code is in network order."""
    data = notifications.encode(kind, (c.SCTP_DATA_SENT, 5, (3, c.SCTP_UNORDERED, 0x01020304, 77, 2000), 9,
                                       b"lost"))
    assert len(data) == fixed + 4
    assert struct.unpack("=HHII", data[:12]) == (kind, 1, fixed + 4, BE(5))
    failed = notifications.parse(data)
    assert (failed.ssf_assoc_id, failed.tail) == (9, b"lost")
    if kind == c.SCTP_SEND_FAILED:
        assert failed.ssf_info.sinfo_flags == 0x07  # as on Linux those of the DATA chunk: U, B, E
        assert (failed.ssf_info.sinfo_stream, failed.ssf_info.sinfo_ppid) == (3, 0x01020304)
        assert (failed.ssf_info.sinfo_context, failed.ssf_info.sinfo_assoc_id) == (77, 9)
        assert failed.ssf_info.sinfo_timetolive == 2000
    else:
        assert bytes(failed.ssfe_info) == struct.pack("=HHIIi", 3, 0x07, 0x01020304, 77, 9)


@pytest.mark.parametrize(("kind", "fields", "wanted"), [
    (c.SCTP_SHUTDOWN_EVENT, (6,), struct.pack("=HHIi", 0x8005, 0, 12, 6)),
    (c.SCTP_SENDER_DRY_EVENT, (6,), struct.pack("=HHIi", 0x8009, 0, 12, 6)),
    (c.SCTP_ADAPTATION_INDICATION, (0xDEADBEEF, 6), struct.pack("=HHIIi", 0x8007, 0, 16, 0xDEADBEEF, 6)),
])
def test_short_ones(kind, fields, wanted):
    data = notifications.encode(kind, fields)
    assert data == wanted
    assert notifications.parse(data).pack() == wanted


def test_parse_refuses_what_is_none():
    with pytest.raises(ValueError, match="0x7fff"):
        notifications.parse(struct.pack("=HHI", 0x7FFF, 0, 8))
    with pytest.raises(ValueError):
        notifications.parse(struct.pack("=HHI", 0x8005, 0, 12))
    with pytest.raises(ValueError):
        notifications.parse(b"")


def test_every_type_has_its_structure():
    assert sorted(notifications.STRUCTURES) == list(range(0x8001, 0x800E))


def test_fields_as_attributes():
    """A whole notification is bytes that have the fields of their structure; a piece is bytes alone."""
    whole = notifications.encode(c.SCTP_ASSOC_CHANGE, (c.SCTP_COMM_LOST, 12, 10, 5, 7, b"\0\x0c\0\4"))
    typed = notifications.typed(whole)
    assert typed == whole
    assert (typed.sn_type, typed.sn_length) == (c.SCTP_ASSOC_CHANGE, 24)
    assert (typed.sac_state, typed.sac_assoc_id, typed.tail) == (c.SCTP_COMM_LOST, 7, b"\0\x0c\0\4")
    assert "sac_state=1" in repr(typed)
    for piece in (whole[:10], whole[10:], b""):
        assert type(notifications.typed(piece)) is bytes
    with pytest.raises(AttributeError):
        typed.spc_state  # noqa: B018
