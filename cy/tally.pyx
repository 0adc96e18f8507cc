"""Counters of messages that were given up (RFC 7496 sections 4.3 and 4.4)."""
from libc.stdint cimport uint16_t, uint32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memset

from .sendq cimport POLICY_COUNT


cdef class Tally:
    """The counters of one association.  A message counts once."""

    def __dealloc__(self):
        free(self.streams)

    cdef int count(self, int policy, uint16_t stream_id, bint sent) except -1:
        cdef Given *grown
        cdef uint32_t wanted = max(2 * self.stream_count, <uint32_t>stream_id + 1)
        if stream_id >= self.stream_count:
            grown = <Given *>realloc(self.streams, wanted * sizeof(Given))
            if grown == NULL:
                raise MemoryError
            memset(grown + self.stream_count, 0, (wanted - self.stream_count) * sizeof(Given))
            self.streams = grown
            self.stream_count = wanted
        if sent:
            self.association.sent[policy] += 1
            self.streams[stream_id].sent[policy] += 1
        else:
            self.association.unsent[policy] += 1
            self.streams[stream_id].unsent[policy] += 1
        return 0

    def of_association(self, int policy) -> tuple:
        """(unsent, sent) of a policy, 0: of all."""
        return told(&self.association, policy)

    def of_stream(self, int stream_id, int policy) -> tuple:
        """The same of one stream."""
        return told(&self.streams[stream_id], policy) if 0 <= stream_id < self.stream_count else (0, 0)


cdef tuple told(const Given *given, int policy):
    cdef int each
    if not 0 <= policy < POLICY_COUNT:
        raise ValueError("no such policy")
    if policy:
        return given.unsent[policy], given.sent[policy]
    return (sum([given.unsent[each] for each in range(<int>POLICY_COUNT)]),
            sum([given.sent[each] for each in range(<int>POLICY_COUNT)]))
