"""fork() in a program whose threads use sockets: the child goes on, and the parent is not disturbed."""
import processes
import pytest

from pysctpsock.cli import free_udp_port

PATIENCE = 180
PROGRAM = """
import errno, multiprocessing, os, select, selectors, subprocess, sys, threading
from pysctpsock.socket import *

def pair():
    listener = socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(5)
    client = socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP)
    client.connect(listener.getsockname())
    return listener, client, listener.accept()[0]

listener, client, server = pair()
FORKS = 40
stop = False
rounds = 0

def echo():
    while (data := server.recv(100)):
        server.send(data)

def ping():
    global rounds
    while not stop:
        client.send(b"%d" % rounds)
        assert client.recv(100) == b"%d" % rounds
        rounds += 1

def describe():  # takes the module's lock and the stack's
    while not stop:
        listener.fileno()
        with socket(AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.fileno()

def inherited():
    for call in (lambda: client.send(b"x"), lambda: server.recv(1), listener.accept,
                 listener.getsockname, lambda: client.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1),
                 server.fileno, server.detach, server.get_inheritable, lambda: server.set_inheritable(True),
                 server.dup, lambda: select.select([listener], [], [], 0),
                 lambda: selectors.DefaultSelector().register(listener, selectors.EVENT_READ)):
        try:
            call()
        except OSError as problem:
            assert problem.errno == errno.EBADF and "parent process" in str(problem), problem
        else:
            raise AssertionError("a socket of the parent can be used")
    assert "the parent's" in repr(client)
    client.close()
    assert client.fileno() == -1

def own():
    # By name of the parent's listener, which is another process's now, and between the child's own threads.
    mine = socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP)
    mine.connect(ADDRESS)
    mine.settimeout(60)
    assert mine.recv(100) == b"welcome"
    results = []
    thread = threading.Thread(target=lambda: results.append(mine.recv(100)))
    thread.start()
    mine.send(b"hello")
    thread.join(60)
    assert results == [b"hello"]
    mine.close()

def child():
    inherited()
    own()

def greet(sock):
    try:
        sock.send(sock.recv(100))
    except OSError as problem:  # a child that has ended
        assert problem.errno in (errno.ECONNRESET, errno.ECONNREFUSED, errno.EPIPE, errno.ENOTCONN), problem

def welcome():
    while True:
        greeted = listener.accept()[0]
        greeted.send(b"welcome")
        kept.append(greeted)  # the child ends without ado
        threading.Thread(target=greet, args=[greeted], daemon=True).start()

kept = []
ADDRESS = listener.getsockname()
if "descriptors" in sys.argv:
    client.fileno(), server.fileno(), listener.fileno()
threads = [threading.Thread(target=target, daemon=True) for target in (echo, ping, describe, welcome)]
for thread in threads:
    thread.start()

def after():
    before = rounds
    while rounds < before + 10:  # the parent's traffic goes on
        assert all(thread.is_alive() for thread in threads)
        select.select([], [], [], 0.001)

def expect(status):
    assert status == 0, status
"""

WAYS = {
    "fork": """
for n in range(FORKS):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            child() if n % 8 == 0 else inherited()
            code = 0
        finally:
            os._exit(code)
    expect(os.waitpid(pid, 0)[1])
after()
""",
    "fork in a thread": """
def fork():
    for n in range(FORKS):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                child() if n % 8 == 0 else inherited()
                code = 0
            finally:
                os._exit(code)
        statuses.append(os.waitpid(pid, 0)[1])
statuses = []
thread = threading.Thread(target=fork)
thread.start()
thread.join()
assert statuses == [0] * FORKS, statuses
after()
""",
    "multiprocessing": """
context = multiprocessing.get_context("fork")
for n in range(FORKS // 4):
    process = context.Process(target=child if n % 4 == 0 else inherited)
    process.start()
    process.join()
    expect(process.exitcode)
after()
""",
    "preexec_fn": """
for n in range(FORKS):
    expect(subprocess.Popen([sys.executable, "-S", "-c", ""] if n == 0 else ["true"],
                            preexec_fn=inherited).wait())
after()
""",
    "the child's children": """
def generation(left):
    pid = os.fork()
    if pid:
        expect(os.waitpid(pid, 0)[1])
        return
    code = 1
    try:
        child()
        if left:
            sock = socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP)
            sock.connect(ADDRESS)
            sock.fileno()
            generation(left - 1)
            sock.send(b"x")
        code = 0
    finally:
        os._exit(code)
for n in range(4):
    generation(2)
after()
""",
}


@pytest.mark.parametrize("descriptors", ["descriptors", "none"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_fork_under_load(way, descriptors):
    """Locks that other threads had are free in the child; inherited sockets say whose they are."""
    done = processes.run(["-W", "ignore", "-c", PROGRAM + way + "\nstop = True\nos._exit(0)\n", descriptors],
                         free_udp_port(), PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_child_leaves_the_parents_loop_alone():
    """A program that knows no gevent: a child that waits takes no wake-up of the parent's hub."""
    program = """
import os, sys
from pysctpsock.socket import *

def pair():
    listener = socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(5)
    client = socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP)
    client.connect(listener.getsockname())
    return client, listener.accept()[0]

def play(client, server):
    for n in range(200):
        client.send(b"%d" % n)
        server.send(server.recv(9))
        assert client.recv(9) == b"%d" % n

def loop():
    import gevent
    with open(f"/proc/self/fdinfo/{gevent.get_hub().loop.fileno()}") as file:
        return sorted(line for line in file if line.startswith("tfd"))

mine = pair()
play(*mine)
watched = loop()
child = os.fork()
if child == 0:
    os.environ.clear()
    code = 1
    try:
        import pysctpsock.stack
        pysctpsock.stack.configuration.udp_port = int(sys.argv[1])
        play(*pair())
        code = 0
    finally:
        os._exit(code)
play(*mine)
assert os.waitpid(child, 0)[1] == 0
assert loop() == watched
play(*mine)
os._exit(0)
"""
    done = processes.run(["-W", "ignore", "-c", program, free_udp_port()], free_udp_port(), PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")
