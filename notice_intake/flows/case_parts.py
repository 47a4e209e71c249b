"""Rows as the case page shows them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from .entry_values import UNKNOWN_COUNTRY
from .mount import Mount
from .views import DecisionView, EffectView, FileView, HistoryEntry, ItemView, MessageView, ReferralView


def referral_view(mount: Mount, row: Any, items: Sequence[Any], *, files: Sequence[Any] = ()) -> ReferralView:
    """A referral with those of its items that name the case, read from the very bytes that the agency sent."""
    document: Mapping[str, Any] = json.loads(row.body)
    instrument = mount.instruments.get(row.instrument)
    details = instrument.details(document) if instrument and row.purged_at is None else ()
    grounds = tuple(
        (str(one["kind"]), str(one.get("reference", "")), str(one.get("explanation", "")))
        for one in document.get("grounds", ())
    )
    disclosure = document.get("disclosure", {})
    return ReferralView(
        id=row.id,
        agency=row.agency_name,
        agency_country="" if row.agency_country == UNKNOWN_COUNTRY else row.agency_country,
        agency_reference=row.agency_reference,
        instrument=row.instrument,
        instrument_name=instrument.name if instrument else row.instrument,
        binding=instrument.binding if instrument else False,
        received_at=row.received_at,
        issued_at=row.issued_at,
        due_at=row.due_at,
        due_kind=row.due_kind,
        due_rule=row.due_rule,
        language=row.language,
        operation=row.operation,
        category=row.category,
        keywords=tuple(document.get("keywords", ())),
        grounds=grounds,
        threat_to_life=row.threat_to_life,
        threat_explanation=str(document.get("urgency", {}).get("explanation", "")),
        disclosure=str(disclosure.get("uploader", "inform")),
        withheld_until=datetime.fromisoformat(disclosure["until"]) if "until" in disclosure else None,
        contact={name: str(value) for name, value in document.get("contact", {}).items()},
        details=(*details, *_import_details(document)),
        items=tuple(_item_view(document["items"][one.position], one) for one in sorted(items, key=_position)),
        channel=row.channel,
        files=tuple(_file_view(one) for one in files),
    )


def _position(item: Any) -> int:
    place: int = item.position
    return place


def _file_view(row: Any) -> FileView:
    who = row.entered_name or row.entered_kind
    return FileView(row.sha256, row.file_name, row.size, row.channel, who, row.entered_at)


def _import_details(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    imported = document.get("imported")
    if not imported:
        return ()
    return (("Imported from", imported["format"]), *(("Not said there", gap) for gap in imported["gaps"]))


def _item_view(document: Mapping[str, Any], item: Any) -> ItemView:
    target = document["target"]
    hashes = tuple(f"{one['algorithm']}:{one['value']}" for one in target.get("hashes", ()))
    return ItemView(
        id=item.id,
        reference=item.reference,
        kind=target["kind"],
        locator=target.get("url") or target.get("handle") or target.get("id") or (hashes[0] if hashes else ""),
        link=target.get("url"),
        hashes=hashes,
        reasons=document.get("reasons", ""),
        status=item.status,
        outcome=item.outcome,
        content=_described(document.get("content") or {}),
    )


def _described(content: Mapping[str, Any]) -> Mapping[str, object]:
    published = content.get("published_at")
    return {**content, "published_at": datetime.fromisoformat(published)} if published else content


def decision_view(row: Any) -> DecisionView:
    """A decision as it was recorded."""
    return DecisionView(
        id=row.id,
        outcome=row.outcome,
        territories=tuple(row.territories),
        ground_kind=row.ground_kind,
        ground_reference=row.ground_reference,
        facts=row.facts,
        explanation=row.explanation,
        category=row.category,
        keywords=tuple(row.keywords),
        impossibility=row.impossibility,
        moderator=row.moderator_name,
        decided_at=row.decided_at,
        effective_at=row.effective_at,
        effected_at=row.effected_at,
        undone_at=row.undone_at,
        supersedes=row.supersedes,
        # What the platform refused is cleared as well, and was never there.
        reverted_at=row.cleared_at if row.effected_at is not None else None,
    )


def message_views(
    rows: Sequence[Any], referrals: Mapping[str, ReferralView], *, resting: Collection[str] = ()
) -> tuple[MessageView, ...]:
    """Messages from their rows, one for each item; newest first. What a decision in ``resting`` answered looks open."""
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row.id, []).append(row)
    return tuple(
        _message_view(mine, referrals[mine[0].referral_id], resting=resting) for mine in reversed(found.values())
    )


def _message_view(rows: Sequence[Any], referral: ReferralView, *, resting: Collection[str]) -> MessageView:
    first = rows[0]
    return MessageView(
        id=first.id,
        kind=first.kind,
        at=first.created_at,
        agency=referral.agency,
        agency_reference=referral.agency_reference,
        moderator=first.moderator_name or "",
        reason_code=first.reason_code,
        text=first.text,
        items=tuple((row.reference, row.facts or {}) for row in rows),
        result=None if first.decision_id in resting else first.result,
    )


def history_entry(row: Any) -> HistoryEntry:
    """A journal entry as a line of history."""
    facts = {**json.loads(row.payload)["facts"], **(row.private or {})}
    return HistoryEntry(at=row.at, actor=row.name or row.actor_kind, action=row.action, facts=facts)


def effect_view(row: Any, *, agencies: Mapping[str, str], references: Mapping[str, str]) -> EffectView:
    """A piece of work, with the names that a person knows it by."""
    return EffectView(
        id=row.id,
        kind=row.kind,
        state=row.state,
        due_at=row.due_at,
        attempts=row.attempts,
        last_error=row.last_error,
        agency=agencies.get(row.referral_id) if row.referral_id else None,
        reference=references.get(row.referral_id) if row.referral_id else None,
        type=row.type,
        created_at=row.created_at,
        done_at=row.done_at,
        case_id=row.case_id,
        referral_id=row.referral_id,
    )
