"""Programs of the compatibility tests: each in a process of its own, for patching cannot be taken back."""
import os

import processes
import pytest
from udp_relay import free_udp_port


@pytest.fixture
def run_program(tmp_path):
    """run_program(source, *options, arguments=(), status=0): what the patched program prints.

    The options are those of pysctpsock.monkey.  The program has ended with the status.
    """
    def run(source, *options, arguments=(), status=0):
        path = tmp_path / "program.py"
        path.write_text(source)
        done = processes.run(["-m", "pysctpsock.monkey", *options, path, *arguments], free_udp_port())
        assert done.returncode == status, done.stderr
        return done.stdout

    return run


@pytest.fixture
def run_python(tmp_path):
    """run_python(source, status=0): the finished process of a program that patches, or not, by itself."""
    def run(source, status=0):
        path = tmp_path / "program.py"
        path.write_text(source)
        done = processes.run([path], free_udp_port())
        assert done.returncode == status, done.stderr
        return done

    return run


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    """Programs serve and write files of the current folder."""
    monkeypatch.chdir(os.fspath(tmp_path))
