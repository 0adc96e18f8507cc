"""CRC-32C of RFC 9260 section 6.8 and appendix A; the fastest way this processor has, chosen at import."""
from libc.stdint cimport uint8_t, uint32_t

# Writes the checksum field.  A packet has at least its common header (12 bytes).
cdef void seal_packet(uint8_t *packet, uint32_t length) noexcept nogil
cdef bint packet_is_intact(const uint8_t *packet, uint32_t length) noexcept nogil
