"""What each regime sets: who is bound, the clock and the rule that sets it, what may be decided; and adding one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from contract.specimens import INSTRUMENTS, full
from marshmallow import fields

from notice_intake.contract.fields import Const
from notice_intake.contract.referrals import ReferralSchema
from notice_intake.core.clocks import ClockKind, ClockRule
from notice_intake.core.codes import RESTRICTIVE, Outcome
from notice_intake.core.decisions import Draft
from notice_intake.core.instruments import Country, Instrument, Word
from notice_intake.core.queue import QueueFilter
from notice_intake.errors import SettingsError
from notice_intake.extension import DEFAULT_REGIMES
from notice_intake.flows import claims, decide, desk_queries
from notice_intake.regimes.eu_iru import IRU_REFERRAL
from notice_intake.regimes.regime import Regime, rulebook

IRU, NOTICE, FLAGGER, ORDER = INSTRUMENTS
BOOK = rulebook(DEFAULT_REGIMES)

#: instrument, binding, kind of clock, hours from receipt, what its rule names.
CLOCKS = [
    (IRU, False, "house", 24, "House target"),  # Reg. (EU) 2021/784 recital 40: no deadline in law
    (NOTICE, False, "house", 72, "Art. 16(6) DSA"),  # "in a timely ... manner"
    (FLAGGER, False, "house", 24, "Art. 22(1) DSA"),  # priority
    (ORDER, True, "legal", 1, "Art. 3(3) Reg. (EU) 2021/784"),  # within one hour of receipt
]


@pytest.mark.parametrize(("code", "binding", "kind", "hours", "names"), CLOCKS)
def test_a_receipt_says_who_is_bound_until_when_and_why(house, code, binding, kind, hours, names):
    receipt = house.agency().refer(full(code)).json
    assert receipt["binding"] is binding
    assert receipt["due_kind"] == kind
    times = [datetime.fromisoformat(receipt[name]) for name in ("received_at", "due_at")]
    assert times[0] == house.clock()
    assert times[1] - times[0] == timedelta(hours=hours)
    assert names in receipt["due_rule"]


def test_the_clock_runs_from_receipt_and_not_from_what_the_sender_says(house):
    document = {**full(ORDER), "issued_at": "2026-01-01T00:00:00Z"}
    assert house.agency().refer(document).json["due_at"] == "2026-03-02T10:00:00.000+00:00"


@pytest.mark.parametrize("code", INSTRUMENTS)
def test_every_instrument_is_complete(code):
    one = BOOK.instruments[code]
    assert (one.code, one.binding) == (code, one.clock.kind is ClockKind.LEGAL)
    assert one.name
    assert one.source.startswith("Reg. (EU) ")
    assert len(set(one.outcomes)) == len(one.outcomes)
    assert Outcome.NOT_POSSIBLE in one.outcomes
    assert set(one.outcomes) & RESTRICTIVE


def test_an_order_leaves_no_choice_whether_and_no_time_to_undo():
    order = BOOK.instruments[ORDER]
    assert not order.undoable
    assert Outcome.NO_ACTION not in order.outcomes
    assert {Outcome.REMOVED, Outcome.ACCESS_DISABLED} <= set(order.outcomes)
    assert all(BOOK.instruments[code].undoable for code in (IRU, NOTICE, FLAGGER))
    assert all(Outcome.NO_ACTION in BOOK.instruments[code].outcomes for code in (IRU, NOTICE, FLAGGER))


def test_a_voluntary_referral_rests_on_the_terms_and_the_others_on_the_law():
    assert {code: str(BOOK.instruments[code].ground) for code in INSTRUMENTS} == {
        IRU: "terms",
        NOTICE: "law",
        FLAGGER: "law",
        ORDER: "law",
    }


def test_the_desk_is_told_in_words_what_an_order_says():
    rows = BOOK.instruments[ORDER].details(full(ORDER))
    told = dict(rows)
    assert told["Issuing authority"] == "Example Court"
    assert told["Member State"] == Country("BE")
    assert told["Kind of authority"] == Word("Court")
    assert told["Signed"] == datetime.fromisoformat(full(ORDER)["removal_order"]["signature"]["signed_at"])
    assert told["Signed for it by"] == "Officer A, Registrar"
    first, *_, last = told["The content"]
    assert "Art. 2(7)(a)" in first.text
    assert "Art. 2(7)(e)" in last.text
    assert told["Redress"] == "Court of Appeal, 30 days"
    assert all(value for _, value in rows)


@pytest.mark.parametrize("code", INSTRUMENTS)
def test_details_are_told_of_a_document_that_says_only_what_it_must(code):
    minimal = {"removal_order": full(ORDER)["removal_order"], "good_faith": True} if code != IRU else {}
    assert all(label and value for label, value in BOOK.instruments[code].details(minimal))


@pytest.mark.parametrize("category", ["STATEMENT_CATEGORY_NOT_SPECIFIED_ORDER", "STATEMENT_CATEGORY_VIOLENCE"])
def test_an_order_that_names_no_category_can_be_decided_as_the_form_suggests(house, category):
    """The Commission has a category for orders that say none; a statement of reasons has no such code."""
    agency = house.agency()
    assert agency.refer({**full(ORDER), "category": category}).status_code == 201
    moderator, now = house.gate.moderator, house.clock.now
    case_id = claims.claim_next(house.mount, QueueFilter(), moderator=moderator, now=now)
    file = desk_queries.case_file(house.mount, case_id, moderator=moderator, now=now)
    draft = Draft(
        outcome="removed",
        ground_kind=str(file.suggested["ground_kind"]),
        ground_reference=str(file.suggested["ground_reference"]),
        facts="Seen.",
        explanation="The order names this content.",
        category=str(file.suggested["category"]),
        keywords=tuple(file.suggested["keywords"]),
    )
    if not draft.category:
        # Nothing that could be refused is filled in: the moderator chooses.
        draft = replace(draft, category="STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY")
    decided = decide.decide(house.mount, case_id, draft, moderator=moderator, version=file.row.version, now=now)
    assert decided.outcome == "removed"


class NoteSchema(ReferralSchema):
    """A referral under a rule of the house's own."""

    instrument = Const("xx.house.note", required=True)
    ward = fields.String(required=True)


NOTE = Instrument(
    code="xx.house.note",
    name="House note",
    source="House rules, 1",
    binding=False,
    clock=ClockRule(ClockKind.HOUSE, timedelta(hours=5), "House rules, 1: within five hours"),
    outcomes=(Outcome.REMOVED, Outcome.NO_ACTION, Outcome.NOT_POSSIBLE),
    ground=IRU_REFERRAL.ground,
)


def test_a_regime_is_added_by_naming_it(make_house):
    house = make_house(regimes=(*DEFAULT_REGIMES, Regime("xx.house", "House", ((NOTE, NoteSchema),))))
    agency = house.agency()
    with house.mount.storage.begin() as tx:
        tx.execute(tx.tables.agency.update().values(instruments=["xx.house.note"]))
    refused = agency.refer(agency.document(instrument="xx.house.note"))
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/ward")
    receipt = agency.refer(agency.document(instrument="xx.house.note", ward="north"))
    assert (receipt.status_code, receipt.json["due_rule"]) == (201, "House rules, 1: within five hours")


def test_a_mount_knows_only_the_regimes_that_it_was_given(make_house):
    house = make_house(regimes=(Regime("xx.house", "House", ((NOTE, NoteSchema),)),))
    typed = ["notice-intake", "agency", "add", "Unit", "--country", "BE", "--instrument", IRU]
    refused = house.app.test_cli_runner().invoke(args=typed)
    assert (refused.exit_code, "Choose from: xx.house.note" in refused.output) == (2, True)


def test_two_regimes_that_define_one_instrument_are_refused():
    with pytest.raises(SettingsError, match=r"eu\.iru\.referral"):
        rulebook((*DEFAULT_REGIMES, DEFAULT_REGIMES[-1]))
