"""Strict JSON: what two readers could read differently, or what no table can hold, is refused with what to change."""

from __future__ import annotations

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notice_intake.contract.strict_json import MAX_DEPTH, read_json
from notice_intake.errors import MalformedBody

REFUSED = [
    (b"", "not JSON"),  # nothing at all
    (b"{", "not JSON"),  # broken off
    (b'{"a": 1,}', "not JSON"),  # JavaScript, not JSON
    (b"{'a': 1}", "not JSON"),  # Python, not JSON
    (b'{"a": 1} {"a": 2}', "not JSON"),  # two documents: which one would be signed?
    (b"{}\x00", "not JSON"),  # padding
    (b"\xef\xbb\xbf{}", "leave out the byte order mark"),  # byte order mark (RFC 8259 section 8.1)
    (b'"a\nb"', "not JSON"),  # bare control character in a string
    (b'"\x00"', "not JSON"),  # bare NUL
    (b'"\xff"', "not UTF-8: byte 1"),  # Latin-1
    (b'"\xed\xa0\x80"', "not UTF-8"),  # a surrogate written as UTF-8 (CESU-8)
    ('{"a": "é"}'.encode("utf-16"), "not UTF-8"),  # another encoding (RFC 8259 section 8.1)
    (b'{"a": 1, "a": 2}', "'a' stands twice"),  # readers keep the first or the last
    (b'{"a":1,"a":1}', "'a' stands twice"),  # written as compactly as can be, and the same value
    (b'{"x":[{"b":1,"c":2,"b":1}]}', "'b' stands twice"),
    (b'{"a":NaN}', "NaN is not JSON"),
    (b'{"a":1e999}', "too large"),
    (b'{"x": {"b": 1, "\\u0062": 2}}', "'b' stands twice"),  # the same name behind an escape, further in
    (b"NaN", "NaN is not JSON"),
    (b'{"a": -Infinity}', "-Infinity is not JSON"),
    (b'{"a": 1e999}', "too large"),  # becomes infinity
    (b'{"a": -1E999}', "too large"),
    (b'{"a": ' + b"9" * 5000 + b"}", "thousands of digits"),  # Python refuses to convert it, others take minutes
    (b'"\\u0000"', "NUL"),  # PostgreSQL cannot store it
    (b'{"\\u0000": 1}', "NUL"),  # in a name
    (b'"\\\\\\u0000"', "NUL"),  # behind an escaped backslash
    (b'"\\ud800"', "surrogate"),  # no encoding can carry it
    (b'"\\udc00\\ud800"', "surrogate"),  # a pair the wrong way round
    (b'{"\\udfff": 1}', "surrogate"),  # in a name
    (b"[" * 100_000, "deeper than 32"),
    (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "deeper than 32"),
]


@pytest.mark.parametrize(("raw", "says"), REFUSED)
def test_what_two_readers_could_read_differently_is_refused(raw, says):
    with pytest.raises(MalformedBody) as refused:
        read_json(raw)
    assert says in refused.value.detail


KEPT = [
    b'"\\ud83d\\ude00"',  # a whole pair
    b'"\\\\u0000"',  # an escaped backslash before u0000: six harmless characters
    b'"\\\\ud800"',
    '"مثال 例 😀"'.encode(),
    b' \t\r\n{"a": [1, 1.5, -0, 1e-999, true, false, null]} \n',
    b'{"a": {"a": {"a": 1}}}',  # the same name on several levels
    b"[" + b"9" * 4000 + b"]",
]


@pytest.mark.parametrize("raw", KEPT)
def test_whatever_is_json_reads_as_everywhere(raw):
    assert read_json(raw) == json.loads(raw)


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcé"), inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES, st.booleans(), st.booleans())
def test_however_it_is_spelled_it_is_the_same_value(value, compact, ascii_only):
    spelled = json.dumps(value, separators=(",", ":") if compact else None, ensure_ascii=ascii_only).encode()
    found = read_json(spelled)
    assert found == value
    assert json.dumps(found) == json.dumps(value), "a number stays of its kind"


def test_depth_is_counted_in_levels():
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        for depth in (1, MAX_DEPTH):
            read_json(opening * depth + b"1" + closing * depth)
        with pytest.raises(MalformedBody, match="deeper than 32"):
            read_json(opening * (MAX_DEPTH + 1) + b"1" + closing * (MAX_DEPTH + 1))
    read_json(b"[" + b",".join([b"[[1],{}]"] * 100) + b"]")  # wide is not deep


@pytest.mark.parametrize(
    "raw",
    [
        # A name that stands twice at the end of a hundred thousand: comparing each with each takes minutes.
        b"{" + b"".join(b'"k%d":1,' % n for n in range(90_000)) + b'"k89999":2}',
        b"{" + b'"a":[' * 20_000,  # opens and never closes
        b"[" + b",".join([b"9" * 4000] * 240) + b"]",  # a megabyte of long numbers
        b'"' + b"\\\\" * 500_000 + b'\\u0000"',  # a megabyte of backslashes before the NUL
    ],
    ids=["late duplicate", "open brackets", "long numbers", "backslashes"],
)
def test_a_megabyte_made_to_be_slow_is_read_or_refused_at_once(raw):
    start = time.process_time()
    with contextlib.suppress(MalformedBody):
        read_json(raw)
    assert time.process_time() - start < 2
