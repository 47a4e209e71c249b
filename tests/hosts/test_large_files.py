"""Files that somebody enters at the desk are as large as our setting allows, whatever the host allows for its own."""

from __future__ import annotations

import io
import re
from html import unescape

import pytest
from flask import Flask
from hosting import agency_of, intake, upgraded
from werkzeug.datastructures import MultiDict

DESK = "/notices/desk"


def host(where, *, csrf: bool, **config: object) -> Flask:
    app = Flask("host")
    app.config.update(SECRET_KEY="host", **config)
    if csrf:
        pytest.importorskip("flask_wtf", reason="Flask-WTF is not installed").CSRFProtect(app)
    mount = intake(storage_url=f"sqlite:///{where}/large.db").init_app(app)
    upgraded(app)
    agency_of(app, mount)
    return app


def fields_of(page: str, ending: str) -> list[tuple[str, str]]:
    """The hidden fields of the form that leads to an address."""
    forms = re.findall(r"<form[^>]*>.*?</form>", page, re.DOTALL)
    form = next(one for one in forms if f'{ending}"' in one.split(">")[0] and "post" in one.split(">")[0])
    return [(key, unescape(value)) for key, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)]


@pytest.mark.parametrize("csrf", [False, True], ids=["alone", "with the host's protection"])
@pytest.mark.parametrize("config", [{}, {"MAX_CONTENT_LENGTH": 100_000}], ids=["defaults", "a small host"])
def test_a_large_file_is_shown_and_stored(tmp_path, csrf, config):
    client = host(tmp_path, csrf=csrf, **config).test_client()
    page = client.get(f"{DESK}/enter").get_data(as_text=True)
    agency = re.search(r'value="(agy_[^"]+)"', page)
    wish = {"channel": "email", "instrument": "eu.iru.referral", "language": "en"}
    wish |= {"category": "STATEMENT_CATEGORY_VIOLENCE", "agency": agency[1] if agency else ""}
    mail = b"From: a@b.example\nSubject: x\n\nhttps://platform.example/p1\n\n" + b"filler line filler line\n" * 30_000
    sent = dict(fields_of(page, "/enter")) | wish | {"files": (io.BytesIO(mail), "x.eml")}
    shown = client.post(f"{DESK}/enter", data=sent, content_type="multipart/form-data")
    assert shown.status_code == 200, shown.get_data(as_text=True)[:300]
    back = MultiDict(fields_of(shown.get_data(as_text=True), "/enter/confirm"))
    back.add("taken", "0.0.0")
    assert client.post(f"{DESK}/enter/confirm", data=back, content_type="multipart/form-data").status_code == 303
    assert "csrf" in back, "which is ours"
    del sent["csrf"]
    sent["files"] = (io.BytesIO(mail), "x.eml")
    assert client.post(f"{DESK}/enter", data=sent, content_type="multipart/form-data").status_code == 400


def test_what_the_host_finds_too_large_is_answered_with_a_page(tmp_path):
    client = host(tmp_path, csrf=True, MAX_CONTENT_LENGTH=2_000).test_client()
    page = client.get(f"{DESK}/").get_data(as_text=True)
    sent = dict(fields_of(page, "/preferences")) | {"here": "x" * 3_000}
    answer = client.post(f"{DESK}/preferences", data=sent)
    assert answer.status_code == 413
    assert "This is too large" in answer.get_data(as_text=True)
