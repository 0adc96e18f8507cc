"""For tests: endpoints, the network between them and time, without a Python object for each packet.

What the simulated network does for scenarios this does for fuzzers, which play many more of them.  It
delivers nothing by itself: each packet waits until a test says what becomes of it.  A packet that arrives
lies in a block of its own, so that a sanitizer sees every byte that is read beyond its end.
"""
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from .address cimport Address, Route, address_from_host, is_unspecified, same_ip
from .endpoint cimport Endpoint
from .outbox cimport Outbox, OutPacket
from .proto cimport HEARTBEAT, INIT, INIT_ACK
from .wire cimport COMMON_HEADER, get16, get32, put32

cdef enum:
    MOST_HOSTS = 32
    MOST_ON_WIRE = 64            # then the oldest packet is lost
    MOST_HEARTBEATS = 4          # of the last ones their contents are kept
    MOST_ANSWERS = 80            # packets that one packet or timer may call forth
    MOST_DELIVERIES = 4000       # until all is quiet
    MOST_TIMERS = 200            # that are due at one time
    ROOM_BYTES = 16384           # Endpoint.room()
    ROOM_PACKETS = 24


cdef struct Packet:
    uint8_t *data                # of its own
    uint32_t length
    Address source, destination


cdef class Stage:
    """Stage(endpoints, [addresses of each], [addresses of others], udp_port, now)."""
    cdef readonly list endpoints
    cdef public int64_t now
    cdef public uint16_t udp_port            # that packets come from
    cdef readonly uint32_t work              # packets that arrived and timers that ran
    cdef readonly uint32_t init_tag          # of the last INIT or INIT ACK of the first endpoint
    cdef readonly bytes init_ack             # its last packet with one
    cdef readonly list heartbeats            # Heartbeat Info parameters of its last HEARTBEATs
    cdef public int left_bytes, left_packets         # room in an outbox beyond what is promised; -1: all
    cdef Address hosts[MOST_HOSTS]
    cdef int owners[MOST_HOSTS]              # index of an endpoint, or -1
    cdef int host_count
    cdef Packet wire[MOST_ON_WIRE]
    cdef int waiting

    def __cinit__(self, list endpoints not None, list addresses not None, others=(), uint16_t udp_port=0,
                  int64_t now=0):
        cdef int index
        self.endpoints = endpoints
        self.udp_port, self.now = udp_port, now
        self.heartbeats = []
        self.left_bytes = self.left_packets = -1
        for index in range(len(endpoints)):
            for host in addresses[index]:
                self.add_host(host, index)
        for host in others:
            self.add_host(host, -1)

    def __dealloc__(self):
        self.drop_all()

    cdef int add_host(self, str host, int owner) except -1:
        if self.host_count == MOST_HOSTS:
            raise ValueError("too many hosts")
        address_from_host(host, &self.hosts[self.host_count])
        self.owners[self.host_count] = owner
        self.host_count += 1
        return 0

    # ---- the wire

    cdef int put(self, const uint8_t *data, uint32_t length, const Address *source,
                 const Address *destination) except -1:
        cdef Packet *packet
        if self.waiting == MOST_ON_WIRE:
            self.remove(0)
        packet = &self.wire[self.waiting]
        packet.data = <uint8_t *>malloc(length)
        if packet.data == NULL:
            raise MemoryError
        memcpy(packet.data, data, length)
        packet.length = length
        packet.source, packet.destination = source[0], destination[0]
        self.waiting += 1
        return 0

    cdef Packet pick(self, int index) noexcept:
        """Take a packet off the wire; the caller frees its data."""
        cdef Packet packet = self.wire[index]
        cdef int i
        self.waiting -= 1
        for i in range(index, self.waiting):
            self.wire[i] = self.wire[i + 1]
        return packet

    cdef void remove(self, int index) noexcept:
        cdef Packet packet = self.pick(index)
        free(packet.data)

    cdef void drop_all(self) noexcept:
        while self.waiting:
            self.remove(self.waiting - 1)

    cdef int note(self, const uint8_t *data, uint32_t length) except -1:
        """Remember what a peer needs to go on."""
        cdef uint8_t kind = data[COMMON_HEADER]
        if kind == INIT or kind == INIT_ACK:
            self.init_tag = get32(data + COMMON_HEADER + 4)
            if kind == INIT_ACK:
                self.init_ack = (<const char *>data)[:length]
        elif kind == HEARTBEAT:
            self.heartbeats.append((<const char *>data)[COMMON_HEADER + 4:COMMON_HEADER
                                                        + get16(data + COMMON_HEADER + 2)])
            del self.heartbeats[:-MOST_HEARTBEATS]
        return 0

    # ---- the endpoints

    cdef int occupy(self, Outbox outbox, uint32_t bytes_promised, int packets_promised) noexcept:
        """Leave little room, as if others had filled the outbox; how many packets they put there."""
        if self.left_bytes < 0 or outbox.count:
            return 0
        outbox.used = outbox.capacity - min(outbox.capacity, bytes_promised + self.left_bytes)
        outbox.count = outbox.max_packets - min(outbox.max_packets, packets_promised + self.left_packets)
        return outbox.count

    cdef int take(self, int side, Endpoint endpoint, int others) except -1:
        """What lies in the outbox behind the packets of others goes on the wire; how many these are."""
        cdef Outbox outbox = endpoint.outbox
        cdef OutPacket *packet
        cdef Address *source
        cdef int i, count = outbox.count - others
        for i in range(others, outbox.count):
            packet = &outbox.packets[i]
            source = &packet.route.local
            if is_unspecified(source):
                source = &self.hosts[self.first_host(side)]
            if side == 0:
                self.note(outbox.buffer + packet.offset, packet.length)
            self.put(outbox.buffer + packet.offset, packet.length, source, &packet.route.remote)
        outbox.clear()
        return count

    cdef int first_host(self, int side) noexcept:
        cdef int index
        for index in range(self.host_count):
            if self.owners[index] == side:
                break
        return index

    def collect(self) -> None:
        """What the endpoints want to send goes on the wire."""
        cdef Endpoint endpoint
        cdef int side, count, others
        cdef bint more
        for side in range(len(self.endpoints)):
            endpoint = self.endpoints[side]
            count = self.take(side, endpoint, 0)
            others = self.occupy(endpoint.outbox, 0, 1)      # once: then a carrier has emptied it
            more = True
            while more:
                more = endpoint.poll_transmit(self.now)
                count += self.take(side, endpoint, others)
                others = 0
                if count > MOST_ANSWERS:
                    raise AssertionError(f"{count} packets at once")

    cdef int arrive(self, Packet *packet, uint16_t udp_port) except -1:
        """A packet comes to whoever has its destination."""
        cdef Route route
        cdef Endpoint endpoint
        cdef int index, others
        memset(&route, 0, sizeof(Route))
        route.remote, route.local = packet.source, packet.destination
        route.remote_udp_port = udp_port
        self.work += 1
        for index in range(self.host_count):
            if self.owners[index] >= 0 and same_ip(&self.hosts[index], &packet.destination):
                endpoint = self.endpoints[self.owners[index]]
                self.take(self.owners[index], endpoint, 0)
                others = self.occupy(endpoint.outbox, ROOM_BYTES, ROOM_PACKETS)
                endpoint.receive(packet.data, packet.length, &route, self.now)
                self.take(self.owners[index], endpoint, others)
                break
        self.collect()
        return 0

    # ---- what tests do

    def send(self, bytes packet not None, int source, int destination, udp_port=None) -> None:
        """A packet of the test's arrives, from and at hosts by their index."""
        cdef Packet made
        if not self.host_count:
            raise ValueError("a stage without hosts")
        made.length = <uint32_t>len(packet)
        made.data = <uint8_t *>malloc(made.length)
        if made.data == NULL:
            raise MemoryError
        memcpy(made.data, <const char *>packet, made.length)
        made.source = self.hosts[source % self.host_count]
        made.destination = self.hosts[destination % self.host_count]
        try:
            self.arrive(&made, self.udp_port if udp_port is None else udp_port)
        finally:
            free(made.data)

    def deliver(self, int index, bint keep=False, udp_port=None) -> None:
        """A packet arrives; `keep`: and stays on the wire, as if it were twice there."""
        cdef Packet packet
        if self.waiting == 0:
            return
        packet = self.pick(index % self.waiting)
        if keep:
            self.put(packet.data, packet.length, &packet.source, &packet.destination)
        try:
            self.arrive(&packet, self.udp_port if udp_port is None else udp_port)
        finally:
            free(packet.data)

    def lose(self, int index) -> None:
        if self.waiting:
            self.remove(index % self.waiting)

    def clear(self) -> None:
        self.drop_all()

    def __len__(self):
        return self.waiting

    def deliver_all(self) -> None:
        """All that is on the wire arrives in order, answers too."""
        cdef int count = 0
        while self.waiting:
            self.deliver(0)
            count += 1
            if count == MOST_DELIVERIES:
                raise AssertionError("they do not come to rest")

    def icmp(self, int index, int kind, uint32_t mtu=0, uint32_t tag_change=0, udp_port=None) -> None:
        """The first endpoint gets an ICMP error that quotes a packet on the wire, with its tag changed."""
        cdef Packet *packet
        cdef Route route
        cdef Endpoint endpoint = self.endpoints[0]
        cdef uint8_t *quoted
        if self.waiting == 0:
            return
        packet = &self.wire[index % self.waiting]
        memset(&route, 0, sizeof(Route))
        route.remote = packet.destination
        route.remote_udp_port = self.udp_port if udp_port is None else udp_port
        quoted = <uint8_t *>malloc(packet.length)
        if quoted == NULL:
            raise MemoryError
        memcpy(quoted, packet.data, packet.length)
        put32(quoted + 4, get32(quoted + 4) ^ tag_change)
        try:
            endpoint.receive_icmp(quoted, packet.length, &route, kind, mtu, self.now)
        finally:
            free(quoted)
        self.collect()

    def deadline(self) -> int | None:
        """When the next timer of an endpoint runs."""
        cdef int64_t first = self.first_deadline()
        return None if first == INT64_MAX else first

    cdef int64_t first_deadline(self) except -1:
        cdef int64_t first = INT64_MAX
        cdef Endpoint endpoint
        for endpoint in self.endpoints:
            first = min(first, endpoint.next_deadline())
        return first

    def pass_time(self, int64_t until, bint deliver=False) -> None:
        """Run the timers up to then; `deliver`: and let all arrive that they send."""
        cdef Endpoint endpoint
        cdef int64_t deadline
        cdef int side, others, fired = 0
        cdef bint more
        while True:
            deadline = self.first_deadline()
            if deadline > until:
                break
            fired = fired + 1 if deadline <= self.now else 0
            if fired == MOST_TIMERS:
                raise AssertionError("timers run without end")
            self.now = max(self.now, deadline)
            self.work += 1
            for side in range(len(self.endpoints)):
                endpoint = self.endpoints[side]
                self.take(side, endpoint, 0)
                others = self.occupy(endpoint.outbox, ROOM_BYTES, ROOM_PACKETS)
                more = True
                while more:
                    more = endpoint.handle_timeout(self.now)
                    self.take(side, endpoint, others)
                    others = 0
            self.collect()
            if deliver:
                self.deliver_all()
        self.now = max(self.now, until)
