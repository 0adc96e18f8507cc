"""One direction of a captured SCP connection as text: a line a segment."""
from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from .._cy.scp_wire import ScpFlag, decode_header

HEADER = 8
SHOWN = 16  # bytes of data in a line
FLAG_NAMES = [(flag, flag.name.removeprefix("SCP_")) for flag in ScpFlag if flag.name]


def dump(stream: BinaryIO, length_includes_header: bool = False) -> Iterator[str]:
    """Lines: offset in the stream, session id, flags, length, first bytes.

    The stream begins with the first byte of the connection.  What cannot be SCP ends the dump with a line
    that says so.
    """
    offset = 0
    while header := stream.read(HEADER):
        if len(header) < HEADER:
            yield f"{offset:10}  truncated: {len(header)} bytes of a header"
            return
        flags, session_id, length = decode_header(header)
        if length_includes_header:
            length -= HEADER
        fault = fault_of(flags, session_id, length)
        if fault:
            yield f"{offset:10}  {header.hex(' ')}  {fault}"
            return
        names = "+".join(name for flag, name in FLAG_NAMES if flags & flag) or "-"
        beginning = stream.read(min(length, SHOWN))
        arrived = len(beginning) + skip(stream, length - len(beginning))
        line = f"{offset:10}  {session_id:8}  {names:12}  {length:8}  {beginning!r}{'...' * (length > SHOWN)}"
        yield line.rstrip() if length else line.removesuffix("b''").rstrip()
        offset += HEADER + arrived
        if arrived < length:
            yield f"{offset:10}  truncated: {length - arrived} bytes are missing"
            return


def fault_of(flags: int, session_id: int, length: int) -> str:
    """Why this cannot be the header of a segment; "" if it can."""
    if flags & 0xF0:
        return "bad flags"
    if session_id < 1024:
        return "reserved session id"
    return "segment too short" if length < 0 else ""


def skip(stream: BinaryIO, count: int) -> int:
    """Read so many bytes and forget them; how many there were."""
    skipped = 0
    while skipped < count and (part := len(stream.read(min(count - skipped, 1 << 16)))):
        skipped += part
    return skipped
