"""What the platform is asked to do, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .codes import GroundKind, Outcome
from .targets import Target


@dataclass(frozen=True, slots=True)
class Action:
    """A decision, as the platform has to carry it out or take it back."""

    outcome: Outcome
    #: ``Content.key``, or None where the platform could not resolve the target.
    content_key: str | None
    #: The first target that named the content, for platforms that could not resolve it.
    target: Target
    #: ISO 3166-1 codes in which access ends; empty means everywhere.
    territories: tuple[str, ...]
    case_id: str
    decision_id: str


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The platform's word that an action is carried out."""

    #: When it took effect, aware UTC; None means now.
    at: datetime | None = None
    #: The platform's own reference of the act, for the file.
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A copy of content as it stood before it was taken down."""

    #: Where the platform keeps the copy, or the copy itself as text.
    location: str
    #: SHA-256 of what was kept, in hexadecimal, where the platform computes it.
    sha256: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statement:
    """The statement of reasons for the uploader: Reg. (EU) 2022/2065 Art. 17(3). Names no agency."""

    outcome: Outcome
    territories: tuple[str, ...]
    ground_kind: GroundKind | None
    ground_reference: str
    facts: str
    explanation: str
    category: str
    decided_at: datetime
    #: True where the content came to attention by a notice or order, not by the platform's own search.
    after_notice: bool = True
    #: Whether automated means decided; here a person always does.
    automated: bool = False
    decision_id: str = ""
