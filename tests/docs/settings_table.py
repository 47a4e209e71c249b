"""``python tests/docs/settings_table.py``: write the table of settings in docs/mounting.md again from ``Settings``."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path

from notice_intake.settings import PREFIX, Settings

PAGE = Path(__file__).parents[2] / "docs" / "mounting.md"
START, END = "<!-- settings: written by tests/docs/settings_table.py -->\n", "<!-- /settings -->"
_FIELD = re.compile(r"((?:    #: .*\n)+)    (\w+):")


def table() -> str:
    """Return the table: every setting, its default, and the comment that stands above it in the code."""
    comments = {
        name: " ".join(line.strip().removeprefix("#: ") for line in lines.splitlines())
        for lines, name in _FIELD.findall(inspect.getsource(Settings))
    }
    rows = [
        f"| `{PREFIX}{one.name.upper()}` | {shown(one.default)} | {_plain(comments[one.name])} |"
        for one in fields(Settings)
    ]
    return "\n".join(["| key | default | is |", "|---|---|---|", *rows, ""])


def shown(default: object) -> str:
    """Return a default as it would be written in an environment variable."""
    return f"`{default}`" if default not in ("", ()) else "(empty)"


def current() -> str:
    """Return the table as it stands in the page."""
    page = PAGE.read_text(encoding="utf-8")
    return page[page.index(START) + len(START) : page.index(END)]


def _plain(comment: str) -> str:
    return comment.replace("``", "`").removesuffix(".")


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text(encoding="utf-8").replace(START + current(), START + table()), encoding="utf-8")
