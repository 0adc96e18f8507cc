"""Measure pysctpsock beside libusrsctp and print one table: throughput, ping-pong, set-up rate, CPU time.

    python -m benchmarks [--rounds 5] [--seconds 2] [--only TEXT] [--buffer BYTES] [--json FILE]

One association, one stream, reliable and ordered, SCTP in UDP over loopback (RFC 6951), checksums on, path
MTU 1500, sender and receiver a process each.  Every round runs all cases of both in a new random order; the
table shows medians.  Read the ratios: on a shared machine the same case differs between runs by much more
than between the interleaved rounds of one run, CPU seconds less than rates.
"""
import argparse
import importlib.util
import json
import os
import random
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
MTU = 1500
BUFFER = 262144  # libusrsctp's default, its best at 64 KB; from 512 KB on some of its runs collapse
OURS, USRSCTP = "pysctpsock", "usrsctp"


class Case:
    """One row of the table: which roles run, with which options, and which figures of theirs are shown."""

    def __init__(self, name: str, server: str, client: str, options: list[str], wanted: float) -> None:
        self.name = name
        self.server = server
        self.client = client
        self.options = options
        self.wanted = wanted  # the ratio to usrsctp that we ask of ourselves

    def figures(self, reports: dict[str, dict]) -> dict[str, float]:
        """Return {rate, cpu}: the case's rate in its unit, CPU time of both ends a GB or an operation."""
        client = reports[self.client]
        if self.server == "sink":
            sink = reports["sink"]
            rate = sink["messages"] / sink["seconds"]
            cpu = sink["cpu"] / (sink["bytes"] / 1e9) + client["cpu"] / (client["bytes"] / 1e9)
            return {"rate": rate, "cpu": cpu, "MB_s": sink["bytes"] / sink["seconds"] / 1e6}
        cpu = (client["cpu"] + reports["server"]["cpu"]) / client["count"] * 1e6
        figures = {"rate": client["count"] / client["seconds"], "cpu": cpu}
        return figures | {key: client[key] for key in ("p50_us", "p99_us") if key in client}

    @property
    def units(self) -> tuple[str, str]:
        """The units of rate and CPU time."""
        if self.server == "sink":
            return "messages/s", "s/GB"
        return ("round trips/s" if self.server == "echo" else "associations/s"), "us each"


CASES = [
    Case("64 B", "sink", "source", ["-l", "64"], 3),
    Case("1400 B", "sink", "source", ["-l", "1400"], 4),
    Case("64 KB", "sink", "source", ["-l", "65536"], 4),
    Case("ping-pong 64 B", "echo", "pingpong", ["-l", "64", "-N"], 1),
    Case("set-up", "accept", "setup", [], 0.7),
]


def build(folder: Path) -> Path:
    """Compile usrsctp_bench.c; SystemExit with the reason if that cannot be."""
    compiler = shutil.which(os.environ.get("CC", "gcc"))
    if compiler is None:
        raise SystemExit("no C compiler (gcc) for libusrsctp's side")
    program = folder / "usrsctp_bench"
    command = [compiler, "-O2", "-o", program, HERE / "usrsctp_bench.c", "-lusrsctp", "-lpthread"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"cannot build libusrsctp's side (Debian: libusrsctp-dev):\n{done.stderr}")
    return program


def free_udp_ports() -> tuple[int, int]:
    """Return two UDP ports that are free now."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return probes[0].getsockname()[1], probes[1].getsockname()[1]


def start(stack: ExitStack, command: list[str], environment: dict[str, str]) -> subprocess.Popen:
    """Start a process that the stack ends, by its process id, if it has not ended by itself."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env={**os.environ, **environment})

    def end() -> None:
        if process.poll() is None:
            process.kill()
        process.communicate()

    stack.callback(end)
    return process


def reports_of(output: str) -> dict[str, dict]:
    """Return the JSON lines of an output by their role."""
    return {report["role"]: report for report in map(json.loads, output.splitlines())}


def run_once(command: list[str], case: Case, seconds: float, buffer: int) -> dict[str, float]:
    """Run server and client of one case and return its figures; RuntimeError if either fails."""
    server_udp, client_udp = free_udp_ports()
    options = ["-p", "9260", "-T", str(seconds), "-B", str(buffer), "-M", str(MTU), *case.options]
    environment = {"PYSCTPSOCK_CARRIER": "udp", "PYSCTPSOCK_UDP_PORT": str(server_udp)}
    with ExitStack() as stack:
        server = start(stack, [*command, case.server, "-E", str(server_udp), "-U", str(client_udp), *options],
                       environment)
        if not select.select([server.stdout], [], [], 10)[0] or "ready" not in server.stdout.readline():
            raise RuntimeError("the server does not listen")
        client = start(stack, [*command, case.client, "-E", str(client_udp), "-U", str(server_udp), *options],
                       environment)
        output = client.communicate(timeout=seconds + 30)[0] + server.communicate(timeout=30)[0]
        if client.returncode != 0 or server.returncode != 0:
            raise RuntimeError(f"client ended with {client.returncode}, server with {server.returncode}")
    return case.figures(reports_of(output))


def measure(peers: dict[str, list[str]], cases: list[Case], rounds: int, seconds: float,
            buffer: int) -> tuple[dict, dict, list[float]]:
    """Run all rounds; return samples[case][peer][figure], failures[case][peer] and the load averages."""
    samples: dict = {case.name: {peer: {} for peer in peers} for case in cases}
    failures: dict = {case.name: {peer: [] for peer in peers} for case in cases}
    loads = []
    order = [(case, peer) for case in cases for peer in peers]
    for number in range(1, rounds + 1):
        random.shuffle(order)
        for case, peer in order:
            try:
                figures = run_once(peers[peer], case, seconds, buffer)
            except (RuntimeError, KeyError, ValueError, subprocess.TimeoutExpired) as error:
                failures[case.name][peer].append(f"{type(error).__name__}: {error}")
                continue
            loads.append(os.getloadavg()[0])
            for key, value in figures.items():
                samples[case.name][peer].setdefault(key, []).append(value)
        print(f"round {number} of {rounds}, load average {os.getloadavg()[0]:.2f}", file=sys.stderr)
    return samples, failures, loads


def number(value: "float | None") -> str:
    """Format a figure with three significant digits or more."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(cases: list[Case], samples: dict) -> list[str]:
    """Return the table's lines: medians of both, ours / usrsctp."""
    heading = ("case", "unit", USRSCTP, OURS, "ratio", "wanted", "CPU", USRSCTP, OURS, "ratio")
    rows = [heading]
    for case in cases:
        medians = {peer: {key: statistics.median(values) for key, values in figures.items()}
                   for peer, figures in samples[case.name].items()}

        def columns(key: str, medians: dict = medians) -> list[str]:
            theirs, ours = (medians.get(peer, {}).get(key) for peer in (USRSCTP, OURS))
            return [number(theirs), number(ours), number(ours / theirs if ours and theirs else None)]

        rate_unit, cpu_unit = case.units
        wanted = f"{case.wanted:g}"
        rows.append((case.name, rate_unit, *columns("rate"), wanted, cpu_unit, *columns("cpu")))
        if case.server == "sink":
            rows.append(("", "MB/s", *columns("MB_s"), "", "", "", "", ""))
        if case.server == "echo":
            rows.append(("", "p50 us", *columns("p50_us"), "", "", "", "", ""))
            rows.append(("", "p99 us", *columns("p99_us"), "", "", "", "", ""))
    widths = [max(len(row[i]) for row in rows) for i in range(len(heading))]
    left = (0, 1, 6)
    aligned = ([cell.ljust(width) if i in left else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))] for row in rows)
    return ["  ".join(row).rstrip() for row in aligned]


def usrsctp_version() -> str:
    """Return libusrsctp's version as pkg-config knows it."""
    if shutil.which("pkg-config") is None:
        return "of unknown version"
    done = subprocess.run(["pkg-config", "--modversion", "usrsctp"], capture_output=True, text=True)
    return done.stdout.strip() or "of unknown version"


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="each run's time")
    parser.add_argument("--only", help="only cases whose name contains this text")
    parser.add_argument("--buffer", type=int, default=BUFFER, help="SO_SNDBUF = SO_RCVBUF, 0: defaults")
    parser.add_argument("--json", metavar="FILE", help="also write every sample")
    options = parser.parse_args()
    cases = [case for case in CASES if not options.only or options.only in case.name]
    if not cases:
        parser.error(f"no case's name contains {options.only!r}: {', '.join(case.name for case in CASES)}")

    with tempfile.TemporaryDirectory() as folder:
        peers = {USRSCTP: [str(build(Path(folder)))]}
        if importlib.util.find_spec("pysctpsock") and importlib.util.find_spec("pysctpsock.socket"):
            peers[OURS] = [sys.executable, str(HERE / "ours.py")]
        else:
            print("pysctpsock.socket is not there: measuring usrsctp alone", file=sys.stderr)
        samples, failures, loads = measure(peers, cases, options.rounds, options.seconds, options.buffer)

    print(f"SCTP in UDP on 127.0.0.1, checksums on, path MTU {MTU}, SO_SNDBUF = SO_RCVBUF = "
          f"{options.buffer or 'default'}; libusrsctp {usrsctp_version()}, Python {sys.version.split()[0]}, "
          f"{os.cpu_count()} CPUs")
    load = f"{statistics.median(loads):.2f} (median), {max(loads):.2f} (highest)" if loads else "not measured"
    print(f"medians of {options.rounds} interleaved rounds of {options.seconds:g} s; CPU of both ends; "
          f"load average {load}")
    print(*table(cases, samples), sep="\n")
    for case, peers_failures in failures.items():
        for peer, reasons in peers_failures.items():
            for reason in reasons:
                print(f"failed: {case}, {peer}: {reason}")
    if options.json:
        everything = {"time": time.time(), "rounds": options.rounds, "seconds": options.seconds, "mtu": MTU,
                      "buffer": options.buffer, "loads": loads, "samples": samples, "failures": failures}
        Path(options.json).write_text(json.dumps(everything, indent=1) + "\n")
    if any(reasons for peers_failures in failures.values() for reasons in peers_failures.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
