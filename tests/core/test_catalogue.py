"""The Commission's codes: every one, with its label and its place, as published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from notice_intake.core import catalogue

FACTS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data" / "dsa_tdb_statement.json").read_text("utf-8"))
LABELS = FACTS["enum_labels"]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (catalogue.CATEGORIES, "category"),
        (catalogue.NOTICE_CATEGORIES, "category"),
        (catalogue.KEYWORDS, "category_specification"),
        (catalogue.CONTENT_TYPES, "content_type"),
        (catalogue.SOURCE_TYPES, "source_type"),
    ],
    ids=["categories", "notice categories", "keywords", "content types", "source types"],
)
def test_every_code_and_label_is_the_commissions(ours: dict[str, str], theirs: str) -> None:
    assert dict(ours) == LABELS[theirs]
    assert sorted(ours) == sorted(FACTS["fields"][theirs]["enum"])


def test_what_is_not_specified_stands_last_and_is_worded_for_who_sent_it() -> None:
    notice, order = dict(catalogue.NOTICE_CATEGORIES), dict(catalogue.ORDER_CATEGORIES)
    assert list(notice)[-1] == catalogue.NOT_SPECIFIED_NOTICE
    assert list(order)[-1] == catalogue.NOT_SPECIFIED_ORDER
    label = order.pop(catalogue.NOT_SPECIFIED_ORDER)
    assert FACTS["transparency_report_only"][catalogue.NOT_SPECIFIED_ORDER].startswith(label)
    notice.pop(catalogue.NOT_SPECIFIED_NOTICE)
    assert order == notice


def test_the_keywords_of_each_category_are_the_documented_ones_in_order() -> None:
    published = {category: tuple(keywords) for category, keywords in FACTS["category_keywords"].items()}
    assert dict(catalogue.CATEGORY_KEYWORDS) == published | {catalogue.NOT_SPECIFIED_ORDER: ()}


def test_each_keyword_is_offered_somewhere_but_for_the_one_without_a_group() -> None:
    offered = {keyword for category in catalogue.CATEGORIES for keyword in catalogue.keywords_of(category)}
    assert set(catalogue.KEYWORDS) - offered == {"KEYWORD_STALKING"}
    assert catalogue.keywords_of(catalogue.NOT_SPECIFIED_NOTICE) == ()
    assert catalogue.keywords_of("STATEMENT_CATEGORY_SELF_HARM")[-1] == "KEYWORD_OTHER"


def test_territories_are_those_that_a_statement_of_reasons_takes() -> None:
    assert list(catalogue.EU) == FACTS["country_groups"]["EU"]
    assert list(catalogue.EEA) == FACTS["country_groups"]["EEA"]
    assert list(catalogue.TERRITORIES) == FACTS["fields"]["territorial_scope"]["enum"]


@pytest.mark.parametrize(
    ("code", "normal"), [("EL", "GR"), ("el", "GR"), ("GR", "GR"), ("UK", "GB"), (" be ", "BE"), ("US", "US")]
)
def test_a_country_has_one_code(code: str, normal: str) -> None:
    assert catalogue.country(code) == normal


def test_a_label_can_be_had_for_any_code() -> None:
    assert catalogue.category_label("STATEMENT_CATEGORY_SELF_HARM") == "Self-harm"
    assert catalogue.category_label(catalogue.NOT_SPECIFIED_ORDER).endswith("public authority")
    assert catalogue.category_label("STATEMENT_CATEGORY_RETIRED") == "STATEMENT_CATEGORY_RETIRED"


def test_nobody_can_change_the_lists() -> None:
    with pytest.raises(TypeError):
        catalogue.KEYWORDS["KEYWORD_NEW"] = "New"  # type: ignore[index]
