"""What a failing test on the simulated network leaves behind: its seed, what became of its packets, a
capture.

A pytest plugin.  Captures are written to the directory that PYSCTPSOCK_CAPTURE names.
"""

import os
import re
import weakref
from pathlib import Path

import pytest

_networks: "list[weakref.ref]" = []


def watch(network):
    """Report on this network if the running test fails.  Returns it."""
    _networks.append(weakref.ref(network))
    return network


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    _networks.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and report.failed:
        networks = [network for network in (reference() for reference in _networks) if network is not None]
        report.sections.extend(("simulated network", _describe(item, i, n)) for i, n in enumerate(networks))
    return report


def _describe(item, index, network):
    lines = [f"seed {network.seed}, virtual time {network.now} us, packets {network.fates}"]
    lines += [f"{host}: drops {_nonzero(host.endpoint)}" for host in network.hosts]
    directory = os.environ.get("PYSCTPSOCK_CAPTURE")
    if directory:
        name = re.sub(r"[^\w.=-]+", "_", f"{item.nodeid}-{index}") + ".pcap"
        path = Path(directory) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines.append(f"{network.write_pcap(path)} packets in {path}")
    else:
        lines.append("set PYSCTPSOCK_CAPTURE=directory to get a capture")
    return "\n".join(lines)


def _nonzero(endpoint):
    return {name: count for name, count in getattr(endpoint, "drops", {}).items() if count}
