"""What a referral that was checked turns into: its clock, its receipt, its marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import compress

from ..auth.envelope import Signed
from ..core.clocks import Due
from ..core.instruments import Instrument
from ..core.json_text import quoted
from ..core.referrals import Referral
from ..core.targets import Content
from .callbacks import path_of


@dataclass(slots=True)
class Prepared:
    """A referral that was checked, not stored."""

    referral_id: str
    referral: Referral
    instrument: Instrument
    body: bytes
    fingerprint: bytes
    channel: str
    idempotency_key: str | None
    original: bytes | None
    #: Facts for the journal's entry. Their names come after ``items``, since an entry's names are sorted.
    origin: Mapping[str, str] | None
    #: What the platform said about each item; None for what it does not know.
    contents: Sequence[Content | None] = ()
    #: False where the platform could not be asked.
    resolved: bool = True
    #: The signature that it came under, for one that came alone; ``signature_id`` is that of one that is kept already.
    signed: Signed | None = None
    signature_id: str | None = None

    def key_of(self, index: int) -> str:
        """The key of the case that an item belongs to."""
        content = self.contents[index]
        return content.case_key if content is not None else self.referral.items[index].target.key


@dataclass(frozen=True, slots=True)
class Clock:
    """When the referrals of an instrument in a batch are due, and what their receipts and callbacks say of it."""

    due: Due
    receipt: str
    seconds: str

    @classmethod
    def of(cls, instrument: Instrument, *, now: datetime) -> Clock:
        """Return the clock of referrals that are received now."""
        due = instrument.clock.due(now)
        binding = "true" if instrument.binding else "false"
        receipt = (
            f'"received_at":"{now.isoformat(timespec="milliseconds")}",'
            f'"due_at":"{due.at.isoformat(timespec="milliseconds")}",'
            f'"due_kind":"{due.kind}","due_rule":{quoted(due.rule)},"binding":{binding}'
        )
        return cls(due, receipt, due.at.isoformat(timespec="seconds"))


def receipt_of(prepared: Prepared, *, clock: Clock, lines: Sequence[str], journal: str) -> str:
    """Return a receipt: JSON text, put together by hand since every referral needs one. ``journal`` is JSON."""
    return (
        f'{{"id":"{prepared.referral_id}","agency_reference":{quoted(prepared.referral.agency_reference)},'
        f'"instrument":"{prepared.instrument.code}",{clock.receipt},"status_path":"{path_of(prepared.referral_id)}",'
        f'"items":[{",".join(lines)}],"journal":{journal}}}'
    )


def receipt_line(item_id: str, reference: str, *, status: str, outcome: str | None) -> str:
    """Return what a receipt says of an item: JSON text."""
    shown = f'"{outcome}"' if outcome else "null"
    return f'{{"id":"{item_id}","reference":{quoted(reference)},"status":"{status}","outcome":{shown}}}'


#: What ``flags_of`` can say, in its order.
FLAGS = ("threat_to_life", "withheld", "graphic", "unresolved", "unknown", "gone", "imported")


def flags_of(prepared: Prepared, index: int) -> tuple[str, ...]:
    """Return what the desk should see at once about an item."""
    item, referral, known = prepared.referral.items[index], prepared.referral, prepared.contents[index]
    holds = (
        referral.threat_to_life,
        referral.withheld,
        item.content.get("graphic"),
        not prepared.resolved,
        prepared.resolved and known is None,
        known is not None and not known.live,
        prepared.channel == "import",
    )
    return tuple(compress(FLAGS, holds))
