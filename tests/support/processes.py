"""Programs that tests run beside themselves."""
import errno
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 60  # seconds, on a busy machine


def environment(arguments, udp_port):
    """The environment of a program whose SCTP goes in UDP to this port."""
    variables = {**os.environ, "PYSCTPSOCK_UDP_PORT": str(udp_port), "PYTHONUNBUFFERED": "1"}
    if isinstance(arguments[0], Path):  # a script finds what lies beside it, whatever holds for modules
        variables.pop("PYTHONSAFEPATH", None)
    return variables


def start(arguments, udp_port):
    """A Python program in a process of its own; `arguments` as after `python`."""
    return subprocess.Popen([sys.executable, *map(str, arguments)], env=environment(arguments, udp_port),
                            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(arguments, udp_port, patience=PATIENCE):
    """Run a Python program to its end; subprocess.CompletedProcess with its output."""
    return subprocess.run([sys.executable, *map(str, arguments)], env=environment(arguments, udp_port),
                          text=True, capture_output=True, timeout=patience, check=False)


def wait_for_udp_port(port, process):
    """Until somebody has the UDP port; AssertionError if the process ends before, or takes too long."""
    deadline = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError as problem:
                assert problem.errno == errno.EADDRINUSE
                return
        time.sleep(0.01)
