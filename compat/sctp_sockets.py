"""The SCTP sockets that compatibility modules stand on: this library's, or the kernel's where it has SCTP."""
from __future__ import annotations

from typing import Any

from pysctpsock import socket as _ours


def new_socket(family: int, style: int) -> Any:
    """A fresh SCTP socket of style SOCK_STREAM or SOCK_SEQPACKET."""
    return _ours.socket(family, style, _ours.IPPROTO_SCTP)


def accepted_socket(sock: Any) -> Any:
    """A socket that somebody has made already."""
    return sock
