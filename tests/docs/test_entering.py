"""docs/operating.md and docs/the-desk.md: what they say about the operator's door is what it does."""

from __future__ import annotations

import re
import shlex

from printed import ROOT, section, text

from notice_intake.cli_import import DECLINED, LEFT_OUT, NOTHING, STORED
from notice_intake.flows.entry_values import WAYS

SECTION = section(text("operating.md"), "## Referrals that come by e-mail or portal")
DATA = ROOT / "tests" / "data"


def test_the_commands_run_as_printed(house, tmp_path):
    lines = re.sub(r"\\\n\s+", "", SECTION)
    printed = [line for line in lines.splitlines() if line.startswith("    flask notice-intake import")]
    commands = [shlex.split(line)[1:] for line in printed]
    assert len(commands) == 4
    files = {"mail.eml": DATA / "door" / "unit.eml", "one.json": next((DATA / "xarf").glob("content-*.json"))}
    files["referrals.csv"] = tmp_path / "referrals.csv"
    for command in commands:
        into = command[-1] if ">" in command else ""
        given = [str(files.get(one, one)) for one in command if one not in (">", into)]
        asked = [] if {"--yes", "--dry-run", "--template"} & set(given) else ["--yes"]
        result = house.app.test_cli_runner().invoke(args=[*given, *asked])
        assert result.exit_code == 0, result.output
        if into:
            files[into].write_text(result.stdout)


def test_every_option_and_exit_code_is_told(house):
    for kind in ("csv", "eml", "xarf"):
        told = house.app.test_cli_runner().invoke(args=["notice-intake", "import", kind, "--help"]).output
        for option in set(re.findall(r"--[a-z-]+", told)) - {"--help"}:
            assert f"`{option}" in SECTION or f" {option}" in SECTION, option
    assert [int(one) for one in re.findall(r"^\| ([0-9]) \|", SECTION, re.MULTILINE)] == [
        STORED,
        LEFT_OUT,
        NOTHING,
        DECLINED,
    ]
    assert all(f"`{one}`" in SECTION for one in WAYS)
