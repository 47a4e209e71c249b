"""Reading what became of a referral: by itself, in lists, and as events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from . import expect
from .door import Door
from .expect import that
from .rules import NotTried, rule

#: More pages of 200 events than an agency of a sandbox will have.
_MOST_PAGES = 10_000
_READ, _EVENTS = "refer-to-us.md#what-became-of-it", "refer-to-us.md#asking-instead"


@rule("reading.referral", "A referral has the state of each item and the number of its last change", _READ)
def _referral(door: Door) -> None:
    found = expect.document(door.get(door.one().path), 200)
    that(expect.member(found, "sequence", int) >= 1, "a sequence of 1 or more", found.get("sequence"))
    expect.moment(found, "updated_at")
    for item in expect.objects(found, "items"):
        expect.member(item, "status", str)
        that("outcome" in item and "reference" in item, "reference and outcome", item)
    for name in ("questions", "supplements", "complaints"):
        expect.objects(found, name)


@rule("reading.etag", "The ETag says at which change a referral stands", _READ)
def _etag(door: Door) -> None:
    reply = door.get(door.one().path)
    expect.equal(reply.headers.get("ETag"), f'"r{reply.object().get("sequence")}"', "ETag")


@rule("reading.not-modified", "If-None-Match with the current ETag is answered by 304 without a body", _READ)
def _not_modified(door: Door) -> None:
    one = door.referred()
    tag = door.get(one.path).headers.get("ETag", "")
    reply = door.get(one.path, If_None_Match=tag)
    expect.status(reply, 304)
    that(not reply.body, "no body", f"{len(reply.body)} bytes")
    expect.equal(reply.headers.get("ETag"), tag, "ETag")
    expect.status(door.get(one.path, If_None_Match='"r999999"'), 200)


@rule("reading.pages", "A list goes on from page to page, oldest change first, and misses nothing", _READ)
def _pages(door: Door) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    wanted = [door.referred().id for _ in range(3)]
    query = f"limit=2&updated_since={quote(since.isoformat(timespec='seconds'))}"
    found: list[str] = []
    times: list[datetime] = []
    for _ in range(100):
        page = expect.document(door.get(f"/v1/referrals?{query}"), 200)
        rows = expect.objects(page, "referrals")
        that(len(rows) <= 2, "at most as many as the limit", len(rows))
        found += [expect.member(row, "id", str) for row in rows]
        times += [expect.moment(row, "updated_at") for row in rows]
        cursor = page.get("next", "")
        if cursor is None or set(wanted) <= set(found):
            break
        query = f"limit=2&cursor={quote(expect.member(page, 'next', str))}"
    that(set(wanted) <= set(found), "the referrals that were just sent", f"{len(found)} others")
    that(len(found) == len(set(found)), "each of them once", f"{len(found) - len(set(found))} twice")
    that(times == sorted(times), "the oldest change first", [str(one) for one in times[:5]])


@rule("reading.since", "updated_since leaves out what has not changed since", _READ)
def _since(door: Door) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds")
    found = expect.document(door.get(f"/v1/referrals?updated_since={quote(later)}"), 200)
    expect.equal(found.get("referrals"), [], "referrals that change in an hour")
    expect.equal(found.get("next", ""), None, "next")


@rule("reading.cursor", "A cursor that is none, or was changed, is refused", _READ)
def _cursor(door: Door) -> None:
    for value in ("garbage", "A" * 200, "%00", "..%2F"):
        expect.problem(door.get(f"/v1/referrals?cursor={value}"), 422, "invalid-document")


@rule("reading.query", "A parameter that is none, or out of its range, or stands twice, is refused", _READ)
def _query(door: Door) -> None:
    wanted = (("surprise=1", "/surprise"), ("limit=0", "/limit"), ("limit=201", "/limit"), ("limit=x", "/limit"))
    for text, pointer in (*wanted, ("limit=1&limit=2", "/limit"), ("updated_since=yesterday", "/updated_since")):
        found = expect.problem(door.get(f"/v1/referrals?{text}"), 422, "invalid-document")
        pointers = [one.get("pointer") for one in expect.objects(found, "errors")]
        that(pointer in pointers, f"an error at {pointer} for ?{text}", pointers)


def _page(door: Door, after: str, limit: int = 200) -> tuple[list[dict[str, Any]], str]:
    query = f"limit={limit}&after={quote(after)}" if after else f"limit={limit}"
    page = expect.document(door.get(f"/v1/events?{query}"), 200)
    return expect.objects(page, "events"), expect.member(page, "next", str)


def events_of(door: Door, referral_id: str) -> list[dict[str, Any]]:
    """Return the events of one referral of this run, in the order of the feed."""
    found: list[dict[str, Any]] = []
    after = door.place
    for _ in range(_MOST_PAGES):
        events, after = _page(door, after)
        found += [one for one in events if expect.member(one, "data", dict).get("referral") == referral_id]
        if not events:
            return found
    raise NotTried("the events have no end")


def place_of(door: Door) -> str:
    """Return the place behind everything that has happened."""
    after = door.place
    for _ in range(_MOST_PAGES):
        events, after = _page(door, after)
        if not events:
            return after
    raise NotTried("the events have no end")


@rule(
    "events.received", "The first event of a referral is referral.received, with sequence 1", "refer-to-us.md#callbacks"
)
def _received(door: Door) -> None:
    one = door.referred("1", "2")
    events = events_of(door, one.id)
    that(bool(events), "an event for the referral", "none")
    first = events[0]
    expect.equal(first.get("type"), "referral.received", "type")
    expect.moment(first, "timestamp")
    that(bool(expect.member(first, "id", str)), "an id", "an empty one")
    data = expect.member(first, "data", dict)
    expect.equal(data.get("sequence"), 1, "sequence")
    expect.equal(data.get("agency_reference"), one.document["agency_reference"], "agency_reference")
    expect.equal(data.get("items"), 2, "items")
    expect.equal(data.get("path"), one.path, "path")


@rule("events.thin", "Events hold references, never what was referred", "refer-to-us.md#callbacks")
def _thin(door: Door) -> None:
    one = door.referred()
    said = str(events_of(door, one.id))
    for part in (one.document["items"][0]["target"]["url"], "Placeholder reason.", "check@unit.example"):
        that(str(part) not in said, "no content and no personal data", f"{part} in an event")


@rule("events.go-on", "Going on from next, nothing comes twice and nothing is missed", _EVENTS)
def _go_on(door: Door) -> None:
    after, wanted = place_of(door), [door.referred().id for _ in range(3)]
    found: list[str] = []
    ids: list[str] = []
    for _ in range(100):
        events, after = _page(door, after, limit=1)
        that(len(events) <= 1, "at most as many as the limit", len(events))
        if not events:
            break
        ids.append(expect.member(events[0], "id", str))
        found.append(str(expect.member(events[0], "data", dict).get("referral")))
    that([one for one in found if one in wanted] == wanted, "an event for each referral, in order", found)
    that(len(ids) == len(set(ids)), "each event once", ids)
    expect.equal(_page(door, after), ([], after), "no events and the same place, at the end")


@rule("events.place", "A place that is none, or that lies behind the last event, is refused", _EVENTS)
def _place(door: Door) -> None:
    for value in ("garbage", "-1", "1" * 30, "%00", "9" * 15):
        expect.fault(door.get(f"/v1/events?after={value}"), "/after", "invalid")
