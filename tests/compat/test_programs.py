"""Programs that nobody edits (examples/unedited, and the standard library's), over SCTP by monkey patching.

PYSCTPSOCK_COMPAT_MEGABYTES is the size of the file that http.server serves (default 8).
"""
import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import processes
import pytest
import tshark
from udp_relay import free_udp_port

EXAMPLES = Path(__file__).parents[2] / "examples" / "unedited"
MEGABYTES = int(os.environ.get("PYSCTPSOCK_COMPAT_MEGABYTES", "8"))
TCP_TO_SCTP = ("-m", "pysctpsock.monkey", "--tcp-to-sctp")


class Patched:
    """Starts and runs patched programs that share a UDP port."""

    def __init__(self):
        self.udp_port = free_udp_port()
        self.started = []

    def start(self, *arguments, options=TCP_TO_SCTP):
        """A server, up to its first line of output, which it gives."""
        self.started.append(processes.start([*options, *arguments], self.udp_port))
        line = self.started[-1].stdout.readline()
        assert line, self.started[-1].stderr.read()
        return line

    def run(self, *arguments, options=TCP_TO_SCTP, status=0):
        """A client to its end; its output."""
        done = processes.run([*options, *arguments], self.udp_port)
        assert done.returncode == status, done.stderr
        return done.stdout

    def end(self):
        """Kill the servers; what they have said."""
        for process in self.started:
            process.kill()
        return [process.communicate() for process in self.started]


@pytest.fixture
def patched():
    programs = Patched()
    yield programs
    programs.end()


@pytest.fixture
def served_file(tmp_path):
    """(name of a file in the current folder, its SHA-256)."""
    content = random.Random(MEGABYTES).randbytes(MEGABYTES << 20)
    (tmp_path / "file").write_bytes(content)
    return "file", hashlib.sha256(content).hexdigest()


def serve_files(patched, *options):
    """The port of an http.server in the current folder."""
    line = patched.start(*options, "-m", "http.server", "--bind", "127.0.0.1", "0")
    return re.search(r"port (\d+)", line)[1]


def test_http_server_and_clients(patched, served_file):
    """http.server's file arrives whole at urllib and at http.client; each asked once."""
    name, digest = served_file
    port = serve_files(patched)
    shown = patched.run(EXAMPLES / "fetch.py", f"http://127.0.0.1:{port}/{name}")
    assert shown.split() == ["urllib", digest, "http.client", digest]
    [(_, log)] = patched.end()
    assert log.count("GET /file") == 2, log


@pytest.mark.parametrize("privileged", [True, False])
def test_http_server_at_port_80(patched, privileged):
    """Port 80 is to be had with the privilege, as from the kernel; EACCES without it."""
    own_network = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if not privileged:
        own_network += ["setpriv", "--bounding-set", "-net_bind_service"]
    if not shutil.which("setpriv") or not shutil.which("unshare") or subprocess.run(
            [*own_network, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace can be made here, or no privilege taken")
    served = subprocess.run([*own_network, sys.executable, "-c", f"""
import subprocess, sys, urllib.request
from pysctpsock.monkey import patch_all
server = subprocess.Popen([sys.executable, *{TCP_TO_SCTP!r}, "-m", "http.server", "--bind", "0.0.0.0", "80"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
if server.stdout.readline():
    patch_all(tcp_to_sctp=True)
    print(urllib.request.urlopen("http://127.0.0.1/").status, flush=True)
    server.kill()
print(server.communicate()[1])
"""], env=processes.environment(["-c"], patched.udp_port), capture_output=True, text=True,
                            timeout=processes.PATIENCE, check=False)
    if privileged:
        assert served.stdout.startswith("200"), served.stderr
    else:
        assert "PermissionError: [Errno 13]" in served.stdout and "SCTP port 80" in served.stdout, served


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_inherited_sockets(patched):
    """A forked worker (of gunicorn, say) that has its parent's sockets is told so by every call."""
    done = processes.run(["-W", "ignore", "-c", """
from pysctpsock.monkey import patch_all
patch_all(tcp_to_sctp=True)
import errno, os, select, selectors, socket

class Derived(socket.socket):
    pass

listener = socket.create_server(("127.0.0.1", 0))
client = Derived(socket.AF_INET, socket.SOCK_STREAM)
client.connect(listener.getsockname())
taken = listener.accept()[0]
sockets = [listener, client, taken, taken.dup()]
for sock in sockets[:2]:
    sock.fileno()
pid = os.fork()
if pid:
    os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
code = 1
try:
    for sock in sockets:
        for call in (sock.fileno, sock.detach, sock.accept, sock.listen, sock.getsockname, sock.getpeername,
                     sock.get_inheritable, sock.dup, lambda: sock.send(b"x"), lambda: sock.sendall(b"x"),
                     lambda: sock.recv(1), lambda: sock.recv_into(bytearray(1)), lambda: sock.shutdown(2),
                     lambda: sock.bind(("127.0.0.1", 0)), lambda: sock.connect(("127.0.0.1", 9)),
                     lambda: sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1),
                     lambda: select.select([sock], [], [], 0), lambda: sock.set_inheritable(False),
                     lambda: selectors.DefaultSelector().register(sock, selectors.EVENT_READ)):
            try:
                call()
            except OSError as problem:
                assert problem.errno == errno.EBADF and "parent process" in str(problem), problem
            else:
                raise AssertionError("a socket of the parent can be used")
        sock.close()
    assert [sock.fileno() for sock in sockets] == [-1] * 4
    code = 0
finally:
    os._exit(code)
"""], patched.udp_port)
    assert (done.returncode, done.stderr) == (0, "")


def test_tshark_sees_sctp_and_no_tcp(patched, served_file, tmp_path):
    """All that goes between the two programs, by ports of UDP and TCP, is SCTP in UDP."""
    name, digest = served_file
    port = serve_files(patched)
    capture = tmp_path / "capture.pcapng"
    watcher = subprocess.Popen(
        [tshark.require_tshark(), "-i", "lo", "-w", capture,
         "-f", f"udp port {patched.udp_port} or tcp port {port}"],
        stderr=subprocess.PIPE, text=True, env=tshark.environment())
    said = watcher.stderr.readline()
    while said and "Capturing on" not in said:
        if "permission" in said.lower():
            pytest.skip(f"tshark may not capture: {said.strip()}")
        said = watcher.stderr.readline()
    assert digest in patched.run(EXAMPLES / "fetch.py", f"http://127.0.0.1:{port}/{name}")
    watcher.terminate()
    watcher.communicate()
    packets = tshark.dissect(capture, [patched.udp_port])
    assert packets and all("sctp" in packet.protocols for packet in packets)
    assert not any("tcp" in packet.protocols for packet in packets)


def test_threaded_echo(patched):
    """socketserver: three connections at once, a thread each."""
    port = patched.start(EXAMPLES / "echo.py", "serve").strip()
    lines = patched.run(EXAMPLES / "echo.py", "ask", port).splitlines()
    assert sorted(lines) == sorted(f"{name} {n}" for name in "ABC" for n in range(5))


def test_xmlrpc(patched):
    port = patched.start(EXAMPLES / "calculator.py", "serve").strip()
    assert patched.run(EXAMPLES / "calculator.py", "ask", port).split() == [
        "1024", "power", "fault", "1"]


def test_smtp(patched):
    """smtplib with threads' blocking calls, aiosmtpd in asyncio's loop."""
    pytest.importorskip("aiosmtpd")
    port = 8025
    patched.started.append(processes.start(
        [*TCP_TO_SCTP, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}"], patched.udp_port))
    processes.wait_for_udp_port(patched.udp_port, patched.started[-1])
    assert patched.run(EXAMPLES / "mail.py", port).strip() == "250"
    [(said, _)] = patched.end()
    assert "Subject: over SCTP" in said and said.count("\nline") == 2000


def test_wsgi(patched):
    """gevent.pywsgi behind requests, one connection for three requests."""
    pytest.importorskip("requests")
    port = patched.start(EXAMPLES / "pages.py", "serve").strip()
    assert patched.run(EXAMPLES / "pages.py", "ask", port).split() == [
        "GET", "/first", "100000", "GET", "/third"]


def test_half_close(patched):
    """The request ends with SHUT_WR, the reply is read after it."""
    port = patched.start(EXAMPLES / "question.py", "serve").strip()
    assert patched.run(EXAMPLES / "question.py", "ask", port).strip() == "1000003 bytes, end"


def test_signalling(patched):
    """A program for pysctp: streams and ppids come back, notifications do not disturb."""
    options = ("-m", "pysctpsock.monkey")
    port = patched.start(EXAMPLES / "signalling.py", "serve", options=options).strip()
    assert patched.run(EXAMPLES / "signalling.py", "ask", port, options=options).splitlines() == [
        "ASP up answered 0 3 True", "capabilities answered 3 46 True", "data answered 1 3 True"]


def test_diameter(patched):
    """python-diameter from PyPI, which knows pysctp: two nodes exchange capabilities, then three requests."""
    pytest.importorskip("diameter")
    options = ("-m", "pysctpsock.monkey")
    port = patched.start(EXAMPLES / "diameter_nodes.py", "serve", options=options).strip()
    assert patched.run(EXAMPLES / "diameter_nodes.py", "ask", port, options=options).splitlines() == [
        f"record {number} answered 2001" for number in range(3)]
