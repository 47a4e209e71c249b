"""Rules that hold for the code as a whole: how secrets are compared, and where agencies' rows are asked for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import notice_intake
from notice_intake.ids import new_id

PACKAGE = Path(notice_intake.__file__).parent
#: What must not be compared by ``==``, which stops at the first difference: names that values of ours carry.
SECRET = {"digest", "secret", "token", "signature", "challenge", "password", "csrf", "seed", "mac"}


def comparisons(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of each secret in a ``==`` or ``!=`` with another value that is not written in the code."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and any(isinstance(one, ast.Eq | ast.NotEq) for one in node.ops):
            sides = [node.left, *node.comparators]
            if any(isinstance(one, ast.Constant) for one in sides):
                continue
            for one in sides:
                name = one.attr if isinstance(one, ast.Attribute) else one.id if isinstance(one, ast.Name) else ""
                if name in SECRET:
                    yield node.lineno, name


def test_no_secret_is_compared_in_a_time_that_tells_how_much_was_right():
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        where = path.relative_to(PACKAGE).as_posix()
        if where.startswith("store/"):
            continue  # the database compares there, by an index
        found += [f"{where}:{line}: {name}" for line, name in comparisons(path.read_text(encoding="utf-8"))]
    assert found == []


def test_the_scan_finds_such_a_comparison():
    assert list(comparisons("if row.digest == digest:\n    pass")) == [(1, "digest"), (1, "digest")]
    assert list(comparisons("if token != '' and hmac.compare_digest(token, other):\n    pass")) == []


def test_no_page_or_route_asks_the_database_by_itself():
    """Rows are had from flows, which take the agency that asks; a query written in a route could leave it out."""
    for path in sorted((PACKAGE / "web").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert not [one for one in modules if one.startswith("sqlalchemy")], path
        called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not called & {"execute", "fetch", "begin"}, path


def test_ids_tell_their_time_and_nothing_about_each_other():
    ids = [new_id("ref") for _ in range(2000)]
    assert len(set(ids)) == 2000
    # ULID: 48 bits of time in ten characters, then 80 that are drawn for each.
    ends = [one[-16:] for one in ids]
    alike = [sum(a == b for a, b in zip(*pair, strict=True)) for pair in pairwise(ends)]
    assert max(alike) < 10
    assert sum(alike) / len(alike) < 1.0
