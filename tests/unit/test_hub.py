"""The gevent driver: watchers, timer, waiting greenlets, the end of the program, threads and fork."""
import errno
import os
import subprocess
import sys
import threading
from time import monotonic

import gevent
import pytest
from scripts import CarrierScript, EndpointScript, Owner, packet

from pysctpsock._cy.engine import Engine
from pysctpsock._cy.udp import UdpCarrier
from pysctpsock.hub import GeventDriver, WaitList


class Host:
    """An endpoint script on one UDP carrier, driven by gevent; `arrived` wakes a greenlet for each packet."""

    def __init__(self):
        self.script = EndpointScript()
        self.engine = Engine(self.script.endpoint)
        self.carrier = UdpCarrier("127.0.0.1", 0, False)
        self.engine.add_carrier(self.carrier)
        self.driver = GeventDriver(self.engine)
        self.arrived = WaitList(self.driver)
        self.owner = Owner(self.arrived.wake_one)
        self.user = self.script.endpoint.new_user(self.owner)
        self.script.on_receive = lambda *_: self.script.endpoint.signal(self.user, 1)

    def queue(self, payload, to):
        """Queue a packet for another host, as a socket does: it leaves before the loop waits."""
        self.script.to_send.append((payload, *to.carrier.local_address(), "", 0))
        self.engine.request_soon()

    def close(self):
        self.driver.close()
        self.carrier.close()


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
    b.arrived.wait(10)
    assert [data for data, _ in b.script.received] == [b"ping"]
    assert b.owner.flags == [1]


def test_packets_queued_in_one_turn_leave_together(hosts):
    """A program that never yields but in our calls: sending is put off to the end of the loop's turn."""
    a, b = hosts
    for i in range(10):
        a.queue(b"%d" % i, b)
    assert a.carrier.packets_sent == 0
    b.arrived.wait(10)
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
            b.arrived.wait(10)
            b.queue(b"pong", a)

    server = gevent.spawn(serve)
    gevent.sleep(0)
    for _ in range(100):
        a.queue(b"ping", b)
        a.arrived.wait(10)
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
    done.wait(10)
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
    done.wait(10)
    assert fired[0] >= due
    assert len(host.script.timeouts) < 20, "the timer spins"


# --- waiting


def test_wait_times_out_after_the_time(host):
    start = monotonic()
    with pytest.raises(TimeoutError):
        host.arrived.wait(0.05)
    assert 0.04 < monotonic() - start < 5
    assert len(host.arrived) == 0
    with pytest.raises(TimeoutError):
        host.arrived.wait(0)


def test_gevent_timeout_leaves_no_waiter(host):
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.02):
        host.arrived.wait()
    assert len(host.arrived) == 0


def test_kill_leaves_no_waiter(host):
    greenlet = gevent.spawn(host.arrived.wait)
    gevent.sleep(0)
    assert len(host.arrived) == 1
    greenlet.kill()
    assert len(host.arrived) == 0
    assert host.arrived.wake_one() is False


def test_many_waiters_are_woken_in_order(host):
    woken = []
    greenlets = [gevent.spawn(lambda i=i: (host.arrived.wait(10), woken.append(i))) for i in range(5)]
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
    first = gevent.spawn(host.arrived.wait, 10)
    second = gevent.spawn(lambda: (host.arrived.wait(10), woken.append(2)))
    gevent.sleep(0)
    killer = gevent.spawn(first.kill, block=False)        # before the wake-up is delivered, though ordered after
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
        host.arrived.wait(1)
    assert len(host.arrived) == 0
    host.script.on_transmit = None


def test_waiting_in_a_callback_of_the_loop_is_refused(host):
    """It would stop the loop that is to end the waiting."""
    caught = []

    def callback():
        try:
            host.arrived.wait(1)
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
    driver = GeventDriver(engine)
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


# --- run_until, threads, fork, exit


def test_run_until(hosts):
    a, b = hosts
    a.queue(b"x", b)
    assert b.driver.run_until(lambda: b.script.received, 10) is True
    assert b.engine.after_pump is None
    start = monotonic()
    assert b.driver.run_until(lambda: False, 0.05) is False
    assert 0.04 < monotonic() - start < 5


def test_another_thread_is_refused(host):
    """Until threads are served: a clear error, and nothing changed."""
    errors = []

    def use():
        for call in (lambda: host.arrived.wait(1), host.engine.request_soon, lambda: host.driver.run_until(bool, 1)):
            try:
                call()
            except RuntimeError as error:
                errors.append(str(error))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join(10)
    assert errors == ["this SCTP stack belongs to another thread"] * 3
    assert len(host.arrived) == 0


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
                b.arrived.wait(1)
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
        b.arrived.wait(10)
    assert [data for data, _ in b.script.received] == [b"for the parent"]


PROGRAM = """
import sys
sys.path.insert(0, {support!r})
import gevent
from scripts import EndpointScript
from pysctpsock._cy.engine import Engine
from pysctpsock._cy.udp import UdpCarrier
from pysctpsock.hub import GeventDriver, WaitList
script = EndpointScript()
engine = Engine(script.endpoint)
engine.add_carrier(UdpCarrier("127.0.0.1", 0, False))
driver = GeventDriver(engine)
script.deadline = engine.now() + 3600_000_000
engine.pump()
waiters = WaitList(driver)
"""


@pytest.mark.parametrize("case", [
    "gevent.wait()",
    "assert gevent.get_hub().join() is True",
    "greenlet = gevent.spawn(waiters.wait, 0.05); gevent.wait(); assert isinstance(greenlet.exception, TimeoutError)",
    # With a waiter the loop stays alive: only the time limit of gevent.wait ends this.
    "gevent.spawn(waiters.wait); assert gevent.wait(timeout=0.1) is False",
])
def test_an_idle_stack_does_not_keep_the_loop_alive_but_a_waiting_greenlet_does(case):
    program = PROGRAM.format(support=os.path.join(os.path.dirname(__file__), "..", "support"))
    subprocess.run([sys.executable, "-c", program + case], check=True, timeout=60)
