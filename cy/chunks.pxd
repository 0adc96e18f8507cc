"""Each chunk of RFC 9260 section 3.3: decode into a C view, encode from values.

Decoding checks the lengths that section 3.3 prescribes and nothing else: what a value means in a
state is the handlers' business.  Control chunks, which are rare, are encoded as `bytes`; DATA and
SACK are written in place.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

from .serial cimport ssn_t, tsn_t
from .wire cimport ChunkView


cdef struct DataView:
    tsn_t tsn
    uint16_t stream_id
    ssn_t ssn
    uint32_t ppid                # four bytes as they came (3.3.1: never swapped)
    uint8_t flags
    const uint8_t *data
    uint32_t length              # of the user data; 0 is well-formed here, the handler answers it (6.2)


cdef struct InitView:            # INIT and INIT ACK
    uint32_t initiate_tag
    uint32_t a_rwnd
    uint16_t outbound_streams
    uint16_t inbound_streams     # the maximum that the sender accepts
    tsn_t initial_tsn
    const uint8_t *parameters
    uint32_t parameters_length


cdef struct SackView:
    tsn_t cumulative_tsn_ack
    uint32_t a_rwnd
    uint16_t gap_count
    uint16_t duplicate_count
    const uint8_t *gaps          # gap_count times (start 16, end 16), big endian
    const uint8_t *duplicates    # duplicate_count times 32 bits, big endian


cdef struct ForwardTsnView:
    tsn_t new_cumulative_tsn
    uint32_t count
    const uint8_t *streams       # count times (stream 16, SSN 16), big endian


# Each get_ returns True if the chunk is well formed.
cdef bint get_data(const ChunkView *chunk, DataView *out) noexcept nogil
cdef bint get_init(const ChunkView *chunk, InitView *out) noexcept nogil
cdef bint get_sack(const ChunkView *chunk, SackView *out) noexcept nogil
cdef bint get_forward_tsn(const ChunkView *chunk, ForwardTsnView *out) noexcept nogil
cdef bint get_shutdown(const ChunkView *chunk, tsn_t *cumulative_tsn_ack) noexcept nogil
# `info`: the first parameter; `all_length`: of it and those after it, from `info` on, without final padding
cdef bint get_heartbeat(const ChunkView *chunk, const uint8_t **info, uint32_t *info_length,
                        uint32_t *all_length) noexcept nogil
# ... of HEARTBEAT and HEARTBEAT ACK; info is the whole Heartbeat Info parameter, with header, without padding

# Writes a DATA chunk header (16 bytes).  The caller copies the data behind it and zeroes the padding.
cdef void put_data_header(uint8_t *out, uint8_t flags, tsn_t tsn, uint16_t stream_id, ssn_t ssn,
                          uint32_t ppid, uint32_t data_length) noexcept nogil

cpdef bytes make_chunk(int type, int flags, bytes value)          # padded; ValueError beyond 65535 bytes
cpdef bytes make_tlv(int type, bytes value)                       # a parameter or a cause, padded
cpdef bytes make_init(int type, uint32_t initiate_tag, uint32_t a_rwnd, int outbound_streams,
                      int inbound_streams, uint32_t initial_tsn, bytes parameters)
cpdef bytes make_shutdown(uint32_t cumulative_tsn_ack)
cpdef bytes make_error(list causes)                               # causes: [bytes], each from make_tlv
cpdef bytes make_abort(bint reflected_tag, list causes)
cpdef bytes cause_invalid_stream(int stream_id)
cpdef bytes cause_missing_parameters(list types)
cpdef bytes cause_stale_cookie(uint32_t staleness_microseconds)
cpdef bytes cause_no_user_data(uint32_t tsn)
