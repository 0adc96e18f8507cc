"""pysctp's interface (pysctpsock.compat.pysctp): all of what pysctp 0.7.3 has, and its quirks by number.

PYSCTPSOCK_PYSCTP_SOCKETS=kernel runs all of it with the kernel's sockets; test_pysctp_kernel.py does so.
"""
import contextlib
import errno
import os
import socket as std
import sys

import gevent
import pytest
from waiting import until

from pysctpsock.compat import pysctp as sctp
from pysctpsock.compat import pysctp_calls as _sctp

HOST = "127.0.0.1"
ABORT = bytes([1, 0, 0, 0, 0, 0, 0, 0])  # SO_LINGER {1, 0}


@pytest.fixture
def opened():
    """Sockets that the test closes at its end; nothing takes longer than 20 s."""
    sockets = []
    with gevent.Timeout(20):
        yield lambda sock: sockets.append(sock) or sock
    for sock in sockets:
        sock.close()


@pytest.fixture
def server(opened):
    """A listening one-to-one socket."""
    sock = opened(sctp.sctpsocket_tcp(std.AF_INET))
    sock.bind((HOST, 0))
    sock.listen(5)
    return sock


@pytest.fixture
def pair(server, opened):
    """(client, accepted), with data_io subscribed at both."""
    client = opened(sctp.sctpsocket_tcp(std.AF_INET))
    client.connect(server.getsockname())
    accepted, address = server.accept()
    assert address == client.getsockname()
    for sock in (client, opened(accepted)):
        sock.events.data_io = 1
    return client, accepted


@pytest.fixture
def many(opened):
    """(client, server), one-to-many sockets; the server listens."""
    client, server = opened(sctp.sctpsocket_udp(std.AF_INET)), opened(sctp.sctpsocket_udp(std.AF_INET))
    for sock in (client, server):
        sock.bindx([(HOST, 0)])
        sock.events.clear()
    server.listen(5)
    return client, server


# ------------------------------------------------------------------ the module

def test_star_import():
    """All names of `socket`, its modules, and `socket` itself as the module."""
    names = {}
    exec("from pysctpsock.compat.pysctp import *", names)
    assert names["AF_INET"] == std.AF_INET and names["SOL_SOCKET"] == std.SOL_SOCKET
    assert names["gethostbyname"]
    for module in ("socket", "datetime", "time", "os", "sys"):
        assert names[module].__name__ == module
    assert sctp._sctp.getconstant("IPPROTO_SCTP") == 132


@pytest.mark.parametrize("name, value", {
    "BINDX_ADD": 1, "BINDX_REMOVE": 2, "BINDX_REM": 2, "MSG_UNORDERED": 1, "MSG_ADDR_OVER": 2,
    "MSG_ADDR_OVERRIDE": 2, "MSG_ABORT": 4, "MSG_EOF": 0x200, "MSG_FIN": 0x200, "MSG_SENDALL": 0x40,
    "FLAG_NOTIFICATION": 0x8000, "FLAG_EOR": 0x80, "FLAG_DONTROUTE": 4, "HAVE_SCTP": 1, "HAVE_KERNEL_SCTP": 2,
    "HAVE_SCTP_MULTIBUF": 4, "HAVE_SCTP_NOCONNECT": 8, "HAVE_SCTP_PRSCTP": 16, "HAVE_SCTP_ADDIP": 32,
    "HAVE_SCTP_CANSET_PRIMARY": 64, "HAVE_SCTP_SAT_NETWORK_CAPABILITY": 128, "SOL_SCTP": 132,
    "IPPROTO_SCTP": 132, "SOCK_STREAM": 1, "SOCK_SEQPACKET": 5, "STYLE_TCP": 1, "TCP_STYLE": 1,
    "STYLE_UDP": 5, "UDP_STYLE": 5}.items())
def test_constants(name, value):
    """MSG_SENDALL is Linux's, where pysctp has a useless 0 (quirk 8)."""
    assert getattr(sctp, name) == value
    if name[:3] in ("MSG", "BIN", "HAV", "SOL"):
        assert _sctp.getconstant(name) == value


def test_unknown_constant():
    with pytest.raises(SystemError):
        _sctp.getconstant("SCTP_NONSENSE")


def test_features():
    assert sctp.features() == 127


def test_notification_table_and_factory(capsys):
    """Seven classes; no type: ValueError; an unknown type: a plain notification, and a warning."""
    assert {kind: cls.__name__ for kind, cls in sctp.notification_table.items()} == {
        0x8001: "assoc_change", 0x8002: "paddr_change", 0x8003: "send_failed", 0x8004: "remote_error",
        0x8005: "shutdown_event", 0x8006: "pdapi_event", 0x8007: "adaptation_event"}
    for kind, cls in sctp.notification_table.items():
        event = sctp.notification_factory({"type": kind, "flags": 3, "length": 8})
        assert type(event) is cls and isinstance(event, sctp.notification)
        assert (event.type, event.flags, event.length) == (kind, 3, 8)
    with pytest.raises(ValueError, match="type"):
        sctp.notification_factory({})
    assert capsys.readouterr().err == ""
    assert type(sctp.notification_factory({"type": 0x8009})) is sctp.notification
    assert "0x8009" in capsys.readouterr().err


# ------------------------------------------------------------------ data classes

ZEROS = {
    "notification": "type flags",
    "initmsg": "num_ostreams max_instreams max_attempts max_init_timeo",
    "sndrcvinfo": "stream ssn flags context timetolive tsn cumtsn assoc_id",
    "assoc_change": "type flags state error outbound_streams inbound_streams assoc_id",
    "paddr_change": "type flags state error assoc_id",
    "remote_error": "type flags error assoc_id",
    "send_failed": "type flags error assoc_id",
    "shutdown_event": "type flags assoc_id",
    "adaptation_event": "type flags adaptation_ind assoc_id",
    "pdapi_event": "type flags indication assoc_id",
    "rtoinfo": "assoc_id initial max min",
    "assocparams": "assoc_id assocmaxrxt number_peer_destinations peer_rwnd local_rwnd cookie_life",
    "paddrparams": "assoc_id hbinterval pathmaxrxt pathmtu sackdelay flags",
    "paddrinfo": "assoc_id state cwnd srtt rto mtu",
    "status": "assoc_id state rwnd unackdata penddata instrms outstrms fragmentation_point",
}
OTHERS = {"paddr_change": {"addr": ("", 0)}, "remote_error": {"data": ""}, "send_failed": {"data": ""},
          "paddrparams": {"sockaddr": ("", 0)}, "paddrinfo": {"sockaddr": ("", 0)}}


@pytest.mark.parametrize("name", ZEROS)
def test_initial_attributes(name):
    """Plain holders, all 0 but addresses and data; `ppid` only after receiving; attributes can be added."""
    made = getattr(sctp, name)(*[None] * (name == "notification"))
    values = {**dict.fromkeys(ZEROS[name].split(), 0), **OTHERS.get(name, {})}
    nested = {key: made.__dict__.pop(key) for key in ("info", "primary") if key in made.__dict__}
    assert vars(made) == values
    assert {key: type(value).__name__ for key, value in nested.items()} == {
        "send_failed": {"info": "sndrcvinfo"}, "status": {"primary": "paddrinfo"}}.get(name, {})
    assert not hasattr(made, "ppid")
    made.anything = 1


ERRORS = {"error_FAILED_THRESHOLD": 0, "error_RECEIVED_SACK": 1, "error_HEARTBEAT_SUCCESS": 2,
          "error_RESPONSE_TO_USER_REQ": 3, "error_INTERNAL_ERROR": 4, "error_SHUTDOWN_GUARD_EXPIRES": 5,
          "error_PEER_FAULTY": 6}
CLASS_CONSTANTS = {
    "notification": {
        "type_SN_TYPE_BASE": 0x8000, "type_ASSOC_CHANGE": 0x8001, "type_PEER_ADDR_CHANGE": 0x8002,
        "type_SEND_FAILED": 0x8003, "type_REMOTE_ERROR": 0x8004, "type_SHUTDOWN_EVENT": 0x8005,
        "type_PARTIAL_DELIVERY_EVENT": 0x8006, "type_ADAPTATION_INDICATION": 0x8007},
    "assoc_change": {"state_COMM_UP": 0, "state_COMM_LOST": 1, "state_RESTART": 2, "state_SHUTDOWN_COMP": 3,
                     "state_CANT_STR_ASSOC": 4, "state_CANT_START_ASSOCIATION": 4, **ERRORS},
    "paddr_change": {"state_ADDR_AVAILABLE": 0, "state_ADDR_UNREACHABLE": 1, "state_ADDR_REMOVED": 2,
                     "state_ADDR_ADDED": 3, "state_ADDR_MADE_PRIM": 4, **ERRORS},
    "send_failed": {"flag_DATA_UNSENT": 0, "flag_DATA_SENT": 1},
    "pdapi_event": {"indication_PD_ABORTED": 0, "indication_PARTIAL_DELIVERY_ABORTED": 0},
    "paddrparams": {"flags_HB_ENABLED": 1, "flags_HB_ENABLE": 1,
                    "flags_HB_DISABLED": 2, "flags_HB_DISABLE": 2,
                    "flags_PMTUD_ENABLED": 8, "flags_PMTUD_ENABLE": 8, "flags_PMTUD_DISABLED": 0x10,
                    "flags_PMTUD_DISABLE": 0x10, "flags_SACKDELAY_ENABLED": 0x20,
                    "flags_SACKDELAY_ENABLE": 0x20, "flags_SACKDELAY_DISABLED": 0x40,
                    "flags_SACKDELAY_DISABLE": 0x40},
    "paddrinfo": {"state_INACTIVE": 0, "state_ACTIVE": 2},
    "status": {"state_EMPTY": 0, "state_CLOSED": 1, "state_COOKIE_WAIT": 2, "state_COOKIE_ECHOED": 3,
               "state_ESTABLISHED": 4, "state_SHUTDOWN_PENDING": 5, "state_SHUTDOWN_SENT": 6,
               "state_SHUTDOWN_RECEIVED": 7, "state_SHUTDOWN_ACK_SENT": 8, "state_BOUND": -1,
               "state_LISTEN": -1},
}


@pytest.mark.parametrize("name", CLASS_CONSTANTS)
def test_class_constants(name):
    """paddrparams.flags_* have C's values, where pysctp has zeros (quirk 7)."""
    cls = getattr(sctp, name)
    assert {key: getattr(cls, key) for key in CLASS_CONSTANTS[name]} == CLASS_CONSTANTS[name]


def test_the_data_of_reports_is_bytes():
    """Quirk 9: pysctp decodes it as text, and fails.  Quirk 10: remote_error.error is in network order."""
    tlv = (0x8004).to_bytes(2, sys.byteorder) + bytes(2) + (24).to_bytes(4, sys.byteorder)
    raw = tlv + (13).to_bytes(2, "big") + bytes(2) + (5).to_bytes(4, sys.byteorder) + b"\xff\xfe\0\0"
    event = sctp.notification_factory(_sctp.notification_values(raw))
    assert (event.assoc_id, event.data, event.host_error()) == (5, b"\xff\xfe\0\0", 13)
    assert event.error == std.htons(13)


@pytest.mark.parametrize("length", range(0, 48, 4))
def test_a_cut_send_failed_never_raises(length):
    """Quirk 9: a short one comes as what could be read."""
    raw = ((0x8003).to_bytes(2, sys.byteorder) + bytes(50))[:length]
    event = sctp.notification_factory(_sctp.notification_values(raw))
    assert event.type in (0, 0x8003)


# ------------------------------------------------------------------ proxies

def test_initparams(server, opened):
    """Four properties, their get_ and set_ methods; each assignment writes all, unless autoflush is off."""
    sock = opened(sctp.sctpsocket_tcp(std.AF_INET))
    assert sock.initparams.autoflush is True
    sock.initparams.num_ostreams = 3
    sock.initparams.set_max_instreams(4)
    sock.initparams.max_init_timeo = 5000
    fresh = sctp.initparams(sock)
    assert (fresh.num_ostreams, fresh.get_max_instreams(), fresh.max_init_timeo) == (3, 4, 5000)
    sock.initparams.autoflush = False
    sock.initparams.max_attempts = 2
    assert sctp.initparams(sock).max_attempts != 2
    sock.initparams.flush()
    assert sctp.initparams(sock).max_attempts == 2
    copy = sock.initparams.initmsg()
    assert isinstance(copy, sctp.initmsg)
    assert vars(copy) == {"num_ostreams": 3, "max_instreams": 4, "max_attempts": 2, "max_init_timeo": 5000}
    sock.connect(server.getsockname())
    assert sock.get_status().outstrms == 3 and sock.get_status().instrms == 4


def test_an_attempt_is_no_timeout(opened):
    """Quirk 4: pysctp reads max_init_timeo from max_attempts, and writes it back with any assignment."""
    sock = opened(sctp.sctpsocket_tcp(std.AF_INET))
    before = sock.initparams.max_init_timeo
    sock.initparams.max_attempts = 3
    fresh = sctp.initparams(sock)
    assert (fresh.max_attempts, fresh.max_init_timeo) == (3, before)


EVENTS = ["data_io", "association", "address", "send_failure", "peer_error", "shutdown", "partial_delivery",
          "adaptation_layer"]


@pytest.mark.parametrize("name", [*EVENTS, "authentication", "sender_dry"])
def test_an_event(opened, name):
    """Property, get_, set_, each flushed at once; those behind the classic eight are ours (quirk 15)."""
    sock = opened(sctp.sctpsocket_tcp(std.AF_INET))
    sock.events.clear()
    setattr(sock.events, name, True)
    assert getattr(sock.events, name) == 1 == getattr(sock.events, "get_" + name)()
    assert {key for key, value in _sctp.get_events(sock).items() if value} == {"data_io", name}
    getattr(sock.events, "set_" + name)(0)
    assert getattr(sctp.event_subscribe(sock), name) == 0
    for wrong in ("1", 1.0, None):
        with pytest.raises(TypeError):  # quirk 16
            setattr(sock.events, name, wrong)


def test_events_as_a_whole(opened):
    """Aliases, clear(), and no write without autoflush."""
    sock = opened(sctp.sctpsocket_tcp(std.AF_INET))
    for alias, name in {"dataio": "data_io", "sndrcvinfo": "data_io", "sendfailure": "send_failure",
                        "peererror": "peer_error", "partialdelivery": "partial_delivery",
                        "adaptationlayer": "adaptation_layer"}.items():
        setattr(sock.events, alias, 1)
        assert getattr(sock.events, name) == 1 and not hasattr(sock.events, "get_" + alias)
    sock.events.clear()
    assert {name: getattr(sock.events, name) for name in EVENTS} == {**dict.fromkeys(EVENTS, 0), "data_io": 1}
    sock.events.autoflush = False
    sock.events.association = 1
    assert not _sctp.get_events(sock)["association"]
    sock.events.flush()
    assert _sctp.get_events(sock)["association"]


# ------------------------------------------------------------------ sockets

def test_what_a_socket_is(opened):
    """It contains a socket and delegates to it; it is none, and no context manager."""
    sock = opened(sctp.sctpsocket_tcp(std.AF_INET))
    assert (sock._style, sock._family, sock._ttl, sock._streamid) == (sctp.TCP_STYLE, std.AF_INET, 0, 0)
    assert sock.unexpected_event_raises_exception is False and sock.datalogging is False
    assert sock.sock() is sock._sk and sock.family == std.AF_INET and sock.type == std.SOCK_STREAM
    assert not isinstance(sock, std.socket) and not hasattr(type(sock), "__enter__")
    with pytest.raises(AttributeError):
        sock.nonsense  # noqa: B018
    sock.settimeout(3)
    assert sock.gettimeout() == 3
    wrapped = sctp.sctpsocket(std.AF_INET, sctp.SOCK_STREAM, sock.sock())
    assert wrapped.sock() is sock.sock()
    assert opened(sctp.sctpsocket(std.AF_INET, sctp.UDP_STYLE, None)).type == std.SOCK_SEQPACKET


def test_what_is_delegated(server, opened):
    """Section 4: the inner socket's methods, those that a program of plain sockets knows."""
    client = opened(sctp.sctpsocket_tcp(std.AF_INET))
    assert client.connect_ex(server.getsockname()) == 0
    accepted = opened(server.accept()[0])
    client.sendall(b"one")
    assert accepted.recv(10) == b"one"
    client.send(b"two")
    assert accepted.recvfrom(10)[0] == b"two"
    client.sendto(b"three", server.getsockname())
    with accepted.makefile("rb") as file:
        assert file.read(5) == b"three"
    client.setsockopt(std.SOL_SOCKET, std.SO_REUSEADDR, 1)
    assert client.getsockopt(std.SOL_SOCKET, std.SO_REUSEADDR) == 1 and client.fileno() >= 0
    client.shutdown(std.SHUT_WR)
    assert accepted.recv(10) == b""


def test_a_socket_reads_its_settings(opened):
    """Quirk 22: INITMSG and EVENTS are read when an object is made, of a socket in any state."""
    sock = opened(sctp.sctpsocket_tcp(std.AF_INET))
    sock.initparams.num_ostreams, sock.events.association = 7, 1
    again = sctp.sctpsocket_tcp(std.AF_INET, sock.sock())
    assert (again.initparams.num_ostreams, again.events.association) == (7, 1)


def test_the_styles(opened):
    """What a style does not have raises IOError; the property autoclose reaches the socket."""
    tcp, udp = opened(sctp.sctpsocket_tcp(std.AF_INET)), opened(sctp.sctpsocket_udp(std.AF_INET))
    for call in (tcp.get_autoclose, lambda: tcp.set_autoclose(1), lambda: tcp.peeloff(1), udp.accept,
                 lambda: udp.accept(1)):
        with pytest.raises(IOError):
            call()
    with pytest.raises(OSError) as raised:
        tcp.autoclose  # noqa: B018
    assert raised.value.errno == errno.EOPNOTSUPP
    udp.autoclose = 7
    assert udp.autoclose == udp.get_autoclose() == 7


def test_data_and_its_information(pair):
    """Bytes and text; the sinfo of the message; the end of the stream."""
    client, server = pair
    assert client.sctp_send(b"hello", ppid=46, stream=2, context=7) == 5
    address, flags, msg, info = server.sctp_recv(100)
    assert (address, flags, msg) == (client.getsockname(), sctp.FLAG_EOR, b"hello")
    assert isinstance(info, sctp.sndrcvinfo) and (info.stream, info.ssn, info.flags) == (2, 0, 0)
    assert info.assoc_id == server.get_status().assoc_id and info.tsn
    assert server.sctp_send("gr\u00fc\u00df") == 6
    assert client.sctp_recv(100)[2] == "gr\u00fc\u00df".encode()
    client.sctp_send(b"123456", flags=sctp.MSG_UNORDERED)
    assert server.sctp_recv(4)[1:3] == (0, b"1234")
    assert server.sctp_recv(4)[1:3] == (sctp.FLAG_EOR, b"56")
    client.close()
    address, flags, msg, info = server.sctp_recv(100)
    assert (address, flags, msg, info.assoc_id) == (None, 0, b"", 0)


@pytest.mark.parametrize("buffer", [bytearray(b"abc"), memoryview(b"abc")])
def test_buffers_are_taken(pair, buffer):
    """pysctp refuses what asyncio passes."""
    client, server = pair
    assert client.sctp_send(buffer) == 3 and server.sctp_recv(9)[2] == b"abc"


@pytest.mark.parametrize("ppid", [0, 46, 0x80, 0xFF00FF00, 2**32 - 1])
def test_ppid_is_swapped_when_sent(pair, ppid):
    """Quirk 1: 46 is 46 on the wire, and read as the raw word.  Quirk 2: all of 32 bits."""
    client, server = pair
    client.sctp_send(b"x", ppid=ppid)
    assert std.ntohl(server.sctp_recv(9)[3].ppid) == ppid


def test_ppid_as_older_releases_have_it(pair):
    """The switch, of one socket: what is sent is what is received; programs apply htonl and ntohl."""
    client, server = pair
    client.ppid_swapped = False
    client.sctp_send(b"x", ppid=46)
    assert server.sctp_recv(9)[3].ppid == 46
    client.sctp_send(b"x", ppid=std.htonl(46))
    assert std.ntohl(server.sctp_recv(9)[3].ppid) == 46


def test_the_switch_for_unedited_programs(run_python, monkeypatch):
    monkeypatch.setenv("PYSCTPSOCK_PYSCTP_PPID", "raw")
    source = "from pysctpsock.compat import pysctp; print(pysctp.ppid_swapped)"
    assert run_python(source).stdout == "False\n"


def test_defaults_of_a_message(pair):
    """ppid: the adaptation value (quirks 3 and 19); stream, lifetime: the properties."""
    client, server = pair
    client.adaptation = 47
    assert client.adaptation == client.get_adaptation() == 47
    client.streamid = 3
    client.sctp_send(b"x")
    info = server.sctp_recv(9)[3]
    assert (std.ntohl(info.ppid), info.stream) == (47, 3)


@pytest.mark.parametrize("name, most", [("ttl", 255), ("streamid", 65535)])
def test_ranges(opened, name, most):
    sock = opened(sctp.sctpsocket_tcp(std.AF_INET))
    for value in (0, most):
        setattr(sock, name, value)
        assert getattr(sock, name) == value == getattr(sock, "get_" + name)()
    for wrong in (-1, most + 1, "1", None, 1.0):
        with pytest.raises(ValueError):
            setattr(sock, name, wrong)


def test_wrong_messages(pair):
    """Section 6: an empty message, numbers out of range, addresses that are none."""
    client, _ = pair
    with pytest.raises(ValueError):
        client.sctp_send(b"")
    for wrong in ({"stream": 1 << 16}, {"flags": 1 << 32}, {"timetolive": 1 << 33}, {"context": 1 << 32},
                  {"ppid": 1 << 32}, {"ppid": -1 << 32}):
        with pytest.raises(OverflowError):
            client.sctp_send(b"x", **wrong)
    for wrong in ("127.0.0.1", (HOST,), (HOST, 1, 0, 0), (1, 2), (HOST, "1")):
        with pytest.raises(TypeError):
            client.sctp_send(b"x", to=wrong)
    with pytest.raises(ValueError):
        client.sctp_send(b"x", to=("localhost", 1))
    with pytest.raises(TypeError):
        client.sctp_send(3)


def test_notifications(server, opened):
    """The message is None (quirk 5), the flag is set, the object has the structure's fields."""
    client = opened(sctp.sctpsocket_tcp(std.AF_INET))
    client.events.association = client.events.shutdown = 1
    client.connect(server.getsockname())
    accepted, _ = server.accept()
    address, flags, msg, event = client.sctp_recv(1000)
    assert (address, msg) == (server.getsockname(), None) and flags & sctp.FLAG_NOTIFICATION
    assert isinstance(event, sctp.assoc_change) and event.state == event.state_COMM_UP
    assert event.assoc_id == client.get_status().assoc_id and event.outbound_streams > 0
    accepted.close()
    events = [client.sctp_recv(1000)[3]]
    while type(events[-1]) is not sctp.assoc_change:
        events.append(client.sctp_recv(1000)[3])  # nothing, until SHUTDOWN COMPLETE has come
    assert type(events[0]) is sctp.shutdown_event
    assert events[-1].state == sctp.assoc_change.state_SHUTDOWN_COMP


def test_a_message_that_failed(pair):
    """send_failed: the data, and a sndrcvinfo of what it was sent with."""
    client, server = pair
    client.events.send_failure = 1
    client.setblocking(False)
    last = 0
    with contextlib.suppress(BlockingIOError):  # until the buffer is full, whose end is not even sent
        while True:
            client.sctp_send(b"unread" * 200, stream=3, context=last + 1)
            last += 1
    client.setblocking(True)
    server.setsockopt(std.SOL_SOCKET, std.SO_LINGER, ABORT)
    server.close()
    event = client.sctp_recv(5000)[3]
    while event.info.context != last:
        event = client.sctp_recv(5000)[3]
    assert isinstance(event, sctp.send_failed) and isinstance(event.info, sctp.sndrcvinfo)
    assert (event.info.stream, event.data, event.flags) == (3, b"unread" * 200, event.flag_DATA_UNSENT)


def test_adaptation_is_told(server, opened):
    """adaptation_event: the indication of the peer."""
    client = opened(sctp.sctpsocket_tcp(std.AF_INET))
    server.adaptation, client.events.adaptation_layer = 47, 1
    client.connect(server.getsockname())
    event = client.sctp_recv(1000)[3]
    assert isinstance(event, sctp.adaptation_event) and event.adaptation_ind == 47
    assert event.assoc_id == client.get_status().assoc_id


def test_an_unexpected_event(pair):
    """unexpected_event_raises_exception: IOError for a type without class; else a plain notification."""
    client, _ = pair
    client.events.sender_dry = 1
    assert type(client.sctp_recv(100)[3]) is sctp.notification
    client.events.sender_dry = 0
    client.unexpected_event_raises_exception = True
    client.events.sender_dry = 1
    with pytest.raises(OSError, match="unknown type 0x8009"):
        client.sctp_recv(100)


def test_a_receive_waits_and_times_out(pair):
    """Quirk 12: settimeout() holds for sctp_recv.  Quirk 13: other greenlets run meanwhile."""
    client, server = pair
    server.settimeout(0.05)
    with pytest.raises(TimeoutError):
        server.sctp_recv(10)
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.sctp_recv(10)
    server.setblocking(True)
    gevent.spawn(client.sctp_send, b"from another greenlet")
    assert server.sctp_recv(100)[2] == b"from another greenlet"


def test_one_to_many(many):
    """Echo with `to` an address or an association's id (quirk 14); MSG_EOF without data ends it."""
    client, server = many
    server.events.association = 1
    assert client.sctp_send(b"first", to=server.getsockname(), ppid=60) == 5
    assert server.sctp_recv(100)[3].state == sctp.assoc_change.state_COMM_UP
    address, flags, msg, info = server.sctp_recv(100)
    assert (msg, flags, std.ntohl(info.ppid)) == (b"first", sctp.FLAG_EOR, 60) and address is not None
    server.sctp_send(b"by address", to=address)
    server.sctp_send(b"by id", to=info.assoc_id)
    assert [client.sctp_recv(100)[2] for _ in range(2)] == [b"by address", b"by id"]
    assert server.getpaddrs(info.assoc_id) == (address,)
    client.sctp_send(b"", to=server.getsockname(), flags=sctp.MSG_EOF)
    assert server.sctp_recv(100)[3].state == sctp.assoc_change.state_SHUTDOWN_COMP


def test_peeloff(many, opened):
    """A TCP-style socket with one descriptor: to close it ends the association (quirk 11)."""
    client, server = many
    client.sctp_send(b"first", to=server.getsockname())
    info = server.sctp_recv(100)[3]
    peeled = opened(server.peeloff(info.assoc_id))
    assert isinstance(peeled, sctp.sctpsocket_tcp)
    peeled.sctp_send(b"from the peeled one")
    assert client.sctp_recv(100)[2] == b"from the peeled one"
    client.events.association = 1
    peeled.close()
    assert client.sctp_recv(100)[3].state == sctp.assoc_change.state_SHUTDOWN_COMP
    with pytest.raises(OSError):
        server.peeloff(4711)


def test_addresses(opened):
    """bindx, connectx with its dict, getpaddrs and getladdrs: pairs in tuples; IPv6 too (quirk 17)."""
    for family, host in ((std.AF_INET, HOST), (std.AF_INET6, "::1")):
        server, client = opened(sctp.sctpsocket_tcp(family)), opened(sctp.sctpsocket_tcp(family))
        server.bindx([(host, 0)])
        server.listen(1)
        port = server.getsockname()[1]
        result = {}
        client.bindx([(host, 0)])  # one address only, whatever others this host has
        assert client.connectx([(host, port)], assoc_id=result) is None
        assert result == {"assoc_id": client.get_status().assoc_id}
        assert client.getpaddrs() == ((host, port),)
        assert server.getladdrs() == ((host, port),)
        accepted, _ = server.accept()
        assert opened(accepted).getpaddrs() == ((host, client.getsockname()[1]),)
    with pytest.raises(TypeError):
        client.bindx([(host, 1, 0, 0)])
    with pytest.raises(ValueError):
        client.bindx([("localhost", 1)])
    assert _sctp._sockaddr_test(("::1", 5)) == ("::1", 5)


def test_ids_and_styles(pair, many):
    """TCP style with an id, UDP style without: ValueError, but for set_peer_primary without id."""
    tcp, udp = pair[0], many[0]
    where = (HOST, 1)
    for call in (lambda s, i: s.get_status(i), lambda s, i: s.get_paddrinfo(i, where),
                 lambda s, i: s.get_paddrparams(i, where), lambda s, i: s.set_primary(i, where)):
        with pytest.raises(ValueError):
            call(tcp, 1)
        with pytest.raises(ValueError):
            call(udp, 0)
    with pytest.raises(ValueError):
        tcp.set_peer_primary(1, where)
    with pytest.raises(OSError):
        udp.set_peer_primary(0, where)


def test_status_and_addresses_of_the_peer(pair):
    client, server = pair
    state = client.get_status()
    assert isinstance(state, sctp.status) and state.state == state.state_ESTABLISHED
    assert isinstance(state.primary, sctp.paddrinfo) and state.primary.state == sctp.paddrinfo.state_ACTIVE
    assert state.primary.sockaddr == server.getsockname() and state.rwnd > 0 and state.fragmentation_point > 0
    info = client.get_paddrinfo(0, server.getsockname())
    assert info.cwnd > 0 and info.rto > 0 and info.mtu > 0 and info.sockaddr == server.getsockname()


def test_the_primary_address(opened):
    """set_primary() changes where data goes; set_peer_primary() asks the peer, which has no ASCONF."""
    server, client = opened(sctp.sctpsocket_tcp(std.AF_INET)), opened(sctp.sctpsocket_tcp(std.AF_INET))
    server.bindx([(HOST, 0)])
    port = server.getsockname()[1]
    server.bindx([("127.0.0.2", port)])
    server.listen(1)
    client.connectx([(HOST, port)])
    for host in ("127.0.0.2", HOST):
        until(lambda host=host: client.get_paddrinfo(0, (host, port)).state == sctp.paddrinfo.state_ACTIVE)
        client.set_primary(0, (host, port))
        assert client.get_status().primary.sockaddr == (host, port)
    with pytest.raises(OSError):
        client.set_peer_primary(0, client.getsockname())


def test_parameters(pair):
    """get, change, set, get: rtoinfo, assocparams, paddrparams with all its fields (quirk 7)."""
    client, server = pair
    rto = client.get_rtoinfo()
    rto.initial, rto.max, rto.min = 500, 5000, 200
    client.set_rtoinfo(rto)
    rto = client.get_rtoinfo()
    assert (rto.initial, rto.max, rto.min) == (500, 5000, 200)
    association = client.get_assocparams()
    association.assocmaxrxt = 4
    client.set_assocparams(association)
    association = client.get_assocparams()
    assert (association.assocmaxrxt, association.number_peer_destinations) == (4, 1)
    path = client.get_paddrparams(0, server.getsockname())
    assert path.flags & path.flags_HB_ENABLED and path.hbinterval == 30000
    path.hbinterval, path.pathmaxrxt, path.flags = 1200, 3, path.flags_HB_ENABLED
    client.set_paddrparams(path)
    assert path.flags != path.flags_HB_ENABLED, "the object was not refreshed"
    path = client.get_paddrparams(0, server.getsockname())
    assert (path.hbinterval, path.pathmaxrxt) == (1200, 3)


@pytest.mark.parametrize("name, value", [("nodelay", 1), ("disable_fragments", 1), ("mappedv4", 0),
                                         ("maxseg", 600), ("adaptation", 99)])
def test_numbers(opened, name, value):
    sock = opened(sctp.sctpsocket_tcp(std.AF_INET))
    setattr(sock, name, value)
    assert getattr(sock, name) == getattr(sock, "get_" + name)() == value
    getattr(sock, "set_" + name)(0 if value else 1)
    assert getattr(sock, name) != value


@pytest.mark.parametrize("name", ["sndbuf", "rcvbuf"])
def test_buffers(opened, name):
    """Methods, no properties; what was set is read back (quirk 6)."""
    sock = opened(sctp.sctpsocket_tcp(std.AF_INET))
    getattr(sock, "set_" + name)(100_000)
    assert getattr(sock, "get_" + name)() == 100_000
    assert name not in vars(sctp.sctpsocket)


def test_datalogging(pair, tmp_path, monkeypatch):
    """Quirk 18: pysctp cannot write bytes.  One file a message."""
    monkeypatch.chdir(tmp_path)
    client, _ = pair
    client.sctp_send(b"\xff one", datalogging=True)
    client.datalogging = True
    client.sctp_send("two", record_file_prefix="mine")
    client.sctp_send("three", record_file_prefix="mine")
    files = sorted(os.listdir())
    assert [open(name, "rb").read() for name in files] == [b"\xff one", b"two", b"three"]  # noqa: SIM115
    assert files[0].startswith("RECORD_sctp_traffic-") and files[0].endswith("-c2s.1")
    assert files[1].startswith("mine-")


def test_a_reader_is_woken_when_the_socket_is_closed(pair):
    """Quirk 21."""
    client, _ = pair
    reader = gevent.spawn(client.sctp_recv, 10)
    gevent.sleep(0)
    client.close()
    with pytest.raises(OSError) as raised:
        reader.get()
    assert raised.value.errno == errno.EBADF


@pytest.mark.parametrize("name, value", {
    "nodelay": 1, "adaptation": 5, "sndbuf": 50_000, "rcvbuf": 50_000, "disable_fragments": 1, "mappedv4": 0,
    "maxseg": 700, "autoclose": 9}.items())
def test_the_helpers_functions(opened, name, value):
    """Section 9: pairs get_ and set_ with a descriptor; those of structures are what the sockets call."""
    fd = opened(sctp.sctpsocket_udp(std.AF_INET)).fileno()
    getattr(_sctp, "set_" + name)(fd, value)
    assert getattr(_sctp, "get_" + name)(fd) in (value, 2 * value)
    for structure in ("initparams", "events", "rtoinfo", "assocparams", "paddrparams"):
        assert getattr(_sctp, "get_" + structure) and getattr(_sctp, "set_" + structure)
    assert all(getattr(_sctp, f"have_sctp_{what}")() for what in (
        "multibuf", "noconnect", "prsctp", "setprimary", "addip"))


def test_calls_by_descriptor(many):
    """The module _sctp: what programs call with fileno()."""
    client, server = many
    _sctp.set_nodelay(client.fileno(), 1)
    assert _sctp.get_nodelay(client.fileno()) == client.nodelay == 1
    _sctp.sctp_send_msg(client.fileno(), b"x", server.getsockname(), 5, 0, 1, 0, 0)
    _, flags, msg, values = _sctp.sctp_recv_msg(server.fileno(), 10)
    assert (flags, msg, values["ppid"], values["stream"]) == (sctp.FLAG_EOR, b"x", 5, 1)
    assert _sctp.getpaddrs(server.fileno(), values["assoc_id"]) == server.getpaddrs(values["assoc_id"])
    fd = _sctp.peeloff(server.fileno(), values["assoc_id"])
    assert _sctp.getladdrs(fd, 0)[0][1] == server.getsockname()[1]
    with pytest.raises(OSError):
        _sctp.get_nodelay(4711)
    assert _sctp.have_sctp_multibuf() and not _sctp.have_sctp_sat_network_capability()
    with pytest.raises(_sctp.Error):
        _sctp.error_out()
