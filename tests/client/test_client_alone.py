"""The client, and the command, in an environment that has requests and nothing else of ours."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import notice_intake

ROOT = Path(__file__).parents[2]
#: Refuses whatever is neither Python's own nor what requests brings.
BLOCKED = """
import sys

class Refuse:
    allowed = {"notice_intake", "requests", "urllib3", "idna", "certifi", "charset_normalizer", "chardet"}
    allowed |= set(sys.stdlib_module_names)

    def find_spec(self, name, path=None, target=None):
        first = name.partition(".")[0]
        if first not in self.allowed and not first.startswith("_") and not first.endswith("__mypyc"):
            raise ModuleNotFoundError(f"blocked: {name}", name=name)

sys.meta_path.insert(0, Refuse())
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BLOCKED + code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_nothing_but_requests_is_needed():
    done = run("from notice_intake.client import *\nprint(IntakeClient.__name__, verify_callback.__name__)")
    assert (done.stdout, done.returncode) == ("IntakeClient verify_callback\n", 0), done.stderr


def test_the_command_needs_no_more():
    done = run("from notice_intake.client.command import main\nsys.exit(main(['bulk', '--help']))")
    assert done.returncode == 0, done.stderr
    assert "NDJSON" in done.stdout


def test_the_conformance_check_needs_no_more_and_says_what_signing_needs():
    """What a signature needs is asked for when somebody wants one."""
    done = run("from notice_intake.client.command import main\nsys.exit(main(['conformance', '--list']))")
    assert (done.returncode, done.stderr) == (0, "")
    assert "signed.accepted" in done.stdout
    done = run("from notice_intake.client.command import main\nsys.exit(main(['keys', '--new', '/nowhere/key']))")
    assert (done.returncode, "signing needs" in done.stderr) == (2, True), done.stderr
    done = run("from notice_intake.client import SignatureAuth")
    assert "blocked: cryptography" in done.stderr


def test_the_check_can_fail():
    done = run("from notice_intake import NoticeIntake")
    assert "blocked: " in done.stderr


def test_the_public_names_are_all_there():
    assert sorted(notice_intake.__all__) == notice_intake.__all__
    for name in notice_intake.__all__:
        assert getattr(notice_intake, name).__name__ == name
        assert name in dir(notice_intake)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = notice_intake.Nothing


def test_a_star_import_brings_them_all():
    found: dict[str, object] = {}
    exec("from notice_intake import *", found)
    assert set(notice_intake.__all__) <= set(found)


def test_type_checkers_see_the_same_names():
    """What mypy reads stands beside what Python reads: each lazy name is imported under the same path."""
    source = (ROOT / "notice_intake" / "__init__.py").read_text()
    for name, home in notice_intake._HOMES.items():
        line = next(line for line in source.splitlines() if line.strip().startswith(f"from .{home} import"))
        assert name in line.partition(" import ")[2].split(", ")
    assert sorted(notice_intake._HOMES) == notice_intake.__all__


def test_the_console_script_exists():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["notice-intake"].partition(":")
    assert callable(getattr(import_module(module), function))
