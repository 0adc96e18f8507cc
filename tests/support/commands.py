"""The commands that the texts tell a reader to type: README, CONTRIBUTING, docs, examples, benchmarks."""
import ast
import re

from processes import ROOT

WORDS = ("pip", "python", "python3", "pytest", "pysctpsock", "tox", "tshark", "export", "sysctl")
WORD = r"(?:[A-Z_]+=\S+ )*(?:" + "|".join(WORDS) + r")(?= )"
BLOCK = re.compile(rf"^    ({WORD}.*?)(?:\s{{2,}}#.*)?$", re.MULTILINE)
SPAN = re.compile(rf"`({WORD}[^`]*?)`")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def texts():
    """{path below the tree: text}; of a program its docstring."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"),
             *(ROOT / "examples").rglob("*.md")]
    found = {path: FENCE.sub("", path.read_text()) for path in pages}
    for folder in ("examples", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            found[path] = ast.get_docstring(ast.parse(path.read_text()), clean=False) or ""
    return {str(path.relative_to(ROOT)): text for path, text in found.items()}


def written():
    """[(path of the text, command)], in a fixed order, each once."""
    return sorted({(path, re.sub(r"\s+", " ", command)) for path, text in texts().items()
                   for form in (BLOCK, SPAN) for command in form.findall(text)})
