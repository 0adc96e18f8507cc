"""The multi-stream daytime client, call for call as in C.

    python client.py
"""
from common import GMT_STREAM, LOCALTIME_STREAM, MAX_BUFFER, MY_PORT_NUM

from pysctpsock.socket import (
    AF_INET,
    IPPROTO_SCTP,
    SCTP_EVENTS,
    SCTP_INITMSG,
    SOCK_STREAM,
    SOL_SCTP,
    sctp_event_subscribe,
    sctp_initmsg,
    sctp_recvmsg,
    socket,
)


def main() -> None:
    # Create an SCTP TCP-style socket
    conn_sock = socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP)

    # Specify that a maximum of 5 streams will be available per socket
    initmsg = sctp_initmsg()
    initmsg.sinit_num_ostreams = 5
    initmsg.sinit_max_instreams = 5
    initmsg.sinit_max_attempts = 4
    conn_sock.setsockopt(IPPROTO_SCTP, SCTP_INITMSG, initmsg)

    # Specify the peer endpoint to which we'll connect
    servaddr = ("127.0.0.1", MY_PORT_NUM)

    # Connect to the server
    conn_sock.connect(servaddr)

    # Enable receipt of SCTP Snd/Rcv data via sctp_recvmsg
    events = sctp_event_subscribe()
    events.sctp_data_io_event = 1
    conn_sock.setsockopt(SOL_SCTP, SCTP_EVENTS, events)

    # Expect two messages from the peer
    for _ in range(2):
        buffer, _from, sndrcvinfo, _flags = sctp_recvmsg(conn_sock, MAX_BUFFER)

        if sndrcvinfo.sinfo_stream == LOCALTIME_STREAM:
            print(f"(Local) {buffer.decode()}")
        elif sndrcvinfo.sinfo_stream == GMT_STREAM:
            print(f"(GMT  ) {buffer.decode()}")

    # Close our socket and exit
    conn_sock.close()


if __name__ == "__main__":
    main()
