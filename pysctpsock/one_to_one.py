"""The one-to-one SCTP socket: SOCK_STREAM, one association a socket (RFC 6458 section 4).

The rules that differ from those of one-to-many sockets: listen, accept, connect, what sending and receiving
look at, shutdown, close.  A socket that sctp_peeloff() made obeys them too (section 9.2).
"""
from __future__ import annotations

import errno
import socket as _socket
from collections.abc import Sequence
from typing import Any

from . import ancillary, options
from . import constants as c
from .address import is_wildcard
from .base import DEFAULT_BACKLOG, SETTING_UP, Address, SctpSocket, is_multicast, locked
from .errors import error
from .stack import Stack


class OneToOneSocket(SctpSocket):
    """An SCTP endpoint with at most one association, or one that listens for associations."""

    def _set_up(self, stack: Stack, family: int, user: Any) -> None:
        super()._set_up(stack, family, user)
        self._error_taken = False
        self._read_ended = False  # SHUT_RD, or the association was gone before it was accepted

    def open_associations(self) -> list[Any]:
        """The association, or none; also one that is being set up."""
        return [] if self.association is None or self.association.ended else [self.association]

    def association_meant(self, assoc_id: int) -> Any:
        """The association if it is up or closing, else None; the id does not matter (section 7.2)."""
        association = self.association
        if association is None or association.ended or association.state in SETTING_UP:
            return None
        return association

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
        if self.association is not None and (self.association.announced or not self.association.ended):
            raise error(errno.EINVAL, "the socket is connected")
        self._set_backlog(backlog)

    def accept(self) -> tuple[OneToOneSocket, Address]:
        """(a socket with the next association, its peer's address).  EINVAL if the socket does not listen."""
        self._check_open()
        if self._listener is None:
            raise error(errno.EINVAL, "the socket does not listen")
        while not (association := self._listener.accept()):
            self._wait(self._readers, lambda: self._listener is None or self._listener.pending)
            if self._listener is None:
                raise error(errno.EINVAL, "the socket does not listen any more")
        accepted = self.sibling()
        accepted._adopt(self, association)
        return accepted, accepted.getpeername()

    def _adopt(self, listener: OneToOneSocket, association: Any) -> None:
        """Become the socket of an association that was set up at a listening one."""
        self._inherit(listener, association)
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
        association = self._associate(*self.core_address(address))
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

    @locked
    def _associate(self, host: str, port: int, init: Any = None) -> Any:
        """Begin an association and give it; `init` overrides SCTP_INITMSG for it."""
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
        self.peer = None
        self._error_taken = False
        self.association = association = self._stack.endpoint.connect(
            self.user, claim.host, claim.port, host, port, udp_port, carrier.index, parameters,
            self.engine.now())
        self.engine.pump()
        return association

    def take_error(self) -> int:
        """The errno that ended the association, told once (SO_ERROR); 0 if there is none."""
        association = self.association
        if association is None or not association.ended or self._error_taken:
            return 0
        self._error_taken = True
        return int(association.error)

    def sctp_connectx(self, addrs: Sequence[Address]) -> int:
        """Connect to a peer that has these addresses (section 9.9); the association's id.

        All have one port: EINVAL.  The first is used, until associations are multi-homed.
        """
        self._check_open()
        if not addrs or len({address[1] for address in addrs}) != 1:
            raise error(errno.EINVAL, "sctp_connectx: addresses of one port")
        self.connect(addrs[0])
        assert self.association is not None
        return self.association.assoc_id

    def sctp_peeloff(self, assoc_id: int) -> Any:
        """A socket for one association of a one-to-many socket (section 9.2).  EINVAL on this kind."""
        self._check_open()
        raise error(errno.EINVAL, "a one-to-one socket has nothing to peel off")

    def sctp_peeloff_flags(self, assoc_id: int, flags: int) -> Any:
        """As sctp_peeloff()."""
        return self.sctp_peeloff(assoc_id)

    # ------------------------------------------------------------------ sending

    def _send(self, data: Any, stream: int, ppid: int, flags: int, timetolive: int, context: int,
              msg_flags: int = 0,
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
        if self.disable_fragments and len(data) > options.fragmentation_point(
                association.snapshot()["paths"][0], association.parameters.max_segment):
            raise error(errno.EMSGSIZE,
                        f"{len(data)} bytes do not fit one packet, and fragmentation is disabled")
        self._submit(association, data, stream, ppid, flags, timetolive, context, msg_flags)
        if created and self._timeout != 0.0 and not msg_flags & c.MSG_DONTWAIT:
            self._wait(self._writers,
                       lambda: association.state not in SETTING_UP)  # whatever comes of it, as Linux
        return len(data)

    def _connect_by_sending(self, to: Any, stream: int, init: Any) -> bool:
        """sendto() with an address: True if it has begun an association; EADDRNOTAVAIL: another peer's."""
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
        if not self._read_ended and (self.association is None or not self.association.peer_shutdown):
            raise error(errno.ENOTCONN)
        if self.association is not None and not self.association.ended:
            self.engine.poll()  # who reads on behind the end waits for notifications
        return bool(queue.count)

    def _nothing_will_come(self) -> bool:
        association = self.association
        return association is None or association.ended or association.peer_shutdown or self._read_ended

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
        association = self.association_meant(0)
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
        """As any socket's; SO_LINGER {1, n} waits up to n seconds for the end of the association."""
        association, (on, seconds) = self.association, self.linger
        super().close()
        if self._closed and association is not None and on and seconds > 0:
            self._stack.driver.run_until(lambda: association.ended, seconds)
