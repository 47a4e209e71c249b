"""The values of the operator's door: what somebody enters, and what would become of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from ..core.cases import Case
from ..core.targets import Content
from ..errors import NoticeIntakeError
from ..formats.received import Draft, DraftItem, Fault, Note, Reading
from ..store.agencies import Agency
from .prepared import Prepared

#: The channel of referrals that somebody entered; by which way they came stands with the file.
CHANNEL: Final = "import"
#: The ways by which a referral can come to a person.
WAYS: Final = ("email", "portal", "post", "fax", "phone", "other")
#: ISO 3166-1 leaves this code to its users; here it means that nobody said.
UNKNOWN_COUNTRY: Final = "ZZ"


@dataclass(frozen=True)
class EnteredFile:
    """One file, or pasted text, with what its reader made of it."""

    name: str
    media_type: str
    content: bytes
    reading: Reading

    @cached_property
    def digest(self) -> str:
        """SHA-256 in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person who enters says beside the files."""

    #: Id of an agency that is known here; else its name as written.
    agency_id: str = ""
    agency_name: str = ""
    #: One of ``WAYS``.
    channel: str = "email"
    #: When the platform received it: the clocks run from then. None: now.
    received_at: datetime | None = None
    #: For referrals that do not say.
    instrument: str = ""
    category: str = ""
    language: str = ""
    #: The agency's reference, for what has none of its own.
    reference: str = ""
    #: Whether rows with faults are left out; else one keeps everything out.
    skip_bad: bool = False
    #: Keys of the items that are meant, where there is a choice; None: those that the readers propose.
    taken: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """One item that would be stored, or is offered."""

    #: ``file.draft.item``, for the choice.
    key: str
    draft: DraftItem
    taken: bool
    #: Its canonical link, or "".
    link: str = ""
    #: What the platform says that it is; None where it does not know it or could not be asked.
    content: Content | None = None
    #: The case that it would join.
    case: Case | None = None


@dataclass(frozen=True, slots=True)
class PlannedReferral:
    """One referral that would be stored."""

    file: int
    draft: Draft
    reference: str
    instrument: str
    category: str
    items: tuple[PlannedItem, ...]
    gaps: tuple[str, ...] = ()
    #: Id of the referral that is here already from the same file, or "".
    here: str = ""
    #: None where something keeps it out.
    prepared: Prepared | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All that would be stored, and all that is to be said before."""

    agency: Agency
    #: True where the agency would be added: it gets no key and cannot call in.
    agency_is_new: bool
    wish: Wish
    received_at: datetime
    files: tuple[EnteredFile, ...]
    referrals: tuple[PlannedReferral, ...]
    #: Each with the number of its file.
    faults: tuple[tuple[int, Fault], ...]
    notes: tuple[tuple[int, Note], ...]
    #: False where the platform could not be asked what the links name.
    resolved: bool = True

    @property
    def fresh(self) -> tuple[PlannedReferral, ...]:
        """The referrals that would be new."""
        return tuple(one for one in self.referrals if one.prepared is not None and not one.here)

    @property
    def here(self) -> tuple[PlannedReferral, ...]:
        """The referrals that are here already."""
        return tuple(one for one in self.referrals if one.here)

    @property
    def blocked(self) -> bool:
        """Whether faults keep everything out."""
        unusable = any(one.reading.unusable for one in self.files)
        return unusable or (bool(self.faults) and not self.wish.skip_bad)

    @property
    def counts(self) -> Mapping[str, int]:
        """How much would be stored."""
        fresh = self.fresh
        return {
            "referrals": len(fresh),
            "items": sum(len(one.prepared.referral.items) for one in fresh if one.prepared is not None),
            "here": len(self.here),
            "faults": len(self.faults),
        }


@dataclass(frozen=True, slots=True)
class Entered:
    """What was stored."""

    agency_id: str
    #: (the agency's reference, our id) of each new referral.
    referrals: tuple[tuple[str, str], ...]
    #: The same of those that were here already.
    here: tuple[tuple[str, str], ...]


class EntryBlocked(NoticeIntakeError):
    """Something in these files has to be changed first; nothing was stored."""

    code = "entry-blocked"
