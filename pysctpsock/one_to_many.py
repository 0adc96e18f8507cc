"""The one-to-many SCTP socket: SOCK_SEQPACKET, any number of associations a socket (RFC 6458 section 3).

The rules that differ from those of one-to-one sockets.
"""
from __future__ import annotations

import errno
import socket as _socket
from typing import Any

from .base import DEFAULT_BACKLOG, SctpSocket
from .errors import error


class OneToManySocket(SctpSocket):
    """An SCTP endpoint that talks to many peers; each association has an id."""

    style = _socket.SOCK_SEQPACKET
    one_to_many = True

    def open_associations(self) -> list[Any]:
        """All associations that have not ended."""
        return []

    def association_meant(self, assoc_id: int) -> Any:
        """The association with this id, or None if this socket has none such."""
        return None

    def take_error(self) -> int:
        """0: what happens to an association is no error of the socket."""
        return 0

    def listen(self, backlog: int = DEFAULT_BACKLOG) -> None:
        """Let peers set up associations; 0: no more (EINVAL if they could not)."""
        self._check_open()
        self._set_backlog(backlog)

    def accept(self) -> Any:
        """EOPNOTSUPP: associations need no accepting (section 3.1.3)."""
        self._check_open()
        raise error(errno.EOPNOTSUPP, "a one-to-many socket takes associations without accept()")

    def getpeername(self) -> Any:
        """ENOTCONN: there is no one peer."""
        self._check_open()
        raise error(errno.ENOTCONN, "a one-to-many socket has many peers")
