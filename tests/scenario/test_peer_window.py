"""A peer whose window says more than its buffer holds: Linux counts overhead for each chunk, in silence.

RFC 9260 sections 6.1 (rule A), 6.2 and 6.2.1.  Linux advertises half of SO_RCVBUF less the bytes that wait,
charges SO_RCVBUF some 250 bytes more for each chunk, says 0 once that is full, and drops what comes then.
"""
import struct
from ipaddress import ip_address

import packets
import pytest
from failures import watch
from handmade import DATA, SECOND, Peer, chunks_of, sack_chunk
from net import MILLISECOND, SERVER, Link, Network, Puppet, Server, parameters


class LinuxReceiver(Peer):
    """Takes DATA as Linux does; what it answers arrives a millisecond later."""

    RCVBUF, OVERHEAD, PMTU = 212_992, 250, 1500

    def __init__(self, parameters=None):
        super().__init__(parameters)
        self.rwnd = self.RCVBUF // 2
        self.establish(a_rwnd=self.rwnd)
        self.cumulative, self.above = self.association.local_initial_tsn - 1, {}
        self.unread, self.charged, self.press = [], 0, 0
        self.wire, self.received, self.dropped, self.peak = [], 0, 0, 0

    def collect(self):
        """What the endpoint has sent comes a millisecond later."""
        for data in self.take():
            self.wire.append((self.now + MILLISECOND, data))

    def step(self, until):
        """To the next event, `until` at the latest."""
        self.collect()
        timer = self.endpoint.deadline()
        event = min([until, self.wire[0][0] if self.wire else until, until if timer is None else timer])
        self.now = max(self.now, event)
        if timer is not None and timer <= self.now:
            self.endpoint.handle_timeouts(self.now)
        while self.wire and self.wire[0][0] <= self.now:
            _, data = self.wire.pop(0)
            if data[0] == ord("s"):
                self.send(data[1:])
            else:
                self.arrive(data)
        self.collect()

    def arrive(self, data):
        chunks = [(flags, value) for kind, flags, value in chunks_of(data) if kind == DATA]
        for _flags, value in chunks:
            tsn = struct.unpack_from(">I", value)[0]
            length, ahead = len(value) - 12, (tsn - self.cumulative) % 2**32
            if not 0 < ahead < 2**31 or tsn in self.above:
                continue
            fills = self.above and ahead < max((t - self.cumulative) % 2**32 for t in self.above)
            if self.rwnd == 0 and not fills:
                self.dropped += 1
                continue
            self.charged += length + self.OVERHEAD
            self.rwnd = max(0, self.rwnd - length)
            if self.charged >= self.RCVBUF:
                self.press, self.rwnd = self.press + self.rwnd, 0
            self.above[tsn] = length
            while (self.cumulative + 1) % 2**32 in self.above:
                self.cumulative = (self.cumulative + 1) % 2**32
                self.unread.append(self.above.pop(self.cumulative))
        if chunks:
            self.answer()

    def answer(self):
        offsets = sorted((tsn - self.cumulative) % 2**32 for tsn in self.above)
        gaps = []
        for offset in offsets:
            if gaps and gaps[-1][1] == offset - 1:
                gaps[-1][1] = offset
            else:
                gaps.append([offset, offset])
        self.told = self.rwnd
        self.wire.append((self.now + MILLISECOND, b"s" + sack_chunk(self.cumulative, self.rwnd, gaps)))

    def read(self):
        """The program reads one message; an opened window is told by the step of a packet."""
        length = self.unread.pop(0)
        self.received += 1
        self.charged -= length + self.OVERHEAD
        self.rwnd += length
        if self.press:
            change = min(self.PMTU, self.press)
            self.rwnd, self.press = self.rwnd + change, self.press - change
        if self.rwnd - self.told >= self.PMTU:
            self.answer()


def deliver(size, count, pause=3 * SECOND, each=50, parameters=None):
    """Send `count` messages to a program that reads none at first; the receiver, when all were read."""
    peer = LinuxReceiver(parameters)
    sent, read_at, limit = 0, peer.now + pause, peer.now + 600 * SECOND
    while peer.received < count:
        while sent < count and peer.association.submit(bytes(size), now=peer.now) == 0:
            sent += 1
        peer.step(max(read_at, peer.now) if peer.unread else peer.now + SECOND)
        if peer.unread and peer.now >= read_at:
            peer.read()
            read_at = peer.now + each
        assert peer.now < limit, f"{peer.received} of {count} in {limit / SECOND:.0f} s"
    return peer


@pytest.mark.parametrize("size", [1, 16, 64, 100, 250, 500, 1000])
def test_small_messages_to_a_paused_reader(size):
    """9260-6.1-01: once the program reads, its pace is that of the transfer: no time-out between, no RTO of
    many seconds.  The reader's own time is 50 microseconds a message, and the pause 3 s.
    """
    count = 5_000
    peer = deliver(size, count)
    taken = (peer.now - SECOND) / SECOND
    assert peer.association.paths[0].snapshot()["rto"] <= SECOND
    assert taken < 3 + count * 50e-6 + 1, f"{size} B: {taken:.2f} s, {peer.dropped} dropped"


def far_puppet():
    """A puppet of two addresses, 50 ms away, and the real server that it is connected to."""
    network = watch(Network(3, Link(delay=50 * MILLISECOND)))
    host = network.host("server", SERVER, parameters=parameters())
    puppet = Puppet(network, "10.0.0.1", more=["10.0.0.3"])
    server = Server(network, host)
    addresses = b"".join(packets.parameter(5, ip_address(each).packed) for each in ("10.0.0.1", "10.0.0.3"))
    answer = puppet.ask(packets.init(puppet.tag, puppet.tsn, 65536, parameters=addresses), tag=0, wait=SECOND)
    ack = answer[0][packets.INIT_ACK]
    puppet.peer_tag = ack.initiate_tag
    puppet.ask(packets.chunk(packets.COOKIE_ECHO, 0, dict(ack.parameters)[packets.STATE_COOKIE]), wait=SECOND)
    (puppet.side,) = server.sides
    puppet.forget()
    return puppet


def send_three(puppet):
    """The TSNs of three full chunks."""
    for _ in range(3):
        puppet.side.send(bytes(1400))
    came = puppet.wait(60 * MILLISECOND)
    return sorted({chunk.tsn for packet in came for chunk in packet.all(packets.DATA)})


def test_reopened_window_starts_no_timer_of_an_idle_path():
    """9260-6.3.2, R1: what may still be on its way is looked for on its own path."""
    puppet = far_puppet()
    first, *_ = send_three(puppet)
    puppet.send(packets.sack(first, 0))
    puppet.ask(packets.sack(first, 65536), wait=51 * MILLISECOND)
    data, idle = puppet.side.snapshot()["paths"]
    assert data["t3_rtx_running"] and not idle["t3_rtx_running"]


@pytest.mark.parametrize("left", [0, 1])
def test_what_is_lost_after_a_window_has_reopened_is_sent_again(left):
    """9260-6.3.3: what goes once the window is open again is guarded by T3, whether or not some of what was
    under way when it shut is still missing (`left`: how many).
    """
    puppet = far_puppet()
    tsns = send_three(puppet)
    puppet.send(packets.sack(tsns[0], 0))
    puppet.ask(packets.sack(tsns[-1 - left], 65536), wait=51 * MILLISECOND)
    new = send_three(puppet)
    assert puppet.side.snapshot()["outstanding"]["chunks"] == left + 3
    puppet.forget()
    puppet.wait(4 * SECOND)
    again = {chunk.tsn for packet in puppet.inbox for chunk in packet.all(packets.DATA)}
    assert again & {*tsns, *new}
    path, _idle = puppet.side.snapshot()["paths"]
    assert path["t3_rtx_running"]
    for _ in range(5):                       # and all of it comes at last
        puppet.ask(packets.sack(max([tsns[-1], *again & {*new}]), 65536), wait=3 * SECOND)
        again |= {chunk.tsn for packet in puppet.inbox for chunk in packet.all(packets.DATA)}
    assert {*new} <= again
