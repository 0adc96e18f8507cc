"""Defaults and bounds of the settings (see scp_options.pxd)."""
from .scp_wire cimport SCP_HEADER

cdef enum:
    SECOND = 1_000_000
    LARGEST_SEGMENT = 1 << 20        # a batch has at least one segment, and a batch is memory


cdef class ScpOptions:
    """The settings of an SCP connection; each is a keyword, bytes are counted without headers.

    Times are in microseconds.  ValueError for a value that cannot work.
    """

    def __init__(self, *, uint32_t max_segment=16384, uint32_t max_receive_segment=(1 << 24) - 1,
                 uint32_t max_sessions=1000, uint32_t max_message=1 << 24, uint32_t max_queued=65536,
                 uint64_t session_high_water=262144, uint64_t connection_high_water=4194304,
                 int64_t stall_timeout=30 * SECOND, uint32_t rst_rate=100, uint32_t max_resets=200,
                 int64_t reset_window=SECOND, bint length_includes_header=False,
                 bint syn_reply=False) -> None:
        if not 0 < max_segment <= LARGEST_SEGMENT:
            raise ValueError(f"max_segment: {max_segment} is not in 1..{LARGEST_SEGMENT}")
        if max_receive_segment > 0xFFFFFFFF - SCP_HEADER:
            raise ValueError(f"max_receive_segment: {max_receive_segment} does not fit the header")
        for name, value in (("max_queued", max_queued), ("session_high_water", session_high_water),
                            ("connection_high_water", connection_high_water)):
            if value == 0:
                raise ValueError(f"{name}: with 0 nothing can pass")
        if stall_timeout <= 0 or reset_window <= 0:
            raise ValueError("times are positive")
        self.max_segment = max_segment
        self.max_receive_segment = max_receive_segment
        self.max_sessions = max_sessions
        self.max_message = max_message
        self.max_queued = max_queued
        self.session_high_water = session_high_water
        self.connection_high_water = connection_high_water
        self.stall_timeout = stall_timeout
        self.rst_rate = rst_rate
        self.max_resets = max_resets
        self.reset_window = reset_window
        self.length_includes_header = length_includes_header
        self.syn_reply = syn_reply
