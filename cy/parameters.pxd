"""The protocol parameters of an endpoint or association: RFC 9260 section 16, with its defaults.

Times are microseconds here; options in milliseconds or seconds are converted where they are set.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef class ProtocolParameters:
    cdef public int64_t rto_initial, rto_min, rto_max          # 1 s, 1 s, 60 s
    cdef public uint32_t max_burst                             # 4 packets
    cdef public int64_t valid_cookie_life                      # 60 s
    cdef public uint32_t association_max_retrans               # 10
    cdef public uint32_t path_max_retrans                      # 5
    cdef public uint32_t max_init_retransmits                  # 8
    cdef public int64_t max_init_timeout                       # 60 s, most of T1's back-off (max_init_timeo)
    cdef public int64_t heartbeat_interval                     # 30 s
    cdef public bint heartbeat_enabled
    cdef public uint32_t heartbeat_max_burst                   # HB.Max.Burst: 1 probe of an address an RTO
    cdef public int64_t sack_delay                             # 200 ms
    cdef public uint32_t sack_frequency                        # 2 packets
    cdef public uint16_t outbound_streams                      # 10
    cdef public uint16_t inbound_streams                       # 65535
    cdef public bint nodelay                                   # False: small chunks wait for a full packet
    cdef public uint32_t receive_buffer                        # bytes that a_rwnd starts with
    cdef public uint32_t send_buffer                           # bytes of unsent and unacknowledged messages
    cdef public uint32_t path_mtu                              # IP packet size assumed on a new path, 1500
    cdef public bint pmtu_discovery                            # ICMP may lower it
    cdef public uint8_t dscp                                   # as Route.dscp; 0
    cdef public uint16_t remote_udp_port                       # encapsulation port of new peers, 0 = none
    cdef public bint partial_reliability                       # offered to peers (RFC 3758): True
    cdef public uint32_t max_segment                           # most bytes of a message in a chunk, 0 = any
    cdef public uint32_t partial_delivery_point                # longer messages may come in pieces, 0 = none
    cdef public uint32_t receive_context                       # what received messages carry (SCTP_CONTEXT)
    cdef public uint32_t adaptation_indication                 # RFC 5061 section 4.2.6
    cdef public dict remembered                                # options without effect yet; never changed
    cdef public int64_t autoclose                              # idle time until a graceful end, 0 = never
    # Of messages that say nothing else (SCTP_DEFAULT_SEND_PARAM, SCTP_DEFAULT_SNDINFO).
    cdef public uint16_t default_stream
    cdef public uint32_t default_flags, default_ppid, default_context, default_timetolive
    cdef public bint linger_abort                              # {1, 0}: close aborts

    cpdef ProtocolParameters copy(self)
