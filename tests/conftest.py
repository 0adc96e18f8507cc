"""Settings of all tests; helpers that tests share are modules in tests/support."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "support"))

pytest_plugins = ["failures"]
