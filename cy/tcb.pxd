"""The transmission control block: all data of one association, and no behaviour.

RFC 9260 section 14.  The handler modules (setup, transfer, teardown, pathmgmt) work on it; Association is
the face that they have together.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from .address cimport Address, Route
from .agenda cimport Agenda, Schedulable
from .entropy cimport Entropy
from .outbox cimport Outbox
from .outstanding cimport Outstanding
from .parameters cimport ProtocolParameters
from .path cimport Path
from .reasm cimport Reassembly
from .sendq cimport SendQueue
from .serial cimport tsn_t
from .tagtable cimport TagTable
from .tally cimport Tally
from .timers cimport TimerTable
from .tsnmap cimport TsnMap
from .user cimport SctpUser

cdef enum:
    LEAST_SHARE = 8192           # of a socket's buffers: what each association has, however full they are
    RECORD_OVERHEAD = 64         # what a held or unread message costs the receive buffer beside its bytes
    MOST_CAUSES = 8              # reports in one ERROR (9260-12-01: one small answer for a packet)
    MOST_CONTROL = 64            # answers waiting to be sent; a peer that never lets them go gets no more


cdef struct Statistics:          # what SCTP_GET_ASSOC_STATS tells beside other counters
    uint64_t control_chunks_in, control_chunks_out       # SACKs included
    uint64_t ordered_chunks_in, unordered_chunks_in      # DATA, no duplicates
    uint64_t ordered_chunks_out, unordered_chunks_out    # DATA, no retransmissions
    uint64_t out_of_sequence_tsns, gap_blocks_in


cdef class Shared:
    """What all associations of an endpoint use together."""
    cdef readonly Outbox outbox
    cdef readonly Agenda agenda
    cdef readonly Entropy entropy
    cdef readonly TagTable by_tag            # local tag -> association
    cdef uint64_t drops[64]                  # counted by DropReason
    cdef frozenset own_addresses             # of this host, 16 bytes each, beside loopback
    cdef list ended                          # TCBs that were deleted and that the endpoint has to forget

    cdef uint32_t fresh_tag(self) except 0   # random, and no association's

    cdef inline void drop(self, int reason) noexcept:
        self.drops[reason] += 1


cdef class Tcb(Schedulable):
    cdef object __weakref__
    cdef Shared shared
    cdef readonly SctpUser user              # None once the user has closed
    cdef public uint32_t event_mask          # bit k: notification type 0x8000 + k is subscribed
    cdef readonly ProtocolParameters parameters
    cdef readonly int state                  # proto.State
    cdef readonly int32_t assoc_id
    cdef readonly uint16_t local_port, peer_port
    cdef readonly uint32_t local_tag         # in packets that come
    cdef readonly uint32_t peer_tag          # in packets that go: Peer's Verification Tag
    cdef readonly uint32_t local_tie_tag, peer_tie_tag       # nonces (RFC 5062 section 3.3), 0: none yet
    cdef readonly tsn_t local_initial_tsn, peer_initial_tsn
    cdef readonly uint16_t outbound_streams, inbound_streams
    cdef readonly uint32_t peer_adaptation   # which it announced (RFC 5061 section 4.2.6), 0: none
    cdef readonly uint32_t extensions        # that both sides support: bits of params.Extension
    cdef readonly bint is_initiator
    cdef readonly bint announced             # the user knows of it: COMM_UP was due
    cdef readonly int error                  # errno that ended it or its set-up; 0: none or graceful
    cdef readonly int cause_code             # of the ABORT that ended it
    cdef readonly bint unreachable           # ICMP ended it: nobody is at the peer's port
    cdef readonly bytes cause_data           # the body of that ABORT
    cdef readonly bint peer_shutdown         # the peer has begun a graceful end
    cdef readonly bint ended                 # the TCB is deleted: the endpoint no longer knows it
    cdef readonly bint detached              # the user closed; a graceful end goes on behind

    cdef public dict names                   # the user's: how it shows the peer's addresses, by path
    cdef readonly list paths                 # of Path, by Path.index
    cdef Py_ssize_t given_addresses          # how many of the paths the user named: INITs go round them
    cdef int carriers[2]                    # for paths of IPv4 and of IPv6 yet to come; -1: as the first path
    cdef list local_addresses                # 16 bytes each, for INIT and INIT ACK; empty: only the source
    cdef list keys                           # under which the endpoint finds it by address
    cdef bint keys_are_old                   # a path was confirmed since
    cdef Path primary
    cdef Path reply_path                     # where the last DATA came from: SACKs go there (6.4)
    cdef Path packet_path                    # where the packet being processed came from
    cdef bint packet_reflects_tag            # it carries the peer's own tag (8.5.1: T bit)
    cdef uint32_t error_count                # 8.1, all paths together
    cdef int64_t next_probe                  # no unconfirmed path is probed before (5.4: HB.Max.Burst)
    cdef TimerTable timers
    cdef uint32_t retransmissions            # of INIT, COOKIE ECHO, SHUTDOWN or SHUTDOWN ACK in a row
    cdef int64_t back_off                    # the T1 or T2 interval now

    # out
    cdef readonly SendQueue send_queue
    cdef readonly Outstanding outstanding
    cdef uint32_t peer_rwnd
    cdef uint32_t told_rwnd                  # a_rwnd of the last SACK, or of INIT
    cdef uint32_t hidden_rwnd                # what of it the peer turned out not to have
    cdef bint window_shut                    # SACKs said 0 while DATA was in flight, since window_shut_at
    cdef int64_t window_shut_at
    cdef tsn_t window_shut_tsn               # DATA before this one was in flight then
    cdef bint probe_outstanding              # the one chunk in flight went out against a shut window
    cdef bint probing                        # one chunk may go although the window is shut
    cdef bint sack_since_t3                  # the peer lives: it acknowledged something since T3 last expired
    cdef bint fast_retransmit_now            # 7.2.4 rule 3: one packet of marked chunks, whatever cwnd says
    cdef bint timeout_retransmit_now         # 6.3.3 rule E3: one packet of the earliest chunks
    cdef readonly Tally given_up             # messages abandoned by a policy of partial reliability
    cdef bint forward_tsn_due                # a FORWARD TSN goes with the next packet of DATA's path
    cdef tsn_t forwarded_tsn                 # the last one: its New Cumulative TSN, when and where it went
    cdef int64_t forwarded_at
    cdef Path forwarded_on
    cdef list control                        # encoded control chunks that wait for the next packet
    cdef bint heartbeats_due                 # some path has chunks of its own to send
    cdef bytes cookie_echo                   # kept for retransmission in COOKIE-ECHOED
    cdef bytes init_chunk
    cdef bint cookie_echo_due
    cdef int64_t setup_sent                  # when INIT first went, for the first round-trip measurement
    cdef uint32_t stale_cookies
    cdef bint shutdown_requested             # by the user, in whatever state: it outlasts set-up and restart
    cdef uint64_t orphan_bytes               # of a closed user, in the send buffer when T5 last began
    cdef uint64_t orphan_step                # so many less of them make T5 begin again

    # in
    cdef readonly TsnMap tsn_map
    cdef readonly Reassembly reassembly
    cdef uint64_t unread_bytes, unread_records               # delivered to the user's queue, not read
    cdef bint awaits_turn                    # to hand out a message in pieces (ReceiveQueue.turns)
    cdef uint32_t packets_to_acknowledge     # with DATA since the last SACK
    cdef bint sack_due                       # at once
    cdef bint any_data_received
    cdef int64_t last_received               # when DATA last came
    cdef uint32_t advertised_rwnd            # in the last SACK, less what has come since
    cdef uint32_t longest_chunk              # data bytes of the longest DATA chunk of the peer
    cdef bint packet_has_data                # of the packet being processed
    cdef list causes                         # to be reported in an ERROR after this packet

    cdef uint64_t held, charged              # what of SctpUser.held and .charged is this association's

    cdef Statistics statistics
    cdef readonly uint64_t packets_in, packets_out, data_chunks_in, data_chunks_out, sacks_in, sacks_out
    cdef readonly uint64_t bytes_in, bytes_out

    cdef inline void drop(self, int reason) noexcept:
        self.shared.drop(reason)

    cdef uint64_t buffer_used(self) noexcept
    cdef uint32_t a_rwnd(self) noexcept
    cdef uint32_t share(self) noexcept
    cdef uint32_t least_window(self) noexcept
    cdef bint receive_buffer_full(self) noexcept
    cdef bint receive_buffer_overrun(self) noexcept
    cdef bint receive_buffer_holds(self, uint64_t times) noexcept
    cdef uint32_t amdcs(self) noexcept
    cdef Path path_of(self, const Address *address)
    cdef Path sending_path(self)
    cdef int64_t deadline(self) noexcept
    # the user, if it wants to know; `weight`: the bytes that this keeps alive
    cdef int notify(self, int kind, tuple fields, uint32_t weight=*) except -1
    cdef bint send_buffer_full(self) noexcept            # a message would be refused
    cdef void account(self) noexcept         # the user's sums follow what the association holds
    cdef void wake_writer(self) noexcept     # there may be room, or the end of all sending
    cdef int reschedule(self) except -1
    cdef void want_transmit(self) noexcept
