"""Who works on what: one moderator a case, for a while that everybody can see."""

from __future__ import annotations

from datetime import datetime

from ..core.cases import Case, Holder
from ..core.codes import CaseState, ItemStatus
from ..core.journal import SYSTEM, Actor, Entry
from ..errors import ClaimHeld, Conflict, DocumentRefused, FieldError, NotFound, NotPermitted
from ..hooks import Moderator
from ..store import cases, journal
from ..store.queue import conditions
from ..store.storage import Tx
from .callbacks import Change, tell
from .mount import Mount
from .views import QueueFilter

LEAD = "lead"
REASON_LIMIT = 500


def actor_of(moderator: Moderator) -> Actor:
    """The moderator, as the journal names them."""
    return Actor("moderator", moderator.id, moderator.name)


def claim(mount: Mount, case_id: str, *, moderator: Moderator, now: datetime) -> None:
    """Hold a case for ``settings.claim_seconds``. Raises ``ClaimHeld``, ``Conflict``, ``NotFound``."""
    with mount.storage.begin() as tx:
        held_already = _open_case(tx, case_id).held_by(moderator.id, now)
        if not cases.claim(tx, case_id, holder=_holder(mount, moderator, now), now=now):
            _refuse_held(tx, case_id)
        if not held_already:
            _note(tx, "case.claimed", case_id, actor=actor_of(moderator), now=now)
            begin_review(tx, case_id, now=now)


def claim_next(mount: Mount, wanted: QueueFilter, *, moderator: Moderator, now: datetime) -> str | None:
    """Hold the most urgent free case that the filter shows; return its id, or None where nothing is left."""
    with mount.storage.begin() as tx:
        narrowed = conditions(tx, wanted, moderator_id=moderator.id, now=now)
        case_id = cases.claim_next(tx, narrowed, holder=_holder(mount, moderator, now), now=now)
        if case_id is not None:
            _note(tx, "case.claimed", case_id, actor=actor_of(moderator), now=now)
            begin_review(tx, case_id, now=now)
        return case_id


def release(mount: Mount, case_id: str, *, moderator: Moderator, now: datetime) -> None:
    """Give a case back to the queue."""
    with mount.storage.begin() as tx:
        if not cases.release(tx, case_id, moderator_id=moderator.id):
            raise Conflict("You do not hold this case.")
        _note(tx, "case.released", case_id, actor=actor_of(moderator), now=now)


def extend(mount: Mount, case_id: str, *, moderator: Moderator, now: datetime) -> None:
    """Hold a case for longer. Raises ``Conflict`` where the claim ran out and somebody else took the case."""
    with mount.storage.begin() as tx:
        _open_case(tx, case_id)
        if not cases.claim(tx, case_id, holder=_holder(mount, moderator, now), now=now):
            _refuse_held(tx, case_id)
        _note(tx, "case.claim_extended", case_id, actor=actor_of(moderator), now=now)


def take_over(mount: Mount, case_id: str, *, moderator: Moderator, reason: str, now: datetime) -> None:
    """Take a case that somebody else holds, with a reason that they can read. Needs the role ``lead``."""
    if not reason.strip() or len(reason) > REASON_LIMIT:
        detail = f"Say why you take the case over, in at most {REASON_LIMIT} characters."
        raise DocumentRefused([FieldError("/reason", "required", detail)])
    if "\x00" in reason:
        raise DocumentRefused([FieldError("/reason", "bad_character", "Take the NUL character out.")])
    with mount.storage.begin() as tx:
        against = _open_case(tx, case_id).held_against(moderator.id, now)
        if against is not None and LEAD not in moderator.roles:
            raise NotPermitted(f"{against.name} holds this case. Only a lead may take it over.")
        if not cases.claim(tx, case_id, holder=_holder(mount, moderator, now), now=now, seize=True):
            _refuse_held(tx, case_id)
        private = {"from": against.moderator_id if against else "", "reason": reason.strip()}
        _note(tx, "case.taken_over", case_id, actor=actor_of(moderator), now=now, private=private)
        begin_review(tx, case_id, now=now)


def expire(mount: Mount, *, now: datetime) -> int:
    """Free every case whose claim ran out; return how many."""
    with mount.storage.begin() as tx:
        over = cases.expire_claims(tx, now=now)
        entries = [
            Entry(SYSTEM, "case.claim_expired", case_id, now, private={"moderator": moderator_id})
            for case_id, moderator_id in over
        ]
        journal.append(tx, entries)
    return len(over)


def begin_review(tx: Tx, case_id: str, *, now: datetime) -> None:
    """Tell each agency, once, that a person looks at its items."""
    waiting = [row for row in cases.member_rows(tx, case_id) if row.status == ItemStatus.RECEIVED]
    if not waiting:
        return
    cases.set_items(tx, [row.id for row in waiting], status=ItemStatus.IN_REVIEW, outcome=None, now=now)
    changes = [Change(row.id, row.referral_id, row.reference, case_id, ItemStatus.IN_REVIEW, None) for row in waiting]
    tell(tx, changes, now=now)


def _open_case(tx: Tx, case_id: str) -> Case:
    case = cases.find(tx, case_id)
    if case is None:
        raise NotFound
    if case.state is not CaseState.OPEN:
        raise Conflict("This case is decided already.")
    return case


def _refuse_held(tx: Tx, case_id: str) -> None:
    case = _open_case(tx, case_id)
    raise ClaimHeld(case.holder.name if case.holder is not None else "Somebody else")


def _holder(mount: Mount, moderator: Moderator, now: datetime) -> Holder:
    return Holder(moderator.id, moderator.name, now + mount.settings.claim)


def _note(
    tx: Tx, action: str, case_id: str, *, actor: Actor, now: datetime, private: dict[str, str] | None = None
) -> None:
    journal.append(tx, [Entry(actor, action, case_id, now, private=private or {})])
