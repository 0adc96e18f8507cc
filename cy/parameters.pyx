"""The protocol parameters of an endpoint or association, with the defaults of RFC 9260 section 16."""

cdef enum:
    SECOND = 1000000


cdef class ProtocolParameters:
    """What can be configured for an association; times in microseconds, sizes in bytes.

    Copied when an association is made, so that later changes touch only later associations.
    """

    def __cinit__(self):
        self.rto_initial = SECOND
        self.rto_min = SECOND
        self.rto_max = 60 * SECOND
        self.max_burst = 4
        self.valid_cookie_life = 60 * SECOND
        self.association_max_retrans = 10
        self.path_max_retrans = 5
        self.max_init_retransmits = 8
        self.max_init_timeout = 60 * SECOND
        self.heartbeat_interval = 30 * SECOND
        self.heartbeat_enabled = True
        self.heartbeat_max_burst = 1
        self.sack_delay = SECOND // 5
        self.sack_frequency = 2
        self.outbound_streams = 10
        self.inbound_streams = 65535
        self.nodelay = False
        self.receive_buffer = 1 << 20
        self.send_buffer = 1 << 20
        self.path_mtu = 1500
        self.pmtu_discovery = True
        self.dscp = 0
        self.remote_udp_port = 0
        self.partial_reliability = True
        self.max_segment = 0
        self.partial_delivery_point = 0
        self.receive_context = 0
        self.adaptation_indication = 0
        self.linger_abort = False
        self.remembered = {}

    cpdef ProtocolParameters copy(self):
        cdef ProtocolParameters other = ProtocolParameters.__new__(ProtocolParameters)
        other.rto_initial = self.rto_initial
        other.rto_min = self.rto_min
        other.rto_max = self.rto_max
        other.max_burst = self.max_burst
        other.valid_cookie_life = self.valid_cookie_life
        other.association_max_retrans = self.association_max_retrans
        other.path_max_retrans = self.path_max_retrans
        other.max_init_retransmits = self.max_init_retransmits
        other.max_init_timeout = self.max_init_timeout
        other.heartbeat_interval = self.heartbeat_interval
        other.heartbeat_enabled = self.heartbeat_enabled
        other.heartbeat_max_burst = self.heartbeat_max_burst
        other.sack_delay = self.sack_delay
        other.sack_frequency = self.sack_frequency
        other.outbound_streams = self.outbound_streams
        other.inbound_streams = self.inbound_streams
        other.nodelay = self.nodelay
        other.receive_buffer = self.receive_buffer
        other.send_buffer = self.send_buffer
        other.path_mtu = self.path_mtu
        other.pmtu_discovery = self.pmtu_discovery
        other.dscp = self.dscp
        other.remote_udp_port = self.remote_udp_port
        other.partial_reliability = self.partial_reliability
        other.max_segment = self.max_segment
        other.partial_delivery_point = self.partial_delivery_point
        other.receive_context = self.receive_context
        other.adaptation_indication = self.adaptation_indication
        other.autoclose = self.autoclose
        other.default_stream = self.default_stream
        other.default_flags = self.default_flags
        other.default_ppid = self.default_ppid
        other.default_context = self.default_context
        other.default_timetolive = self.default_timetolive
        other.linger_abort = self.linger_abort
        other.remembered = self.remembered
        return other
