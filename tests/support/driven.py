"""An endpoint script on one UDP carrier, driven as a program's stack is."""
from scripts import EndpointScript, Owner

from pysctpsock._cy.engine import Engine
from pysctpsock._cy.udp import UdpCarrier
from pysctpsock.driver import Driver, WaitList


class Host:
    """An endpoint script on one UDP carrier, driven by gevent; `arrived` wakes a greenlet for each packet."""

    def __init__(self):
        self.script = EndpointScript()
        self.engine = Engine(self.script.endpoint)
        self.carrier = UdpCarrier("127.0.0.1", 0, False)
        self.engine.add_carrier(self.carrier)
        self.driver = Driver(self.engine)
        self.arrived = WaitList(self.driver)
        self.owner = Owner(self.arrived.wake_one)
        self.user = self.script.endpoint.new_user(self.owner)
        self.script.on_receive = lambda *_: self.script.endpoint.signal(self.user, 1)

    def queue(self, payload, to):
        """Queue a packet for another host, as a socket does: it leaves before the loop waits."""
        self.script.to_send.append((payload, *to.carrier.local_address(), "", 0))
        self.engine.request_soon()

    def close(self):
        self.driver.close()
        self.carrier.close()
