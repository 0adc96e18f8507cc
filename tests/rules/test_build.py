"""What setup.py does, tried on a core of one small module: stripping, translating once, no compiler."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("Cython")
pytest.importorskip("setuptools")

ROOT = Path(__file__).parents[2]
SYMBOLS = b"\0.symtab\0"  # a name in the table of an ELF file's sections
PACKAGE = """\
[metadata]
name = small
[options]
packages = pysctpsock._cy
package_dir =
    pysctpsock._cy = cy
"""


@pytest.fixture
def tree(tmp_path):
    """A checkout whose core is small."""
    shutil.copy(ROOT / "setup.py", tmp_path)
    (tmp_path / "setup.cfg").write_text(PACKAGE)
    (tmp_path / "cy").mkdir()
    (tmp_path / "cy" / "__init__.py").touch()
    (tmp_path / "cy" / "small.pyx").write_text(
        '"""Small."""\nfrom libc.stdint cimport uint32_t\ndef one():\n    return <uint32_t>1\n')
    return tmp_path


def build(tree, **variables):
    """Builds in place; the environment has these variables, and no others of compilers."""
    found = {name: value for name, value in os.environ.items()
             if name not in ("CC", "CFLAGS", "LDFLAGS", "LDSHARED", "PYSCTPSOCK_BUILD", "LD_PRELOAD")}
    return subprocess.run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], cwd=tree,
                          env={**found, **variables}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("mode", "kept"), [("release", False), ("branches", True)])
def test_release_modules_are_stripped(tree, mode, kept):
    """The other modes keep their symbols: debuggers and sanitizers tell the places by them."""
    done = build(tree, PYSCTPSOCK_BUILD=mode)
    assert done.returncode == 0, done.stderr
    module, = (tree / "cy").glob("small.*.so")
    assert (SYMBOLS in module.read_bytes()) == kept


def test_sources_are_translated_once(tree):
    """Each Python's build has a Cython of its own, newer than the C that the first has made; that is used.

    It is made anew when a source is another one, whatever its time.
    """
    assert build(tree).returncode == 0
    made, = (tree / "build").rglob("small.c")
    source = tree / "cy" / "small.pyx"
    made.write_text(f"{made.read_text()}/* kept */\n")
    for path, year in ((source, 31), (tree / "cy" / "__init__.py", 31), (made, 32)):  # from 1970
        os.utime(path, times=(year * 31_536_000,) * 2)
    assert build(tree).returncode == 0
    assert made.read_text().endswith("/* kept */\n")
    source.write_text(source.read_text().replace("1", "2"))
    os.utime(source, times=(31 * 31_536_000,) * 2)
    os.utime(made, times=(32 * 31_536_000,) * 2)
    assert build(tree).returncode == 0
    assert not made.read_text().endswith("/* kept */\n")


@pytest.mark.parametrize("variables", [{"CC": "a-compiler-that-is-not-there"}, {"PATH": ""}])
def test_missing_compiler(tree, variables):
    """One line says so, before any module was translated to C."""
    done = build(tree, **variables)
    assert done.returncode == 1
    line, = done.stderr.splitlines()
    assert "no C compiler" in line and "CC" in line
    assert not list(tree.rglob("*.c"))


def test_compiler_without_headers(tree):
    """The compiler tells what it lacks, and the last line what to install."""
    done = build(tree, CPATH="", CFLAGS="-nostdinc")
    assert done.returncode == 1
    assert "python3-dev" in done.stderr.splitlines()[-1]
    assert not list(tree.rglob("*.c"))


def test_wrong_mode(tree):
    done = build(tree, PYSCTPSOCK_BUILD="releas")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "pysctpsock: PYSCTPSOCK_BUILD=releas: there are release, trace, asan, fuzz, branches")
