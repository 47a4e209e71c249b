"""The moderators of the demo send what a page offers, as a browser would."""

from __future__ import annotations

import pytest

from examples.flask_app.browser import Page

PAGE = """
<h1>Case <b>one</b></h1><p>Some text</p><a href="/a">a</a> <a rel="next" href="/b?cursor=2">b</a>
<form id="decision" method="post" action="/desk/cases/1/decision?kind=url">
  <input type="hidden" name="csrf" value="s3cret"><input type="hidden" name="version" value="7">
  <input type="radio" name="outcome" value="removed"><input type="radio" name="outcome" value="no_action" checked>
  <input type="radio" name="outcome" value="banned" disabled>
  <input type="checkbox" name="territories" value="BE"><input type="checkbox" name="territories" value="PL">
  <select name="category"><option value="">Choose</option><option value="X" selected>x</option></select>
  <select name="ground_kind"><option value="law">law</option><option value="terms">terms</option></select>
  <textarea name="facts">
first line
second &amp; last</textarea>
  <button name="then" value="next">Decide and next</button><button name="then" value="queue">Decide</button>
</form>
<input form="decision" name="explanation" value="outside">
"""


@pytest.fixture
def page():
    return Page(PAGE, url="http://127.0.0.1/desk/cases/1")


def test_a_form_is_sent_with_its_hidden_fields_its_defaults_and_the_button(page):
    sent = dict(page.form("decision").pairs("next"))
    assert sent == {
        "csrf": "s3cret",
        "version": "7",
        "outcome": "no_action",
        "category": "X",
        "ground_kind": "law",
        "facts": "first line\nsecond & last",
        "explanation": "outside",
        "then": "next",
    }


def test_only_what_the_page_offers_can_be_chosen(page):
    form = page.form("decision")
    form.fill("outcome", "removed")
    form.fill("territories", "BE", "PL")
    assert [value for name, value in form.pairs() if name in ("outcome", "territories")] == ["removed", "BE", "PL"]
    with pytest.raises(ValueError, match="banned"):
        form.fill("outcome", "banned")
    with pytest.raises(KeyError):
        form.fill("nothing", "x")


def test_links_the_heading_and_the_way_on_are_read(page):
    assert (page.heading, page.links, page.following) == ("Case one", ["/a", "/b?cursor=2"], "/b?cursor=2")
    assert "Some text" in page.text
