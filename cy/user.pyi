from enum import IntFlag
from typing import Any

from .recvq import ReceiveQueue

class ReadyList:
    def take(self) -> SctpUser | None: ...

class SctpUser:
    def __init__(self, ready_list: ReadyList) -> None: ...
    def read(self, now: int) -> tuple[Any, ...] | None: ...
    def raise_flags(self, flags: int) -> None: ...
    def push_notification(self, kind: int, association: Any, fields: tuple[Any, ...]) -> None: ...
    owner: Any
    @property
    def receive_queue(self) -> ReceiveQueue: ...
    event_mask: int
    ready: int
    one_to_many: bool
    @property
    def associations(self) -> int: ...

class Ready(IntFlag):
    READABLE = 1
    WRITABLE = 2
    ACCEPTABLE = 4
    CONNECTED = 8
    ENDED = 16
