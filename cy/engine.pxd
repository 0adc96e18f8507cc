"""Moves packets between the core and the carriers, and tells sockets what became of theirs.

The engine is the only one that reads the clock.  It asks its driver (the event loop's side, see engine.pyx)
for three things: to be called when a descriptor is readable or has room, at a time, and soon.
"""
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from .carrier cimport Carrier
from .endpoint cimport Endpoint


cdef int64_t clock() noexcept nogil          # CLOCK_MONOTONIC in microseconds


cdef class Engine:
    cdef readonly Endpoint endpoint
    cdef readonly list carriers              # Carrier or None, by Route.carrier
    cdef readonly object driver
    cdef public object after_pump            # called without arguments at the end of each pump, or None
    cdef readonly int blocked                # index of the carrier that has no room, or -1
    cdef readonly bint dirty                 # something was queued that the driver was asked to pump for
    cdef readonly int64_t armed              # the time that the driver was asked for last, or INT64_MAX
    cdef readonly uint64_t turns             # calls by the driver's loop: it is alive
    cdef readonly uint64_t pumps, owner_failures, packets_without_carrier
    cdef int first                           # the outbox's packets before it have gone
    cdef uint64_t queued                     # bytes since the last pump
    cdef bint busy, again

    # For the socket layer, which has just queued something.
    cdef int soon(self) except -1            # it goes at the end of this turn of the loop
    cdef int maybe_pump(self, uint32_t queued_bytes, bint nothing_in_flight) except -1   # at once if worth it

    cpdef int pump(self) except -1
    cpdef int poll(self) except -1
    cpdef int flush(self) except -1
    # For the driver.
    cpdef int on_readable(self, int index) except -1
    cpdef int on_writable(self) except -1
    cpdef int on_timer(self) except -1
    cpdef int on_soon(self) except -1

    cdef Carrier carrier_at(self, uint16_t index)
    cdef bint feed(self, Carrier carrier, uint32_t budget) except -1
    cdef int read(self, int index) except -1
    cdef int transmit(self) except -1
    cdef int send_outbox(self) except -1
    cdef int expire(self) except -1
    cdef int settle(self) except -1
    cdef int dispatch(self) except -1
    cdef bint tell_again(self, object owner, uint32_t flags) except -1
    cdef int arm(self) except -1
    cdef int lose(self, Carrier carrier, object problem) except -1
    cdef int tell(self, object call, tuple arguments) except -1
