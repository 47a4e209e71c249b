"""A small host with a desk, on a real SQLite database: for the desk's tests and the browser's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

from flask import Flask, Response, request
from flask.testing import FlaskClient
from fresh_tables import open_fresh
from jinja2 import StrictUndefined
from werkzeug.test import TestResponse

from notice_intake import NoticeIntake
from notice_intake.core.actions import Action, Confirmation, Evidence, Statement
from notice_intake.core.targets import Content, Part, Target
from notice_intake.flows.mount import Mount
from notice_intake.flows.receive import Submission, receive
from notice_intake.hooks import Moderator
from notice_intake.ids import new_id
from notice_intake.store import agencies
from notice_intake.store.agencies import Agency

PREFIX = "/notices/desk"
START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
INSTRUMENTS = frozenset({"eu.iru.referral", "eu.dsa.notice", "eu.dsa.trusted_flagger_notice", "eu.tco.removal_order"})
PEOPLE = {
    "mona": Moderator("m1", "Mona Beispiel"),
    "marc": Moderator("m2", "Marc Exemple"),
    "lea": Moderator("m3", "Lea Przykład", roles=frozenset({"moderator", "lead"})),
    "eng": Moderator("m4", "Eng Instance", roles=frozenset({"engineer"})),
    "guest": Moderator("m5", "Guest", roles=frozenset()),
    "nour": Moderator("m6", "نور مثال", locale="ar"),
}
#: elements that do not part words
INLINE = frozenset({"a", "abbr", "b", "bdi", "code", "em", "kbd", "small", "span", "strong", "time"})
TICKED = ("radio", "checkbox")
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
    # The strictest host: whatever a template of ours may name has to be there.
    app.jinja_env.undefined = StrictUndefined
    app.add_url_rule("/media/<name>.svg", "media", lambda name: Response(PICTURE, mimetype="image/svg+xml"))
    storage = open_fresh(f"sqlite:///{folder / 'desk.db'}")
    platform, time = SmallPlatform(), clock or Clock()
    settings.setdefault("callback_networks", ("127.0.0.0/8",))
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


@dataclass
class Form:
    """A form of a page, as a browser without scripts would send it."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)


def path_of(address: str) -> str:
    """Return an address without its query and fragment."""
    return address.partition("#")[0].partition("?")[0]


class Page(HTMLParser):
    """A page that was opened: what it says, what it links to, which forms it has."""

    def __init__(self, response: TestResponse) -> None:
        super().__init__()
        self.status, self.headers, self.html = response.status_code, response.headers, response.get_data(as_text=True)
        self.where = response.headers.get("Location", "")
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.forms: list[Form] = []
        #: (where a button leads, the name of the form that it sends, the form around it)
        self._buttons: list[tuple[str, str, Form | None]] = []
        self._words: list[str] = []
        self._named: dict[str, Form] = {}
        self._open_textarea: tuple[Form, str] | None = None
        self._open_select: tuple[Form, str, bool] | None = None
        if response.mimetype == "text/html":
            self.feed(self.html)

    @property
    def text(self) -> str:
        """Everything that is written on the page, blanks collapsed."""
        return " ".join("".join(self._words).split())

    def form(self, ending: str) -> Form:
        """Return the form whose address ends so."""
        return next(one for one in self.forms if path_of(one.action).endswith(ending))

    def offers(self, ending: str) -> bool:
        """Say whether there is a form, or a button of a form, that leads there."""
        return any(path_of(action).endswith(ending) for action, _ in self.ways())

    def ways(self) -> list[tuple[str, Form]]:
        """Return every address that a form of this page can be sent to, with the form."""
        buttons = [(action, self._named.get(name) if name else around) for action, name, around in self._buttons]
        return [(one.action, one) for one in self.forms] + [(action, form) for action, form in buttons if form]

    def found(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        """Return the attributes of all elements of a kind; ``_`` in a name stands for a dash."""
        pairs = {name.strip("_").replace("_", "-"): value for name, value in wanted.items()}
        return [values for name, values in self.elements if name == tag and pairs.items() <= values.items()]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.elements.append((tag, values))
        self._words.append("" if tag in INLINE else " ")
        name = values.get("name", "")
        form = self._named.get(values["form"]) if "form" in values else (self.forms[-1] if self.forms else None)
        if tag == "button" and "formaction" in values:
            self._buttons.append((values["formaction"], values.get("form", ""), form))
        elif tag == "form":
            self.forms.append(Form(values.get("action", ""), values.get("method", "get")))
            self._named[values.get("id", "")] = self.forms[-1]
        elif tag == "textarea" and form:
            form.fields.append((name, ""))
            self._open_textarea = (form, name)
        elif tag == "select" and form:
            self._open_select = (form, name, False)
        elif tag == "option" and self._open_select and "selected" in values:
            self._open_select[0].fields.append((self._open_select[1], values.get("value", "")))
        elif tag == "input" and form and name and ("checked" in values or values.get("type") not in TICKED):
            form.fields.append((name, values.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        self._words.append("" if tag in INLINE else " ")
        if tag == "textarea":
            self._open_textarea = None
        elif tag == "select":
            self._open_select = None

    def handle_data(self, data: str) -> None:
        if self._open_textarea:
            form, name = self._open_textarea
            before = dict(form.fields)[name]
            form.fields[-1] = (name, before + (data if before else data.removeprefix("\n")))
        else:
            self._words.append(data)


class Visitor:
    """A person at the desk, with a browser that knows no scripts."""

    def __init__(self, house: DeskHouse, who: str, **headers: str) -> None:
        self.client: FlaskClient = house.app.test_client()
        self.headers = headers
        if who:
            self.client.set_cookie("who", who)

    def open(self, path: str = "/", **headers: str) -> Page:
        """Open a page of the desk, or an address that a page gave."""
        where = path if path.startswith(PREFIX) else PREFIX + path
        return Page(self.client.get(where, headers={**self.headers, **headers}))

    def send(self, page: Page, ending: str, *, follow: bool = True, **typed: object) -> Page:
        """Fill in a form of a page and send it; a list ticks several boxes, a ``formaction`` counts as a form."""
        ways = ((action, form.fields) for action, form in page.ways())
        action, fields = next(one for one in ways if path_of(one[0]).endswith(ending))
        data = {name: [value] for name, value in fields if name not in typed}
        for name, value in fields:
            if name not in typed and value not in data[name]:
                data[name].append(value)
        data |= {name: value if isinstance(value, list) else [str(value)] for name, value in typed.items()}
        sent = self.client.post(action.partition("#")[0], data=data, headers=self.headers)
        if follow and sent.status_code == 303:
            return self.open(sent.headers["Location"])
        return Page(sent)
