"""Harbour's people and what they posted: the same for the same number and seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from werkzeug.security import generate_password_hash

from . import pictures
from .models import DELETED, LIVE, Account, Base, Channel, Database, Media, Post

TEXTS: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("texts.json").read_text("utf-8"))
LANGUAGES = tuple(TEXTS)
DAWN = datetime(2017, 4, 25, 6, tzinfo=UTC)
HOST = "https://harbour.example"
#: handle, name, role. All have the password of the demo.
LOG_INS = (
    ("ana", "Ana, moderator", "moderator"),
    ("bruno", "Bruno, moderator", "moderator"),
    ("chloe", "Chloé, lead moderator", "lead"),
    ("dario", "Dario, engineer", "engineer"),
    ("marina", "Marina", "member"),
)
CALLS = ("Quiet", "Early", "Grey", "Blue", "Salt", "Slow", "Far", "Young", "Winter", "Little")
BIRDS = ("Heron", "Gull", "Tern", "Plover", "Wren", "Swift", "Martin", "Curlew", "Avocet", "Finch")
PASSWORD = "low-water"
#: Of a hundred things that agencies refer, how many are of each kind.
SHARES = (("video", 44), ("post", 36), ("account", 10), ("image", 6), ("channel", 4))


@dataclass(frozen=True, slots=True)
class Subject:
    """A piece of content that agencies refer."""

    kind: str
    id: str
    #: Handle of an account, slug of a channel.
    name: str
    language: str
    #: ``live``, ``gone`` (its uploader took it down before) or ``unknown`` (Harbour never had it).
    presence: str
    published_at: datetime
    title: str
    sha256: str = ""

    @property
    def path(self) -> str:
        """Where Harbour shows it."""
        return {
            "video": f"/watch?v={self.id}",
            "image": f"/image/{self.id}",
            "post": f"/post/{self.id}",
            "account": f"/@{self.name}",
            "channel": f"/c/{self.name}",
        }[self.kind]

    @property
    def link(self) -> str:
        return HOST + self.path


@dataclass(slots=True)
class Population:
    """Rows for Harbour's tables, and what of it will be referred."""

    rows: dict[type[Base], list[dict[str, Any]]] = field(
        default_factory=lambda: {Account: [], Channel: [], Post: [], Media: []}
    )
    subjects: list[Subject] = field(default_factory=list)

    def save(self, db: Database) -> None:
        """Make the tables and fill them."""
        db.create_all()
        with db.session.begin() as session:
            for table, rows in self.rows.items():
                session.execute(insert(table), rows)


def build(referred: int, *, seed: int = 2017) -> Population:
    """Return a population with so much content to be referred; two in a hundred of it Harbour never had."""
    dice = random.Random(seed)
    population, ids = Population(), _ids(dice)
    staff = [_account(dice, next(ids), handle=handle, name=name, role=role) for handle, name, role in LOG_INS]
    hashed = generate_password_hash(PASSWORD)
    for row in staff:
        row["password_hash"] = hashed
    authors = [staff[-1]] + [_account(dice, next(ids)) for _ in range(max(referred // 12, 12))]
    population.rows[Account] += staff + authors[1:]
    population.rows[Channel] += (channels := [_channel(dice, next(ids), authors) for _ in range(12)])
    for kind in _kinds(referred, dice):
        population.subjects.append(_subject(population, dice, next(ids), kind=kind, authors=authors, channels=channels))
    for _ in range(max(referred // 6, 30)):
        population.rows[Post].append(_post(dice, next(ids), authors, channels))
        population.rows[Media].append(_media(dice, next(ids), authors, channels, kind="image"))
    return population


def _kinds(count: int, dice: random.Random) -> list[str]:
    kinds = [kind for kind, share in SHARES for _ in range(count * share // 100)]
    kinds += ["video"] * (count - len(kinds))
    dice.shuffle(kinds)
    return kinds


def _subject(
    population: Population, dice: random.Random, id: str, *, kind: str, authors: Sequence[Any], channels: Sequence[Any]
) -> Subject:
    presence = dice.choices(("live", "gone", "unknown"), (965, 15, 20))[0]
    table: type[Base]
    match kind:
        case "account":
            table, row = Account, _account(dice, id)
            row["published_at"], title = row["joined_at"], row["name"]
        case "channel":
            table, row = Channel, _channel(dice, id, authors)
            title = row["name"]
        case "post":
            table, row = Post, _post(dice, id, authors, channels)
            title = row["text"][:60]
        case _:
            table, row = Media, _media(dice, id, authors, channels, kind=kind)
            title = row["title"]
    row["state"] = DELETED if presence == "gone" else LIVE
    subject = Subject(
        kind=kind,
        id=id,
        name=row.get("handle") or row.get("slug") or "",
        language=row["language"],
        presence=presence,
        published_at=row["published_at"],
        title=title,
        sha256=row.get("sha256", ""),
    )
    if table is Account:
        del row["published_at"]
    if presence != "unknown":
        population.rows[table].append(row)
    return subject


def _ids(dice: random.Random) -> Iterator[str]:
    seen: set[str] = set()
    while True:
        id = "".join(dice.choices("23456789abcdefghjkmnpqrstuvwxyz", k=9))
        if id not in seen:
            seen.add(id)
            yield id


def _words(dice: random.Random) -> tuple[str, dict[str, Any]]:
    language = dice.choice(LANGUAGES)
    return language, TEXTS[language]


def _when(dice: random.Random) -> datetime:
    return (DAWN - timedelta(minutes=dice.randrange(60, 60 * 24 * 60))).replace(tzinfo=None)


def _account(dice: random.Random, id: str, *, handle: str = "", name: str = "", role: str = "member") -> dict[str, Any]:
    language, words = _words(dice)
    call, bird = dice.choice(CALLS), dice.choice(BIRDS)
    return {
        "id": id,
        "handle": handle or f"{call}_{bird}_{id[:4]}".lower(),
        "name": name or f"{call} {bird}",
        "about": words["about"],
        "language": language,
        "role": role,
        "password_hash": None,
        "joined_at": _when(dice) - timedelta(days=200),
        "state": LIVE,
    }


def _channel(dice: random.Random, id: str, authors: Sequence[Any]) -> dict[str, Any]:
    language, words = _words(dice)
    return {
        "id": id,
        "slug": f"bay-{id}",
        "name": dice.choice(words["titles"]),
        "about": words["about"],
        "language": language,
        "author_id": dice.choice(authors)["id"],
        "followers": dice.randrange(20, 9000),
        "published_at": _when(dice),
        "state": LIVE,
    }


def _post(dice: random.Random, id: str, authors: Sequence[Any], channels: Sequence[Any]) -> dict[str, Any]:
    language, words = _words(dice)
    return {
        "id": id,
        "author_id": dice.choice(authors)["id"],
        "channel_id": dice.choice(channels)["id"] if dice.random() < 0.3 else None,
        "text": " ".join(dice.sample(words["sentences"], dice.randrange(1, 4))),
        "language": language,
        "views": dice.randrange(3, 20_000),
        "published_at": _when(dice),
        "state": LIVE,
    }


def _media(
    dice: random.Random, id: str, authors: Sequence[Any], channels: Sequence[Any], *, kind: str
) -> dict[str, Any]:
    row = _post(dice, id, authors, channels)
    seed = dice.randrange(2**31)
    return row | {
        "kind": kind,
        "title": dice.choice(TEXTS[row["language"]]["titles"]),
        "seed": seed,
        "sha256": pictures.digest(seed),
        "seconds": dice.randrange(20, 1500) if kind == "video" else 0,
    }
