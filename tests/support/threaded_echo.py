"""An echo server and its clients as plain threads, as if for TCP; no gevent, nothing patched."""
import threading

from pysctpsock import socket


def new_socket():
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)


def serve(sock):
    with sock:
        while data := sock.recv(1000):
            sock.sendall(data)


def accept(listener, count):
    """A thread for each of so many clients."""
    for _ in range(count):
        threading.Thread(target=serve, args=listener.accept()[:1]).start()


def ask(address, text, rounds, answers):
    with new_socket() as sock:
        sock.settimeout(60)
        sock.connect(address)
        got = b""
        for _ in range(rounds):
            sock.sendall(text)
            got += sock.recv(1000)
        answers[text] = got


def run(clients, rounds):
    """All clients at once; {what each said: what it got}."""
    answers = {}
    with new_socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(clients)
        threads = [threading.Thread(target=accept, args=(listener, clients))]
        threads += [threading.Thread(target=ask, args=(listener.getsockname(), b"%d " % n, rounds, answers))
                    for n in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return answers
