"""The system's own threads, locks and polling, whatever gevent's monkey patching has made of the modules."""
from __future__ import annotations

import select as _select
from typing import Any

from gevent.monkey import get_original

allocate_lock, start_new_thread, get_ident = get_original(
    "_thread", ["allocate_lock", "start_new_thread", "get_ident"])
RLock: Any = get_original("_thread", "RLock")
# Absent on systems without poll(2).
poll: Any = get_original("select", "poll") if hasattr(_select, "POLLIN") else None
