"""The timers of an association and of a path, as deadlines in a small fixed table.

RFC 9260 sections 6.3 (T3-rtx), 5.1 (T1), 9.2 (T2, T5), 6.2 (delayed SACK), 8.3 (heartbeat).  There is no
heap and no cancellation: the next deadline is the minimum of a few integers.
"""
from libc.stdint cimport INT64_MAX, int64_t

cdef enum:                       # the timers of an association; those of a path are in Path
    TIMER_T1 = 0                 # T1-init in COOKIE-WAIT, T1-cookie in COOKIE-ECHOED
    TIMER_T2_SHUTDOWN
    TIMER_T5_GUARD
    TIMER_SACK
    TIMER_LIFETIME               # of messages that wait for a TSN (RFC 3758 section 4.1)
    TIMER_AUTOCLOSE              # RFC 6458 section 8.1.8
    TIMER_COUNT


cdef struct TimerTable:
    int64_t deadline[TIMER_COUNT]


cdef inline int64_t never() noexcept nogil:
    return INT64_MAX


cdef inline void stop_all(TimerTable *timers) noexcept nogil:
    cdef int kind
    for kind in range(TIMER_COUNT):
        timers.deadline[kind] = INT64_MAX


cdef inline int64_t earliest(const TimerTable *timers) noexcept nogil:
    cdef int kind
    cdef int64_t first = INT64_MAX
    for kind in range(TIMER_COUNT):
        if timers.deadline[kind] < first:
            first = timers.deadline[kind]
    return first
