"""Objects that nobody initialised: whatever is done with them raises, as in CPython, and never crashes.

A subclass whose __init__ does not call its base's is a mistake that every programmer makes once.  CPython
answers with an exception (`socket.socket.__new__(socket.socket).recv(1)` is EBADF).
"""
import enum
import errno
import importlib
import os
import pkgutil
import signal
import socket as stdlib

import pytest

import pysctpsock._cy
from pysctpsock import socket
from pysctpsock.base import SctpSocket
from pysctpsock.one_to_many import OneToManySocket
from pysctpsock.scp.connection import Connection
from pysctpsock.scp.session import Session

MODULES = [module.name for module in pkgutil.iter_modules(pysctpsock._cy.__path__)]
ARGUMENTS = [(), (1,), (b"abc",), (None,), ("10.0.0.1",), (b"abc", 1), (1, 2), (b"abc", 1, 2), (1, 2, 3, 4),
             ([], []), (b"abc", 0, 0, 0, 0, 0)]
# What an object has from `object` and must have; __class__ and the like are no calls of ours.
PASSED_OVER = {"__class__", "__new__", "__init_subclass__", "__subclasshook__", "__getattribute__", "__doc__"}
PATIENCE = 60


def types_of(name):
    module = importlib.import_module(f"pysctpsock._cy.{name}")
    return [one for one in vars(module).values() if isinstance(one, type)
            and not isinstance(one, enum.EnumMeta) and one.__module__ == module.__name__]


def makers(cls, *arguments):
    """The two ways to an object that was not initialised; `arguments` choose among classes, if it does."""
    yield "new", lambda: cls.__new__(cls)
    try:
        heir = type("Heir", (cls,), {"__init__": lambda self, *arguments: None})
    except TypeError:  # of no type that others may derive from
        return
    yield "heir", lambda: heir(*arguments)


def try_all(make, note):
    """Every attribute of such an object, called with everything; `note` is told before each."""
    for name in sorted(set(dir(make())) - PASSED_OVER):
        for arguments in ARGUMENTS:
            note(f"{name}{arguments}")
            try:
                found = getattr(make(), name)
                if callable(found):
                    found(*arguments)
            except Exception as problem:
                assert not isinstance(problem, SystemError), f"{name}{arguments}"
            if not callable(getattr(type(make()), name, None)):
                break


def survives(make):
    """Play in a child: how it ended, and the last thing that it did."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.close(reader)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(PATIENCE)
            with open(os.devnull, "w") as nothing:
                os.dup2(nothing.fileno(), 1)
                os.dup2(nothing.fileno(), 2)
            try_all(make, lambda text: os.write(writer, text.encode() + b"\n"))
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with open(reader, "rb") as notes:
        last = notes.read().splitlines()[-1:]
    return os.waitpid(child, 0)[1], last


@pytest.mark.parametrize("name", MODULES)
def test_no_extension_type_crashes(name):
    for cls in types_of(name):
        for how, make in makers(cls):
            try:
                make()
            except TypeError:  # cannot be had without what it needs
                continue
            status, last = survives(make)
            assert status == 0, f"{cls.__name__} ({how}): status {status} after {last}"


@pytest.mark.parametrize("base", [socket.socket, OneToManySocket, Connection, Session],
                         ids=lambda base: base.__name__)
def test_no_public_class_crashes(base):
    arguments = (stdlib.AF_INET, base.style, 132) if issubclass(base, SctpSocket) else ()
    for how, make in makers(base, *arguments):
        assert isinstance(make(), base) and type(make()).__name__ in (base.__name__, "Heir")
        status, last = survives(make)
        assert status == 0, f"{how}: status {status} after {last}"


@pytest.mark.parametrize("base", [socket.socket, OneToManySocket], ids=lambda base: base.__name__)
@pytest.mark.parametrize("call", [
    "recv(1)", "recv_into(bytearray(1))", "recvfrom(1)", "recvmsg(1)", "send(b'a')", "sendall(b'a')",
    "bind(('127.0.0.1', 0))", "listen()", "getsockname()", "getpeername()", "shutdown(2)"])
def test_a_socket_without_init_is_closed(base, call):
    """It has no descriptor, so calls give OSError (as CPython's), EBADF; fileno() -1, close() nothing."""
    class Forgetful(base):
        def __init__(self, *kind):
            pass

    def made():
        return Forgetful(stdlib.AF_INET, base.style, 132)

    with pytest.raises(OSError) as caught:
        eval(f"made.{call}", {"made": made()})
    assert caught.value.errno == errno.EBADF
    assert made().fileno() == -1
    made().close()
