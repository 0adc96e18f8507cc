"""cy/cc: RFC 9260 section 7.2, each rule with numbers."""
import pytest

from pysctpsock._cy.cc import CongestionControl

PMDCS = 1448
INFINITE = 0xFFFFFFFF


def start(pmdcs=PMDCS, ipv4=True):
    cc = CongestionControl()
    cc.drive("start", pmdcs, ipv4)
    return cc


def acknowledge(cc, newly, before, after=1, fast_recovery=False):
    cc.drive("acknowledged", newly, before, after, fast_recovery)


def avoiding():
    """In congestion avoidance: one PMDCS above ssthresh, which is 4 * PMDCS."""
    cc = start()
    cc.drive("loss")
    acknowledge(cc, PMDCS, cc.cwnd)
    assert cc.snapshot() == {"cwnd": 5 * PMDCS, "ssthresh": 4 * PMDCS, "partial_bytes_acked": 0,
                             "pmdcs": PMDCS}
    return cc


@pytest.mark.parametrize(("pmdcs", "ipv4", "cwnd"), [
    (1000, True, 4000),                                  # 4 * PMDCS
    (1448, True, 4404),
    (1448, False, 4344),
    (3000, True, 6000),                                  # 2 * PMDCS
    (8948, False, 17896),
])
def test_initial_window(pmdcs, ipv4, cwnd):
    """9260-7.2.1-01, -03"""
    cc = start(pmdcs, ipv4)
    assert cc.snapshot() == {"cwnd": cwnd, "ssthresh": INFINITE, "partial_bytes_acked": 0, "pmdcs": pmdcs}


class TestSlowStart:
    """9260-7.2.1-04"""

    def test_grows_by_what_was_acknowledged(self):
        cc = start()
        acknowledge(cc, 100, 4404)
        assert cc.cwnd == 4504

    def test_by_one_pmdcs_at_most(self):
        """9260-7.2.1-04"""
        cc = start()
        acknowledge(cc, 3 * PMDCS, 4404)
        assert cc.cwnd == 4404 + PMDCS

    def test_only_a_window_that_was_used(self):
        """9260-7.2.1-04"""
        cc = start()
        acknowledge(cc, 1000, 4403)
        assert cc.cwnd == 4404

    def test_not_in_fast_recovery(self):
        """9260-7.2.1-04"""
        cc = start()
        acknowledge(cc, 1000, 4404, fast_recovery=True)
        assert cc.cwnd == 4404

    def test_up_to_ssthresh_inclusive(self):
        cc = start()
        cc.drive("loss")
        assert cc.cwnd == cc.ssthresh
        acknowledge(cc, PMDCS, cc.cwnd)
        assert cc.cwnd == cc.ssthresh + PMDCS

    def test_stays_within_32_bits(self):
        cc = start(pmdcs=65000)
        for _ in range(20000):
            acknowledge(cc, 65000, INFINITE)
        assert cc.cwnd < 1 << 31


class TestCongestionAvoidance:
    """9260-7.2.2"""

    def test_one_pmdcs_for_a_window_acknowledged(self):
        """9260-7.2.2-03, -04"""
        cc = avoiding()
        cwnd = cc.cwnd
        for _ in range(4):
            acknowledge(cc, PMDCS, cwnd)
            assert cc.cwnd == cwnd
        acknowledge(cc, PMDCS, cwnd)
        assert (cc.cwnd, cc.partial_bytes_acked) == (cwnd + PMDCS, 0)

    def test_duplicates_count_but_no_more_than_what_is_new(self):
        """9260-7.2.2-01: bytes of duplicates that the SACK reports; bounded, as anybody can report any."""
        for duplicated, counted in ((0, 0), (600, 600), (100_000, 1000)):
            cc = avoiding()
            cc.drive("acknowledged", 1000, cc.cwnd, 1, False, duplicated)
            assert cc.partial_bytes_acked == 1000 + counted

    def test_the_rest_is_kept(self):
        cc = avoiding()
        cwnd = cc.cwnd
        acknowledge(cc, cwnd + 100, cwnd)
        assert (cc.cwnd, cc.partial_bytes_acked) == (cwnd + PMDCS, 100)

    def test_an_unused_window_does_not_grow(self):
        """9260-7.2.2-02"""
        cc = avoiding()
        cwnd = cc.cwnd
        acknowledge(cc, cwnd + 100, cwnd - 1)
        assert (cc.cwnd, cc.partial_bytes_acked) == (cwnd, cwnd)

    def test_all_acknowledged(self):
        """9260-7.2.2-05"""
        cc = avoiding()
        acknowledge(cc, 100, 100, after=0)
        assert cc.partial_bytes_acked == 0

    def test_not_in_fast_recovery(self):
        """9260-7.2.1-04"""
        cc = avoiding()
        cwnd = cc.cwnd
        acknowledge(cc, cwnd, cwnd, fast_recovery=True)
        assert cc.cwnd == cwnd


class TestLoss:
    """9260-7.2.3-01 and 9260-6.3.3-01"""

    @pytest.mark.parametrize(("grown", "ssthresh"), [(0, 4 * PMDCS), (20, (4404 + 20 * PMDCS) // 2)])
    def test_fast_retransmit_halves(self, grown, ssthresh):
        cc = start()
        for _ in range(grown):
            acknowledge(cc, PMDCS, cc.cwnd)
        cc.drive("loss")
        assert (cc.ssthresh, cc.cwnd, cc.partial_bytes_acked) == (ssthresh, ssthresh, 0)

    @pytest.mark.parametrize(("grown", "ssthresh"), [(0, 4 * PMDCS), (20, (4404 + 20 * PMDCS) // 2)])
    def test_t3_leaves_one_packet(self, grown, ssthresh):
        cc = start()
        for _ in range(grown):
            acknowledge(cc, PMDCS, cc.cwnd)
        cc.drive("timeout")
        assert (cc.ssthresh, cc.cwnd, cc.partial_bytes_acked) == (ssthresh, PMDCS, 0)

    def test_partial_bytes_are_forgotten(self):
        for verb in ("loss", "timeout"):
            cc = avoiding()
            acknowledge(cc, 100, cc.cwnd)
            assert cc.partial_bytes_acked == 100
            cc.drive(verb)
            assert cc.partial_bytes_acked == 0


def test_idle():
    """9260-7.2.1-06: halved once an RTO, down to 4 * PMDCS; ssthresh remembers the window."""
    cc = start()
    for _ in range(20):
        acknowledge(cc, PMDCS, cc.cwnd)
    cwnd = cc.cwnd
    cc.drive("idle", 1)
    assert (cc.cwnd, cc.ssthresh) == (cwnd // 2, cwnd)
    cc = start()
    for _ in range(20):
        acknowledge(cc, PMDCS, cc.cwnd)
    cc.drive("idle", 6)
    assert (cc.cwnd, cc.ssthresh) == (4 * PMDCS, cwnd)


def test_idle_does_not_widen():
    cc = start()
    cc.drive("timeout")
    cc.drive("idle", 1)
    assert cc.cwnd == PMDCS
