"""The interpreter's own test.test_socket, loaded so that a stream socket of an IP family is one of ours."""
import importlib.util
import socket as stdlib
import sys
import types

from pysctpsock import socket as ours


class Maker(type(ours.socket)):
    """Chooses SCTP when the tests leave the protocol to the system, or mean TCP."""

    def __call__(cls, family=-1, type=-1, proto=-1, fileno=None):
        kind = type & ~(stdlib.SOCK_NONBLOCK | stdlib.SOCK_CLOEXEC)
        if (family in (-1, stdlib.AF_INET, stdlib.AF_INET6) and (type == -1 or kind == stdlib.SOCK_STREAM)
                and proto in (-1, 0, stdlib.IPPROTO_TCP, ours.IPPROTO_SCTP)):
            return super().__call__(family, type, ours.IPPROTO_SCTP, fileno)
        return stdlib.socket(family, type, proto, fileno)

    def __instancecheck__(cls, instance):
        return isinstance(instance, (ours.socket, stdlib.socket))


class StreamSocket(ours.socket, metaclass=Maker):
    """`socket.socket` of the tests."""


def module():
    """The `socket` module that the tests see."""
    made = types.ModuleType("socket", stdlib.__doc__)
    made.__dict__.update({name: value for name, value in vars(stdlib).items() if not name.startswith("__")})
    made.fromfd, made.socket = ours.fromfd, StreamSocket
    for name in ("create_connection", "create_server"):  # the same functions, with our class
        function = getattr(stdlib, name)
        copy = types.FunctionType(function.__code__, made.__dict__, name, function.__defaults__)
        copy.__kwdefaults__ = function.__kwdefaults__
        setattr(made, name, copy)
    return made


def load():
    """A copy of test.test_socket that imports our module; ImportError where the interpreter has no tests."""
    spec = importlib.util.find_spec("test.test_socket")
    if spec is None:
        raise ImportError("this interpreter comes without its tests")
    loaded = importlib.util.module_from_spec(spec)
    real, sys.modules["socket"] = sys.modules["socket"], module()
    try:
        spec.loader.exec_module(loaded)
    finally:
        sys.modules["socket"] = real
    return loaded
