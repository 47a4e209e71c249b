"""What an agency writes into an item's reference to have the sandbox answer it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .codes import Outcome, QuestionReason

_SCRIPT = re.compile(r"(?:ask|decide):[a-z_]+(?:\+(?:ask|decide):[a-z_]+)*(?=[ #]|\Z)")
#: What a reference with a script begins with.
ASK, DECIDE = "ask:", "decide:"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the sandbox does with an item: it asks, or it decides."""

    question: QuestionReason | None = None
    outcome: Outcome | None = None


def steps(reference: str) -> tuple[Step, ...]:
    """Return the steps that stand at the beginning of a reference; none where it holds no script.

    ``decide:removed 31-1`` decides; ``ask:not_precise+decide:removed`` asks first, and decides when it is answered;
    ``decide:removed+decide:no_action`` decides otherwise when there is a complaint. After a blank or ``#`` anything may
    follow.
    """
    match = _SCRIPT.match(reference)
    if match is None:
        return ()
    found = []
    for word in match[0].split("+"):
        verb, _, code = word.partition(":")
        if verb == "ask" and code in tuple(QuestionReason):
            found.append(Step(question=QuestionReason(code)))
        elif verb == "decide" and code in tuple(Outcome):
            found.append(Step(outcome=Outcome(code)))
        else:
            return ()
    return tuple(found)
