"""What telecom programs do with pysctp: M3UA (ppid 3) and Diameter (46) on streams, with notifications."""
import sys
from socket import AF_INET, ntohl

import sctp

HOST = "127.0.0.1"
M3UA, DIAMETER = 3, 46

if sys.argv[1] == "serve":
    listener = sctp.sctpsocket_tcp(AF_INET)
    listener.initparams.num_ostreams = listener.initparams.max_instreams = 4
    listener.bindx([(HOST, 0)])
    listener.events.clear()
    listener.events.association = listener.events.shutdown = 1
    listener.listen(5)
    print(listener.getsockname()[1], flush=True)
    while True:
        peer, address = listener.accept()
        while True:
            address, flags, message, info = peer.sctp_recv(65536)
            if flags & sctp.FLAG_NOTIFICATION:
                if isinstance(info, sctp.assoc_change) and info.state != info.state_COMM_UP:
                    break
                continue
            if not message:
                break
            peer.sctp_send(message + b" answered", ppid=ntohl(info.ppid), stream=info.stream)
        peer.close()
else:
    sock = sctp.sctpsocket_tcp(AF_INET)
    sock.initparams.num_ostreams = sock.initparams.max_instreams = 4
    sock.events.clear()
    sock.nodelay = True
    sock.connect((HOST, int(sys.argv[2])))
    for stream, ppid, message in ((0, M3UA, b"ASP up"), (3, DIAMETER, b"capabilities"), (1, M3UA, b"data")):
        sock.sctp_send(message, ppid=ppid, stream=stream)
        _, flags, reply, info = sock.sctp_recv(65536)
        print(reply.decode(), info.stream, ntohl(info.ppid), bool(flags & sctp.FLAG_EOR))
    sock.close()
