"""IPv6 link-local addresses: fe80::1 is of one interface, which the scope id of its tuple says (RFC 4007).

Each test is a program in a network namespace of its own, which has a link with such addresses.
"""
import os
import shutil
import subprocess
import sys

import pytest
from processes import PATIENCE

LINK = """
import errno, socket as kernel, subprocess

def ip(*words):
    subprocess.run(["ip", *words], check=True)

ip("link", "set", "lo", "up")
ip("link", "add", "here", "type", "veth", "peer", "name", "there")
for interface, host in (("here", "fe80::1"), ("there", "fe80::2")):
    ip("link", "set", interface, "addrgenmode", "none", "up")
    ip("address", "add", host + "/64", "dev", interface, "nodad")
ip("address", "add", "fe80::7/64", "dev", "here", "nodad")
HERE, THERE = map(kernel.if_nametoindex, ("here", "there"))

from pysctpsock.socket import *

def made(type=SOCK_STREAM):
    sock = socket(AF_INET6, type, IPPROTO_SCTP)
    sock.settimeout(30)
    return sock

def refused(number, call, *arguments):
    try:
        call(*arguments)
    except OSError as problem:
        assert problem.errno == number, problem
    else:
        raise AssertionError("no error")
"""
UNSHARE = ["unshare", "-n" if hasattr(os, "geteuid") and os.geteuid() == 0 else "-rn"]


@pytest.fixture
def on_a_link():
    """Run a program where there are fe80::1 and fe80::7 at HERE, fe80::2 at THERE."""
    tried = [*UNSHARE, "sh", "-c", "ip link add here type veth peer name there"]
    if shutil.which("unshare") is None or shutil.which("ip") is None or subprocess.run(
            tried, capture_output=True, timeout=PATIENCE, check=False).returncode:
        pytest.skip("no network namespace with a link can be made here")

    def run(program):
        done = subprocess.run([*UNSHARE, sys.executable, "-c", LINK + program], capture_output=True,
                              text=True, timeout=PATIENCE, check=False)
        assert (done.returncode, done.stderr) == (0, "")

    return run


def test_bound_to_one(on_a_link):
    """bind() and sctp_bindx() take them with their scope id, and show it as the standard module does."""
    on_a_link("""
for names in (lambda sock, address: sock.bind(address),
              lambda sock, address: sock.sctp_bindx([address], SCTP_BINDX_ADD_ADDR)):
    for given in (("fe80::1", 0, 0, HERE), ("fe80::1%here", 0), (f"fe80::1%{HERE}", 0, 0, HERE)):
        with made() as sock, kernel.socket(AF_INET6, SOCK_DGRAM) as standard:
            names(sock, given)
            port = sock.getsockname()[1]
            standard.bind(("fe80::1", port, 0, HERE))
            assert sock.getsockname() == standard.getsockname() == ("fe80::1", port, 0, HERE)
            assert sctp_getladdrs(sock) == [sock.getsockname()]
            sctp_bindx(sock, [("fe80::7", port, 0, HERE)], SCTP_BINDX_ADD_ADDR)
            assert sctp_getladdrs(sock) == [("fe80::1", port, 0, HERE), ("fe80::7", port, 0, HERE)]
            sctp_bindx(sock, [sock.getsockname()], SCTP_BINDX_REM_ADDR)
            assert sctp_getladdrs(sock) == [("fe80::7", port, 0, HERE)]
with made() as sock:
    refused(errno.EADDRNOTAVAIL, sock.bind, ("fe80::1", 0, 0, THERE))
    refused(errno.EADDRNOTAVAIL, sock.bind, ("fe80::9", 0, 0, HERE))
    refused(errno.EINVAL, sock.bind, ("fe80::1", 0))
    refused(errno.EINVAL, sock.connect, ("fe80::1", 9))
    sock.bind(("", 0))
    port = sock.getsockname()[1]
    for address in (("fe80::1", port, 0, HERE), ("fe80::2", port, 0, THERE)):
        assert address in sctp_getladdrs(sock), sctp_getladdrs(sock)
""")


@pytest.mark.parametrize("bound", ["one", "all"])
@pytest.mark.parametrize("style", ["SOCK_STREAM", "SOCK_SEQPACKET"])
def test_associations(on_a_link, style, bound):
    """connect(), getpeername(), recvfrom() and options of such peers, both ways."""
    on_a_link(f"""
style, host = {style}, {"fe80::1" if bound == "one" else ""!r}
server, client = made(style), made(style)
server.bind((host, 0, 0, HERE if host else 0))
server.listen(5)
client.bind(("fe80::7", 0, 0, HERE))
to = ("fe80::1", server.getsockname()[1], 0, HERE)
client.connect(to)
client.sctp_sendmsg(b"question", to if style == SOCK_SEQPACKET else None)
taken = server.accept()[0] if style == SOCK_STREAM else server
assert taken.recvfrom(100) == (b"question", client.getsockname())
taken.sctp_sendmsg(b"answer", client.getsockname())
assert client.recvfrom(100) == (b"answer", to)
[association] = client.open_associations()
assert sctp_getpaddrs(client, association.assoc_id) == [to]
status = sctp_status(sstat_assoc_id=association.assoc_id)
status = sctp_status.unpack(client.getsockopt(SOL_SCTP, SCTP_STATUS, status))
assert status.sstat_primary.spinfo_address.address == to
if style == SOCK_STREAM:
    assert client.getpeername() == to and taken.getpeername() == client.getsockname()
""")
