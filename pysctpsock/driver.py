"""Who drives the engine, and who waits for it: greenlets of a hub, threads without one, the guard.

One drives at a time.  A program with one hub drives from it, without a thread hand-off.  Once several threads
sleep in the stack by turns, or none while there is something to do, the guard thread drives (guard.py).

The GIL is the engine's lock: the core never lets go of it half-way.  What lets go of it here, and in an
owner's _on_ready(), may meet another thread in the engine, which then leaves its work to the one that is in.
"""
from __future__ import annotations

import errno
import os
import weakref
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from .guard import Guard
from .hub import GreenletSleeper, HubDriver, current_hub
from .native import allocate_lock, get_ident

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
        self._homes = {self.home.hub: self.home}
        self._made_in = get_ident()
        self._last: Any = self.home.hub  # who slept last: a hub, or the ident of a thread without one
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
        for home in self._homes.values():
            if home.is_current():  # a loop of another thread is not to be touched
                home.close()
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
        hub = current_hub()
        who = hub if hub is not None else get_ident()
        if who is not self._last and who != self._last:
            self._last = who
            self._shared_until = monotonic() + SHARED_TIME
            self._to_guard()
        if hub is None and get_ident() != self._made_in:
            return ThreadSleeper()
        home = self._homes.get(hub)
        if home is None:
            home = HubDriver(self.engine)
            self._homes[home.hub] = home
        if self.home is None and monotonic() >= self._shared_until:
            self._to_hub(home)
        return GreenletSleeper(home)

    def _to_hub(self, home: HubDriver) -> None:
        """This thread's hub drives from now on."""
        self.home = home
        home.start()
        self._guard.drive(False)

    def _to_guard(self) -> None:
        """The guard drives from now on; from any thread."""
        home, self.home = self.home, None
        if home is not None:
            home.call(self._stop_watching, home)
        self._guard.drive(True)

    def _stop_watching(self, home: HubDriver) -> None:
        if self.home is not home:
            home.stop()

    def _abandon(self) -> None:
        """In the child after fork(): the datagrams that arrive are the parent's."""
        self.home, self._abandoned = None, True
        for home in self._homes.values():
            home.abandon()
        self._guard.abandon()
        self.engine.abandon()


class ThreadSleeper:
    """The current thread, which has no hub, to be put to sleep once."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()

    def sleep(self, timeout: float | None) -> None:
        """Until woken, or for so many seconds."""
        self._lock.acquire(True, -1 if timeout is None else max(timeout, 0))

    def wake(self) -> None:
        """End its sleep; from any thread, once."""
        self._lock.release()


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
        sleepers[sleeper] = None  # first: another thread's wake-up must not fall between looking and sleeping
        try:
            driver.engine.on_soon()
            if ready is not None and ready():
                return True
            sleeper.sleep(timeout)
        except BaseException:
            if sleeper not in sleepers:
                self.wake_one()
            raise
        finally:
            woken = sleepers.pop(sleeper, sleeper) is sleeper
        return woken

    def wake_one(self) -> bool:
        """Let the longest waiting run soon; False: none waits."""
        return any(self._wake(sleeper) for sleeper in list(self._sleepers))

    def wake_all(self) -> None:
        """Let all that wait run soon."""
        for sleeper in list(self._sleepers):
            self._wake(sleeper)

    def _wake(self, sleeper: GreenletSleeper | ThreadSleeper) -> bool:
        if self._sleepers.pop(sleeper, self) is self:  # it was woken already
            return False
        sleeper.wake()
        return True


def _abandon_all() -> None:
    for driver in list(_drivers):
        driver._abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
