"""The guard: a thread that drives the engine when nobody else does.

While a hub drives, the guard stands by: it sleeps until a datagram, a deadline or queued data should make the
hub turn, gives it a grace, and looks whether it has.  A program that only uses gevent so pays a few wake-ups
a second under load, and none when idle.  When the hub has not turned, because the program sleeps or computes
without yielding, the guard drives until a hub takes over again.

Its thread is the system's, even if gevent has patched `threading`, and never runs a greenlet.  It does not
end before the driver is closed: without it threads would wait for ever.  What is raised in it is logged, once
for each line that raises, and it goes on.
"""
from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from math import ceil
from typing import TYPE_CHECKING, Any

from .descriptor import file_of
from .errors import error
from .native import POLLIN, POLLOUT, allocate_lock, get_ident, poll, start_new_thread

if TYPE_CHECKING:
    from ._cy.engine import Engine

SHORTEST_GRACE, LONGEST_GRACE = 0.005, 0.08  # seconds; it doubles while the hub turns in time
END_TIME = 2.0  # seconds that stop() waits for the thread
FAILURE_PAUSE = 0.05  # seconds after something was raised: what fails for ever must not take a processor

logger = logging.getLogger("pysctpsock")


class Pipe:
    """What wakes the guard.  It closes with the last reference: nobody writes to a closed descriptor.

    A program may close its ends by their numbers, as daemons do with all they find.  A poll() that waits for
    the reader keeps the pipe alive, and returns when there is no writer; before the next one the guard looks,
    and makes a new pipe.
    """

    reader = writer = -1
    _file: tuple[int, int] | None = None

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self._file = file_of(self.reader)  # both ends are of one
        os.set_blocking(self.reader, False)
        os.set_blocking(self.writer, False)

    def is_whole(self) -> bool:
        """Whether the numbers are still this pipe's."""
        return file_of(self.reader) == self._file == file_of(self.writer)

    def __del__(self) -> None:
        for end in (self.reader, self.writer):
            if self._file is not None and file_of(end) == self._file:
                os.close(end)


class Guard:
    """Guard(engine, take_over): take_over() is called in the guard's thread when it must drive."""

    def __init__(self, engine: Engine, take_over: Callable[[], None]) -> None:
        self.engine = engine
        self.driving = False
        self._take_over = take_over
        self._thread = 0  # its ident while it runs
        self._stopped = False
        self._started = False
        self._running = allocate_lock()  # the thread has it
        self._woken = False
        self._idle_until: int | None = None  # standing by; the deadline that it knows
        self._pipe: Pipe | None = None
        self._carriers_changed = True
        self._grace = SHORTEST_GRACE
        self._nothing = poll()
        self._reported: set[tuple[Any, ...]] = set()  # what was raised, and where

    def start(self) -> None:
        """Start the thread unless it runs.  OSError: there is no descriptor or no thread to be had."""
        if self._started or self._stopped:
            return
        self._pipe = Pipe()
        try:
            start_new_thread(self._run, ())
            self._started = True
        except RuntimeError as problem:
            self._pipe = None
            # When the interpreter is ending hubs must do.
            self._stopped = sys.is_finalizing() or "shutdown" in str(problem)
            if not self._stopped:
                raise error(errno.EAGAIN, str(problem)) from None

    def stop(self) -> None:
        """End the thread, for good; from any thread but its own."""
        self._stopped = True
        if self._pipe is not None:
            self.wake()
            if self._running.acquire(True, END_TIME):
                self._pipe = None

    def abandon(self) -> None:
        """In the child after fork(), where there is no such thread."""
        self._stopped = True
        self._pipe = None

    def is_current(self) -> bool:
        """Whether the caller is in the guard's thread."""
        return bool(get_ident() == self._thread)

    # --- told by the driver, from any thread

    def drive(self, on: bool) -> None:
        """Drive from now on, or stand by."""
        self.driving = on
        self.wake()  # also if it does already: what said so may have been interrupted here

    def change(self) -> None:
        """The carriers to be watched have changed."""
        self._carriers_changed = True
        self.wake()

    def poke(self, deadline: int = 0) -> None:
        """There is something for the hub to do by then: see that it does."""
        if self._idle_until is not None and deadline < self._idle_until:
            self.wake()

    def wake(self) -> None:
        """Look again at what is to be done."""
        pipe = self._pipe
        if not self._woken and pipe is not None and not self.is_current():
            try:
                self._woken = True
                self._idle_until = None
                os.write(pipe.writer, b"\0")
            except OSError:
                self._woken = False  # no reader: the guard is awake, and looks at its pipe
            except BaseException:
                self._woken = False  # a signal handler's
                raise

    # --- the thread

    def _run(self) -> None:
        if not self._running.acquire(False):  # start() was interrupted, and has been called again; or stop()
            return
        failure: BaseException | None = None
        self._thread = get_ident()
        try:
            while not self._stopped:
                try:
                    if failure is not None:
                        problem, failure = failure, None
                        self._nothing.poll(FAILURE_PAUSE * 1000)
                        self._report(problem)
                    self._turn()
                except BaseException as problem:
                    failure = problem
        finally:
            self._finish()

    def _report(self, problem: BaseException) -> None:
        place = problem.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        kind = type(problem), place and place.tb_frame.f_code, place and place.tb_lineno
        if kind not in self._reported:
            self._reported.add(kind)
            logger.error("the guard thread goes on after this, of which it will not tell again",
                         exc_info=problem)

    def _turn(self) -> None:
        assert self._pipe is not None
        if not self._pipe.is_whole():
            self._renew_pipe()
        if self._carriers_changed:
            self._watch_carriers()
        if self.driving:
            self._grace = SHORTEST_GRACE
            self._drive()
        elif self._something_comes():
            turns = self.engine.turns
            if self._alone.poll(self._grace * 1000):
                self._clear_wake()
            elif self.engine.turns != turns:
                self._grace = min(2 * self._grace, LONGEST_GRACE)
            elif self._something_waits():
                self._take_over()

    def _clear_wake(self) -> None:
        """Forget a wake-up, before looking at what it was for: one that comes now is for the same."""
        assert self._pipe is not None
        if self._pipe.is_whole():
            try:
                with suppress(BlockingIOError):
                    os.read(self._pipe.reader, 16)
            except OSError:  # closed by its number since that look
                self._renew_pipe()
        else:
            self._renew_pipe()
        self._woken = False

    def _renew_pipe(self) -> None:
        self._pipe = Pipe()
        self._carriers_changed = True
        self._woken = False

    def _watch_carriers(self) -> None:
        assert self._pipe is not None
        self._carriers_changed = False
        self._alone = poll()
        self._alone.register(self._pipe.reader, POLLIN)
        self._all = poll()
        self._all.register(self._pipe.reader, POLLIN)
        self._indexes: dict[int, int] = {}
        blocked = self.engine.blocked
        for carrier in self.engine.carriers:
            if carrier is not None and carrier.fd >= 0 and blocked in (-1, carrier.index):
                self._all.register(carrier.fd, POLLIN if blocked < 0 else POLLOUT)
                self._indexes[carrier.fd] = carrier.index

    def _ready_carriers(self, timeout: float | None) -> list[int]:
        """The descriptors of carriers that are readable, or have room, after so many seconds at most."""
        ready = [fd for fd, _ in self._all.poll(None if timeout is None else ceil(timeout * 1000))]
        if self._pipe is not None and self._pipe.reader in ready:
            ready.remove(self._pipe.reader)
            self._clear_wake()
        return ready

    def _drive(self) -> None:
        """One turn, as a loop would make it."""
        engine = self.engine
        for fd in self._ready_carriers(0 if engine.dirty else engine.time_left()):
            if engine.blocked >= 0:
                engine.on_writable()
            else:
                engine.on_readable(self._indexes[fd])
        if engine.time_left() == 0:
            engine.on_timer()
        engine.on_soon()

    def _something_comes(self) -> bool:
        """Sleep until the hub has something to do, or until woken; whether it has."""
        engine = self.engine
        self._idle_until = engine.armed  # first: what comes from now on pokes
        ready = self._ready_carriers(0 if engine.dirty else engine.time_left())
        self._idle_until = None
        return bool(ready) or engine.dirty or engine.time_left() == 0

    def _something_waits(self) -> bool:
        return self.engine.dirty or self.engine.time_left() == 0 or bool(self._ready_carriers(0))

    def _finish(self) -> None:
        self._thread = 0
        self._stopped = True
        self._pipe = None
        self._running.release()
