"""The one-to-one SCTP socket: SOCK_STREAM, one association a socket (RFC 6458 section 4).

The rules of the ordinary socket calls, with Linux's errnos.  Calls that must wait let other greenlets run.
What needs no waiting is done in the compiled base class.
"""
from __future__ import annotations

import errno
import io
import socket as _socket
import warnings
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any

from . import ancillary, notifications, options
from . import constants as c
from . import structs
from ._cy.sockbase import Readiness, SocketBase
from ._cy.user import SctpUser
from .address import from_core, is_wildcard, to_core
from .errors import error
from .hub import WaitList
from .stack import Claim, Stack, stack

Address = tuple[Any, ...]

SETTING_UP = (c.SCTP_COOKIE_WAIT, c.SCTP_COOKIE_ECHOED)
DEFAULT_BACKLOG = min(_socket.SOMAXCONN, 128)  # that of the socket module


class SctpSocket(SocketBase):
    """An SCTP endpoint with at most one association, or one that listens for associations."""

    sibling: Callable[[], SctpSocket]  # makes an empty socket of the public class, for accept()
    _closed = True  # until made

    def __init__(self, family: int = _socket.AF_INET, type: int = _socket.SOCK_STREAM,
                 proto: int = c.IPPROTO_SCTP) -> None:
        flags = getattr(_socket, "SOCK_NONBLOCK", 0)
        nonblocking = bool(type & flags)
        type &= ~(flags | getattr(_socket, "SOCK_CLOEXEC", 0))
        check_kind(family, type)
        self._set_up(stack(), family, None)
        if nonblocking:
            self._timeout = 0.0

    def _set_up(self, stack: Stack, family: int, user: SctpUser | None) -> None:
        self._stack = stack
        self._family = family
        self._timeout = _socket.getdefaulttimeout()
        self._listener: Any = None
        self._claim: Claim | None = None
        self._peer: Address | None = None  # as getpeername() shows it
        self._error_taken = False
        self._read_ended = False  # SHUT_RD, or the association was gone before it was accepted
        self._orphaned = False
        self._io_refs = 0
        self.parameters = stack.parameters()
        self.buffer_sizes: dict[str, int] = {}  # as SO_RCVBUF and SO_SNDBUF show them
        self.switches: dict[int, int] = {}
        self.linger = (0, 0)
        self.reuse_address = False
        self.recv_rcvinfo = self.recv_nxtinfo = False
        self.mapped_v4 = True
        self.engine = stack.engine
        self.user = user if user is not None else SctpUser(stack.endpoint.ready_list)
        self._readers, self._writers = WaitList(stack.driver), WaitList(stack.driver)
        self.readiness = self.user.owner = Readiness(self.user, self._readers, self._writers)
        self._closed = False
        stack.sockets.add(self)

    # ------------------------------------------------------------------ what it is

    @property
    def family(self) -> _socket.AddressFamily:
        """AF_INET or AF_INET6."""
        return _socket.AddressFamily(self._family)

    @property
    def type(self) -> _socket.SocketKind:
        """SOCK_STREAM."""
        return _socket.SOCK_STREAM

    @property
    def proto(self) -> int:
        """IPPROTO_SCTP."""
        return c.IPPROTO_SCTP

    @property
    def listening(self) -> bool:
        """Whether listen() is in force (SO_ACCEPTCONN)."""
        return self._listener is not None

    def __repr__(self) -> str:
        shown = [f"family={self.family!s}", f"type={self.type!s}", f"proto={self.proto}"]
        if not self._closed:
            shown.append(f"laddr={self.getsockname()}")
            if self._peer is not None:
                shown.append(f"raddr={self._peer}")
        state = " [closed]" if self._closed else ""
        return f"<{type(self).__module__}.{type(self).__qualname__}{state} {', '.join(shown)}>"

    def __enter__(self) -> SctpSocket:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __getstate__(self) -> Any:
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    def fileno(self) -> int:
        """-1 when closed.  An open socket has no descriptor yet: io.UnsupportedOperation."""
        if self._closed:
            return -1
        raise io.UnsupportedOperation("an SCTP socket over UDP has no file descriptor of its own yet")

    # ------------------------------------------------------------------ waiting

    def settimeout(self, value: float | None) -> None:
        """Seconds that a call may wait; 0: none may wait; None: for ever."""
        if value is not None:
            value = float(value)
            if value < 0:
                raise ValueError("Timeout value out of range")
        self._timeout = value

    def gettimeout(self) -> float | None:
        """What settimeout() set."""
        return self._timeout

    timeout = property(gettimeout)

    def setblocking(self, flag: bool) -> None:
        """settimeout(None) or settimeout(0)."""
        self._timeout = None if flag else 0.0

    def getblocking(self) -> bool:
        """Whether calls may wait."""
        return self._timeout != 0.0

    def _wait(self, waiters: WaitList, ready: Callable[[], object], flags: int = 0) -> None:
        """Let other greenlets run until ready() is true.

        BlockingIOError (EAGAIN) at once if the call may not wait, TimeoutError after the timeout, EBADF if
        the socket is closed meanwhile.
        """
        if self._timeout == 0.0 or flags & c.MSG_DONTWAIT:
            self.engine.poll()  # a program that only ever polls us must see progress too
            if not ready():
                raise error(errno.EAGAIN)
            return
        deadline = None if self._timeout is None else monotonic() + self._timeout
        while not ready():
            waiters.wait(None if deadline is None else deadline - monotonic())
            self._check_open()

    def _check_open(self) -> None:
        if self._closed:
            raise error(errno.EBADF, "the socket belongs to the parent process" if self._orphaned else "")

    # ------------------------------------------------------------------ addresses

    def core_address(self, address: Any) -> tuple[str, int]:
        """(numeric host, port) of an address tuple given to this socket."""
        if self._family == _socket.AF_INET6 and isinstance(address, tuple) and len(address) == 2 and "." in address[0]:
            return to_core(_socket.AF_INET, address)
        return to_core(self._family, address)

    def shown_address(self, host: str, port: int) -> Address:
        """The address tuple that this socket shows for a host of the core."""
        return from_core(self._family, host, port, self.mapped_v4)

    def _source(self, association: Any) -> Address | None:
        """Where a message or notification came from."""
        if self._peer is None and association is not None:
            self._peer = self.shown_address(association.peer_host, association.peer_port)
        return self._peer

    def _ip_version(self, host: str) -> bool | None:
        """True: IPv6, False: IPv4, None: both, by the family and the host (a wildcard: "")."""
        if self._family == _socket.AF_INET:
            return False
        if is_wildcard(host):
            return None
        return ":" in host

    def bind(self, address: Any) -> None:
        """Take a local address and port (0: any).  EINVAL when bound, EADDRINUSE, EADDRNOTAVAIL, EACCES."""
        self._check_open()
        host, port = self.core_address(address)
        if self._claim is not None:
            raise error(errno.EINVAL, "the socket is bound")
        self._claim = self._stack.claim(host, port, self._ip_version(host), self.reuse_address)

    def _bind_if_unbound(self) -> Claim:
        if self._claim is None:
            self._claim = self._stack.claim("", 0, self._ip_version(""), False)
        return self._claim

    def getsockname(self) -> Address:
        """The local address; the wildcard and port 0 if there is none yet."""
        self._check_open()
        host, port = ("", 0) if self._claim is None else (self._claim.host, self._claim.port)
        if not host and self.association is not None:
            host = self.association.local_host
        if is_wildcard(host):
            return ("0.0.0.0", port) if self._family == _socket.AF_INET else ("::", port, 0, 0)
        return self.shown_address(host, port)

    def getpeername(self) -> Address:
        """The peer's address, also when the association has ended.  ENOTCONN before it was up."""
        self._check_open()
        association = self.association
        if association is None or not association.announced:
            raise error(errno.ENOTCONN)
        peer = self._source(association)
        assert peer is not None
        return peer

    # ------------------------------------------------------------------ listening

    def listen(self, backlog: int = DEFAULT_BACKLOG) -> None:
        """Take associations that peers set up; `backlog` + 1 may wait to be accepted, more are refused.

        0 ends it (EINVAL if the socket did not listen).  EINVAL on a connected socket, EADDRINUSE if
        another socket listens at the port.
        """
        self._check_open()
        backlog = max(backlog, 0)
        if self.association is not None:
            raise error(errno.EINVAL, "the socket is connected")
        if self._listener is not None:
            if backlog:
                self._listener.backlog = backlog
            else:
                self._stop_listening()
            return
        if backlog == 0:
            raise error(errno.EINVAL, "the socket does not listen")
        claim = self._bind_if_unbound()
        if self._stack.listening_conflict(claim):
            raise error(errno.EADDRINUSE, f"another socket listens at SCTP port {claim.port}")
        self._stack.open_for_listening(claim.ipv6)
        self._listener = self._stack.endpoint.listen(self.user, claim.host, claim.port, backlog, self.parameters)
        claim.listening = True

    def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        assert self._claim is not None
        self._claim.listening = False
        listener.close(self.engine.now())
        self.engine.pump()

    def accept(self) -> tuple[SctpSocket, Address]:
        """(a socket with the next association, its peer's address).  EINVAL if the socket does not listen."""
        self._check_open()
        if self._listener is None:
            raise error(errno.EINVAL, "the socket does not listen")
        if not self._listener.pending:
            self._wait(self._readers, lambda: self._listener is None or self._listener.pending)
            if self._listener is None:
                raise error(errno.EINVAL, "the socket does not listen any more")
        accepted = self.sibling()
        accepted._adopt(self, self._listener.accept())
        return accepted, accepted.getpeername()

    def _adopt(self, listener: SctpSocket, association: Any) -> None:
        """Become the socket of an association that was set up at a listening one, whose options it has too."""
        self._set_up(listener._stack, listener._family, association.user)
        self.association = association
        self.parameters = association.parameters
        for name in ("linger", "reuse_address", "recv_rcvinfo", "recv_nxtinfo", "mapped_v4", "disable_fragments",
                     "default_stream", "default_flags", "default_ppid", "default_context", "default_timetolive"):
            setattr(self, name, getattr(listener, name))
        self.buffer_sizes = dict(listener.buffer_sizes)
        self.switches = dict(listener.switches)
        claim = listener._claim
        assert claim is not None
        self._claim = self._stack.enter(Claim(claim.host, claim.port, claim.ipv6, claim.reuse))
        if association.ended:  # before it was accepted: what arrived can be read, then the stream ends
            self._error_taken = self._read_ended = True
        self._source(association)

    # ------------------------------------------------------------------ connecting

    def connect(self, address: Any) -> None:
        """Set up an association and wait for it.

        EISCONN if there is, or was, one; EALREADY while one is set up; EINPROGRESS if the call may not wait;
        ECONNREFUSED, ETIMEDOUT, after which connecting may be tried again.
        """
        self._check_open()
        self._associate(*self.core_address(address))
        association = self.association
        if self._timeout == 0.0:
            raise error(errno.EINPROGRESS)
        self._wait(self._writers, lambda: association.state not in SETTING_UP)
        if not association.announced:
            raise error(self.take_error() or errno.ECONNABORTED)

    def connect_ex(self, address: Any) -> int:
        """As connect(), but gives the errno, 0 for success; EAGAIN after the timeout."""
        try:
            self.connect(address)
        except _socket.gaierror:
            raise
        except TimeoutError as problem:
            return problem.errno or errno.EAGAIN
        except OSError as problem:
            return problem.errno or errno.EINVAL
        return 0

    def _associate(self, host: str, port: int, init: Any = None) -> None:
        """Begin an association; `init` overrides SCTP_INITMSG for it."""
        association = self.association
        if association is not None and association.state in SETTING_UP and self._timeout == 0.0:
            self.engine.poll()
        if self._listener is not None or (association is not None and association.announced):
            raise error(errno.EISCONN)
        if association is not None and not association.ended:
            raise error(errno.EALREADY)
        if port == 0 or is_wildcard(host) or is_multicast(host):
            raise error(errno.EINVAL, f"{host} port {port} is no peer")
        claim = self._bind_if_unbound()
        ipv6 = ":" in host
        if claim.ipv6 is not None and claim.ipv6 != ipv6:
            raise error(errno.ENETUNREACH, f"{host} is of the other IP version")
        parameters = self.parameters
        if init is not None:
            parameters = parameters.copy()
            options.apply_initmsg(parameters, init)
        udp_port = parameters.remote_udp_port or self._stack.configuration.udp_port
        carrier = self._stack.carrier("connect", ipv6)
        self._peer = None
        self._error_taken = False
        self.association = self._stack.endpoint.connect(
            self.user, claim.host, claim.port, host, port, udp_port, carrier.index, parameters, self.engine.now())
        self.engine.pump()

    def take_error(self) -> int:
        """The errno that ended the association, told once (SO_ERROR); 0 if there is none."""
        association = self.association
        if association is None or not association.ended or self._error_taken:
            return 0
        self._error_taken = True
        return int(association.error)

    def connected_association(self) -> Any:
        """The association if it is up or closing, else None: what options and status are of."""
        association = self.association
        if association is None or association.ended or association.state in SETTING_UP:
            return None
        return association

    # ------------------------------------------------------------------ sending

    def sendto(self, data: Any, *arguments: Any) -> int:
        """sendto(data[, flags], address): as send(); an unconnected socket is connected by it."""
        if not 1 <= len(arguments) <= 2:
            raise TypeError(f"sendto() takes 2 or 3 arguments ({1 + len(arguments)} given)")
        flags = arguments[0] if len(arguments) == 2 else 0
        return self._send(data, self.default_stream, self.default_ppid, self.default_flags, self.default_timetolive,
                          self.default_context, flags, arguments[-1])

    def sendmsg(self, buffers: Iterable[Any], ancdata: Iterable[tuple[int, int, Any]] = (), flags: int = 0,
                address: Any = None) -> int:
        """Send the buffers as one message, as ancillary data says (RFC 6458 section 5.3); its length."""
        data = b"".join(bytes(memoryview(buffer)) for buffer in buffers)
        self._check_sendable(data)
        info = ancillary.parse(ancdata, self)
        return self._send(data, info.stream, info.ppid, info.flags, info.timetolive, info.context, flags, address,
                          info.init)

    def _check_sendable(self, data: bytes) -> None:
        """What Linux looks at before ancillary data."""
        self._check_open()
        if self._listener is not None:
            raise error(errno.EPIPE, "a listening socket has no association")
        if len(data) > self.parameters.send_buffer:
            raise error(errno.EMSGSIZE, f"{len(data)} bytes are more than SO_SNDBUF")

    def _send(self, data: Any, stream: int, ppid: int, flags: int, timetolive: int, context: int, msg_flags: int = 0,
              to: Any = None, init: Any = None) -> int:
        """Send one message by all rules, in the order in which Linux applies them."""
        if type(data) is not bytes:
            data = bytes(memoryview(data))
        self._check_sendable(data)
        if flags & ~ancillary.SEND_FLAGS:
            raise error(errno.EINVAL, f"flags {flags:#x}")
        if flags & (c.SCTP_EOF | c.SCTP_ABORT):
            raise error(errno.EINVAL, "SCTP_EOF and SCTP_ABORT are for one-to-many sockets")
        if not data:
            raise error(errno.EINVAL, "a message has at least one byte")
        if to is None and flags & c.SCTP_ADDR_OVER:
            raise error(errno.EINVAL, "SCTP_ADDR_OVER wants an address")
        created = to is not None and self._connect_by_sending(to, stream, init)
        association = self.association
        if association is None or association.ended or (to is None and association.state in SETTING_UP):
            raise error(self.take_error() or errno.EPIPE)
        if stream >= association.outbound_streams:
            raise error(errno.EINVAL, f"stream {stream} of {association.outbound_streams}")
        if self.disable_fragments and len(data) > self._fragmentation_point():
            raise error(errno.EMSGSIZE, f"{len(data)} bytes do not fit one packet, and fragmentation is disabled")
        self._submit(association, data, stream, ppid, flags, timetolive, context, msg_flags)
        if created and self._timeout != 0.0 and not msg_flags & c.MSG_DONTWAIT:
            self._wait(self._writers, lambda: association.state not in SETTING_UP)  # whatever comes of it, as Linux
        return len(data)

    def _submit(self, association: Any, data: bytes, stream: int, ppid: int, flags: int, timetolive: int,
                context: int, msg_flags: int) -> None:
        """Give the message to the association as soon as there is room."""
        result = association.submit(data, stream, ppid, flags, timetolive, context, self.engine.now())

        def settled() -> bool:
            nonlocal result
            if result == errno.EAGAIN:
                result = association.submit(data, stream, ppid, flags, timetolive, context, self.engine.now())
            return bool(result != errno.EAGAIN)

        if result == errno.EAGAIN:
            self._wait(self._writers, settled, msg_flags)
        if result:
            raise error(self.take_error() or result)
        self.engine.pump()

    def _connect_by_sending(self, to: Any, stream: int, init: Any) -> bool:
        """sendto() with an address: True if it has begun an association; EADDRNOTAVAIL if it is another peer's."""
        host, port = self.core_address(to)
        association = self.association
        if association is None or (association.ended and not association.announced):
            streams = (init.sinit_num_ostreams if init is not None else 0) or self.parameters.outbound_streams
            if stream >= streams:
                raise error(errno.EINVAL, f"stream {stream} of {streams}")
            self._associate(host, port, init)
            return True
        if not association.ended and (host, port) not in self._peers(association):
            raise error(errno.EADDRNOTAVAIL, f"{host} port {port} is not the peer")
        return False

    def _peers(self, association: Any) -> list[tuple[str, int]]:
        return [(path["address"], association.peer_port) for path in association.snapshot()["paths"]]

    def _fragmentation_point(self) -> int:
        association = self.association
        return options.fragmentation_point(association.snapshot()["paths"][0])

    # ------------------------------------------------------------------ receiving

    def _await_record(self, flags: int) -> bool:
        """Wait for a message or notification; False at the end of the stream.

        The error that ended the association comes once; ENOTCONN when there is, or remains, no association.
        """
        self._check_open()
        if self._listener is not None:
            raise error(errno.ENOTCONN, "a listening socket has no association")
        if flags & c.MSG_ERRQUEUE:
            raise error(errno.EAGAIN)
        queue = self.user.receive_queue
        if not self._nothing_will_come() and not queue.count:
            self._wait(self._readers, lambda: queue.count or self._nothing_will_come(), flags)
        if queue.count:
            return True
        number = self.take_error()
        if number:
            raise error(number)
        if self._read_ended or (self.association is not None and self.association.peer_shutdown):
            return False
        raise error(errno.ENOTCONN)

    def _nothing_will_come(self) -> bool:
        association = self.association
        return association is None or association.ended or association.peer_shutdown or self._read_ended

    def _encode(self, kind: int, fields: tuple[Any, ...]) -> bytes:
        return notifications.encode(kind, fields, self._family, self.mapped_v4)

    def _sndrcvinfo(self, data: bytes) -> Any:
        return structs.sctp_sndrcvinfo.from_buffer_copy(data)

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, Address | None]:
        """As recv(), with the peer's address."""
        if bufsize < 0:
            raise ValueError("negative buffersize in recvfrom")
        received = self._receive(bufsize, flags)
        return (b"", None) if received is None else (received[0], self._source(received[2]))

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Address | None]:
        """As recv_into(), with the peer's address."""
        count = self.recv_into(buffer, nbytes, flags)
        return count, self._source(self.association) if count else None

    def recvmsg(self, bufsize: int, ancbufsize: int = 0,
                flags: int = 0) -> tuple[bytes, list[ancillary.Item], int, Address | None]:
        """(data, ancillary data, msg_flags, address) of the next message or notification.

        msg_flags has MSG_EOR with its last piece and MSG_NOTIFICATION with notifications; it is 0 at the end
        of the stream.  Ancillary data: NXTINFO, RCVINFO, SNDRCV as they are switched on and as they fit.
        """
        if bufsize < 0:
            raise ValueError("negative buffer size in recvmsg()")
        if ancbufsize < 0:
            raise ValueError("invalid ancillary data buffer length")
        received = self._receive(bufsize, flags)
        if received is None:
            return b"", [], 0, None
        data, msg_flags, association, fields = received
        items = self._received_items(association, fields, msg_flags, bool(flags & c.MSG_PEEK))
        fitting, truncated = ancillary.fit(items, ancbufsize)
        return data, fitting, msg_flags | truncated, self._source(association)

    def recvmsg_into(self, buffers: Iterable[Any], ancbufsize: int = 0,
                     flags: int = 0) -> tuple[int, list[ancillary.Item], int, Address | None]:
        """As recvmsg(), into buffers."""
        views = [memoryview(buffer).cast("B") for buffer in buffers]
        data, items, msg_flags, address = self.recvmsg(sum(map(len, views)), ancbufsize, flags)
        start = 0
        for view in views:
            part = data[start:start + len(view)]
            view[:len(part)] = part
            start += len(part)
        return len(data), items, msg_flags, address

    def _received_items(self, association: Any, fields: tuple[Any, ...] | None, msg_flags: int,
                        peeked: bool) -> list[tuple[int, Any]]:
        """The ancillary data that this socket wants with a message; notifications have none."""
        if fields is None:
            return []
        items: list[tuple[int, Any]] = []
        if self.recv_nxtinfo and msg_flags & c.MSG_EOR and not peeked:
            following = self._next()
            if following is not None:
                items.append((c.SCTP_NXTINFO, ancillary.nxtinfo(following, association.assoc_id)))
        if self.recv_rcvinfo:
            items.append((c.SCTP_RCVINFO, ancillary.rcvinfo(fields, association.assoc_id)))
        if self.user.event_mask & 1:
            items.append((c.SCTP_SNDRCV, ancillary.sndrcvinfo(fields, association.assoc_id)))
        return items

    # ------------------------------------------------------------------ the end

    def shutdown(self, how: int) -> None:
        """SHUT_WR and SHUT_RDWR end the association gracefully; SHUT_RD drops what arrives.

        ENOTCONN if there is no association, EINVAL for another `how`.
        """
        self._check_open()
        if how not in (_socket.SHUT_RD, _socket.SHUT_WR, _socket.SHUT_RDWR):
            raise error(errno.EINVAL, f"shutdown({how})")
        if self._listener is not None:
            if how != _socket.SHUT_WR:
                raise error(errno.EOPNOTSUPP, "a listening socket has no association")
            return
        association = self.connected_association()
        if how != _socket.SHUT_WR:
            self._read_ended = True
            self._discard_data()
            self._readers.wake_all()
        if association is None:
            raise error(errno.ENOTCONN)
        if how != _socket.SHUT_RD:
            association.shutdown(self.engine.now())
            self.engine.pump()

    def close(self) -> None:
        """Give the socket back.  Its association is shut down behind; aborted if data was left unread.

        SO_LINGER {1, n} waits up to n seconds for that; {1, 0} aborts.
        """
        if self._io_refs > 0:
            self._close_with_files = True
        elif not self._closed:
            self._close()

    def _close(self) -> None:
        """close(), whatever files of makefile() are open."""
        association = self.association
        self._closed = True
        self._stack.sockets.discard(self)
        if self._listener is not None:
            self._stop_listening()
        if association is not None:
            association.close(self.engine.now())
        self.association = None
        self.user.owner = None
        self.user.receive_queue.discard()
        if self._claim is not None:
            self._stack.release(self._claim)
        self._readers.wake_all()
        self._writers.wake_all()
        self.engine.pump()
        on, seconds = self.linger
        if association is not None and on and seconds > 0:
            self._stack.driver.run_until(lambda: association.ended, seconds)

    def _orphan(self) -> None:
        """In a child after fork(): the association is the parent's."""
        self._closed = self._orphaned = True
        self.association = None
        self.user.owner = None
        self.user.receive_queue.discard()

    def __del__(self) -> None:
        if not self._closed:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
            self._close()

    _close_with_files = False
    makefile = _socket.socket.makefile

    def _decref_socketios(self) -> None:
        """A file of makefile() was closed."""
        self._io_refs = max(self._io_refs - 1, 0)
        if self._close_with_files:
            self.close()

    # ------------------------------------------------------------------ options

    def setsockopt(self, level: int, optname: int, value: Any, optlen: int | None = None) -> None:
        """Set an option: an int, or the bytes of its structure (RFC 6458 section 8).

        ENOPROTOOPT for an unknown option, EINVAL for a wrong length or value.
        """
        self._check_open()
        if value is None:
            raise error(errno.EFAULT, f"no value, length {optlen}")
        options.set_option(self, level, optname, value if isinstance(value, int) else bytes(memoryview(value)))

    def getsockopt(self, level: int, optname: int, buflen: Any = 0) -> Any:
        """Get an option: an int without `buflen`, else bytes.

        `buflen` may be the structure (or bytes) that is also input, an address's for instance.
        """
        self._check_open()
        if not isinstance(buflen, int):
            return options.get_option(self, level, optname, bytes(memoryview(buflen)))
        if buflen < 0:
            raise error(errno.EINVAL, f"getsockopt buflen {buflen}")
        value = options.get_option(self, level, optname, bytes(buflen or 4))
        return value if buflen else int.from_bytes(value, options._byteorder, signed=True)


def check_kind(family: int, type: int) -> None:
    """The errnos of socket() for what is no SCTP socket."""
    if family not in (_socket.AF_INET, _socket.AF_INET6):
        raise error(errno.EAFNOSUPPORT, f"SCTP with address family {family}")
    if not 0 <= type <= 10:
        raise error(errno.EINVAL, f"socket type {type}")
    if type == _socket.SOCK_SEQPACKET:
        raise error(errno.EPROTONOSUPPORT, "one-to-many SCTP sockets (SOCK_SEQPACKET) are not there yet")
    if type == _socket.SOCK_DGRAM:
        raise error(errno.EPROTONOSUPPORT, "SCTP has SOCK_STREAM and SOCK_SEQPACKET")
    if type != _socket.SOCK_STREAM:
        raise error(errno.ESOCKTNOSUPPORT, f"socket type {type}")


def is_multicast(host: str) -> bool:
    """Whether no association can be with this host: multicast and broadcast addresses."""
    if ":" in host:
        return host.lower().startswith("ff")
    first = int(host.partition(".")[0])
    return first >= 224 or first == 0
