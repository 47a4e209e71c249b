"""All pages: links lead somewhere, commands and settings exist, and the words are those of the project."""

from __future__ import annotations

import re

import click
import pytest
from flask import Flask
from printed import FOLDER, ROOT

from notice_intake import NoticeIntake
from notice_intake.settings import PREFIX, Settings
from notice_intake.testing import FakeModerators, FakePlatform

PAGES = [*sorted(FOLDER.glob("*.md")), ROOT / "README.md", ROOT / "examples" / "README.md"]
#: The commands of ``notice-intake``; the others are those of ``flask notice-intake``.
CLIENT = ("submit", "bulk", "status", "watch", "answer", "withdraw", "verify", "verify-proof", "keys", "conformance")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)


def anchors(page: str) -> set[str]:
    """Return the anchors of the headings, as code forges make them."""
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found.read_text(encoding="utf-8")), target


@pytest.fixture(scope="module")
def commands(tmp_path_factory) -> click.Group:
    app = Flask("host", instance_path=str(tmp_path_factory.mktemp("instance")))
    NoticeIntake(platform=FakePlatform(), moderators=FakeModerators()).init_app(app)
    group = app.cli.commands["notice-intake"]
    assert isinstance(group, click.Group)
    return group


@each_page
def test_commands_and_their_options_exist(page, commands):
    for words in re.findall(r"notice-intake ([a-z][^`\n\\]*(?:\\\n[^`\n\\]*)*)", page.read_text(encoding="utf-8")):
        if words.split()[0] in CLIENT:
            continue  # test_refer_to_us_client.py knows these
        found: click.Command = commands
        rest = words.replace("\\\n", " ").split()
        while isinstance(found, click.Group) and rest and rest[0] in found.commands:
            found = found.commands[rest.pop(0)]
        assert not isinstance(found, click.Group) or not rest or rest[0].startswith("("), f"notice-intake {words}"
        known = {option for param in found.params for option in param.opts}
        assert {word for word in rest if word.startswith("--")} <= known, f"notice-intake {words}"


@each_page
def test_settings_exist(page):
    known = {PREFIX + name.upper() for name in Settings.__dataclass_fields__}
    named = set(re.findall(rf"{PREFIX}[A-Z_]*[A-Z]", page.read_text(encoding="utf-8")))
    known |= {PREFIX + name for name in ("URL", "TOKEN", "WEBHOOK_SECRET")}  # the client's
    assert {name for name in named if "_TEST_" not in name and name != PREFIX.rstrip("_")} <= known


@each_page
def test_paths_of_modules_exist(page):
    for path in re.findall(r"`((?:notice_intake|tests|examples)/[\w/.]+)`", page.read_text(encoding="utf-8")):
        there = (ROOT / path, ROOT / "notice_intake" / "templates" / path)
        assert any(one.exists() for one in there) or path == "notice_intake/auth/basic.py", path


@each_page
def test_a_referral_is_never_called_a_report(page):
    text = re.sub(r"(?s)```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"))
    assert re.findall(r"\b[Rr]eport(?:s|ed|ing)?\b", text) == []


@each_page
def test_lines_are_short_enough_to_be_read_in_an_editor(page):
    in_table_or_code = False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            in_table_or_code = not in_table_or_code
        if not in_table_or_code and not line.startswith(("|", "    ")):
            assert len(line) <= 125, line
