"""A case whose time is over: a finished page says so, with what remains and nothing of what was deleted."""

from __future__ import annotations

import threading

from desk_house import PEOPLE, PREFIX
from sqlalchemy import select

from notice_intake.core.decisions import Draft
from notice_intake.flows import decide, retention
from notice_intake.flows.journal_about import about
from notice_intake.flows.work import work

LINK = "https://video.example/kanari"


def purged(desk):
    """A case of two agencies, decided, carried out and purged."""
    desk.content(LINK, title="Kanari title")
    case_id = desk.refer(LINK, reasons="Kanari reasons.")
    desk.refer(LINK, agency=("Unit FR", "FR"))
    with desk.mount.storage.read() as tx:
        case = tx.execute(select(tx.tables.case)).one()
    draft = Draft(
        outcome="removed",
        ground_kind="terms",
        ground_reference="Kanari clause",
        facts="Kanari facts.",
        explanation="Kanari explanation.",
        category="STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
    )
    decide.decide(desk.mount, case_id, draft, moderator=PEOPLE["lea"], version=case.version, now=desk.clock())
    desk.clock.forward(hours=1)
    work(desk.mount, stop=threading.Event(), once=True)
    desk.clock.forward(days=366)
    assert retention.purge_due(desk.mount, now=desk.clock()).counts["cases"] == 1
    return case_id


def test_the_page_says_that_it_was_deleted_and_shows_what_remains(desk, mona):
    case_id = purged(desk)
    page = mona.open(f"/cases/{case_id}")
    assert page.status == 410
    assert "Deleted on 22 Nov 2027, 10:00 UTC" in page.text
    for left in (
        case_id,
        "Removed",
        "Unit BE",
        "BE-0001",
        "Unit FR",
        "FR-0002",
        "carried out",
        "Decided",
        "Referral received",
    ):
        assert left in page.text, left
    assert "21 Nov 2026" in page.text
    assert "anari" not in page.html
    assert "Przyk" not in page.text
    for language, words in (("de", "Gelöscht am"), ("fr", "Supprimé le"), ("ar", "حُذفت في")):
        assert words in mona.open(f"/cases/{case_id}?lang={language}").text


def test_every_form_of_a_page_that_was_open_for_too_long_leads_there(desk, mona):
    case_id = purged(desk)
    token = dict(mona.open("/").forms[0].fields)["csrf"]
    with desk.mount.storage.read() as tx:
        version = str(tx.execute(select(tx.tables.case.c.version)).scalar_one())
    for verb in ("claim", "release", "extend", "takeover", "look", "decision", "undo", "question"):
        data = {"csrf": token, "reason": "Placeholder.", "version": version, "seen": "0", "outcome": "removed"}
        answer = mona.client.post(f"{PREFIX}/cases/{case_id}/{verb}", data=data)
        assert answer.status_code == 410, verb
        assert "Deleted on" in answer.text


def test_who_read_what_remains_is_journalled(desk, mona):
    case_id = purged(desk)
    mona.open(f"/cases/{case_id}")
    assert [one.action for one in about(desk.mount, case_id)][-1] == "case.viewed"


def test_an_engineer_does_not_see_it_and_no_other_address_has_it(desk, mona, visit):
    case_id = purged(desk)
    assert visit("eng").open(f"/cases/{case_id}").status == 403
    assert mona.open("/cases/cas_none").status == 404
