"""An echo server and its clients as asyncio programs, as if for TCP: streams, and the sock_* calls."""
import asyncio

from pysctpsock import socket


def new_socket():
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)


async def echo(reader, writer):
    while data := await reader.read(1000):
        writer.write(data)
        await writer.drain()
    writer.close()


async def ask(address, text, rounds):
    """A client by the loop's sock_* calls; the answers joined."""
    loop = asyncio.get_running_loop()
    sock = new_socket()
    sock.setblocking(False)
    await loop.sock_connect(sock, address)
    answers = b""
    for _ in range(rounds):
        await loop.sock_sendall(sock, text)
        answers += await loop.sock_recv(sock, 1000)
    sock.close()
    return answers


async def run(clients, rounds):
    """All clients at once, until the server has served them; what each got."""
    served = asyncio.Semaphore(0)

    async def serve(reader, writer):
        await echo(reader, writer)
        served.release()

    listener = new_socket()
    listener.bind(("127.0.0.1", 0))
    async with await asyncio.start_server(serve, sock=listener, backlog=clients):
        address = listener.getsockname()
        answers = await asyncio.gather(*(ask(address, b"%d " % n, rounds) for n in range(clients)))
        for _ in range(clients):
            await served.acquire()
    return answers
