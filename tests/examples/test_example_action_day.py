"""The action day is what it says it is, and the same every time."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter, defaultdict
from datetime import UTC, datetime

import pytest

from examples.flask_app import action_day, pictures
from examples.flask_app.models import Account, Media
from examples.flask_app.population import LANGUAGES
from notice_intake.core.links import canonical_link
from notice_intake.core.referrals import build
from notice_intake.regimes import eu_dsa, eu_iru, eu_tco


@pytest.fixture(scope="module")
def day() -> action_day.ActionDay:
    return action_day.build()


def contents_by_agency(day):
    """Which agencies name each page of the platform."""
    named = defaultdict(set)
    for plan in day.plans:
        for path in plan.paths.values():
            named[path].add(plan.unit.code)
    return named


def test_the_action_day_has_2068_items_of_1880_contents_in_six_languages(day):
    items = [item for document in day.documents() for item in document["items"]]
    assert len(items) == 2068
    assert day.contents == len(contents_by_agency(day)) == 1880
    assert {item["content"]["languages"][0] for item in items} == set(LANGUAGES)
    assert len(LANGUAGES) == 6
    assert [plan.unit.code for plan in day.plans] == ["BE", "EL", "PL", "PT", "US"]


def test_one_content_in_ten_is_referred_by_a_second_agency_under_another_spelling(day):
    agencies = Counter(len(units) for units in contents_by_agency(day).values())
    assert agencies == {1: 1692, 2: 188}
    spellings = defaultdict(set)
    for plan in day.plans:
        for document in (one for step in plan.steps for one in step.documents):
            for item in document["items"]:
                path = plan.paths[f"{document['agency_reference']} {item['reference']}"]
                spellings[path].add(json.dumps(item["target"], sort_keys=True))
    repeated = [path for path, units in contents_by_agency(day).items() if len(units) == 2]
    assert sum(len(spellings[path]) == 2 for path in repeated) > 180


def test_referrals_hold_1_to_100_items_and_most_5_to_40(day):
    sizes = [len(document["items"]) for document in day.documents()]
    assert min(sizes) == 1
    assert max(sizes) == 100
    assert sum(5 <= size <= 40 for size in sizes) > len(sizes) / 2


def test_six_removal_orders_of_one_item_each_and_both_dsa_instruments_are_among_them(day):
    instruments = defaultdict(list)
    for document in day.documents():
        instruments[document["instrument"]].append(len(document["items"]))
    assert instruments.pop("eu.tco.removal_order") == [1] * 6
    assert set(instruments) == {"eu.iru.referral", "eu.dsa.notice", "eu.dsa.trusted_flagger_notice"}
    assert len(instruments["eu.iru.referral"]) > sum(map(len, instruments.values())) / 2


def test_part_goes_one_by_one_and_part_in_bulk_with_a_bad_line_in_each_stream(day):
    for plan in day.plans:
        steps = Counter(step.how for step in plan.steps)
        assert steps["single"] > steps["bulk"] == 2
        assert all(len(step.bad_lines) == 1 for step in plan.steps if step.how == "bulk")


def test_some_content_is_unknown_to_the_platform_and_some_is_gone_already(day):
    presence = Counter(one.presence for one in day.population.subjects)
    assert 15 < presence["unknown"] < 80
    assert 15 < presence["gone"] < 80
    assert Counter(one.kind for one in day.population.subjects).keys() == {
        "video",
        "image",
        "post",
        "account",
        "channel",
    }


def test_every_document_keeps_the_contract(day):
    schemas = {
        instrument.code: schema()
        for regime in (eu_iru, eu_dsa, eu_tco)
        for instrument, schema in regime.REGIME.instruments
    }
    for document in day.documents():
        schemas[document["instrument"]].load(document)
        assert len(build(document, now=datetime.now(UTC)).items) == len(document["items"])


def test_the_same_seed_gives_the_same_day(day):
    again = action_day.build()
    assert [plan.as_json() for plan in again.plans] == [plan.as_json() for plan in day.plans]
    rows, others = again.population.rows, day.population.rows
    assert rows[Media] == others[Media]
    hashed = {"password_hash": "salted"}
    assert [row | hashed for row in rows[Account]] == [row | hashed for row in others[Account]]


def test_a_small_day_has_the_same_shape():
    small = action_day.build(220)
    assert sum(len(document["items"]) for document in small.documents()) == 220
    assert small.contents == 200
    assert sum(document["instrument"] == action_day.ORDER for document in small.documents()) == 6


def test_every_fault_differs_from_a_good_referral_in_one_thing(day):
    for plan in day.plans:
        faults = [step.fault for step in plan.steps if step.fault is not None]
        assert len(faults) == len({fault.name for fault in faults}) == 9
        assert all(dataclasses.is_dataclass(fault) and fault.status in (400, 401, 422) for fault in faults)


def test_spellings_of_one_link_are_links(day):
    for document in day.documents():
        for item in document["items"]:
            if "url" in item["target"]:
                assert canonical_link(item["target"]["url"]).startswith("http")


def test_the_digest_of_a_picture_is_that_of_the_file_as_served(day):
    row = day.population.rows[Media][0]
    assert pictures.digest(row["seed"]) == row["sha256"]
    assert pictures.picture(row["seed"]) != pictures.picture(row["seed"], still=2)
