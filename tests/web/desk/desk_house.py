"""A small host with a desk, on a real SQLite database: for the desk's tests and the browser's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask, Response, request

from notice_intake import NoticeIntake
from notice_intake.core.actions import Action, Confirmation, Evidence, Statement
from notice_intake.core.targets import Content, Part, Target
from notice_intake.flows.mount import Mount
from notice_intake.flows.receive import Submission, receive
from notice_intake.hooks import Moderator
from notice_intake.ids import new_id
from notice_intake.store import agencies, migrate
from notice_intake.store.agencies import Agency
from notice_intake.store.storage import Storage

PREFIX = "/notices/desk"
START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
INSTRUMENTS = frozenset(
    {"eu.iru.referral", "eu.dsa.notice", "eu.dsa.trusted_flagger_notice", "eu.tco.removal_order"}
)
PEOPLE = {
    "mona": Moderator("m1", "Mona Beispiel"),
    "marc": Moderator("m2", "Marc Exemple"),
    "lea": Moderator("m3", "Lea Przykład", roles=frozenset({"moderator", "lead"})),
    "eng": Moderator("m4", "Eng Instance", roles=frozenset({"engineer"})),
    "guest": Moderator("m5", "Guest", roles=frozenset()),
    "nour": Moderator("m6", "نور مثال", locale="ar"),
}
PICTURE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360"><rect width="640" height="360" fill="#4a7"/>
<circle cx="320" cy="160" r="90" fill="#fc5"/><text x="220" y="330" font-size="32">placeholder</text></svg>"""


class Clock:
    """A clock that stands still until it is moved; or the real one, where ``at`` is None."""

    def __init__(self, at: datetime | None = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at or datetime.now(UTC)

    def forward(self, **time: float) -> None:
        assert self.at is not None
        self.at += timedelta(**time)


class Gate:
    """A host's log-in: a cookie with a name."""

    def current(self) -> Moderator | None:
        return PEOPLE.get(request.cookies.get("who", ""))

    def login_url(self, next_url: str) -> str:
        return f"/login?next={next_url}"


class SmallPlatform:
    """A host that knows the content it was told about, by link or handle."""

    def __init__(self) -> None:
        self.contents: dict[str, Content] = {}
        self.applied: list[Action] = []

    def resolve(self, targets: Sequence[Target]) -> Sequence[Content | None]:
        return [self.contents.get(one.link or one.handle or "") for one in targets]

    def capture(self, content_key: str) -> Evidence | None:
        return None

    def apply(self, action: Action, *, key: str) -> Confirmation:
        self.applied.append(action)
        return Confirmation()

    def revert(self, action: Action, *, key: str) -> Confirmation:
        return Confirmation()

    def inform(self, uploader: str, statement: Statement, *, key: str) -> None:
        return None


@dataclass
class DeskHouse:
    """The host, what it mounted, and what it takes to send it referrals."""

    app: Flask
    mount: Mount
    platform: SmallPlatform
    clock: Clock
    agencies: dict[str, Agency] = field(default_factory=dict)
    _count: int = 0

    def agency(self, name: str, country: str) -> Agency:
        """Return an agency, enrolled when it is first named."""
        if name not in self.agencies:
            self.agencies[name] = one = Agency(new_id("agy"), name, country, INSTRUMENTS, True)
            with self.mount.storage.begin() as tx:
                agencies.add(tx, one, now=self.clock())
        return self.agencies[name]

    def content(self, link: str, **values: object) -> Content:
        """Have the platform know a piece of content under ``link``."""
        known = {"kind": "video", "title": "Placeholder title", "uploader": "u-17", "uploader_name": "@placeholder"}
        self.platform.contents[link] = one = Content(key="content:" + link, **{**known, **values})  # type: ignore[arg-type]
        return one

    def refer(self, url: str = "", *, agency: tuple[str, str] = ("Unit BE", "BE"), **values: object) -> str:
        """Have an agency refer one item; return the id of the case that it went to."""
        self._count += 1
        target = values.pop("target", None) or {"kind": "url", "url": url}
        item = {"reference": f"{self._count}-1", "target": target, "reasons": "Placeholder reasons."}
        item |= {name: values.pop(name) for name in ("content", "reasons") if name in values}
        document = {
            "instrument": "eu.iru.referral",
            "agency_reference": f"{agency[1]}-{self._count:04}",
            "language": "en",
            "category": "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
            "keywords": ["KEYWORD_TERRORIST_CONTENT"],
            "grounds": [{"kind": "terms", "reference": "Terms, 4.2", "explanation": "Placeholder explanation."}],
            **values,
            "items": [item],
        }
        sender = self.agency(*agency)
        submission = Submission(document, json.dumps(document).encode(), "api", None)
        got = receive(self.mount, submission, agency=sender, now=self.clock())
        with self.mount.storage.read() as tx:
            row = tx.tables.item.c
            found = tx.execute(tx.tables.item.select().where(row.referral_id == got.referral_id)).one()
        return str(found.case_id)

    def order(self, url: str, **values: object) -> str:
        """Have an authority order the removal of one item within the hour."""
        return self.refer(url, **{**order_fields(), **values})  # type: ignore[arg-type]


def order_fields() -> dict[str, object]:
    """Return what a removal order says beyond a referral."""
    return {
        "instrument": "eu.tco.removal_order",
        "agency": ("Authority PL", "PL"),
        "issued_at": "2026-11-21T08:40:00Z",
        "grounds": [{"kind": "law", "reference": "Reg. (EU) 2021/784 Art. 2(7)(a)"}],
        "removal_order": {
            "issuing_authority": {
                "type": "law_enforcement",
                "name": "Placeholder authority",
                "member_state": "PL",
                "representative": {"name": "A. Placeholder", "post": "Officer"},
                "file_number": "PL/2026/11",
            },
            "addressee": {"name": "Example platform"},
            "terrorist_content_types": ["incitement"],
            "signature": {"signed_at": "2026-11-21T08:40:00Z", "signatory": "A. Placeholder"},
            "redress": [{"body": "Placeholder court", "deadline": "30 days"}],
        },
    }


def build(folder: Path, *, clock: Clock | None = None, **settings: object) -> DeskHouse:
    """Put up a host that mounts the package under ``/notices``, as a stranger would."""
    app = Flask("host", instance_path=str(folder / "instance"))
    app.add_url_rule("/media/<name>.svg", "media", lambda name: Response(PICTURE, mimetype="image/svg+xml"))
    storage = Storage.from_url(f"sqlite:///{folder / 'desk.db'}")
    migrate.upgrade(storage)
    platform, time = SmallPlatform(), clock or Clock()
    intake = NoticeIntake(
        platform=platform,
        moderators=Gate(),
        storage=storage,
        clock=time,
        secret_keys=("k" * 40,),
        platform_name="Example",
        **settings,
    )
    return DeskHouse(app, intake.init_app(app), platform, time)


def part(kind: str, text: str = "", name: str = "") -> Part:
    """Return a part of a content, at an address of this host where it has one."""
    return Part(kind, text, f"/media/{name}.svg" if name else None)
