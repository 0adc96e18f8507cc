"""cy/serial: RFC 1982 with 32 and 16 bits (RFC 9260 section 1.6)."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysctpsock._cy.serial import compare_ssn, compare_tsn, padded


@pytest.mark.parametrize(("a", "b", "expected"), [
    (0, 0, (False, True)),
    (0, 1, (True, True)),
    (1, 0, (False, False)),
    (2**32 - 1, 0, (True, True)),                        # 9260-1.6-01
    (0, 2**32 - 1, (False, False)),
    (0, 2**31 - 1, (True, True)),
    (2**31 - 1, 0, (False, False)),
    (2**32 - 10, 2**31 - 11, (True, True)),
])
def test_tsn(a, b, expected):
    """9260-1.6-02"""
    assert compare_tsn(a, b) == expected


@given(st.integers(0, 2**32 - 1), st.integers(1, 2**31 - 1))
def test_tsn_any(a, distance):
    """RFC 1982 section 3.2: what lies less than half the space ahead is greater."""
    b = (a + distance) % 2**32
    assert compare_tsn(a, b) == (True, True)
    assert compare_tsn(b, a) == (False, False)


@given(st.integers(0, 2**16 - 1), st.integers(1, 2**15 - 1))
def test_ssn_any(a, distance):
    b = (a + distance) % 2**16
    assert compare_ssn(a, b)
    assert not compare_ssn(b, a)
    assert not compare_ssn(a, a)


def test_ssn_wraps():
    assert compare_ssn(65535, 0)
    assert not compare_ssn(0, 65535)


def test_padding():
    """9260-3.2-02"""
    assert [padded(length) for length in range(9)] == [0, 4, 4, 4, 4, 8, 8, 8, 8]
