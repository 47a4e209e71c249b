"""Purging what was kept long enough, in slices, and the legal holds that stop it.

A slice is one short transaction: killed at any point, what is purged is purged, what is not is purged next time. What
others work on is passed over and looked at again, so nobody waits for longer than a slice.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..core.journal import SYSTEM, Actor, Entry
from ..core.retention import Judged, Kept, Retention, judge
from ..errors import Conflict, NotFound
from ..hooks import DiscardsCopies
from ..ids import new_id
from ..store import journal, purging
from ..store import retention as store
from ..store.retention import Dossier
from ..store.storage import Tx
from .mount import Mount

log = logging.getLogger("notice_intake.flows")
#: About so many referrals belong to the cases of one slice: some tens of milliseconds.
SLICE = 100
#: What somebody else works on at this moment is looked at again after so long.
_BUSY = timedelta(minutes=5)


@dataclass(slots=True)
class Purged:
    """What a purge did."""

    #: Rows of each kind: cases, referrals, items, decisions, messages, evidence, signatures, callbacks.
    counts: Counter[str] = field(default_factory=Counter)
    #: Closed cases that stay for now, by the reason.
    kept: Counter[Kept] = field(default_factory=Counter)
    #: How many cases it looked at.
    looked: int = 0
    #: Whether there may be more.
    more: bool = False

    def add(self, other: Purged) -> None:
        """Add what a further slice did."""
        self.counts += other.counts
        self.kept += other.kept
        self.looked += other.looked
        self.more = other.more


def purge_due(mount: Mount, *, now: datetime, limit: int = 500) -> Purged:
    """Purge what is due, looking at about ``limit`` cases at most. Their copies wait for ``destroy_copies``."""
    done = Purged(more=True)
    while done.more and done.looked < limit:
        done.add(purge_slice(mount, now=now))
    return done


def purge_slice(mount: Mount, *, now: datetime, before: datetime | None = None, actor: Actor = SYSTEM) -> Purged:
    """Purge the next slice of what was due at ``before``, at the latest ``now``, in one transaction."""
    at = min(before or now, now)
    if not mount.settings.retention_days:
        return Purged()
    with mount.storage.begin() as tx, purging.overwriting(tx):
        rows = store.candidates(tx, now=at, before=_newest(mount, at), rows=SLICE)
        found = store.dossiers(tx, rows, now=at) if rows else []
        verdicts = {one.id: _judged(mount, one, at) for one in found}
        done = Purged(looked=len(found), more=bool(found))
        done.kept.update(verdict.kept for verdict in verdicts.values() if verdict.kept is not None)
        store.look_again(tx, [(one.look_at, case_id) for case_id, one in verdicts.items() if one.look_at is not None])
        done.counts.update(_purge(mount, tx, [one for one in found if verdicts[one.id].kept is None], now, actor=actor))
    return done


def survey(mount: Mount, *, now: datetime, before: datetime | None = None) -> Purged:
    """Say what a purge would do, and change nothing: ``counts`` has cases and items only."""
    at, seen = min(before or now, now), Purged()
    if not mount.settings.retention_days:
        return seen
    after: store.Place | None = None
    while True:
        with mount.storage.read() as tx:
            rows = store.page(tx, before=_newest(mount, at), after=after, limit=SLICE)
            found = store.dossiers(tx, rows, now=at, lock=False) if rows else []
        if not rows:
            return seen
        after = (rows[-1].updated_at, rows[-1].id)
        seen.looked += len(found)
        for one in found:
            kept = _judged(mount, one, at).kept
            if kept is None:
                seen.counts.update({"cases": 1, "items": len(one.items)})
            else:
                seen.kept[kept] += 1


def _newest(mount: Mount, at: datetime) -> datetime:
    return at - mount.settings.periods.shortest()


def _judged(mount: Mount, one: Dossier, at: datetime) -> Judged:
    if one.busy:
        return Judged(Kept.BUSY, at + _BUSY)
    rules: dict[str, Retention] = {code: instrument.retention for code, instrument in mount.instruments.items()}
    return judge(one.as_closed(), rules=rules, periods=mount.settings.periods, now=at)


def _purge(mount: Mount, tx: Tx, due: list[Dossier], now: datetime, *, actor: Actor) -> dict[str, int]:
    if not due:
        return {}
    case_ids = sorted(one.id for one in due)
    counts = purging.purge_cases(tx, case_ids, now=now, released=isinstance(mount.platform, DiscardsCopies))
    named = set[str]().union(*[one.referral_ids for one in due])
    referral_ids = store.without_others(tx, named) if named else []
    if referral_ids:
        counts |= purging.purge_referrals(tx, referral_ids, now=now)
    facts = {name: str(count) for name, count in counts.items()}
    facts |= {"case_ids": ",".join(case_ids), "referral_ids": ",".join(referral_ids)}
    journal.append(tx, [Entry(actor, "retention.purged", new_id("pur"), now, facts)])
    return counts


def destroy_copies(
    mount: Mount,
    *,
    now: datetime,
    limit: int = 200,
    within: Callable[[], AbstractContextManager[object]] = nullcontext,
    going: Callable[[], bool] = lambda: True,
) -> int:
    """Have the platform destroy copies that purged cases leave behind, while ``going()``; return how many it did.

    Each that it is asked for goes behind all others first: one that it cannot destroy keeps none of them waiting.
    """
    platform = mount.platform
    if not isinstance(platform, DiscardsCopies):
        return 0
    done = 0
    with mount.storage.begin() as tx:
        rows: Any = purging.take_released(tx, limit=limit, now=now)
    for row in rows:
        if not going():
            break
        try:
            with within():
                platform.discard(row.location, key="discard:" + row.id)
        except Exception:  # whatever the host's hook raises, the copy is asked for again
            log.exception("platform.discard failed for the copy %s; it will be tried again", row.id)
            continue
        with mount.storage.begin() as tx:
            purging.destroyed(tx, row.id)
        done += 1
    return done


def place_hold(mount: Mount, obj: str, *, reference: str, until: datetime | None, now: datetime) -> str:
    """Keep all that belongs to a case, a referral or an agency until the hold is lifted, or until a time.

    Reg. (EU) 2021/784 Art. 6(2): preserved for longer on request of an authority or court. Returns the hold's id.
    Raises ``NotFound``, and ``Conflict`` for a time that is over and for what is purged already.
    """
    if until is not None and until <= now:
        raise Conflict("A hold must end later than now.")
    hold_id = new_id("hld")
    with mount.storage.begin() as tx:
        purged = purging.purged(tx, obj)
        if purged is None:
            raise NotFound(f"There is no case, referral or agency {obj}.")
        if purged:
            raise Conflict(f"{obj} is purged already: nothing is left of it that could be kept.")
        row = {"id": hold_id, "object": obj, "reference": reference, "placed_at": now, "until": until}
        purging.hold(tx, {**row, "lifted_at": None})
        facts = {"hold": hold_id, "until": until.isoformat() if until else ""}
        journal.append(tx, [Entry(Actor("operator"), "hold.placed", obj, now, facts)])
    return hold_id


def lift_hold(mount: Mount, obj: str, *, now: datetime) -> int:
    """Lift the holds on an object; return how many. What they kept is looked at within a day."""
    with mount.storage.begin() as tx:
        lifted = purging.lift(tx, obj, now=now)
        if not lifted:
            raise NotFound(f"There is no hold on {obj}.")
        journal.append(tx, [Entry(Actor("operator"), "hold.lifted", obj, now, {"holds": str(lifted)})])
    return lifted


def holds(mount: Mount) -> list[Any]:
    """Return the holds that were not lifted."""
    with mount.storage.read() as tx:
        return list(purging.holds(tx))
