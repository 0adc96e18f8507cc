"""The one-to-one SCTP socket: SOCK_STREAM, one association a socket (RFC 6458 section 4).

The rules that differ from those of one-to-many sockets: listen, accept, connect, what sending and receiving
look at, shutdown, close.  A socket that sctp_peeloff() made obeys them too (section 9.2).
"""
from __future__ import annotations

import errno
import socket as _socket
from collections.abc import Callable, Sequence
from typing import Any

from . import ancillary, options
from . import constants as c
from ._cy.user import SctpUser
from .base import DEFAULT_BACKLOG, SETTING_UP, Address, SctpSocket, locked
from .buffers import as_bytes
from .checks import check_direction
from .descriptor import ENDED, READ_ENDED, READABLE, WRITABLE
from .errors import connecting, end_of, error
from .gevents import teach_servers
from .handle import socket_of
from .stack import Stack


class OneToOneSocket(SctpSocket):
    """An SCTP endpoint with at most one association, or one that listens for associations."""

    def _set_up(self, stack: Stack, family: int, user: Any) -> None:
        super()._set_up(stack, family, user)
        self._peeled = False  # made by sctp_peeloff()
        self._error_taken = False
        self._write_ended = False  # SHUT_WR
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
        return self._source(association)

    def _poll_state(self) -> int:
        """As Linux reports it to poll(2), an error as readable and writable."""
        association, listener = self.association, self._listener
        if listener is not None:
            return READABLE if listener.pending else 0
        state = READABLE if self.user.receive_queue.count else 0
        if self._read_ended or (association is not None and association.peer_shutdown):
            state |= READABLE | READ_ENDED
            if self._write_ended:
                state |= ENDED
        if association is None or association.state in SETTING_UP:
            return state
        if self._pending_error():
            return state | READABLE | WRITABLE
        if association.ended:
            return state | (WRITABLE if association.announced else 0)
        # Once it is shutting down a send fails at once.
        full = association.state == c.SCTP_ESTABLISHED and not association.has_room()
        return state | (0 if full else WRITABLE)

    # ------------------------------------------------------------------ listening

    def listen(self, backlog: int = DEFAULT_BACKLOG) -> None:
        """Take associations that peers set up; `backlog` + 1 may wait to be accepted, more are refused.

        0 ends it (EINVAL if the socket did not listen).  EINVAL on a connected socket, EADDRINUSE if
        another socket listens at the port.
        """
        self._check_open()
        if self._peeled or (
                self.association is not None and (self.association.announced or not self.association.ended)):
            raise error(errno.EINVAL, "the socket is connected")
        self._set_backlog(backlog)

    def accept(self) -> tuple[OneToOneSocket, Address]:
        """(a socket with the next association, its peer's address).  EINVAL if the socket does not listen."""
        self._check_acceptable()
        while not (association := self._listener.accept()):
            self._wait(self._readers, lambda: self._listener is None or self._listener.pending)
            if self._listener is None:
                raise error(errno.EINVAL, "the socket does not listen any more")
        accepted = self._accepted(association)
        return accepted, accepted.getpeername()

    def _accept(self) -> tuple[int, Address]:
        """As the standard socket's: (a descriptor, the peer's address), EAGAIN where accept() would wait.

        gevent's servers call it.
        """
        teach_servers(socket_of)
        self._check_acceptable()
        self.engine.poll()
        association = self._listener.accept()
        if not association:
            raise error(errno.EAGAIN)
        accepted = self._accepted(association)
        address = accepted.getpeername()
        return accepted.detach(), address

    def _check_acceptable(self) -> None:
        self._check_open()
        if self._peeled:
            raise error(errno.EOPNOTSUPP, "a socket that was peeled off has its association")
        if self._listener is None:
            raise error(errno.EINVAL, "the socket does not listen")

    def _accepted(self, association: Any) -> OneToOneSocket:
        """The socket of an association that the listener has given."""
        self.state_changed()
        accepted: OneToOneSocket = self.sibling()
        accepted._adopt(self, association)
        return accepted

    def _adopt(self, listener: OneToOneSocket, association: Any) -> None:
        """Become the socket of an association that was set up at a listening one."""
        self._set_up(listener._stack, listener._family, association.user)
        self._inherit(listener, association)
        if association.ended:  # before it was accepted: what arrived can be read, then the stream ends
            self._error_taken = self._read_ended = True

    def _peel(self, parent: SctpSocket, association: Any) -> None:
        """Become the socket of an association of a one-to-many socket, with what has arrived for it."""
        self._set_up(parent._stack, parent._family, SctpUser(parent._stack.endpoint.ready_list))
        self.user.event_mask = parent.user.event_mask
        parent._hand_over(association, self.user)
        self._inherit(parent, association)
        self._peeled = True
        self._type = _socket.SOCK_SEQPACKET

    # ------------------------------------------------------------------ connecting

    def connect(self, address: Any) -> None:
        """Set up an association and wait for it.

        EISCONN if there is, or was, one; EALREADY while one is set up; EINPROGRESS if the call may not wait;
        ECONNREFUSED, ETIMEDOUT, after which connecting may be tried again.
        """
        self._check_open()
        host, port = self.core_address(address)
        self._connect([host], port)

    def _connect(self, hosts: list[str], port: int) -> Any:
        association = self._associate(lambda: self._begin(hosts, port))
        self.engine.pump()
        if self._timeout == 0.0:
            raise connecting(association)
        self._await_set_up(association)
        if not association.announced:
            raise self._failure(self.take_error() or errno.ECONNABORTED)
        return association

    @locked
    def _associate(self, begin: Callable[[], Any]) -> Any:
        """Have the association that begin() gives.  EISCONN, EALREADY: there is one."""
        association = self.association
        if association is not None and association.state in SETTING_UP and self._timeout == 0.0:
            self.engine.poll()
        if self._peeled or self._listener is not None or (association is not None and association.announced):
            raise error(errno.EISCONN)
        if association is not None and not association.ended:
            raise error(errno.EALREADY)
        self.association = begin()
        self._error_taken = False
        return self.association

    def sctp_connectx(self, addrs: Sequence[Address]) -> int:
        """Connect to a peer that has these addresses (section 9.9), all with one port; the association's id.

        Errors: as connect().  EINVAL for no address or different ports.
        """
        self._check_open()
        return int(self._connect(*self.core_addresses(addrs)).assoc_id)

    def sctp_peeloff(self, assoc_id: int) -> Any:
        """A socket for one association of a one-to-many socket (section 9.2).  EINVAL on this kind."""
        options.c_number(assoc_id)
        self._check_open()
        raise error(errno.EINVAL, "a socket with one association has nothing to peel off")

    def sctp_peeloff_flags(self, assoc_id: int, flags: int) -> Any:
        """As sctp_peeloff()."""
        return self.sctp_peeloff(assoc_id)

    def take_error(self) -> int:
        """The errno that ended the association, told once (SO_ERROR); 0 if there is none."""
        number = self._pending_error()
        if number:
            self._error_taken = True
            self.state_changed()
        return number

    def _pending_error(self) -> int:
        association = self.association
        if association is None or not association.ended or self._error_taken:
            return 0
        return int(association.error)

    def _failure(self, number: int) -> OSError:
        """The exception of a call that met the end of the association, with what the ABORT said."""
        return end_of(self.association, number)

    # ------------------------------------------------------------------ sending

    def _send(self, data: Any, info: ancillary.SendInfo, msg_flags: int = 0, to: Any = None) -> int:
        """Send one message by all rules, in the order in which Linux applies them."""
        data = as_bytes(data)
        self._check_sendable(data)
        if info.flags & (c.SCTP_EOF | c.SCTP_ABORT) and not self._peeled:
            raise error(errno.EINVAL, "SCTP_EOF and SCTP_ABORT are for one-to-many sockets")
        info.check(len(data), to is not None, self.explicit_eor)
        if self._peeled:
            to = None  # there is one peer, whatever the address
        begun = to is not None and self._connect_by_sending(to, info)
        association = self.association
        if association is None or association.ended or (to is None and association.state in SETTING_UP):
            raise self._failure(self.take_error() or errno.EPIPE)
        if info.flags & (c.SCTP_EOF | c.SCTP_ABORT):
            return self._end_by_sending(association, data, info.flags)
        host = None if to is None else self.core_address(to)[0]  # which of its addresses
        length = self._send_on(association, data, info, msg_flags, host)
        if begun and self.may_wait(msg_flags):
            self._await_set_up(association)  # whatever comes of it, as Linux
        return length

    def _connect_by_sending(self, to: Any, info: ancillary.SendInfo) -> bool:
        """sendto() with an address: True if it has begun an association; EADDRNOTAVAIL: another peer's."""
        host, port = self.core_address(to)
        association = self.association
        if association is None or (association.ended and not association.announced):
            self._associate(lambda: self._begin_by_sending(host, port, info))
            return True
        if association.ended or (host, port) not in self._peers(association):
            raise error(errno.EADDRNOTAVAIL, f"{host} port {port} is not the peer")
        return False

    # ------------------------------------------------------------------ receiving

    def _await_record(self, flags: int) -> bool:
        """Wait for a message or notification; False at the end of the stream.

        The error that ended the association comes once; ENOTCONN when there is, or remains, no association,
        EAGAIN if the call may not wait, except after one's own SHUT_WR.
        """
        self._check_open()
        if flags & c.MSG_ERRQUEUE:
            raise error(errno.EAGAIN)
        if self._listener is not None:
            raise error(errno.ENOTCONN, "a listening socket has no association")
        queue = self.user.receive_queue
        if not self._nothing_will_come() and not queue.count:
            self._wait(self._readers, lambda: queue.count or self._nothing_will_come(), flags)
        if queue.count:
            return True
        number = self.take_error()
        if number:
            raise self._failure(number)
        if not self._read_ended and (self.association is None or not self.association.peer_shutdown):
            self._read_without_association(flags)
        if self.association is not None and not self.association.ended:
            self.engine.poll()  # who reads on behind the end waits for notifications
        return bool(queue.count)

    def _read_without_association(self, flags: int) -> None:
        """Raise what a read gets when there is no association, or no longer one, and no error to tell."""
        over = self._write_ended and self.association is not None and self.association.announced
        raise error(errno.ENOTCONN if over or self.may_wait(flags) else errno.EAGAIN)

    def _nothing_will_come(self) -> bool:
        association = self.association
        return association is None or association.ended or association.peer_shutdown or self._read_ended

    # ------------------------------------------------------------------ the end

    def shutdown(self, how: int) -> None:
        """SHUT_WR and SHUT_RDWR end the association gracefully; SHUT_RD drops what
        messages arrive; with SHUT_RDWR no notification does either.

        ENOTCONN if there was no association, EINVAL for another `how`.
        """
        self._check_open()
        check_direction(how)
        if self._listener is not None:
            if how != _socket.SHUT_WR:
                raise error(errno.EOPNOTSUPP, "a listening socket has no association")
            return
        association = self.association
        if how != _socket.SHUT_WR:
            self._read_ended = True
            self._discard(how == _socket.SHUT_RDWR)
            self._readers.wake_all()
        self._write_ended |= how != _socket.SHUT_RD
        self.state_changed()
        if association is None or not association.announced:
            raise error(errno.ENOTCONN)
        if how != _socket.SHUT_RD and not association.ended:
            association.shutdown(self.engine.now())
            self.engine.pump()
            self.state_changed()

    def close(self) -> None:
        """As any socket's; SO_LINGER {1, n} waits up to n seconds for the end of the association."""
        association, (on, seconds) = self.association, self.linger
        super().close()
        if self._closed and association is not None and on and seconds > 0:
            self._stack.driver.run_until(lambda: association.ended, seconds)
