"""A session of an SCP connection as a socket: the calls of the `socket` module, with TCP's errnos.

Sections "Opening" to "Ending" of docs/scp.md.  Calls that must wait let other greenlets run.
"""
from __future__ import annotations

import errno
import socket as _socket
import warnings
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any

from .._cy.scp_session import ScpSession
from ..buffers import as_bytes, writable
from ..constants import MSG_DONTWAIT, MSG_EOR, MSG_NOSIGNAL
from ..descriptor import ENDED, READ_ENDED, READABLE, WRITABLE, Descriptor
from ..errors import error
from ..handle import refuse_to_copy
from ..timeouts import Timeouts
from .errors import IncompleteMessage, reason_error
from .hub import Transport, WaitList, now

MSG_EOR, MSG_DONTWAIT = int(MSG_EOR), int(MSG_DONTWAIT)  # plain numbers: enumerations are slow
MSG_MORE = getattr(_socket, "MSG_MORE", 0)
SEND_FLAGS = MSG_EOR | MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE
RECV_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL


class Waiters:
    """Who waits for a session: what the core's session has as its owner."""

    def __init__(self, readers: WaitList, writers: WaitList) -> None:
        self.readers, self.writers = readers, writers
        self.descriptor: Descriptor | None = None

    def wake(self) -> None:
        """Something has happened to the session."""
        if self.readers:
            self.readers.wake_all()
        if self.writers:
            self.writers.wake_all()
        if self.descriptor is not None:
            self.descriptor.update(arrived=True)


class Session(Timeouts):
    """One session; made by Connection.open() and Connection.accept().

    The program ends its direction with shutdown(SHUT_WR) or close(); reset() throws everything away.
    Errors are those of the errno table in docs/scp.md; every waiter gets them at once.  Another thread than
    the connection's gets RuntimeError.
    """

    _io_refs = 0
    _close_with_files = False
    _closed = True  # until made
    __reduce_ex__ = refuse_to_copy

    def __init__(self, connection: Any, transport: Transport, session: ScpSession) -> None:
        self._connection, self._transport = connection, transport
        self._core, self._session = transport.core, session
        self._timeout = _socket.getdefaulttimeout()
        self._waiters = Waiters(WaitList(transport), WaitList(transport))
        session.owner = self._waiters
        self._closed = False

    # ------------------------------------------------------------------ what it is

    @property
    def id(self) -> int:
        """The session id: even if the client opened it, odd if the server did."""
        return self._session.id

    @property
    def connection(self) -> Any:
        """The Connection that carries it."""
        return self._connection

    @property
    def state(self) -> str:
        """open, local-closed, remote-closed, ended, reset-sent, reset-received or lost."""
        return self._session.state

    @property
    def family(self) -> int:
        """That of the socket below."""
        return self._transport.family

    type = _socket.SOCK_STREAM
    proto = 0

    def getsockname(self) -> Any:
        """The local address of the connection."""
        return self._transport.names[0]

    def getpeername(self) -> Any:
        """The peer's address."""
        return self._transport.names[1]

    def snapshot(self) -> dict[str, Any]:
        """State and counters of the session."""
        return self._session.snapshot()

    def __repr__(self) -> str:
        return f"<{self.__class__.__qualname__} {self.id} {'closed' if self._closed else self.state}>"

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def fileno(self) -> int:
        """A descriptor for select, poll and the like, made on first use; -1 when closed."""
        if self._closed:
            return -1
        if self._waiters.descriptor is None:
            self._check_open()
            self._waiters.descriptor = Descriptor(self._readiness)
        return self._waiters.descriptor.fileno()

    def _readiness(self) -> int:
        session = self._session
        bits = READABLE if session.readable else 0
        if self._core.writable(session):
            bits |= WRITABLE
        if session.fin_received or session.read_reason:
            bits |= READ_ENDED | (0 if session.open else ENDED)
        return bits

    # ------------------------------------------------------------------ waiting

    def _check_open(self) -> None:
        if self._closed:
            raise error(errno.EBADF)
        self._transport.check()

    def _deadline(self, flags: int) -> float | None:
        """Of monotonic(); 0.0 if the call may not wait."""
        if flags & MSG_DONTWAIT or self._timeout == 0.0:
            return 0.0
        return None if self._timeout is None else monotonic() + self._timeout

    def _wait(self, waiters: WaitList, deadline: float | None) -> None:
        """EAGAIN if the call may not wait, TimeoutError after the deadline, EBADF if closed meanwhile."""
        if deadline == 0.0:
            raise error(errno.EAGAIN)
        if not waiters.wait(deadline):
            raise TimeoutError("timed out")
        self._check_open()

    # ------------------------------------------------------------------ receiving

    def _receive(self, flags: int, read: Callable[..., Any], *arguments: int) -> Any:
        """What read(session, ...) of the core gives, once it gives something; None: the end.

        Raises the session's error once everything that may be read has been read.
        """
        self._check_open()
        if flags & ~RECV_FLAGS:
            raise error(errno.EOPNOTSUPP, f"flags {flags:#x}")
        session, transport = self._session, self._transport
        tried = False
        deadline = self._deadline(flags)
        while (received := read(session, *arguments)) is None:
            if session.read_reason:
                transport.flush()  # the RST, if the reader is to blame
                raise reason_error(session.read_reason, transport.failure)
            if session.fin_received or session.discards:
                return None
            if not tried:
                tried = True
                transport.on_readable()  # something may be here that the loop has not seen yet
            else:
                self._wait_for_data(deadline)
        transport.settle()
        if self._waiters.descriptor is not None:
            self._waiters.descriptor.update()
        return received

    def _wait_for_data(self, deadline: float | None) -> None:
        self._core.wait_to_read(self._session, now())
        self._transport.settle()
        try:
            self._wait(self._waiters.readers, deadline)
        except BlockingIOError:
            raise  # it will ask again, or wait for the descriptor
        except BaseException:
            self._core.stop_waiting_to_read(self._session)
            self._transport.settle()
            raise

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """At most `bufsize` bytes; b"" at the end.  Message ends are not seen."""
        if bufsize <= 0:
            return self._nothing(bufsize)
        if not (flags or self._closed or self._waiters.descriptor):  # the short way
            self._transport.check()
            data = self._core.read(self._session, bufsize)
            if data is not None:
                if self._core.eventful:
                    self._transport.settle()
                return data
        return self._receive(flags, self._core.read, bufsize) or b""

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """As recv(), into a buffer; how many bytes."""
        view = writable(buffer)
        if nbytes > len(view):
            raise ValueError("nbytes is greater than the length of the buffer")
        data = self.recv(nbytes or len(view), flags)
        view[:len(data)] = data
        return len(data)

    def recvmsg(self, bufsize: int, ancbufsize: int = 0,
                flags: int = 0) -> tuple[bytes, list[Any], int, None]:
        """(bytes of one message, [], MSG_EOR if they end it, None); at the end (b"", [], 0, None).

        What does not fit in `bufsize`, or has not arrived, comes with the next calls.  IncompleteMessage if
        the peer ends its direction in the midst of a message.
        """
        if bufsize <= 0:
            return self._nothing(bufsize), [], 0, None
        part = self._receive(flags, self._core.read_part, bufsize)
        if part is not None:
            return part[0], [], MSG_EOR if part[1] else 0, None
        self._check_complete()
        return b"", [], 0, None

    def recv_message(self) -> bytes | None:
        """One whole message; None at the end.  EMSGSIZE, and the end of the session, beyond max_message."""
        message = self._receive(0, self._core.read_message)
        if message is None:
            self._check_complete()
        return message

    def _check_complete(self) -> None:
        if self._session.incomplete:
            raise IncompleteMessage(self._core.take_incomplete(self._session))

    def _nothing(self, bufsize: int) -> bytes:
        self._check_open()
        if bufsize < 0:
            raise ValueError("negative buffersize in recv")
        return b""

    # ------------------------------------------------------------------ sending

    def _send(self, data: Any, flags: int, whole: bool = False) -> int:
        """Queue the data, waiting for room; how many bytes, all of them unless waiting was not allowed.

        `whole`: not all is an error.
        """
        self._check_open()
        if flags and flags & ~SEND_FLAGS:
            raise error(errno.EOPNOTSUPP, f"flags {flags:#x}")
        core, session, transport = self._core, self._session, self._transport
        total = len(data) if isinstance(data, bytes) else memoryview(data).nbytes
        ends_message = bool(flags & MSG_EOR)
        deadline = self._deadline(flags)
        offset = 0
        while (taken := core.send(session, data, offset, ends_message)) < 0 or offset + taken < total:
            if taken > 0:
                offset += taken
                transport.flush()
                continue
            if session.writes_ended or not session.open:
                raise self._write_error()
            try:
                self._wait(self._waiters.writers, deadline)
            except (BlockingIOError, TimeoutError):
                if offset and not whole:
                    break
                raise
        else:
            offset = total
            if flags & MSG_MORE:
                transport.turn_soon()
            else:
                transport.flush()
        if self._waiters.descriptor is not None:
            self._waiters.descriptor.update()
        return offset

    def _write_error(self) -> OSError:
        if self._session.write_reason:
            return reason_error(self._session.write_reason, self._transport.failure)
        return error(errno.EPIPE, "this direction of the session has ended")

    def send(self, data: Any, flags: int = 0) -> int:
        """Queue bytes; how many: all, or, if the call may not wait, as many as there is room for.

        MSG_EOR: the last byte ends a message.  MSG_MORE: more will follow soon.
        """
        return self._send(data, flags)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Queue all the bytes.  After a timeout nobody knows how many."""
        self._send(data, flags, whole=True)

    def sendmsg(self, buffers: Iterable[Any], ancdata: Iterable[Any] = (), flags: int = 0,
                address: Any = None) -> int:
        """Queue the buffers one behind the other; with MSG_EOR a message ends after the last byte."""
        if address is not None:
            raise error(errno.EISCONN)
        if list(ancdata):
            raise error(errno.EOPNOTSUPP, "a session carries no ancillary data")
        return self._send(b"".join(map(as_bytes, buffers)), flags)

    def send_message(self, data: Any) -> None:
        """Queue one whole message, which may be empty."""
        self._send(data, MSG_EOR, whole=True)

    # ------------------------------------------------------------------ the end

    def shutdown(self, how: int) -> None:
        """SHUT_WR: FIN behind what is queued.  SHUT_RD: what arrives is thrown away.  SHUT_RDWR: both."""
        self._check_open()
        if how not in (_socket.SHUT_RD, _socket.SHUT_WR, _socket.SHUT_RDWR):
            raise error(errno.EINVAL)
        if how != _socket.SHUT_WR:
            self._core.stop_reading(self._session)
        if how != _socket.SHUT_RD:
            self._core.shutdown(self._session)
        self._waiters.wake()
        self._transport.flush()

    def reset(self) -> None:
        """Throw away what is queued and unread, here and at the peer (RST)."""
        self._check_open()
        self._core.reset(self._session)
        self._transport.flush()

    def close(self) -> None:
        """Let go: FIN behind what is queued; what still arrives is thrown away.

        With files of makefile() open, when the last of them is closed.
        """
        if self._io_refs > 0:
            self._close_with_files = True
        elif not self._closed:
            if not self._transport.orphaned:
                self._transport.check()
            self._detach()
            self._transport.flush()

    def _detach(self) -> None:
        self._closed = True
        self._core.close(self._session)
        self._waiters.wake()
        if self._waiters.descriptor is not None:
            self._waiters.descriptor.close()

    def __del__(self) -> None:
        if not self._closed:
            if not self._transport.orphaned:
                warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
            self._detach()
            self._transport.in_own_thread(self._transport.turn_soon)  # the collector runs in any thread

    makefile = _socket.socket.makefile

    def _decref_socketios(self) -> None:
        """A file of makefile() was closed."""
        self._io_refs = max(self._io_refs - 1, 0)
        if self._close_with_files:
            self.close()
