"""Reading one's own referrals and events, and what a query string may hold."""

from __future__ import annotations

import pytest
from door import PREFIX, check_problem
from werkzeug.datastructures import Headers


def listed(agency, path):
    """Follow a list from page to page; return the rows and how many pages there were."""
    rows, pages = [], 0
    while path:
        answer = agency.get(path)
        assert answer.status_code == 200, answer.json
        assert answer.headers["Cache-Control"] == "no-store"
        rows += answer.json["referrals"]
        pages += 1
        assert pages < 50
        link = answer.headers.get("Link")
        assert (link is None) == (answer.json["next"] is None)
        path = link.partition(">")[0].removeprefix(f"<{PREFIX}") if link else None
    return rows, pages


@pytest.fixture
def reader(door):
    """An agency of the test's own, with seven referrals a second apart."""
    agency, _ = door.enrol("Reader")
    receipts = []
    for number in range(7):
        door.clock.advance(seconds=1)
        receipts.append(
            agency.refer(agency.document(f"https://platform.example/p{number}", f"https://x.example/{number}"))
        )
    assert {one.status_code for one in receipts} == {201}
    return agency, [one.json for one in receipts]


def test_a_referral_reads_as_its_receipt_said(door, reader):
    agency, (receipt, *_) = reader
    answer = agency.get(receipt["status_path"])
    for name in ("id", "agency_reference", "instrument", "received_at", "due_at", "due_kind", "due_rule"):
        assert answer.json[name] == receipt[name]
    assert [one["id"] for one in answer.json["items"]] == [one["id"] for one in receipt["items"]]
    assert set(answer.json) == {
        *("id", "agency_reference", "instrument", "received_at", "due_at", "due_kind", "due_rule"),
        *("updated_at", "sequence", "status_path", "items", "questions", "supplements", "complaints"),
        "purged_at",
    }
    assert answer.json["purged_at"] is None


def test_an_unchanged_referral_is_not_sent_again(door, reader):
    agency, (receipt, *_) = reader
    first = agency.get(receipt["status_path"])
    tag = first.headers["ETag"]
    url = PREFIX + receipt["status_path"]
    same = door.client.get(url, headers=Headers([*agency.headers.items(), ("If-None-Match", tag)]))
    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", tag)
    other = door.client.get(url, headers=Headers([*agency.headers.items(), ("If-None-Match", '"r999"')]))
    assert other.status_code == 200


@pytest.mark.parametrize("limit", [1, 3, 7, 200])
def test_pages_hold_every_referral_once_and_in_order(reader, limit):
    agency, receipts = reader
    rows, pages = listed(agency, f"/v1/referrals?limit={limit}")
    assert [one["id"] for one in rows] == [one["id"] for one in receipts]
    assert pages == -(-7 // limit)


def test_a_page_goes_on_where_it_stopped_although_more_came_in(door, reader):
    agency, receipts = reader
    first = agency.get("/v1/referrals?limit=5")
    door.clock.advance(seconds=1)
    late = agency.refer()
    rows = first.json["referrals"] + listed(agency, f"/v1/referrals?limit=5&cursor={first.json['next']}")[0]
    assert [one["id"] for one in rows] == [*(one["id"] for one in receipts), late.json["id"]]


def test_only_what_changed_since_is_listed(door, reader):
    agency, receipts = reader
    since = receipts[4]["received_at"].replace("+00:00", "Z")
    rows, _ = listed(agency, f"/v1/referrals?limit=2&updated_since={since}")
    assert [one["id"] for one in rows][:3] == [one["id"] for one in receipts[4:]]
    local = receipts[4]["received_at"].replace("+00:00", "%2B00:00")
    assert len(listed(agency, f"/v1/referrals?updated_since={local}")[0]) == 3


def test_events_are_told_once_and_in_order_however_they_are_asked_for(reader):
    agency, receipts = reader
    told, after = [], ""
    for _ in range(5):
        answer = agency.get(f"/v1/events?limit=2{after}")
        told += answer.json["events"]
        after = f"&after={answer.json['next']}"
    assert [one["data"]["referral"] for one in told] == [one["id"] for one in receipts]
    assert agency.get(f"/v1/events?limit=2{after}").json["events"] == []
    assert agency.get("/v1/events").json["events"] == told


#: What stands in the query string, and where the fault is.
QUERIES = {
    "/v1/referrals?limit=0": "/limit",
    "/v1/referrals?limit=201": "/limit",
    "/v1/referrals?limit=100000": "/limit",
    "/v1/referrals?limit=ten": "/limit",
    "/v1/referrals?limit=1.5": "/limit",
    "/v1/referrals?limit=-1": "/limit",
    "/v1/referrals?limit=1e1": "/limit",
    "/v1/referrals?limit=%D9%A1%D9%A0": "/limit",  # Arabic digits
    "/v1/referrals?sort=(select%201)": "/sort",
    "/v1/referrals?cursor=": "/cursor",
    "/v1/referrals?cursor=abc": "/cursor",
    "/v1/referrals?cursor=%00": "/cursor",
    "/v1/referrals?updated_since=yesterday": "/updated_since",
    "/v1/referrals?updated_since=2026-03-01T08:00:00": "/updated_since",
    "/v1/referrals?updated_since=2026-03-01T08:00:00+02:00": "/updated_since",  # the plus is a blank here
    "/v1/events?after=-1": "/after",
    "/v1/events?after=abc": "/after",
    "/v1/events?after=%00": "/after",
    "/v1/events?after=99999999999999999999": "/after",
    "/v1/events?after=%D9%A1": "/after",
    "/v1/events?after=5000000": "/after",
    "/v1/events?cursor=1": "/cursor",
}


@pytest.mark.parametrize("path", QUERIES)
def test_a_query_string_is_checked_like_a_body(door, path):
    problem = check_problem(door.one.get(path), status=422, slug="invalid-document")
    assert {one["pointer"] for one in problem["errors"]} == {QUERIES[path]}


def test_a_plus_that_arrives_as_a_blank_is_explained(door):
    problem = check_problem(
        door.one.get("/v1/referrals?updated_since=2026-03-01T08:00:00+02:00"), status=422, slug="invalid-document"
    )
    assert "%2B" in problem["errors"][0]["detail"]
    assert door.one.get("/v1/referrals?updated_since=2026-03-01T08:00:00%2B02:00").status_code == 200


def test_a_parameter_given_twice_is_refused(door):
    for path in ("/v1/referrals?limit=1&limit=2", "/v1/events?after=1&after=2"):
        check_problem(door.one.get(path), status=422, slug="invalid-document")


def test_a_cursor_of_one_agency_opens_nothing_for_another(door, reader):
    agency, _ = reader
    cursor = agency.get("/v1/referrals?limit=1").json["next"]
    problem = check_problem(door.two.get(f"/v1/referrals?cursor={cursor}"), status=422, slug="invalid-document")
    assert problem["errors"][0]["pointer"] == "/cursor"
