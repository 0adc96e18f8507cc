"""The retransmission timeout as Python sees it, for tests (see rto.pxd; RFC 9260 section 6.3.1)."""
from libc.stdint cimport int64_t

from .parameters cimport ProtocolParameters


cdef class RetransmissionTimeout:
    """The RTO of one path; times in microseconds."""
    cdef Rto state
    cdef ProtocolParameters parameters

    def __cinit__(self, ProtocolParameters parameters not None):
        self.parameters = parameters
        rto_start(&self.state, parameters)

    def sample(self, int64_t rtt) -> None:
        rto_sample(&self.state, rtt, self.parameters)

    def back_off(self) -> None:
        rto_back_off(&self.state, self.parameters)

    def snapshot(self) -> tuple:
        """(SRTT, RTTVAR, RTO)."""
        return self.state.srtt, self.state.rttvar, self.state.rto
