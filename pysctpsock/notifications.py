"""Notifications: what the core tells of an association, as the bytes that a receive call hands out.

RFC 6458 section 6.1, in Linux's layout; RFC 6525 section 6.1.  The core queues (type, tuple of fields);
`encode` makes the structure's bytes of it, `parse` makes the structure of bytes that were received.
"""
from __future__ import annotations

import ctypes
import socket as _socket
from typing import Any

from . import structs
from .address import from_core
from .constants import (
    SCTP_ADAPTATION_INDICATION,
    SCTP_ASSOC_CHANGE,
    SCTP_ASSOC_RESET_EVENT,
    SCTP_AUTHENTICATION_EVENT,
    SCTP_PARTIAL_DELIVERY_EVENT,
    SCTP_PEER_ADDR_CHANGE,
    SCTP_REMOTE_ERROR,
    SCTP_SACK_IMMEDIATELY,
    SCTP_SEND_FAILED,
    SCTP_SEND_FAILED_EVENT,
    SCTP_SENDER_DRY_EVENT,
    SCTP_SHUTDOWN_EVENT,
    SCTP_STREAM_CHANGE_EVENT,
    SCTP_STREAM_RESET_EVENT,
    SCTP_UNORDERED,
)
from .structs import Struct

STRUCTURES: dict[int, type[Struct]] = {
    SCTP_ASSOC_CHANGE: structs.sctp_assoc_change,
    SCTP_PEER_ADDR_CHANGE: structs.sctp_paddr_change,
    SCTP_SEND_FAILED: structs.sctp_send_failed,
    SCTP_REMOTE_ERROR: structs.sctp_remote_error,
    SCTP_SHUTDOWN_EVENT: structs.sctp_shutdown_event,
    SCTP_PARTIAL_DELIVERY_EVENT: structs.sctp_pdapi_event,
    SCTP_ADAPTATION_INDICATION: structs.sctp_adaptation_event,
    SCTP_AUTHENTICATION_EVENT: structs.sctp_authkey_event,
    SCTP_SENDER_DRY_EVENT: structs.sctp_sender_dry_event,
    SCTP_STREAM_RESET_EVENT: structs.sctp_stream_reset_event,
    SCTP_ASSOC_RESET_EVENT: structs.sctp_assoc_reset_event,
    SCTP_STREAM_CHANGE_EVENT: structs.sctp_stream_change_event,
    SCTP_SEND_FAILED_EVENT: structs.sctp_send_failed_event,
}
CAUSE_HEADER = 4  # bytes: code and length, which the structure has (RFC 9260 section 3.3.10)
FRAGMENT_WHOLE, FRAGMENT_UNORDERED = 0x03, 0x04  # flags of the DATA chunk, as Linux tells what was not sent


def parse(data: bytes) -> Any:
    """The structure of a notification that was received whole: `.tail` has what follows the fixed part.

    ValueError if it is too short or of an unknown type.
    """
    header = structs.sctp_tlv.unpack(data)
    structure = STRUCTURES.get(header.sn_type)
    if structure is None:
        raise ValueError(f"unknown notification type {header.sn_type:#x}")
    return structure.unpack(data)


class Notification(bytes):
    """The bytes of a whole notification, with the fields of its structure as attributes."""

    @property
    def structure(self) -> Any:
        """The ctypes structure."""
        return parse(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(structs.sctp_tlv.unpack(self) if name.startswith("sn_") else self.structure, name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.structure!r})"


def typed(data: bytes) -> bytes:
    """A notification that was received whole as one that has its fields; the rest of one as it is."""
    whole = len(data) >= 8 and structs.sctp_tlv.unpack(data).sn_length == len(data)
    return Notification(data) if whole else data


def encode(kind: int, fields: tuple[Any, ...], family: int = _socket.AF_INET, mapped: bool = True) -> bytes:
    """The bytes of a notification from what the core queued.

    `family` and `mapped` say how a socket shows addresses (see address.from_core).  Fields by kind:
        SCTP_ASSOC_CHANGE           state, error code, outbound streams, inbound streams, assoc id, info bytes
        SCTP_PEER_ADDR_CHANGE       (host, port), state, error, assoc id
        SCTP_REMOTE_ERROR           error code, assoc id, the cause with its header
        SCTP_SEND_FAILED, .._EVENT  flags, cause code, (stream, flags, ppid, context, timetolive), id, data
        SCTP_ADAPTATION_INDICATION  indication, assoc id
        SCTP_AUTHENTICATION_EVENT   key number, other key number, indication, assoc id
        SCTP_PARTIAL_DELIVERY_EVENT indication, assoc id, stream, stream sequence number
        SCTP_SHUTDOWN_EVENT, SCTP_SENDER_DRY_EVENT          assoc id
    """
    flags, values, tail = 0, fields, b""
    if kind == SCTP_ASSOC_CHANGE:
        state, code, outbound, inbound, assoc_id, tail = fields
        values = (state, _socket.htons(code), outbound, inbound, assoc_id)
    elif kind == SCTP_PEER_ADDR_CHANGE:
        (host, port), *rest = fields
        address = from_core(family, host, port, mapped)
        shown = _socket.AF_INET if len(address) == 2 else _socket.AF_INET6
        values = (structs.sockaddr_storage.of(address, shown), *rest)
    elif kind == SCTP_REMOTE_ERROR:
        code, assoc_id, cause = fields
        values = (_socket.htons(code), assoc_id)
        tail = cause[CAUSE_HEADER:] + bytes(-len(cause) & 3)  # what Linux leaves of it
    elif kind in (SCTP_SEND_FAILED, SCTP_SEND_FAILED_EVENT):
        flags, code, (stream, send_flags, ppid, context, timetolive), assoc_id, tail = fields
        send_flags = FRAGMENT_WHOLE | send_flags & SCTP_SACK_IMMEDIATELY | (
            FRAGMENT_UNORDERED if send_flags & SCTP_UNORDERED else 0)
        info: Struct
        if kind == SCTP_SEND_FAILED:
            info = structs.sctp_sndrcvinfo(
                sinfo_stream=stream, sinfo_flags=send_flags, sinfo_ppid=ppid,
                sinfo_context=context, sinfo_timetolive=timetolive, sinfo_assoc_id=assoc_id,
            )
        else:
            info = structs.sctp_sndinfo(stream, send_flags, ppid, context, assoc_id)
        values = (_socket.htons(code), info, assoc_id)
    structure = STRUCTURES[kind]
    length = ctypes.sizeof(structure) + len(tail)
    return bytes(structure(kind, flags, length, *values)) + tail
