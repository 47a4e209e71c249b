"""A platform on a real socket, and the shell and Python of whoever follows a page."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from flows.desk import ONE, REMOVE
from werkzeug.serving import make_server

from notice_intake import NoticeIntake
from notice_intake.core.queue import QueueFilter
from notice_intake.flows import agencies, claims, decide, desk_queries
from notice_intake.flows.mount import Mount
from notice_intake.flows.work import work
from notice_intake.store import migrate
from notice_intake.testing import FakeModerators, FakePlatform

INSTRUMENTS = ("eu.iru.referral", "eu.dsa.notice", "eu.dsa.trusted_flagger_notice", "eu.tco.removal_order")


@dataclass
class Served:
    """A platform on a real socket, and what it gave to an agency."""

    mount: Mount
    environment: dict[str, str]
    cwd: Path
    sandbox: Mount | None = None

    @property
    def base(self) -> str:
        return self.environment["BASE"]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.environment['TOKEN']}"}

    def shell(self, command: str) -> str:
        """Type a printed command; return what it printed."""
        if shutil.which("curl") is None:
            pytest.skip("curl is not installed")
        done = subprocess.run(
            ["/bin/sh", "-ec", command], cwd=self.cwd, env=self.environment, capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def python(self, code: str) -> subprocess.Popen[str]:
        """Start a printed program."""
        (self.cwd / "sample.py").write_text(code, encoding="utf-8")
        command = [sys.executable, "sample.py"]
        return subprocess.Popen(command, cwd=self.cwd, env=self.environment, stdout=subprocess.PIPE, text=True)

    def get(self, path: str) -> Any:
        return requests.get(self.base + path, headers=self.headers, timeout=10).json()

    def refer(self, document: Any, **headers: str) -> requests.Response:
        sent = {**self.headers, "Content-Type": "application/json", **headers}
        return requests.post(self.base + "/v1/referrals", data=json.dumps(document), headers=sent, timeout=10)

    def decide_all(self) -> None:
        """Play the moderator until the queue is empty, and the worker."""
        mount = self.mount
        while case_id := claims.claim_next(mount, QueueFilter(), moderator=ONE, now=mount.clock()):
            file = desk_queries.case_file(mount, case_id, moderator=ONE, now=mount.clock())
            decide.decide(mount, case_id, REMOVE, moderator=ONE, version=file.row.version, now=mount.clock())
        work(mount, stop=threading.Event(), once=True)


@pytest.fixture
def served(tmp_path) -> Iterator[Served]:
    with _serving(tmp_path) as running:
        yield running


@pytest.fixture
def sandboxed(tmp_path) -> Iterator[Served]:
    """The same with a sandbox, whose token stands in the environment beside the other."""
    with _serving(tmp_path, sandbox_days=7) as running:
        yield running


@contextmanager
def _serving(tmp_path: Path, **options: Any) -> Iterator[Served]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = Flask("platform", instance_path=str(tmp_path / "instance"))
    intake = NoticeIntake(
        platform=FakePlatform(),
        moderators=FakeModerators(),
        undo_seconds=0,
        callback_networks=("127.0.0.0/8",),
        **options,
    )
    mount = intake.init_app(app)
    migrate.upgrade(mount.storage)
    url = f"http://127.0.0.1:{port}/callbacks"
    keys = agencies.enrol(mount, "Unit", place="BE", instruments=INSTRUMENTS, callback_url=url, now=mount.clock())
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    environment = {
        "PATH": os.environ["PATH"],
        "BASE": f"http://127.0.0.1:{server.server_port}/notices",
        "TOKEN": keys.token,
        "WEBHOOK_SECRET": keys.webhook_secret or "",
        "PORT": str(port),
    }
    beside = app.extensions["notice_intake"].get("notice_intake_sandbox")
    if beside is not None:
        migrate.upgrade(beside.storage)
        tried = agencies.enrol(
            beside, "Unit", place="BE", instruments=INSTRUMENTS, callback_url=None, now=mount.clock()
        )
        environment["SANDBOX_TOKEN"] = tried.token
    yield Served(mount, environment, tmp_path, beside)
    server.shutdown()
    thread.join(5)
    server.server_close()
    mount.storage.dispose()
