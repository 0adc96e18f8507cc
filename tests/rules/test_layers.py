"""The layers of the house: imports go down only, and the core knows nothing of sockets, clocks and gevent.

Modules of one layer with the same number may import each other as long as there is no circle.
"""
import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEAVES, MECHANISMS, HANDLERS, FACES, CARRIERS = 0, 1, 2, 3, 4
LAYERS = {
    **dict.fromkeys(["proto", "serial", "wire", "address", "crc32c", "chunks", "params", "entropy",
                     "parameters"], LEAVES),
    **dict.fromkeys(["timers", "rto", "cc", "outbox", "agenda", "tsnmap", "recvq", "ordering", "reasm",
                     "sendq", "tally", "outstanding", "path", "user", "cookie", "tagtable",
                     "ratelimit"], MECHANISMS),
    "tcb": HANDLERS,
    "emit": HANDLERS + 0.1, "failed": HANDLERS + 0.1, "delivery": HANDLERS + 0.1, "teardown": HANDLERS + 0.2,
    "abandon": HANDLERS + 0.3, "pathmgmt": HANDLERS + 0.3,
    "peerwindow": HANDLERS + 0.2,
    "transmit": HANDLERS + 0.4, "transfer": HANDLERS + 0.4, "setup": HANDLERS + 0.4,
    "scope": HANDLERS + 0.1,
    "strangers": HANDLERS + 0.2,
    "association": FACES, "endpoint": FACES + 0.1,
    # another protocol beside SCTP, over TCP
    "scp_wire": LEAVES, "scp_options": LEAVES, "scp_ids": MECHANISMS, "scp_pieces": MECHANISMS,
    "scp_session": HANDLERS, "scp_output": HANDLERS + 0.1, "scp_unread": HANDLERS + 0.1,
    "scp_connection": FACES, "scp_io": CARRIERS,
    # these may be absent yet
    "carrier": CARRIERS, "udp": CARRIERS + 0.1, "scripted": CARRIERS + 0.1, "engine": CARRIERS + 0.1,
    "audit": CARRIERS, "stage": CARRIERS,
    "sockbase": CARRIERS + 0.2,
}
FORBIDDEN_IN_CORE = {"socket", "os", "time", "random", "logging", "gevent"}
EXCEPTIONS = {("address", "socket")}         # if_nametoindex(): the number of a scope that a name stands for
LOOP_MODULES = re.compile(r"gevent\.(hub|core|_hub\w*|libev|libuv|libevent)\b|gevent\.(get_hub|getcurrent)$")
# for the loop, patching, name look-up and other sockets
GEVENT_ALLOWED = {"hub", "monkey", "native", "socket", "address", "doctor", "forking", "gevents"}

CY = sorted(path for path in (ROOT / "cy").iterdir() if path.suffix in {".pyx", ".pxd"})
MODULES = sorted({path.stem for path in CY})
ABOVE_COMPAT = {ROOT / "pysctpsock" / "monkey.py"}  # its name is fixed
PYTHON = sorted(set((ROOT / "pysctpsock").rglob("*.py")) - ABOVE_COMPAT)
COMPAT = sorted((ROOT / "compat").rglob("*.py"))

STATEMENT = re.compile(r"^[ \t]*(?:from[ \t]+(\S+)[ \t]+c?import\b|c?import[ \t]+([^\n#(]+))", re.MULTILINE)
STRINGS = re.compile(r'"""(?:[^\\]|\\.)*?"""', re.DOTALL)


def cython_imports(path):
    """The modules that a .pyx or .pxd imports or cimports, as written."""
    found = set()
    for origin, names in STATEMENT.findall(STRINGS.sub("", path.read_text())):
        if origin:
            found.add(origin)
        else:
            found.update(name.split()[0] for name in names.split(",") if name.strip())
    return found


def siblings(module):
    """The modules of the core that `module` imports."""
    return {name[1:].split(".")[0] for path in CY if path.stem == module
            for name in cython_imports(path) if name.startswith(".")} - {""}


def python_imports(path):
    """[(level of dots, dotted name)] of a Python file; `from a import b` gives a.b."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [(node.level, ".".join(filter(None, (node.module, alias.name)))) for alias in node.names]
    return found


@pytest.mark.parametrize("module", MODULES)
def test_has_a_layer(module):
    assert module in LAYERS, \
        f"cy/{module} is not in the table at the top of {Path(__file__).name}: which layer is it?"


def test_the_parser_sees_imports():
    """So that the other tests cannot pass by seeing nothing."""
    assert {"tcb", "setup", "transmit", "outbox"} <= siblings("endpoint")
    assert "errno" in cython_imports(ROOT / "cy" / "endpoint.pyx")
    assert "libc.stdint" in cython_imports(ROOT / "cy" / "wire.pxd")
    assert (1, "_cy.crc32c.crc32c") in python_imports(ROOT / "pysctpsock" / "dissect.py")


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module):
    for other in siblings(module) - {module}:
        assert other in LAYERS, f"cy/{module} imports {other}, which is not in the layer table"
        lower, upper = LAYERS[other], LAYERS[module]
        assert lower < upper or (lower == upper and upper in (LEAVES, MECHANISMS)), \
            f"cy/{module} (layer {upper}) imports cy/{other} (layer {lower}): imports go down only"


def test_no_circles():
    done, way = set(), []

    def visit(module):
        assert module not in way, " -> ".join([*way, module])
        if module not in done:
            way.append(module)
            for other in sorted(siblings(module) - {module}):
                visit(other)
            done.add(way.pop())

    for module in MODULES:
        visit(module)


@pytest.mark.parametrize("module", [module for module in MODULES if LAYERS.get(module, 0) < CARRIERS])
def test_the_core_does_no_io(module):
    """No socket, clock, randomness, log or loop: the core is driven, and tells."""
    for path in CY:
        if path.stem != module:
            continue
        used = {name.split(".")[0] for name in cython_imports(path)} & FORBIDDEN_IN_CORE
        used -= {name for owner, name in EXCEPTIONS if owner == module}
        assert not used, f"{path.name} imports {', '.join(sorted(used))}"
        clock = re.search(r"^\s*c?import.*\btime\b|posix\.time|libc\.time", path.read_text(), re.MULTILINE)
        assert not clock, f"{path.name} reads a clock"


def relative(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_the_package_imports_the_core_and_the_standard_library(path):
    for level, name in python_imports(path):
        top = name.split(".")[0]
        if level:
            assert top not in ("compat", "monkey"), f"{relative(path)} imports {top}, which stands above it"
        elif top == "pysctpsock":
            assert not name.startswith("pysctpsock.compat"), \
                f"{relative(path)} imports compat, which stands above it"
        elif top == "gevent":
            assert path.stem in GEVENT_ALLOWED, \
                f"{relative(path)} imports {name}; gevent is for {GEVENT_ALLOWED}"
        else:
            assert top in sys.stdlib_module_names, f"{relative(path)} imports {name}"


@pytest.mark.parametrize("path", PYTHON + COMPAT, ids=relative)
def test_only_the_hub_knows_the_loop(path):
    if path.name == "hub.py":
        return
    for level, name in python_imports(path):
        assert level or not LOOP_MODULES.match(name), \
            f"{relative(path)} imports {name}; only hub.py knows the loop"


@pytest.mark.parametrize("path", COMPAT, ids=relative)
def test_compat_imports_the_package(path):
    for level, name in python_imports(path):
        top = name.split(".")[0]
        assert "_cy" not in name.split("."), f"{relative(path)} imports {name}: the package's face is enough"
        assert level or top in {"pysctpsock", "gevent"} or top in sys.stdlib_module_names, \
            f"{relative(path)} imports {name}"
