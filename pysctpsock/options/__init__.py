"""Socket options: each declared once, in a table from which the calls, their checks and the page
docs/sockets/options.md come.

RFC 6458 section 8, with Linux's numbers, structures, lengths and errnos.  The rows stand in the modules of
this package, by concern; what a row is says row.py.  Values travel as bytes, as `setsockopt` and
`getsockopt` have them.  Options that are not in the table answer ENOPROTOOPT.
"""
from __future__ import annotations

import errno
import socket as _socket
from typing import Any

from .. import constants as c
from ..errors import error
from ..structs import Struct
from ..targets import Target, targets
from . import association, calls, extensions, ip_level, messages, partial, paths, socket_level
from .arguments import buffer_to_fill, c_number, value_to_set
from .association import apply_initmsg
from .paths import fragmentation_point
from .row import Option, byteorder, id_field

__all__ = ["TABLE", "Option", "Target", "apply_initmsg", "buffer_to_fill", "byteorder", "c_number",
           "check_structure", "find",
           "fragmentation_point", "get_option", "set_option", "value_to_set"]

TABLE: dict[tuple[int, int], Option] = {
    (option.level, option.number): option
    for module in (association, paths, messages, partial, extensions, calls, socket_level, ip_level)
    for option in module.OPTIONS
}

KNOWN_LEVELS = (c.SOL_SCTP, _socket.SOL_SOCKET, _socket.IPPROTO_IP)  # to an IPv4 socket


def find(level: int, number: int) -> Option | None:
    """The option's row, or None if we have none."""
    return TABLE.get((level, number))


def check_structure(level: int, number: int, value: Any) -> None:
    """TypeError for a value that is the structure of another option."""
    option = find(level, number)
    if option is not None and isinstance(value, Struct) and not isinstance(value, option.structures):
        wanted = " or ".join(kind.__name__ for kind in option.structures) or "an int"
        raise TypeError(f"{option.name} takes {wanted}, not {type(value).__name__}")


def set_option(sock: Any, level: int, number: int, value: bytes | int) -> None:
    """setsockopt: OSError with Linux's errno where it does not fit."""
    option = _option_of(sock, level, number)
    if option is None or option.set is None:
        raise error(errno.ENOPROTOOPT, _name(option, level, number))
    for check in (option.before, option.before_set):
        if check is not None:
            check(sock)
    request = option.parse(value_to_set(value, None))
    for target in _targets(sock, option, request, setting=True):
        option.set(target, request)


def get_option(sock: Any, level: int, number: int, buffer: bytes) -> bytes:
    """getsockopt with a buffer that is also input; what comes back is cut to the option's true size."""
    option = _option_of(sock, level, number)
    if option is None:
        known = level in KNOWN_LEVELS or sock.family == _socket.AF_INET6
        raise error(errno.ENOPROTOOPT if known else errno.EOPNOTSUPP, _name(option, level, number))
    if option.get is None:
        raise error(option.without_get, f"{option.name} can only be set")
    if option.before is not None:
        option.before(sock)
    request = option.request(buffer)
    target = _targets(sock, option, request, setting=False)[0]
    return option.answer(option.get(target, request), len(buffer))


def _option_of(sock: Any, level: int, number: int) -> Option | None:
    """The row, as far as this socket's family has its level."""
    if level == _socket.IPPROTO_IPV6 and sock.family == _socket.AF_INET:
        return None
    return find(level, number)


def _targets(sock: Any, option: Option, request: Any, setting: bool) -> list[Target]:
    """Whom the id in the value means."""
    field = id_field(option.struct)
    return targets(sock, option.ids, getattr(request, field) if field else 0, setting)


def _name(option: Option | None, level: int, number: int) -> str:
    return f"no option {number} of level {level}" if option is None else f"{option.name} can only be read"
