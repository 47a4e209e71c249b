"""The decision form: what was typed, what it starts with, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from ...core.catalogue import CATEGORIES, CATEGORY_KEYWORDS, EEA, EU, KEYWORDS
from ...core.decisions import Draft
from ...errors import FieldError
from ...flows.questions import Question
from ...flows.views import CaseFile, DecisionView
from ..texts import Texts
from . import words

#: A shortcut for a whole group of countries. With scripts it ticks its members, which can be unticked again, and is not
#: sent; a browser without scripts sends it, and it means all of its members.
PRESETS = {"EU": EU, "EEA": EEA}
_UNGROUPED = "other"


@dataclass(frozen=True, slots=True)
class Form:
    """The decision form as it is shown."""

    draft: Draft
    #: The version of the case that the person has seen.
    version: int
    #: How many lines of history stood on the page that the person has seen.
    seen: int
    #: (field, what is wrong)
    errors: tuple[tuple[str, str], ...] = ()
    #: The question to an agency, as far as it was typed.
    question: Question = field(default_factory=Question)
    #: By which form it came, ``decision``, ``question``, ``look`` or a verb of the claim; empty on a fresh page.
    sent: str = ""

    def error(self, field: str) -> str:
        """Return what is wrong with a field, or nothing."""
        return next((text for name, text in self.errors if name == field), "")


def first_form(file: CaseFile) -> Form:
    """Return the form as a fresh page shows it: an undone decision comes back, else what the referral suggests."""
    undone = file.decisions[0] if file.decisions and file.decisions[0].undone_at else None
    draft = _draft_again(undone) if undone else _suggested(file)
    return Form(draft, file.row.version, len(file.history))


def sent_form(form: MultiDict[str, str], sent: str) -> Form:
    """Return all that was typed on the page of a case, whichever of its buttons was pressed."""
    draft, question = read_draft(form), read_question(form)
    return Form(draft, read_count(form, "version"), read_count(form, "seen"), question=question, sent=sent)


def read_draft(form: MultiDict[str, str]) -> Draft:
    """Return what a moderator typed. Browsers send CR LF for a line's end, which would count twice."""
    territories = [code for code in form.getlist("territories") if code not in PRESETS]
    for preset in form.getlist("territories"):
        territories += PRESETS.get(preset, ())
    return Draft(
        outcome=form.get("outcome", ""),
        territories=tuple(dict.fromkeys(territories)),
        ground_kind=form.get("ground_kind", ""),
        ground_reference=form.get("ground_reference", ""),
        facts=form.get("facts", "").replace("\r\n", "\n"),
        explanation=form.get("explanation", "").replace("\r\n", "\n"),
        category=form.get("category", ""),
        keywords=tuple(form.getlist("keywords")),
        impossibility=form.get("impossibility", ""),
    )


def read_question(form: MultiDict[str, str]) -> Question:
    """Return what a moderator would ask, and whom."""
    text = form.get("question", "").replace("\r\n", "\n")
    return Question(form.get("question_reason", ""), text, tuple(form.getlist("question_to")))


def read_count(form: MultiDict[str, str], name: str) -> int:
    """Return a hidden number of the form; what only a broken form can send is refused."""
    value = form.get(name, "")
    if not (value.isascii() and value.isdecimal() and len(value) < 10):
        raise BadRequest
    return int(value)


def told(texts: Texts, errors: Sequence[FieldError]) -> tuple[tuple[str, str], ...]:
    """Return the faults of a refused form as (field, sentence), in the order of the fields."""
    found = []
    for fault in errors:
        field = fault.pointer.strip("/").partition("/")[0] or "outcome"
        found.append((field, words.field_error(texts, field, code=fault.code, detail=fault.detail)))
    order = list(Draft.__dataclass_fields__)
    return tuple(sorted(found, key=lambda one: order.index(one[0]) if one[0] in order else len(order)))


def keyword_groups() -> tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]:
    """Return (category, its label, its keywords with labels) for every category that has keywords, the rest last."""
    groups = [
        (category, CATEGORIES[category], tuple((code, KEYWORDS[code]) for code in CATEGORY_KEYWORDS.get(category, ())))
        for category in CATEGORIES
    ]
    grouped = {code for codes in CATEGORY_KEYWORDS.values() for code in codes}
    rest = tuple((code, label) for code, label in KEYWORDS.items() if code not in grouped)
    return (*(group for group in groups if group[2]), (_UNGROUPED, words.UNGROUPED, rest))


def _draft_again(decision: DecisionView) -> Draft:
    return Draft(
        outcome=decision.outcome,
        territories=decision.territories,
        ground_kind=decision.ground_kind or "",
        ground_reference=decision.ground_reference,
        facts=decision.facts,
        explanation=decision.explanation,
        category=decision.category,
        keywords=decision.keywords,
        impossibility=decision.impossibility or "",
    )


def _suggested(file: CaseFile) -> Draft:
    names = ("outcome", "ground_kind", "ground_reference", "category")
    texts: dict[str, Any] = {name: str(file.suggested.get(name) or "") for name in names}
    keywords = file.suggested.get("keywords") or ()
    return Draft(**texts, keywords=tuple(map(str, keywords)) if isinstance(keywords, (list, tuple)) else ())
