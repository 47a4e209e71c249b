"""A case whose content could not be resolved on receipt: what happens once the platform answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..core.cases import Case
from ..core.codes import CaseState
from ..core.journal import SYSTEM, Entry
from ..core.targets import Content
from ..store import cases, journal
from ..store.storage import Tx


def settle_resolution(tx: Tx, case_id: str, content: Content | None, *, now: datetime) -> None:
    """Give a case the content that the platform now names; join it to the case that holds this content already."""
    case = cases.find(tx, case_id, lock=True)
    if case is None:
        return
    flags = tuple(flag for flag in case.flags if flag != "unresolved")
    if content is None:
        cases.note(tx, case_id, flags=[*flags, "unknown"])
        return
    if not content.live:
        flags = (*flags, "gone")
    key = content.case_key
    known = cases.by_keys(tx, [key]).get(key)
    if known is not None and known.id != case_id:
        _suggest(tx, case, known, now=now)
        return
    stored: dict[str, Any] = {
        "key": key,
        "content": cases.content_to_json(content),
        "kind": content.kind,
        "flags": list(flags),
        "updated_at": now,
    }
    cases.change(tx, case_id, version=case.version, values=stored)
    journal.append(tx, [Entry(SYSTEM, "case.resolved", case_id, now)])


def _suggest(tx: Tx, case: Case, known: Case, *, now: datetime) -> None:
    """Join an untouched case to the one that holds its content; leave one that a person works on, and say so."""
    untouched = case.state is CaseState.OPEN and case.holder is None and case.decision_id is None
    if not untouched or known.state is not CaseState.OPEN:
        cases.note(tx, case.id, flags=[*case.flags, "same_content_elsewhere"])
        return
    cases.absorb(tx, case, known, now=now)
    facts = {"into": known.id}
    journal.append(tx, [Entry(SYSTEM, "case.joined", case.id, now, facts)])
