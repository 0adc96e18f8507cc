"""Every line of pysctp's checklist, and every quirk, is ticked by tests that exist (tests/compat).

compat/pysctp_checklist.tsv has a line for each thing that pysctp 0.7.3 has: section and number, what it is,
the tests.  The sections are: 1 the module, 2 data classes, 3 proxies, 4 sockets, 5 their styles, 6 errors,
7 addresses, 8 typical programs, 9 the helper _sctp, 10 quirks.
"""
import ast
import csv
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPAT = ROOT / "tests" / "compat"
LINES = {1: 4, 2: 15, 3: 4, 4: 22, 5: 2, 6: 1, 7: 1, 8: 3, 9: 1, 10: 22}  # by section


def checklist():
    with open(COMPAT / "pysctp_checklist.tsv", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def functions():
    """The names of the tests that may tick a line."""
    trees = [ast.parse((COMPAT / name).read_text()) for name in ("test_pysctp.py", "test_programs.py")]
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_line_is_there():
    assert [row["line"] for row in checklist()] == [
        f"{section}-{line}" for section, count in LINES.items() for line in range(1, count + 1)]


@pytest.mark.parametrize("row", checklist(), ids=lambda row: row["line"])
def test_a_line_is_ticked(row):
    named = [test.partition("[")[0] for test in row["tests"].split()]
    assert named and set(named) <= functions(), f"{row['what']}: no such test {set(named) - functions()}"


def test_the_page_says_what_becomes_of_each_quirk():
    rows = re.findall(r"^\| (\d+)\. [^|]+ \| [^|]+ \|$", (ROOT / "docs" / "migration.md").read_text(), re.M)
    assert list(map(int, rows)) == list(range(1, LINES[10] + 1))
