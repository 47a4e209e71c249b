"""Supplements, withdrawals and complaints on the wire: preconditions, idempotency, problems, other agencies."""

from __future__ import annotations

import json
import threading

import pytest
from door import PREFIX, check_problem

CALLS = {
    "supplements": {"text": "Seen again."},
    "withdrawal": {"reason": "Sent in error."},
    "complaints": {"items": ["31-1"], "text": "Look again."},
}


@pytest.fixture
def referral(door):
    return door.one.refer().json


def send(door, referral, call, document, *, by=None, **headers):
    agency = by or door.one
    sent = {**agency.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return door.client.post(f"{PREFIX}{referral['status_path']}/{call}", json=document, headers=sent)


@pytest.mark.parametrize("call", CALLS)
def test_without_if_match_nothing_counts(door, referral, call):
    with door.nothing_stored():
        check_problem(send(door, referral, call, CALLS[call]), status=428, slug="precondition-required")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("tag", ['"r7"', 'W/"r1"', '"1"', '"r1;"'])
def test_a_tag_that_is_not_the_current_one_is_refused_with_it(door, referral, call, tag):
    with door.nothing_stored():
        answer = send(door, referral, call, CALLS[call], If_Match=tag)
        problem = check_problem(answer, status=412, slug="referral-changed")
    assert answer.headers["ETag"] == '"r1"'
    assert problem["sequence"] == 1


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("tag", ["", "r1", '"r1', 'r1"', '"r1" "r2"', '*, "r1"', 'w/"r1"', '"r1",,', "\u00e9", '"r"1"'])
def test_a_tag_that_cannot_be_read_is_told_so(door, referral, call, tag):
    with door.nothing_stored():
        check_problem(send(door, referral, call, CALLS[call], If_Match=tag), status=400, slug="if-match-invalid")


@pytest.mark.parametrize("tag", ["*", '"r1"', '"r7", "r1"', 'W/"x"\t,\t"r1"', '"", "r1"'])
def test_one_tag_that_fits_is_enough(door, tag):
    referral = door.one.refer().json
    assert send(door, referral, "supplements", CALLS["supplements"], If_Match=tag).status_code == 201


@pytest.mark.parametrize("call", CALLS)
def test_anothers_referral_answers_like_none(door, referral, call):
    answers = []
    with door.nothing_stored():
        for wanted in (referral, {"status_path": "/v1/referrals/ref_00000000000000000000000000"}):
            answer = send(door, wanted, call, CALLS[call], by=door.two, If_Match='"r1"')
            problem = check_problem(answer, status=404, slug="not-found")
            problem.pop("instance")
            answers.append(problem)
    assert answers[0] == answers[1]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"surprise": 1}, "/surprise", "unknown_field"),
        ({"items": []}, "/items", "length"),
        ({"items": 7}, "/items", "wrong_type"),
        ({"text": "", "reason": ""}, None, "length"),
    ],
)
def test_each_fault_has_its_pointer(door, referral, call, change, pointer, code):
    with door.nothing_stored():
        answer = send(door, referral, call, {**CALLS[call], **change}, If_Match='"r1"')
        problem = check_problem(answer, status=422, slug="invalid-document")
    found = {(one["pointer"], one["code"]) for one in problem["errors"]}
    assert any(code == one[1] and pointer in (None, one[0]) for one in found), found


@pytest.mark.parametrize(
    ("call", "document", "pointer", "code"),
    [
        ("supplements", {"text": "x", "items": [{"reference": "none"}]}, "/items/0/reference", "unknown"),
        ("supplements", {"text": "x", "answers": "qst_none"}, "/answers", "unknown"),
        ("withdrawal", {"reason": "x", "items": ["none"]}, "/items/0", "unknown"),
        ("complaints", {"text": "x", "items": ["none"]}, "/items/0", "unknown"),
    ],
)
def test_what_names_nothing_is_told(door, referral, call, document, pointer, code):
    with door.nothing_stored():
        answer = send(door, referral, call, document, If_Match="*")
        problem = check_problem(answer, status=422, slug="invalid-document")
    assert [(one["pointer"], one["code"]) for one in problem["errors"]] == [(pointer, code)]


def test_a_bad_link_is_told_where_it_stands(door, referral):
    reference = referral["items"][0]["reference"]
    document = {"text": "x", "items": [{"reference": reference, "url": "javascript:alert(1)"}]}
    with door.nothing_stored():
        answer = send(door, referral, "supplements", document, If_Match="*")
        problem = check_problem(answer, status=422, slug="invalid-document")
    assert problem["errors"][0]["pointer"] == "/items/0/url"


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"text":"a","text":"b"}', b'{"text":"\\u0000"}', b"\xff"])
def test_no_body_breaks_it(door, referral, body):
    headers = {**door.one.headers, "Content-Type": "application/json", "If-Match": '"r1"'}
    with door.nothing_stored():
        answer = door.client.post(f"{PREFIX}{referral['status_path']}/supplements", data=body, headers=headers)
    assert answer.status_code in (400, 422)
    assert answer.content_type == "application/problem+json"


def test_the_answer_carries_the_new_tag_and_opens_the_next_call(door, referral):
    first = send(door, referral, "supplements", CALLS["supplements"], If_Match='"r1"')
    assert first.status_code == 201, first.json
    assert first.headers["ETag"] == f'"r{first.json["sequence"]}"'
    read = door.one.get(referral["status_path"])
    assert read.headers["ETag"] == first.headers["ETag"]
    assert read.json["supplements"][0]["id"] == first.json["id"]
    second = send(door, referral, "supplements", CALLS["supplements"], If_Match=first.headers["ETag"])
    assert second.status_code == 201
    check_problem(
        send(door, referral, "supplements", CALLS["supplements"], If_Match=first.headers["ETag"]),
        status=412,
        slug="referral-changed",
    )


def test_the_same_key_gets_the_same_answer_though_the_referral_moved_on(door, referral):
    key = {"Idempotency_Key": "once-0123456789-abc" + referral["id"][-8:], "If_Match": '"r1"'}
    first = send(door, referral, "supplements", CALLS["supplements"], **key)
    with door.nothing_stored():
        again = send(door, referral, "supplements", CALLS["supplements"], **key)
        assert (again.status_code, again.json, again.headers["ETag"]) == (201, first.json, first.headers["ETag"])
        assert again.headers["Idempotency-Replayed"] == "true"
        for call, document in (("supplements", {"text": "Else."}), ("withdrawal", CALLS["withdrawal"])):
            answer = send(door, referral, call, document, **key)
            problem = check_problem(answer, status=422, slug="idempotency-key-reused")
            assert "another request" in problem["title"]
    other = send(door, door.two.refer().json, "supplements", CALLS["supplements"], by=door.two, **key)
    assert "Idempotency-Replayed" not in other.headers


def test_a_withdrawal_of_some_items_leaves_the_others(door):
    receipt = door.one.refer(door.one.document("https://platform.example/a1", "https://platform.example/a2")).json
    first, second = (one["reference"] for one in receipt["items"])
    answer = send(door, receipt, "withdrawal", {"reason": "Wrong link.", "items": [second]}, If_Match="*")
    assert [one["reference"] for one in answer.json["items"]] == [second]
    read = door.one.get(receipt["status_path"]).json
    assert {one["reference"]: one["status"] for one in read["items"]} == {first: "received", second: "withdrawn"}


@pytest.mark.parametrize("call", CALLS)
def test_a_reader_may_not_write(door, referral, call):
    reader, agency_id = door.enrol("Reader")
    with door.mount.storage.begin() as tx:
        key = tx.tables.credential
        tx.execute(key.update().where(key.c.agency_id == agency_id).values(scopes=["referrals:read"]))
    answer = send(door, referral, call, CALLS[call], by=reader, If_Match='"r1"')
    check_problem(answer, status=403, slug="scope-missing")
    check_problem(reader.get("/v1/endpoint"), status=403, slug="scope-missing")


def test_callbacks_name_ids_and_codes_only(door, referral):
    text = "canary-" + referral["id"]
    send(door, referral, "supplements", {"text": text}, If_Match="*")
    send(door, referral, "withdrawal", {"reason": text}, If_Match="*")
    told = json.dumps(door.one.get("/v1/events?limit=200").json)
    assert referral["id"] in told
    assert text not in told


def test_of_many_at_once_on_the_same_state_one_counts(door, referral):
    answers = []
    barrier = threading.Barrier(8)

    def post() -> None:
        barrier.wait()
        answers.append(send(door, referral, "supplements", CALLS["supplements"], If_Match='"r1"'))

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.status_code for one in answers) == [201] + [412] * 7
    assert len(door.one.get(referral["status_path"]).json["supplements"]) == 1


def test_of_many_at_once_under_one_key_all_get_the_one_answer(door, referral):
    answers = []
    barrier = threading.Barrier(8)
    key = {"Idempotency_Key": "parallel-" + referral["id"], "If_Match": '"r1"'}

    def post() -> None:
        barrier.wait()
        answers.append(send(door, referral, "withdrawal", CALLS["withdrawal"], **key))

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.status_code for one in answers] == [201] * 8
    assert len({one.data for one in answers}) == 1
    assert sum("Idempotency-Replayed" in one.headers for one in answers) == 7
