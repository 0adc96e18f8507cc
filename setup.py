"""Build logic of the compiled core only; metadata is in setup.cfg.

PYSCTPSOCK_BUILD chooses the mode: release (default), trace (line coverage of the .pyx files), branches
(branch coverage in the generated C), asan (address and undefined-behaviour sanitizers) or fuzz (the same,
and coverage for libFuzzer; clang).
"""
import contextlib
import hashlib
import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

import Cython
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import customize_compiler, new_compiler
from setuptools.errors import CompileError, PlatformError

STRIPPED = ["-s"] if os.name == "posix" and sys.platform != "darwin" else []  # Apple's linker lacks it
MODES = {  # name: (compiler flags, linker flags, C macros, Cython directives)
    "release": (["-O3", "-g0"], STRIPPED, [], {"boundscheck": False}),
    "trace": (
        ["-O0", "-g"],
        [],
        [("CYTHON_TRACE", "1"), ("CYTHON_TRACE_NOGIL", "1"), ("CYTHON_USE_SYS_MONITORING", "0")],
        {"linetrace": True, "profile": True, "boundscheck": True},
    ),
    "asan": (  # no stack redzones: greenlet copies stack slices
        ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "--param=asan-stack=0"],
        ["-fsanitize=address,undefined"],
        [],
        {"boundscheck": True},
    ),
    "fuzz": (  # wants CC=clang; tests/fuzz brings the fuzzer itself
        ["-O2", "-gline-tables-only", "-fno-omit-frame-pointer", "-fsanitize=address,undefined",
         "-fsanitize-coverage=inline-8bit-counters,pc-table"],
        ["-fsanitize=address,undefined", "-shared-libasan"],
        [],
        {"boundscheck": True},
    ),
    "branches": (["-O0", "-g", "--coverage"], ["--coverage"], [], {"boundscheck": False}),  # for gcov
}
MODE = os.environ.get("PYSCTPSOCK_BUILD", "release")
if MODE not in MODES:
    sys.exit(f"pysctpsock: PYSCTPSOCK_BUILD={MODE}: there are {', '.join(MODES)}")
CFLAGS, LDFLAGS, MACROS, DIRECTIVES = MODES[MODE]
CY, BUILD = Path("cy"), Path("build") / MODE


def check_compiler():
    """End with one line if C cannot be compiled here: to translate the core and fail then takes minutes."""
    compiler = new_compiler()
    customize_compiler(compiler)
    program = (getattr(compiler, "compiler_so", None) or ["cl.exe"])[0]
    if compiler.compiler_type == "unix" and shutil.which(program) is None:
        sys.exit(f"pysctpsock: no C compiler: {program!r} is not there; install one (Debian: `apt install gcc"
                 " libc6-dev python3-dev`), or name yours in the variable CC")
    paths = sysconfig.get_paths()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "headers.c"
        source.write_text("#include <Python.h>\n")
        try:
            compiler.compile([str(source)], output_dir=folder,
                             include_dirs=[paths["include"], paths["platinclude"]])
        except (CompileError, PlatformError) as problem:
            sys.exit(f"pysctpsock: {program} compiles nothing that includes Python.h ({problem}): install the"
                     " headers (Debian: `apt install libc6-dev python3-dev`)")


def cimport_root():
    """Make pysctpsock._cy.X resolvable to cy/X.pxd by the Cython compiler."""
    alias = Path("build") / "cimport" / "pysctpsock" / "_cy"
    if alias.is_symlink():
        alias.unlink()
    shutil.rmtree(alias, ignore_errors=True)
    alias.parent.mkdir(parents=True, exist_ok=True)
    try:
        alias.symlink_to(os.path.relpath(CY, alias.parent), target_is_directory=True)
    except OSError:  # no right to make links: declarations are enough
        shutil.copytree(CY, alias, ignore=lambda d, names: [n for n in names if not n.endswith(".pxd")])
    return str(alias.parents[1])


@contextlib.contextmanager
def translated_once():
    """Keep the C that this Cython has made of these sources.

    Cython compares times, also with those of its own files, which are new wherever pip or tox has just
    installed it.
    """
    sources = [Path("setup.py"), *sorted(CY.glob("*.p[yx][xd]"))]
    digest = hashlib.sha256(Cython.__version__.encode())
    for source in sources:
        digest.update(source.name.encode() + source.read_bytes())
    stamp = BUILD / "c" / "made-of"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        compared = [*sources, *Path(Cython.__file__).parent.rglob("*.pxd")]
        newest = max(path.stat().st_mtime for path in compared)
        for made in stamp.parent.rglob("*.c"):
            if made.stat().st_mtime <= newest:
                made.touch()
    stamp.unlink(missing_ok=True)  # until all is of these sources
    yield
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(digest.hexdigest())


def drop_other_mode():
    """Remove the modules in cy/ if they are of another mode: an in-place build replaces only older ones."""
    if not {"editable_wheel", "--inplace", "-i", "develop"} & set(sys.argv):
        return
    stamp = Path("build") / "mode"
    if not stamp.exists() or stamp.read_text() != MODE:
        for module in [*CY.glob("*.so"), *CY.glob("*.pyd")]:
            module.unlink()
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(MODE)


@contextlib.contextmanager
def alone():
    """Builds of several Pythons share the generated C: one waits for the other."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    Path("build").mkdir(exist_ok=True)
    with open(Path("build") / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


check_compiler()
with alone(), translated_once():
    drop_other_mode()
    setup(
        ext_modules=cythonize(
            [
                Extension(
                    f"pysctpsock._cy.{src.stem}",
                    [str(src)],
                    include_dirs=[str(CY)],
                    define_macros=MACROS,
                    extra_compile_args=CFLAGS,
                    extra_link_args=LDFLAGS,
                )
                for src in sorted(CY.glob("*.pyx"))
            ],
            include_path=[cimport_root()],
            build_dir=None if MODE == "trace" else str(BUILD / "c"),  # coverage wants the C beside its .pyx
            annotate=bool(os.environ.get("PYSCTPSOCK_ANNOTATE")),
            nthreads=os.cpu_count() or 1,
            emit_linenums=MODE in ("asan", "fuzz"),
            compiler_directives={
                "language_level": 3,
                "wraparound": False,
                "cdivision": True,
                "embedsignature": True,
                "auto_pickle": False,
                **DIRECTIVES,
            },
        ),
        options={"build": {"build_base": str(BUILD)}, "build_ext": {"parallel": os.cpu_count() or 1}},
    )
