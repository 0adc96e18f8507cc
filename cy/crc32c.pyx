"""The checksum of a packet: RFC 9260 section 6.8 and appendix A.

The arithmetic is in crc32c_impl.h.  Here is what SCTP does with it: the checksum covers the whole
packet with its own field taken as zero, and lies in the packet low byte first.
"""
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy, memset

from .wire cimport COMMON_HEADER

cdef extern from "crc32c_impl.h" nogil:
    ctypedef uint32_t (*crc32c_extend_t)(uint32_t state, const uint8_t *data, size_t length)
    ctypedef struct crc32c_implementation_t:
        const char *name
        crc32c_extend_t extend
    crc32c_implementation_t crc32c_available[3]
    int crc32c_setup()

cdef enum:
    CHECKSUM_OFFSET = 8

cdef int _count = crc32c_setup()
cdef crc32c_implementation_t _chosen = crc32c_available[_count - 1]


cdef uint32_t packet_checksum(const uint8_t *packet, uint32_t length) noexcept nogil:
    """The checksum that belongs in a packet, whatever its field holds now."""
    cdef uint8_t header[COMMON_HEADER]
    cdef uint32_t state
    memcpy(header, packet, COMMON_HEADER)
    memset(header + CHECKSUM_OFFSET, 0, 4)
    state = _chosen.extend(<uint32_t>0xFFFFFFFF, header, COMMON_HEADER)
    return ~_chosen.extend(state, packet + COMMON_HEADER, length - COMMON_HEADER)


cdef void seal_packet(uint8_t *packet, uint32_t length) noexcept nogil:
    cdef uint32_t checksum = packet_checksum(packet, length)
    packet[8] = <uint8_t>checksum
    packet[9] = <uint8_t>(checksum >> 8)
    packet[10] = <uint8_t>(checksum >> 16)
    packet[11] = <uint8_t>(checksum >> 24)


cdef bint packet_is_intact(const uint8_t *packet, uint32_t length) noexcept nogil:
    cdef uint32_t checksum
    if length < COMMON_HEADER:
        return False
    checksum = (packet[8] | (<uint32_t>packet[9] << 8) | (<uint32_t>packet[10] << 16)
                | (<uint32_t>packet[11] << 24))
    return checksum == packet_checksum(packet, length)


# ---- Python face, for tests and tools ------------------------------------------------------------------


def crc32c(bytes data not None):
    """CRC-32C of `data`, as a number (the packet holds it low byte first)."""
    return <uint32_t>~_chosen.extend(<uint32_t>0xFFFFFFFF, data, len(data))


def sealed(bytes packet not None):
    """A copy of `packet` with the right checksum in its header; ValueError below 12 bytes."""
    if len(packet) < COMMON_HEADER:
        raise ValueError("a packet has at least a common header of 12 bytes")
    cdef bytearray copy = bytearray(packet)
    seal_packet(<uint8_t *>copy, <uint32_t>len(copy))
    return bytes(copy)


def is_intact(bytes packet not None):
    """True if the checksum of `packet` is right."""
    return packet_is_intact(packet, <uint32_t>len(packet))


def chosen():
    """The name of the implementation in use: "table", "sse4.2", "sse4.2+pclmul", "armv8", "armv8+pmull"."""
    return _chosen.name.decode()


cdef class Implementation:
    """One way to compute CRC-32C, callable as `implementation(data, start=0, repeat=1)`."""
    cdef crc32c_extend_t extend
    cdef readonly str name

    def __call__(self, bytes data not None, Py_ssize_t start=0, Py_ssize_t repeat=1):
        """CRC-32C of `data[start:]`; computed `repeat` times over, for measurements."""
        cdef uint32_t state = 0
        cdef const uint8_t *first = data
        cdef size_t length
        if self.extend == NULL:
            raise TypeError("implementations() gives those that there are")
        if not 0 <= start <= len(data):
            raise ValueError("start lies outside the data")
        length = len(data) - start
        with nogil:
            for _ in range(repeat):
                state = ~self.extend(<uint32_t>0xFFFFFFFF, first + start, length)
        return state


def implementations():
    """All implementations that this processor can run, by name: {name: callable(data, start=0, repeat=1)}."""
    cdef Implementation one
    cdef dict found = {}
    cdef int i
    for i in range(_count):
        one = Implementation.__new__(Implementation)
        one.extend = crc32c_available[i].extend
        one.name = crc32c_available[i].name.decode()
        found[one.name] = one
    return found
