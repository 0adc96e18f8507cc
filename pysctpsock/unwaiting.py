"""The side of a socket that gevent's own servers use: `_sock`, whose calls never wait.

A gevent socket keeps the kernel's non-blocking socket in `_sock`.  gevent.server takes that of its listener,
accepts by `_accept()` when the descriptor is readable, and makes a socket of the descriptor that this gives;
gevent.pywsgi reads what is left of a request from it before it closes.
"""
from __future__ import annotations

from typing import Any

from . import constants as c


class Unwaiting:
    """Unwaiting(sock): the same socket; a call that would have to wait raises BlockingIOError (EAGAIN).

    All but what is here is the socket's.
    """

    timeout = 0.0

    def __init__(self, sock: Any) -> None:
        self._of = sock

    def __getattr__(self, name: str) -> Any:
        if name in ("_of", "_sock"):  # there is nothing below this one
            raise AttributeError(name)
        return getattr(self._of, name)

    def __repr__(self) -> str:
        return repr(self._of)

    def gettimeout(self) -> float:
        """0: no call waits."""
        return self.timeout

    def _accept(self) -> tuple[int, Any]:
        """(the descriptor of a socket with the next association, its peer's address)."""
        accepted: tuple[int, Any] = self._of._accept()
        return accepted

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """As the socket's, without waiting; so are the others."""
        data: bytes = self._of.recv(bufsize, flags | c.MSG_DONTWAIT)
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """As recv(), into a buffer."""
        return int(self._of.recv_into(buffer, nbytes, flags | c.MSG_DONTWAIT))

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, Any]:
        """As recv(), with the peer's address."""
        received: tuple[bytes, Any] = self._of.recvfrom(bufsize, flags | c.MSG_DONTWAIT)
        return received

    def send(self, data: Any, flags: int = 0) -> int:
        """Send one message if there is room for it."""
        return int(self._of.send(data, flags | c.MSG_DONTWAIT))

    def sendto(self, data: Any, *arguments: Any) -> int:
        """As send(), to an address: sendto(data[, flags], address)."""
        flags = arguments[0] if len(arguments) == 2 else 0
        return int(self._of.sendto(data, flags | c.MSG_DONTWAIT, *arguments[-1:]))

    def close(self) -> None:
        """Close the socket, whatever files of makefile() are open."""
        self._of._io_refs = 0
        self._of.close()
