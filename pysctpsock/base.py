"""What sockets of both styles share: names, waiting, addresses, receiving, the end.

RFC 6458 sections 3, 4, 8 and 9, with Linux's errnos.  Calls that must wait let other greenlets run; what
needs no waiting is done in the compiled base class.  Each style (one_to_one, one_to_many) adds

    open_associations() -> list              those of this socket that have not ended
    association_meant(assoc_id)              the association that an id means to this socket, or None
    take_error() -> int                      the errno that SO_ERROR shows
    _send(data, info, msg_flags, to) -> int  the rules of sending
    _await_record(msg_flags) -> bool         those of waiting for a message (see sockbase)
"""
from __future__ import annotations

import errno
import socket as _socket
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from operator import index
from typing import Any, TypeVar, cast

from . import ancillary, notifications, options, structs
from . import constants as c
from ._cy.sockbase import Readiness
from ._cy.user import SctpUser
from .address import from_core, is_multicast, is_wildcard, to_core
from .buffers import as_bytes, scatter, writable
from .checks import check_kind
from .driver import WaitList
from .errors import connecting, end_of, error
from .handle import Handle
from .interfaces import local_hosts
from .option_calls import OptionCalls
from .stack import Claim, Stack, check_local, stack
from .timeouts import Timeouts

Address = tuple[Any, ...]

ANY_PATH = 255
SETTING_UP = (c.SCTP_COOKIE_WAIT, c.SCTP_COOKIE_ECHOED)
DEFAULT_BACKLOG = min(_socket.SOMAXCONN, 128)  # that of the socket module
KIND_FLAGS = getattr(_socket, "SOCK_NONBLOCK", 0) | getattr(_socket, "SOCK_CLOEXEC", 0)
INHERITED = (  # by a socket that accept() or sctp_peeloff() makes, beside its association's parameters
    "linger", "receive_time", "send_time", "reuse_address", "reuse_port", "v6only", "recv_rcvinfo",
    "recv_nxtinfo", "_mapped_v4", "disable_fragments", "explicit_eor",
)

Method = TypeVar("Method", bound=Callable[..., Any])


def locked(method: Method) -> Method:
    """A method of a socket that changes the port table or what the socket is: one thread at a time.

    It must not wait.
    """
    @wraps(method)
    def run(self: SctpSocket, *arguments: Any) -> Any:
        with self._stack.lock:
            return method(self, *arguments)
    return cast(Method, run)


class SctpSocket(OptionCalls, Handle, Timeouts):
    """An SCTP socket; OneToOneSocket and OneToManySocket have the rules of their styles."""

    style = _socket.SOCK_STREAM  # what socket() takes for it
    one_to_many = False
    sibling: Callable[[], Any]  # makes an empty one-to-one socket of the public class
    _closed = True  # until made
    _orphaned = False  # closed since it is the parent process's
    linger = (0, 0)  # SO_LINGER: on, seconds

    def __init__(self, family: int = _socket.AF_INET, type: int = _socket.SOCK_STREAM,
                 proto: int = c.IPPROTO_SCTP) -> None:
        kind = type & ~KIND_FLAGS
        check_kind(family, kind)
        if kind != self.style:
            raise error(errno.EPROTONOSUPPORT, f"{self.__class__.__name__} is of type {self.style!r}")
        made_by = stack()
        self._set_up(made_by, family, SctpUser(made_by.endpoint.ready_list))
        if type & getattr(_socket, "SOCK_NONBLOCK", 0):
            self._timeout = 0.0

    def _set_up(self, stack: Stack, family: int, user: SctpUser) -> None:
        self._stack = stack
        self._family = family
        self._type = self.style
        self._timeout = _socket.getdefaulttimeout()
        self._listener: Any = None
        self._claim: Claim | None = None
        self._io_refs = 0
        self.receive_time: float | None = None  # SO_RCVTIMEO, SO_SNDTIMEO; seconds
        self.send_time: float | None = None
        self.parameters = stack.parameters()
        self.buffer_sizes: dict[str, int] = {}  # as SO_RCVBUF and SO_SNDBUF show them
        self.switches: dict[str, int] = {}  # options that are only kept
        self.reuse_address = self.reuse_port = self.v6only = False
        self.recv_rcvinfo = self.recv_nxtinfo = False
        self._mapped_v4 = True
        self.engine = stack.engine
        self.user = user
        self._readers, self._writers = WaitList(stack.driver), WaitList(stack.driver)
        user.one_to_many = self.one_to_many
        self.readiness = user.owner = Readiness(self.user, self._readers, self._writers)
        self._closed = False
        stack.sockets.add(self)

    def _inherit(self, parent: SctpSocket, association: Any) -> None:
        """Become the socket of an association that was set up at another one; it has that one's options."""
        self.association = association
        self.parameters = association.parameters
        for name in INHERITED:
            setattr(self, name, getattr(parent, name))
        self.buffer_sizes = dict(parent.buffer_sizes)
        self.switches = dict(parent.switches)
        self.user.receive_queue.interleave = parent.user.receive_queue.interleave
        claim = parent._claim
        assert claim is not None
        self._claim = self._stack.enter(Claim(list(claim.hosts), claim.port, claim.ipv6, claim.reuse))

    # ------------------------------------------------------------------ what each style says

    def open_associations(self) -> list[Any]:
        raise NotImplementedError

    def association_meant(self, assoc_id: int) -> Any:
        raise NotImplementedError

    def take_error(self) -> int:
        raise NotImplementedError

    def _local_host(self) -> str:
        return "" if self.association is None else str(self.association.local_host)

    # ------------------------------------------------------------------ what it is

    @property
    def family(self) -> _socket.AddressFamily:
        """AF_INET or AF_INET6."""
        return _socket.AddressFamily(self._family)

    @property
    def type(self) -> _socket.SocketKind:
        """SOCK_STREAM, or SOCK_SEQPACKET for one-to-many sockets and those peeled off."""
        return _socket.SocketKind(self._type)

    @property
    def proto(self) -> int:
        """IPPROTO_SCTP."""
        return c.IPPROTO_SCTP

    @property
    def listening(self) -> bool:
        """Whether listen() is in force (SO_ACCEPTCONN)."""
        return self._listener is not None

    def __repr__(self) -> str:
        shown = [f"fd={self.fileno()}"] if self._has_descriptor() and not self._orphaned else []
        shown += [f"family={self.family!s}", f"type={self.type!s}", f"proto={self.proto}"]
        if not (self._closed or self._detached):
            shown.append(f"laddr={self.getsockname()}")
            if self.association is not None and self.association.announced:
                shown.append(f"raddr={self._source(self.association)}")
        state = " [the parent's]" if self._orphaned else " [closed]" if self._closed else ""
        name = self.__class__
        return f"<{name.__module__}.{name.__qualname__}{state} {', '.join(shown)}>"

    def __enter__(self) -> SctpSocket:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __getstate__(self) -> Any:
        raise TypeError(f"cannot pickle {self.__class__.__name__!r} object")

    # ------------------------------------------------------------------ waiting

    def may_wait(self, flags: int = 0) -> bool:
        """Whether a call with these MSG_ flags may wait."""
        return self._timeout != 0.0 and not flags & c.MSG_DONTWAIT

    def _wait(self, waiters: WaitList, ready: Callable[[], object], flags: int = 0) -> None:
        """Let other greenlets run until ready() is true.

        BlockingIOError (EAGAIN) at once if the call may not wait, and after the time of SO_RCVTIMEO or
        SO_SNDTIMEO; TimeoutError after the timeout, EBADF if the socket is closed meanwhile.
        """
        if not self.may_wait(flags):
            self.engine.poll()  # a program that only ever polls us must see progress too
            if not ready():
                raise error(errno.EAGAIN)
            return
        limit = self._timeout
        if limit is None:
            limit = self.send_time if waiters is self._writers else self.receive_time
        if not waiters.wait(lambda: self._closed or ready(), limit):
            raise TimeoutError("timed out") if self._timeout is not None else error(errno.EAGAIN)
        self._check_open()

    def _check_open(self) -> None:
        if self._closed or self._detached:
            raise error(errno.EBADF, "the socket belongs to the parent process" if self._orphaned else "")

    # ------------------------------------------------------------------ addresses

    def core_address(self, address: Any, may_switch: bool = True) -> tuple[str, int]:
        """(numeric host, port) of an address tuple given to this socket; to look up a name may switch."""
        if (self._family == _socket.AF_INET6 and isinstance(address, tuple) and len(address) == 2
                and "." in address[0]):
            return to_core(_socket.AF_INET, address, may_switch)
        return to_core(self._family, address, may_switch)

    def core_addresses(self, addresses: Sequence[Any]) -> tuple[list[str], int]:
        """(numeric hosts, port) of addresses that must have one port.

        EINVAL for none, for several ports, for an IPv6 address on an AF_INET socket.
        """
        self._check_versions(addresses)
        resolved = [self.core_address(address) for address in addresses]
        if len({port for _, port in resolved}) != 1:
            raise error(errno.EINVAL, "addresses of one port are wanted")
        return [host for host, _ in resolved], resolved[0][1]

    def _check_versions(self, addresses: Iterable[Any]) -> None:
        if self._family == _socket.AF_INET and any(
                isinstance(address, tuple) and len(address) > 2 for address in addresses):
            raise error(errno.EINVAL, "an AF_INET socket has no IPv6 addresses")

    def shown_address(self, host: str, port: int) -> Address:
        """The address tuple that this socket shows for a host of the core."""
        return from_core(self._family, host, port, self.mapped_v4)

    def _name_of(self, association: Any, path: int) -> Address:
        """The peer's address at one of its paths, as this socket shows it."""
        return self.shown_address(association.host_of(path), association.peer_port)

    @property
    def mapped_v4(self) -> bool:
        """SCTP_I_WANT_MAPPED_V4_ADDR."""
        return self._mapped_v4

    @mapped_v4.setter
    def mapped_v4(self, wanted: bool) -> None:
        self._mapped_v4 = wanted
        for association in self.open_associations():
            association.names = None

    def _ip_version(self, host: str) -> bool | None:
        """True: IPv6, False: IPv4, None: both, by the family and the host (a wildcard: "")."""
        if self._family == _socket.AF_INET:
            return False
        if is_wildcard(host):
            return True if self.v6only else None
        return ":" in host

    def bind(self, address: Any) -> None:
        """Take a local address and port (0: any).  EINVAL when bound, EADDRINUSE, EADDRNOTAVAIL, EACCES."""
        self._check_open()
        self._bind(*self.core_address(address, may_switch=False))

    @locked
    def _bind(self, host: str, port: int) -> None:
        if self._claim is not None:
            raise error(errno.EINVAL, "the socket is bound")
        self._claim = self._stack.claim(host, port, self._ip_version(host),
                                         self.reuse_address or self.reuse_port)

    @locked
    def _bind_if_unbound(self) -> Claim:
        if self._claim is None:
            self._claim = self._stack.claim("", 0, self._ip_version(""), False)
        return self._claim

    def getsockname(self) -> Address:
        """The local address; the wildcard and port 0 if there is none yet.

        Of a socket bound to the wildcard that has an association the one that this uses.
        """
        self._check_open()
        host, port = "", 0
        if self._claim is not None:
            host, port = next(iter(self._claim.hosts), ""), self._claim.port
        if not host:
            host = self._local_host()
        if is_wildcard(host):
            return ("0.0.0.0", port) if self._family == _socket.AF_INET else ("::", port, 0, 0)
        return self.shown_address(host, port)

    @locked
    def sctp_bindx(self, addrs: Sequence[Address], flags: int) -> None:
        """Add (SCTP_BINDX_ADD_ADDR) or remove addresses of this end (section 9.1); all or none.

        EINVAL for no addresses, another port than the socket's, one that it has already (when adding: one
        that is bound to the wildcard has all) or has not; EADDRNOTAVAIL for one that is not this host's;
        EADDRINUSE; EBUSY when none would be left.
        """
        self._check_open()
        hosts, port = self.core_addresses(addrs)
        if flags == c.SCTP_BINDX_ADD_ADDR:
            self._add_addresses(hosts, port)
        elif flags == c.SCTP_BINDX_REM_ADDR:
            self._remove_addresses(hosts, port)
        else:
            raise error(errno.EINVAL, f"sctp_bindx flags {flags:#x}")

    def _add_addresses(self, hosts: list[str], port: int) -> None:
        claim = self._claim
        if claim is not None and port not in (0, claim.port):
            raise error(errno.EINVAL, f"the socket has port {claim.port}")
        known = [] if claim is None else claim.hosts
        if len(set(hosts)) != len(hosts) or set(hosts) & set(known) or (claim is not None and not known):
            raise error(errno.EINVAL, "the socket has that address")
        if (known or len(hosts) > 1) and any(map(is_wildcard, hosts)):
            raise error(errno.EINVAL, "the wildcard has no other address beside it")
        if claim is not None:
            self._stack.add_hosts(claim, hosts)
        else:
            claim = self._stack.claim(hosts[0], port, self._ip_version(hosts[0]), self.reuse_address)
            try:
                self._stack.add_hosts(claim, hosts[1:])
            except OSError:
                self._stack.release(claim)
                raise
            self._claim = claim
        self._tell_listener()

    def _remove_addresses(self, hosts: list[str], port: int) -> None:
        claim = self._claim
        left = [] if claim is None else list(claim.hosts)
        for host in hosts:
            if len(left) < 2:
                raise error(errno.EBUSY, "a socket has at least one address")
            check_local(host, 0, ":" in host)
            if claim is None or port not in (0, claim.port) or host not in left:
                raise error(errno.EINVAL, f"the socket does not have {host} port {port}")
            left.remove(host)
        if claim is not None:
            claim.hosts = left
        self._tell_listener()

    def _tell_listener(self) -> None:
        """Associations to come have the addresses of now."""
        if self._listener is not None and self._claim is not None:
            self._listener.set_addresses(self._claim.hosts)

    def sctp_getladdrs(self, assoc_id: int = 0) -> list[Address]:
        """The addresses of this end (section 9.5), none if it is not bound.

        A socket that is bound to the wildcard has all of this host.  EINVAL for an id that is none.
        """
        self._check_open()
        association = self.association_meant(options.c_number(assoc_id))
        if association is None and self.one_to_many and assoc_id:
            raise error(errno.EINVAL, f"no association {assoc_id}")
        claim = self._claim
        if claim is None:
            return []
        hosts = claim.hosts or [host for host in local_hosts() if (":" in host) in claim.versions()]
        return [self.shown_address(host, claim.port) for host in hosts]

    def sctp_getpaddrs(self, assoc_id: int = 0) -> list[Address]:
        """All addresses of the peer (section 9.3).  EINVAL without association."""
        self._check_open()
        association = self.association_meant(options.c_number(assoc_id))
        if association is None:
            raise error(errno.EINVAL, f"no association {assoc_id}")
        return [self.shown_address(host, port) for host, port in self._peers(association)]

    def _peers(self, association: Any) -> list[tuple[str, int]]:
        return [(path["address"], association.peer_port) for path in association.snapshot()["paths"]]

    # ------------------------------------------------------------------ listening

    @locked
    def _set_backlog(self, backlog: int) -> None:
        """What listen() does in either style, once the socket is known to be fit for it."""
        backlog = max(backlog, 0)
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
        carriers = self._stack.carriers_for("listen", claim.versions())
        self._listener = self._stack.endpoint.listen(self.user, claim.hosts, claim.port, backlog,
                                                     self.parameters, claim.ipv6, carriers,
                                                     self._stack.configuration.max_associations)
        claim.listening = True
        self.state_changed()

    def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        assert self._claim is not None
        self._claim.listening = False
        listener.close(self.engine.now())
        self._readers.wake_all()
        self.engine.pump()
        self.state_changed()

    # ------------------------------------------------------------------ connecting

    def connect(self, address: Any) -> None:
        raise NotImplementedError

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

    def _begin(self, hosts: list[str], port: int, init: Any = None) -> Any:
        """Begin an association with the peer that has these addresses; `init` overrides SCTP_INITMSG."""
        for host in hosts:
            if is_wildcard(host) or is_multicast(host):
                raise error(errno.EINVAL, f"{host} port {port} is no peer")
            if self._family == _socket.AF_INET and ":" in host:
                raise error(errno.EINVAL, f"an AF_INET socket has no IPv6 addresses: {host}")
            if self.v6only and ":" not in host:
                raise error(errno.EINVAL, f"IPV6_V6ONLY: no IPv4 with {host}")
            if host.startswith("fe80:") and "%" not in host:
                raise error(errno.EINVAL, f"{host} is of some link, and no scope id says which")
        if port == 0:
            raise error(errno.ECONNREFUSED, "nobody can listen at port 0")
        claim = self._bind_if_unbound()
        if (":" in hosts[0]) not in claim.versions():
            raise error(errno.ENETUNREACH, f"{hosts[0]} is of the other IP version")
        versions = {":" in host for host in [*hosts, *claim.hosts]} & claim.versions()
        parameters = self.parameters
        if init is not None:
            parameters = parameters.copy()
            options.apply_initmsg(parameters, init)
        udp_port = parameters.remote_udp_port or self._stack.configuration.udp_port
        carriers = self._stack.carriers_for("connect", versions)
        if carriers[":" in hosts[0]] < 0:
            raise error(errno.ENETUNREACH, f"this host has no IP of the version of {hosts[0]}")
        return self._stack.endpoint.connect(self.user, claim.hosts, claim.port, hosts, port, udp_port,
                                            carriers, parameters, self.engine.now())

    def _await_set_up(self, association: Any) -> None:
        """Wait until the association is up, has failed, or is another socket's.

        EINPROGRESS after the time of SO_SNDTIMEO.
        """
        try:
            self._wait(self._writers, lambda: (association.state not in SETTING_UP
                                               or association.user is not self.user))
        except BlockingIOError:
            raise connecting(association) from None

    # ------------------------------------------------------------------ sending

    def sendto(self, data: Any, *arguments: Any) -> int:
        """sendto(data[, flags], address): as send(); without an association with that peer, one is begun."""
        if not 1 <= len(arguments) <= 2:
            raise TypeError(f"sendto() takes 2 or 3 arguments ({1 + len(arguments)} given)")
        flags = arguments[0] if len(arguments) == 2 else 0
        if arguments[-1] is None:
            raise TypeError("sendto() wants an address tuple, not None")
        return self._send(data, ancillary.SendInfo(), flags, arguments[-1])

    def sendmsg(self, buffers: Iterable[Any], ancdata: Iterable[tuple[int, int, Any]] = (), flags: int = 0,
                address: Any = None) -> int:
        """Send the buffers as one message, as ancillary data says (RFC 6458 section 5.3); its length."""
        return self._send_buffers(buffers, ancdata, flags, address)[0]

    def _send_buffers(self, buffers: Iterable[Any], ancdata: Iterable[tuple[int, int, Any]], flags: int,
                      address: Any) -> tuple[int, ancillary.SendInfo]:
        """(the length that was sent, how and on which association it was)."""
        data = b"".join(map(as_bytes, buffers))
        flags = index(flags)
        self._check_sendable(data)
        info = ancillary.parse(ancdata)
        return self._send(data, info, flags, address), info

    def _send_by_defaults(self, data: Any, msg_flags: int) -> int:
        return self._send(data, ancillary.SendInfo(), msg_flags)

    def _send_as(self, data: Any, to: Any, stream: int, ppid: int, flags: int, timetolive: int,
                 context: int) -> int:
        info = ancillary.SendInfo(stream, flags, ppid, context, timetolive, explicit=True,
                                  lifetime_given=True)
        return self._send(data, info, 0, to)

    def _send(self, data: Any, info: ancillary.SendInfo, msg_flags: int = 0, to: Any = None) -> int:
        raise NotImplementedError

    def _check_sendable(self, data: bytes) -> None:
        """What Linux looks at before ancillary data."""
        self._check_open()
        if self._listener is not None and not self.one_to_many:
            raise error(errno.EPIPE, "a listening socket has no association")
        if len(data) > self.parameters.send_buffer and not self.explicit_eor:
            raise error(errno.EMSGSIZE, f"{len(data)} bytes are more than SO_SNDBUF")

    def sctp_send(self, msg: Any, sinfo: Any = None, flags: int = 0) -> int:
        """Send one message as an sctp_sndrcvinfo says, None: as the defaults do; its length (9.10)."""
        items = [] if sinfo is None else [(c.IPPROTO_SCTP, c.SCTP_SNDRCV, sinfo)]
        return self.sendmsg([msg], items, flags)

    def sctp_sendv(self, buffers: Iterable[Any], addrs: Sequence[Address] | None = None, info: Any = None,
                   infotype: int = c.SCTP_SENDV_NOINFO, flags: int = 0) -> int:
        """Send the buffers as one message (section 9.12); its length.

        `info` is the structure that `infotype` names, an sctp_sendv_spa for several.  The addresses are one
        peer's, with which an association is begun if there is none; a one-to-many socket puts its id into
        snd_assoc_id, if `info` has one and can be written to.  EINVAL: information not of its type.
        """
        self._check_versions(addrs or ())
        items = ancillary.sendv_items(info, infotype) + ancillary.more_addresses(self.family, addrs or ())
        sent, how = self._send_buffers(buffers, items, flags, addrs[0] if addrs else None)
        if self.one_to_many and addrs:
            ancillary.tell_association(info, infotype, how.assoc_id)
        return sent

    def _begin_by_sending(self, host: str, port: int, info: ancillary.SendInfo) -> Any:
        """The same for a message to a peer that there is no association with."""
        if info.flags & (c.SCTP_EOF | c.SCTP_ABORT):
            raise error(errno.EINVAL, "no association to end")
        streams = (info.init.sinit_num_ostreams if info.init is not None else 0) or (
            self.parameters.outbound_streams)
        stream = info.stream if info.explicit else self.parameters.default_stream
        if stream >= streams:
            raise error(errno.EINVAL, f"stream {stream} of {streams}")
        if info.bad_hosts:
            raise error(errno.EINVAL, "an address of SCTP_DSTADDRV4 or SCTP_DSTADDRV6 has 4 or 16 bytes")
        return self._begin([host, *info.more_hosts], port, info.init)

    def _end_by_sending(self, association: Any, data: bytes, flags: int) -> int:
        """SCTP_EOF, or SCTP_ABORT with `data` as the reason (5.3.4): 0, as Linux has it."""
        if flags & c.SCTP_EOF:
            association.shutdown(self.engine.now())
        else:
            association.abort(data, self.engine.now())
        self.engine.pump()
        self.state_changed()
        return 0

    def _path_to(self, association: Any, host: str) -> int:
        """The index of the path to an address of the peer."""
        hosts = [peer for peer, _ in self._peers(association)]
        return hosts.index(host) if host in hosts else ANY_PATH

    def _send_on(self, association: Any, data: bytes, info: ancillary.SendInfo, msg_flags: int,
                 host: str | None = None) -> int:
        """Give the message to the association as soon as there is room; to this address of the peer's.

        With explicit EOR it is a part of one, which goes as far as there is room if the call may not wait.
        """
        info.complete(association.parameters)
        if info.stream >= association.outbound_streams:
            raise error(errno.EINVAL, f"stream {info.stream} of {association.outbound_streams}")
        if self.disable_fragments and len(data) > options.fragmentation_point(
                association.snapshot()["paths"][0], association.parameters.max_segment):
            raise error(errno.EMSGSIZE,
                        f"{len(data)} bytes do not fit one packet, and fragmentation is disabled")

        path = ANY_PATH if host is None else self._path_to(association, host)
        ends = not self.explicit_eor or info.end or bool(msg_flags & c.MSG_EOR)
        most = association.parameters.send_buffer if self.explicit_eor else len(data)
        sent = 0
        while sent < len(data):
            part = data[sent:sent + most]
            try:
                self._submit(association, part, info, path, ends and sent + len(part) == len(data), msg_flags)
            except OSError:
                if not sent:
                    raise
                break
            sent += len(part)
        return sent

    def _submit(self, association: Any, data: bytes, info: ancillary.SendInfo, path: int, end: bool,
                msg_flags: int) -> None:
        """Wait for room, and queue a message or, with explicit EOR, a part of one.

        EPIPE for an association that was peeled off or has begun to end meanwhile.
        """
        def submit() -> int:
            if association.user is not self.user:
                return errno.EPIPE
            result: int = association.submit(data, info.stream, info.ppid, info.flags, info.timetolive,
                                             info.context, self.engine.now(), path, end)
            return result

        result = submit()

        def settled() -> bool:
            nonlocal result
            if result == errno.EAGAIN:
                result = submit()
                if result == errno.ESHUTDOWN:
                    result = errno.EPIPE  # to a sender that slept, as Linux
            return result != errno.EAGAIN

        if result == errno.EAGAIN:
            self._wait(self._writers, settled, msg_flags)
        if result:
            raise end_of(association, self.take_error() or result)
        self.engine.pump()
        self.state_changed()

    # ------------------------------------------------------------------ receiving

    def _encode(self, kind: int, fields: tuple[Any, ...]) -> bytes:
        return notifications.encode(kind, fields, self._family, self.mapped_v4)

    _typed = staticmethod(notifications.typed)
    _sndrcvinfo = structs.sctp_sndrcvinfo.from_buffer_copy

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, Address | None]:
        """As recv(), with the peer's address."""
        if bufsize < 0:
            raise ValueError("negative buffersize in recvfrom")
        received = self._receive(bufsize, flags)
        return (b"", None) if received is None else (received[0], received[2])

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Address | None]:
        """As recv_into(), with the peer's address."""
        view = writable(buffer)
        if nbytes < 0:
            raise ValueError("negative buffersize in recvfrom_into")
        if nbytes > len(view):
            raise ValueError("nbytes is greater than the length of the buffer")
        data, source = self.recvfrom(nbytes or len(view), flags)
        view[:len(data)] = data
        return len(data), source

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
        data, msg_flags, source, association, fields = received
        items = self._received_items(association, fields, msg_flags, bool(flags & c.MSG_PEEK))
        fitting, truncated = ancillary.fit(items, ancbufsize)
        return data, fitting, msg_flags | truncated, source

    def recvmsg_into(self, buffers: Iterable[Any], ancbufsize: int = 0,
                     flags: int = 0) -> tuple[int, list[ancillary.Item], int, Address | None]:
        """As recvmsg(), into buffers."""
        views = [writable(buffer) for buffer in buffers]
        data, items, msg_flags, address = self.recvmsg(sum(map(len, views)), ancbufsize, flags)
        scatter(data, views)
        return len(data), items, msg_flags, address

    def sctp_recvv(self, size: int, flags: int = 0,
                   infolen: int | None = None) -> tuple[bytes, Address | None, Any, int, int]:
        """(data, address, info, infotype, msg_flags) of the next message or notification (section 9.13).

        info is an sctp_rcvinfo, sctp_nxtinfo, sctp_recvv_rn or None, by what SCTP_RECVRCVINFO and
        SCTP_RECVNXTINFO have switched on and, as in C, by the room of `infolen` bytes for it.
        """
        if size < 0:
            raise ValueError("negative size in sctp_recvv")
        received = self._receive(size, flags)
        if received is None:
            return b"", None, None, c.SCTP_RECVV_NOINFO, 0
        data, msg_flags, source, association, fields = received
        items = dict(self._received_items(association, fields, msg_flags, bool(flags & c.MSG_PEEK)))
        info, infotype = ancillary.recvv_info(items, infolen)
        if msg_flags & c.MSG_NOTIFICATION and msg_flags & c.MSG_EOR:
            data = self._typed(data)
        return data, source, info, infotype, msg_flags

    def _received_items(self, association: Any, fields: tuple[Any, ...] | None, msg_flags: int,
                        peeked: bool) -> list[tuple[int, Any]]:
        """The ancillary data that this socket wants with a message; notifications have none."""
        if fields is None:
            return []
        items: list[tuple[int, Any]] = []
        if self.recv_nxtinfo and not peeked:
            following = self._next(0 if msg_flags & c.MSG_EOR else 1)
            if following is not None:
                items.append((c.SCTP_NXTINFO, ancillary.nxtinfo(following)))
        if self.recv_rcvinfo:
            items.append((c.SCTP_RCVINFO, ancillary.rcvinfo(fields, association)))
        if (self.user.event_mask | association.event_mask) & 1:
            items.append((c.SCTP_SNDRCV, ancillary.sndrcvinfo(fields, association)))
        return items

    # ------------------------------------------------------------------ the end

    def close(self) -> None:
        """Give the socket back.  Its association is shut down behind; aborted if data was left unread.

        SO_LINGER {1, n} waits up to n seconds for that; {1, 0} aborts.
        """
        if not self._detached and not self._handle_closed:
            self._handle_closed = True
            self._close_handle()

    def _close_handle(self) -> None:
        """The object, a duplicate or a file of makefile() is closed; the last of them closes the socket."""
        if self._handle_closed and not (self._closed or self._duplicates or self._io_refs):
            self._close()

    @locked
    def _close(self) -> None:
        """close(), whatever files of makefile() are open."""
        if self._closed:
            return
        self._closed = True
        self._stack.sockets.discard(self)
        if self._listener is not None:
            self._stop_listening()
        for association in self.open_associations():
            association.close(self.engine.now())
        self.association = None
        self.user.owner = None
        self.user.receive_queue.discard()
        if self._claim is not None:
            self._stack.release(self._claim)
        self._readers.wake_all()
        self._writers.wake_all()
        self._close_descriptor()
        self.engine.pump()

    def _orphan(self) -> None:
        """In a child after fork(): the association is the parent's."""
        self._closed = self._orphaned = True
        self.association = None
        self.user.owner = None
        self.user.receive_queue.discard()
        if self._has_descriptor():
            assert self.readiness is not None
            self.readiness.descriptor.close()

    def __del__(self) -> None:
        if not self._closed:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
            self._close()

    makefile = _socket.socket.makefile
    _check_sendfile_params = _socket.socket._check_sendfile_params  # type: ignore[attr-defined]
    _sendfile_use_send = _socket.socket._sendfile_use_send  # type: ignore[attr-defined]

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Send a file from an offset on, or `count` bytes of it, as messages of 8 KB; the bytes sent."""
        sent: int = self._sendfile_use_send(file, offset, count)
        return sent

    def _decref_socketios(self) -> None:
        """A file of makefile() was closed."""
        self._io_refs = max(self._io_refs - 1, 0)
        self._close_handle()
