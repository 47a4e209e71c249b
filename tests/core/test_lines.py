"""What a person pastes, line by line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notice_intake.core.lines import read_lines

SHA256 = "ab" * 32


@pytest.mark.parametrize(
    ("text", "kind", "reading"),
    [
        ("https://video.example/watch?v=1", "url", "https://video.example/watch?v=1"),
        ("hxxps://video[.]example/watch?v=1", "url", "https://video.example/watch?v=1"),
        ("  <https://video.example/a>  ", "url", "https://video.example/a"),
        ("- hxxp://video(dot)example/a", "url", "http://video.example/a"),
        ("12. https://video.example/a", "url", "https://video.example/a"),
        ("• https://video.example/a", "url", "https://video.example/a"),
        ("video.example/a - b", "url", "https://video.example/a%20-%20b"),
        ("@placeholder", "account", "@placeholder"),
        (SHA256, "file", "sha-256:" + SHA256),
        (SHA256.upper(), "file", "sha-256:" + SHA256),
        ("SHA256: " + SHA256, "file", "sha-256:" + SHA256),
        ("pdq=" + SHA256, "file", "pdq:" + SHA256),
        ("cd" * 16, "file", "md5:" + "cd" * 16),
    ],
)
def test_a_line_is_understood(text, kind, reading):
    (line,) = read_lines(text)
    assert (line.kind, line.reading, line.fault) == (kind, reading, "")
    assert line.counts


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("see the list", "not valid"),
        ("list", "not a link"),
        ("someone@unit.example", "e-mail address or a handle"),
        ("https://a.example/1 https://a.example/2", "more than one link"),
        ("https://a.example/1\tsee minute 2", "control characters"),
        ("javascript:alert(1)", "name no content"),
        ("crc32: " + SHA256, "which kind of digest"),
        ("sha-1: " + SHA256, "A sha-1 digest has 40"),
        ("ab" * 17, "which kind of digest"),
    ],
)
def test_a_line_that_is_not_understood_says_what_to_change(text, says):
    (line,) = read_lines(text)
    assert says in line.fault
    assert line.target is None
    assert not line.counts


def test_numbers_are_those_of_what_was_pasted_and_the_same_target_counts_once():
    pasted = "https://a.example/1\r\n\r\n  \r\n@who\rhxxps://a[.]example/1?utm_source=x\n@WHO\n"
    lines = read_lines(pasted)
    assert [(one.number, one.same_as) for one in lines] == [(1, 0), (4, 0), (5, 1), (6, 4)]
    assert [one.counts for one in lines] == [True, True, False, False]


def test_the_target_keeps_what_was_pasted_so_that_nothing_is_guessed_in_its_name():
    (line,) = read_lines("hxxps://video[.]example/a?utm_source=x")
    assert line.target == {"kind": "url", "url": "hxxps://video[.]example/a?utm_source=x"}


@given(st.text(max_size=300))
def test_nothing_that_is_pasted_raises(text):
    for line in read_lines(text):
        assert bool(line.target) != bool(line.fault)
