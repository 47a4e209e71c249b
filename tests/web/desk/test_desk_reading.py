"""What a moderator reads of the referrals, messages and decisions of a case."""

from __future__ import annotations

from desk_house import DeskHouse, Visitor

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
