"""The outbox: packets come out as they went in, and never more than it has room for."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysctpsock._cy.outbox import Outbox


def test_packets_come_out_in_order_with_their_routes():
    outbox = Outbox()
    assert outbox.put(b"first", "192.0.2.1", 9899)
    assert outbox.put(b"second", "2001:db8::1", 65535, "2001:db8::2", 3)
    assert outbox.put(b"", "fe80::1%2", 0, "192.0.2.7", 65535)
    assert len(outbox) == 3
    assert outbox.take_packets() == [
        (b"first", "192.0.2.1", 9899, "", 0),
        (b"second", "2001:db8::1", 65535, "2001:db8::2", 3),
        (b"", "fe80::1%2", 0, "192.0.2.7", 65535),
    ]


@pytest.mark.parametrize("local", ["", "0.0.0.0", "::"])
def test_unspecified_source_leaves_the_choice_to_the_system(local):
    outbox = Outbox()
    outbox.put(b"x", "192.0.2.1", 0, local)
    assert outbox.take_packets()[0][3] == ""


def test_taking_empties_it():
    outbox = Outbox(capacity=4, max_packets=1)
    for packet in (b"1234", b"567", b"8"):
        assert outbox.put(packet, "::1")
        assert outbox.take_packets() == [(packet, "::1", 0, "", 0)]
        assert len(outbox) == 0
        assert outbox.take_packets() == []


def test_no_room_for_more_bytes():
    outbox = Outbox(capacity=10, max_packets=9)
    assert outbox.put(b"123456", "::1")
    assert not outbox.put(b"78901", "::1")
    assert outbox.put(b"7890", "::1")
    assert not outbox.put(b"x", "::1")
    assert [packet for packet, *_ in outbox.take_packets()] == [b"123456", b"7890"]


def test_no_room_for_more_packets():
    outbox = Outbox(capacity=100, max_packets=2)
    assert outbox.put(b"a", "::1")
    assert outbox.put(b"b", "::1")
    assert not outbox.put(b"c", "::1")
    assert len(outbox) == 2


def test_packet_greater_than_the_whole_outbox():
    assert not Outbox(capacity=10).put(bytes(11), "::1")


@pytest.mark.parametrize("arguments", [{"capacity": 0}, {"max_packets": 0}, {"max_packets": -1}])
def test_an_outbox_without_room_is_refused(arguments):
    with pytest.raises(ValueError, match="at least 1"):
        Outbox(**arguments)


@given(st.lists(st.binary(max_size=40)), st.integers(1, 200), st.integers(1, 12))
def test_nothing_is_lost_or_changed(packets, capacity, max_packets):
    """Emptied when full, the outbox gives exactly what was put in."""
    outbox = Outbox(capacity, max_packets)
    taken = []
    for packet in packets:
        if not outbox.put(packet, "127.0.0.1"):
            batch = outbox.take_packets()
            assert sum(len(one[0]) for one in batch) <= capacity
            assert len(batch) <= max_packets
            taken += batch
            if not outbox.put(packet, "127.0.0.1"):
                assert len(packet) > capacity
                continue
    taken += outbox.take_packets()
    assert [one[0] for one in taken] == [packet for packet in packets if len(packet) <= capacity]
