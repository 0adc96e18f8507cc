"""Settings of all tests; helpers that tests share are modules in tests/support."""
import os
import sys
from pathlib import Path

import pysctpsock
from pysctpsock.cli import free_udp_port

sys.path.insert(0, str(Path(__file__).parent / "support"))

pytest_plugins = ["failures"]

# Before any test module is loaded, for some make a socket then; test runs side by side do not meet.
pysctpsock.configure(udp_port=free_udp_port())

# Of pysctp's interface, whatever this kernel has; test_pysctp_kernel.py asks for the kernel's.
os.environ.setdefault("PYSCTPSOCK_PYSCTP_SOCKETS", "library")
