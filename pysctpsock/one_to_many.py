"""The one-to-many SCTP socket: SOCK_SEQPACKET, any number of associations a socket (RFC 6458 section 3).

The rules that differ from those of one-to-one sockets.  The socket keeps no list of its associations: the
core's endpoint finds them by id and by address, and says whose they are.
"""
from __future__ import annotations

import errno
import socket as _socket
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from . import ancillary, options
from . import constants as c
from .address import is_wildcard
from .base import DEFAULT_BACKLOG, SETTING_UP, Address, SctpSocket, locked
from .buffers import as_bytes
from .checks import check_direction
from .errors import connecting, end_of, error
from .stack import Stack


class OneToManySocket(SctpSocket):
    """An SCTP endpoint that talks to many peers; each association has an id."""

    style = _socket.SOCK_SEQPACKET
    one_to_many = True

    def _set_up(self, stack: Stack, family: int, user: Any) -> None:
        super()._set_up(stack, family, user)
        self._read_ended = self._write_ended = False  # shutdown() said so, as poll(2) shows

    # ------------------------------------------------------------------ associations

    def open_associations(self) -> list[Any]:
        """All associations that have not ended, oldest first."""
        return [association for association in self._stack.endpoint.associations
                if association.user is self.user]

    def association_meant(self, assoc_id: int) -> Any:
        """The association with this id, or None if this socket has none such."""
        association = self._stack.endpoint.association(assoc_id)
        return association if association is not None and association.user is self.user else None

    def _association_with(self, host: str, port: int) -> Any:
        """The association with the peer at this address, or None.  EADDRNOTAVAIL if it was peeled off."""
        if self._claim is None or is_wildcard(host):
            return None
        association = self._stack.endpoint.find(host, port, self._claim.port)
        if association is not None and association.user is not self.user:
            raise error(errno.EADDRNOTAVAIL, "another socket has the association with that peer")
        return association

    def _local_host(self) -> str:
        return next((association.local_host for association in self.open_associations()), "")

    def take_error(self) -> int:
        """0: what happens to an association is no error of the socket."""
        return 0

    def getpeername(self) -> Any:
        """ENOTCONN: there is no one peer."""
        self._check_open()
        raise error(errno.ENOTCONN, "a one-to-many socket has many peers")

    def sctp_peeloff(self, assoc_id: int) -> Any:
        """A socket of its own for one association (section 9.2), which obeys the one-to-one rules.

        What has arrived and was not read goes with it.  EINVAL for an id that is none of this socket's.
        """
        assoc_id = options.c_number(assoc_id)
        self._check_open()
        peeled = self.sibling()
        self._peel_off(assoc_id, peeled)
        return peeled

    @locked
    def _peel_off(self, assoc_id: int, peeled: Any) -> None:
        association = self.association_meant(assoc_id)
        if association is None:
            raise error(errno.EINVAL, f"no association {assoc_id}")
        peeled._peel(self, association)

    def sctp_peeloff_flags(self, assoc_id: int, flags: int) -> Any:
        """As sctp_peeloff(); SOCK_NONBLOCK makes the new socket one that does not wait."""
        peeled = self.sctp_peeloff(assoc_id)
        if flags & getattr(_socket, "SOCK_NONBLOCK", 0):
            peeled.setblocking(False)
        return peeled

    # ------------------------------------------------------------------ set-up

    def listen(self, backlog: int = DEFAULT_BACKLOG) -> None:
        """Let peers set up associations; 0: no more (EINVAL if they could not)."""
        self._check_open()
        self._set_backlog(backlog)

    def accept(self) -> Any:
        """EOPNOTSUPP: associations need no accepting (section 3.1.3)."""
        self._check_open()
        raise error(errno.EOPNOTSUPP, "a one-to-many socket takes associations without accept()")

    def connect(self, address: Any) -> None:
        """Set up an association with one more peer and wait for it.

        EISCONN if there is one, EALREADY while it is set up, EADDRNOTAVAIL if it was peeled off; EINPROGRESS
        if the call may not wait (the exception has `assoc_id`); ECONNREFUSED, ETIMEDOUT.
        """
        self._check_open()
        host, port = self.core_address(address)
        self._connect([host], port)

    def sctp_connectx(self, addrs: Sequence[Address]) -> int:
        """The same with a peer that has these addresses (section 9.9), all with one port; the id.

        EINVAL for no address or different ports.
        """
        self._check_open()
        return int(self._connect(*self.core_addresses(addrs)).assoc_id)

    def _connect(self, hosts: list[str], port: int) -> Any:
        association = self._associate(hosts, port)
        self.engine.pump()
        if self._timeout == 0.0:
            raise connecting(association)
        self._await_set_up(association)
        if association.user is not self.user:
            raise error(errno.EPIPE, "the association was peeled off")
        if not association.announced:
            raise end_of(association, association.error or errno.ECONNABORTED)
        return association

    @locked
    def _associate(self, hosts: list[str], port: int) -> Any:
        for host in hosts:
            existing = self._association_with(host, port)
            if existing is not None:
                raise error(errno.EALREADY if existing.state in SETTING_UP else errno.EISCONN)
        return self._begin(hosts, port)

    # ------------------------------------------------------------------ sending

    def _send(self, data: Any, info: ancillary.SendInfo, msg_flags: int = 0, to: Any = None) -> int:
        """Send one message by all rules, in the order in which Linux applies them."""
        data = as_bytes(data)
        self._check_sendable(data)
        info.check(len(data), to is not None, self.explicit_eor)
        if info.flags & c.SCTP_SENDALL:
            return self._send_to_all(data, info, msg_flags)
        if to is None:
            association, begun = self.association_meant(info.assoc_id), False
            if association is None:
                raise error(errno.EPIPE, f"no association {info.assoc_id}")
        else:
            association, begun = self._association_for(*self.core_address(to), info)
            info.assoc_id = association.assoc_id
        if info.flags & (c.SCTP_EOF | c.SCTP_ABORT):
            return self._end_by_sending(association, data, info.flags)
        host = self.core_address(to)[0] if info.flags & c.SCTP_ADDR_OVER else None
        length = self._send_on(association, data, info, msg_flags, host)
        if begun and self.may_wait(msg_flags):
            self._await_set_up(association)  # whatever comes of it, as Linux
        return length

    @locked
    def _association_for(self, host: str, port: int, info: ancillary.SendInfo) -> tuple[Any, bool]:
        """(the association with a peer, whether it was just begun)."""
        association = self._association_with(host, port)
        if association is not None:
            return association, False
        return self._begin_by_sending(host, port, info), True

    def _send_to_all(self, data: bytes, info: ancillary.SendInfo, msg_flags: int) -> int:
        """SCTP_SENDALL: to each association that is up (5.3.4); the length, 0 if there is none."""
        sent = 0
        for association in self.open_associations():
            if association.state != c.SCTP_ESTABLISHED or association.user is not self.user:
                continue  # also after a wait for the one before it
            if info.flags & (c.SCTP_EOF | c.SCTP_ABORT):
                self._end_by_sending(association, data, info.flags)
            else:
                sent = self._send_on(association, data, replace(info), msg_flags)
        return sent

    # ------------------------------------------------------------------ receiving

    def _await_record(self, flags: int) -> bool:
        """Wait for a message or notification of any association; False once shutdown() ended reading.

        ENOTCONN when there is no association and none can come.
        """
        self._check_open()
        if flags & c.MSG_ERRQUEUE:
            raise error(errno.EAGAIN)
        queue = self.user.receive_queue
        if not self._read_ended:
            waits = self.may_wait(flags)
            self._wait(self._readers, lambda: queue.count or (waits and self._nothing_will_come()), flags)
        if not queue.count and not self._read_ended:
            raise error(errno.ENOTCONN)
        return bool(queue.count)

    def _nothing_will_come(self) -> bool:
        return self._read_ended or (
            self._listener is None and not self._stack.endpoint.associations_of(self.user))

    # ------------------------------------------------------------------ the end

    def shutdown(self, how: int) -> None:
        """ENOTCONN, for there is no one association to end; SHUT_RD ends reading all the same (as Linux).

        On a listening socket SHUT_WR does nothing, the others are EOPNOTSUPP.  EINVAL for another `how`.
        """
        self._check_open()
        check_direction(how)
        if self._listener is not None:
            if how != _socket.SHUT_WR:
                raise error(errno.EOPNOTSUPP, "associations of a one-to-many socket end one by one: SCTP_EOF")
            return
        if how != _socket.SHUT_WR:
            self._read_ended = True
            self._discard(how == _socket.SHUT_RDWR)
            self._readers.wake_all()
        self._write_ended |= how != _socket.SHUT_RD
        self.state_changed()
        raise error(errno.ENOTCONN, "associations of a one-to-many socket end one by one: SCTP_EOF")
