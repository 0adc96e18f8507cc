"""Where a source tree hides the installed package.

In a checkout `python -m` and `python -c` find its folder `pysctpsock/` first, and the compiled core is not
beside it unless it was built in place.  Then the installed package takes over, whole: the Python of one
version never drives the core of another.
"""
from __future__ import annotations

import importlib.util
import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec

HERE = os.path.dirname(os.path.realpath(__file__))
TREE = os.path.dirname(HERE)
A_CORE_MODULE = "association"


def has_core(folder: str) -> bool:
    """Whether compiled modules for this Python are in a folder."""
    return any(os.path.exists(os.path.join(folder, A_CORE_MODULE + suffix)) for suffix in EXTENSION_SUFFIXES)


def is_whole() -> bool:
    """Whether this package has its own core: inside it, or beside it in a tree with an editable install."""
    if has_core(os.path.join(HERE, "_cy")):
        return True
    beside = os.path.join(TREE, "cy")
    if not has_core(beside):
        return False
    core = importlib.util.find_spec(f"{__package__}._cy")
    return core is not None and beside in map(os.path.realpath, core.submodule_search_locations or ())


def installed() -> ModuleSpec | None:
    """The package that would be found if the folder of this one were not searched."""
    others = [entry for entry in sys.path if os.path.realpath(entry or os.curdir) != TREE]
    for finder in sys.meta_path:
        spec = finder.find_spec(str(__package__), others)
        folder = os.path.dirname(os.path.realpath(spec.origin)) if spec and spec.origin else HERE
        if folder != HERE and (has_core(os.path.join(folder, "_cy"))
                               or has_core(os.path.join(os.path.dirname(folder), "cy"))):
            return spec
    return None


def give_way() -> None:
    """Load the installed package in place of this one; ImportError says what to do if there is none."""
    spec = installed()
    if spec is None or spec.loader is None:
        version = ".".join(map(str, sys.version_info[:2]))
        raise ImportError(
            f"{HERE} is a source tree whose core is not compiled for Python {version}, and no pysctpsock is"
            f" installed for it: `{sys.executable} -m pip install {TREE}` installs it, `-m pip install -e"
            f" {TREE}` builds it in place", name=__package__, path=HERE)
    del sys.modules[__name__]
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
