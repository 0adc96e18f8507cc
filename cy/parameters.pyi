class ProtocolParameters:
    rto_initial: int
    rto_min: int
    rto_max: int
    max_burst: int
    valid_cookie_life: int
    association_max_retrans: int
    path_max_retrans: int
    max_init_retransmits: int
    max_init_timeout: int
    heartbeat_interval: int
    heartbeat_enabled: bool
    sack_delay: int
    sack_frequency: int
    outbound_streams: int
    inbound_streams: int
    nodelay: bool
    receive_buffer: int
    send_buffer: int
    path_mtu: int
    remote_udp_port: int
    max_segment: int
    receive_context: int
    adaptation_indication: int
    linger_abort: bool
    remembered: dict[str, int]
    def copy(self) -> ProtocolParameters: ...
