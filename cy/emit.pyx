"""Single packets: INIT, INIT ACK, ABORT, SHUTDOWN COMPLETE and out-of-the-blue answers."""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from .address cimport Route
from .crc32c cimport seal_packet
from .outbox cimport Outbox
from .path cimport Path
from .tcb cimport Tcb
from .wire cimport COMMON_HEADER, put16, put32


cdef bint emit(Outbox outbox, const Route *route, uint16_t source_port, uint16_t destination_port,
               uint32_t verification_tag, bytes chunks) except -1:
    """Write one packet that holds the encoded `chunks`; False if the outbox has no room."""
    cdef uint32_t length = COMMON_HEADER + <uint32_t>PyBytes_GET_SIZE(chunks)
    cdef uint8_t *packet = outbox.reserve(length)
    if packet == NULL:
        return False
    put16(packet, source_port)
    put16(packet + 2, destination_port)
    put32(packet + 4, verification_tag)
    memcpy(packet + COMMON_HEADER, PyBytes_AS_STRING(chunks), length - COMMON_HEADER)
    seal_packet(packet, length)
    outbox.commit(length, route)
    return True


cdef int emit_on(Tcb t, Path path, uint32_t verification_tag, bytes chunks) except -1:
    """The same on a path of an association, which counts it."""
    if emit(t.shared.outbox, &path.route, t.local_port, t.peer_port, verification_tag, chunks):
        t.packets_out += 1
        t.bytes_out += COMMON_HEADER + <uint32_t>PyBytes_GET_SIZE(chunks)
        path.packets_sent += 1
    return 0
