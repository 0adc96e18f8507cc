"""The examples of docs/sockets do what the pages say they do."""
import re
from pathlib import Path

import processes
import pytest

from pysctpsock.cli import free_udp_port

PAGES = Path(__file__).parents[2] / "docs" / "sockets"
EXAMPLE = re.compile(r"```python\n(.*?)```\n\nIt prints\n\n```text\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("name", ["event-loops", "descriptors"])
def test_example(name):
    program, output = EXAMPLE.search((PAGES / f"{name}.md").read_text()).groups()
    done = processes.run(["-c", program], free_udp_port())
    assert (done.stdout, done.stderr, done.returncode) == (output, "", 0)
