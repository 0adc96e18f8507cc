"""The retransmission timeout of one path: RFC 9260 section 6.3.1.  Times are microseconds."""
from libc.stdint cimport int64_t

from .parameters cimport ProtocolParameters

cdef enum:
    CLOCK_GRANULARITY = 1        # the least RTTVAR (rule G1)


cdef struct Rto:
    int64_t srtt
    int64_t rttvar
    int64_t rto
    bint measured


cdef inline void rto_start(Rto *r, ProtocolParameters p) noexcept:
    """Before a measurement the RTO is RTO.Initial (rule C1)."""
    r.srtt = r.rttvar = 0
    r.measured = False
    r.rto = p.rto_initial


cdef inline void rto_sample(Rto *r, int64_t rtt, ProtocolParameters p) noexcept:
    """One round-trip measurement (rules C2 to C7)."""
    cdef int64_t difference
    if rtt < 0:
        return
    if not r.measured:
        r.srtt = rtt
        r.rttvar = rtt // 2
        r.measured = True
    else:
        difference = r.srtt - rtt if r.srtt > rtt else rtt - r.srtt
        r.rttvar += (difference - r.rttvar) // 4
        r.srtt += (rtt - r.srtt) // 8
    if r.rttvar < CLOCK_GRANULARITY:
        r.rttvar = CLOCK_GRANULARITY
    r.rto = r.srtt + 4 * r.rttvar
    if r.rto < p.rto_min:
        r.rto = p.rto_min
    if r.rto > p.rto_max:
        r.rto = p.rto_max


cdef inline void rto_restore(Rto *r, ProtocolParameters p) noexcept:
    """Undo the back-off: the value that the measurements give."""
    if r.measured:
        r.rto = min(max(r.srtt + 4 * r.rttvar, p.rto_min), p.rto_max)
    else:
        r.rto = p.rto_initial


cdef inline void rto_back_off(Rto *r, ProtocolParameters p) noexcept:
    """Doubled at each expiry, up to RTO.Max (section 6.3.3, rule E2)."""
    r.rto = min(2 * r.rto, p.rto_max)
