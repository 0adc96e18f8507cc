"""What an address that a peer lists costs before it is confirmed: RFC 9260 section 5.4."""

import json
import os
import subprocess
import sys

import packets
from malloc import bytes_in_use
from net import SECOND, SERVER, Network, Puppet, Server

LISTED = 31  # with the source 32, which is as many as an association takes
ASSOCIATIONS = 40
AT_ONCE, AFTER_LOST_PROBES = 670, 930  # bytes of a path: its record, and nonces that may be answered late
UNCONFIRMED = 3


def bytes_of_an_association(listed, seconds):
    """Bytes of one whose peer lists so many addresses where nobody is, after so much time."""
    network = Network(3)
    server = Server(network, network.host("server", SERVER))
    puppets = []
    before = 0
    for number in range(ASSOCIATIONS + 1):
        puppet = Puppet(network, f"10.9.0.{number + 1}")
        addresses = [packets.parameter(5, bytes((10, 10 + number, 0, last))) for last in range(1, listed + 1)]
        puppet.establish(parameters=b"".join(addresses))
        puppets.append(puppet)
        network.records.clear()
        if number == 0:  # tables that all use together have their size now
            before = bytes_in_use()
    for _ in range(seconds):
        network.run_for(SECOND)
        network.records.clear()
        for puppet in puppets:
            for list_ in (puppet.inbox, puppet.arrivals, puppet.routes):
                list_.clear()
    network._links.clear()  # one to each address that was probed
    used = bytes_in_use() - before
    for side in server.sides:
        states = [path["state"] for path in side.association.snapshot()["paths"]]
        assert states.count(UNCONFIRMED) == listed
    return used // ASSOCIATIONS


def main():
    """Print the bytes of an association without and with listed addresses, at once and after lost probes."""
    print(json.dumps([[bytes_of_an_association(listed, seconds) for listed in (0, LISTED)]
                      for seconds in (0, 120)]))


def test_bytes_of_unconfirmed_paths():
    """A listed address costs a few hundred bytes, also when probes of it were lost."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONMALLOC": "malloc",
                   "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run(
        [sys.executable, __file__], env=environment, capture_output=True, text=True, check=True
    )
    figures = json.loads(done.stdout)
    if not any(map(any, figures)):  # a sanitizer's malloc says nothing of itself
        return
    for (none, all_listed), most in zip(figures, (AT_ONCE, AFTER_LOST_PROBES), strict=True):
        assert (all_listed - none) / LISTED < most, figures


if __name__ == "__main__":
    main()
