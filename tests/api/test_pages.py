"""The examples of docs/sockets and of the first hour do what the pages say they do."""
import re

import processes
import pytest

from pysctpsock.cli import free_udp_port

PAGES = processes.ROOT / "docs" / "sockets"
EXAMPLE = re.compile(r"```python\n(.*?)```(?:\n\nIt prints\n\n```text\n(.*?)```)?", re.DOTALL)
TABLE = "options"
NAMES = ["../first-hour", *sorted(path.stem for path in PAGES.glob("*.md") if path.stem != TABLE)]


@pytest.mark.parametrize("name", NAMES)
def test_example(name):
    examples = EXAMPLE.findall((PAGES / f"{name}.md").read_text())
    assert examples
    for program, output in examples:
        done = processes.run(["-W", "error::ResourceWarning", "-c", program], free_udp_port())
        assert (done.stdout, done.stderr, done.returncode) == (output, "", 0)
