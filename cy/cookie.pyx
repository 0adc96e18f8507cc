"""The State Cookie: packing, sealing with a MAC, opening (RFC 9260 sections 5.1.3 and 5.1.5)."""
from hashlib import blake2s
from hmac import compare_digest
from struct import Struct

from libc.stdint cimport int64_t
from libc.string cimport memcpy

from .entropy cimport Entropy

# created, life, ports, tags, tie-tags, TSNs, peer's a_rwnd, streams, adaptation, extensions, then the route
LAYOUT = Struct(">qqHHIIIIIIIHHII16sI16sIHH")
cdef enum:
    MAC = 32
    MOST_ADDRESSES = 32          # of a peer, beside the source of its INIT
cdef int64_t KEY_LIFE = 3600 * <int64_t>1000000      # the secret changes hourly (9260-5.1.3-03)


cdef class StateCookie:
    """The unsealed contents.  Nothing in it is secret: it is authenticated, not encrypted."""

    def __cinit__(self):
        self.peer_addresses = []

    cdef bytes pack(self):
        return LAYOUT.pack(
            self.created, self.life, self.local_port, self.peer_port, self.local_tag, self.peer_tag,
            self.local_tie_tag, self.peer_tie_tag, self.local_initial_tsn, self.peer_initial_tsn,
            self.peer_a_rwnd, self.outbound_streams, self.inbound_streams, self.peer_adaptation,
            self.extensions, (<const char *>self.route.remote.ip)[:16], self.route.remote.scope_id,
            (<const char *>self.route.local.ip)[:16], self.route.local.scope_id,
            self.route.remote_udp_port, self.route.carrier) + b"".join(self.peer_addresses)

    cdef int unpack(self, bytes packed) except -1:
        cdef bytes remote, local
        (self.created, self.life, self.local_port, self.peer_port, self.local_tag, self.peer_tag,
         self.local_tie_tag, self.peer_tie_tag, self.local_initial_tsn, self.peer_initial_tsn,
         self.peer_a_rwnd, self.outbound_streams, self.inbound_streams, self.peer_adaptation,
         self.extensions, remote, self.route.remote.scope_id, local, self.route.local.scope_id,
         self.route.remote_udp_port, self.route.carrier) = LAYOUT.unpack(packed[:LAYOUT.size])
        self.peer_addresses = [packed[start:start + 16] for start in range(LAYOUT.size, len(packed), 16)]
        memcpy(self.route.remote.ip, <const char *>remote, 16)
        memcpy(self.route.local.ip, <const char *>local, 16)
        return 0

    # Python face, for tests and tools
    @property
    def route_fields(self) -> tuple:
        """(remote IP, its scope, local IP, its scope, remote UDP port, carrier); addresses are 16 bytes."""
        return ((<const char *>self.route.remote.ip)[:16], self.route.remote.scope_id,
                (<const char *>self.route.local.ip)[:16], self.route.local.scope_id,
                self.route.remote_udp_port, self.route.carrier)

    @route_fields.setter
    def route_fields(self, tuple fields):
        cdef bytes remote, local
        (remote, self.route.remote.scope_id, local, self.route.local.scope_id, self.route.remote_udp_port,
         self.route.carrier) = fields
        if len(remote) != 16 or len(local) != 16:
            raise ValueError("an address has 16 bytes")
        memcpy(self.route.remote.ip, <const char *>remote, 16)
        memcpy(self.route.local.ip, <const char *>local, 16)


cdef class CookieJar:
    """Seals and opens the cookies of one endpoint."""

    def __cinit__(self, Entropy entropy not None):
        self.master = entropy.take(32)

    cdef bytes key(self, int64_t created):
        return blake2s((created // KEY_LIFE).to_bytes(8, "big", signed=True), key=self.master).digest()

    cdef bytes seal(self, StateCookie cookie):
        cdef bytes packed = cookie.pack()
        return packed + blake2s(packed, key=self.key(cookie.created), digest_size=MAC).digest()

    cdef int open(self, bytes sealed, StateCookie cookie, int64_t now) except -1:
        """Steps 1, 2 and 4 of 5.1.5.  The MAC is compared in constant time."""
        cdef bytes packed, mac
        cdef Py_ssize_t size = len(sealed) - MAC
        if size < LAYOUT.size or size > LAYOUT.size + 16 * MOST_ADDRESSES or (size - LAYOUT.size) % 16:
            return COOKIE_FORGED
        packed, mac = sealed[:size], sealed[size:]
        cookie.unpack(packed)
        if (cookie.created > now or now // KEY_LIFE - cookie.created // KEY_LIFE > 1):
            return COOKIE_FORGED             # that secret does not exist yet, or no longer
        if not compare_digest(mac, blake2s(packed, key=self.key(cookie.created), digest_size=MAC).digest()):
            return COOKIE_FORGED
        return COOKIE_TOO_OLD if now - cookie.created > cookie.life else COOKIE_VALID

    # ---- Python face, for tests and tools ----------------------------------------------------------------

    def seal_cookie(self, StateCookie cookie not None) -> bytes:
        return self.seal(cookie)

    def open_cookie(self, bytes sealed not None, int64_t now) -> tuple:
        """(CookieVerdict, StateCookie); the latter means nothing if the verdict is COOKIE_FORGED."""
        cdef StateCookie cookie = StateCookie()
        return self.open(sealed, cookie, now), cookie
