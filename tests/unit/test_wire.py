"""Walking over chunks, parameters and causes: RFC 9260 sections 3.2, 3.2.1 and 3.3.10."""
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysctpsock._cy.chunks import make_chunk, make_tlv, split_chunks, split_tlvs

CHUNK = st.tuples(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=40))
TLV = st.tuples(st.integers(0, 65535), st.binary(max_size=40))


@given(st.lists(CHUNK))
def test_chunks_round_trip(chunks):
    """9260-3.2-01, -02: type, flags, length without padding, value, padding to 4 bytes."""
    packet = b"".join([make_chunk(*chunk) for chunk in chunks])
    assert len(packet) % 4 == 0
    assert split_chunks(packet) == ([(t, f, 4 + len(v), v) for t, f, v in chunks], True)


@given(st.lists(TLV))
def test_tlvs_round_trip(tlvs):
    """9260-3.2.1-01, -02."""
    row = b"".join([make_tlv(*tlv) for tlv in tlvs])
    assert len(row) % 4 == 0
    assert split_tlvs(row) == ([(t, 4 + len(v), v) for t, v in tlvs], True)


@pytest.mark.parametrize("split", [split_chunks, split_tlvs])
class TestBoth:
    """Chunks and parameters differ in the first two bytes only."""

    def values(self, split, data):
        items, ends_well = split(data)
        return [item[-1] for item in items], ends_well

    def test_nothing(self, split):
        assert split(b"") == ([], True)

    def test_empty_item_has_length_4(self, split):
        assert self.values(split, bytes.fromhex("0e000004")) == ([b""], True)

    @pytest.mark.parametrize("length", [0, 1, 2, 3])
    def test_length_below_4(self, split, length):
        """9260-3.2-10: ends the walk; a length of 0 must not go round for ever."""
        assert split(struct.pack(">HH", 1, length) + bytes(20)) == ([], False)

    @pytest.mark.parametrize("tail", [1, 2, 3])
    def test_tail_too_short_for_a_header(self, split, tail):
        assert self.values(split, bytes.fromhex("0e000004") + bytes(tail)) == ([b""], False)

    @pytest.mark.parametrize("length", [9, 12, 255, 65535])
    def test_length_beyond_the_end(self, split, length):
        """9260-3.2-10: what stands before it remains."""
        data = bytes.fromhex("0e000004") + struct.pack(">HH", 1, length) + b"abcd"
        assert self.values(split, data) == ([b""], False)

    @pytest.mark.parametrize("length", [5, 6, 7])
    def test_final_padding_may_be_missing_or_cut(self, split, length):
        value = b"abc"[:length - 4]
        for padding in range(8 - length + 1):
            data = struct.pack(">HH", 1, length) + value + bytes(padding)
            assert self.values(split, data) == ([value], True), padding

    def test_padding_is_ignored(self, split):
        """9260-3.2-02, 9260-3.2.1-02: whatever its bytes are."""
        data = bytes.fromhex("00010005 61ffffff 00020004")
        assert self.values(split, data) == ([b"a", b""], True)

    def test_the_longest(self, split):
        """A length of 65535 is read and does not wrap when it is rounded up."""
        for padding in (b"", b"\0"):
            data = struct.pack(">HH", 1, 65535) + bytes(65531) + padding
            assert self.values(split, data) == ([bytes(65531)], True)
        data = struct.pack(">HH", 1, 65535) + bytes(65532) + bytes.fromhex("0e000004")
        assert self.values(split, data) == ([bytes(65531), b""], True)

    @given(data=st.binary(max_size=200))
    def test_any_bytes(self, split, data):
        """Hostile bytes: the walk ends, and takes nothing twice and nothing from outside."""
        items, ends_well = split(data)
        taken = sum(4 + len(item[-1]) for item in items)
        assert taken <= len(data)
        if ends_well:
            assert taken + 3 * len(items) >= len(data)


def test_length_that_counts_the_final_padding_is_given_as_sent():
    """9260-3.2-04."""
    assert split_chunks(bytes.fromhex("0a000008 61000000")) == ([(10, 0, 8, b"a\0\0\0")], True)


@pytest.mark.parametrize("arguments", [(256, 0, b""), (-1, 0, b""), (0, 256, b""), (0, -1, b""),
                                       (0, 0, bytes(65532))])
def test_impossible_chunks_are_not_made(arguments):
    with pytest.raises(ValueError, match=r"bits|at most"):
        make_chunk(*arguments)


@pytest.mark.parametrize("arguments", [(65536, b""), (-1, b""), (0, bytes(65532))])
def test_impossible_parameters_are_not_made(arguments):
    with pytest.raises(ValueError, match=r"bits|at most"):
        make_tlv(*arguments)


def test_the_longest_chunk_and_parameter_are_made():
    assert make_chunk(1, 2, bytes(65531))[:4] == bytes.fromhex("0102ffff")
    assert len(make_chunk(1, 2, bytes(65531))) == 65536
    assert make_tlv(0x0102, bytes(65531))[:4] == bytes.fromhex("0102ffff")
