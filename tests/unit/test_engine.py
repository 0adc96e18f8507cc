"""The engine: order of work, blocking, re-entrance, timers, ready users."""
import logging
import select
from time import monotonic

import pytest
from scripts import CarrierScript, EndpointScript, NotingDriver, Owner, packet, stack

from pysctpsock._cy.engine import Engine
from pysctpsock._cy.udp import UdpCarrier

READABLE, WRITABLE = 1, 2


def test_now_is_the_monotonic_clock_in_microseconds():
    engine, *_ = stack()
    before = monotonic()
    assert before * 1e6 - 1 <= engine.now() <= monotonic() * 1e6 + 1


def test_pump_sends_all_that_the_core_has_however_much():
    """More than an outbox holds (512 packets) goes in one pump."""
    engine, script, carrier, _ = stack()
    payloads = [b"%d" % i for i in range(1200)]
    script.to_send = [packet(payload) for payload in payloads]
    engine.pump()
    assert carrier.sent == payloads
    assert len(script.endpoint.outbox) == 0


def test_packets_go_to_the_carrier_of_their_route_in_order():
    engine, script, first, _ = stack()
    second = CarrierScript()
    assert engine.add_carrier(second.carrier) == 1
    script.to_send = [packet(b"a", 0), packet(b"b", 1), packet(b"c", 1), packet(b"d", 0), packet(b"e", 7)]
    engine.pump()
    assert (first.sent, second.sent) == ([b"a", b"d"], [b"b", b"c"])
    assert engine.packets_without_carrier == 1


def test_arriving_packets_are_answered_in_the_same_call():
    engine, script, carrier, _ = stack()
    script.on_receive = lambda data, route: script.to_send.append(packet(b"re: " + data))
    carrier.arriving = [b"one", b"two"]
    engine.on_readable(0)
    assert script.received == [(b"one", ("::", 0, "", 0)), (b"two", ("::", 0, "", 0))]
    assert carrier.sent == [b"re: one", b"re: two"]


# --- a carrier without room


def test_a_carrier_without_room_blocks_until_it_is_writable():
    """Nothing is lost, nothing is sent twice; the driver is told when to watch for what."""
    engine, script, carrier, driver = stack()
    payloads = [b"%d" % i for i in range(600)]
    script.to_send = [packet(payload) for payload in payloads]
    carrier.room = 5
    engine.pump()
    assert engine.blocked == 0
    assert driver.take() == [("block", 0)]
    carrier.room = 3
    engine.on_writable()
    assert carrier.sent == payloads[:8]
    assert engine.blocked == 0
    assert driver.take() == []
    carrier.room = None
    engine.on_writable()
    assert carrier.sent == payloads
    assert engine.blocked == -1
    assert driver.take() == [("unblock",)]


def test_a_blocked_engine_reads_nothing_and_then_what_carriers_hold():
    """What a carrier read before it was stopped is fed although its descriptor says nothing."""
    engine, script, carrier, _ = stack()
    carrier.room = 0
    script.to_send = [packet(b"x")]
    engine.pump()
    carrier.arriving = [b"held"]
    carrier.carrier.hold(True)
    engine.on_readable(0)
    engine.poll()
    assert script.received == []
    carrier.room = None
    script.on_receive = lambda *_: carrier.carrier.hold(False)
    engine.on_writable()
    assert [data for data, _ in script.received] == [b"held"]


def test_ready_users_are_told_although_a_carrier_is_blocked():
    engine, script, carrier, _ = stack()
    carrier.room = 0
    script.to_send = [packet(b"x")]
    owner = Owner()
    script.endpoint.signal(script.endpoint.new_user(owner), READABLE)
    engine.pump()
    assert owner.flags == [READABLE]


def test_removing_the_blocked_carrier_unblocks():
    engine, script, carrier, driver = stack()
    carrier.room = 0
    script.to_send = [packet(b"x")]
    engine.pump()
    driver.take()
    engine.remove_carrier(carrier.carrier)
    assert driver.take() == [("remove", 0), ("unblock",)]
    assert engine.packets_without_carrier == 1
    assert engine.carriers == [None]
    with pytest.raises(ValueError):
        engine.remove_carrier(carrier.carrier)
    assert engine.add_carrier(CarrierScript().carrier) == 0


# --- users


def test_users_are_told_once_with_all_their_flags():
    engine, script, _, _ = stack()
    owner, other = Owner(), Owner()
    user = script.endpoint.new_user(owner)
    script.endpoint.signal(user, READABLE)
    script.endpoint.signal(script.endpoint.new_user(other), READABLE)
    script.endpoint.signal(script.endpoint.new_user(None), READABLE)
    script.endpoint.signal(user, WRITABLE)
    engine.pump()
    engine.pump()
    assert (owner.flags, other.flags) == ([READABLE | WRITABLE], [READABLE])
    assert user.ready == 0


def test_an_owner_that_fails_is_logged_and_stops_nobody(caplog):
    engine, script, carrier, _ = stack()
    bad, good = Owner(lambda: 1 // 0), Owner()
    for owner in (bad, good):
        script.endpoint.signal(script.endpoint.new_user(owner), READABLE)
    with caplog.at_level(logging.ERROR, "pysctpsock"):
        engine.pump()
    assert good.flags == [READABLE]
    assert "ZeroDivisionError" in caplog.text
    assert engine.owner_failures == 1
    script.to_send = [packet(b"x")]
    engine.pump()
    assert carrier.sent == [b"x"]


def test_what_stops_the_program_leaves_the_engine_usable():
    """KeyboardInterrupt in an owner comes out of pump(); the users behind it are told in the next turn."""
    engine, script, _, driver = stack()

    def interrupt():
        raise KeyboardInterrupt

    good = Owner()
    for owner in (Owner(interrupt), good):
        script.endpoint.signal(script.endpoint.new_user(owner), READABLE)
    with pytest.raises(KeyboardInterrupt):
        engine.pump()
    assert driver.take() == [("schedule",)]
    assert good.flags == []
    engine.on_soon()
    assert good.flags == [READABLE]


def test_a_pump_inside_a_pump_is_done_by_the_outer_one():
    engine, script, carrier, _ = stack()
    seen = []

    def send_and_pump():
        script.to_send.append(packet(b"from the owner"))
        engine.pump()
        seen.append(list(carrier.sent))

    script.endpoint.signal(script.endpoint.new_user(Owner(send_and_pump)), READABLE)
    engine.pump()
    assert seen == [[]]
    assert carrier.sent == [b"from the owner"]


@pytest.mark.parametrize("entry", ["poll", "flush", "on_writable", "on_timer", "pump"])
def test_every_entry_inside_a_pump_is_put_off(entry):
    """A finalizer may run in the middle of the core: nothing is entered twice, the pump goes round again."""
    engine, script, _, _ = stack()
    rounds = []

    def on_transmit():
        rounds.append(entry)
        if len(rounds) == 1:
            getattr(engine, entry)()

    script.on_transmit = on_transmit
    engine.pump()
    assert len(rounds) == 2
    assert script.timeouts == []


def test_owners_that_always_want_more_give_the_loop_its_turn():
    engine, script, _, driver = stack()
    owner = Owner()
    user = script.endpoint.new_user(owner)

    def again():
        engine.pump()
        script.on_transmit = lambda: script.endpoint.signal(user, READABLE)

    owner.then = again
    script.endpoint.signal(user, READABLE)
    engine.pump()
    assert 2 < len(owner.flags) < 100
    assert driver.take() == [("schedule",)]


# --- when


def test_soon_asks_once_and_a_pump_settles_it():
    engine, script, carrier, driver = stack()
    script.to_send = [packet(b"x")]
    engine.request_soon()
    engine.request_soon()
    assert engine.dirty
    assert carrier.sent == []
    assert driver.take() == [("schedule",)]
    engine.pump()
    assert not engine.dirty
    pumps = engine.pumps
    engine.on_soon()
    assert engine.pumps == pumps


def test_maybe_pump_pumps_for_a_batch_or_an_idle_association():
    engine, _, _, driver = stack()
    engine.request_maybe_pump(100, True)
    assert engine.pumps == 1
    assert driver.take() == []
    for _ in range(63):
        engine.request_maybe_pump(1024, False)
    assert engine.pumps == 1
    assert driver.take() == [("schedule",)]
    engine.request_maybe_pump(1024, False)
    assert engine.pumps == 2
    engine.request_maybe_pump(1024, False)
    assert engine.pumps == 2


def test_the_timer_is_asked_for_only_when_it_must_go_off_earlier():
    engine, script, _, driver = stack()
    now = engine.now()
    script.deadline = now + 10_000_000
    engine.pump()
    engine.pump()
    assert driver.take() == [("arm", now + 10_000_000)]
    script.deadline = now + 20_000_000
    engine.pump()
    assert driver.take() == []
    script.deadline = now + 5_000_000
    engine.pump()
    assert driver.take() == [("arm", now + 5_000_000)]
    script.deadline = now + 30_000_000
    engine.on_timer()
    assert driver.take() == [("arm", now + 30_000_000)]
    script.deadline = None
    engine.on_timer()
    assert driver.take() == []


def test_a_timer_that_fires_inside_a_pump_is_asked_for_again():
    engine, script, _, driver = stack()
    script.deadline = due = engine.now() + 1_000_000
    script.endpoint.signal(script.endpoint.new_user(Owner(engine.on_timer)), READABLE)
    engine.pump()
    assert script.timeouts == []
    assert driver.take() == [("arm", due)]


def test_poll_reads_expires_and_sends():
    engine, script, carrier, _ = stack()
    carrier.arriving = [b"in"]
    script.deadline = engine.now()
    script.on_timeout = lambda: script.to_send.append(packet(b"late"))
    engine.poll()
    assert [data for data, _ in script.received] == [b"in"]
    assert carrier.sent == [b"late"]


def test_attach_tells_a_new_driver_everything():
    script, carrier = EndpointScript(), CarrierScript(fd=77)
    engine = Engine(script.endpoint)
    engine.add_carrier(carrier.carrier)
    script.deadline = 123
    carrier.room = 0
    script.to_send = [packet(b"x")]
    engine.pump()
    engine.request_soon()
    assert NotingDriver(engine).calls == [("add", 0, 77), ("block", 0), ("schedule",), ("arm", 123)]


def test_after_pump_is_called_at_the_end():
    engine, script, _, _ = stack()
    order = []
    script.endpoint.signal(script.endpoint.new_user(Owner(lambda: order.append("owner"))), READABLE)
    engine.after_pump = lambda: order.append("after")
    engine.pump()
    assert order == ["owner", "after"]


def test_abandon_closes_the_carriers():
    engine, _, carrier, _ = stack()
    engine.abandon()
    assert carrier.carrier.fd == -1
    assert engine.carriers == []
    assert engine.driver is None
    assert engine.snapshot()["carriers"] == []


# --- with real UDP carriers


def udp_stack():
    script = EndpointScript()
    engine = Engine(script.endpoint)
    carrier = UdpCarrier("127.0.0.1", 0, False)
    engine.add_carrier(carrier)
    return engine, script, carrier


def read_until(engine, carrier, predicate):
    poll = select.poll()
    poll.register(carrier.fd, select.POLLIN)
    end = monotonic() + 10
    while not predicate() and monotonic() < end:
        poll.poll(1000)
        engine.on_readable(carrier.index)
    assert predicate()


@pytest.mark.parametrize("gro", [False, True])
def test_udp_packets_reach_the_endpoint_with_their_route_and_answers_return(gro):
    """Also when two answers a packet fill the outbox many times over: none is lost."""
    (a_engine, a_script, a), (b_engine, b_script, b) = udp_stack(), udp_stack()
    a.use_gro = b.use_gro = gro
    host, port = b.local_address()
    payloads = [b"%06d" % i * 200 for i in range(1000)]

    def answer(data, route):
        for suffix in (b"a", b"b"):
            assert b_script.endpoint.outbox.put(data[:6] + suffix, *route), "no room in the outbox"

    b_script.on_receive = answer
    for i in range(0, len(payloads), 100):
        a_script.to_send = [(payload, host, port, "", 0) for payload in payloads[i:i + 100]]
        a_engine.pump()
        read_until(b_engine, b, lambda: len(b_script.received) >= i + 100)
    assert [data for data, _ in b_script.received] == payloads
    assert {route for _, route in b_script.received} == {(*a.local_address(), "127.0.0.1", 0)}
    read_until(a_engine, a, lambda: len(a_script.received) >= 2 * len(payloads))
    assert [data for data, _ in a_script.received] == [
        payload[:6] + suffix for payload in payloads for suffix in (b"a", b"b")]


def test_udp_input_goes_on_after_a_blocked_answer():
    """A batch that was read and not yet fed when another carrier had no room is fed when that has."""
    a = UdpCarrier("127.0.0.1", 0, False)
    engine, script, b = udp_stack()
    full = CarrierScript()
    full.room = 0
    engine.add_carrier(full.carrier)
    script.on_receive = lambda data, route: script.endpoint.outbox.put(data, "127.0.0.1", 9, "", 1)
    payloads = [b"%04d" % i for i in range(500)]
    a.send_packets([(payload, *b.local_address(), "") for payload in payloads])
    engine.on_readable(0)
    assert engine.blocked == 1
    assert b.holds_packets
    assert len(script.received) < 500
    full.room = None
    engine.on_writable()
    read_until(engine, b, lambda: len(script.received) >= 500)
    assert [data for data, _ in script.received] == full.sent == payloads


def test_udp_errors_reach_the_endpoint():
    """RFC 6951 section 5.5, RFC 9260 section 10."""
    engine, script, a = udp_stack()
    gone = UdpCarrier("127.0.0.1", 0, False)
    host, port = gone.local_address()
    gone.close()
    script.to_send = [(b"quoted", host, port, "", 0)]
    engine.pump()
    read_until(engine, a, lambda: script.errors)
    assert script.errors == [(1, b"quoted", (host, port, "127.0.0.1", 0))]
