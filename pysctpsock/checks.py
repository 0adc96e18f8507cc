"""Arguments that no SCTP socket takes, with the errnos of Linux: socket(2), shutdown(2)."""
from __future__ import annotations

import errno
import socket as _socket

from .errors import error


def check_kind(family: int, type: int) -> None:
    """The errnos of socket() for what is no SCTP socket."""
    if family not in (_socket.AF_INET, _socket.AF_INET6):
        raise error(errno.EAFNOSUPPORT, f"SCTP with address family {family}")
    if not 0 <= type <= 10:
        raise error(errno.EINVAL, f"socket type {type}")
    if type == _socket.SOCK_DGRAM:
        raise error(errno.EPROTONOSUPPORT, "SCTP has SOCK_STREAM and SOCK_SEQPACKET")
    if type not in (_socket.SOCK_STREAM, _socket.SOCK_SEQPACKET):
        raise error(errno.ESOCKTNOSUPPORT, f"socket type {type}")


def check_direction(how: int) -> None:
    """The errors of shutdown() for what is none of SHUT_RD, SHUT_WR and SHUT_RDWR."""
    if not -1 << 31 <= how < 1 << 31:
        raise OverflowError(f"shutdown({how})")
    if how not in (_socket.SHUT_RD, _socket.SHUT_WR, _socket.SHUT_RDWR):
        raise error(errno.EINVAL, f"shutdown({how})")
