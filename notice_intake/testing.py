"""For hosts: stand-ins to test against, and a check of your own ``Platform``."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from .core.actions import Action, Confirmation, Evidence, Statement
from .core.codes import Outcome, TargetKind
from .core.links import canonical_link
from .core.targets import Content, Part, Target
from .hooks import Moderator, Platform


class FixedClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def advance(self, **spans: float) -> datetime:
        """Move on by ``timedelta(**spans)``; return the new time."""
        self.now += timedelta(**spans)
        return self.now


class FakePlatform:
    """A platform in memory: knows every link that ends in ``p`` and digits, and does what it is asked once."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.applied: dict[str, Action] = {}
        self.reverted: dict[str, Action] = {}
        self.informed: dict[str, tuple[str, Statement]] = {}
        self.discarded: dict[str, str] = {}
        #: Raised by the next calls, one each.
        self.faults: list[Exception] = []
        self.resolving = True

    def resolve(self, targets: Sequence[Target]) -> Sequence[Content | None]:
        """Find content by its link."""
        if not self.resolving:
            raise ConnectionError("the search index is down")
        return [self._content(target) for target in targets]

    def capture(self, content_key: str) -> Evidence | None:
        """Keep a copy by name."""
        return Evidence(location=f"vault/{content_key}")

    def apply(self, action: Action, *, key: str) -> Confirmation:
        """Carry out, once for a key."""
        self._fail()
        self.applied.setdefault(key, action)
        return Confirmation(reference=f"act-{len(self.applied)}")

    def revert(self, action: Action, *, key: str) -> Confirmation:
        """Take back, once for a key."""
        self._fail()
        self.reverted.setdefault(key, action)
        return Confirmation()

    def inform(self, uploader: str, statement: Statement, *, key: str) -> None:
        """Tell the uploader, once for a key."""
        self._fail()
        self.informed.setdefault(key, (uploader, statement))

    def discard(self, location: str, *, key: str) -> None:
        """Destroy a copy, once for a key."""
        self._fail()
        self.discarded.setdefault(key, location)

    def _fail(self) -> None:
        if self.faults:
            raise self.faults.pop(0)

    def _content(self, target: Target) -> Content | None:
        name = (target.link or "").rpartition("/")[2]
        if not (name.startswith("p") and name[1:].isdigit()):
            return None
        return Content(
            key=name,
            kind="post",
            title=f"Post {name[1:]}",
            live=name not in self.gone,
            uploader=f"user-of-{name}",
            language="en",
            parts=(Part("text", "Placeholder text."),),
        )


class FakeModerators:
    """A gate that lets one person in; set ``moderator`` to None to lock it."""

    def __init__(self, moderator: Moderator | None = None) -> None:
        self.moderator: Moderator | None = moderator or Moderator("m-1", "Moderator One", frozenset({"moderator"}))

    def current(self) -> Moderator | None:
        """Return whoever was set."""
        return self.moderator

    def login_url(self, next_url: str) -> str:
        """Return a place that no test visits."""
        return f"/log-in?next={next_url}"


class FakeAgency:
    """An agency that refers through a Flask test client."""

    def __init__(self, client: Any, token: str, *, prefix: str = "/notices") -> None:
        self._client, self._prefix = client, prefix
        self.headers = {"Authorization": f"Bearer {token}"}
        self._numbers = itertools.count(1)

    def document(self, *links: str, **changes: Any) -> dict[str, Any]:
        """Return a referral that the contract accepts, with ``changes``; a change to None takes a field out."""
        number = next(self._numbers)
        items = [
            {"reference": f"{number}-{index}", "target": {"kind": "url", "url": link}, "reasons": "Placeholder reason."}
            for index, link in enumerate(links or (f"https://platform.example/p{number}",), 1)
        ]
        document = {**deepcopy(_DOCUMENT), "agency_reference": f"REF-{number}", "items": items, **changes}
        return {name: value for name, value in document.items() if value is not None}

    def order(self, *links: str, **changes: Any) -> dict[str, Any]:
        """Return a removal order that the contract accepts."""
        return self.document(*links, **{**deepcopy(_ORDER), **changes})

    def refer(self, document: dict[str, Any] | None = None, **headers: str) -> Any:
        """Send a referral; return the response."""
        url = f"{self._prefix}/v1/referrals"
        return self._client.post(url, json=document or self.document(), headers={**self.headers, **headers})

    def get(self, path: str, **options: Any) -> Any:
        """Read something under the API's prefix."""
        return self._client.get(self._prefix + path, headers=self.headers, **options)


_DOCUMENT: dict[str, Any] = {
    "instrument": "eu.iru.referral",
    "language": "en",
    "category": "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
    "keywords": ["KEYWORD_TERRORIST_CONTENT"],
    "grounds": [{"kind": "terms", "reference": "Terms, 4.2"}],
}
_ORDER: dict[str, Any] = {
    "instrument": "eu.tco.removal_order",
    "issued_at": "2026-03-01T08:00:00Z",
    "removal_order": {
        "issuing_authority": {"type": "court", "name": "Example Court", "member_state": "BE"},
        "addressee": {"name": "Example Platform"},
        "terrorist_content_types": ["incitement"],
        "signature": {"signed_at": "2026-03-01T08:00:00Z", "signatory": "Officer A"},
        "redress": [{"body": "Example Court of Appeal", "deadline": "30 days"}],
    },
}


def assert_platform_conforms(platform: Platform, *, known: str, unknown: str) -> None:
    """Check a ``Platform`` of your own against what notice_intake relies on.

    ``known`` is a link to content that this check may take down and put back; ``unknown`` one that names nothing.
    Raises ``AssertionError`` that says which promise is broken.
    """
    targets = [Target(TargetKind.URL, url=link, link=canonical_link(link)) for link in (unknown, known, known)]
    contents = platform.resolve(targets)
    assert len(contents) == len(targets), "resolve() must answer every target, in order"
    assert contents[0] is None, "resolve() must answer None for what the platform does not know"
    first, again = contents[1], contents[2]
    assert first is not None, "resolve() does not know the link given as known"
    assert again is not None, "resolve() must answer the same target each time"
    assert first.key == again.key, "resolve() must give one content one key"
    assert platform.resolve([]) is not None, "resolve() must take an empty batch"
    action = Action(Outcome.REMOVED, first.key, targets[1], (), case_id="cas_check", decision_id="dec_check")
    platform.capture(first.key)
    for attempt in (1, 2):
        confirmed = platform.apply(action, key="check-apply")
        assert isinstance(confirmed, Confirmation), f"apply() must return a Confirmation (call {attempt})"
    for attempt in (1, 2):
        confirmed = platform.revert(action, key="check-revert")
        assert isinstance(confirmed, Confirmation), f"revert() must return a Confirmation (call {attempt})"
    (restored,) = platform.resolve([targets[1]])
    assert restored is not None, "content that was taken down and put back must be known again"
    assert restored.live, "revert() must put the content back"
