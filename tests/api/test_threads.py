"""Sockets in several threads, and while nobody runs gevent's loop: nothing hangs, is lost or comes twice.

PYSCTPSOCK_STRESS_SECONDS (4) and PYSCTPSOCK_STRESS_SEED say how long the stress goes on and what it does,
PYSCTPSOCK_CLIENTS (40) how many clients the echo server has, PYSCTPSOCK_SLEEP (2) how many seconds a program
sleeps while its peer watches it.
"""
import errno
import os
import random
import resource
import subprocess
import sys
import threading
import time
from collections import Counter

import gevent
import processes
import pytest
import threaded_echo
from errnos import raises
from malloc import bytes_in_use
from waiting import fill

from pysctpsock import socket
from pysctpsock.cli import free_udp_port
from pysctpsock.socket import IPPROTO_SCTP, SO_SNDBUF, SOL_SOCKET
from pysctpsock.stack import stack

CLIENTS = int(os.environ.get("PYSCTPSOCK_CLIENTS", "40"))
STRESS = float(os.environ.get("PYSCTPSOCK_STRESS_SECONDS", "4"))
SEED = int(os.environ.get("PYSCTPSOCK_STRESS_SEED", random.randrange(1 << 32)))
SLEEP = float(os.environ.get("PYSCTPSOCK_SLEEP", "2"))
PATIENCE = 30  # seconds for what takes milliseconds


class Worker(threading.Thread):
    """A thread whose exception comes out of join()."""

    def __init__(self, function, *arguments):
        super().__init__()
        self.work = lambda: function(*arguments)
        self.result = self.problem = None
        self.start()

    def run(self):
        try:
            self.result = self.work()
        except BaseException as problem:
            self.problem = problem

    def get(self, timeout=PATIENCE):
        """What the function returned or raised."""
        self.join(timeout)
        assert not self.is_alive(), "the thread hangs"
        if self.problem is not None:
            raise self.problem
        return self.result


def wait_until(predicate):
    deadline = time.monotonic() + PATIENCE
    while not predicate():
        assert time.monotonic() < deadline
        time.sleep(0.001)


# --- one socket, two threads


def test_close_in_one_thread_wakes_the_reader_in_another(ipv4):
    client, _ = ipv4.pair()
    reader = Worker(client.recv, 9)
    wait_until(lambda: len(client._readers))
    client.close()
    with raises(errno.EBADF):
        reader.get()


def test_close_wakes_accept(ipv4):
    listener = ipv4.listener()
    acceptor = Worker(listener.accept)
    wait_until(lambda: len(listener._readers))
    listener.close()
    with raises(errno.EBADF):
        acceptor.get()


def test_close_wakes_a_full_sender(ipv4):
    client, _ = ipv4.pair()

    def send():
        while True:
            client.send(bytes(10000))

    sender = Worker(send)
    wait_until(lambda: len(client._writers))
    client.close()
    with raises(errno.EBADF):
        sender.get()


def test_the_peers_end_wakes_the_reader_in_another_thread(ipv4):
    client, server = ipv4.pair()
    reader = Worker(client.recv, 9)
    wait_until(lambda: len(client._readers))
    server.close()
    assert reader.get() == b""


# The core never lets go of the GIL half-way, but a tracer, which is Python code, does so at each line of it.
@pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer lets other threads into the core")
def test_readers_in_many_threads_share_the_messages(ipv4):
    """Each message goes to one of them, whole; the end to all."""
    client, server = ipv4.pair()

    def read():
        got = []
        while data := server.recv(100):
            got.append(data)
        return got

    readers = [Worker(read) for _ in range(6)]
    for n in range(500):
        client.send(b"%d" % n)
    client.close()
    got = Counter(data for reader in readers for data in reader.get())
    assert got == Counter(b"%d" % n for n in range(500))


def test_acceptors_in_many_threads(ipv4):
    listener = ipv4.listener(backlog=50)
    acceptors = [Worker(listener.accept) for _ in range(10)]
    for _ in acceptors:
        ipv4.connect(listener)
    peers = [acceptor.get() for acceptor in acceptors]
    ipv4.opened += [sock for sock, _ in peers]
    assert len({address for _, address in peers}) == 10


def test_ten_threads_relay_through_one_pair(sockets):
    """Case 155: ten threads, ten rounds each, through the same pair of sockets."""
    client, server = sockets.pair()
    echo = Worker(lambda: [server.send(server.recv(100)) for _ in range(100)])
    got = []

    def relay(name):
        for n in range(10):
            client.send(b"%d %d" % (name, n))
            got.append(client.recv(100))

    for worker in [Worker(relay, name) for name in range(10)]:
        worker.get()
    echo.get()
    assert sorted(got) == sorted(b"%d %d" % (name, n) for name in range(10) for n in range(10))


def test_binding_in_many_threads(ipv4):
    """Port 0 gives each thread another port; of those that want the same one, one gets it."""
    socks = [ipv4.new() for _ in range(20)]
    for worker in [Worker(sock.bind, ("127.0.0.1", 0)) for sock in socks[:12]]:
        worker.get()
    assert len({sock.getsockname()[1] for sock in socks[:12]}) == 12
    port = socks[0].getsockname()[1]
    socks[0].close()
    workers = [Worker(sock.bind, ("127.0.0.1", port)) for sock in socks[12:]]
    problems = []
    for worker in workers:
        try:
            worker.get()
        except OSError as problem:
            problems.append(problem.errno)
    assert problems == [errno.EADDRINUSE] * 7


def test_timeouts_in_a_thread(ipv4):
    client, _ = ipv4.pair()
    client.settimeout(0.02)
    with pytest.raises(TimeoutError):
        Worker(client.recv, 9).get()
    client.settimeout(0)
    with raises(errno.EAGAIN):
        Worker(client.recv, 9).get()


# --- greenlets: what interrupts them leaves the socket usable


def interrupt(how, call):
    """Begin a call that has to wait, and end it by gevent.Timeout or kill."""
    if how == "kill":
        greenlet = gevent.spawn(call)
        gevent.sleep(0)
        greenlet.kill()
        assert isinstance(greenlet.value, gevent.GreenletExit)
    else:
        timeout = gevent.Timeout(0)
        with pytest.raises(gevent.Timeout), timeout:
            call()


interruptions = pytest.mark.parametrize("how", ["timeout", "kill"])


@interruptions
@pytest.mark.parametrize("call", [lambda sock: sock.recv(9), lambda sock: sock.recvmsg(9, 100),
                                  lambda sock: sock.sctp_recvmsg(9)], ids=["recv", "recvmsg", "sctp_recvmsg"])
def test_interrupted_recv_leaves_the_socket_usable(ipv4, how, call):
    client, server = ipv4.pair()
    interrupt(how, lambda: call(client))
    assert not len(client._readers)
    server.send(b"x")
    assert client.recv(9) == b"x"


@interruptions
def test_interrupted_accept_leaves_the_socket_usable(ipv4, how):
    listener = ipv4.listener()
    interrupt(how, listener.accept)
    assert not len(listener._readers)
    ipv4.connect(listener).send(b"x")
    assert ipv4.accept(listener).recv(9) == b"x"


@interruptions
def test_interrupted_connect_goes_on(ipv4, how):
    """As in the kernel: the association is set up all the same."""
    listener = ipv4.listener()
    client = ipv4.new()
    interrupt(how, lambda: client.connect(listener.getsockname()))
    assert not len(client._writers)
    server = ipv4.accept(listener)
    assert client.connect_ex(listener.getsockname()) in (errno.EALREADY, errno.EISCONN)
    server.send(b"x")
    assert client.recv(9) == b"x"


@interruptions
def test_interrupted_send_has_sent_nothing(ipv4, how):
    client, server = ipv4.pair()
    count = fill(client, 10000)
    client.settimeout(5)
    interrupt(how, lambda: client.send(b"never sent"))
    assert not len(client._writers)
    for _ in range(count):
        assert len(server.recv(10000)) == 10000
    client.send(b"x")
    assert server.recv(99) == b"x"


# --- programs


def test_threaded_echo_server():
    """A thread for each of many clients, and one for each at the server."""
    answers = Worker(threaded_echo.run, CLIENTS, 20).get(PATIENCE + CLIENTS)
    assert answers == {b"%d " % n: b"%d " % n * 20 for n in range(CLIENTS)}


@pytest.mark.parametrize("patch", ["", "from gevent import monkey; monkey.patch_all()\n"],
                         ids=["plain", "patched"])
def test_threaded_program(patch):
    """In a process of its own, which ends by itself; patched, where threads are greenlets."""
    folder = os.path.dirname(threaded_echo.__file__)
    program = patch + (f"import sys; sys.path.insert(0, {folder!r}); import threaded_echo\n"
                       "assert threaded_echo.run(5, 5) == {b'%d ' % n: b'%d ' % n * 5 for n in range(5)}\n")
    done = processes.run(["-c", program], free_udp_port())
    assert (done.returncode, done.stderr) == (0, "")


SLEEPER = """
import sys, threading, time
from pysctpsock.socket import *
sock = socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP)
sock.connect(("127.0.0.1", int(sys.argv[1])))
reader = threading.Thread(target=lambda: print(sock.recv(99).decode()))
reader.start()
time.sleep(float(sys.argv[2]))
reader.join()
sock.close()
"""


def test_heartbeats_are_answered_while_the_program_sleeps():
    """Its reader blocked in recv, its main thread in time.sleep, nothing patched: the peer sees no error."""
    listener = threaded_echo.new_socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    interval = socket.sctp_paddrparams(spp_hbinterval=50, spp_flags=socket.SPP_HB_ENABLE)
    listener.setsockopt(IPPROTO_SCTP, socket.SCTP_PEER_ADDR_PARAMS, interval)
    listener.setsockopt(IPPROTO_SCTP, socket.SCTP_RTOINFO,
                        socket.sctp_rtoinfo(srto_initial=200, srto_min=200, srto_max=400))
    program = processes.start(["-c", SLEEPER, listener.getsockname()[1], SLEEP],
                              stack().configuration.udp_port)
    with gevent.Timeout(PATIENCE):
        server = listener.accept()[0]
    listener.close()
    end = time.monotonic() + SLEEP - 0.5
    worst = 0
    with gevent.Timeout(SLEEP + PATIENCE):
        while time.monotonic() < end:
            gevent.sleep(0.05)
            worst = max(worst, server.association.snapshot()["paths"][0]["error_count"])
    assert worst <= 1, "HEARTBEATs went unanswered"
    assert server.association.state == socket.SCTP_ESTABLISHED
    server.send(b"wake up")
    output, problems = program.communicate(timeout=PATIENCE)
    assert (output, problems, program.returncode) == ("wake up\n", "", 0)
    server.close()


# --- stress


class Pair:
    """Two connected sockets, of which each has two senders and two readers, all in threads of their own."""

    def __init__(self, listener, choose):
        self.client = threaded_echo.new_socket()
        self.client.setsockopt(SOL_SOCKET, SO_SNDBUF, 50000)
        self.client.connect(listener.getsockname())
        self.server = listener.accept()[0]
        self.sockets = (self.client, self.server)
        self.sent = {sock: [] for sock in self.sockets}
        self.received = {sock: [] for sock in self.sockets}
        self.stopped = threading.Event()
        self.closing = False
        self.senders = [Worker(self.send, sock, random.Random(choose.random())) for sock in self.sockets]
        self.readers = [Worker(self.read, sock, random.Random(choose.random())) for sock in self.sockets]

    def send(self, sock, choose):
        n = 0
        while not self.stopped.is_set():
            message = b"%d " % n + bytes(choose.randrange(3000))
            try:
                sock.settimeout(choose.choice([None, 0.001, 0.05, 0]))
                if choose.random() < 0.5:
                    sock.send(message)
                else:
                    sock.sctp_sendmsg(message, stream_no=choose.randrange(10))
            except (TimeoutError, BlockingIOError):
                time.sleep(0.0005)
                continue
            self.sent[sock].append(n)
            n += 1
            if choose.random() < 0.05:
                time.sleep(choose.random() * 0.01)

    def read(self, sock, choose):
        while True:
            try:
                flags = socket.MSG_DONTWAIT if choose.random() < 0.1 else 0
                data = sock.recv(10000, flags)
            except (TimeoutError, BlockingIOError):
                time.sleep(0.0005)
                continue
            except OSError as problem:
                if self.closing and problem.errno in (errno.EBADF, errno.ECONNRESET):
                    return
                raise
            if not data:
                return
            self.received[sock].append(int(data.split(b" ")[0]))

    def finish(self, choose):
        """Let all that was sent arrive, then close one side while readers wait on both."""
        self.stopped.set()
        for sender in self.senders:
            sender.get()
        for sock, peer in (self.sockets, self.sockets[::-1]):
            wait_until(lambda sock=sock, peer=peer: len(self.received[peer]) >= len(self.sent[sock]))
        self.closing = True
        for sock in choose.sample(self.sockets, 2):
            sock.close()
        for reader in self.readers:
            reader.get()
        for sock, peer in (self.sockets, self.sockets[::-1]):
            assert Counter(self.received[peer]) == Counter(self.sent[sock])
        return sum(map(len, self.sent.values()))


def churn(listener, stopped, choose):
    """Set up associations and end them in every way, one after the other."""
    count = 0
    while not stopped.is_set():
        with threaded_echo.new_socket() as sock:
            sock.settimeout(choose.choice([None, 0.001]))
            try:
                sock.connect(listener.getsockname())
                sock.send(b"x")
            except (TimeoutError, OSError):
                continue
            count += 1
    return count


def swallow(listener, stopped):
    """Accept what churn() sets up."""
    while not stopped.is_set():
        try:
            with listener.accept()[0] as sock:
                sock.settimeout(1)
                sock.recv(1)
        except OSError:  # its peer gave up, or the time is over
            continue


def stress(seconds, choose):
    """Rounds of 4 pairs and 16 threads of them, and 2 that connect and close; messages, associations."""
    stopped, messages = threading.Event(), 0
    with threaded_echo.new_socket() as listener, threaded_echo.new_socket() as busy:
        for sock in (listener, busy):
            sock.bind(("127.0.0.1", 0))
            sock.listen(20)
        busy.settimeout(0.1)
        churner = Worker(churn, busy, stopped, random.Random(choose.random()))
        swallower = Worker(swallow, busy, stopped)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pairs = [Pair(listener, choose) for _ in range(4)]
            time.sleep(min(1, seconds / 4))
            messages += sum(pair.finish(choose) for pair in pairs)
        stopped.set()
        swallower.get()
        return messages, churner.get()


def resources():
    """(descriptors, threads, Python's blocks, KB that malloc has given out, resident KB), all garbage gone.

    Resident memory also tells of the greatest load ever, for what is free between two blocks stays resident.
    """
    in_use = bytes_in_use()
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * resource.getpagesize() // 1024
    return (len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")), sys.getallocatedblocks(),
            in_use // 1024, resident)


def test_stress():
    """Random sends, receives, time-outs and closes; afterwards nothing is left of them."""
    if __name__ != "__main__":  # in a process of its own, so that its resources can be counted
        environment = processes.environment([__file__], free_udp_port())
        environment |= {"PYSCTPSOCK_STRESS_SEED": str(SEED), "PYTHONPATH": os.pathsep.join(sys.path),
                        "MALLOC_ARENA_MAX": "1"}  # mallinfo2(3) tells of the first arena only
        done = subprocess.run([sys.executable, __file__], timeout=STRESS * 3 + 2 * PATIENCE, env=environment,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"seed {SEED}\n{done.stdout}\n{done.stderr}"
        print(done.stdout)
        return
    import faulthandler

    faulthandler.dump_traceback_later(STRESS * 2 + PATIENCE, exit=True)
    choose = random.Random(SEED)
    stress(min(STRESS, 2), choose)
    wait_until(lambda: not stack().endpoint.association_count)
    before = resources()
    messages, associations = stress(STRESS, choose)
    wait_until(lambda: not stack().endpoint.association_count)
    after = resources()
    print(f"{messages} messages, {associations} short associations; {before} before, {after} after")
    assert after[:2] == before[:2], "descriptors or threads leak"
    assert after[2] - before[2] < 1000, "objects leak"
    assert after[3] - before[3] < 2000, "memory leaks"  # tables and buffers grow to their usual size
    if not after[3]:  # a sanitizer's malloc, which says nothing of itself
        assert after[4] - before[4] < 20_000, "memory leaks"
    faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    test_stress()
