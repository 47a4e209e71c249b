"""Hosts of every shape, and a look at everything app-wide that a guest could change."""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from typing import Any

from flask import Blueprint, Flask, abort
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from notice_intake import NoticeIntake
from notice_intake.flows import agencies
from notice_intake.flows.mount import Mount
from notice_intake.testing import FakeAgency, FakeModerators, FakePlatform, FixedClock

SECRET = "k" * 40
OURS = "notice_intake"


def intake(**options: Any) -> NoticeIntake:
    """A guest with everything faked that it asks of its host."""
    options.setdefault("secret_keys", (SECRET,))
    parts = {"platform": FakePlatform(), "moderators": FakeModerators(), "clock": FixedClock()}
    return NoticeIntake(**{**parts, **options})


def agency_of(app: Flask, mount: Mount, *, prefix: str = "/notices", name: str = "Unit") -> FakeAgency:
    """Enrol an agency that refers through the app's own pages."""
    with app.app_context():
        codes = sorted(mount.instruments)
        enrolled = agencies.enrol(mount, name, place="BE", instruments=codes, callback_url=None, now=mount.clock())
    agency = FakeAgency(app.test_client(), enrolled.token, prefix=prefix)
    agency.id = enrolled.agency_id  # type: ignore[attr-defined]
    return agency


def upgraded(app: Flask, group: str = "notice-intake") -> None:
    """Make the tables as an operator does."""
    result = app.test_cli_runner().invoke(args=[group, "db", "upgrade"])
    assert result.exit_code == 0, result.output


def address(database: tuple[str, str | None]) -> str:
    """One address for a host's own engine, in which the schema of the test is the one that counts."""
    url, schema = database
    if schema is None:
        return url
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    return parsed.update_query_dict({"options": f"-csearch_path={schema}"}).render_as_string(hide_password=False)


def counted(url: str, *tables: str) -> list[int]:
    """How many rows the tables have, seen by somebody else."""
    engine = create_engine(url)
    with engine.connect() as connection:
        counts = [connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables]
    engine.dispose()
    return counts


def opinionated_host() -> Flask:
    """A host that has set everything that can be set, with pages for its own errors."""
    app = Flask("host")
    app.config.update(SECRET_KEY="host", MAX_CONTENT_LENGTH=12_345, SESSION_COOKIE_NAME="hosts_own")
    app.jinja_env.globals["_"] = app.jinja_env.filters["shout"] = str.upper
    app.before_request(lambda: None)
    app.teardown_request(lambda _error: None)
    app.context_processor(lambda: {"brand": "Host"})
    app.url_defaults(lambda _endpoint, _values: None)
    for status in (400, 401, 403, 404, 405, 413, 415, 422, 500, 503):
        app.register_error_handler(status, _page(status))
    app.register_error_handler(Exception, lambda _error: ("host: any fault", 500))
    pages = Blueprint("pages", "host.pages")
    pages.add_url_rule("/forbidden", "forbidden", lambda: abort(403))
    pages.add_url_rule("/broken", "broken", _broken)
    pages.add_url_rule("/", "home", lambda: "host: home")
    app.register_blueprint(pages)
    app.cli.command("hosts-own")(lambda: None)
    return app


def _page(status: int) -> Any:
    return lambda _error: (f"host: {status}", status)


def _broken() -> str:
    raise ValueError("the host's own fault")


def whole_state(app: Flask) -> dict[str, Any]:
    """Everything about an app and its process that a guest could change, apart from what is filed under our name."""
    env, root = app.jinja_env, logging.getLogger()
    return {
        "config": dict(app.config),
        "extensions": {name for name in app.extensions if name != OURS},
        "error handlers": {
            name: {code: dict(handlers) for code, handlers in codes.items() if handlers}
            for name, codes in app.error_handler_spec.items()
            if not _is_ours(name) and any(codes.values())
        },
        **{
            hooks: {name: list(calls) for name, calls in getattr(app, hooks).items() if calls and not _is_ours(name)}
            for hooks in (
                "before_request_funcs",
                "after_request_funcs",
                "teardown_request_funcs",
                "template_context_processors",
                "url_value_preprocessors",
                "url_default_functions",
            )
        },
        "app context": list(app.teardown_appcontext_funcs),
        "shell": list(app.shell_context_processors),
        "url errors": list(app.url_build_error_handlers),
        "Jinja": [dict(one) for one in (env.globals, env.filters, env.tests, env.policies)],
        "Jinja set-up": (sorted(env.extensions), env.autoescape, env.undefined, env.finalize, dict(app.jinja_options)),
        "classes": (app.request_class, app.response_class, type(app.session_interface), type(app.json), app.wsgi_app),
        "rules": {(one.rule, one.endpoint) for one in app.url_map.iter_rules() if not _is_ours(one.endpoint)},
        "routing": (dict(app.url_map.converters), app.url_map.strict_slashes, app.url_map.merge_slashes),
        "views": {name for name in app.view_functions if not _is_ours(name)},
        "commands": {name for name in app.cli.commands if not name.startswith("notice-intake")},
        "blueprints": {name for name in app.blueprints if not _is_ours(name)},
        "logging": (
            list(root.handlers),
            root.level,
            list(app.logger.handlers),
            app.logger.level,
            logging.root.disabled,
        ),
        "our own loggers": [
            name
            for name, logger in logging.root.manager.loggerDict.items()
            if name.startswith(OURS) and isinstance(logger, logging.Logger) and (logger.handlers or logger.level)
        ],
        "threads": {one.name for one in threading.enumerate()},
        "process": (sys.excepthook, threading.excepthook, list(warnings.filters), dict(os.environ), os.getcwd()),
    }


def _is_ours(name: str | None) -> bool:
    return name is not None and name.partition(".")[0].startswith(OURS)
