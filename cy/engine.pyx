"""The engine: drains carriers into the endpoint, the outbox into carriers, wakes the users that are ready.

The driver is the event loop's side of it (hub.py for gevent).  The engine calls its methods
    add(index, fd), remove(index)    watch a carrier's descriptor: on_readable(index) when it is readable
    block(index)                     watch nothing but this one: on_writable() when it has room
    unblock()                        watch for readability again
    arm(microseconds)                call on_timer() at this time of the engine's clock, not when asked before
    schedule()                       call on_soon() before the loop waits
A carrier without room stops reading too: what arrives would only make more packets that cannot leave.
Methods of a driver and of an owner are Python code: a signal handler's exception can come out of any line.
Thus they may be called again for the same: what was cut short is done again, then the exception goes on.

Nothing here runs twice at a time: what a woken owner, a finalizer or another thread asks for meanwhile is
done by the pump that runs.  An owner's `_on_ready(flags)` must not switch greenlets: it makes them ready to
run.  While the core works the GIL is not let go: it does no I/O and calls no Python, and the garbage
collector, whose finalizers might, waits.
"""
import logging

from libc.stdint cimport INT64_MAX, int64_t, uint16_t, uint32_t
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from .carrier cimport Carrier
from .endpoint cimport Endpoint
from .outbox cimport Outbox
from .user cimport ReadyList, SctpUser

cdef enum:
    READ_ROUND = 256 << 10       # bytes fed before what they caused is sent
    READ_ROUNDS = 4              # at a time, then other descriptors have their turn
    BATCH = 64 << 10             # bytes queued that are worth a pump of their own
    MOST_TURNS = 16              # of one pump that is asked for again while it runs
    DAY = 86400 * 1000000        # microseconds: the longest time that the driver is asked for at once

logger = logging.getLogger("pysctpsock")


cdef extern from "Python.h":
    int PyGC_Disable()
    int PyGC_Enable()


cdef int64_t clock() noexcept nogil:
    cdef timespec time
    clock_gettime(CLOCK_MONOTONIC, &time)
    return <int64_t>time.tv_sec * 1000000 + time.tv_nsec // 1000


cdef class Engine:
    """Engine(endpoint): drives an endpoint over its carriers, which its driver watches."""

    def __cinit__(self, Endpoint endpoint not None):
        self.endpoint = endpoint
        self.carriers = []
        self.blocked = -1
        self.armed = INT64_MAX

    def now(self):
        """The engine's clock: CLOCK_MONOTONIC in microseconds."""
        return clock()

    def time_left(self):
        """Seconds until on_timer() is to be called, 0.0 if it is due, None if the driver need not call it.

        A day at most, which no loop and no system call finds too long; an early call does no harm.
        """
        if self.armed == INT64_MAX:
            return None
        return min(max(self.armed - clock(), 0), DAY) / 1e6

    def attach(self, driver):
        """Give the engine its driver, which is told of carriers, deadlines, and work that waits."""
        cdef int index
        self.driver = driver
        self.armed = INT64_MAX
        for index, carrier in enumerate(self.carriers):
            if carrier is not None:
                driver.add(index, carrier.fd)
        if self.blocked >= 0:
            driver.block(self.blocked)
        if self.dirty:
            driver.schedule()
        self.arm()

    def add_carrier(self, Carrier carrier not None):
        """Take a carrier in; its index, which routes name.  OverflowError beyond 65536 of them."""
        cdef int index = 0
        while index < len(self.carriers) and self.carriers[index] is not None:
            index += 1
        carrier.index = index
        if index == len(self.carriers):
            self.carriers.append(None)
        self.carriers[index] = carrier
        if self.driver is not None:
            try:
                self.tell(self.driver.add, (index, carrier.fd))  # last: another thread may look at the list
            except BaseException:
                self.carriers[index] = None
                self.driver.remove(index)
                raise
        return index

    def remove_carrier(self, Carrier carrier not None):
        """Let go of a carrier, do not close it; packets that name it are lost.  ValueError: not ours."""
        if self.carrier_at(carrier.index) is not carrier:
            raise ValueError("not a carrier of this engine")
        self.carriers[carrier.index] = None
        if self.driver is not None:
            self.tell(self.driver.remove, (carrier.index,))
        if self.blocked == carrier.index:
            self.on_writable()               # its packets are dropped

    def abandon(self):
        """Close the carriers and forget the driver: in a child after fork(), where they are the parent's."""
        self.driver = None
        for carrier in self.carriers:
            if carrier is not None:
                carrier.close()
        self.carriers = []
        self.blocked = -1

    def snapshot(self):
        """The state and counters as a dict, carriers' snapshots included."""
        names = ("blocked", "dirty", "pumps", "owner_failures", "packets_without_carrier")
        return {name: getattr(self, name) for name in names} | {
            "carriers": [carrier and carrier.snapshot() for carrier in self.carriers]}

    # --- asked by sockets

    cdef int soon(self) except -1:
        if not self.dirty:
            self.dirty = True
            if self.driver is not None:
                self.tell(self.driver.schedule, ())
        return 0

    cdef int maybe_pump(self, uint32_t queued_bytes, bint nothing_in_flight) except -1:
        self.queued += queued_bytes
        if nothing_in_flight or self.queued >= BATCH:
            return self.pump()
        return self.soon()

    cpdef int pump(self) except -1:
        """Send what can be sent, wake who is ready, set the timer."""
        if self.busy:
            self.again = True
            return 0
        self.busy = True
        try:
            self.settle()
        finally:
            self.busy = False
        return 0

    cpdef int poll(self) except -1:
        """Do all that the event loop would have us do now: read, expire timers, pump."""
        cdef int index
        if self.busy:
            self.again = True
            return 0
        self.busy = True
        try:
            if self.blocked < 0:
                for index in range(len(self.carriers)):
                    self.read(index)
            self.expire()
            self.settle()
        finally:
            self.busy = False
        return 0

    cpdef int flush(self) except -1:
        """Send what the outbox holds and nothing else; 1 if a carrier has no room for all of it."""
        if self.busy:
            self.again = True
            return 0
        self.busy = True
        try:
            return self.send_outbox()
        finally:
            self.busy = False
            if self.again:                   # a finalizer wanted a pump meanwhile
                self.soon()

    # --- called by the driver

    cpdef int on_readable(self, int index) except -1:
        """Feed what has arrived on a carrier to the endpoint, at most about 1 MB, then pump."""
        self.turns += 1
        if self.busy or self.blocked >= 0:
            return 0
        self.busy = True
        try:
            self.read(index)
            self.settle()
        finally:
            self.busy = False
        return 0

    cpdef int on_writable(self) except -1:
        """Go on where a carrier had no room."""
        cdef int index
        self.turns += 1
        if self.busy:
            self.again = True
            return 0
        self.busy = True
        try:
            if self.send_outbox() == 0:
                for index in range(len(self.carriers)):      # their descriptors do not tell what they hold
                    if self.carrier_at(index) is not None and self.carrier_at(index).holds_packets:
                        self.read(index)
            self.settle()
        finally:
            self.busy = False
        return 0

    cpdef int on_timer(self) except -1:
        """The time that was asked for has come (or an earlier one: that does no harm)."""
        self.turns += 1
        self.armed = INT64_MAX
        if self.busy:
            self.again = True
            return 0
        self.busy = True
        try:
            self.expire()
            self.settle()
        finally:
            self.busy = False
        return 0

    cpdef int on_soon(self) except -1:
        """Pump unless that has happened since it was asked for."""
        return self.pump() if self.dirty else 0

    # --- the parts

    cdef Carrier carrier_at(self, uint16_t index):
        return <Carrier>self.carriers[index] if index < len(self.carriers) else None

    cdef int read(self, int index) except -1:
        """Some rounds of: feed a carrier's packets, send what they let go."""
        cdef Carrier carrier = self.carrier_at(index)
        cdef int _round
        if carrier is None:
            return 0
        for _round in range(READ_ROUNDS):
            try:
                if not self.feed(carrier, READ_ROUND):
                    return 0
            except OSError as problem:
                return self.lose(carrier, problem)
            if self.transmit():
                return 0                     # no room; on_writable goes on
        # More waits: the descriptor says so to the loop, but not what the carrier has read already.
        while carrier.holds_packets:
            self.feed(carrier, 0)
            if self.transmit():
                return 0
        return 0

    cdef bint feed(self, Carrier carrier, uint32_t budget) except -1:
        cdef bint collecting = PyGC_Disable()
        try:
            return carrier.receive_batch(self.endpoint, clock(), budget)
        finally:
            if collecting:
                PyGC_Enable()

    cdef int transmit(self) except -1:
        """Empty the core into the carriers; 1: one has no room."""
        cdef bint more = True
        cdef bint collecting
        while more:
            collecting = PyGC_Disable()
            try:
                more = self.endpoint.poll_transmit(clock())
            finally:
                if collecting:
                    PyGC_Enable()
            if self.send_outbox():
                return 1
        return 0

    cdef int send_outbox(self) except -1:
        """Empty the outbox into the carriers; 1: one has no room."""
        cdef Outbox outbox = self.endpoint.outbox
        cdef Carrier carrier
        cdef int sent, index
        while self.first < outbox.count:
            index = outbox.packets[self.first].route.carrier
            carrier = self.carrier_at(index)
            if carrier is None:
                self.first += 1
                self.packets_without_carrier += 1
                continue
            try:
                sent = carrier.send_batch(outbox, self.first)
            except OSError as problem:
                self.lose(carrier, problem)
                continue
            self.first += sent
            if sent == 0:
                if self.blocked != index:
                    self.blocked = index
                    if self.driver is not None:
                        self.tell(self.driver.block, (index,))
                return 1
        outbox.clear()
        self.first = 0
        if self.blocked >= 0:
            self.blocked = -1
            if self.driver is not None:
                self.tell(self.driver.unblock, ())
        return 0

    cdef int lose(self, Carrier carrier, object problem) except -1:
        """A carrier's descriptor is its own no longer: somebody has closed it by its number."""
        if self.carrier_at(carrier.index) is carrier:
            self.carriers[carrier.index] = None
            carrier.forget()
            if self.driver is not None:
                self.tell(self.driver.remove, (carrier.index,))
            logger.error("the descriptor of a carrier was closed by somebody else (%s): "
                         "what was to come through it is lost", problem)
        return 0

    cdef int tell(self, object call, tuple arguments) except -1:
        """Call a method of the driver, again if something was raised in it: perhaps by a signal handler."""
        try:
            call(*arguments)
        except BaseException:
            call(*arguments)
            raise
        return 0

    cdef int expire(self) except -1:
        """Let the endpoint's timers run out; it is asked again as long as its answers fill the outbox."""
        cdef bint collecting, more = True
        while more:
            collecting = PyGC_Disable()
            try:
                more = self.endpoint.handle_timeout(clock())
            finally:
                if collecting:
                    PyGC_Enable()
            if more and (self.endpoint.outbox.count == 0 or self.send_outbox()):
                break
        return 0

    cdef int settle(self) except -1:
        """What ends each entry: transmit, wake users, again if they asked for it, then the timer."""
        cdef int _turn
        cdef bint finished = False
        try:
            for _turn in range(MOST_TURNS):
                self.again = self.dirty = False
                self.queued = 0
                self.transmit()
                self.dispatch()
                if not self.again:
                    break
            self.arm()
            self.pumps += 1
            if self.after_pump is not None:
                self.after_pump()
            finished = not self.again
        finally:
            if not finished:                 # they go on asking, or something was raised: the loop's turn
                self.soon()
        return 0

    cdef int dispatch(self) except -1:
        """Tell each ready user's owner what it is ready for.

        What is raised in an owner twice is the owner's failure, and is logged.  What is raised only once came
        from a signal handler: the owner has been told, and the program gets the exception.
        """
        cdef ReadyList ready_list = self.endpoint.ready_list
        cdef SctpUser user = ready_list.pop()
        cdef uint32_t flags
        while user is not None:
            flags = user.ready
            user.ready = 0
            if user.owner is not None:
                try:
                    user.owner._on_ready(flags)
                except BaseException:
                    if self.tell_again(user.owner, flags):
                        raise
            user = ready_list.pop()
        return 0

    cdef bint tell_again(self, object owner, uint32_t flags) except -1:
        """The same after something was raised; False: it is the owner's failure."""
        try:
            owner._on_ready(flags)
        except Exception:
            self.owner_failures += 1
            logger.exception("a socket could not be told that it is ready")
            return False
        return True

    cdef int arm(self) except -1:
        """Ask for the timer if it must go off earlier than it is set to; an early call does no harm."""
        cdef int64_t deadline = self.endpoint.next_deadline()
        if deadline < self.armed and self.driver is not None:
            self.armed = deadline
            self.tell(self.driver.arm, (deadline,))
        return 0

    # --- Python face, for tests and tools

    def request_soon(self):
        """soon(), as sockets call it."""
        return self.soon()

    def request_maybe_pump(self, uint32_t queued_bytes, bint nothing_in_flight):
        """maybe_pump(), as sockets call it."""
        return self.maybe_pump(queued_bytes, nothing_in_flight)
