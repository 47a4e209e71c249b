"""The reckoning: what agencies hold, against what was acknowledged, against what the platform still shows."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import requests

from .agency import is_final
from .stage import Agency

GONE = ("removed", "account_suspended", "account_terminated")


@dataclass(slots=True)
class Reckoning:
    """The numbers of the last line, and what is wrong, in words."""

    items: int = 0
    cases: int = 0
    decided: int = 0
    effected: int = 0
    callbacks: int = 0
    lost: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        return (
            f"action day: {self.items} items, {self.cases} cases, {self.decided} decided, {self.effected} effected, "
            f"{self.callbacks} callbacks verified, {self.lost} lost"
        )

    def lose(self, what: str) -> None:
        self.lost += 1
        self.faults.append(what)


def reckon(agencies: Sequence[Agency], states: dict[str, str], *, base: str, contents: int, items: int) -> Reckoning:
    """Compare everything; nothing that an agency did not hear counts as done."""
    total = Reckoning(cases=len(states), decided=sum(state != "open" for state in states.values()))
    shown: dict[str, str] = {}
    for agency in agencies:
        _read_books(agency, total, shown)
    with ThreadPoolExecutor(4) as pool:
        for path, outcome, fault in pool.map(lambda pair: _look(base, *pair), sorted(shown.items())):
            if fault:
                total.lose(f"{path} was answered as {outcome}, but {fault}")
    total.effected = len(shown)
    failed = sum(state == "failed" for state in states.values())
    for wrong, words in (
        (total.items != items, f"{items} items were to be acknowledged, {total.items} were"),
        (total.cases != contents, f"{contents} contents were referred, the desk holds {total.cases} cases"),
        (failed, f"{failed} decisions could not be carried out"),
    ):
        if wrong:
            total.faults.append(words)
    return total


def _read_books(agency: Agency, total: Reckoning, shown: dict[str, str]) -> None:
    books, unit = agency.result, agency.plan.unit.code
    if not books:
        total.faults.append(f"{unit} wrote no result")
        return
    total.items += books["items"]
    total.callbacks += books["verified"]
    total.faults += [f"{unit}: {mistake}" for mistake in books["mistakes"]]
    for name, words in (("rejected", "callbacks did not verify"), ("out_of_order", "callbacks came out of order")):
        if books[name]:
            total.faults.append(f"{unit}: {books[name]} {words}")
    for missing in set(books["feed"]) - set(books["verified_ids"]):
        total.lose(f"{unit}: the callback {missing} stands in the feed and never came")
    for reference, id in books["acknowledged"].items():
        told, polled = books["told"].get(id, {}), books["polled"].get(id, {})
        for item in _references(agency, reference):
            by_callback, by_polling = told.get(item), polled.get(item)
            if by_callback is None or not is_final(*by_callback):
                total.lose(f"{unit}: {reference} item {item} has no final status by callback: {by_callback}")
            elif by_callback != by_polling:
                total.lose(f"{unit}: {reference} item {item}: callback {by_callback}, polled {by_polling}")
            elif by_callback[0] == "effected":
                shown[agency.plan.paths[f"{reference} {item}"]] = str(by_callback[1])


def _references(agency: Agency, reference: str) -> list[str]:
    return [key.split(" ", 1)[1] for key in agency.plan.paths if key.startswith(f"{reference} ")]


def _look(base: str, path: str, outcome: str) -> tuple[str, str, str]:
    """Open a page as anybody would, and say what is wrong with it."""
    where = {"country": "BE"} if outcome == "access_disabled" else {}
    answer: Any = requests.get(base + path, params=where, allow_redirects=False, timeout=30)
    if outcome == "visibility_restricted":
        right = answer.status_code == 410 or answer.headers.get("X-Robots-Tag") == "noindex"
    elif outcome == "access_disabled":
        right = answer.status_code in (410, 451)
    else:
        right = outcome in GONE and answer.status_code == 410
    return path, outcome, "" if right else f"the page answers {answer.status_code}"
