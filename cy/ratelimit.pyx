"""How many answers a second go to those who have proved nothing: to one source, and to all together.

A table of fixed size, whoever asks: a source is an IPv4 address or the first 64 bits of an IPv6 address, and
its keyed hash names two slots, of which the fuller one pays.  So who floods us spoils the slots of one other
source in half a million.  The bound on all together is what is left against sources that are forged.
"""
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy, memset

from .address cimport Address, address_from_host, is_ipv4
from .entropy cimport Entropy

cdef extern from *:
    """
    /* The finalizer of splitmix64: each bit of the input changes half of those of the output. */
    static uint64_t mixed(uint64_t x) {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
        return x ^ (x >> 31);
    }
    """
    uint64_t mixed(uint64_t x) noexcept nogil


cdef Pace pace(int64_t per_second, int64_t burst) noexcept:
    cdef Pace made
    made.interval = 1000000 // per_second
    made.slack = (burst - 1) * made.interval
    return made


cdef class RateLimit:
    """At most `per_source` answers a second to one source and `total` to all; `burst` of them at once.

    Whoever is silent for a while has all of `burst` again.
    """

    def __cinit__(self, Entropy entropy not None, int per_source, int burst, int total):
        cdef bytes key = entropy.take(16)
        memcpy(self.key, <const char *>key, 16)
        self.source = pace(per_source // 2, burst // 2)      # each of its two slots
        self.all = pace(total, total)

    cdef uint64_t hash(self, const Address *address) noexcept nogil:
        cdef uint64_t[2] words
        memcpy(words, address.ip, 16)
        if not is_ipv4(address):
            words[1] = 0
        return mixed(mixed(words[0] ^ self.key[0]) ^ words[1] ^ self.key[1])

    cdef bint allows(self, const Address *address, int64_t now) noexcept:
        """Whether one more answer may go there now; if so it is counted."""
        cdef uint64_t hash = self.hash(address)
        cdef int64_t *one = &self.due[hash & (SLOTS - 1)]
        cdef int64_t *other = &self.due[(hash >> 32) & (SLOTS - 1)]
        if other[0] < one[0]:
            one = other
        if one[0] - now > self.source.slack or self.due_of_all - now > self.all.slack:
            return False
        one[0] = max(one[0], now) + self.source.interval
        self.due_of_all = max(self.due_of_all, now) + self.all.interval
        return True

    # ---- Python face, for tests --------------------------------------------------------------------------

    def allow(self, str host not None, int64_t now) -> bool:
        """allows() for a host name."""
        cdef Address address
        memset(&address, 0, sizeof(Address))
        address_from_host(host, &address)
        return self.allows(&address, now)
