"""The sandbox of a house, as the tests of several folders use it."""

from __future__ import annotations

import json
import threading
from typing import Any

from sqlalchemy import func, select

from notice_intake.flows import sandbox, work
from notice_intake.store import migrate
from notice_intake.testing import FakeAgency

PREFIX = "/notices/sandbox"
INSTRUMENTS = ("eu.iru.referral", "eu.dsa.notice", "eu.dsa.trusted_flagger_notice", "eu.tco.removal_order")


class Sandbox:
    """A house with a sandbox, and an agency in it."""

    def __init__(self, make_house: Any, **options: Any) -> None:
        self.house = make_house(**{"sandbox_days": 14, **options})
        self.mount = self.house.app.extensions["notice_intake"]["notice_intake_sandbox"]
        migrate.upgrade(self.mount.storage)

    def command(self, *args: str) -> Any:
        return self.house.app.test_cli_runner().invoke(args=["notice-intake", *args])

    def agency(self, *more: str) -> FakeAgency:
        args = ["sandbox", "agency", "add", "Trying Unit", "--country", "BE", "--json", *more]
        result = self.command(*args, *[part for code in INSTRUMENTS for part in ("--instrument", code)])
        assert result.exit_code == 0, result.output
        keys = json.loads(result.stdout)
        agency = FakeAgency(self.house.client, keys["token"], prefix=PREFIX)
        agency.id, agency.secret = keys["agency_id"], keys.get("webhook_secret")  # type: ignore[attr-defined]
        return agency

    def work(self) -> None:
        """Work until nothing is left to do; the time moves on with every round."""
        for _ in range(4):
            self.house.clock.advance(seconds=1)
            work.work(self.mount, stop=threading.Event(), once=True, also=sandbox.Turn())

    def counts(self, mount: Any = None) -> dict[str, int]:
        """How many rows each table holds, but for agencies, keys and the journal."""
        storage = (mount or self.mount).storage
        left_out = ("agency", "credential", "endpoint", "journal", "seal", "platform_key")
        with storage.read() as tx:
            tables = {n: getattr(tx.tables, n) for n in tx.tables.__slots__ if n != "metadata" and n not in left_out}
            found = {n: tx.execute(select(func.count()).select_from(t)).scalar_one() for n, t in tables.items()}
        return {name: count for name, count in found.items() if count}


def scripted(agency: FakeAgency, *references: str, **changes: Any) -> dict[str, Any]:
    """A referral whose items have these references, each for a link of its own."""
    document = agency.document(*[f"https://platform.example/p{n}{hash(r) % 997}" for n, r in enumerate(references)])
    for item, reference in zip(document["items"], references, strict=True):
        item["reference"] = reference
    return {**document, **changes}


def told(agency: FakeAgency) -> list[tuple[str, str | None]]:
    """What the agency has heard: type and outcome, in order."""
    found = agency.get("/v1/events?limit=200").json["events"]
    return [(event["type"], event["data"].get("result") or event["data"].get("outcome")) for event in found]


__all__ = ["PREFIX", "Sandbox", "scripted", "told"]
