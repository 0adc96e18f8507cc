"""One SOCK_SEQPACKET socket and many clients that echo at once, as processes (examples/many_peers)."""
import os
import re

import processes
import pytest

from pysctpsock.cli import free_udp_port

MANY_PEERS = processes.ROOT / "examples" / "many_peers"
CLIENTS = int(os.environ.get("PYSCTPSOCK_CLIENTS", "200"))  # 1000 is what it is made for


@pytest.mark.parametrize("program", ["server.py", "asyncio_server.py", "threaded_server.py"])
def test_all_at_once(program):
    """RFC 6458 section 3; case 156 at large: none lost, mixed or doubled, each client has its own answers."""
    udp_port = free_udp_port()
    with processes.start([MANY_PEERS / program], udp_port) as server:
        try:
            assert server.stdout.readline() == "ready\n", server.stderr.read()
            done = processes.run([MANY_PEERS / "clients.py", "--clients", str(CLIENTS)], udp_port)
            assert done.returncode == 0, done.stderr
            figures = re.fullmatch(r"(\d+) associations in \S+ s, (\d+) messages echoed in .+\n", done.stdout)
            assert figures, done.stdout
            assert figures.groups() == (str(CLIENTS), str(10 * CLIENTS))
            assert server.poll() is None
        finally:
            server.terminate()
