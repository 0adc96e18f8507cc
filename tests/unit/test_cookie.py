"""cy/cookie: RFC 9260 sections 5.1.3 (making) and 5.1.5 (checking)."""
import pytest

from pysctpsock._cy.cookie import CookieJar, StateCookie
from pysctpsock._cy.entropy import Entropy

VALID, FORGED, TOO_OLD = 0, 1, 2
SECOND, HOUR = 1_000_000, 3600 * 1_000_000
NOW = 1000 * HOUR + 1800 * SECOND
FIELDS = {
    "created": NOW, "life": 60 * SECOND, "local_port": 1, "peer_port": 65535, "local_tag": 0xFFFFFFFF,
    "peer_tag": 3, "local_tie_tag": 4, "peer_tie_tag": 5, "local_initial_tsn": 6,
    "peer_initial_tsn": 0xFFFFFFF7, "peer_a_rwnd": 8, "outbound_streams": 9, "inbound_streams": 10,
    "extensions": 0x80000001, "peer_adaptation": 0x80000002,
    "peer_addresses": [bytes(range(32, 48)), bytes(range(48, 64))],
}
ROUTE = (bytes(range(16)), 11, bytes(range(16, 32)), 12, 9899, 2)


def jar(seed=b"j" * 32):
    return CookieJar(Entropy(seed))


def make(**changes):
    cookie = StateCookie()
    for name, value in {**FIELDS, **changes}.items():
        setattr(cookie, name, value)
    cookie.route_fields = ROUTE
    return cookie


def test_what_is_sealed_is_opened():
    """9260-5.1.3-02: every field comes back, whatever fields there are."""
    opener = jar()
    verdict, cookie = opener.open_cookie(opener.seal_cookie(make()), NOW)
    assert verdict == VALID
    names = {name for name in dir(StateCookie) if not name.startswith("_")} - {"route_fields"}
    assert names == set(FIELDS)
    assert {name: getattr(cookie, name) for name in names} == FIELDS
    assert cookie.route_fields == ROUTE


def test_is_small():
    """9260-12-02: INIT ACK is kept small."""
    assert len(jar().seal_cookie(make(peer_addresses=[]))) <= 136


def test_altered_at_any_byte():
    """9260-5.1.5-01"""
    opener = jar()
    sealed = opener.seal_cookie(make())
    for position in range(len(sealed)):
        for bit in (1, 128):
            altered = bytearray(sealed)
            altered[position] ^= bit
            assert opener.open_cookie(bytes(altered), NOW)[0] == FORGED, position


@pytest.mark.parametrize("change", [lambda c: b"", lambda c: c[:-1], lambda c: c + b"\0", lambda c: c[32:],
                                    lambda c: bytes(len(c))])
def test_of_the_wrong_length(change):
    opener = jar()
    assert opener.open_cookie(change(opener.seal_cookie(make())), NOW)[0] == FORGED


def test_of_another_jar():
    assert jar(b"k" * 32).open_cookie(jar().seal_cookie(make()), NOW)[0] == FORGED


@pytest.mark.parametrize(("age", "verdict"), [
    (0, VALID), (60 * SECOND, VALID), (60 * SECOND + 1, TOO_OLD), (1800 * SECOND, TOO_OLD),
    (-1, FORGED),                                        # from the future
])
def test_age(age, verdict):
    """9260-5.1.5-03: too old is told from forged, since it is answered."""
    opener = jar()
    assert opener.open_cookie(opener.seal_cookie(make()), NOW + age)[0] == verdict


@pytest.mark.parametrize(("hours", "verdict"), [(0, VALID), (1, VALID), (2, FORGED), (3, FORGED)])
def test_the_secret_changes_hourly(hours, verdict):
    """9260-5.1.3-03: a cookie lives through one change of the key and not through two."""
    opener = jar()
    sealed = opener.seal_cookie(make(created=NOW, life=10 * HOUR))
    start_of_hour = NOW - NOW % HOUR + hours * HOUR
    assert opener.open_cookie(sealed, max(NOW, start_of_hour))[0] == verdict
    assert opener.open_cookie(sealed, start_of_hour + HOUR - 1)[0] == verdict


def test_hours_have_different_keys():
    opener = jar()
    macs = {opener.seal_cookie(make(created=NOW + i * HOUR))[-32:] for i in range(3)}
    assert len(macs) == 3


def test_early_clock():
    """A clock that starts at 0, as a simulation's does."""
    opener = jar()
    assert opener.open_cookie(opener.seal_cookie(make(created=0)), 0)[0] == VALID


@pytest.mark.parametrize("extra", [8, 16 * 1000], ids=["half an address", "too many addresses"])
def test_of_a_length_that_no_cookie_has(extra):
    """9260-5.1.5-01: told before the MAC is computed over it."""
    opener = jar()
    sealed = opener.seal_cookie(make())
    assert opener.open_cookie(sealed[:-32] + bytes(extra) + sealed[-32:], NOW)[0] == FORGED


@pytest.mark.parametrize("which", [0, 2])
def test_address_of_a_wrong_length(which):
    fields = list(make().route_fields)
    fields[which] = bytes(15)
    with pytest.raises(ValueError, match="16 bytes"):
        make().route_fields = tuple(fields)
