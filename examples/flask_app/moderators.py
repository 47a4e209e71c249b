"""Moderators without eyes: each logs in on the platform's own page and works through the desk's own forms."""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import Callable
from urllib.parse import urlsplit

import requests

from .browser import Browser, Form, Page

DESK = "/notices/desk/"
CASE = re.compile(r"/desk/cases/([^/?#]+)")
#: Of a hundred cases, how many end how.
CONTENT = (
    ("removed", 60),
    ("access_disabled", 12),
    ("visibility_restricted", 8),
    ("no_action", 18),
    ("not_possible", 2),
)
ACCOUNTS = (("account_terminated", 45), ("account_suspended", 35), ("no_action", 20))
#: What the desk says about content that is not there, and what follows.
ABSENT = (("no longer there", "already_gone"), ("does not know", "not_found"))
RESTRICTIVE = ("removed", "access_disabled", "visibility_restricted", "account_suspended", "account_terminated")


class Moderator(threading.Thread):
    """Takes the next case, reads it, decides, and so on until the queue is empty and nothing more will come."""

    def __init__(self, base: str, handle: str, password: str, *, over: Callable[[], bool]) -> None:
        super().__init__(name=handle, daemon=True)
        self.browser, self.handle, self.password = Browser(base), handle, password
        self.over = over
        self.decided: dict[str, str] = {}
        self.trouble: list[str] = []
        self.gave_up = False
        self.stopped = threading.Event()

    def run(self) -> None:
        page: Page | None = None
        while not self.stopped.is_set():
            try:
                page = self._step(page or self._log_in())
                if page is None:
                    return
            except requests.RequestException:
                # The platform is away. What was on its way may have arrived or not: the case's own page says.
                self.stopped.wait(0.5)
                page = self._again(page)
            except (KeyError, ValueError, StopIteration) as error:
                self.trouble.append(f"{page.url if page else ''}: {error!r}")
                self.gave_up = True
                return

    def _step(self, page: Page) -> Page | None:
        """Do what the page asks for; return the page after it, or None where the work is done."""
        if page.form("login"):
            return self._log_in()
        form, case_id = page.form("decision"), case_of(page)
        if form is not None and case_id is not None and form.offers("outcome") and self._mine(page):
            return self._decide(page, form, case_id)
        following = page.form("/next")
        if following is None:
            return self.browser.open(DESK)
        after = self.browser.submit(page, following)
        return after if case_of(after) else self._idle()

    def _decide(self, page: Page, form: Form, case_id: str) -> Page:
        outcome = choose(page, form)
        fill(form, outcome)
        after = self.browser.submit(page, form, "next")
        if after.status == 200:
            self.decided[case_id] = outcome
            return after
        # Another referral joined the case meanwhile, or the form was refused: read it again.
        self.trouble.append(f"{case_id} {outcome}: {after.status} {after.alert}")
        if sum(one.startswith(case_id) for one in self.trouble) > 4:
            raise ValueError("refused again and again")
        return self.browser.open(urlsplit(page.url).path.removesuffix("/decision"))

    def _idle(self) -> Page | None:
        """Nothing is free. Look for a case of one's own that was left behind; else rest, or go home."""
        held = self.browser.open(f"{DESK}?claim=mine")
        left = cases_on(held)
        if left:
            return self.browser.open(f"{DESK}cases/{left[0]}")
        over = self.over()
        queue = self.browser.open(DESK)
        if over and not cases_on(queue):
            return None
        self.stopped.wait(0.3)
        return queue

    def _mine(self, page: Page) -> bool:
        return any(form.action.split("?")[0].endswith("/extend") for form in page.forms)

    def _again(self, page: Page | None) -> Page | None:
        try:
            path = urlsplit(page.url).path.removesuffix("/decision") if page is not None else DESK
            return self.browser.open(DESK if path.endswith("/next") else path)
        except requests.RequestException:
            return page

    def _log_in(self) -> Page:
        page = self.browser.open(DESK)
        form = page.form("login")
        if form is None:
            return page
        form.fill("handle", self.handle)
        form.fill("password", self.password)
        return self.browser.submit(page, form)


def case_of(page: Page) -> str | None:
    """Return the case that a page is about."""
    found = CASE.search(urlsplit(page.url).path)
    return found[1] if found else None


def cases_on(page: Page) -> list[str]:
    """Return the cases that a page of the queue lists."""
    found = (CASE.search(urlsplit(link).path) for link in page.links)
    return list(dict.fromkeys(one[1] for one in found if one))


def choose(page: Page, form: Form) -> str:
    """Decide by what the page says, and otherwise by the content alone, so that the same content ends the same."""
    offers = form.offers("outcome")
    for words, outcome in ABSENT:
        if words in page.text and outcome in offers:
            return outcome
    uploader = re.search(r"@[a-z_0-9]+", page.text)
    number = zlib.crc32(f"{page.heading} {uploader[0] if uploader else ''}".encode()) % 100
    for outcome, share in ACCOUNTS if page.heading.startswith("@") else CONTENT:
        number -= share
        if number < 0 and outcome in offers:
            return outcome
    return next(one for one in offers if one in RESTRICTIVE)


def fill(form: Form, outcome: str) -> None:
    """Fill the decision form with placeholders, leaving what it suggests."""
    form.fill("outcome", outcome)
    form.fill("facts", "The item was opened and looked at.")
    if outcome == "access_disabled":
        # An order holds in every Member State: Reg. (EU) 2021/784 Art. 3(3).
        form.fill("territories", *(("BE", "PL") if "no_action" in form.offers("outcome") else ("EU",)))
    if outcome == "not_possible":
        form.fill("impossibility", "insufficient_information")
    if outcome not in RESTRICTIVE:
        return
    form.fill("explanation", "Compared with the wording of the clause, it falls under it.")
    if not any(form.fields["ground_kind"].values):
        form.fill("ground_kind", "terms")
    if not any(form.fields["ground_reference"].values):
        form.fill("ground_reference", "Terms, 4.2")
    if not any(form.fields["category"].values):
        form.fill("category", next(filter(None, form.offers("category"))))


def all_cases(base: str, handle: str, password: str) -> dict[str, str]:
    """Read every list of the desk to its end; return the state of each case."""
    reader = Moderator(base, handle, password, over=lambda: True)
    reader._log_in()
    states: dict[str, str] = {}
    for state in ("open", "decided", "failed", "closed"):
        path: str | None = f"{DESK}?state={state}"
        while path:
            page = reader.browser.open(path)
            states |= dict.fromkeys(cases_on(page), state)
            path = page.following
    return states
