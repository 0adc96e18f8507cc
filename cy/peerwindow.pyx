"""The peer's receive window (RFC 9260 sections 6.1 and 6.2.1), and peers that promise more than they hold.

Linux charges its buffer some 250 bytes of overhead for each chunk but advertises as if there were none, then
says 0 at once and drops what is in flight.  The chunks that it dropped go again as soon as the window opens.
That is no congestion.  From then on we leave as much of the window unused as the peer turned out not to have;
each acknowledged byte gives a part of it back, for messages may get longer.
"""
from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t

from .path cimport Path
from .rto cimport rto_restore
from .serial cimport tsn_t
from .tcb cimport Tcb

cdef enum:
    COLLAPSE = 2                 # PMDCS by which the window fell beyond what was acknowledged
    LEAST_SHARE = 4              # the part of the window that is always used
    GIVEN_BACK = 16              # one byte of the hidden window for so many that are acknowledged


cdef uint32_t mark_lost(Tcb t, Path path, Path target, tsn_t until) noexcept:
    """It is no longer outstanding, so it leaves the window as well (9260-6.2.1-01)."""
    cdef uint64_t in_flight = t.outstanding.data_bytes
    cdef uint32_t found = t.outstanding.mark_path(path.index, target.index, until)
    t.peer_rwnd += <uint32_t>(in_flight - t.outstanding.data_bytes)
    return found


cdef int take_window(Tcb t, uint32_t a_rwnd, int64_t now) except -1:
    """Set peer_rwnd by the a_rwnd of a SACK; recover what a window that was shut has cost."""
    cdef uint32_t acknowledged = t.outstanding.bytes_newly_acked
    cdef uint32_t in_flight = <uint32_t>t.outstanding.data_bytes
    cdef uint32_t usable
    cdef Path path
    t.hidden_rwnd -= min(t.hidden_rwnd, acknowledged // GIVEN_BACK)
    if a_rwnd == 0 and t.told_rwnd > acknowledged + COLLAPSE * t.primary.cc.pmdcs:
        t.hidden_rwnd = t.told_rwnd - acknowledged
    t.told_rwnd = a_rwnd
    usable = max(a_rwnd - min(a_rwnd, t.hidden_rwnd), a_rwnd // LEAST_SHARE)
    t.peer_rwnd = usable - in_flight if usable > in_flight else 0
    if a_rwnd == 0:
        if not t.window_shut and in_flight:
            t.window_shut = True
            t.window_shut_at = now
            t.window_shut_tsn = t.outstanding.next_tsn
    elif t.window_shut and not recover_dropped(t, now):
        for path in t.paths:                 # what is in flight may still be on its way: look again then
            if path.t3_deadline != INT64_MAX:            # an idle path has nothing to look for
                path.t3_deadline = min(path.t3_deadline, t.window_shut_at + t.primary.rto.srtt)
    if t.probe_outstanding and t.peer_rwnd:
        t.probe_outstanding = False
        recover(t, t.outstanding.next_tsn, now)
    return 0


cdef bint recover_dropped(Tcb t, int64_t now) except -1:
    """Send again what a shut window did not take, once it is open; whether it was time for that.

    A round trip after the window shut, all that was in flight then has reached the peer, or never will.
    """
    if not t.window_shut or t.told_rwnd == 0 or now - t.window_shut_at < t.primary.rto.srtt:
        return False
    t.window_shut = False
    recover(t, t.window_shut_tsn, now)
    return True


cdef int recover(Tcb t, tsn_t until, int64_t now) except -1:
    """The window reopened: what it did not take goes again at once, not after its backed-off T3."""
    cdef Path path
    for path in t.paths:
        if mark_lost(t, path, path, until):
            path.stop_t3()
            path.after_timeout = False
            rto_restore(&path.rto, t.parameters)
        if path.t3_deadline == INT64_MAX and t.outstanding.flights[path.index].bytes:
            path.start_t3(now)               # what went after the window had shut is still on its way
    t.timeout_retransmit_now = t.outstanding.marked != 0
    t.want_transmit()
    return 0
