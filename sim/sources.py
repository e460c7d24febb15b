"""Which core a result is of: a digest of the code that the RTL and its model are made from, its comments apart."""

import ast
import hashlib
import io
import tokenize
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
TOOLS = {"__init__", "build", "build_step", "mapping", "netlist", "timing", "tools", "yosys"}
"""Files of ``hw/`` that make nothing of the core."""

MODEL = ("config", "descriptor", "encode", "lif", "network", "program", "registers", "serial_frame")
"""Files of ``golden/`` that the hardware must agree with."""


@cache
def core_digest() -> str:
    """12 hexadecimal digits, which change with the code of the core or of its model."""
    parts = sorted(path for path in (REPOSITORY / "hw").glob("*.py") if path.stem not in TOOLS)
    paths = [*parts, *(REPOSITORY / "golden" / f"{name}.py" for name in MODEL)]
    texts = [f"{path.parent.name}/{path.name}\n{code_of(path.read_text())}" for path in paths]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


@cache
def project_digest() -> str:
    """12 hexadecimal digits, which change with any code of the project, cell models and the like included."""
    folders = [REPOSITORY / name for name in ("golden", "hw", "sim", "host")]
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".v", ".vlt"))
    digest = hashlib.sha256()
    for path in paths:
        data = path.read_bytes()
        digest.update(f"{path.relative_to(REPOSITORY)} {len(data)} ".encode() + data)
    return digest.hexdigest()[:12]


def code_of(text: str) -> str:
    """Python source without comments, docstrings and empty lines."""
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip())
