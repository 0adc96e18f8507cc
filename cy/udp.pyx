"""The carrier of RFC 6951: SCTP packets in UDP datagrams.

Sections 5.1 to 5.6: UDP ports, how packets go into datagrams, ICMP messages.  The local address of each
datagram is known and chosen (5.4).  One system call moves many packets where the system can: equal-sized
packets of one route leave as one message that the system cuts (UDP_SEGMENT), arriving ones come coalesced
(UDP_GRO), and several messages go by one sendmmsg or recvmmsg.  What the system lacks is left out when it
says so.

DF is off (IP_PMTUDISC_DONT): IP may fragment what exceeds the path's MTU.
"""
cimport cython
from libc.errno cimport EAGAIN, EBADF, EFAULT, EINTR, EINVAL, EIO, EMSGSIZE, ENOPROTOOPT, ENOSYS, ENOTSOCK
from libc.errno cimport EOPNOTSUPP
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset
from posix.unistd cimport close as close_descriptor

import os

from .address cimport Address, Route, address_from_host, host_from_address, is_unspecified, same_route
from .carrier cimport Carrier, outbox_is_filling
from .endpoint cimport (
    ICMP_HOST_UNREACHABLE,
    ICMP_PORT_UNREACHABLE,
    ICMP_PROTOCOL_UNREACHABLE,
    ICMP_TOO_BIG,
    Endpoint,
)
from .outbox cimport Outbox, OutPacket

cdef extern from "udp_impl.h" nogil:
    enum:
        UDP_SEND_BATCH
        UDP_RECEIVE_BATCH
        UDP_BUFFER

    ctypedef struct udp_batch:
        pass

    ctypedef struct udp_arrival:
        const uint8_t *data
        uint32_t length
        uint32_t segment
        uint8_t remote[16]
        uint8_t local[16]
        uint32_t remote_scope
        uint32_t local_scope
        uint16_t remote_port
        int icmp_version
        uint8_t icmp_type
        uint8_t icmp_code
        uint32_t icmp_mtu

    int udp_open(int ipv6, const uint8_t *ip, uint32_t scope, uint16_t port)
    int udp_local_name(int fd, uint8_t *ip, uint32_t *scope, uint16_t *port)
    int udp_enlarge_buffers(int fd, int wanted, int *receive_buffer, int *send_buffer)
    int udp_set_gro(int fd, int on)
    int udp_set_pmtu_discovery(int fd, int ipv6, int on)
    int udp_knows_gso(int fd)
    void udp_put(udp_batch *batch, int i, int ipv6, const uint8_t *data, uint32_t length, uint32_t segment,
                 const uint8_t *remote, uint32_t remote_scope, uint16_t remote_port,
                 const uint8_t *local, uint32_t local_scope, uint8_t dscp)
    int udp_send(int fd, udp_batch *batch, int count, int use_mmsg)
    int udp_receive(int fd, udp_batch *batch, uint8_t *buffers, int use_mmsg)
    void udp_take_message(udp_batch *batch, int i, udp_arrival *out)
    int udp_receive_error(int fd, udp_batch *batch, uint8_t *buffer, udp_arrival *out)

cdef enum:
    WANTED_BUFFER = 8 << 20      # bytes asked for as SO_RCVBUF and SO_SNDBUF
    MOST_SEGMENTS = 64           # of one UDP_SEGMENT message (Linux: UDP_MAX_SEGMENTS)
    MOST_BYTES = 65507           # of one UDP_SEGMENT message: what fits an IPv4 datagram
    MOST_TRIES = 2               # of one message: its first failure may report an earlier packet's ICMP error
    MOST_ERRORS = 64             # taken from the error queue at a time
    READ_FAILED = -2             # the error queue may say why; try again after it was read


cdef int icmp_kind(const udp_arrival *error) noexcept nogil:
    """What an ICMP message says, as RFC 9260 section 10 tells them apart; 0: nothing that concerns SCTP."""
    if error.icmp_version == 4 and error.icmp_type == 3:         # Destination Unreachable (RFC 792)
        if error.icmp_code == 2:
            return ICMP_PROTOCOL_UNREACHABLE
        if error.icmp_code == 3:
            return ICMP_PORT_UNREACHABLE
        if error.icmp_code == 4:
            return ICMP_TOO_BIG
        return ICMP_HOST_UNREACHABLE
    if error.icmp_version == 6:
        if error.icmp_type == 1:                                 # Destination Unreachable (RFC 4443)
            return ICMP_PORT_UNREACHABLE if error.icmp_code == 4 else ICMP_HOST_UNREACHABLE
        if error.icmp_type == 2:
            return ICMP_TOO_BIG
        if error.icmp_type == 4 and error.icmp_code == 1:        # Parameter Problem: unknown next header
            return ICMP_PROTOCOL_UNREACHABLE
    return 0


@cython.final
cdef class UdpCarrier(Carrier):
    """UdpCarrier(host, port, ipv6): a UDP socket bound to an IP literal and a port (0: any free one).

    An IPv6 carrier serves IPv6 only.  OSError with the system's errno if it cannot be opened, ValueError
    unless `host` is an IP literal.  `receive_buffer` and `send_buffer` are what the system granted, in bytes
    as it counts them (Linux: twice the usable size).
    """
    cdef readonly int receive_buffer, send_buffer
    cdef public bint use_mmsg                # recvmmsg and sendmmsg
    cdef readonly uint32_t offload_limit     # longer packets are not offloaded: some path refused them
    cdef readonly uint64_t datagrams_received, packets_received, bytes_received, receive_calls
    cdef readonly uint64_t datagrams_sent, packets_sent, bytes_sent, send_calls
    cdef readonly uint64_t packets_offloaded         # sent by UDP_SEGMENT
    cdef readonly uint64_t packets_coalesced         # received by UDP_GRO
    cdef readonly uint64_t packets_lost              # the system would not send them
    cdef readonly uint64_t icmp_errors
    cdef readonly dict lost_by_errno
    cdef bint gso, gro, discovers_pmtu
    cdef bint error_waits                    # there may be something in the socket's error queue
    cdef udp_batch *outgoing
    cdef int ends[UDP_SEND_BATCH]            # of its messages: index behind the last packet
    cdef udp_batch *incoming
    cdef uint8_t *buffers                    # of its messages
    cdef int came, taken                     # its messages, and how many of them `arrival` has been
    cdef udp_arrival arrival                 # the message whose packets are being fed
    cdef uint32_t fed                        # bytes of it that have been
    cdef Route route                         # of its packets

    def __cinit__(self):
        self.outgoing = <udp_batch *>calloc(1, sizeof(udp_batch))
        self.incoming = <udp_batch *>calloc(1, sizeof(udp_batch))
        self.buffers = <uint8_t *>malloc(<size_t>UDP_RECEIVE_BATCH * UDP_BUFFER)
        if self.outgoing == NULL or self.incoming == NULL or self.buffers == NULL:
            raise MemoryError

    def __init__(self, str host not None, uint16_t port, bint ipv6):
        cdef Address address
        cdef int fd
        if self.fd >= 0:
            raise RuntimeError("the carrier is open already")
        address_from_host(host, &address)
        fd = udp_open(ipv6, address.ip, address.scope_id, port)
        if fd < 0:
            raise OSError(-fd, f"{os.strerror(-fd)}: UDP {host} port {port}")
        self.fd = fd
        self.is_ipv6 = ipv6
        self.lost_by_errno = {}
        self.offload_limit = MOST_BYTES
        udp_enlarge_buffers(fd, WANTED_BUFFER, &self.receive_buffer, &self.send_buffer)
        self.use_mmsg = True
        self.gso = udp_knows_gso(fd)
        self.gro = udp_set_gro(fd, True) == 0

    def __dealloc__(self):
        if self.fd >= 0:
            close_descriptor(self.fd)
        free(self.outgoing)
        free(self.incoming)
        free(self.buffers)

    cdef void forget(self) noexcept:
        Carrier.forget(self)
        self.came = self.taken = 0
        self.arrival.length = self.fed = 0

    cpdef int close(self) except -1:
        """Give the socket back.  What was read and not yet fed is forgotten; closing twice is allowed."""
        cdef int fd = self.fd
        self.forget()
        if fd >= 0:
            close_descriptor(fd)
        return 0

    def local_address(self):
        """(host, port) that the socket is bound to.  OSError when it is closed."""
        cdef Address address
        cdef uint16_t port = 0
        memset(&address, 0, sizeof(address))
        cdef int result = udp_local_name(self.fd, address.ip, &address.scope_id, &port)
        if result < 0:
            raise OSError(-result, os.strerror(-result))
        return host_from_address(&address), port

    @property
    def use_gso(self):
        """Whether equal-sized packets leave as one message; becomes False when the system refuses."""
        return self.gso

    @use_gso.setter
    def use_gso(self, bint on):
        self.gso = on and udp_knows_gso(self.fd)

    @property
    def use_gro(self):
        """Whether the system coalesces what arrives."""
        return self.gro

    @use_gro.setter
    def use_gro(self, bint on):
        if udp_set_gro(self.fd, on) == 0:
            self.gro = on

    @property
    def pmtu_discovery(self):
        """Whether IPv4 datagrams must not be cut on their way (RFC 791: DF), so that ICMP tells their limit.

        Off at first: RFC 6951 section 5.6 forbids to rely on ICMP.  IPv6 tells it anyway.
        """
        return self.discovers_pmtu

    @pmtu_discovery.setter
    def pmtu_discovery(self, bint on):
        cdef int result = udp_set_pmtu_discovery(self.fd, self.is_ipv6, on)
        if result < 0:
            raise OSError(-result, os.strerror(-result))
        self.discovers_pmtu = on

    def snapshot(self):
        """The buffer sizes, switches and counters as a dict."""
        names = ("receive_buffer", "send_buffer", "use_gso", "use_gro", "use_mmsg", "offload_limit",
                 "pmtu_discovery",
                 "datagrams_received", "packets_received", "bytes_received", "receive_calls",
                 "datagrams_sent", "packets_sent", "bytes_sent", "send_calls",
                 "packets_offloaded", "packets_coalesced", "packets_lost", "icmp_errors")
        return Carrier.snapshot(self) | {name: getattr(self, name) for name in names} | {
            "lost_by_errno": dict(self.lost_by_errno)}

    # --- receiving

    cdef int receive_batch(self, Endpoint endpoint, int64_t now, uint32_t budget) except -1:
        cdef uint64_t stop = self.bytes_received + budget
        cdef const uint8_t *packet
        cdef uint32_t length
        cdef int count, failures = 0
        cdef bint socket_is_empty = False
        while True:
            while not outbox_is_filling(endpoint.outbox):
                length = self.next_packet(&packet)
                if length == 0:
                    break
                endpoint.receive(packet, length, &self.route, now)
            else:
                return 1
            if self.error_waits and self.feed_errors(endpoint, now):
                return 1
            if socket_is_empty:
                return 0
            if self.bytes_received >= stop or failures == MOST_TRIES:
                return 1
            count = self.read()
            if count == READ_FAILED:
                failures += 1
            else:
                socket_is_empty = count < UDP_RECEIVE_BATCH

    cdef int read(self) except -1:
        """Read a batch of messages (the last one has been fed); how many came, or READ_FAILED."""
        cdef int count
        while True:
            count = udp_receive(self.fd, self.incoming, self.buffers, self.use_mmsg)
            self.receive_calls += 1
            if count == -ENOSYS and self.use_mmsg:
                self.use_mmsg = False
            elif count != -EINTR:
                break
        if count >= 0:
            self.came, self.taken = count, 0
            self.holds_packets = count > 0
            self.datagrams_received += count
            return count
        if count == -EBADF or count == -ENOTSOCK or count == -EFAULT or count == -EINVAL:
            raise OSError(-count, os.strerror(-count))
        # Empty: then an error may have woken us whose report by a call was swallowed (a partly successful
        # sendmmsg does that).  Other errors are those of earlier packets.
        self.error_waits = True
        return 0 if count == -EAGAIN else READ_FAILED

    cdef uint32_t next_packet(self, const uint8_t **packet) noexcept nogil:
        """The next of the packets that were read, its route in self.route; its length, or 0: none is left."""
        cdef uint32_t length
        while self.fed == self.arrival.length:
            if self.taken == self.came:
                self.holds_packets = False
                return 0
            udp_take_message(self.incoming, self.taken, &self.arrival)
            self.taken += 1
            self.fed = 0
            self.set_route()
            if self.arrival.length > self.arrival.segment:
                self.packets_coalesced += (self.arrival.length - 1) // self.arrival.segment + 1
        length = min(self.arrival.segment, self.arrival.length - self.fed)
        packet[0] = self.arrival.data + self.fed
        self.fed += length
        self.packets_received += 1
        self.bytes_received += length
        return length

    cdef void set_route(self) noexcept nogil:
        memcpy(self.route.remote.ip, self.arrival.remote, 16)
        memcpy(self.route.local.ip, self.arrival.local, 16)
        self.route.remote.scope_id = self.arrival.remote_scope
        self.route.local.scope_id = self.arrival.local_scope
        self.route.remote_udp_port = self.arrival.remote_port
        self.route.carrier = self.index

    cdef int feed_errors(self, Endpoint endpoint, int64_t now) except -1:
        """Give the ICMP errors of the error queue to the endpoint (6951-5.5); 1: more may wait."""
        cdef int kind = 0
        for _ in range(MOST_ERRORS):
            if outbox_is_filling(endpoint.outbox):
                return 1
            if not self.next_error(&kind):
                return 0
            if kind:
                endpoint.receive_icmp(self.arrival.data, self.arrival.length, &self.route, kind,
                                      self.arrival.icmp_mtu, now)
        return 0                                     # the error queue keeps the descriptor readable

    cdef bint next_error(self, int *kind) noexcept nogil:
        """The oldest error of the queue into self.arrival and self.route; False: there is none."""
        self.fed = self.arrival.length = 0
        if not udp_receive_error(self.fd, self.incoming, self.buffers, &self.arrival):
            self.error_waits = False
            return False
        kind[0] = icmp_kind(&self.arrival)
        self.icmp_errors += self.arrival.icmp_version != 0
        self.set_route()
        self.fed = self.arrival.length       # it is no packet to be fed
        return True

    # --- sending

    cdef int send_batch(self, Outbox outbox, int first) except -1:
        cdef const OutPacket *packets = outbox.packets + first
        cdef int count = outbox.count - first
        cdef int done = 0, built, sent, error
        cdef int tries = 0
        cdef int plain_until = 0             # those below go without offload: the system refused their run,
        cdef int refusal = 0                 # for this reason
        while done < count:
            built = self.build(outbox.buffer, packets, done, count, plain_until)
            if built == 0:
                break
            sent = udp_send(self.fd, self.outgoing, built, self.use_mmsg)
            self.send_calls += 1
            if sent > 0:
                if refusal:
                    self.blame_offload(refusal, packets[done].length)
                    refusal = 0
                self.account(packets, done, sent)
                done = self.ends[sent - 1]
                tries = 0
                continue
            error = -sent
            if error == EINTR:
                continue
            if error == EAGAIN:
                break
            if error == ENOSYS and self.use_mmsg:
                self.use_mmsg = False
                continue
            if self.fd >= 0 and (error == EBADF or error == ENOTSOCK):   # closed by its number
                raise OSError(error, os.strerror(error))
            # Perhaps the error of an earlier packet: a second try tells.
            self.error_waits = True
            tries += 1
            if tries < MOST_TRIES:
                continue
            tries = 0
            if self.ends[0] > done + 1 and is_refusal(error):
                plain_until = self.ends[0]
                refusal = error
                continue
            self.lose(error, self.ends[0] - done)
            done = self.ends[0]
            refusal = 0
        return done

    cdef int build(self, const uint8_t *buffer, const OutPacket *packets, int first, int count,
                   int plain_until) noexcept:
        """Make messages of packets [first, count) as far as one call takes them; how many."""
        cdef int built = 0, run, next = first
        cdef const OutPacket *packet
        cdef uint32_t length
        while built < UDP_SEND_BATCH and next < count and packets[next].route.carrier == self.index:
            packet = packets + next
            run = self.run_length(packet, count - next) if self.gso and next >= plain_until else 1
            length = packets[next + run - 1].offset + packets[next + run - 1].length - packet.offset
            udp_put(self.outgoing, built, self.is_ipv6, buffer + packet.offset, length,
                    packet.length if run > 1 else 0,
                    packet.route.remote.ip, packet.route.remote.scope_id, packet.route.remote_udp_port,
                    packet.route.local.ip, packet.route.local.scope_id, packet.route.dscp)
            next += run
            self.ends[built] = next
            built += 1
        return built

    cdef int run_length(self, const OutPacket *packets, int count) noexcept nogil:
        """How many of these packets can leave as one message: one route, one size, maybe a shorter last."""
        cdef uint32_t size = packets[0].length
        cdef int run = 1, most
        if size > self.offload_limit or size == 0:
            return 1
        most = min(<int>(MOST_BYTES // size), MOST_SEGMENTS, count)
        while (run < most and packets[run].length <= size
                and packets[run].offset == packets[run - 1].offset + packets[run - 1].length
                and same_route(&packets[run].route, &packets[0].route)):
            run += 1
            if packets[run - 1].length < size:
                break
        return run

    cdef void account(self, const OutPacket *packets, int first, int messages) noexcept nogil:
        cdef int i, end, start = first
        for i in range(messages):
            end = self.ends[i]
            self.packets_sent += end - start
            self.bytes_sent += packets[end - 1].offset + packets[end - 1].length - packets[start].offset
            if end - start > 1:
                self.packets_offloaded += end - start
            start = end
        self.datagrams_sent += messages

    cdef void blame_offload(self, int refusal, uint32_t size) noexcept nogil:
        """A run was refused, then went packet by packet: too large segments for a path, or no offload."""
        if refusal == EINVAL or refusal == EMSGSIZE:
            self.offload_limit = min(self.offload_limit, size - 1)
        else:
            self.gso = False

    cdef int lose(self, int error, int count) except -1:
        """The system will not send these packets; SCTP's retransmission is the answer to that."""
        self.packets_lost += count
        self.lost_by_errno[error] = self.lost_by_errno.get(error, 0) + count
        return 0

    # --- Python face, for tests and tools

    def send_packets(self, list packets not None):
        """Send [(packet, host, port, source host or "")], a DSCP may follow; how many went.

        At most 512 packets and 256 KB.
        """
        outbox = Outbox()
        for packet, host, port, source, *dscp in packets:
            if not outbox.put(packet, host, port, source, self.index, *dscp):
                raise ValueError("more than an outbox holds")
        return self.send_batch(outbox, 0)

    def receive_packets(self):
        """All that has arrived: [(packet, remote host, remote port, local host or "")]."""
        cdef const uint8_t *packet
        cdef uint32_t length
        result = []
        while True:
            while True:
                length = self.next_packet(&packet)
                if length == 0:
                    break
                result.append((packet[:length], *self.route_names()))
            if self.read() <= 0:
                return result

    def receive_errors(self):
        """The ICMP errors that have arrived: [(ICMP_ kind, quoted packet, host, port, local host or "")]."""
        cdef int kind = 0
        result = []
        while self.next_error(&kind):
            result.append((kind, self.arrival.data[:self.arrival.length], *self.route_names()))
        return result

    cdef tuple route_names(self):
        local = "" if is_unspecified(&self.route.local) else host_from_address(&self.route.local)
        return host_from_address(&self.route.remote), self.route.remote_udp_port, local


cdef bint is_refusal(int error) noexcept nogil:
    """Whether this errno may mean that the system cannot offload here."""
    return error in (EINVAL, EMSGSIZE, EIO, ENOPROTOOPT, EOPNOTSUPP)
