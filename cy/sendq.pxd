"""Messages of the user that have no TSN yet, and the bookkeeping of those that have.

RFC 9260 sections 6.5 (stream sequence numbers), 6.9 (fragmentation); RFC 7496 section 3 (policies).  A
message is referenced, not copied: its `bytes` object lives until the last fragment is acknowledged, or until
the message is given up.  Explicit EOR (RFC 6458 section 8.1.26): a message that is sent in parts has a record
for each of them.
"""
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from .serial cimport ssn_t

cdef enum:
    MESSAGE_OVERHEAD = 80        # what a queued message costs the send buffer beside its bytes

cdef enum Policy:                # of partial reliability: when a message may be given up
    RELIABLE = 0                 # never
    POLICY_TTL = 1               # when its life time is over (RFC 3758 section 4.1)
    POLICY_RTX = 2               # when it would be retransmitted too often (RFC 7496 section 3.1)
    POLICY_PRIO = 3              # when a more important one wants its room (RFC 7496 section 3.2)
    POLICY_COUNT


cdef enum:
    ANY_PATH = 255


cdef struct Message:
    PyObject *data               # strong; NULL once the message is given up
    const uint8_t *bytes
    uint32_t length
    uint32_t taken               # bytes that already have TSNs
    uint32_t acknowledged        # bytes that the cumulative ack has passed: the send buffer has them back
    uint32_t fragments           # TSNs that point here, plus 1 while it is queued
    uint32_t ppid                # four bytes as given
    uint32_t context
    uint16_t stream_id
    ssn_t ssn                    # valid once taken > 0
    uint8_t flags                # DATA_U, DATA_I
    uint8_t ends                 # DATA_B, DATA_E: which ends of the user's message it has
    uint8_t policy               # Policy
    uint8_t path                 # that the user chose (SCTP_ADDR_OVER), or ANY_PATH
    uint16_t send_flags          # sinfo_flags as given
    uint32_t pr_value            # milliseconds, retransmissions or priority, as given
    int64_t expires              # the end of its life time, INT64_MAX without
    Message *next


ctypedef bint (*Choice)(const Message *message, int64_t bound) noexcept


cdef class SendQueue:
    cdef Message *first
    cdef Message *last
    cdef Message *unacked                    # after the end: sent and not acknowledged, for RECEIVE_UNACKED
    cdef Message *unsent                     # after the end: never sent, for RECEIVE_UNSENT
    cdef Message *free_messages
    cdef uint32_t free_count
    cdef readonly uint32_t count             # messages not wholly taken
    cdef readonly uint64_t bytes_queued      # their bytes without a TSN
    cdef readonly uint64_t bytes_charged     # against the send buffer: until acknowledged or given up
    cdef readonly uint32_t partial           # messages, outstanding ones too, that may be given up
    # Explicit EOR: a message is begun, and nothing but its next part may be queued.
    cdef readonly bint open
    cdef uint16_t open_stream
    cdef uint32_t open_ppid
    cdef uint8_t open_flags                  # DATA_U
    cdef bint cut                            # one was begun when the association restarted
    cdef int64_t next_expiry                 # no message without a TSN expires before
    cdef ssn_t *next_ssn                     # per stream, allocated by need
    cdef uint32_t ssn_capacity

    cdef Message *push(self, bytes data, uint16_t stream_id, uint32_t ppid, uint8_t flags,
                       uint32_t context) except NULL
    cdef void mark_part(self, bint begins, bint ends) noexcept       # the last one, a message's part
    cdef void set_policy(self, Message *message, int policy, uint32_t value, int64_t now) noexcept
    cdef int take(self, uint32_t length) except -1       # `length` bytes of `first` now have a TSN
    cdef void acknowledge(self, Message *message, uint32_t length) noexcept      # a chunk of it, for good
    cdef void release(self, Message *message) noexcept   # one reference less
    cdef void withdraw(self, Message *message) noexcept  # unlinked: what is left of it gets no TSN
    cdef void forget_data(self, Message *message) noexcept   # given up: its bytes are needed no more
    # Unlink many; chained by `next`.  Who takes them releases them.
    cdef Message *take_expired(self, int64_t now, bint started) noexcept     # `started` ones too
    cdef Message *take_refused(self, uint32_t streams) noexcept  # for streams that the peer does not accept
    cdef Message *take_all(self) noexcept
    cdef Message *least_important(self, int64_t priority) noexcept   # unsent and below `priority`; or NULL
    cdef void forget_failed(self) noexcept               # `unacked` and `unsent`
    cdef void clear(self) noexcept                       # everything not yet taken is dropped

    # within the module
    cdef int grow_ssn(self, uint16_t stream_id) except -1
    cdef void release_chain(self, Message *message) noexcept
    cdef Message *take_out(self, Choice choice, int64_t bound) noexcept
