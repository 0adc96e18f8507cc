"""CPython's own test_socketserver and test_httplib, their TCP switched to SCTP.

cpython_run.py has the list of what is left out, and why.
"""
import importlib.util
import json
from pathlib import Path

import processes
import pytest
from udp_relay import free_udp_port


@pytest.mark.skipif(importlib.util.find_spec("test.test_httplib") is None,
                    reason="this interpreter comes without its tests (test.test_httplib)")
def test_cpythons_tests_pass_over_sctp():
    """Python 3.11.7: 25 of test_socketserver, 112 of test_httplib pass, those by TLS included;
    5 skipped want the Internet."""
    program = Path(__file__).with_name("cpython_run.py")
    done = processes.run(["-m", "pysctpsock.monkey", "--tcp-to-sctp", program], free_udp_port())
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    print(figures)
    assert [result["failed"] for result in figures.values()] == [[], []], done.stderr
    assert all(result["run"] - result["skipped"] > 20 for result in figures.values()), figures
