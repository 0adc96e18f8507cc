"""A source tree without a compiled core: the installed package takes over, or the error says what to do."""
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pysctpsock

HERE = Path(pysctpsock.__file__).parent
SHOW = "import pysctpsock, pysctpsock.structs as s; print(pysctpsock.__file__); print(s.__file__)"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """The root of a checkout in which nothing was built."""
    shutil.copytree(HERE, tmp_path / "pysctpsock",
                    ignore=shutil.ignore_patterns("_cy", "compat", "__pycache__"))
    (tmp_path / "cy").mkdir()
    (tmp_path / "cy" / "__init__.py").touch()
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    return tmp_path


def run(tree, *arguments):
    return subprocess.run([sys.executable, *arguments], cwd=tree, capture_output=True, text=True, check=False)


def test_the_installed_package_is_used(tree):
    done = run(tree, "-c", SHOW)
    assert (done.stdout.split(), done.stderr) == ([str(HERE / "__init__.py"), str(HERE / "structs.py")], "")


def test_modules_run_from_the_installed_package(tree):
    (tree / "pysctpsock" / "cli.py").write_text("raise SystemExit('the tree ran')\n")
    done = run(tree, "-m", "pysctpsock", "--version")
    assert (done.stdout, done.stderr) == (f"pysctpsock {pysctpsock.__version__}\n", "")


def test_no_trace_of_the_tree_is_left(tree):
    done = run(tree, "-c", "import sys, pysctpsock; print([m for m in sys.modules.values()"
                           f" if (getattr(m, '__file__', '') or '').startswith({str(tree)!r})])")
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("module", ["pysctpsock", "pysctpsock.socket", "pysctpsock.monkey"])
def test_the_error_says_what_to_do(tree, module):
    """Where nothing is installed; -S leaves site-packages out."""
    done = run(tree, "-S", "-c", f"import {module}")
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and last.startswith("ImportError: ")
    assert f"pip install {tree}`" in last and f"pip install -e {tree}`" in last
    assert f"not compiled for Python {sys.version_info[0]}.{sys.version_info[1]}" in last


def test_two_trees_without_a_core_do_not_take_turns(tree, tmp_path_factory):
    """Each would find the other."""
    other = tmp_path_factory.mktemp("other")
    shutil.copytree(tree, other, dirs_exist_ok=True)
    done = run(tree, "-S", "-c", f"import sys; sys.path.append({str(other)!r}); import pysctpsock")
    assert done.stderr.strip().splitlines()[-1].startswith("ImportError: ")
