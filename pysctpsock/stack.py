"""The SCTP stack of this process: one endpoint, its engine and driver, the carriers, the port table.

Made with the first socket.  A carrier is opened when something needs it: sockets that listen share one
for each IP version, at the configured UDP port; those that only connect share one at a port that the
system chooses, which works beside other programs and behind NAT (RFC 6951 sections 5.1 and 6.1).
"""
from __future__ import annotations

import atexit
import errno
import os
import secrets
import socket as _socket
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from ._cy.endpoint import Endpoint
from ._cy.engine import Engine
from ._cy.parameters import ProtocolParameters
from ._cy.udp import UdpCarrier
from .address import from_core, is_multicast, is_wildcard
from .configuration import Configuration
from .driver import Driver
from .errors import error
from .forking import new_lock
from .interfaces import local_hosts

if TYPE_CHECKING:
    from .base import SctpSocket

DYNAMIC_PORTS = range(49152, 65536)  # RFC 6335 section 6
DRAIN_TIME = 5.0  # seconds at exit for associations that are being shut down


def configure(carrier: str | None = None, udp_port: int | None = None,
              max_associations: int | None = None) -> None:
    """Set how this process speaks SCTP; to be called before the first socket is made.

    carrier: "udp" (SCTP in UDP, RFC 6951) or "auto".  udp_port: the UDP port at which listeners are
    reached, and at which peers are expected unless SCTP_REMOTE_UDP_ENCAPS_PORT says otherwise.
    max_associations: how many associations a listening one-to-many socket may have (65,536); a peer that
    wants one more is refused by ABORT (Out of Resource).
    The environment has PYSCTPSOCK_CARRIER, PYSCTPSOCK_UDP_PORT and PYSCTPSOCK_MAX_ASSOCIATIONS for the same.
    RuntimeError once there is a socket, ValueError for a carrier, port or number that does not exist.
    """
    if _stack is not None:
        raise RuntimeError("configure() comes before the first SCTP socket")
    wanted = replace(configuration)  # all or nothing
    for name, value in (("carrier", carrier), ("udp_port", udp_port), ("max_associations", max_associations)):
        if value is not None:
            wanted.set(name, value, name)
    vars(configuration).update(vars(wanted))


@dataclass(eq=False)
class Claim:
    """A bound SCTP port, as the port table has it."""

    hosts: list[str]  # none: all addresses of the host
    port: int
    ipv6: bool | None  # of which IP version "all" is; None: both
    reuse: bool  # SO_REUSEADDR
    listening: bool = False

    def versions(self) -> set[bool]:
        """The IP versions that it has addresses of; True is IPv6."""
        if self.hosts:
            return {":" in host for host in self.hosts}
        return {False, True} if self.ipv6 is None else {self.ipv6}

    def overlaps(self, other: Claim) -> bool:
        if self.port != other.port:
            return False
        if self.hosts and other.hosts:
            return not set(self.hosts).isdisjoint(other.hosts)
        return not self.versions().isdisjoint(other.versions())


class Stack:
    """One process's SCTP."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.pid = os.getpid()
        self.endpoint = Endpoint(secrets.token_bytes(32))
        self.engine = Engine(self.endpoint)
        self.driver = Driver(self.engine)
        self.sockets: WeakSet[SctpSocket] = WeakSet()
        self.claims: dict[int, list[Claim]] = {}
        self.carriers: dict[tuple[str, bool], Any] = {}
        self.lock = new_lock()  # of what threads must not do at once; nobody sleeps while having it

    def parameters(self) -> ProtocolParameters:
        """A fresh socket's protocol parameters."""
        return self.endpoint.parameters.copy()

    # ------------------------------------------------------------------ carriers

    def carrier(self, role: str, ipv6: bool) -> Any:
        """The carrier for "listen" or "connect" of an IP version, opened when it is first wanted.

        OSError with the system's errno; EADDRINUSE if another program has the UDP port.
        """
        carrier = self.carriers.get((role, ipv6))
        if carrier is None or carrier.fd < 0:  # never opened, or closed by its number
            try:
                carrier = self._open_carrier(role, ipv6)
            except OSError as problem:
                number, port = problem.errno or errno.EIO, self.configuration.udp_port
                raise error(number, f"UDP port {port} for SCTP (PYSCTPSOCK_UDP_PORT)") from problem
            try:
                self.engine.add_carrier(carrier)
            except BaseException:
                carrier.close()
                raise
            self.carriers[role, ipv6] = carrier
        return carrier

    def _open_carrier(self, role: str, ipv6: bool) -> UdpCarrier:
        host = "::" if ipv6 else "0.0.0.0"
        if role == "listen":
            return UdpCarrier(host, self.configuration.udp_port, ipv6)
        twin = self.carriers.get((role, not ipv6))
        if twin is not None:  # a peer that learns of addresses of both versions expects one UDP port
            try:
                return UdpCarrier(host, udp_port_of(twin), ipv6)
            except OSError:
                pass  # another program has it
        return UdpCarrier(host, 0, ipv6)

    def carriers_for(self, role: str, versions: set[bool]) -> tuple[int, int]:
        """The carriers' indices for IPv4 and IPv6, -1 for a version that is not wanted or not there.

        The core learns the host's addresses with the first, and whenever a socket begins to listen.
        """
        if role == "listen" or not self.carriers:
            self.endpoint.own_addresses = local_hosts()
        indices = [-1, -1]
        for version in sorted(versions):
            try:
                indices[version] = self.carrier(role, version).index
            except OSError as problem:
                # Who would take both takes what the host has.
                missing = problem.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
                if len(versions) == 1 or not version or not missing:
                    raise
        return indices[0], indices[1]

    # ------------------------------------------------------------------ the port table

    def claim(self, host: str, port: int, ipv6: bool | None, reuse: bool) -> Claim:
        """Bind a port, 0 for any free one.  EADDRNOTAVAIL, EACCES, EADDRINUSE as bind() says them."""
        check_local(host, port, bool(ipv6))
        claim = Claim([] if is_wildcard(host) else [host], port, ipv6, reuse)
        if port == 0:
            self.choose_port(claim)
        elif self.conflict(claim):
            raise error(errno.EADDRINUSE, f"SCTP port {port}")
        return self.enter(claim)

    def add_hosts(self, claim: Claim, hosts: list[str]) -> None:
        """Let a claim have further addresses, all or none.  EADDRNOTAVAIL, EADDRINUSE."""
        for host in hosts:
            check_local(host, 0, ":" in host)
        if self.conflict(replace(claim, hosts=hosts, listening=False), claim):
            raise error(errno.EADDRINUSE, f"SCTP port {claim.port}")
        claim.hosts = claim.hosts + hosts

    def enter(self, claim: Claim) -> Claim:
        """Put a claim in the table, an accepted socket's for instance, which shares its listener's port."""
        self.claims.setdefault(claim.port, []).append(claim)
        return claim

    def release(self, claim: Claim) -> None:
        """The socket is closed; its associations may hold the port a while longer."""
        self.claims[claim.port].remove(claim)
        if not self.claims[claim.port]:
            del self.claims[claim.port]

    def choose_port(self, claim: Claim) -> None:
        """An unpredictable free port (RFC 6056)."""
        start = secrets.randbelow(len(DYNAMIC_PORTS))
        for i in range(len(DYNAMIC_PORTS)):
            claim.port = DYNAMIC_PORTS[(start + i) % len(DYNAMIC_PORTS)]
            if claim.port not in self.claims and not self.endpoint.holds_port(claim.port):
                return
        raise error(errno.EADDRINUSE, "no free dynamic SCTP port")

    def conflict(self, claim: Claim, former: Claim | None = None) -> bool:
        """Whether another socket, or an association that outlives its socket, keeps it from the port.

        `former`: what the socket has now.
        """
        others = [other for other in self.claims.get(claim.port, ())
                  if other not in (claim, former) and claim.overlaps(other)]
        if any(other.listening or not (other.reuse and claim.reuse) for other in others):
            return True
        if former is not None or claim.reuse or others:
            return False
        return bool(self.endpoint.holds_port(claim.port))

    def listening_conflict(self, claim: Claim) -> bool:
        """Whether another socket listens there already."""
        return any(other.listening and other is not claim and claim.overlaps(other)
                   for other in self.claims.get(claim.port, ()))

    # ------------------------------------------------------------------ the end

    def drain(self, timeout: float) -> bool:
        """Close every socket and let their associations end; False if not all had in `timeout` seconds."""
        for sock in list(self.sockets):
            sock._close()
        self.engine.pump()
        return self.driver.run_until(lambda: not self.endpoint.association_count, timeout)


def udp_port_of(carrier: UdpCarrier) -> int:
    """The UDP port that a carrier is bound to."""
    with _socket.socket(fileno=os.dup(carrier.fd)) as probe:
        return int(probe.getsockname()[1])


def first_unprivileged_port() -> int:
    """From which port on nobody needs a privilege: ip(7), ip_unprivileged_port_start."""
    try:
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as setting:
            return int(setting.read())
    except OSError:  # another system
        return 1024


def check_local(host: str, port: int, ipv6: bool) -> None:
    """EADDRNOTAVAIL unless the address is this host's, EACCES if the port is privileged: asks the system."""
    privileged = 0 < port < first_unprivileged_port()
    if is_wildcard(host) and not privileged:
        return
    if is_multicast(host) and not is_wildcard(host):
        raise error(errno.EADDRNOTAVAIL, f"{host} is not one host's address")
    family = _socket.AF_INET6 if ":" in host or (is_wildcard(host) and ipv6) else _socket.AF_INET
    with _socket.socket(family, _socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(from_core(family, host, port if privileged else 0))
        except OSError as problem:
            if problem.errno == errno.EACCES:
                raise error(errno.EACCES, f"SCTP port {port} wants a privilege, as all ports below "
                                          "net.ipv4.ip_unprivileged_port_start") from None
            if problem.errno == errno.EINVAL:
                raise error(errno.EINVAL, f"{host} is of some link, and no scope id says which") from None
            if problem.errno != errno.EADDRINUSE:  # which is UDP's port, not ours
                raise error(errno.EADDRNOTAVAIL, f"{host} is not an address of this host") from None


# ------------------------------------------------------------------ the process

def stack() -> Stack:
    """The stack of this process."""
    global _stack
    if _stack is None:
        with _making:
            if _stack is None:
                _stack = Stack(configuration)
    return _stack


def _at_exit() -> None:
    """As a kernel would: sockets that are open are closed, and what was sent arrives."""
    if _stack is not None and _stack.pid == os.getpid():
        _stack.drain(DRAIN_TIME)
        _stack.driver.close()


def _after_fork_in_child() -> None:
    """The stack is the parent's; here its sockets are dead, and the next socket makes a new stack."""
    global _stack
    if _stack is not None:
        for sock in list(_stack.sockets):
            sock._orphan()
        _stack = None


_stack: Stack | None = None
_making = new_lock()
configuration = Configuration()
configuration.set_from(os.environ)
atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
