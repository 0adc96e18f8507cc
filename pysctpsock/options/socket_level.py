"""Options of level SOL_SOCKET that mean something to SCTP; socket(7) describes them."""
from __future__ import annotations

import errno
import socket as _socket
from collections.abc import Callable
from typing import Any

from .. import structs
from ..errors import error
from ..structs import Struct
from .row import Getter, Option, Setter, Target, stored, switch

LARGEST_BUFFER = 1 << 30
LONGEST_TIME = (1 << 63) // 1000  # seconds; what Linux can count in ticks
LEAST_STORED = {"receive_buffer": 2304, "send_buffer": 4608}  # what Linux raises smaller requests to
LEAST_WINDOW = 1500  # a_rwnd at set-up (RFC 9260 section 3.3.2)


@structs.layout("s32 l_onoff; s32 l_linger")
class linger(Struct):
    """SO_LINGER; seconds."""


def linger_get(target: Target, request: Any) -> Any:
    return linger(*target.sock.linger)


def linger_set(target: Target, value: Any) -> None:
    target.sock.linger = (value.l_onoff, value.l_linger)
    abort = bool(value.l_onoff) and value.l_linger == 0
    target.sock.parameters.linger_abort = target.parameters.linger_abort = abort


@structs.layout("s64 tv_sec; s64 tv_usec")
class timeval(Struct):
    """SO_RCVTIMEO, SO_SNDTIMEO; 0: no limit."""


def time_limit(attribute: str) -> tuple[Getter, Setter]:
    """How long a call may wait when the socket has no timeout of its own."""
    def get(target: Target, request: Any) -> Any:
        seconds = getattr(target.sock, attribute) or 0
        return timeval(int(seconds), round(seconds % 1 * 1_000_000))

    def set_(target: Target, value: Any) -> None:
        if not 0 <= value.tv_usec < 1_000_000:
            raise error(errno.EDOM, f"{value.tv_usec} microseconds")
        seconds = value.tv_sec + value.tv_usec / 1_000_000
        # As Linux: a negative time is over at once, and what is beyond all times is none.
        setattr(target.sock, attribute,
                0.0 if value.tv_sec < 0 else seconds if 0 < seconds < LONGEST_TIME else None)

    return get, set_


def buffer_shown(sock: Any, attribute: str) -> int:
    """What SO_RCVBUF or SO_SNDBUF reads back."""
    return int(sock.buffer_sizes.get(attribute) or 2 * getattr(sock.parameters, attribute))


def buffer_size(attribute: str) -> tuple[Getter, Setter]:
    """SO_RCVBUF, SO_SNDBUF: Linux stores, and shows, twice what was asked for."""
    def get(target: Target, request: Any) -> int:
        return buffer_shown(target.sock, attribute)

    def set_(target: Target, value: int) -> None:
        stored = max(2 * min(max(value, 0), LARGEST_BUFFER // 2), LEAST_STORED[attribute])
        target.sock.buffer_sizes[attribute] = stored
        # Of the receive buffer half is window, the other half what messages cost beside their bytes.
        size = max(stored // 2, LEAST_WINDOW) if attribute == "receive_buffer" else stored
        setattr(target.sock.parameters, attribute, size)
        for association in target.sock.open_associations():  # a window once given is not taken back
            before = getattr(association.parameters, attribute) if attribute == "receive_buffer" else 0
            setattr(association.parameters, attribute, max(size, before))
            target.sock.buffers_changed(association)

    return get, set_


def told(name: str, read: Callable[[Any], int], about: str) -> Option:
    """A read-only number."""
    return Option(name, None, "", lambda target, request: read(target.sock), level=_socket.SOL_SOCKET,
                  about=about)


OPTIONS = [
    Option("SO_RCVBUF", None, "", *buffer_size("receive_buffer"), level=_socket.SOL_SOCKET,
           about="Twice what is set, half of which is the window; a window once given is not taken back. All "
                 "associations of a one-to-many socket share it, each has 8 KB at least."),
    Option("SO_SNDBUF", None, "", *buffer_size("send_buffer"), level=_socket.SOL_SOCKET,
           about="Twice what is set; no message can be longer. All associations of a one-to-many socket "
                 "share it; one that has less than 8 KB in it may send all the same."),
    Option("SO_LINGER", linger, "", linger_get, linger_set, exact=False, level=_socket.SOL_SOCKET,
           about="{1, 0}: close() aborts; {1, n}: it waits up to n seconds for the graceful end."),
    Option("SO_RCVTIMEO", timeval, "", *time_limit("receive_time"), exact=False, level=_socket.SOL_SOCKET,
           about="EAGAIN when recv or accept has waited so long; 0: no limit.",
           errors=["EDOM: microseconds not below a million"]),
    Option("SO_SNDTIMEO", timeval, "", *time_limit("send_time"), exact=False, level=_socket.SOL_SOCKET,
           about="The same of send, and of connect, which gives EINPROGRESS.",
           errors=["EDOM: microseconds not below a million"]),
    Option("SO_REUSEADDR", None, "", *switch("reuse_address"), level=_socket.SOL_SOCKET,
           about="The port may be bound while older sockets, or associations that are ending, have it."),
    told("SO_ERROR", lambda sock: sock.take_error(), "What ended the association, told once."),
    told("SO_TYPE", lambda sock: sock.type, "SOCK_STREAM or SOCK_SEQPACKET."),
    told("SO_PROTOCOL", lambda sock: sock.proto, "IPPROTO_SCTP."),
    told("SO_DOMAIN", lambda sock: sock.family, "AF_INET or AF_INET6."),
    told("SO_ACCEPTCONN", lambda sock: int(sock.listening), "Whether the socket listens."),
    *(stored(name, level=_socket.SOL_SOCKET, about="Kept, without effect.")
      for name in ("SO_KEEPALIVE", "SO_BROADCAST", "SO_DONTROUTE", "SO_OOBINLINE", "SO_REUSEPORT", "SO_DEBUG")
      if hasattr(_socket, name)),
    *(stored(name, value_of=int, level=_socket.SOL_SOCKET, about="Kept, without effect.")
      for name in ("SO_PRIORITY", "SO_MARK") if hasattr(_socket, name)),
]
