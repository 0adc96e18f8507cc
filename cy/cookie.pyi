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

class CookieJar:
    def __init__(self, entropy: Entropy) -> None: ...
