"""Monkey patching: SCTP for programs that nobody edits.

    python -m pysctpsock.monkey [--tcp-to-sctp [--only LIST] [--except LIST]] program.py [arguments]
    python -m pysctpsock.monkey [...] -m module [arguments]

patch_all() does gevent's patching, then `socket.socket` makes SCTP sockets of this library where a program
asks for IPPROTO_SCTP, `import sctp` finds pysctp's interface, and, if asked for, streams that would be TCP
are SCTP. It comes before the program's imports.  gevent's events tell of each step, and those below of the
whole.

This module stands above pysctpsock.compat; nothing in the package imports it.
"""
from __future__ import annotations

import argparse
import importlib
import os
import runpy
import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

try:
    import gevent.monkey
    from gevent import events
    from gevent.events import DoNotPatch
    from gevent.monkey import MonkeyPatchWarning, get_original
except ImportError as problem:
    raise ImportError(f"pysctpsock.monkey patches by means of gevent, which does not load: {problem}"
                      " (pip install gevent)") from problem

__all__ = ["DidPatchAllEvent", "DoNotPatch", "MonkeyPatchWarning", "Patches", "WillPatchAllEvent",
           "get_original", "is_patched", "main", "patch_all", "patches"]

PYSCTP = {"sctp": "pysctpsock.compat.pysctp", "_sctp": "pysctpsock.compat.pysctp_calls"}


@dataclass
class Patches:
    """What has been patched, or is to be."""

    sockets: bool = False
    pysctp: bool = False
    tcp_to_sctp: bool = False
    only: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)


@dataclass
class WillPatchAllEvent:
    """Before patch_all() does anything; a subscriber of gevent.events may raise DoNotPatch."""

    wanted: Patches


@dataclass
class DidPatchAllEvent:
    """After it."""

    patches: Patches


patches = Patches()


def is_patched() -> bool:
    """Whether `socket.socket` makes this library's SCTP sockets."""
    return patches.sockets


def patch_all(pysctp: bool = True, tcp_to_sctp: bool = False, only: Iterable[str] = (),
              exclude: Iterable[str] = (), **gevents: Any) -> bool:
    """Patch the standard library for this process; False if a subscriber of the events has forbidden it.

    pysctp: `import sctp` gives pysctpsock.compat.pysctp, unless another module of that name is loaded
    already.
    tcp_to_sctp: streams that would be TCP are SCTP; `only` and `exclude` choose by port ("80"), address
    ("127.0.0.53"), network ("10.0.0.0/8") or both ("127.0.0.1:80") of the listener or the peer.
    gevents: arguments of gevent.monkey.patch_all().

    To be called once, first of all.  Another call adds to what is patched and takes nothing back.  Modules
    that hold the original socket class already keep it: MonkeyPatchWarning names them.  ValueError for a rule
    that is none.
    """
    wanted = Patches(True, pysctp, tcp_to_sctp, list(only), list(exclude))
    try:
        events.notify(WillPatchAllEvent(wanted))
        if gevent.monkey.patch_all(**gevents) is False:
            return False
        _patch_sockets(wanted)
    except DoNotPatch:
        return False
    if pysctp:
        _patch_pysctp()
    events.notify(DidPatchAllEvent(patches))
    return True


def _patch_sockets(wanted: Patches) -> None:
    import socket
    import ssl

    from . import gevents

    late = [] if patches.sockets else _holders({get_original("socket", "socket"), gevents.socket})
    from .compat import patched, rules  # not before gevent has patched what they import

    if wanted.tcp_to_sctp:
        patched.make_stream = rules.maker(wanted.only, wanted.exclude)
        patches.tcp_to_sctp, patches.only, patches.exclude = True, wanted.only, wanted.exclude
    if patches.sockets:
        return
    if gevent.monkey.patch_module(socket, patched, items=patched.ITEMS) is False:
        raise DoNotPatch
    _patch_gevents_sockets(patched)
    patches.sockets = True
    ssl.SSLContext.wrap_socket = patched.wrapping_ours(  # type: ignore[method-assign]
        ssl.SSLContext.wrap_socket)
    if late:
        warnings.warn("patched too late: these modules hold the socket class as it was and will not make SCTP"
                      f" sockets: {', '.join(late)}", MonkeyPatchWarning, stacklevel=3)


def _patch_gevents_sockets(patched: ModuleType) -> None:
    """Let gevent's modules make what socket.socket makes; a later patching by gevent then changes nothing."""
    import gevent._socket3
    import gevent.server
    import gevent.socket
    import gevent.ssl  # its sockets derive from gevent's class

    for module in (gevent.socket, gevent._socket3):  # the second has the code that makes sockets
        for name in patched.ITEMS:
            gevent.monkey.patch_item(module, name, getattr(patched, name))
    gevent.monkey.patch_item(gevent.server, "GeventSocket", patched.socket)


def _holders(classes: set[type]) -> list[str]:
    """The names of the modules that have one of these classes, or a class made of one, among their names."""
    def holds(module: ModuleType) -> bool:
        return any(isinstance(value, type) and classes & set(value.__mro__)
                   for value in list(vars(module).values()))

    return sorted(name for name, module in list(sys.modules.items())
                  if isinstance(module, ModuleType) and holds(module)
                  and name.partition(".")[0] not in ("socket", "_socket", "ssl", "gevent", "pysctpsock"))


def _patch_pysctp() -> None:
    for name, ours in PYSCTP.items():
        module = importlib.import_module(ours)
        if sys.modules.setdefault(name, module) is not module:
            warnings.warn(f"patched too late: another module {name!r} is loaded already, and stays",
                          MonkeyPatchWarning, stacklevel=3)
    patches.pysctp = True


# ------------------------------------------------------------------ python -m pysctpsock.monkey

def main(arguments: Sequence[str] | None = None) -> None:
    """Patch, then run a program as Python would; its exceptions and SystemExit come out of here."""
    options = parser().parse_args(arguments)
    command = options.module or options.program
    if not command:
        parser().error("which program?")
    if (options.only or options.exclude) and not options.tcp_to_sctp:
        parser().error("--only and --except choose what --tcp-to-sctp does")
    try:
        patch_all(options.pysctp, options.tcp_to_sctp, options.only, options.exclude)
    except ValueError as problem:
        parser().error(str(problem))
    sys.argv[:] = command
    if options.module:
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    else:
        if not getattr(sys.flags, "safe_path", False):
            sys.path[0] = os.path.dirname(os.path.abspath(command[0]))
        runpy.run_path(command[0], run_name="__main__")


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    top = argparse.ArgumentParser(
        prog="python -m pysctpsock.monkey", allow_abbrev=False,
        usage="%(prog)s [options] (program.py | -m module) [arguments]",
        description="Run a Python program, unedited, with SCTP sockets.")
    top.add_argument("--tcp-to-sctp", action="store_true", help="streams that would be TCP are SCTP")
    top.add_argument("--only", metavar="LIST", default=[], type=_list,
                     help="those at these ports, addresses, networks or address:port, separated by commas")
    top.add_argument("--except", metavar="LIST", default=[], type=_list, dest="exclude", help="not those")
    top.add_argument("--no-pysctp", action="store_false", dest="pysctp", help="leave `import sctp` alone")
    top.add_argument("-m", dest="module", nargs=argparse.REMAINDER, help="a module, as python -m runs it")
    top.add_argument("program", nargs=argparse.REMAINDER, help="a program, as python runs it")
    return top


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


if __name__ == "__main__":
    from pysctpsock.monkey import main as run  # the module that the program may import, not this copy

    run()
