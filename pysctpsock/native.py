"""The system's own threads and locks, poll(2) and resolver, whatever gevent has patched."""
from __future__ import annotations

from select import POLLIN, POLLOUT
from typing import Any

from gevent.monkey import get_original

__all__ = ["POLLIN", "POLLOUT", "RLock", "ThreadLocal",
           "allocate_lock", "get_ident", "get_original", "getaddrinfo", "poll", "start_new_thread"]

allocate_lock, start_new_thread, get_ident, RLock, ThreadLocal = get_original(
    "_thread", ["allocate_lock", "start_new_thread", "get_ident", "RLock", "_local"])
getaddrinfo: Any = get_original("socket", "getaddrinfo")
poll: Any = get_original("select", "poll")
