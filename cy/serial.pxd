"""Serial number arithmetic of RFC 1982 for TSNs (32 bits) and stream sequence numbers (16 bits).

RFC 9260 section 1.6.
"""
from libc.stdint cimport int16_t, int32_t, uint16_t, uint32_t

ctypedef uint32_t tsn_t
ctypedef uint16_t ssn_t


cdef inline bint tsn_lt(tsn_t a, tsn_t b) noexcept nogil:
    return <int32_t>(a - b) < 0


cdef inline bint tsn_le(tsn_t a, tsn_t b) noexcept nogil:
    return <int32_t>(a - b) <= 0


cdef inline bint ssn_lt(ssn_t a, ssn_t b) noexcept nogil:
    return <int16_t>(<ssn_t>(a - b)) < 0


cdef inline uint32_t pad4(uint32_t length) noexcept nogil:
    """A length rounded up to the next multiple of 4."""
    return (length + 3) & ~<uint32_t>3
