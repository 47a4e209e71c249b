"""What of a case's decisions is in effect at the platform, or may be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .codes import RESTRICTIVE, Outcome


@dataclass(frozen=True, slots=True)
class Enacted:
    """One decision of a case, with what is known of its being carried out."""

    decision_id: str
    outcome: Outcome
    #: Whether the platform was asked, or may have been: a worker that died, or was answered by an error, left it open.
    begun: bool
    #: Whether the platform said that it is carried out.
    confirmed: bool = False
    #: Whether the platform said that nothing of it is in effect: it refused it, or has taken it back.
    cleared: bool = False


def in_effect(decisions: Iterable[Enacted]) -> tuple[Enacted, ...]:
    """Return those of a case's decisions, given oldest first, that are in effect or may be; newest first.

    A decision that says the same as one before takes its place once the platform has confirmed it; until then both may
    be what keeps the content down.
    """
    found: list[Enacted] = []
    for one in decisions:
        if one.outcome not in RESTRICTIVE or one.cleared or not (one.begun or one.confirmed):
            continue
        if one.confirmed:
            found = [before for before in found if before.outcome is not one.outcome]
        found.append(one)
    return tuple(reversed(found))


def contrary(found: Iterable[Enacted], outcome: Outcome) -> tuple[Enacted, ...]:
    """Return those of what is in effect that have to be taken back before ``outcome`` is carried out.

    What nobody confirmed is taken back where the content is to stay as it was. Another restriction does not wait for
    that: an order must not queue behind the taking back of something that perhaps never was.
    """
    other = tuple([one for one in found if one.outcome is not outcome])
    return tuple([one for one in other if one.confirmed]) if outcome in RESTRICTIVE else other
