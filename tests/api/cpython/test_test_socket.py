"""The interpreter's own tests of stream sockets, run with our class; left_out.py has those that are not."""
import json
import sys
import unittest
from pathlib import Path

import processes
import pytest

from pysctpsock.cli import free_udp_port

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import facade  # noqa: E402
import left_out  # noqa: E402

try:
    tests = facade.load()
except ImportError as problem:
    pytest.skip(f"{problem}: Lib/test is not installed", allow_module_level=True)


def cases():
    """The names of all that this interpreter has of what is wanted."""
    found = []
    for name in left_out.CLASSES:
        case = getattr(tests, name, None)
        if case is not None:
            found += [f"{name}.{method}" for method in unittest.defaultTestLoader.getTestCaseNames(case)]
    return found + [f"GeneralModuleTests.{method}" for method in left_out.GENERAL
                    if hasattr(tests.GeneralModuleTests, method)]


CASES = cases()
RUN = [case for case in CASES if case not in left_out.LEFT_OUT]


@pytest.fixture(scope="module")
def outcome():
    """{case: what went wrong, or None}."""
    done = processes.run([HERE / "run.py", *RUN], free_udp_port(), patience=300)
    assert done.stdout, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", RUN)
def test_case(outcome, case):
    assert outcome[case] is None, outcome[case]


def test_what_is_left_out_exists():
    """Somewhere: an entry that no interpreter needs any more is to go."""
    known = {case.partition(".")[0] for case in CASES}
    assert {case.partition(".")[0] for case in left_out.LEFT_OUT} <= known
