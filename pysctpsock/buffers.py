"""Buffers that programs pass: bytes of those to send, views of those to fill."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def as_bytes(data: Any) -> bytes:
    """The bytes of a buffer."""
    return data if type(data) is bytes else bytes(memoryview(data))


def writable(buffer: Any) -> memoryview:
    """The bytes of a buffer, to be written.  TypeError if it is none, or may only be read."""
    view = memoryview(buffer).cast("B")
    if view.readonly:
        raise TypeError(f"a buffer that can be written is wanted, not {type(buffer).__name__}")
    return view


def scatter(data: bytes, views: Iterable[memoryview]) -> None:
    """Put data into views, one after the other."""
    start = 0
    for view in views:
        part = data[start:start + len(view)]
        view[:len(part)] = part
        start += len(part)
