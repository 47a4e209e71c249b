"""What the flow tests do at the desk, in one line each."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from notice_intake import Moderator
from notice_intake.core.decisions import Draft
from notice_intake.core.queue import QueueFilter
from notice_intake.flows import claims, decide, desk_queries
from notice_intake.flows.views import CaseFile
from notice_intake.flows.work import Tally, work

REMOVE = Draft(
    outcome="removed",
    ground_kind="terms",
    ground_reference="Terms, 4.2",
    facts="Seen.",
    explanation="Falls under the clause.",
    category="STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
)
KEEP = Draft(outcome="no_action", facts="Seen; nothing found.")
ONE = Moderator("m-1", "Moderator One")
TWO = Moderator("m-2", "Moderator Two")
LEAD = Moderator("m-3", "Lead Three", frozenset({"moderator", "lead"}))


def claim_next(house: Any, moderator: Moderator = ONE, **wanted: Any) -> str | None:
    return claims.claim_next(house.mount, QueueFilter(**wanted), moderator=moderator, now=house.clock.now)


def case_file(house: Any, case_id: str, moderator: Moderator = ONE) -> CaseFile:
    return desk_queries.case_file(house.mount, case_id, moderator=moderator, now=house.clock.now)


def queue(house: Any, moderator: Moderator = ONE, **wanted: Any) -> list[Any]:
    page = desk_queries.queue_page(house.mount, QueueFilter(**wanted), moderator=moderator, now=house.clock.now)
    return list(page.rows)


def decide_case(house: Any, case_id: str, draft: Draft = REMOVE, moderator: Moderator = ONE) -> decide.Decided:
    version = case_file(house, case_id).row.version
    return decide.decide(house.mount, case_id, draft, moderator=moderator, version=version, now=house.clock.now)


def decide_next(house: Any, draft: Draft = REMOVE, moderator: Moderator = ONE, **changes: Any) -> str:
    case_id = claim_next(house, moderator)
    assert case_id is not None, "the queue is empty"
    decide_case(house, case_id, replace(draft, **changes), moderator)
    return case_id


def run_worker(house: Any, *, after: float = 0) -> Tally:
    house.clock.advance(seconds=after)
    return work(house.mount, stop=threading.Event(), once=True)


def events(agency: Any) -> list[tuple[str, str | None]]:
    found = agency.get("/v1/events").json["events"]
    return [(one["type"], one["data"].get("outcome")) for one in found]


def statuses(agency: Any, receipt: Any) -> list[tuple[str, str | None]]:
    items = agency.get(receipt.json["status_path"]).json["items"]
    return [(one["status"], one["outcome"]) for one in items]
