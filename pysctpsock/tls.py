"""TLS over a one-to-one SCTP socket, for programs of the `ssl` module.

    tls = pysctpsock.tls.wrap_socket(context, sock, server_hostname="example.org")

gives an ssl.SSLSocket.  OpenSSL cannot use the socket's descriptor, which carries no data; so it works
between two buffers (ssl.MemoryBIO), which the class Records fills from the socket and empties into it.  Each
record is one message (RFC 3436 section 3), unless the send buffer is smaller.  No more is read than the
record that OpenSSL waits for, so that the socket stays readable for select() as long as there is another.

The peer may be any SCTP stack that reads the messages as a stream of bytes.
"""
from __future__ import annotations

import errno
import socket as _stdlib
import ssl
import weakref
from collections.abc import Callable
from time import monotonic
from typing import Any

from . import constants as c
from .base import SctpSocket
from .descriptor import READABLE, WRITABLE
from .errors import error
from .forking import new_lock
from .native import get_original

__all__ = ["TlsSocket", "wrap_socket"]

HEADER = 5  # bytes of a record before what it carries (RFC 8446 section 5.1)
_SSLSocket: Any = get_original("ssl", "SSLSocket")  # gevent's works on descriptors
_socket: Any = _SSLSocket.__base__  # gevent's, if `ssl` was imported after the patching


def wrap_socket(context: ssl.SSLContext, sock: Any, server_side: bool = False,
                do_handshake_on_connect: bool = True, suppress_ragged_eofs: bool = True,
                server_hostname: str | bytes | None = None, session: Any = None) -> TlsSocket:
    """As context.wrap_socket(), of a one-to-one SCTP socket, which then belongs to the object returned.

    EOPNOTSUPP for a socket that has several associations, or is none of this library.
    """
    if not isinstance(sock, SctpSocket):
        raise error(errno.EOPNOTSUPP, "pysctpsock.tls wraps SCTP sockets of this library only")
    if sock.type != _stdlib.SOCK_STREAM:
        raise error(errno.EOPNOTSUPP, "TLS needs a SOCK_STREAM socket: one association")
    if server_side and server_hostname:
        raise ValueError("server_hostname can only be specified in client mode")
    if server_side and session is not None:
        raise ValueError("session can only be specified in client mode")
    if context.check_hostname and not server_hostname:
        raise ValueError("check_hostname requires server_hostname")
    wrapped = TlsSocket.__new__(TlsSocket)
    wrapped._begin(context, sock, server_side, do_handshake_on_connect, suppress_ragged_eofs,
                   server_hostname, session)
    return wrapped


class Records:
    """What an SSLSocket has for OpenSSL's object: the same methods, on a socket of ours.

    Several threads may use it.  The lock is held while OpenSSL or the buffers work, never while asleep.
    """

    def __init__(self, owner: TlsSocket, sock: SctpSocket, context: Any, server_side: bool,
                 server_hostname: Any, session: Any) -> None:
        self._sock: Any = sock
        self._owner = weakref.ref(owner)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._lock = new_lock()
        self._unsent = bytearray()
        self._written = 0  # bytes of the program that OpenSSL has taken in a call that then could not end
        self._header = bytearray()
        self._missing = 0  # bytes of the record that is being read
        self._object = context._wrap_bio(self._incoming, self._outgoing, server_side, server_hostname,
                                         owner=owner, session=session)

    def __getattr__(self, name: str) -> Any:
        if name == "_object":
            raise AttributeError(name)
        return getattr(self._object, name)

    @property
    def context(self) -> Any:
        """The SSLContext; another may be set while the client's hello is looked at (SNI)."""
        return self._object.context

    @context.setter
    def context(self, context: Any) -> None:
        self._object.context = context

    @property
    def session(self) -> Any:
        """The session, which a client may give to its next connection."""
        return self._object.session

    @session.setter
    def session(self, session: Any) -> None:
        self._object.session = session

    def do_handshake(self) -> None:
        """As OpenSSL's."""
        self._run(self._object.do_handshake, "_ssl.c: The handshake operation timed out")

    def read(self, *arguments: Any) -> Any:
        """read(length[, buffer]), as OpenSSL's."""
        return self._run(lambda: self._object.read(*arguments), "The read operation timed out")

    def write(self, data: Any) -> int:
        """Send one record; how many bytes of the data are in it.

        After SSLWantWriteError or a timeout the next call is for the same data, as with OpenSSL.
        """
        text = "The write operation timed out"
        deadline = self._deadline()
        written, self._written = self._written, 0
        try:
            if not written:
                written = self._run(lambda: self._object.write(data), text, deadline, wants_flush=False)
            self._flush(deadline, text)
        except (ssl.SSLWantWriteError, TimeoutError):
            self._written = written
            raise
        return written

    def shutdown(self) -> Any:
        """As OpenSSL's: the socket, which is without TLS now."""
        self._run(self._object.shutdown, "The read operation timed out")
        return self._owner()

    def verify_client_post_handshake(self) -> None:
        """As OpenSSL's."""
        self._run(self._object.verify_client_post_handshake, "The write operation timed out")

    # ------------------------------------------------------------------ between the buffers and the socket

    def _deadline(self) -> float | None:
        timeout = self._sock.gettimeout()
        return None if timeout is None else monotonic() + timeout

    def _run(self, step: Callable[[], Any], text: str, deadline: float | None = None,
             wants_flush: bool = True) -> Any:
        """What OpenSSL's step gives, once the socket has taken and given what it needs."""
        if deadline is None:
            deadline = self._deadline()
        while True:
            try:
                with self._lock:
                    try:
                        result = step()
                    finally:
                        self._unsent += self._outgoing.read()
            except ssl.SSLWantReadError:
                self._flush_before_reading(step, deadline, text)
                self._receive(deadline, text)
            except ssl.SSLError:
                self._send_alert()
                raise
            else:
                if wants_flush:
                    self._flush_after(step, deadline, text)
                return result

    def _flush_before_reading(self, step: Callable[[], Any], deadline: float | None, text: str) -> None:
        """Send what there is.  A read does not wait for room: the peer may wait for it to go on.

        What the peer has sent before it went is read, as with TCP, and then the end.
        """
        try:
            if step in (self._object.do_handshake, self._object.shutdown):
                self._flush(deadline, text)
            else:
                with self._lock:
                    self._send_some()
        except ConnectionError:
            self._unsent.clear()

    def _flush_after(self, step: Callable[[], Any], deadline: float | None, text: str) -> None:
        """Send what a step that has succeeded left, without waiting for room if it was a read."""
        with self._lock:
            if not self._unsent or self._send_some():
                return
        if step in (self._object.do_handshake, self._object.shutdown) and self._sock.may_wait():
            self._flush(deadline, text)

    def _send_alert(self) -> None:
        """Tell the peer why it ends, if there is room; it may be gone."""
        with self._lock:
            try:
                self._send_some()
            except OSError:
                self._unsent.clear()

    def _flush(self, deadline: float | None, text: str) -> None:
        """Send what OpenSSL has written.  SSLWantWriteError, TimeoutError."""
        while True:
            with self._lock:
                if self._send_some():
                    return
            if not self._sock.may_wait():
                raise ssl.SSLWantWriteError(ssl.SSL_ERROR_WANT_WRITE,
                                            "The operation did not complete (write)")
            self._wait(self._sock._writers, WRITABLE, deadline, text)

    def _send_some(self) -> bool:
        """Send records while there is room; whether all are sent."""
        unsent = self._unsent
        while unsent:
            length = min(HEADER + int.from_bytes(unsent[3:HEADER], "big"), self._sock.parameters.send_buffer)
            try:
                sent = self._sock.send(bytes(unsent[:length]), c.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            del unsent[:sent]
        return True

    def _receive(self, deadline: float | None, text: str) -> None:
        """Give OpenSSL more of the record that it waits for, or the end.  SSLWantReadError, TimeoutError."""
        while True:
            with self._lock:
                if self._receive_some():
                    return
            if not self._sock.may_wait():
                raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "The operation did not complete (read)")
            self._wait(self._sock._readers, READABLE, deadline, text)

    def _receive_some(self) -> bool:
        """Whether there was something at hand."""
        if self._incoming.pending or self._incoming.eof:  # another thread was here meanwhile
            return True
        try:
            wanted = self._missing or HEADER - len(self._header)
            data, _, flags, _ = self._sock.recvmsg(wanted, 0, c.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError as problem:
            if problem.errno != errno.ENOTCONN:
                raise
            data, flags = b"", 0  # an association that has ended
        if flags & c.MSG_NOTIFICATION:
            return True
        if not data:
            self._incoming.write_eof()
            return True
        if self._missing:
            self._missing -= len(data)
        else:
            self._header += data
            if len(self._header) == HEADER:
                self._missing = int.from_bytes(self._header[3:], "big")
                self._header.clear()
        self._incoming.write(data)
        return True

    def _wait(self, waiters: Any, wanted: int, deadline: float | None, text: str) -> None:
        sock = self._sock
        limit = None if deadline is None else max(deadline - monotonic(), 0.0)
        if not waiters.wait(lambda: sock._closed or sock._poll_state() & wanted, limit):
            raise TimeoutError(text)
        sock._check_open()


class _Held(_socket):
    """What SSLSocket's super() finds: the methods of the socket that is held, in place of the kernel's."""

    _held: Any

    def _real_close(self) -> None:
        self._held.close()

    def detach(self) -> int:
        """The descriptor, which is the caller's now."""
        self._closed = True
        return int(self._held.detach())

    def fileno(self) -> int:
        """The descriptor; -1 when this object is closed."""
        return -1 if self._closed and self._io_refs <= 0 else int(self._held.fileno())

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__} of {self._held!r}>"


def _passing_on(name: str) -> Callable[..., Any]:
    def method(self: Any, *arguments: Any, **named: Any) -> Any:
        return getattr(self._held, name)(*arguments, **named)

    method.__name__ = name
    return method


def _held_property(name: str) -> property:
    return property(lambda self: getattr(self._held, name))


for _name in ("accept", "bind", "connect", "connect_ex", "get_inheritable", "getblocking", "getpeername",
              "getsockname", "getsockopt", "gettimeout", "listen", "recv", "recv_into", "recvfrom",
              "recvfrom_into", "send", "sendall", "sendfile", "sendto", "set_inheritable", "setblocking",
              "setsockopt", "settimeout", "shutdown"):
    setattr(_Held, _name, _passing_on(_name))
for _name in ("family", "type", "proto", "timeout"):
    setattr(_Held, _name, _held_property(_name))


class TlsSocket(_SSLSocket, _Held):
    """An ssl.SSLSocket, also of gevent's class where gevent has taken its place, over an SCTP socket."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # for isinstance()
        return ssl.SSLSocket if ssl.SSLSocket is not _SSLSocket else TlsSocket

    def __getattr__(self, name: str) -> Any:  # of SCTP's own calls
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._held, name)

    def _begin(self, context: Any, sock: Any, server_side: bool, do_handshake_on_connect: bool,
               suppress_ragged_eofs: bool, server_hostname: Any, session: Any) -> None:
        self._sock_of_ours = sock
        self._held = sock.dup()  # so that the program may close its own, which the standard library detaches
        sock.close()
        self._io_refs = 0
        self._closed = False
        self._context, self._session = context, session
        self._sslobj: Any = None
        self.server_side = server_side
        self.server_hostname = context._encode_hostname(server_hostname)
        self.do_handshake_on_connect = do_handshake_on_connect
        self.suppress_ragged_eofs = suppress_ragged_eofs
        self._connected = _is_connected(self._held)
        if not self._connected:
            return
        try:
            self._start()
            if do_handshake_on_connect:
                if self.gettimeout() == 0.0:
                    raise ValueError(
                        "do_handshake_on_connect should not be specified for non-blocking sockets")
                self.do_handshake()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        self._sslobj = Records(self, self._sock_of_ours, self._context, self.server_side,
                               self.server_hostname, self._session)

    def _real_connect(self, addr: Any, connect_ex: bool) -> Any:
        if self.server_side:
            raise ValueError("can't connect in server-side mode")
        if self._connected or self._sslobj is not None:
            raise ValueError("attempt to connect already-connected SSLSocket!")
        self._start()
        try:
            result = self._held.connect_ex(addr) if connect_ex else self._held.connect(addr)
            if not result:
                self._connected = True
                if self.do_handshake_on_connect:
                    self.do_handshake()
            return result
        except (OSError, ValueError):
            self._sslobj = None
            raise

    def accept(self) -> tuple[TlsSocket, Any]:
        """(the next connection, wrapped as this socket says, its peer's address)."""
        sock, address = self._held.accept()
        return wrap_socket(self.context, sock, True, self.do_handshake_on_connect,
                           self.suppress_ragged_eofs), address


def _is_connected(sock: Any) -> bool:
    try:
        sock.getpeername()
    except OSError as problem:
        if problem.errno != errno.ENOTCONN:
            raise
        return False
    return True
