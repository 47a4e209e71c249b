"""Tables in: every make of CSV, and everything that can be wrong with one."""

from __future__ import annotations

import csv
import io
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notice_intake.formats.csv_cells import guarded, unguarded, written
from notice_intake.formats.csv_columns import COLUMNS, Misread, category, column_of
from notice_intake.formats.csv_referrals import referrals_from_csv, rejected, template
from notice_intake.formats.received import SAYS

TABLE = (Path(__file__).parents[1] / "data" / "door" / "table.csv").read_bytes()


def links(reading):
    return [item.document["target"].get("url") for draft in reading.drafts for item in draft.items]


def faults(reading):
    return [(one.code, one.row, one.column) for one in reading.faults]


def test_rows_of_one_reference_become_one_referral():
    reading = referrals_from_csv(TABLE)
    assert [draft.document["agency_reference"] for draft in reading.drafts] == ["BE-1", "BE-2"]
    first = reading.drafts[0]
    assert [item.row for item in first.items] == [2, 3]
    assert first.document["category"] == "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY"
    assert first.document["grounds"] == [{"kind": "terms", "reference": "Terms, 4.2"}]
    assert first.items[0].document["reasons"] == "Placeholder reasons,\non two lines."
    assert faults(reading) == []
    assert [note.value for note in reading.notes] == ["Languages"]  # no column of that name: said, not guessed


@pytest.mark.parametrize(
    ("encoding", "note"),
    [("utf-8", None), ("utf-8-sig", None), ("utf-16", "utf_16"), ("utf-16-le", "utf_16"), ("utf-16-be", "utf_16"),
     ("cp1252", "windows_1252")],
)  # fmt: skip
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_every_encoding_and_separator_says_the_same(encoding, note, separator):
    text = separator.join(["url", "REASONS"]) + "\r\n" + separator.join(["https://a.example/1", "Café fictif"]) + "\r\n"
    reading = referrals_from_csv(text.encode(encoding))
    assert links(reading) == ["https://a.example/1"]
    assert reading.drafts[0].items[0].document["reasons"] == "Café fictif"
    assert [one.code for one in reading.notes if one.code != "reference_made"] == ([note] if note else [])


@pytest.mark.parametrize("header", ["Agency Reference", "agency_reference", " AGENCY-REFERENCE ", "agencyReference"])
def test_headers_are_known_whatever_their_case_and_blanks(header):
    reading = referrals_from_csv(f"{header},Url\nR-1,https://a.example/1\n".encode())
    assert reading.drafts[0].document["agency_reference"] == "R-1"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "empty_file"),
        (b"\n\n\n", "empty_file"),
        (b"foo,bar\n1,2\n", "no_header"),
        (b"url,URL\na,b\n", "repeated_column"),
        (b"reasons,title\na,b\n", "no_target_column"),
        (b"url,reasons\n", "no_rows"),
        (b"url\n\n\n", "no_rows"),
        (b"url,reasons\nhttps://a.example/1,\x00\n", "nul"),
        (b"\xff\xfeu\x00", "no_header"),
        (b"\xff\xfe\x00\x00\x00", "not_text"),
        (b"url\n\x81\x8d\n", "not_text"),
        (b'url,reasons\nhttps://a.example/1,"open\n', "broken_quotes"),
        (b'url,reasons\nhttps://a.example/1,"a"b\n', "broken_quotes"),
        (b"url\n" + b"x" * 140_000 + b"\n", "huge_cell"),
        (b"url\n" + b"https://a.example/1\n" * 10_001, "too_many_rows"),
        (b"PK\x03\x04\x00\x00", "nul"),
    ],
)
def test_a_file_that_is_no_table_is_refused_as_a_whole(raw, code):
    reading = referrals_from_csv(raw)
    assert reading.unusable
    assert [one.code for one in reading.faults] == [code]
    assert reading.drafts == ()
    assert code in SAYS


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("R,,,", ("no_target", 2, "")),
        ("R,https://a.example/1,21/11/2026,", ("time_of_spreadsheet", 2, "published_at")),
        ("R,https://a.example/1,11/21/26 9:30,", ("time_of_spreadsheet", 2, "published_at")),
        ("R,https://a.example/1,46347.5,", ("time_of_spreadsheet", 2, "published_at")),
        ("R,https://a.example/1,21-Nov-26,", ("time_of_spreadsheet", 2, "published_at")),
        ("R,https://a.example/1,2026-11-21T09:30:00,", ("time_without_zone", 2, "published_at")),
        ("R,https://a.example/1,2026-02-30T09:30:00Z,", ("time", 2, "published_at")),
        ("R,https://a.example/1,yesterday,", ("time", 2, "published_at")),
        ("R,https://a.example/1,,perhaps", ("flag", 2, "graphic")),
        ("R,https://a.example/1,,no,extra", ("too_many_cells", 2, "")),
        ("R,https://a.example/\x07,,", ("control_character", 2, "url")),
    ],
)
def test_a_bad_row_is_told_with_row_column_and_advice_and_the_others_stay(row, fault):
    raw = f"agency_reference,url,published_at,graphic\n{row}\nR,https://a.example/2,,\n"
    reading = referrals_from_csv(raw.encode())
    assert faults(reading) == [fault]
    assert links(reading) == ["https://a.example/2"]
    assert not reading.unusable


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2026-11-21T09:30:00+01:00", "2026-11-21T09:30:00+01:00"),
        ("2026-11-21 09:30Z", "2026-11-21T09:30:00Z"),
        ("2026-11-21 09:30:01.5 +0100", "2026-11-21T09:30:01.5+01:00"),
    ],
)
def test_times_that_name_one_moment_are_understood(text, means):
    reading = referrals_from_csv(f"url,issued at\nhttps://a.example/1,{text}\n".encode())
    assert reading.drafts[0].document["issued_at"] == means


def test_rows_of_a_reference_that_disagree_are_told():
    raw = b"reference,url,language\nR,https://a.example/1,fr\nR,https://a.example/2,de\nR,https://a.example/3,\n"
    reading = referrals_from_csv(raw)
    assert faults(reading) == [("differs", 3, "language")]
    assert links(reading) == ["https://a.example/1", "https://a.example/3"]


def test_ten_thousand_rows_become_referrals_of_a_hundred_items():
    raw = b"url\n" + b"".join(b"https://a.example/%d\n" % number for number in range(10_000))
    reading = referrals_from_csv(raw)
    assert [len(draft.items) for draft in reading.drafts] == [100] * 100
    references = [draft.document["agency_reference"] for draft in reading.drafts]
    assert len(set(references)) == 100
    assert {one.code for one in reading.notes} == {"reference_made", "split"}


def test_rows_are_counted_as_spreadsheets_count_them():
    raw = b"sep=;\r\n\r\nurl;reasons\r\n\r\nhttps://a.example/1;ok\r\n;nothing\r\n"
    reading = referrals_from_csv(raw)
    assert [item.row for draft in reading.drafts for item in draft.items] == [5]
    assert faults(reading) == [("no_target", 6, "")]


def test_targets_are_named_by_what_the_row_holds():
    raw = b"url,handle,kind,sha256\n,@one,,\n,,," + b"a" * 64 + b"\nhttps://a.example/c,,channel,\n,@two,url,\n"
    reading = referrals_from_csv(raw)
    kinds = [item.document["target"]["kind"] for draft in reading.drafts for item in draft.items]
    assert kinds == ["account", "file", "channel"]
    assert faults(reading) == [("target_kind", 5, "kind")]


def test_the_template_is_understood_and_names_every_column():
    reading = referrals_from_csv(template().encode())
    assert (reading.faults, reading.notes) == ((), ())
    assert next(csv.reader(io.StringIO(template()))) == [one.name for one in COLUMNS]


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "＋1", "－1", "＠1", "\u00a0=1"]
)
def test_no_cell_that_we_write_is_a_formula(cell):
    assert written([[cell]]).lstrip('"')[0] == "'"
    assert unguarded(guarded(cell)) == cell


@pytest.mark.parametrize("separator", [";", "\t", "|"])
@pytest.mark.parametrize(
    "cell",
    [
        'a;=HYPERLINK("https://a.example/")',
        "a\t=1",
        "a|@x",
        'a; "=1"',
        "a;\u00a0\uff1d1",
        "a\n-1",
        "a\r\n+1",
        "a;b\t|=1",
    ],
)
def test_nor_is_a_part_of_one_where_a_spreadsheet_parts_cells_elsewhere(cell, separator):
    text = written([["what", cell, cell], [cell, "x"]])
    parts = [part for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) for part in row]
    starts = [unicodedata.normalize("NFKC", part).strip().lstrip('" ')[:1] for part in parts]
    assert not set(starts) & set("=+-@")


@given(st.text("'=-;|\t\r\n \"a\u00a0\uff1d", max_size=12))
def test_our_reader_reads_back_what_was_written(cell):
    ((read,),) = csv.reader(io.StringIO(written([[cell]]), newline="")) if cell else ((("",)),)
    assert unguarded(read) == cell


def test_a_table_that_we_wrote_says_the_same():
    reasons = "one;=1\n-two\t'+three;'four"
    reading = referrals_from_csv(written([["url", "reasons"], ["https://a.example/1", reasons]]).encode())
    assert reading.drafts[0].items[0].document["reasons"] == reasons


def test_the_rows_refused_are_guarded_once_however_often_they_come_back():
    raw = written([["url", "reasons"], ["", "one;=1"], ["", "=two"]]).encode()
    for _ in range(3):
        table = list(csv.reader(io.StringIO(rejected(raw, referrals_from_csv(raw).faults), newline="")))
        assert [row[-1] for row in table] == ["reasons", "one;'=1", "'=two"]
        raw = rejected(raw, referrals_from_csv(raw).faults).encode()


def test_a_cell_that_is_no_formula_is_written_as_it_is():
    for cell in ("https://a.example/=1", "2026", "'quoted", "a\nb", "", "a; b", "2026-11-21\tb"):
        assert next(csv.reader(io.StringIO(written([[cell, "x"]]), newline="")))[0] == cell


def test_the_rows_refused_come_back_with_what_to_change():
    raw = b"url,reasons\n,=cmd\nhttps://a.example/1,fine\n"
    table = list(csv.reader(io.StringIO(rejected(raw, referrals_from_csv(raw).faults), newline="")))
    assert table == [["what to change", "url", "reasons"], [SAYS["no_target"], "", "'=cmd"]]


def test_categories_are_known_by_code_and_by_name():
    wanted = "STATEMENT_CATEGORY_SCAMS_AND_FRAUD"
    assert [category(one) for one in (wanted, "scams_and_fraud", "Scams and/or fraud")] == [wanted] * 3
    with pytest.raises(Misread):
        category("nonsense")


@pytest.mark.parametrize(
    ("pointer", "column"),
    [("/items/3/target/url", "url"), ("/items/0/content/languages/1", "content_languages"), ("/category", "category"),
     ("/grounds/0/kind", "ground"), ("/items/1/target/hashes/0/value", "sha256"), ("/nothing", "")],
)  # fmt: skip
def test_a_pointer_leads_back_to_its_column(pointer, column):
    assert column_of(pointer) == column


@settings(deadline=None, max_examples=300)
@given(
    st.binary(max_size=400)
    | st.text(max_size=400).map(str.encode)
    | st.binary(max_size=200).map(b"url,reasons\n".__add__)
)
def test_no_bytes_make_it_raise(raw):
    reading = referrals_from_csv(raw)
    assert reading.drafts or reading.faults
