"""The inputs that the fuzzers have found to lead somewhere new, played again without a fuzzer.

Each is a legal-state check after every step (tests/support/scene.py); how to find more: CONTRIBUTING.md.
"""
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import targets  # noqa: E402

PARTS = 16                       # tests of many inputs each: there are too many for one each
MOST = 300_000                   # bytes of the whole corpus


def corpus(target):
    return [bytes.fromhex(line) for line in (HERE / "corpus" / f"{target}.hex").read_text().split()]


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("target", ["packets", "operations"])
def test_inputs(target, part):
    """9260-3.2-10, 9260-12-01: no exception, no illegal state, no memory beyond the bounds."""
    for data in corpus(target)[part::PARTS]:
        try:
            getattr(targets, target)(data)
        except Exception as error:
            raise AssertionError(f"{target} fails with {data.hex()}") from error


def test_corpus_is_there_and_small():
    for target in ("packets", "operations"):
        assert len(corpus(target)) > 50
    assert sum(len(data) for target in ("packets", "operations") for data in corpus(target)) < MOST
