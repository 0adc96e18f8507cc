"""What a program may have of a socket beside the object: its descriptor, and duplicates.

poll(2), dup(2).  The descriptor is made when somebody asks for it, and follows the socket from then on.
"""
from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any

from ._cy.sockbase import SocketBase
from .descriptor import ENDED, READ_ENDED, READABLE, WRITABLE, Descriptor
from .forking import new_lock
from .hub import close_after_waking
from .unwaiting import Unwaiting

if TYPE_CHECKING:
    from .base import SctpSocket

_by_descriptor: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
_detached: dict[int, Any] = {}  # nobody but the descriptor's owner knows of these
_lock = new_lock()


def refuse_to_copy(self: Any, protocol: Any = None) -> Any:
    """What pickle and copy call.  TypeError, as of the standard socket: dup() gives another handle."""
    raise TypeError(f"cannot pickle {type(self).__name__!r} object")


class Handle(SocketBase):
    """The part of a socket class that deals with descriptors."""

    _closed = True
    _orphaned = False  # in a forked child: the parent's
    _handle_closed = False
    _detached = False
    _read_ended = _write_ended = False
    _duplicates = 0
    __reduce_ex__ = refuse_to_copy

    def fileno(self) -> int:
        """A descriptor that is readable and writable when the socket is; -1 when the socket is closed.

        It is for waiting only (select, poll, epoll, asyncio): os.read() and os.write() have no messages.
        EBADF in a forked child, which could only wait for ever on a socket of its parent.
        """
        if self._orphaned and (self._duplicates or not self._handle_closed):
            self._check_open()
        if self._closed or self._detached:
            return -1
        assert self.readiness is not None
        with _lock:
            descriptor = self.readiness.descriptor
            if descriptor is None or descriptor.was_closed_by_number():
                if descriptor is not None:
                    descriptor.close()
                me = weakref.ref(self)  # a descriptor must not keep its socket
                self.readiness.descriptor = Descriptor(lambda: _state_of(me()))
                self.state_changed()  # what happened before it was there to be told
            fd: int = self.readiness.descriptor.fileno()
            _by_descriptor[fd] = self
            if _detached.get(fd) is not self:  # whoever had it has closed it by its number: nobody's any more
                _detached.pop(fd, None)
        return fd

    def detach(self) -> int:
        """The descriptor, which is the caller's now; this object is closed (EBADF), its association is not.

        socket(fileno=...) gives the socket back.  Until then the association lives, even if the descriptor is
        closed by os.close().
        """
        fd = self.fileno()
        if fd >= 0:
            assert self.readiness is not None
            self.readiness.descriptor.give_away()
            self._detached, _detached[fd] = True, self
        return fd

    def get_inheritable(self) -> bool:
        """Whether a program that exec() starts gets the descriptor, which is no socket to it."""
        return os.get_inheritable(self.fileno())

    def set_inheritable(self, inheritable: bool) -> None:
        """Say so."""
        os.set_inheritable(self.fileno(), inheritable)

    def dup(self) -> Duplicate:
        """Another handle of the same socket, which is closed when all its handles are.  EBADF when closed."""
        self._check_open()
        return Duplicate(self)

    @property
    def _sock(self) -> Unwaiting:
        """What gevent's servers look for under a socket."""
        return Unwaiting(self)

    def _poll_state(self) -> int:
        """How ready the socket is, in the bits of descriptor.py."""
        state = WRITABLE if self.user.has_room(self.parameters.send_buffer) else 0
        state |= READABLE if self.user.receive_queue.count else 0
        if self._read_ended:
            state |= READABLE | READ_ENDED | (ENDED if self._write_ended else 0)
        return state

    def _check_open(self) -> None:
        raise NotImplementedError

    def _has_descriptor(self) -> bool:
        return self.readiness is not None and self.readiness.descriptor is not None

    def _close_descriptor(self) -> None:
        if self.readiness is not None and self.readiness.descriptor is not None:
            close_after_waking(self.readiness.descriptor)


class Duplicate:
    """A handle of a socket that has others: all calls are the socket's, close() closes this handle."""

    __reduce_ex__ = refuse_to_copy

    def __init__(self, target: Any) -> None:
        self._target = target
        self._open = True
        target._duplicates += 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    @property
    def _sock(self) -> Unwaiting:
        return Unwaiting(self)

    def __enter__(self) -> Duplicate:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<duplicate of {self._target!r}>"

    def fileno(self) -> int:
        """The socket's descriptor, which its handles share; -1 when this handle is closed."""
        return int(self._target.fileno()) if self._open else -1

    def close(self) -> None:
        """Close this handle; the last one closes the socket."""
        if self._open:
            self._open = False
            self._target._duplicates -= 1
            self._target._close_handle()


def socket_of(fd: int) -> SctpSocket | None:
    """The socket that has this descriptor, attached again if it was detached; None: it is none of ours."""
    with _lock:
        sock = _by_descriptor.get(fd)
        if sock is None or sock._closed or not sock.readiness.descriptor.is_at(fd):
            return None
        if fd in _detached and _detached[fd] is sock:
            del _detached[fd]
            sock._detached = False
            sock.readiness.descriptor.take_back(fd)
        return sock if sock.fileno() == fd else None


def _state_of(sock: Any) -> int:
    return 0 if sock is None or sock._closed else sock._poll_state()
