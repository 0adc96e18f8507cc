"""One address of the peer and everything that is known about the way there."""
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t

from .address cimport Route, host_from_address, is_ipv4
from .parameters cimport ProtocolParameters
from .rto cimport rto_start
from .wire cimport COMMON_HEADER


cdef class Path:
    """A destination transport address of the peer (RFC 9260 section 1.3)."""

    def __cinit__(self):
        self.t3_deadline = INT64_MAX
        self.heartbeat_deadline = INT64_MAX
        self.cc = CongestionControl()
        self.control = []

    cdef void start_t3(self, int64_t now) noexcept:
        self.t3_deadline = now + self.rto.rto

    cdef void stop_t3(self) noexcept:
        self.t3_deadline = INT64_MAX

    def snapshot(self) -> dict:
        return {
            "address": host_from_address(&self.route.remote), "udp_port": self.route.remote_udp_port,
            "local_address": host_from_address(&self.route.local), "carrier": self.route.carrier,
            "state": self.state, "pmtu": self.pmtu,
            "srtt": self.rto.srtt, "rttvar": self.rto.rttvar, "rto": self.rto.rto,
            "error_count": self.error_count, "t3_rtx_running": self.t3_deadline != INT64_MAX,
            "packets_sent": self.packets_sent, "packets_received": self.packets_received,
            **self.cc.snapshot(),
        }


cdef Path new_path(const Route *route, uint8_t index, int state, ProtocolParameters parameters):
    """A path with the initial values of RFC 9260 sections 6.3.1 and 7.2.1."""
    cdef Path path = Path.__new__(Path)
    cdef bint ipv4 = is_ipv4(&route.remote)
    path.route = route[0]
    path.index = index
    path.state = state
    path.heartbeat_enabled = parameters.heartbeat_enabled
    path.heartbeat_interval = parameters.heartbeat_interval
    path.max_retrans = parameters.path_max_retrans
    path.pmtu = (max(parameters.path_mtu, <uint32_t>LEAST_PATH_MTU) - (IPV4_HEADER if ipv4 else IPV6_HEADER)
                 - (UDP_HEADER if route.remote_udp_port else 0)) & ~<uint32_t>3
    rto_start(&path.rto, parameters)
    path.cc.start(path.pmtu - COMMON_HEADER, ipv4)
    return path
