"""cy/parameters: the defaults of RFC 9260 section 16, and copies that copy everything."""
from pysctpsock._cy.parameters import ProtocolParameters

MS, SECOND = 1000, 1_000_000
NAMES = sorted(name for name in dir(ProtocolParameters) if not name.startswith("_") and name != "copy")


def test_defaults():
    """Table 0.4 of the requirements; times in microseconds."""
    parameters = ProtocolParameters()
    expected = {
        "rto_initial": SECOND, "rto_min": SECOND, "rto_max": 60 * SECOND, "max_burst": 4,
        "valid_cookie_life": 60 * SECOND, "association_max_retrans": 10, "path_max_retrans": 5,
        "max_init_retransmits": 8, "heartbeat_interval": 30 * SECOND, "heartbeat_enabled": True,
        "sack_delay": 200 * MS, "sack_frequency": 2, "path_mtu": 1500,
    }
    assert {name: getattr(parameters, name) for name in expected} == expected
    assert parameters.receive_buffer >= 1500             # 9260-3.3.2-04: less would be refused by the peer
    assert parameters.sack_delay <= 500 * MS             # 9260-6.2-03


def other_value(old, number):
    """One that no other field has."""
    if isinstance(old, dict):
        return {"SCTP_SOMETHING": number}
    return not old if isinstance(old, bool) else (old + 100 + number) % 60000


def test_copy_copies_every_field():
    original = ProtocolParameters()
    for number, name in enumerate(NAMES):                # a value of its own for each field
        old = getattr(original, name)
        setattr(original, name, other_value(old, number))
    copied, fresh = original.copy(), ProtocolParameters()
    for name in NAMES:
        assert getattr(copied, name) == getattr(original, name), name
        assert getattr(copied, name) != getattr(fresh, name), name


def test_a_copy_is_independent():
    original = ProtocolParameters()
    copied = original.copy()
    copied.rto_min = 5
    assert original.rto_min == SECOND
