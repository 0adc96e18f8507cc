from .entropy import Entropy

class StateCookie:
    created: int
    life: int
    local_port: int
    peer_port: int
    local_tag: int
    peer_tag: int
    local_tie_tag: int
    peer_tie_tag: int
    local_initial_tsn: int
    peer_initial_tsn: int
    peer_a_rwnd: int
    outbound_streams: int
    inbound_streams: int
    peer_adaptation: int
    extensions: int
    peer_addresses: list[bytes]
    @property
    def route_fields(self) -> tuple[bytes, int, bytes, int, int, int]: ...
    @route_fields.setter
    def route_fields(self, fields: tuple[bytes, int, bytes, int, int, int]) -> None: ...

class CookieJar:
    def __init__(self, entropy: Entropy) -> None: ...
    def seal_cookie(self, cookie: StateCookie) -> bytes: ...
    def open_cookie(self, sealed: bytes, now: int) -> tuple[int, StateCookie]: ...
