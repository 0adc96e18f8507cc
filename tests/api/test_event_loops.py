"""asyncio programs on our sockets, unedited: no gevent loop runs, the stack goes on all the same."""
import asyncio
import os
import sys

import asyncio_echo
import processes
import pytest

from pysctpsock.cli import free_udp_port

CLIENTS = int(os.environ.get("PYSCTPSOCK_CLIENTS", "40"))  # 1000 asks for `ulimit -n` of 8000


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 10 + CLIENTS / 10))


def test_echo_server_of_streams():
    """asyncio.start_server() and the sock_* calls, many clients at once."""
    got = run(asyncio_echo.run(CLIENTS, 20))
    assert got == [b"%d " % n * 20 for n in range(CLIENTS)]


def test_sock_accept_and_recv_into():
    async def serve(listener):
        loop = asyncio.get_running_loop()
        sock, address = await loop.sock_accept(listener)
        buffer = bytearray(100)
        count = await loop.sock_recv_into(sock, buffer)
        await loop.sock_sendall(sock, bytes(buffer[:count]).upper())
        sock.close()
        return address

    async def main():
        with asyncio_echo.new_socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            listener.setblocking(False)
            server = asyncio.create_task(serve(listener))
            answer = await asyncio_echo.ask(listener.getsockname(), b"hello", 1)
            return answer, await server

    answer, address = run(main())
    assert answer == b"HELLO"
    assert address[0] == "127.0.0.1"


def test_add_reader():
    async def main():
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        with asyncio_echo.new_socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            loop.add_reader(listener, arrived.set)
            client = asyncio_echo.new_socket()
            client.setblocking(False)
            await loop.sock_connect(client, listener.getsockname())
            await arrived.wait()
            loop.remove_reader(listener)
            client.close()

    run(main())


def test_refused_connection():
    async def main():
        sock = asyncio_echo.new_socket()
        sock.setblocking(False)
        try:
            with asyncio_echo.new_socket() as other:        # so that somebody answers at the UDP port
                other.bind(("127.0.0.1", 0))
                other.listen()
                await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", 1))
        finally:
            sock.close()

    with pytest.raises(ConnectionRefusedError):
        run(main())


def test_cancelled_recv_leaves_the_socket_usable():
    async def main():
        loop = asyncio.get_running_loop()
        with asyncio_echo.new_socket() as listener:
            listener.bind(("127.0.0.1", 0))
            async with await asyncio.start_server(asyncio_echo.echo, sock=listener):
                sock = asyncio_echo.new_socket()
                sock.setblocking(False)
                await loop.sock_connect(sock, listener.getsockname())
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(loop.sock_recv(sock, 10), 0.01)
                await loop.sock_sendall(sock, b"still here")
                answer = await loop.sock_recv(sock, 100)
                sock.close()
                return answer

    assert run(main()) == b"still here"


# asyncio's executor, which finds addresses, wakes its loop from other threads only; gevent's are greenlets.
STALLS = sys.version_info >= (3, 14, 3) or (3, 13, 12) <= sys.version_info < (3, 14)
KNOWN = "https://github.com/gevent/gevent/issues/2213: asyncio's executors stall under gevent's patches"


@pytest.mark.parametrize("patch", [
    pytest.param("", id="plain"),
    pytest.param("from gevent import monkey; monkey.patch_all()\n", id="patched",
                 marks=pytest.mark.skipif(STALLS, reason=KNOWN)),
])
def test_in_a_process_of_its_own(patch):
    """Also under monkey patching, where asyncio's selector is gevent's."""
    folder = os.path.dirname(asyncio_echo.__file__)
    program = patch + (f"import asyncio, sys; sys.path.insert(0, {folder!r}); import asyncio_echo\n"
                       "assert asyncio.run(asyncio_echo.run(5, 5)) == [b'%d ' % n * 5 for n in range(5)]\n")
    done = processes.run(["-c", program], free_udp_port())
    assert (done.returncode, done.stderr) == (0, "")
