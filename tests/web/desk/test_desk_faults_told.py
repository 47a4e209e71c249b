"""What the rules say of a document is read in the language of the page: every sentence of theirs, with its values."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from catalogues import TRANSLATED
from desk_house import DeskHouse, Visitor
from test_desk_entering import NOTICE, shown

import notice_intake
from notice_intake.errors import DocumentRefused
from notice_intake.formats import xarf_core
from notice_intake.web.fault_words import told
from notice_intake.web.texts import texts_in

PACKAGE = Path(notice_intake.__file__).parent
#: Modules whose sentences reach people on pages; answers and events are ours alone.
SAYING = (
    *("contract/fields.py", "contract/compiled.py", "contract/strict_json.py", "contract/referrals.py"),
    *("core/referrals.py", "core/links.py", "formats/xarf.py", "formats/xarf_core.py", "flows/supplements.py"),
    *("regimes/eu_dsa.py", "regimes/eu_iru.py", "regimes/eu_tco.py"),
)
CALLS = {"FieldError": 2, "LinkRefused": 0, "ValidationError": 0, "MalformedBody": 0, "_Rule": 1, "Pattern": 1}
SENTENCE = re.compile(r"[A-Z].*[.]$")


def sentences() -> dict[str, str]:
    """Every sentence in those modules, values filled in, with where it stands."""
    found = {}
    for name in SAYING:
        for node in ast.walk(ast.parse((PACKAGE / name).read_text(encoding="utf-8"))):
            wanted: list[ast.expr] = []
            if isinstance(node, ast.Call):
                called = node.func.id if isinstance(node.func, ast.Name) else ""
                wanted += node.args[CALLS[called] : CALLS[called] + 1] if called in CALLS else []
                wanted += [one.value for one in node.keywords if one.arg == "error"]
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                wanted += [node.value] if node.targets[0].id in ("detail", "error", "advice") else []
            found |= {text: name for one in wanted for text in _text(one) if SENTENCE.match(text)}
    return found


def _text(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    if isinstance(node, ast.JoinedStr):
        yield "".join(one.value if isinstance(one, ast.Constant) else "7" for one in node.values)


def test_the_modules_say_what_is_looked_for():
    found = sentences()
    assert len(found) > 60
    assert {"Use one line of text.", "Send a UUID.", "The link is longer than 7 characters. Shorten it."} <= set(found)


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_sentence_of_the_rules_is_translated(language: str) -> None:
    texts = texts_in(language)
    assert [(text, where) for text, where in sentences().items() if told(texts, text) == text] == []


@pytest.mark.parametrize("language", TRANSLATED)
@pytest.mark.parametrize(
    ("detail", "kept"),
    [
        ("Must be one of: video, post, account.", "video, post, account"),
        ("Length must be between 1 and 200.", "200"),
        ("Longer than maximum length 320.", "320"),
        ("Shorter than minimum length 1.", "1"),
        ("Not a valid string.", ""),
        ("Not a valid list.", ""),
        ("Invalid input type.", ""),
        ("Another referral of this agency has this reference: ref_1. Give it a reference of its own.", "ref_1"),
        ("This lies in the future; it is 2026-11-21T09:00:00+00:00 here. Check the clock and offset.", "2026-11-21T"),
        ("Links of the kind 'a%(b)s' name no content here. Send the http or https address of the content.", "a%(b)s"),
    ],
)
def test_what_was_found_stays_in_the_sentence(language: str, detail: str, kept: str) -> None:
    said = told(texts_in(language), detail)
    assert said != detail
    assert kept in said


def test_what_nobody_has_written_down_is_shown_as_it_is():
    assert told(texts_in("de"), "100 % of %(this)s is new") == "100 % of %(this)s is new"
    assert told(texts_in("de"), "") == ""


def test_advice_within_a_sentence_is_translated_too():
    with pytest.raises(DocumentRefused) as refused:
        xarf_core.check({"xarf_version": "4.2.0"})
    said = [told(texts_in("de"), one.detail) for one in refused.value.errors]
    assert "Dieses Feld fehlt. Senden Sie eine UUID." in said
    assert not [one for one in said if "Send " in one or "missing" in one]


@pytest.mark.parametrize(("language", "words"), [("de", "höchstens"), ("fr", "au plus"), ("ar", "على الأكثر")])
def test_a_row_that_the_contract_refuses_is_told_in_the_language_of_the_desk(
    desk: DeskHouse, mona: Visitor, language: str, words: str
) -> None:
    mona.open(f"/?lang={language}")
    table = f"url,reference\nhttps://video.example/1,{'x' * 300}\n".encode()
    page = shown(mona, ("list.csv", table), agency_name="Unit One", **NOTICE)
    assert words in page.text
    assert "Length must be" not in page.text
    assert "Longer than" not in page.text
