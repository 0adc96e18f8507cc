"""cy/ratelimit: answers to those who have proved nothing are bounded, for each and for all (9260-12-02)."""
import pytest

from pysctpsock._cy.entropy import Entropy
from pysctpsock._cy.ratelimit import RateLimit

SECOND = 1_000_000
NOW = 1000 * SECOND


def limit(per_source=100, burst=200, total=1000, seed=b"r" * 32):
    return RateLimit(Entropy(seed), per_source, burst, total)


def answers(rate_limit, host, count, now=NOW):
    return sum(rate_limit.allow(host, now) for _ in range(count))


@pytest.mark.parametrize("now", [0, 1, NOW])
def test_one_source(now):
    """The burst at once, then the rate, and never more than the burst however long it was silent."""
    made = limit()
    assert answers(made, "192.0.2.1", 500, now) == 200
    assert answers(made, "192.0.2.1", 500, now + SECOND // 2) == 50
    assert answers(made, "192.0.2.1", 500, now + SECOND) == 50
    assert answers(made, "192.0.2.1", 500, now + 3600 * SECOND) == 200


def test_others_are_not_disturbed():
    """Twenty that flood keep nobody else from an answer, but for those with the same two slots."""
    made = limit(total=100_000)
    for i in range(20):
        assert answers(made, f"198.51.100.{i}", 1000) >= 100
    lucky = sum(made.allow(f"203.0.113.{i}", NOW) for i in range(250))
    assert lucky >= 245


def test_all_together():
    """Forged sources do not make us send without bound."""
    made = limit(total=1000)
    hosts = [f"10.{i // 65536}.{i // 256 % 256}.{i % 256}" for i in range(20_000)]
    assert sum(made.allow(host, NOW) for host in hosts) == 1000
    assert sum(made.allow(host, NOW + SECOND // 4) for host in hosts) == 250


@pytest.mark.parametrize(("one", "other", "same"), [
    ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
    ("2001:db8::1", "2001:db8:0:1::1", False),
    ("192.0.2.1", "192.0.2.2", False),
])
def test_what_one_source_is(one, other, same):
    """An IPv4 address, but 64 bits of IPv6, which one host may have all of (RFC 4291 section 2.5.4)."""
    made = limit()
    answers(made, one, 500)
    assert answers(made, other, 500) == (0 if same else 200)


def test_slots_are_secret():
    """Which sources share their slots follows from the key: nobody can choose the one to be silenced."""
    spoiled = []
    for seed in (b"1" * 32, b"2" * 32):
        made = limit(burst=2, total=1_000_000, seed=seed)
        for i in range(700):
            made.allow(f"198.51.{i // 256}.{i % 256}", NOW)
        spoiled.append([made.allow(f"203.0.{i // 256}.{i % 256}", NOW) for i in range(700)])
    assert spoiled[0] != spoiled[1]
