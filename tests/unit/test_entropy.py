"""cy/entropy: RFC 9260 sections 5.1 and 5.1.3 (random tags, TSNs and secrets)."""
import pytest

from pysctpsock._cy.entropy import Entropy

SEED = bytes(range(32))


def test_the_same_seed_gives_the_same():
    """What makes a simulated network repeatable."""
    first, second = Entropy(SEED), Entropy(SEED)
    assert first.take(1000) == b"".join(second.take(n) for n in (1, 63, 64, 65, 128, 600, 79))


def test_other_seeds_give_others():
    other = bytes([1]) + SEED[1:]
    assert Entropy(SEED).take(64) != Entropy(other).take(64)
    assert Entropy(SEED + b"\0").take(64) != Entropy(SEED).take(64)


def test_a_seed_has_32_bytes():
    with pytest.raises(ValueError):
        Entropy(bytes(31))


def test_no_repetitions():
    entropy = Entropy(SEED)
    assert len({entropy.take(16) for _ in range(5000)}) == 5000


def test_takes_what_is_asked():
    entropy = Entropy(SEED)
    assert [len(entropy.take(n)) for n in (0, 1, 64, 200)] == [0, 1, 64, 200]


def test_tags_are_never_0_and_spread():
    """9260-5.1-01: 1 .. 2^32 - 1."""
    entropy = Entropy(SEED)
    tags = [entropy.new_tag() for _ in range(20000)]
    assert all(0 < tag < 1 << 32 for tag in tags)
    assert len(set(tags)) > 19990
    for bit in range(32):                                # 20000 fair coins: 10000 +/- 7 sigma
        assert 9500 < sum(tag >> bit & 1 for tag in tags) < 10500
