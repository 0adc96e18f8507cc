"""SCTP sockets for every Python program."""
from ._version import __version__

__all__ = ["__version__"]
