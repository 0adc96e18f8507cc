"""The chunks of RFC 9260 section 3.3: what is written is read back, what is malformed is refused."""
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysctpsock._cy import chunks
from pysctpsock._cy.chunks import decode_chunk, encode_data, make_chunk, make_init, make_tlv

U8, U16, U32 = st.integers(0, 255), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
DATA, INIT, INIT_ACK, SACK, HEARTBEAT, HEARTBEAT_ACK, ABORT, SHUTDOWN, ERROR = 0, 1, 2, 3, 4, 5, 6, 7, 9


def make_sack(cumulative_tsn_ack=0, a_rwnd=0, gaps=(), duplicates=(), counts=None, tail=b""):
    gap_count, duplicate_count = counts or (len(gaps), len(duplicates))
    value = struct.pack(">IIHH", cumulative_tsn_ack, a_rwnd, gap_count, duplicate_count)
    value += b"".join(struct.pack(">HH", *gap) for gap in gaps)
    return make_chunk(SACK, 0, value + b"".join(struct.pack(">I", tsn) for tsn in duplicates) + tail)


class TestData:
    """3.3.1."""

    @given(U8, U32, U16, U16, st.binary(min_size=4, max_size=4), st.binary(max_size=50))
    def test_round_trip(self, flags, tsn, stream_id, ssn, ppid, data):
        assert decode_chunk(encode_data(flags, tsn, stream_id, ssn, ppid, data)) == {
            "tsn": tsn, "stream_id": stream_id, "ssn": ssn, "ppid": ppid, "flags": flags, "data": data}

    def test_layout(self):
        """9260-3.3.1-01, and -08: the PPID goes out in the bytes that it came in."""
        chunk = encode_data(0x03, 0x11223344, 0x5566, 0x7788, b"\x01\x02\x03\x04", b"hello")
        assert chunk == bytes.fromhex("00030015 11223344 5566 7788 01020304 68656c6c 6f000000")

    def test_without_user_data_is_well_formed(self):
        """To refuse it is the handler's business: it answers with No User Data (6.2)."""
        assert decode_chunk(encode_data(3, 1, 2, 3, bytes(4), b""))["data"] == b""

    @pytest.mark.parametrize("length", range(12))
    def test_too_short(self, length):
        assert decode_chunk(make_chunk(DATA, 3, bytes(length))) is None

    def test_the_longest(self):
        data = bytes(65519)
        assert decode_chunk(encode_data(3, 1, 2, 3, bytes(4), data))["data"] == data
        with pytest.raises(ValueError, match="at most"):
            encode_data(3, 1, 2, 3, bytes(4), bytes(65520))


class TestInit:
    """3.3.2 and 3.3.3."""

    @given(st.sampled_from([INIT, INIT_ACK]), U32, U32, U16, U16, U32,
           st.lists(st.tuples(U16, st.binary(max_size=9))))
    def test_round_trip(self, type, tag, a_rwnd, outbound, inbound, tsn, parameters):
        row = b"".join([make_tlv(*parameter) for parameter in parameters])
        chunk = make_init(type, tag, a_rwnd, outbound, inbound, tsn, row)
        assert len(chunk) == 20 + len(row)
        found = decode_chunk(chunk)
        last_padding = -len(parameters[-1][1]) % 4 if parameters else 0
        assert found == {
            "initiate_tag": tag, "a_rwnd": a_rwnd, "outbound_streams": outbound, "inbound_streams": inbound,
            "initial_tsn": tsn, "parameters": row[:len(row) - last_padding]}

    def test_layout(self):
        """9260-3.3.2-01, the packet of the checksum's test vector."""
        assert make_init(INIT, 0x01020304, 131072, 10, 10, 0x11223344, b"") == bytes.fromhex(
            "01000014 01020304 00020000 000a000a 11223344")

    def test_length_leaves_out_the_last_padding_only(self):
        """9260-3.2-03: the padding of inner parameters counts, that of the last one does not."""
        chunk = make_init(INIT, 1, 2, 3, 4, 5, make_tlv(9, b"a") + make_tlv(9, b"b"))
        assert chunk[2:4] == (20 + 8 + 5).to_bytes(2, "big")
        assert chunk[20:] == bytes.fromhex("00090005 61000000 00090005 62000000")

    @pytest.mark.parametrize("type", [INIT, INIT_ACK])
    @pytest.mark.parametrize("length", range(16))
    def test_too_short(self, type, length):
        assert decode_chunk(make_chunk(type, 0, bytes(length))) is None

    @pytest.mark.parametrize("parameters", [b"x", b"\0\1\0\3", b"\0\1\0\xff", b"\0\1\0\0"])
    def test_parameters_that_are_none_are_not_sent(self, parameters):
        with pytest.raises(ValueError, match="not a row"):
            make_init(INIT, 1, 2, 3, 4, 5, parameters)

    @pytest.mark.parametrize("streams", [(-1, 1), (65536, 1), (1, -1), (1, 65536)])
    def test_impossible_numbers_of_streams_are_not_sent(self, streams):
        with pytest.raises(ValueError, match="16 bits"):
            make_init(INIT, 1, 2, *streams, 5, b"")


class TestSack:
    """3.3.4."""

    @given(U32, U32, st.lists(st.tuples(U16, U16), max_size=20), st.lists(U32, max_size=20))
    def test_read(self, cumulative_tsn_ack, a_rwnd, gaps, duplicates):
        assert decode_chunk(make_sack(cumulative_tsn_ack, a_rwnd, gaps, duplicates)) == {
            "cumulative_tsn_ack": cumulative_tsn_ack, "a_rwnd": a_rwnd,
            "gaps": gaps, "duplicates": duplicates}

    @pytest.mark.parametrize("length", range(12))
    def test_too_short(self, length):
        assert decode_chunk(make_chunk(SACK, 0, bytes(length))) is None

    @pytest.mark.parametrize("counts", [(2, 1), (1, 2), (0, 3), (3, 0), (65535, 65535), (0, 65535),
                                        (65535, 0)])
    def test_more_announced_than_there_is(self, counts):
        """The sum of both lists is what has to fit; it does not wrap."""
        assert decode_chunk(make_sack(gaps=[(2, 3)], duplicates=[5], counts=counts)) is None

    @pytest.mark.parametrize("counts", [(1, 0), (0, 1), (0, 0)])
    def test_less_announced_than_there_is(self, counts):
        assert decode_chunk(make_sack(gaps=[(2, 3)], duplicates=[5], counts=counts)) is None

    @pytest.mark.parametrize("cut", [1, 2, 3, 4, 5])
    def test_cut_within_a_list(self, cut):
        whole = make_sack(gaps=[(2, 3)], duplicates=[5, 6])
        assert decode_chunk(make_chunk(SACK, 0, whole[4:-cut])) is None

    @pytest.mark.parametrize("tail", [1, 2, 3])
    def test_a_tail_below_4_bytes_passes_as_padding(self, tail):
        """9260-3.2-04, in its spirit."""
        assert decode_chunk(make_sack(gaps=[(2, 3)], tail=bytes(tail)))["gaps"] == [(2, 3)]

    def test_a_tail_of_4_bytes_is_malformed(self):
        assert decode_chunk(make_sack(gaps=[(2, 3)], tail=bytes(4))) is None


@pytest.mark.parametrize("type", [HEARTBEAT, HEARTBEAT_ACK])
class TestHeartbeat:
    """3.3.5 and 3.3.6."""

    @given(info=st.binary(max_size=40))
    def test_info_is_given_whole(self, type, info):
        """9260-3.3.5-04: it goes back as it came, header included."""
        parameter = make_tlv(1, info)
        expected = dict.fromkeys(("info", "all"), parameter[:4 + len(info)])
        assert decode_chunk(make_chunk(type, 0, parameter)) == expected
        assert decode_chunk(make_chunk(type, 0, parameter[:4 + len(info)])) == expected

    @pytest.mark.parametrize("more", [
        "00010004", "c1230004", "c1230005 61000000", "c1230005 61000000 00010004"])
    def test_other_parameters(self, type, more):
        """9260-8.3-02: "together with any other received TLVs"; the final padding is none of them."""
        value = bytes.fromhex("00010006 61620000" + more)
        end = len(value) - (3 if more.endswith("61000000") else 0)
        assert decode_chunk(make_chunk(type, 0, value)) == {"info": value[:6], "all": value[:end]}

    @pytest.mark.parametrize("value", {
        "empty": "",
        "no header": "000100",
        "length 0": "00010000 61626364",
        "length 3": "00010003 61626364",
        "beyond the end": "00010009 61626364",
        "other parameter": "00070008 61626364",
        "behind another": "c1230004 00010008 61626364",
        "garbage behind it": "00010004 00",
        "padding beyond 3 bytes": "00010005 61000000 00",
    }.items(), ids=lambda value: value[0])
    def test_malformed(self, type, value):
        """9260-3.3.5-01: one Heartbeat Info parameter."""
        assert decode_chunk(make_chunk(type, 0, bytes.fromhex(value[1]))) is None


class TestShutdown:
    """3.3.8."""

    @given(U32)
    def test_round_trip(self, tsn):
        assert decode_chunk(chunks.make_shutdown(tsn)) == {"cumulative_tsn_ack": tsn}

    def test_layout(self):
        """9260-3.3.8-01."""
        assert chunks.make_shutdown(0x11223344) == bytes.fromhex("07000008 11223344")

    @pytest.mark.parametrize("length", [0, 1, 2, 3, 5, 8])
    def test_wrong_length(self, length):
        assert decode_chunk(make_chunk(SHUTDOWN, 0, bytes(length))) is None


class TestCausesAndTheirChunks:
    """3.3.7, 3.3.10; lengths of table 0.3."""

    @pytest.mark.parametrize(("cause", "expected"), [
        (chunks.cause_invalid_stream(0x1234), "00010008 12340000"),
        (chunks.cause_missing_parameters([7]), "0002000a 00000001 00070000"),
        (chunks.cause_missing_parameters([7, 0xC000]), "0002000c 00000002 0007c000"),
        (chunks.cause_stale_cookie(0x11223344), "00030008 11223344"),
        (chunks.cause_no_user_data(0x11223344), "00090008 11223344"),
    ])
    def test_layout(self, cause, expected):
        assert cause == bytes.fromhex(expected)

    def test_error(self):
        """9260-3.2-03 for causes."""
        causes = [chunks.cause_missing_parameters([7]), chunks.cause_missing_parameters([8])]
        assert chunks.make_error(causes) == bytes.fromhex(
            "0900001a 0002000a 00000001 00070000 0002000a 00000001 00080000")

    def test_error_without_a_cause_is_not_sent(self):
        """9260-3.3.10-01: one or more causes."""
        with pytest.raises(ValueError, match="at least one"):
            chunks.make_error([])

    @pytest.mark.parametrize(("reflected", "flags"), [(False, "00"), (True, "01")])
    def test_abort(self, reflected, flags):
        """9260-3.3.7-03: T says that the tag is reflected."""
        assert chunks.make_abort(reflected, []) == bytes.fromhex(f"06{flags}0004")
        assert chunks.make_abort(reflected, [make_tlv(12, b"bye")]) == bytes.fromhex(
            f"06{flags}000b 000c0007 62796500")

    @pytest.mark.parametrize("stream_id", [-1, 65536])
    def test_impossible_stream(self, stream_id):
        with pytest.raises(ValueError, match="16 bits"):
            chunks.cause_invalid_stream(stream_id)

    def test_a_row_too_long_for_a_chunk(self):
        with pytest.raises(ValueError, match="at most"):
            chunks.make_error([make_tlv(13, bytes(40000)), make_tlv(13, bytes(40000))])


@given(st.sampled_from([DATA, INIT, INIT_ACK, SACK, HEARTBEAT, HEARTBEAT_ACK, SHUTDOWN]),
       st.binary(max_size=64))
def test_any_value(type, value):
    """Hostile bytes: a decoder refuses or gives only what lies inside the chunk."""
    found = decode_chunk(make_chunk(type, 0, value)) or {}
    given_bytes = sum(len(field) for field in found.values() if isinstance(field, bytes))
    lists = sum(4 * len(field) for field in found.values() if isinstance(field, list))
    assert given_bytes + lists <= len(value)


def test_truncated_chunk_is_none():
    for cut in range(1, 20):
        assert decode_chunk(make_init(INIT, 1, 2, 3, 4, 5, b"")[:-cut]) is None


def test_type_without_a_decoder():
    with pytest.raises(ValueError, match="no decoder"):
        decode_chunk(make_chunk(11, 0, b""))


@pytest.mark.parametrize("arguments", [
    (0, 1, 0, 0, b"123", b"x"), (256, 1, 0, 0, bytes(4), b"x"), (-1, 1, 0, 0, bytes(4), b"x"),
    (0, 1, 0, 0, bytes(4), bytes(65520)),
], ids=["ppid", "flags", "negative flags", "length"])
def test_data_that_no_chunk_holds(arguments):
    with pytest.raises(ValueError):
        encode_data(*arguments)
