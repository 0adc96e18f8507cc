"""Peers as processes: compile the usrsctp one, start either, read its JSON line, end it by its process id."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from queue import Empty, Queue
from types import TracebackType

import pytest

INTEROP = Path(__file__).resolve().parents[1] / "interop"


def build_with_usrsctp(source: Path, target: Path) -> Path:
    """Compile one C file against libusrsctp; skip the test where a compiler or the library is missing."""
    compiler = shutil.which(os.environ.get("CC", "gcc"))
    if compiler is None:
        pytest.skip("no C compiler (gcc) for the usrsctp peer")
    probe = subprocess.run([compiler, "-E", "-x", "c", "-"], input="#include <usrsctp.h>\n", text=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if probe.returncode != 0:
        pytest.skip("usrsctp.h not found (Debian: libusrsctp-dev)")
    subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-o", target, source,
                    "-lusrsctp", "-lpthread"], check=True)
    return target


class Peer:
    """A running peer; a context manager.  Its standard input is held open until finish()."""

    def __init__(self, command: "list[str]", environment: "dict[str, str] | None" = None) -> None:
        self.command = command
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by __exit__
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
            env={**os.environ, **(environment or {})})
        self._lines: Queue[str | None] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def line(self, timeout: float) -> str:
        """Return the next line of output; AssertionError if there is none in time."""
        try:
            line = self._lines.get(timeout=timeout)
        except Empty:
            raise AssertionError(f"no output for {timeout} s from {self}") from None
        if line is None:
            raise AssertionError(f"{self} ended with {self._process.wait()}")
        return line

    def wait_ready(self, timeout: float = 10) -> "Peer":
        """Wait until the server listens."""
        assert self.line(timeout) == "ready", f"unexpected output of {self}"
        return self

    def result(self, timeout: float = 60) -> "tuple[dict, list[str]]":
        """Return the peer's JSON line and the lines of text before it."""
        text = []
        while not (line := self.line(timeout)).startswith("{"):
            text.append(line)
        return json.loads(line), text

    def finish(self, timeout: float = 10) -> int:
        """Close the peer's standard input, which lets it end, and return its exit status."""
        self._process.stdin.close()
        return self._process.wait(timeout)

    def __str__(self) -> str:
        self._errors.seek(0)
        return f"{' '.join(map(str, self.command))}; stderr: {self._errors.read()[-2000:] or 'empty'}"

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, kind: "type[BaseException] | None", error: "BaseException | None",
                 traceback: "TracebackType | None") -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        for file in (self._process.stdin, self._process.stdout, self._errors):
            file.close()


def usrsctp_peer(program: Path, role: str, local_udp: int, remote_udp: int, *options: object) -> Peer:
    """Start tests/interop/usrsctp_peer.c in a role."""
    return Peer([str(program), role, "-E", str(local_udp), "-U", str(remote_udp), *map(str, options)])


def our_peer(role: str, udp_port: int, *options: object) -> Peer:
    """Start tests/interop/our_peer.py in a role; udp_port is a listener's own, a client's remote one."""
    return Peer([sys.executable, str(INTEROP / "our_peer.py"), role, *map(str, options)],
                {"PYSCTPSOCK_CARRIER": "udp", "PYSCTPSOCK_UDP_PORT": str(udp_port)})
