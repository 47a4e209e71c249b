"""The texts that are put together by hand are JSON, and say what they were made of, whatever stands in them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from notice_intake.core.codes import TargetKind
from notice_intake.core.targets import Content, Hash, Part, Target
from notice_intake.flows.callbacks import received_body
from notice_intake.store import cases

TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)
MAYBE = st.none() | TEXT
TIME = st.none() | st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC))
PART = st.builds(Part, kind=TEXT, text=TEXT, url=MAYBE)
CONTENT = st.builds(
    Content,
    key=TEXT,
    kind=TEXT,
    title=TEXT,
    live=st.booleans(),
    uploader=MAYBE,
    uploader_name=MAYBE,
    language=MAYBE,
    published_at=TIME,
    parts=st.lists(PART, max_size=3).map(tuple),
    facts=st.dictionaries(TEXT, TEXT, max_size=3),
)
NAME = st.none() | st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=20)
TARGET = st.builds(
    Target,
    kind=st.sampled_from(TargetKind),
    url=NAME,
    link=NAME,
    id=NAME,
    handle=NAME,
    hashes=st.lists(st.builds(Hash, algorithm=TEXT, value=TEXT), max_size=2).map(tuple),
)


@given(CONTENT)
def test_content_is_read_as_it_was_stored(content):
    assert cases.content_from_json(json.loads(cases.content_text(content))) == content


@given(TARGET.filter(lambda one: one.url or one.link or one.id or one.handle or one.hashes))
def test_a_target_is_read_as_it_was_stored(target):
    assert cases.target_from_json(json.loads(cases.target_text(target))) == target


@given(TEXT)
def test_a_callback_carries_the_reference_as_sent(reference):
    class Referral:
        agency_reference, instrument, items = reference, "eu.iru.referral", (1, 2)

    at, due = "2026-03-02T09:00:00.000+00:00", "2026-03-03T09:00:00+00:00"
    body = json.loads(received_body(Referral(), "ref_1", at=at, due=due))
    assert (body["type"], body["timestamp"]) == ("referral.received", at)
    assert body["data"] == {
        "referral": "ref_1",
        "agency_reference": reference,
        "instrument": "eu.iru.referral",
        "items": 2,
        "status": "received",
        "due_at": due,
        "sequence": 1,
        "path": "/v1/referrals/ref_1",
    }


def test_a_receipt_carries_references_as_sent(house):
    agency = house.agency()
    document = agency.document("https://platform.example/p1", agency_reference='R "\\ π 1')
    document["items"][0]["reference"] = 'i "\\ é'
    receipt = agency.refer(document).json
    assert receipt["agency_reference"] == 'R "\\ π 1'
    assert receipt["items"][0]["reference"] == 'i "\\ é'
    assert list(receipt) == [
        *("id", "agency_reference", "instrument", "received_at", "due_at", "due_kind", "due_rule", "binding"),
        *("status_path", "items", "journal"),
    ]
