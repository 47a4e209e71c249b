"""Text from outside can neither act nor deceive."""

from __future__ import annotations

import pytest
from desk_house import DeskHouse, Visitor
from hostile_fields import PAYLOADS, TEMPLATE_VALUE, fill

from notice_intake.web.desk.hostile import ascii_host, defanged, exact, local_medium, visible


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_payload_becomes_an_element_or_an_attribute(desk: DeskHouse, mona: Visitor, payload: str) -> None:
    case_id = fill(desk, payload)
    case_page = f"/cases/{case_id}"
    pages = [mona.open("/"), mona.open(case_page)]
    pages.append(
        mona.send(pages[1], "/look", veil="clear", facts=payload, explanation=payload, ground_reference=payload)
    )
    pages.append(mona.send(pages[1], "/decision", outcome="removed", facts="", explanation=payload))
    for page in pages:
        assert len(page.found("script")) == 1
        for tag, values in page.elements:
            assert tag not in ("iframe", "style", "object", "embed", "base"), tag
            assert not [name for name in values if name.startswith("on")], (tag, values)
            assert values.get("src", "") != "x"
            for name in ("href", "src", "action", "formaction"):
                assert not values.get(name, "").strip().lower().startswith(("javascript", "data", "http")), values
        assert TEMPLATE_VALUE not in page.text
    assert len([one for one in pages[1].elements if one[0] == "textarea"]) == 3


def test_what_was_typed_comes_back_as_text(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer("https://video.example/1")
    for payload in PAYLOADS:
        page = mona.send(
            mona.open(f"/cases/{case_id}"), "/decision", outcome="", facts=payload, ground_reference=payload
        )
        fields = dict(page.form("/decision").fields)
        assert fields["facts"] == payload
        assert fields["ground_reference"] == payload


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("https://video.example/watch?v=1.2", "hxxps://video[.]example/watch?v=1.2"),
        ("HTTP://Video.Example", "hxxp://Video[.]Example"),
        ("hxxps://video[.]example/1", "hxxps://video[.]example/1"),
        ("javascript:alert(1)", "javascript[:]alert(1)"),
        ("video.example/a.b", "video[.]example/a.b"),
        ("ftp://files.example/x", "ftp[:]//files[.]example/x"),
        ("https://a.example\\@b.example/", "hxxps://a[.]example\\@b.example/"),
    ],
)
def test_a_link_is_shown_as_text_that_no_program_follows(link: str, shown: str) -> None:
    assert defanged(link) == shown


def test_hidden_characters_are_written_out() -> None:
    marked = str(visible("a\u202eb\u200bc\u2066d\u00ade\ufefff\u3164g\x07h"))
    for code in ("U+202E", "U+200B", "U+2066", "U+00AD", "U+FEFF", "U+3164", "U+0007"):
        assert f">{code}</span>" in marked
    assert 'title="RIGHT-TO-LEFT OVERRIDE"' in marked
    assert "\u202e" not in marked


def test_scripts_that_need_joiners_keep_them() -> None:
    persian, family = "می\u200cخواهم", "👩\u200d👧"
    assert visible(persian) == persian
    assert visible(family) == family
    assert "U+200C" in visible("pass\u200cword")
    assert "U+200C" in exact(persian)


def test_odd_blanks_show_in_identifiers_and_not_in_prose() -> None:
    assert "U+00A0" in exact("BE\u00a01")
    assert visible("5\u00a0km\r\nnext\tline") == "5\u00a0km\nnext\tline"


@pytest.mark.parametrize(
    ("link", "host"),
    [
        ("https://bücher.example/x", "xn--bcher-kva.example"),
        ("https://аррle.example/", "xn--le-8lc3b3l.example"),
        ("https://xn--bcher-kva.example/x", None),
        ("https://video.example/x", None),
        ("not a link", None),
    ],
)
def test_a_host_in_another_script_carries_its_ascii_form(link: str, host: str | None) -> None:
    found = ascii_host(link)
    assert (found is None) == (host is None)
    assert found is None or (found.startswith("xn--") and found.isascii())
    if link.startswith("https://b"):
        assert found == host


def test_the_ascii_form_stands_on_the_page(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer("https://bücher.example/x")
    assert "hxxps://bücher[.]example/x xn--bcher-kva.example" in mona.open(f"/cases/{case_id}").text


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("/media/1.png", True),
        ("https://host.example/media/1.png", True),
        ("https://host.example.evil.example/1.png", False),
        ("//host.example/1.png", False),
        ("data:image/png;base64,AA", False),
        ("", False),
        (None, False),
    ],
)
def test_only_the_hosts_own_media_are_loaded(url: str | None, allowed: bool) -> None:
    assert local_medium(url, "https://host.example/") == (url if allowed else None)
