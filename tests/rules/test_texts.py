"""The pages name what there is: links, files of the tree, variables, versions; README leads to each page."""
import os
import re

import commands
import pytest
from processes import ROOT

from pysctpsock.configuration import VARIABLES

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
FILE = re.compile(r"`([\w.-]+(?:/[\w.-]+)+\.(?:py|pyi|pyx|pxd|h|c|md|tsv|ini|svg|toml))(?:::\w+)?`")
FOLDERS = (ROOT, ROOT / "tests")  # which paths begin in
MADE = ("build/", "cy/*.html")  # by commands
VARIABLE = re.compile(r"PYSCTPSOCK_[A-Z_]+[A-Z]")


def name(path):
    return str(path.relative_to(ROOT))


def anchors(page):
    """Of its headings, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in HEADING.findall(commands.FENCE.sub("", page.read_text()))}


def links(page):
    """[(page, heading or "")] that a page leads to in the tree."""
    found = []
    for target in LINK.findall(commands.FENCE.sub("", page.read_text())):
        if "://" not in target:
            path, _, heading = target.partition("#")
            found.append(((page.parent / path).resolve() if path else page, heading))
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links(page):
    """They lead somewhere, to the heading if they name one."""
    for target, heading in links(page):
        assert target.exists(), target
        assert not heading or heading in anchors(target), (target, heading)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files(page):
    """A file named by its path is there."""
    missing = [path for path in FILE.findall(page.read_text()) if not path.startswith(MADE)
               and not any((folder / path).exists() for folder in (page.parent, *FOLDERS))]
    assert not missing


def test_pages_are_found():
    """From README, link by link, or through a link to the folder."""
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached:
            continue
        reached.add(page)
        if page.is_dir():
            todo += page.glob("*.md")
        elif page.suffix == ".md":
            todo += [target for target, _heading in links(page)]
    unreached = [name(page) for page in PAGES if page not in reached and ROOT / "docs" in page.parents]
    assert not unreached


def test_variables():
    """Those that pages name are looked at somewhere; those of a process are on the page of the first hour."""
    sources = [ROOT / "setup.py", ROOT / "tox.ini"]
    for folder in ("pysctpsock", "compat", "tests", "benchmarks"):
        for place, _folders, files in os.walk(ROOT / folder):
            sources += [os.path.join(place, file) for file in files if file.endswith(".py") and
                        os.path.join(place, file) != __file__]
    known = set()
    for source in sources:
        with open(source, encoding="utf-8") as text:
            known |= set(VARIABLE.findall(text.read()))
    named = {variable for page in PAGES for variable in VARIABLE.findall(page.read_text())}
    assert named <= known, named - known
    assert set(VARIABLES) <= set(VARIABLE.findall((ROOT / "docs" / "first-hour.md").read_text()))


def test_python_versions():
    """tox tries each version that the package says it is for, and a page tells which were tried."""
    classifiers = (ROOT / "setup.cfg").read_text()
    versions = re.findall(r"Python :: (3\.\d+)$", classifiers, re.MULTILINE)
    tried = re.search(r"^env_list = (.*)$", (ROOT / "tox.ini").read_text(), re.MULTILINE).group(1)
    assert [f"py{version.replace('.', '')}" for version in versions] == re.findall(r"py\d+", tried)
    page = (ROOT / "docs" / "first-hour.md").read_text()
    assert f"CPython {versions[0]} to " in page and f" and {versions[-1]} |" in page
    assert "OS Independent" not in classifiers
