"""`struct tcp_info` of a stream over SCTP: what a program learns by getsockopt(IPPROTO_TCP, TCP_INFO).

Linux's layout, up to tcpi_total_retrans.  The numbers are those of SCTP_STATUS (RFC 6458 section 8.2.1) in
TCP's terms; what SCTP does not have is 0.
"""
from __future__ import annotations

import socket
from typing import Any

from pysctpsock import constants as c
from pysctpsock import structs

ESTABLISHED, SYN_SENT, FIN_WAIT1, CLOSE, CLOSE_WAIT, LAST_ACK, LISTEN = 1, 2, 4, 7, 8, 9, 10
STATES = {c.SCTP_COOKIE_WAIT: SYN_SENT, c.SCTP_COOKIE_ECHOED: SYN_SENT, c.SCTP_ESTABLISHED: ESTABLISHED,
          c.SCTP_SHUTDOWN_PENDING: FIN_WAIT1, c.SCTP_SHUTDOWN_SENT: FIN_WAIT1,
          c.SCTP_SHUTDOWN_RECEIVED: CLOSE_WAIT, c.SCTP_SHUTDOWN_ACK_SENT: LAST_ACK}
STATUS_SIZE = 176


@structs.layout("""
    u8 tcpi_state; u8 tcpi_ca_state; u8 tcpi_retransmits; u8 tcpi_probes; u8 tcpi_backoff; u8 tcpi_options;
    u8 tcpi_wscale; u8 tcpi_delivery_rate_app_limited;
    u32 tcpi_rto; u32 tcpi_ato; u32 tcpi_snd_mss; u32 tcpi_rcv_mss;
    u32 tcpi_unacked; u32 tcpi_sacked; u32 tcpi_lost; u32 tcpi_retrans; u32 tcpi_fackets;
    u32 tcpi_last_data_sent; u32 tcpi_last_ack_sent; u32 tcpi_last_data_recv; u32 tcpi_last_ack_recv;
    u32 tcpi_pmtu; u32 tcpi_rcv_ssthresh; u32 tcpi_rtt; u32 tcpi_rttvar; u32 tcpi_snd_ssthresh;
    u32 tcpi_snd_cwnd; u32 tcpi_advmss; u32 tcpi_reordering; u32 tcpi_rcv_rtt; u32 tcpi_rcv_space;
    u32 tcpi_total_retrans""")
class tcp_info(structs.Struct):
    """Times in microseconds, the congestion window in segments."""


def of(sock: Any) -> tcp_info:
    """That of a TcpSocket."""
    if sock.association_meant(0) is None:
        setting_up = sock.association is not None and not sock.association.ended
        return tcp_info(LISTEN if sock.listening else SYN_SENT if setting_up else CLOSE)
    status = structs.sctp_status.unpack(sock.getsockopt(c.SOL_SCTP, c.SCTP_STATUS, STATUS_SIZE))
    primary, segment = status.sstat_primary, status.sstat_fragmentation_point
    state = STATES.get(status.sstat_state, CLOSE)
    if state == ESTABLISHED and (sock._reading_ended or sock._writing_ended):
        state = CLOSE_WAIT if sock._reading_ended else FIN_WAIT1
    return tcp_info(
        tcpi_state=state, tcpi_rto=1000 * primary.spinfo_rto, tcpi_ato=sock.parameters.sack_delay,
        tcpi_snd_mss=segment, tcpi_rcv_mss=segment, tcpi_advmss=segment, tcpi_unacked=status.sstat_unackdata,
        tcpi_pmtu=primary.spinfo_mtu, tcpi_rtt=1000 * primary.spinfo_srtt,
        tcpi_snd_cwnd=primary.spinfo_cwnd // max(segment, 1),
        tcpi_rcv_space=sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))
