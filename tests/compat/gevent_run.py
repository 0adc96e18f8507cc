"""Runs test modules of gevent but for what is left out, and prints the figures as JSON.

    python -m pysctpsock.monkey --tcp-to-sctp gevent_run.py [--native] [--all] [module ...]

--native: streams are not TCP's over SCTP but sockets of messages, as IPPROTO_SCTP makes them.
--all runs what is left out, too.
"""
import importlib
import inspect
import json
import os
import sys
import unittest

os.environ.setdefault("GITHUB_ACTIONS", "1")  # gevent's tests are patient then
import gevent.backdoor
import gevent.testing
from gevent import socket

from pysctpsock.compat import patched

PATIENCE = 0.5  # seconds for an answer, where gevent's tests have 0.1
# name of a test, with or without its module's, or the beginning of such names: why it is left out
LEFT_OUT = {
    "TestSSLGetCertificate.test_certificate":
        "asserts that nothing is patched",
    **dict.fromkeys(
        [f"test__server.{spawn}Spawn.{test}" for spawn in ("TestDefault", "TestPool", "TestRaw")
         for test in ("test_subclass_with_address", "test_subclass_with_socket")],
        "a client that was closed before it was accepted is answered: TCP takes the answer and loses it, an"
        " association has ended by SHUTDOWN (EPIPE in the handler)"),
    "TestTCP.test_sendall_timeout":
        "wants the timeout of 0.1 s within 0.21 s, which no busy machine keeps; it passes else",
    "test__server_pywsgi.TestPoolSpawn.test_pool_full":
        "its sleeps must fit into the time-outs of 0.1 s: fails with more patience over TCP, too",
    "TestSocket.test_has_no_dict":
        "gevent's class has __slots__",
    "TestTCP.test_connect_ex_not_call_connect":
        "asserts that sockets take no other attributes (__slots__)",
    "test__socket_close.Test.test_recv_twice":
        "asserts an AssertionError where two greenlets read one socket; they may here",
    "test__socket_ex.TestClosedSocket":
        "send(timeout=), which only gevent's sockets have",
    "test__socket_ex.TestRef":
        "ref, _read_event and _write_event, watchers that gevent's sockets wait by",
    "test__selectors.TestPossibleCrashes.test_closing_fd":
        "closes the descriptor by number: a socket here goes on with another one",
}
LEFT_OUT_OF_NATIVE = {
    **dict.fromkeys(["test__socket.TestTCP.test_empty_send", "test__socket.TestTCP.test_sendall_empty"],
                    "no message is empty: EINVAL, as Linux"),
    "test__backdoor.Test.test_multi":
        "reads two messages by one recv()",
}
MODULES = (
    "test__server", "test__server_pywsgi", "test__pywsgi", "test__socket", "test__socket_close",
    "test__socket_errors", "test__socket_ex", "test__socket_send_memoryview", "test__socket_timeout",
    "test__socketpair", "test__select", "test__selectors", "test__backdoor",
)


def is_left_out(test):
    """Whether the table has the name (module.class.test) of a test, with or without the module."""
    name = test.id().removeprefix("gevent.tests.")
    return name.startswith(tuple(LEFT_OUT)) or name.partition(".")[2].startswith(tuple(LEFT_OUT))


def tests_of(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_of(item)
        else:
            yield item


def message_socket(family, type, proto):
    """What makes a socket for a stream of TCP's that has messages."""
    return socket.socket(socket.AF_INET if family == -1 else family, socket.SOCK_STREAM, socket.IPPROTO_SCTP)


def run(name, everything):
    """The figures of one module."""
    module = importlib.import_module(f"gevent.tests.{name}")
    tests = list(tests_of(unittest.defaultTestLoader.loadTestsFromModule(module)))
    chosen = [test for test in tests if everything or not is_left_out(test)]
    result = unittest.TextTestRunner(sys.stderr).run(unittest.TestSuite(chosen))
    assert type(socket.socket()).__module__.startswith("pysctpsock"), "something has taken the patches back"
    return {"run": result.testsRun, "skipped": len(result.skipped), "left out": len(tests) - len(chosen),
            "failed": [test.id() for test, _ in result.failures + result.errors]}


if __name__ == "__main__":
    gevent.testing.DEFAULT_SOCKET_TIMEOUT = PATIENCE
    if "--native" in sys.argv:
        patched.make_stream = message_socket
        LEFT_OUT.update(LEFT_OUT_OF_NATIVE)
        if "except OSError" not in inspect.getsource(gevent.backdoor.BackdoorServer.handle):
            LEFT_OUT["test__backdoor."] = "this gevent's backdoor insists on TCP_NODELAY"
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    figures = {name: run(name, "--all" in sys.argv) for name in arguments or MODULES}
    print("\n" + json.dumps(figures))
