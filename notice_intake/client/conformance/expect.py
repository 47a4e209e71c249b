"""What the rules look for in answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from .door import JSON, PROBLEM, Reply
from .rules import Broken


def that(holds: bool, expected: str, came: object) -> None:
    """Raise ``Broken`` unless something holds."""
    if not holds:
        raise Broken(expected, came if isinstance(came, str) else repr(came)[:200])


def status(reply: Reply, *wanted: int) -> None:
    """Expect a status."""
    that(reply.status in wanted, " or ".join(map(str, wanted)), seen(reply))


def seen(reply: Reply) -> str:
    """Say what an answer is, in short."""
    word = ""
    if reply.kind == PROBLEM:
        try:
            word = str(reply.object().get("type", "")).rpartition("/")[2]
        except Broken:
            word = "a problem that is no JSON object"
    return f"{reply.status} {word or reply.kind}".strip()


def document(reply: Reply, wanted: int) -> dict[str, Any]:
    """Expect a status with a JSON object; return it."""
    status(reply, wanted)
    that(reply.kind == JSON, f"Content-Type: {JSON}", reply.headers.get("Content-Type", "none"))
    return reply.object()


def problem(reply: Reply, wanted: int, slug: str) -> dict[str, Any]:
    """Expect a problem document (RFC 9457) of a kind; return it."""
    that(reply.status == wanted, f"{wanted} {slug}", seen(reply))
    that(reply.kind == PROBLEM, f"{wanted} {slug} as {PROBLEM}", seen(reply))
    found = reply.object()
    kind = str(found.get("type", ""))
    that(kind.rpartition("/")[2] == slug, f"a type that ends in /{slug}", kind or "no type")
    return found


def fault(reply: Reply, pointer: str, code: str) -> None:
    """Expect a 422 whose ``errors`` have a fault at a place, with a code."""
    found = problem(reply, 422, "invalid-document").get("errors")
    listed = [(one.get("pointer"), one.get("code")) for one in _objects(found)]
    that((pointer, code) in listed, f"errors with pointer {pointer!r} and code {code!r}", listed)


def member(found: Mapping[str, Any], name: str, kind: type | tuple[type, ...]) -> Any:
    """Expect a member of a type; return it."""
    value = found.get(name)
    names = " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
    that(name in found and isinstance(value, kind), f"a member {name!r} of type {names}", value)
    return value


def moment(found: Mapping[str, Any], name: str) -> datetime:
    """Expect a time with its offset; return it."""
    value = member(found, name, str)
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise Broken(f"a time in {name!r}", value) from None
    that(at.tzinfo is not None, f"a time with its offset in {name!r}", value)
    return at


def objects(found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Expect a list of objects; return it."""
    value = member(found, name, list)
    that(len(_objects(value)) == len(value), f"objects in {name!r}", value)
    return _objects(value)


def equal(came: object, wanted: object, what: str) -> None:
    """Expect a value."""
    that(came == wanted, f"{what}: {wanted!r}", came)


def all_same(replies: Mapping[str, Reply], *, but: Iterable[str] = ()) -> None:
    """Expect answers that nobody can tell apart, but for the id of the request and the time."""
    left_out = {"date", "x-request-id", "content-length", "connection", "keep-alive", "server", *but}
    first, *others = replies
    wanted = _bare(replies[first], left_out)
    for name in others:
        came = _bare(replies[name], left_out)
        differs = [part for part in wanted.keys() | came.keys() if wanted.get(part) != came.get(part)]
        that(not differs, f"the same answer for {name} as for {first}", f"a difference in {', '.join(sorted(differs))}")


def _bare(reply: Reply, left_out: set[str]) -> dict[str, Any]:
    found = {"status": reply.status} | {f"body {name}": value for name, value in reply.object().items()}
    found.pop("body instance", None)
    kept = {name.lower(): value for name, value in reply.headers.items() if name.lower() not in left_out}
    return found | kept


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
