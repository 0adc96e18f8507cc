"""The parameters of INIT and INIT ACK: RFC 9260 sections 3.2.1, 3.2.2, 3.3.2.1, 3.3.3.1."""
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysctpsock._cy.chunks import make_tlv, split_tlvs
from pysctpsock._cy.params import make_address_parameter, parse_parameters

MAX_ADDRESSES, MAX_UNRECOGNIZED = 32, 16
IPV4, IPV6, STATE_COOKIE, UNRECOGNIZED, COOKIE_PRESERVATIVE, HOST_NAME, ADDRESS_TYPES = 5, 6, 7, 8, 9, 11, 12
FORWARD_TSN, ADAPTATION, SUPPORTED_EXTENSIONS = 0xC000, 0xC006, 0x8008
STOP, STOP_REPORT, SKIP, SKIP_REPORT = 0x0123, 0x4123, 0x8123, 0xC123      # unknown types
NOTHING = {
    "addresses": [], "host_name": None, "state_cookie": None, "cookie_preservative": 0,
    "has_supported_address_types": False, "supports_ipv4": True, "supports_ipv6": True,
    "forward_tsn_supported": False, "supported_extensions": None, "adaptation_indication": None,
    "unrecognized": [], "reported": b"", "causes": [],
}
COOKIE = make_tlv(STATE_COOKIE, b"cookie")


def ipv4(*octets):
    return make_tlv(IPV4, bytes(octets))


def test_nothing():
    assert parse_parameters(b"") == NOTHING


def test_everything():
    row = b"".join([
        make_address_parameter("192.0.2.1"), make_address_parameter("2001:db8::1"), COOKIE,
        make_tlv(COOKIE_PRESERVATIVE, struct.pack(">I", 5000)), make_tlv(HOST_NAME, b"host\0"),
        make_tlv(ADDRESS_TYPES, struct.pack(">HH", IPV4, IPV6)), make_tlv(FORWARD_TSN, b""),
        make_tlv(SUPPORTED_EXTENSIONS, b"\xc0\x0f\x82"), make_tlv(ADAPTATION, struct.pack(">I", 7)),
    ])
    assert parse_parameters(row) == NOTHING | {
        "addresses": ["192.0.2.1", "2001:db8::1"], "state_cookie": b"cookie", "cookie_preservative": 5000,
        "host_name": bytes.fromhex("000b0009 686f737400"), "has_supported_address_types": True,
        "forward_tsn_supported": True, "supported_extensions": b"\xc0\x0f\x82", "adaptation_indication": 7,
    }


class TestAddresses:
    """3.3.2.1.1 and 3.3.2.1.2."""

    @given(st.lists(st.ip_addresses(v=4).filter(lambda a: not a.is_multicast and not a.is_unspecified
                                                and 1 << 24 <= int(a) < 240 << 24), max_size=8, unique=True))
    def test_ipv4_round_trip(self, addresses):
        row = b"".join([make_address_parameter(str(address)) for address in addresses])
        assert len(row) == 8 * len(addresses)
        assert parse_parameters(row)["addresses"] == [str(address) for address in addresses]

    @pytest.mark.parametrize("host", ["2001:db8::1", "fe80::1", "::1", "2001:db8:0:1::"])
    def test_ipv6_round_trip(self, host):
        parameter = make_address_parameter(host)
        assert parameter[:4] == bytes.fromhex("00060014")
        assert len(parameter) == 20
        assert parse_parameters(parameter)["addresses"] == [host]

    @pytest.mark.parametrize("octets", [(224, 0, 0, 1), (239, 1, 2, 3), (255,) * 4, (0,) * 4])
    def test_ipv4_that_is_no_destination_is_ignored(self, octets):
        assert parse_parameters(ipv4(*octets) + ipv4(192, 0, 2, 1))["addresses"] == ["192.0.2.1"]

    @pytest.mark.parametrize("ip", ["ff02" + 28 * "0", 32 * "0"])
    def test_ipv6_that_is_no_destination_is_ignored(self, ip):
        assert parse_parameters(make_tlv(IPV6, bytes.fromhex(ip)) + COOKIE) == NOTHING | {
            "state_cookie": b"cookie"}

    def test_ipv4_mapped_is_ignored(self):
        """9260-3.3.2.1-01."""
        mapped = make_tlv(IPV6, bytes(10) + b"\xff\xff\xc0\x00\x02\x01")
        assert parse_parameters(mapped)["addresses"] == []

    def test_repeated_is_kept_once(self):
        assert parse_parameters(3 * ipv4(192, 0, 2, 1))["addresses"] == ["192.0.2.1"]

    def test_no_more_than_the_bound_are_kept(self):
        """Bounded memory: what comes after is ignored, not refused."""
        row = b"".join([ipv4(10, 0, i // 256, i % 256) for i in range(1000)])
        found = parse_parameters(row + COOKIE)
        assert found["addresses"] == [f"10.0.0.{i}" for i in range(MAX_ADDRESSES)]
        assert found["state_cookie"] == b"cookie"

    @pytest.mark.parametrize(("type", "length"), [
        (IPV4, 0), (IPV4, 3), (IPV4, 5), (IPV4, 8), (IPV4, 16), (IPV6, 0), (IPV6, 4), (IPV6, 15), (IPV6, 17)])
    def test_wrong_length(self, type, length):
        assert parse_parameters(make_tlv(type, b"\x0a" * length)) is None


class TestSupportedAddressTypes:
    """3.3.2.1.5."""

    @pytest.mark.parametrize(("types", "supports_ipv4", "supports_ipv6"), [
        ([5], True, False), ([6], False, True), ([6, 5], True, True), ([], False, False),
        ([11], False, False), ([5, 11], True, False), ([0x0505, 7], False, False)])
    def test_list(self, types, supports_ipv4, supports_ipv6):
        """9260-3.3.2.1-04: a host name in the list is ignored."""
        found = parse_parameters(make_tlv(ADDRESS_TYPES, b"".join(t.to_bytes(2, "big") for t in types)))
        assert found == NOTHING | {"has_supported_address_types": True, "supports_ipv4": supports_ipv4,
                                   "supports_ipv6": supports_ipv6}

    @pytest.mark.parametrize(("host", "types"), [("192.0.2.1", b"\0\6"), ("2001:db8::1", b"\0\5")])
    def test_a_listed_address_proves_its_family(self, host, types):
        """9260-5.1.2-05."""
        found = parse_parameters(make_address_parameter(host) + make_tlv(ADDRESS_TYPES, types))
        assert found["supports_ipv4"]
        assert found["supports_ipv6"]

    @pytest.mark.parametrize("length", [1, 3])
    def test_half_a_type(self, length):
        assert parse_parameters(make_tlv(ADDRESS_TYPES, bytes(length))) is None


@pytest.mark.parametrize(("type", "right"), [(COOKIE_PRESERVATIVE, 4), (FORWARD_TSN, 0), (ADAPTATION, 4)])
def test_parameters_of_a_fixed_length(type, right):
    """Any other length is malformed."""
    for length in range(9):
        found = parse_parameters(make_tlv(type, bytes(length)))
        assert (found is not None) == (length == right), length


@pytest.mark.parametrize(("type", "first", "second", "key", "expected"), [
    (STATE_COOKIE, b"one", b"two", "state_cookie", b"one"),
    (STATE_COOKIE, b"", b"two", "state_cookie", b""),
    (COOKIE_PRESERVATIVE, b"\0\0\0\1", b"\0\0\0\2", "cookie_preservative", 1),
    (HOST_NAME, b"one", b"two", "host_name", bytes.fromhex("000b0007 6f6e65")),
    (SUPPORTED_EXTENSIONS, b"\1", b"\2", "supported_extensions", b"\1"),
    (SUPPORTED_EXTENSIONS, b"", b"\2", "supported_extensions", b""),
    (ADAPTATION, b"\0\0\0\0", b"\0\0\0\2", "adaptation_indication", 0),
])
def test_of_a_repeated_parameter_the_first_stands(type, first, second, key, expected):
    """9260-3.3.2-02: at most once; a second one changes nothing."""
    assert parse_parameters(make_tlv(type, first) + make_tlv(type, second)) == NOTHING | {key: expected}


@pytest.mark.parametrize("type", [UNRECOGNIZED, 0x8000, 0x8001, 0x8002, 0x8003, 0x8004, 0x8005])
def test_known_ones_without_use_are_passed_over(type):
    """What Linux and usrsctp send by default is neither reported nor an obstacle."""
    assert parse_parameters(make_tlv(type, b"abcd") + COOKIE) == NOTHING | {"state_cookie": b"cookie"}


class TestUnknown:
    """3.2.1: what the two high bits say; 3.2.2: how it is reported."""

    @pytest.mark.parametrize(("type", "goes_on", "reported"), [
        (STOP, False, False), (STOP_REPORT, False, True), (SKIP, True, False), (SKIP_REPORT, True, True),
        (0, False, False), (0x3FFF, False, False), (0x7FFF, False, True), (0xBFFF, True, False),
        (0xFFFF, True, True), (13, False, False),
    ])
    def test_four_ways(self, type, goes_on, reported):
        """9260-3.2.1-03 to -07: what stands before it is not rolled back."""
        before, unknown = make_address_parameter("192.0.2.1"), make_tlv(type, b"abc")
        found = parse_parameters(before + unknown + COOKIE)
        assert found["addresses"] == ["192.0.2.1"]
        assert found["state_cookie"] == (b"cookie" if goes_on else None)
        assert found["unrecognized"] == ([unknown[:7]] if reported else [])

    @pytest.mark.parametrize("behind", [b"\0\5\0\0", b"\0\5\0\x09abcde", b"\0\5\xff\xff", b"xyz"])
    def test_behind_a_stop_nothing_is_even_looked_at(self, behind):
        found = parse_parameters(COOKIE + make_tlv(STOP_REPORT, b"") + behind)
        assert found["state_cookie"] == b"cookie"
        assert found["unrecognized"] == [bytes.fromhex("41230004")]
        assert parse_parameters(COOKIE + behind) is None

    def test_report_in_init_ack(self):
        """9260-3.2.2-01: each as the value of an Unrecognized Parameter."""
        found = parse_parameters(make_tlv(SKIP_REPORT, b"abc") + make_tlv(STOP_REPORT, b"x"))
        assert found["reported"] == bytes.fromhex("0008000b c1230007 61626300 00080009 41230005 78000000")

    def test_report_in_error(self):
        """9260-3.2.2-02: each in a cause Unrecognized Parameters."""
        found = parse_parameters(make_tlv(SKIP_REPORT, b"abc") + make_tlv(STOP_REPORT, b"x"))
        assert found["causes"] == [bytes.fromhex("0008000b c1230007 61626300"),
                                   bytes.fromhex("00080009 41230005 78000000")]

    @pytest.mark.parametrize(("most", "kept"), [
        (0, []), (11, []), (12, [1]), (23, [1]), (24, [1, 3]), (39, [1, 3]),
        (40, [1, 2]), (51, [1, 2]), (52, [1, 2, 3])])
    def test_report_is_kept_small(self, most, kept):
        """9260-12-02: what does not fit is left out."""
        row = (make_tlv(SKIP_REPORT + 1, b"abcd") + make_tlv(SKIP_REPORT + 2, bytes(20))
               + make_tlv(SKIP_REPORT + 3, b"efgh"))
        reported = parse_parameters(row, most)["reported"]
        assert len(reported) <= most
        items, ends_well = split_tlvs(reported)
        assert ends_well
        assert [int.from_bytes(value[:2], "big") - SKIP_REPORT for _, _, value in items] == kept

    def test_number_of_reports_is_bounded(self):
        row = b"".join([make_tlv(SKIP_REPORT + i, b"") for i in range(100)])
        found = parse_parameters(row + COOKIE)
        assert len(found["unrecognized"]) == len(found["causes"]) == MAX_UNRECOGNIZED
        assert found["state_cookie"] == b"cookie"

    def test_one_too_long_to_be_wrapped_is_left_out(self):
        """Its length and the header of the report exceed 16 bits."""
        for length, fits in ((65527, True), (65528, False)):
            found = parse_parameters(make_tlv(SKIP_REPORT, bytes(length)), 1 << 20)
            assert len(found["unrecognized"]) == 1
            assert bool(found["reported"]) == bool(found["causes"]) == fits


class TestMalformed:
    """Lengths that cannot be, at the start and behind a good parameter."""

    @pytest.mark.parametrize("before", [b"", COOKIE], ids=["first", "second"])
    @pytest.mark.parametrize("tail", ["00", "0005", "000500", "00050000", "00050003", "00050009 0a000001",
                                      "c1230008 000000", "8123ffff 00", "00070005"])
    def test_refused(self, before, tail):
        assert parse_parameters(before + bytes.fromhex(tail)) is None

    def test_every_truncation_of_an_address(self):
        whole = make_address_parameter("2001:db8::1")
        for length in range(1, len(whole)):
            assert parse_parameters(whole[:length]) is None, length

    def test_padding_may_be_missing_at_the_end_only(self):
        assert parse_parameters(make_tlv(STATE_COOKIE, b"abcde")[:9])["state_cookie"] == b"abcde"

    @given(st.lists(st.tuples(st.sampled_from([5, 6, 7, 8, 9, 11, 12, 0x8000, 0x8008, 0xC000, 0xC006,
                                               STOP, STOP_REPORT, SKIP, SKIP_REPORT]),
                              st.binary(max_size=20))), st.binary(max_size=6))
    def test_any_bytes(self, parameters, tail):
        """Hostile bytes: refused, or all that is given was inside."""
        row = b"".join([make_tlv(*parameter) for parameter in parameters]) + tail
        found = parse_parameters(row)
        if found is not None:
            for tlv in found["unrecognized"]:
                assert tlv in row
            assert (found["state_cookie"] or b"") in row
            assert len(found["addresses"]) <= MAX_ADDRESSES


@pytest.mark.parametrize("host", ["", "localhost", "1.2.3"])
def test_address_parameter_of_no_address(host):
    with pytest.raises(ValueError, match="not an IP address"):
        make_address_parameter(host)
