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
        self.pmtu_expires = INT64_MAX
        self.cc = CongestionControl()

    cdef void start_t3(self, int64_t now) noexcept:
        self.t3_deadline = now + self.rto.rto
        self.greatest_rto = max(self.greatest_rto, self.rto.rto)

    cdef void stop_t3(self) noexcept:
        self.t3_deadline = INT64_MAX

    cdef uint32_t credible_mtu(self, uint32_t mtu) noexcept:
        """Less than what IP guarantees is not believed (7.3; RFC 8201 section 4), more cannot be written."""
        cdef uint32_t least = LEAST_PATH_MTU if is_ipv4(&self.route.remote) else LEAST_IPV6_MTU
        return min(max(mtu, least), <uint32_t>GREATEST_MTU)

    cdef void set_mtu(self, uint32_t mtu) noexcept:
        cdef bint ipv4 = is_ipv4(&self.route.remote)
        self.mtu = self.credible_mtu(mtu)
        self.pmtu = (self.mtu - (IPV4_HEADER if ipv4 else IPV6_HEADER)
                     - (UDP_HEADER if self.route.remote_udp_port else 0)) & ~<uint32_t>3
        self.cc.pmdcs = self.pmtu - COMMON_HEADER

    cdef void restart_congestion_control(self) noexcept:
        """9260-7.2.5-01: nothing is known of the network that packets go through from now on."""
        self.cc.start(self.pmtu - COMMON_HEADER, is_ipv4(&self.route.remote))

    cdef int queue_control(self, bytes chunk) except -1:
        if self.control is None:                         # most paths never have any
            self.control = []
        self.control.append(chunk)
        return 0

    cdef int change(self, dict changes) except -1:
        """Protocol parameters of this path alone, by the names of ProtocolParameters."""
        self.heartbeat_enabled = changes.get("heartbeat_enabled", self.heartbeat_enabled)
        self.heartbeat_interval = changes.get("heartbeat_interval", self.heartbeat_interval)
        self.path_max_retrans = changes.get("path_max_retrans", self.path_max_retrans)
        self.sack_delay = changes.get("sack_delay", self.sack_delay)
        self.sack_frequency = changes.get("sack_frequency", self.sack_frequency)
        self.pmtu_discovery = changes.get("pmtu_discovery", self.pmtu_discovery)
        if "path_mtu" in changes:
            self.set_mtu(changes["path_mtu"])
            self.pmtu_expires = INT64_MAX
        if changes.get("remote_udp_port", 0):            # RFC 6951 section 5.1
            self.route.remote_udp_port = changes["remote_udp_port"]
            self.set_mtu(self.mtu)
        if changes.get("dscp", self.route.dscp) != self.route.dscp:
            self.route.dscp = changes["dscp"]
            self.restart_congestion_control()            # 7.2.5.1: other queues, perhaps
        return 0

    cdef void follow(self, const Route *route) noexcept:
        """Answers go to the UDP port and through the carrier of the packet that came (RFC 6951 section 5.4).

        Another carrier is another way through the network, without UDP or from another source; another port
        alone is a NAT that has forgotten.
        """
        cdef bint other_way = (self.route.carrier != route.carrier
                               or (self.route.remote_udp_port == 0) != (route.remote_udp_port == 0))
        self.route.remote_udp_port = route.remote_udp_port
        self.route.carrier = route.carrier
        if other_way:
            self.set_mtu(self.mtu)                       # RFC 6951 section 5.6
            self.restart_congestion_control()            # 7.2.5.2

    @property
    def host(self) -> str:
        """The peer's address."""
        return host_from_address(&self.route.remote)

    @property
    def path_mtu(self) -> int:
        """The greatest IP packet, as ProtocolParameters.path_mtu."""
        return self.mtu

    @property
    def dscp(self) -> int:
        return self.route.dscp

    def snapshot(self) -> dict:
        """Everything about the path, in the RFC's names: microseconds, bytes; `state` as spinfo_state."""
        return {
            "address": host_from_address(&self.route.remote), "udp_port": self.route.remote_udp_port,
            "local_address": host_from_address(&self.route.local), "carrier": self.route.carrier,
            "state": self.state, "mtu": self.mtu, "pmtu": self.pmtu,
            "srtt": self.rto.srtt, "rttvar": self.rto.rttvar, "rto": self.rto.rto,
            "error_count": self.error_count, "t3_rtx_running": self.t3_deadline != INT64_MAX,
            "packets_sent": self.packets_sent, "packets_received": self.packets_received,
            "heartbeat_enabled": bool(self.heartbeat_enabled), "heartbeat_interval": self.heartbeat_interval,
            "path_max_retrans": self.path_max_retrans, "sack_delay": self.sack_delay,
            "sack_frequency": self.sack_frequency, "pmtu_discovery": bool(self.pmtu_discovery),
            "dscp": self.route.dscp,
            **self.cc.snapshot(),
        }


cdef Path new_path(const Route *route, uint8_t index, int state, ProtocolParameters parameters):
    """A path with the initial values of RFC 9260 sections 6.3.1 and 7.2.1."""
    cdef Path path = Path.__new__(Path)
    path.route = route[0]
    path.index = index
    path.state = state
    path.heartbeat_enabled = parameters.heartbeat_enabled
    path.heartbeat_interval = parameters.heartbeat_interval
    path.path_max_retrans = parameters.path_max_retrans
    path.sack_delay = parameters.sack_delay
    path.sack_frequency = parameters.sack_frequency
    path.pmtu_discovery = parameters.pmtu_discovery
    path.route.dscp = parameters.dscp
    path.set_mtu(parameters.path_mtu)
    path.restart_congestion_control()
    rto_start(&path.rto, parameters)
    return path
