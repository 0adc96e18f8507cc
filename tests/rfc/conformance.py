"""Which requirement of which RFC is proved by which test: writes docs/conformance.md.

    python tests/rfc/conformance.py                          # write the page
    python tests/rfc/conformance.py --check                  # fail if it is old, or a MUST not proved
    python tests/rfc/conformance.py --print [9260-6.2]       # the table, or a part of it, as text
    python tests/rfc/conformance.py --missing SHOULD

requirements.tsv lists what the RFCs ask for (RFC 9260 and its extensions), one line each. A test proves
a line by naming its id in the docstring of the test function or in its parametrize decorator; elsewhere an
id is only a remark. exceptions.tsv says why a line has no test: an id or prefix of ids, a verdict, a reason.

    argued    it holds, or asks nothing of us; the reason says why no test is needed
    not yet   it belongs to something that is not implemented
    open      it does not hold, or not wholly; such a line stays open whatever tests name it
"""

import argparse
import ast
import collections
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "conformance.md"
LEVELS = "MUST", "SHOULD", "MAY", "FACT", "CHOICE"
WHOLE = "9260", "3758", "7496", "7053", "5062", "6951", "4820"       # RFCs that are implemented as a whole
PROVED, ARGUED, NOT_YET, OPEN = VERDICTS = "proved", "argued", "not yet", "open"
RFC_TITLES = {
    "9260": "SCTP", "3758": "partial reliability", "7496": "more policies of partial reliability",
    "4895": "authenticated chunks", "5061": "dynamic addresses", "6525": "stream re-configuration",
    "8260": "interleaving and schedulers", "6951": "UDP encapsulation", "4820": "padding",
    "8899": "path MTU discovery", "7829": "quick failover", "7053": "the I bit", "8261": "SCTP over DTLS",
    "8831": "data channels", "9653": "zero checksum", "3436": "TLS over SCTP", "6083": "DTLS over SCTP",
    "5062": "attacks",
}

# 9260-6.2-07, and what may follow it: ", 6.7-01" or ", -08" or "/-09" or " to -11" or "..11"
FULL = re.compile(r"(?<![\w.-])(\d{4})-([A-Z]|\d{1,2}(?:\.\d{1,2})*)-(\d\d)(?!\d)")
NEXT = re.compile(r"(?:,\s*(?:and\s+)?|/|\s+and\s+)(?:(\d{1,2}(?:\.\d{1,2})*))?-(\d\d)(?![\w-])")
RANGE = re.compile(r"(?:\s+to\s+-?|\.\.-?)(\d\d)(?![\w-])")

Requirement = collections.namedtuple("Requirement", "id level text")
Exception_ = collections.namedtuple("Exception_", "id verdict reason")
Row = collections.namedtuple("Row", "requirement verdict tests reason")


def cited(text):
    """Ids that a text names, in order: the long form and the shorthand that follows one."""
    found = []
    for match in FULL.finditer(text):
        rfc, section, number = match.groups()
        found.append(f"{rfc}-{section}-{number}")
        position = match.end()
        while True:
            if following := RANGE.match(text, position):
                last = following[1]
                found += [f"{rfc}-{section}-{n:02}" for n in range(int(number) + 1, int(last) + 1)]
                number = last
            elif following := NEXT.match(text, position):
                section, number = following[1] or section, following[2]
                found.append(f"{rfc}-{section}-{number}")
            else:
                break
            position = following.end()
    return found


def table(name):
    """The rows of a .tsv file behind its heading."""
    lines = (HERE / name).read_text().splitlines()[1:]
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def requirements():
    return [Requirement(*row) for row in table("requirements.tsv")]


def exceptions():
    return [Exception_(*row) for row in table("exceptions.tsv")]


def proofs(path, cited=cited):
    """[(test name, ids)] of a test file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            parametrize = [d for d in node.decorator_list if "parametrize" in ast.unparse(d)]
            strings = [each.value for decorator in parametrize for each in ast.walk(decorator)
                       if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            ids = [id for text in [ast.get_docstring(node) or "", *strings] for id in cited(text)]
            found.append((node.name, sorted(set(ids))))
    return found


def test_files():
    return sorted((ROOT / "tests").rglob("*.py"))


def rows():
    """A Row for each requirement, in order."""
    tests = collections.defaultdict(list)
    for path in test_files():
        for name, ids in proofs(path):
            for id in ids:
                tests[id].append(f"{path.relative_to(ROOT / 'tests')}::{name}")
    exact = {each.id: each for each in exceptions()}
    prefixes = sorted((each for each in exact.values() if not FULL.fullmatch(each.id)),
                      key=lambda each: -len(each.id))
    made = []
    for requirement in requirements():
        id = requirement.id
        stated = exact.get(id) or next((each for each in prefixes if id.startswith(each.id)), None)
        if stated and stated.id == id and stated.verdict == OPEN:
            made.append(Row(requirement, OPEN, tests[id], stated.reason))
        elif tests[id]:
            made.append(Row(requirement, PROVED, tests[id], ""))
        elif stated:
            made.append(Row(requirement, stated.verdict, [], stated.reason))
        else:
            made.append(Row(requirement, OPEN, [], ""))
    return made


def count(rows, rfc="", level=""):
    """Counter of verdicts."""
    return collections.Counter(row.verdict for row in rows if row.requirement.id.startswith(rfc)
                               and row.requirement.level.startswith(level))


def counts_table(rows, first, names, select):
    lines = [f"| {first} | all | " + " | ".join(VERDICTS) + " |", "|---" * (2 + len(VERDICTS)) + "|"]
    for name in names:
        number = select(name)
        cells = [str(number[verdict]) for verdict in VERDICTS]
        lines.append(f"| {name} | {sum(number.values())} | " + " | ".join(cells) + " |")
    return lines


def page(rows):
    """The text of docs/conformance.md."""
    by_rfc = collections.defaultdict(list)
    for row in rows:
        by_rfc[row.requirement.id[:4]].append(row)
    lines = [
        "# Conformance",
        "",
        "Made by `python tests/rfc/conformance.py`; do not edit. One line for each requirement of the RFCs,"
        " in our own words. MUST, SHOULD and MAY are the RFC's levels, FACT is a layout, number or"
        " consequence, CHOICE is ours.",
        "",
        "**proved**: the tests listed fail if it does not hold. **argued**: no test, for the reason given."
        " **not yet**: part of an extension that is not implemented. **open**: not proved, or known not to"
        " hold (then the reason is given, and tests that cover a part of it).",
        "",
        "## RFC 9260 in numbers",
        "",
        *counts_table(rows, "level", [*LEVELS, ""], lambda level: count(rows, "9260", level)),
        "",
        "## All RFCs in numbers",
        "",
        *counts_table(rows, "RFC", by_rfc, lambda rfc: count(rows, rfc)),
    ]
    lines = [line.replace("|  | ", "| all | ") for line in lines]
    for rfc, of_rfc in by_rfc.items():
        lines += ["", f"## RFC {rfc}: {RFC_TITLES[rfc]}"]
        chapter = None
        for row in of_rfc:
            requirement = row.requirement
            here = requirement.id.split("-")[1].split(".")[0]
            if here != chapter:
                chapter = here
                name = "Appendix" if here.isalpha() else "Chapter"
                lines += ["", f"### RFC {rfc}, {name.lower()} {here}", "",
                          "| id | level | requirement | proof |", "|---|---|---|---|"]
            cells = requirement.id, requirement.level, cell(requirement.text), proof(row)
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def cell(text):
    return text.replace("|", "\\|")


def proof(row):
    tests = "<br>".join(f"`{test}`" for test in row.tests)
    if row.verdict == PROVED:
        return tests
    said = f"**{row.verdict}**" if row.verdict == OPEN else row.verdict
    return cell(said + (f": {row.reason}" if row.reason else "")) + (f"<br>in part: {tests}" if tests else "")


def unproved(rows):
    """Each MUST that no test proves, and each SHOULD without a word, as far as an RFC is implemented."""
    wanted = {"MUST": [PROVED], "SHOULD": [PROVED, ARGUED]}
    found = []
    for row in rows:
        id, level, _ = row.requirement
        may_wait = row.verdict == NOT_YET and not id.startswith(WHOLE)
        if row.verdict not in wanted.get(level, VERDICTS) and not may_wait:
            found.append(f"{id} is a {level} and {row.verdict}")
    return found


def faults(rows):
    """What is wrong with proofs, citations and exceptions."""
    known = {row.requirement.id: row for row in rows}
    found = unproved(rows)
    for path in test_files():
        for id in sorted(set(cited(path.read_text())) - set(known)):
            found.append(f"{path.relative_to(ROOT)} cites {id}, which does not exist")
    seen = set()
    for each in exceptions():
        if each.verdict not in VERDICTS[1:] or not each.reason:
            found.append(f"exceptions.tsv: {each.id} needs a verdict and a reason")
        if each.id in seen:
            found.append(f"exceptions.tsv: {each.id} stands there twice")
        seen.add(each.id)
        if not any(id.startswith(each.id) for id in known):
            found.append(f"exceptions.tsv: {each.id} does not exist")
        if each.id in known and known[each.id].verdict == PROVED:
            found.append(f"exceptions.tsv: {each.id} is proved now")
    return found


def text(rows):
    """The table as text: requirement, level, what it says, and below it the tests or the reason."""
    for row in rows:
        yield f"{row.requirement.id} {row.requirement.level} ({row.verdict}): {row.requirement.text}"
        yield from (f"    {line}" for line in [*row.tests, row.reason] if line)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true",
                        help="fail if docs/conformance.md is out of date or a MUST is not proved")
    parser.add_argument("--print", metavar="ID", nargs="?", const="", dest="prefix",
                        help="print the lines whose id begins so, or all")
    parser.add_argument("--missing", metavar="LEVEL", help="list the open lines of this level instead")
    options = parser.parse_args(arguments)
    all_rows = rows()
    if options.prefix is not None:
        print(*text(row for row in all_rows if row.requirement.id.startswith(options.prefix)), sep="\n")
        return 0
    if options.missing:
        for row in all_rows:
            if row.verdict == OPEN and row.requirement.level == options.missing.upper():
                print(row.requirement.id, row.requirement.text, f"({row.reason})" if row.reason else "")
        return 0
    wrong = faults(all_rows)
    if options.check:
        if not PAGE.exists() or PAGE.read_text() != page(all_rows):
            wrong.append("docs/conformance.md is out of date: run `python tests/rfc/conformance.py`")
    else:
        PAGE.write_text(page(all_rows))
    print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
