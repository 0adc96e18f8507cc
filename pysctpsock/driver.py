"""Who drives the engine, and who waits for it: greenlets of a hub, threads without one, the guard.

One drives at a time.  A program with one hub drives from it, without a thread hand-off.  Once several threads
sleep in the stack by turns, or none while there is something to do, the guard thread drives (guard.py).

The GIL is the engine's lock: the core never lets go of it half-way.  What lets go of it here, and in an
owner's _on_ready(), may meet another thread in the engine, which then leaves its work to the one that is in.

The exception of a signal handler can come out of any line of Python code, so each step is made such that what
is done before it is whole: somebody drives at any time, and who is woken is crossed out only then.  What the
engine asks for may be asked for twice.
"""
from __future__ import annotations

import errno
import os
import threading
import weakref
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from .guard import Guard
from .hub import GreenletSleeper, HubDriver, current_hub
from .native import ThreadLocal, allocate_lock, get_ident

if TYPE_CHECKING:
    from ._cy.engine import Engine

SHARED_TIME = 1.0  # seconds after threads have taken turns in which no hub drives

_drivers: weakref.WeakSet[Driver] = weakref.WeakSet()


class Driver:
    """Has an engine driven, from whatever threads use it.

    After fork() the driver is the parent's: in the child its watchers are stopped, the child's copies of the
    descriptors are closed, and every use raises OSError (EBADF).
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.home: HubDriver | None = HubDriver(engine)  # the hub that drives; None: the guard does
        self._homes: weakref.WeakSet[HubDriver] = weakref.WeakSet()  # those of all threads
        self._of_thread = ThreadLocal()  # has the thread's Residence, if it has slept in a hub
        self._settle(self.home)
        self._last = self._made_in = get_ident()  # the thread that slept last
        self._shared_until = 0.0
        self._guard = Guard(engine, self._to_guard)
        self._abandoned = False
        self._changed = WaitList(self)
        _drivers.add(self)
        engine.attach(self)

    # --- asked by the engine, in any thread

    def add(self, index: int, fd: int) -> None:
        """Watch a carrier's descriptor from now on."""
        self._guard.start()
        home = self._home_if_here()
        if home is not None:
            home.add(index, fd)
        self._guard.change()

    def remove(self, index: int) -> None:
        """Watch it no longer; its descriptor may be closed then."""
        home = self._home_if_here()
        if home is not None:
            home.remove(index)
        self._guard.change()

    def block(self, index: int) -> None:
        """Watch only for room in this carrier's send buffer."""
        home = self._home_if_here()
        if home is not None:
            home.block(index)
        self._guard.change()

    def unblock(self) -> None:
        """Watch for arriving datagrams again."""
        home = self._home_if_here()
        if home is not None:
            home.unblock()
        self._guard.change()

    def arm(self, deadline: int) -> None:
        """Call engine.on_timer() at this time of the engine's clock (microseconds)."""
        home = self._home_if_here()
        if home is not None:
            home.arm()
            self._guard.poke(deadline)
        else:
            self._guard.wake()

    def schedule(self) -> None:
        """Call engine.on_soon() before the loop that drives waits."""
        home = self._home_if_here()
        if home is not None:
            home.schedule()
            self._guard.poke()
        else:
            self._guard.wake()

    # --- asked by sockets and the stack

    def sleeper(self) -> GreenletSleeper | ThreadSleeper:
        """What puts the caller to sleep, once, while others run."""
        home = self.home
        if home is not None and current_hub() is home.hub:
            return GreenletSleeper(home)
        return self._newcomer()

    def run_until(self, predicate: Callable[[], object], timeout: float) -> bool:
        """Sleep until `predicate()` is true, asked after each pump; False: `timeout` (s) came first."""
        self.engine.pump()
        self.engine.after_pump = self._changed.wake_all
        try:
            return self._changed.wait(predicate, timeout)
        finally:
            if not self._changed:
                self.engine.after_pump = None

    def close(self) -> None:
        """Stop watching and serving, for good."""
        self._guard.stop()
        residence = getattr(self._of_thread, "residence", None)
        if residence is not None:  # a loop of another thread is not to be touched
            residence.home.close()
        _drivers.discard(self)

    # --- parts

    def _home_if_here(self) -> HubDriver | None:
        """The hub that drives if it is this thread's; else the guard drives."""
        home = self.home
        if home is not None and current_hub() is not home.hub:
            self._shared_until = monotonic() + SHARED_TIME
            self._to_guard()
            return None
        return home

    def _newcomer(self) -> GreenletSleeper | ThreadSleeper:
        """sleeper() for who is not in the hub that drives."""
        if self._abandoned:
            raise OSError(errno.EBADF,
                          "this SCTP stack belongs to the parent process: open new sockets after fork()")
        if self._guard.is_current():
            raise RuntimeError("the guard thread must not wait")
        hub, thread = current_hub(), get_ident()
        if thread != self._last:
            self._shared_until = monotonic() + SHARED_TIME
            self._to_guard()
            self._last = thread
        if hub is None and thread != self._made_in:
            return ThreadSleeper()
        home = self._home_of_thread()
        if self.home is None and monotonic() >= self._shared_until:
            self._to_hub(home)
        return GreenletSleeper(home)

    def _home_of_thread(self) -> HubDriver:
        """That of this thread's hub."""
        residence = getattr(self._of_thread, "residence", None)
        if residence is not None and residence.home.is_current():
            return residence.home
        home = HubDriver(self.engine)
        self._settle(home)  # the end of the former residence, whose hub was destroyed
        return home

    def _settle(self, home: HubDriver) -> None:
        self._homes.add(home)
        self._of_thread.residence = Residence(self, home)

    def leave(self, home: HubDriver) -> None:
        """The thread of this hub ends, or the hub was destroyed."""
        if self.home is home:
            self._to_guard()
        home.close()

    def _to_hub(self, home: HubDriver) -> None:
        """This thread's hub drives from now on."""
        home.start()
        self.home = home
        self._guard.drive(False)

    def _to_guard(self) -> None:
        """The guard drives from now on; from any thread."""
        self._guard.drive(True)
        home, self.home = self.home, None
        if home is not None:
            home.call(self._stop_watching, home)

    def _stop_watching(self, home: HubDriver) -> None:
        if self.home is not home:
            home.stop()

    def _abandon(self) -> None:
        """In the child after fork(): the datagrams that arrive are the parent's."""
        self.home, self._abandoned = None, True
        for home in list(self._homes):
            home.abandon()
        self._guard.abandon()
        self.engine.abandon()


class Residence:
    """What a thread has while its hub is known to a driver.  It goes with the thread."""

    def __init__(self, driver: Driver, home: HubDriver) -> None:
        self.home = home
        self._driver = weakref.ref(driver)
        self._place = os.getpid(), get_ident()

    def __del__(self) -> None:
        driver = self._driver()
        if self._place != (os.getpid(), get_ident()):  # the loop is not to be touched here; see _abandon()
            return
        if driver is not None:
            driver.leave(self.home)
        else:
            self.home.close()


class ThreadSleeper:
    """The current thread, which has no hub, to be put to sleep once."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()

    def sleep(self, timeout: float | None) -> bool:
        """Until woken, or for so many seconds: then False."""
        for_ever = timeout is None or timeout > threading.TIMEOUT_MAX  # which is 292 years
        return bool(self._lock.acquire(True, -1 if for_ever else max(timeout or 0, 0)))

    def wake(self) -> None:
        """End its sleep; from any thread, more than once if need be."""
        try:
            self._lock.release()
        except RuntimeError:  # it was woken already
            return


class WaitList:
    """The greenlets and threads that wait for one thing, such as a message to read; longest waiting first.

    A wake-up is a hint: who is woken looks whether the thing is there and waits again if not.
    """

    __slots__ = ("_driver", "_sleepers")

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._sleepers: dict[GreenletSleeper | ThreadSleeper, None] = {}

    def __len__(self) -> int:
        return len(self._sleepers)

    def wait(self, ready: Callable[[], object], timeout: float | None = None) -> bool:
        """Let others run until ready() is true, asked when woken; False after `timeout` seconds.

        What was queued for sending goes before.  What is thrown into the greenlet (gevent.Timeout, kill)
        comes out of here; a wake-up that it had been given then goes to the next.
        """
        deadline = None if timeout is None else monotonic() + timeout
        while self.sleep(timeout, ready):
            if ready():
                return True
            if deadline is not None:
                timeout = deadline - monotonic()
        return bool(ready())

    def sleep(self, timeout: float | None = None, ready: Callable[[], object] | None = None) -> bool:
        """Sleep until woken, unless ready() is true now; False after `timeout` seconds."""
        driver, sleepers = self._driver, self._sleepers
        sleeper = driver.sleeper()
        woken = False
        try:
            sleepers[sleeper] = None  # first: no wake-up must fall between looking and sleeping
            driver.engine.on_soon()
            if ready is not None and ready():
                return True
            woken = sleeper.sleep(timeout)
        except BaseException:
            if sleeper not in sleepers:
                self.wake_one()
            raise
        finally:
            woken = sleepers.pop(sleeper, sleeper) is sleeper or woken
        return woken

    def wake_one(self) -> bool:
        """Let the longest waiting run soon; False: none waits."""
        return any(self._wake(sleeper) for sleeper in list(self._sleepers))

    def wake_all(self) -> None:
        """Let all that wait run soon."""
        for sleeper in list(self._sleepers):
            self._wake(sleeper)

    def _wake(self, sleeper: GreenletSleeper | ThreadSleeper) -> bool:
        sleeper.wake()  # first: if something is raised here, it is in the list and can be woken again
        return self._sleepers.pop(sleeper, self) is not self  # False: it does not wait any more


def _abandon_all() -> None:
    for driver in list(_drivers):
        driver._abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
