"""Reading the parameters of INIT and INIT ACK, and reporting those that are unknown (see params.pxd).

A parameter is known if RFC 9260 or an extension whose presence harms nobody defines it for INIT; what
this endpoint has no use for is then passed over without a word.  For any other, the two high bits of
its type say what to do (section 3.2.1): 0x go no further, 1x go on; x1 report it.
"""
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy, memset

from .address cimport address_from_host, host_from_address, is_ipv4, is_listable, same_ip
from .chunks cimport make_tlv
from .proto cimport (
    ADAPTATION_LAYER_INDICATION, CHUNKS, COOKIE_PRESERVATIVE, ECN_CAPABLE, FORWARD_TSN, FORWARD_TSN_SUPPORTED,
    HMAC_ALGO, HOST_NAME_ADDRESS, IPV4_ADDRESS, IPV6_ADDRESS, PADDING, RANDOM, STATE_COOKIE,
    SUPPORTED_ADDRESS_TYPES, SUPPORTED_EXTENSIONS, UNRECOGNIZED_PARAMETER, UNRECOGNIZED_PARAMETERS,
    ZERO_CHECKSUM_ACCEPTABLE,
)
from .wire cimport CURSOR_END, CURSOR_MALFORMED, Cursor, TlvView, get16, get32, next_tlv

cdef enum:
    GO_ON = 0x8000               # of an unknown type: parameters after it are processed
    REPORT = 0x4000              # of an unknown type: the sender is told

cdef enum Step:
    STEP_NEXT = 0
    STEP_STOP = 1
    STEP_MALFORMED = -1


# ---- The parameters, one by one ------------------------------------------------------------------------


cdef void add_address(InitParameters *out, const Address *address) noexcept nogil:
    """Keep an address that can be a destination, once."""
    cdef int i
    if out.address_count == MAX_ADDRESSES or not is_listable(address):
        return
    for i in range(out.address_count):
        if same_ip(&out.addresses[i], address):
            return
    out.addresses[out.address_count] = address[0]
    out.address_count += 1


cdef int read_address(const TlvView *item, InitParameters *out) noexcept nogil:
    """IPv4 Address (5): 4 bytes.  IPv6 Address (6): 16 bytes, which are no IPv4-mapped address."""
    cdef Address address
    memset(&address, 0, sizeof(Address))
    if item.type == IPV4_ADDRESS:
        if item.value_length != 4:
            return STEP_MALFORMED
        memset(address.ip + 10, 0xFF, 2)
        memcpy(address.ip + 12, item.value, 4)
    else:
        if item.value_length != 16:
            return STEP_MALFORMED
        memcpy(address.ip, item.value, 16)
        if is_ipv4(&address):
            return STEP_NEXT                        # 9260-3.3.2.1-01: not to be sent, so not to be believed
    add_address(out, &address)
    return STEP_NEXT


cdef int read_supported_address_types(const TlvView *item, InitParameters *out) noexcept nogil:
    """Supported Address Types (12): types of 16 bits; a Host Name Address among them is ignored."""
    cdef uint32_t i
    if item.value_length % 2:
        return STEP_MALFORMED
    out.has_supported_address_types = True
    for i in range(0, item.value_length, 2):
        if get16(item.value + i) == IPV4_ADDRESS:
            out.supports_ipv4 = True
        elif get16(item.value + i) == IPV6_ADDRESS:
            out.supports_ipv6 = True
    return STEP_NEXT


cdef void report(InitParameters *out, const uint8_t *start, uint32_t length) noexcept nogil:
    if out.unrecognized_count < MAX_UNRECOGNIZED:
        out.unrecognized[out.unrecognized_count] = start
        out.unrecognized_length[out.unrecognized_count] = length
        out.unrecognized_count += 1


cdef int read_unknown(const TlvView *item, InitParameters *out) noexcept nogil:
    if item.type & REPORT:
        report(out, item.start, item.length)
    return STEP_NEXT if item.type & GO_ON else STEP_STOP


cdef int read_parameter(const TlvView *item, InitParameters *out) noexcept nogil:
    """Each parameter occurs once (3.3.2), addresses excepted: of a repeated one the first stands."""
    if item.type == IPV4_ADDRESS or item.type == IPV6_ADDRESS:
        return read_address(item, out)
    elif item.type == STATE_COOKIE:
        if not out.has_state_cookie:
            out.has_state_cookie = True
            out.state_cookie = item.value
            out.state_cookie_length = item.value_length
    elif item.type == COOKIE_PRESERVATIVE:
        if item.length != 8:
            return STEP_MALFORMED
        if not out.cookie_preservative:
            out.cookie_preservative = get32(item.value)
    elif item.type == HOST_NAME_ADDRESS:
        if not out.has_host_name:
            out.has_host_name = True
            out.host_name = item.start
            out.host_name_length = item.length
    elif item.type == SUPPORTED_ADDRESS_TYPES:
        return read_supported_address_types(item, out)
    elif item.type == FORWARD_TSN_SUPPORTED:
        if item.length != 4:
            return STEP_MALFORMED
        out.forward_tsn_supported = True
        out.forward_tsn = item.start
    elif item.type == SUPPORTED_EXTENSIONS:
        if out.supported_extensions == NULL:
            out.supported_extensions = item.value
            out.supported_extensions_length = item.value_length
    elif item.type == ADAPTATION_LAYER_INDICATION:
        if item.length != 8:
            return STEP_MALFORMED
        if not out.has_adaptation_indication:
            out.has_adaptation_indication = True
            out.adaptation_indication = get32(item.value)
    elif (item.type == UNRECOGNIZED_PARAMETER or item.type == ECN_CAPABLE or item.type == RANDOM
          or item.type == CHUNKS or item.type == HMAC_ALGO or item.type == PADDING
          or item.type == ZERO_CHECKSUM_ACCEPTABLE):
        pass                                        # known, of no use here
    else:
        return read_unknown(item, out)
    return STEP_NEXT


cdef int parse_init_parameters(const uint8_t *parameters, uint32_t length,
                               InitParameters *out) noexcept nogil:
    """Fill `out`, whose pointers lead into `parameters`; PARAMETERS_OK or PARAMETERS_MALFORMED."""
    cdef Cursor cursor
    cdef TlvView item
    cdef int result, step, i
    memset(out, 0, sizeof(InitParameters))
    cursor.position = parameters
    cursor.end = parameters + length
    while True:
        result = next_tlv(&cursor, &item)
        if result == CURSOR_MALFORMED:
            return PARAMETERS_MALFORMED
        if result == CURSOR_END:
            break
        step = read_parameter(&item, out)
        if step == STEP_MALFORMED:
            return PARAMETERS_MALFORMED
        if step == STEP_STOP:
            break                                   # what was read before stands (3.2.1)
    if not out.has_supported_address_types:
        out.supports_ipv4 = out.supports_ipv6 = True
    for i in range(out.address_count):              # what the sender lists it also supports (5.1.2)
        if is_ipv4(&out.addresses[i]):
            out.supports_ipv4 = True
        else:
            out.supports_ipv6 = True
    return PARAMETERS_OK


# ---- Writing parameters and reports --------------------------------------------------------------------


cdef uint32_t offered_extensions(const InitParameters *parameters) noexcept nogil:
    return PARTIAL_RELIABILITY if parameters.forward_tsn_supported else 0


cdef void report_extensions(InitParameters *parameters, uint32_t own) noexcept nogil:
    """An extension that is switched off is one that we do not know."""
    if parameters.forward_tsn_supported and not own & PARTIAL_RELIABILITY:
        report(parameters, parameters.forward_tsn, 4)


cdef bytes extension_parameters(uint32_t extensions):
    """Forward-TSN-Supported (RFC 3758 section 3.1); Supported Extensions, as others have it."""
    if extensions & PARTIAL_RELIABILITY:
        return make_tlv(SUPPORTED_EXTENSIONS, bytes([FORWARD_TSN])) + make_tlv(FORWARD_TSN_SUPPORTED, b"")
    return b""


cdef bytes adaptation_parameter(uint32_t indication):
    return make_tlv(ADAPTATION_LAYER_INDICATION, indication.to_bytes(4, "big")) if indication else b""


cdef bytes address_parameter(const Address *address):
    """IPv4 Address or IPv6 Address parameter (3.3.2.1.1, 3.3.2.1.2)."""
    if is_ipv4(address):
        return make_tlv(IPV4_ADDRESS, (<const char *>address.ip)[12:16])
    return make_tlv(IPV6_ADDRESS, (<const char *>address.ip)[:16])


cdef list wrap_unrecognized(const InitParameters *parameters, int type):
    """Each unrecognized parameter, whole, as the value of a TLV; one too long for that is left out."""
    cdef list wrapped = []
    cdef int i
    for i in range(parameters.unrecognized_count):
        if parameters.unrecognized_length[i] <= 0xFFFF - 4:
            tlv = (<const char *>parameters.unrecognized[i])[:parameters.unrecognized_length[i]]
            wrapped.append(make_tlv(type, tlv))
    return wrapped


cdef bytes unrecognized_parameters(const InitParameters *parameters, uint32_t most):
    """Unrecognized Parameter (8) parameters for an INIT ACK (3.2.2), in `most` bytes at most."""
    cdef list taken = []
    cdef Py_ssize_t left = most
    for tlv in wrap_unrecognized(parameters, UNRECOGNIZED_PARAMETER):
        if len(tlv) <= left:
            taken.append(tlv)
            left -= len(tlv)
    return b"".join(taken)


cdef list unrecognized_causes(const InitParameters *parameters):
    """Unrecognized Parameters (8) causes for the ERROR that answers an INIT ACK (3.2.2), one a parameter."""
    return wrap_unrecognized(parameters, UNRECOGNIZED_PARAMETERS)


# ---- Python face, for tests and tools ------------------------------------------------------------------


def parse_parameters(bytes parameters not None, uint32_t most=65535):
    """What parse_init_parameters() finds in `parameters`, as a dict; None if they are malformed.

    What is absent is None.  `unrecognized` has the whole TLVs; `reported` and `causes` are the answers
    made of them, the first in `most` bytes at most.
    """
    cdef InitParameters found
    cdef int i
    if parse_init_parameters(parameters, <uint32_t>len(parameters), &found) != PARAMETERS_OK:
        return None
    return {
        "addresses": [host_from_address(&found.addresses[i]) for i in range(found.address_count)],
        "host_name": ((<const char *>found.host_name)[:found.host_name_length]
                      if found.has_host_name else None),
        "state_cookie": ((<const char *>found.state_cookie)[:found.state_cookie_length]
                         if found.has_state_cookie else None),
        "cookie_preservative": found.cookie_preservative,
        "has_supported_address_types": bool(found.has_supported_address_types),
        "supports_ipv4": bool(found.supports_ipv4),
        "supports_ipv6": bool(found.supports_ipv6),
        "forward_tsn_supported": bool(found.forward_tsn_supported),
        "supported_extensions": (
            (<const char *>found.supported_extensions)[:found.supported_extensions_length]
            if found.supported_extensions != NULL else None),
        "adaptation_indication": found.adaptation_indication if found.has_adaptation_indication else None,
        "unrecognized": [(<const char *>found.unrecognized[i])[:found.unrecognized_length[i]]
                         for i in range(found.unrecognized_count)],
        "reported": unrecognized_parameters(&found, most),
        "causes": unrecognized_causes(&found),
    }


def make_address_parameter(str host not None):
    """The address parameter for an IP literal; ValueError if it is none."""
    cdef Address address
    address_from_host(host, &address)
    return address_parameter(&address)
