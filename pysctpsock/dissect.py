"""Packets as dicts and back, and as readable text: for tools, logs and tests.

RFC 9260 section 3 (every chunk, parameter and cause) and the chunks, parameters and causes of
RFC 3758, 4820, 4895, 5061, 6525, 8260 and 9653.  Integers are in host order and named by the RFC's
terms; a PPID is read as big endian.  `build(dissect(packet)) == packet` for any bytes.
"""
from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from ._cy.crc32c import crc32c

__all__ = ["build", "describe", "dissect"]

Item = dict[str, Any]            # a chunk, parameter or cause
DEEPEST = 8                      # an item may hold items; what lies deeper stays bytes

# ---- What the items consist of -------------------------------------------------------------------------

U8, U16, U32 = "u8", "u16", "u32"
BYTES = "bytes"                  # the following kinds take all that is left
U16_LIST, U32_LIST = "u16 list", "u32 list"
PAIRS = "pairs"                  # (16, 16) bits: stream and SSN
TRIPLES = "triples"              # (16, 16, 32) bits: stream, flags and MID
IPV4, IPV6 = "ipv4", "ipv6"
CHUNKS, PARAMETERS, CAUSES = "chunks", "parameters", "causes"
GAPS_AND_DUPLICATES = "gaps and duplicates"
COUNTED_U16_LIST = "counted u16 list"

INTEGERS = {U8: 1, U16: 2, U32: 4}
RECORDS = {U16_LIST: ">H", U32_LIST: ">I", PAIRS: ">HH", TRIPLES: ">HHI"}


class Layout(NamedTuple):
    """The name of an item, and its fields in order: (name, kind)."""
    name: str
    fields: tuple[tuple[str, str], ...] = ()


INIT_FIELDS = (("initiate_tag", U32), ("a_rwnd", U32), ("outbound_streams", U16), ("inbound_streams", U16),
               ("initial_tsn", U32), ("parameters", PARAMETERS))
CORRELATED_ADDRESS = (("correlation_id", U32), ("parameters", PARAMETERS))

CHUNK_LAYOUTS = {
    0: Layout("DATA", (("tsn", U32), ("stream_id", U16), ("ssn", U16), ("ppid", U32), ("data", BYTES))),
    1: Layout("INIT", INIT_FIELDS),
    2: Layout("INIT ACK", INIT_FIELDS),
    3: Layout("SACK", (("cumulative_tsn_ack", U32), ("a_rwnd", U32),
                       ("gap_ack_blocks", GAPS_AND_DUPLICATES))),
    4: Layout("HEARTBEAT", (("parameters", PARAMETERS),)),
    5: Layout("HEARTBEAT ACK", (("parameters", PARAMETERS),)),
    6: Layout("ABORT", (("causes", CAUSES),)),
    7: Layout("SHUTDOWN", (("cumulative_tsn_ack", U32),)),
    8: Layout("SHUTDOWN ACK"),
    9: Layout("ERROR", (("causes", CAUSES),)),
    10: Layout("COOKIE ECHO", (("cookie", BYTES),)),
    11: Layout("COOKIE ACK"),
    12: Layout("ECNE", (("lowest_tsn", U32),)),
    13: Layout("CWR", (("lowest_tsn", U32),)),
    14: Layout("SHUTDOWN COMPLETE"),
    15: Layout("AUTH", (("shared_key_id", U16), ("hmac_id", U16), ("hmac", BYTES))),
    64: Layout("I-DATA", (("tsn", U32), ("stream_id", U16), ("reserved", U16), ("mid", U32),
                          ("ppid_or_fsn", U32), ("data", BYTES))),
    128: Layout("ASCONF-ACK", (("sequence_number", U32), ("parameters", PARAMETERS))),
    130: Layout("RE-CONFIG", (("parameters", PARAMETERS),)),
    132: Layout("PAD", (("data", BYTES),)),
    192: Layout("FORWARD TSN", (("new_cumulative_tsn", U32), ("streams", PAIRS))),
    193: Layout("ASCONF", (("sequence_number", U32), ("parameters", PARAMETERS))),
    194: Layout("I-FORWARD-TSN", (("new_cumulative_tsn", U32), ("streams", TRIPLES))),
}

PARAMETER_LAYOUTS = {
    1: Layout("Heartbeat Info", (("info", BYTES),)),
    5: Layout("IPv4 Address", (("address", IPV4),)),
    6: Layout("IPv6 Address", (("address", IPV6),)),
    7: Layout("State Cookie", (("cookie", BYTES),)),
    8: Layout("Unrecognized Parameter", (("parameters", PARAMETERS),)),
    9: Layout("Cookie Preservative", (("life_span_increment", U32),)),
    11: Layout("Host Name Address", (("host_name", BYTES),)),
    12: Layout("Supported Address Types", (("address_types", U16_LIST),)),
    13: Layout("Outgoing SSN Reset Request", (
        ("request_sequence_number", U32), ("response_sequence_number", U32), ("last_tsn", U32),
        ("streams", U16_LIST))),
    14: Layout("Incoming SSN Reset Request", (("request_sequence_number", U32), ("streams", U16_LIST))),
    15: Layout("SSN/TSN Reset Request", (("request_sequence_number", U32),)),
    16: Layout("Re-configuration Response", (
        ("response_sequence_number", U32), ("result", U32), ("next_tsns", U32_LIST))),
    17: Layout("Add Outgoing Streams Request", (
        ("request_sequence_number", U32), ("new_streams", U16), ("reserved", U16))),
    18: Layout("Add Incoming Streams Request", (
        ("request_sequence_number", U32), ("new_streams", U16), ("reserved", U16))),
    0x8000: Layout("ECN Capable"),
    0x8001: Layout("Zero Checksum Acceptable", (("error_detection_method", U32),)),
    0x8002: Layout("Random", (("random", BYTES),)),
    0x8003: Layout("Chunk List", (("chunk_types", BYTES),)),
    0x8004: Layout("Requested HMAC Algorithm", (("hmac_ids", U16_LIST),)),
    0x8005: Layout("Padding", (("data", BYTES),)),
    0x8008: Layout("Supported Extensions", (("chunk_types", BYTES),)),
    0xC000: Layout("Forward-TSN-Supported"),
    0xC001: Layout("Add IP Address", CORRELATED_ADDRESS),
    0xC002: Layout("Delete IP Address", CORRELATED_ADDRESS),
    0xC003: Layout("Error Cause Indication", (("correlation_id", U32), ("causes", CAUSES))),
    0xC004: Layout("Set Primary Address", CORRELATED_ADDRESS),
    0xC005: Layout("Success Indication", (("correlation_id", U32),)),
    0xC006: Layout("Adaptation Layer Indication", (("adaptation_code_point", U32),)),
}

CAUSE_LAYOUTS = {
    1: Layout("Invalid Stream Identifier", (("stream_id", U16), ("reserved", U16))),
    2: Layout("Missing Mandatory Parameter", (("missing", COUNTED_U16_LIST),)),
    3: Layout("Stale Cookie", (("staleness", U32),)),
    4: Layout("Out of Resource"),
    5: Layout("Unresolvable Address", (("parameters", PARAMETERS),)),
    6: Layout("Unrecognized Chunk Type", (("chunks", CHUNKS),)),
    7: Layout("Invalid Mandatory Parameter"),
    8: Layout("Unrecognized Parameters", (("parameters", PARAMETERS),)),
    9: Layout("No User Data", (("tsn", U32),)),
    10: Layout("Cookie Received While Shutting Down"),
    11: Layout("Restart of an Association with New Addresses", (("parameters", PARAMETERS),)),
    12: Layout("User-Initiated Abort", (("reason", BYTES),)),
    13: Layout("Protocol Violation", (("information", BYTES),)),
    0x00A0: Layout("Request to Delete Last Remaining IP Address", (("parameters", PARAMETERS),)),
    0x00A1: Layout("Operation Refused Due to Resource Shortage", (("parameters", PARAMETERS),)),
    0x00A2: Layout("Request to Delete Source IP Address", (("parameters", PARAMETERS),)),
    0x00A3: Layout("Association Aborted Due to Illegal ASCONF-ACK"),
    0x00A4: Layout("Request Refused - No Authorization", (("parameters", PARAMETERS),)),
    0x0105: Layout("Unsupported HMAC Identifier", (("hmac_id", U16),)),
}

UNKNOWN = Layout("unknown", (("value", BYTES),))
LAYOUTS = {CHUNKS: CHUNK_LAYOUTS, PARAMETERS: PARAMETER_LAYOUTS, CAUSES: CAUSE_LAYOUTS}
TYPES = {family: {layout.name: type for type, layout in layouts.items()}
         for family, layouts in LAYOUTS.items()}
HEADER_KEYS = {"type", "name", "flags", "length", "padding", "value", "malformed"}
PACKET_KEYS = {"source_port", "destination_port", "verification_tag", "checksum", "checksum_ok", "chunks",
               "malformed", "value"}


# ---- From bytes ----------------------------------------------------------------------------------------


class _Malformed(Exception):
    """The value of an item does not have the form of its type."""


def dissect(packet: bytes) -> dict[str, Any]:
    """Take a whole SCTP packet apart (RFC 9260 section 3); never raises, whatever the bytes.

    Gives source_port, destination_port, verification_tag, checksum (the number: it lies in the packet low
    byte first), checksum_ok and chunks.  Each chunk is a dict with type, name, flags, length and the
    fields of its kind; parameters and causes are lists of dicts with type, name, length and fields.  What
    is malformed has the keys `malformed`, the reason, and `value`, its bytes.  `padding` is there only if
    it is not what it should be.
    """
    if len(packet) < 12:
        return {"malformed": "shorter than a common header", "value": packet}
    source_port, destination_port, verification_tag = struct.unpack_from(">HHI", packet)
    checksum, = struct.unpack_from("<I", packet, 8)
    return {
        "source_port": source_port,
        "destination_port": destination_port,
        "verification_tag": verification_tag,
        "checksum": checksum,
        "checksum_ok": checksum == crc32c(packet[:8] + bytes(4) + packet[12:]),
        "chunks": _read_items(CHUNKS, packet[12:], 0),
    }


def _read_items(family: str, data: bytes, depth: int) -> list[Item]:
    """The chunks, parameters or causes that stand in a row in `data`."""
    items = []
    position = 0
    while position < len(data):
        rest = data[position:]
        if len(rest) < 4:
            items.append({"malformed": "shorter than a header", "value": rest})
            break
        item = _read_header(family, rest)
        length = item["length"]
        items.append(item)
        if length < 4 or length > len(rest):
            reason = "length below 4" if length < 4 else "length beyond the end"
            item.update(malformed=reason, value=rest[4:], padding=b"")
            break
        padding = rest[length:length + -length % 4]
        position += length + len(padding)
        if padding != _usual_padding(length, depth == 0 or position < len(data)):
            item["padding"] = padding
        try:
            item.update(_read_fields(_layout(family, item["type"]), rest[4:length], depth))
        except _Malformed as malformed:
            item.update(malformed=str(malformed), value=rest[4:length])
    return items


def _read_header(family: str, data: bytes) -> Item:
    if family == CHUNKS:
        type, flags, length = struct.unpack_from(">BBH", data)
        return {"type": type, "name": _layout(family, type).name, "flags": flags, "length": length}
    type, length = struct.unpack_from(">HH", data)
    return {"type": type, "name": _layout(family, type).name, "length": length}


def _layout(family: str, type: int) -> Layout:
    return LAYOUTS[family].get(type, UNKNOWN)


def _usual_padding(length: int, padded: bool) -> bytes:
    """Zeros up to a multiple of 4; but the last item inside another leaves them to that one (3.2)."""
    return bytes(-length % 4) if padded else b""


def _read_fields(layout: Layout, value: bytes, depth: int) -> Item:
    fields: Item = {}
    position = 0
    for name, kind in layout.fields:
        if kind in INTEGERS:
            end = position + INTEGERS[kind]
            if end > len(value):
                raise _Malformed(f"too short for {name}")
            fields[name] = int.from_bytes(value[position:end], "big")
            position = end
        else:
            fields.update(_read_rest(name, kind, value[position:], depth))
            position = len(value)
    if position < len(value):
        raise _Malformed(f"{len(value) - position} bytes too long")
    return fields


def _read_rest(name: str, kind: str, rest: bytes, depth: int) -> Item:
    """The last field, which takes all that is left of an item (SACK's two lists are read together)."""
    if kind == BYTES:
        return {name: rest}
    if kind in LAYOUTS:
        if depth == DEEPEST:
            raise _Malformed("nested too deeply")
        return {name: _read_items(kind, rest, depth + 1)}
    if kind in (IPV4, IPV6):
        if len(rest) != (4 if kind == IPV4 else 16):
            raise _Malformed("wrong length of an address")
        return {name: str(ipaddress.ip_address(rest))}
    if kind == GAPS_AND_DUPLICATES:
        return _read_gaps_and_duplicates(rest)
    if kind == COUNTED_U16_LIST:
        if len(rest) < 4 or len(rest) != 4 + 2 * int.from_bytes(rest[:4], "big"):
            raise _Malformed(f"the number of {name} does not fit the length")
        return {name: _read_records(name, ">H", rest[4:])}
    return {name: _read_records(name, RECORDS[kind], rest)}


def _read_records(name: str, record: str, data: bytes) -> list[Any]:
    """A row of integers, or of tuples of them."""
    if len(data) % struct.calcsize(record):
        raise _Malformed(f"{name} end within an entry")
    records = list(struct.iter_unpack(record, data))
    return records if len(record) > 2 else [number for number, in records]


def _read_gaps_and_duplicates(rest: bytes) -> Item:
    if len(rest) < 4:
        raise _Malformed("too short for the numbers of blocks and duplicates")
    gap_count, duplicate_count = struct.unpack_from(">HH", rest)
    if len(rest) != 4 + 4 * gap_count + 4 * duplicate_count:
        raise _Malformed("the numbers of blocks and duplicates do not fit the length")
    return {
        "number_of_gap_ack_blocks": gap_count,
        "number_of_duplicate_tsns": duplicate_count,
        "gap_ack_blocks": _read_records("gap_ack_blocks", ">HH", rest[4:4 + 4 * gap_count]),
        "duplicate_tsns": _read_records("duplicate_tsns", ">I", rest[4 + 4 * gap_count:]),
    }


# ---- To bytes ------------------------------------------------------------------------------------------


def build(packet: dict[str, Any]) -> bytes:
    """Put a packet together from the form that dissect() gives; also a malformed one.

    An item is told by `type` or by `name`.  Fields left out are 0 or empty.  What is given explicitly is
    written as it is: `checksum` instead of the right one, `length` instead of the right one, `padding`
    instead of zeros, `value` (bytes) instead of all fields.  ValueError for a key that the item does not
    have; struct.error or OverflowError for a number that its field does not hold.
    """
    _check_keys("packet", packet, PACKET_KEYS)
    if "value" in packet:
        return bytes(packet["value"])
    header = struct.pack(">HHI", packet.get("source_port", 0), packet.get("destination_port", 0),
                         packet.get("verification_tag", 0))
    chunks = _write_items(CHUNKS, packet.get("chunks", []), 0)
    checksum = packet.get("checksum")
    if checksum is None:
        checksum = crc32c(header + bytes(4) + chunks)
    return header + struct.pack("<I", checksum) + chunks


def _check_keys(name: str, given: dict[str, Any], known: set[str]) -> None:
    for key in given:
        if key not in known:
            raise ValueError(f"{name} has no field {key!r}")


def _write_items(family: str, items: list[Item], depth: int) -> bytes:
    last = len(items) - 1
    return b"".join([_write_item(family, item, depth, depth == 0 or i < last)
                     for i, item in enumerate(items)])


def _write_item(family: str, item: Item, depth: int, padded: bool) -> bytes:
    if "type" not in item and "name" not in item:           # a tail too short for a header
        _check_keys("header", item, {"malformed", "value"})
        return bytes(item["value"])
    type = item["type"] if "type" in item else TYPES[family].get(item["name"])
    if type is None:
        raise ValueError(f"no {family} are called {item['name']!r}")
    layout = _layout(family, type)
    value = bytes(item["value"]) if "value" in item else _write_fields(layout, item, depth)
    length = item.get("length", 4 + len(value))
    if family == CHUNKS:
        header = struct.pack(">BBH", type, item.get("flags", 0), length)
    else:
        header = struct.pack(">HH", type, length)
    return header + value + item.get("padding", _usual_padding(len(value), padded))


def _write_fields(layout: Layout, item: Item, depth: int) -> bytes:
    names = {name for name, _ in layout.fields}
    if "gap_ack_blocks" in names:
        names |= {"duplicate_tsns", "number_of_gap_ack_blocks", "number_of_duplicate_tsns"}
    _check_keys(layout.name, item, names | HEADER_KEYS)
    parts = []
    for name, kind in layout.fields:
        if kind in INTEGERS:
            parts.append(item.get(name, 0).to_bytes(INTEGERS[kind], "big"))
        else:
            parts.append(_write_rest(name, kind, item, depth))
    return b"".join(parts)


def _write_rest(name: str, kind: str, item: Item, depth: int) -> bytes:
    if kind == BYTES:
        return bytes(item.get(name, b""))
    if kind in LAYOUTS:
        return _write_items(kind, item.get(name, []), depth + 1)
    if kind in (IPV4, IPV6):
        return ipaddress.ip_address(item.get(name, "0.0.0.0" if kind == IPV4 else "::")).packed
    entries = item.get(name, [])
    if kind == GAPS_AND_DUPLICATES:
        duplicates = item.get("duplicate_tsns", [])
        counts = struct.pack(">HH", item.get("number_of_gap_ack_blocks", len(entries)),
                             item.get("number_of_duplicate_tsns", len(duplicates)))
        return counts + _write_records(">HH", entries) + _write_records(">I", duplicates)
    if kind == COUNTED_U16_LIST:
        return struct.pack(">I", len(entries)) + _write_records(">H", entries)
    return _write_records(RECORDS[kind], entries)


def _write_records(record: str, entries: list[Any]) -> bytes:
    return b"".join([struct.pack(record, *(entry if isinstance(entry, tuple | list) else (entry,)))
                     for entry in entries])


# ---- To text -------------------------------------------------------------------------------------------

FLAG_LETTERS: dict[str, tuple[tuple[int, str], ...]] = {
    "DATA": ((8, "I"), (4, "U"), (2, "B"), (1, "E")),
    "I-DATA": ((8, "I"), (4, "U"), (2, "B"), (1, "E")),
    "ABORT": ((1, "T"),),
    "SHUTDOWN COMPLETE": ((1, "T"),),
}
NOT_SHOWN = {"type", "name", "flags", "length", "malformed", "reserved",
             "number_of_gap_ack_blocks", "number_of_duplicate_tsns"}
SHOWN_AS: dict[str, Callable[[int], str]] = {"initiate_tag": "0x{:08x}".format}


def describe(packet: bytes) -> str:
    """A packet as text: a line for the common header, then one line a chunk; never raises."""
    found = dissect(packet)
    if "malformed" in found:
        return f"malformed packet: {found['malformed']}, {_show_bytes(found['value'])}"
    checksum = "ok" if found["checksum_ok"] else "wrong"
    lines = [f"{found['source_port']} > {found['destination_port']} "
             f"tag=0x{found['verification_tag']:08x} checksum {checksum}"]
    return "\n  ".join(lines + [_show_chunk(chunk) for chunk in found["chunks"]])


def _show_chunk(chunk: Item) -> str:
    words = [_show_name(chunk)]
    if chunk.get("flags"):
        words.append("flags=" + _show_flags(chunk["name"], chunk["flags"]))
    return " ".join(words + _show_fields(chunk))


def _show_name(item: Item) -> str:
    name: str = item.get("name", "garbage")
    return f"{name} {item['type']}" if name == UNKNOWN.name else name


def _show_flags(name: str, flags: int) -> str:
    letters = ""
    for bit, letter in FLAG_LETTERS.get(name, ()):
        if flags & bit:
            letters += letter
            flags &= ~bit
    return letters + (f"+0x{flags:02x}" if flags and letters else f"0x{flags:02x}" if flags else "")


def _show_fields(item: Item) -> list[str]:
    words = [f"{name}={SHOWN_AS.get(name, _show)(field)}" for name, field in item.items()
             if name not in NOT_SHOWN and field != []]
    if "malformed" in item:
        words.insert(0, f"MALFORMED ({item['malformed']})")
    return words


def _show(field: Any) -> str:
    if isinstance(field, bytes):
        return _show_bytes(field)
    if isinstance(field, list):
        return "[" + ", ".join([_show(entry) for entry in field]) + "]"
    if isinstance(field, dict):
        return f"{_show_name(field)}({' '.join(_show_fields(field))})"
    return str(field)


def _show_bytes(data: bytes) -> str:
    return data.hex() if 0 < len(data) <= 16 else f"{len(data)} bytes"
