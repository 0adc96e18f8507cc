"""Waiting for what other greenlets, or the stack, are to bring about."""
from time import monotonic

import gevent

PATIENCE = 10  # seconds for what takes milliseconds


def until(predicate):
    """Let others run until predicate() is true; AssertionError if it takes too long."""
    deadline = monotonic() + PATIENCE
    while not predicate():
        assert monotonic() < deadline
        gevent.sleep(0.001)


def fill(sock, size):
    """Send messages of `size` bytes until a peer that does not read takes no more; how many were sent.

    All that it took is acknowledged: nothing is under way that would make room.  `sock` does not block after
    that, and the next probe of the shut window is an RTO away (RFC 9260, 6.1 rule A).
    """
    sock.setblocking(False)
    count = 0
    while True:
        try:
            count += sock.send(bytes(size)) // size
        except BlockingIOError:
            if not sock.association.snapshot()["outstanding"]["chunks"]:
                return count
            gevent.sleep(0.001)


def ended(sock):
    """Whether the association of a one-to-one socket is over."""
    return sock.association is None or sock.association.ended


def has_message(sock):
    """Whether something waits to be read."""
    return sock.user.receive_queue.count > 0
