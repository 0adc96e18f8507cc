"""For tests: an endpoint and a carrier whose verbs are a Python object's methods.

So engines and event loops are tried without the protocol, and with a system that has no room.
"""
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t
from libc.string cimport memset

from .address cimport Route, host_from_address, is_unspecified
from .carrier cimport Carrier
from .endpoint cimport Endpoint
from .outbox cimport Outbox, OutPacket
from .user cimport SctpUser


cdef tuple names(const Route *route):
    """(remote host, remote UDP port, local host or "", carrier)."""
    local = "" if is_unspecified(&route.local) else host_from_address(&route.local)
    return host_from_address(&route.remote), route.remote_udp_port, local, route.carrier


cdef class ScriptedEndpoint(Endpoint):
    """Made by scripted_endpoint(script): what the engine asks of the endpoint is asked of `script`.

    receive(packet, (host, port, local host, carrier), now), handle_timeout(now), poll_transmit(now) -> true
    if more waits, next_deadline() -> microseconds or None, receive_icmp(kind, quoted, (host, ...), now).
    Packets to be sent are put into `outbox`.
    """
    cdef object script

    def new_user(self, owner):
        """An SctpUser of this endpoint."""
        user = SctpUser(self.ready_list)
        user.owner = owner
        return user

    def signal(self, SctpUser user not None, uint32_t flags):
        """Enter the user in the ready list, as the core does."""
        user.signal(flags)

    cdef int receive(self, const uint8_t *packet, uint32_t length, const Route *route, int64_t now) except -1:
        self.script.receive(packet[:length], names(route), now)
        return 0

    cdef int handle_timeout(self, int64_t now) except -1:
        self.script.handle_timeout(now)
        return 0

    cdef int poll_transmit(self, int64_t now) except -1:
        return bool(self.script.poll_transmit(now))

    cdef int64_t next_deadline(self) noexcept:
        deadline = self.script.next_deadline()
        return INT64_MAX if deadline is None else deadline

    cdef int receive_icmp(self, const uint8_t *quoted, uint32_t length, const Route *route, int kind,
                          uint32_t mtu, int64_t now) except -1:
        self.script.receive_icmp(kind, quoted[:length], names(route), now)
        return 0


def scripted_endpoint(script, Outbox outbox=None):
    """An endpoint that is its script's."""
    cdef ScriptedEndpoint made = ScriptedEndpoint(bytes(32))
    made.script = script
    if outbox is not None:
        made.outbox = outbox
    return made


cdef class ScriptedCarrier(Carrier):
    """ScriptedCarrier(script, fd): script.receive_batch(carrier, budget) -> true if more may wait (it may use
    give()), script.send_batch(packets) -> how many went, packets being those up to the next one of another
    carrier.
    """
    cdef object script
    cdef Endpoint receiver
    cdef int64_t now

    def __init__(self, script, int fd=-1):
        self.script = script
        self.fd = fd

    def give(self, bytes packet not None):
        """Inside receive_batch: give the endpoint this packet."""
        cdef Route route
        memset(&route, 0, sizeof(route))
        route.carrier = self.index
        if self.receiver is None:
            raise RuntimeError("there is no receive_batch() for which this packet could be")
        self.receiver.receive(packet, <uint32_t>len(packet), &route, self.now)

    def hold(self, bint holds):
        """Set holds_packets."""
        self.holds_packets = holds

    cdef int receive_batch(self, Endpoint endpoint, int64_t now, uint32_t budget) except -1:
        self.receiver, self.now = endpoint, now
        return bool(self.script.receive_batch(self, budget))

    cdef int send_batch(self, Outbox outbox, int first) except -1:
        cdef const OutPacket *packet
        packets = []
        for i in range(first, outbox.count):
            packet = &outbox.packets[i]
            if packet.route.carrier != self.index:
                break
            packets.append((<const char *>outbox.buffer + packet.offset)[:packet.length])
        return self.script.send_batch(packets)

    cpdef int close(self) except -1:
        self.fd = -1
        return 0
