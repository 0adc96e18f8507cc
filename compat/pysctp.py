"""The interface of pysctp 0.7.3, which programs know as the module `sctp`.

`import pysctpsock.compat.pysctp as sctp`, or, in a program that nobody edits, `import sctp` under
pysctpsock.monkey.  What pysctp does otherwise than its documentation says is mended as docs/migration.md
lists.

Sockets are the kernel's where it has SCTP, and this library's where it has not; `kernel_sockets` in this
module, or PYSCTPSOCK_PYSCTP_SOCKETS=kernel or =library in the environment, says which.

Payload protocol identifiers: pysctp 0.7.3 swaps the bytes of `ppid` when it sends (46 is 46 on the wire) and
does not when it receives (programs apply ntohl).  Older ones swap nothing (programs apply htonl).
`ppid_swapped = False`, in this module or on one socket, or PYSCTPSOCK_PYSCTP_PPID=raw in the environment, is
the older way.
"""
from __future__ import annotations

# A star import of pysctp has always given these, and the names of `socket`; `socket` itself is the module.
import datetime
import os
import sys  # noqa: F401
import time  # noqa: F401
from socket import *  # noqa: F403

import socket  # type: ignore[assignment]  # noqa: F401  # isort: skip
from typing import Any

from . import pysctp_calls as _sctp
from .kernel import available as _kernel_has_sctp
from .pysctp_data import (  # noqa: F401
    adaptation_event,
    assoc_change,
    assocparams,
    initmsg,
    notification,
    notification_factory,
    notification_table,
    paddr_change,
    paddrinfo,
    paddrparams,
    pdapi_event,
    remote_error,
    rtoinfo,
    send_failed,
    shutdown_event,
    sndrcvinfo,
    status,
)

Pair = tuple[str, int]

BINDX_ADD = 1
BINDX_REMOVE = BINDX_REM = 2
MSG_UNORDERED = 1
MSG_ADDR_OVER = MSG_ADDR_OVERRIDE = 2
MSG_ABORT = 4
MSG_EOF = MSG_FIN = 0x200
MSG_SENDALL = 0x40
FLAG_NOTIFICATION, FLAG_EOR, FLAG_DONTROUTE = 0x8000, 0x80, 4
HAVE_SCTP, HAVE_KERNEL_SCTP, HAVE_SCTP_MULTIBUF, HAVE_SCTP_NOCONNECT = 1, 2, 4, 8
HAVE_SCTP_PRSCTP, HAVE_SCTP_ADDIP, HAVE_SCTP_CANSET_PRIMARY = 16, 32, 64
HAVE_SCTP_SAT_NETWORK_CAPABILITY = 128
SOL_SCTP = IPPROTO_SCTP = 132  # type: ignore[misc]
SOCK_STREAM, SOCK_SEQPACKET = 1, 5  # type: ignore[misc,assignment]
STYLE_TCP = TCP_STYLE = SOCK_STREAM
STYLE_UDP = UDP_STYLE = SOCK_SEQPACKET

kernel_sockets = {"kernel": True, "library": False}.get(
    os.environ.get("PYSCTPSOCK_PYSCTP_SOCKETS", ""), _kernel_has_sctp())
ppid_swapped = os.environ.get("PYSCTPSOCK_PYSCTP_PPID", "swapped") != "raw"


def features() -> int:
    """A bitmap of HAVE_*: all but HAVE_SCTP_SAT_NETWORK_CAPABILITY, as with lksctp."""
    return sum(_sctp.HAVE.values()) & ~HAVE_SCTP_SAT_NETWORK_CAPABILITY


# ------------------------------------------------------------------ proxies that live on a socket

def _proxied(*names: str, **aliases: str) -> Any:
    """A class decorator: a property, get_ and set_ for each name; further properties by alias."""
    def decorate(cls: Any) -> Any:
        for name in names:
            def get(self: Any, name: str = name) -> int:
                return int(self._values[name])

            def set_(self: Any, value: int, name: str = name) -> None:
                self._set(name, value)

            setattr(cls, f"get_{name}", get)
            setattr(cls, f"set_{name}", set_)
            setattr(cls, name, property(get, set_))
        for alias, name in aliases.items():
            setattr(cls, alias, getattr(cls, name))
        return cls

    return decorate


class _Proxy:
    """A structure of a socket's: read once, written by flush(), at each assignment if `autoflush`."""

    def __init__(self, container: Any) -> None:
        self._container = container
        self.autoflush = True
        self._values: dict[str, Any] = self._load()

    def _load(self) -> dict[str, Any]:
        raise NotImplementedError

    def flush(self) -> None:
        """Write the values to the socket."""
        raise NotImplementedError

    def _set(self, name: str, value: int) -> None:
        self._values[name] = value
        if self.autoflush:
            self.flush()


@_proxied("num_ostreams", "max_instreams", "max_attempts", "max_init_timeo")
class initparams(_Proxy):
    """SCTP_INITMSG: num_ostreams, max_instreams, max_attempts, max_init_timeo (milliseconds)."""

    def _load(self) -> dict[str, Any]:
        return _sctp.get_initparams(self._container._sk)

    def flush(self) -> None:
        """Write the values to the socket."""
        _sctp.set_initparams(self._container._sk, self._values)

    def initmsg(self) -> initmsg:
        """A copy."""
        copy = initmsg()
        copy.__dict__.update(self._values)
        return copy


@_proxied("data_io", "association", "address", "send_failure", "peer_error", "shutdown", "partial_delivery",
          "adaptation_layer", "authentication", "sender_dry", "stream_reset", "assoc_reset", "stream_change",
          dataio="data_io", sndrcvinfo="data_io", sendfailure="send_failure", peererror="peer_error",
          partialdelivery="partial_delivery", adaptationlayer="adaptation_layer")
class event_subscribe(_Proxy):
    """SCTP_EVENTS: which notifications come.  Those behind adaptation_layer pysctp does not have."""

    def _load(self) -> dict[str, Any]:
        return _sctp.get_events(self._container._sk)

    def flush(self) -> None:
        """Write the values to the socket."""
        _sctp.set_events(self._container._sk, self._values)

    def clear(self) -> None:
        """Only data_io."""
        self._values = {name: int(name == "data_io") for name in self._values}
        self.flush()

    def _set(self, name: str, value: int) -> None:
        if not isinstance(value, int):
            raise TypeError(f"{name} is an int or a bool, not {value!r}")
        super()._set(name, value)


# ------------------------------------------------------------------ sockets

class sctpsocket:
    """sctpsocket(family, style, sk): an SCTP socket of style SOCK_STREAM or SOCK_SEQPACKET.

    `sk` is a socket to wrap, None for a new one.  What is not here is the inner socket's.
    """

    def __init__(self, family: int, style: int, sk: Any) -> None:
        self._style = style
        self._family = family
        self._sk = sk if sk else _sctp.new_socket(family, style, kernel_sockets)
        self._ttl = self._streamid = 0
        self.unexpected_event_raises_exception = False
        self.datalogging = False
        self.ppid_swapped = ppid_swapped
        self.initparams = initparams(self)
        self.events = event_subscribe(self)

    def __getattr__(self, name: str) -> Any:
        if name == "_sk":  # not made yet
            raise AttributeError(name)
        return getattr(self._sk, name)

    def sock(self) -> Any:
        """The inner socket."""
        return self._sk

    # -------------------------------------------------------------- addresses, associations

    def bindx(self, sockaddrs: list[Pair], action: int = BINDX_ADD) -> None:
        """Add (BINDX_ADD) or remove (BINDX_REMOVE) local addresses."""
        _sctp.bindx(self._sk, sockaddrs, action)

    def connectx(self, sockaddrs: list[Pair], assoc_id: Any = None) -> None:
        """Connect to a peer by several addresses; the dict `assoc_id` gets the id as "assoc_id"."""
        _sctp.connectx(self._sk, sockaddrs, assoc_id)

    def getpaddrs(self, assoc_id: int = 0) -> tuple[Pair, ...]:
        """The peer's addresses."""
        return _sctp.getpaddrs(self._sk, assoc_id)

    def getladdrs(self, assoc_id: int = 0) -> tuple[Pair, ...]:
        """The local addresses."""
        return _sctp.getladdrs(self._sk, assoc_id)

    def peeloff(self, assoc_id: int) -> sctpsocket_tcp:
        """A socket for one association of a one-to-many socket."""
        return sctpsocket_tcp(self._family, _sctp.peeled_off(self._sk, assoc_id))

    def accept(self) -> tuple[sctpsocket_tcp, Any]:
        """(socket of the next association, the peer's address)."""
        sk, address = self._sk.accept()
        return sctpsocket_tcp(self._family, sk), address

    def set_primary(self, assoc_id: int, addr: Pair) -> None:
        """Send to this address of the peer."""
        self._check_association(assoc_id)
        _sctp.set_primary(self._sk, assoc_id, addr)

    def set_peer_primary(self, assoc_id: int, addr: Pair) -> None:
        """Ask the peer to send to this address of ours."""
        if self._style == TCP_STYLE:
            self._check_association(assoc_id)
        _sctp.set_peer_primary(self._sk, assoc_id, addr)

    def _check_association(self, assoc_id: int) -> None:
        if self._style == TCP_STYLE and assoc_id != 0:
            raise ValueError("a TCP-style socket has one association: pass 0")
        if self._style == UDP_STYLE and assoc_id == 0:
            raise ValueError("a UDP-style socket wants an association's id")

    # -------------------------------------------------------------- messages

    def sctp_send(self, msg: Any, to: Any = ("", 0), ppid: int | None = None, flags: int = 0,
                  stream: int | None = None, timetolive: int | None = None, context: int = 0,
                  record_file_prefix: str = "RECORD_sctp_traffic", datalogging: bool = False) -> int:
        """Send one message; its length.

        `to` is a pair, or an association's id.  None: ppid is the `adaptation` property, stream and
        timetolive (milliseconds) are `streamid` and `ttl`.
        """
        ppid = self.adaptation if ppid is None else ppid
        stream = self._streamid if stream is None else stream
        timetolive = self._ttl if timetolive is None else timetolive
        if datalogging or self.datalogging:
            _record(msg, record_file_prefix)
        if self.ppid_swapped:
            ppid = _sctp.swapped(ppid)
        return _sctp.sctp_send_msg(self._sk, msg, to, ppid, flags, stream, timetolive, context)

    def sctp_recv(self, maxlen: int) -> tuple[Pair | None, int, bytes | None, Any]:
        """(address, flags, message, sndrcvinfo) of the next message.

        Of a notification, which FLAG_NOTIFICATION tells, (address, flags, None, its object).

        At the end of the association (None, 0, b"", a sndrcvinfo of zeros).
        """
        address, flags, msg, values = _sctp.sctp_recv_msg(self._sk, maxlen)
        if not flags & FLAG_NOTIFICATION:
            return address, flags, msg, sndrcvinfo(values)
        event = notification_factory(values)
        if type(event) is notification and self.unexpected_event_raises_exception:
            raise OSError(f"notification of unknown type {event.type:#x}")
        return address, flags, msg, event

    # -------------------------------------------------------------- what is asked of an association

    def get_status(self, assoc_id: int = 0) -> status:
        """The state of an association."""
        self._check_association(assoc_id)
        answer = status()
        answer.assoc_id = assoc_id
        _sctp.get_status(self._sk, answer.__dict__, answer.primary.__dict__)
        return answer

    def get_paddrinfo(self, assoc_id: int, sockaddr: Pair) -> paddrinfo:
        """The state of one address of the peer."""
        self._check_association(assoc_id)
        answer = paddrinfo()
        answer.assoc_id, answer.sockaddr = assoc_id, sockaddr
        _sctp.get_paddrinfo(self._sk, answer.__dict__)
        return answer

    def get_paddrparams(self, assoc_id: int, sockaddr: Pair) -> paddrparams:
        """The parameters of one address of the peer."""
        self._check_association(assoc_id)
        answer = paddrparams()
        answer.assoc_id, answer.sockaddr = assoc_id, sockaddr
        _sctp.get_paddrparams(self._sk, answer.__dict__)
        return answer

    def set_paddrparams(self, o: paddrparams) -> None:
        """Set them; the object is refreshed."""
        _sctp.set_paddrparams(self._sk, o.__dict__)

    def get_assocparams(self, assoc_id: int = 0) -> assocparams:
        """The parameters of an association."""
        answer = assocparams()
        answer.assoc_id = assoc_id
        _sctp.get_assocparams(self._sk, answer.__dict__)
        return answer

    def set_assocparams(self, o: assocparams) -> None:
        """Set them."""
        _sctp.set_assocparams(self._sk, o.__dict__)

    def get_rtoinfo(self, assoc_id: int = 0) -> rtoinfo:
        """The bounds of the retransmission timeout."""
        answer = rtoinfo()
        answer.assoc_id = assoc_id
        _sctp.get_rtoinfo(self._sk, answer.__dict__)
        return answer

    def set_rtoinfo(self, o: rtoinfo) -> None:
        """Set them."""
        _sctp.set_rtoinfo(self._sk, o.__dict__)

    # -------------------------------------------------------------- options

    def get_nodelay(self) -> int:
        """Whether small messages go at once."""
        return _sctp.get_nodelay(self._sk)

    def set_nodelay(self, rvalue: int) -> None:
        """Whether they shall."""
        _sctp.set_nodelay(self._sk, rvalue)

    def get_adaptation(self) -> int:
        """The Adaptation Layer Indication, also the ppid of messages that name none."""
        return _sctp.get_adaptation(self._sk)

    def set_adaptation(self, rvalue: int) -> None:
        """Set it."""
        _sctp.set_adaptation(self._sk, rvalue)

    def get_disable_fragments(self) -> int:
        """Whether messages that do not fit a packet are refused."""
        return _sctp.get_disable_fragments(self._sk)

    def set_disable_fragments(self, rvalue: int) -> None:
        """Whether they shall be."""
        _sctp.set_disable_fragments(self._sk, rvalue)

    def get_mappedv4(self) -> int:
        """Whether an AF_INET6 socket shows IPv4 addresses as mapped ones."""
        return _sctp.get_mappedv4(self._sk)

    def set_mappedv4(self, rvalue: int) -> None:
        """Whether it shall."""
        _sctp.set_mappedv4(self._sk, rvalue)

    def get_maxseg(self) -> int:
        """The most bytes of a message in one chunk; 0: as the path allows."""
        return _sctp.get_maxseg(self._sk)

    def set_maxseg(self, rvalue: int) -> None:
        """Set it."""
        _sctp.set_maxseg(self._sk, rvalue)

    def get_autoclose(self) -> int:
        """Seconds after which an idle association of a one-to-many socket is shut down."""
        return _sctp.get_autoclose(self._sk)

    def set_autoclose(self, rvalue: int) -> None:
        """Set them; 0: never."""
        _sctp.set_autoclose(self._sk, rvalue)

    def get_sndbuf(self) -> int:
        """The size of the send buffer."""
        return _sctp.get_sndbuf(self._sk)

    def set_sndbuf(self, rvalue: int) -> None:
        """Set it: half of it, which Linux doubles."""
        _sctp.set_sndbuf(self._sk, rvalue // 2)

    def get_rcvbuf(self) -> int:
        """The size of the receive buffer."""
        return _sctp.get_rcvbuf(self._sk)

    def set_rcvbuf(self, rvalue: int) -> None:
        """Set it: half of it, which Linux doubles."""
        _sctp.set_rcvbuf(self._sk, rvalue // 2)

    def get_ttl(self) -> int:
        """The lifetime of messages that name none, milliseconds; 0: for ever."""
        return self._ttl

    def set_ttl(self, newttl: int) -> None:
        """Set it; ValueError unless an int in 0..255."""
        self._ttl = _in_range("ttl", newttl, 255)

    def get_streamid(self) -> int:
        """The stream of messages that name none."""
        return self._streamid

    def set_streamid(self, newstreamid: int) -> None:
        """Set it; ValueError unless an int in 0..65535."""
        self._streamid = _in_range("streamid", newstreamid, 65535)

    nodelay = property(get_nodelay, set_nodelay)
    adaptation = property(get_adaptation, set_adaptation)
    disable_fragments = property(get_disable_fragments, set_disable_fragments)
    mappedv4 = property(get_mappedv4, set_mappedv4)
    maxseg = property(get_maxseg, set_maxseg)
    autoclose = property(get_autoclose, set_autoclose)
    ttl = property(get_ttl, set_ttl)
    streamid = property(get_streamid, set_streamid)


class sctpsocket_tcp(sctpsocket):
    """sctpsocket_tcp(family, sk=None): a one-to-one socket."""

    def __init__(self, family: int, sk: Any = None) -> None:
        super().__init__(family, TCP_STYLE, sk)

    def peeloff(self, *args: Any) -> Any:
        """OSError: there is nothing to peel off."""
        raise OSError("a TCP-style socket has one association")

    def get_autoclose(self) -> int:
        """OSError: autoclose is for UDP-style sockets."""
        raise OSError("a TCP-style socket has no autoclose")

    def set_autoclose(self, rvalue: int) -> None:
        """OSError: autoclose is for UDP-style sockets."""
        raise OSError("a TCP-style socket has no autoclose")


class sctpsocket_udp(sctpsocket):
    """sctpsocket_udp(family, sk=None): a one-to-many socket."""

    def __init__(self, family: int, sk: Any = None) -> None:
        super().__init__(family, UDP_STYLE, sk)

    def accept(self, *args: Any) -> Any:
        """OSError: associations come up by themselves."""
        raise OSError("a UDP-style socket does not accept")


def _in_range(what: str, value: Any, most: int) -> int:
    if not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"{what} is an int in 0..{most}, not {value!r}")
    return value


def _record(msg: Any, prefix: str) -> None:
    """Put the message into a file of its own: PREFIX-time-c2s.number."""
    stamp = datetime.datetime.now().strftime("%Y%m%d%H%M%S")
    number = 1
    while True:
        try:
            with open(f"{prefix}-{stamp}-c2s.{number}", "xb") as file:
                file.write(msg.encode() if isinstance(msg, str) else bytes(msg))
            return
        except FileExistsError:
            number += 1
