"""One address of the peer: where it is, whether it works, how fast and how wide it is.

RFC 9260 sections 5.4, 6.3.1, 7.2, 7.3, 8.2 and 8.3: each destination address has its own RTO, congestion
window, path MTU, timers and error counter.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from .address cimport Route
from .cc cimport CongestionControl
from .parameters cimport ProtocolParameters
from .rto cimport Rto

cpdef enum PathState:            # as spinfo_state numbers them
    PATH_INACTIVE = 0
    PATH_POTENTIALLY_FAILED = 1
    PATH_ACTIVE = 2
    PATH_UNCONFIRMED = 3

cdef enum:
    LEAST_PATH_MTU = 512         # bytes of an IP packet; less is not believed
    LEAST_IPV6_MTU = 1280        # RFC 8201 section 4
    GREATEST_MTU = 65535         # what the length fields of IPv4, UDP and chunks can say
    UDP_HEADER = 8
    IPV4_HEADER = 20
    IPV6_HEADER = 40


cdef class Path:
    cdef Route route
    cdef readonly uint8_t index              # in Tcb.paths and Outstanding.flights
    cdef readonly int state
    cdef uint32_t mtu                        # the greatest IP packet
    cdef readonly uint32_t pmtu              # the greatest SCTP packet: IP and UDP headers are taken off
    cdef int64_t pmtu_expires                # when a lowered MTU is tried higher again; INT64_MAX: never
    cdef int64_t too_big_again               # until then ICMP makes nothing go again
    cdef Rto rto
    cdef readonly CongestionControl cc
    cdef int64_t greatest_rto                # that T3 ran with, since that was last asked for
    cdef int64_t t3_deadline                 # T3-rtx, INT64_MAX when stopped
    cdef int64_t heartbeat_deadline
    cdef bint after_timeout                  # T3 expired, nothing was acknowledged since
    cdef int64_t last_sent                   # when DATA last went there
    cdef readonly uint32_t error_count
    cdef list control                        # encoded chunks that go on this path and no other; None: none do
    cdef bytes heartbeat_info                # of the HEARTBEAT whose answer has an RTO's time, or None
    cdef bytes late_heartbeats               # infos of those not answered in time, the last first, or None
    # What of the protocol parameters each path has for itself; Association.change_paths sets it.
    cdef readonly bint heartbeat_enabled
    cdef readonly int64_t heartbeat_interval
    cdef readonly uint32_t path_max_retrans
    cdef readonly int64_t sack_delay
    cdef readonly uint32_t sack_frequency
    cdef readonly bint pmtu_discovery        # ICMP may lower the MTU; else it is fixed
    cdef int64_t heartbeat_sent              # when the last HEARTBEAT went, 0: none yet
    cdef readonly uint64_t packets_sent, packets_received

    cdef void start_t3(self, int64_t now) noexcept       # (re)start with the path's RTO
    cdef void stop_t3(self) noexcept
    cdef uint32_t credible_mtu(self, uint32_t mtu) noexcept
    cdef void set_mtu(self, uint32_t mtu) noexcept       # of IP packets
    cdef int change(self, dict changes) except -1        # parameters by name
    cdef void follow(self, const Route *route) noexcept  # the peer's packets come this way now
    cdef void restart_congestion_control(self) noexcept
    cdef int queue_control(self, bytes chunk) except -1


cdef Path new_path(const Route *route, uint8_t index, int state, ProtocolParameters parameters)
