"""What an agency sends about a referral that is there already: taken in once, on the facts as the agency knows them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..contract.messages import contract
from ..core.codes import CaseState, MessageKind
from ..core.journal import Actor, Entry
from ..errors import Conflict, NotFound, ReferralChanged, TemporarilyUnavailable
from ..ids import new_id
from ..store import cases, journal, messages, referrals
from ..store.agencies import Agency
from ..store.storage import Raced, Tx
from . import complaints, once, supplements, withdrawals
from .callbacks import tell
from .messages import Exchange
from .mount import Mount
from .waking import wake_after

_TRIES = 4
_WORDS = {MessageKind.SUPPLEMENT: "sup", MessageKind.WITHDRAWAL: "wdr", MessageKind.COMPLAINT: "cpl"}
_ACTIONS = {
    MessageKind.SUPPLEMENT: "referral.supplemented",
    MessageKind.WITHDRAWAL: "referral.withdrawn",
    MessageKind.COMPLAINT: "complaint.received",
}
_HANDLERS: Mapping[MessageKind, Callable[[Tx, Exchange], None]] = {
    MessageKind.SUPPLEMENT: supplements.apply,
    MessageKind.WITHDRAWAL: withdrawals.apply,
    MessageKind.COMPLAINT: complaints.apply,
}


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as an agency sent it."""

    kind: MessageKind
    referral_id: str
    document: Any
    body: bytes
    #: The sequences of the referral that ``If-Match`` names; None where any will do.
    expected: frozenset[int] | None = None
    idempotency_key: str | None = None
    #: How it came, where not by the API: facts for the journal.
    origin: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> bytes:
        """What another request under the same idempotency key must equal."""
        return hashlib.sha256(f"{self.kind}\n{self.referral_id}\n".encode() + self.body).digest()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer, as JSON text, and where the referral stands now."""

    answer: str
    sequence: int
    replayed: bool = False


def send(mount: Mount, sent: Sent, *, agency: Agency, now: datetime) -> Accepted:
    """Take a message in, with everything that follows from it, in one transaction.

    Raises ``NotFound`` for another agency's referral as for none, ``ReferralChanged`` where it moved on since the
    agency read it, ``KeyReused``, ``DocumentRefused``, ``Conflict``; nothing is stored then.
    """
    contract(sent.kind).check(sent.document)
    for attempt in range(_TRIES):
        try:
            with mount.storage.begin() as tx:
                accepted = _take(mount, tx, sent, agency=agency, now=now)
                wake_after(tx, mount)
                return accepted
        except Raced as met:
            if attempt == _TRIES - 1:
                raise TemporarilyUnavailable from met
    raise AssertionError("unreachable")


def _take(mount: Mount, tx: Tx, sent: Sent, *, agency: Agency, now: datetime) -> Accepted:
    exchange = _open(mount, tx, sent, agency=agency, now=now)
    key = sent.idempotency_key
    old = once.before(tx, agency.id, key, fingerprint=sent.fingerprint)
    if old is not None:
        return Accepted(old, int(json.loads(old)["sequence"]), replayed=True)
    sequence = int(exchange.referral.sequence)
    if sent.expected is not None and sequence not in sent.expected:
        raise ReferralChanged(sequence)
    _HANDLERS[sent.kind](tx, exchange)
    _store(tx, sent, exchange, agency=agency)
    sequence += tell(tx, exchange.events, now=now)
    answer = _answer(tx, sent, exchange, sequence=sequence)
    once.keep(tx, agency.id, key, fingerprint=sent.fingerprint, answer=answer, now=now)
    return Accepted(answer, sequence)


def _open(mount: Mount, tx: Tx, sent: Sent, *, agency: Agency, now: datetime) -> Exchange:
    """Lock the referral and its cases, the cases first, as everybody does."""
    if referrals.find(tx, sent.referral_id, agency_id=agency.id) is None:
        raise NotFound
    case_ids = {row.case_id for row in referrals.items_of(tx, [sent.referral_id])}
    found = cases.locked(tx, sorted(case_ids))
    referral = referrals.lock(tx, sent.referral_id, agency_id=agency.id)
    items = referrals.items_of(tx, [sent.referral_id])
    if {row.case_id for row in items} != case_ids:
        raise Raced  # a case was joined to another one meanwhile: look again
    items = [row for row in items if found[row.case_id].state is not CaseState.PURGED]
    if not items:
        raise Conflict("The retention period of this referral has ended: it is deleted, and nothing can be added.")
    return Exchange(
        mount, new_id(_WORDS[sent.kind]), sent.document, referral=referral, items=items, cases=found, now=now
    )


def _store(tx: Tx, sent: Sent, exchange: Exchange, *, agency: Agency) -> None:
    document, now = sent.document, exchange.now
    values = {
        "id": exchange.id,
        "kind": sent.kind,
        "referral_id": sent.referral_id,
        "agency_id": exchange.referral.agency_id,
        "answers": document.get("answers"),
        "text": document.get("text") or document.get("reason", ""),
        "body": sent.body,
        "created_at": now,
    }
    messages.add(tx, values, facts=exchange.facts)
    digest = hashlib.sha256(sent.body).hexdigest()
    actor = Actor("agency", agency.id, agency.name)
    entries = []
    for case_id, changed in exchange.changes.items():
        case = exchange.cases[case_id]
        if not cases.change(tx, case_id, version=case.version, values={**changed, "updated_at": now}):
            raise Raced
        count = sum(1 for row in exchange.items if row.case_id == case_id and row.id in exchange.facts)
        facts = {"message": exchange.id, "items": str(count), **sent.origin}
        entries.append(Entry(actor, _ACTIONS[sent.kind], case_id, now, facts, private={"body_sha256": digest}))
    journal.append(tx, entries)


def _answer(tx: Tx, sent: Sent, exchange: Exchange, *, sequence: int) -> str:
    items = [row for row in referrals.items_of(tx, [sent.referral_id]) if row.id in exchange.facts]
    document = {
        "id": exchange.id,
        "kind": sent.kind,
        "referral": sent.referral_id,
        "sequence": sequence,
        "received_at": exchange.now.isoformat(timespec="milliseconds"),
        "items": [
            {"id": row.id, "reference": row.reference, "status": row.status, "outcome": row.outcome} for row in items
        ],
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
