"""Deployments for the conformance kit: real servers with a worker, on both databases."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask

from notice_intake import NoticeIntake, Storage
from notice_intake.auth import signing
from notice_intake.flows.mount import Mount
from notice_intake.store import migrate
from notice_intake.testing import FakeModerators, FakePlatform

HERE = Path(__file__).parent
SECRET = "s" * 40
INSTRUMENTS = ("eu.iru.referral", "eu.dsa.notice", "eu.dsa.trusted_flagger_notice", "eu.tco.removal_order")


def create() -> Flask:
    """Return the host that a server serves: all that it needs stands in the environment."""
    app = Flask("deployed")
    intake = NoticeIntake(
        platform=FakePlatform(),
        moderators=FakeModerators(),
        storage=Storage.from_url(os.environ["DEPLOYED_DATABASE"], schema=os.environ.get("DEPLOYED_SCHEMA") or None),
        public_url=os.environ.get("DEPLOYED_URL", ""),
        **settings(),
    )
    intake.init_app(app)
    return app


def settings() -> dict[str, Any]:
    """What every process of a deployment has in common."""
    return {
        "secret_keys": (SECRET,),
        "sandbox_days": 7,
        "callback_networks": ("127.0.0.0/8",),
        "worker_idle_seconds": 0.1,
        "rate_failures": 0,
        "max_body_bytes": 200_000,
    }


@dataclass
class Deployment:
    """A server on a socket, with a worker, and what an agency of its sandbox was given."""

    origin: str
    app: Flask
    mount: Mount
    where: Path

    @property
    def url(self) -> str:
        """The sandbox."""
        return f"{self.origin}/notices/sandbox"

    def command(self, *args: str) -> str:
        result = self.app.test_cli_runner().invoke(args=["notice-intake", *args])
        assert result.exit_code == 0, result.output
        return str(result.stdout)

    def agency(
        self, name: str = "Unit One", *, side: tuple[str, ...] = ("sandbox",), codes: tuple[str, ...] = INSTRUMENTS
    ) -> dict[str, str]:
        """Add an agency; return its id and the file that its token stands in."""
        instruments = [part for code in codes for part in ("--instrument", code)]
        made = json.loads(self.command(*side, "agency", "add", name, "--country", "BE", "--json", *instruments))
        token = self.where / f"{made['agency_id']}.token"
        token.write_text(made["token"])
        return {"id": made["agency_id"], "token": str(token)}

    def key(self, agency_id: str, pem: bytes, *, side: tuple[str, ...] = ("sandbox",)) -> str:
        """Register the public half of a key; return the file of the private one."""
        private, public = self.where / f"{agency_id}.pem", self.where / f"{agency_id}.jwk"
        private.write_bytes(pem)
        public.write_text(signing.from_pem(pem).public.jwk)
        self.command(*side, "agency", "key-add", agency_id, "--jwk", str(public))
        return str(private)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def deployed(
    server: str, where: Path, *, url: str, schema: str | None = None, worker: bool = True
) -> Iterator[Deployment]:
    """Serve a host with its tables; stop everything at the end."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    storage = Storage.from_url(url, schema=schema)
    parts: dict[str, Any] = {"platform": FakePlatform(), "moderators": FakeModerators(), "storage": storage}
    app = Flask("here")
    mount = NoticeIntake(**parts, public_url=origin, **settings()).init_app(app)
    for storage_of in (storage, app.extensions["notice_intake"]["notice_intake_sandbox"].storage):
        migrate.upgrade(storage_of)
    environment = {**os.environ, "DEPLOYED_DATABASE": url, "DEPLOYED_SCHEMA": schema or "", "DEPLOYED_URL": origin}
    environment["PYTHONPATH"] = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    commands = [[sys.executable, *_serving(server, port)]]
    if worker:
        commands.append([sys.executable, "-m", "flask", "--app", "deployments:create", "notice-intake", "work"])
    running = []
    with (where / "log").open("wb") as sink:
        try:
            for command in commands:
                running.append(subprocess.Popen(command, stdout=sink, stderr=sink, env=environment, cwd=HERE))
            _wait(port, running, where / "log")
            yield Deployment(origin, app, mount, where)
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(30)
            storage.dispose()


def _serving(server: str, port: int) -> list[str]:
    if server == "waitress":
        code = (
            f"import waitress, deployments; waitress.serve(deployments.create(), listen='127.0.0.1:{port}', threads=8)"
        )
        return ["-c", code]
    return [
        *("-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--threads", "8"),
        *("--workers", "1", "--timeout", "60", "deployments:create()"),
    ]


def _wait(port: int, running: list[subprocess.Popen[bytes]], log: Path) -> None:
    for _ in range(600):
        assert all(process.poll() is None for process in running), log.read_text()
        with socket.socket() as wire:
            if wire.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def printed(text: str) -> list[str]:
    """The rules that a run printed as broken."""
    return re.findall(r"^FAIL  (\S+)", text, re.MULTILINE)
