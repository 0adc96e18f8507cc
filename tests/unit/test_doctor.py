"""What `pysctpsock doctor` finds (pysctpsock.doctor): each thing that can be broken is, and is told."""
import os
import re
import socket
from pathlib import Path

import pytest

import pysctpsock
from pysctpsock import cli, doctor

FOLDER = Path(pysctpsock.__file__).parent


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """No variable of ours but a free UDP port, in a folder that holds nothing."""
    for variable in [name for name in os.environ if name.startswith("PYSCTPSOCK_")]:
        monkeypatch.delenv(variable)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.setenv("PYSCTPSOCK_UDP_PORT", str(cli.free_udp_port()))
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def broken(findings):
    return {finding.name: finding.text for finding in findings if finding.broken}


def test_a_sound_machine(environment, capsys):
    """One fact a line, and the status of success; what is tested is tested."""
    assert cli.main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in ("pysctpsock", "package", "Python", "gevent", "system", "kernel SCTP", "raw IP",
                 "UDP over IPv4", "UDP port", "self-test"):
        assert any(line.startswith(name) for line in lines), name
    assert lines[0].split() == ["pysctpsock", pysctpsock.__version__]
    assert lines[-1] == "nothing is broken"


def test_something_broken(environment, capsys):
    """The status is of failure, and the last line has their number."""
    environment.setattr(doctor, "findings", lambda: iter(
        [doctor.Finding("this", "is"), doctor.Finding("that", "is not", True)]))
    assert cli.main(["doctor"]) == 1
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == ["this is", "that BROKEN: is not", "1 thing is broken"]


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6"])
def test_port_in_use(environment, family):
    """6951-5-01: listeners have one UDP port; whoever has it on one IP version is in the way."""
    with socket.socket(getattr(socket, family), socket.SOCK_DGRAM) as other:
        if family == "AF_INET6":
            other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        other.bind(("", 0))
        port = other.getsockname()[1]
        environment.setenv("PYSCTPSOCK_UDP_PORT", str(port))
        found = broken(doctor.ports())
    assert list(found) == ["UDP port"]
    assert str(port) in found["UDP port"] and "PYSCTPSOCK_UDP_PORT" in found["UDP port"]
    assert not broken(doctor.ports())


@pytest.mark.parametrize(("variable", "value", "words"), [
    ("PYSCTPSOCK_UDP_PORT", "abc", "whole number"), ("PYSCTPSOCK_UDP_PORT", "65536", "1..65535"),
    ("PYSCTPSOCK_CARRIER", "raw", "not available yet"), ("PYSCTPSOCK_MAX_ASSOCIATIONS", "", "whole number"),
    ("PYSCTPSOCK_UPD_PORT", "5000", "PYSCTPSOCK_UDP_PORT"), ("PYSCTPSOCK_PORT", "1", "PYSCTPSOCK_UDP_PORT"),
    ("PYSCTPSOCK_CARIER", "udp", "PYSCTPSOCK_CARRIER"),
])
def test_wrong_variable(environment, variable, value, words):
    """A value that does not exist, or a name that is nearly one of ours."""
    environment.setenv(variable, value)
    found = broken(doctor.variables())
    assert list(found) == [variable] and words in found[variable]


@pytest.mark.parametrize("variable", [
    "PYSCTPSOCK_CLIENTS", "PYSCTPSOCK_CAPTURE", "PYSCTPSOCK_BUILD", "PYSCTPSOCK_SLEEP",
    "PYSCTPSOCK_PYSCTP_PPID"])
def test_other_variables(environment, variable):
    """The build's, the tests' and pysctp's are shown."""
    environment.setenv(variable, "1")
    assert [finding for finding in doctor.variables() if finding.name == variable] == [
        doctor.Finding(variable, "1")]


@pytest.mark.parametrize("name", ["pysctpsock.py", "pysctpsock/__init__.py"])
def test_something_shadows_the_package(environment, tmp_path, name):
    """What the current folder has comes first in `python -m` and `python -c`."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    found = broken([doctor.package()])
    assert str(tmp_path / name) in found["package"] and str(FOLDER) in found["package"]


def test_package_that_cannot_be_imported(environment, tmp_path):
    (tmp_path / "pysctpsock.py").write_text("raise ImportError('on purpose')\n")
    assert "ImportError: on purpose" in broken([doctor.package()])["package"]


def test_source_tree(environment, tmp_path):
    """One that gives way shadows nothing; it is told."""
    (tmp_path / "pysctpsock").mkdir()
    for name in ("__init__.py", "source_tree.py", "_version.py"):
        (tmp_path / "pysctpsock" / name).write_text((FOLDER / name).read_text())
    finding = doctor.package()
    assert not finding.broken
    assert str(tmp_path / "pysctpsock") in finding.text and str(FOLDER) in finding.text


def test_self_test_fails(environment):
    """Its reason is the line that the program gave."""
    environment.setattr(doctor, "THIS_PROGRAM", [*cli.THIS_PROGRAM[:2],
                                                 "import sys; sys.exit('no packet comes back')"])
    assert re.search("no packet comes back", broken([doctor.self_test()])["self-test"])


def test_self_test_knows_no_variables(environment):
    """It is about the machine; variables have lines of their own."""
    environment.setenv("PYSCTPSOCK_UDP_PORT", "abc")
    assert not doctor.self_test().broken


def test_no_carrier(environment):
    """Without UDP over IPv4 nothing works; without IPv6 much does."""
    def refuse(host, port, ipv6):
        raise OSError(97, "Address family not supported by protocol")

    environment.setattr(doctor, "UdpCarrier", refuse)
    assert list(broken(doctor.carriers())) == ["UDP over IPv4"]
