"""What the figures are measured against: the least that a Flask view, or a loop over lines, could do."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import IO, Any
from urllib.parse import urlsplit

from flask import Flask, Response, request

from notice_intake.core.catalogue import KEYWORDS, NOTICE_CATEGORIES

CREATE = "CREATE TABLE IF NOT EXISTS raw (id text PRIMARY KEY, reference text, received_at text, body bytea)"
_INSERT = "INSERT INTO raw (id, reference, received_at, body) VALUES ({0}, {0}, {0}, {0})"


def raw_app() -> Flask:
    """A bare Flask view that does one raw INSERT and COMMIT: no log-in, no check, nothing looked up."""
    url = os.environ["BENCH_URL"]
    return _app(_sqlite(url) if url.startswith("sqlite:///") else _postgresql(url))


def _app(insert: Any) -> Flask:
    app = Flask("floor")

    @app.post("/v1/referrals")
    def view() -> Response:
        raw = request.get_data()
        reference = json.loads(raw)["agency_reference"]
        name = uuid.uuid4().hex
        insert((name, reference, datetime.now(UTC).isoformat(), raw))
        return Response(json.dumps({"id": name}), 201, content_type="application/json")

    return app


def _sqlite(url: str) -> Any:
    local, path = threading.local(), url.removeprefix("sqlite:///")
    statement = _INSERT.format("?")

    def insert(values: tuple[Any, ...]) -> None:
        if not hasattr(local, "connection"):
            local.connection = sqlite3.connect(path, timeout=30)
            local.connection.execute("PRAGMA journal_mode=WAL")
            local.connection.execute("PRAGMA synchronous=NORMAL")
        local.connection.execute(statement, values)
        local.connection.commit()

    return insert


def _postgresql(url: str) -> Any:
    import psycopg

    local = threading.local()
    statement = _INSERT.format("%s")

    def insert(values: tuple[Any, ...]) -> None:
        if not hasattr(local, "connection"):
            local.connection = psycopg.connect(url)
        local.connection.execute(statement, values)
        local.connection.commit()

    return insert


def checking_app() -> Flask:
    """A bare Flask view that parses the lines of a stream, checks them by hand, and answers each: no log-in, no store.

    It reads by blocks and sends a thousand answers at a time: with a line at a time it takes twice as long.
    """
    app = Flask("floor")

    @app.post("/v1/referrals/bulk")
    def view() -> Response:
        return Response(_verdicts(_lines(request.stream)), 200, content_type="application/x-ndjson")

    return app


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(65_536):
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _verdicts(lines: Iterable[bytes]) -> Iterator[bytes]:
    verdicts = []
    for number, line in enumerate(lines, 1):
        document = json.loads(line)
        faults = _faults(document) if isinstance(document, dict) else ["not an object"]
        verdict = {"line": number, "status": 422, "faults": faults} if faults else {"line": number, "status": 201}
        verdicts.append(json.dumps(verdict, separators=(",", ":")) + "\n")
        if len(verdicts) == 1000:
            yield "".join(verdicts).encode()
            verdicts.clear()
    yield "".join(verdicts).encode()


def parse_and_check(lines: Iterable[bytes]) -> int:
    """Parse each line and check it by hand, storing nothing; return how many are good."""
    good = 0
    for line in lines:
        document = json.loads(line)
        if isinstance(document, dict) and not _faults(document):
            good += 1
    return good


_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_HEX = re.compile(r"[0-9A-Fa-f]{32,288}")
_CODE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_REFERRAL = frozenset(
    [
        *("instrument", "agency_reference", "issued_at", "language", "operation", "category", "keywords", "grounds"),
        *("items", "urgency", "disclosure", "contact"),
    ]
)
_REQUIRED = frozenset(["instrument", "agency_reference", "language", "category", "grounds", "items"])
_GROUND = frozenset(["kind", "reference", "explanation"])
_ITEM = frozenset(["reference", "target", "content", "reasons"])
_TARGET = frozenset(["kind", "url", "id", "handle", "hashes"])
_CONTENT = frozenset(["kind", "languages", "producer", "published_at", "graphic", "title", "also_at"])
_KINDS = frozenset(["video", "image", "audio", "post", "comment", "article", "file", "profile", "channel", "other"])


def _faults(document: dict[str, Any]) -> list[str]:
    """Check every field that the referral has: what is known, what is required, types, lengths and shapes."""
    faults = [*(document.keys() - _REFERRAL), *(_REQUIRED - document.keys())]
    if faults:
        return faults
    _text(document, "agency_reference", 200, faults)
    if document["instrument"] != "eu.iru.referral":
        faults.append("instrument")
    if document["category"] not in NOTICE_CATEGORIES:
        faults.append("category")
    _language(document["language"], faults)
    _time(document, "issued_at", faults)
    if not all(keyword in KEYWORDS for keyword in document.get("keywords", ())):
        faults.append("keywords")
    for ground in document["grounds"]:
        faults += ground.keys() - _GROUND
        if ground.get("kind") not in ("law", "terms"):
            faults.append("ground")
        _text(ground, "reference", 500, faults)
        _text(ground, "explanation", 20_000, faults)
    _about(document, faults)
    if not 1 <= len(document["items"]) <= 100:
        faults.append("items")
    for item in document["items"]:
        _item(item, faults)
    return faults


def _about(document: dict[str, Any], faults: list[str]) -> None:
    operation, contact = document.get("operation"), document.get("contact")
    if operation is not None:
        _text(operation, "name", 200, faults)
        if not _CODE.fullmatch(operation["code"]):
            faults.append("operation")
    if not isinstance(document.get("urgency", {}).get("threat_to_life", False), bool):
        faults.append("urgency")
    if document.get("disclosure", {}).get("uploader", "inform") not in ("inform", "withhold"):
        faults.append("disclosure")
    if contact is not None:
        _text(contact, "name", 200, faults)
        if not _EMAIL.fullmatch(contact["email"]):
            faults.append("email")


def _item(item: dict[str, Any], faults: list[str]) -> None:
    faults += item.keys() - _ITEM
    _text(item, "reference", 200, faults)
    _text(item, "reasons", 20_000, faults)
    target, content = item["target"], item.get("content", {})
    faults += target.keys() - _TARGET
    if target.get("kind") not in ("url", "account", "channel", "file"):
        faults.append("kind")
    parts = urlsplit(target["url"])
    if parts.scheme not in ("http", "https") or not parts.hostname or len(target["url"]) > 2048:
        faults.append("url")
    for one in target.get("hashes", ()):
        if one["algorithm"] not in ("md5", "sha-1", "sha-256") or not _HEX.fullmatch(one["value"]):
            faults.append("hash")
    faults += content.keys() - _CONTENT
    if content.get("kind", "video") not in _KINDS or not isinstance(content.get("graphic", False), bool):
        faults.append("content")
    _text(content, "producer", 200, faults)
    for language in content.get("languages", ()):
        _language(language, faults)
    _time(content, "published_at", faults)


def _text(holder: dict[str, Any], name: str, longest: int, faults: list[str]) -> None:
    value = holder.get(name, "-")
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        faults.append(name)


def _language(value: Any, faults: list[str]) -> None:
    if not isinstance(value, str) or not _LANGUAGE.fullmatch(value):
        faults.append("language")


def _time(holder: dict[str, Any], name: str, faults: list[str]) -> None:
    value = holder.get(name)
    if value is None:
        return
    try:
        if datetime.fromisoformat(value).tzinfo is None:
            faults.append(name)
    except (TypeError, ValueError):
        faults.append(name)
