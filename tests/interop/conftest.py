"""Fixtures of the interoperability tests: the compiled usrsctp peer, the two kinds of peers by name."""
import importlib.util
import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
for folder in (HERE.parent / "support", HERE):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

import peers  # noqa: E402

StartPeer = Callable[..., peers.Peer]
_sctp_ports = itertools.count(9260)  # a port of its own for each test: no test meets what an earlier one left


@pytest.fixture(scope="session")
def usrsctp_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled tests/interop/usrsctp_peer.c."""
    folder = tmp_path_factory.mktemp("usrsctp")
    return peers.build_with_usrsctp(HERE / "usrsctp_peer.c", folder / "usrsctp_peer")


@pytest.fixture
def sctp_port() -> int:
    """An SCTP port that no other test uses."""
    return next(_sctp_ports)


@pytest.fixture
def start(usrsctp_program: Path, sctp_port: int) -> StartPeer:
    """start(kind, role, local_udp, remote_udp, *options): a peer process, kind "usrsctp" or "ours"."""
    def start_peer(kind: str, role: str, local_udp: int, remote_udp: int, *options: object) -> peers.Peer:
        options = ("-p", sctp_port, *options)
        if kind == "usrsctp":
            return peers.usrsctp_peer(usrsctp_program, role, local_udp, remote_udp, *options)
        if importlib.util.find_spec("pysctpsock.socket") is None:
            pytest.skip("pysctpsock.socket is not there yet")
        return peers.our_peer(role, local_udp if role.endswith("server") else remote_udp, *options)
    return start_peer
