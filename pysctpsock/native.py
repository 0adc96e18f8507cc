"""The system's own threads, locks and poll(2), whatever gevent's monkey patching has made of the modules."""
from __future__ import annotations

from select import POLLIN, POLLOUT
from typing import Any

from gevent.monkey import get_original

__all__ = ["POLLIN", "POLLOUT", "RLock", "allocate_lock", "get_ident", "poll", "start_new_thread"]

allocate_lock, start_new_thread, get_ident, RLock = get_original(
    "_thread", ["allocate_lock", "start_new_thread", "get_ident", "RLock"])
poll: Any = get_original("select", "poll")
