"""An echo server with a thread for each connection, and clients that talk to it side by side."""
import socket
import socketserver
import sys
import threading

HOST = "127.0.0.1"


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.upper())


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def talk(port, name):
    with socket.create_connection((HOST, port)) as sock, sock.makefile("rw", newline="\n") as file:
        for n in range(5):
            file.write(f"{name} {n}\n")
            file.flush()
            print(file.readline(), end="")


if sys.argv[1] == "serve":
    with Server((HOST, 0), Echo) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
else:
    threads = [threading.Thread(target=talk, args=(int(sys.argv[2]), name)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
