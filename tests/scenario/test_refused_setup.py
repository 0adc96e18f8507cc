"""What cannot be taken as INIT or INIT ACK is refused, with a cause (RFC 9260 sections 3.2.1, 3.3.2, 5.1)."""

import struct

import packets
import pytest
from asserts import assert_dropped
from failures import watch
from net import (
    CLIENT,
    CLIENT_PORT,
    MILLISECOND,
    SERVER,
    SERVER_PORT,
    Network,
    Puppet,
    Server,
    State,
    connect,
    parameters,
)
from packets import ABORT, COOKIE_ECHO, ERROR, INIT, INIT_ACK, T, parameter

INVALID_MANDATORY, PROTOCOL_VIOLATION, FORWARD_TSN = 7, 13, 0xC000
MALFORMED = {
    "length 0": b"\x80\x05\0\0",
    "length 3": b"\x80\x05\0\x03",
    "beyond the chunk": b"\x80\x05\0\x09\0\0\0\0",
    "far beyond": b"\x80\x05\xff\xff",
    "one byte left over": b"\0",
    "three bytes left over": parameter(5, bytes([10, 0, 0, 9])) + b"\0\5\0",
    "address of 3 bytes": parameter(5, bytes(3)),
    "address of 5 bytes": parameter(5, bytes(5)),
    "address of 0 bytes": parameter(6, b""),
    "IPv6 address of 12 bytes": parameter(6, bytes(12)),
    "half an address type": parameter(12, bytes(3)),
    "cookie preservative of 3 bytes": parameter(9, bytes(3)),
    "cookie preservative of 8 bytes": parameter(9, bytes(8)),
    "Forward-TSN-Supported of 4 bytes": parameter(FORWARD_TSN, bytes(4)),
    "adaptation indication of 0 bytes": parameter(0xC006, b""),
}


def serving(**options):
    """A stranger without an association, beside a listening server."""
    network = watch(Network(31))
    host = network.host("server", SERVER, parameters=parameters(**options))
    puppet = Puppet(network)
    puppet.server = Server(network, host, parameters=parameters(**options))
    puppet.endpoint = host.endpoint
    return puppet


def calling(**options):
    """A real client in COOKIE-WAIT, whose INIT lies in the inbox of the puppet that it calls."""
    network = watch(Network(32))
    host = network.host("client", CLIENT)
    puppet = Puppet(network, SERVER, SERVER_PORT, CLIENT, CLIENT_PORT)
    puppet.client, puppet.endpoint = connect(network, host, parameters=parameters(**options)), host.endpoint
    puppet.wait(10 * MILLISECOND)
    puppet.peer_tag = puppet.inbox[0][INIT].initiate_tag
    return puppet


def refusal(answers):
    """(tag, flags, causes) of the one ABORT that came."""
    (answer,) = answers
    assert answer.types == [ABORT]
    return answer.tag, answer.chunks[0].flags, [cause for cause, _ in answer[ABORT].causes]


@pytest.mark.parametrize("broken", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("before", [b"", parameter(5, bytes([10, 0, 0, 8]))], ids=["first", "second"])
def test_init_with_a_malformed_parameter(broken, before):
    """9260-5.1-07, 9260-12-02: ABORT under the Initiate Tag, with a cause, and not longer than the INIT."""
    stranger = serving()
    request = packets.init(0x01020304, parameters=before + broken)
    answers = stranger.ask(request, tag=0)
    assert refusal(answers) == (0x01020304, 0, [PROTOCOL_VIOLATION])
    assert len(answers[0].raw) <= 12 + len(request)
    assert stranger.endpoint.association_count == 0
    assert_dropped(stranger.endpoint, "malformed_chunk")


@pytest.mark.parametrize("fields", [{"outbound": 0}, {"inbound": 0}, {"a_rwnd": 1499}], ids=str)
def test_no_refusal_is_longer_than_the_init(fields):
    """9260-12-02: nothing to amplify, whatever is wrong."""
    stranger = serving()
    request = packets.init(0x01020304, **fields)
    answers = stranger.ask(request, tag=0)
    assert refusal(answers)[2] in ([INVALID_MANDATORY], [PROTOCOL_VIOLATION])
    assert len(answers[0].raw) <= 12 + len(request)


@pytest.mark.parametrize("broken", [*MALFORMED.values(), b""], ids=[*MALFORMED, "nothing"])
def test_malformed_init_without_a_tag(broken):
    """9260-3.3.2-03: whoever gives no tag gets no answer."""
    stranger = serving()
    assert stranger.ask(packets.init(0, parameters=broken), tag=0) == []
    assert stranger.endpoint.association_count == 0


@pytest.mark.parametrize("length", range(16))
def test_init_that_is_cut(length):
    """9260-3.3.2-01: without its fixed part there is nothing that could be believed."""
    stranger = serving()
    assert stranger.ask(packets.chunk(INIT, 0, packets.init(5)[4:4 + length]), tag=0) == []
    assert_dropped(stranger.endpoint, "malformed_chunk")


def test_malformed_init_leaves_an_association_alone():
    """9260-3.3.2-04: the ABORT carries the tag of the INIT that it refuses, not the association's."""
    peer = serving().establish()
    side = peer.server.sides[0]
    answers = peer.ask(packets.init(0x0A0B0C0D, parameters=MALFORMED["length 3"]), tag=0)
    assert refusal(answers) == (0x0A0B0C0D, 0, [PROTOCOL_VIOLATION])
    assert side.state == State.ESTABLISHED


@pytest.mark.parametrize("broken", MALFORMED.values(), ids=MALFORMED)
def test_init_ack_with_a_malformed_parameter(broken):
    """9260-5.1-07: the set-up ends, on both sides."""
    caller = calling()
    answers = caller.ask(packets.init_ack(5, parameters=broken))
    assert refusal(answers) == (5, 0, [PROTOCOL_VIOLATION])
    assert caller.client.ended and caller.client.error != 0


@pytest.mark.parametrize(("fields", "answer"), [
    ({"tag": 0}, (None, T, [INVALID_MANDATORY])),
    ({"tag": 0, "parameters": MALFORMED["length 3"]}, (None, T, [INVALID_MANDATORY])),
    ({"outbound": 0}, (5, 0, [INVALID_MANDATORY])),
    ({"inbound": 0}, (5, 0, [INVALID_MANDATORY])),
    ({"cookie": None}, (5, 0, [2])),
])
def test_init_ack_that_is_refused(fields, answer):
    """9260-3.3.3-03, -04: the ABORT says what was wrong; without a tag of the peer it reflects our own."""
    caller = calling()
    tag, flags, causes = answer
    answers = caller.ask(packets.init_ack(**{"tag": 5, **fields}))
    assert refusal(answers) == (tag or caller.peer_tag, flags, causes)
    assert caller.client.ended and caller.client.error != 0


@pytest.mark.parametrize("length", range(16))
def test_init_ack_that_is_cut(length):
    """9260-3.3.3-01: no tag could be read, so the ABORT reflects our own."""
    caller = calling()
    answers = caller.ask(packets.chunk(INIT_ACK, 0, packets.init_ack(5)[4:4 + length]))
    assert refusal(answers) == (caller.peer_tag, T, [PROTOCOL_VIOLATION])
    assert caller.client.ended and caller.client.error != 0


@pytest.mark.parametrize("supported", [True, False])
def test_forward_tsn_supported_in_init(supported):
    """3758-3.3.2: who does not support it reports it as unrecognized, in the INIT ACK."""
    stranger = serving(partial_reliability=supported)
    offer = parameter(FORWARD_TSN)
    (answer,) = stranger.ask(packets.init(5, parameters=offer), tag=0)
    reports = [value for kind, value in answer[INIT_ACK].parameters if kind == 8]
    assert reports == ([] if supported else [offer])
    assert (FORWARD_TSN in dict(answer[INIT_ACK].parameters)) == supported


@pytest.mark.parametrize("supported", [True, False])
@pytest.mark.parametrize("others", [0, 1, 16, 20])
def test_forward_tsn_supported_in_init_ack(supported, others):
    """3758-3.3.2: and in an ERROR behind the COOKIE ECHO, beside other reports as far as there is room."""
    caller = calling(partial_reliability=supported)
    offer = parameter(FORWARD_TSN)
    strange = b"".join(parameter(0xC100 + i) for i in range(others))
    answers = caller.ask(packets.init_ack(5, parameters=offer + strange))
    reports = [value for answer in answers for each in answer.all(ERROR) for _, value in each.causes]
    assert answers[0].types[0] == COOKIE_ECHO
    assert (offer in reports) == (not supported and others < 16)
    assert len(reports) == min(others + (not supported), 16)


def test_forward_tsn_supported_for_a_living_association():
    """3758-3.3.2: the same in the INIT ACK that answers while an association exists."""
    peer = serving(partial_reliability=False).establish()
    offer = parameter(FORWARD_TSN)
    (answer,) = peer.ask(packets.init(0x0A0B0C0D, parameters=offer), tag=0)
    assert [value for kind, value in answer[INIT_ACK].parameters if kind == 8] == [offer]
    assert struct.unpack(">HH", offer) == (FORWARD_TSN, 4)
