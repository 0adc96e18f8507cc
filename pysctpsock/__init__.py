"""SCTP sockets for every Python program: `from pysctpsock import socket` in place of `import socket`."""
from . import source_tree

if not source_tree.is_whole():
    source_tree.give_way()  # `import pysctpsock` gives the installed package, and this module is forgotten

from ._version import __version__

__all__ = ["__version__", "configure"]


def configure(carrier: str | None = None, udp_port: int | None = None,
              max_associations: int | None = None) -> None:
    """Set how this process speaks SCTP, before the first socket: see pysctpsock.stack.configure."""
    from .stack import configure  # here, so that who asks for the version loads no event loop

    configure(carrier, udp_port, max_associations)
