"""The OpenAPI document: valid, complete, served to everybody, and true to the blueprint."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask import Flask
from marshmallow import fields
from openapi_spec_validator import OpenAPIV31SpecValidator

from notice_intake import NoticeIntake
from notice_intake.contract import openapi
from notice_intake.contract.fields import Const
from notice_intake.contract.operations import OPERATIONS
from notice_intake.contract.problems import explanations
from notice_intake.contract.published import schemas
from notice_intake.contract.referrals import ReferralSchema, Strict
from notice_intake.extension import DEFAULT_REGIMES
from notice_intake.regimes.eu_iru import IRU_REFERRAL
from notice_intake.regimes.publish import SERVER, published
from notice_intake.regimes.regime import Regime, rulebook
from notice_intake.testing import FakeModerators, FakePlatform

DOCUMENT = json.loads(published()["openapi.json"])
PUBLIC = ["/v1/openapi.json", "/v1/schemas/receipt.json", "/v1/problems/conflict"]


def mounted(tmp_path: Any, **options: Any) -> Flask:
    app = Flask("host", instance_path=str(tmp_path))
    NoticeIntake(platform=FakePlatform(), moderators=FakeModerators(), **options).init_app(app)
    return app


@pytest.fixture
def app(tmp_path):
    return mounted(tmp_path)


def test_it_is_valid():
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_it_names_the_paths_and_methods_of_the_blueprint_and_no_others(app):
    found, every = set(), {}
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith("notice_intake."):
            continue
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule.removeprefix("/notices"))
        if "WHATEVER" in rule.methods:
            every[path] = True  # refuses what no other rule takes, and answers OPTIONS
            continue
        found |= {(path, method) for method in rule.methods - {"HEAD"}}
        assert ("HEAD" in rule.methods) == ("GET" in rule.methods), path
    told = {(path, method.upper()) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert found == told
    assert every.keys() == {path for path, _ in told} | {"/v1", "/v1/{rest}"}


def test_every_operation_says_what_it_takes_and_what_it_can_be_answered_with():
    names = [one.name for one in OPERATIONS]
    assert len(set(names)) == len(names)
    for one in OPERATIONS:
        told = DOCUMENT["paths"][one.path][one.method.lower()]
        assert told["summary"]
        for status, response in told["responses"].items():
            assert response["description"], (one.name, status)
            assert "X-Request-Id" in response["headers"]
        problems = {known["status"] for slug, known in explanations().items() if slug in one.problems}
        assert {str(status) for status in problems} <= told["responses"].keys()
        assert set(one.problems) <= set(explanations())
        assert bool(told["security"]) is (one.scope is not None)
        in_path = set(re.findall(r"{(\w+)}", one.path))
        assert in_path == {
            name for name in one.parameters if DOCUMENT["components"]["parameters"][name]["in"] == "path"
        }


def test_every_problem_but_the_one_of_other_methods_belongs_to_an_operation():
    assert set(explanations()) - {slug for one in OPERATIONS for slug in one.problems} == {"method-not-allowed"}


@pytest.mark.parametrize("path", PUBLIC)
def test_it_is_for_everybody_and_may_be_kept(app, path):
    client = app.test_client()
    answer = client.get(f"/notices{path}")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"].startswith("public")
    assert answer.headers["X-Request-Id"]
    again = client.get(f"/notices{path}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.head(f"/notices{path}").headers["ETag"] == answer.headers["ETag"]
    assert client.get(f"/notices{path}", headers={"If-None-Match": '"other"'}).status_code == 200


def test_what_is_served_is_what_is_published(app):
    client = app.test_client()
    served = client.get("/notices/v1/openapi.json").json
    assert served["servers"] == [{"url": "/notices"}]
    assert {**served, "servers": [{"url": SERVER}]} == DOCUMENT
    for name, text in published().items():
        if "/" not in name and name != "openapi.json":
            answer = client.get(f"/notices/v1/schemas/{name}")
            assert (answer.status_code, answer.content_type) == (200, "application/schema+json")
            assert answer.json == json.loads(text)
    for name in ("none.json", "receipt", "openapi", "../receipt.json", "receipt.json%00"):
        assert client.get(f"/notices/v1/schemas/{name}").status_code == 404


def test_the_address_is_the_one_that_the_platform_gives(tmp_path):
    app = mounted(tmp_path, public_url="https://platform.example")
    served = app.test_client().get("/notices/v1/openapi.json", headers={"Host": "elsewhere.example"})
    assert served.json["servers"] == [{"url": "https://platform.example/notices"}]
    assert "elsewhere" not in served.get_data(as_text=True)


class ContactSchema(Strict):
    """A class with a name that the package has too."""

    desk = fields.String(required=True)


class HouseSchema(ReferralSchema):
    """A house's own."""

    instrument = Const("example.house.notice", required=True)
    contact = fields.Nested(ContactSchema, required=True)


def test_a_houses_own_regime_is_in_it_and_its_names_stand_beside_ours(tmp_path):
    from dataclasses import replace

    own = Regime("example.house", "House", ((replace(IRU_REFERRAL, code="example.house.notice"), HouseSchema),))
    client = mounted(tmp_path, regimes=(*DEFAULT_REGIMES, own)).test_client()
    served = client.get("/notices/v1/openapi.json").json
    OpenAPIV31SpecValidator(served).validate()
    assert client.get("/notices/v1/schemas/referral.example.house.notice.json").json["properties"]["contact"]
    found = served["components"]["schemas"]
    assert list(found["referral.example.house.notice.Contact"]["properties"]) == ["desk"]
    assert found["Contact"] == DOCUMENT["components"]["schemas"]["Contact"]
    body = served["paths"]["/v1/referrals"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["discriminator"]["mapping"]["example.house.notice"].endswith("/referral.example.house.notice")


def test_every_reference_leads_somewhere():
    known = schemas(rulebook(DEFAULT_REGIMES).contracts)
    text = json.dumps(openapi.document(known, server="/"))
    for reference in set(re.findall(r'"\$ref": "([^"]+)"', text)):
        found: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "application/problem+json, */*", "text/plain"])
def test_a_problem_is_explained_as_json_to_a_machine(app, accept):
    answer = app.test_client().get("/notices/v1/problems/conflict", headers={"Accept": accept})
    assert answer.content_type == "application/json"
    assert answer.headers["Vary"] == "Accept"
    assert answer.json == explanations()["conflict"]


def test_a_problem_is_explained_as_a_page_to_a_person(app):
    for slug, told in explanations().items():
        answer = app.test_client().get(f"/notices/v1/problems/{slug}", headers={"Accept": BROWSER})
        assert answer.content_type == "text/html; charset=utf-8"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        text = answer.get_data(as_text=True)
        assert f"<h1>{told['title']}</h1>" in text
        assert "`" not in text
