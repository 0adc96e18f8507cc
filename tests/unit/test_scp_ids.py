"""Session ids of SCP: which are whose, and which may be used."""
import pytest

from pysctpsock._cy.scp_ids import SessionIds

LAST_OF_CLIENT, LAST_OF_SERVER = 16777214, 16777215


class Thing:
    """Stands for a session."""


THING = Thing()


def test_ascending_by_two():
    """SCP-10 to SCP-12: from 1024 the even ones, from 1025 the odd ones."""
    assert [SessionIds(True).first, SessionIds(False).first] == [1024, 1025]
    for client, first in ((True, 1024), (False, 1025)):
        ids = SessionIds(client)
        assert [ids.take(THING) for _ in range(4)] == [first, first + 2, first + 4, first + 6]


@pytest.mark.parametrize("client, last", [(True, LAST_OF_CLIENT), (False, LAST_OF_SERVER)])
def test_at_the_end_it_begins_again(client, last):
    """SCP-12, SCP-13: over ids in use; one that is free again is taken."""
    ids = SessionIds(client)
    first = ids.first
    assert [ids.take(THING) for _ in range(3)] == [first, first + 2, first + 4]
    ids.release(first + 2)
    ids.bar(first + 6, last - 2)
    assert ids.take(THING) == last
    assert ids.take(THING) == first + 2
    ids.release(last)
    assert ids.take(THING) == last


def test_no_id_is_left():
    """SCP-14, SCP-15: with all ids barred or in use there is none."""
    ids = SessionIds(True)
    assert ids.take(THING) == 1024
    ids.bar(1026, LAST_OF_CLIENT)
    assert len(ids.barred) == (2**24 - 1024) // 2 - 1
    assert ids.take(THING) == 0
    ids.release(1024)
    assert ids.take(THING) == 1024
    assert ids.take(THING) == 0


def test_barred_are_own_ones():
    """The other side's ids and reserved ones cannot be barred."""
    ids = SessionIds(False)
    ids.bar(0, 1030)
    assert [each for each in range(1032) if each in ids.barred] == [1025, 1027, 1029]
    assert 1 << 24 not in ids.barred
