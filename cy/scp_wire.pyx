"""Headers for tools and tests (see scp_wire.pxd)."""


def encode_header(uint8_t flags, uint32_t session_id, uint32_t length) -> bytes:
    """The 8 bytes of a header; all four high bits may be given, so that tests can be wrong."""
    cdef uint8_t[SCP_HEADER] header
    if session_id > LAST_SESSION_ID:
        raise ValueError("a session id has 24 bits")
    put_header(header, flags, session_id, length)
    return (<char *>header)[:SCP_HEADER]


def decode_header(bytes header not None) -> tuple:
    """(first byte, session id, length) of 8 bytes."""
    cdef const uint8_t *start = header
    if len(header) != SCP_HEADER:
        raise ValueError("a header has 8 bytes")
    return start[0], session_id_of(start), get32(start + 4)
