"""docs/conformance.md: the rules are those of the kit, and each leads to the section that it comes from."""

from __future__ import annotations

import argparse
import json
import re
import threading

import pytest
from loopback import sandboxed
from printed import FOLDER, ROOT, block, codes, rows, section, text
from rules_table import current, table

from notice_intake.client import command
from notice_intake.client.conformance import RULES
from notice_intake.client.conformance.command import _EPILOG
from notice_intake.core.scripts import steps
from notice_intake.flows import sandbox, work

__all__ = ["sandboxed"]  # a fixture

PAGE = text("conformance.md")


def test_the_table_of_rules_is_current():
    assert current() == table(), "run tests/docs/rules_table.py"
    assert len({one.id for one in RULES}) == len(RULES)


@pytest.mark.parametrize("source", sorted({one.source for one in RULES}))
def test_each_rule_comes_from_a_section_that_is_there(source):
    name, _, anchor = source.partition("#")
    headings = re.findall(r"^#+ (.*)$", (FOLDER / name).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor in {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_options_and_exit_codes_are_those_of_the_command():
    (known,) = [one for one in command._parser()._actions if isinstance(one, argparse._SubParsersAction)]
    options = {one for action in known.choices["conformance"]._actions for one in action.option_strings}
    printed = {word for cells in rows(PAGE, "option") for one in codes(cells[0]) for word in one.split()}
    assert {word for word in printed if word.startswith("--")} == options - {"-h", "--help"}
    codes_helped = re.findall(r"^  (\d)  (.*)$", _EPILOG, re.MULTILINE)
    assert [(codes(cells[0])[0], cells[1]) for cells in rows(PAGE, "exit code")] == codes_helped


def test_the_printed_program_runs(sandboxed):
    environment = sandboxed.environment
    environment |= {"PYTHONPATH": str(ROOT), "BASE": sandboxed.base + "/sandbox", "TOKEN": environment["SANDBOX_TOKEN"]}
    process = sandboxed.python(block(PAGE, "python", "RULES"))
    said = process.communicate(timeout=60)[0].splitlines()
    assert process.returncode == 0
    assert [line.split()[:2] for line in said] == [[one.id, "pass"] for one in RULES if one.group == "bulk"]


def test_the_sandbox_answers_what_is_printed(sandboxed):
    answer = json.loads(sandboxed.shell(block(text("refer-to-us.md"), "sh", "/sandbox/")))
    assert answer["sandbox"] is True
    for _ in range(3):
        work.work(sandboxed.sandbox, stop=threading.Event(), once=True, also=sandbox.Turn())
    sandboxed.environment["TOKEN"] = sandboxed.environment["SANDBOX_TOKEN"]
    shown = sandboxed.get(f"/sandbox{answer['status_path']}")
    assert [(item["status"], item["outcome"]) for item in shown["items"]] == [
        ("effected", "removed"),
        ("needs_clarification", None),
    ]


def test_the_printed_scripts_are_scripts():
    section_ = section(text("refer-to-us.md"), "## Try it in the sandbox")
    printed = [one for one in re.findall(r"`((?:ask|decide):[a-z_+:]+)`", section_) if not one.endswith(":")]
    assert len(printed) >= 4
    assert all(steps(one) for one in printed)
