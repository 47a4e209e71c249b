"""Harbour's own tables: accounts, channels, posts, media, and what was done about them. Plain SQLAlchemy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, sessionmaker

LIVE, DELETED, REMOVED, SUSPENDED, TERMINATED = "live", "deleted", "removed", "suspended", "terminated"


def utc_now() -> datetime:
    """Harbour keeps UTC without a zone in its columns."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


class Base(DeclarativeBase):
    pass


class Moderated:
    """What every kind of content has in common: whether it may be seen, and where."""

    state: Mapped[str] = mapped_column(default=LIVE)
    #: Country codes in which it is not shown, with commas between.
    withheld_in: Mapped[str] = mapped_column(default="")
    #: Still there under its address, but in no feed, no list and no search engine.
    unlisted: Mapped[bool] = mapped_column(default=False)


class Account(Moderated, Base):
    __tablename__ = "account"

    id: Mapped[str] = mapped_column(primary_key=True)
    handle: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    about: Mapped[str] = mapped_column(default="")
    language: Mapped[str] = mapped_column(default="en")
    #: member, moderator, lead or engineer
    role: Mapped[str] = mapped_column(default="member")
    password_hash: Mapped[str | None]
    joined_at: Mapped[datetime] = mapped_column(default=utc_now)


class Channel(Moderated, Base):
    __tablename__ = "channel"

    id: Mapped[str] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    about: Mapped[str] = mapped_column(default="")
    language: Mapped[str] = mapped_column(default="en")
    author_id: Mapped[str] = mapped_column(ForeignKey("account.id"))
    followers: Mapped[int] = mapped_column(default=0)
    published_at: Mapped[datetime] = mapped_column(default=utc_now)
    author: Mapped[Account] = relationship(lazy="raise")


class Post(Moderated, Base):
    __tablename__ = "post"
    __table_args__ = (Index("post_by_time", "published_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    author_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    channel_id: Mapped[str | None] = mapped_column(ForeignKey("channel.id"), index=True)
    text: Mapped[str]
    language: Mapped[str] = mapped_column(default="en")
    views: Mapped[int] = mapped_column(default=0)
    published_at: Mapped[datetime] = mapped_column(default=utc_now)
    author: Mapped[Account] = relationship(lazy="raise")


class Media(Moderated, Base):
    __tablename__ = "media"
    __table_args__ = (Index("media_by_time", "published_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    #: video or image
    kind: Mapped[str] = mapped_column(default="image")
    title: Mapped[str]
    text: Mapped[str] = mapped_column(default="")
    #: What the picture is drawn from; see pictures.py.
    seed: Mapped[int] = mapped_column(default=0)
    sha256: Mapped[str] = mapped_column(index=True)
    seconds: Mapped[int] = mapped_column(default=0)
    author_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    channel_id: Mapped[str | None] = mapped_column(ForeignKey("channel.id"), index=True)
    language: Mapped[str] = mapped_column(default="en")
    views: Mapped[int] = mapped_column(default=0)
    published_at: Mapped[datetime] = mapped_column(default=utc_now)
    author: Mapped[Account] = relationship(lazy="raise")


class Measure(Base):
    """A decision that Harbour carried out; inactive once it was taken back."""

    __tablename__ = "measure"

    decision_id: Mapped[str] = mapped_column(primary_key=True)
    content_key: Mapped[str] = mapped_column(index=True)
    outcome: Mapped[str]
    territories: Mapped[str] = mapped_column(default="")
    active: Mapped[bool] = mapped_column(default=True)


class HookCall(Base):
    """The calls that were answered, by their key: the same key again changes nothing and gets the same answer."""

    __tablename__ = "hook_call"

    key: Mapped[str] = mapped_column(primary_key=True)
    verb: Mapped[str]
    reference: Mapped[str]
    at: Mapped[datetime] = mapped_column(default=utc_now)


class Copy(Base):
    """Content as it stood before it was taken down."""

    __tablename__ = "copy"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    content_key: Mapped[str] = mapped_column(index=True)
    body: Mapped[str]
    at: Mapped[datetime] = mapped_column(default=utc_now)


class Message(Base):
    """A line in an account's inbox."""

    __tablename__ = "message"

    key: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    subject: Mapped[str]
    body: Mapped[str]
    at: Mapped[datetime] = mapped_column(default=utc_now)


class Database:
    """Harbour's engine and sessions."""

    def __init__(self, url: str) -> None:
        self.engine: Engine = create_engine(url)
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _tune_sqlite)
        self.session: sessionmaker[Session] = sessionmaker(self.engine)

    def create_all(self) -> None:
        Base.metadata.create_all(self.engine)


def _tune_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=15000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
