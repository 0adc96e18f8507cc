from .tcb import Shared

class Strangers:
    def __init__(self, shared: Shared) -> None: ...
