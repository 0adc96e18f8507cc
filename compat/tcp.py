"""A TCP program's stream over SCTP: a one-to-one socket that reads and writes bytes, not messages.

Sending cuts what is too large for one message; reading joins what is at hand, and sees no notification.

The end of a stream.  SCTP has no half-closed state: who receives SHUTDOWN takes no more data from its user
(RFC 9260 section 9.2), so shutdown(SHUT_WR) would cut off the reply that a TCP program then waits for.  Two
sockets of this class agree at set-up, by the Adaptation Layer Indication (RFC 5061 section 4.2.6), that a
message with a payload protocol identifier of its own ends the stream.  After it the sender may only read, and
the reader sees the end; once both have ended their streams, or close(), SHUTDOWN follows.  With any other
peer shutdown(SHUT_WR) is SHUTDOWN, after which nothing but what the peer had sent already is read.

At the end of an association reading gives b"", as with TCP, where the other SCTP sockets say ENOTCONN.
"""
from __future__ import annotations

import errno
import socket as _stdlib
import sys
from collections.abc import Iterable
from time import monotonic
from typing import Any

from gevent.monkey import get_original

from pysctpsock import constants as c
from pysctpsock import options, structs
from pysctpsock.buffers import scatter, writable
from pysctpsock.errors import error
from pysctpsock.one_to_one import OneToOneSocket

from . import tcp_info

MESSAGE_SIZE = 1 << 16  # bytes; longer ones are cut
SACK_DELAY = 40_000  # microseconds, Linux's least for TCP: programs that write twice and read wait for it
ADAPTATION = 0x54435042  # of ends that know END_OF_STREAM
END_OF_STREAM = _stdlib.htonl(0x54435045)  # the payload protocol identifier of a message that is no data
MAXIMUM = 1 << 31  # a send buffer that is never full
MSG_WAITALL = _stdlib.MSG_WAITALL

_original: Any = get_original("socket", "socket")


def number(name: str) -> int | None:
    """A TCP option's number; None where the system has none."""
    return getattr(_stdlib, name, None)


KEEPIDLE, KEEPCNT = number("TCP_KEEPIDLE") or number("TCP_KEEPALIVE"), number("TCP_KEEPCNT")
KEEP_ALIVE = {(_stdlib.SOL_SOCKET, _stdlib.SO_KEEPALIVE), (_stdlib.IPPROTO_TCP, KEEPIDLE),
              (_stdlib.IPPROTO_TCP, KEEPCNT)}
TRANSLATED = {(_stdlib.IPPROTO_TCP, number("TCP_NODELAY")): (c.SOL_SCTP, c.SCTP_NODELAY),
              (_stdlib.IPPROTO_TCP, number("TCP_MAXSEG")): (c.SOL_SCTP, c.SCTP_MAXSEG)}
TCP_INFO = (_stdlib.IPPROTO_TCP, number("TCP_INFO"))
ABSENT = {number(name) for name in ("TCP_INFO", "TCP_CONGESTION", "TCP_MD5SIG", "TCP_ULP", "TCP_REPAIR")}
TUNED = {_stdlib.SOL_SOCKET, _stdlib.IPPROTO_TCP, _stdlib.IPPROTO_IP, _stdlib.IPPROTO_IPV6}


class TcpSocket(OneToOneSocket):
    """TcpSocket(family, type, proto): what a program has that asked for a TCP socket of that kind."""

    def __init__(self, family: int = -1, type: int = -1, proto: int = 0) -> None:
        self._proto = proto
        super().__init__(_stdlib.AF_INET if family == -1 else family,
                         _stdlib.SOCK_STREAM if type == -1 else type, c.IPPROTO_SCTP)
        self.parameters.sack_delay = SACK_DELAY
        self.parameters.adaptation_indication = ADAPTATION

    def _set_up(self, stack: Any, family: int, user: Any) -> None:
        super()._set_up(stack, family, user)
        self._reading_ended = self._writing_ended = False
        self._remembered: dict[tuple[int, int], int] = {}  # options without meaning here

    def _adopt(self, listener: Any, association: Any) -> None:
        self._proto = listener._proto
        super()._adopt(listener, association)
        self._remembered = dict(listener._remembered)

    @property
    def proto(self) -> int:
        """As the program asked for it: 0 or IPPROTO_TCP."""
        return self._proto

    # ------------------------------------------------------------------ writing

    def send(self, data: Any, flags: int = 0) -> int:
        """Send bytes, all of them unless the socket may not wait, or not so long; how many."""
        view = memoryview(data).cast("B")
        if self._writing_ended:
            raise error(errno.EPIPE)
        if flags & _stdlib.MSG_OOB:
            raise error(errno.EOPNOTSUPP, "SCTP has no urgent data")
        flags &= c.MSG_DONTWAIT
        sent, size = 0, min(MESSAGE_SIZE, self.parameters.send_buffer)
        timeout = self.gettimeout()
        end = monotonic() + timeout if timeout else None
        while sent < len(view) and not (sent and end is not None and monotonic() >= end):
            piece = view[sent:sent + size]
            try:
                sent += super().send(data if len(piece) == len(view) else bytes(piece), flags)
            except (BlockingIOError, TimeoutError):
                if not sent:
                    raise
                break
        return sent

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all bytes; a socket that may not wait raises EAGAIN having sent some.

        The timeout is that of the whole: what was sent in part has run into it, and is not tried again.
        """
        view = memoryview(data).cast("B")
        sent = self.send(data, flags)
        while sent < len(view):
            if self.gettimeout():
                raise TimeoutError("timed out")
            sent += self.send(view[sent:], flags)

    def sendto(self, data: Any, *arguments: Any) -> int:
        """As send(): a stream has one peer."""
        return self.send(data, arguments[0] if len(arguments) == 2 else 0)

    def sendmsg(self, buffers: Iterable[Any], ancdata: Any = (), flags: int = 0, address: Any = None) -> int:
        """As send() of all buffers."""
        return self.send(b"".join(buffers), flags)

    sendfile = _original._sendfile_use_send  # os.sendfile() would write to the descriptor
    _sendfile_use_send = _original._sendfile_use_send
    _check_sendfile_params = _original._check_sendfile_params

    # ------------------------------------------------------------------ reading

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Up to `bufsize` bytes, whatever messages they came in; b"" at the end of the stream."""
        if bufsize < 0:
            raise ValueError("negative buffersize in recv")
        data = self._read(bufsize, flags)
        if not data or len(data) == bufsize:
            return data
        if flags & c.MSG_PEEK:
            return self._peek(bufsize, END_OF_STREAM if self._marks_ends() else -1)
        parts, left = [data], bufsize - len(data)
        while left and (flags & MSG_WAITALL or self._more_at_hand()):
            try:
                data = self._read(left, flags)
            except (BlockingIOError, TimeoutError):
                break
            if not data:
                break
            parts.append(data)
            left -= len(data)
        return b"".join(parts)

    def _read(self, size: int, flags: int) -> bytes:
        """Up to `size` bytes of one message."""
        if not size or self._reading_ended:
            self._check_open()
            return b""
        if not self._next(0) and not self._await_record(flags):
            return b""
        if self._at_mark():
            self._take_mark()
            return b""
        return super().recv(size, flags & ~MSG_WAITALL)

    def _more_at_hand(self) -> bool:
        return self._next(0) is not None and not self._at_mark()

    def _at_mark(self) -> bool:
        record = self._next(0)
        return record is not None and record[3] == END_OF_STREAM and self._marks_ends()

    def _take_mark(self) -> None:
        super().recv(1)
        self._reading_ended = True
        if self._writing_ended:
            self._shut_down()

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """As recv(), into a buffer; the number of bytes."""
        view = writable(buffer)
        if nbytes < 0:
            raise ValueError("negative buffersize in recv_into")
        if nbytes > len(view):
            raise ValueError("buffer too small for requested bytes")
        data = self.recv(nbytes or len(view), flags)
        view[:len(data)] = data
        return len(data)

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, None]:
        """As recv(); a stream has no addresses."""
        return self.recv(bufsize, flags), None

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, None]:
        """As recv_into(); a stream has no addresses."""
        return self.recv_into(buffer, nbytes, flags), None

    def recvmsg(self, bufsize: int, ancbufsize: int = 0,
                flags: int = 0) -> tuple[bytes, list[Any], int, None]:
        """As recv(), without ancillary data."""
        return self.recv(bufsize, flags), [], 0, None

    def recvmsg_into(self, buffers: Iterable[Any], ancbufsize: int = 0,
                     flags: int = 0) -> tuple[int, list[Any], int, None]:
        """As recvmsg(), into buffers."""
        views = [writable(buffer) for buffer in buffers]
        data = self.recv(sum(map(len, views)), flags)
        scatter(data, views)
        return len(data), [], 0, None

    def _read_without_association(self, flags: int) -> None:
        if self.association is None or not self.association.announced:
            super()._read_without_association(flags)

    # ------------------------------------------------------------------ the end

    def _marks_ends(self) -> bool:
        """Whether the peer is a socket of this kind too."""
        return self.association is not None and self.association.peer_adaptation == ADAPTATION

    def shutdown(self, how: int) -> None:
        """SHUT_WR ends the stream as above; SHUT_RDWR ends the association; SHUT_RD drops what arrives."""
        association = self.association_meant(0)
        if how != _stdlib.SHUT_WR or association is None or not self._marks_ends():
            super().shutdown(how)
        elif not self._writing_ended:
            self._send_mark(association)
        if how != _stdlib.SHUT_RD:
            self._writing_ended = True
        if self._writing_ended and self._reading_ended:
            self._shut_down()

    def _send_mark(self, association: Any) -> None:
        """Behind all data, however full the buffer is: shutdown() does not wait."""
        parameters = association.parameters
        kept, parameters.send_buffer = parameters.send_buffer, MAXIMUM
        try:
            self.sctp_sendmsg(b"\0", None, END_OF_STREAM)
        finally:
            parameters.send_buffer = kept

    def _shut_down(self) -> None:
        if self.association_meant(0) is not None:
            super().shutdown(_stdlib.SHUT_WR)

    def _close(self) -> None:
        if self._at_mark():  # it is no data that would have been left unread
            self._take_mark()
        super()._close()

    # ------------------------------------------------------------------ options

    def setsockopt(self, level: int, optname: int, value: Any, optlen: int | None = None) -> None:
        """TCP's options by SCTP's means; those that only tune TCP or IP are remembered and do nothing."""
        self._check_open()
        level, optname = self._translate(level, optname)
        if options.find(level, optname) is not None or level not in TUNED:
            super().setsockopt(level, optname, value, optlen)
        else:
            self._remembered[level, optname] = as_int(value)
        if (level, optname) in KEEP_ALIVE:
            self._set_heartbeats()

    def getsockopt(self, level: int, optname: int, buflen: Any = 0) -> Any:
        """As setsockopt(); TCP_INFO is told of the association."""
        self._check_open()
        if (level, optname) == TCP_INFO:
            info = tcp_info.of(self).pack()
            return info[:buflen] if buflen else as_int(info)
        level, optname = self._translate(level, optname)
        if options.find(level, optname) is not None or level not in TUNED:
            return super().getsockopt(level, optname, buflen)
        value = self._remembered.get((level, optname), 0)
        return value.to_bytes(4, sys.byteorder, signed=value < 0)[:buflen] if buflen else value

    def _translate(self, level: int, optname: int) -> tuple[int, int]:
        """The level and number that say it to SCTP.  ENOPROTOOPT for what only TCP has."""
        if level == _stdlib.IPPROTO_TCP and optname in ABSENT:
            raise error(errno.ENOPROTOOPT, f"SCTP has no TCP option {optname}")
        return TRANSLATED.get((level, optname), (level, optname))

    def _set_heartbeats(self) -> None:
        """Keep-alive is SCTP's heartbeat: TCP_KEEPIDLE is its interval, TCP_KEEPCNT how many may be lost."""
        alive = bool(self.getsockopt(_stdlib.SOL_SOCKET, _stdlib.SO_KEEPALIVE))
        idle, count = (self._remembered.get((_stdlib.IPPROTO_TCP, option), 0) if option else 0
                       for option in (KEEPIDLE, KEEPCNT))
        super().setsockopt(c.SOL_SCTP, c.SCTP_PEER_ADDR_PARAMS, structs.sctp_paddrparams(
            spp_flags=c.SPP_HB_ENABLE if alive else c.SPP_HB_DISABLE,
            spp_hbinterval=1000 * idle if alive else 0, spp_pathmaxrxt=count))
        if count:
            super().setsockopt(c.SOL_SCTP, c.SCTP_ASSOCINFO, structs.sctp_assocparams(sasoc_asocmaxrxt=count))


TcpSocket.sibling = staticmethod(lambda: TcpSocket.__new__(TcpSocket))


def as_int(value: Any) -> int:
    """An option's value as a number."""
    return value if isinstance(value, int) else int.from_bytes(bytes(value)[:4], sys.byteorder, signed=True)
