"""The multi-stream daytime server, call for call as in C: local time goes on stream 0, GMT on stream 1.

    python server.py

It needs no privilege: SCTP goes in UDP, to port 9899 or what PYSCTPSOCK_UDP_PORT says.
"""
import time

from common import GMT_STREAM, LOCALTIME_STREAM, MAX_BUFFER, MY_PORT_NUM, asctime, ctime

from pysctpsock.socket import (
    AF_INET,
    INADDR_ANY,
    IPPROTO_SCTP,
    SCTP_INITMSG,
    SOCK_STREAM,
    inet_ntoa,
    sctp_initmsg,
    sctp_sendmsg,
    socket,
)


def main() -> None:
    # Create SCTP TCP-style socket
    listen_sock = socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP)

    # Accept connections from any interface
    servaddr = (inet_ntoa(INADDR_ANY.to_bytes(4, "big")), MY_PORT_NUM)

    # Bind to the wildcard address (all) and MY_PORT_NUM
    listen_sock.bind(servaddr)

    # Specify that a maximum of 5 streams will be available per socket
    initmsg = sctp_initmsg()
    initmsg.sinit_num_ostreams = 5
    initmsg.sinit_max_instreams = 5
    initmsg.sinit_max_attempts = 4
    listen_sock.setsockopt(IPPROTO_SCTP, SCTP_INITMSG, initmsg)

    # Place the server socket into the listening state
    listen_sock.listen(5)

    # Server loop...
    while True:
        # Await a new client connection
        conn_sock, _ = listen_sock.accept()

        # New client socket has connected

        # Grab the current time
        current_time = time.time()

        # Send local time on stream 0 (local time stream)
        buffer = f"{ctime(current_time)}\n".encode()[:MAX_BUFFER]
        sctp_sendmsg(conn_sock, buffer, None, 0, 0, LOCALTIME_STREAM, 0, 0)

        # Send GMT on stream 1 (GMT stream)
        buffer = f"{asctime(time.gmtime(current_time))}\n".encode()[:MAX_BUFFER]
        sctp_sendmsg(conn_sock, buffer, None, 0, 0, GMT_STREAM, 0, 0)

        # Close the client connection
        conn_sock.close()


if __name__ == "__main__":
    main()
