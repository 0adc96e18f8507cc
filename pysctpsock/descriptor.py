"""A real file descriptor that is ready when something is ready that is no socket of the kernel's.

It is one end of a connected pair of Unix sockets.  A byte that the other end has sent makes it readable; its
full send buffer makes it not writable.  So both states are independent, and level-triggered as poll(2) has
them: `select`, `poll`, `epoll`, `selectors` and asyncio take it as they take a socket.  When more arrives a
fresh byte takes the place of the old one, for those who watch it edge-triggered (EPOLLET).  Data never goes
through it: who reads from it or writes to it by os.read() and os.write() only upsets its state.

Two things of a kernel socket cannot be shown: POLLERR (an error makes it readable and writable, as
select(2) shows one), and an end of reading that is taken back.

A program may close the descriptor by its number, which may be another file's soon: before anything is done by
that number it is compared which file it is of.
"""
from __future__ import annotations

import _socket  # the system's own class, whatever gevent has patched
import os
from collections.abc import Callable
from contextlib import suppress

from .forking import new_lock

READABLE, WRITABLE = 1, 2
READ_ENDED = 4  # nothing will come any more: readable for ever, EPOLLRDHUP
ENDED = 8  # both directions: EPOLLHUP

_FILLING = bytes(4096)  # more than the smallest buffer of Linux takes
_MUCH = 1 << 16


class Descriptor:
    """Descriptor(state): keeps a descriptor as ready as the bits say that state() gives.

    `state` is asked by update(), which may be called from any thread, and must be whenever the bits may have
    changed.  It must not switch greenlets.
    """

    def __init__(self, state: Callable[[], int]) -> None:
        self._state = state
        self._lock = new_lock()
        self._shown = WRITABLE
        self._outer, self._inner = _socket.socketpair()
        self._file = file_of(self._outer.fileno())
        for end in (self._outer, self._inner):
            end.setblocking(False)
        self._outer.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, 1)  # as small as the system has it
        self.update()

    def fileno(self) -> int:
        """The descriptor; -1 when closed."""
        return self._outer.fileno()

    def is_at(self, fd: int) -> bool:
        """Whether the number is this descriptor's still, or that of one that was given away."""
        return file_of(fd) == self._file

    def was_closed_by_number(self) -> bool:
        """Whether somebody else has closed it: it shows nothing any more."""
        return self._outer.fileno() >= 0 and not self.is_at(self._outer.fileno())

    def update(self, arrived: bool = False) -> None:
        """Make the descriptor as ready as state() says; `arrived`: there is more to read than before."""
        with self._lock:
            wanted = self._state()
            changed = wanted ^ self._shown
            again = arrived and self._shown & wanted & READABLE and not (self._shown | wanted) & READ_ENDED
            if not (changed or again) or self._outer.fileno() < 0 or self.was_closed_by_number():
                return
            self._shown = wanted
            if changed & READABLE and not wanted & READ_ENDED:
                if wanted & READABLE:
                    self._inner.send(b"\0")
                else:
                    _empty(self._outer)
            elif again:
                self._inner.send(b"\0")  # first, so that it is readable all the time
                with suppress(BlockingIOError):  # somebody else has read both
                    self._outer.recv(1)
            if changed & WRITABLE:
                if wanted & WRITABLE:
                    _empty(self._inner)
                else:
                    _fill(self._outer)
            if changed & wanted & (READ_ENDED | ENDED):
                self._outer.shutdown(_socket.SHUT_RDWR if wanted & ENDED else _socket.SHUT_RD)

    def give_away(self) -> None:
        """The descriptor is the caller's from now on, who closes it by os.close(); it still shows the state.

        fileno() is another one then, of the same end.
        """
        with self._lock:
            kept = os.dup(self._outer.fileno())
            self._outer.detach()
            self._outer = _socket.socket(fileno=kept)

    def take_back(self, fd: int) -> None:
        """Own the descriptor again that was given away."""
        with self._lock:
            self._outer.close()
            self._outer = _socket.socket(fileno=fd)

    def close(self) -> None:
        """Close the descriptor; closing twice is allowed."""
        with self._lock:
            if self.was_closed_by_number():
                self._outer.detach()
            self._outer.close()
            self._inner.close()


def file_of(fd: int) -> tuple[int, int] | None:
    """Which file a descriptor is of, as the system tells them apart; None if there is none."""
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _empty(end: _socket.socket) -> None:
    try:
        while len(end.recv(_MUCH)) == _MUCH:
            pass
    except BlockingIOError:  # somebody else has read it
        pass


def _fill(end: _socket.socket) -> None:
    try:
        while end.send(_FILLING) == len(_FILLING):
            pass
    except BlockingIOError:
        pass
