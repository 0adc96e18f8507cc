"""What holds whatever happens: properties of one association and of two endpoints, by hypothesis.

The scenes are those of the fuzzers (tests/support/scene.py); here they shrink to the shortest that fails.
"""
import os

import scene
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scene import OPERATIONS, Offset, Scene, Setup

ARGUMENTS = {
    scene.U8: st.integers(0, 255).map(scene.U8),
    scene.U16: st.integers(0, 0xFFFF).map(scene.U16),
    scene.U32: st.integers(0, 0xFFFFFFFF).map(scene.U32),
    Offset: st.one_of(st.integers(-8, 40), st.sampled_from(sorted(Offset.EDGES.values()))).map(Offset),
    bytes: st.binary(max_size=24),
}
BYTE = st.integers(0, 255)
SHORT_WAITS = range(6)           # of scene.DURATIONS: up to a second
EXAMPLES = int(os.environ.get("PYSCTPSOCK_FUZZ_EXAMPLES", "150"))
UNHURRIED = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def calls(function):
    """Of one operation with any arguments, as (name, arguments)."""
    return st.tuples(st.just(function.__name__), st.tuples(*[ARGUMENTS[kind] for kind in function.kinds]))


def perform(scene, operations):
    for name, arguments in operations:
        scene.do(getattr(Scene, name), *arguments)


@UNHURRIED
@given(BYTE.map(Setup), st.lists(st.one_of(list(map(calls, OPERATIONS.values()))), max_size=30))
def test_any_chunks_in_any_state(setup, operations):
    """9260-3.2-10, 9260-12-01, 9260-14: any sequence of chunks, calls and time, in any state, leaves a legal
    state and bounded memory (after each step: pysctpsock._cy.audit); with silence everything ends.
    """
    made = Scene(setup)
    perform(made, operations)
    made.end()
    made.leave()


SCHEDULE = st.one_of(
    st.tuples(st.just("send"), st.tuples(st.integers(0, 1), BYTE, st.integers(0, 3),
                                         st.one_of(st.integers(0, 1), BYTE))),
    st.tuples(st.sampled_from(["deliver", "lose", "twice"]), st.tuples(st.integers(0, 20))),
    st.tuples(st.just("read"), st.tuples(st.integers(0, 1), st.integers(1, 5))),
    st.tuples(st.just("wait"), st.tuples(st.sampled_from(SHORT_WAITS))),
    st.tuples(st.sampled_from(["expire", "go"]), st.just(())),
)
HONEST_SETUPS = st.sampled_from([Setup.TWO_PATHS, Setup.SMALL_BUFFERS, Setup.NODELAY, Setup.CLIENT])


@UNHURRIED
@given(st.sets(HONEST_SETUPS), st.lists(SCHEDULE, max_size=40), st.lists(SCHEDULE, max_size=10),
       st.sampled_from([(), (0,), (1,), (0, 1)]))
def test_any_schedule_delivers_once_and_in_order(setups, operations, rest, closing):
    """9260-6.6-01, 9260-6.2-08, 9260-9.2-01, 3758-3.6-01: under any loss, reordering and duplication what is
    read is a prefix, stream by stream, of what was sent, and nothing comes twice.  After an orderly shutdown,
    begun by either side or both at any time, all was delivered but for what a policy of partial reliability
    gave up, and both are closed without an error.
    """
    made = Scene(sum(setups, Setup.REAL_PEER))
    associations = [side.association for side in made.sides]
    perform(made, operations)
    perform(made, [("shutdown", (who,)) for who in closing])
    perform(made, rest)
    made.close_in_order()
    assert [association.error for association in associations] == [0, 0]
    assert not any(side.missing() for side in made.sides)
    made.leave()
