"""One's own referrals: what became of them, and what can be said about them."""

from __future__ import annotations

import pytest
from agency_house import PREFIX
from desk_house import PEOPLE
from sqlalchemy import select

from notice_intake.core.decisions import Draft
from notice_intake.flows import decide, questions
from notice_intake.flows.work import Tally, work

LEA = PEOPLE["lea"]


def cases_of(host, referral_id):
    with host.mount.storage.read() as tx:
        item, case = tx.tables.item, tx.tables.case
        query = select(case).join(item, item.c.case_id == case.c.id).where(item.c.referral_id == referral_id)
        return tx.execute(query.order_by(item.c.position)).all()


def ask(host, referral_id, index=0):
    case = cases_of(host, referral_id)[index]
    question = questions.Question("not_precise", "Which part of it?", (referral_id,))
    questions.ask(host.mount, case.id, question, moderator=LEA, version=case.version, now=host.clock())


def decided(host, referral_id, index=0, **changes):
    case = cases_of(host, referral_id)[index]
    draft = {
        "outcome": "removed",
        "ground_kind": "terms",
        "ground_reference": "Terms, 4.2",
        "facts": "Seen by Mona; another agency said so too.",
        "explanation": "Placeholder explanation.",
        "category": "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
        **changes,
    }
    decide.decide(host.mount, case.id, Draft(**draft), moderator=LEA, version=case.version, now=host.clock())


def worked(host) -> Tally:
    import threading

    return work(host.mount, stop=threading.Event(), once=True)


def test_the_list_shows_ones_own_and_nobody_elses(host, guest, stranger, refer):
    refer()
    refer(stranger, **{"/agency_reference": "FR-1"})
    assert "BE-2026-0001" in guest.open("/").text
    assert "FR-1" not in guest.open("/").text
    assert "FR-1" in stranger.open("/").text


def test_another_agencys_referral_is_not_there(host, guest, stranger, refer):
    """The same 404 as for one that never was, for every page and form."""
    theirs = refer(stranger, **{"/agency_reference": "FR-1"})
    fields = dict(guest.open("/keys").form("/keys/token").fields) | {"sequence": "1", "text": "x", "items": "1"}
    for referral_id in (theirs, "ref_none", "x" * 500, "%00"):
        assert guest.open(f"/referrals/{referral_id}").status == 404
        for kind in ("supplement", "withdrawal", "complaint"):
            answer = guest.client.post(f"{PREFIX}/referrals/{referral_id}/{kind}", data=fields)
            assert answer.status_code == 404, kind


def test_tabs_show_what_waits_and_what_was_asked(host, guest, refer):
    first = refer(lines="https://video.example/1")
    refer(lines="https://video.example/2", **{"/agency_reference": "BE-2"})
    ask(host, first)
    assert "BE-2026-0001" in guest.open("/?state=asked").text
    assert "BE-2 " not in guest.open("/?state=asked").text
    assert "Questions for you 1" in guest.open("/").text
    decided(host, refer(lines="https://video.example/3", **{"/agency_reference": "BE-3"}))
    host.clock.forward(minutes=1)
    worked(host)
    assert "BE-3" in guest.open("/?state=answered").text
    assert "BE-3" not in guest.open("/?state=open").text
    assert "BE-3" in guest.open("/?reference=BE-3").text
    assert "No referral of yours has this reference" in guest.open("/?reference=none").text
    assert guest.open("/?cursor=forged").status == 404


def test_pages_of_the_list_lead_on(host, guest, refer):
    for number in range(3):
        refer(lines=f"https://video.example/{number}", **{"/agency_reference": f"N-{number}"})
        host.clock.forward(minutes=1)
    from notice_intake.flows import own_referrals

    with host.mount.storage.read() as tx:
        agency = tx.execute(select(tx.tables.agency)).one()
    from notice_intake.store import agencies

    with host.mount.storage.read() as tx:
        found = agencies.find(tx, agency.id)
    seen, cursor = [], None
    for _ in range(3):
        rows, cursor = own_referrals.page(host.mount, agency=found, state="all", reference=None, cursor=cursor, limit=1)
        seen += [row.agency_reference for row in rows]
    assert seen == ["N-2", "N-1", "N-0"]
    assert cursor is None


def test_a_question_is_answered_where_it_stands(host, guest, refer):
    referral_id = refer(lines="https://video.example/1")
    ask(host, referral_id)
    page = guest.open(f"/referrals/{referral_id}")
    assert "Which part of it?" in page.text
    assert "Lea" not in page.text
    empty = guest.send(page, "/supplement", text="")
    assert (empty.status, "This is missing." in empty.text) == (422, True)
    done = guest.send(empty, "/supplement", text="The second half.")
    assert "The platform has what you added." in done.text
    assert "Answered" in done.text
    with host.mount.storage.read() as tx:
        rows = tx.execute(select(tx.tables.journal).where(tx.tables.journal.c.action == "referral.supplemented")).all()
    assert '"channel":"page"' in rows[0].payload.decode()
    assert '"link":"lnk_' in rows[0].payload.decode()


def test_an_answer_can_bring_a_better_link(host, guest, refer):
    referral_id = refer(lines="https://video.example/1")
    ask(host, referral_id)
    page = guest.open(f"/referrals/{referral_id}")
    wrong = guest.send(page, "/supplement", text="See there.", url="not a link")
    assert wrong.status == 422
    kept = dict(wrong.form("/supplement").fields)
    assert (kept["url"], kept["text"]) == ("not a link", "See there.")
    host.content("https://video.example/2")
    guest.send(wrong, "/supplement", text="See there.", url="hxxps://video[.]example/2")
    worked(host)
    assert cases_of(host, referral_id)[0].content is not None


def test_what_was_decided_shows_with_its_reasons_and_without_the_desks_own_notes(host, guest, refer):
    referral_id = refer(lines="https://video.example/1")
    decided(host, referral_id)
    waiting = guest.open(f"/referrals/{referral_id}")
    assert "Placeholder explanation." not in waiting.text  # it can still be undone
    host.clock.forward(minutes=1)
    worked(host)
    page = guest.open(f"/referrals/{referral_id}")
    assert "Carried out: Removed" in page.text
    assert "Placeholder explanation." in page.text
    assert "Terms, 4.2" in page.text
    assert "another agency" not in page.text
    assert "Lea" not in page.text
    assert "The platform has received it" in page.text


def test_a_decision_from_before_the_referral_shows_once(host, guest, stranger, refer):
    link = {"lines": "https://video.example/1"}
    decided(host, refer(stranger, **link))
    host.clock.forward(minutes=1)
    worked(host)
    host.clock.forward(minutes=1)
    page = guest.open(f"/referrals/{refer(**link)}")
    assert page.text.count("Placeholder explanation.") == 1
    assert "Unit FR" not in page.text


def test_asking_to_look_again_opens_the_case_again(host, guest, refer):
    referral_id = refer()
    decided(host, referral_id, 0)
    host.clock.forward(minutes=1)
    worked(host)
    page = guest.open(f"/referrals/{referral_id}")
    none = guest.fill(page, "/complaint", {"text": "Placeholder.", "items": []})
    assert (none.status, "Choose at least one item." in none.text) == (422, True)
    assert dict(none.form("/complaint").fields)["text"] == "Placeholder."
    done = guest.fill(none, "/complaint", {"text": "Placeholder.", "items": ["1"]})
    assert "The platform will look at it again." in done.text
    assert not done.offers("/complaint")
    assert cases_of(host, referral_id)[0].state == "open"
    decided(host, referral_id, 0, outcome="no_action")
    assert "Waits for a decision" in guest.open(f"/referrals/{referral_id}").text  # it can still be undone
    host.clock.forward(minutes=1)
    worked(host)
    assert "Decision reversed" in guest.open(f"/referrals/{referral_id}").text


def test_a_referral_is_withdrawn_in_part_and_as_a_whole(host, guest, refer):
    referral_id = refer()
    page = guest.open(f"/referrals/{referral_id}")
    part = guest.fill(page, "/withdrawal", {"text": "Placeholder.", "which": "some", "items": ["2"]})
    assert "Withdrawn." in part.text
    rest = guest.fill(part, "/withdrawal", {"text": "Placeholder."})
    assert not rest.offers("/withdrawal")
    with host.mount.storage.read() as tx:
        assert set(tx.execute(select(tx.tables.item.c.status)).scalars()) == {"withdrawn"}


def test_what_was_written_for_another_state_of_things_is_not_taken(host, guest, refer):
    referral_id = refer()
    page = guest.open(f"/referrals/{referral_id}")
    ask(host, referral_id)
    late = guest.fill(page, "/withdrawal", {"text": "Placeholder reason."})
    assert (late.status, "Something has happened" in late.text) == (409, True)
    assert dict(late.form("/withdrawal").fields)["text"] == "Placeholder reason."
    assert guest.fill(late, "/withdrawal", {}).status == 200


def test_sending_a_message_twice_counts_once(host, guest, refer):
    referral_id = refer()
    page = guest.open(f"/referrals/{referral_id}")
    for _ in range(2):
        sent = guest.fill(page, "/supplement", {"text": "Placeholder."}, follow=False)
        assert sent.status == 303
    with host.mount.storage.read() as tx:
        assert len(tx.execute(select(tx.tables.message)).all()) == 1


@pytest.mark.parametrize("typed", [{"sequence": "x"}, {"sequence": ""}, {"nonce": ""}, {"sequence": "9" * 40}])
def test_what_only_a_broken_form_can_send_is_refused(guest, refer, typed):
    page = guest.open(f"/referrals/{refer()}")
    assert guest.fill(page, "/supplement", {"text": "Placeholder.", **typed}).status == 400


def test_reloading_the_address_of_a_form_leads_back(guest, refer):
    referral_id = refer()
    for kind in ("supplement", "withdrawal", "complaint"):
        assert guest.open(f"/referrals/{referral_id}/{kind}").where == f"{PREFIX}/referrals/{referral_id}"
