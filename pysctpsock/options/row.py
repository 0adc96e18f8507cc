"""One socket option: how a row of the table is declared, and how its bytes are checked.

RFC 6458 section 8; lengths and errnos are Linux's.  An option works on a `Target`: the socket that was
asked, and the association that the id in the value means (see targets.py).
"""
from __future__ import annotations

import ctypes
import errno
import socket as _socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .. import constants as c
from ..errors import error
from ..structs import Struct, layout
from ..targets import Target

byteorder = sys.byteorder
MS = 1000  # microseconds, which the core counts, in one of the API's milliseconds


Getter = Callable[[Target, Any], Any]  # (target, the structure given or zeros) -> structure or int
Setter = Callable[[Target, Any], None]  # (target, structure or int)


@layout("s32 assoc_id")
class assoc_id(Struct):
    """An association's id alone."""


@layout("s32 value")
class c_int(Struct):
    """What some options take in place of their structure, as they did before they had one."""


@dataclass(frozen=True)
class Option:
    """One row of the table.

    struct: of the value; None: a C int.
    ids: which association ids are taken, by the classes A to D of docs/sockets/options.md; "": none.
    rfc: the section, of RFC 6458 unless another is named; "Linux" where there is none.
    about: what it does, in a sentence; errors: "ERRNO when", for the documentation.
    exact: set takes nothing longer; Linux checks most structures so and few ints, and so does None.
    lengths: of values that are shorter than the structure and yet taken; the rest stays as it is.
    older: a structure that it had once, of another size, and how that becomes the newer one and back.
    tail: the structure ends in an open array; too_small: what a buffer gets that has no room for it.
    before, before_set: looked at first: raise if this socket does not have the option, or cannot set it.
    keeps_length: what comes back is as long as the buffer was, a defect of Linux.
    without_get: what asking for an option that can only be set answers.
    extension: which it belongs to, if that is not there yet.
    """

    name: str
    struct: type[Struct] | None = None
    ids: str = ""
    get: Getter | None = None
    set: Setter | None = None
    rfc: str = ""
    about: str = ""
    errors: Sequence[str] = ()
    exact: bool | None = None
    lengths: Sequence[int] = ()
    older: tuple[type[Struct], Callable[[Any], Any], Callable[[Any], Any]] | None = None
    tail: bool = False
    too_small: int = errno.EINVAL
    before: Callable[[Any], None] | None = None
    before_set: Callable[[Any], None] | None = None
    keeps_length: bool = False
    without_get: int = errno.ENOPROTOOPT
    level: int = c.SOL_SCTP
    extension: str = ""
    fixed_number: int | None = None  # Linux's, where the socket module of a system may have another or none

    @property
    def number(self) -> int:
        """The option's number at its level."""
        if self.fixed_number is not None:
            return self.fixed_number
        return int(getattr(c if hasattr(c, self.name) else _socket, self.name))

    @property
    def structures(self) -> tuple[type[Struct], ...]:
        """The structures that the value may be, none: an int."""
        older = () if self.older is None or self.older[0] is c_int else self.older[:1]
        return older if self.struct is None else (self.struct, *older)

    @property
    def size(self) -> int:
        """The bytes of the value, without its open array."""
        return 4 if self.struct is None else ctypes.sizeof(self.struct)

    @property
    def takes_longer(self) -> bool:
        """Whether a value to set may be longer than it has to be."""
        return self.tail or not (self.struct is not None if self.exact is None else self.exact)

    def wrong_length(self, length: int) -> OSError:
        return error(errno.EINVAL, f"{self.name} is {self.size} bytes, not {length}")

    def parse(self, data: bytes) -> Any:
        """The value to set, as the option's structure or an int.  EINVAL for a wrong length."""
        if self.struct is None:
            if len(data) < 4 or (len(data) > 4 and not self.takes_longer):
                raise self.wrong_length(len(data))
            return int.from_bytes(data[:4], byteorder, signed=True)
        if self.older is not None and len(data) == ctypes.sizeof(self.older[0]):
            return self.older[1](self.older[0].from_buffer_copy(data))
        if len(data) < self.size and len(data) not in self.lengths:
            raise self.wrong_length(len(data))
        if len(data) > self.size and not self.takes_longer:
            raise self.wrong_length(len(data))
        value = self.struct.unpack(data.ljust(self.size, b"\0"))
        value.given = len(data)
        return value

    def room(self, length: int) -> int:
        """How many bytes of the value a buffer of this length gets, 0: it is too short."""
        if length >= self.size:
            return self.size
        if self.level != c.SOL_SCTP:
            return length
        return max((shorter for shorter in self.lengths if shorter <= length), default=0)

    def request(self, buffer: bytes) -> Any:
        """What is in the buffer of a get: the structure, maybe of an association or address; None: an int.

        EINVAL for a buffer that has no room for the answer.
        """
        if self.older is not None and len(buffer) == ctypes.sizeof(self.older[0]):
            if self.struct is None:
                return None
            return self.older[1](self.older[0].from_buffer_copy(buffer))
        if self.room(len(buffer)) == 0:
            raise self.wrong_length(len(buffer))
        return None if self.struct is None else self.struct.unpack(buffer.ljust(self.size, b"\0"))

    def answer(self, value: Any, length: int) -> bytes:
        """The bytes of a value, cut to the option's true size, for a buffer of that length."""
        if self.struct is None:
            return int(value).to_bytes(4, byteorder, signed=value < 0)[:self.room(length)]
        if self.older is not None and length == ctypes.sizeof(self.older[0]):
            return bytes(self.older[2](value))
        data: bytes = value.pack() if self.tail else bytes(value)[:self.room(length)]
        if len(data) > length:
            raise error(self.too_small, f"{self.name} wants {len(data)} bytes, not {length}")
        return data.ljust(length, b"\0") if self.keeps_length else data


# ------------------------------------------------------------------ getters and setters that many rows share

def parameters(name: str, struct: type[Struct], ids: str, fields: dict[str, tuple[str, int]],
               check: Callable[[Target, dict[str, int]], bool] | None = None, read: Getter | None = None,
               **more: Any) -> Option:
    """An option whose fields are protocol parameters: field -> (parameter, unit); 0 leaves one as it is."""

    def get(target: Target, request: Any) -> Any:
        value = struct(**{field: getattr(target.parameters, parameter) // unit
                          for field, (parameter, unit) in fields.items()})
        echo_id(value, request)
        return read(target, value) if read is not None else value

    def set_(target: Target, value: Any) -> None:
        merged = {parameter: getattr(value, field) * unit or getattr(target.parameters, parameter)
                  for field, (parameter, unit) in fields.items()}
        if check is not None and not check(target, merged):
            raise error(errno.EINVAL, f"{name}: the values contradict each other")
        for parameter, number in merged.items():
            setattr(target.parameters, parameter, number)

    return Option(name, struct, ids, get, set_, **more)


def id_field(struct: type[Struct] | None) -> str | None:
    """The member that has the association's id."""
    if struct is None:
        return None
    return next((name for name, *_ in struct._fields_ if name.endswith(("assoc_id", "associd"))), None)


def echo_id(value: Any, request: Any) -> Any:
    """Put the id that was asked for into the answer."""
    field = id_field(type(value))
    if field is not None:
        setattr(value, field, getattr(request, field))
    return value


def remember(parameters: Any, name: str, value: int) -> None:
    """Keep the value of an option that the core knows nothing of; associations inherit it."""
    parameters.remembered = {**parameters.remembered, name: value}


def remembered(name: str, struct: type[Struct], ids: str, field: str, default: int = 0,
               wrong: Callable[[int], bool] = lambda value: False, **more: Any) -> Option:
    """An option with one number that is kept and read back."""
    def get(target: Target, request: Any) -> Any:
        value = struct(**{field: target.parameters.remembered.get(name, default)})
        return echo_id(value, request)

    def set_(target: Target, value: Any) -> None:
        number = getattr(value, field)
        if wrong(number):
            raise error(errno.EINVAL, f"{name}: {number}")
        remember(target.parameters, name, number)

    return Option(name, struct, ids, get, set_, **more)


def stored(name: str, value_of: Callable[[int], int] = bool,
           wrong: Callable[[Any, int], bool] = lambda sock, value: False, **more: Any) -> Option:
    """A number of the socket, which accepted sockets inherit, that is kept and read back."""
    def get(target: Target, request: Any) -> int:
        return int(target.sock.switches.get(name, 0))

    def set_(target: Target, value: int) -> None:
        if wrong(target.sock, value):
            raise error(errno.EINVAL, f"{name}: {value}")
        target.sock.switches[name] = int(value_of(value))

    return Option(name, None, "", get, set_, **more)


def both(attribute: str) -> tuple[Getter, Setter]:
    """Getter and setter of a switch that is a protocol parameter."""
    def get(target: Target, request: Any) -> int:
        return int(getattr(target.parameters, attribute))

    def set_(target: Target, value: int) -> None:
        setattr(target.sock.parameters, attribute, bool(value))
        setattr(target.parameters, attribute, bool(value))

    return get, set_


def switch(attribute: str) -> tuple[Getter, Setter]:
    """Getter and setter of a switch that is an attribute of the socket."""
    return (lambda target, request: int(getattr(target.sock, attribute)),
            lambda target, value: setattr(target.sock, attribute, bool(value)))
