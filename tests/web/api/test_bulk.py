"""The bulk stream: a line each way, in order; a bad line fails alone; what broke off is sent again without harm."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from itertools import cycle
from random import Random
from typing import Any

import pytest
from door import PREFIX, check_problem
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug import Request

from notice_intake.errors import BodyTooLarge
from notice_intake.flows.receive import Attempt
from notice_intake.web import bodies
from notice_intake.web.api import referrals

BULK = "/v1/referrals/bulk"


def send(door, lines: list[bytes] | bytes, **headers: str) -> list[dict[str, Any]]:
    """Send lines; return the answers."""
    body = lines if isinstance(lines, bytes) else b"".join(line + b"\n" for line in lines)
    answer = door.post(body, path=BULK, **{"Content_Type": "application/x-ndjson", **headers})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert answer.content_type == "application/x-ndjson"
    assert answer.headers["Cache-Control"] == "no-store"
    return [json.loads(line) for line in answer.data.splitlines()]


def good(door, *links: str, **changes: Any) -> bytes:
    return json.dumps(door.one.document(*links, **changes)).encode()


def summary(answers: list[dict[str, Any]]) -> list[tuple[int, int, str]]:
    """(line, status, what) for each answer."""
    return [
        (one["line"], one["status"], one["problem"]["type"].rpartition("/")[2] if "problem" in one else "receipt")
        for one in answers
    ]


def test_every_line_is_answered_in_order(door):
    lines = [good(door) for _ in range(13)]  # more than two batches of five
    answers = send(door, lines)
    assert summary(answers) == [(number, 201, "receipt") for number in range(1, 14)]
    asked = [json.loads(line)["agency_reference"] for line in lines]
    assert [one["receipt"]["agency_reference"] for one in answers] == asked
    for one in answers:
        assert door.one.get(one["receipt"]["status_path"]).json["id"] == one["receipt"]["id"]


def test_a_receipt_says_the_same_as_that_of_the_single_call(door):
    (answer,) = send(door, [good(door)])
    single = door.one.refer()
    assert set(answer["receipt"]) == set(single.json)
    assert set(answer["receipt"]["items"][0]) == set(single.json["items"][0])


def test_a_bad_line_fails_alone(door):
    lines = [
        good(door),
        b"not JSON",
        good(door, language="?"),
        b'{"a": 1, "a": 2}',
        good(door),
        b"[]",
        good(door, instrument="eu.none.such"),
        b"[" * 50 + b"]" * 50,
        b'{"a": "\\u0000"}',
        b"\xff\xfe",
        good(door, issued_at="2026-03-02T10:00:00Z"),
        good(door, "javascript:alert(1)"),
        good(door),
    ]
    before = door.rows()
    answers = send(door, lines)
    malformed, invalid = "malformed-body", "invalid-document"
    expected = ["receipt", malformed, invalid, malformed, "receipt", invalid, invalid, *[malformed] * 3]
    expected += [invalid, invalid, "receipt"]
    assert [what for _, _, what in summary(answers)] == expected
    assert [one["line"] for one in answers] == list(range(1, 14))
    assert door.rows()["ni_referral"] - before["ni_referral"] == 3
    pointers = {one["line"]: [fault["pointer"] for fault in one["problem"].get("errors", [])] for one in answers[1:4]}
    assert pointers == {2: [], 3: ["/language"], 4: []}
    problem = answers[1]["problem"]
    assert door.client.get(problem["type"]).json["title"] == problem["title"]


def test_a_stream_of_bad_lines_only_is_answered_line_by_line(door):
    with door.nothing_stored():
        answers = send(door, [b"None", good(door, language="?")])
    assert summary(answers) == [(1, 400, "malformed-body"), (2, 422, "invalid-document")]


def test_what_was_stored_before_the_answers_could_not_be_kept_is_answered_when_sent_again(door, monkeypatch, tmp_path):
    before, lines = door.rows()["ni_referral"], [good(door) for _ in range(1400)]
    with monkeypatch.context() as full:
        full.setattr(tempfile, "tempdir", str(tmp_path / "no such place"))
        full.setattr(referrals, "_SPOOL", 100_000)
        full.setattr(door.client.application, "testing", False)
        answer = door.post(b"\n".join(lines), path=BULK, Content_Type="application/x-ndjson")
    assert answer.status_code == 500
    assert "no referral is stored twice" in answer.json["detail"]
    assert door.rows()["ni_referral"] > before
    again = send(door, lines)
    assert {one["status"] for one in again} == {201}
    assert any(one.get("replayed") for one in again)
    assert door.rows()["ni_referral"] == before + 1400


def test_nothing_after_a_batch_that_met_a_fault_of_ours_is_stored(door, monkeypatch):
    lines, store, tried = [good(door) for _ in range(25)], Attempt.store, []

    def faulty(attempt: Attempt, **how: bool) -> bool:
        tried.append(attempt)
        if len(tried) == 2:
            raise RuntimeError("a fault of ours")
        return store(attempt, **how)

    before = door.rows()["ni_referral"]
    with monkeypatch.context() as patched:
        patched.setattr(Attempt, "store", faulty)
        patched.setattr(door.client.application, "testing", False)
        assert door.post(b"\n".join(lines), path=BULK, Content_Type="application/x-ndjson").status_code == 500
    assert door.rows()["ni_referral"] == before + 5
    again = send(door, lines)
    assert [(one["status"], one.get("replayed", False)) for one in again] == [(201, True)] * 5 + [(201, False)] * 20


def test_an_instrument_that_is_not_the_agencys_fails_its_lines_alone(door):
    flagger, _ = door.enrol("Flagger", instruments=("eu.dsa.trusted_flagger_notice",))
    contact = {"name": "Flagger", "email": "desk@flagger.example"}
    own = {"instrument": "eu.dsa.trusted_flagger_notice", "good_faith": True, "contact": contact}
    lines = [good(door), good(door, **own), good(door)]
    answer = door.client.post(
        PREFIX + BULK,
        data=b"\n".join(lines),
        headers={"Content-Type": "application/x-ndjson", **flagger.headers},
    )
    assert [json.loads(line)["status"] for line in answer.data.splitlines()] == [403, 201, 403]


def test_blank_lines_are_counted_but_not_answered(door):
    lines = [b"", good(door), b"", b"  \t", b"\r", good(door) + b"\r", b""]
    assert summary(send(door, lines)) == [(2, 201, "receipt"), (6, 201, "receipt")]


@pytest.mark.parametrize("body", [b"", b"\n", b"\n\n  \n"])
def test_a_stream_of_nothing_is_answered_with_nothing(door, body):
    with door.nothing_stored():
        assert send(door, body) == []


def test_the_last_line_needs_no_line_feed(door):
    assert summary(send(door, good(door) + b"\n" + good(door))) == [(1, 201, "receipt"), (2, 201, "receipt")]


@pytest.mark.parametrize("over", [1, 70_000, 300_000])
def test_a_line_over_the_limit_fails_alone(door, over):
    """Just over it, longer than what is read at once, and much longer."""
    limit = door.mount.settings.max_line_bytes
    lines = [good(door), good(door).ljust(limit), good(door).ljust(limit + over), good(door), b"x" * (limit + over)]
    answers = send(door, lines)
    too_large = (413, "body-too-large")
    assert [(status, what) for _, status, what in summary(answers)] == [
        *[(201, "receipt")] * 2,
        too_large,
        (201, "receipt"),
        too_large,
    ]
    assert str(limit) in answers[2]["problem"]["detail"]
    # The last line broke off while it was too long already.
    assert summary(send(door, good(door) + b"\n" + b"x" * (limit + over)))[1][1:] == too_large


def test_a_stream_sent_again_gets_the_same_receipts(door):
    lines = [good(door) for _ in range(12)]
    first = send(door, lines[:7])  # as far as it came the first time
    assert not any("replayed" in one for one in first)
    again = send(door, lines)
    assert [one["receipt"] for one in again[:7]] == [one["receipt"] for one in first]
    assert [one.get("replayed", False) for one in again] == [True] * 7 + [False] * 5
    with door.nothing_stored():
        third = send(door, lines)
    assert all(one["replayed"] for one in third)
    assert [one["receipt"] for one in third] == [one["receipt"] for one in again]


def test_a_reference_that_is_taken_names_the_referral_that_has_it(door):
    line = good(door)
    (first,) = send(door, [line])
    with door.nothing_stored():
        (again,) = send(door, [line.replace(b'"en"', b'"fr"')])
    assert summary([again]) == [(1, 409, "reference-taken")]
    assert again["problem"]["referral"] == first["receipt"]["id"]


@pytest.mark.parametrize("apart", [1, 4, 8], ids=["next to it", "in one batch", "in another batch"])
def test_a_line_that_stands_twice_is_stored_once_wherever_it_stands(door, apart):
    line = good(door)
    between = [good(door) for _ in range(apart - 1)]
    other = line.replace(b'"en"', b'"fr"')
    before = door.rows()["ni_referral"]
    answers = send(door, [line, *between, line, other])
    assert door.rows()["ni_referral"] - before == 1 + len(between)
    first, same, different = answers[0], answers[apart], answers[apart + 1]
    assert (same["status"], same.get("replayed"), same["receipt"]) == (201, True, first["receipt"])
    assert (different["status"], different["problem"]["referral"]) == (409, first["receipt"]["id"])


def drawn(door: Any, random: Random) -> tuple[list[bytes], list[bytes]]:
    """Return what was stored before, and a stream of several batches in which that and its own lines come again."""
    kinds = [good(door) for _ in range(30)]
    kinds += [one.replace(b'"en"', b'"fr"') for one in random.sample(kinds, 10)]
    lines = [random.choice(kinds) for _ in range(40)] + [good(door, language="?"), b"not JSON"]
    random.shuffle(lines)
    return random.sample(kinds, random.choice([0, 1, 3])), lines


@pytest.mark.parametrize("seed", range(12))
def test_a_stream_is_answered_as_its_lines_one_by_one_would_be(door, seed):
    old, lines = drawn(door, Random(seed))
    references = {}
    for line in old:
        references.setdefault(json.loads(line)["agency_reference"], line)
        send(door, [line])
    wanted = []
    for line in lines:
        if b'"?"' in line or line == b"not JSON":
            wanted.append("refused")
            continue
        first = references.setdefault(json.loads(line)["agency_reference"], line)
        seen = first is not line or line in old or lines.index(line) < len(wanted)
        wanted.append("new" if not seen else "again" if first == line else "taken")
    before = door.rows()["ni_referral"]
    answers = send(door, lines)
    found = [
        ("again" if one.get("replayed") else "new")
        if one["status"] == 201
        else "taken"
        if one["status"] == 409
        else "refused"
        for one in answers
    ]
    assert found == wanted
    assert [one["line"] for one in answers] == list(range(1, len(lines) + 1))
    assert door.rows()["ni_referral"] - before == wanted.count("new")


def test_many_lines_that_name_one_content_share_its_case(door):
    link = "https://platform.example/p424242"
    before = door.rows()
    answers = send(door, [good(door, link, f"https://platform.example/x/{number}") for number in range(8)])
    assert {one["status"] for one in answers} == {201}
    after = door.rows()
    assert after["ni_case"] - before["ni_case"] == 9
    with door.mount.storage.read() as tx:
        case = tx.tables.case
        assert tx.execute(case.select().where(case.c.key == "content:p424242")).one().referrals == 8


def test_lines_of_a_hundred_items_are_stored_in_batches_that_a_database_can_take(make_big_door):
    big = make_big_door(bulk_batch=10_000, max_line_bytes=200_000)
    lines = [
        good(big, *[f"https://platform.example/n/{number}/{item}" for item in range(100)]) for number in range(120)
    ]
    assert {one["status"] for one in send(big, lines)} == {201}
    assert big.rows()["ni_item"] == 12_000


@pytest.fixture
def make_big_door(tmp_path, monkeypatch):
    """A door on an SQLite whose limit on variables is the one of most builds, not of Debian's."""
    import sqlite3

    from door import make_door
    from sqlalchemy import event

    from notice_intake import Storage
    from notice_intake.store import migrate

    storage = Storage.from_url(f"sqlite:///{tmp_path / 'big.db'}")

    @event.listens_for(storage._engine, "connect")
    def as_elsewhere(connection: Any, _record: Any) -> None:
        connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 32_766)

    migrate.upgrade(storage)
    yield lambda **options: make_door(storage, **options)
    storage.dispose()


TYPES = ["application/json", "text/plain", "", "application/x-ndjson; charset=latin-1"]


@pytest.mark.parametrize("content_type", TYPES)
def test_another_content_type_is_refused_as_a_whole(door, content_type):
    with door.nothing_stored():
        answer = door.post(good(door), path=BULK, Content_Type=content_type)
        check_problem(answer, status=415, slug="unsupported-media-type")
        compressed = {"Content_Type": "application/x-ndjson", "Content_Encoding": "gzip"}
        check_problem(door.post(good(door), path=BULK, **compressed), status=415, slug="unsupported-media-type")


@pytest.mark.parametrize("content_type", ["application/x-ndjson", "application/jsonl", "application/json-lines"])
def test_ndjson_goes_by_several_names(door, content_type):
    assert len(send(door, [good(door)], Content_Type=content_type)) == 1


class Dribble:
    """A stream that gives what it likes, and never more than asked for."""

    def __init__(self, data: bytes, sizes: Iterator[int]) -> None:
        self._data, self._sizes = data, sizes

    def read(self, size: int = -1) -> bytes:
        take = min(size if size > 0 else len(self._data), next(self._sizes))
        piece, self._data = self._data[:take], self._data[take:]
        return piece


def request_of(data: bytes, sizes: list[int]) -> Request:
    environ = {"wsgi.input": Dribble(data, cycle(sizes)), "wsgi.input_terminated": True, "REQUEST_METHOD": "POST"}
    return Request(environ)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from([b"", b"x", b" ", b"\r", b"ab", b"x" * 9, b"x" * 10, b"x" * 11, b"x" * 40]), max_size=12),
    st.lists(st.integers(1, 50), min_size=1, max_size=6),
    st.booleans(),
)
def test_lines_are_the_same_whatever_pieces_they_arrive_in(lines, sizes, ended):
    data = b"\n".join(lines) + (b"\n" if ended else b"")
    wanted = data.split(b"\n")
    wanted = wanted[:-1] if not wanted[-1] else wanted
    found = [
        "too large" if isinstance(one, BodyTooLarge) else one for one in bodies.lines(request_of(data, sizes), limit=10)
    ]
    assert found == ["too large" if len(one) > 10 else one if one.strip() else b"" for one in wanted]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30), st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_a_body_is_read_whole_or_refused_whatever_pieces_it_arrives_in(size, sizes):
    data = bytes(range(97, 97 + 26))[:size].ljust(size, b"x")
    try:
        read = bodies.whole(request_of(data, sizes), limit=20)
    except BodyTooLarge:
        assert size > 20
    else:
        assert read == data
        assert size <= 20
