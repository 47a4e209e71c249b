"""What was given up, made due again by a person."""

from __future__ import annotations

from datetime import datetime

from ..core.codes import CaseState, EffectKind
from ..core.journal import Entry
from ..errors import Conflict, NotFound
from ..hooks import Moderator
from ..store import cases, decisions, journal, outbox
from .claims import actor_of
from .mount import Mount
from .waking import wake_after

#: Effects that the platform carries out, and that a later decision makes pointless.
CARRIED_OUT = (EffectKind.ENFORCE, EffectKind.REVERT)


def replay(mount: Mount, effect_id: str, *, moderator: Moderator, now: datetime) -> None:
    """Make an effect or callback that was given up due again, under its old id."""
    with mount.storage.begin() as tx:
        effect = outbox.find(tx, effect_id)
        if effect is None:
            raise NotFound
        case = cases.find(tx, effect.case_id, lock=True) if effect.kind in CARRIED_OUT else None
        if case is not None and case.decision_id != effect.decision_id:
            raise Conflict("A later decision has taken its place.")
        if not outbox.replay(tx, effect_id, now=now):
            raise Conflict("Only what was given up can be replayed.")
        if effect.kind == EffectKind.ENFORCE:
            decisions.stamp(tx, effect.decision_id, cleared_at=None)
        if case is not None and case.state is CaseState.FAILED:
            cases.note(tx, case.id, state=CaseState.DECIDED)
        where = effect.case_id or effect.referral_id
        facts = {"effect": effect_id, "kind": effect.kind}
        journal.append(tx, [Entry(actor_of(moderator), "effect.replayed", where, now, facts)])
        wake_after(tx, mount)
