"""Associations on the simulated network: programs that read at once, pairs, and what was said."""

import collections
import errno

import packets
from failures import watch

from pysctpsock._cy.parameters import ProtocolParameters
from pysctpsock._cy.proto import State
from pysctpsock._cy.user import Ready, SctpUser
from pysctpsock.sim import MILLISECOND, SECOND, UDP_PORT, Link, Network

__all__ = [
    "CLIENT",
    "CLIENT_ADDRESSES",
    "CLIENT_PORT",
    "MILLISECOND",
    "SECOND",
    "SERVER",
    "SERVER_ADDRESSES",
    "SERVER_PORT",
    "UNORDERED",
    "Link",
    "Message",
    "Network",
    "Pair",
    "Puppet",
    "Ready",
    "Server",
    "Side",
    "State",
    "connect",
    "pair",
    "parameters",
    "receiver",
    "sender",
    "story",
    "two_paths",
]

CLIENT, SERVER = "10.0.0.1", "10.0.0.2"
CLIENT_ADDRESSES, SERVER_ADDRESSES = ("10.0.1.1", "10.0.2.1"), ("10.0.1.2", "10.0.2.2")  # two networks
CLIENT_PORT, SERVER_PORT = 40_000, 13
UNORDERED = 1  # SCTP_UNORDERED
ALL_NOTIFICATIONS = 0x3FFE
PARTIAL_DELIVERY_EVENT = 0x8006

Message = collections.namedtuple("Message", "data stream_id ssn ppid unordered tsn")


def parameters(**changes):
    """RFC 9260's protocol parameters but for `changes`."""
    made = ProtocolParameters()
    for name, value in changes.items():
        assert hasattr(made, name), name
        setattr(made, name, value)
    return made


class Side:
    """One end of an association: a program that reads (unless `reading` is off) and sends what it can.

    Give `association` if it was accepted: it brings its user along, with what has arrived meanwhile.
    """

    def __init__(self, network, host, association=None):
        self.network, self.host = network, host
        host.application = dispatch
        self.user = association.user if association else SctpUser(host.endpoint.ready_list)
        self.user.owner = self
        self.user.event_mask = ALL_NOTIFICATIONS
        self.association = association
        self.flags = 0  # all Ready flags seen
        self.reading = True
        self.messages, self.notifications = [], []
        self.pieces = {}  # of messages read in part: (stream, unordered, first TSN): [bytes]
        self.order = []  # how it was read: (length, whether a message ends there), or a notification's type
        self.times = []  # when each message was read
        self.pending = collections.deque()  # arguments of submit that wait for room
        self.shutdown_when_sent = False

    def ready(self, flags):
        self.flags |= flags
        if self.reading:
            self.read()
        self.pump()

    def read(self, most=None):
        """Take up to `most` messages from the receive queue; how many there were."""
        count = 0
        while most is None or count < most:
            item = self.user.read(self.network.now)
            if item is None:
                break
            kind, content, stream_id, ssn, ppid, unordered, tsn, _association, end = item
            if kind == 0:
                self.order.append((len(content), end))
                pieces = self.pieces.setdefault((stream_id, unordered, tsn), [])
                pieces.append(content)
                if end:
                    del self.pieces[stream_id, unordered, tsn]
                    whole = b"".join(pieces)
                    self.messages.append(Message(whole, stream_id, ssn, ppid, bool(unordered), tsn))
                    self.times.append(self.network.now)
                    count += 1
            else:
                self.order.append(kind)
                self.notifications.append((kind, content))
                if kind == PARTIAL_DELIVERY_EVENT:
                    _indication, _assoc_id, stream_id, _ssn = content
                    for key in [key for key in self.pieces if key[0] == stream_id]:
                        del self.pieces[key]
        return count

    def send(self, data, stream_id=0, ppid=0, flags=0, timetolive=0, context=0):
        """Send now, or as soon as the send buffer has room."""
        self.pending.append((data, stream_id, ppid, flags, timetolive, context))
        self.pump()

    def pump(self):
        while self.pending:
            error = self.association.submit(*self.pending[0], self.network.now)
            if error == errno.EAGAIN:
                return
            assert error == 0, errno.errorcode[error]
            self.pending.popleft()
        if self.shutdown_when_sent:
            self.shutdown_when_sent = False
            self.association.shutdown(self.network.now)

    def shutdown(self):
        """Shut down once all that was sent is taken."""
        self.shutdown_when_sent = True
        self.pump()

    def abort(self, reason=b""):
        self.association.abort(reason, self.network.now)

    @property
    def state(self):
        return State(self.association.state)

    @property
    def error(self):
        return self.association.error

    @property
    def connected(self):
        return bool(self.flags & Ready.CONNECTED) and not self.ended

    @property
    def ended(self):
        return bool(self.flags & Ready.ENDED)

    @property
    def received(self):
        """Payloads, in order of reading."""
        return [message.data for message in self.messages]

    def on_stream(self, stream_id):
        """Payloads of the ordered messages of a stream."""
        return [m.data for m in self.messages if m.stream_id == stream_id and not m.unordered]

    def snapshot(self):
        return self.association.snapshot()


def dispatch(user, flags):
    if user.owner is not None:  # else nobody has accepted it yet
        user.owner.ready(flags)


class Server:
    """A listener that gives each association a Side of its own."""

    def __init__(self, network, host, port=SERVER_PORT, backlog=128, parameters=None, accepting=True):
        self.network, self.host, self.accepting = network, host, accepting
        host.application = dispatch
        self.user = SctpUser(host.endpoint.ready_list)
        self.user.owner = self
        self.user.event_mask = ALL_NOTIFICATIONS  # accepted associations inherit it
        self.sides = []
        self.listener = host.endpoint.listen(
            self.user, list(host.addresses), port, backlog, parameters or ProtocolParameters()
        )

    def ready(self, flags):
        if self.accepting:
            self.accept()

    def accept(self):
        while (association := self.listener.accept()) is not None:
            side = Side(self.network, self.host, association)
            self.sides.append(side)
            side.ready(Ready.CONNECTED | (Ready.ENDED if association.ended else 0))


def connect(
    network,
    host,
    destination=SERVER,
    port=SERVER_PORT,
    local_port=CLIENT_PORT,
    parameters=None,
    udp_port=UDP_PORT,
):
    """Start an association (its INIT leaves when the network runs next).  `destination` may be a list."""
    side = Side(network, host)
    side.association = host.endpoint.connect(
        side.user,
        list(host.addresses),
        local_port,
        destination,
        port,
        udp_port,
        host.carrier,
        parameters or ProtocolParameters(),
        network.now,
    )
    return side


class Pair:
    """A client and a server host, a listener, and after `establish` an association: client and server
    side.
    """

    def __init__(
        self,
        seed=1,
        link=None,
        parameters=None,
        server_parameters=None,
        backlog=128,
        clients=(CLIENT,),
        servers=(SERVER,),
        destinations=None,
        **options,
    ):
        """`clients` and `servers`: the addresses of the two hosts; `destinations`: those given to connect."""
        self.parameters = parameters or ProtocolParameters()
        self.server_parameters = server_parameters or self.parameters
        self.network = watch(Network(seed, link, **options))
        self.client_host = self.network.host("client", *clients, parameters=self.parameters)
        self.server_host = self.network.host("server", *servers, parameters=self.server_parameters)
        self.destinations = list(destinations or servers)
        self.listener = Server(
            self.network, self.server_host, parameters=self.server_parameters, backlog=backlog
        )
        self.client = self.server = None

    def connect(self, local_port=CLIENT_PORT):
        self.client = connect(
            self.network,
            self.client_host,
            self.destinations,
            local_port=local_port,
            parameters=self.parameters,
        )
        return self.client

    def establish(self, local_port=CLIENT_PORT):
        """Connect and run until both sides are up."""
        count = len(self.listener.sides) + 1
        self.connect(local_port)
        up = self.network.run_until(lambda: self.client.connected and len(self.listener.sides) == count)
        assert up, f"no association: {self.client.state.name}, error {self.client.error}"
        self.server = self.listener.sides[-1]
        return self

    def until(self, predicate, limit=600 * SECOND):
        return self.network.run_until(predicate, limit)

    def run_for(self, duration):
        self.network.run_for(duration)

    def path(self, index, **settings):
        """Change the links of the network that the hosts' addresses `index` are in: path(0, up=False)."""
        hosts = self.client_host, self.server_host
        ends = {host.addresses[index] for host in hosts if index < len(host.addresses)}
        for one in self.client_host.addresses:
            for other in self.server_host.addresses:
                if ends & {one, other}:
                    for link in (self.network.link(one, other), self.network.link(other, one)):
                        for name, value in settings.items():
                            setattr(link, name, value)

    def close(self, limit=600 * SECOND):
        """Shut down from the client and see both sides gone without an error."""
        self.client.shutdown()
        assert self.until(lambda: self.client.ended and self.server.ended, limit), self.states
        assert (self.client.error, self.server.error) == (0, 0)
        self.assert_gone()

    def assert_gone(self):
        counts = self.client_host.endpoint.association_count, self.server_host.endpoint.association_count
        assert counts == (0, 0), counts

    @property
    def states(self):
        return self.client.state.name, self.server.state.name

    @property
    def story(self):
        return story(self.network)


def pair(seed=1, **options):
    """An association in state ESTABLISHED between two hosts, and nothing recorded of how it came up."""
    made = Pair(seed, **options).establish()
    made.network.run_for(SECOND)
    made.network.records.clear()
    return made


def two_paths(seed=1, **options):
    """A Pair of hosts with two addresses each, one in either of two networks; not yet connected."""
    return Pair(seed, clients=CLIENT_ADDRESSES, servers=SERVER_ADDRESSES, **options)


def story(network, fates=False):
    """What was said: ["client: INIT", "server: INIT_ACK", ...] in order of sending, once a packet."""
    names = {address: host.name for host in network.hosts for address in host.addresses}
    told = []
    for record in network.records:
        if record.fate != "duplicate":
            line = f"{names.get(record.source, record.source)}: {packets.parse(record.packet).names}"
            told.append(f"{line} ({record.fate})" if fates and record.fate != "delivered" else line)
    return told


class Puppet:
    """A peer whose every packet the test makes, beside a real endpoint under test.

    It is the host's endpoint itself, as far as the network cares: what arrives lies in `inbox`, parsed.
    """

    def __init__(
        self,
        network,
        address=CLIENT,
        port=CLIENT_PORT,
        peer=SERVER,
        peer_port=SERVER_PORT,
        tag=0x01020304,
        tsn=1000,
        more=(),
    ):
        """`more`: further addresses, from which `send` sends if it is told so."""
        self.network, self.address, self.port, self.peer, self.peer_port = (
            network,
            address,
            port,
            peer,
            peer_port,
        )
        self.tag, self.tsn = tag, tsn  # own Initiate Tag; next own TSN
        self.peer_tag, self.peer_tsn = 0, 0  # of the endpoint under test; its Initial TSN
        self.ssn = 0
        self.inbox, self._outbox = [], []
        self.arrivals = []  # time of each packet of inbox
        self.routes = []  # (source, destination) of each packet of inbox
        self.answers_heartbeats = True  # and keeps them out of the inbox
        self.drops = {}
        self.host = network.host(f"puppet {address}", address, *more, endpoint=self)

    # the face that the network sees

    def receive_datagram(self, packet, source, source_udp_port, destination, carrier, now):
        parsed = packets.parse(packet)
        if self.answers_heartbeats and parsed.types == [packets.HEARTBEAT]:
            answer = packets.chunk(packets.HEARTBEAT_ACK, 0, parsed.chunks[0].value)
            self.send(answer, source=destination, destination=source)
            return
        self.inbox.append(parsed)
        self.arrivals.append(now)
        self.routes.append((source, destination))

    def take_packets(self, now):
        taken, self._outbox = self._outbox, []
        return taken

    def take_ready(self):
        return []

    def deadline(self):
        return None

    # what tests do

    def send(self, *chunks, tag=None, port=None, peer_port=None, source=None, destination=None):
        """One packet to the peer; it leaves when the network runs next."""
        tag = self.peer_tag if tag is None else tag
        packet = packets.packet(port or self.port, peer_port or self.peer_port, tag, *chunks)
        self.send_raw(packet, source, destination)

    def send_raw(self, packet, source=None, destination=None):
        self._outbox.append((packet, destination or self.peer, UDP_PORT, source or self.address, 0))

    def ask(self, *chunks, wait=10 * MILLISECOND, **options):
        """Send a packet; the packets that came back within `wait`."""
        if chunks:
            self.send(*chunks, **options)
        return self.wait(wait)

    def ask_raw(self, packet, wait=10 * MILLISECOND):
        self.send_raw(packet)
        return self.wait(wait)

    def wait(self, duration):
        """The packets that come within so many microseconds."""
        seen = len(self.inbox)
        self.network.run_for(duration)
        return self.inbox[seen:]

    def data(self, payload=b"x", stream_id=0, flags=packets.B | packets.E, ppid=0):
        """The next DATA chunk in TSN and (on one stream) SSN order; not sent."""
        made = packets.data(self.tsn, payload, stream_id, self.ssn, flags, ppid)
        self.tsn += 1
        if flags & packets.E and not flags & packets.U:
            self.ssn += 1
        return made

    def establish(self, a_rwnd=65536, **options):
        """The four-way handshake as client; the packets are gone from the inbox afterwards."""
        (answer,) = self.ask(packets.init(self.tag, self.tsn, a_rwnd, **options), tag=0)
        ack = answer[packets.INIT_ACK]
        self.peer_tag, self.peer_tsn = ack.initiate_tag, ack.initial_tsn
        cookie = dict(ack.parameters)[packets.STATE_COOKIE]
        answers = self.ask(packets.chunk(packets.COOKIE_ECHO, 0, cookie))
        assert answers and answers[0].types[0] == packets.COOKIE_ACK, answers
        self.forget()
        return self

    def forget(self):
        """Empty the inbox."""
        self.inbox.clear()
        self.arrivals.clear()
        self.routes.clear()

    def answer_init(self, a_rwnd=65536, **options):
        """The handshake as server, to an INIT that lies in the inbox."""
        request = self.inbox[-1][packets.INIT]
        self.peer_tag, self.peer_tsn = request.initiate_tag, request.initial_tsn
        (echo,) = self.ask(packets.init_ack(self.tag, self.tsn, a_rwnd, **options))
        assert echo.types[0] == packets.COOKIE_ECHO
        more = self.ask(packets.chunk(packets.COOKIE_ACK))
        self.forget()
        return [echo, *more]


def receiver(seed=3, **options):
    """A puppet that is connected to a real server: what does a receiver answer?"""
    network = watch(Network(seed))
    made = parameters(**options)
    host = network.host("server", SERVER, parameters=made)
    listener = Server(network, host, parameters=made)
    puppet = Puppet(network).establish()
    puppet.wait(SECOND)
    puppet.side, puppet.endpoint, puppet.server = listener.sides[0], host.endpoint, listener
    puppet.forget()
    return puppet


def sender(a_rwnd=65536, seed=4, **options):
    """A real client that is connected to a puppet: what does a sender send?"""
    network = watch(Network(seed))
    made = parameters(**options)
    host = network.host("client", CLIENT, parameters=made)
    puppet = Puppet(network, SERVER, SERVER_PORT, CLIENT, CLIENT_PORT)
    puppet.side = connect(network, host, parameters=made)
    puppet.endpoint = host.endpoint
    puppet.wait(10 * MILLISECOND)
    puppet.answer_init(a_rwnd)
    assert puppet.side.connected
    return puppet
