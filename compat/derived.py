"""What a class inherits that a program derives from the patched `socket.socket`.

Its instances hold the socket that their arguments ask for, and pass all calls on to it; what the class
overrides is called by makefile()'s files, as with the standard socket.
"""
from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from gevent.monkey import get_original

from pysctpsock.handle import refuse_to_copy

_original: Any = get_original("socket", "socket")


def held_by(sock: Any) -> Any:
    """The socket that an instance of a derived class holds; any other is itself."""
    return sock._held if isinstance(sock, Holder) else sock


class Holder:
    """Holds a socket; sockets' methods and properties are its own, in the class, where super() finds them."""

    _make: Callable[..., Any]  # what the class that derives from this makes sockets by
    __reduce_ex__ = refuse_to_copy
    makefile = _original.makefile

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> None:
        self._held = self._make(family, type, proto, fileno)
        self._closed = False
        self._io_refs = 0  # files of makefile() that are open

    def __getattr__(self, name: str) -> Any:
        if name == "_held":  # __init__() has not been called
            raise AttributeError(name)
        return getattr(self._held, name)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__} of {self.__dict__.get('_held')!r}>"

    def close(self) -> None:
        """Close it, once the files of makefile() are closed, too."""
        self._closed = True
        if self._io_refs <= 0:
            self._held.close()

    def fileno(self) -> int:
        """The descriptor; -1 when this object is closed."""
        return -1 if self._closed and self._io_refs <= 0 else int(self._held.fileno())

    def detach(self) -> int:
        """The descriptor, which is the caller's now; this object is closed."""
        fd = int(self._held.detach())
        self._closed = True
        return fd

    def _decref_socketios(self) -> None:
        """A file of makefile() was closed."""
        self._io_refs = max(self._io_refs - 1, 0)
        if self._closed:
            self.close()


def _passing_on(name: str) -> Callable[..., Any]:
    def method(self: Any, *arguments: Any, **named: Any) -> Any:
        return getattr(held_by(self), name)(*arguments, **named)

    method.__name__, method.__doc__ = name, getattr(_original, name).__doc__
    return method


for _name in dir(_original):
    if not _name.startswith("_") and _name not in vars(Holder):
        _is_method = callable(getattr(_original, _name))
        setattr(Holder, _name, _passing_on(_name) if _is_method else property(attrgetter(f"_held.{_name}")))
