"""Scripts for ScriptedEndpoint and ScriptedCarrier, and a driver that only takes notes."""
from pysctpsock._cy.engine import Engine
from pysctpsock._cy.scripted import ScriptedCarrier, scripted_endpoint


class EndpointScript:
    """An endpoint that sends `to_send` [(packet, host, port, source, carrier)] and notes what it is given."""

    def __init__(self):
        self.endpoint = scripted_endpoint(self)
        self.received, self.errors, self.timeouts = [], [], []
        self.to_send = []
        self.deadline = None
        self.on_receive = self.on_transmit = self.on_timeout = None

    def receive(self, packet, route, now):
        self.received.append((packet, route))
        if self.on_receive:
            self.on_receive(packet, route)

    def receive_icmp(self, kind, quoted, route, now):
        self.errors.append((kind, quoted, route))

    def handle_timeout(self, now):
        self.timeouts.append(now)
        if self.deadline is not None and now >= self.deadline:
            self.deadline = None
            if self.on_timeout:
                self.on_timeout()

    def poll_transmit(self, now):
        if self.on_transmit:
            self.on_transmit()
        while self.to_send and self.endpoint.outbox.put(*self.to_send[0]):
            del self.to_send[0]
        return bool(self.to_send)

    def next_deadline(self):
        return self.deadline


class CarrierScript:
    """A carrier that takes `room` packets (None: any number) into `sent`, and brings `arriving`."""

    def __init__(self, fd=-1):
        self.carrier = ScriptedCarrier(self, fd)
        self.room = None
        self.sent, self.arriving = [], []
        self.reads = 0

    def send_batch(self, packets):
        count = len(packets) if self.room is None else min(self.room, len(packets))
        if self.room is not None:
            self.room -= count
        self.sent += packets[:count]
        return count

    def receive_batch(self, carrier, budget):
        self.reads += 1
        arriving, self.arriving = self.arriving, []
        for packet in arriving:
            carrier.give(packet)
        return False


class NotingDriver:
    """A driver that notes what the engine asks of it."""

    def __init__(self, engine):
        self.engine = engine
        self.calls = []
        engine.attach(self)

    def add(self, index, fd):
        self.calls.append(("add", index, fd))

    def remove(self, index):
        self.calls.append(("remove", index))

    def block(self, index):
        self.calls.append(("block", index))

    def unblock(self):
        self.calls.append(("unblock",))

    def arm(self, deadline):
        self.calls.append(("arm", deadline))

    def schedule(self):
        self.calls.append(("schedule",))

    def take(self):
        """What was asked since the last time."""
        calls, self.calls = self.calls, []
        return calls


class Owner:
    """What a socket is to the engine: notes its readiness and then does `then()`."""

    def __init__(self, then=None):
        self.flags = []
        self.then = then

    def _on_ready(self, flags):
        self.flags.append(flags)
        if self.then:
            self.then()


def stack():
    """(engine, endpoint script, carrier script, driver) put together."""
    script, carrier = EndpointScript(), CarrierScript()
    engine = Engine(script.endpoint)
    engine.add_carrier(carrier.carrier)
    driver = NotingDriver(engine)
    driver.take()
    return engine, script, carrier, driver


def packet(payload, carrier=0):
    """An entry of EndpointScript.to_send."""
    return payload, "127.0.0.1", 9, "", carrier
