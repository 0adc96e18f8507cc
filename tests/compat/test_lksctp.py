"""compat/lksctp: C's argument lists, and the table of docs/migration.md, row by row (RFC 6458 section 9)."""
import ctypes
import errno
import re
from pathlib import Path

import gevent
import pytest
from errnos import raises
from many import until_queued

from pysctpsock import socket, structs
from pysctpsock.compat import lksctp

PAGE = Path(__file__).parents[2] / "docs" / "migration.md"


def rows():
    """(C call, Python call, call with C's arguments) of the table in the section "From C"."""
    section = PAGE.read_text().partition("## From C\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line.strip("| ").split(" | ")] for line in lines]


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6], ids=["ipv4", "ipv6"])
def pair(request):
    """Connected (client, server)."""
    listener = socket.socket(request.param, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
    client = socket.socket(request.param, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
    listener.bind(("127.0.0.1" if request.param == socket.AF_INET else "::1", 0))
    listener.listen(5)
    with gevent.Timeout(20):
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        client.settimeout(5)
        server.settimeout(5)
        yield client, server
    for sock in (listener, client, server):
        sock.close()


def test_the_table_of_the_page():
    """Each row runs, and what a row with C's arguments says is true."""
    pointers = {
        "c_id": ctypes.c_int(), "c_status": structs.sctp_status(), "c_size": ctypes.c_int(176),
        "c_list": [], "c_buffer": bytearray(1000), "c_from": bytearray(16), "c_fromlen": ctypes.c_int(16),
        "c_sinfo": structs.sctp_sndrcvinfo(), "c_flags": ctypes.c_int(), "c_info": bytearray(44),
        "c_infolen": ctypes.c_int(44), "c_infotype": ctypes.c_uint(),
    }
    space = {**vars(socket), **pointers,
             "other": socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)}
    functions = {name: getattr(lksctp, name) for name in lksctp.__all__}
    table = rows()
    assert len(table) > 25
    with gevent.Timeout(30):
        for _, python, with_c in table:
            if "c_cs" in with_c and "c_cs" not in space:  # the second to connect
                space["c_cs"], _ = space["ls"].accept()
            exec(python, space)
            if with_c != "the same":
                assert eval(with_c, {**space, **functions}), with_c
    assert space["status"].sstat_state == space["c_status"].sstat_state == socket.SCTP_ESTABLISHED
    assert space["id"] > 2
    assert space["c_id"].value > 2
    assert space["c_flags"].value == socket.MSG_EOR
    for name in ("ls", "cs", "c_cs", "other"):
        space[name].close()


def test_every_function_of_libsctp_is_in_the_page():
    text = PAGE.read_text()
    assert all(re.search(rf"\b{name}\(", text) for name in lksctp.__all__)
    assert len(lksctp.__all__) == 15


def test_received_information(pair):
    """Buffers, addresses and structures are filled as C fills them; case 130: infolen 16 is for nxtinfo."""
    client, server = pair
    server.setsockopt(socket.SOL_SCTP, socket.SCTP_EVENTS, b"\1")
    server.setsockopt(socket.SOL_SCTP, socket.SCTP_RECVRCVINFO, 1)
    server.setsockopt(socket.SOL_SCTP, socket.SCTP_RECVNXTINFO, 1)
    for ppid in (1, 2, 3, 4):
        client.sctp_sendmsg(b"message", ppid=ppid, stream_no=ppid)
    until_queued(server, 4)
    buffer, sender, length = bytearray(20), structs.sockaddr_storage(), ctypes.c_int(128)
    sinfo, flags = structs.sctp_sndrcvinfo(), ctypes.c_int(socket.MSG_PEEK)
    assert lksctp.sctp_recvmsg(server, buffer, 20, sender, length, sinfo, flags) == 7
    assert buffer.rstrip(b"\0") == b"message"
    assert sender.address == client.getsockname()
    assert length.value == socket.sctp_getaddrlen(client.family)
    assert (sinfo.sinfo_stream, sinfo.sinfo_ppid, flags.value) == (1, 1, socket.MSG_EOR)
    for room, kind, got in ((44, socket.SCTP_RECVV_RN, 44), (16, socket.SCTP_RECVV_NXTINFO, 16),
                            (1, socket.SCTP_RECVV_NOINFO, 0)):
        info, infolen, infotype, flags = bytearray(44), ctypes.c_int(room), ctypes.c_uint(9), ctypes.c_int()
        parts = [bytearray(3), bytearray(10)]
        assert lksctp.sctp_recvv(server, parts, 2, None, None, info, infolen, infotype, flags) == 7
        assert parts[0] + parts[1].rstrip(b"\0") == b"message"
        assert (infotype.value, infolen.value) == (kind, got)


def test_errors(pair):
    """OSError where C has -1; a positive ENOTSUP from sctp_opt_info.

    Cases 23, 24: sctp_connectx without a list, with a count of 0.
    """
    client, _ = pair
    size = ctypes.c_int(8)
    assert lksctp.sctp_opt_info(client, 0, socket.SCTP_MAX_BURST, bytearray(8), size) == errno.ENOTSUP
    packed = structs.pack_sockaddr(client.getpeername())
    for arguments in ((None, 1), ([client.getpeername()], 0), (b"\x09\x00" + bytes(14), 1)):
        with raises(errno.EINVAL):
            lksctp.sctp_connectx(client, *arguments)
    with raises(errno.EFAULT):
        lksctp.sctp_send(client, b"12", 3, None, 0)
    with raises(errno.EINVAL):
        lksctp.sctp_sendmsg(client, b"12", 2, bytes(16), 16, 0, 0, 0, 0, 0)
    assert lksctp.sctp_sendmsg(client, b"12", 2, packed, len(packed), 0, 0, 0, 0, 0) == 2
    with raises(errno.EINVAL):
        lksctp.sctp_peeloff(client, 3)
