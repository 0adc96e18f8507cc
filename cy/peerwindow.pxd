"""The peer's receive window: what it says, and what it turns out to be worth.

RFC 9260 sections 6.1 (rule A), 6.2.1 (what a SACK says of the window).
"""
from libc.stdint cimport int64_t, uint32_t

from .path cimport Path
from .serial cimport tsn_t
from .tcb cimport Tcb

# What is in flight on a path, below TSN `until`, is lost and goes to `target`; how many chunks
cdef uint32_t mark_lost(Tcb t, Path path, Path target, tsn_t until) noexcept
cdef bint recover_dropped(Tcb t, int64_t now) except -1
cdef int take_window(Tcb t, uint32_t a_rwnd, int64_t now) except -1      # of a SACK that was applied
