"""The stylesheet, the script, the templates: what may stand in them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

import notice_intake

PACKAGE = Path(notice_intake.__file__).parent
STATIC = PACKAGE / "static"
TEMPLATES = sorted((PACKAGE / "templates" / "notice_intake").rglob("*.html"))
SHEETS = ("desk.css", "agency.css")


def test_what_was_copied_in_is_what_vendor_md_says() -> None:
    table = re.findall(
        r"^\| `\.\./templates/notice_intake/([^`]+)`.*\| `([0-9a-f]{64})` \|$", (STATIC / "VENDOR.md").read_text(), re.M
    )
    assert dict(table).keys() == {"_sprite.html"}
    for name, sum_ in table:
        body = (PACKAGE / "templates" / "notice_intake" / name).read_bytes()
        assert hashlib.sha256(body).hexdigest() == sum_


def test_no_template_holds_a_script_a_style_or_an_address_elsewhere() -> None:
    assert len(TEMPLATES) > 10
    for path in TEMPLATES:
        text = path.read_text()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|https?://", text), path.name
        assert not re.search(r"<script(?! src=\"\{\{ asset)", text), path.name
        assert "|safe" not in text.replace(" ", ""), path.name


@pytest.mark.parametrize("sheet", SHEETS)
def test_every_rule_of_the_stylesheet_is_in_its_layer_and_under_ni(sheet: str) -> None:
    css = re.sub(r"/\*.*?\*/", "", (STATIC / sheet).read_text(), flags=re.S)
    assert css.strip().startswith("@layer notice_intake {")
    assert css.count("{") == css.count("}")
    assert css.rstrip().endswith("}")
    depth, closed = 0, []
    for char in css.strip():
        depth += (char == "{") - (char == "}")
        closed.append(depth)
    assert 0 not in closed[len("@layer notice_intake {") : -1]
    body = css.strip().removeprefix("@layer notice_intake {")
    # The steps of an animation are no selectors; its name, which is the whole page's, has to be ours.
    body = re.sub(r"@keyframes ni-[\w-]+ \{(?:[^{}]*\{[^{}]*\})*\s*\}", "", body)
    for prelude in re.findall(r"([^{};]+)\{", body):
        if prelude.strip().startswith("@"):
            continue
        for selector in re.split(r",(?![^()]*\))", prelude):
            assert re.match(r"\.ni(-page)?\b", selector.strip()), selector


@pytest.mark.parametrize("sheet", SHEETS)
def test_the_stylesheet_turns_with_the_direction_of_the_script(sheet: str) -> None:
    css = (STATIC / sheet).read_text()
    physical = (
        r"(?<![\w-])(?:margin|padding|border)-(?:left|right)|(?<![\w-])(?:left|right)\s*:|text-align:\s*(?:left|right)"
    )
    assert not re.search(physical, css)


def test_the_script_needs_no_library_and_stays_small() -> None:
    script = (STATIC / "desk.js").read_text()
    assert not re.search(r"\beval\b|new Function|innerHTML|document\.write|https?://|\bimport\b", script)
    assert len(script.splitlines()) <= 240
    assert sorted(path.name for path in STATIC.iterdir()) == [
        "VENDOR.md",
        "agency.css",
        "desk.css",
        "desk.js",
        "icon.svg",
    ]


def test_every_icon_that_is_used_is_there() -> None:
    there = set(re.findall(r'id="ni-i-([a-z0-9-]+)"', (PACKAGE / "templates/notice_intake/_sprite.html").read_text()))
    used = {name for path in TEMPLATES for name in re.findall(r'icon\("([a-z0-9-]+)"', path.read_text())}
    assert used <= there


def test_the_agency_pages_load_no_script() -> None:
    pages = [path for path in TEMPLATES if path.parent.name == "agency"]
    assert len(pages) > 10
    assert not [path.name for path in pages if "<script" in path.read_text()]
