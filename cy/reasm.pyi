from .ordering import StreamOrder
from .recvq import ReceiveQueue

class Reassembly(StreamOrder):
    """The incoming messages of one association that are not yet ready to be read."""

    fragments_held: int

    def add_chunk(
        self,
        tsn: int,
        stream: int,
        ssn: int,
        ppid: int,
        flags: int,
        data: bytes,
        queue: ReceiveQueue,
        owner: object,
        cumulative_tsn: int,
    ) -> int: ...
    def give_out(self, queue: ReceiveQueue, owner: object, cumulative_tsn: int) -> int: ...
    def give_up(self, queue: ReceiveQueue, owner: object) -> None: ...
    def forget(self) -> None: ...
    def allocated(self) -> int: ...
    def recount(self) -> tuple[int, int, int]: ...
    def longest_chain(self) -> int: ...
    def snapshot(self) -> dict[str, object]: ...
