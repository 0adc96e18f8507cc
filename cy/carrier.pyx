"""The base class of carriers: what the engine asks of them (see carrier.pxd)."""
from libc.stdint cimport int64_t, uint32_t

from .endpoint cimport Endpoint
from .outbox cimport Outbox


cdef class Carrier:
    """Moves packets between the stack and one descriptor."""

    def __cinit__(self):
        self.fd = -1

    cdef int receive_batch(self, Endpoint endpoint, int64_t now, uint32_t budget) except -1:
        raise NotImplementedError

    cdef int send_batch(self, Outbox outbox, int first) except -1:
        raise NotImplementedError

    cpdef int close(self) except -1:
        """Give the descriptor back; closing twice is allowed."""
        raise NotImplementedError

    cdef void forget(self) noexcept:
        self.fd = -1
        self.holds_packets = False

    def snapshot(self):
        """What can be said of it, as a dict."""
        return {"index": self.index, "fd": self.fd, "is_ipv6": self.is_ipv6,
                "holds_packets": self.holds_packets}
