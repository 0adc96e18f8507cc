"""The descriptor that shows a state: poll, select, epoll, level-triggered, and the ways it ends."""
import os
import random
import select
import threading

import pytest

from pysctpsock.descriptor import ENDED, READ_ENDED, READABLE, WRITABLE, Descriptor

IN, OUT, HUP = select.POLLIN, select.POLLOUT, select.POLLHUP
RDHUP = getattr(select, "POLLRDHUP", 0)


class Shown:
    """A descriptor of a state that the test sets."""

    def __init__(self, bits):
        self.bits = bits
        self.descriptor = Descriptor(lambda: self.bits)

    def set(self, bits):
        self.bits = bits
        self.descriptor.update()

    def polled(self):
        poller = select.poll()
        poller.register(self.descriptor, IN | OUT | RDHUP)
        return dict(poller.poll(0)).get(self.descriptor.fileno(), 0)


@pytest.fixture
def shown():
    made = Shown(0)
    yield made
    made.descriptor.close()


@pytest.mark.parametrize(("bits", "events"), [
    (0, 0), (READABLE, IN), (WRITABLE, OUT), (READABLE | WRITABLE, IN | OUT),
    (READABLE | READ_ENDED, IN | RDHUP), (READABLE | READ_ENDED | WRITABLE, IN | OUT | RDHUP),
    (READABLE | READ_ENDED | WRITABLE | ENDED, IN | OUT | RDHUP | HUP),
])
def test_each_state_as_poll_sees_it(shown, bits, events):
    shown.set(bits)
    assert shown.polled() == events
    assert shown.polled() == events, "level-triggered"


def edges(watcher):
    """How many edges there were since it was last asked."""
    return len(watcher.poll(0))


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="no epoll")
def test_each_arrival_is_an_edge(shown):
    """EPOLLET: a socket of the kernel gives one whenever something arrives, read or not."""
    with select.epoll() as watcher:
        watcher.register(shown.descriptor, select.EPOLLIN | select.EPOLLET)
        assert edges(watcher) == 0
        for bits in (READABLE, READABLE | WRITABLE, READABLE) * 200:
            shown.bits = bits
            shown.descriptor.update(arrived=True)
            assert edges(watcher) == 1
            assert shown.polled() & IN, "level-triggered all the time"
        shown.descriptor.update()
        assert edges(watcher) == 0, "nothing has arrived"
        shown.set(0)
        assert shown.polled() == 0
        shown.descriptor.update(arrived=True)  # and was read before anybody looked
        assert (edges(watcher), shown.polled()) == (0, 0)
        shown.set(READABLE)
        assert edges(watcher) == 1
        shown.set(READABLE | READ_ENDED)
        edges(watcher)
        shown.descriptor.update(arrived=True)
        assert shown.polled() & (IN | RDHUP) == IN | RDHUP


def test_the_first_state_is_shown_without_update():
    made = Shown(READABLE)
    assert made.polled() == IN
    made.descriptor.close()


def test_any_state_may_follow_any(shown):
    """Readable and writable are independent, as often as they change."""
    seed = random.randrange(1 << 32)
    choose = random.Random(seed)
    for _ in range(300):
        bits = choose.randrange(4)
        shown.set(bits)
        assert shown.polled() == (IN if bits & READABLE else 0) | (OUT if bits & WRITABLE else 0), seed


def test_select_and_epoll(shown):
    fd = shown.descriptor.fileno()
    shown.set(READABLE)
    assert select.select([fd], [fd], [fd], 0) == ([fd], [], [])
    shown.set(WRITABLE)
    assert select.select([fd], [fd], [fd], 0) == ([], [fd], [])
    if hasattr(select, "epoll"):
        with select.epoll() as epoll:
            epoll.register(fd, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
            assert epoll.poll(0) == [(fd, select.EPOLLOUT)]
            assert epoll.poll(0) == []
            shown.set(WRITABLE | READABLE)
            assert epoll.poll(0) == [(fd, select.EPOLLIN | select.EPOLLOUT)], "an edge"


def test_a_change_wakes_who_polls_in_another_thread(shown):
    poller = select.poll()
    poller.register(shown.descriptor, IN)
    results = []
    thread = threading.Thread(target=lambda: results.append(poller.poll(10_000)))
    thread.start()
    shown.set(READABLE)
    thread.join(10)
    assert results == [[(shown.descriptor.fileno(), IN)]]


def test_threads_that_update_at_once_leave_the_last_state(shown):
    """Whoever is last shows what is true then."""
    def change():
        for bits in (READABLE, 0, WRITABLE, READABLE | WRITABLE) * 200:
            shown.set(bits)

    threads = [threading.Thread(target=change) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    shown.set(READABLE)
    assert shown.polled() == IN
    shown.set(WRITABLE)
    assert shown.polled() == OUT


def test_a_program_that_reads_from_it_does_no_lasting_harm(shown):
    shown.set(READABLE)
    assert os.read(shown.descriptor.fileno(), 10)
    shown.set(WRITABLE)
    assert shown.polled() == OUT


def test_close(shown):
    fd = shown.descriptor.fileno()
    shown.descriptor.close()
    shown.descriptor.close()
    shown.set(READABLE)
    assert shown.descriptor.fileno() == -1
    with pytest.raises(OSError):
        os.fstat(fd)
