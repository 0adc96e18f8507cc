"""The messages of the interoperability tests, made from a seed: the twin of the functions in usrsctp_peer.c.

    lcg(x)         = 1664525 x + 1013904223 mod 2^32
    pad            = the top bytes of PAD successive lcg values, from the direction's seed
    message i      goes on stream i mod s as the (i div s)-th of it, its payload protocol identifier is i
    a, b, c        = three successive lcg values, from seed + 2654435761 stream + 2246822519 number
    length         = min(1 + low (a >> 16) mod 18 bits of (b >> 8), 102400)
    bytes          = pad[o : o + length], o = (c >> 8) mod 65536
"""

LONGEST = 102400
OFFSETS = 65536
PAD = LONGEST + OFFSETS


def lcg(x: int) -> int:
    """Return the successor of x in the linear congruential generator of Numerical Recipes."""
    return (1664525 * x + 1013904223) & 0xFFFFFFFF


def expires(i: int) -> bool:
    """Return whether message i is one of those that have a life time, if any have."""
    return i % 7 == 3


class Direction:
    """The messages of one direction; the client's has the seed of the connection, the server's that + 1."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        pad = bytearray()
        x = seed
        for _ in range(PAD):
            x = lcg(x)
            pad.append(x >> 24)
        self.pad = bytes(pad)

    def message(self, stream: int, number: int) -> bytes:
        """Return the number-th message (from 0) of a stream."""
        a = lcg((self.seed + 2654435761 * stream + 2246822519 * number) & 0xFFFFFFFF)
        b = lcg(a)
        c = lcg(b)
        length = min(1 + ((b >> 8) & ((1 << (a >> 16) % 18) - 1)), LONGEST)
        offset = (c >> 8) % OFFSETS
        return self.pad[offset:offset + length]


class Checker:
    """Compares what arrives with what the other side must have sent, message by message of each stream."""

    def __init__(self, direction: Direction, streams: int, some_expire: bool = False) -> None:
        self.direction = direction
        self.some_expire = some_expire
        self.next = [0] * streams
        self.received = 0
        self.bytes_received = 0
        self.mismatches = 0
        self.first_mismatch = ""

    def check(self, stream: int, stream_sequence_number: int, ppid: int, data: bytes) -> None:
        """Count one received message; ppid is the number that the sender put on the wire."""
        self.received += 1
        self.bytes_received += len(data)
        why = self._difference(stream, stream_sequence_number, ppid, data)
        if why:
            self.mismatches += 1
            self.first_mismatch = self.first_mismatch or (
                f"{why}: stream {stream}, ssn {stream_sequence_number}, ppid {ppid}, {len(data)} bytes")

    def _difference(self, stream: int, stream_sequence_number: int, ppid: int, data: bytes) -> str:
        if stream >= len(self.next):
            return "no such stream"
        number = self.next[stream]
        while self.some_expire and expires(number * len(self.next) + stream) \
                and number * len(self.next) + stream < ppid:
            number += 1  # it was skipped
        self.next[stream] = number + 1
        expected = self.direction.message(stream, number)
        if ppid != number * len(self.next) + stream:
            return f"payload protocol identifier, not {number * len(self.next) + stream}"
        if not self.some_expire and stream_sequence_number != number & 0xFFFF:
            return f"stream sequence number, not {number & 0xFFFF}"
        if len(data) != len(expected):
            return f"length, not {len(expected)}"
        return "" if data == expected else "bytes"
