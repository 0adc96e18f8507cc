"""Branch coverage of cy/: `tox -e branches`, or by hand, after `python setup.py build_ext --inplace` and
tests with PYSCTPSOCK_BUILD=branches (pip would throw away the notes that gcc makes for gcov).

Cython's own tracer knows lines only, so this counts in the generated C.  gcc counts every branch there
(gcov); the C that Cython makes of a condition is `if (__pyx_t_1) {`, one for each operand of `and` and `or`,
and stands below a comment with its place in the source.  Each such decision is given to its line there.

Counted are `if`, `elif`, `while`, conditional expressions, operands of `and` and `or`, `min` and `max`, and
loops over numbers; in cy/*.h every branch.  Not counted is what Cython adds and no source line says: whether
a call raised and what (`except`), reference counts, optional arguments, conversions, type checks, loops over
lists.
"""
import argparse
import collections
import gzip
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "branches"
FOR_TESTS = {"cy/audit.pyx", "cy/scripted.pyx", "cy/stage.pyx"}
ABOVE_CORE = {"carrier", "engine", "scp_io", "sockbase", "udp"}      # layer 4: I/O and clock

PLACE = re.compile(r'\s*/\* "(?:cy/)?(\w+\.p[xy][xd])":(\d+)$')
DOCSTRING = 1                            # a line: start-up code of the module stands under it
OUTSIDE = re.compile(r"}|/\* #### Code section| \*\s+(?:except|def)\b.*# <<<<<")
DECISION = re.compile(r"\s*(?:} else )?(?:if|for|while|switch) \((.*)")
RAISING = re.compile(r"unlikely\((!?)__pyx_t_\d+\)\) \{$")     # the condition of an `if` that only raises
OF_CYTHON = re.compile(r"likely\(|__PYX_|__Pyx_|\bPy|__pyx_(temp|n_s|kwds|nargs|optional)|\b(i|index)=0")

Decision = collections.namedtuple("Decision", "source line ordinal")


def places(c_lines):
    """{line of C: (Decision, whether the C negates the condition)} of one generated file."""
    found, place, seen = {}, None, collections.Counter()
    for number, text in enumerate(c_lines, 1):
        if match := PLACE.match(text):
            place = (f"cy/{match[1]}", int(match[2])) if int(match[2]) != DOCSTRING else None
        elif OUTSIDE.match(text):
            place = None
        elif place and (match := DECISION.match(text)):
            raising = RAISING.match(match[1])
            if raising or not OF_CYTHON.search(text):
                found[number] = Decision(*place, seen[place]), match[1].startswith(("!", "unlikely(!"))
                seen[place] += 1
    return found


def taken(build=BUILD):
    """{Decision: [how often each branch was taken]}, what is compiled into several modules added up."""
    total = {}
    with tempfile.TemporaryDirectory() as scratch:
        for data in sorted(build.rglob("*.gcno")):
            subprocess.run(["gcov", "--json-format", "--branch-probabilities", data], cwd=scratch, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for report in Path(scratch).glob("*.json.gz"):
            for file in json.loads(gzip.decompress(report.read_bytes()))["files"]:
                add_file(total, file)
    return total


def add_file(total, file):
    """Add what gcov says of one file: generated C, or a header (the build has copies of both)."""
    path = ROOT / file["file"]
    if path.parent.name != "cy" or path.suffix not in (".c", ".h"):
        return
    known = places(path.read_text().splitlines()) if path.suffix == ".c" else None
    for line in file["lines"]:
        if not line["branches"]:
            continue
        if known is None:
            decision, negated = Decision(f"cy/{path.name}", line["line_number"], 0), False
        elif line["line_number"] in known:
            decision, negated = known[line["line_number"]]
        else:
            continue
        counts = [branch["count"] for branch in line["branches"]]
        if negated:
            counts.reverse()
        before = total.get(decision, [0] * len(counts))
        total[decision] = [a + b for a, b in zip(before, counts, strict=True)]


def describe(decision, counts):
    """The branches of a decision that were never taken."""
    text = (ROOT / decision.source).read_text().splitlines()[decision.line - 1].strip()
    if len(counts) == 2:
        which = "never" if not any(counts) else "never true" if not counts[0] else "never false"
    else:
        which = f"branches {[i for i, count in enumerate(counts) if not count]} of {len(counts)} never"
    return f"{decision.source}:{decision.line}: {which}: {text[:70]}"


def percent(branches, never):
    return 100 * (branches - never) / branches if branches else 0


def in_core(source):
    """Whether a file is of the layers 0 to 3."""
    return Path(source).stem.removesuffix("_impl") not in ABOVE_CORE


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--erase", action="store_true", help="forget what was counted, and do nothing else")
    parser.add_argument("--missing", action="store_true", help="name the branches that were never taken")
    parser.add_argument("--fail-under", type=float, default=0, metavar="PERCENT")
    parser.add_argument("--core-under", type=float, default=0, metavar="PERCENT",
                        help="the same for the layers 0 to 3 alone")
    parser.add_argument("files", nargs="*", help="only these, such as cy/setup.pyx")
    options = parser.parse_args()
    if options.erase:
        for data in BUILD.rglob("*.gcda"):
            data.unlink()
        return 0
    by_file = collections.defaultdict(dict)
    for decision, counts in taken().items():
        if decision.source not in FOR_TESTS and (not options.files or decision.source in options.files):
            by_file[decision.source][decision] = counts
    everything, core = (0, 0), (0, 0)
    print(f"{'':32}branches   never      %")
    for source, decisions in sorted(by_file.items()):
        branches = sum(map(len, decisions.values()))
        never = sum(counts.count(0) for counts in decisions.values())
        everything = everything[0] + branches, everything[1] + never
        if in_core(source):
            core = core[0] + branches, core[1] + never
        print(f"{source:32}{branches:8}{never:8}{percent(branches, never):7.1f}")
        if options.missing:
            for decision, counts in sorted(decisions.items()):
                if not all(counts):
                    print("   ", describe(decision, counts))
    for name, sums in (("layers 0 to 3", core), ("all", everything)):
        print(f"{name:32}{sums[0]:8}{sums[1]:8}{percent(*sums):7.1f}")
    return int(percent(*everything) < options.fail_under or percent(*core) < options.core_under)


if __name__ == "__main__":
    sys.exit(main())
