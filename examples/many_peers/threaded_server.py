"""The same with plain threads, which all read from one SOCK_SEQPACKET socket; no gevent, nothing patched.

    python threaded_server.py [--host 127.0.0.1] [--port 7000] [--threads 8]

Nothing in it knows of this library but the import; over the kernel's SCTP it would read `from socket import`.
"""
import argparse
import threading

from pysctpsock.socket import AF_INET, IPPROTO_SCTP, SOCK_SEQPACKET, socket


def echo(sock: socket) -> None:
    """Send every message back to where it came from."""
    while True:
        data, address = sock.recvfrom(65536)
        sock.sendto(data, address)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7000)
    parser.add_argument("--threads", type=int, default=8)
    options = parser.parse_args()
    with socket(AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP) as server:
        server.bind((options.host, options.port))
        server.listen(128)
        threads = [threading.Thread(target=echo, args=(server,)) for _ in range(options.threads)]
        for thread in threads:
            thread.start()
        print("ready", flush=True)
        for thread in threads:
            thread.join()
