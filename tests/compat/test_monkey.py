"""Monkey patching (pysctpsock.monkey): what becomes of the `socket` module, and of the program."""
import os
import select
import socket

import processes
import pytest

from pysctpsock.cli import free_udp_port

KINDS = """
import socket, ssl
sctp = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
many = socket.socket(socket.AF_INET, socket.SOCK_SEQPACKET, socket.IPPROTO_SCTP)
tcp = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
left, right = socket.socketpair()
for sock in (sctp, many, tcp, udp, left):
    print(type(sock).__module__, isinstance(sock, socket.socket), issubclass(type(sock), socket.socket),
          isinstance(sock, socket.SocketType), sock.proto)
assert not isinstance(3, socket.socket) and not issubclass(int, socket.socket)
"""


def test_only_sctp_sockets_become_ours(run_program):
    """Every other socket stays gevent's; all are instances of socket.socket."""
    shown = [line.split() for line in run_program(KINDS).splitlines()]
    assert [line[0].partition(".")[0] for line in shown] == ["pysctpsock"] * 2 + ["gevent"] * 3
    assert [line[1:] for line in shown] == [["True"] * 3 + [proto] for proto in ("132", "132", "0", "0", "0")]


DERIVED = """
import abc, io, socket, threading
class Mine(socket.socket, abc.ABC):
    def __init__(self, name, *arguments, **more):
        super().__init__(*arguments, **more)
        self.name, self.counted = name, 0
    def recv_into(self, *arguments):
        received = super().recv_into(*arguments)
        self.counted += received
        return received
    def send(self, data, flags=0):
        return socket.socket.send(self, data.upper(), flags)
listener = Mine("listener", socket.AF_INET, socket.SOCK_STREAM, proto={proto})
listener.bind(("127.0.0.1", 0))
listener.listen()
assert isinstance(listener, socket.socket) and not isinstance(socket.socket(), Mine)
with Mine("client", proto={proto}) as client:
    assert client.connect_ex(listener.getsockname()) == 0
    accepted, address = listener.accept()
    assert address == client.getsockname() and isinstance(accepted, socket.socket)
    client.send(b"hello\\n")
    assert socket.socket.recv(accepted, 100) == b"HELLO\\n", "unbound, of another class of socket"
    accepted.sendall(b"one\\ntwo\\n")
    with client.makefile("rb") as lines:
        client.close()  # the file keeps it open
        assert [lines.readline(), lines.readline()] == [b"one\\n", b"two\\n"] and client.fileno() >= 0
    assert client.counted == 8
    assert client.fileno() == -1 and (client.family, client.type) == (socket.AF_INET, socket.SOCK_STREAM)
name, again = listener.getsockname(), Mine("again", fileno=listener.detach())
assert listener.fileno() == -1 and again.fileno() >= 0 and again.getsockname() == name
print(type(accepted).__module__.partition(".")[0], client.name, client.proto, listener.proto)
"""


@pytest.mark.parametrize("proto, options, module", [
    ("socket.IPPROTO_SCTP", (), "pysctpsock"), ("0", (), "gevent"), ("0", ("--tcp-to-sctp",), "pysctpsock"),
    ("0", ("--tcp-to-sctp", "--only", "127.0.0.0/8"), "pysctpsock"),
    ("0", ("--tcp-to-sctp", "--except", "127.0.0.1"), "gevent")])
def test_a_class_that_a_program_derives(run_program, proto, options, module):
    """It makes the socket that its arguments ask for, and can override and call what it inherits."""
    shown = run_program(DERIVED.format(proto=proto), *options).split()
    assert shown[:2] == [module, "client"] and (shown[2] == "132") == (proto != "0")


ECHO = """
import socket, threading
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
listener.bind(("127.0.0.1", 0))
listener.listen()
def serve():
    with listener.accept()[0] as peer:
        peer.sendall(peer.recv(100).upper())
thread = threading.Thread(target=serve)
thread.start()
found = socket.getaddrinfo(*listener.getsockname(), proto=socket.IPPROTO_SCTP)
for family, kind, proto, _, address in found:
    with socket.socket(family, kind, proto) as sock:
        sock.connect(address)
        sock.sendall(b"hello")
        print(kind.name, sock.recv(100).decode())
    break
thread.join()
"""


def test_threads_speak_sctp(run_program):
    """Plain threads, blocking calls and getaddrinfo(proto=IPPROTO_SCTP) in one unedited program."""
    assert run_program(ECHO).split() == ["SOCK_STREAM", "HELLO"]


REDIRECTED = """
import socket, sys
host, family, proto = sys.argv[1], *map(int, sys.argv[2:])
listener = socket.socket(family, socket.SOCK_STREAM, proto)
listener.bind((host, 0))
listener.listen()
client = socket.socket(family, socket.SOCK_STREAM, proto)
for nodelay in (1, 0):
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, nodelay)
    print(client.getsockopt(socket.IPPROTO_SCTP, 3))  # SCTP_NODELAY
client.connect(listener.getsockname())
server, _ = listener.accept()
client.sendall(b"redirected")
print(server.recv(99).decode(), type(client).__module__.partition(".")[0])
"""


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("proto", [0, socket.IPPROTO_TCP])
def test_streams_become_sctp(run_program, family, proto):
    """Case 161: with protocol 0 and with TCP's; TCP_NODELAY is SCTP_NODELAY."""
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    shown = run_program(REDIRECTED, "--tcp-to-sctp", arguments=(host, str(int(family)), str(proto)))
    assert shown.split() == ["1", "0", "redirected", "pysctpsock"]


def test_functions_that_make_sockets_make_tcp(run_program):
    """create_server(), create_connection() and fromfd() are TCP's unless streams are switched to SCTP."""
    assert run_program("""
import os, socket
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
again = socket.fromfd(os.dup(server.fileno()), socket.AF_INET, socket.SOCK_STREAM)
client.sendall(b"over TCP")
print(again.recv(100).decode(), type(client).__module__.partition(".")[0])
""").split() == ["over", "TCP", "gevent"]


# ------------------------------------------------------------------ the program and its surroundings

def test_arguments_are_the_programs(run_program, tmp_path, monkeypatch):
    """sys.argv, __name__ and sys.path are as Python would have them."""
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    shown = run_program("import sys; print(sys.argv, __name__, sys.path[0])", "--no-pysctp",
                        arguments=["--only", "-m", "x"])
    path = tmp_path / "program.py"
    assert shown.strip() == f"{[str(path), '--only', '-m', 'x']} __main__ {tmp_path}"


@pytest.mark.parametrize("end, status", [
    ("import sys; sys.exit(3)", 3), ("raise SystemExit", 0), ("raise ValueError('mine')", 1),
    ("import os; os._exit(7)", 7), ("import sys; sys.exit('why')", 1)])
def test_exit_codes_are_the_programs(run_program, end, status):
    run_program(end, status=status)


def test_a_module_is_run_as_python_does(tmp_path, monkeypatch):
    """-m: the module from the current folder, its path in sys.argv[0], its arguments behind."""
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    (tmp_path / "some_module.py").write_text("import sys; print(sys.argv, __name__); sys.exit(4)")
    done = processes.run(["-m", "pysctpsock.monkey", "-m", "some_module", "-m", "x"], free_udp_port())
    assert done.returncode == 4, done.stderr
    assert done.stdout.strip() == f"{[str(tmp_path / 'some_module.py'), '-m', 'x']} __main__"


@pytest.mark.parametrize("arguments, complaint", [
    ([], "which program?"),
    (["--only", "80", "x.py"], "--only and --except choose what --tcp-to-sctp does"),
    (["--tcp-to-sctp", "--except", "http", "x.py"], "'http' is no port, address, network or address:port"),
    (["--nonsense", "x.py"], "unrecognized arguments"),
])
def test_wrong_options(arguments, complaint):
    done = processes.run(["-m", "pysctpsock.monkey", *arguments], free_udp_port())
    assert done.returncode == 2 and complaint in done.stderr, done.stderr


def test_a_program_that_is_not_there():
    done = processes.run(["-m", "pysctpsock.monkey", "nowhere.py"], free_udp_port())
    assert done.returncode != 0 and "nowhere.py" in done.stderr


# ------------------------------------------------------------------ patch_all()

def test_events_and_originals(run_python):
    """gevent's events tell of each module, ours of the whole; the original class can be had."""
    done = run_python("""
import socket
originals = [socket.socket]
from gevent import events
seen = []
events.subscribers.append(lambda event: seen.append(event))
from pysctpsock import monkey
assert not monkey.is_patched()
assert monkey.patch_all(pysctp=False) is True
assert monkey.is_patched() and monkey.get_original("socket", "socket") is originals[0]
names = [type(event).__name__ for event in seen]
print(names[0], names[1], names[-1])
modules = [event.module_name for event in seen if type(event).__name__ == "GeventDidPatchModuleEvent"]
print(modules.count("socket"), seen[0].wanted.pysctp, "sctp" in __import__("sys").modules)
""")
    assert done.stdout.splitlines() == ["WillPatchAllEvent GeventWillPatchAllEvent DidPatchAllEvent",
                                        "2 False False"]
    assert done.stderr == ""


@pytest.mark.parametrize("event", ["WillPatchAllEvent", "GeventWillPatchAllEvent"])
def test_a_subscriber_may_forbid_it(run_python, event):
    done = run_python(f"""
import socket
from gevent import events
original = socket.socket
from pysctpsock import monkey
def subscriber(event):
    if type(event).__name__ == {event!r}:
        raise monkey.DoNotPatch
events.subscribers.append(subscriber)
print(monkey.patch_all(), socket.socket is original, monkey.is_patched())
""")
    assert done.stdout.split() == ["False", "True", "False"]


def test_patching_twice_changes_nothing(run_python):
    done = run_python("""
import socket
from pysctpsock import monkey
monkey.patch_all()
once, module = socket.socket, __import__("sctp")
assert monkey.patch_all() is True
print(socket.socket is once, __import__("sctp") is module, monkey.get_original("socket", "socket").__module__)
""")
    assert done.stdout.split() == ["True", "True", "socket"] and done.stderr == ""


def test_patching_again_adds(run_python):
    """Streams may become SCTP's later; a rule may still be set then."""
    done = run_python("""
import socket
from pysctpsock import monkey
monkey.patch_all()
print(type(socket.socket()).__name__)
monkey.patch_all(tcp_to_sctp=True)
print(type(socket.socket()).__name__)
monkey.patch_all()
print(type(socket.socket()).__name__, monkey.patches.tcp_to_sctp)
""")
    assert done.stdout.split() == ["socket", "TcpSocket", "TcpSocket", "True"]


def test_after_gevents_own_patching(run_python):
    """A program that gevent has patched already is patched on top."""
    done = run_python("""
from gevent import monkey
monkey.patch_all()
import socket
originals = [monkey.get_original("socket", "socket")]
from pysctpsock import monkey as ours
ours.patch_all()
print(type(socket.socket(proto=socket.IPPROTO_SCTP)).__module__)
print(ours.get_original("socket", "socket") is originals[0])
""")
    assert done.stdout.split() == ["pysctpsock.socket", "True"] and done.stderr == ""


def test_patching_too_late_names_who_holds_the_class(run_python, tmp_path):
    """Modules with `from socket import socket`, or a class made of it, keep TCP's: a warning says which."""
    (tmp_path / "holder.py").write_text("from socket import socket")
    (tmp_path / "maker.py").write_text("import socket\nclass Mine(socket.socket): pass")
    (tmp_path / "innocent.py").write_text("import socket")
    done = run_python("""
import holder, maker, innocent
from pysctpsock import monkey
monkey.patch_all()
""")
    assert "MonkeyPatchWarning: patched too late" in done.stderr
    assert "holder, maker" in done.stderr and "innocent" not in done.stderr
    assert "program.py:4" in done.stderr, "the warning does not point at the caller"


def test_the_real_pysctp_stays(run_python, tmp_path):
    """A module `sctp` that is loaded already is not replaced; one that is not is never looked for."""
    (tmp_path / "sctp.py").write_text("real = True")
    done = run_python("""
import sctp
from pysctpsock import monkey
monkey.patch_all()
import sctp
print(sctp.real)
""")
    assert done.stdout.strip() == "True"
    assert "MonkeyPatchWarning: patched too late: another module 'sctp'" in done.stderr
    done = run_python("""
from pysctpsock import monkey
monkey.patch_all()
import sctp, _sctp
print(sctp.__name__, _sctp.getconstant("IPPROTO_SCTP"))
""")
    assert done.stdout.split() == ["pysctpsock.compat.pysctp", "132"]


def test_without_gevent(run_python):
    """The message says what is missing."""
    done = run_python("import sys; sys.modules['gevent'] = None; import pysctpsock.monkey", status=1)
    assert "pysctpsock.monkey patches by means of gevent, which does not load" in done.stderr


@pytest.mark.parametrize("options", [(), ("--except", "127.0.0.1"), ("--only", "127.0.0.1")])
def test_tls_with_who_speaks_none(run_program, options):
    """The error is OpenSSL's, on SCTP as on TCP."""
    assert run_program("""
import socket, ssl
listener = socket.create_server(("127.0.0.1", 0))
sock = socket.create_connection(listener.getsockname())
listener.accept()[0].sendall(b"no TLS at all")
try:
    ssl.create_default_context().wrap_socket(sock, server_hostname="localhost")
except OSError as problem:
    print(problem)
""", "--tcp-to-sctp", *options).startswith("[SSL: WRONG_VERSION_NUMBER]")


def test_tls_sockets_that_no_context_makes(run_program):
    """EOPNOTSUPP, and what to use: OpenSSL would wait at the descriptor for ever."""
    assert run_program("""
import socket, ssl, gevent.ssl
listener = socket.create_server(("127.0.0.1", 0))
sock = socket.create_connection(listener.getsockname())
try:
    gevent.ssl.SSLSocket(sock, _context=ssl.create_default_context(), server_hostname="localhost")
except OSError as problem:
    print(problem.errno == __import__("errno").EOPNOTSUPP, problem)
""", "--tcp-to-sctp").startswith("True [Errno 95] Operation not supported: OpenSSL cannot use")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork()")
def test_fork_after_patching(run_program):
    """The child's copies are dead, with a clear message; its own sockets work, and the parent's go on."""
    assert run_program("""
import os, socket
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
listener.bind(("127.0.0.1", 0))
listener.listen()
address = listener.getsockname()
child = os.fork()
if child == 0:
    try:
        listener.accept()
    except OSError as problem:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
        sock.connect(address)
        sock.sendall(str(problem).encode())
        sock.close()
    raise SystemExit
peer, _ = listener.accept()
print(peer.recv(100).decode())
print(os.waitpid(child, 0)[1])
""").splitlines() == ["[Errno 9] Bad file descriptor: the socket belongs to the parent process", "0"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork()")
def test_a_daemon(run_program, tmp_path):
    """Two forks, and all descriptors closed by number, before the program makes its sockets."""
    result = tmp_path / "result"
    os.mkfifo(result)
    reader = os.open(result, os.O_RDONLY | os.O_NONBLOCK)
    run_program("""
import os, sys
if os.fork():
    os.wait()
    sys.exit()
os.setsid()
if os.fork():
    os._exit(0)
os.closerange(3, 1024)
import socket, threading
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
listener.bind(("127.0.0.1", 0))
listener.listen()
client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
threading.Thread(target=lambda: (client.connect(listener.getsockname()), client.send(b"served"))).start()
with open(sys.argv[1], "wb") as file:
    file.write(listener.accept()[0].recv(100))
""", arguments=[result])
    select.select([reader], [], [], processes.PATIENCE)
    assert os.read(reader, 100) == b"served"
    os.close(reader)
