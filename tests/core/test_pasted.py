"""Links in pasted text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notice_intake.core.links import canonical_link
from notice_intake.core.pasted import links_in, pasted_links


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
    "piece", ["a.", "[", "a[.]", "www.", "https://", "https://a,", ")", " [.", "https://a" + ")" * 50, "x" * 99]
)
def test_it_takes_linear_time(piece):
    started = time.process_time()
    links_in(piece * (200_000 // len(piece)))
    assert time.process_time() - started < 3


@given(st.text(max_size=300))
def test_every_link_found_is_canonical(text):
    for one in (*links_in(text), *pasted_links(text)):
        assert bool(one.link) != bool(one.fault)
        assert not one.link or canonical_link(one.link) == one.link
