"""One-to-many sockets in tests: messages and notifications apart, associations by id."""
import gevent

from pysctpsock import notifications, socket

SIZE = 1 << 17
WHOLE_NOTIFICATION = socket.MSG_NOTIFICATION | socket.MSG_EOR


def event(sock):
    """The next item, which must be a notification: (its structure, the address it came with)."""
    data, _, flags, address = sock.recvmsg(SIZE, 0)
    assert flags & WHOLE_NOTIFICATION == WHOLE_NOTIFICATION, data
    return notifications.parse(data), address


def change(sock, state):
    """The next item, which must be an SCTP_ASSOC_CHANGE to `state`: its structure."""
    structure, _ = event(sock)
    assert (structure.sac_type, structure.sac_state) == (socket.SCTP_ASSOC_CHANGE, state), structure
    return structure


def message(sock):
    """The next item, which must be data: (data, assoc id, address).  SNDRCV must be switched on."""
    data, address, info, flags = sock.sctp_recvmsg(SIZE)
    assert not flags & socket.MSG_NOTIFICATION, notifications.parse(data)
    return data, info.sinfo_assoc_id, address


def until_queued(sock, count):
    """Let the event loop run until so many messages and notifications wait to be read."""
    while len(sock.user.receive_queue) < count:
        gevent.sleep(0.001)


def to(assoc_id, flags=0, **more):
    """Ancillary data that addresses an association."""
    return [(socket.IPPROTO_SCTP, socket.SCTP_SNDRCV,
             bytes(socket.sctp_sndrcvinfo(sinfo_assoc_id=assoc_id, sinfo_flags=flags, **more)))]


def associated(sockets, *events):
    """(server, client, the server's id, the client's id) with an association, COMM_UP read."""
    server, client = (sockets.many(socket.SCTP_ASSOC_CHANGE, *events) for _ in range(2))
    client.sendto(b"hello", server.getsockname())
    ids = change(server, socket.SCTP_COMM_UP).sac_assoc_id, change(client, socket.SCTP_COMM_UP).sac_assoc_id
    assert message(server) == (b"hello", ids[0], client.getsockname())
    return server, client, *ids
