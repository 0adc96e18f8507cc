"""The table of conformance (docs/conformance.md) is up to date; open MUSTs of RFC 9260 only fall."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import conformance

OPEN_MUSTS = 0  # of RFC 9260


def test_page_is_up_to_date(capsys):
    """Else: python tests/rfc/conformance.py."""
    assert conformance.main(["--check"]) == 0, capsys.readouterr().err


def test_open_musts_do_not_grow():
    rows = [row for row in conformance.rows() if row.requirement.id.startswith("9260-")]
    open_ids = [
        row.requirement.id
        for row in rows
        if row.requirement.level == "MUST" and row.verdict == conformance.OPEN
    ]
    assert len(open_ids) <= OPEN_MUSTS, open_ids


def test_every_requirement_is_there_once():
    listed = conformance.requirements()
    assert len(listed) == len({each.id for each in listed}) == 458
    assert {each.level for each in listed} == set(conformance.LEVELS)


@pytest.mark.parametrize(
    "text, ids",
    [
        ("{}-6.2-07.", ["6.2-07"]),
        ("({}-A-01): why", ["A-01"]),
        ("{}-6.2-07, 6.7-01, and -02", ["6.2-07", "6.7-01", "6.7-02"]),
        ("{}-6.2-08/-09", ["6.2-08", "6.2-09"]),
        ("{}-3.2.1-03 to -05, 4-11", ["3.2.1-03", "3.2.1-04", "3.2.1-05", "4-11"]),
        ("{}-4-02..04, {}-9.1-01", ["4-02", "4-03", "4-04", "9.1-01"]),
        ("{}-9.2, 6.7-01", []),  # a section is not a requirement, and shorthand needs a beginning
    ],
)
def test_citations(text, ids):
    rfc = "9999"
    assert conformance.cited(text.format(rfc, rfc)) == [f"{rfc}-{id}" for id in ids]


def test_only_docstrings_and_parameters_prove(tmp_path):
    """An id in a comment, in the body or in a helper is a remark."""
    a, b, c, d, e = (f"9999-1-0{i}" for i in range(1, 6))
    path = tmp_path / "test_some.py"
    path.write_text(
        f'"""{a}"""\n'
        f'def helper():\n    """{b}"""\n'
        f'@pytest.mark.parametrize("x", [pytest.param(1, id="{c}")])\n'
        f'def test_it(x):\n    """{d}"""\n    note = "{e}"  # {e}\n'
    )
    assert conformance.proofs(path) == [("test_it", [c, d])]
