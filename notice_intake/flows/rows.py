"""The rows of new referrals: tuples, since a stream makes hundreds of thousands of them. Names stand in their order."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..core.cases import Case
from ..core.clocks import Due
from ..core.codes import CaseState, EffectKind, EffectState
from ..core.journal import Actor, commitment, leaf_hash, timestamp
from ..core.json_text import quoted
from ..ids import random_bytes
from ..store import cases
from ..store.agencies import Agency
from ..store.direct import Flat
from .callbacks import received_body
from .prepared import Clock, Prepared, flags_of

Row = tuple[Any, ...]

REFERRAL = (
    *("id", "agency_id", "instrument", "agency_reference", "channel", "idempotency_key", "fingerprint", "language"),
    *("operation", "category", "threat_to_life", "withheld", "issued_at", "received_at", "due_at", "due_kind"),
    *("due_rule", "sequence", "updated_at", "body", "original", "receipt", "signature_id"),
)
CASE = (
    *("id", "key", "state", "version", "sequence", "category", "kind", "language", "locator", "target", "content"),
    *("opened_at", "updated_at", "announced"),
    *("referrals", "priority", "due_at", "due_kind", "due_rule", "instrument", "flags"),
)
#: What further items of a case can change stands from here on.
JOINED = CASE.index("referrals")
ITEM = (
    *("id", "referral_id", "case_id", "agency_id", "position", "reference", "target_key", "instrument", "operation"),
    *("status", "outcome", "withheld", "received_at", "updated_at", "joined"),
)
ENTRY = ("object", "action", "actor_kind", "actor_id", "at", "payload", "leaf")
CALLBACK = (
    *("id", "kind", "lane", "position", "state", "due_at", "attempts", "agency_id", "referral_id", "case_id"),
    *("decision_id", "type", "body", "last_error", "created_at"),
)
# As plain text: drivers take an enum's member only after they have looked for another way.
_OPEN, _CALLBACK = str(CaseState.OPEN), str(EffectKind.CALLBACK)
_DUE, _FEED = str(EffectState.DUE), str(EffectState.FEED)
#: The first message of a referral and its entry in the journal go by one word.
_RECEIVED = "referral.received"


class Writer:
    """Makes the rows that one agency's referrals of one moment become."""

    def __init__(self, agency: Agency, *, now: datetime, written: Any) -> None:
        self._written = written is not None
        #: Returns a time as the rows hold it.
        self._time = written or _as_it_is
        self._agency_id, self._actor = agency.id, Actor("agency", agency.id, agency.name)
        self._now, self._at = self._time(now), now.isoformat(timespec="milliseconds")
        self._callback_state = _DUE if agency.listening else _FEED
        self._entry_head = f'{{"action":"{_RECEIVED}","actor":{{"id":{quoted(agency.id)},"kind":"agency"}},'
        self._entry_head += f'"at":"{timestamp(now)}","commitments":{{}},"facts":{{"body":"'

    def flat(self, names: tuple[str, ...], values: list[Any]) -> Flat:
        """Return rows, whose values stand one after the other, as the store takes them."""
        return Flat(names, values, self._written)

    def referral(self, prepared: Prepared, *, due: Due, receipt: str) -> Row:
        """The row of a referral."""
        referral, now = prepared.referral, self._now
        return (
            prepared.referral_id,
            self._agency_id,
            referral.instrument,
            referral.agency_reference,
            prepared.channel,
            prepared.idempotency_key,
            prepared.fingerprint,
            referral.language,
            referral.operation,
            referral.category,
            referral.threat_to_life,
            referral.withheld,
            self._time(referral.issued_at),
            now,
            self._time(due.at),
            str(due.kind),
            due.rule,
            1,
            now,
            prepared.body,
            prepared.original,
            receipt,
            prepared.signature_id or (prepared.referral_id if prepared.signed is not None else None),
        )

    def case(self, prepared: Prepared, index: int, *, id: str, key: str, due: Due, priority: int) -> Row:
        """The row of the case that an item opens. The document is not kept: a batch of them would leave every cache."""
        item, content, now = prepared.referral.items[index], prepared.contents[index], self._now
        target, category = item.target, prepared.referral.category
        first = target.hashes[0] if target.hashes else None
        return (
            id,
            key,
            _OPEN,
            1,
            0,
            category,
            content.kind if content is not None else item.content.get("kind") or str(target.kind),
            (content.language if content is not None else None) or item.language,
            target.url or target.handle or target.id or (f"{first.algorithm}:{first.value}" if first else ""),
            cases.target_text(target),
            cases.content_text(content) if content is not None else None,
            now,
            now,
            False,
            1,
            priority,
            self._time(due.at),
            str(due.kind),
            due.rule,
            prepared.instrument.code,
            cases.flags_text(flags_of(prepared, index)),
        )

    def joined(self, case: Case, *, referrals: int) -> Row:
        """The row of a case that the batch opened, from ``JOINED`` on, after further items of it."""
        due, flags = case.due, cases.flags_text(case.flags)
        return (referrals, case.priority, self._time(due.at), str(due.kind), due.rule, case.instrument, flags)

    def item(
        self, prepared: Prepared, index: int, *, id: str, case: tuple[str, int], status: str, outcome: str | None
    ) -> Row:
        """The row of an item; ``case`` is the id of its case, and the version of that with it."""
        item, referral, now = prepared.referral.items[index], prepared.referral, self._now
        return (
            id,
            prepared.referral_id,
            case[0],
            self._agency_id,
            index,
            item.reference,
            item.target.key,
            referral.instrument,
            referral.operation,
            status,
            outcome,
            referral.withheld,
            now,
            now,
            case[1],
        )

    def entry(self, prepared: Prepared, case_ids: Iterable[str]) -> tuple[Row, str]:
        """The row of the journal's entry of a referral, with the bytes that ``core.journal.write`` gives for it.

        Also the salt of its commitment to the body. It goes into the receipt: whoever has both can show what was sent,
        and both can be erased.
        """
        random = random_bytes()
        salt = random[16:]
        came = (
            [f',"{name}":{quoted(value)}' for name, value in sorted(prepared.origin.items())] if prepared.origin else ()
        )
        payload = (
            f'{self._entry_head}{commitment("body_sha256", prepared.fingerprint.hex(), salt=salt)}",'
            f'"cases":"{",".join(case_ids)}",'
            f'"channel":{quoted(prepared.channel)},"instrument":"{prepared.instrument.code}",'
            f'"items":"{len(prepared.referral.items)}"{"".join(came)}}},"nonce":"{random[:16].hex()}","object":"{prepared.referral_id}"}}'
        ).encode()
        actor = self._actor
        row = (prepared.referral_id, _RECEIVED, actor.kind, actor.id, self._now, payload, leaf_hash(payload))
        return row, salt.hex()

    def callback(self, prepared: Prepared, *, id: str, clock: Clock) -> Row:
        """The row of the message that a referral was received."""
        body = received_body(prepared.referral, prepared.referral_id, at=self._at, due=clock.seconds)
        return (
            id,
            _CALLBACK,
            prepared.referral_id,
            1,
            self._callback_state,
            self._now,
            0,
            self._agency_id,
            prepared.referral_id,
            None,
            None,
            _RECEIVED,
            body,
            "",
            self._now,
        )


def case_of(row: Row, due: Due) -> Case:
    """Return the case of a row that a batch made, for the rules of joining; ``due`` is what the row says of it."""
    said = dict(zip(CASE, row, strict=True))
    return Case(
        id=said["id"],
        key=said["key"],
        version=1,
        state=CaseState.OPEN,
        due=due,
        priority=said["priority"],
        instrument=said["instrument"],
        category=said["category"],
        flags=tuple(json.loads(said["flags"])),
    )


def _as_it_is(value: Any) -> Any:
    return value
