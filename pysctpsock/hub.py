"""The gevent side: a hub that watches the carriers' descriptors and the time, and greenlets that sleep in it.

The only file that knows gevent's loop.  Watchers do not keep the loop alive: a program whose greenlets have
all ended ends, however many associations are open.  A greenlet that sleeps here does keep it alive.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gevent import get_hub
from gevent._hub_local import get_hub_if_exists as current_hub
from gevent.hub import Waiter

if TYPE_CHECKING:
    from ._cy.engine import Engine

__all__ = ["GreenletSleeper", "HubDriver", "current_hub"]  # current_hub(): this thread's hub, or None

READ, WRITE = 1, 2  # gevent's loop.io events


class HubDriver:
    """Drives an engine from the loop of this thread's hub, which is made if there is none.

    Only `call` and `is_current` may be used from another thread.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.hub = get_hub()
        self.loop = self.hub.loop
        self._readers: dict[int, Any] = {}
        self._writer: Any = None
        self._timer: Any = None
        self._scheduled = False
        self._sleepers = 0
        self._keep_alive = self.loop.async_()

    def is_current(self) -> bool:
        """Whether it is this thread's hub."""
        return current_hub() is self.hub

    def call(self, function: Any, *arguments: Any) -> None:
        """Have the loop call a function soon; from any thread."""
        if current_hub() is self.hub:
            self.loop.run_callback(function, *arguments)
        else:
            self.loop.run_callback_threadsafe(function, *arguments)

    # --- driving

    def start(self) -> None:
        """Watch all carriers and the time from now on."""
        self.stop()
        for carrier in self.engine.carriers:
            if carrier is not None:
                self.add(carrier.index, carrier.fd)
        if self.engine.blocked >= 0:
            self.block(self.engine.blocked)
        self.arm()
        if self.engine.dirty:
            self.schedule()

    def stop(self) -> None:
        """Watch nothing any more."""
        self._stop_writer()
        self._stop_timer()
        for watcher in self._readers.values():
            watcher.close()
        self._readers.clear()

    def add(self, index: int, fd: int) -> None:
        """Watch a carrier's descriptor."""
        self._readers[index] = watcher = self.loop.io(fd, READ, ref=False)
        if self._writer is None:
            watcher.start(self.engine.on_readable, index)

    def remove(self, index: int) -> None:
        """Watch it no longer; its descriptor may be closed then."""
        self._readers.pop(index).close()

    def block(self, index: int) -> None:
        """Watch only for room in this carrier's send buffer."""
        self._stop_writer()
        for watcher in self._readers.values():
            watcher.stop()
        self._writer = self.loop.io(self._readers[index].fd, WRITE, ref=False)
        self._writer.start(self.engine.on_writable)

    def unblock(self) -> None:
        """Watch for arriving datagrams again."""
        self._stop_writer()
        for index, watcher in self._readers.items():
            if not watcher.active:
                watcher.start(self.engine.on_readable, index)

    def arm(self) -> None:
        """Call engine.on_timer() when it is due."""
        self._stop_timer()
        delay = self.engine.time_left()
        if delay is not None:
            self._timer = self.loop.timer(delay, ref=False)
            self._timer.start(self.engine.on_timer, update=True)

    def schedule(self) -> None:
        """Call engine.on_soon() at the end of this turn of the loop, before it waits."""
        if not self._scheduled:
            self._scheduled = True
            self.loop.run_callback(self._run_scheduled)

    def abandon(self) -> None:
        """In the child after fork(): watch nothing, without a call that the parent's loop would notice."""
        self._stop_writer()
        if self._timer is not None:
            self._timer.stop()
        for watcher in self._readers.values():
            watcher.stop()

    def close(self) -> None:
        """Stop, for good."""
        self.stop()
        self._keep_alive.close()

    def _run_scheduled(self) -> None:
        self._scheduled = False
        self.engine.on_soon()

    def _stop_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.close()
            self._timer = None

    # --- sleeping

    def enter(self) -> None:
        """A greenlet is about to sleep in this hub: the loop stays alive."""
        if self._sleepers == 0:
            self._keep_alive.start(_nothing)
        self._sleepers += 1

    def leave(self) -> None:
        """It has ended its sleep."""
        self._sleepers -= 1
        if self._sleepers == 0:
            self._keep_alive.stop()


class GreenletSleeper:
    """The current greenlet, to be put to sleep once in its hub."""

    __slots__ = ("_home", "_waiter")

    def __init__(self, home: HubDriver) -> None:
        self._home = home
        self._waiter = Waiter(home.hub)

    def sleep(self, timeout: float | None) -> None:
        """Let other greenlets run until woken, or for so many seconds."""
        home, waiter = self._home, self._waiter
        timer = None
        home.enter()
        try:
            if timeout is not None:
                timer = home.loop.timer(max(timeout, 0))
                timer.start(waiter.switch, None, update=True)
            waiter.get()
        finally:
            if timer is not None:
                timer.close()
            home.leave()

    def wake(self) -> None:
        """End its sleep soon; from any thread."""
        self._home.call(self._waiter.switch, None)


def _nothing() -> None:
    """The callback of a watcher that never fires."""
