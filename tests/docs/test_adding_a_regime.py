"""docs/adding-a-regime.md: the regime that is printed there works from the referral to the answer."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import fields
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from flows.desk import ONE, REMOVE, case_file, claim_next, decide_case, events, run_worker, statuses
from printed import block, codes, rows, text

from notice_intake.core.decisions import Draft
from notice_intake.core.instruments import Instrument
from notice_intake.errors import DocumentRefused
from notice_intake.store import migrate
from notice_intake.testing import FakeAgency, FakeModerators, FakePlatform, FixedClock

PAGE = text("adding-a-regime.md")
DOCUMENT = json.loads(block(PAGE, "json", "docket"))
CODE = "example.house.notice"


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A host that has the printed file in its own code, and mounts it as printed."""
    (tmp_path / "house_notices.py").write_text(block(PAGE, "python", "HouseNoticeSchema"), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "house_notices", raising=False)
    regime = importlib.import_module("house_notices").REGIME
    app = Flask("host", instance_path=str(tmp_path / "instance"))
    names = {"app": app, "OurPlatform": FakePlatform, "OurGate": FakeModerators}
    exec(block(PAGE, "python", "DEFAULT_REGIMES"), names)
    mount = app.extensions["notice_intake"]["notice_intake"]
    migrate.upgrade(mount.storage)
    clock = FixedClock()
    object.__setattr__(mount, "clock", clock)
    args = PAGE[PAGE.index("`flask notice-intake agency add") :].split("`")[1]
    assert args.endswith(f"--instrument {CODE}")
    command = ["notice-intake", "agency", "add", "Example House", "--country", "BE", "--instrument", CODE, "--json"]
    token = json.loads(app.test_cli_runner().invoke(args=command).stdout)["token"]
    agency = FakeAgency(app.test_client(), token)
    yield SimpleNamespace(app=app, mount=mount, clock=clock, platform=mount.platform, agency=agency, regime=regime)
    mount.storage.dispose()


def test_the_printed_referral_goes_all_the_way(house):
    receipt = house.agency.refer(DOCUMENT)
    assert receipt.status_code == 201, receipt.text
    due, received = (datetime.fromisoformat(receipt.json[name]) for name in ("due_at", "received_at"))
    assert due - received == timedelta(hours=48)
    assert (receipt.json["due_kind"], receipt.json["binding"]) == ("legal", True)

    case_id = claim_next(house)
    page = house.app.test_client().get(f"/notices/desk/cases/{case_id}").text
    for shown in ("House notice", "Docket", "H-12/2025", "Section 7(2) Example Act: 48 hours from receipt"):
        assert shown in page
    taken = decide_case(house, case_id)
    assert taken.undo_until is None, "a deadline in law knows no undo window"
    run_worker(house)
    assert statuses(house.agency, receipt) == [("effected", "removed")]
    assert events(house.agency)[-1] == ("item.effected", "removed")


def test_the_form_begins_with_what_the_regime_says(house):
    house.agency.refer({**DOCUMENT, "grounds": [{"kind": "terms", "reference": "Terms, 4.2"}]})
    file = case_file(house, claim_next(house))
    assert file.outcomes == ("removed", "no_action", "already_gone", "not_found")
    assert file.suggested["ground_kind"] == "law"
    assert file.suggested["ground_reference"] == "Example Act, section 7"


def test_an_outcome_that_the_regime_does_not_know_is_refused(house):
    house.agency.refer(DOCUMENT)
    case_id = claim_next(house)
    draft = Draft(
        **{name: getattr(REMOVE, name) for name in Draft.__dataclass_fields__} | {"outcome": "account_suspended"}
    )
    with pytest.raises(DocumentRefused) as refused:
        decide_case(house, case_id, draft, ONE)
    assert ("/outcome", "not_allowed") in [(one.pointer, one.code) for one in refused.value.errors]


@pytest.mark.parametrize("name", ["docket", "items", "grounds", "language", "category", "agency_reference"])
def test_a_mandatory_field_that_is_gone_is_missed(house, name):
    answer = house.agency.refer({field: value for field, value in DOCUMENT.items() if field != name})
    assert [(one["pointer"], one["code"]) for one in answer.json["errors"]] == [(f"/{name}", "required")]


def test_both_readers_agree_on_what_is_printed(house):
    contract = house.mount.rulebook.contracts[CODE]
    contract.check(DOCUMENT)
    for docket in ("12", "H-12/25", "h-12/2025", "H-12/2025\n", "", 12, None):
        document = {**DOCUMENT, "docket": docket}
        assert contract._schema.validate(document)
        assert not contract._compiled.is_valid(document)
    assert "docket" in contract.published["required"]


def test_the_other_regimes_are_there_too_and_closed_to_this_agency(house):
    assert CODE in house.mount.instruments
    assert len(house.mount.instruments) == 5
    assert house.agency.refer(house.agency.document()).status_code == 403


def test_every_field_of_an_instrument_is_explained():
    assert [codes(cells[0])[0] for cells in rows(PAGE, "field")] == [one.name for one in fields(Instrument)]
