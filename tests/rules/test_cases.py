"""Every numbered behaviour case is carried by tests ("case 30", `test_case_54`), over IPv4 and IPv6.

A test runs over both if it, or a fixture that it takes, has the two address families as its parameters.
What is not there yet (45, 78: AUTH; 120 to 123: RE-CONFIG) is answered as by a kernel that has it off.
"""
import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
COUNT = 163
MENTION = re.compile(r"\b[Cc]ases? ((?:\d+)(?:(?:, | and |-| to )\d+)*)")
BOTH = re.compile(r"\[(?:socket\.)?AF_INET, (?:socket\.)?AF_INET6\]")
SOCKETS = {"api", "compat"}  # the folders whose tests open sockets
ONE_VERSION = {
    "api/test_many_peers.test_all_at_once": "the example programs at large; case 156 itself runs over both",
}


def numbers(text):
    """The numbers of cases that a text mentions."""
    found = set()
    for mention in MENTION.findall(text.replace("_", " ")):
        for part in re.split(", | and ", mention):
            first, *last = re.split("-| to ", part)
            found.update(range(int(first), int((last or [first])[0]) + 1))
    return found


def functions(path):
    """{name: (text, its decorators' text, names of its arguments)} of a file's functions."""
    whole = path.read_text()
    lines, found = whole.splitlines(), {}
    for node in ast.parse(whole).body:
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
            text, decorators = ("\n".join(lines[first:last]) for last in (node.end_lineno, node.lineno - 1))
            found[node.name] = text, decorators, [argument.arg for argument in node.args.args]
    return found


def over_both(name, visible):
    """Whether a test or fixture runs over both versions of IP."""
    _, decorators, arguments = visible[name]
    return bool(BOTH.search(decorators)) or any(
        over_both(argument, visible) for argument in arguments if argument in visible)


def carriers():
    """(path of the file and name, numbers, whether over both) of each test that carries a case."""
    for path in sorted(TESTS.glob("*/test_*.py")):
        conftest = path.parent / "conftest.py"
        own = functions(path)
        visible = {**(functions(conftest) if conftest.exists() else {}), **own}
        for name, (text, _, _) in own.items():
            if name.startswith("test_") and (mentioned := numbers(text)):
                yield f"{path.parent.name}/{path.stem}.{name}", mentioned, over_both(name, visible)


def test_every_case():
    """By a test that opens sockets over both versions of IP."""
    missing = set(range(1, COUNT + 1)).difference(*(cases for _, cases, both in carriers() if both))
    assert not missing, f"no test over IPv4 and IPv6 carries the cases {sorted(missing)}"


def test_both_versions():
    """No test of sockets carries a case over one version only, but those above."""
    single = {name for name, _, both in carriers() if not both and name.partition("/")[0] in SOCKETS}
    assert single == set(ONE_VERSION)
