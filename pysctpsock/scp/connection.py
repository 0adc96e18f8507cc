"""SCP connections over stream sockets, and listeners that yield them.

Sections "Session ids", "Opening" and "What SCP lacks" of docs/scp.md.
"""
from __future__ import annotations

import errno
import socket as _socket
import ssl
import warnings
from collections.abc import Iterator
from time import monotonic
from typing import Any

from .._cy.scp_connection import ScpConnection
from .._cy.scp_options import ScpOptions
from ..errors import error
from ..handle import refuse_to_copy
from ..timeouts import Timeouts, checked
from .errors import reason_error
from .hub import Transport, dial, listening_socket
from .session import Session

UNSENT = 1 << 18
CLOSE_TIMEOUT = 10.0  # seconds that close() waits for open sessions


class Connection(Timeouts):
    """Connection(sock, client): one end of an SCP connection over a connected stream socket, which it owns.

    `client`: this side opened the socket's connection; the other side must say the opposite.  `accepting`:
    whether the peer may open sessions; by default it may at the server.  `keepalive`: TCP's.
    `unsent`: bytes that TCP may hold before they go (TCP_NOTSENT_LOWAT); what is written later waits behind
    them.  The other options are limits, see docs/scp.md.
    """

    _closed = True  # until made
    __reduce_ex__ = refuse_to_copy

    def __init__(self, sock: Any, client: bool, *, accepting: bool | None = None, keepalive: bool = False,
                 unsent: int = UNSENT, **options: Any) -> None:
        self._core = ScpConnection(client, ScpOptions(**options))
        if accepting is not None:
            self._core.accepting = accepting
        if keepalive:
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_KEEPALIVE, 1)
        self._timeout = _socket.getdefaulttimeout()
        self._transport = Transport(sock, self._core, unsent)
        self._closed = False

    # ------------------------------------------------------------------ sessions

    def open(self, data: Any = b"", *, message: bool = False, end: bool = False) -> Session:
        """A new session, at once; the peer hears of it with the first segment.

        `data` goes into it, `message`: as a whole message, `end`: and this direction ends behind it.
        EADDRNOTAVAIL when no session id is left; ENOTCONN or the connection's error when it is over.
        """
        self._check_open()
        opened = self._core.open()
        if opened is None:
            raise self._why_over() or error(errno.EADDRNOTAVAIL, "no session id is left")
        session = Session(self, self._transport, opened)
        if end and not len(data):
            session.shutdown(_socket.SHUT_WR)
        elif message:
            session.send_message(data)
        elif len(data):
            session.sendall(data)
        else:
            self._transport.turn_soon()
        if end:
            session.shutdown(_socket.SHUT_WR)
        return session

    def accept(self) -> Session:
        """The next session that the peer opens; settimeout() says how long to wait for it.

        A client's first accept() lets the peer open sessions from then on.  ENOTCONN when the peer has ended
        the connection, or the connection's error.
        """
        self._check_open()
        core, transport = self._core, self._transport
        core.accepting = True
        deadline = None if self._timeout is None else monotonic() + self._timeout
        transport.on_readable()
        while (arrived := core.accept()) is None:
            over = self._why_over()
            if over is not None:
                raise over
            if self._timeout == 0.0:
                raise error(errno.EAGAIN)
            if not transport.acceptors.wait(deadline):
                raise TimeoutError("timed out")
            self._check_open()
        return Session(self, self._transport, arrived)

    def __iter__(self) -> Iterator[Session]:
        """The sessions that the peer opens, until it ends the connection."""
        while True:
            try:
                session = self.accept()
            except OSError as ended:
                if ended.errno != errno.ENOTCONN:
                    raise
                return
            yield session

    def _why_over(self) -> OSError | None:
        if self._core.reason:
            return reason_error(self._core.reason, self._transport.failure)
        if self._core.input_ended or self._core.closing:
            return error(errno.ENOTCONN, "the connection has ended")
        return None

    @property
    def accepting(self) -> bool:
        """Whether the peer may open sessions; settable."""
        return self._core.accepting

    @accepting.setter
    def accepting(self, value: bool) -> None:
        self._core.accepting = value

    # ------------------------------------------------------------------ what it is

    @property
    def family(self) -> int:
        """That of the socket below."""
        return self._transport.family

    @property
    def client(self) -> bool:
        """Whether this is the client's end."""
        return self._core.client

    def getsockname(self) -> Any:
        """The local address of the socket below."""
        return self._transport.names[0]

    def getpeername(self) -> Any:
        """The peer's address."""
        return self._transport.names[1]

    def snapshot(self) -> dict[str, Any]:
        """Everything there is to see: sessions, queues, and the counted reasons of what went wrong."""
        local, peer = self._transport.names
        return {"local": local, "peer": peer, **self._core.snapshot()}

    def __repr__(self) -> str:
        role, state = "client" if self.client else "server", " [closed]" if self._transport.closed else ""
        local, peer = self._transport.names
        return (f"<{self.__class__.__qualname__}{state} {role} {local} - {peer}, "
                f"{len(self._core.sessions)} sessions>")

    # ------------------------------------------------------------------ the end

    def _check_open(self) -> None:
        if self._closed:
            raise error(errno.EBADF)
        self._transport.check()

    def close(self, timeout: float | None = CLOSE_TIMEOUT) -> None:
        """End the connection in order: refuse new sessions, wait for the open ones, close the socket.

        A session is over when both sides have ended it.  Those that are open after `timeout` seconds (None:
        wait for ever) get ECONNABORTED here and ECONNRESET at the peer.
        """
        timeout = checked(timeout)
        if self._closed:
            return
        self._check_open()
        self._closed = True
        core, transport = self._core, self._transport
        core.refuse_sessions()
        transport.acceptors.wake_all()
        transport.flush()
        deadline = None if timeout is None else monotonic() + timeout
        while not (core.idle or transport.closed) and transport.changed.wait(deadline):
            pass
        transport.close()

    def abort(self) -> None:
        """Close the socket at once; all open sessions get ECONNABORTED."""
        if not (self._transport.closed or self._transport.orphaned):
            self._transport.check()
        self._closed = True
        self._transport.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: object, *more: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def __del__(self) -> None:
        if not self._closed:
            if not self._transport.closed:
                warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
            self._transport.in_own_thread(self._transport.close)  # the collector runs in any thread


class Listener:
    """Listener(sock): yields connections; `sock` listens, and its accept() lets other greenlets run.

    `ssl_context`: speak TLS below.  Other options are those of Connection.
    """

    def __init__(self, sock: Any, ssl_context: ssl.SSLContext | None = None, **options: Any) -> None:
        self._sock, self._context, self._options = sock, ssl_context, options

    def accept(self) -> Connection:
        """The next connection; the TLS handshake goes on behind."""
        sock, _address = self._sock.accept()
        try:
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            return Connection(sock, client=False, **self._options)
        except BaseException:
            sock.close()
            raise

    def __iter__(self) -> Iterator[Connection]:
        """Connections, for ever."""
        while True:
            yield self.accept()

    def settimeout(self, value: float | None) -> None:
        """Seconds that accept() may wait; None: for ever."""
        self._sock.settimeout(checked(value))

    def getsockname(self) -> Any:
        """Where it listens."""
        return self._sock.getsockname()

    def fileno(self) -> int:
        """The descriptor of the socket that listens."""
        return self._sock.fileno()

    def close(self) -> None:
        """Listen no more; connections that were accepted go on."""
        self._sock.close()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def connect(address: Any, timeout: float | None = None, *, ssl_context: ssl.SSLContext | None = None,
            server_hostname: str | None = None, **options: Any) -> Connection:
    """A connection to a server: (host, port), or the path of a Unix socket.

    `timeout`: seconds for TCP's set-up.  With `ssl_context` TLS is spoken below, its errors (a certificate
    that does not fit, say) come from the first calls that wait.  Options are those of Connection.
    """
    sock = dial(address, checked(timeout))
    try:
        if ssl_context is not None:
            if server_hostname is None and not isinstance(address, str | bytes):
                server_hostname = address[0]
            sock = ssl_context.wrap_socket(sock, server_hostname=server_hostname,
                                           do_handshake_on_connect=False)
        return Connection(sock, client=True, **options)
    except BaseException:
        sock.close()
        raise


def listen(address: Any, backlog: int = 128, *, family: int | None = None,
           ssl_context: ssl.SSLContext | None = None, **options: Any) -> Listener:
    """A listener at (host, port), or at the path of a Unix socket.  Options are those of Listener."""
    if family is None:
        family = (_socket.AF_UNIX if isinstance(address, str | bytes)
                  else _socket.AF_INET6 if ":" in address[0] else _socket.AF_INET)
    return Listener(listening_socket(address, backlog, family), ssl_context, **options)
