"""Reading and writing the common structure of packets: integers, chunks, type-length-value items.

RFC 9260 section 3: common header (3.1), chunk field (3.2), parameters and causes (3.2.1, 3.3.10).
Nothing is copied: views point into the packet, and every length is checked before it is used.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from .serial cimport pad4

cdef enum:
    COMMON_HEADER = 12
    CHUNK_HEADER = 4
    DATA_HEADER = 16

cdef enum CursorResult:
    CURSOR_END = 0
    CURSOR_ITEM = 1
    CURSOR_MALFORMED = -1


cdef struct ChunkView:
    uint8_t type
    uint8_t flags
    uint16_t length              # as sent: header included, final padding not
    const uint8_t *start         # the chunk header
    const uint8_t *value         # start + 4
    uint32_t value_length        # length - 4


cdef struct TlvView:             # a parameter or an error cause
    uint16_t type
    uint16_t length              # as sent: header included, padding not
    const uint8_t *start
    const uint8_t *value         # start + 4
    uint32_t value_length        # length - 4


cdef struct Cursor:
    const uint8_t *position
    const uint8_t *end


cdef inline uint16_t get16(const uint8_t *p) noexcept nogil:
    return <uint16_t>((p[0] << 8) | p[1])


cdef inline uint32_t get32(const uint8_t *p) noexcept nogil:
    return (<uint32_t>p[0] << 24) | (<uint32_t>p[1] << 16) | (<uint32_t>p[2] << 8) | p[3]


cdef inline void put16(uint8_t *p, uint16_t value) noexcept nogil:
    p[0] = <uint8_t>(value >> 8)
    p[1] = <uint8_t>value


cdef inline void put32(uint8_t *p, uint32_t value) noexcept nogil:
    p[0] = <uint8_t>(value >> 24)
    p[1] = <uint8_t>(value >> 16)
    p[2] = <uint8_t>(value >> 8)
    p[3] = <uint8_t>value


cdef inline uint32_t get_raw32(const uint8_t *p) noexcept nogil:
    """Four bytes as they lie in memory: the payload protocol identifier is never swapped (3.3.1)."""
    cdef uint32_t value
    memcpy(&value, p, 4)
    return value


cdef inline void put_raw32(uint8_t *p, uint32_t value) noexcept nogil:
    memcpy(p, &value, 4)


cdef inline int next_chunk(Cursor *cursor, ChunkView *chunk) noexcept nogil:
    """Take the next chunk: CURSOR_ITEM, CURSOR_END, or CURSOR_MALFORMED (length below 4 or too long)."""
    cdef size_t left = cursor.end - cursor.position
    cdef uint32_t length
    if left < CHUNK_HEADER:
        return CURSOR_END if left == 0 else CURSOR_MALFORMED
    length = get16(cursor.position + 2)
    if length < CHUNK_HEADER or length > left:
        return CURSOR_MALFORMED
    chunk.type = cursor.position[0]
    chunk.flags = cursor.position[1]
    chunk.length = <uint16_t>length
    chunk.start = cursor.position
    chunk.value = cursor.position + CHUNK_HEADER
    chunk.value_length = length - CHUNK_HEADER
    length = pad4(length)
    cursor.position += length if length < left else left   # the final padding may be missing
    return CURSOR_ITEM


cdef inline int next_tlv(Cursor *cursor, TlvView *item) noexcept nogil:
    """Take the next parameter or cause; results as next_chunk."""
    cdef size_t left = cursor.end - cursor.position
    cdef uint32_t length
    if left < CHUNK_HEADER:
        return CURSOR_END if left == 0 else CURSOR_MALFORMED
    length = get16(cursor.position + 2)
    if length < CHUNK_HEADER or length > left:
        return CURSOR_MALFORMED
    item.type = get16(cursor.position)
    item.length = <uint16_t>length
    item.start = cursor.position
    item.value = cursor.position + CHUNK_HEADER
    item.value_length = length - CHUNK_HEADER
    length = pad4(length)
    cursor.position += length if length < left else left
    return CURSOR_ITEM
