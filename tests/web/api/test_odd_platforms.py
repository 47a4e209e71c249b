"""Whatever a host's ``resolve`` answers, raises or forgets: the referral is taken, and nothing of it is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from notice_intake import Content, Part

GOOD = Content(key="odd", kind="post", title="Placeholder")

#: What the host says about content, and what of it the desk must be able to show.
SAID: dict[str, tuple[Content, dict[str, Any]]] = {
    "a NUL in the title": (replace(GOOD, key="o1", title="a\x00b"), {"title": "a\ufffdb"}),
    "a NUL in a text": (replace(GOOD, key="o2", parts=(Part("text", "a\x00b"),)), {}),
    "half a surrogate pair": (replace(GOOD, key="o3", title="a\ud800b"), {"title": "a\ufffdb"}),
    "a long kind": (replace(GOOD, key="o4", kind="x" * 50), {"kind": "x" * 20}),
    "no kind": (replace(GOOD, key="o5", kind=None), {"kind": "other"}),  # type: ignore[arg-type]
    "a long language": (replace(GOOD, key="o6", language="x" * 50), {"language": "x" * 35}),
    "a key of 5,000 characters": (replace(GOOD, key="o7" * 2500), {"key": "o7" * 2500}),
    "a title of a megabyte": (replace(GOOD, key="o8", title="x" * 1_000_000), {}),
    "numbers for facts": (
        replace(GOOD, key="o9", facts={"Views": 3, "Likes": None}),
        {"facts": {"Views": "3", "Likes": ""}},
    ),  # type: ignore[dict-item]
}


def case_of(door, receipt: Any) -> Any:
    with door.mount.storage.read() as tx:
        case, item = tx.tables.case, tx.tables.item
        joined = case.select().join(item, item.c.case_id == case.c.id)
        return tx.execute(joined.where(item.c.id == receipt.json["items"][0]["id"])).one()


@pytest.fixture
def resolving(door):
    """Have the platform answer as a test says."""
    known = door.platform.resolve

    def answer(call: Callable[..., Any]) -> None:
        door.platform.resolve = call

    yield answer
    door.platform.resolve = known


@pytest.mark.parametrize("name", SAID)
def test_what_a_host_says_of_content_is_kept_as_far_as_a_database_can_hold_it(door, resolving, name):
    content, shown = SAID[name]
    resolving(lambda targets: [content] * len(targets))
    receipt = door.one.refer()
    assert receipt.status_code == 201
    kept = case_of(door, receipt).content
    assert {field: kept[field] for field in shown} == shown


#: Answers that are none.
NO_ANSWERS: dict[str, Callable[..., Any]] = {
    "None": lambda targets: None,
    "too few": lambda targets: [],
    "too many": lambda targets: [None] * (len(targets) + 1),
    "an iterator": lambda targets: iter([None] * len(targets)),
    "dicts": lambda targets: [{"key": "x", "kind": "post"}] * len(targets),
    "keys": lambda targets: ["p1"] * len(targets),
    "a number for a key": lambda targets: [replace(GOOD, key=7)] * len(targets),
    "an empty key": lambda targets: [replace(GOOD, key="")] * len(targets),
    "a NUL in the key": lambda targets: [replace(GOOD, key="a\x00")] * len(targets),
    "an exception": lambda targets: 1 / 0,
}


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_an_order_is_taken_although_the_host_cannot_say_what_it_names(door, resolving, caplog, name):
    resolving(NO_ANSWERS[name])
    link = f"https://platform.example/odd/{name.replace(' ', '-')}"
    receipt = door.one.refer(door.one.order(link))
    assert receipt.status_code == 201
    case = case_of(door, receipt)
    assert (case.key, case.content, "unresolved" in case.flags) == ("link:" + link, None, True)
    assert "platform.resolve failed" in caplog.text
    with door.mount.storage.read() as tx:
        outbox = tx.tables.outbox
        kinds = tx.execute(outbox.select().where(outbox.c.case_id == case.id, outbox.c.kind == "resolve")).all()
    assert len(kinds) == 1, "the worker asks again"
