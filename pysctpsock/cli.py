"""The command `pysctpsock`.

    pysctpsock daytime      the multi-stream daytime demo: server, client, or both over loopback
    pysctpsock doctor       what this machine and this installation can do, and what is broken
    pysctpsock dump         what a capture of SCP's sessions says
"""
from __future__ import annotations

import argparse
import socket as _socket
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from ._version import __version__

DAYTIME_PORT = 19000  # above 1023: no privilege
LOCALTIME_STREAM, GMT_STREAM = 0, 1
STREAMS = 5
PATIENCE = 20.0  # seconds that one side waits for the other
READY = "listening"
# With the same modules: `python -m` would look in the current folder first.
THIS_PROGRAM = [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r};"
                                      " from pysctpsock.cli import main; sys.exit(main())"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return 130
    except (OSError, ValueError) as problem:
        print(f"pysctpsock: {problem}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(prog="pysctpsock", description="SCTP sockets for every Python program.")
    top.add_argument("--version", action="version", version=f"pysctpsock {__version__}")
    commands = top.add_subparsers(required=True, metavar="command")
    daytime = commands.add_parser(
        "daytime", help="the multi-stream daytime demo",
        description="Local time comes on stream 0, GMT on stream 1.  Without --server and --client: both, "
                    "in two processes, over loopback.")
    which = daytime.add_mutually_exclusive_group()
    which.add_argument("--server", action="store_true", help="serve")
    which.add_argument("--client", metavar="HOST", help="ask the server on this host")
    daytime.add_argument("--port", type=port_number, default=DAYTIME_PORT, metavar="N",
                         help="SCTP port (default %(default)s)")
    daytime.add_argument("--udp-port", type=port_number, metavar="N",
                         help="UDP port that carries SCTP (default: PYSCTPSOCK_UDP_PORT or 9899)")
    daytime.add_argument("--count", type=positive, metavar="N",
                         help="associations to make or serve (default: clients 1, servers without end)")
    daytime.set_defaults(run=run_daytime)
    doctor = commands.add_parser(
        "doctor", help="what this machine and this installation can do, and what is broken",
        description="A line for each fact.  Tried are the package that Python finds in this folder, the "
                    "variables PYSCTPSOCK_..., the UDP port of listeners, and an association over loopback.  "
                    "The status is 1 if something is broken.")
    doctor.set_defaults(run=run_doctor)
    dump = commands.add_parser(
        "dump", help="show a captured byte stream as text",
        description="A line for each segment: offset, session id, flags, length, first bytes.")
    dump.add_argument("--scp", metavar="FILE", required=True,
                      help="one direction of an SCP connection, from its first byte; - is standard input")
    dump.add_argument("--length-includes-header", action="store_true",
                      help="the lengths count the 8 bytes of the header")
    dump.set_defaults(run=run_dump)
    return top


def port_number(text: str) -> int:
    """A port number for argparse."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: they are numbers from 1 to 65535")
    return int(text)


def positive(text: str) -> int:
    """A number from 1 for argparse."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


# ------------------------------------------------------------------ daytime

def run_daytime(options: argparse.Namespace) -> int:
    """`pysctpsock daytime`."""
    if not options.server and options.client is None:
        return both(options.port, options.count or 1)
    from . import configure

    configure(udp_port=options.udp_port)
    if options.server:
        serve(options.port, options.count)
    else:
        for _ in range(options.count or 1):
            ask(options.client, options.port)
    return 0


def make_socket() -> Any:
    """A one-to-one socket of the demo, with five streams each way."""
    from . import socket

    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
    initmsg = socket.sctp_initmsg(sinit_num_ostreams=STREAMS, sinit_max_instreams=STREAMS,
                                  sinit_max_attempts=4)
    sock.setsockopt(socket.SOL_SCTP, socket.SCTP_INITMSG, initmsg)
    return sock


def serve(port: int, count: int | None) -> None:
    """Tell the time to `count` clients, None: for ever."""
    with make_socket() as listener:
        listener.bind(("", port))
        listener.listen(5)
        print(READY, "on SCTP port", port, flush=True)
        served = 0
        while count is None or served < count:
            connection, _address = listener.accept()
            with connection:
                now = time.time()
                connection.sctp_sendmsg(f"{time.ctime(now)}\n".encode(), stream_no=LOCALTIME_STREAM)
                connection.sctp_sendmsg(f"{time.asctime(time.gmtime(now))}\n".encode(), stream_no=GMT_STREAM)
            served += 1


def ask(host: str, port: int) -> None:
    """Print what a server says of the time, then what is to be said of the association."""
    from . import socket

    with make_socket() as sock:
        sock.settimeout(PATIENCE)
        connect(sock, host, port)
        sock.setsockopt(socket.SOL_SCTP, socket.SCTP_EVENTS,
                        socket.sctp_event_subscribe(sctp_data_io_event=1))
        while True:
            data, _address, sinfo, _flags = sock.sctp_recvmsg(1024)
            if not data:
                break
            stream = sinfo.sinfo_stream
            label = {LOCALTIME_STREAM: "Local", GMT_STREAM: "GMT  "}.get(stream, str(stream))
            print(f"({label}) {data.decode().rstrip()}")
        print_facts(sock)


def connect(sock: Any, host: str, port: int) -> None:
    """Connect; errors name the host and the ports."""
    from .stack import configuration

    try:
        sock.connect((host, port))
    except _socket.gaierror as problem:
        raise OSError(f"{host}: {problem.strerror}") from None
    except TimeoutError as problem:
        if problem.errno is not None:  # the association's own end, which says more
            raise
        raise TimeoutError(f"no answer from {host}, UDP port {configuration.udp_port}, SCTP port {port}, in "
                           f"{PATIENCE:.0f} s; is there a firewall, or another --udp-port?") from None


def print_facts(sock: Any) -> None:
    """Addresses, streams, UDP ports and packets of a socket's association."""
    state = sock.association.snapshot()
    path = state["paths"][state["primary"] or 0]
    carrier = sock.engine.carriers[path["carrier"]]
    local, peer = sock.getsockname(), sock.getpeername()
    print(f"association   {local[0]}:{local[1]} -> {peer[0]}:{peer[1]}, SCTP ports")
    print(f"streams       {state['inbound_streams']} in, {state['outbound_streams']} out")
    print(f"UDP ports     {carrier.local_address()[1]} here, {path['udp_port']} there")
    print(f"packets       {state['packets_in']} in, {state['packets_out']} out", flush=True)


def both(port: int, count: int) -> int:
    """A server in a process of its own, and the client here; UDP ports that nobody has."""
    udp_port = free_udp_port()
    command = [*THIS_PROGRAM, "daytime", "--server", "--port", str(port),
               "--udp-port", str(udp_port), "--count", str(count)]
    from . import configure

    configure(udp_port=udp_port)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            if not server.stdout.readline().startswith(READY):
                raise OSError(f"the server process ended with status {server.wait()}")
            for _ in range(count):
                ask("127.0.0.1", port)
            return server.wait(PATIENCE)
        finally:
            if server.poll() is None:
                server.terminate()


def free_udp_port() -> int:
    """A UDP port that was free a moment ago."""
    with _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


# ------------------------------------------------------------------ doctor

def run_doctor(options: argparse.Namespace) -> int:
    """`pysctpsock doctor`."""
    from .doctor import report

    return report()


# ------------------------------------------------------------------ dump

def run_dump(options: argparse.Namespace) -> int:
    """`pysctpsock dump`."""
    from .scp.dump import dump

    with sys.stdin.buffer if options.scp == "-" else open(options.scp, "rb") as stream:
        for line in dump(stream, options.length_includes_header):
            print(line)
    return 0
