"""The ends of an association: graceful shutdown, abort, failure.

RFC 9260 sections 8.1 (endpoint failure), 9.1 (abort), 9.2 (shutdown).
"""
from libc.stdint cimport int64_t

from .tcb cimport Tcb
from .wire cimport ChunkView

cpdef enum AssociationChange:    # sac_state of SCTP_ASSOC_CHANGE
    COMM_UP = 0
    COMM_LOST = 1
    RESTART = 2
    SHUTDOWN_COMP = 3
    CANT_STR_ASSOC = 4

cdef enum Notification:          # sn_type
    SN_ASSOC_CHANGE = 0x8001
    SN_PEER_ADDR_CHANGE = 0x8002
    SN_REMOTE_ERROR = 0x8004
    SN_SHUTDOWN_EVENT = 0x8005
    SN_ADAPTATION_INDICATION = 0x8007
    SN_AUTHENTICATION_EVENT = 0x8008
    SN_SENDER_DRY_EVENT = 0x8009


cdef enum:
    AUTH_NO_AUTH = 2             # the peer does not authenticate: nor do we yet


cdef int tell_change(Tcb t, int change, int error_code, bytes info) except -1
cdef int delete_tcb(Tcb t, int error, int change) except -1
cdef int abort_association(Tcb t, list causes, int error) except -1        # ABORT to the peer, then delete
cdef int give_up(Tcb t, bytes reason) except -1            # the peer does not answer: the same, ETIMEDOUT
cdef int shutdown_primitive(Tcb t, int64_t now) except -1                  # the user asks
cdef int continue_shutdown(Tcb t, int64_t now) except -1                   # nothing is outstanding any more?
cdef int room_for_writer(Tcb t) except -1                                  # something left the send buffer
cdef int all_sent(Tcb t, int64_t now) except -1                            # and acknowledged, or given up
cdef int on_shutdown(Tcb t, const ChunkView *chunk, int64_t now) except -1
cdef int on_shutdown_ack(Tcb t, const ChunkView *chunk, int64_t now) except -1
cdef int on_shutdown_complete(Tcb t, const ChunkView *chunk, int64_t now) except -1
cdef int on_abort(Tcb t, const ChunkView *chunk, int64_t now) except -1
cdef int on_error(Tcb t, const ChunkView *chunk, int64_t now) except -1
cdef int peer_is_alive(Tcb t, int64_t now) except -1      # a packet came in SHUTDOWN-SENT
cdef int on_t2(Tcb t, int64_t now) except -1
cdef int on_autoclose(Tcb t, int64_t now) except -1
cdef int guard_orphan(Tcb t, int64_t now) except -1       # the user has closed: T5 bounds what is left
cdef int on_t5(Tcb t, int64_t now) except -1
cdef int answer_data_in_shutdown_sent(Tcb t, int64_t now) except -1
