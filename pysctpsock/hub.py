"""The gevent side: watches the carriers' descriptors, keeps the timer, lets greenlets wait.

The only file that knows gevent's loop.  Watchers do not keep the loop alive: a program whose greenlets have all
ended ends, however many associations are open.  A greenlet that waits here does keep it alive.
"""
from __future__ import annotations

import errno
import os
import weakref
from collections.abc import Callable
from threading import get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any

from gevent import get_hub
from gevent.hub import Waiter

if TYPE_CHECKING:
    from ._cy.engine import Engine

READ, WRITE = 1, 2  # gevent's loop.io events

_TIMED_OUT = object()
_drivers: weakref.WeakSet[GeventDriver] = weakref.WeakSet()


class GeventDriver:
    """Drives an engine from the hub of the thread that makes it, and from no other thread.

    After fork() the driver is the parent's: in the child its watchers are stopped, the child's copies of the
    descriptors are closed, and every use raises OSError (EBADF).
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.hub = get_hub()
        self._loop = self.hub.loop
        self._thread = get_ident()
        self._pid = os.getpid()
        self._readers: dict[int, Any] = {}
        self._writer: Any = None
        self._timer: Any = None
        self._scheduled = False
        self._sleepers = 0
        self._keep_alive = self._loop.async_()
        self._changed = WaitList(self)
        _drivers.add(self)
        engine.attach(self)

    def check(self) -> None:
        """RuntimeError in another thread than the driver's, OSError (EBADF) in a forked child."""
        if os.getpid() != self._pid:
            raise OSError(errno.EBADF, "this SCTP stack belongs to the parent process: open new sockets after fork()")
        if get_ident() != self._thread:
            raise RuntimeError("this SCTP stack belongs to another thread")

    # --- asked by the engine

    def add(self, index: int, fd: int) -> None:
        """Watch a carrier's descriptor from now on."""
        self.check()
        self._readers[index] = watcher = self._loop.io(fd, READ, ref=False)
        if self._writer is None:
            watcher.start(self.engine.on_readable, index)

    def remove(self, index: int) -> None:
        """Watch it no longer; its descriptor may be closed then."""
        self.check()
        self._readers.pop(index).close()

    def block(self, index: int) -> None:
        """Watch only for room in this carrier's send buffer."""
        self.check()
        self._stop_writer()
        for watcher in self._readers.values():
            watcher.stop()
        self._writer = self._loop.io(self._readers[index].fd, WRITE, ref=False)
        self._writer.start(self.engine.on_writable)

    def unblock(self) -> None:
        """Watch for arriving datagrams again."""
        self.check()
        self._stop_writer()
        for index, watcher in self._readers.items():
            if not watcher.active:
                watcher.start(self.engine.on_readable, index)

    def arm(self, deadline: int | None) -> None:
        """Call engine.on_timer() at this time of the engine's clock (microseconds); None: not at all."""
        self.check()
        if self._timer is not None:
            self._timer.close()
            self._timer = None
        if deadline is not None:
            delay = max(deadline - self.engine.now(), 0) / 1e6
            self._timer = self._loop.timer(delay, ref=False)
            self._timer.start(self.engine.on_timer, update=True)

    def schedule(self) -> None:
        """Call engine.on_soon() at the end of this turn of the loop, before it waits."""
        if not self._scheduled:
            self.check()
            self._scheduled = True
            self._loop.run_callback(self._run_scheduled)

    def _run_scheduled(self) -> None:
        self._scheduled = False
        self.engine.on_soon()

    # --- asked by sockets and the stack

    def run_until(self, predicate: Callable[[], object], timeout: float) -> bool:
        """Run the hub until `predicate()` is true, which is asked after each pump; False: it was not in time (s)."""
        self.check()
        self.engine.pump()
        deadline = monotonic() + timeout
        while not predicate():
            left = deadline - monotonic()
            if left <= 0:
                return False
            self.engine.after_pump = self._changed.wake_all
            try:
                self._changed.sleep(left)
            finally:
                if not self._changed:
                    self.engine.after_pump = None
        return True

    def close(self) -> None:
        """Stop watching and serving, for good."""
        self._stop_writer()
        self.arm(None)
        for watcher in self._readers.values():
            watcher.close()
        self._readers.clear()
        self._keep_alive.close()
        _drivers.discard(self)

    # --- parts

    def _stop_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _enter(self) -> None:
        if self._sleepers == 0:
            self._keep_alive.start(_nothing)
        self._sleepers += 1

    def _leave(self) -> None:
        self._sleepers -= 1
        if self._sleepers == 0:
            self._keep_alive.stop()

    def _abandon(self) -> None:
        """In the child after fork(): the datagrams that arrive are the parent's."""
        self._stop_writer()
        if self._timer is not None:
            self._timer.stop()
        for watcher in self._readers.values():
            watcher.stop()
        self.engine.abandon()


class WaitList:
    """The greenlets that wait for one thing, such as a message to read on one socket; the longest waiting first.

    A wake-up is a hint: who is woken looks whether the thing is there and waits again if not.
    """

    __slots__ = ("_driver", "_waiters")

    def __init__(self, driver: GeventDriver) -> None:
        self._driver = driver
        self._waiters: dict[Waiter, None] = {}

    def __len__(self) -> int:
        return len(self._waiters)

    def wait(self, timeout: float | None = None) -> None:
        """Let other greenlets run until woken; TimeoutError after `timeout` seconds.

        What was queued for sending goes before.  What is thrown into the greenlet (gevent.Timeout, kill)
        comes out of here; a wake-up that it had been given then goes to the next.
        """
        if not self.sleep(timeout):
            raise TimeoutError("timed out")

    def sleep(self, timeout: float | None = None) -> bool:
        """As wait(), but False after `timeout` seconds."""
        driver, waiters = self._driver, self._waiters
        driver.check()
        waiter = Waiter(driver.hub)
        waiters[waiter] = None
        timer = None
        driver._enter()
        try:
            if timeout is not None:
                timer = driver.hub.loop.timer(max(timeout, 0))
                timer.start(waiter.switch, _TIMED_OUT, update=True)
            driver.engine.on_soon()
            waiter.get()
        except BaseException:
            if waiter not in waiters:
                self.wake_one()
            raise
        finally:
            if timer is not None:
                timer.close()
            driver._leave()
            woken = waiter not in waiters
            waiters.pop(waiter, None)
        return woken

    def wake_one(self) -> bool:
        """Let the longest waiting greenlet run soon; False: none waits."""
        for waiter in self._waiters:
            self._wake(waiter)
            return True
        return False

    def wake_all(self) -> None:
        """Let all that wait run soon."""
        for waiter in list(self._waiters):
            self._wake(waiter)

    def _wake(self, waiter: Waiter) -> None:
        del self._waiters[waiter]
        self._driver.hub.loop.run_callback(waiter.switch, None)


def _nothing() -> None:
    """The callback of a watcher that never fires."""


def _abandon_all() -> None:
    for driver in list(_drivers):
        driver._abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
