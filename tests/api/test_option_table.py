"""Every option against what Linux has, from tables: what options.tsv says is what a socket does.

options.tsv lists all options of level SOL_SCTP with layouts, defaults and a value to set (RFC 6458 section 8
and the RFCs that add to it).  option_lengths.tsv says what a Linux 6.1 kernel answered to values of each
length, zeros but for the association's id in the first four bytes; option_errors.tsv, what is refused.
"""
import ctypes
import errno
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import gevent
import pytest
from errnos import raises

from pysctpsock import constants, options, socket, structs
from pysctpsock.options import calls, row
from pysctpsock.socket import AF_INET, IPPROTO_SCTP, SOCK_SEQPACKET, SOCK_STREAM, SOL_SCTP

sys.path.insert(0, str(Path(__file__).parent))

import option_page

HERE = Path(__file__).parent
ORDERS = {"one": SOCK_STREAM, "many": SOCK_SEQPACKET}
SPACE = {**vars(constants), **vars(structs), "assoc_id": row.assoc_id,
         "packed_addresses": calls.packed_addresses}
LENGTHS = (*range(18), 19, 20, 21, 23, 24, 25, 31, 32, 33, 131, 132, 133, 143, 144, 145, 151, 152, 153, 155,
           156, 157, 175, 176, 177, 255, 256, 257)
NOT_COMPARED = {  # by length: what Linux answered there depends on the host
    "SCTP_GET_PEER_ADDRS", "SCTP_GET_LOCAL_ADDRS",
}


def table(name):
    """The rows of a .tsv file, by its heading."""
    lines = [line for line in (HERE / name).read_text().splitlines() if not line.startswith("#")]
    heading = lines[0].split("\t")
    return [SimpleNamespace(**dict(zip(heading, (*line.split("\t"), *[""] * len(heading)), strict=False)))
            for line in lines[1:]]


OPTIONS = table("options.tsv")


def name(each):
    return each.option


def value_of(text):
    return eval(text, SPACE)


def data_of(text):
    value = value_of(text)
    return value.to_bytes(4, row.byteorder) if isinstance(value, int) else bytes(value)


def new(kind):
    return socket.socket(AF_INET, ORDERS[kind], IPPROTO_SCTP)


def test_nothing_is_missing():
    """Each option of the reference has its row and no other option has one."""
    ours = {option.name for option in options.TABLE.values() if option.level == SOL_SCTP}
    assert {each.option for each in OPTIONS} <= ours
    assert ours <= {each.option for each in OPTIONS}


@pytest.mark.parametrize("each", OPTIONS, ids=name)
def test_declaration(each):
    """Number, size, what can be done with it and which ids it takes."""
    option = options.TABLE[SOL_SCTP, int(each.number)]
    assert option.name == each.option
    assert option.size == int(each.size) == (4 if each.value == "int" else ctypes.sizeof(SPACE[each.value]))
    assert (option.struct is None) == (each.value == "int")
    access = ("get " if option.get else "") + ("set" if option.set else "")
    assert access.strip() == each.access
    assert (option.ids or "-") == each.ids
    assert option.rfc
    assert option.about.endswith(".")


def styles(each):
    """The styles of socket that have the option."""
    return ["one"] if each.option == "SCTP_REUSE_PORT" else (
        ["many"] if each.option in ("SCTP_AUTOCLOSE", "SCTP_GET_ASSOC_NUMBER", "SCTP_GET_ASSOC_ID_LIST")
        else ["one", "many"])


@pytest.mark.parametrize("each", [each for each in OPTIONS if each.default], ids=name)
def test_default_and_sample(each):
    """A fresh socket has the default; what is set is read back byte by byte, and by no other socket."""
    number, size = int(each.number), int(each.size)
    for kind in styles(each):
        sock, other = new(kind), new(kind)
        default = data_of(each.default)
        asked = bytearray(default if each.option == "SCTP_EVENT" else size)
        assert sock.getsockopt(SOL_SCTP, number, asked) == default
        if each.value == "int":
            assert sock.getsockopt(SOL_SCTP, number) == value_of(each.default)
        if each.sample:
            sock.setsockopt(SOL_SCTP, number, value_of(each.sample))
            assert sock.getsockopt(SOL_SCTP, number, asked) == data_of(each.then or each.sample)
            assert other.getsockopt(SOL_SCTP, number, asked) == default
            sock.setsockopt(SOL_SCTP, number, default)
            assert sock.getsockopt(SOL_SCTP, number, asked) == default
        sock.close()
        other.close()


def test_page_is_up_to_date(capsys):
    """Else: python tests/api/option_page.py."""
    assert option_page.main(["--check"]) == 0, capsys.readouterr().err


def test_example_of_the_page():
    exec(compile(option_page.EXAMPLE, "options.md", "exec"), {})


# ------------------------------------------------------------------ lengths

@pytest.fixture(scope="module")
def connected():
    """Gives a connected socket of a style and the id of its association, always the same."""
    made = {}

    def get(kind):
        if kind not in made:
            listener, client = new(kind), new(kind)
            listener.bind(("127.0.0.1", 0))
            listener.listen(5)
            with gevent.Timeout(20):
                client.connect(listener.getsockname())
            made[kind] = client, listener
        client = made[kind][0]
        return client, client.open_associations()[0].assoc_id if kind == "many" else 0

    yield get
    for client, listener in made.values():
        client.close()
        listener.close()


def answer(sock, call, number, data):
    """The errno's name, "ok", or the length of what a get gives."""
    try:
        if call == "set":
            sock.setsockopt(SOL_SCTP, number, data)
            return "ok"
        return str(len(sock.getsockopt(SOL_SCTP, number, data)))
    except OSError as problem:
        return errno.errorcode[problem.errno].replace("ENOTSUP", "EOPNOTSUPP")


def wanted(answers):
    """length: what Linux answered."""
    found = {}
    for run in answers.split(", "):
        first, last, said = re.fullmatch(r"(\d+)(?:-(\d+))? (\w+)", run).groups()
        for length in LENGTHS:
            if int(first) <= length <= int(last or first):
                found[length] = said
    return found


@pytest.mark.parametrize("each", [
    each for each in table("option_lengths.tsv") if each.option not in NOT_COMPARED
], ids=lambda each: f"{each.option}-{each.socket.replace(' ', '-')}-{each.call}")
def test_lengths(each, connected):
    """Too short, exact, older, too long: accepted, cut or refused as Linux does."""
    number = getattr(constants, each.option, None) or int(re.sub(r"\D", "", each.option) or 0)
    kind = each.socket.split()[0]
    sock, assoc_id = connected(kind) if "connected" in each.socket else (new(kind), 0)
    found = {}
    for length in LENGTHS:
        data = assoc_id.to_bytes(4, row.byteorder).ljust(length, b"\0")[:length]
        found[length] = answer(sock, each.call, number, data)
    expected = {length: str(length) if said == "given" else said
                for length, said in wanted(each.answers).items()}
    assert {length: said for length, said in found.items() if expected[length] != said} == {}
    if "connected" not in each.socket:
        sock.close()


# ------------------------------------------------------------------ what is refused

@pytest.mark.parametrize("each", table("option_errors.tsv"),
                         ids=lambda each: f"{each.option}-{each.call}-{each.value}")
def test_refused(each, connected):
    """An errno as on Linux, and nothing has changed."""
    number = getattr(constants, each.option)
    for kind in ("one", "many") if each.socket.startswith("any") else (each.socket.split()[0],):
        sock, live = connected(kind) if each.socket.endswith("connected") else (new(kind), 0)
        data = eval(each.value, {**SPACE, "live": live, "peer": peer_of(sock)})
        before = state_of(sock, number)
        with raises(getattr(errno, each.errno)):
            if each.call == "set":
                sock.setsockopt(SOL_SCTP, number, data)
            else:
                sock.getsockopt(SOL_SCTP, number, data)
        assert state_of(sock, number) == before


def state_of(sock, number):
    """What the option says now, or None."""
    try:
        return sock.getsockopt(SOL_SCTP, number, bytes(256))
    except OSError:
        return None


def peer_of(sock):
    associations = sock.open_associations()
    return (associations[0].peer_host, associations[0].peer_port) if associations else None
