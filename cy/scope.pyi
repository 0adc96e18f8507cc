from enum import IntFlag

class Scope(IntFlag):
    SCOPE_GLOBAL = 0
    SCOPE_PRIVATE = 1
    SCOPE_LINK = 2
    SCOPE_LOOPBACK = 3

def scope_of_host(host: str) -> Scope: ...
