"""Documents that break the contract: each gets a problem with pointers, and leaves no row in any table."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from contract import specimens
from contract.specimens import INSTRUMENTS, full, put, without
from door import check_problem

IRU, NOTICE, FLAGGER, ORDER = INSTRUMENTS
ABUSE = "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL"
NOW = "2026-03-02T09:00:00+00:00"  # what the fixed clock of the door says


@pytest.fixture
def leaves_no_row(door):
    """Everything that the test sends is refused, and no table grows by a row."""
    with door.nothing_stored():
        yield


only_refusals = pytest.mark.usefixtures("leaves_no_row")


def refused(door, document: Any) -> dict[str, str]:
    """Send a document that must be refused; return the code of each fault by its pointer."""
    problem = check_problem(door.post(json.dumps(document).encode()), status=422, slug="invalid-document")
    codes = {one["pointer"]: one["code"] for one in problem["errors"]}
    assert 0 < len(codes) == len(problem["errors"]), "each fault is told once"
    return codes


def changed(instrument: str, *path: str | int, to: Any) -> Any:
    return put(full(instrument), path, to)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_a_referral_with_every_field_that_there_is_is_accepted(door, instrument):
    document = {**full(instrument), "agency_reference": f"ALL-{instrument}"}
    receipt = door.one.refer(document)
    assert receipt.status_code == 201, receipt.json
    assert [one["reference"] for one in receipt.json["items"]] == ["1-1", "1-2", "1-3", "1-4"]


@only_refusals
@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_an_unknown_field_is_refused_at_every_level(door, instrument):
    document = full(instrument)
    for where in specimens.paths(document):
        if isinstance(specimens.at(document, where), dict):
            pointer = specimens.pointer((*where, "priority"))
            assert refused(door, put(document, (*where, "priority"), 0)) == {pointer: "unknown_field"}


@only_refusals
@pytest.mark.parametrize("name", ["id", "status", "agency_id", "decision", "due_at", "received_at", "channel"])
def test_nobody_assigns_what_is_ours_to_say(door, name):
    assert refused(door, {**full(IRU), name: "x"}) == {f"/{name}": "unknown_field"}
    assert refused(door, changed(IRU, "items", 0, name, to="x")) == {f"/items/0/{name}": "unknown_field"}


def told(door, document: Any) -> dict[str, Any]:
    """Send a document that must be refused; return its problem."""
    return check_problem(door.post(json.dumps(document).encode()), status=422, slug="invalid-document")


@only_refusals
def test_a_document_of_very_many_faults_says_that_not_all_are_listed(door):
    items = [{**specimens.at(full(IRU), ("items", 0)), "reference": 7} for _ in range(100)]
    few, many = ({**full(IRU), "items": items[:99]}, {**full(IRU), "items": items, "priority": 0, "rank": 0})
    assert "each fault is listed" in told(door, few)["detail"]
    problem = told(door, many)
    assert len(problem["errors"]) == 100
    assert problem["detail"].startswith("The document breaks the contract in 102 places: the first 100 are listed")


#: What is spoiled in the first item, and where, with which code and words that is answered.
WORDS: dict[str, tuple[Any, str, str, str]] = {
    "a short digest": (
        ("target", {"kind": "file", "hashes": [{"algorithm": "sha-256", "value": "ab"}]}),
        "/target/hashes/0/value",
        "invalid",
        "A sha-256 digest has 64 hexadecimal digits.",
    ),
    "no digest": (
        ("target", {"kind": "file", "hashes": [{"algorithm": "sha-256", "value": "?"}]}),
        "/target/hashes/0/value",
        "invalid",
        "in hexadecimal",
    ),
    "a sign alone": (("target", {"kind": "account", "handle": "@"}), "/target/handle", "invalid", "a name behind it"),
    "two signs": (("target", {"kind": "account", "handle": "@@x"}), "/target/handle", "invalid", "at most one @"),
    "no kind": (("target", {"url": "https://platform.example/p1"}), "/target/kind", "required", "missing"),
    "a text": (("target", "https://platform.example/p1"), "/target", "wrong_type", "Write an object."),
}


@only_refusals
@pytest.mark.parametrize("name", WORDS)
def test_the_words_for_a_fault_say_what_to_change(door, name):
    (member, value), pointer, code, words = WORDS[name]
    (fault,) = told(door, changed(IRU, "items", 0, member, to=value))["errors"]
    assert (fault["pointer"], fault["code"]) == (f"/items/0{pointer}", code)
    assert words in fault["detail"]


#: What is spoiled, and the code that stands at the same place in the answer.
FAULTS: dict[str, tuple[Any, str, str]] = {
    "unknown instrument": (changed(IRU, "instrument", to="eu.none.such"), "/instrument", "unknown_instrument"),
    "no instrument": (without(full(IRU), ("instrument",)), "/instrument", "required"),
    "an instrument that is no text": (
        changed(IRU, "instrument", to=["eu.iru.referral"]),
        "/instrument",
        "unknown_instrument",
    ),
    "unknown category": (changed(IRU, "category", to="STATEMENT_CATEGORY_NONE"), "/category", "not_listed"),
    "an order's category in a notice": (
        changed(NOTICE, "category", to="STATEMENT_CATEGORY_NOT_SPECIFIED_ORDER"),
        "/category",
        "not_listed",
    ),
    "a notice's category in an order": (
        changed(ORDER, "category", to="STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE"),
        "/category",
        "not_listed",
    ),
    "unknown keyword": (changed(IRU, "keywords", 1, to="KEYWORD_NONE"), "/keywords/1", "not_listed"),
    "21 keywords": (changed(IRU, "keywords", to=["KEYWORD_OTHER"] * 21), "/keywords", "length"),
    "no language": (without(full(IRU), ("language",)), "/language", "required"),
    "language by name": (changed(IRU, "language", to="French"), "/language", "invalid"),
    "null for absent": (changed(IRU, "operation", to=None), "/operation", "null"),
    "a number for text": (changed(IRU, "agency_reference", to=31), "/agency_reference", "wrong_type"),
    "a reference of two lines": (changed(IRU, "agency_reference", to="a\r\nX-Evil: 1"), "/agency_reference", "invalid"),
    "an empty reference": (changed(IRU, "agency_reference", to=""), "/agency_reference", "length"),
    "a reference of 201 characters": (changed(IRU, "agency_reference", to="x" * 201), "/agency_reference", "length"),
    "no grounds": (without(full(IRU), ("grounds",)), "/grounds", "required"),
    "an empty list of grounds": (changed(IRU, "grounds", to=[]), "/grounds", "length"),
    "another kind of ground": (changed(IRU, "grounds", 0, "kind", to="taste"), "/grounds/0/kind", "not_listed"),
    "items as an object": (changed(IRU, "items", to={"0": {}}), "/items", "wrong_type"),
    "no items": (without(full(IRU), ("items",)), "/items", "required"),
    "0 items": (changed(IRU, "items", to=[]), "/items", "length"),
    "101 items": (changed(IRU, "items", to=[full(IRU)["items"][0]] * 101), "/items", "length"),
    "an item that is no object": (changed(IRU, "items", 2, to="https://platform.example/p1"), "/items/2", "wrong_type"),
    "an item without a reference": (without(full(IRU), ("items", 1, "reference")), "/items/1/reference", "required"),
    "a target without a kind": (without(full(IRU), ("items", 0, "target", "kind")), "/items/0/target/kind", "required"),
    "an unknown kind of target": (
        changed(IRU, "items", 0, "target", "kind", to="post"),
        "/items/0/target/kind",
        "invalid",
    ),
    "a URL target without a URL": (
        without(full(IRU), ("items", 0, "target", "url")),
        "/items/0/target/url",
        "required",
    ),
    "a URL target with a handle": (
        changed(IRU, "items", 0, "target", "handle", to="x"),
        "/items/0/target/handle",
        "unknown_field",
    ),
    "an account without any name": (
        changed(IRU, "items", 1, "target", to={"kind": "account"}),
        "/items/1/target",
        "invalid",
    ),
    "a file without hashes": (
        changed(IRU, "items", 3, "target", to={"kind": "file"}),
        "/items/3/target/hashes",
        "required",
    ),
    "a hash of the wrong length": (
        changed(IRU, "items", 3, "target", "hashes", 0, "value", to="c" * 62),
        "/items/3/target/hashes/0/value",
        "invalid",
    ),
    "a hash that is not hexadecimal": (
        changed(IRU, "items", 3, "target", "hashes", 0, "value", to="z" * 64),
        "/items/3/target/hashes/0/value",
        "invalid",
    ),
    "an unknown hash": (
        changed(IRU, "items", 3, "target", "hashes", 0, "algorithm", to="crc32"),
        "/items/3/target/hashes/0/algorithm",
        "not_listed",
    ),
    "yes for true": (changed(IRU, "urgency", "threat_to_life", to="yes"), "/urgency/threat_to_life", "invalid"),
    "1 for true": (changed(IRU, "items", 0, "content", "graphic", to=1), "/items/0/content/graphic", "invalid"),
    "another disclosure": (changed(IRU, "disclosure", "uploader", to="maybe"), "/disclosure/uploader", "not_listed"),
    "a contact without @": (changed(IRU, "contact", "email", to="desk"), "/contact/email", "invalid"),
    "text of 20,001 characters": (changed(IRU, "items", 0, "reasons", to="x" * 20_001), "/items/0/reasons", "length"),
    "a link of 2,049 characters": (
        changed(IRU, "items", 0, "target", "url", to="https://platform.example/".ljust(2049, "x")),
        "/items/0/target/url",
        "length",
    ),
}


@only_refusals
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_where_it_stands(door, name):
    document, pointer, code = FAULTS[name]
    assert refused(door, document) == {pointer: code}


@only_refusals
def test_all_faults_are_named_at_once_up_to_a_hundred(door):
    document = changed(IRU, "language", to="?")
    document["items"] = [{"reference": ""}] * 90
    problem = check_problem(door.post(json.dumps(document).encode()), status=422, slug="invalid-document")
    pointers = [one["pointer"] for one in problem["errors"]]
    assert len(pointers) == 100
    assert {"/language", "/items/0/reference", "/items/0/target"} <= set(pointers)


#: Times that name no moment, or none that this contract knows.
TIMES = {
    "naive": "2026-03-01T08:00:00",
    "a day only": "2026-03-01",
    "no seconds": "2026-03-01T08:00Z",
    "a blank for T": "2026-03-01 08:00:00Z",
    "seconds since 1970": "1772352000",
    "no such day": "2026-02-30T08:00:00Z",
    "no such month": "2026-13-01T08:00:00Z",
    "no 29 February in 2025": "2025-02-29T08:00:00Z",
    "hour 24": "2026-03-01T24:00:00Z",
    "a leap second": "2016-12-31T23:59:60Z",
    "an offset of a day": "2026-03-01T08:00:00+24:00",
    "an offset of sixty minutes": "2026-03-01T08:00:00+12:60",
    "the year 1": "0001-01-01T00:00:00Z",
    "the year 9999": "9999-12-31T23:59:59Z",
    "a zone by name": "2026-03-01T08:00:00[Europe/Brussels]",
}
PLACES: tuple[specimens.Path, ...] = (
    ("issued_at",),
    ("items", 0, "content", "published_at"),
    ("disclosure", "until"),
)


@only_refusals
@pytest.mark.parametrize("name", TIMES)
def test_a_time_that_names_no_moment_is_refused(door, name):
    for place in PLACES:
        assert refused(door, put(full(IRU), place, TIMES[name])) == {specimens.pointer(place): "invalid"}
    place = ("removal_order", "signature", "signed_at")
    assert refused(door, put(full(ORDER), place, TIMES[name])) == {specimens.pointer(place): "invalid"}


@pytest.mark.parametrize("place", [("issued_at",), ("items", 0, "content", "published_at")])
def test_the_future_begins_five_minutes_from_now(door, place):
    edge = door.clock() + timedelta(minutes=5)
    late = put(full(IRU), place, (edge + timedelta(seconds=1)).isoformat())
    assert refused(door, late) == {specimens.pointer(place): "future_time"}
    # The same moment written in another zone is no less in the future, nor any more.
    assert refused(door, put(full(IRU), place, "2026-03-02T19:05:01+10:00")) == {
        specimens.pointer(place): "future_time"
    }
    for number, moment in enumerate((edge.isoformat(), "2026-03-02T19:05:00+10:00")):
        reference = f"EDGE-{place[-1]}-{number}"
        assert door.one.refer({**put(full(IRU), place, moment), "agency_reference": reference}).status_code == 201


@only_refusals
def test_an_order_cannot_have_been_signed_tomorrow(door):
    place = ("removal_order", "signature", "signed_at")
    late = put(full(ORDER), place, (door.clock() + timedelta(hours=1)).isoformat())
    assert refused(door, late) == {specimens.pointer(place): "future_time"}


def test_a_future_time_is_told_what_the_time_is_here(door):
    document = changed(IRU, "issued_at", to="2026-03-02T10:12:00Z")
    (fault,) = door.post(json.dumps(document).encode()).json["errors"]
    assert NOW in fault["detail"]


#: Links that name no content, or that somebody would be sorry to have followed.
LINKS = {
    "javascript": "javascript:alert(1)",
    "javascript, dressed up": " \tjAvAsCrIpT\t://%0aalert(1)",
    "data": "data:text/html,<p>x",
    "file": "file:///etc/passwd",
    "vbscript": "vbscript:x",
    "mailto": "mailto:a@b.example",
    "an e-mail address": "someone@platform.example",
    "user and password with no scheme": "platform.example@evil.example/p1",
    "words": "see the video",
    "a bare word": "platform",
    "blanks": "   ",
    "two links": "https://platform.example/p1 https://platform.example/p2",
    "a control character": "https://platform.example/\x01p1",
    "no host": "https:///",
    "a host with an empty label": "https://platform..example/p1",
    "a host of 300 characters": "https://" + "a." * 150 + "example/",
    "a port that is none": "https://platform.example:99999/p1",
    "an address that is none": "https://999.1.1.1/p1",
}


@only_refusals
@pytest.mark.parametrize("name", LINKS)
def test_a_link_that_names_no_content_is_refused(door, name):
    document = changed(IRU, "items", 0, "target", to={"kind": "url", "url": LINKS[name]})
    assert refused(door, document) == {"/items/0/target/url": "bad_link"}
    document = changed(IRU, "items", 2, "target", to={"kind": "channel", "id": "7", "url": LINKS[name]})
    assert refused(door, document) == {"/items/2/target/url": "bad_link"}


def test_user_names_in_a_link_do_not_lend_it_another_host(door):
    link = "https://platform.example%2f:443@other.example/video/9"
    assert door.one.refer(door.one.document(link)).status_code == 201
    with door.mount.storage.read() as tx:
        case = tx.tables.case
        row = tx.execute(case.select().where(case.c.locator == link)).one()
    assert row.key == "link:https://other.example/video/9"


@only_refusals
def test_an_item_reference_used_twice_is_refused(door):
    document = changed(IRU, "items", 2, "reference", to="1-1")
    assert refused(door, document) == {"/items/2/reference": "repeated"}


@pytest.mark.parametrize("count", [1, 100])
def test_one_to_a_hundred_items_are_accepted(door, count):
    links = [f"https://platform.example/p{number}" for number in range(count)]
    receipt = door.one.refer(door.one.document(*links))
    assert receipt.status_code == 201
    assert len(receipt.json["items"]) == count


#: What Reg. (EU) 2021/784 Art. 3(4) makes mandatory, and what Annex I could not be filled in without.
MANDATORY: tuple[specimens.Path, ...] = (
    ("issued_at",),
    ("category",),
    ("items", 0, "reasons"),  # Art. 3(4)(b): the statement of reasons
    ("removal_order",),
    ("removal_order", "issuing_authority"),  # Art. 3(4)(a)
    ("removal_order", "issuing_authority", "type"),
    ("removal_order", "issuing_authority", "name"),
    ("removal_order", "issuing_authority", "member_state"),
    ("removal_order", "issuing_authority", "representative", "name"),
    ("removal_order", "addressee"),
    ("removal_order", "addressee", "name"),
    ("removal_order", "terrorist_content_types"),  # Art. 3(4)(b)
    ("removal_order", "signature"),  # Art. 3(4)(e)
    ("removal_order", "signature", "signed_at"),
    ("removal_order", "signature", "signatory"),
    ("removal_order", "redress"),  # Art. 3(4)(f)
    ("removal_order", "redress", 0, "body"),
    ("removal_order", "redress", 0, "deadline"),
    ("removal_order", "home_authority", "copied"),
)


@only_refusals
@pytest.mark.parametrize("path", MANDATORY, ids=specimens.pointer)
def test_an_hours_order_lacks_nothing_that_makes_it_one(door, path):
    assert refused(door, without(full(ORDER), path)) == {specimens.pointer(path): "required"}


@only_refusals
def test_an_order_says_at_least_one_type_of_terrorist_content_and_one_way_to_redress(door):
    for name in ("terrorist_content_types", "redress"):
        document = changed(ORDER, "removal_order", name, to=[])
        assert refused(door, document) == {f"/removal_order/{name}": "length"}


@only_refusals
def test_a_notice_states_good_faith_and_nothing_less(door):
    """Reg. (EU) 2022/2065 Art. 16(2)(d)."""
    for instrument in (NOTICE, FLAGGER):
        assert refused(door, without(full(instrument), ("good_faith",))) == {"/good_faith": "required"}
        for said in (False, "true", 1):
            assert refused(door, changed(instrument, "good_faith", to=said)) == {"/good_faith": "invalid"}
        document = without(full(instrument), ("items", 1, "reasons"))  # Art. 16(2)(a)
        assert refused(door, document) == {"/items/1/reasons": "required"}


@only_refusals
def test_a_notice_names_the_notifier(door):
    """Reg. (EU) 2022/2065 Art. 16(2)(c). A trusted flagger is always named."""
    assert set(refused(door, without(full(NOTICE), ("contact",)))) == {"/contact"}
    for name in ("name", "email"):
        assert set(refused(door, without(full(NOTICE), ("contact", name)))) == {f"/contact/{name}"}
        assert refused(door, without(full(FLAGGER), ("contact", name))) == {f"/contact/{name}": "required"}
    anonymous = {**without(full(FLAGGER), ("contact",)), "keywords": [ABUSE]}
    assert refused(door, anonymous) == {"/contact": "required"}


def test_a_notice_of_child_sexual_abuse_may_name_nobody(door):
    for number, keyword in enumerate((ABUSE, ABUSE + "_DEEPFAKE")):
        changes = {"keywords": ["KEYWORD_OTHER", keyword], "agency_reference": f"ANON-{number}"}
        assert door.one.refer({**without(full(NOTICE), ("contact",)), **changes}).status_code == 201


def test_an_instrument_that_is_not_the_agencys_is_forbidden(door):
    flagger, _ = door.enrol("Flagger", instruments=(FLAGGER,))
    with door.nothing_stored():
        for instrument in (IRU, NOTICE, ORDER):
            problem = check_problem(flagger.refer(full(instrument)), status=403, slug="instrument-not-allowed")
            assert instrument in problem["detail"]
    assert flagger.refer(full(FLAGGER)).status_code == 201


def test_a_platform_that_cannot_be_asked_does_not_keep_an_order_out(door):
    door.platform.resolving = False
    try:
        receipt = door.one.refer(door.one.order("https://platform.example/p4711"))
    finally:
        door.platform.resolving = True
    assert receipt.status_code == 201
    assert receipt.json["due_at"] == "2026-03-02T10:00:00.000+00:00"
