"""How long the calls of a socket may wait, as the `socket` module says it."""
from __future__ import annotations


class Timeouts:
    """What settimeout() and setblocking() set; the calls that wait look at `_timeout`."""

    _timeout: float | None

    def settimeout(self, value: float | None) -> None:
        """Seconds that a call may wait; 0: none may wait; None: for ever."""
        if value is not None:
            value = float(value)
            if value < 0:
                raise ValueError("Timeout value out of range")
        self._timeout = value

    def gettimeout(self) -> float | None:
        """What settimeout() set."""
        return self._timeout

    timeout = property(gettimeout)

    def setblocking(self, flag: bool) -> None:
        """settimeout(None) or settimeout(0)."""
        self._timeout = None if flag else 0.0

    def getblocking(self) -> bool:
        """Whether calls may wait."""
        return self._timeout != 0.0
