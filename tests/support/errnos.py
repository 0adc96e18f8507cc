"""Expecting an OSError by its errno."""
import pytest


def raises(number):
    """pytest.raises for the errno, in the subclass of OSError that Python has for it."""
    return pytest.raises(type(OSError(number, "")), check=lambda problem: problem.errno == number)
