"""Every numbered behaviour case is carried by a test ("case 30", "cases 1, 2"), or here with a reason."""
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
COUNT = 163
MENTION = re.compile(r"\b[Cc]ases? ((?:\d+)(?:(?:, | and |-| to )\d+)*)")
NOT_CARRIED = {
    120: "RE-CONFIG is not there: the option is remembered, see test_option_table",
    121: "RE-CONFIG is not there",
    122: "RE-CONFIG is not there",
    123: "RE-CONFIG is not there",
    158: "an interactive program; each of its steps has its own tests",
    161: "the preloaded redirection of a C program",
}


def carried():
    """The numbers that tests and their tables mention."""
    found = set()
    for path in TESTS.rglob("*.[pt][ys]*"):
        if path.suffix not in (".py", ".tsv") or path == Path(__file__):
            continue
        for mention in MENTION.findall(path.read_text()):
            for part in re.split(", | and ", mention):
                first, *last = re.split("-| to ", part)
                found.update(range(int(first), int((last or [first])[0]) + 1))
    return found


def test_every_case():
    missing = set(range(1, COUNT + 1)) - carried() - set(NOT_CARRIED)
    assert not missing, f"no test carries the cases {sorted(missing)}"
