"""What a moderator reads of the referrals, messages and decisions of a case."""

from __future__ import annotations

import json
import re
from threading import Event

from desk_house import DeskHouse, Visitor, order_fields
from sqlalchemy import select
from test_desk_questions import ask, says

from notice_intake.core.codes import MessageKind, Outcome
from notice_intake.flows.receive import Submission, receive
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
        assert not re.search(r"\bZZ[ )]", page.text), "a word of its own: an id may end with it"


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


def many(desk: DeskHouse, count: int) -> str:
    """Have an agency refer the same content many times in one referral; return the case."""
    items = [{"reference": f"n-{place:03}", "target": {"kind": "url", "url": LINK}} for place in range(count)]
    document = {
        "instrument": "eu.iru.referral",
        "agency_reference": "BE-many",
        "language": "en",
        "category": "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
        "grounds": [{"kind": "terms", "reference": "Terms, 4.2"}],
        "items": items,
    }
    sent = Submission(document, json.dumps(document).encode(), "api", None)
    got = receive(desk.mount, sent, agency=desk.agency("Unit BE", "BE"), now=desk.clock())
    with desk.mount.storage.read() as tx:
        return str(
            tx.execute(select(tx.tables.item.c.case_id).where(tx.tables.item.c.referral_id == got.referral_id)).scalar()
        )


def test_the_items_of_a_referral_stand_as_sent_and_fold_after_five(desk: DeskHouse, mona: Visitor) -> None:
    html = mona.open(f"/cases/{many(desk, 100)}").html
    found = re.findall(r"n-\d{3}", html.partition('class="ni-referral"')[2].partition("</section>")[0])
    assert list(dict.fromkeys(found)) == [f"n-{place:03}" for place in range(100)]
    first, _, rest = html.partition("95 further items</summary>")
    assert (first.count('class="ni-item"'), rest.count('class="ni-item"')) == (5, 95)
    assert "further item" not in mona.open(f"/cases/{desk.refer(f'{LINK}/other')}").text


def test_an_item_that_was_taken_back_says_so_among_those_that_stand(desk: DeskHouse, mona: Visitor) -> None:
    case_id = many(desk, 3)
    says(desk, case_id, MessageKind.WITHDRAWAL, {"reason": "Placeholder.", "items": ["n-001"]})
    html = mona.open(f"/cases/{case_id}").html
    chips = [part.partition("</p>")[0].count("Withdrawn") for part in html.split('class="ni-item-what"')[1:]]
    assert chips == [0, 1, 0]
    assert "Withdrawn" not in html.partition('class="ni-referral"')[2].partition("</header>")[0]


def test_what_an_order_holds_is_written_for_people(desk: DeskHouse, mona: Visitor) -> None:
    order = order_fields()["removal_order"]
    assert isinstance(order, dict)
    order |= {"main_establishment": "IE", "signature": {"signed_at": "2026-11-21T09:40:00+01:00", "signatory": "A. P."}}
    content = {"kind": "video", "published_at": "2026-11-19T10:00:00+01:00"}
    case_id = desk.order(LINK, removal_order=order, content=content, contact={"email": "desk@unit.example"})
    page = mona.open(f"/cases/{case_id}")
    for words in (
        "Member State Poland",
        "Kind of authority Law enforcement authority",
        "Main establishment Ireland",
        "Signature A. P.",
        "Signed 21 Nov 2026, 08:40 UTC",
        "Published 19 Nov 2026, 09:00 UTC",
        "Contact at the agency E-mail desk@unit.example",
    ):
        assert words in page.text, words
    mona.client.set_cookie("notice_intake_lang", "de")
    german = mona.open(f"/cases/{case_id}").text
    for words in ("Mitgliedstaat Polen", "Irland", "21 Nov. 2026, 08:40 UTC"):
        assert words in german, words
    assert "incites to" not in german


def test_what_a_flagger_says_of_itself_is_written_for_people(desk: DeskHouse, mona: Visitor) -> None:
    notice = {"instrument": "eu.dsa.trusted_flagger_notice", "good_faith": True, "awarded_by": "IE"}
    page = mona.open(f"/cases/{desk.refer(LINK, **notice, contact={'name': 'A', 'email': 'a@unit.example'})}")
    assert "Status awarded in Ireland" in page.text
    assert "Good faith stated (Art. 16(2)(d))" in page.text


def test_each_outcome_has_one_digit_whatever_the_instrument(desk: DeskHouse, mona: Visitor) -> None:
    cases = [desk.refer(f"{LINK}/1"), desk.order(f"{LINK}/2")]
    cases.append(
        desk.refer(
            f"{LINK}/3", instrument="eu.dsa.notice", good_faith=True, contact={"name": "A", "email": "a@b.example"}
        )
    )
    digits: dict[str, set[str]] = {}
    for case_id in cases:
        offered = [one for one in mona.open(f"/cases/{case_id}").found("input", name="outcome")]
        for one in offered:
            digits.setdefault(one["value"], set()).add(one["data-digit"])
        assert [one["data-digit"] for one in offered] == sorted(one["data-digit"] for one in offered)
    assert digits == {str(outcome): {str(place)} for place, outcome in enumerate(Outcome, 1)}


def test_a_case_that_was_taken_back_replaces_no_decision(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer(LINK)
    withdraw(desk, case_id)
    page = mona.open(f"/cases/{case_id}")
    assert "in force" not in page.text
    assert "Nothing was decided on this case" in page.text
