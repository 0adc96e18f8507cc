"""CRC-32C of RFC 9260 section 6.8 and appendix A; the fastest way this processor has, chosen at import."""
from libc.stdint cimport uint8_t, uint32_t

cdef extern from "crc32c_impl.h" nogil:
    uint32_t crc32c(const uint8_t *data, size_t length)      # dispatches to the chosen implementation

cdef void seal_packet(uint8_t *packet, uint32_t length) noexcept nogil          # writes the checksum field
cdef bint packet_is_intact(const uint8_t *packet, uint32_t length) noexcept nogil
