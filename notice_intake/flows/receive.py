"""Taking referrals in: from a document that an agency sent to rows that nothing loses.

One path serves the single call, the bulk stream and imports: a batch of prepared referrals, one transaction.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from .. import signals
from ..auth.envelope import Signed
from ..core.instruments import Instrument
from ..core.referrals import build
from ..errors import (
    DocumentRefused,
    FieldError,
    InstrumentNotAllowed,
    KeyReused,
    NoticeIntakeError,
    ReferenceTaken,
    TemporarilyUnavailable,
)
from ..ids import new_id
from ..store import referrals as store
from ..store.agencies import Agency
from ..store.known_keys import KnownKey
from ..store.storage import Raced, Tx
from ..store.together import Fresh, together
from . import evidence, presuming
from .checkpoints import latest
from .intake import Batch, standing_cases
from .mount import Mount
from .prepared import Prepared

log = logging.getLogger("notice_intake.flows")
#: The channel of streams. One that broke off is sent again as a whole: what was stored gets its old receipt.
BULK = "bulk"
#: How often a batch is tried again after it met another transaction.
_TRIES = 6


# Neither is frozen, as values should be: that would have each of a stream made at three times the cost.
@dataclass(slots=True)
class Submission:
    """What an agency sent: the document, and the very bytes that it stood in."""

    document: Any
    body: bytes
    channel: str
    idempotency_key: str | None = None
    #: False for what an operator imports: others' formats cannot say all that the contract asks for.
    checked: bool = True
    #: The file that an import was made from.
    original: bytes | None = None
    #: The signature that it came under, to be kept with it; its nonce is spent when it is stored.
    signed: Signed | None = None
    #: By which link and visit it came, where not by the API: facts for the journal.
    origin: Mapping[str, str] | None = None


@dataclass(slots=True)
class Received:
    """The answer: a new referral, or the same one again."""

    referral_id: str
    #: The receipt as stored: JSON text.
    receipt: str
    replayed: bool = False


def receive(
    mount: Mount,
    submission: Submission,
    *,
    agency: Agency,
    now: datetime,
    session: Session | None = None,
    presumed: KnownKey | None = None,
) -> Received:
    """Store a referral and return its receipt; the same receipt again for the same key and body.

    With ``session`` it joins the host's transaction: flushes, never commits. Raises ``DocumentRefused``,
    ``InstrumentNotAllowed``, ``ReferenceTaken``, ``KeyReused``; nothing is stored then. With a key that is
    ``presumed`` to stand, nothing is stored unless it does, and ``presuming.Changed`` is raised.
    """
    prepared = prepare(mount, submission, agency=agency, now=now)
    resolve(mount, [prepared])
    (result,) = store_batch(mount, [prepared], agency=agency, now=now, session=session, presumed=presumed)
    if isinstance(result, NoticeIntakeError):
        raise result
    return result


def prepare(mount: Mount, submission: Submission, *, agency: Agency, now: datetime) -> Prepared:
    """Check a document against its contract and the agency's instruments; nothing is stored yet."""
    document = submission.document
    instrument = _instrument(mount, document, agency)
    if submission.checked:
        mount.rulebook.contracts[instrument.code].check(document)
    body, original, once = submission.body, submission.original, submission.idempotency_key
    referral = build(document, now=now, past_times=instrument.past_times)
    fingerprint = hashlib.sha256(original or body).digest()
    referral_id, channel, origin = new_id("ref"), submission.channel, submission.origin
    prepared = Prepared(referral_id, referral, instrument, body, fingerprint, channel, once, original, origin)
    prepared.signed = submission.signed
    return prepared


def resolve(mount: Mount, batch: Sequence[Prepared]) -> None:
    """Ask the platform, in one call, which content all items of a batch name."""
    targets = [item.target for prepared in batch for item in prepared.referral.items]
    contents = mount.resolve(targets) if targets else []
    answers = iter(contents if contents is not None else [])
    for prepared in batch:
        prepared.resolved = contents is not None
        prepared.contents = [next(answers) if prepared.resolved else None for _ in prepared.referral.items]


def store_batch(
    mount: Mount,
    batch: Sequence[Prepared],
    *,
    agency: Agency,
    now: datetime,
    session: Session | None = None,
    presumed: KnownKey | None = None,
) -> list[Received | NoticeIntakeError]:
    """Store a batch in one transaction; for each referral its receipt, or why it was not stored.

    With a key that is ``presumed`` to stand, nothing is stored unless it does, and ``presuming.Changed`` is raised.
    """
    if session is None:
        attempt = Attempt(mount, agency, key=presumed)
        attempt.add(batch, now=now)
        if attempt.seems_new() and attempt.store():
            return [*attempt.received()]
    if presumed is not None:
        presuming.confirm(mount, presumed)
    return store_carefully(mount, batch, agency=agency, now=now, session=session)


def store_carefully(
    mount: Mount, batch: Sequence[Prepared], *, agency: Agency, now: datetime, session: Session | None = None
) -> list[Received | NoticeIntakeError]:
    """Do what ``store_batch`` promises, for a batch of which something may be there already."""
    # The host may have but one connection, and be in a transaction on it.
    checkpoint = latest(mount, now=now, look=session is None)
    for attempt in range(_TRIES):
        try:
            with mount.storage.begin(session) as tx:
                if session is None:
                    return _store(mount, tx, batch, agency=agency, now=now, checkpoint=checkpoint)
                with tx.savepoint():
                    return _store(mount, tx, batch, agency=agency, now=now, checkpoint=checkpoint)
        except (Raced, TemporarilyUnavailable) as met:
            # Another transaction opened the same case or stored the same reference: look again at what is there now.
            if attempt == _TRIES - 1:
                log.warning("a batch of %d referrals was not stored: %s", len(batch), type(met).__name__)
                raise TemporarilyUnavailable from met
    raise AssertionError("unreachable")


class Attempt:
    """Referrals of which nothing seems to be there yet, as of nearly all: rows to be stored, answers to be given then.

    All rows are ready before the transaction begins, so that it can be shared, and is short. The documents are not
    kept: where something is there already, whoever made the attempt reads them again for ``store_carefully``.
    """

    def __init__(self, mount: Mount, agency: Agency, *, key: KnownKey | None = None) -> None:
        self._mount, self._agency, self._key = mount, agency, key
        self._writing: Batch | None = None
        self._fresh: Fresh | None = None
        self._references: list[str] = []
        #: The receipts by id: plain values, which Python's cycle collector leaves alone.
        self._receipts: dict[str, str] = {}
        self._told: list[Callable[[], None]] = []

    def add(self, batch: Sequence[Prepared], *, now: datetime) -> None:
        """Make the rows of referrals that were received now."""
        if self._writing is None:
            checkpoint = latest(self._mount, now=now)
            storage = self._mount.storage
            self._writing = Batch({}, agency=self._agency, now=now, storage=storage, checkpoint=checkpoint)
        else:
            self._writing.at(now)
        add = self._writing.add
        self._receipts.update([add(one) for one in batch])
        self._references += [one.referral.agency_reference for one in batch]
        self._told += _to_be_told(self._mount, batch, self._agency)

    def seems_new(self, *, unseen: bool = False) -> bool:
        """False where one of several is there already; of one alone the store itself will say it.

        With ``unseen`` of all others too: they are not looked for then, and none is stored where one is there.
        """
        references = self._references
        if len(references) < 2:
            return True
        if len(set(references)) < len(references):
            return False
        if unseen:
            return True
        with self._mount.storage.straight() as tx:
            return not store.any_taken(tx, self._agency.id, references)

    def make_ready(self) -> None:
        """Have the rows ready for another thread to store."""
        if self._writing is not None:
            self._fresh = self._writing.fresh(self._key)
            self._mount.storage.make_ready(self._fresh.parts)

    def store(self, *, unseen: bool = False) -> bool:
        """Store the rows; False, and nothing stored, where something is there already or the key was changed.

        With ``unseen`` the database says so, after it has stored what came before: for what is new most likely.
        """
        if self._writing is None:
            return True
        fresh = self._fresh or self._writing.fresh(self._key)
        fresh.unseen = unseen
        return together(self._mount.storage).store(fresh)

    def received(self) -> list[Received]:
        """Tell the host's listeners that the rows are stored; return the answers."""
        self._tell()
        return [Received(*one) for one in self._receipts.items()]

    def receipts(self) -> Collection[str]:
        """Tell the host's listeners that the rows are stored; return the receipts: JSON text."""
        self._tell()
        return self._receipts.values()

    def _tell(self) -> None:
        for one in self._told:
            one()


def _store(
    mount: Mount, tx: Tx, batch: Sequence[Prepared], *, agency: Agency, now: datetime, checkpoint: str
) -> list[Received | NoticeIntakeError]:
    for prepared in batch:
        if prepared.signed is not None:
            evidence.spend(tx, prepared.signed)
    results, twice = _taken(tx, batch, agency), _standing_twice(batch)
    fresh = [(index, one) for index, one in enumerate(batch) if index not in results and index not in twice]
    added = [one for _, one in fresh]
    standing = standing_cases(tx, added, lock=True)
    writing = Batch(standing, agency=agency, now=now, storage=mount.storage, checkpoint=checkpoint)
    for index, prepared in fresh:
        results[index] = Received(*writing.add(prepared))
    if not writing.store(tx):
        raise Raced
    tx.after_commit += _to_be_told(mount, added, agency)
    # What stands twice in a stream is answered as if a batch had ended between: how long batches are is our affair.
    for index, first in twice.items():
        if index not in results:
            results[index] = _second(batch[index], batch[first], results[first])
    return [results[index] for index in range(len(batch))]


def _to_be_told(mount: Mount, stored: Sequence[Prepared], agency: Agency) -> list[Callable[[], None]]:
    """Return the calls that tell the host's listeners, to be made once the referrals are committed."""
    if not signals.referral_received.receivers:
        return []
    told = [
        {"agency_id": agency.id, "instrument": one.instrument.code, "referral_id": one.referral_id} for one in stored
    ]
    return [partial(signals.send, signals.referral_received, mount, **facts) for facts in told]


def _instrument(mount: Mount, document: Any, agency: Agency) -> Instrument:
    if not isinstance(document, Mapping):
        raise DocumentRefused([FieldError("", "not_an_object", "Send one JSON object.")])
    code = document.get("instrument")
    instrument = mount.instruments.get(code) if isinstance(code, str) else None
    if instrument is None:
        known = ", ".join(sorted(mount.instruments))
        word = "required" if "instrument" not in document else "unknown_instrument"
        raise DocumentRefused([FieldError("/instrument", word, f"Choose one of: {known}.")])
    if instrument.code not in agency.instruments:
        raise InstrumentNotAllowed(f"These credentials may not use the instrument {instrument.code}. Ask the platform.")
    return instrument


def _taken(tx: Tx, batch: Sequence[Prepared], agency: Agency) -> dict[int, Received | NoticeIntakeError]:
    """Return the answers to those of a batch that are there already."""
    if batch[0].channel != BULK and len(batch) == 1:
        answer = _replayed(tx, batch[0], agency)
        return {0: answer} if answer is not None else {}
    references = [one.referral.agency_reference for one in batch]
    found = {row.agency_reference: row for row in store.taken(tx, agency.id, references=references)}
    places = enumerate(references)
    return {index: _again(found[reference], batch[index]) for index, reference in places if reference in found}


def _standing_twice(batch: Sequence[Prepared]) -> dict[int, int]:
    """Return, for each of a batch whose reference stands in it before, where that is."""
    first: dict[str, int] = {}
    places = [first.setdefault(one.referral.agency_reference, index) for index, one in enumerate(batch)]
    return {index: place for index, place in enumerate(places) if place != index}


def _again(row: Any, prepared: Prepared) -> Received | NoticeIntakeError:
    if row.fingerprint == prepared.fingerprint:
        return Received(row.id, row.receipt, replayed=True)
    return ReferenceTaken(row.id)


def _second(prepared: Prepared, first: Prepared, answer: Received | NoticeIntakeError) -> Received | NoticeIntakeError:
    if isinstance(answer, Received) and prepared.fingerprint == first.fingerprint:
        return replace(answer, replayed=True)
    return ReferenceTaken(first.referral_id)


def _replayed(tx: Tx, prepared: Prepared, agency: Agency) -> Received | NoticeIntakeError | None:
    """Answer a single referral whose reference or idempotency key is taken; None where neither is."""
    key, reference = prepared.idempotency_key, prepared.referral.agency_reference
    rows = store.taken(tx, agency.id, references=[reference], idempotency_key=key)
    for row in rows:
        if key is not None and row.idempotency_key == key:
            if row.fingerprint != prepared.fingerprint:
                return KeyReused()
            return Received(row.id, row.receipt, replayed=True)
    return ReferenceTaken(rows[0].id) if rows else None
