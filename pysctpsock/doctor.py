"""`pysctpsock doctor`: what this machine and this installation can do, and what is broken."""
from __future__ import annotations

import difflib
import os
import platform
import socket as _socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import gevent

from ._cy.udp import UdpCarrier
from ._version import __version__
from .cli import THIS_PROGRAM
from .configuration import VARIABLES, Configuration

HERE = Path(__file__).parent
PATIENCE = 60.0  # seconds for each program that is started
WIDTH = 13  # of most names
ALIKE = 0.86  # of two names: one is the other, misspelt
WILDCARDS = (("UDP over IPv4", "0.0.0.0", False), ("UDP over IPv6", "::", True))


class Finding(NamedTuple):
    """One line."""

    name: str
    text: str
    broken: bool = False


def report() -> int:
    """Print the findings as they come; the exit status: 1 if something is broken."""
    broken = 0
    for finding in findings():
        broken += finding.broken
        mark = "BROKEN: " if finding.broken else ""
        print(f"{finding.name:{WIDTH}}  {mark}{finding.text}", flush=True)
    print({0: "nothing is broken", 1: "1 thing is broken"}.get(broken, f"{broken} things are broken"))
    return 1 if broken else 0


def findings() -> Iterator[Finding]:
    """All of them, in the order in which they are told."""
    yield Finding("pysctpsock", __version__)
    yield package()
    yield Finding("Python", platform.python_version())
    yield Finding("gevent", gevent.__version__)
    yield Finding("system", " ".join((platform.system(), platform.release(), platform.machine())))
    yield Finding("kernel SCTP", opens(_socket.AF_INET, _socket.SOCK_STREAM, 132))
    yield Finding("raw IP", opens(_socket.AF_INET, _socket.SOCK_RAW, 132))
    yield from carriers()
    yield from variables()
    yield from ports()
    yield self_test()


def opens(family: int, kind: int, protocol: int) -> str:
    """Whether the system makes such a socket, in words."""
    try:
        _socket.socket(family, kind, protocol).close()
    except OSError as problem:
        return f"no: {problem.strerror} (it is not needed)"
    return "yes (it is not used yet)"


def package() -> Finding:
    """Whether a Python that starts in this folder imports the package that runs here."""
    done = subprocess.run([sys.executable, "-c", f"import {__package__} as found; print(found.__file__)"],
                          capture_output=True, text=True, check=False, timeout=PATIENCE)
    if done.returncode:
        return Finding("package", f"{HERE}, but `import {__package__}` fails in this folder: "
                                  f"{last_line(done.stderr)}", True)
    found = last_line(done.stdout)
    if os.path.realpath(found) != os.path.realpath(HERE / "__init__.py"):
        return Finding("package", f"{HERE}, but Python finds {found} first in this folder: rename it, or go "
                                  "elsewhere", True)
    tree = Path.cwd() / str(__package__)
    if (tree / "__init__.py").exists() and not tree.samefile(HERE):
        return Finding("package", f"{HERE}; the source tree {tree} gives way to it")
    return Finding("package", str(HERE))


def carriers() -> Iterator[Finding]:
    """What UDP sockets can do here."""
    for name, host, ipv6 in WILDCARDS:
        try:
            carrier = UdpCarrier(host, 0, ipv6)
        except OSError as problem:
            yield Finding(name, f"no: {problem}", not ipv6)
            continue
        state = carrier.snapshot()
        carrier.close()
        offloads = [label for key, label in (("use_gso", "segmentation offload"),
                                             ("use_gro", "receive offload"),
                                             ("use_mmsg", "sendmmsg and recvmmsg")) if state[key]]
        yield Finding(name, "yes: " + (", ".join(offloads) or "plain calls"))
        yield Finding("  buffers", f"{state['receive_buffer']} bytes in, {state['send_buffer']} bytes out")


def variables() -> Iterator[Finding]:
    """The variables of the environment that are ours, or nearly."""
    for variable, value in sorted(os.environ.items()):
        if not variable.startswith("PYSCTPSOCK_"):
            continue
        meant = difflib.get_close_matches(variable, VARIABLES, 1, ALIKE)
        if variable in VARIABLES:
            try:
                Configuration().set_from({variable: value})
            except ValueError as problem:
                yield Finding(variable, str(problem).removeprefix(f"{variable}: "), True)
                continue
        elif meant:
            yield Finding(variable, f"there is no such variable; is {meant[0]} meant?", True)
            continue
        yield Finding(variable, value)


def ports() -> Iterator[Finding]:
    """Whether a listener can have its UDP port."""
    configuration = Configuration()
    try:
        configuration.set_from(os.environ)
    except ValueError:  # which variables() tells
        return
    port = configuration.udp_port
    for name, host, ipv6 in WILDCARDS:
        try:
            UdpCarrier(host, 0, ipv6).close()
        except OSError:  # which carriers() tells
            continue
        try:
            UdpCarrier(host, port, ipv6).close()
        except OSError as problem:
            yield Finding("UDP port", f"{port}, {name}: {problem}; programs that connect can do without it, "
                                      "listeners want another: PYSCTPSOCK_UDP_PORT=N, at both ends", True)
            return
    yield Finding("UDP port", f"{port} is free; a firewall before listeners has to let it in")


def self_test() -> Finding:
    """An association over loopback between two programs, at UDP ports that are free."""
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    try:
        done = subprocess.run([*THIS_PROGRAM, "daytime"], env=environment, capture_output=True, text=True,
                              check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return Finding("self-test", "two programs do not end that talk over loopback", True)
    if done.returncode or "Local" not in done.stdout or "GMT" not in done.stdout:
        return Finding("self-test", f"two programs do not reach each other over loopback: "
                                    f"{last_line(done.stderr)}", True)
    return Finding("self-test", "two programs have talked over loopback")


def last_line(text: str) -> str:
    """What a program said at its end."""
    return text.strip().rpartition("\n")[2]
