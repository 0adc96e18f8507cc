"""Congestion control of one path: RFC 9260 section 7.2.

Sizes are bytes of chunks, headers and padding included.
"""
from libc.stdint cimport int64_t, uint32_t


cdef class CongestionControl:
    """The interface; the class itself is the algorithm of RFC 9260, others override its methods."""
    cdef readonly uint32_t cwnd, ssthresh, partial_bytes_acked
    cdef readonly uint32_t pmdcs             # the greatest DATA chunk that fits a packet of the path

    cdef void start(self, uint32_t pmdcs, bint is_ipv4) noexcept
    cdef void on_acknowledged(self, uint32_t newly_acknowledged, uint32_t duplicated,
                              uint32_t flight_size_before, uint32_t flight_size, bint fast_recovery) noexcept
    cdef void on_loss(self) noexcept                     # a fast retransmission, on entering Fast Recovery
    cdef void on_timeout(self) noexcept                  # T3-rtx
    cdef void on_idle(self, int64_t periods) noexcept    # so many RTOs without sending
