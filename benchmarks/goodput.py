"""Measure goodput over a long lossy path, beside what Mathis' formula expects of it, and print one table.

    python -m benchmarks.goodput [--seconds 60] [--seed 1] [--loss 0 1 5]

One association sends 1400 B messages over the simulated network: 100 Mbit/s, a round trip of 50 ms (25 ms
each way), a queue of one bandwidth-delay product, random loss of data packets, none of SACKs.  In virtual
time, so the figures are the same on every machine.

Mathis, Semke, Mahdavi, Ott (1997): rate = MSS / RTT * C / sqrt(p), C = sqrt(3/2), which is that of congestion
control that counts bytes (RFC 9260 section 7.2.2), not acknowledgements.  MSS: the 1400 B of a message, since
one fills a packet.  The formula leaves timeouts out, so it is an upper bound where loss is heavy.
"""
import argparse
import math

from pysctpsock._cy.parameters import ProtocolParameters
from pysctpsock._cy.user import SctpUser
from pysctpsock.sim import MILLISECOND, SECOND, Link, Network

MESSAGE = 1400
BANDWIDTH = 100_000_000  # bits a second
ROUND_TRIP = 50 * MILLISECOND
BUFFER = 4 << 20
WARM_UP = 5 * SECOND
HEADERS = 20 + 8 + 12 + 16  # IP, UDP, common header, DATA


def goodput(loss: float, seconds: int, seed: int) -> float:
    """Bytes of messages a second that the receiving program reads, after the warm-up."""
    parameters = ProtocolParameters()
    parameters.receive_buffer = parameters.send_buffer = BUFFER
    queue = BANDWIDTH // 8 * ROUND_TRIP // SECOND
    network = Network(seed, Link(delay=ROUND_TRIP // 2, bandwidth=BANDWIDTH, queue=queue), record=0)
    client = network.host("client", "10.0.0.1", parameters=parameters)
    server = network.host("server", "10.0.0.2", parameters=parameters)
    listener = server.endpoint.listen(SctpUser(server.endpoint.ready_list), "", 5001, 1, parameters)
    user = SctpUser(client.endpoint.ready_list)
    association = client.endpoint.connect(
        user, "", 40_000, server.address, 5001, server.udp_port, 0, parameters, network.now)
    message, received = bytes(MESSAGE), 0

    def write(user: SctpUser, flags: int) -> None:
        while association.submit(message, now=network.now) == 0:
            pass

    def read(user: SctpUser, flags: int) -> None:
        nonlocal received
        listener.accept()
        while (record := user.read(network.now)) is not None:
            received += len(record[1])

    client.application, server.application = write, read
    network.run_for(SECOND)
    network.link(client.address, server.address).loss = loss
    write(user, 0)
    network.run_for(WARM_UP)
    before = received
    network.run_for(seconds * SECOND, limit=1_000_000_000)
    return (received - before) / seconds


def expected(loss: float) -> float:
    """Mathis' formula in bytes a second, or what the link carries if that is less."""
    carried = BANDWIDTH / 8 * MESSAGE / (MESSAGE + HEADERS)
    return min(carried, MESSAGE * SECOND / ROUND_TRIP * math.sqrt(1.5 / loss)) if loss else carried


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.goodput", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="of virtual time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--loss", type=float, nargs="+", default=[0, 1, 5], help="in percent")
    options = parser.parse_args()
    print("| loss | goodput | link or Mathis | ratio |\n|---|---|---|---|")
    for percent in options.loss:
        measured, wanted = goodput(percent / 100, options.seconds, options.seed), expected(percent / 100)
        rates = f"{measured / 1000:.0f} KB/s | {wanted / 1000:.0f} KB/s"
        print(f"| {percent:g} % | {rates} | {measured / wanted:.2f} |")


if __name__ == "__main__":
    main()
