"""Settings of an SCP connection."""
import pytest

from pysctpsock._cy.scp_options import ScpOptions


def test_defaults():
    """SCP-07, SCP-08, SCP-35, SCP-62, SCP-63, SCP-70, SCP-71: the values that are chosen."""
    options = ScpOptions()
    assert (options.max_segment, options.max_receive_segment) == (16384, 2**24 - 1)
    assert options.max_message == 2**24
    assert (options.max_sessions, options.max_queued) == (1000, 65536)
    assert (options.session_high_water, options.connection_high_water) == (262144, 4194304)
    assert (options.stall_timeout, options.reset_window) == (30_000_000, 1_000_000)
    assert (options.rst_rate, options.max_resets) == (100, 200)
    assert not options.length_includes_header
    assert not options.syn_reply


@pytest.mark.parametrize("wrong", [
    {"max_segment": 0}, {"max_segment": 2**20 + 1}, {"max_receive_segment": 2**32 - 1}, {"max_queued": 0},
    {"session_high_water": 0}, {"connection_high_water": 0}, {"stall_timeout": 0}, {"reset_window": 0},
], ids=str)
def test_what_cannot_work(wrong):
    with pytest.raises(ValueError):
        ScpOptions(**wrong)


def test_names_are_checked():
    with pytest.raises(TypeError):
        ScpOptions(max_segments=1)
    with pytest.raises(OverflowError):
        ScpOptions(max_sessions=-1)
