"""The chunks of RFC 9260 section 3.3: one section each, with its layout, its decoder, its encoder.

Multi-byte fields are big endian.  Decoders check lengths only; they take a length that wrongly counts
the chunk's final padding as well (section 3.2, "a receiver SHOULD accept").
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from .proto cimport (
    DATA, ERROR, ABORT, FLAG_T, FORWARD_TSN, HEARTBEAT, HEARTBEAT_ACK, HEARTBEAT_INFO, INIT, INIT_ACK,
    INVALID_STREAM_IDENTIFIER, MISSING_MANDATORY_PARAMETER, NO_USER_DATA, SACK, SHUTDOWN, STALE_COOKIE,
)
from .wire cimport (
    CHUNK_HEADER, CURSOR_END, CURSOR_ITEM, CURSOR_MALFORMED, DATA_HEADER, Cursor, TlvView,
    get16, get32, get_raw32, next_chunk, next_tlv, put16, put32, put_raw32,
)
from .serial cimport pad4

cdef enum:
    LONGEST = 65535              # of a chunk, parameter or cause: the length field has 16 bits


# ---- 3.2 Any chunk ----------------------------------------------------------------------------------
#
#   | type 8 | flags 8 | length 16 (header and value, without final padding) |
#   | value ... | zeros up to a multiple of 4 |


cpdef bytes make_chunk(int type, int flags, bytes value):
    """A whole chunk, padded; ValueError if a field does not hold its value or the chunk is too long."""
    cdef uint8_t[CHUNK_HEADER] header
    if not (0 <= type <= 255 and 0 <= flags <= 255):
        raise ValueError("chunk type and flags have 8 bits")
    if len(value) > LONGEST - CHUNK_HEADER:
        raise ValueError("a chunk has at most 65535 bytes")
    header[0] = <uint8_t>type
    header[1] = <uint8_t>flags
    put16(header + 2, <uint16_t>(CHUNK_HEADER + len(value)))
    return header[:CHUNK_HEADER] + value + bytes(-len(value) & 3)


# ---- 3.2.1 and 3.3.10 Any parameter or cause -----------------------------------------------------------
#
#   | type or cause code 16 | length 16 (header and value, without padding) |
#   | value ... | zeros up to a multiple of 4 |


cpdef bytes make_tlv(int type, bytes value):
    """A whole parameter or cause, padded; ValueError if a field does not hold its value."""
    cdef uint8_t[CHUNK_HEADER] header
    if not 0 <= type <= 0xFFFF:
        raise ValueError("a parameter type or cause code has 16 bits")
    if len(value) > LONGEST - CHUNK_HEADER:
        raise ValueError("a parameter or cause has at most 65535 bytes")
    put16(header, <uint16_t>type)
    put16(header + 2, <uint16_t>(CHUNK_HEADER + len(value)))
    return header[:CHUNK_HEADER] + value + bytes(-len(value) & 3)


cdef bytes without_final_padding(bytes tlvs):
    """A row of padded parameters or causes as a chunk's length counts it: without the last padding (3.2)."""
    cdef const uint8_t *start = tlvs
    cdef Cursor cursor
    cdef TlvView item
    cdef Py_ssize_t length = 0
    cdef int result
    cursor.position = start
    cursor.end = start + len(tlvs)
    while True:
        result = next_tlv(&cursor, &item)
        if result == CURSOR_END:
            return tlvs[:length]
        if result == CURSOR_MALFORMED:
            raise ValueError("not a row of parameters or causes")
        length = item.start - start + item.length


# ---- 3.3.1 DATA (0) ------------------------------------------------------------------------------------
#
#   | 0 | flags - - - - I U B E | length 16 |
#   | TSN 32 |
#   | stream identifier 16 | stream sequence number 16 |
#   | payload protocol identifier 32, passed through as it came |
#   | user data ... |


cdef bint get_data(const ChunkView *chunk, DataView *out) noexcept nogil:
    if chunk.value_length < DATA_HEADER - CHUNK_HEADER:
        return False
    out.flags = chunk.flags
    out.tsn = get32(chunk.value)
    out.stream_id = get16(chunk.value + 4)
    out.ssn = get16(chunk.value + 6)
    out.ppid = get_raw32(chunk.value + 8)
    out.data = chunk.value + 12
    out.length = chunk.value_length - 12
    return True


cdef void put_data_header(uint8_t *out, uint8_t flags, tsn_t tsn, uint16_t stream_id, ssn_t ssn,
                          uint32_t ppid, uint32_t data_length) noexcept nogil:
    out[0] = <uint8_t>DATA
    out[1] = flags
    put16(out + 2, <uint16_t>(DATA_HEADER + data_length))
    put32(out + 4, tsn)
    put16(out + 8, stream_id)
    put16(out + 10, ssn)
    put_raw32(out + 12, ppid)


# ---- 3.3.2 INIT (1), 3.3.3 INIT ACK (2) ----------------------------------------------------------------
#
#   | type | 0 | length 16 |
#   | Initiate Tag 32 |
#   | Advertised Receiver Window Credit (a_rwnd) 32 |
#   | number of outbound streams 16 | number of inbound streams 16 |
#   | Initial TSN 32 |
#   | parameters ... |


cdef bint get_init(const ChunkView *chunk, InitView *out) noexcept nogil:
    if chunk.value_length < 16:
        return False
    out.initiate_tag = get32(chunk.value)
    out.a_rwnd = get32(chunk.value + 4)
    out.outbound_streams = get16(chunk.value + 8)
    out.inbound_streams = get16(chunk.value + 10)
    out.initial_tsn = get32(chunk.value + 12)
    out.parameters = chunk.value + 16
    out.parameters_length = chunk.value_length - 16
    return True


cpdef bytes make_init(int type, uint32_t initiate_tag, uint32_t a_rwnd, int outbound_streams,
                      int inbound_streams, uint32_t initial_tsn, bytes parameters):
    """INIT or INIT ACK; `parameters` are padded ones from make_tlv, in a row."""
    cdef uint8_t[16] fixed
    if not (0 <= outbound_streams <= 0xFFFF and 0 <= inbound_streams <= 0xFFFF):
        raise ValueError("a number of streams has 16 bits")
    put32(fixed, initiate_tag)
    put32(fixed + 4, a_rwnd)
    put16(fixed + 8, <uint16_t>outbound_streams)
    put16(fixed + 10, <uint16_t>inbound_streams)
    put32(fixed + 12, initial_tsn)
    return make_chunk(type, 0, fixed[:16] + without_final_padding(parameters))


# ---- 3.3.4 SACK (3) ------------------------------------------------------------------------------------
#
#   | 3 | 0 | length 16 |
#   | Cumulative TSN Ack 32 |
#   | a_rwnd 32 |
#   | number of Gap Ack Blocks N 16 | number of Duplicate TSNs M 16 |
#   | N times: Gap Ack Block start 16, end 16, as offsets from the Cumulative TSN Ack |
#   | M times: Duplicate TSN 32 |


cdef bint get_sack(const ChunkView *chunk, SackView *out) noexcept nogil:
    cdef uint32_t needed
    if chunk.value_length < 12:
        return False
    out.cumulative_tsn_ack = get32(chunk.value)
    out.a_rwnd = get32(chunk.value + 4)
    out.gap_count = get16(chunk.value + 8)
    out.duplicate_count = get16(chunk.value + 10)
    needed = 12 + 4 * <uint32_t>out.gap_count + 4 * <uint32_t>out.duplicate_count
    if chunk.value_length < needed or chunk.value_length - needed >= 4:
        return False
    out.gaps = chunk.value + 12
    out.duplicates = out.gaps + 4 * <uint32_t>out.gap_count
    return True


# ---- 3.3.5 HEARTBEAT (4), 3.3.6 HEARTBEAT ACK (5) ------------------------------------------------------
#
#   | type | 0 | length 16 |
#   | Heartbeat Info parameter: 1 16 | length 16 | sender-specific ... |


cdef bint get_heartbeat(const ChunkView *chunk, const uint8_t **info, uint32_t *info_length,
                        uint32_t *all_length) noexcept nogil:
    cdef Cursor cursor
    cdef TlvView item
    cdef int result
    cursor.position = chunk.value
    cursor.end = chunk.value + chunk.value_length
    if next_tlv(&cursor, &item) != CURSOR_ITEM or item.type != HEARTBEAT_INFO:
        return False
    info[0] = item.start
    info_length[0] = item.length
    while True:
        all_length[0] = <uint32_t>(item.start - chunk.value) + item.length
        result = next_tlv(&cursor, &item)
        if result != CURSOR_ITEM:
            return result == CURSOR_END


# ---- 3.3.7 ABORT (6), 3.3.10 ERROR (9) -----------------------------------------------------------------
#
#   | 6 | flags - - - - - - - T | length 16 |        | 9 | 0 | length 16 |
#   | causes ... |                                   | one or more causes ... |


cpdef bytes make_abort(bint reflected_tag, list causes):
    """ABORT; `reflected_tag` (the T bit): the packet carries the tag that the peer sent."""
    return make_chunk(ABORT, FLAG_T if reflected_tag else 0, without_final_padding(b"".join(causes)))


cpdef bytes make_error(list causes):
    """ERROR; ValueError without any cause."""
    if not causes:
        raise ValueError("an ERROR has at least one cause")
    return make_chunk(ERROR, 0, without_final_padding(b"".join(causes)))


# ---- 3.3.8 SHUTDOWN (7) --------------------------------------------------------------------------------
#
#   | 7 | 0 | length 8 |
#   | Cumulative TSN Ack 32 |


cdef bint get_shutdown(const ChunkView *chunk, tsn_t *cumulative_tsn_ack) noexcept nogil:
    if chunk.value_length != 4:
        return False
    cumulative_tsn_ack[0] = get32(chunk.value)
    return True


cpdef bytes make_shutdown(uint32_t cumulative_tsn_ack):
    """SHUTDOWN."""
    cdef uint8_t[4] value
    put32(value, cumulative_tsn_ack)
    return make_chunk(SHUTDOWN, 0, value[:4])


# SHUTDOWN ACK (8), COOKIE ACK (11) and SHUTDOWN COMPLETE (14) are a header and no more, COOKIE ECHO (10)
# is a header and the cookie: make_chunk is all they need.


# ---- RFC 3758 section 3.2 FORWARD TSN (192) ------------------------------------------------------------
#
#   | 192 | 0 | length 16 |
#   | New Cumulative TSN 32 |
#   | N times: stream 16, stream sequence number 16: the greatest of the stream that is skipped |


cdef bint get_forward_tsn(const ChunkView *chunk, ForwardTsnView *out) noexcept nogil:
    if chunk.value_length < 4 or chunk.value_length % 4:
        return False
    out.new_cumulative_tsn = get32(chunk.value)
    out.count = (chunk.value_length - 4) // 4
    out.streams = chunk.value + 4
    return True


# ---- 3.3.10.1 to 3.3.10.13 The causes that have a structure --------------------------------------------


cpdef bytes cause_invalid_stream(int stream_id):
    """Invalid Stream Identifier (1): stream identifier 16, reserved 16."""
    cdef uint8_t[4] value
    if not 0 <= stream_id <= 0xFFFF:
        raise ValueError("a stream identifier has 16 bits")
    put16(value, <uint16_t>stream_id)
    put16(value + 2, 0)
    return make_tlv(INVALID_STREAM_IDENTIFIER, value[:4])


cpdef bytes cause_missing_parameters(list types):
    """Missing Mandatory Parameter (2): how many 32, their types 16 each."""
    value = len(types).to_bytes(4, "big") + b"".join([int(type).to_bytes(2, "big") for type in types])
    return make_tlv(MISSING_MANDATORY_PARAMETER, value)


cpdef bytes cause_stale_cookie(uint32_t staleness_microseconds):
    """Stale Cookie (3): measure of staleness 32, in microseconds, 0 if the sender will not tell."""
    cdef uint8_t[4] value
    put32(value, staleness_microseconds)
    return make_tlv(STALE_COOKIE, value[:4])


cpdef bytes cause_no_user_data(uint32_t tsn):
    """No User Data (9): the TSN of the DATA chunk without data."""
    cdef uint8_t[4] value
    put32(value, tsn)
    return make_tlv(NO_USER_DATA, value[:4])


# ---- Python face, for tests and tools ------------------------------------------------------------------


def split_chunks(bytes data not None):
    """What next_chunk() makes of `data`: ([(type, flags, length, value)], True if it ends well)."""
    cdef Cursor cursor
    cdef ChunkView chunk
    cdef int result
    cdef list found = []
    cursor.position = data
    cursor.end = cursor.position + len(data)
    while True:
        result = next_chunk(&cursor, &chunk)
        if result != CURSOR_ITEM:
            return found, result == CURSOR_END
        value = (<const char *>chunk.value)[:chunk.value_length]
        found.append((chunk.type, chunk.flags, chunk.length, value))


def split_tlvs(bytes data not None):
    """What next_tlv() makes of `data`: ([(type, length, value)], True if it ends well)."""
    cdef Cursor cursor
    cdef TlvView item
    cdef int result
    cdef list found = []
    cursor.position = data
    cursor.end = cursor.position + len(data)
    while True:
        result = next_tlv(&cursor, &item)
        if result != CURSOR_ITEM:
            return found, result == CURSOR_END
        found.append((item.type, item.length, (<const char *>item.value)[:item.value_length]))


def decode_chunk(bytes data not None):
    """The fields of the first chunk of `data`, which has a decoder here; None if it is malformed.

    `ppid` and `info` are bytes.  ValueError if the chunk's type has no decoder.
    """
    cdef Cursor cursor
    cdef ChunkView chunk
    cdef DataView data_view
    cdef InitView init
    cdef SackView sack
    cdef ForwardTsnView forward_tsn
    cdef const uint8_t *info = NULL
    cdef uint32_t info_length = 0, all_length = 0
    cdef tsn_t cumulative_tsn_ack = 0
    cdef int i
    cursor.position = data
    cursor.end = cursor.position + len(data)
    if next_chunk(&cursor, &chunk) != CURSOR_ITEM:
        return None
    if chunk.type == DATA:
        if not get_data(&chunk, &data_view):
            return None
        return {"tsn": data_view.tsn, "stream_id": data_view.stream_id, "ssn": data_view.ssn,
                "ppid": (<const char *>&data_view.ppid)[:4], "flags": data_view.flags,
                "data": (<const char *>data_view.data)[:data_view.length]}
    if chunk.type in (INIT, INIT_ACK):
        if not get_init(&chunk, &init):
            return None
        return {"initiate_tag": init.initiate_tag, "a_rwnd": init.a_rwnd,
                "outbound_streams": init.outbound_streams, "inbound_streams": init.inbound_streams,
                "initial_tsn": init.initial_tsn,
                "parameters": (<const char *>init.parameters)[:init.parameters_length]}
    if chunk.type == SACK:
        if not get_sack(&chunk, &sack):
            return None
        return {"cumulative_tsn_ack": sack.cumulative_tsn_ack, "a_rwnd": sack.a_rwnd,
                "gaps": [(get16(sack.gaps + 4 * i), get16(sack.gaps + 4 * i + 2))
                         for i in range(sack.gap_count)],
                "duplicates": [get32(sack.duplicates + 4 * i) for i in range(sack.duplicate_count)]}
    if chunk.type in (HEARTBEAT, HEARTBEAT_ACK):
        if not get_heartbeat(&chunk, &info, &info_length, &all_length):
            return None
        return {"info": (<const char *>info)[:info_length], "all": (<const char *>info)[:all_length]}
    if chunk.type == FORWARD_TSN:
        if not get_forward_tsn(&chunk, &forward_tsn):
            return None
        return {"new_cumulative_tsn": forward_tsn.new_cumulative_tsn,
                "streams": [(get16(forward_tsn.streams + 4 * i), get16(forward_tsn.streams + 4 * i + 2))
                            for i in range(<int>forward_tsn.count)]}
    if chunk.type == SHUTDOWN:
        if not get_shutdown(&chunk, &cumulative_tsn_ack):
            return None
        return {"cumulative_tsn_ack": cumulative_tsn_ack}
    raise ValueError(f"no decoder for chunk type {chunk.type}")


def encode_data(int flags, uint32_t tsn, uint16_t stream_id, uint16_t ssn, bytes ppid not None,
                bytes data not None):
    """A whole DATA chunk, padded; `ppid` is 4 bytes; ValueError beyond 65519 bytes of data."""
    cdef uint32_t length = <uint32_t>len(data)
    cdef uint8_t *out
    cdef uint32_t raw_ppid
    if len(ppid) != 4 or not 0 <= flags <= 255 or len(data) > LONGEST - DATA_HEADER:
        raise ValueError("ppid has 4 bytes, flags have 8 bits, a chunk has at most 65535 bytes")
    cdef bytearray chunk = bytearray(DATA_HEADER + pad4(length))
    out = <uint8_t *>chunk
    memcpy(&raw_ppid, <const char *>ppid, 4)
    put_data_header(out, <uint8_t>flags, tsn, stream_id, ssn, raw_ppid, length)
    memcpy(out + DATA_HEADER, <const char *>data, length)
    return bytes(chunk)
