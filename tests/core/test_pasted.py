"""Links in pasted text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notice_intake.core.links import canonical_link
from notice_intake.core.pasted import NO_LINK, links_in, pasted_links


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("see https://a.example/1, or (https://a.example/b_(c)).", ["https://a.example/1", "https://a.example/b_(c)"]),
        ("hxxps://a[.]example/1 hxxp://b(dot)example", ["https://a.example/1", "http://b.example/"]),
        ("a[.]example/x and http[:]//b.example/y", ["https://a.example/x", "http://b.example/y"]),
        ("hxxps://a [.] example/1", ["https://a.example/1"]),
        ("<https://a.example/1> “https://a.example/2”", ["https://a.example/1", "https://a.example/2"]),
        ("Link:https://a.example/1,https://b.example/2", ["https://a.example/1", "https://b.example/2"]),
        ("[https://a.example/1](https://a.example/1)", ["https://a.example/1"]),
        ("https://a.example/1 HTTPS://A.EXAMPLE/1?utm_source=x", ["https://a.example/1"]),
        ("https://a.example/?u=https://b.example/2", ["https://a.example/?u=https://b.example/2"]),
        ("mail me@unit.example, e.g. file.pdf, U.S., 3.5, note://x", []),
        ("www.a.example/1", ["https://www.a.example/1"]),
        ("https://a.example/1 [.] See there", ["https://a.example/1"]),
        ("hxxps://a [.] example [.] org/x [.] y [dot] z", ["https://a.example.org/x"]),
        ("magnet:?xt=urn:btih:aa [.] z", ["magnet:?xt=urn:btih:aa"]),
    ],
)
def test_links_in_prose(text, links):
    assert [one.link for one in links_in(text)] == links


def test_what_only_looks_like_an_address_is_not_sure():
    assert [(one.written, one.sure) for one in links_in("terms.section/4 https://a.example/1")] == [
        ("terms.section/4", False),
        ("https://a.example/1", True),
    ]


def test_a_list_tells_each_line():
    found = pasted_links("1. https://a.example/1\n\n- b.example\nnone here\n(3) see https://c.example/3 there")
    assert [(one.line, one.link, bool(one.fault)) for one in found] == [
        (1, "https://a.example/1", False),
        (3, "https://b.example/", False),
        (4, "", True),
        (5, "https://c.example/3", False),
    ]


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("https://a.example/1 - see minute 2", ["https://a.example/1"]),
        ("https://a.example/?v=1 \u2013 channel x", ["https://a.example/?v=1"]),
        ("1. https://a.example/1 * mirror", ["https://a.example/1"]),
        ("https://a.example/1 2) https://a.example/2", ["https://a.example/1", "https://a.example/2"]),
        ("see https://a.example/v/12) and more", ["https://a.example/v/12"]),
        ("https://a.example/p/12. It shows", ["https://a.example/p/12"]),
        ("https://a.example/1\tsee minute 2", ["https://a.example/1"]),
    ],
)
def test_words_beside_a_link_never_become_a_part_of_it(text, links):
    assert [one.link for one in pasted_links(text)] == links


@pytest.mark.parametrize(
    "line", ["a.example/1 see 2", "a.example/1\tsee", "a.example\tsee", "a.example/1, b.example/2"]
)
def test_a_line_with_words_behind_what_may_be_a_link_is_told_instead_of_guessed(line):
    (found,) = pasted_links(line)
    assert (found.link, found.fault) == ("", NO_LINK)


@pytest.mark.parametrize(
    "piece",
    [
        "a.",
        "[",
        "a[.]",
        "www.",
        "https://",
        "https://a,",
        ")",
        " [.",
        "https://a" + ")" * 50,
        "x" * 99,
        " ",
        "a [.] ",
        "- ",
    ],
)
def test_it_takes_linear_time(piece):
    started = time.process_time()
    text = piece * (100_000 // len(piece))
    links_in(text)
    pasted_links(f"x{text}x")
    assert time.process_time() - started < 3


@given(st.text(max_size=300))
def test_every_link_found_is_canonical(text):
    for one in (*links_in(text), *pasted_links(text)):
        assert bool(one.link) != bool(one.fault)
        assert not one.link or canonical_link(one.link) == one.link
