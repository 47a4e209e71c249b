"""Every published example of a problem is what its request is really answered with."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from contract.closed import check
from flows.desk import claim_next
from sqlalchemy import update

from notice_intake import NoticeIntake, Storage
from notice_intake.contract.problem_examples import DOCUMENT, EXAMPLES, REFERRAL, Example
from notice_intake.contract.problems import explanations
from notice_intake.testing import FakeModerators, FakePlatform, FixedClock
from notice_intake.web.api import referrals

KEY = {"Idempotency-Key": '"example-unit:EX-2025-0031"'}
_ID = re.compile(r"\b(ref|req)_[0-9A-Z]{26}\b")
#: Slugs whose referral is there before.
AFTER_REFERRAL = {
    "unknown",
    "conflict",
    "reference-taken",
    "referral-changed",
    "if-match-invalid",
    "precondition-required",
}

#: The settings that some need.
OPTIONS = {"quota-exceeded": {"rate_agency": 1, "rate_address": 0}, "not_allowed": {"callback_networks": ()}}


def prepared(example: Example, make_house: Any, monkeypatch: Any) -> tuple[Any, Any, str]:
    """Bring about what the example presupposes; return the client, the agency and the referral that is there."""
    slug = example.name.removeprefix("invalid-document.")
    house = make_house(**OPTIONS.get(slug, {}))
    if slug == "temporarily-unavailable":
        return _unreachable(house), house.agency(), REFERRAL
    agency, referral = house.agency(), REFERRAL
    if slug in AFTER_REFERRAL or slug == "idempotency-key-reused":
        referral = agency.refer(dict(DOCUMENT), **(KEY if slug == "idempotency-key-reused" else {})).json["id"]
    if slug == "referral-changed":
        claim_next(house)
    if slug == "quota-exceeded":
        agency.get("/v1/referrals")
    if slug in ("scope-missing", "instrument-not-allowed"):
        _take_away(house, agency.id, slug)
    if slug == "internal-error":
        house.app.testing = False
        monkeypatch.setattr(referrals, "receive", lambda *_args, **_options: 1 / 0)
    return house.client, agency, referral


def _take_away(house: Any, agency_id: str, slug: str) -> None:
    with house.mount.storage.begin() as tx:
        credential, agency = tx.tables.credential, tx.tables.agency
        if slug == "scope-missing":
            mine = update(credential).where(credential.c.agency_id == agency_id)
            tx.execute(mine.values(scopes=["referrals:read"]))
        else:
            tx.execute(update(agency).where(agency.c.id == agency_id).values(instruments=["eu.iru.referral"]))


def _unreachable(house: Any) -> Any:
    """The same door in front of a database that does not answer."""
    from flask import Flask

    app = Flask("elsewhere")
    parts = {"platform": FakePlatform(), "moderators": FakeModerators(), "clock": FixedClock()}
    storage = Storage.from_url("postgresql://nobody@127.0.0.1:1/none")
    NoticeIntake(**parts, storage=storage, secret_keys=("k" * 40,)).init_app(app)
    return app.test_client()


def sent(example: Example, client: Any, token: dict[str, str], referral: str) -> Any:
    request = example.published["request"]
    body = request.get("body")
    data = body if isinstance(body, str) else json.dumps(body) if body is not None else None
    headers = {**request["headers"], **({} if example.sent.headers.get("Authorization") else token)}
    options: dict[str, Any] = {}
    if "Content-Length" in headers:
        length = int(headers.pop("Content-Length"))
        data = data if data is not None else "x" * length
        options["environ_overrides"] = {"CONTENT_LENGTH": str(length)}
    path = request["path"].replace(REFERRAL, referral)
    return client.open(path, method=request["method"], data=data, headers=headers, **options)


def without_ids(body: Any) -> Any:
    """Ids are different each time, and how long to wait is the clock's."""
    text = _ID.sub(r"\1_", json.dumps(body))
    return json.loads(
        re.sub(r'("retry_after": |wait )\d+', r"\1N", text).replace('"retry_after": N', '"retry_after": 0')
    )


# A problem says the same whichever database lies behind it: tests/web/api asks both.
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.name)
def test_an_example_of_a_problem_is_what_its_request_is_answered_with(example, make_house, monkeypatch):
    client, agency, referral = prepared(example, make_house, monkeypatch)
    answer = sent(example, client, agency.headers, referral)
    wanted = example.answer
    assert (answer.status_code, answer.content_type) == (wanted["status"], wanted["content-type"])
    check("problem", answer.json)
    assert without_ids(answer.json) == without_ids(wanted["body"])
    slug = answer.json["type"].rpartition("/")[2]
    told = explanations()[slug]
    assert (told["status"], told["title"]) == (answer.status_code, answer.json["title"])
