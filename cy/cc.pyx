"""Congestion control of one path: RFC 9260 section 7.2."""
from libc.stdint cimport UINT32_MAX, int64_t, uint32_t

cdef enum:
    GREATEST_CWND = 0x40000000               # far above any window; keeps sums within 32 bits


cdef class CongestionControl:
    """Slow start, congestion avoidance and the reactions to loss that RFC 9260 section 7.2 prescribes."""

    cdef void start(self, uint32_t pmdcs, bint is_ipv4) noexcept:
        # 7.2.1: min(4 * PMDCS, max(2 * PMDCS, 4404)), with 4344 for an IPv6 peer
        self.pmdcs = pmdcs
        self.cwnd = min(4 * pmdcs, max(2 * pmdcs, <uint32_t>(4404 if is_ipv4 else 4344)))
        self.ssthresh = UINT32_MAX
        self.partial_bytes_acked = 0

    cdef void on_acknowledged(self, uint32_t newly_acknowledged, uint32_t duplicated,
                              uint32_t flight_size_before, uint32_t flight_size, bint fast_recovery) noexcept:
        if self.cwnd <= self.ssthresh:
            # 7.2.1: only a cwnd that was fully used grows, by at most one PMDCS (L = 1) a SACK
            if not fast_recovery and flight_size_before >= self.cwnd and self.cwnd < GREATEST_CWND:
                self.cwnd += min(newly_acknowledged, self.pmdcs)
        else:
            # 7.2.2; whoever reports more duplicates than it acknowledges shall gain nothing by them
            self.partial_bytes_acked += newly_acknowledged + min(duplicated, newly_acknowledged)
            if self.partial_bytes_acked >= self.cwnd:
                if flight_size_before >= self.cwnd:
                    self.partial_bytes_acked -= self.cwnd
                    if not fast_recovery and self.cwnd < GREATEST_CWND:
                        self.cwnd += self.pmdcs
                else:
                    self.partial_bytes_acked = self.cwnd
        if flight_size == 0:
            self.partial_bytes_acked = 0

    cdef void on_loss(self) noexcept:
        self.ssthresh = max(self.cwnd // 2, 4 * self.pmdcs)
        self.cwnd = self.ssthresh
        self.partial_bytes_acked = 0

    cdef void on_timeout(self) noexcept:
        self.ssthresh = max(self.cwnd // 2, 4 * self.pmdcs)
        self.cwnd = self.pmdcs
        self.partial_bytes_acked = 0

    cdef void on_idle(self, int64_t periods) noexcept:
        # 7.2.1: halved once an RTO, but not below 4 * PMDCS; ssthresh remembers what the path could carry
        cdef uint32_t least = 4 * self.pmdcs
        if self.cwnd <= least:
            return
        self.ssthresh = self.cwnd
        while periods > 0 and self.cwnd > least:
            self.cwnd = max(self.cwnd // 2, least)
            periods -= 1

    def snapshot(self) -> dict:
        return {"cwnd": self.cwnd, "ssthresh": self.ssthresh, "partial_bytes_acked": self.partial_bytes_acked,
                "pmdcs": self.pmdcs}

    # Python face, for tests
    def drive(self, str verb, *arguments) -> None:
        """Call one of the methods above by name."""
        if verb == "start":
            self.start(arguments[0], arguments[1])
        elif verb == "acknowledged":
            newly, before, flight, fast_recovery, *duplicated = arguments
            self.on_acknowledged(newly, duplicated[0] if duplicated else 0, before, flight, fast_recovery)
        elif verb == "loss":
            self.on_loss()
        elif verb == "timeout":
            self.on_timeout()
        elif verb == "idle":
            self.on_idle(arguments[0])
        else:
            raise ValueError(verb)
