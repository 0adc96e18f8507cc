"""The arguments of setsockopt() and getsockopt(): the rules, and the words, of the standard module."""
from __future__ import annotations

import errno
import operator
from typing import Any

from ..errors import error
from .row import byteorder

LONGEST = 1 << 20  # buffer of a get, in bytes; the standard module takes 1,024, lists of addresses want more
LEAST, GREATEST = -(1 << 31), (1 << 31) - 1  # of a C int


def c_number(number: Any) -> int:
    """A C int.  TypeError for what is none, OverflowError for what does not fit."""
    value = operator.index(number)
    if value > GREATEST:
        raise OverflowError("signed integer is greater than maximum")
    if value < LEAST:
        raise OverflowError("signed integer is less than minimum")
    return value


def value_to_set(value: Any, length: int | None) -> bytes:
    """The bytes of an option's value: of an int, or of anything with a buffer.

    None with a length is a null pointer, EFAULT; TypeError for all else.
    """
    if length is not None:
        if value is not None:
            raise TypeError("setsockopt() takes exactly 3 arguments (4 given)")
        raise error(errno.EFAULT if length >= 0 else errno.EINVAL, f"no value, length {length}")
    if isinstance(value, int) and LEAST <= value <= GREATEST:
        return value.to_bytes(4, byteorder, signed=True)
    try:
        return bytes(memoryview(value))
    except TypeError:
        raise TypeError(f"a bytes-like object is required, not {type(value).__name__!r}") from None


def buffer_to_fill(buflen: Any) -> tuple[bytes, bool]:
    """(the buffer of a get, also its input; whether bytes are wanted, or an int)."""
    if hasattr(buflen, "__index__"):
        length = c_number(buflen)
        if not 0 <= length <= LONGEST:
            raise error(errno.EINVAL, "getsockopt buflen out of range")
        return bytes(length or 4), length != 0
    try:
        return bytes(memoryview(buflen)), True
    except TypeError:
        raise TypeError(f"{type(buflen).__name__!r} object cannot be interpreted as an integer") from None
