"""Setting the demo up: databases, agencies, and a process for each part."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from .action_day import ActionDay, Plan
from .agency import write
from .models import Database
from .processes import ROOT, Family, Process, free_port, wait_for

APP = "examples.flask_app.app"
#: Requests that each agency keeps open at once.
CONNECTIONS = 2


@dataclass(frozen=True, slots=True)
class Agency:
    """An agency of the demo: its plan, its files, its process."""

    plan: Plan
    folder: Path
    process: Process

    @property
    def status(self) -> dict[str, Any]:
        return _read(self.folder / "status.json")

    @property
    def result(self) -> dict[str, Any]:
        return _read(self.folder / "result.json")


class Stage:
    """The demo's folder and everything that runs in it."""

    def __init__(
        self, folder: Path, *, family: Family, undo_seconds: int, port: int | None = None, sandbox: bool = False
    ) -> None:
        self.folder, self.family = folder, family
        self.port = port or free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.finish = folder / "finish"
        self.env = os.environ | {
            "HARBOUR_INSTANCE": str(folder / "instance"),
            "NOTICE_INTAKE_CALLBACK_NETWORKS": "127.0.0.0/8",
            "NOTICE_INTAKE_UNDO_SECONDS": str(undo_seconds),
            "NOTICE_INTAKE_PLATFORM_NAME": "Harbour",
            "PYTHONUNBUFFERED": "1",
        }
        if sandbox:
            # Answers are signed only by a platform that knows its own address.
            self.env |= {"NOTICE_INTAKE_SANDBOX_DAYS": "1", "NOTICE_INTAKE_PUBLIC_URL": self.base}
        if self.env.get("NOTICE_INTAKE_STORAGE_URL"):
            # Only the embedded storage makes a key of its own.
            self.env.setdefault("NOTICE_INTAKE_SECRET_KEYS", secrets.token_urlsafe(48))
        for name in ("instance", "logs"):
            (folder / name).mkdir(parents=True)

    def prepare(self, day: ActionDay) -> None:
        """Fill the platform's database and make the tables of notice_intake."""
        day.population.save(Database(f"sqlite:///{self.folder / 'instance' / 'harbour.db'}"))
        self._flask("db", "upgrade")

    def add_agencies(self, day: ActionDay) -> list[Agency]:
        """Enter the five agencies as an operator would, and write down what each is given."""
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(self._add_agency, day.plans))

    def add_evaluator(self) -> Path:
        """Enter an agency in the sandbox, for whoever tries the contract; return the file that its token stands in."""
        words = ("--country", "BE", "--instrument", "eu.iru.referral", "--json")
        given = json.loads(self._flask("sandbox", "agency", "add", "Evaluator", *words))
        token = self.folder / "sandbox.token"
        token.write_text(given["token"])
        return token

    def start_platform(self) -> tuple[Process, Process]:
        """Start the web processes and the worker; return once the platform answers."""
        python = sys.executable
        bind = ("--bind", f"127.0.0.1:{self.port}")
        shape = ("--worker-class", "gthread", "--workers", "2", "--threads", "4", "--graceful-timeout", "5")
        web = self._process("web", [python, "-m", "gunicorn", *bind, *shape, f"{APP}:create_app()"])
        worker = self._process("worker", [python, "-m", "flask", "--app", APP, "notice-intake", "work"])
        self.family.start(web)
        self.family.start(worker)
        self.wait_until_up()
        return web, worker

    def wait_until_up(self) -> None:
        wait_for("the platform's first answer", self._answers, seconds=40)

    def start_agencies(self, agencies: list[Agency]) -> None:
        for one in agencies:
            self.family.start(one.process)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.base}/login", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def _add_agency(self, plan: Plan) -> Agency:
        unit, folder, port = plan.unit, self.folder / f"agency-{plan.unit.code}", free_port()
        folder.mkdir()
        instruments = [word for code in unit.scopes for word in ("--instrument", code)]
        url = f"http://127.0.0.1:{port}/callbacks"
        printed = self._flask(
            "agency", "add", unit.name, "--country", unit.country, *instruments, "--callback-url", url, "--json"
        )
        given = json.loads(printed)
        write(folder / "plan.json", plan.as_json())
        write(
            folder / "settings.json",
            {
                "name": unit.code,
                "base_url": f"{self.base}/notices",
                "token": given["token"],
                "webhook_secret": given["webhook_secret"],
                "port": port,
                "connections": CONNECTIONS,
                "plan": str(folder / "plan.json"),
                "status": str(folder / "status.json"),
                "result": str(folder / "result.json"),
                "finish": str(self.finish),
            },
        )
        command = [sys.executable, "-m", "examples.flask_app.agency", str(folder / "settings.json")]
        return Agency(plan, folder, self._process(f"agency {unit.code}", command))

    def _flask(self, *words: str) -> str:
        command = [sys.executable, "-m", "flask", "--app", APP, "notice-intake", *words]
        done = subprocess.run(command, env=self.env, cwd=ROOT, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise RuntimeError(f"flask notice-intake {' '.join(words[:2])}: {done.stderr or done.stdout}")
        return done.stdout

    def _process(self, name: str, command: list[str]) -> Process:
        return Process(name, command, self.env, self.folder / "logs" / f"{name.replace(' ', '-')}.log")


def _read(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return document
