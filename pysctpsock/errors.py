"""From an errno to the OSError that the `socket` module would raise, with a text that says what SCTP means by it."""
import errno as _errno
import os

# Where the system's text would puzzle: what it means on an SCTP socket (RFC 6458; Linux's errnos).
MEANINGS = {
    _errno.EPIPE: "no association to send on",
    _errno.ESHUTDOWN: "the association is shutting down: nothing more can be sent",
    _errno.ENOTCONN: "no association",
    _errno.EISCONN: "the socket has, or had, its association",
    _errno.EALREADY: "the association is being set up",
    _errno.ECONNREFUSED: "the peer refused the association",
    _errno.ECONNRESET: "the peer aborted the association",
    _errno.ECONNABORTED: "the association was aborted on this side",
}


def error(number: int, text: str = "") -> OSError:
    """An OSError of the right subclass (BlockingIOError, TimeoutError, ConnectionResetError, ...).

    `text` says what happened when the errno alone does not; it stands behind the system's words.
    """
    text = text or MEANINGS.get(number, "")
    return OSError(number, os.strerror(number) + (f": {text}" if text else ""))
