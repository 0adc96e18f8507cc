"""The table of SCP's rules (docs/scp.md) is up to date, and every line is proved or argued."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import scp_lines


def test_page_is_up_to_date(capsys):
    """Else: python tests/rfc/scp_lines.py."""
    assert scp_lines.main(["--check"]) == 0, capsys.readouterr().err


def test_every_line_is_there_once():
    ids = [line.id for line in scp_lines.lines()]
    assert len(ids) == len(set(ids)) == 60
    assert {line.level for line in scp_lines.lines()} == {"SPEC", "CHOICE"}


def test_citations():
    prefix = "SCP-"
    assert scp_lines.cited(f"{prefix}07, {prefix}30 to {prefix}32: x") == [
        prefix + number for number in ("07", "30", "31", "32")]
