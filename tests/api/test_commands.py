"""The commands of README, CONTRIBUTING, docs, examples and benchmarks run as they are written.

They run from the root of the tree, whose Python hides the installed package's, from a folder elsewhere (those
that name no file of the tree), or beside the program whose bare name they have; by who runs the tests, and,
if that is root, by nobody, who has no home and may write neither in the tree nor in that folder.  Each is in
one of the tables below, so that no new one goes untried.
"""
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import commands
import processes
import pytest
from udp_relay import free_udp_port

import pysctpsock

ROOT = processes.ROOT
MONKEY = "python -m pysctpsock.monkey"
PORT = "PYSCTPSOCK_UDP_PORT=9900"  # in the tests another, which is free

# What ends by itself: {command: arguments that make it quick}.
PROGRAMS = {
    "pysctpsock daytime": "",
    "pysctpsock doctor": "",
    "pysctpsock dump --scp FILE": "",
    f"{MONKEY} program.py": "",
    f"{MONKEY} --tcp-to-sctp program.py": "",
    "python -m benchmarks.goodput": "--seconds 1 --loss 0",
    "python -m benchmarks.grid": "--seconds 0.001 --rounds 1 --buffers 65536",
    "python examples/scp_http/compare.py": "--requests 2",
    "python tests/rfc/conformance.py --print": "",
}
# What serves without end, its client, and the client's folder if that is named by its bare name.
PAIRS = [
    ("pysctpsock daytime --server", "pysctpsock daytime --client 127.0.0.1", None),
    (f"{MONKEY} --tcp-to-sctp -m http.server 8000",
     f"{MONKEY} --tcp-to-sctp fetch.py http://127.0.0.1:8000/file", "unedited"),
    ("python server.py", "python client.py", "daytime"),
    (f"{PORT} python server.py", f"{PORT} python client.py", "daytime"),
    ("python server.py", "python clients.py", "many_peers"),
    ("python asyncio_server.py", "python clients.py", "many_peers"),
    ("python threaded_server.py", "python clients.py", "many_peers"),
]
MADE_QUICK = {"python clients.py": "--clients 5 --messages 2"}
TAKES_LONG = "takes minutes; it is what CI, or a developer by hand, runs around these tests"
WRITES = "writes a file of the tree; a test compares that with what it would write"
PEER = "builds and needs libusrsctp; `tox -e bench` runs it"
NOT_RUN = [  # (what it begins with, why)
    ("pip install", TAKES_LONG), ("tox", TAKES_LONG), ("pytest", "these tests run by it"),
    ("PYSCTPSOCK_BUILD=asan pip", TAKES_LONG), ("python setup.py", TAKES_LONG), ("export ", "runs nothing"),
    ("python3 -m venv", "makes an environment in the tree"),
    ("PYSCTPSOCK_CAPTURE=captures pytest", "these tests run by it"),
    ("tshark", "shows a capture that was made by hand"),
    ("python tests/rfc/conformance.py", WRITES), ("python tests/rfc/scp_lines.py", WRITES),
    ("python tests/api/option_page.py", WRITES),
    ("python -m benchmarks", PEER), ("python benchmarks/run.py", PEER),
    ("python benchmarks/scp.py", "fails below certain speeds, which a busy machine does not reach"),
    ("python ours.py", PEER),
    ("python -m aiosmtpd", "the program's own; test_programs.py runs it patched"),
    ("python -m pysctpsock.monkey", "stands for the commands that begin so"),
]


TRIED = {*PROGRAMS, *(command for pair in PAIRS for command in pair[:2])}


def plain(command):
    """Without what is optional."""
    return re.sub(r" \[.*\]", "", command)


def test_every_command_is_tried_or_has_a_reason():
    pages = commands.written()
    assert len(pages) > 40
    new = [(path, command) for path, command in pages if plain(command) not in TRIED and
           not any(command.startswith(beginning) for beginning, _reason in NOT_RUN)]
    assert not new, "commands that no table in test_commands.py has"


def test_tables_have_no_others():
    texts = {plain(command) for _path, command in commands.written()}
    texts.add("pysctpsock daytime --client 127.0.0.1")
    texts |= {part for text in texts for part in text.split(" && ")}
    assert not TRIED - texts
    assert not [first for first, _reason in NOT_RUN if not any(text.startswith(first) for text in texts)]


# ------------------------------------------------------------------ running them

class Reader:
    """Somebody who types commands."""

    def __init__(self, becoming, folder, home):
        self.becoming, self.folder, self.home = becoming, folder, home
        self.udp_port, self.started = free_udp_port(), []
        (folder / "FILE").write_bytes(bytes.fromhex("0400000100000008"))  # an empty segment, FIN of session 1
        (folder / "program.py").write_text("import socket\nsocket.socket().close()\n")

    def options(self, where):
        """For subprocess."""
        path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
        found = {**os.environ, "PATH": path, "PYSCTPSOCK_UDP_PORT": str(self.udp_port),
                 "PYTHONUNBUFFERED": "1", "HOME": str(self.home)}
        found.pop("PYTHONSAFEPATH", None)
        return {"env": found, "cwd": where, "text": True,
                "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}

    def words(self, command, more=""):
        for name in ("FILE", "program.py"):
            command = re.sub(rf"(?<= ){name}$", str(self.folder / name), command)
        command = command.replace(PORT, f"env PYSCTPSOCK_UDP_PORT={self.udp_port}")
        return [*self.becoming, *shlex.split(f"{command} {more}")]

    def run(self, command, where, more=""):
        return subprocess.run(self.words(command, more), timeout=processes.PATIENCE, check=False,
                              **self.options(where))

    def ask(self, command, where, more=""):
        """A client; the server has its UDP port, and listens in a moment."""
        deadline = time.monotonic() + processes.PATIENCE
        while True:
            done = self.run(command, where, more)
            if "refused" not in done.stderr or time.monotonic() > deadline:
                return done

    def serve(self, command, where):
        server = subprocess.Popen(self.words(command), **self.options(where))
        self.started.append(server)
        processes.wait_for_udp_port(self.udp_port, server)

    def end(self):
        for server in self.started:
            server.send_signal(signal.SIGKILL)
            server.communicate()


# An interpreter in root's home can be read, and nothing be written or done that nobody may not.
READING = "-all,+dac_read_search"
BECOMING_NOBODY = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups",
                   "--inh-caps", READING, "--ambient-caps", READING, "--"]


def become_nobody():
    """The beginning of commands that nobody types; skips the test if that is not possible."""
    try:
        subprocess.run([*BECOMING_NOBODY, sys.executable, "-c", ""], check=True, text=True,
                       capture_output=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        pytest.skip(f"only root can become nobody, by setpriv: {problem} {getattr(problem, 'stderr', '')}")
    return BECOMING_NOBODY


@pytest.fixture(params=["as_is", "nobody"])
def reader(request):
    becoming = become_nobody() if request.param == "nobody" else []
    folder = Path(tempfile.mkdtemp(prefix="reader-"))  # pytest's own are not for nobody
    folder.chmod(0o755)
    who = Reader(becoming, folder, "/nonexistent" if becoming else folder)
    yield who
    who.end()
    shutil.rmtree(folder)


def names_a_file(command):
    """Of the tree, by its path from there."""
    return any("/" in word or word.startswith("benchmarks") for word in command.split()[1:])


ALONE = [(command, place) for command in PROGRAMS
         for place in (["root"] if names_a_file(command) else ["root", "elsewhere"])]


@pytest.mark.parametrize(("command", "place"), ALONE)
def test_program(reader, command, place):
    """It runs wherever its reader is, and whoever."""
    done = reader.run(command, ROOT if place == "root" else reader.folder, PROGRAMS[command])
    assert done.returncode == 0, done.stderr


TOGETHER = [(*pair, place) for pair in PAIRS
            for place in (["beside"] if pair[0].endswith(".py") else ["root", "elsewhere"])]


@pytest.mark.parametrize(("server", "client", "folder", "place"), TOGETHER)
def test_server_and_client(reader, server, client, folder, place):
    """The client is typed where its program lies."""
    beside = ROOT / "examples" / (folder or "")
    where = {"root": ROOT, "elsewhere": reader.folder, "beside": beside}[place]
    reader.serve(server, where)
    served = {"root": "README.md", "elsewhere": "FILE"}.get(place, "")
    done = reader.ask(client.replace("8000/file", f"8000/{served}"), beside if folder else where,
                      MADE_QUICK.get(client, ""))
    assert done.returncode == 0, done.stderr


def test_the_package_that_runs_in_the_tree(reader):
    """In the tree `python -c` has, whole, the package that this process has."""
    source = "import pysctpsock, pysctpsock.stack as s; print(pysctpsock.__file__, s.__file__)"
    done = reader.run(f"python -c '{source}'", ROOT)
    folder = Path(pysctpsock.__file__).parent
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(folder / "__init__.py"), str(folder / "stack.py")]
