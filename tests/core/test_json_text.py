"""Text in quotes by hand is what a JSON writer makes of it."""

from __future__ import annotations

import json
import sys

import pytest

from notice_intake.core.json_text import quoted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        'both " and \\ and /',
        "line\nfeed\r\ttab\b\f",
        "".join(map(chr, range(0x20))),
        "\x7f\x80\u2028\u2029",
        "Ελληνικά العربية 日本語",
        "😀",
        chr(sys.maxunicode),
    ],
)
def test_it_is_what_json_writes_and_reads_back(text: str) -> None:
    assert quoted(text) == json.dumps(text, ensure_ascii=False)
    assert json.loads(quoted(text)) == text
