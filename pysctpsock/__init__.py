"""SCTP sockets for every Python program: `from pysctpsock import socket` in place of `import socket`."""
from ._version import __version__

__all__ = ["__version__", "configure"]


def configure(carrier: str | None = None, udp_port: int | None = None) -> None:
    """Set how this process speaks SCTP, before the first socket: see pysctpsock.stack.configure."""
    from .stack import configure  # here, so that who asks for the version loads no event loop

    configure(carrier, udp_port)
