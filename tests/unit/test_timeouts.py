"""settimeout() takes and refuses what that of the standard library does, at the call."""
import socket
from decimal import Decimal

import pytest

from pysctpsock.timeouts import LONGEST, Timeouts, checked


class Number:
    def __index__(self):
        return 3


VALUES = [
    0, 0.0, -0.0, 1, 1.5, True, None, Number(), 1e6, 2.0**31 / 1000, 2.0**31, 9e9, LONGEST * 0.999, LONGEST,
    LONGEST * 1.001, 1e10, 1e18, 10**10, 10**30, 1e308, float("inf"), float("-inf"), float("nan"),
    -1, -1.0, -1e-12, -1e30, "x", "1", b"1", Decimal("1.5"), [], 1j,
]


def outcome(set_, get, value):
    """The timeout that was set, or the kind of the exception."""
    try:
        set_(value)
    except Exception as problem:
        return type(problem)
    return get()


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_as_the_standard_socket(value):
    ours = Timeouts()
    ours.setblocking(True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as standard:
        expected = outcome(standard.settimeout, standard.gettimeout, value)
    result = outcome(ours.settimeout, ours.gettimeout, value)
    assert result == (pytest.approx(expected) if isinstance(expected, float) else expected)
    assert result == outcome(lambda value: setattr(ours, "set", checked(value)), lambda: ours.set, value)
    if isinstance(expected, type):
        assert ours.gettimeout() is None, "a refused value was kept"
