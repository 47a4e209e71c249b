"""Asking an agency from the case page, and what comes back on it."""

from __future__ import annotations

import json

from desk_house import DeskHouse, Page, Visitor

from notice_intake.core.codes import MessageKind
from notice_intake.flows.exchange import Sent, send

LINK = "https://video.example/1"
ASKED = {"question_reason": "not_precise", "question": "Which of the two?\n<b>Please</b> say."}


def referrals(desk: DeskHouse, case_id: str) -> list[tuple[str, str]]:
    """Return the referrals of a case with the names of their agencies, oldest first."""
    with desk.mount.storage.read() as tx:
        item, agency = tx.tables.item.c, tx.tables.agency
        rows = tx.execute(tx.tables.item.select().where(item.case_id == case_id).order_by(item.received_at)).all()
        names = {row.id: row.name for row in tx.execute(agency.select())}
    return [(row.referral_id, names[row.agency_id]) for row in rows]


def says(desk: DeskHouse, case_id: str, kind: MessageKind, document: dict[str, object], *, who: int = 0) -> None:
    """Have the agency of a referral send a message about it."""
    referral_id, name = referrals(desk, case_id)[who]
    sent = Sent(kind, referral_id, document, json.dumps(document).encode())
    send(desk.mount, sent, agency=desk.agencies[name], now=desk.clock())


def ask(visitor: Visitor, page: Page, **typed: object) -> Page:
    return visitor.send(page, "/question", **{**ASKED, **typed})


def test_asking_frees_the_case_and_shows_what_was_asked(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.order(LINK)
    page = mona.send(mona.open("/"), "/next")
    assert page.form("/decision").fields.count(("question_to", referrals(desk, case_id)[0][0])) == 1
    page = ask(mona, page)
    for words in (
        "The agency is asked.",
        "Question to the agency",
        "It is not clear what exactly is meant",
        "Waiting for the agency",
        "<b>Please</b> say.",
        "The clock stands still",
        "Nobody holds this case.",
        "The agency was asked, Mona Beispiel",
    ):
        assert words in page.text, words
    assert "<b>Please" not in page.html


def test_a_refused_question_comes_back_as_it_was_typed(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer(LINK)
    back = ask(mona, mona.open(f"/cases/{case_id}"), question_reason="", question="  typed  ", question_to=[])
    assert back.status == 422
    assert "2 things are missing or wrong" in back.text
    assert back.found("details", id="ni-ask")[0].get("open") is not None
    assert ("question", "  typed  ") in back.form("/decision").fields
    for name in ("question_reason", "question_to"):
        (control,) = [values for _, values in back.elements if values.get("id") == name]
        assert control["aria-invalid"] == "true"
        assert [values for _, values in back.elements if values.get("id") == control["aria-describedby"]]
    # The form of the decision is not the one that is wrong.
    assert len(back.found("div", role="alert")) == 1


def test_asking_on_stale_facts_is_refused_with_the_text_kept(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer(LINK)
    page = mona.open(f"/cases/{case_id}")
    says(desk, case_id, MessageKind.SUPPLEMENT, {"text": "Placeholder fact."})
    back = ask(mona, page)
    assert back.status == 409
    assert "The case has changed since you opened it" in back.text
    assert "The agency added something" in back.text
    assert dict(back.form("/decision").fields)["question"] == ASKED["question"]
    assert "Waiting for the agency" not in back.text


def test_one_of_several_agencies_is_asked(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer(LINK)
    desk.clock.forward(seconds=1)
    desk.order(LINK)
    page = mona.open(f"/cases/{case_id}")
    (first, _), (order, _) = referrals(desk, case_id)
    offered = [one["value"] for one in page.found("input", name="question_to")]
    assert offered == ["orders", first, order]
    page = ask(mona, page, question_to=["orders"])
    assert "The clock stands still" not in page.text
    assert "house target" in page.text
    assert [one["value"] for one in page.found("input", name="question_to")][-2:] == [first, order]


def test_nothing_is_asked_of_a_case_that_is_decided_or_held(desk: DeskHouse, mona: Visitor, marc: Visitor) -> None:
    case_id = desk.refer(LINK)
    marc.send(marc.open("/"), "/next")
    assert not mona.open(f"/cases/{case_id}").offers("/question")
    marc.send(marc.open(f"/cases/{case_id}"), "/decision", outcome="no_action", facts="Placeholder facts.")
    assert not marc.open(f"/cases/{case_id}").offers("/question")


def test_what_an_agency_sends_shows_on_the_case_and_harms_nobody(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer(LINK)
    document = {
        "text": "<script>alert(1)</script> \u202e turned",
        "items": [{"reference": "1-1", "url": "https://video.example/9", "text": "Placeholder fact."}],
    }
    says(desk, case_id, MessageKind.SUPPLEMENT, document)
    page = mona.open(f"/cases/{case_id}")
    for words in ("From the agency", "U+202E", "hxxps://video[.]example/9", "New from the agency", "Placeholder fact."):
        assert words in page.text, words
    assert "<script>alert" not in page.html


def test_whoever_decided_cannot_answer_the_complaint(
    desk: DeskHouse, mona: Visitor, marc: Visitor, lea: Visitor
) -> None:
    from threading import Event

    from notice_intake.flows.work import work

    case_id = desk.refer(LINK)
    decided = {"outcome": "no_action", "facts": "Placeholder facts."}
    mona.send(mona.open(f"/cases/{case_id}"), "/decision", **decided)
    desk.clock.forward(seconds=60)
    work(desk.mount, stop=Event(), once=True)
    says(desk, case_id, MessageKind.COMPLAINT, {"items": ["1-1"], "text": "Placeholder complaint."})
    page = mona.open(f"/cases/{case_id}")
    assert "The complaint is about a decision of yours." in page.text
    refused = mona.send(page, "/decision", outcome="removed", facts="Typed.", explanation="Typed too.")
    assert refused.status == 403
    assert "Another moderator has to answer it." in refused.text
    assert dict(refused.form("/decision").fields)["facts"] == "Typed."
    other = marc.open(f"/cases/{case_id}")
    assert "decision of yours" not in other.text
    assert "Placeholder complaint." in other.text
    marc.send(other, "/decision", **decided)
    assert "Decision upheld" in lea.open(f"/cases/{case_id}").text


def test_reloading_the_address_of_the_form_leads_back(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer(LINK)
    assert mona.open(f"/cases/{case_id}/question").where.endswith(f"/cases/{case_id}")
