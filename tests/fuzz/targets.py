"""What the fuzzers call with bytes of their own invention: `packets` and `operations`.

Anything but a normal return is a finding.  test_corpus.py calls them with the inputs that were kept.
"""
import handmade
from scene import PORTS, Scene, Setup, play, with_checksum

from pysctpsock.dissect import build, describe, dissect

SECOND = handmade.SECOND


def call(function, argument):
    """Call; the fuzzer's driver puts a function here that also counts lines of Python."""
    return function(argument)


def there_and_back(packet):
    """Whatever the bytes: dissect() and describe() do not raise, and build() gives the same bytes."""
    found = dissect(packet)
    assert build(found) == packet
    assert describe(packet)


def packets(data):
    """One packet for the parsers: the first byte is a Setup, all others are the packet behind its header.

    It comes with the association's tag, with tag 0 as an INIT does, and out of the blue.
    """
    scene = Scene(Setup(data[0] if data else 0) & ~(Setup.REAL_PEER | Setup.SILENCE))
    association = scene.host.association
    tags = {association.local_tag if association else scene.stage.init_tag, 0, 5}
    for tag in sorted(tags):
        header = PORTS[1].to_bytes(2, "big") + PORTS[0].to_bytes(2, "big") + tag.to_bytes(4, "big") + bytes(4)
        packet = with_checksum(header + data[1:])
        scene.stage.send(packet, scene.sources[0], 0)
        scene.host.endpoint.receive_icmp_error(packet, scene.peer_hosts[0], handmade.UDP_PORT, 0, tag % 5,
                                               scene.now)
        scene.collect()
        scene.check()
    scene.pass_time(scene.now + SECOND)
    scene.check()
    scene.leave()
    call(there_and_back, bytes(12) + data[1:])


def operations(data):
    """A scene: chunks, time and the users' calls in any order (tests/support/scene.py)."""
    play(data)
