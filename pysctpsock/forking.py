"""fork(): what the child has to renew before anything of the parent's is given up there.

A lock that another thread has at the moment of the fork is never released in the child, where that thread is
not.  So all locks of this package are made here, and are free in the child unless the thread that forked has
them itself.

A hub's loop has descriptors (epoll, eventfd) that parent and child share: a child that waits in the loop it
has inherited would take the parent's wake-ups.  A program that does not know of gevent calls no
gevent.reinit(), therefore it is done here.
"""
from __future__ import annotations

import os
from typing import Any
from weakref import WeakSet

from gevent import reinit

from .native import RLock

_locks: WeakSet[Any] = WeakSet()


def new_lock() -> Any:
    """A lock that a thread may take again while it has it; free in a forked child."""
    lock = RLock()
    _locks.add(lock)
    return lock


def _renew() -> None:
    for lock in list(_locks):
        if not lock._is_owned():
            lock._at_fork_reinit()
    reinit()  # of this thread's hub, if it has one


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
