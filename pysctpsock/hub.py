"""The gevent side: a hub that watches the carriers' descriptors and the time, and greenlets that sleep in it.

The only file that knows gevent's loop.  Watchers do not keep the loop alive: a program whose greenlets have
all ended ends, however many associations are open.  A greenlet that sleeps here does keep it alive.

The exception of a signal handler can come out of any line of Python code.  So what the engine asks for can be
asked for again, and notes are made of what has been done, not of what is about to be.
"""
from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gevent import get_hub
from gevent._hub_local import get_hub_if_exists as current_hub
from gevent.hub import Waiter

if TYPE_CHECKING:
    from ._cy.engine import Engine
    from .descriptor import Descriptor

# current_hub(): this thread's hub, or None
__all__ = ["GreenletSleeper", "HubDriver", "close_after_waking", "current_hub"]

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
        self._soon: Any = None  # what schedule() was given by the loop
        self._sleepers: set[GreenletSleeper] = set()
        self._keep_alive = self.loop.async_()

    def is_current(self) -> bool:
        """Whether it is this thread's hub."""
        return current_hub() is self.hub

    def call(self, function: Any, *arguments: Any) -> None:
        """Have the loop call a function soon; from any thread.  A loop that was destroyed calls nothing."""
        try:
            if current_hub() is self.hub:
                self.loop.run_callback(function, *arguments)
            else:
                self.loop.run_callback_threadsafe(function, *arguments)
        except ValueError:
            if self.hub.loop is not None:
                raise

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
        for index in list(self._readers):
            self.remove(index)

    def add(self, index: int, fd: int) -> None:
        """Watch a carrier's descriptor."""
        self.remove(index)
        self._readers[index] = watcher = self.loop.io(fd, READ, ref=False)
        if self._writer is None:
            watcher.start(self.engine.on_readable, index)

    def remove(self, index: int) -> None:
        """Watch it no longer; its descriptor may be closed then."""
        if index in self._readers:
            _close(self._readers[index])
            del self._readers[index]

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
        if self._soon is None or not self._soon.pending:
            self._soon = self.loop.run_callback(self.engine.on_soon)

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
        _close(self._keep_alive)

    def _stop_writer(self) -> None:
        if self._writer is not None:
            _close(self._writer)
            self._writer = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            _close(self._timer)
            self._timer = None

    # --- sleeping

    def enter(self, sleeper: GreenletSleeper) -> None:
        """A greenlet is about to sleep in this hub: the loop stays alive."""
        self._sleepers.add(sleeper)
        if not self._keep_alive.active:
            self._keep_alive.start(_nothing)

    def leave(self, sleeper: GreenletSleeper) -> None:
        """It has ended its sleep, if it ever began."""
        self._sleepers.discard(sleeper)
        if not self._sleepers:
            self._keep_alive.stop()


class GreenletSleeper:
    """The current greenlet, to be put to sleep once in its hub."""

    __slots__ = ("_home", "_waiter")

    def __init__(self, home: HubDriver) -> None:
        self._home = home
        self._waiter = Waiter(home.hub)

    def sleep(self, timeout: float | None) -> bool:
        """Let other greenlets run until woken, or for so many seconds: then False."""
        home, waiter = self._home, self._waiter
        timer = None
        try:
            home.enter(self)
            if timeout is not None:
                timer = home.loop.timer(max(timeout, 0))
                timer.start(waiter.switch, False, update=True)
            return bool(waiter.get())
        finally:
            home.leave(self)
            if timer is not None:
                timer.close()

    def wake(self) -> None:
        """End its sleep soon; from any thread, more than once if need be."""
        self._home.call(self._waiter.switch, True)


def close_after_waking(descriptor: Descriptor) -> None:
    """Close a descriptor once this thread's greenlets that watch it are woken, as gevent's sockets do.

    They would sleep for ever otherwise, or watch the next file that has the number.
    """
    hub, fd = current_hub(), descriptor.fileno()
    if (hub is None or hub.loop is None or fd < 0 or descriptor.was_closed_by_number()
            or not hub.loop.closing_fd(fd)):
        descriptor.close()
        return
    check = hub.loop.check()

    def close() -> None:
        descriptor.close()
        check.stop()
        check.close()

    check.start(close)


def _close(watcher: Any) -> None:
    with suppress(ValueError):  # the loop was destroyed, and its watchers with it
        watcher.close()


def _nothing() -> None:
    """The callback of a watcher that never fires."""
