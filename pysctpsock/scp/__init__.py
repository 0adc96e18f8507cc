"""SCP, the Session Control Protocol: many sessions over one TCP connection, each with a socket of its own.

    connection = scp.connect(("example.org", 4000))
    session = connection.open()
    session.sendall(b"...")

docs/scp.md says what it is, when to use it, its wire format and its errnos.  Runs under gevent; a connection
belongs to the thread that made it.
"""
from .._cy.scp_wire import ScpReason as Reason
from .connection import Connection, Listener, connect, listen
from .dump import dump
from .errors import IncompleteMessage
from .session import Session

__all__ = ["Connection", "IncompleteMessage", "Listener", "Reason", "Session", "connect", "dump", "listen"]
