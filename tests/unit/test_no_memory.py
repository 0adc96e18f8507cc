"""Reassembly when memory runs out at any allocation: an exception, and what is held stays in order.

RFC 9260 section 6.9; Python's allocator is made to fail by the interpreter's own test module.
"""

import sys

import pytest

from pysctpsock._cy.reasm import Reassembly
from pysctpsock._cy.recvq import ReceiveQueue

failing = pytest.importorskip("_testcapi", reason="this Python comes without its test modules")
pytestmark = pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer needs memory too")
E_, B = 1, 2
SIZE = 300                       # bytes of a fragment

# [(TSN, ssn, flags, Cumulative TSN Ack Point behind it)]: the last one meets the failing allocation
STORIES = {
    "whole": [(1, 0, B | E_, 1)],
    "whole and early": [(2, 1, B | E_, 0)],
    "first fragment": [(1, 0, B, 1)],
    "first fragment above a gap": [(5, 0, B, 0)],
    "next fragment": [(1, 0, B, 1), (2, 0, 0, 2)],
    "last fragment": [(1, 0, B, 1), (2, 0, 0, 2), (3, 0, E_, 3)],
    "between two": [(2, 0, B, 0), (4, 0, E_, 0), (3, 0, 0, 0)],
    "the gap closes": [(2, 0, 0, 0), (3, 0, E_, 0), (1, 0, B, 3)],
    "many runs": [(2 * i, 0, 0, 0) for i in range(2, 20)],
    "many early messages": [(2 + i, 1 + i, B | E_, 0) for i in range(20)],
}


def tell(reassembly, queue, owner, story):
    for tsn, ssn, flags, cumulative_tsn in story:
        reassembly.add_chunk(tsn, 0, ssn, 0, flags, bytes([tsn]) * SIZE, queue, owner, cumulative_tsn)


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_out_of_memory(story):
    """9260-6.9-05: no leak, no crash; what is counted is what is held, and can be given back."""
    failures = 0
    for number in range(12):
        reassembly, queue, owner = Reassembly(), ReceiveQueue(), object()
        tell(reassembly, queue, owner, story[:-1])
        failing.set_nomemory(number, number + 1)
        try:
            tell(reassembly, queue, owner, story[-1:])
        except MemoryError:
            failures += 1
        finally:
            failing.remove_mem_hooks()
        held = reassembly.bytes_held, reassembly.fragments_held, reassembly.messages_held
        assert held == reassembly.recount(), number
        reassembly.forget()
        assert reassembly.recount() == (0, 0, 0) == (
            reassembly.bytes_held, reassembly.fragments_held, reassembly.messages_held)
        queue.discard()
    assert failures >= 2
