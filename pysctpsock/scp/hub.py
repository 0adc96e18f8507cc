"""The gevent side of SCP: moves bytes between a stream socket and the core, and lets greenlets wait.

Any connected stream socket will do (TCP, Unix, TLS of the ssl module): it is used without waiting, when its
descriptor is ready.  Watchers do not keep the loop alive; a greenlet that waits does.
"""
from __future__ import annotations

import _socket
import contextlib
import errno
import os
import ssl
import weakref
from collections.abc import Callable
from functools import partial
from time import monotonic, monotonic_ns
from typing import Any

from gevent import get_hub
from gevent.hub import Waiter

from .. import gevents
from .._cy.scp_connection import ScpConnection
from .._cy.scp_io import receive_pending, send_pending
from ..errors import error
from ..native import get_ident

READ, WRITE = 1, 2  # gevent's loop.io events
BUFFER = 1 << 17
ROUNDS = 4  # buffers of TLS's read in one go; then others have their turn

_buffers: weakref.WeakKeyDictionary[Any, bytearray] = weakref.WeakKeyDictionary()  # one a hub
_transports: weakref.WeakSet[Transport] = weakref.WeakSet()


def now() -> int:
    """The core's clock, microseconds."""
    return monotonic_ns() // 1000


class Transport:
    """A stream socket and the protocol machine over it, driven by the hub of the thread that made it.

    `acceptor` is called when sessions of the peer wait, and at the end; `changed` wakes who waits for the end
    of sessions.
    """

    def __init__(self, sock: Any, core: ScpConnection, unsent: int) -> None:
        self.family: int = sock.family
        self.names = sock.getsockname(), sock.getpeername()
        self._tls = hasattr(sock, "do_handshake")  # an SSLSocket, of the ssl module or of gevent's
        if not self._tls:  # the system's own class: nobody else waits for it
            sock = _socket.socket(sock.family, sock.type, sock.proto, sock.detach())
        self.sock, self.core = sock, core
        self._fd = sock.fileno()
        self._write = self._write_tls if self._tls else partial(send_pending, core, self._fd)
        self.hub = get_hub()
        self.loop = self.hub.loop
        self.failure: OSError | None = None
        self.acceptors = WaitList(self)
        self.changed = WaitList(self)
        self.closed = False
        self.orphaned = False  # in the child after a fork
        self._thread = get_ident()
        self._crossed = 0  # READ: reading needs room (TLS), WRITE: writing needs bytes
        self._scheduled = False
        self._sleepers = 0
        self._keep_alive = self.loop.async_()
        self._timer: Any = None
        self._timer_at: int | None = None
        self._buffer = _buffers.setdefault(self.hub, bytearray(BUFFER))
        sock.setblocking(False)
        prepare(sock, unsent)
        self._reader = self.loop.io(self._fd, READ, ref=False)
        self._writer = self.loop.io(self._fd, WRITE, ref=False)
        self._reader.start(self.on_readable)
        _transports.add(self)
        if self._tls:
            self.turn_soon()  # some may have been decrypted already

    def check(self) -> None:
        """RuntimeError in another thread than the transport's, OSError (EBADF) in a forked child."""
        if get_ident() != self._thread or self.orphaned:
            if self.orphaned:
                raise error(errno.EBADF, "the connection belongs to the parent process")
            raise RuntimeError("this SCP connection belongs to another thread")

    # ------------------------------------------------------------------ reading and writing

    def on_readable(self) -> None:
        """Give the core what has arrived, as far as it may be read now."""
        if not self.closed:
            self._crossed &= ~WRITE
            self._read()
            self.flush()

    def flush(self) -> None:
        """Send what the core has to send, as far as the socket takes it."""
        if self.closed:
            return
        if not (self._writer.active or self._crossed & WRITE):
            self._send()
        if self.core.eventful:
            self._after()

    def turn_soon(self) -> None:
        """Read and send at the end of this turn of the loop: what is queued until then goes together."""
        if not self._scheduled:
            self._scheduled = True
            self.loop.run_callback(self._turn)

    def in_own_thread(self, function: Callable[[], None]) -> None:
        """Call it, or have the loop call it soon if this is another thread."""
        if get_ident() == self._thread:
            function()
        elif not self.closed:
            self.loop.run_callback_threadsafe(function)

    def _turn(self) -> None:
        self._scheduled = False
        self.on_readable()

    def _on_writable(self) -> None:
        self._writer.stop()
        if self._crossed & READ:
            self._crossed &= ~READ
            self._read()
        self.flush()

    def _read(self) -> None:
        if self._tls:
            self._read_tls()
            return
        try:
            if receive_pending(self.core, self._fd, self._buffer, now()):
                self.turn_soon()
        except OSError as failure:
            self._fail(failure)

    def _read_tls(self) -> None:
        core, buffer = self.core, self._buffer
        for _ in range(ROUNDS):
            if core.stopped or core.reason or core.input_ended:
                return
            try:
                count = self.sock.recv_into(buffer)
            except ssl.SSLWantReadError:
                return
            except ssl.SSLWantWriteError:
                self._crossed |= READ
                self._writer.start(self._on_writable)
                return
            except OSError as failure:
                self._fail(failure)
                return
            if count == 0:
                core.eof()
                return
            core.receive(buffer, count, now())
        self.turn_soon()

    def _send(self) -> None:
        try:
            if not self._write():
                self._writer.start(self._on_writable)
        except ssl.SSLWantWriteError:
            self._writer.start(self._on_writable)
        except ssl.SSLWantReadError:
            self._crossed |= WRITE
        except OSError as failure:
            self._read()  # what the peer said before
            self._fail(failure)

    def _write_tls(self) -> bool:
        while (view := self.core.pending()) is not None:
            with view:
                count = self.sock.write(view)  # gevent's send() gives 0 where it would wait
            self.core.sent(count)
        return True

    def _fail(self, failure: OSError) -> None:
        self.failure = self.failure or failure
        self.core.transport_failed(failure.errno or errno.EIO)

    # ------------------------------------------------------------------ what follows

    def _after(self) -> None:
        """Wake whom something has happened to; watch what is to be watched; close what is over."""
        core = self.core
        self._wake_sessions()
        over = core.reason or (core.input_ended and core.idle)
        if self.acceptors and (core.arrivals or core.reason or core.input_ended):
            self.acceptors.wake_all()
        if self.changed and (core.idle or over):
            self.changed.wake_all()
        if over:
            self.close()
            return
        stopped, deadline = core.flow()
        if stopped or core.input_ended:
            self._reader.stop()
        elif not self._reader.active:
            self._reader.start(self.on_readable)
            self.turn_soon()  # TLS may have bytes that the descriptor does not show
        if deadline != self._timer_at:
            self._set_timer(deadline)

    def _wake_sessions(self) -> None:
        for session in self.core.take_ready():
            if session.owner is not None:
                session.owner.wake()

    def settle(self) -> None:
        """Readers have taken something, or have begun to wait: may reading go on, is there a deadline?"""
        if self.core.eventful and not self.closed:
            self._after()

    def _set_timer(self, deadline: int | None) -> None:
        if self._timer is not None:
            self._timer.close()
            self._timer = None
        self._timer_at = deadline
        if deadline is not None:
            self._timer = self.loop.timer(max(deadline - now(), 0) / 1e6, ref=False)
            self._timer.start(self._on_timer, update=True)

    def _on_timer(self) -> None:
        self._timer_at = None
        self.core.handle_timeout(now())
        self.flush()

    def close(self) -> None:
        """Close the socket; the core hears of it if it is not over."""
        if self.closed:
            return
        self.closed = True
        self._set_timer(None)
        self._reader.close()
        self._writer.close()
        _transports.discard(self)
        if self._tls and not self.failure:
            with contextlib.suppress(OSError, ValueError):
                self.sock.unwrap()  # one attempt: says that this is the end, and no attack
        self.sock.close()
        if self.core.sessions or not self.core.input_ended:
            self.core.close_connection()
        self._wake_sessions()
        self._keep_alive.close()
        self.acceptors.wake_all()
        self.changed.wake_all()

    def enter(self) -> None:
        """A greenlet is about to wait: the loop stays alive."""
        if self._sleepers == 0 and not self.closed:
            self._keep_alive.start(_nothing)
        self._sleepers += 1

    def leave(self) -> None:
        """It has ended its wait."""
        self._sleepers -= 1
        if self._sleepers == 0 and not self.closed:
            self._keep_alive.stop()

    def abandon(self) -> None:
        """In the child after fork(): what arrives is the parent's."""
        self.closed = self.orphaned = True
        self._reader.stop()
        self._writer.stop()
        if self._timer is not None:
            self._timer.stop()


class WaitList:
    """The greenlets that wait for one thing; a wake-up is a hint to look again."""

    __slots__ = ("_transport", "_waiters")

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._waiters: list[Waiter] = []

    def __len__(self) -> int:
        return len(self._waiters)

    def wait(self, deadline: float | None) -> bool:
        """Let other greenlets run until woken; False: the deadline (of monotonic()) came first."""
        transport, waiters = self._transport, self._waiters
        transport.check()
        waiter = Waiter(transport.hub)
        waiters.append(waiter)
        timer = None
        transport.enter()
        try:
            if deadline is not None:
                timer = transport.loop.timer(max(deadline - monotonic(), 0))
                timer.start(waiter.switch, None, update=True)
            waiter.get()
        finally:
            if timer is not None:
                timer.close()
            transport.leave()
            woken = waiter not in waiters
            if not woken:
                waiters.remove(waiter)
        return woken

    def wake_all(self) -> None:
        """Let all that wait run soon."""
        for waiter in self._waiters:
            self._transport.loop.run_callback(waiter.switch, None)
        self._waiters.clear()


def _nothing() -> None:
    """The callback of a watcher that never fires."""


def prepare(sock: Any, unsent: int) -> None:
    """What SCP wants of a TCP socket: no waiting for more bytes, and few that are unsent in the kernel."""
    if sock.family not in (_socket.AF_INET, _socket.AF_INET6):
        return
    sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
    if hasattr(_socket, "TCP_NOTSENT_LOWAT"):
        sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NOTSENT_LOWAT, unsent)


def dial(address: Any, timeout: float | None) -> Any:
    """A connected TCP socket, or Unix socket if the address is a path; other greenlets run meanwhile."""
    if not isinstance(address, str | bytes):
        return gevents.create_connection(address, timeout)
    sock = gevents.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def listening_socket(address: Any, backlog: int, family: int) -> Any:
    """A listening socket whose accept() lets other greenlets run."""
    sock = gevents.socket(family, _socket.SOCK_STREAM)
    try:
        if family != getattr(_socket, "AF_UNIX", None):
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def _abandon_all() -> None:
    for transport in list(_transports):
        transport.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
