"""The house rules of every source file: short, says what it is for, and which RFC sections it implements."""
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST = 800
FIRST_LINES = 15
SUFFIXES = {".py", ".pyx", ".pxd", ".h", ".c"}
FOLDERS = ("cy", "pysctpsock", "compat", "tests", "benchmarks")


def sources():
    return sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*")
                  if path.suffix in SUFFIXES and "build" not in path.parts and not is_generated(path))


def is_generated(path):
    """The C that a trace build leaves beside its .pyx."""
    return path.suffix == ".c" and path.with_suffix(".pyx").exists()


def name(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", sources(), ids=name)
def test_length(path):
    lines = len(path.read_text().splitlines())
    assert lines <= LONGEST, f"{name(path)} has {lines} lines; one concept a file, at most {LONGEST} lines"


@pytest.mark.parametrize("path", sources(), ids=name)
def test_says_what_it_is_for(path):
    start = path.read_text().removeprefix("#!/usr/bin/env python3\n").lstrip()
    beginnings = ("/*", "//") if path.suffix in {".h", ".c"} else ('"""', 'r"""', "#", "/*", "//")
    assert start.startswith(beginnings), \
        f"{name(path)} does not begin with a docstring or comment"
    assert re.match(r'[r"#/*\s`]*\w+[^\n]{10,}', start), f"{name(path)}: its first line says nothing"


# Plain machinery, for which no section of an RFC asks.
NO_RFC = {"agenda", "outbox"}


def core_modules():
    """Layers 1 to 3 of test_layers.py."""
    space = runpy.run_path(str(Path(__file__).with_name("test_layers.py")))
    return sorted(name for name, layer in space["LAYERS"].items()
                  if space["MECHANISMS"] <= layer < space["CARRIERS"] and name not in NO_RFC)


@pytest.mark.parametrize("module", core_modules())
def test_names_its_sections(module):
    """The .pxd or the .pyx says which sections it implements."""
    beginnings = ["\n".join(path.read_text().splitlines()[:FIRST_LINES])
                  for path in (ROOT / "cy").glob(f"{module}.p[xy][xd]")]
    assert beginnings, f"cy/{module} does not exist"
    named = re.compile(r"RFC \d{4}[^.]*\bsections?\b|\bSCP-\d\d|docs/scp\.md", re.DOTALL)
    assert any(map(named.search, beginnings)), \
        f"cy/{module} names no section in its first {FIRST_LINES} lines"
