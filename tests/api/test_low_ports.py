"""Ports below 1024 want a privilege, as the kernel has it: EACCES without it, else they are as all others.

As root and as nobody, each in a network namespace of its own; net.ipv4.ip_unprivileged_port_start moves the
border.
"""
import os
import shutil
import subprocess
import sys

import pytest
from processes import PATIENCE

PROGRAM = """
import os, socket as kernel, sys
from pysctpsock.socket import AF_INET, AF_INET6, IPPROTO_SCTP, SOCK_SEQPACKET, SOCK_STREAM, socket

user, border = map(int, sys.argv[1:])
if border != 1024:
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w") as setting:
        setting.write(str(border))
def answer(sock, address):
    with sock:
        try:
            sock.bind(address)
        except OSError as problem:
            return problem.errno
        assert sock.getsockname()[1] == address[1] or not address[1]

hosts = [(AF_INET, ""), (AF_INET, "0.0.0.0"), (AF_INET, "127.0.0.1"), (AF_INET6, ""), (AF_INET6, "::1"),
         (AF_INET6, "::ffff:127.0.0.1")]
for family, host in hosts:  # imports what nobody may not be able to read
    answer(socket(family, SOCK_STREAM, IPPROTO_SCTP), (host, 0))
    answer(socket(family, SOCK_STREAM, IPPROTO_SCTP), ("192.0.2.1", 0))
if user:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
for family, host in hosts:
    for port in {1, 80, 443, 1022, 1023, 1024, 1025, max(border, 1), max(border - 1, 1)}:
        expected = answer(kernel.socket(family, kernel.SOCK_DGRAM), (host, port))
        for type in (SOCK_STREAM, SOCK_SEQPACKET):
            got = answer(socket(family, type, IPPROTO_SCTP), (host, port))
            assert got == expected, (host, port, got, expected)
        if expected is None:
            with socket(family, SOCK_STREAM, IPPROTO_SCTP) as sock:
                sock.bind((host, port))
                sock.listen()
"""


@pytest.mark.parametrize("border", [1024, 500, 0, 1500])
@pytest.mark.parametrize("user", [0, 65534], ids=["root", "nobody"])
def test_bind(user, border):
    command = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"], capture_output=True,
                                                         check=False).returncode:
        pytest.skip("no network namespace can be made here")
    if user and os.geteuid():
        pytest.skip("only root can become somebody else")
    done = subprocess.run([*command, sys.executable, "-c", PROGRAM, str(user), str(border)],
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    # Where branches are counted, nobody cannot write the counts.
    errors = [line for line in done.stderr.splitlines() if not line.startswith("profiling:")]
    assert (done.returncode, errors) == (0, [])
