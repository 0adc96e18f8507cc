"""Captured SCP streams as text."""
import io

import pytest
from scp_ends import FIN, PUSH, RST, SYN, segment

from pysctpsock import cli
from pysctpsock.scp import dump


def lines(stream, **options):
    return [line.split(maxsplit=4) for line in dump(io.BytesIO(stream), **options)]


def test_segments():
    """SCP-01 to SCP-03: flags, id and length of each; an offset in the stream."""
    stream = (segment(SYN | PUSH | FIN, 1024, b"GET\r\n") + segment(0, 1026, bytes(100_000))
              + segment(RST, 1025))
    assert lines(stream) == [
        ["0", "1024", "SYN+FIN+PUSH", "5", r"b'GET\r\n'"],
        ["13", "1026", "-", "100000", repr(bytes(16)) + "..."],
        ["100021", "1025", "RST", "0"]]


@pytest.mark.parametrize("rest, says", [
    (b"\0\0\4", "truncated: 3 bytes of a header"),
    (segment(0, 1024, b"abc")[:-1], "truncated: 1 bytes are missing"),
    (segment(0x40, 1024), "40 00 04 00 00 00 00 00  bad flags"),
    (segment(SYN, 3), "08 00 00 03 00 00 00 00  reserved session id"),
])
def test_what_cannot_be(rest, says):
    """SCP-50, SCP-51, SCP-59: the dump ends there, and says why."""
    shown = list(dump(io.BytesIO(segment(SYN, 1024) + rest + segment(0, 1024))
                      if rest[0] & 0xF0 or says.endswith("id") else io.BytesIO(segment(SYN, 1024) + rest)))
    assert shown[-1].split(maxsplit=1)[1] == says


def test_length_includes_header():
    """SCP-05."""
    stream = bytes.fromhex("08 00 04 00  00 00 00 0A") + b"ok" + bytes.fromhex("00 00 04 00  00 00 00 03")
    shown = list(dump(io.BytesIO(stream), length_includes_header=True))
    assert shown[0].split()[3:] == ["2", "b'ok'"]
    assert shown[1].endswith("segment too short")


def test_command(tmp_path, capsys):
    capture = tmp_path / "capture"
    capture.write_bytes(segment(SYN, 1024, b"x"))
    assert cli.main(["dump", "--scp", str(capture)]) == 0
    assert capsys.readouterr().out.split() == ["0", "1024", "SYN", "1", "b'x'"]
    assert cli.main(["dump", "--scp", str(tmp_path / "none")]) == 1
    assert "No such file" in capsys.readouterr().err
