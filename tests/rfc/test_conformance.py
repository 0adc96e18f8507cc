"""The table of conformance (docs/conformance.md) is up to date, and no MUST in it is without a proof."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import conformance


def test_page_is_up_to_date(capsys):
    """Else: python tests/rfc/conformance.py."""
    assert conformance.main(["--check"]) == 0, capsys.readouterr().err


def test_a_must_without_proof_is_a_fault():
    """A MUST is proved, a SHOULD proved or argued; only what is not implemented at all may wait."""
    def row(id, level, verdict):
        return conformance.Row(conformance.Requirement(id, level, ""), verdict, [], "for a reason")

    whole, part = conformance.WHOLE[0], "4895"
    good = [(whole, "MUST", "proved"), (whole, "SHOULD", "argued"), (whole, "MAY", "open"),
            (whole, "FACT", "open"), (part, "MUST", "not yet"), (part, "SHOULD", "not yet")]
    bad = [(whole, "MUST", "open"), (whole, "MUST", "argued"), (whole, "MUST", "not yet"),
           (whole, "SHOULD", "open"), (whole, "SHOULD", "not yet"), (part, "MUST", "open")]
    assert conformance.unproved([row(*each) for each in good]) == []
    assert conformance.unproved([row(*each) for each in bad]) == [
        f"{rfc} is a {level} and {verdict}" for rfc, level, verdict in bad]


def test_the_table_is_printed(capsys):
    """Requirement, level, the tests that prove it or the reason."""
    assert conformance.main(["--print", "9260-5.1.5-0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("9260")] == [
        f"9260-5.1.5-0{n}" for n in range(1, 6)]
    assert "    rfc/test_rfc9260_setup.py::test_cookie_echo_under_another_tag" in lines
    assert lines[-1].startswith("    hmac.compare_digest")


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
