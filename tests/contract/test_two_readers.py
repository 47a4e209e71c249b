"""The published JSON Schema and marshmallow give one verdict: the fast path accepts what the slow one would."""

from __future__ import annotations

import logging
from copy import deepcopy
from datetime import datetime
from typing import Any

import jsonschema
import pytest
from contract import specimens
from contract.specimens import BODIES, INSTRUMENTS
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from notice_intake.contract.published import requests
from notice_intake.errors import NoticeIntakeError
from notice_intake.extension import DEFAULT_REGIMES
from notice_intake.regimes.regime import rulebook

CONTRACTS = {**rulebook(DEFAULT_REGIMES).contracts, **requests()}
_formats = jsonschema.FormatChecker(formats=())


@_formats.checks("date-time", raises=ValueError)
def _is_a_time(value: object) -> bool:
    return not isinstance(value, str) or bool(datetime.fromisoformat(value))


INDEPENDENT = {
    code: jsonschema.Draft202012Validator(contract.published, format_checker=_formats)
    for code, contract in CONTRACTS.items()
}

#: What clients get wrong, and where readers differ.
TIMES = [
    "2026-03-01T08:00:00Z",
    "2026-03-01T08:00:00+02:00",
    "2026-03-01T08:00:00-00:00",
    "2026-03-01T08:00:00.123456Z",
    "2026-03-01T08:00:00.1234567Z",  # seven digits
    "2026-03-01T08:00:00",  # no offset
    "2026-03-01T08:00Z",  # no seconds
    "2026-03-01 08:00:00Z",
    "2026-03-01t08:00:00z",
    "2026-02-30T00:00:00Z",  # no such day
    "2024-02-29T00:00:00Z",  # a leap day
    "2023-02-29T00:00:00Z",  # none
    "2026-13-01T00:00:00Z",
    "2026-03-01T24:00:00Z",
    "2016-12-31T23:59:60Z",  # a leap second that was
    "2016-12-31T23:58:60Z",  # and one that was not
    "2026-03-01T08:00:00+24:00",
    "2026-03-01T08:00:00+12:60",
    "2026-03-01T08:00:00+0200",
    "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "9999-12-31T23:59:59Z",
    "2026-W10-1T00:00:00Z",
    "٢٠٢٦-03-01T08:00:00Z",  # digits, but not these
    1772352000,
]
TEXTS = [
    "",
    " ",
    "x",
    "a\x00b",
    "\x00",
    "a\nb",
    "a\tb",
    "a\r\n",
    "\x7f",
    "\u2028",
    "e\u0301",
    "😀" * 35,
    "😀" * 200,  # 200 characters, 400 UTF-16 units, 800 bytes
    "😀" * 201,
    "@x",
    "@@x",
    "a b",
    "a@b.example",
    "a@b",
    "a@b@c.example",
    "fr",
    "fr-",
    "f",
    "sr-Latn-RS-x1",
    "BE",
    "be",
    "ＢＥ",  # full width
    "EL",
    "QUJD",
    "QUJD\u00ad",
    "https://platform.example/p1",
    "hxxps://platform[.]example/p1",
    "removed",
    "constructor",
    "STATEMENT_CATEGORY_NOT_SPECIFIED_ORDER",
    "STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE",
    "STATEMENT_CATEGORY_VIOLENCE",
    "KEYWORD_OTHER",
    "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL",
    "law",
    "url",
    "file",
    "account",
    "sha-512",
    "ab" * 16,
    "ab" * 32,
    "AB" * 64,
    "g" * 64,
    "x" * 64,
    "x" * 65,
    "x" * 200,
    "x" * 201,
    "x" * 320,
    "x" * 500,
    "x" * 501,
    "x" * 2048,
    "x" * 2049,
    "x" * 20_000,
    "x" * 20_001,
]
ODD: list[Any] = [None, True, False, 0, 1, 1.0, -1, 10**30, 0.5, [], {}, [[]], [None], {"kind": "url"}, {"": 1}]
SINGLE = st.sampled_from([*TIMES, *TEXTS, *ODD]) | st.text(max_size=12).filter(lambda text: not text.endswith("\n"))


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[str, Any]:
    """A whole body of any kind with up to three changes somewhere in it."""
    instrument = draw(st.sampled_from(BODIES))
    document: Any = specimens.full(instrument)
    for _ in range(draw(st.integers(0, 3))):
        where = draw(st.sampled_from(list(specimens.paths(document))))
        document = draw(st.sampled_from(CHANGES))(draw, document, where)
    return instrument, document


def _replaced(draw: st.DrawFn, document: Any, where: specimens.Path) -> Any:
    return specimens.put(document, where, draw(SINGLE))


def _removed(_draw: st.DrawFn, document: Any, where: specimens.Path) -> Any:
    return specimens.without(document, where) if where else document


def _added(draw: st.DrawFn, document: Any, where: specimens.Path) -> Any:
    names = ["unknown", "kind", "url", "hashes", "reasons", "", "_schema", "good_faith", "a/b", "a~b"]
    value = specimens.at(document, where)
    if isinstance(value, dict):
        return specimens.put(document, (*where, draw(st.sampled_from(names))), draw(SINGLE))
    return specimens.put(document, where, [*value, draw(SINGLE)]) if isinstance(value, list) else document


def _repeated(draw: st.DrawFn, document: Any, where: specimens.Path) -> Any:
    value = specimens.at(document, where)
    if not isinstance(value, list) or not value:
        return document
    count = draw(st.sampled_from([0, 1, 2, 5, 6, 10, 11, 20, 21, 50, 51, 100, 101]))
    return specimens.put(document, where, [deepcopy(value[n % len(value)]) for n in range(count)])


def _moved(draw: st.DrawFn, document: Any, where: specimens.Path) -> Any:
    other = draw(st.sampled_from(list(specimens.paths(document))))
    return specimens.put(document, where, deepcopy(specimens.at(document, other)))


CHANGES = (_replaced, _replaced, _removed, _added, _repeated, _moved)


def verdicts(instrument: str, document: Any) -> tuple[bool, bool]:
    """Whether marshmallow accepts, and whether the compiled schema does."""
    contract = CONTRACTS[instrument]
    by_words = isinstance(document, dict) and not contract._schema.validate(document)
    return by_words, contract._compiled.is_valid(document)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(spoiled())
@example(("eu.iru.referral", {**specimens.full("eu.iru.referral"), "issued_at": "2016-12-31T23:59:60Z"}))
@example(("eu.iru.referral", {**specimens.full("eu.iru.referral"), "issued_at": "2026-03-01T08:00:00+12:60"}))
def test_marshmallow_and_the_compiled_schema_give_one_verdict(case):
    instrument, document = case
    by_words, by_schema = verdicts(instrument, document)
    assert by_words == by_schema, CONTRACTS[instrument]._schema.validate(document)


@pytest.mark.parametrize("instrument", BODIES)
def test_every_single_fault_of_the_table_at_every_place_gets_one_verdict(instrument):
    document = specimens.full(instrument)
    assert verdicts(instrument, document) == (True, True)
    shared = set(specimens.paths(specimens.full(INSTRUMENTS[0]))) if instrument in INSTRUMENTS[1:] else set()
    differ = []
    for where in specimens.paths(document):
        told_before = where in shared and where[:1] not in (("category",), ("contact",), ("grounds",))
        if told_before or isinstance(specimens.at(document, where), dict | list):
            continue
        for value in [*TIMES, *TEXTS, *ODD]:
            by_words, by_schema = verdicts(instrument, specimens.put(document, where, value))
            if by_words != by_schema:
                differ.append((specimens.pointer(where), value, by_words, by_schema))
    assert not differ


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(spoiled())
def test_another_implementation_reads_the_published_schema_in_the_same_way(case):
    instrument, document = case
    assert INDEPENDENT[instrument].is_valid(document) == CONTRACTS[instrument]._compiled.is_valid(document)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(spoiled())
def test_a_refusal_always_comes_with_a_pointer_that_leads_into_the_document(case):
    instrument, document = case
    contract = CONTRACTS[instrument]
    if contract._compiled.is_valid(document):
        return
    faults = contract.explain(document)
    assert faults
    for fault in faults:
        assert fault.code
        assert fault.detail
        assert _leads_into(document, fault.pointer), fault


def _leads_into(document: Any, pointer: str) -> bool:
    """All but the last step must exist: the last one may be what is missing."""
    *way, _last = pointer.split("/")[1:] or [""]
    for step in way:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(document, list) and name.isdigit() and int(name) < len(document):
            document = document[int(name)]
        elif isinstance(document, dict) and name in document:
            document = document[name]
        else:
            return False
    return True


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(spoiled())
def test_the_readers_never_quarrel_in_the_log(case):
    instrument, document = case
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("notice_intake.contract")
    logger.addHandler(handler)
    try:
        CONTRACTS[instrument].check(document)
    except NoticeIntakeError:
        pass
    finally:
        logger.removeHandler(handler)
    assert not heard


def test_every_body_that_is_published_is_read_here():
    assert set(BODIES) == set(CONTRACTS)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_the_published_schema_is_valid_and_needs_nothing_from_the_net(instrument):
    published = CONTRACTS[instrument].published
    jsonschema.Draft202012Validator.check_schema(published)
    assert published["$id"] == f"urn:notice-intake:schema:v1:referral.{instrument}"
    references = _values_of(published, "$ref")
    assert references
    assert all(reference.removeprefix("#/$defs/") in published["$defs"] for reference in references)
    closed = [published, *published["$defs"].values()]
    assert all(one["additionalProperties"] is False for one in closed)


def _values_of(value: Any, name: str) -> list[str]:
    if isinstance(value, dict):
        found = [value[name]] if isinstance(value.get(name), str) else []
        return found + [one for child in value.values() for one in _values_of(child, name)]
    return [one for child in value for one in _values_of(child, name)] if isinstance(value, list) else []
