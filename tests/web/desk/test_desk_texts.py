"""The desk in other languages, dates and durations."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from catalogues import TRANSLATED, compiled, messages, po_file, read
from desk_house import PREFIX, DeskHouse, Visitor

from notice_intake.web.texts import LANGUAGES, choose_language, texts_in

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_message_is_translated_with_its_placeholders(language: str) -> None:
    wanted = messages()
    catalogue = read(language)
    known = {one.id: one for one in catalogue if one.id}
    assert set(known) == set(wanted), "run: python tests/web/desk/catalogues.py"
    for one in known.values():
        forms = one.string if one.pluralizable else (one.string,)
        assert len(forms) == (catalogue.num_plurals if one.pluralizable else 1)
        source = one.id[-1] if one.pluralizable else one.id
        for form in forms:
            assert form, one.id
            assert set(PLACEHOLDER.findall(form)) <= set(PLACEHOLDER.findall(source)), one.id
            if not one.pluralizable:
                assert set(PLACEHOLDER.findall(form)) == set(PLACEHOLDER.findall(source)), one.id


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_compiled_catalogue_is_that_of_today(language: str) -> None:
    assert po_file(language).with_suffix(".mo").read_bytes() == compiled(read(language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_can_be_read_in_every_language(desk: DeskHouse, mona: Visitor, language: str) -> None:
    case_id = desk.order("https://video.example/1", urgency={"threat_to_life": True})
    for path in ("/", "/?state=failed", f"/cases/{case_id}", "/effects", "/nowhere"):
        page = mona.open(path + ("&" if "?" in path else "?") + f"lang={language}")
        (root,) = page.found("html")
        assert root["lang"] == language
        assert root["dir"] == ("rtl" if language == "ar" else "ltr")
        assert "%(" not in page.html.replace(page.found("div", class_="ni")[0]["data-shapes"].replace('"', "&#34;"), "")
    page = mona.open("/")
    assert page.found("html")[0]["lang"] == language, "the choice is kept"


def test_a_moderators_own_language_wins_over_the_browsers(desk: DeskHouse, visit: object) -> None:
    page = visit("nour", **{"Accept-Language": "fr"}).open("/")  # type: ignore[operator]
    assert page.found("html")[0]["dir"] == "rtl"
    assert "قائمة الانتظار" in page.text


def test_a_language_is_chosen_with_the_form(mona: Visitor) -> None:
    page = mona.send(mona.open("/?state=closed"), "/preferences", follow=False, lang="de")
    assert page.where == f"{PREFIX}/?state=closed"
    assert "Warteschlange" in mona.open("/").text


@pytest.mark.parametrize(
    ("wishes", "accepted", "chosen"),
    [
        ((None, None, None), [], "en"),
        (("de", "fr", None), ["ar"], "de"),
        (("xx", None, "fr-CA"), ["ar"], "fr"),
        ((None, None, "pl"), ["el", "ar-EG"], "ar"),
        (("../../etc", None, None), ["de-AT"], "de"),
    ],
)
def test_the_best_language_is_found(wishes: tuple[str | None, ...], accepted: list[str], chosen: str) -> None:
    assert choose_language(wishes, accepted) == chosen


@pytest.mark.parametrize(
    ("left", "english"),
    [
        (timedelta(days=3, hours=4), "3 d 4 h"),
        (timedelta(hours=47, minutes=5), "47 h 05 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(minutes=4, seconds=5), "4 min 05 s"),
        (timedelta(0), "0 min 00 s"),
        (timedelta(seconds=-61), "1 min 01 s over"),
        (timedelta(hours=-2), "2 h 00 min over"),
    ],
)
def test_time_left_is_written_as_people_read_it(left: timedelta, english: str) -> None:
    assert texts_in("en").left(NOW + left, NOW) == english


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("left", [timedelta(days=3), timedelta(hours=2), timedelta(minutes=13), timedelta(minutes=2)])
def test_a_sentence_that_ends_in_a_time_ends_in_one_full_stop(language: str, left: timedelta) -> None:
    texts = texts_in(language)
    for sentence in ("This case is yours for %(time)s.", "%(time)s left."):
        assert ".." not in texts.gettext(sentence, time=texts.left(NOW + left, NOW))


def test_times_say_that_they_are_utc_and_days_only_where_needed() -> None:
    texts = texts_in("de")
    elsewhere = NOW.astimezone(tz=None)
    assert texts.moment(elsewhere) == "21 Nov. 2026, 09:00 UTC"
    assert texts.short(NOW, NOW) == "09:00"
    assert texts.short(NOW - timedelta(days=1), NOW) == "20 Nov., 09:00"


def test_names_of_languages_and_countries_come_in_the_language_of_the_page() -> None:
    texts = texts_in("fr")
    assert texts.tongue("el") == "grec"
    assert texts.tongue("zz-nonsense-tag") == "zz-nonsense-tag"
    assert texts.territory("GR") == "Grèce"


def test_arabic_counts_as_arabic_does() -> None:
    texts = texts_in("ar")
    forms = [texts.ngettext("%(n)s referral", "%(n)s referrals", n) for n in (1, 2, 3, 11, 100)]
    assert forms == ["إحالة واحدة", "إحالتان", "3 إحالات", "11 إحالة", "100 إحالة"]
