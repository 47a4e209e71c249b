"""Log-in, log-out and the inbox."""

from __future__ import annotations

import secrets

from flask import Blueprint, abort, current_app, flash, g, redirect, render_template, request, session, url_for
from sqlalchemy import select
from werkzeug.security import check_password_hash
from werkzeug.wrappers import Response

from .models import LIVE, Account, Database, Message

pages = Blueprint("accounts", __name__)


def database() -> Database:
    return current_app.extensions["harbour"]


def signed_in() -> Account | None:
    """Return whoever is logged in. Read once a request, so that a suspended account is out at once."""
    if "account" not in g:
        id = session.get("account")
        g.account = None
        if id is not None:
            with database().session() as db:
                account = db.get(Account, id)
                g.account = account if account is not None and account.state == LIVE else None
    return g.account


def form_token() -> str:
    return session.setdefault("form_token", secrets.token_urlsafe(16))


def check_form_token() -> None:
    if not secrets.compare_digest(request.form.get("form_token", ""), session.get("form_token", "-")):
        abort(400, "This form is out of date. Open the page again.")


def local(path: str | None) -> str:
    """Return a path of this site to go on to, whatever the address asked for."""
    if path and path.startswith("/") and not path.startswith(("//", "/\\")):
        return path
    return url_for("pages.feed")


@pages.get("/login")
def login() -> str:
    return render_template("login.html", next=local(request.args.get("next")))


@pages.post("/login")
def enter() -> tuple[str, int] | Response:
    check_form_token()
    handle, following = request.form.get("handle", "").strip().removeprefix("@"), local(request.form.get("next"))
    with database().session() as db:
        account = db.scalar(select(Account).filter_by(handle=handle))
    known = account is not None and account.password_hash is not None and account.state == LIVE
    if not known or not check_password_hash(account.password_hash, request.form.get("password", "")):
        flash("That name and password do not go together.")
        return render_template("login.html", next=following, handle=handle), 401
    session.clear()
    session["account"] = account.id
    return redirect(following, 303)


@pages.post("/logout")
def leave() -> Response:
    check_form_token()
    session.clear()
    return redirect(url_for("pages.feed"), 303)


@pages.get("/inbox")
def inbox() -> str | Response:
    account = signed_in()
    if account is None:
        return redirect(url_for("accounts.login", next=request.path))
    with database().session() as db:
        messages = db.scalars(select(Message).filter_by(account_id=account.id).order_by(Message.at.desc()).limit(200))
        return render_template("inbox.html", messages=messages.all())
