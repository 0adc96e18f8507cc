"""The same as an asyncio program: one SOCK_SEQPACKET socket that the event loop watches.

    python asyncio_server.py [--host 127.0.0.1] [--port 7000]

Nothing in it knows of this library but the import; over the kernel's SCTP it would read `from socket import`.
"""
import argparse
import asyncio

from pysctpsock.socket import AF_INET, IPPROTO_SCTP, SOCK_SEQPACKET, socket


def answer(sock: socket) -> None:
    """Send one message back to where it came from."""
    try:
        data, address = sock.recvfrom(65536)
    except BlockingIOError:
        return
    sock.sendto(data, address)  # there is room: a client waits for its answer before it says more


async def serve(host: str, port: int) -> None:
    with socket(AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP) as sock:
        sock.setblocking(False)
        sock.bind((host, port))
        sock.listen(128)
        asyncio.get_running_loop().add_reader(sock, answer, sock)
        print("ready", flush=True)
        await asyncio.Event().wait()  # for ever


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7000)
    options = parser.parse_args()
    asyncio.run(serve(options.host, options.port))
