"""An agency adds facts, or answers a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.cases import Case
from ..core.codes import CaseState, EffectKind, ItemStatus, MessageKind, Result
from ..core.links import canonical_link
from ..core.messages import UNDECIDED, Named, check_supplement, named, stops
from ..errors import Conflict, DocumentRefused, FieldError, LinkRefused
from ..store import cases, messages, outbox
from ..store.storage import Tx
from .clocks import clock_columns, restart
from .messages import Exchange
from .setting_aside import set_aside


def apply(tx: Tx, exchange: Exchange) -> None:
    """Give the cases what was sent; what waited for it goes back to the moderators, its clock running on.

    Facts about an item are taken as the answer to every question about it: Reg. (EU) 2021/784 Art. 3(8) lets the hour
    run once the clarification has arrived, whatever it is called.
    """
    question = _question(tx, exchange)
    chosen = _chosen(exchange, question)
    check_supplement(chosen)
    said = {one["reference"]: one for one in exchange.document.get("items", ())}
    links = _links(exchange.document.get("items", ()))
    rows = exchange.rows(chosen)
    exchange.facts = {row.id: said.get(row.reference) for row in rows}
    exchange.event("referral.supplemented", supplement=exchange.id, question=exchange.document.get("answers"))
    _close_questions(tx, exchange, [row.id for row in rows])
    for case_id in exchange.case_ids(rows):
        mine = [row for row in rows if row.case_id == case_id]
        exchange.changes[case_id] = _case(tx, exchange, exchange.cases[case_id], mine)
        _find_again(tx, exchange, mine, links)


def _question(tx: Tx, exchange: Exchange) -> Sequence[Any]:
    """Return the rows of the question that is answered, or nothing where none is named."""
    wanted = exchange.document.get("answers")
    if wanted is None:
        return ()
    known = messages.of_referrals(tx, [exchange.referral.id])
    rows = [row for row in known if row.kind == MessageKind.QUESTION and row.id == wanted]
    if not rows:
        raise DocumentRefused([FieldError("/answers", "unknown", "There is no such question about this referral.")])
    if all(row.closed_at is not None for row in rows):
        raise Conflict("This question is closed already.")
    return rows


def _chosen(exchange: Exchange, question: Sequence[Any]) -> list[Named]:
    every = exchange.named
    asked = {row.item_id for row in question if row.closed_at is None}
    given = exchange.document.get("items")
    if given is not None:
        pointers = [f"/items/{index}/reference" for index in range(len(given))]
        chosen = {one.item_id for one in named(every, [one["reference"] for one in given], pointers=pointers)} | asked
    else:
        chosen = asked or {one.item_id for one in every if one.status in UNDECIDED}
    return [one for one in every if one.item_id in chosen]


def _links(items: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the canonical form of each link that was added, by item reference."""
    found, faults = {}, []
    for index, one in enumerate(items):
        try:
            if "url" in one:
                found[one["reference"]] = canonical_link(one["url"])
        except LinkRefused as refused:
            faults.append(FieldError(f"/items/{index}/url", "bad_link", refused.detail))
    if faults:
        raise DocumentRefused(faults)
    return found


def _close_questions(tx: Tx, exchange: Exchange, item_ids: Sequence[str]) -> None:
    waiting = messages.unclosed_of(tx, MessageKind.QUESTION, item_ids=item_ids)
    messages.close(tx, waiting, result=Result.ANSWERED, now=exchange.now)


def _case(tx: Tx, exchange: Exchange, case: Case, rows: Sequence[Any]) -> dict[str, Any]:
    now = exchange.now
    held = case.holder is not None and case.holder.until > now
    status = ItemStatus.IN_REVIEW if held and case.state is CaseState.OPEN else ItemStatus.RECEIVED
    back = [row for row in rows if row.status in (ItemStatus.NEEDS_CLARIFICATION, ItemStatus.NOT_POSSIBLE)]
    _reopen_clocks(tx, exchange, case, back)
    restart(tx, back, now=now)
    if back:
        cases.change_items(tx, [row.id for row in back], now=now, status=status, outcome=None)
    for row in back:
        exchange.moved(row, status)
    asked = messages.unclosed(tx, MessageKind.QUESTION, case_id=case.id)
    flags = [flag for flag in case.flags if flag != "needs_clarification" or asked]
    values: dict[str, Any] = {}
    if case.state is not CaseState.OPEN and back:
        flags.append("reopened")
        values = {"state": CaseState.OPEN, **cases.UNCLAIMED, **set_aside(tx, case, now=now)}
    flags.append("supplemented")
    return {**values, "flags": list(dict.fromkeys(flags)), **clock_columns(exchange.mount, tx, case.id)}


def _reopen_clocks(tx: Tx, exchange: Exchange, case: Case, rows: Sequence[Any]) -> None:
    """Let an order that was reported as not possible run on with what was left then: Art. 3(8)."""
    if case.state is CaseState.OPEN or case.left is None:
        return
    stopped = [row.id for row in rows if stops(row.instrument, exchange.mount.instruments)]
    if stopped:
        cases.change_items(tx, stopped, now=exchange.now, due_at=exchange.now + case.left, clock_left=None)


def _find_again(tx: Tx, exchange: Exchange, rows: Sequence[Any], links: Mapping[str, str]) -> None:
    """Where the platform did not know what an item names, ask it again with what was added."""
    for row in rows:
        said = exchange.facts[row.id] or {}
        known = cases.find_row(tx, row.case_id)
        if known is None or known.content is not None or not said.keys() & {"url", "hashes"}:
            continue
        target = dict(known.target)
        if row.reference in links:
            target |= {"url": said["url"], "link": links[row.reference]}
        target["hashes"] = [*target.get("hashes", ()), *said.get("hashes", ())]
        flags = [flag for flag in exchange.changes[row.case_id]["flags"] if flag != "unknown"]
        exchange.changes[row.case_id] |= {"target": target, "flags": [*flags, "unresolved"]}
        outbox.enqueue(tx, [outbox.alone(EffectKind.RESOLVE, due_at=exchange.now, case_id=row.case_id)])
        return
