"""Which associations an id in an option's value means (pysctpsock.targets; RFC 6458 section 7.2)."""
import errno
from types import SimpleNamespace

import pytest
from errnos import raises

from pysctpsock.targets import targets

FUTURE, CURRENT, ALL = range(3)


def sock(one_to_many, *ids):
    """A socket with these associations; the endpoint's parameters are "endpoint"."""
    existing = {assoc_id: SimpleNamespace(parameters=assoc_id) for assoc_id in ids}
    return SimpleNamespace(
        one_to_many=one_to_many, parameters="endpoint", open_associations=lambda: list(existing.values()),
        association_meant=existing.get if one_to_many else lambda _: next(iter(existing.values()), None))


def meant(*arguments):
    return [target.parameters for target in targets(*arguments)]


ENDPOINT, BOTH = ["endpoint"], [5, 6]


@pytest.mark.parametrize(("ids", "assoc_id", "set_", "get"), [
    ("A", FUTURE, ENDPOINT, ENDPOINT), ("A", CURRENT, BOTH, None), ("A", ALL, ENDPOINT + BOTH, None),
    ("A", 5, [5], [5]), ("A", 7, None, None), ("A", -1, None, None),
    ("B", FUTURE, ENDPOINT, ENDPOINT), ("B", CURRENT, None, None), ("B", ALL, None, None), ("B", 6, [6], [6]),
    ("B", 1234, None, None),
    ("C", FUTURE, None, None), ("C", CURRENT, None, None), ("C", ALL, None, None), ("C", 5, [5], [5]),
    ("D", FUTURE, None, None), ("D", CURRENT, BOTH, None), ("D", ALL, None, None), ("D", 6, [6], [6]),
    ("", 0, ENDPOINT + BOTH, ENDPOINT),
])
def test_one_to_many(ids, assoc_id, set_, get):
    """The classes A to D; None: EINVAL (cases 140, 144, 149)."""
    for setting, wanted in ((True, set_), (False, get)):
        if wanted is None:
            with raises(errno.EINVAL):
                targets(sock(True, 5, 6), ids, assoc_id, setting)
        else:
            assert meant(sock(True, 5, 6), ids, assoc_id, setting) == wanted


@pytest.mark.parametrize("assoc_id", [FUTURE, CURRENT, ALL, 5, 1234, -1])
@pytest.mark.parametrize("setting", [True, False])
def test_one_to_one_ignores_the_id(assoc_id, setting):
    """Case 151: connected, each id is its association; before, the endpoint where the class admits that."""
    for ids in ("A", "B", "C", "D"):
        assert meant(sock(False, 5), ids, assoc_id, setting) == [5]
    assert meant(sock(False, 5), "", 0, setting) == ([*ENDPOINT, 5] if setting else [5])
    for ids in ("A", "B", ""):
        assert meant(sock(False), ids, assoc_id, setting) == ENDPOINT
    with raises(errno.EINVAL):
        targets(sock(False), "C", assoc_id, setting)
    if setting:
        assert meant(sock(False), "D", assoc_id, setting) == []
    else:
        with raises(errno.EINVAL):
            targets(sock(False), "D", assoc_id, setting)
