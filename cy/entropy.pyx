"""Unpredictable numbers from a seed: keyed BLAKE2b in counter mode."""
from hashlib import blake2b

from libc.stdint cimport uint32_t


cdef class Entropy:
    """A deterministic generator; `seed` is at least 32 secret bytes."""

    def __cinit__(self, bytes seed not None):
        if len(seed) < 32:
            raise ValueError("a seed of at least 32 bytes is needed")
        self.key = blake2b(seed, digest_size=64, person=b"pysctpsock key").digest()
        self.block = b""

    cpdef bytes take(self, int length):
        """The next `length` bytes."""
        cdef bytes result = b""
        cdef int part
        while length > 0:
            if self.used == len(self.block):
                self.block = blake2b(self.counter.to_bytes(8, "big"), key=self.key).digest()
                self.counter += 1
                self.used = 0
            part = min(length, <int>len(self.block) - self.used)
            result += self.block[self.used:self.used + part]
            self.used += part
            length -= part
        return result

    cdef uint32_t uint32(self) except? 0:
        return int.from_bytes(self.take(4), "big")

    cdef uint32_t tag(self) except 0:
        cdef uint32_t value = 0
        while value == 0:
            value = self.uint32()
        return value

    # Python face, for tests and tools
    def new_tag(self) -> int:
        return self.tag()
