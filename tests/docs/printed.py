"""What is printed in the documentation, ready to be run."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text(name: str) -> str:
    """Return a page."""
    return (FOLDER / name).read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """Return what stands under a heading, up to the next one of the same depth or less."""
    depth = len(heading) - len(heading.lstrip("#"))
    start = page.index(f"\n{heading}\n") + len(heading) + 2
    following = re.search(rf"^#{{1,{depth}}} ", page[start:], re.MULTILINE)
    return page[start : start + following.start()] if following else page[start:]


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks in a language."""
    return [body for found, body in _BLOCK.findall(page) if found == language]


def block(page: str, language: str, holding: str) -> str:
    """Return the one block in a language that holds a text."""
    (found,) = [body for body in blocks(page, language) if holding in body]
    return found


def rows(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the one table that has this heading in its first column, without its head."""
    lines = page.splitlines()
    (start,) = [number for number, line in enumerate(lines) if line.startswith(f"| {heading} |")]
    body = takewhile(lambda line: line.startswith("|"), lines[start + 2 :])
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in body]


def codes(cell: str) -> list[str]:
    """Return what stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)
