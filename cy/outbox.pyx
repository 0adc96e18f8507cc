"""The packets on their way to the carriers (see outbox.pxd)."""
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from .address cimport Route, address_from_host, host_from_address, is_unspecified


cdef class Outbox:
    """Outbox(capacity=262144, max_packets=512): room for so many bytes and packets at once."""

    def __cinit__(self, uint32_t capacity=262144, int max_packets=512):
        if max_packets < 1:
            raise ValueError("max_packets must be at least 1")
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        self.buffer = <uint8_t *>malloc(capacity)
        self.packets = <OutPacket *>malloc(<size_t>max_packets * sizeof(OutPacket))
        if self.buffer == NULL or self.packets == NULL:
            raise MemoryError
        self.capacity = capacity
        self.max_packets = max_packets

    def __dealloc__(self):
        free(self.buffer)
        free(self.packets)

    cdef void commit(self, uint32_t length, const Route *route) noexcept nogil:
        """The packet written at the place that reserve() gave is complete and has `length` bytes."""
        cdef OutPacket *packet = &self.packets[self.count]
        packet.offset = self.used
        packet.length = length
        packet.route = route[0]
        self.used += length
        self.count += 1

    cdef void clear(self) noexcept nogil:
        self.used = 0
        self.count = 0

    cdef list take(self):
        cdef list taken = []
        cdef OutPacket *packet
        cdef int i
        for i in range(self.count):
            packet = &self.packets[i]
            taken.append((
                (<const char *>(self.buffer + packet.offset))[:packet.length],
                host_from_address(&packet.route.remote),
                packet.route.remote_udp_port,
                "" if is_unspecified(&packet.route.local) else host_from_address(&packet.route.local),
                packet.route.carrier,
            ))
        self.clear()
        return taken

    # ---- Python face, for tests and tools --------------------------------------------------------------

    def __len__(self):
        return self.count

    def put(self, bytes packet not None, str destination not None, int udp_port=0,
            str source not None="", int carrier=0, uint8_t dscp=0):
        """Append one packet; False if there is no room and the outbox must be emptied first."""
        cdef Route route
        cdef uint8_t *place
        memset(&route, 0, sizeof(Route))
        address_from_host(destination, &route.remote)
        if source:
            address_from_host(source, &route.local)
        route.remote_udp_port = udp_port
        route.carrier = carrier
        route.dscp = dscp
        if len(packet) > self.capacity:
            return False
        place = self.reserve(<uint32_t>len(packet))
        if place == NULL:
            return False
        memcpy(place, <const char *>packet, len(packet))
        self.commit(<uint32_t>len(packet), &route)
        return True

    def take_packets(self):
        """Empty the outbox: [(packet, destination, its UDP port, source or "", carrier)], hosts as text."""
        return self.take()
