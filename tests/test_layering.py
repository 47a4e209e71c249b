"""The shape of the house: who imports whom, and how large a part may be."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "notice_intake"
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))

MODULE_LINES, FUNCTION_LINES, MEDIAN_LINES, EXTENSION_LINES = 350, 60, 10, 200
PARAMETERS, POSITIONAL = 6, 2

#: What a function works in, rather than on: it carries everything and stands first by custom, so it does not count.
CONTEXT = {"self", "cls", "mount", "tx", "connection", "desk", "run"}
#: Signatures that somebody else calls by position.
GIVEN = {
    "web/api/counting.py:incr": "the Storage of limits",
    "web/api/shared_counting.py:incr": "the Storage of limits",
    "store/columns.py:reference": "reads as SQLAlchemy's own constructors do",
    "cli.py:add": "click fills the parameters by name from the options",
    "cli_endpoints.py:command": "click fills the parameters by name from the options",
    "cli_keys.py:key_add": "click fills the parameters by name from the options",
    "cli_deliveries.py:replay": "click fills the parameters by name from the options",
    "cli_keys.py:require_signature": "click fills the parameters by name from the options",
    "cli_retention.py:add": "click fills the parameters by name from the options",
    "cli_retention.py:command": "click fills the parameters by name from the options",
    "cli_pages.py:link": "click fills the parameters by name from the options",
    "store/migrate.py:include": "Alembic's include_name",
    "client/callbacks.py:verify_callback": "headers, body, secret: the order of every webhook library",
    "web/api/blueprint.py:get_converter": "Werkzeug's Rule",
    "delivery/guard.py:init_poolmanager": "requests' HTTPAdapter",
    "delivery/guard.py:cert_verify": "requests' HTTPAdapter",
    "delivery/guard.py:build_connection_pool_key_attributes": "requests' HTTPAdapter",
    "web/texts.py:ngettext": "gettext's own order",
    "flows/deliver.py:attempt": "the sender is part of what it works in",
    "client/conformance/rules.py:rule": "the list of rules reads as a table: id, promise, source",
    **dict.fromkeys(
        (f"client/conformance/expect.py:{one}" for one in ("that", "problem", "fault", "member", "equal")),
        "assertions, read as a sentence: of what, and which two values",
    ),
    "store/insertion.py:insertion": "cached by its arguments, which lru_cache compares by position",
}
#: A revision is a record of what was released: it is never split or shortened.
FREE_OF_SIZE = {"store/migrations/versions/0001_first.py"}


def named(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            yield node


def own_parameters(node: ast.FunctionDef) -> list[ast.arg]:
    given = [*node.args.posonlyargs, *node.args.args]
    while given and given[0].arg in CONTEXT:
        given = given[1:]
    return given


def test_imports_point_down_only():
    pytest.importorskip("importlinter", reason="the import contracts need import-linter, which make lint installs")
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:]


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_no_part_outgrows_its_budget(path):
    if named(path) in FREE_OF_SIZE:
        return
    lines = len(path.read_text(encoding="utf-8").splitlines())
    limit = EXTENSION_LINES if named(path) == "extension.py" else MODULE_LINES
    assert lines <= limit, f"{named(path)} has {lines} lines"
    for node in functions(path):
        length = node.end_lineno - node.lineno + 1
        assert length <= FUNCTION_LINES, f"{named(path)}:{node.name} has {length} lines"
        positional = own_parameters(node)
        total = len(positional) + len(node.args.kwonlyargs)
        assert total <= PARAMETERS, f"{named(path)}:{node.name} takes {total} parameters"
        if not node.name.startswith("_") and f"{named(path)}:{node.name}" not in GIVEN:
            assert len(positional) <= POSITIONAL, f"{named(path)}:{node.name} takes {len(positional)} by position"


def test_functions_are_short():
    lengths = [node.end_lineno - node.lineno + 1 for path in MODULES for node in functions(path)]
    assert statistics.median(lengths) <= MEDIAN_LINES


def test_no_part_is_named_after_nothing():
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}
    assert not [named(path) for path in MODULES if path.stem in vague]


def test_every_public_name_says_what_it_promises():
    silent = []
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inside = [] if named(path) in FREE_OF_SIZE else tree.body
        public = [node for node in inside if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        silent += [named(path)] if not ast.get_docstring(tree) else []
        silent += [
            f"{named(path)}:{node.name}"
            for node in public
            if not node.name.startswith("_") and not ast.get_docstring(node)
        ]
    assert not silent


def test_no_two_test_files_have_one_name():
    # pytest imports them by their bare names: the second of two would not be run.
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert len(set(names)) == len(names)
