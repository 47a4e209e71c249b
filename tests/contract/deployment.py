"""A whole deployment under gunicorn, for what is checked from outside: its database comes from the environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from notice_intake import NoticeIntake, Storage
from notice_intake.flows import agencies
from notice_intake.flows.mount import Mount
from notice_intake.store import migrate
from notice_intake.testing import FakeModerators, FakePlatform

PREFIX = "/notices"
INSTRUMENTS = ("eu.iru.referral", "eu.dsa.notice", "eu.dsa.trusted_flagger_notice", "eu.tco.removal_order")
#: Whoever tries what may be refused is refused more often than 20 times a minute.
OPTIONS = {"secret_keys": ("d" * 40,), "public_url": "https://platform.example", "rate_failures": 0}


def create() -> Flask:
    """Return the host, as gunicorn calls it."""
    storage = Storage.from_url(os.environ["DEPLOYED_URL"], schema=os.environ["DEPLOYED_SCHEMA"] or None)
    return mounted(storage)[0]


def mounted(storage: Storage) -> tuple[Flask, Mount]:
    """Mount on a fresh app."""
    app = Flask("deployed")
    intake = NoticeIntake(platform=FakePlatform(), moderators=FakeModerators(), storage=storage, **OPTIONS)
    return app, intake.init_app(app, url_prefix=PREFIX)


@dataclass
class Deployment:
    """A running server, and a token that opens everything."""

    base: str
    token: str


@contextmanager
def deployed(url: str, schema: str | None, where: Path) -> Iterator[Deployment]:
    """Make the tables, enrol an agency, and start gunicorn on a port that the system chooses."""
    storage = Storage.from_url(url, schema=schema)
    migrate.upgrade(storage)
    _, mount = mounted(storage)
    enrolled = agencies.enrol(mount, "Unit", place="BE", instruments=INSTRUMENTS, callback_url=None, now=mount.clock())
    storage.dispose()
    log = where / "gunicorn.log"
    command = [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", "--worker-class", "gthread", "--threads", "4"]
    # What is looked at is our answer to an address of any length, not gunicorn's own.
    command += ["--limit-request-line", "0"]
    command += ["--workers", "1", "--chdir", str(Path(__file__).parent), "deployment:create()"]
    environment = {**os.environ, "DEPLOYED_URL": url, "DEPLOYED_SCHEMA": schema or ""}
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, env=environment)
    try:
        yield Deployment(f"http://127.0.0.1:{_port(log, process)}{PREFIX}", enrolled.token)
    finally:
        process.terminate()
        process.wait(20)


def _port(log: Path, process: subprocess.Popen[bytes]) -> int:
    for _ in range(400):
        found = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", log.read_text())
        if found and "Booting worker" in log.read_text():
            return int(found[1])
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError(log.read_text())
