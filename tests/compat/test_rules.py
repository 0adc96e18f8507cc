"""Which streams become SCTP (pysctpsock.compat.rules): rules by port and address."""
import pytest

from pysctpsock.compat.rules import Rules, parse


@pytest.mark.parametrize("text, host, port, matches", [
    ("80", "192.0.2.1", 80, True), ("80", "192.0.2.1", 81, False), ("80", "::1", 80, True),
    ("127.0.0.53", "127.0.0.53", 53, True), ("127.0.0.53", "127.0.0.1", 53, False),
    ("127.0.0.53", "::ffff:127.0.0.53", 53, True),
    ("10.0.0.0/8", "10.255.0.1", 1, True), ("10.0.0.0/8", "11.0.0.1", 1, False),
    ("10.0.0.0/8", "::1", 1, False), ("::1", "::1", 1, True), ("fe80::/10", "fe80::1%eth0", 1, True),
    ("127.0.0.1:80", "127.0.0.1", 80, True), ("127.0.0.1:80", "127.0.0.1", 81, False),
    ("127.0.0.1:80", "127.0.0.2", 80, False), ("[::1]:80", "::1", 80, True), ("[::1]:80", "::1", 8, False),
    ("[::1]", "::1", 8, True), ("10.0.0.0/8:80", "10.1.1.1", 80, True),
])
def test_a_rule_matches(text, host, port, matches):
    assert parse(text).matches(host, port) is matches


@pytest.mark.parametrize("text", ["", "http", "80:", "65536", "1.2.3", "127.0.0.1:", "127.0.0.1:x", "[::1]:x",
                                  "127.0.0.1:65536", "1.2.3.4/33", "localhost:80"])
def test_what_is_no_rule(text):
    with pytest.raises(ValueError, match=r"is no port, address, network|a port is in"):
        parse(text)


def test_only_and_except():
    """One of `only` must match where there is one, and none of `except`."""
    assert Rules().allow("127.0.0.1", 80) and not Rules()
    assert Rules(["80", "443"]).allow("127.0.0.1", 443)
    assert not Rules(["80", "443"]).allow("127.0.0.1", 444)
    assert not Rules(exclude=["127.0.0.53"]).allow("127.0.0.53", 80)
    both = Rules(["80"], ["127.0.0.53"])
    assert both.allow("127.0.0.1", 80) and not both.allow("127.0.0.53", 80) and not both.allow("127.0.0.1", 8)


CHOICE = """
import socket, sys
listener = socket.socket()
listener.settimeout(30)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("localhost", 0))
listener.listen()
assert isinstance(listener, socket.socket)
client = socket.create_connection(listener.getsockname(), source_address=("127.0.0.1", 0))
server, _ = listener.accept()
with client, server:
    client.sendall(b"x" * 1000)
    client.shutdown(socket.SHUT_WR)
    assert server.makefile("rb").read() == b"x" * 1000
kinds = []
for sock in (listener, client, server):
    kind = "SCTP" if "TcpSocket" in repr(sock) else "TCP"
    if kind == "TCP":
        assert "gevent" in repr(sock), sock
    kinds.append(kind)
print(*kinds, listener.gettimeout())
"""


@pytest.mark.parametrize("options, kind", [
    ((), "SCTP"), (("--only", "127.0.0.0/8"), "SCTP"), (("--only", "80"), "TCP"),
    (("--except", "127.0.0.53,80"), "SCTP"), (("--except", "127.0.0.1"), "TCP"),
    (("--only", "127.0.0.1", "--except", "127.0.0.0/24"), "TCP")])
def test_a_stream_becomes_what_the_rules_say(run_program, options, kind):
    """Listener by its address, connection by the peer's, also when it was bound before; options go along."""
    assert run_program(CHOICE, "--tcp-to-sctp", *options).split() == [kind] * 3 + ["30.0"]


def test_a_connection_follows_the_peers_address(run_program):
    """Two peers, one rule: the same program speaks TCP to one and SCTP to the other."""
    assert run_program("""
import socket
for host in ("127.0.0.1", "127.0.0.2"):
    listener = socket.create_server((host, 0))
    client = socket.socket()
    client.bind(("127.0.0.1", 0))
    assert client.connect_ex(listener.getsockname()) == 0
    client.sendall(b"hello")
    peer, address = listener.accept()
    assert address == client.getsockname(), (address, client.getsockname())
    print(peer.recv(5).decode(), "TcpSocket" in repr(client))
    for sock in (client, peer, listener):
        sock.close()
""", "--tcp-to-sctp", "--except", "127.0.0.2").split() == ["hello", "True", "hello", "False"]
