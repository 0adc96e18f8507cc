"""Window updates: a peer that waits for room in the receive buffer is told when there is some.

RFC 9260 section 6.2 (9260-6.2-05), RFC 1122 section 4.2.3.3: not for each message that is read, but at the
latest when a peer that had no room for a packet has it again.  One that is not told waits for its probe,
an RTO and more.
"""

import pytest
from net import MILLISECOND, SECOND, Link, pair, parameters, receiver
from packets import SACK

PACKET = 1460  # PMDCS of a path whose MTU is 1500


@pytest.mark.parametrize("window", [2000, 4000, 10_000, 60_000, 1 << 20])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 0.2, 0.24, 0.26, 0.5, 0.75])
def test_a_big_message_behind_an_unread_small_one(window, share):
    """Together they are more than the window: when the first is read the rest of the second comes."""
    small = bytes(max(int(window * share), 1))
    for rest in (-0.05, 0.05, 0.1, 0.3):
        big = bytes(int(window * (1 - share + rest)))
        made = pair(link=Link(delay=MILLISECOND), parameters=parameters(send_buffer=4 * window),
                    server_parameters=parameters(receive_buffer=window))
        made.server.reading = False
        made.client.send(small)
        made.client.send(big)
        made.run_for(300 * MILLISECOND)  # as much as the window takes is there, and acknowledged
        made.server.reading = True
        started = made.network.now
        assert made.server.read(1) == 1
        made.server.read()  # what there is of the second
        assert made.until(lambda made=made: len(made.server.messages) == 2)
        assert made.server.received == [small, big]
        assert made.network.now - started < 100 * MILLISECOND, (len(small), len(big))


@pytest.mark.parametrize("size", [500, 1400, 5000, 8000, 12_000])
@pytest.mark.parametrize("window", [16_000, 65_536, 500_000])
def test_what_a_packet_is_depends_on_the_peer(window, size):
    """A peer whose packets are longer than ours is told when it has room for one of them."""
    r = receiver(receive_buffer=window)
    r.side.reading = False
    told = window
    while told >= size:
        told = r.ask(r.data(bytes(size)), wait=SECOND)[-1][SACK].a_rwnd
    r.forget()
    updates = []
    while r.side.read(1):
        updates += [packet[SACK].a_rwnd for packet in r.wait(MILLISECOND)]
        enough = r.side.snapshot()["a_rwnd"] >= max(size, PACKET)
        assert (updates and updates[0] >= size) if enough else not updates
    assert updates[-1] >= window - window // 4
    assert len(updates) <= 5  # no silly windows: a packet, then by quarters


@pytest.mark.parametrize("unread", range(0, 3000, 250))
def test_the_delayed_sack_does_not_hide_that_the_window_is_used_up(unread):
    """What came since the last SACK is off the peer's window too; it waits though a SACK told of more."""
    r = receiver(receive_buffer=4000)
    r.side.reading = False
    r.ask(r.data(bytes(unread + 1)), wait=SECOND)
    last = r.inbox[-1][SACK].a_rwnd
    if last > 500:
        assert r.ask(r.data(bytes(last - 100)), wait=MILLISECOND) == []  # it has 100 bytes left
        r.side.read()
        (answer,) = r.wait(MILLISECOND)
        assert answer[SACK].a_rwnd == 4000
