"""Monkey patching and gevent's own socket module and servers: in whichever order who patches what."""
import importlib.util
import json
from pathlib import Path

import processes
import pytest
from udp_relay import free_udp_port

ORDERS = {
    "ours": "from pysctpsock import monkey; monkey.patch_all({})",
    "after gevent's": "from gevent import monkey; monkey.patch_all(); "
                      "from pysctpsock import monkey; monkey.patch_all({})",
    "before gevent's": "from pysctpsock import monkey; monkey.patch_all({}); "
                       "from gevent import monkey; monkey.patch_all()",
    "gevent.socket first": "from gevent import socket, server, pywsgi; "
                           "from pysctpsock import monkey; monkey.patch_all({})",
}

KINDS = """
import socket as standard
from gevent import socket
assert standard.socket is socket.socket
for sock in (socket.socket(2, 1, 132), socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
             *socket.socketpair()):
    assert isinstance(sock, socket.socket) and isinstance(sock, standard.SocketType)
    print(type(sock).__module__.partition(".")[0])
    sock.close()
"""


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("streams, module", [("", "gevent"), ("tcp_to_sctp=True", "pysctpsock")])
def test_what_gevents_module_makes(run_python, order, streams, module):
    """The same as the standard module: SCTP where it is asked for, or where TCP is meant."""
    done = run_python(ORDERS[order].format(streams) + KINDS)
    assert done.stdout.split() == ["pysctpsock", module] + ["gevent"] * 3
    assert done.stderr == ""


SERVED = """
import gevent
from gevent import pywsgi, server, socket
seen = []
def echo(sock, address):
    seen.append(repr(sock)[1:].partition(".")[0])
    sock.sendall(sock.recv(100).upper())
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"served ", environ["wsgi.input"].read()]
def run(started, request):
    started.start()
    with gevent.Timeout(20), socket.create_connection(started.address) as sock:
        seen.append(repr(sock)[1:].partition(".")[0])
        sock.sendall(request)
        with sock.makefile("rb") as file:
            answer = file.read()
    started.stop()
    return answer
def listening():
    sock = socket.socket(proto={proto})
    sock.bind(("localhost", 0))
    sock.listen()
    return sock
for listener in {listeners}:
    print(run(server.StreamServer(listener(), echo), b"hello").decode())
    print(run(pywsgi.WSGIServer(listener(), application, log=None),
              b"POST / HTTP/1.0\\r\\nContent-Length: 4\\r\\n\\r\\nbody").split(b"\\r\\n\\r\\n")[1].decode())
print(*set(seen))
"""


CASES = [("ours", "", "gevent"), ("ours", "tcp_to_sctp=True, only=['127.0.0.1']", "pysctpsock"),
         ("ours", "tcp_to_sctp=True, exclude=['127.0.0.1']", "gevent"),
         *((order, "tcp_to_sctp=True", "pysctpsock") for order in ORDERS)]


@pytest.mark.parametrize("order, streams, module", CASES)
def test_servers_and_clients_are_of_one_kind(run_python, order, streams, module):
    """Streams of gevent's servers, given an address or a socket, and of create_connection(): TCP, or SCTP."""
    program = SERVED.replace("{listeners}", "(listening, lambda: ('localhost', 0))").replace("{proto}", "0")
    done = run_python(ORDERS[order].format(streams) + program)
    assert done.stdout.splitlines() == ["HELLO", "served body"] * 2 + [module]
    assert done.stderr == ""


@pytest.mark.parametrize("order", ORDERS)
def test_a_listener_that_is_sctps(run_python, order):
    """The program asks for IPPROTO_SCTP: gevent's servers take the listener, streams stay TCP's."""
    program = SERVED.replace("{listeners}", "(listening,)").replace("{proto}", "socket.IPPROTO_SCTP")
    program = program.replace("socket.create_connection(started.address)", "connected(started.address)")
    connected = ("\ndef connected(address):\n"
                 "    sock = socket.socket(proto=132)\n    sock.connect(address)\n    return sock\n")
    done = run_python(ORDERS[order].format("") + connected + program)
    assert done.stdout.splitlines() == ["HELLO", "served body", "pysctpsock"]


def test_originals_can_be_had(run_python):
    """gevent's own class by get_original(), and none of SCTP's under it."""
    done = run_python(ORDERS["ours"].format("tcp_to_sctp=True") + """
from gevent import socket
own = monkey.get_original("gevent.socket", "socket")
print(own.__module__, own is monkey.get_original("gevent._socket3", "socket"), own is socket.socket)
listener = own()
listener.bind(("127.0.0.1", 0))
listener.listen()
client = own()
client.connect(listener.getsockname())
print(type(listener.accept()[0]) is own, type(client.dup()) is own)
""")
    assert done.stdout.splitlines() == ["gevent._socket3 True False", "True True"]


def test_session_control_protocol_stays_on_tcp(run_python):
    """pysctpsock.scp is a protocol over TCP; patching does not put it on SCTP."""
    done = run_python(ORDERS["ours"].format("tcp_to_sctp=True") + """
from pysctpsock.scp import hub
listener = hub.listening_socket(("127.0.0.1", 0), 5, 2)
client = hub.dial(listener.getsockname(), 5)
print(type(client).__module__, type(listener).__module__)
""")
    assert done.stdout.split() == ["gevent._socket3"] * 2


def test_patching_too_late_names_who_holds_gevents_class(run_python, tmp_path):
    (tmp_path / "holder.py").write_text("from gevent.socket import socket")
    done = run_python("import holder\n" + ORDERS["ours"].format(""))
    assert "MonkeyPatchWarning: patched too late" in done.stderr and "holder" in done.stderr


@pytest.mark.skipif(importlib.util.find_spec("gevent.tests") is None,
                    reason="this gevent comes without its tests")
@pytest.mark.parametrize("options", [(), ("--native",)], ids=["streams", "messages"])
def test_gevents_own_tests_pass_over_sctp(options):
    """gevent 26.9: 248 of its tests of servers, pywsgi, sockets and select run, 244 over sockets of messages.

    10 of them are skipped.  gevent_run.py has the list of what is left out, and why.
    """
    program = Path(__file__).with_name("gevent_run.py")
    done = processes.run(["-m", "pysctpsock.monkey", "--tcp-to-sctp", program, *options],
                         free_udp_port(), patience=200)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    print(figures)
    assert [name for result in figures.values() for name in result["failed"]] == [], done.stderr
    assert sum(result["run"] - result["skipped"] for result in figures.values()) > 200, figures
