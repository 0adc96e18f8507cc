"""What the end of a program, fork() and the configuration mean to sockets."""
import gevent
import processes
import pytest

import pysctpsock
from pysctpsock.cli import free_udp_port
from pysctpsock.stack import Configuration, configuration, stack

PROGRAM = """
import sys
from pysctpsock.socket import *
sock = socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP)
sock.connect(("127.0.0.1", int(sys.argv[1])))
"""


def run_client(listener, code):
    """A program that has connected to the listener, in a process of its own; its greenlet."""
    port = listener.getsockname()[1]
    udp_port = stack().configuration.udp_port
    arguments = ["-W", "ignore", "-c", PROGRAM + code, port]
    return gevent.get_hub().threadpool.spawn(processes.run, arguments, udp_port)


@pytest.mark.parametrize("end", ["sock.close()", "", "import os; sock.close(); raise SystemExit(3)"])
def test_what_was_sent_arrives(ipv4, end):
    """The program ends right after close(), or without: the data arrives, then a graceful end."""
    listener = ipv4.listener()
    program = run_client(listener, f"for n in range(500): sock.sendall(b'%d' % n * 1000)\n{end}\n")
    server = ipv4.accept(listener)
    for n in range(500):
        assert server.recv(9999) == b"%d" % n * 1000
    assert server.recv(9999) == b""
    done = program.get()
    assert done.returncode == (3 if "SystemExit" in end else 0), done.stderr


def test_exit_with_unread_data_aborts(ipv4):
    """As a kernel does when the descriptor of a process that ends is closed."""
    listener = ipv4.listener()
    program = run_client(listener, "sock.recv(1)\n")
    server = ipv4.accept(listener)
    server.send(b"more than one byte")
    with pytest.raises(ConnectionResetError):
        server.recv(9)
    assert program.get().returncode == 0


FORK = """
import os, time
sock.send(b"before")
child = os.fork()
if child == 0:
    try:
        sock.send(b"from the child")
    except OSError as problem:
        mine = socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP)
        mine.connect(sock_name)
        mine.send(str(problem).encode())
        mine.close()
    sock.close()
else:
    assert os.waitpid(child, 0)[1] == 0
    sock.send(b"after")
    sock.close()
"""


def test_fork(ipv4):
    """A child's inherited sockets fail with a clear error and do not disturb the parent's; new ones work."""
    listener = ipv4.listener()
    program = run_client(listener, f"sock_name = ('127.0.0.1', {listener.getsockname()[1]})\n" + FORK)
    parents = ipv4.accept(listener)
    childs = ipv4.accept(listener)
    assert parents.recv(99) == b"before"
    assert b"parent process" in childs.recv(999)
    assert childs.recv(99) == b""
    assert parents.recv(99) == b"after"
    assert parents.recv(99) == b""
    done = program.get()
    assert (done.returncode, done.stderr) == (0, "")


def test_configure_comes_first(ipv4):
    ipv4.new()
    with pytest.raises(RuntimeError, match="before the first"):
        pysctpsock.configure(udp_port=5)


@pytest.mark.parametrize(("keywords", "words"), [
    ({"carrier": "pigeon"}, "does not exist"), ({"carrier": "raw"}, "not available yet"),
    ({"udp_port": 0}, "1..65535"), ({"udp_port": 65536}, "1..65535"),
    ({"max_associations": 0}, "1..2147483647"), ({"max_associations": 1 << 31}, "1..2147483647"),
])
def test_configure_refuses(monkeypatch, keywords, words):
    monkeypatch.setattr("pysctpsock.stack._stack", None)
    before = vars(configuration).copy()
    with pytest.raises(ValueError, match=words):
        pysctpsock.configure(**keywords)
    assert vars(configuration) == before


@pytest.mark.parametrize("variable", [
    "PYSCTPSOCK_UDP_PORT=70000", "PYSCTPSOCK_UDP_PORT=abc", "PYSCTPSOCK_UDP_PORT=",
    "PYSCTPSOCK_CARRIER=pigeon", "PYSCTPSOCK_CARRIER=raw",
    "PYSCTPSOCK_MAX_ASSOCIATIONS=0", "PYSCTPSOCK_MAX_ASSOCIATIONS=many",
])
def test_wrong_environment(variable):
    """The variable is named, and what it says."""
    name, _, value = variable.partition("=")
    with pytest.raises(ValueError, match=name + ".*" + (value or "''")):
        Configuration().set_from({name: value})


def test_program_in_a_wrong_environment(monkeypatch):
    monkeypatch.setenv("PYSCTPSOCK_MAX_ASSOCIATIONS", "many")
    done = processes.run(["-c", "import pysctpsock.socket"], free_udp_port())
    assert done.stderr.splitlines()[-1] == (
        "ValueError: PYSCTPSOCK_MAX_ASSOCIATIONS: 'many' is not a whole number")


def test_environment():
    made = Configuration()
    made.set_from({"PYSCTPSOCK_CARRIER": "udp", "PYSCTPSOCK_UDP_PORT": "5001",
                   "PYSCTPSOCK_MAX_ASSOCIATIONS": "9"})
    assert made == Configuration("udp", 5001, 9)


def test_configure_takes_whole_numbers(monkeypatch):
    monkeypatch.setattr("pysctpsock.stack._stack", None)
    with pytest.raises(TypeError):
        pysctpsock.configure(udp_port=9899.5)


def test_default_udp_port():
    """6951-5-01: sctp-tunneling, of listeners and of peers that say nothing else; another can be chosen."""
    assert Configuration().udp_port == 9899
    assert Configuration(udp_port=5000).udp_port == 5000
