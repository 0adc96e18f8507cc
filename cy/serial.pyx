"""Serial number arithmetic as Python sees it, for tests (see serial.pxd; RFC 9260 section 1.6)."""
from libc.stdint cimport uint32_t


def compare_tsn(tsn_t a, tsn_t b) -> tuple:
    """(a < b, a <= b) of two TSNs."""
    return bool(tsn_lt(a, b)), bool(tsn_le(a, b))


def compare_ssn(ssn_t a, ssn_t b) -> bool:
    """a < b of two stream sequence numbers."""
    return bool(ssn_lt(a, b))


def padded(uint32_t length) -> int:
    return pad4(length)
