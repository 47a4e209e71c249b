"""How Harbour mounts notice_intake: two classes, and two lines at the end. Copy it and change the queries."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC
from urllib.parse import urlsplit

from flask import Flask, url_for
from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload

from notice_intake import (
    Action,
    Confirmation,
    Content,
    Evidence,
    Moderator,
    NoticeIntake,
    Part,
    PlatformRefused,
    Statement,
    Target,
)

from .accounts import signed_in
from .models import (
    DELETED,
    LIVE,
    REMOVED,
    SUSPENDED,
    TERMINATED,
    Account,
    Channel,
    Copy,
    Database,
    HookCall,
    Measure,
    Media,
    Message,
    Moderated,
    Post,
    utc_now,
)

STATE_AFTER = {"removed": REMOVED, "account_suspended": SUSPENDED, "account_terminated": TERMINATED}
KINDS = {"account": Account, "channel": Channel, "post": Post, "media": Media}
#: Where Harbour's addresses lead: which column of which table the last part of the address names.
ADDRESSES = (
    (re.compile(r"/watch\?(?:.*&)?v=(\w+)"), Media.id),
    (re.compile(r"/(?:w|image)/(\w+)"), Media.id),
    (re.compile(r"/(?:@\w+/)?post/(\w+)"), Post.id),
    (re.compile(r"/@(\w+)/?(?:\?|$)"), Account.handle),
    (re.compile(r"/c/([\w-]+)/?(?:\?|$)"), Channel.slug),
)


class HarbourPlatform:
    """Harbour's content, as notice_intake sees it."""

    def __init__(self, db: Database, hosts: Sequence[str]) -> None:
        self.db, self.hosts = db, frozenset(hosts)

    def resolve(self, targets: Sequence[Target]) -> list[Content | None]:
        """One query for each column that the targets name, however many targets there are."""
        named = [self._column(target) for target in targets]
        found: dict[tuple[str, str], Content] = {}
        with self.db.session() as session:
            for column in {column for column, _ in filter(None, named)}:
                table, values = column.class_, {value for col, value in filter(None, named) if col is column}
                query = select(column, table).where(column.in_(values))
                if table is not Account:
                    query = query.options(joinedload(table.author))
                found |= {(str(column), value): describe(row) for value, row in session.execute(query)}
        return [found.get((str(name[0]), name[1])) if name else None for name in named]

    def capture(self, content_key: str) -> Evidence | None:
        with self.db.session.begin() as session:
            row = load(session, content_key)
            if row is None:
                return None
            columns = {column.name: getattr(row, column.name) for column in row.__table__.columns}
            columns.pop("password_hash", None)
            body = json.dumps(columns, default=str, sort_keys=True, ensure_ascii=False)
            sha256 = hashlib.sha256(body.encode()).hexdigest()
            session.merge(Copy(sha256=sha256, content_key=content_key, body=body))
        return Evidence(location=f"harbour-copy:{sha256}", sha256=sha256, facts={"table": row.__tablename__})

    def apply(self, action: Action, *, key: str) -> Confirmation:
        return self._call("apply", action, key)

    def revert(self, action: Action, *, key: str) -> Confirmation:
        return self._call("revert", action, key)

    def inform(self, uploader: str, statement: Statement, *, key: str) -> None:
        with self.db.session.begin() as session:
            if session.get(Account, uploader) is None:
                raise PlatformRefused("Harbour knows no such account.")
            if session.get(Message, key) is None:
                session.add(Message(key=key, account_id=uploader, **letter(statement)))

    def _column(self, target: Target) -> tuple[InstrumentedAttribute[str], str] | None:
        """Say which column of which table a target names, and the value to look for."""
        for digest in target.hashes:
            if target.kind == "file" and digest.algorithm == "sha-256":
                return Media.sha256, digest.value
        table = {"account": Account, "channel": Channel}.get(target.kind)
        if table is not None and target.id:
            return table.id, target.id
        if table is not None and target.handle:
            return (Account.handle if table is Account else Channel.slug), target.handle
        address = urlsplit(target.link or "")
        if address.hostname in self.hosts:
            for pattern, column in ADDRESSES:
                if match := pattern.match(f"{address.path}?{address.query}"):
                    return column, match[1]
        return None

    def _call(self, verb: str, action: Action, key: str) -> Confirmation:
        content_key = action.content_key or next((c.key for c in self.resolve([action.target]) if c), "")
        with self.db.session.begin() as session:
            call = session.get(HookCall, key)
            if call is None:
                row = subject(load(session, content_key), action.outcome)
                measure = session.merge(
                    Measure(
                        decision_id=action.decision_id,
                        content_key=key_of(row),
                        outcome=str(action.outcome),
                        territories=",".join(action.territories),
                        active=verb == "apply",
                    )
                )
                session.flush()
                settle(session, row, measure.content_key)
                call = HookCall(key=key, verb=verb, reference=f"harbour-{verb}:{action.decision_id}", at=utc_now())
                session.add(call)
            return Confirmation(at=call.at.replace(tzinfo=UTC), reference=call.reference)


class HarbourGate:
    """Harbour's own log-in opens the desk."""

    def current(self) -> Moderator | None:
        account = signed_in()
        if account is None or account.role == "member":
            return None
        roles = {"moderator"} if account.role == "moderator" else {"moderator", account.role}
        return Moderator(id=account.id, name=account.name, roles=frozenset(roles))

    def login_url(self, next_url: str) -> str:
        return url_for("accounts.login", next=next_url)


def letter(statement: Statement) -> dict[str, str]:
    """Say to an uploader what was decided, and why."""
    where = f" in {', '.join(statement.territories)}" if statement.territories else ""
    ground = {"law": "By law: ", "terms": "By our terms: "}.get(statement.ground_kind or "", "")
    told = (ground + statement.ground_reference, statement.facts, statement.explanation)
    subject = f"A decision about your content: {statement.outcome.replace('_', ' ')}{where}"
    return {"subject": subject, "body": "\n\n".join(filter(None, told))}


def key_of(row: Moderated) -> str:
    return f"{row.__tablename__}:{row.id}"


def load(session: Session, content_key: str) -> Moderated | None:
    kind, _, id = content_key.partition(":")
    table = KINDS.get(kind)
    if table is None:
        return None
    return session.get(table, id, options=[] if table is Account else [joinedload(table.author)])


def subject(row: Moderated | None, outcome: str) -> Moderated:
    """Return what a measure is about: an account measure on a post is about the account that posted it."""
    if row is None:
        raise PlatformRefused("Harbour has nothing under this address.")
    return row.author if outcome.startswith("account_") and not isinstance(row, Account) else row


def settle(session: Session, row: Moderated, content_key: str) -> None:
    """Set what may be seen from all the measures that stand, so that taking one back leaves the others in force."""
    standing = session.scalars(select(Measure).filter_by(content_key=content_key, active=True)).all()
    states = {STATE_AFTER[m.outcome] for m in standing if m.outcome in STATE_AFTER}
    if row.state != DELETED:
        row.state = next((state for state in (TERMINATED, SUSPENDED, REMOVED) if state in states), LIVE)
    disabled = [m.territories or "*" for m in standing if m.outcome == "access_disabled"]
    row.withheld_in = ",".join(sorted({code for codes in disabled for code in codes.split(",")}))
    row.unlisted = any(m.outcome == "visibility_restricted" for m in standing)


def describe(row: Moderated) -> Content:
    """Tell the desk what Harbour knows."""
    author = row if isinstance(row, Account) else row.author
    facts: dict[str, str] = {"Account since": f"{author.joined_at:%Y-%m-%d}"}
    if isinstance(row, Account):
        kind, title, when, parts = "account", f"@{row.handle}", row.joined_at, [Part("text", row.about)]
    elif isinstance(row, Channel):
        kind, title, when, parts = "channel", row.name, row.published_at, [Part("text", row.about)]
        facts["Followers"] = str(row.followers)
    elif isinstance(row, Post):
        kind, title, when, parts = "post", row.text[:60], row.published_at, [Part("text", row.text)]
        facts["Views"] = str(row.views)
    else:
        kind, title, when = row.kind, row.title, row.published_at
        file = f"/staff/media/{row.id}.svg"
        stills = [Part("image", f"Still {n} of 3", f"{file}?still={n}") for n in (1, 2, 3)]
        parts = [*(stills if kind == "video" else [Part("image", row.title, file)]), Part("text", row.text)]
        facts |= {"Views": str(row.views)} | ({"Length": f"{row.seconds} s"} if row.seconds else {})
    return Content(
        key=key_of(row),
        kind=kind,
        title=title,
        live=row.state == LIVE and author.state == LIVE,
        uploader=author.id,
        uploader_name=f"@{author.handle}",
        language=row.language,
        published_at=when.replace(tzinfo=UTC),
        parts=tuple(parts),
        facts=facts,
    )


def mount(app: Flask, db: Database) -> None:
    intake = NoticeIntake(platform=HarbourPlatform(db, app.config["HOSTS"]), moderators=HarbourGate())
    intake.init_app(app, url_prefix="/notices")
