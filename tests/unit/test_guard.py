"""The guard outlives what is raised in it; hubs that are destroyed, or whose threads ended, are let go."""
import gc
import logging
import os
import threading
import weakref

import gevent
import pytest
from driven import Host
from scripts import EndpointScript

from pysctpsock import guard as module
from pysctpsock._cy.engine import Engine
from pysctpsock._cy.udp import UdpCarrier
from pysctpsock.driver import Driver, WaitList

PATIENCE = 60


@pytest.fixture
def hosts():
    made = [Host(), Host()]
    yield made
    for host in made:
        host.close()


@pytest.fixture
def errors():
    """What our logger has had to say."""
    records = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = records.append
    logging.getLogger("pysctpsock").addHandler(handler)
    yield records
    logging.getLogger("pysctpsock").removeHandler(handler)


def in_a_thread(function):
    """Run it in a thread of the system; what it returned or raised."""
    outcome = []

    def run():
        try:
            outcome.append(function())
        except BaseException as problem:
            outcome.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "the thread waits for ever"
    return outcome[0]


def serve_a_thread(a, b):
    """A packet from a to b, for which a plain thread waits; nobody but the guard can feed it."""
    def wait_for_it():
        a.queue(b"x", b)
        a.engine.pump()
        return b.arrived.wait(lambda: b.script.received, PATIENCE)

    before = len(b.script.received)
    assert in_a_thread(wait_for_it) is True
    assert len(b.script.received) == before + 1
    b.script.received.clear()


# --- the guard does not die


@pytest.mark.parametrize("milliseconds", [1, 2**31 - 1, 2**31, 2**32 - 1, 2**44, (2**63 - 1) // 1000])
def test_a_deadline_of_any_size(hosts, errors, milliseconds):
    """Intervals of 32 bits in milliseconds or seconds: longer than poll(2) takes."""
    a, b = hosts
    b.script.deadline = min(b.engine.now() + milliseconds * 1000, 2**63 - 2)
    b.engine.pump()
    assert 0 <= b.engine.time_left() <= 86400
    serve_a_thread(a, b)
    assert not b.arrived.sleep(0.01)  # the hub's loop, with the same deadline
    assert not errors


def test_what_is_raised_is_logged_once_and_the_guard_goes_on(hosts, errors, monkeypatch):
    """By the line that raises: another failure is told, too.  What fails for ever does not spin."""
    monkeypatch.setattr(module, "FAILURE_PAUSE", 0)
    a, b = hosts
    guard = b.driver._guard
    failures = [ZeroDivisionError("one"), ZeroDivisionError("two"), SystemExit("three")]
    raised = threading.Event()
    turn = guard._turn

    def failing_turn():
        if not failures:
            raised.set()
            return turn()
        problem = failures.pop(0)
        if isinstance(problem, SystemExit):
            raise problem
        raise problem

    guard._turn = failing_turn
    b.driver._to_guard()
    assert raised.wait(PATIENCE)
    serve_a_thread(a, b)
    assert [record.exc_info[0] for record in errors] == [ZeroDivisionError, SystemExit]


def test_a_failing_report_does_not_end_the_guard(hosts, monkeypatch):
    """A handler of the program's logging may raise."""
    monkeypatch.setattr(module, "FAILURE_PAUSE", 0)
    a, b = hosts
    guard, reports, done = b.driver._guard, [], threading.Event()
    turn = guard._turn

    def report(problem):
        reports.append(problem)
        if len(reports) < 3:
            raise OSError("disk full")
        done.set()

    guard._report = report
    guard._turn = lambda: turn() if reports else 1 // 0
    b.driver._to_guard()
    assert done.wait(PATIENCE)
    assert [type(report) for report in reports] == [ZeroDivisionError, OSError, OSError]
    serve_a_thread(a, b)


@pytest.mark.parametrize("ends", [("reader",), ("writer",), ("reader", "writer")])
def test_the_guards_pipe_closed_by_number(hosts, errors, ends):
    """As by os.closerange() of a program that becomes a daemon; the numbers may be other files' at once."""
    a, b = hosts
    numbers = [getattr(b.driver._guard._pipe, end) for end in ends]
    other, foreign = os.pipe()
    for number in numbers:
        os.dup2(foreign, number)
    try:
        for _ in range(3):
            serve_a_thread(a, b)
            serve_a_thread(b, a)
    finally:
        b.driver.close()
        for number in numbers:  # they are the test's
            os.close(number)
        os.close(foreign)
        os.close(other)
    assert not errors


@pytest.mark.parametrize("driving", ["hub", "guard"])
@pytest.mark.parametrize("successor", [None, os.devnull])
@pytest.mark.parametrize("used_by", ["reading", "writing"])
def test_a_carrier_closed_by_number(hosts, errors, driving, successor, used_by):
    """It is let go of and that is logged, once; nobody spins, and the number's new file is left alone."""
    a, b = hosts
    number = b.carrier.fd
    if driving == "guard":
        b.driver._to_guard()
    if successor is None:
        os.close(number)
    else:
        file = os.open(successor, os.O_RDWR)
        os.dup2(file, number)
        os.close(file)
    for _ in range(20):
        if used_by == "writing":
            b.script.to_send.append((b"lost", "127.0.0.1", 9, "", 0))
            b.engine.pump()
        else:
            b.engine.poll()
        if driving == "guard":
            assert in_a_thread(lambda: b.arrived.sleep(0.01)) is False
        else:
            assert b.arrived.sleep(0.001) is False
    assert [record.levelname for record in errors] == ["ERROR"]
    assert b.engine.carriers == [None]
    assert b.carrier.fd == -1
    b.carrier.close()
    if successor is not None:
        os.fstat(number)
        os.close(number)
    assert a.engine.carriers == [a.carrier]


# --- hubs that are no more


def destroyed_in_its_thread():
    made = [Host(), Host()]
    gevent.get_hub().destroy(destroy_loop=True)
    return made


@pytest.mark.parametrize("how", ["the thread has ended", "destroyed", "destroyed, then the thread has ended"])
def test_the_hub_that_drove_is_gone(errors, how):
    """The stack was made by a thread that is over, or whose hub is: the guard drives for all others."""
    if how == "destroyed":
        def use():
            made = destroyed_in_its_thread()
            made[0].queue(b"x", made[1])
            assert made[1].arrived.wait(lambda: made[1].script.received, PATIENCE)
            made[1].script.received.clear()
            return made
    elif how.startswith("destroyed"):
        use = destroyed_in_its_thread
    else:
        def use():
            return [Host(), Host()]
    a, b = in_a_thread(use)
    for _ in range(3):
        serve_a_thread(a, b)
    b.queue(b"y", a)
    assert a.arrived.wait(lambda: a.script.received, PATIENCE)  # in a hub that the driver has not seen before
    for host in (a, b):
        host.close()
    assert not errors


def test_hubs_of_threads_that_ended_are_released(hosts):
    """Nothing of them stays with the driver, whether they were destroyed or not."""
    a, b = hosts
    homes = []

    def sleep_in_a_hub(destroys):
        hub = gevent.get_hub()
        b.arrived.sleep(0.001)
        homes.append(weakref.ref(b.driver._of_thread.residence.home))
        b.arrived.sleep(0.001)
        if destroys:
            hub.destroy()

    for number in range(6):
        in_a_thread(lambda number=number: sleep_in_a_hub(number % 2))
    serve_a_thread(a, b)
    gc.collect()
    assert len(homes) == 6
    assert [home() for home in homes] == [None] * 6
    assert len(b.driver._homes) == 1


def test_a_thread_that_ends_while_its_hub_drives(hosts):
    """The guard drives on."""
    a, b = hosts

    def drive():
        gevent.get_hub()
        b.driver._shared_until = 0.0
        while b.driver.home is None or not b.driver.home.is_current():
            b.driver._shared_until = 0.0
            b.arrived.sleep(0.001)

    in_a_thread(drive)
    assert b.driver.home is None
    serve_a_thread(a, b)


def test_no_thread_to_be_had(monkeypatch):
    """Then there is no carrier; what was acquired for it is given back, and it can be tried again."""
    def none(*_):
        raise RuntimeError("can't start new thread")

    script = EndpointScript()
    engine = Engine(script.endpoint)
    driver = Driver(engine)
    carrier = UdpCarrier("127.0.0.1", 0, False)
    before = os.listdir("/proc/self/fd")
    monkeypatch.setattr(module, "start_new_thread", none)
    with pytest.raises(BlockingIOError, match="can't start new thread"):
        engine.add_carrier(carrier)
    assert engine.carriers == [None]
    assert os.listdir("/proc/self/fd") == before
    monkeypatch.undo()
    assert engine.add_carrier(carrier) == 0
    arrived = WaitList(driver)
    script.on_receive = lambda *_: arrived.wake_all()
    carrier.send_packets([(b"to itself", *carrier.local_address(), "")])
    assert in_a_thread(lambda: arrived.wait(lambda: script.received, PATIENCE)) is True
    driver.close()
    carrier.close()
