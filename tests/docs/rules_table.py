"""``python tests/docs/rules_table.py``: write the rules in docs/conformance.md again from the conformance kit."""

from __future__ import annotations

from pathlib import Path

from notice_intake.client.conformance import RULES

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
START, END = "<!-- rules: written by tests/docs/rules_table.py -->\n", "<!-- /rules -->"


def table() -> str:
    """Return the table: every rule, what it promises, and where that stands."""
    rows = [f"| `{one.id}` | {one.title} | [{_page(one.source)}]({one.source}) |" for one in RULES]
    return "\n".join(["| rule | promise | from |", "|---|---|---|", *rows, ""])


def current() -> str:
    """Return the table as it stands in the page."""
    page = PAGE.read_text(encoding="utf-8")
    return page[page.index(START) + len(START) : page.index(END)]


def _page(source: str) -> str:
    name, _, section = source.partition("#")
    return f"{name.removesuffix('.md')}, {section.replace('-', ' ')}"


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text(encoding="utf-8").replace(START + current(), START + table()), encoding="utf-8")
