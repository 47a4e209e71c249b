"""docs/refer-to-us.md: the client and its command do what is printed there."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from typing import Any

import pytest
from loopback import served
from printed import ROOT, block, codes, rows, section, text

from notice_intake import client
from notice_intake.client import command

__all__ = ["served"]  # a fixture

PAGE = text("refer-to-us.md")
SECTION = section(PAGE, "## In Python, and from a shell")
FIRST = json.loads(re.search(r"<<'JSON'\n(.*)\nJSON", PAGE, re.DOTALL)[1])


def subparsers() -> dict[str, argparse.ArgumentParser]:
    (known,) = [one for one in command._parser()._actions if isinstance(one, argparse._SubParsersAction)]
    return dict(known.choices)


def test_the_printed_program_refers_and_reads(served):
    (served.cwd / "referral.json").write_text(json.dumps(FIRST), encoding="utf-8")
    lines = [json.dumps({**FIRST, "agency_reference": "EX-LINE-1"}), "{bad"]
    (served.cwd / "referrals.ndjson").write_text("\n".join(lines), encoding="utf-8")
    code = block(SECTION, "python", "IntakeClient")
    served.environment["PYTHONPATH"] = str(ROOT)
    process = served.python(code)
    said = process.communicate(timeout=30)[0].splitlines()
    assert process.returncode == 0
    assert said[0].startswith("ref_")
    assert said[1:3] == ["31-1 received None", "31-2 received None"]
    assert [line.split()[0] for line in said[3:5]] == ["1", "2"]
    assert said[3].split()[1].startswith("ref_")
    assert [line.split()[1] for line in said[5:]] == ["referral.received"] * 2
    (served.cwd / "referral.json").write_text(json.dumps({**FIRST, "language": 7}), encoding="utf-8")
    refused = subprocess.run(
        [sys.executable, "-c", code], cwd=served.cwd, env=served.environment, capture_output=True, text=True, timeout=30
    )
    assert (refused.returncode, refused.stderr.splitlines()[0].split(":")[0]) == (1, "/language")


def test_every_command_stands_in_the_table_with_options_that_exist():
    printed = {}
    for cells in rows(SECTION, "command"):
        words = codes(cells[0])[0].split()
        assert words[0] == "notice-intake"
        printed[words[1]] = {word for one in codes(" ".join(cells)) for word in one.split() if word.startswith("--")}
    known = subparsers()
    assert list(printed) == sorted(known, key=list(printed).index)
    for name, options in printed.items():
        assert options <= set(known[name]._option_string_actions), name
    everywhere = set(re.findall(r"`(--[a-z-]+)`", SECTION))
    assert everywhere <= {option for one in known.values() for option in one._option_string_actions}


@pytest.mark.parametrize("name", ["submit", "bulk", "watch", "status"])
def test_the_printed_commands_do_what_is_said(served, name):
    (served.cwd / "FILE").write_text(json.dumps(FIRST), encoding="utf-8")
    receipt: Any = served.refer({**FIRST, "agency_reference": "EX-OTHER"}).json()
    (printed,) = [codes(cells[0])[0] for cells in rows(SECTION, "command") if f" {name} " in cells[0]]
    words = printed.replace("REF", receipt["id"]).split()[1:]
    if name == "watch":
        words += ["--once"]
        words[words.index("FILE")] = "PLACE"
    environment = served.environment | {
        "NOTICE_INTAKE_URL": served.base,
        "NOTICE_INTAKE_TOKEN": served.environment["TOKEN"],
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-m", "notice_intake.client", *words],
        cwd=served.cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_the_exit_codes_are_those_of_the_help():
    helped = dict(re.findall(r"^  (\d)  (.*)$", command._EPILOG, re.MULTILINE))
    assert [codes(cells[0])[0] for cells in rows(SECTION, "exit code")] == list(helped)


def test_the_names_exist():
    names = {name for name in re.findall(r"`([A-Z][A-Za-z]+)`", SECTION)}
    assert {one for one in names if one not in ("FILE", "REF", "TEXT")} <= {*client.__all__, *client._LAZY}
    kinds = {name for name in client.__all__ if isinstance(getattr(client, name), type)}
    raised = {name for name in kinds if issubclass(getattr(client, name), client.IntakeError)}
    assert raised <= names
    for name in ("submit", "bulk", "events", "watch"):
        assert hasattr(client.IntakeClient, name)


def test_the_floor_of_requests_is_the_projects():
    floor = re.search(r"'(requests>=[\d.]+)'", SECTION)[1]
    assert f'"{floor}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
