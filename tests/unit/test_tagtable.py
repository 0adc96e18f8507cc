"""cy/tagtable: verification tag -> association (RFC 9260 section 8.5), against a dict."""
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysctpsock._cy.tagtable import TagTable

# Few different low bits, so that tags collide and stand in rows that wrap around the table.
TAGS = st.builds(lambda low, high: low + (high << 8), st.sampled_from([0, 1, 2, 13, 14, 15]),
                 st.integers(1, 12))


@given(st.lists(st.tuples(st.booleans(), TAGS), max_size=120))
def test_against_a_dict(operations):
    table, model = TagTable(), {}
    for adding, tag in operations:
        if adding and tag not in model:
            table[tag] = model[tag] = object()
        elif adding:
            with pytest.raises(KeyError):
                table[tag] = object()
        elif tag in model:
            del table[tag], model[tag]
        else:
            with pytest.raises(KeyError):
                del table[tag]
        assert len(table) == len(model)
        assert all(table[tag] is value for tag, value in model.items())


def test_deletion_closes_the_hole():
    """A row of tags with one home: each is still found when one before it goes."""
    table = TagTable()
    row = [15 + 16 * i for i in range(1, 7)]             # home 15 of 16: the row wraps
    for victim in row:
        for tag in row:
            table[tag] = tag
        del table[victim]
        assert all(table[tag] == tag for tag in row if tag != victim)
        with pytest.raises(KeyError):
            table[victim]
        for tag in row:
            if tag != victim:
                del table[tag]
    assert len(table) == 0


def test_tag_0_is_none():
    """9260-5.1-01: a tag is never 0."""
    table = TagTable()
    for filled in (False, True):
        if filled:
            table[1] = "y"
        with pytest.raises(KeyError):
            table[0]
        with pytest.raises(KeyError):
            table[0] = "x"
        with pytest.raises(KeyError):
            del table[0]


def test_borrows_its_values():
    """The endpoint keeps the associations alive, where the garbage collector can see it."""
    table, value = TagTable(), object()
    start = sys.getrefcount(value)
    for tag in range(1, 100):
        table[tag] = value
    assert table[50] is value
    assert sys.getrefcount(value) == start
