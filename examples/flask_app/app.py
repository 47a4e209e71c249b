"""Harbour: ``flask --app examples.flask_app.app run``."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

import click
from flask import Flask, current_app, render_template
from flask.cli import AppGroup, with_appcontext
from werkzeug.exceptions import HTTPException

from . import accounts, notices, pages, population
from .models import Account, Database

ERRORS = {
    400: "That did not work",
    404: "Nothing here",
    410: "No longer on Harbour",
    451: "Not available in this country",
}


def create_app() -> Flask:
    """Build the platform. ``HARBOUR_…`` environment variables are its settings, ``NOTICE_INTAKE_…`` the package's."""
    app = Flask(__name__, instance_path=os.environ.get("HARBOUR_INSTANCE"))
    instance = Path(app.instance_path)
    instance.mkdir(parents=True, exist_ok=True)
    app.config.update(
        DATABASE_URL=f"sqlite:///{instance / 'harbour.db'}",
        HOSTS=["harbour.example", "www.harbour.example", "m.harbour.example"],
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_NAME="harbour",
    )
    app.config.from_prefixed_env("HARBOUR")
    app.secret_key = app.secret_key or kept_secret(instance / "secret_key")
    db = app.extensions["harbour"] = Database(app.config["DATABASE_URL"])
    db.create_all()
    app.register_blueprint(pages.pages)
    app.register_blueprint(accounts.pages)
    app.context_processor(
        lambda: {"me": accounts.signed_in(), "address": pages.address, "form_token": accounts.form_token, "hue": hue}
    )
    for code in ERRORS:
        app.register_error_handler(code, error_page)
    app.cli.add_command(commands)
    notices.mount(app, db)
    return app


commands = AppGroup("harbour", help="Harbour's own commands.")


@commands.command("seed")
@with_appcontext
def seed() -> None:
    """Fill an empty Harbour with people, posts and pictures."""
    population.build(300).save(current_app.extensions["harbour"])
    click.echo(f"Log in as {', '.join(handle for handle, _, _ in population.LOG_INS)} with {population.PASSWORD}.")


def hue(account: Account) -> int:
    return sum(map(ord, account.handle)) % 6


def error_page(error: HTTPException) -> tuple[str, int]:
    code = error.code or 500
    return render_template("error.html", code=code, title=ERRORS[code], why=error.description), code


def kept_secret(path: Path) -> str:
    """Return the secret in this file, made at the first start; several processes may start at once."""
    if not path.exists():
        own = path.with_name(f".{path.name}.{os.getpid()}")
        with open(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
        with suppress(FileExistsError):
            os.link(own, path)
        own.unlink()
    return path.read_text()
