"""What of the queue a moderator wants to see."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """What the address of the queue page asks for. Every field empty: all open cases."""

    #: ``open`` (default), ``decided``, ``failed`` or ``closed``.
    state: str = "open"
    instrument: str | None = None
    #: An agency's id.
    agency: str | None = None
    #: A ``TargetKind``.
    kind: str | None = None
    #: The language of the content.
    language: str | None = None
    #: The code of an operation.
    operation: str | None = None
    #: ``free``, ``mine`` or ``held``.
    claim: str | None = None
    #: ``overdue`` or ``hour`` (due within the hour).
    due: str | None = None
    #: An agency reference, item reference, case id or link, matched exactly.
    search: str | None = None
