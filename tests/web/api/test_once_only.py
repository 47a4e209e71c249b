"""Sending again: the same key and body get the same bytes, anything else is refused, and nothing is stored twice."""

from __future__ import annotations

import json
import threading

import pytest
from door import PREFIX, check_problem

KEY = "01890a5d-ac96-774b-bcce-b302099a8057"


def send(door, document, key=None, agency=None):
    """Send a document's bytes, always the same for the same document."""
    headers = {"Content-Type": "application/json", **(agency or door.one).headers}
    headers |= {"Idempotency-Key": key} if key is not None else {}
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return door.client.post(f"{PREFIX}/v1/referrals", data=body, headers=headers)


def fresh_key(door, note):
    return f"{note}-{id(door)}-0123456789"


def test_the_same_key_and_body_get_the_same_receipt_byte_for_byte(door):
    document, key = door.one.document(), fresh_key(door, "same")
    first = send(door, document, key)
    assert first.status_code == 201
    assert "Idempotency-Replayed" not in first.headers
    door.clock.advance(minutes=3)
    with door.nothing_stored():
        again = send(door, document, key)
    assert (again.status_code, again.data, again.headers["Location"]) == (201, first.data, first.headers["Location"])
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_receipt_stays_the_same_after_the_case_has_moved_on(door):
    document, key = door.one.document(), fresh_key(door, "moved")
    first = send(door, document, key)
    with door.mount.storage.begin() as tx:
        item = tx.tables.item
        tx.execute(item.update().where(item.c.referral_id == first.json["id"]).values(status="in_review"))
    assert send(door, document, key).data == first.data


def test_a_quoted_key_is_the_same_key(door):
    """The header is a Structured Field string, but most clients send it bare."""
    document, key = door.one.document(), fresh_key(door, "quoted")
    first = send(door, document, f'"{key}"')
    assert send(door, document, key).data == first.data


@pytest.mark.parametrize("same_reference", [True, False])
def test_the_same_key_with_another_body_is_refused(door, same_reference):
    document, key = door.one.document(), fresh_key(door, f"other-{same_reference}")
    assert send(door, document, key).status_code == 201
    other = {**door.one.document(), **({"agency_reference": document["agency_reference"]} if same_reference else {})}
    with door.nothing_stored():
        check_problem(send(door, other, key), status=422, slug="idempotency-key-reused")
        # One blank more is another body: what was signed or logged elsewhere would not match it.
        check_problem(send(door, json.dumps(document).encode() + b" ", key), status=422, slug="idempotency-key-reused")


def test_a_reference_used_twice_points_to_the_referral_that_has_it(door):
    document = door.one.document()
    first = send(door, document)
    for again in (document, {**document, "language": "fr"}):
        for key in (None, fresh_key(door, "twice")):
            with door.nothing_stored():
                answer = send(door, again, key)
                check_problem(answer, status=409, slug="reference-taken")
            assert answer.headers["Location"] == f"{PREFIX}/v1/referrals/{first.json['id']}"
    assert door.client.get(answer.headers["Location"], headers=door.one.headers).json["id"] == first.json["id"]


def test_a_refused_body_does_not_use_up_its_key_or_reference(door):
    document, key = door.one.document(), fresh_key(door, "refused")
    check_problem(send(door, {**document, "language": "?"}, key), status=422, slug="invalid-document")
    assert send(door, document, key).status_code == 201


BAD_KEYS = {
    "empty": "",
    "too short": "x" * 15,
    "too long": "x" * 129,
    "blanks": "0123456789 0123456789",
    "two of them": f"{KEY}, {KEY}",
    "other characters": "0123456789/0123456789",
    "not ASCII": "0123456789é0123456789",
    "an opening quote alone": f'"{KEY}',
    "a closing quote alone": f'{KEY}"',
    "quotes around too little": '"01234567890123"',
}


@pytest.mark.parametrize("name", BAD_KEYS)
def test_a_key_that_is_none_is_a_bad_request(door, name):
    with door.nothing_stored():
        check_problem(send(door, door.one.document(), BAD_KEYS[name]), status=400, slug="idempotency-key-invalid")


@pytest.mark.parametrize("key", ["x" * 16, "x" * 128, KEY, "urn:uuid:0.1_2~3-4"])
def test_keys_of_16_to_128_plain_characters_are_taken(door, key):
    assert send(door, door.one.document(), key).status_code == 201


@pytest.mark.parametrize("with_key", [True, False], ids=["with a key", "by reference alone"])
def test_twenty_posts_of_the_same_at_once_make_one_referral(door, with_key):
    document = door.one.document("https://platform.example/p900", "https://platform.example/p901")
    body, key = json.dumps(document).encode(), fresh_key(door, "parallel") if with_key else None
    answers: list = []
    barrier = threading.Barrier(20)

    def post() -> None:
        barrier.wait()
        answers.append(send(door, body, key))

    before = door.rows()
    threads = [threading.Thread(target=post) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    grown = {name.rpartition("_")[2]: count - before[name] for name, count in door.rows().items()}
    assert (grown["referral"], grown["item"], grown["outbox"]) == (1, 2, 1)
    statuses = sorted(one.status_code for one in answers)
    if with_key:
        assert statuses == [201] * 20
        assert len({one.data for one in answers}) == 1
        assert sum("Idempotency-Replayed" in one.headers for one in answers) == 19
    else:
        assert statuses == [201] + [409] * 19


def test_different_referrals_of_one_content_at_once_share_one_case(door):
    """Twenty agencies' worth of posts meet on a case that none of them finds at first."""
    documents = [door.one.document("https://platform.example/p777777") for _ in range(12)]
    answers: list = []
    barrier = threading.Barrier(len(documents))

    def post(document) -> None:
        barrier.wait()
        answers.append(send(door, document))

    before = door.rows()
    threads = [threading.Thread(target=post, args=(one,)) for one in documents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.status_code for one in answers] == [201] * len(documents)
    grown = {name.rpartition("_")[2]: count - before[name] for name, count in door.rows().items()}
    assert (grown["referral"], grown["case"]) == (len(documents), 1)
