"""How long the calls of a socket may wait, as the `socket` module says it."""
from __future__ import annotations

from operator import index

LONGEST = ((1 << 63) - 1) / 1e9  # seconds; the standard library counts nanoseconds in 64 bits


def checked(value: float | None) -> float | None:
    """A timeout in seconds, None: for ever.  TypeError, ValueError, OverflowError as the standard socket."""
    if value is None:
        return None
    seconds = value if isinstance(value, float) else index(value)
    if seconds != seconds:
        raise ValueError("Invalid value NaN (not a number)")
    if not -LONGEST < seconds < LONGEST:
        raise OverflowError("timestamp out of range for platform time_t")
    if seconds < 0:
        raise ValueError("Timeout value out of range")
    return float(seconds)


class Timeouts:
    """What settimeout() and setblocking() set; the calls that wait look at `_timeout`."""

    _timeout: float | None

    def settimeout(self, value: float | None) -> None:
        """Seconds that a call may wait; 0: none may wait; None: for ever.

        ValueError for what is negative or no number, OverflowError for more than 292 years.
        """
        self._timeout = checked(value)

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
