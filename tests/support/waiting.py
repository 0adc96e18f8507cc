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


def ended(sock):
    """Whether the association of a one-to-one socket is over."""
    return sock.association is None or sock.association.ended


def has_message(sock):
    """Whether something waits to be read."""
    return sock.user.receive_queue.count > 0
