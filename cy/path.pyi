from enum import IntFlag
from typing import Any

from .cc import CongestionControl

class Path:
    def snapshot(self) -> dict[str, Any]: ...
    @property
    def index(self) -> int: ...
    @property
    def state(self) -> int: ...
    @property
    def pmtu(self) -> int: ...
    @property
    def cc(self) -> CongestionControl: ...
    @property
    def error_count(self) -> int: ...
    heartbeat_enabled: bool
    heartbeat_interval: int
    max_retrans: int
    @property
    def packets_sent(self) -> int: ...
    @property
    def packets_received(self) -> int: ...

class PathState(IntFlag):
    PATH_INACTIVE = 0
    PATH_POTENTIALLY_FAILED = 1
    PATH_ACTIVE = 2
    PATH_UNCONFIRMED = 3
