"""The segment header of SCP."""
import pytest

from pysctpsock._cy.scp_wire import ScpFlag, decode_header, encode_header


def test_flags():
    """SCP-01: SYN, FIN, RST, PUSH in the low half of the first byte."""
    assert [ScpFlag.SCP_SYN, ScpFlag.SCP_FIN, ScpFlag.SCP_RST, ScpFlag.SCP_PUSH] == [8, 4, 2, 1]
    assert encode_header(ScpFlag.SCP_SYN | ScpFlag.SCP_PUSH, 0, 0)[0] == 0x09


@pytest.mark.parametrize("flags, session_id, length, header", [
    (0x0D, 1024, 5, "0D 00 04 00 00 00 00 05"),
    (0x04, 16777214, 0, "04 FF FF FE 00 00 00 00"),
    (0x00, 0x123456, 0x789ABCDE, "00 12 34 56 78 9A BC DE"),
])
def test_header(flags, session_id, length, header):
    """SCP-02, SCP-03, SCP-04: 24 bits of id, 32 of length, big endian, 8 bytes in all."""
    assert encode_header(flags, session_id, length) == bytes.fromhex(header)
    assert decode_header(bytes.fromhex(header)) == (flags, session_id, length)


def test_no_such_header():
    with pytest.raises(ValueError):
        encode_header(0, 1 << 24, 0)
    with pytest.raises(ValueError):
        decode_header(bytes(7))
