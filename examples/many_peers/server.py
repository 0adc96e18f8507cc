"""An echo server with one SOCK_SEQPACKET socket for all its clients: no accept, no thread, no greenlet.

    python server.py [--host 127.0.0.1] [--port 7000]
"""
import argparse

from pysctpsock.socket import (
    AF_INET,
    IPPROTO_SCTP,
    MSG_NOTIFICATION,
    SCTP_EVENTS,
    SCTP_SNDRCV,
    SOCK_SEQPACKET,
    sctp_event_subscribe,
    sctp_sndrcvinfo,
    socket,
)


def open_server(host: str, port: int) -> socket:
    """A listening one-to-many socket that says which association a message came from."""
    server = socket(AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP)
    server.setsockopt(IPPROTO_SCTP, SCTP_EVENTS, sctp_event_subscribe(sctp_data_io_event=1))
    server.bind((host, port))
    server.listen(128)
    return server


def echo(server: socket) -> None:
    """Send every message back on the association and stream that it came on."""
    while True:
        data, _address, info, flags = server.sctp_recvmsg(65536)
        if not flags & MSG_NOTIFICATION:
            back = sctp_sndrcvinfo(sinfo_assoc_id=info.sinfo_assoc_id, sinfo_stream=info.sinfo_stream,
                                   sinfo_ppid=info.sinfo_ppid)
            server.sendmsg([data], [(IPPROTO_SCTP, SCTP_SNDRCV, back)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7000)
    options = parser.parse_args()
    sock = open_server(options.host, options.port)
    print("ready", flush=True)
    echo(sock)
