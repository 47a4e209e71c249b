"""Who may come in: one answer for every reason to refuse, nothing stored, and nobody sees another's referrals."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
from door import PREFIX, check_problem, make_door

from notice_intake.auth import bearer
from notice_intake.flows import agencies

ROUTES = [
    ("POST", "/v1/referrals"),
    ("POST", "/v1/referrals/bulk"),
    ("GET", "/v1/referrals"),
    ("GET", "/v1/referrals/ref_00000000000000000000000000"),
    ("GET", "/v1/events"),
]


def ask(door, method, path, **headers):
    body = json.dumps(door.one.document()).encode() if method == "POST" else None
    kind = "application/x-ndjson" if path.endswith("bulk") else "application/json"
    return door.client.open(PREFIX + path, method=method, data=body, headers={"Content-Type": kind, **headers})


def forged(token: str, **changes: str) -> str:
    """A token with one part of it exchanged."""
    _, key_id, rest = token.split("_", 2)
    secret, _, signature = rest.rpartition(".")
    parts = {"key_id": key_id, "secret": secret, "signature": signature, **changes}
    return "ni1_{key_id}_{secret}.{signature}".format(**parts)


@pytest.fixture
def tokens(door):
    """Every kind of credentials that must not open anything, by name."""
    good = door.one.headers["Authorization"].removeprefix("Bearer ")
    revoked, revoked_id = door.enrol("Revoked")
    agencies.revoke(door.mount, revoked_id, now=door.clock())
    asleep, asleep_id = door.enrol("Not active")
    with door.mount.storage.begin() as tx:
        agency = tx.tables.agency
        tx.execute(agency.update().where(agency.c.id == asleep_id).values(active=False))
    elsewhere, _, _ = bearer.mint(make_door(door.mount.storage, secret_keys=("z" * 40,)).mount.secrets.signer("x"))
    unknown, _, _ = bearer.mint(door.mount.secrets.signer(bearer.PURPOSE))
    other_key = forged(good, key_id=good.split("_")[1][::-1])
    return {
        "none": {},
        "empty": {"Authorization": ""},
        "the scheme alone": {"Authorization": "Bearer"},
        "Basic": {"Authorization": "Basic dW5pdDpwYXNz"},
        "the token without a scheme": {"Authorization": good},
        "another scheme with the token": {"Authorization": f"Token {good}"},
        "malformed": {"Authorization": "Bearer not-a-token"},
        "cut short": {"Authorization": f"Bearer {good[:-1]}"},
        "too long": {"Authorization": f"Bearer {good}{'x' * 5000}"},
        "another signature": {"Authorization": f"Bearer {forged(good, signature='A' * 43)}"},
        "another secret": {"Authorization": f"Bearer {forged(good, secret='A' * 43)}"},
        "another key's id": {"Authorization": f"Bearer {other_key}"},
        "two tokens": {"Authorization": f"Bearer {good}, Bearer {good}"},
        "signed with a key that is not ours": {"Authorization": f"Bearer {elsewhere}"},
        "signed but never stored": {"Authorization": f"Bearer {unknown}"},
        "revoked": revoked.headers,
        "an agency that is switched off": asleep.headers,
        "a cookie": {"Cookie": f"token={good}; session={good}"},
    }


def test_every_reason_to_refuse_looks_the_same_on_every_route(door, tokens):
    answers = set()
    with door.nothing_stored():
        for method, path in ROUTES:
            for name, headers in tokens.items():
                answer = ask(door, method, path, **headers)
                problem = check_problem(answer, status=401, slug="credentials-refused")
                assert answer.headers["WWW-Authenticate"].startswith("Bearer "), name
                problem.pop("instance")
                answers.add(json.dumps(problem))
    assert len(answers) == 1


@pytest.mark.parametrize("name", ["access_token", "token", "api_key", "authorization"])
def test_a_token_in_the_address_opens_nothing(door, name):
    token = door.one.headers["Authorization"].removeprefix("Bearer ")
    with door.nothing_stored():
        for method, path in ROUTES:
            check_problem(ask(door, method, f"{path}?{name}={token}"), status=401, slug="credentials-refused")


def test_a_token_ends_with_its_year_and_at_once_when_it_is_revoked(door):
    agency, agency_id = door.enrol("Short-lived")
    assert agency.get("/v1/referrals").status_code == 200
    try:
        door.clock.advance(days=365)
        check_problem(agency.get("/v1/referrals"), status=401, slug="credentials-refused")
    finally:
        door.clock.advance(days=-365)
    assert agency.get("/v1/referrals").status_code == 200
    agencies.revoke(door.mount, agency_id, now=door.clock())
    check_problem(agency.get("/v1/referrals"), status=401, slug="credentials-refused")


def test_rotation_keeps_the_newest_two_tokens_alive(door):
    agency, agency_id = door.enrol("Rotating")
    headers = [agency.headers]
    for _ in range(2):
        door.clock.advance(seconds=1)
        token = agencies.rotate(door.mount, agency_id, now=door.clock()).token
        headers.append({"Authorization": f"Bearer {token}"})
    assert [ask(door, "GET", "/v1/referrals", **one).status_code for one in headers] == [401, 200, 200]


def test_the_reason_stands_in_the_log_and_the_token_nowhere(door, tokens, caplog):
    caplog.set_level(logging.DEBUG)
    for headers in tokens.values():
        ask(door, "POST", "/v1/referrals", **headers)
    said = [record.getMessage() for record in caplog.records if record.name == "notice_intake.api"]
    reasons = {one.rpartition(": ")[2] for one in said}
    assert {"missing", "other scheme", "malformed", "forged", "unknown", "revoked"} <= reasons
    good = door.one.headers["Authorization"].removeprefix("Bearer ")
    secret = good.split("_", 2)[2]
    assert secret not in caplog.text


def test_a_scope_that_is_missing_is_forbidden(door):
    reader, agency_id = door.enrol("Reader")
    with door.mount.storage.begin() as tx:
        key = tx.tables.credential
        tx.execute(key.update().where(key.c.agency_id == agency_id).values(scopes=["referrals:read"]))
    with door.nothing_stored():
        problem = check_problem(reader.refer(), status=403, slug="scope-missing")
        assert "referrals:write" in problem["detail"]
        check_problem(ask(door, *ROUTES[1], **reader.headers), status=403, slug="scope-missing")
    assert reader.get("/v1/referrals").status_code == 200


def test_anothers_referral_answers_like_one_that_does_not_exist(door):
    mine = door.one.refer().json["id"]
    assert door.one.get(f"/v1/referrals/{mine}").status_code == 200
    answers = []
    for wanted in (mine, "ref_00000000000000000000000000", "nonsense", "%00", "..", "\u202e", "x" * 3000):
        answer = door.two.get(f"/v1/referrals/{wanted}")
        problem = check_problem(answer, status=404, slug="not-found")
        problem.pop("instance")
        differing = ("X-Request-Id", "Content-Length", "RateLimit")
        headers = {name: value for name, value in answer.headers if name not in differing}
        answers.append((problem, headers, len(answer.data)))
    assert all(one == answers[0] for one in answers)


def test_nobody_sees_anothers_referrals_events_or_references(door):
    document = door.one.document("https://platform.example/p31", agency_reference="SHARED-1")
    mine = door.one.refer(document)
    assert mine.status_code == 201
    # The same reference of another agency is another referral: it neither clashes nor answers with the first.
    theirs = door.two.refer(document)
    assert theirs.status_code == 201
    assert theirs.json["id"] != mine.json["id"]
    for agency, other in ((door.one, theirs), (door.two, mine)):
        listed = agency.get("/v1/referrals?limit=200").get_data(as_text=True)
        told = agency.get("/v1/events?limit=200").get_data(as_text=True)
        assert other.json["id"] not in listed
        assert other.json["id"] not in told


def test_another_agencys_idempotency_key_is_nobodys_business(door):
    key = {"Idempotency-Key": "shared-key-0123456789"}
    first, second = door.one.refer(**key), door.two.refer(**key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert "Idempotency-Replayed" not in second.headers
    assert first.json["id"] != second.json["id"]


def test_nothing_that_opens_a_door_is_stored_in_the_open(door):
    _agency, agency_id = door.enrol("Canary")
    token = agencies.rotate(door.mount, agency_id, now=door.clock() + timedelta(seconds=1)).token
    secret = token.split("_", 2)[2].rpartition(".")[0]
    with door.mount.storage.read() as tx:
        for table in tx.tables.metadata.sorted_tables:
            for row in tx.execute(table.select()):
                assert secret not in str(tuple(row)), table.name
