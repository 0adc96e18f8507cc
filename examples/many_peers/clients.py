"""Many clients at once, each with a socket of its own, against the echo server beside this file.

    python clients.py [--clients 1000] [--messages 10] [--host 127.0.0.1] [--port 7000]

All associations are open before the first message goes.  Prints one line of figures.
"""
import argparse
import time

import gevent
from gevent.event import Event

from pysctpsock.socket import AF_INET, IPPROTO_SCTP, SOCK_STREAM, socket


def client(number: int, address: tuple, messages: int, start: Event, connected: list) -> int:
    """Connect, wait for the start, then send messages one after the other and compare what comes back."""
    with socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP) as sock:
        sock.connect(address)
        connected.append(number)
        start.wait()
        for n in range(messages):
            sent = b"client %d message %d" % (number, n)
            sock.sctp_sendmsg(sent, stream_no=n % 10)
            received = sock.recv(1000)
            assert received == sent, (sent, received)
    return messages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=10)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7000)
    options = parser.parse_args()
    start, connected = Event(), []
    begun = time.monotonic()
    clients = [gevent.spawn(client, n, (options.host, options.port), options.messages, start, connected)
               for n in range(options.clients)]
    while len(connected) < options.clients:
        gevent.sleep(0.01)
        for each in clients:
            if each.ready():
                each.get()  # it failed: say why
    up = time.monotonic()
    start.set()
    echoed = sum(each.get() for each in clients)
    done = time.monotonic()
    print(f"{options.clients} associations in {up - begun:.2f} s, {echoed} messages echoed in "
          f"{done - up:.2f} s, {echoed / (done - up):.0f} a second")


if __name__ == "__main__":
    main()
