"""The table of socket options: what it has, lengths, and who is meant (pysctpsock.options)."""
import errno
import socket
import struct
from types import SimpleNamespace

import pytest
from errnos import raises

from pysctpsock import constants as c
from pysctpsock import options, structs
from pysctpsock._cy.parameters import ProtocolParameters


def make_socket(association=None):
    """What options need of a socket."""
    return SimpleNamespace(
        parameters=ProtocolParameters(), user=SimpleNamespace(event_mask=0), linger=(0, 0), buffer_sizes={},
        switches={}, reuse_address=False, disable_fragments=False, mapped_v4=True, recv_rcvinfo=False,
        recv_nxtinfo=False, default_stream=0, default_flags=0, default_ppid=0, default_context=0,
        default_timetolive=0, listening=False, type=1, proto=132, family=2, take_error=lambda: 0,
        one_to_many=False, association_meant=lambda assoc_id: association,
        open_associations=lambda: [association] if association else [],
    )


def get(sock, number, structure, level=c.SOL_SCTP):
    return structure.unpack(options.get_option(sock, level, number, bytes(structure())))


def put(sock, number, value, level=c.SOL_SCTP):
    options.set_option(sock, level, number, value if isinstance(value, int) else bytes(value))


def test_numbers_and_names_agree():
    for (level, number), option in options.TABLE.items():
        module = c if level == c.SOL_SCTP or option.name in ("SO_PROTOCOL", "SO_DOMAIN") else socket
        if option.fixed_number is None:
            assert getattr(module, option.name) == number, option.name
        assert option.number == number
        assert option.get is not None or option.set is not None


DEFAULTS = [  # what a fresh socket answers: RFC 9260 section 16 where Linux's values differ
    (c.SCTP_RTOINFO, structs.sctp_rtoinfo(0, 1000, 60000, 1000)),
    (c.SCTP_ASSOCINFO, structs.sctp_assocparams(sasoc_asocmaxrxt=10, sasoc_cookie_life=60000)),
    (c.SCTP_INITMSG, structs.sctp_initmsg(10, 65535, 8, 60000)),  # case 141
    (c.SCTP_EVENTS, structs.sctp_event_subscribe()),  # case 54
    (c.SCTP_DELAYED_SACK, structs.sctp_sack_info(0, 200, 2)),
    (c.SCTP_DEFAULT_SEND_PARAM, structs.sctp_sndrcvinfo()),
    (c.SCTP_DEFAULT_SNDINFO, structs.sctp_sndinfo()),
    (c.SCTP_MAXSEG, structs.sctp_assoc_value()),
    (c.SCTP_REMOTE_UDP_ENCAPS_PORT, structs.sctp_udpencaps()),
    (c.SCTP_PEER_ADDR_PARAMS, structs.sctp_paddrparams(  # case 142
        spp_hbinterval=30000, spp_pathmaxrxt=5, spp_sackdelay=200,
        spp_flags=c.SPP_HB_ENABLE | c.SPP_PMTUD_ENABLE | c.SPP_SACKDELAY_ENABLE)),
]


@pytest.mark.parametrize(("number", "wanted"), DEFAULTS,
                         ids=[options.find(c.SOL_SCTP, row[0]).name for row in DEFAULTS])
def test_defaults(number, wanted):
    assert get(make_socket(), number, type(wanted)) == wanted


@pytest.mark.parametrize(("number", "value"), [
    (c.SCTP_RTOINFO, structs.sctp_rtoinfo(0, 60, 100, 40)),  # case 138
    (c.SCTP_ASSOCINFO, structs.sctp_assocparams(sasoc_asocmaxrxt=15, sasoc_cookie_life=60010)),  # case 137
    (c.SCTP_INITMSG, structs.sctp_initmsg(5, 6, 7, 8)),  # cases 133, 141
    (c.SCTP_EVENTS, structs.sctp_event_subscribe(*(n % 2 for n in range(14)))),  # case 54
    (c.SCTP_DELAYED_SACK, structs.sctp_sack_info(0, 100, 3)),
    (c.SCTP_DEFAULT_SEND_PARAM, structs.sctp_sndrcvinfo(
        sinfo_stream=3, sinfo_flags=1, sinfo_ppid=5, sinfo_context=6, sinfo_timetolive=7)),
    (c.SCTP_DEFAULT_SNDINFO, structs.sctp_sndinfo(3, 1, 5, 6)),
    (c.SCTP_REMOTE_UDP_ENCAPS_PORT, structs.sctp_udpencaps(sue_port=socket.htons(9899))),
])
def test_what_is_set_is_read_back(number, value):
    sock, other = make_socket(), make_socket()
    put(sock, number, value)
    assert get(sock, number, type(value)) == value
    assert get(other, number, type(value)) == get(make_socket(), number, type(value))


@pytest.mark.parametrize("number", [c.SCTP_NODELAY, c.SCTP_DISABLE_FRAGMENTS, c.SCTP_RECVRCVINFO,
                                    c.SCTP_RECVNXTINFO, c.SCTP_I_WANT_MAPPED_V4_ADDR])
def test_switches(number):
    """Boolean options store "non-zero", take any length from 4 and give an int."""
    sock = make_socket()
    for value, shown in ((7, 1), (0, 0), (struct.pack("=iq", 1, 5), 1), (-1, 1)):
        put(sock, number, value)
        assert options.get_option(sock, c.SOL_SCTP, number, bytes(8)) == struct.pack("=i", shown)
    with raises(errno.EINVAL):
        put(sock, number, b"\1\0\0")
    with raises(errno.EINVAL):
        options.get_option(sock, c.SOL_SCTP, number, bytes(3))


EXACT = [c.SCTP_RTOINFO, c.SCTP_ASSOCINFO, c.SCTP_INITMSG, c.SCTP_PEER_ADDR_PARAMS, c.SCTP_DEFAULT_SEND_PARAM,
         c.SCTP_DELAYED_SACK, c.SCTP_DEFAULT_SNDINFO, c.SCTP_REMOTE_UDP_ENCAPS_PORT]


@pytest.mark.parametrize("number", EXACT, ids=[options.find(132, number).name for number in EXACT])
def test_lengths(number):
    """set needs the exact length; get takes more and cuts it to the true size (case 145: one byte short)."""
    sock = make_socket()
    option = options.find(c.SOL_SCTP, number)
    size, least = option.size, min((*option.lengths, option.size))
    for length in (size - 1, size + 1):
        with raises(errno.EINVAL):
            put(sock, number, bytes(length))
    with raises(errno.EINVAL):
        options.get_option(sock, c.SOL_SCTP, number, bytes(least - 1))
    assert len(options.get_option(sock, c.SOL_SCTP, number, bytes(size + 50))) == size
    put(sock, number, options.get_option(sock, c.SOL_SCTP, number, bytes(size)))


def test_events_may_be_shorter():
    """The structure grew from 8 to 14 bytes: a prefix changes what it covers."""
    sock = make_socket()
    put(sock, c.SCTP_EVENTS, bytes(13) + b"\1")
    put(sock, c.SCTP_EVENTS, b"\1\1")
    assert options.get_option(sock, c.SOL_SCTP, c.SCTP_EVENTS, bytes(14)) == b"\1\1" + bytes(11) + b"\1"
    assert options.get_option(sock, c.SOL_SCTP, c.SCTP_EVENTS, bytes(3)) == b"\1\1\0"
    assert len(options.get_option(sock, c.SOL_SCTP, c.SCTP_EVENTS, bytes(40))) == 14
    with raises(errno.EINVAL):
        put(sock, c.SCTP_EVENTS, bytes(15))
    with raises(errno.EINVAL):
        options.get_option(sock, c.SOL_SCTP, c.SCTP_EVENTS, b"")


def test_zero_leaves_a_parameter_unchanged():
    sock = make_socket()
    put(sock, c.SCTP_RTOINFO, structs.sctp_rtoinfo(0, 0, 30000, 0))
    assert get(sock, c.SCTP_RTOINFO, structs.sctp_rtoinfo) == structs.sctp_rtoinfo(0, 1000, 30000, 1000)
    put(sock, c.SCTP_INITMSG, structs.sctp_initmsg(0, 4, 0, 0))
    assert get(sock, c.SCTP_INITMSG, structs.sctp_initmsg) == structs.sctp_initmsg(10, 4, 8, 60000)


def test_rto_minimum_above_maximum():
    """After merging with what is stored; nothing changes then."""
    sock = make_socket()
    with raises(errno.EINVAL):
        put(sock, c.SCTP_RTOINFO, structs.sctp_rtoinfo(0, 5, 500, 0))
    assert get(sock, c.SCTP_RTOINFO, structs.sctp_rtoinfo) == structs.sctp_rtoinfo(0, 1000, 60000, 1000)


def test_unknown_options():
    """Case 131: ENOPROTOOPT, but EOPNOTSUPP to get at an unknown level; read-only and write-only ones."""
    sock = make_socket()
    for number in (126, 134, 999):
        with raises(errno.ENOPROTOOPT):
            put(sock, number, 1)
        with raises(errno.ENOPROTOOPT):
            options.get_option(sock, c.SOL_SCTP, number, bytes(4))
    with raises(errno.ENOPROTOOPT):
        put(sock, 0, 1, level=-1)
    with raises(errno.EOPNOTSUPP):
        options.get_option(sock, -1, 0, bytes(4))
    with raises(errno.ENOPROTOOPT):
        put(sock, c.SCTP_STATUS, structs.sctp_status())


@pytest.mark.parametrize("structure", [structs.sctp_status, structs.sctp_paddrinfo])
def test_options_of_an_association(structure):
    number = c.SCTP_STATUS if structure is structs.sctp_status else c.SCTP_GET_PEER_ADDR_INFO
    with raises(errno.EINVAL):
        get(make_socket(), number, structure)


# ------------------------------------------------------------------ acknowledgements and heartbeats

def test_delayed_sack_rules():
    """8.1.19 and cases 143, 146: frequency 1 is off, both 0 changes nothing, 500 ms is the most."""
    sock = make_socket()
    put(sock, c.SCTP_DELAYED_SACK, structs.sctp_sack_info(0, 0, 0))
    assert get(sock, c.SCTP_DELAYED_SACK, structs.sctp_sack_info) == structs.sctp_sack_info(0, 200, 2)
    put(sock, c.SCTP_DELAYED_SACK, structs.sctp_sack_info(0, 0, 1))
    assert get(sock, c.SCTP_DELAYED_SACK, structs.sctp_sack_info) == structs.sctp_sack_info(0, 0, 1)
    put(sock, c.SCTP_DELAYED_SACK, structs.sctp_sack_info(0, 250, 0))
    assert get(sock, c.SCTP_PEER_ADDR_PARAMS, structs.sctp_paddrparams).spp_sackdelay == 250
    with raises(errno.EINVAL):
        put(sock, c.SCTP_DELAYED_SACK, structs.sctp_sack_info(0, 501, 2))


def test_delayed_sack_legacy_structure():
    """sctp_assoc_value: milliseconds, 0 is off; a length between the two structures is refused."""
    sock = make_socket()
    put(sock, c.SCTP_DELAYED_SACK, structs.sctp_assoc_value(0, 100))
    assert get(sock, c.SCTP_DELAYED_SACK, structs.sctp_sack_info) == structs.sctp_sack_info(0, 100, 2)
    assert get(sock, c.SCTP_DELAYED_SACK, structs.sctp_assoc_value).assoc_value == 100
    put(sock, c.SCTP_DELAYED_SACK, structs.sctp_assoc_value(0, 0))
    assert get(sock, c.SCTP_DELAYED_SACK, structs.sctp_sack_info).sack_freq == 1
    with raises(errno.EINVAL):
        options.get_option(sock, c.SOL_SCTP, c.SCTP_DELAYED_SACK, bytes(10))


def paddrparams(flags, **fields):
    return structs.sctp_paddrparams(spp_flags=flags, **fields)


@pytest.mark.parametrize("value", [
    paddrparams(c.SPP_HB), paddrparams(c.SPP_PMTUD), paddrparams(c.SPP_SACKDELAY),  # case 147
    paddrparams(c.SPP_SACKDELAY_ENABLE, spp_sackdelay=501),  # case 146
    paddrparams(c.SPP_HB_DEMAND),  # case 148
    paddrparams(c.SPP_PMTUD_DISABLE, spp_pathmtu=511),
    paddrparams(0, spp_address=("192.0.2.1", 5)),  # no such path
])
def test_peer_addr_params_refused(value):
    with raises(errno.EINVAL):
        put(make_socket(), c.SCTP_PEER_ADDR_PARAMS, value)


PATH = ("192.0.2.7", 5000)


class PathSocket(SimpleNamespace):
    """A socket whose association has one path, and notes what options ask of it."""

    def __init__(self):
        path = SimpleNamespace(
            heartbeat_enabled=True, heartbeat_interval=30_000_000, path_max_retrans=5, sack_delay=200_000,
            sack_frequency=2, path_mtu=1500, pmtu_discovery=True, dscp=0)
        shown = {"address": PATH[0], "udp_port": 9899, "mtu": 1500, "state": c.SCTP_ACTIVE}
        association = SimpleNamespace(
            parameters=ProtocolParameters(), peer_port=PATH[1], peer_host=PATH[0], paths=[path],
            path=lambda host: path, snapshot=lambda: {"paths": [shown]})
        self.asked = []
        super().__init__(
            **vars(make_socket(association)), association=association, path=path, core_address=lambda a: a,
            shown_address=lambda host, port: (host, port),
            change_paths=lambda association, host, changes: self.asked.append((host, changes)),
            request_heartbeat=lambda association, host: self.asked.append((host, "heartbeat")),
            set_primary=lambda association, host: self.asked.append((host, "primary")))


@pytest.mark.parametrize(("value", "changes"), [
    (paddrparams(c.SPP_HB_ENABLE, spp_hbinterval=7), {"heartbeat_enabled": True, "heartbeat_interval": 7000}),
    (paddrparams(c.SPP_HB_ENABLE), {"heartbeat_enabled": True}),
    (paddrparams(c.SPP_HB_ENABLE | c.SPP_HB_TIME_IS_ZERO),
     {"heartbeat_enabled": True, "heartbeat_interval": 0}),
    (paddrparams(c.SPP_HB_DISABLE, spp_hbinterval=7), {"heartbeat_enabled": False}),
    (paddrparams(c.SPP_PMTUD_DISABLE, spp_pathmtu=1280), {"pmtu_discovery": False, "path_mtu": 1280}),
    (paddrparams(c.SPP_PMTUD_ENABLE, spp_pathmtu=1280), {"pmtu_discovery": True}),
    (paddrparams(c.SPP_SACKDELAY_ENABLE, spp_sackdelay=100), {"sack_delay": 100_000}),
    (paddrparams(c.SPP_SACKDELAY_DISABLE), {"sack_frequency": 1}),
    (paddrparams(c.SPP_DSCP, spp_dscp=0xBB), {"dscp": 0xB8}),
    (paddrparams(0, spp_pathmaxrxt=3, spp_hbinterval=9, spp_pathmtu=1000), {"path_max_retrans": 3}),
])
def test_peer_addr_params_of_one_path(value, changes):
    """RFC 6458 section 8.1.12: only what its flag names, and of the address given; of all without one."""
    for address, host in ((PATH, PATH[0]), (("0.0.0.0", 0), None)):
        sock = PathSocket()
        value.spp_address = address
        put(sock, c.SCTP_PEER_ADDR_PARAMS, value)
        assert sock.asked == [(host, changes)]


def test_heartbeat_on_demand():
    sock = PathSocket()
    put(sock, c.SCTP_PEER_ADDR_PARAMS, paddrparams(c.SPP_HB_DEMAND, spp_address=PATH))
    assert sock.asked == [(PATH[0], {}), (PATH[0], "heartbeat")]


def test_peer_addr_params_are_the_paths():
    sock = PathSocket()
    vars(sock.path).update(heartbeat_enabled=False, heartbeat_interval=1_000_000, path_max_retrans=9,
                           sack_delay=50_000, path_mtu=1300, pmtu_discovery=False, dscp=0xB8)
    request = structs.sctp_paddrparams(spp_address=PATH)
    value = structs.sctp_paddrparams.unpack(
        options.get_option(sock, c.SOL_SCTP, c.SCTP_PEER_ADDR_PARAMS, bytes(request)))
    assert value == structs.sctp_paddrparams(
        spp_address=PATH, spp_hbinterval=1000, spp_pathmaxrxt=9, spp_pathmtu=1300, spp_sackdelay=50,
        spp_flags=c.SPP_HB_DISABLE | c.SPP_PMTUD_DISABLE | c.SPP_SACKDELAY_ENABLE | c.SPP_DSCP,
        spp_dscp=0xB8)


def test_primary_addr():
    """SCTP_PRIMARY_ADDR (RFC 6458 section 8.1.9)."""
    sock = PathSocket()
    assert get(sock, c.SCTP_PRIMARY_ADDR, structs.sctp_prim).ssp_addr.address[:2] == PATH
    put(sock, c.SCTP_PRIMARY_ADDR, structs.sctp_prim(0, PATH))
    assert sock.asked == [(PATH[0], "primary")]
    for address in (("192.0.2.8", 5000), ("0.0.0.0", 0), (PATH[0], 5001)):
        with raises(errno.EINVAL):
            put(sock, c.SCTP_PRIMARY_ADDR, structs.sctp_prim(0, address))
    with raises(errno.EINVAL):
        put(make_socket(), c.SCTP_PRIMARY_ADDR, structs.sctp_prim(0, PATH))


def test_peer_addr_params():
    """hbinterval counts only with HB_ENABLE, and 0 only with HB_TIME_IS_ZERO; pathmaxrxt whenever not 0."""
    sock = make_socket()

    def state():
        value = get(sock, c.SCTP_PEER_ADDR_PARAMS, structs.sctp_paddrparams)
        return value.spp_hbinterval, value.spp_pathmaxrxt, value.spp_flags & c.SPP_HB

    put(sock, c.SCTP_PEER_ADDR_PARAMS, paddrparams(0, spp_hbinterval=5, spp_pathmaxrxt=9))
    assert state() == (30000, 9, c.SPP_HB_ENABLE)
    put(sock, c.SCTP_PEER_ADDR_PARAMS, paddrparams(c.SPP_HB_ENABLE, spp_hbinterval=5000))
    assert state() == (5000, 9, c.SPP_HB_ENABLE)
    put(sock, c.SCTP_PEER_ADDR_PARAMS, paddrparams(c.SPP_HB_DISABLE))
    assert state() == (5000, 9, c.SPP_HB_DISABLE)
    put(sock, c.SCTP_PEER_ADDR_PARAMS, paddrparams(c.SPP_HB_ENABLE))
    assert state() == (5000, 9, c.SPP_HB_ENABLE)
    put(sock, c.SCTP_PEER_ADDR_PARAMS, paddrparams(c.SPP_HB_ENABLE | c.SPP_HB_TIME_IS_ZERO))
    assert state() == (0, 9, c.SPP_HB_ENABLE)


def test_peer_addr_params_older_structure():
    """152 bytes, before flow label and DSCP existed."""
    sock = make_socket()
    old = bytes(paddrparams(c.SPP_HB_ENABLE, spp_hbinterval=7000))[:152]
    put(sock, c.SCTP_PEER_ADDR_PARAMS, old)
    answer = options.get_option(sock, c.SOL_SCTP, c.SCTP_PEER_ADDR_PARAMS, bytes(152))
    assert len(answer) == 152
    assert structs.sctp_paddrparams.unpack(answer + bytes(4)).spp_hbinterval == 7000
    with raises(errno.EINVAL):
        put(sock, c.SCTP_PEER_ADDR_PARAMS, bytes(paddrparams(c.SPP_DSCP))[:152])
    for length in (151, 153, 155):
        with raises(errno.EINVAL):
            put(sock, c.SCTP_PEER_ADDR_PARAMS, bytes(length))


def test_default_flags():
    for flags in (c.SCTP_UNORDERED, c.SCTP_ADDR_OVER | c.SCTP_ABORT | c.SCTP_EOF):
        put(make_socket(), c.SCTP_DEFAULT_SNDINFO, structs.sctp_sndinfo(snd_flags=flags))
    for flags in (c.SCTP_SACK_IMMEDIATELY, 0x100, c.SCTP_PR_SCTP_TTL):
        with raises(errno.EINVAL):
            put(make_socket(), c.SCTP_DEFAULT_SNDINFO, structs.sctp_sndinfo(snd_flags=flags))
        with raises(errno.EINVAL):
            put(make_socket(), c.SCTP_DEFAULT_SEND_PARAM, structs.sctp_sndrcvinfo(sinfo_flags=flags))


def test_association_ids_are_ignored():
    """Case 151: a one-to-one socket takes any id, and gives it back."""
    sock = make_socket()
    put(sock, c.SCTP_DEFAULT_SNDINFO, structs.sctp_sndinfo(snd_ppid=5, snd_assoc_id=1234))
    request = bytes(structs.sctp_sndinfo(snd_assoc_id=1234))
    answer = options.get_option(sock, c.SOL_SCTP, c.SCTP_DEFAULT_SNDINFO, request)
    assert structs.sctp_sndinfo.unpack(answer) == structs.sctp_sndinfo(snd_ppid=5, snd_assoc_id=1234)


def test_event_type_range():
    sock = make_socket()
    for kind in (0x7FFF, 0x800E):
        with raises(errno.EINVAL):
            put(sock, c.SCTP_EVENT, structs.sctp_event(0, kind, 1))
    for kind in range(0x8000, 0x800E):
        put(sock, c.SCTP_EVENT, structs.sctp_event(0, kind, 1))
        request = bytes(structs.sctp_event(0, kind, 0))
        answer = options.get_option(sock, c.SOL_SCTP, c.SCTP_EVENT, request)
        assert structs.sctp_event.unpack(answer).se_on == 1
    assert sock.user.event_mask == 0x3FFF


# ------------------------------------------------------------------ level SOL_SOCKET

def test_buffer_sizes():
    """Case 135: Linux shows twice what was set, and not less than a minimum; half of SO_RCVBUF is window."""
    sock = make_socket()
    for number, least in ((socket.SO_SNDBUF, 4608), (socket.SO_RCVBUF, 2304)):
        for value, shown in ((2304, 4608), (100_000, 200_000), (1, least), (0, least), (-5, least)):
            put(sock, number, value, socket.SOL_SOCKET)
            answer = options.get_option(sock, socket.SOL_SOCKET, number, bytes(4))
            assert answer == struct.pack("=i", max(shown, least))
    put(sock, socket.SO_RCVBUF, 100_000, socket.SOL_SOCKET)
    put(sock, socket.SO_SNDBUF, 100_000, socket.SOL_SOCKET)
    assert (sock.parameters.receive_buffer, sock.parameters.send_buffer) == (100_000, 200_000)
    put(sock, socket.SO_RCVBUF, 1, socket.SOL_SOCKET)
    assert sock.parameters.receive_buffer == 1500  # RFC 9260 section 3.3.2


def test_linger():
    """Case 134; {1, 0} makes close abort."""
    sock = make_socket()
    for value in (struct.pack("=ii", 0, 0), struct.pack("=ii", 1, 10), struct.pack("=ii", 1, 0)):
        put(sock, socket.SO_LINGER, value, socket.SOL_SOCKET)
        assert options.get_option(sock, socket.SOL_SOCKET, socket.SO_LINGER, bytes(8)) == value
    assert sock.parameters.linger_abort
    put(sock, socket.SO_LINGER, struct.pack("=ii", 0, 0), socket.SOL_SOCKET)
    assert not sock.parameters.linger_abort


@pytest.mark.parametrize(("number", "wanted"), [(socket.SO_TYPE, 1), (c.SO_PROTOCOL, 132), (c.SO_DOMAIN, 2),
                                                (socket.SO_ACCEPTCONN, 0), (socket.SO_ERROR, 0)])
def test_what_is_told(number, wanted):
    sock = make_socket()
    assert options.get_option(sock, socket.SOL_SOCKET, number, bytes(4)) == struct.pack("=i", wanted)
    with raises(errno.ENOPROTOOPT):
        put(sock, number, 1, socket.SOL_SOCKET)


def test_switches_that_are_remembered():
    sock = make_socket()
    for number in (socket.SO_KEEPALIVE, socket.SO_BROADCAST, socket.SO_REUSEADDR):
        put(sock, number, 1, socket.SOL_SOCKET)
        assert options.get_option(sock, socket.SOL_SOCKET, number, bytes(4)) == struct.pack("=i", 1)
