"""cy/tally: RFC 7496 sections 4.3 and 4.4; that messages are counted shows tests/rfc/test_rfc3758.py."""
import pytest

from pysctpsock._cy.tally import Tally


def test_nothing_is_given_up_yet():
    tally = Tally()
    for policy in range(4):
        assert tally.of_association(policy) == tally.of_stream(0, policy) == (0, 0)
    assert tally.of_stream(-1, 0) == tally.of_stream(65536, 0) == (0, 0)


def test_no_such_policy():
    for policy in (-1, 4):
        with pytest.raises(ValueError):
            Tally().of_association(policy)
