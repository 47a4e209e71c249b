"""A moderator asks the agency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.cases import Case
from ..core.codes import CaseState, ItemStatus, MessageKind
from ..core.journal import Entry
from ..core.messages import asked, check_question
from ..errors import ClaimHeld, Conflict, DocumentRefused, FieldError, NotFound, StaleVersion
from ..hooks import Moderator
from ..ids import new_id
from ..store import cases, journal, messages
from ..store.storage import Tx
from .callbacks import Change, tell
from .claims import actor_of
from .clocks import clock_columns, stop
from .mount import Mount

#: Asks the agency of every order of the case.
EVERY_ORDER = "orders"


@dataclass(frozen=True, slots=True)
class Question:
    """What a moderator typed."""

    reason: str = ""
    text: str = ""
    #: Ids of referrals, or ``EVERY_ORDER``.
    to: tuple[str, ...] = ()


def ask(
    mount: Mount, case_id: str, question: Question, *, moderator: Moderator, version: int, now: datetime
) -> list[str]:
    """Ask the agencies of the referrals chosen; return the ids of the questions, one for each referral.

    Their items need clarification until the agency answers, and an order's clock stands still. The case is free again.
    Raises ``StaleVersion``, ``ClaimHeld``, ``Conflict`` for a case that is decided, ``DocumentRefused``.
    """
    text = question.text.strip()
    with mount.storage.begin() as tx:
        case = _open_case(tx, case_id, moderator=moderator, version=version, now=now)
        chosen = asked(
            cases.members(tx, case_id),
            referral_ids=frozenset(question.to),
            every_order=EVERY_ORDER in question.to,
            instruments=mount.instruments,
        )
        faults = check_question(question.reason, text)
        if not chosen:
            faults.append(FieldError("/question_to", "required", "Choose whom you ask."))
        if faults:
            raise DocumentRefused(faults)
        item_ids = [one.item_id for one in chosen]
        rows = [row for row in cases.member_rows(tx, case_id) if row.id in item_ids]
        stop(mount, tx, case_id, item_ids=item_ids, now=now)
        cases.set_items(tx, item_ids, status=ItemStatus.NEEDS_CLARIFICATION, outcome=None, now=now)
        asked_ids = _store(tx, rows, question, text=text, moderator=moderator, now=now)
        facts = {"reason_code": question.reason}
        changes = [_change(row, {"question": asked_ids[row.referral_id], **facts}) for row in rows]
        tell(tx, changes, now=now)
        flags = list(dict.fromkeys((*case.flags, "needs_clarification")))
        values = {"flags": flags, "updated_at": now, **clock_columns(mount, tx, case_id), **cases.UNCLAIMED}
        if not cases.change(tx, case_id, version=version, values=values):
            raise StaleVersion(seen=version, current=version + 1)
        told = {**facts, "questions": ",".join(asked_ids.values()), "items": str(len(rows))}
        journal.append(tx, [Entry(actor_of(moderator), "question.asked", case_id, now, told)])
    return list(asked_ids.values())


def _open_case(tx: Tx, case_id: str, *, moderator: Moderator, version: int, now: datetime) -> Case:
    case = cases.find(tx, case_id, lock=True)
    if case is None:
        raise NotFound
    against = case.held_against(moderator.id, now)
    if against is not None:
        raise ClaimHeld(against.name)
    if case.version != version:
        raise StaleVersion(seen=version, current=case.version)
    if case.state is not CaseState.OPEN:
        raise Conflict("This case is decided already.")
    return case


def _store(
    tx: Tx, rows: list[Any], question: Question, *, text: str, moderator: Moderator, now: datetime
) -> dict[str, str]:
    by_referral: dict[str, str] = {}
    for referral_id in dict.fromkeys(row.referral_id for row in rows):
        mine = [row for row in rows if row.referral_id == referral_id]
        by_referral[referral_id] = new_id("qst")
        values = {
            "id": by_referral[referral_id],
            "kind": MessageKind.QUESTION,
            "referral_id": referral_id,
            "agency_id": mine[0].agency_id,
            "reason_code": question.reason,
            "text": text,
            "moderator_id": moderator.id,
            "moderator_name": moderator.name,
            "created_at": now,
        }
        messages.add(tx, values, facts={row.id: None for row in mine})
    return by_referral


def _change(row: Any, facts: dict[str, str]) -> Change:
    status = ItemStatus.NEEDS_CLARIFICATION
    return Change(row.id, row.referral_id, row.reference, row.case_id, status, None, facts)
