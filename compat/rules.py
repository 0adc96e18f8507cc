"""Which streams of a TCP program are SCTP: rules by port and address, and a socket that waits for its
address.

A rule is a port ("80"), an address ("127.0.0.53", "::1"), a network ("10.0.0.0/8"), or an address or network
with a port ("127.0.0.1:80", "[::1]:80").  It is held against the address that the program binds a listener to
or connects to.
"""
from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import gevent.socket as _gevent

from pysctpsock import gevents
from pysctpsock.handle import refuse_to_copy

from .tcp import TcpSocket

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Rule:
    """None matches everything."""

    network: Network | None = None
    port: int | None = None

    def matches(self, host: str, port: int) -> bool:
        """Whether it is about this numeric address."""
        address = ipaddress.ip_address(host.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        return (self.port in (None, port)
                and (self.network is None
                     or (address.version == self.network.version and address in self.network)))


FORM = re.compile(r"(?P<only_port>\d+)|(?P<bare>[^[]*:.*:.*)"
                  r"|(?:\[(?P<v6>[^]]+)\]|(?P<v4>[^:[]+))(?::(?P<port>\d+))?")


def parse(text: str) -> Rule:
    """A rule from its text; ValueError says what is wrong with it."""
    form = FORM.fullmatch(text)
    try:
        if form is None:
            raise ValueError("it has another form")
        host, port = form["v6"] or form["v4"] or form["bare"], form["port"] or form["only_port"]
        network = ipaddress.ip_network(host, strict=False) if host else None
    except ValueError as problem:
        raise ValueError(f"{text!r} is no port, address, network or address:port: {problem}") from None
    if port and int(port) > 65535:
        raise ValueError(f"{text!r}: a port is in 0..65535")
    return Rule(network, int(port) if port else None)


class Rules:
    """Rules(only, exclude): streams are SCTP if one of `only` matches, or there is none, and no `exclude`."""

    def __init__(self, only: Iterable[str] = (), exclude: Iterable[str] = ()) -> None:
        self.only = [parse(text) for text in only]
        self.exclude = [parse(text) for text in exclude]

    def __bool__(self) -> bool:
        return bool(self.only or self.exclude)

    def allow(self, host: str, port: int) -> bool:
        """Whether a stream at this numeric address is to be SCTP."""
        return ((not self.only or any(rule.matches(host, port) for rule in self.only))
                and not any(rule.matches(host, port) for rule in self.exclude))


def maker(only: Iterable[str], exclude: Iterable[str]) -> Callable[[int, int, int], Any]:
    """What makes a stream socket of (family, type, proto) under these rules."""
    rules = Rules(only, exclude)
    return (lambda *kind: StreamSocket(rules, *kind)) if rules else TcpSocket


class StreamSocket:
    """A stream socket that the rules make SCTP or TCP once the program binds or connects it.

    Until then, and if it never does, it is SCTP, and so is its descriptor: a program that hands out fileno()
    before connect() or bind() sees it change if the stream becomes TCP.  All but what is here is the inner
    socket's.
    """

    __reduce_ex__ = refuse_to_copy

    def __init__(self, rules: Rules, family: int, type: int, proto: int) -> None:
        self._rules = rules
        self._kind = (family, type, proto)
        self._sock: Any = TcpSocket(family, type, proto)
        self._options: list[tuple[Any, ...]] = []
        self._bound: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def __repr__(self) -> str:
        return repr(self._sock)

    def __enter__(self) -> StreamSocket:
        return self

    def __exit__(self, *exception: object) -> None:
        self._sock.close()

    @property
    def inner(self) -> Any:
        """The TCP or SCTP socket that it is now."""
        return self._sock

    def setsockopt(self, *arguments: Any) -> None:
        """As of any socket; told again to the one that takes its place."""
        self._sock.setsockopt(*arguments)
        self._options.append(arguments)

    def bind(self, address: Any) -> None:
        """Become what the rules say of the local address, and bind."""
        self._choose(address)
        self._sock.bind(address)
        self._bound = address

    def connect(self, address: Any) -> None:
        """Become what the rules say of the peer's address, whatever they said of one's own, and connect."""
        self._choose(address)
        self._sock.connect(address)

    def connect_ex(self, address: Any) -> int:
        """As connect(), but gives the errno."""
        self._choose(address)
        return int(self._sock.connect_ex(address))

    def _choose(self, address: Any) -> None:
        wants_sctp = self._rules.allow(*self._numeric(address))
        if wants_sctp == isinstance(self._sock, TcpSocket):
            return
        chosen = TcpSocket(*self._kind) if wants_sctp else gevents.socket(*self._kind)
        chosen.settimeout(self._sock.gettimeout())
        for arguments in self._options:
            chosen.setsockopt(*arguments)
        self._sock.close()
        self._sock = chosen
        if self._bound is not None:
            chosen.bind(self._bound)

    def _numeric(self, address: Any) -> tuple[str, int]:
        """(numeric host, port) of what bind() and connect() take."""
        host, port = address[:2]
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            family = self._sock.family
            found = _gevent.getaddrinfo(host or None, port, family, _gevent.SOCK_STREAM,
                                        flags=0 if host else _gevent.AI_PASSIVE)
            host, port = found[0][4][:2]
        return host, port
