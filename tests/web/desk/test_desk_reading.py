"""What a moderator reads of the referrals, messages and decisions of a case."""

from __future__ import annotations

from threading import Event

from desk_house import DeskHouse, Visitor
from test_desk_questions import ask, says

from notice_intake.core.codes import MessageKind
from notice_intake.flows.work import work

LINK = "https://video.example/1"


def test_why_a_life_is_in_danger_stands_in_the_open(desk: DeskHouse, mona: Visitor) -> None:
    danger = {"threat_to_life": True, "explanation": "Placeholder <b>danger</b>."}
    page = mona.open(f"/cases/{desk.refer(LINK, urgency=danger)}")
    assert "Threat to life Placeholder <b>danger</b>." in page.text
    assert page.html.index("&lt;b&gt;danger") < page.html.index("As the agency describes it")


def test_a_danger_without_a_reason_is_said_to_have_none(desk: DeskHouse, mona: Visitor) -> None:
    page = mona.open(f"/cases/{desk.refer(LINK, urgency={'threat_to_life': True})}")
    assert "The agency does not say why." in page.text


def test_until_when_the_uploader_must_not_be_told_is_said_in_utc(desk: DeskHouse, mona: Visitor) -> None:
    for number, until in enumerate(("2027-01-01T00:30:00+02:00", None)):
        disclosure = {"uploader": "withhold", **({"until": until} if until else {})}
        page = mona.open(f"/cases/{desk.refer(f'{LINK}/{number}', disclosure=disclosure)}")
        assert "The uploader must not be told for now" in page.text
        assert ("until 31 Dec 2026, 22:30 UTC" in page.text) is (until is not None)


def test_a_country_that_nobody_named_is_not_shown(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer(LINK, agency=("Unit by mail", "ZZ"))
    for path in ("/", f"/cases/{case_id}"):
        page = mona.open(path)
        assert "Unit by mail" in page.text
        assert "Unknown Region" not in page.html
        assert "ZZ " not in page.text
        assert "(ZZ)" not in page.text


def withdraw(desk: DeskHouse, case_id: str, *, who: int = 0) -> None:
    says(desk, case_id, MessageKind.WITHDRAWAL, {"reason": "Placeholder: sent in error."}, who=who)


def test_a_withdrawn_referral_says_so_and_shows_no_deadline(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer(LINK)
    desk.refer(LINK, agency=("Unit FR", "FR"))
    withdraw(desk, case_id)
    html = mona.open(f"/cases/{case_id}").html
    taken_back, other = html.split('<section class="ni-referral')[1:3]
    assert "Withdrawn</span>" in taken_back.partition("</header>")[0]
    assert "<dt>Due</dt>" not in taken_back
    assert "Withdrawn" not in other.partition("</section>")[0]
    assert "<dt>Due</dt>" in other


def test_a_case_that_was_taken_back_whole_says_so(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer(LINK)
    withdraw(desk, case_id)
    page = mona.open(f"/cases/{case_id}")
    assert "Withdrawn Taken back before anything was decided" in page.text


def test_the_agency_that_withdrew_is_named_in_the_history(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer(LINK)
    says(desk, case_id, MessageKind.SUPPLEMENT, {"text": "Placeholder fact."})
    withdraw(desk, case_id)
    text = mona.open(f"/cases/{case_id}").text
    assert "The agency added something, Unit BE" in text
    assert "The agency withdrew, Unit BE" in text
    assert "an agency" not in text


def test_only_one_decision_is_in_force(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer(LINK)
    texts = {"facts": "Placeholder.", "explanation": "Placeholder."}
    for outcome in ("removed", "no_action"):
        mona.send(mona.open(f"/cases/{case_id}"), "/decision", outcome=outcome, **texts)
        desk.clock.forward(minutes=10)
        for _ in range(2):
            work(desk.mount, stop=Event(), once=True)
    html = mona.open(f"/cases/{case_id}").html
    now, before = html.partition('id="ni-decisions"')[2].split('<div class="ni-taken')[1:3]
    assert "in force" in now
    assert "ni-good" in now
    assert "in force" not in before.partition("<dl")[0]
    assert "replaced" in before.partition("</p>")[0]
    assert "ni-good" not in before.partition("</p>")[0]


def test_a_question_keeps_its_names_apart(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer(LINK)
    page = ask(mona, mona.open(f"/cases/{case_id}"))
    assert '</bdi><span class="ni-to">' in page.html
