"""cy/rto: RFC 9260 section 6.3.1, and the doubling of 6.3.3."""
import pytest

from pysctpsock._cy.parameters import ProtocolParameters
from pysctpsock._cy.rto import RetransmissionTimeout

MS, SECOND = 1000, 1_000_000


def make(**changes):
    parameters = ProtocolParameters()
    for name, value in changes.items():
        setattr(parameters, name, value)
    return RetransmissionTimeout(parameters)


def test_before_a_measurement():
    """9260-6.3.1-02: RTO.Initial."""
    assert make().snapshot() == (0, 0, SECOND)
    assert make(rto_initial=3 * SECOND).snapshot()[2] == 3 * SECOND


def test_first_measurement():
    """9260-6.3.1-03: SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 * RTTVAR."""
    rto = make()
    rto.sample(800 * MS)
    assert rto.snapshot() == (800 * MS, 400 * MS, 2400 * MS)


@pytest.mark.parametrize(("sample", "srtt", "rttvar"), [
    (1600 * MS, 900 * MS, 500 * MS),         # 7/8*800 + 1/8*1600; 3/4*400 + 1/4*|800-1600|
    (800 * MS, 800 * MS, 300 * MS),
    (0, 700 * MS, 500 * MS),
])
def test_next_measurement(sample, srtt, rttvar):
    """9260-6.3.1-04: RTTVAR first, with the old SRTT."""
    rto = make()
    rto.sample(800 * MS)
    rto.sample(sample)
    assert rto.snapshot() == (srtt, rttvar, srtt + 4 * rttvar)


def test_bounds():
    """9260-6.3.1-07: RTO.Min and RTO.Max."""
    rto = make()
    rto.sample(10 * MS)
    assert rto.snapshot() == (10 * MS, 5 * MS, SECOND)
    rto = make()
    rto.sample(100 * SECOND)
    assert rto.snapshot()[2] == 60 * SECOND


def test_clock_granularity():
    """9260-6.3.1-07: RTTVAR 0 becomes the granularity, 1 microsecond."""
    rto = make(rto_min=0)
    rto.sample(0)
    assert rto.snapshot() == (0, 1, 4)
    for _ in range(100):
        rto.sample(100)
    assert rto.snapshot()[1] >= 1


def test_a_clock_that_went_back_is_ignored():
    rto = make()
    rto.sample(-1)
    assert rto.snapshot() == (0, 0, SECOND)


def test_doubles_at_each_expiry():
    """9260-6.3.3-01: up to RTO.Max."""
    rto = make()
    seen = []
    for _ in range(8):
        rto.back_off()
        seen.append(rto.snapshot()[2] // SECOND)
    assert seen == [2, 4, 8, 16, 32, 60, 60, 60]


def test_a_measurement_ends_the_backing_off():
    rto = make()
    for _ in range(5):
        rto.back_off()
    rto.sample(800 * MS)
    assert rto.snapshot()[2] == 2400 * MS


def test_a_clock_that_goes_back_measures_nothing():
    rto = make()
    rto.sample(800 * MS)
    before = rto.snapshot()
    rto.sample(-1)
    assert rto.snapshot() == before
