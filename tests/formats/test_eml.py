"""Mails in: what is found in them, what is not believed, and what they cannot make us do."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notice_intake.formats.eml import referrals_from_eml
from notice_intake.formats.html_text import text_of_html
from notice_intake.formats.incoming import media_type_of, read_file, read_text, tidy_name

DATA = Path(__file__).parents[1] / "data" / "door"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PLAIN = (DATA / "unit.eml").read_bytes()
PARTS = (DATA / "parts.eml").read_bytes()


def read(raw):
    return referrals_from_eml(raw, now=NOW)


def found(reading):
    return [(i.document["target"]["url"], i.place, i.taken) for draft in reading.drafts for i in draft.items]


def mail(body: str | bytes, **headers: str) -> bytes:
    head = {"From": "Unit <u@unit.example>", "Message-ID": "<1@unit.example>", **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in head.items())
    return lines.encode("utf-8", "surrogateescape") + b"\r\n" + (body.encode() if isinstance(body, str) else body)


def test_a_mail_is_a_referral_with_a_choice_of_links():
    reading = read(PLAIN)
    (draft,) = reading.drafts
    assert draft.choosable
    assert found(reading) == [
        ("hxxps://platform[.]example/p1", "text", True),
        ("https://platform.example/p2?utm_source=mail", "text", True),
        ("www.platform.example/p3", "text", True),
        ("https://platform.example/p9", "quoted", False),
        ("https://unit.example/imprint", "own", False),
        ("https://elsewhere.example/logo", "signature", False),
    ]
    assert draft.document == {
        "agency_reference": "2026-0031@unit.example",
        "issued_at": "2026-03-02T08:40:12Z",
        "language": "fr",
        "contact": {"email": "refer@unit.example", "name": "Unit One"},
    }
    assert draft.items[0].document["reasons"].startswith("Référence 0031\n\nBonjour,")
    assert dict(reading.sender)["checks_claimed"].endswith("dkim=pass header.d=unit.example")
    assert dict(reading.sender)["arrived_claimed"] == "2026-03-02T08:41:00Z"


def test_parts_are_read_by_what_they_are():
    reading = read(PARTS)
    assert [(draft.part, draft.document["agency_reference"]) for draft in reading.drafts] == [
        ("", "parts@unit-two.example"),
        ("links.csv", "UT-7"),
        ("Forwarded", "inner@unit-two.example"),
    ]
    assert found(reading) == [
        ("https://platform.example/p5", "text", True),
        ("https://platform.example/p4", "hidden", False),
        ("hxxps://platform[.]example/p6", "", True),
        ("https://platform.example/p7", "", True),
        ("https://platform.example/p8", "text", True),
    ]
    assert [one.part for one in reading.notes if one.code == "kept_not_read"] == ["form.pdf", "more.zip"]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "not_mail"),
        (b"no header here", "not_mail"),
        (b"\x89PNG\r\n", "not_mail"),
        (mail("nothing to see"), "no_links"),
        (mail("a", Content_Type="multipart/mixed"), "no_links"),
        (b"From: a\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 2000, "part_broken"),
        (b"From: a\r\n\r\n" + b"\n" * 3_100_000, "too_many_parts"),
        (b"From: a\r\n\r\n" + b"x" * (25 * 1024 * 1024), "too_large"),
    ],
)
def test_a_mail_of_no_use_says_why(raw, code):
    reading = read(raw)
    assert reading.unusable
    assert [one.code for one in reading.faults] == [code]


def test_mails_within_mails_end_at_a_depth():
    raw = mail("https://platform.example/deep")
    for _ in range(8):
        raw = mail(b"\r\n" + raw, Content_Type="message/rfc822")[: -0 or None].replace(b"\r\n\r\n\r\n", b"\r\n\r\n", 1)
    reading = read(raw)
    assert [one.code for one in reading.faults] == ["too_deep"]


def test_many_parts_end_at_a_number():
    part = b"--b\r\nContent-Type: text/plain\r\n\r\nhttps://platform.example/p1\r\n"
    reading = read(mail(part * 300 + b"--b--", Content_Type="multipart/mixed; boundary=b"))
    assert [one.code for one in reading.faults] == ["too_many_parts"]
    assert len(reading.drafts) == 1


@pytest.mark.parametrize(
    ("charset", "body", "text", "told"),
    [
        ("utf-8", "é".encode(), "é", False),
        ("iso-8859-1", "é".encode("latin-1"), "é", False),
        ("us-ascii", "é".encode(), "é", False),
        ("utf-8", "é".encode("cp1252"), "é", True),
        ("no-such-charset", "é".encode(), "é", True),
        ("punycode", b"abc-e9", "abc-e9", True),
        ("unicode_escape", rb"\x41", r"\x41", True),
        ("zip", b"abc", "abc", True),
        ("utf-7", b"+AGE-", "+AGE-", True),
    ],
)
def test_a_charset_is_believed_only_as_far_as_it_holds(charset, body, text, told):
    raw = mail(body + b" https://platform.example/p1", Content_Type=f"text/plain; charset={charset}")
    reading = read(raw)
    assert reading.drafts[0].items[0].document["reasons"].startswith(text)
    assert any(one.code == "charset" for one in reading.notes) is told


@pytest.mark.parametrize(
    ("date", "note"),
    [("Tue, 3 Mar 2099 00:00:00 +0000", "date_in_future"), ("soon", "date_unknown"), ("", "date_unknown")],
)
def test_a_time_that_cannot_be_is_left_out(date, note):
    reading = read(mail("https://platform.example/p1", Date=date))
    assert "issued_at" not in reading.drafts[0].document
    assert note in {one.code for one in reading.notes}


@pytest.mark.parametrize(
    "value",
    [
        "<" * 5000,
        "a" * 100_000,
        "=?utf-8?b?////?=",
        "=?x?q?=FF?=",
        "\udcff\udcfe",
        '"' * 999,
        "@",
        "a@b@c",
        ",,,;;;",
        "x <y",
        "(" * 3900,
        "a@b.example " + "(" * 3900,
        ":" * 3900,
    ],
)
def test_headers_of_any_kind_are_survived(value):
    names = ("From", "Date", "Message_ID", "Subject", "Content_Language", "Content_Type", "Received")
    for name in names:
        assert found(read(mail("https://platform.example/p1", **{name: value})))[0][0] == "https://platform.example/p1"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a\\b\\form.pdf", "x\x00y.pdf", "\u202efdp.exe", "", "." * 300, 'a"b.pdf']
)
def test_a_file_name_names_no_folder_and_hides_nothing(name):
    tidied = tidy_name(name)
    assert 0 < len(tidied) <= 200
    assert not set(tidied) & set('/\\:"\x00\u202e')


def test_html_is_read_as_text():
    page = "<p>One &amp; two<br>three</p><script>https://no.example/1</script><!-- https://no.example/2 --><a href=x>w"
    assert text_of_html(page).text == "One & two\nthree\nw"
    assert text_of_html(page).links == (("w", "x"),)


@pytest.mark.parametrize("before", ["\u0130" * 30, "\u00df\ufb03" * 30])
def test_letters_that_grow_in_lower_case_shift_nothing(before):
    page = before + "<STYLE>x</Style>https://a.example/1 <title>t</title><a href='https://a.example/2'>w</a>"
    assert text_of_html(page).text == before + "https://a.example/1 w"
    assert text_of_html(page).links == (("w", "https://a.example/2"),)


@pytest.mark.parametrize(
    "piece", ["<", "<!--", "<a ", "<a href='", "<script>", "</", "&#", "<![CDATA[", "<a href=x>", " href="]
)
def test_html_takes_linear_time(piece):
    started = time.process_time()
    text_of_html(piece * (1_000_000 // len(piece)))
    assert time.process_time() - started < 3


def test_pasted_lines_are_items_and_bad_ones_are_told():
    reading = read_text("1. hxxps://platform[.]example/p1\n\nnot a link\n* https://platform.example/p2")
    assert [one.document["target"]["url"] for one in reading.drafts[0].items] == [
        "hxxps://platform[.]example/p1",
        "https://platform.example/p2",
    ]
    assert [(one.code, one.row, one.value) for one in reading.faults] == [("bad_link", 3, "not a link")]


def test_other_files_are_kept_and_not_read():
    assert read_file("form.pdf", b"%PDF-1.4", now=NOW).format == ""
    assert media_type_of("a.PDF") == "application/pdf"


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=600), st.integers(0, 2**32))
def test_no_bytes_make_a_reader_raise(raw, seed):
    chance = random.Random(seed)
    mutated = bytearray(chance.choice((PLAIN, PARTS)))
    for _ in range(chance.randrange(1, 30)):
        at = chance.randrange(len(mutated))
        mutated[at : at + chance.randrange(4)] = chance.randbytes(chance.randrange(4))
    for name in ("a.eml", "a.csv", "a.json", "a.pdf"):
        read_file(name, raw, now=NOW)
        read_file(name, b"From: a\n" + raw, now=NOW)
    read(bytes(mutated))
