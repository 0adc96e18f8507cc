"""Which line of SCP's rules is proved by which test: writes the table at the end of docs/scp.md.

    python tests/rfc/scp_lines.py [--check]

scp.tsv lists the lines, SPEC (the text of 1994) or CHOICE (what it leaves open), and why a line needs no
test.  A test proves a line as in conformance.py: by its docstring or its parametrize decorator.
"""

import collections
import re
import sys

import conformance

PAGE = conformance.ROOT / "docs" / "scp.md"
BEGIN, END = "<!-- LINES: begin. Made by `python tests/rfc/scp_lines.py`. -->", "<!-- LINES: end. -->"
LINE = re.compile(r"SCP-(\d\d)(?:\s+to\s+SCP-(\d\d))?")

Line = collections.namedtuple("Line", "id level text argued")


def cited(text):
    """Ids that a text names: SCP-07, or SCP-07 to SCP-10."""
    return [f"SCP-{number:02}" for first, last in LINE.findall(text)
            for number in range(int(first), int(last or first) + 1)]


def lines():
    return [Line(*row, *[""] * (4 - len(row))) for row in conformance.table("scp.tsv")]


def proofs():
    """id -> tests."""
    tests = collections.defaultdict(list)
    for path in conformance.test_files():
        for name, ids in conformance.proofs(path, cited):
            for id in ids:
                tests[id].append(f"{path.relative_to(conformance.ROOT / 'tests')}::{name}")
    return tests


def table():
    tests = proofs()
    made = ["", "| line | | rule | proof |", "|---|---|---|---|"]
    for line in lines():
        proof = "<br>".join(f"`{test}`" for test in tests[line.id]) or f"argued: {line.argued}"
        made.append(f"| {line.id} | {line.level} | {conformance.cell(line.text)} | {proof} |")
    return "\n".join([*made, ""])


def faults():
    tests = proofs()
    found = [f"{line.id}: neither proved nor argued" for line in lines()
             if not tests[line.id] and not line.argued]
    return found + [f"{line.id} is proved now, not argued" for line in lines()
                    if tests[line.id] and line.argued]


def main(arguments=()):
    before, rest = PAGE.read_text().split(BEGIN)
    _, after = rest.split(END)
    text = f"{before}{BEGIN}\n{table()}\n{END}{after}"
    wrong = faults()
    if "--check" not in arguments:
        PAGE.write_text(text)
    elif PAGE.read_text() != text:
        wrong.append("docs/scp.md is out of date: run `python tests/rfc/scp_lines.py`")
    print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
