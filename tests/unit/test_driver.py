"""Who drives: a hub, the guard, several threads; the lists of who waits; the end of the program and fork."""
import errno
import os
import subprocess
import sys
import threading
from time import monotonic

import gevent
import pytest
from driven import Host
from scripts import CarrierScript, EndpointScript, packet

from pysctpsock import guard
from pysctpsock._cy.engine import Engine
from pysctpsock._cy.udp import UdpCarrier
from pysctpsock.driver import Driver, WaitList


@pytest.fixture
def hosts():
    made = [Host(), Host()]
    yield made
    for host in made:
        host.close()


@pytest.fixture
def host(hosts):
    return hosts[0]


def test_a_waiting_greenlet_is_woken_by_a_packet(hosts):
    """What was queued goes when the sender waits; the receiver's watcher feeds it."""
    a, b = hosts
    a.queue(b"ping", b)
    assert b.arrived.sleep(10)
    assert [data for data, _ in b.script.received] == [b"ping"]
    assert b.owner.flags == [1]


def test_packets_queued_in_one_turn_leave_together(hosts):
    """A program that never yields but in our calls: sending is put off to the end of the loop's turn."""
    a, b = hosts
    for i in range(10):
        a.queue(b"%d" % i, b)
    assert a.carrier.packets_sent == 0
    assert b.arrived.sleep(10)
    assert len(b.script.received) == 10
    assert a.carrier.send_calls == 1


def test_waiting_first_sends_what_is_queued(hosts):
    """Before the loop gets its turn, so without a detour."""
    a, _ = hosts
    a.queue(b"x", hosts[1])
    sent = []
    a.engine.after_pump = lambda: sent.append((a.carrier.packets_sent, gevent.getcurrent()))
    a.arrived.sleep(0)
    assert sent[0] == (1, gevent.getcurrent())


def test_ping_pong_of_two_greenlets(hosts):
    a, b = hosts

    def serve():
        for _ in range(100):
            assert b.arrived.sleep(10)
            b.queue(b"pong", a)

    server = gevent.spawn(serve)
    gevent.sleep(0)
    for _ in range(100):
        a.queue(b"ping", b)
        assert a.arrived.sleep(10)
    server.join(10)
    assert server.successful()
    assert len(a.script.received) == len(b.script.received) == 100


# --- timer


def test_the_timer_fires_at_the_deadline(host):
    """The endpoint is called at or after its deadline, once; a deadline that moves earlier is kept."""
    fired = []
    done = WaitList(host.driver)

    def on_timeout():
        fired.append(host.engine.now())
        done.wake_all()

    host.script.on_timeout = on_timeout
    host.script.deadline = host.engine.now() + 60_000_000
    host.engine.pump()
    due = host.script.deadline = host.engine.now() + 30_000
    host.engine.pump()
    assert done.sleep(10)
    assert len(fired) == 1
    assert due <= fired[0] < due + 5_000_000


def test_a_deadline_that_moves_later_is_kept_too(host):
    """The timer goes off at the earlier time, finds nothing due and is set again."""
    fired = []
    done = WaitList(host.driver)
    host.script.on_timeout = lambda: (fired.append(host.engine.now()), done.wake_all())
    host.script.deadline = host.engine.now() + 10_000
    host.engine.pump()
    due = host.script.deadline = host.engine.now() + 60_000
    host.engine.pump()
    assert done.sleep(10)
    assert fired[0] >= due
    assert len(host.script.timeouts) < 20, "the timer spins"


# --- waiting


def test_wait_times_out_after_the_time(host):
    start = monotonic()
    assert host.arrived.wait(lambda: False, 0.05) is False
    assert 0.04 < monotonic() - start < 5
    assert len(host.arrived) == 0
    assert host.arrived.sleep(0) is False


def test_gevent_timeout_leaves_no_waiter(host):
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.02):
        host.arrived.sleep()
    assert len(host.arrived) == 0


def test_kill_leaves_no_waiter(host):
    greenlet = gevent.spawn(host.arrived.sleep)
    gevent.sleep(0)
    assert len(host.arrived) == 1
    greenlet.kill()
    assert len(host.arrived) == 0
    assert host.arrived.wake_one() is False


def test_many_waiters_are_woken_in_order(host):
    woken = []
    greenlets = [gevent.spawn(lambda i=i: (host.arrived.sleep(10), woken.append(i))) for i in range(5)]
    gevent.sleep(0)
    for _ in range(2):
        assert host.arrived.wake_one()
    gevent.sleep(0)
    gevent.sleep(0)
    assert woken == [0, 1]
    host.arrived.wake_all()
    gevent.joinall(greenlets, timeout=10)
    assert woken == [0, 1, 2, 3, 4]


def test_a_wake_up_given_to_a_killed_greenlet_goes_to_the_next(host):
    """Else the message that it was for would stay unread while a reader waits."""
    woken = []
    first = gevent.spawn(host.arrived.sleep, 10)
    second = gevent.spawn(lambda: (host.arrived.sleep(10), woken.append(2)))
    gevent.sleep(0)
    killer = gevent.spawn(first.kill, block=False)        # before the wake-up comes, though ordered after
    gevent.get_hub().loop.run_callback(first.throw, gevent.GreenletExit)
    host.arrived.wake_one()
    second.join(10)
    killer.join(10)
    assert woken == [2]
    assert len(host.arrived) == 0


def test_a_wake_up_that_meets_the_timeout_counts_as_woken(host):
    greenlet = gevent.spawn(host.arrived.sleep, 0.01)
    gevent.sleep(0)
    # Not one turn of the loop between these: the timer is due when the wake-up is queued.
    end = monotonic() + 0.05
    while monotonic() < end:
        pass
    host.arrived.wake_one()
    greenlet.join(10)
    assert greenlet.value is True


def test_failing_pump_leaves_no_waiter(host):
    def fail():
        raise ZeroDivisionError

    host.script.on_transmit = fail
    host.engine.request_soon()
    with pytest.raises(ZeroDivisionError):
        host.arrived.sleep(1)
    assert len(host.arrived) == 0
    host.script.on_transmit = None


def test_waiting_in_a_callback_of_the_loop_is_refused(host):
    """It would stop the loop that is to end the waiting."""
    caught = []

    def callback():
        try:
            host.arrived.sleep(1)
        except BaseException as error:
            caught.append(error)

    gevent.get_hub().loop.run_callback(callback)
    gevent.sleep(0)
    gevent.sleep(0)
    assert [type(error).__name__ for error in caught] == ["BlockingSwitchOutError"]
    assert len(host.arrived) == 0


# --- blocked carriers


def test_a_blocked_carrier_is_watched_for_room():
    """Nothing is read and nothing spins while a carrier is full (here: a full pipe); then all goes on."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    size = 0
    while size is not None:
        try:
            size = os.write(write_end, bytes(4096))
        except BlockingIOError:
            size = None
    script, full = EndpointScript(), CarrierScript(write_end)
    udp, sender = UdpCarrier("127.0.0.1", 0, False), UdpCarrier("127.0.0.1", 0, False)
    engine = Engine(script.endpoint)
    engine.add_carrier(full.carrier)
    engine.add_carrier(udp)
    driver = Driver(engine)
    try:
        full.room = 0
        script.to_send = [packet(b"x", 0)]
        engine.pump()
        sender.send_packets([(b"waits", *udp.local_address(), "")])
        pumps = engine.pumps
        gevent.sleep(0.05)
        assert (engine.blocked, engine.pumps, script.received) == (0, pumps, [])
        full.room = None
        assert os.read(read_end, 1 << 20)
        assert driver.run_until(lambda: script.received, 10)
        assert full.sent == [b"x"]
        assert engine.blocked == -1
    finally:
        driver.close()
        os.close(read_end)
        os.close(write_end)


# --- run_until


def test_run_until(hosts):
    a, b = hosts
    a.queue(b"x", b)
    assert b.driver.run_until(lambda: b.script.received, 10) is True
    assert b.engine.after_pump is None
    start = monotonic()
    assert b.driver.run_until(lambda: False, 0.05) is False
    assert 0.04 < monotonic() - start < 5


# --- several threads


class Tally:
    """Who drove: the threads in which packets were fed to the endpoint."""

    def __init__(self, host):
        self.threads = []
        signal = host.script.on_receive
        host.script.on_receive = lambda *packet: (self.threads.append(threading.get_ident()),
                                                  signal(*packet))


def in_a_thread(function):
    """Run it in a thread without a hub; what it returned."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    return thread, results


@pytest.fixture
def patient_guards(monkeypatch):
    """Guards give a hub ten seconds: a busy machine may keep it from turning for longer than they else do."""
    monkeypatch.setattr(guard, "SHORTEST_GRACE", 10)
    monkeypatch.setattr(guard, "LONGEST_GRACE", 10)


def test_one_hub_drives_itself(patient_guards, hosts):
    """No thread hand-off: the guard stays out of it as long as the hub turns."""
    a, b = hosts
    tally = Tally(b)
    for _ in range(300):
        a.queue(b"x", b)
        assert b.arrived.sleep(10)
    assert set(tally.threads) == {threading.get_ident()}


def test_the_guard_drives_while_the_program_sleeps(hosts):
    """No greenlet runs: the packet is fed all the same, and the hub takes over again."""
    a, b = hosts
    tally = Tally(b)
    fed = threading.Event()
    signal = b.script.on_receive
    b.script.on_receive = lambda *packet: (signal(*packet), fed.set())
    a.queue(b"x", b)
    a.engine.pump()
    assert fed.wait(10)
    assert tally.threads[0] != threading.get_ident()
    while not b.driver.home:
        b.arrived.sleep(0.01)
    a.queue(b"y", b)
    assert b.arrived.sleep(10)
    assert tally.threads[1] == threading.get_ident()


def test_the_guard_keeps_the_time_and_sends_what_is_queued(host):
    """While the program sleeps: the deadline, and what a call left for the end of the loop's turn."""
    due = threading.Event()
    host.script.on_timeout = due.set
    host.script.deadline = host.engine.now() + 20_000
    host.engine.pump()
    assert due.wait(10)
    host.script.on_timeout = None
    sent = threading.Event()
    host.engine.after_pump = sent.set
    host.engine.request_soon()
    assert sent.wait(10)
    host.engine.after_pump = None


def test_a_thread_without_hub_waits_and_is_woken(hosts):
    a, b = hosts
    thread, results = in_a_thread(lambda: b.arrived.sleep(10))
    while not len(b.arrived):
        gevent.sleep(0.001)
    a.queue(b"x", b)
    a.engine.pump()
    thread.join(10)                                   # no hub turns meanwhile
    assert results == [True]


def test_a_thread_with_its_own_hub(hosts):
    """Its greenlets go on while one of them waits."""
    a, b = hosts
    turns = []

    def use():
        hub = gevent.get_hub()
        other = gevent.spawn(lambda: [turns.append(gevent.sleep(0.001)) for _ in range(5)])
        woken = b.arrived.sleep(10)
        other.join()
        hub.destroy(destroy_loop=True)
        return woken

    thread, results = in_a_thread(use)
    while not len(b.arrived) or len(turns) < 5:
        gevent.sleep(0.001)
    a.queue(b"x", b)
    a.engine.pump()
    thread.join(10)
    assert results == [True]
    a.queue(b"y", b)
    assert b.arrived.sleep(10), "and the first hub is served as before"


def test_a_thread_wakes_a_greenlet(hosts):
    """As close() in one thread wakes the reader in another."""
    waker = threading.Timer(0.02, hosts[0].arrived.wake_all)
    waker.start()
    assert hosts[0].arrived.sleep(10) is True
    waker.join()


def test_threads_by_turns(hosts):
    """Ping-pong of two threads, neither of which has a hub, while the hub's thread sleeps."""
    a, b = hosts
    rounds = 200

    def serve():
        for n in range(rounds):
            assert b.arrived.wait(lambda n=n: len(b.script.received) > n, 10)
            b.queue(b"pong", a)
            b.engine.pump()

    def ask():
        for n in range(rounds):
            a.queue(b"ping", b)
            a.engine.pump()
            assert a.arrived.wait(lambda n=n: len(a.script.received) > n, 10)

    threads = [threading.Thread(target=work) for work in (serve, ask)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(a.script.received) == len(b.script.received) == rounds


def test_a_wake_up_between_looking_and_sleeping_is_not_lost(host):
    """Another thread may come between: who waits is in the list before it looks."""
    def ready():
        if not asked:
            asked.append(1)
            thread, _ = in_a_thread(host.arrived.wake_all)
            thread.join()
        return False

    asked = []
    assert host.arrived.sleep(10, ready) is True


def test_timeouts_in_a_thread(host):
    thread, results = in_a_thread(lambda: (host.arrived.sleep(0.02), host.arrived.wait(lambda: False, 0.02)))
    thread.join(10)
    assert results == [(False, False)]
    assert len(host.arrived) == 0


def test_close_ends_the_guard(host):
    before = set(os.listdir("/proc/self/task"))
    guarded = Host()
    assert len(os.listdir("/proc/self/task")) == len(before) + 1
    guarded.close()
    deadline = monotonic() + 10
    while len(os.listdir("/proc/self/task")) > len(before) and monotonic() < deadline:
        gevent.sleep(0.001)
    assert len(os.listdir("/proc/self/task")) <= len(before)


# --- fork, exit


def test_a_wake_up_that_meets_the_end_of_the_guard(host):
    """The guard may end between a thread's look at it and the wake-up: nothing is written anywhere else."""
    guard = host.driver._guard

    def end_meanwhile():
        guard.is_current = lambda: False
        guard.stop()
        return False

    guard._woken = False  # what woke it when the host was made is done with
    guard.is_current = end_meanwhile
    guard.wake()
    assert guard._pipe is None


def test_after_fork_the_child_is_refused_and_takes_nothing(hosts):
    """The child's hub runs for a while: the datagram is still the parent's."""
    a, b = hosts
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            gevent.reinit()
            gevent.sleep(0.05)
            try:
                b.arrived.sleep(1)
            except OSError as error:
                code = 0 if error.errno == errno.EBADF and b.carrier.fd == -1 and not b.script.received else 2
        finally:
            os._exit(code)
    a.queue(b"for the parent", b)
    a.engine.pump()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(ready)
    os.close(go)
    if not b.script.received:
        assert b.arrived.sleep(10)
    assert [data for data, _ in b.script.received] == [b"for the parent"]


PROGRAM = """
import sys
sys.path.insert(0, {support!r})
import gevent
from scripts import EndpointScript
from pysctpsock._cy.engine import Engine
from pysctpsock._cy.udp import UdpCarrier
from pysctpsock._cy.udp import UdpCarrier
from pysctpsock.driver import Driver, WaitList
script = EndpointScript()
engine = Engine(script.endpoint)
engine.add_carrier(UdpCarrier("127.0.0.1", 0, False))
driver = Driver(engine)
script.deadline = engine.now() + 3600_000_000
engine.pump()
waiters = WaitList(driver)
"""


@pytest.mark.parametrize("case", [
    "gevent.wait()",
    "assert gevent.get_hub().join() is True",
    "greenlet = gevent.spawn(waiters.sleep, 0.05); gevent.wait(); assert greenlet.value is False",
    # With a waiter the loop stays alive: only the time limit of gevent.wait ends this.
    "gevent.spawn(waiters.sleep); assert gevent.wait(timeout=0.1) is False",
])
def test_an_idle_stack_does_not_keep_the_loop_alive_but_a_waiting_greenlet_does(case):
    program = PROGRAM.format(support=os.path.join(os.path.dirname(__file__), "..", "support"))
    subprocess.run([sys.executable, "-c", program + case], check=True, timeout=60)
