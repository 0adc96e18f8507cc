"""pysctp's interface drives the kernel's sockets where the kernel has SCTP: test_pysctp.py with those."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pysctpsock.compat import kernel

TESTS = Path(__file__).with_name("test_pysctp.py")
ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not kernel.available(), reason="the kernel has no SCTP")
def test_all_of_it_with_kernel_sockets():
    """Linux 6.1: all of its tests pass, over the kernel's loopback."""
    options = ["-q", "--timeout=600", "-c", ROOT / "tox.ini", "--rootdir", ROOT]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, TESTS], capture_output=True, text=True, check=False,
        env={**os.environ, "PYSCTPSOCK_PYSCTP_SOCKETS": "kernel"})
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("wanted", ["kernel", "library", ""])
def test_whose_sockets(run_python, monkeypatch, wanted):
    """By default the kernel's, if it has SCTP; the environment says otherwise; EPROTONOSUPPORT without."""
    monkeypatch.setenv("PYSCTPSOCK_PYSCTP_SOCKETS", wanted)
    shown = run_python("""
from pysctpsock.compat import pysctp
from socket import AF_INET
try:
    print(type(pysctp.sctpsocket_tcp(AF_INET).sock()).__module__.partition(".")[0])
except OSError as problem:
    print(problem.strerror)
""").stdout.strip()
    kernels = "gevent" if kernel.available() else "Protocol not supported"
    assert shown == {"kernel": kernels, "library": "pysctpsock",
                     "": "gevent" if kernel.available() else "pysctpsock"}[wanted]
