"""A key is looked at together with what it stores. What another process did to it still acts on the next request."""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import contextmanager

import pytest
from auth.signers import pem_of
from door import PREFIX, check_problem
from flask import Flask
from sqlalchemy import update

from notice_intake import NoticeIntake, Storage
from notice_intake.auth import signing
from notice_intake.flows import agencies
from notice_intake.flows.agency_keys import add_public_key, require_signature
from notice_intake.flows.receive import Submission, receive
from notice_intake.store.direct import Straight
from notice_intake.store.known_keys import known_key
from notice_intake.testing import FakeAgency, FakeModerators, FakePlatform

ORIGIN = "https://platform.example"


@pytest.fixture
def used(door):
    """An agency whose key this process has just seen, and knows."""
    agency, agency_id = door.enrol("Unit Three")
    assert agency.refer().status_code == 201
    agency.id = agency_id
    return agency


@pytest.fixture
def questions(monkeypatch):
    """How often the database was asked which key that is."""
    asked = Counter()
    fetch = Straight.fetch

    def counted(self, query, values):
        asked["keys" if "under" in values else "other"] += 1
        return fetch(self, query, values)

    monkeypatch.setattr(Straight, "fetch", counted)
    return asked


def revoke(door, agency):
    """What another process does: this one hears nothing of it."""
    assert agencies.revoke(door.mount, agency.id, now=door.clock()) == 1


def test_a_key_that_was_seen_a_moment_ago_is_not_asked_for_again(door, used, questions):
    for _ in range(3):
        assert used.refer().status_code == 201
    assert questions["keys"] == 0
    door.clock.advance(minutes=2)
    assert used.refer().status_code == 201
    assert questions["keys"] == 1
    assert used.get("/v1/referrals").status_code == 200
    assert questions["keys"] == 2, "who reads is looked up each time"


BAD = {
    "a good referral": (lambda one: json.dumps(one.document(f"{ORIGIN}/of-{one.id}")).encode(), {}),
    "no JSON": (lambda _: b"{", {}),
    "a bad document": (lambda _: b'{"instrument": "eu.iru.referral"}', {}),
    "an instrument that is none": (lambda _: b'{"instrument": "none"}', {}),
    "too much": (lambda _: b" " * 70_000, {}),
    "no such media type": (lambda _: b"-", {"Content-Type": "text/plain"}),
    "a bad idempotency key": (lambda one: json.dumps(one.document()).encode(), {"Idempotency-Key": "bare"}),
}


@pytest.mark.parametrize("what", list(BAD))
def test_a_revoked_key_is_told_nothing_but_that(door, used, what):
    make, headers = BAD[what]
    never_known = door.client.post(f"{PREFIX}/v1/referrals", headers={"Authorization": "Bearer none"})
    revoke(door, used)
    body = make(used)
    with door.nothing_stored():
        answer = door.client.post(
            f"{PREFIX}/v1/referrals",
            data=body,
            headers={**used.headers, "Content-Type": "application/json", **headers},
        )
    assert check_problem(answer, status=401, slug="credentials-refused")["detail"] == never_known.json["detail"]
    assert set(answer.headers.keys()) == set(never_known.headers.keys())


def test_a_revoked_key_is_told_of_no_referral_that_is_there(door, used):
    document = used.document()
    assert used.refer(document).status_code == 201
    revoke(door, used)
    with door.nothing_stored():
        assert used.refer(document).status_code == 401
        assert used.refer({**document, "language": "fr"}).status_code == 401


def test_a_revoked_key_is_told_of_no_limit(door):
    storage, tight = door.mount.storage, Flask("tight")
    parts = {"platform": FakePlatform(), "moderators": FakeModerators(), "storage": storage, "clock": door.clock}
    NoticeIntake(**parts, secret_keys=("k" * 40,), rate_agency=1).init_app(tight, url_prefix=PREFIX)
    agency, agency_id = door.enrol("Unit Four")
    same = FakeAgency(tight.test_client(), agency.headers["Authorization"].removeprefix("Bearer "))
    assert same.refer().status_code == 201
    assert same.refer().status_code == 429
    agencies.revoke(door.mount, agency_id, now=door.clock())
    refused = same.refer()
    assert refused.status_code == 401
    assert not {"RateLimit", "RateLimit-Policy", "Retry-After"} & set(refused.headers.keys())


def test_an_agency_that_was_put_to_rest_is_refused(door, used):
    change(door, used, active=False)
    with door.nothing_stored():
        assert used.refer().status_code == 401
    change(door, used, active=True)
    assert used.refer().status_code == 201


def test_what_an_agency_may_is_what_it_may_now(door, used):
    change(door, used, instruments=["eu.dsa.notice"])
    with door.nothing_stored():
        assert used.refer().status_code == 403
    change(door, used, instruments=["eu.iru.referral"])
    assert used.refer().status_code == 201


def test_a_scope_counts_from_the_next_request_on(door, used):
    scopes(door, used, ["referrals:read"])
    with door.nothing_stored():
        assert used.refer().status_code == 403
    scopes(door, used, ["referrals:read", "referrals:write"])
    assert used.refer().status_code == 201


def test_signatures_become_and_cease_to_be_asked_for_at_once(door, used):
    add_public_key(door.mount, used.id, key=signing.from_pem(pem_of("ed25519")).public, now=door.clock())
    require_signature(door.mount, used.id, required=True, now=door.clock())
    with door.nothing_stored():
        assert used.refer().status_code == 401
    require_signature(door.mount, used.id, required=False, now=door.clock())
    assert used.refer().status_code == 201


def test_a_signed_request_of_a_key_that_was_revoked_leaves_nothing(door):
    with signing_host(door) as (send, agency_id):
        assert send(b"{").status_code == 400
        assert send().status_code == 201
        agencies.revoke(door.mount, agency_id, now=door.clock())
        with door.nothing_stored():
            assert send().status_code == 401
            assert send(b"{").status_code == 401


def test_a_signed_request_is_answered_once_whatever_happens_to_its_agency(door):
    with signing_host(door) as (send, agency_id):
        assert send().status_code == 201
        with door.mount.storage.begin() as tx:
            table = tx.tables.agency
            tx.execute(update(table).where(table.c.id == agency_id).values(name="Renamed"))
        document = json.dumps(FakeAgency(None, "").document(agency_reference="ONCE")).encode()
        request = send.made(document)
        assert send.again(request).status_code == 201
        assert send.again(request).status_code == 401


def test_what_no_change_of_the_key_could_mend_asks_no_database(door, questions):
    with signing_host(door) as (send, _):
        assert send().status_code == 201
        (body, fields), (_, others) = send.made(b'{"one": 1}'), send.made(b'{"two": 2}')
        questions.clear()
        with door.nothing_stored():
            assert send.again((body + b" ", fields)).status_code == 401
            assert send.again((body, fields | {"Signature": others["Signature"]})).status_code == 401
        assert questions.total() == 0


def test_of_referrals_that_share_a_transaction_only_those_with_a_key_that_stands_are_stored(door, used):
    other, other_id = door.enrol("Unit Five")
    keys = {}
    for one, agency_id in ((used, used.id), (other, other_id)):
        with door.mount.storage.straight() as tx:
            keys[agency_id] = known_key(tx, key_id_of(one), scheme="bearer")
    revoke(door, used)
    start, results = threading.Barrier(8), []

    def refer(number, agency_id):
        key = keys[agency_id]
        document = FakeAgency(None, "").document(
            f"https://platform.example/shared-{agency_id}-{number}", agency_reference=f"SHARED-{number}"
        )
        submission = Submission(document, json.dumps(document).encode(), "api")
        start.wait()
        try:
            receive(door.mount, submission, agency=key.agency, now=door.clock(), presumed=key)
            results.append((agency_id, "stored"))
        except Exception as error:
            results.append((agency_id, type(error).__name__))

    before = door.rows()["ni_referral"]
    threads = [threading.Thread(target=refer, args=(number, (used.id, other_id)[number % 2])) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(results) == {(used.id, "Changed"): 4, (other_id, "stored"): 4}
    assert door.rows()["ni_referral"] == before + 4


def test_another_process_is_believed(door, used):
    """A mount of its own on the same tables, as a second server process has."""
    storage = door.mount.storage
    second = Flask("second")
    parts = {"platform": door.platform, "moderators": FakeModerators(), "storage": storage, "clock": door.clock}
    mount = NoticeIntake(**parts, secret_keys=("k" * 40,)).init_app(second, url_prefix=PREFIX)
    elsewhere = FakeAgency(second.test_client(), used.headers["Authorization"].removeprefix("Bearer "))
    assert elsewhere.refer(used.document()).status_code == 201
    agencies.revoke(mount, used.id, now=door.clock())
    assert isinstance(storage, Storage)
    assert used.refer().status_code == 401
    assert elsewhere.refer(used.document()).status_code == 401


def change(door, agency, **values):
    with door.mount.storage.begin() as tx:
        table = tx.tables.agency
        tx.execute(update(table).where(table.c.id == agency.id).values(values))


def scopes(door, agency, wanted):
    with door.mount.storage.begin() as tx:
        table = tx.tables.credential
        tx.execute(update(table).where(table.c.agency_id == agency.id).values(scopes=wanted))


def key_id_of(agency):
    return agency.headers["Authorization"].split("_")[1]


@contextmanager
def signing_host(door):
    """A host that knows its own address, and an agency that signs there."""
    host = Flask("signing")
    parts = {"platform": door.platform, "moderators": FakeModerators(), "storage": door.mount.storage}
    NoticeIntake(**parts, clock=door.clock, secret_keys=("k" * 40,), public_url=ORIGIN).init_app(
        host, url_prefix=PREFIX
    )
    _, agency_id = door.enrol("Unit that signs")
    key = signing.new_ed25519()[0]
    add_public_key(door.mount, agency_id, key=key.public, now=door.clock())
    client, writer = host.test_client(), FakeAgency(None, "")

    def made(body):
        fields = {"Content-Type": "application/json"}
        created = int(door.clock().timestamp())
        url = f"{ORIGIN}{PREFIX}/v1/referrals"
        return body, fields | signing.sign_request(
            key, method="POST", url=url, headers=fields, body=body, created=created
        )

    def again(request):
        return client.post(f"{PREFIX}/v1/referrals", data=request[0], headers=request[1])

    def send(body=None):
        return again(made(body if body is not None else json.dumps(writer.document()).encode()))

    send.made, send.again = made, again
    yield send, agency_id
