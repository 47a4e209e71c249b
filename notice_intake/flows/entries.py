"""The operator's door: what came by e-mail or portal is stored with its files, and with who entered it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ..core.journal import Actor, Entry
from ..errors import NotFound, NoticeIntakeError, TemporarilyUnavailable
from ..hooks import Moderator
from ..store import agencies, journal, originals
from ..store.storage import Raced, Tx
from .entry_values import Entered, EntryBlocked, Plan, PlannedReferral
from .mount import Mount
from .receive import Received, store_batch

_TRIES = 3
#: How many referrals go into one statement; all of an entry are one transaction.
_AT_ONCE = 500


def enter(mount: Mount, plan: Plan, *, by: Actor, now: datetime) -> Entered:
    """Store what a plan says, in one transaction; what is here already is left as it is.

    The clocks run from ``plan.received_at``; the journal says also when it was entered, and by whom. Raises
    ``EntryBlocked`` where faults keep it out or nothing is left to be stored, ``ReferenceTaken`` where somebody stored
    the same reference meanwhile; nothing is stored then.
    """
    here = tuple((one.reference, one.here) for one in plan.here)
    if plan.blocked or not (plan.fresh or here):
        raise EntryBlocked
    if not plan.fresh:
        return Entered(plan.agency.id, (), here)
    for attempt in range(_TRIES):
        try:
            with mount.storage.joint() as session:
                stored = list(_store(mount, session, plan, by=by, now=now))
            return Entered(plan.agency.id, tuple(stored), here)
        except (Raced, TemporarilyUnavailable) as met:
            if attempt == _TRIES - 1:
                raise TemporarilyUnavailable from met
    raise AssertionError("unreachable")


def original(mount: Mount, referral_id: str, digest: str, *, moderator: Moderator, now: datetime) -> Any:
    """Return a file that a referral was entered from, and note who read it. Raises ``NotFound``."""
    with mount.storage.begin() as tx:
        row = originals.find(tx, referral_id, digest=digest)
        if row is None:
            raise NotFound
        actor = Actor("moderator", moderator.id, moderator.name)
        facts = {"file_sha256": digest}
        journal.append(tx, [Entry(actor, "original.read", referral_id, now, facts)])
        return row


def _store(mount: Mount, session: Session, plan: Plan, *, by: Actor, now: datetime) -> Iterator[tuple[str, str]]:
    agency = plan.agency
    with mount.storage.begin(session) as tx:
        if plan.agency_is_new:
            agencies.add(tx, agency, now=now)
            journal.append(tx, [Entry(by, "agency.added", agency.id, now, {"channel": plan.wish.channel})])
        for file in plan.files:
            originals.keep(tx, file.digest, content=file.content, now=now)
    for start in range(0, len(plan.fresh), _AT_ONCE):
        some = plan.fresh[start : start + _AT_ONCE]
        batch = [one.prepared for one in some if one.prepared is not None]
        results = store_batch(mount, batch, agency=agency, now=plan.received_at, session=session)
        ids = [_id_of(one) for one in results]
        with mount.storage.begin(session) as tx:
            _note(tx, plan, list(zip(some, ids, strict=True)), by=by, now=now)
        yield from ((one.reference, found) for one, found in zip(some, ids, strict=True))


def _id_of(result: Received | NoticeIntakeError) -> str:
    if isinstance(result, NoticeIntakeError):
        raise result
    return result.referral_id


def _note(tx: Tx, plan: Plan, stored: list[tuple[PlannedReferral, str]], *, by: Actor, now: datetime) -> None:
    """Write which files the referrals were entered from, by whom, and by which way they came."""
    rows, entries = [], []
    for referral, referral_id in stored:
        kept = [one for one in plan.files if not one.reading.format]
        files = list({one.digest: one for one in (plan.files[referral.file], *kept)}.values())
        rows += [
            {
                "referral_id": referral_id,
                "sha256": file.digest,
                "position": position,
                "file_name": file.name,
                "media_type": file.media_type,
                "channel": plan.wish.channel,
                "entered_kind": by.kind,
                "entered_id": by.id,
                "entered_name": by.name,
                "received_at": plan.received_at,
                "entered_at": now,
            }
            for position, file in enumerate(files)
        ]
        facts = {
            "channel": plan.wish.channel,
            "received_at": plan.received_at.isoformat(timespec="seconds"),
            "file_sha256": ",".join(one.digest for one in files),
        }
        entries.append(Entry(by, "referral.entered", referral_id, now, facts))
    originals.link(tx, rows)
    journal.append(tx, entries)
    originals.touch(tx, [referral_id for _, referral_id in stored], now=now)
