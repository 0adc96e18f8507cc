"""From an errno to the OSError that the `socket` module would raise, with a text in SCTP's terms."""
import errno
import os
from typing import Any

# Where the system's text would puzzle: what it means on an SCTP socket (RFC 6458; Linux's errnos).
MEANINGS = {
    errno.EPIPE: "no association to send on",
    errno.ESHUTDOWN: "the association is shutting down: nothing more can be sent",
    errno.ENOTCONN: "no association",
    errno.EISCONN: "the socket has, or had, its association",
    errno.EALREADY: "the association is being set up",
    errno.ECONNREFUSED: "the peer refused the association",
    errno.ECONNRESET: "the peer aborted the association",
    errno.ECONNABORTED: "the association was aborted on this side",
}


def error(number: int, text: str = "") -> OSError:
    """An OSError of the right subclass (BlockingIOError, TimeoutError, ConnectionResetError, ...).

    `text` says what happened when the errno alone does not; it stands behind the system's words.
    """
    text = text or MEANINGS.get(number, "")
    return OSError(number, os.strerror(number) + (f": {text}" if text else ""))


def end_of(association: Any, number: int) -> OSError:
    """The same for a call that met the end of an association.

    When an ABORT ended it, the exception says why: `cause_code` (RFC 9260 section 3.3.10) and `cause_info`,
    the ABORT's error causes as bytes.
    """
    if association is None or not association.ended:
        return error(number)
    problem = error(number, "" if association.announced else why_not_set_up(association, number))
    problem.__dict__.update(cause_code=association.cause_code, cause_info=association.cause_data)
    return problem


def why_not_set_up(association: Any, number: int) -> str:
    """What to look for when no association came of connecting: the peer, its ports, and which of them it was.

    "" if the errno alone says it.
    """
    host, port = association.peer_host, association.peer_port
    udp_port = association.path(host).snapshot()["udp_port"]
    if number == errno.ECONNREFUSED and association.unreachable:
        return (f"nobody is at UDP port {udp_port} of {host}, where SCTP port {port} was looked for; is the "
                "server running, and is that its UDP port (PYSCTPSOCK_UDP_PORT)?")
    if number == errno.ECONNREFUSED:
        return (f"{host} speaks SCTP at UDP port {udp_port}, and refused the association at SCTP port {port}"
                "; does the server listen there?")
    if number == errno.ETIMEDOUT:
        return (f"no answer from {host}, UDP port {udp_port}, SCTP port {port}; is there a firewall, or "
                "another UDP port (PYSCTPSOCK_UDP_PORT)?")
    return ""


def connecting(association: Any) -> OSError:
    """EINPROGRESS, with the association's id as `assoc_id`."""
    problem = error(errno.EINPROGRESS)
    problem.__dict__.update(assoc_id=association.assoc_id)
    return problem
