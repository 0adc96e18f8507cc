"""The settings of an SCP connection: limits, and what the text of 1994 leaves open (docs/scp.md)."""
from libc.stdint cimport int64_t, uint32_t, uint64_t


cdef class ScpOptions:
    cdef readonly uint32_t max_segment           # data bytes in a segment that we send (SCP-07)
    cdef readonly uint32_t max_receive_segment   # in one that we take (SCP-08)
    cdef readonly uint32_t max_sessions          # open sessions of the peer (SCP-62)
    cdef readonly uint32_t max_message           # of read_message() (SCP-35)
    cdef readonly uint32_t max_queued            # bytes that a session's writer may be ahead (SCP-71)
    cdef readonly uint64_t session_high_water    # unread bytes (SCP-70)
    cdef readonly uint64_t connection_high_water
    cdef readonly int64_t stall_timeout          # microseconds
    cdef readonly uint32_t rst_rate              # answers to unknown sessions in a second (SCP-54)
    cdef readonly uint32_t max_resets            # sessions opened, never read, reset in reset_window (SCP-63)
    cdef readonly int64_t reset_window           # microseconds
    cdef readonly bint length_includes_header    # SCP-05
    cdef readonly bint syn_reply                 # SCP-22
