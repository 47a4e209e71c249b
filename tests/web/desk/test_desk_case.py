"""The case page: everything known, the veil, and who works on it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from desk_house import PREFIX, DeskHouse, Visitor, part

from notice_intake.core.targets import Part


def known_case(desk: DeskHouse) -> str:
    desk.content(
        "https://video.example/1",
        language="ar",
        published_at=datetime(2026, 11, 19, 8, 0, tzinfo=UTC),
        parts=(part("image", "A placeholder picture.", "a"), part("video", "", "b"), part("text", "نص نائب")),
        facts={"Views": "1204"},
    )
    content = {"producer": "Placeholder outlet", "also_at": ["https://elsewhere.example/9"], "languages": ["ar"]}
    case_id = desk.order("https://video.example/1", content=content, disclosure={"uploader": "withhold"})
    contact = {"name": "B. Placeholder", "email": "unit@example.org"}
    desk.refer("hxxps://video[.]example/1", language="fr", reasons="Motifs fictifs.", contact=contact)
    return case_id


def test_everything_known_is_on_one_page(desk: DeskHouse, mona: Visitor) -> None:
    page = mona.open(f"/cases/{known_case(desk)}")
    wanted = (
        "Placeholder title", "@placeholder", "Arabic", "19 Nov 2026, 08:00 UTC", "Views 1204", "نص نائب",
        "TCO removal order", "one hour from receipt", "1 h 00 min", "legal deadline", "Order", "Request to check",
        "Authority PL", "Unit BE", "PL-0001", "BE-0002", "Placeholder reasons.", "Motifs fictifs.", "Terms, 4.2",
        "Member State Poland", "PL/2026/11", "Placeholder court, 30 days", "B. Placeholder", "unit@example.org",
        "Placeholder outlet", "hxxps://elsewhere[.]example/9", "Terrorist content", "Risk for public security",
        "The uploader must not be told for now", "Referral received",
    )  # fmt: skip
    for words in wanted:
        assert words in page.text, words
    assert page.text.count("hxxps://video[.]example/1") == 2


def test_nothing_that_an_agency_named_can_be_clicked_or_is_loaded(desk: DeskHouse, mona: Visitor) -> None:
    page = mona.open(f"/cases/{known_case(desk)}")
    for tag, values in page.elements:
        for name in ("href", "src", "action", "formaction", "poster", "srcset", "data"):
            if values.get(name):
                assert values[name].startswith((f"{PREFIX}/", "#", "/media/")), (tag, values)
    assert {"https://video.example/1", "hxxps://video[.]example/1"} <= {
        values["data-copy"] for _, values in page.elements if "data-copy" in values
    }


def test_media_are_loaded_step_by_step_and_only_when_asked_for(desk: DeskHouse, mona: Visitor) -> None:
    case_id = known_case(desk)
    page = mona.open(f"/cases/{case_id}")
    assert "/media/" not in "".join(values.get("src", "") for _, values in page.elements)
    assert "Media are not loaded." in page.text
    soft = mona.send(page, "/look", veil="soft", facts="half a sentence")
    assert soft.found("section", data_veil="soft")
    assert [one["src"] for one in soft.found("img")] == ["/media/a.svg"]
    assert "muted" in soft.found("video")[0]
    clear = mona.send(soft, "/look", veil="clear")
    assert clear.found("section", data_veil="clear")
    assert dict(clear.form("/decision").fields)["facts"] == "half a sentence"
    assert mona.open(f"/cases/{case_id}").found("section", data_veil="veiled")


def test_a_medium_elsewhere_is_never_loaded(desk: DeskHouse, mona: Visitor) -> None:
    outside = (
        "https://elsewhere.example/a.png",
        "//elsewhere.example/a.png",
        "javascript:alert(1)",
        "/\\elsewhere.example",
    )
    desk.content("https://video.example/1", parts=tuple(Part("image", "", url) for url in outside))
    page = mona.open(f"/cases/{desk.refer('https://video.example/1')}")
    for step in ("soft", "clear"):
        page = mona.send(page, "/look", veil=step)
        assert page.found("img") == []
    assert page.text.count("is not loaded") == len(outside)


def test_an_unknown_content_is_called_so(desk: DeskHouse, mona: Visitor) -> None:
    page = mona.open(f"/cases/{desk.refer('https://video.example/9')}")
    assert "The platform does not know which content this names." in page.text
    desk.content("https://video.example/8", live=False)
    assert "no longer there" in mona.open(f"/cases/{desk.refer('https://video.example/8')}").text


def test_a_case_is_claimed_extended_and_released(desk: DeskHouse, mona: Visitor, marc: Visitor) -> None:
    case_id = desk.refer("https://video.example/1")
    page = mona.send(mona.open(f"/cases/{case_id}"), "/claim")
    assert "This case is yours for 20 min." in page.text
    desk.clock.forward(minutes=15)
    page = mona.send(mona.open(f"/cases/{case_id}"), "/extend")
    assert "Your claim is extended." in page.text
    assert "This case is yours for 20 min." in page.text
    page = mona.send(page, "/release")
    assert "The case is free again." in page.text
    assert marc.open(f"/cases/{case_id}").offers("/claim")


def test_a_case_that_somebody_holds_is_not_offered_for_decision(desk: DeskHouse, mona: Visitor, marc: Visitor) -> None:
    case_id = desk.refer("https://video.example/1")
    early = mona.open(f"/cases/{case_id}")
    marc.send(marc.open(f"/cases/{case_id}"), "/claim")
    page = mona.open(f"/cases/{case_id}")
    assert "Marc Exemple holds this case for 20 min." in page.text
    assert not page.offers("/decision")
    assert not page.offers("/takeover")
    refused = mona.send(early, "/claim")
    assert refused.status == 409
    assert refused.text.partition("History")[0].count("Marc Exemple") == 1
    (alert,) = refused.found("div", role="alert")
    assert "ni-refused" in alert["class"]


def test_a_lead_takes_over_with_a_reason_that_stays_on_record(desk: DeskHouse, marc: Visitor, lea: Visitor) -> None:
    case_id = desk.refer("https://video.example/1")
    marc.send(marc.open(f"/cases/{case_id}"), "/claim")
    page = lea.open(f"/cases/{case_id}")
    refused = lea.send(page, "/takeover", reason="  ")
    assert refused.status == 422
    assert "Say why you take this case over." in refused.text
    assert refused.found("input", id="reason", aria_invalid="true")
    page = lea.send(page, "/takeover", reason="End of shift <b>")
    assert "You have taken this case over." in page.text
    assert "This case is yours for 20 min." in page.text
    assert "reason: End of shift <b>" in page.text
    assert "Lea Przykład holds this case" in marc.open(f"/cases/{case_id}").text


def test_taking_over_without_a_reason_what_nobody_holds_any_more_leads_to_no_fault_that_is_not_there(
    desk: DeskHouse, marc: Visitor, lea: Visitor
) -> None:
    case_id = desk.refer("https://video.example/1")
    marc.send(marc.open(f"/cases/{case_id}"), "/claim")
    page = lea.open(f"/cases/{case_id}")
    desk.clock.forward(minutes=21)
    refused = lea.send(page, "/takeover", reason="  ")
    assert bool(refused.found("a", href="#ni-problem")) == bool(refused.found("div", id="ni-problem"))


def test_a_moderator_without_that_role_cannot_take_over(desk: DeskHouse, mona: Visitor, lea: Visitor) -> None:
    case_id = desk.refer("https://video.example/1")
    lea.send(lea.open(f"/cases/{case_id}"), "/claim")
    token = dict(mona.open("/").forms[0].fields)["csrf"]
    answer = mona.client.post(f"{PREFIX}/cases/{case_id}/takeover", data={"csrf": token, "reason": "x"})
    assert answer.status_code == 403


def test_reloading_the_address_of_a_form_leads_to_the_case(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer("https://video.example/1")
    for verb in ("decision", "look", "claim", "undo"):
        page = mona.open(f"/cases/{case_id}/{verb}?kind=url")
        assert (page.status, page.where) == (303, f"{PREFIX}/cases/{case_id}?kind=url")


@pytest.mark.parametrize(
    ("channel", "language", "word"),
    [
        ("api", "en", "Sent by machine"),
        ("bulk", "en", "Sent by machine, among many"),
        ("bulk", "de", "Maschinell gesendet, unter vielen"),
        ("bulk", "fr", "Envoyé par machine, parmi d’autres"),
        ("import", "en", "Entered by hand"),
        ("page", "en", "Agency pages"),
        ("uk", "en", "uk"),
    ],
)
def test_how_a_referral_came_is_said_in_words(desk, mona, channel, language, word):
    case_id = desk.refer("https://video.example/1")
    with desk.mount.storage.begin() as tx:
        tx.execute(tx.tables.referral.update().values(channel=channel))
    page = mona.open(f"/cases/{case_id}?lang={language}")
    (shown,) = re.findall(r"<dd>.*?</time> <span class=\"ni-quiet\">(.*?)</span></dd>", page.html)
    assert shown == word


def test_claiming_without_scripts_keeps_what_was_typed(desk: DeskHouse, mona: Visitor) -> None:
    page = mona.open(f"/cases/{desk.refer('https://video.example/1')}")
    page = mona.send(page, "/claim", **{**dict(page.form("/decision").fields), "facts": "Typed facts."})
    assert "This case is yours" in page.text
    assert dict(page.form("/decision").fields)["facts"] == "Typed facts."
    desk.clock.forward(minutes=5)
    page = mona.send(page, "/extend", **{**dict(page.form("/decision").fields), "question": "Typed question?"})
    assert "Your claim is extended." in page.text
    fields = dict(page.form("/decision").fields)
    assert (fields["facts"], fields["question"]) == ("Typed facts.", "Typed question?")
