"""Paths at work: HEARTBEAT and error counters (RFC 9260 sections 8.1, 8.2, 8.3)."""
import errno

from libc.stdint cimport INT64_MAX, int64_t, uint32_t

from .chunks cimport get_heartbeat, make_chunk, make_tlv
from .path cimport PATH_ACTIVE, PATH_INACTIVE, Path
from .proto cimport (
    DROP_MALFORMED_CHUNK, DROP_UNEXPECTED_CHUNK, ESTABLISHED, HEARTBEAT, HEARTBEAT_ACK, HEARTBEAT_INFO,
    SHUTDOWN_PENDING, SHUTDOWN_RECEIVED,
)
from .rto cimport rto_back_off, rto_sample
from .tcb cimport MOST_CONTROL, Tcb
from .teardown cimport COMM_LOST, delete_tcb
from .wire cimport ChunkView

cdef int ETIMEDOUT = errno.ETIMEDOUT
cdef enum:
    NONCE = 16                   # bytes; at least 64 bits (9260-3.3.5-03)


cdef int count_error(Tcb t, Path path) except -1:
    """One more unanswered transmission on this path (8.1, 8.2); beyond Association.Max.Retrans it is over."""
    t.error_count += 1
    if path.error_count <= t.parameters.path_max_retrans:
        path.error_count += 1
        if path.error_count > t.parameters.path_max_retrans and path.state == PATH_ACTIVE:
            path.state = PATH_INACTIVE
    if t.error_count > t.parameters.association_max_retrans:
        delete_tcb(t, ETIMEDOUT, COMM_LOST)
    return 0


cdef int clear_errors(Tcb t, Path path) except -1:
    t.error_count = 0
    path.error_count = 0
    if path.state == PATH_INACTIVE:
        path.state = PATH_ACTIVE
    return 0


cdef int on_heartbeat(Tcb t, const ChunkView *chunk, int64_t now) except -1:
    """The Heartbeat Info comes back unchanged (9260-3.3.5-04)."""
    cdef const unsigned char *info
    cdef uint32_t length
    if not get_heartbeat(chunk, &info, &length):
        t.drop(DROP_MALFORMED_CHUNK)
        return 0
    if len(t.control) < MOST_CONTROL:
        t.control.append(make_chunk(HEARTBEAT_ACK, 0, (<const char *>info)[:length]))
        t.want_transmit()
    return 0


cdef int start_heartbeats(Tcb t, int64_t now) except -1:
    cdef Path path
    for path in t.paths:
        schedule_heartbeat(t, path, now)
    return 0


cdef int schedule_heartbeat(Tcb t, Path path, int64_t now) except -1:
    """HB.interval + RTO, the RTO with +/- 50 % of jitter (9260-8.3-01)."""
    cdef int64_t jittered
    if not t.parameters.heartbeat_enabled:
        path.heartbeat_deadline = INT64_MAX
        return 0
    jittered = path.rto.rto // 2 + <int64_t>(t.shared.entropy.uint32()) * path.rto.rto // 0xFFFFFFFF
    path.heartbeat_deadline = now + t.parameters.heartbeat_interval + jittered
    return 0


cdef int on_heartbeat_timer(Tcb t, Path path, int64_t now) except -1:
    """Time for a HEARTBEAT, or the last one was not answered within an RTO (8.3)."""
    cdef bytes nonce
    if path.heartbeat_nonce is not None:
        path.heartbeat_nonce = None
        rto_back_off(&path.rto, t.parameters)
        count_error(t, path)
        if t.ended:
            return 0
        schedule_heartbeat(t, path, now)
        return 0
    if t.state not in (ESTABLISHED, SHUTDOWN_PENDING, SHUTDOWN_RECEIVED):
        path.heartbeat_deadline = INT64_MAX
        return 0
    if now - path.last_sent < t.parameters.heartbeat_interval:
        schedule_heartbeat(t, path, path.last_sent)      # not idle: DATA went there meanwhile
        if path.heartbeat_deadline <= now:
            path.heartbeat_deadline = now + t.parameters.heartbeat_interval
        return 0
    path.cc.on_idle()
    nonce = t.shared.entropy.take(NONCE)
    path.heartbeat_nonce = nonce
    path.heartbeat_sent = now
    t.control.append(make_chunk(HEARTBEAT, 0, make_tlv(HEARTBEAT_INFO, bytes([path.index, 0, 0, 0]) + nonce)))
    path.heartbeat_deadline = now + path.rto.rto
    t.want_transmit()
    return 0


cdef int on_heartbeat_ack(Tcb t, const ChunkView *chunk, int64_t now) except -1:
    """An answer with our nonce clears the counters and measures the round trip (9260-8.3-05)."""
    cdef const unsigned char *info
    cdef uint32_t length
    cdef bytes value
    cdef Path path
    if not get_heartbeat(chunk, &info, &length):
        t.drop(DROP_MALFORMED_CHUNK)
        return 0
    value = (<const char *>info)[4:length]
    for path in t.paths:
        if path.heartbeat_nonce is not None and value == bytes([path.index, 0, 0, 0]) + path.heartbeat_nonce:
            path.heartbeat_nonce = None
            rto_sample(&path.rto, now - path.heartbeat_sent, t.parameters)
            clear_errors(t, path)
            schedule_heartbeat(t, path, now)
            return 0
    t.drop(DROP_UNEXPECTED_CHUNK)
    return 0
