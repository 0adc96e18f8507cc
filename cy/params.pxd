"""The parameters of INIT and INIT ACK, and what to do with those that are unknown.

RFC 9260 sections 3.2.1, 3.2.2, 3.3.2.1 and 3.3.3.1.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

from .address cimport Address

cdef enum:
    MAX_ADDRESSES = 32           # of one peer; more are ignored
    MAX_UNRECOGNIZED = 16        # reported in one answer; more are left out (section 12, small answers)

cdef enum Extension:             # what both sides must support, negotiated by INIT and INIT ACK: bits
    PARTIAL_RELIABILITY = 1      # RFC 3758

cdef enum ParametersResult:
    PARAMETERS_OK = 0
    PARAMETERS_MALFORMED = -1    # a length that cannot be: the chunk is refused


cdef struct InitParameters:
    Address addresses[MAX_ADDRESSES]
    int address_count
    bint has_host_name           # 9260-3.3.2-07: answered by ABORT
    const uint8_t *host_name     # the whole TLV
    uint16_t host_name_length
    const uint8_t *state_cookie  # its value
    uint32_t state_cookie_length
    bint has_state_cookie
    uint32_t cookie_preservative  # ms, 0 without
    bint has_supported_address_types, supports_ipv4, supports_ipv6
    bint forward_tsn_supported
    const uint8_t *forward_tsn   # the whole TLV
    const uint8_t *supported_extensions
    uint32_t supported_extensions_length
    bint has_adaptation_indication
    uint32_t adaptation_indication
    const uint8_t *unrecognized[MAX_UNRECOGNIZED]     # whole TLVs to be reported (high bits 01 and 11)
    uint32_t unrecognized_length[MAX_UNRECOGNIZED]    # header included, padding not
    int unrecognized_count


cdef int parse_init_parameters(const uint8_t *parameters, uint32_t length, InitParameters *out) noexcept nogil
# ... then what the sender offers and we have not (`own`: bits of Extension) is unrecognized (3758-3.3-02)
cdef void report_extensions(InitParameters *parameters, uint32_t own) noexcept nogil
cdef uint32_t offered_extensions(const InitParameters *parameters) noexcept nogil       # by the sender
cdef bytes extension_parameters(uint32_t extensions)              # how they are offered
cdef bytes adaptation_parameter(uint32_t indication)              # RFC 5061 section 4.2.6; 0: none
cdef bytes address_parameter(const Address *address)              # IPv4 or IPv6 Address parameter
cdef bytes unrecognized_parameters(const InitParameters *parameters, uint32_t most)
# ... Unrecognized Parameter TLVs for an INIT ACK, as many as fit `most` bytes
cdef list unrecognized_causes(const InitParameters *parameters)  # Unrecognized Parameters causes for an ERROR
