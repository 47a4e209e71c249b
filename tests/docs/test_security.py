"""The list of checks names tests that there are, and leaves no number out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
_ROW = re.compile(r"\| (\d+) \| [^|]+ \| ([^|]+) \|")


def rows() -> dict[int, str]:
    return {int(match[1]): match[2] for match in _ROW.finditer(PAGE.read_text(encoding="utf-8"))}


def test_every_check_has_its_line():
    assert list(rows()) == list(range(1, 53))


def test_every_test_that_is_named_exists():
    for number, shown in rows().items():
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", shown)
        assert named or shown.startswith("none"), number
        for file, test in named:
            tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
            assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, (number, test)


def test_every_file_that_is_named_exists():
    for file in re.findall(r"`([\w/]+\.py)`", PAGE.read_text(encoding="utf-8")):
        assert (ROOT / "tests" / file).exists(), file
