"""The command line (pysctpsock.cli)."""
import errno
import os

import pytest

from pysctpsock import __version__, cli


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"pysctpsock {__version__}\n"


@pytest.mark.parametrize("arguments", [
    [], ["nonsense"], ["daytime", "--port", "0"], ["daytime", "--port", "65536"], ["daytime", "--port", "x"],
    ["daytime", "--count", "0"], ["daytime", "--server", "--client", "localhost"], ["daytime", "--client"],
])
def test_wrong_arguments(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage: pysctpsock" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "told"), [
    (["--port", "x"], "'x' is no port: they are numbers from 1 to 65535"),
    (["--udp-port", "0"], "'0' is no port"), (["--port", "65536"], "'65536' is no port"),
    (["--count", "-1x"], "'-1x' is not a whole number from 1 on"),
    (["--count", "1.5"], "'1.5' is not a whole number"),
])
def test_wrong_numbers(arguments, told, capsys):
    """What is wrong is told in the user's words, not in those of the program."""
    with pytest.raises(SystemExit):
        cli.main(["daytime", "=".join(arguments)])
    assert told in capsys.readouterr().err


def test_a_file_that_is_not_there(capsys, tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        assert cli.main(["dump", "--scp", str(path)]) == 1
        assert str(path) in capsys.readouterr().err


def test_defaults():
    options = cli.parser().parse_args(["daytime"])
    assert (options.port, options.count, options.server, options.client) == (19000, None, False, None)
    assert options.port > 1023  # no privilege


def test_errors_are_told(monkeypatch, capsys):
    """An OSError ends the command with status 1 and one line, without a traceback."""
    def fail(options):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))

    monkeypatch.setattr(cli, "run_doctor", fail)
    assert cli.main(["doctor"]) == 1
    text = os.strerror(errno.EADDRINUSE)
    assert capsys.readouterr().err == f"pysctpsock: [Errno {errno.EADDRINUSE}] {text}\n"


def test_free_udp_port():
    assert 0 < cli.free_udp_port() <= 65535
