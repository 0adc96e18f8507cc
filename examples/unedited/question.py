"""Half-close: the server reads a request up to its end, then replies; the end is the client's SHUT_WR."""
import socket
import sys

HOST = "127.0.0.1"

if sys.argv[1] == "serve":
    with socket.create_server((HOST, 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as file:
                request = file.read()
                connection.sendall(b"%d bytes, " % len(request) + request[-3:])
else:
    with socket.create_connection((HOST, int(sys.argv[2]))) as sock:
        sock.sendall(b"." * 1_000_000 + b"end")
        sock.shutdown(socket.SHUT_WR)
        print(sock.makefile("r").read())
