"""Links as agencies write them, and the one form under which duplicates meet."""

from __future__ import annotations

import contextlib
import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from notice_intake.core.links import MAX_LINK, TRACKING_PARAMETERS, _by_parser, canonical_link
from notice_intake.errors import LinkRefused

PUBLISHED = json.loads((Path(__file__).parents[1] / "data" / "url_cases.json").read_text("utf-8"))["cases"]

# (input, canonical or None where refused, why)
CASES: list[tuple[str, str | None, str]] = [
    # Defanged notation
    ("hxxps://evil[.]example/x", "https://evil.example/x", "brackets around the dot"),
    ("hxxps[:]//evil[.]example/x", "https://evil.example/x", "brackets around the colon"),
    ("hxxps[://]evil[.]example[/]x", "https://evil.example/x", "brackets around the separator and the first slash"),
    ("hXXpS:\\\\evil(.)example\\x", "https://evil.example/x", "backslashes, as browsers read them"),
    ("http:// evil [dot] example/x", "http://evil.example/x", "blanks around a bracketed word"),
    ("h__p://evil dot example", "http://evil.example/", "the word alone between blanks"),
    ("hxxp://evil[.example/x", "http://evil.example/x", "a bracket that was never closed"),
    ("hxxp://evil.]example/x", "http://evil.example/x", "a bracket that was never opened"),
    ("ttps://evil<.>example/x", "https://evil.example/x", "first letter cut off, angle brackets"),
    ("fxp://files[.]example/a", "ftp://files.example/a", "defanged ftp"),
    ("evil[.]example[:]8080/x", "https://evil.example:8080/x", "defanged port of a bare host"),
    ("hxxp://[2001:db8[:]:1]/x", "http://[2001:db8::1]/x", "defanged colon inside an IPv6 address"),
    ("https://example.com/a[.]b", "https://example.com/a%5B.%5Db", "in the path brackets are part of the address"),
    ("rtmp://live[.]example/app", "rtmp://live.example/app", "the host of another scheme too"),
    ("hxxp://[[[[[[.]]]]]]x/", None, "brackets that no notation explains"),
    # Hosts
    ("HTTPS://EXAMPLE.COM/X", "https://example.com/X", "scheme and host lower-case, the path keeps its case"),
    ("https://ex%61mple%2ecom/", "https://example.com/", "escapes in a host are decoded, as browsers do"),
    ("https://exa\u200bmple.com/", "https://example.com/", "UTS 46 ignores a zero-width space"),
    ("https://ПРИМЕР.example/", "https://xn--e1afmkfd.example/", "Cyrillic capitals folded, then the A-label"),
    ("https://еxample.com/", "https://xn--xample-2of.com/", "a Cyrillic look-alike is another host and stays one"),
    ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/", "an A-label is its own form"),
    ("https://xn--ä.example/", None, "an A-label is ASCII"),
    ("https://a_b.example/", "https://a_b.example/", "underscores are found in real host names"),
    ("https://localhost/x", "https://localhost/x", "with a scheme a single label is a host; the key is never fetched"),
    ("https://example.com../", None, "two root dots: an empty label"),
    ("https://a..example.com/", None, "an empty label inside"),
    (f"https://{'a' * 64}.example/", None, "a label over 63 octets: RFC 1035 2.3.4"),
    (f"https://{'a.' * 127}example/", None, "a name over 253 octets"),
    ("https://exa mple.com/", None, "a blank in the host is no notation that we know"),
    ("https://exa<mple.com/", None, "a character that no host holds"),
    ("http://127.1/", "http://127.0.0.1/", "short dotted form"),
    ("http://2130706433/", "http://127.0.0.1/", "one decimal number"),
    ("http://0177.0.0.01/", "http://127.0.0.1/", "octal parts"),
    ("http://0X7F.0x0.0x0.0x1/", "http://127.0.0.1/", "hexadecimal parts, capital X"),
    ("http://①②⑦.0.0.1/", "http://127.0.0.1/", "enclosed digits are digits to UTS 46"),
    ("http://1.2.3.256/", None, "a part over 255"),
    ("http://127.0.0.1./x", "http://127.0.0.1/x", "root dot after an address"),
    ("1.2.3.4/x", "https://1.2.3.4/x", "a bare dotted quad is a host"),
    ("3.14", None, "a bare number is not"),
    ("[2001:db8::1]/x", "https://[2001:db8::1]/x", "bare IPv6 address in brackets"),
    ("http://[::ffff:192.0.2.1]/", "http://[::ffff:c000:201]/", "mapped IPv4 in the form of browsers"),
    ("http://[2001:db8::1%25eth0]/", None, "a zone names an interface of one machine"),
    ("http://[::1/", None, "bracket never closed"),
    ("expyuzz4wqqyqhjn.onion", "https://expyuzz4wqqyqhjn.onion/", "a bare onion host is like other bare hosts"),
    # Port, credentials
    ("http://example.com:80/x", "http://example.com/x", "default port dropped"),
    ("http://example.com:443/x", "http://example.com:443/x", "another scheme's default port kept"),
    ("https://example.com:/x", "https://example.com/x", "empty port"),
    ("https://example.com:0443/x", "https://example.com/x", "leading zero of a port"),
    ("https://example.com:x/", None, "a port is a number"),
    ("https://a@b@example.com/x", "https://example.com/x", "all before the last at sign is credentials"),
    ("https://example.com/@user", "https://example.com/@user", "an at sign in the path is the path's"),
    ("https://user:p%40ss@example.com", "https://example.com/", "escaped at sign in a password"),
    # Path
    ("https://example.com/a/./b/../c", "https://example.com/a/c", "dot segments resolved"),
    ("https://example.com/a/%2e%2E/b", "https://example.com/b", "escaped dot segments too"),
    ("https://example.com/../../x", "https://example.com/x", "nothing is above the root"),
    ("https://example.com\\x", "https://example.com/x", "a backslash is a slash to browsers"),
    ("https://example.com/a b", "https://example.com/a%20b", "a blank in the path is escaped"),
    ("https://example.com/%zz%", "https://example.com/%25zz%25", "a stray percent sign is written as one"),
    ("https://example.com/%2541", "https://example.com/%2541", "decoded once, never twice"),
    ("https://example.com/%00x", "https://example.com/%00x", "an escaped NUL stays an escape"),
    ("https://example.com/a|b^c`d{e}", "https://example.com/a%7Cb%5Ec%60d%7Be%7D", "what RFC 3986 forbids is escaped"),
    ("https://example.com/A", "https://example.com/A", "case of the path can name another resource"),
    ("https://example.com/x.", "https://example.com/x.", "a full stop at the end may be the sentence's: kept"),
    # Query and fragment
    ("https://example.com/?", "https://example.com/", "an empty query is none"),
    ("https://example.com?x=1", "https://example.com/?x=1", "a slash before the query"),
    ("https://example.com/?UTM_Source=a&id=1", "https://example.com/?id=1", "tracking names in any case"),
    ("https://example.com/?utm%5Fsource=a&id=1", "https://example.com/?id=1", "tracking names in disguise"),
    ("https://example.com/?utm=7", "https://example.com/?utm=7", "a name that only begins like one is kept"),
    ("https://example.com/?feature=5", "https://example.com/?feature=5", "another value of it may select content"),
    ("https://example.com/?b=%2f&a=+", "https://example.com/?a=+&b=%2F", "plus is not a blank to every site: kept"),
    ("https://example.com/?a[]=1&a%5b%5d=0", "https://example.com/?a%5B%5D=0&a%5B%5D=1", "brackets meet their escapes"),
    ("https://example.com/?a='x'", "https://example.com/?a=%27x%27", "apostrophes as browsers send them"),
    ("https://example.com/?q=a#top", "https://example.com/?q=a", "plain fragment dropped"),
    ("https://app.example/#!/user/1", "https://app.example/#!/user/1", "hashbang: the fragment names the page"),
    ("https://app.example/#/room/%7ea", "https://app.example/#/room/~a", "a route in the fragment, escapes folded"),
    ("https://files.example/#F!id!key", "https://files.example/#F!id!key", "folder link of a file host"),
    ("https://app.example/#/a:~:text=x", "https://app.example/#/a", "text directive cut off a route"),
    # White space, control characters, wrapping
    ("https://exa\r\nmple.com/a\r\n/b", "https://example.com/a/b", "a link wrapped over lines is joined"),
    ("https://example.com/x\r\nX-Injected: 1", "https://example.com/xX-Injected:%201", "no line break survives"),
    ("\ufeff\u200e https://example.com/x\u200b\u00a0", "https://example.com/x", "invisible edges from copying"),
    ("<https://example.com/x>", "https://example.com/x", "angle brackets: RFC 3986 appendix C"),
    ("“https://example.com/x”", "https://example.com/x", "quotation marks around"),
    ("https://example.com/\x00x", None, "NUL"),
    ("https://example.com/\x1bx", None, "escape character"),
    ("https://example.com/\x7fx", None, "delete character"),
    ("https://example.com/\x85x", None, "C1 control character"),
    ("https://example.com/\ud800x", None, "a lone surrogate has no UTF-8 form"),
    ("https://a.example/1\nhttps://b.example/2", None, "two links: joining them would make a third"),
    ("https://a.example/1 hxxps[:]//b[.]example", None, "two links on one line, the second defanged"),
    ("https://web.archive.example/2020/https://a.example/", "https://web.archive.example/2020/https://a.example/",
     "a link inside a path is part of it"),
    ("https://example.com/" + "a" * (MAX_LINK - 20), "https://example.com/" + "a" * (MAX_LINK - 20), "just not too"),
    ("https://example.com/" + "a" * (MAX_LINK - 19), None, "one character too long"),
    ("https://example.com/" + "ä" * 700, None, "too long once its octets are escaped"),
    # Schemes
    ("htTp://example.com/", "http://example.com/", "mixed case"),
    ("https:example.com/x", "https://example.com/x", "browsers add the slashes"),
    ("https:/example.com/x", "https://example.com/x", "also a missing one"),
    ("https:////example.com/x", "https://example.com/x", "and drop those that are too many"),
    ("ftp://example.com:21/a/../b", "ftp://example.com/b", "ftp is read like http"),
    ("http.example:8080/x", "https://http.example:8080/x", "a host that begins with http is a host"),
    ("//user@example.com/x", "https://example.com/x", "scheme-relative with credentials"),
    ("TG://resolve?domain=Channel", "tg://resolve?domain=Channel", "a scheme in capitals, the rest as it is"),
    ("tg:resolve?domain=Channel&utm_source=x", "tg:resolve?domain=Channel&utm_source=x", "not the web: kept"),
    ("magnet:?xt=urn:btih:ABC&dn=a b", "magnet:?xt=urn:btih:ABC&dn=a%20b", "blanks escaped in opaque schemes too"),
    ("ipfs://QmAbC/a/../%7eb", "ipfs://QmAbC/a/../~b", "only escapes are touched"),
    ("ed2k://|file|a|1|AB|/", "ed2k://|file|a|1|AB|/", "bars belong to this scheme"),
    ("rtmp://[2001:db8::1]/live", "rtmp://[2001:db8::1]/live", "IPv6 outside the web kept"),
    ("view-source:https://example.com/", None, "names a browser's view"),
    ("file:///etc/passwd", None, "names a file of whoever reads it"),
    ("FILE://server/share", None, "in any case"),
    ("about:blank", None, "names nothing"),
    ("blob:https://example.com/1-2", None, "names memory of one browser"),
    ("JaVaScRiPt:alert(1)", None, "runs in whoever follows it"),
    ("javascript://example.com/%0aalert(1)", None, "also where it looks like a link"),
    ("java\nscript:alert(1)", None, "also with a line break inside"),
    ("vbscript:x", None, "the same"),
    ("mailto:a@example.com", None, "an address of a person"),
    ("Note: see there", None, "a word before a colon is no scheme"),
    ("C:\\videos\\1.mp4", None, "a path of somebody's disk"),
    ("\\\\server\\share", None, "a path of somebody's network"),
    ("/watch?v=1", None, "a path without a host"),
    ("tg://", None, "a scheme without anything"),
    ("https://?x=1", None, "no host before the query"),
    # What is not a link
    ("video", None, "a word"),
    ("see example.com", None, "a sentence"),
    ("user@example.com", None, "an e-mail address"),
    ("@user@social.example", None, "a handle"),
    ("social.example/@user", "https://social.example/@user", "the same account as a link"),
]  # fmt: skip


@pytest.mark.parametrize("case", PUBLISHED, ids=lambda case: f"{case['why']}: {case['input']!r}"[:80])
def test_the_published_cases(case: dict[str, str | None]) -> None:
    assert isinstance(case["input"], str)
    if case["canonical"] is None:
        with pytest.raises(LinkRefused):
            canonical_link(case["input"])
    else:
        assert canonical_link(case["input"]) == case["canonical"]


@pytest.mark.parametrize(("text", "canonical", "why"), CASES, ids=[f"{why}"[:60] for _, _, why in CASES])
def test_further_cases(text: str, canonical: str | None, why: str) -> None:
    if canonical is None:
        with pytest.raises(LinkRefused):
            canonical_link(text)
    else:
        assert canonical_link(text) == canonical, why
        assert canonical_link(canonical) == canonical


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "Send the address"),
        ("javascript:alert(1)", "Send the http or https address"),
        ("https://a.example https://b.example", "item of its own"),
        ("https://example.com/" + "a" * MAX_LINK, "Shorten it"),
        ("https://example.com:99999/", "Check the address"),
        ("user@example.com", "name the account"),
        ("video", "beginning with https://"),
    ],
)
def test_a_refusal_says_what_to_change(text: str, advice: str) -> None:
    with pytest.raises(LinkRefused, match=re.escape(advice)):
        canonical_link(text)


def test_a_platform_adds_its_own_tracking_parameters() -> None:
    link = "https://video.example/w?v=1&si=abc&share_to=x"
    assert canonical_link(link) == "https://video.example/w?share_to=x&si=abc&v=1"
    assert canonical_link(link, tracking=TRACKING_PARAMETERS | {"si", "share_*"}) == "https://video.example/w?v=1"
    assert canonical_link("https://video.example/?v=1&fbclid=1", tracking=frozenset()).endswith("/?fbclid=1&v=1")


URLISH = st.text(
    alphabet=st.sampled_from(list("aAzZ019.-_~%/\\?#[]@:!$&'()*+,;= <>\"{}|^`\t\r\nxhtpsftdoäßя。\u200b\u202e\x00\x7f"))
    | st.characters(),
    max_size=60,
)
PIECES = st.sampled_from(
    ["https://", "http:", "hxxps[:]//", "tg://", "magnet:?", "ipfs://", "//", "example.com", "evil[.]example", "[::1]",
     "xn--", "1.2.3.4", "0x7f.1", "user:pw@", ":443", ":99999", "/a", "/..", "/%2e", "%41", "%%34%31", "%7E", "?",
     "a=1", "&", "utm_source=x", "b=%2f", "#", "#!/x", ":~:", "[[.].]", "dot", "[/]", "]", "[", "view-source:", "ß"]
)  # fmt: skip
LINKS = st.one_of(
    st.text(),
    URLISH,
    URLISH.map(lambda rest: "https://example.com/" + rest),
    URLISH.map(lambda rest: "https://" + rest),
    URLISH.map(lambda rest: "tg://" + rest),
    st.lists(PIECES, max_size=8).map("".join),
    st.lists(st.one_of(PIECES, URLISH), max_size=5).map("".join),
)


@given(LINKS)
@settings(max_examples=1500, deadline=None)
@example("ipfs://]]x")
@example("ipfs://[[.].]x")
@example("https://example.com/%%34%31")
@example("https://example.com/#/a:%7E:b")
@example("rtmp:////x")
@example("magnet: %20 x")
def test_any_text_is_refused_or_has_one_plain_form_that_is_its_own(text: str) -> None:
    try:
        once = canonical_link(text)
    except LinkRefused:
        return
    assert re.fullmatch(r"[\x21-\x7e]+", once)
    assert len(once) <= MAX_LINK
    assert canonical_link(once) == once


LABEL = st.text(alphabet="abcxyz019-_n", min_size=1, max_size=8) | st.sampled_from(["xn--a", "www", "0x1", "9"])
SEGMENT = st.text(alphabet="abzAZ09.-_~!$&'()*+,;=:@", max_size=6) | st.sampled_from(["..", ".", "%41", ".x"])
PAIR = st.text(alphabet="abzAZ09.-_~!$()*+,;=:@/?", max_size=6) | st.sampled_from(["utm_source=x", "fbclid=1", ""])


@st.composite
def clean_links(draw: st.DrawFn) -> str:
    host = ".".join(draw(st.lists(LABEL, min_size=1, max_size=4)))
    path = "".join("/" + part for part in draw(st.lists(SEGMENT, max_size=4)))
    pairs = draw(st.lists(PAIR, max_size=4))
    return draw(st.sampled_from(["http://", "https://"])) + host + path + ("?" + "&".join(pairs) if pairs else "")


@given(clean_links() | LINKS)
@settings(max_examples=1500, deadline=None)
def test_the_short_way_and_the_parser_agree(text: str) -> None:
    try:
        long_way = _by_parser(text, TRACKING_PARAMETERS)
    except LinkRefused:
        with pytest.raises(LinkRefused):
            canonical_link(text)
    else:
        assert canonical_link(text) == long_way


@given(st.lists(st.sampled_from(["a=1", "a=2", "b", "c=", "a=1"]), min_size=1, max_size=6).flatmap(
    lambda pairs: st.tuples(st.just(pairs), st.permutations(pairs))
))  # fmt: skip
def test_the_order_of_the_query_never_matters_and_no_pair_is_lost(pairs: tuple[list[str], list[str]]) -> None:
    first, second = ("https://example.com/?" + "&".join(order) for order in pairs)
    assert canonical_link(first) == canonical_link(second)
    assert sorted(canonical_link(first).partition("?")[2].split("&")) == sorted(pairs[0])


@given(
    st.sampled_from(["evil.example", "a.b.evil.example"]), st.sampled_from(["[.]", "(.)", "{.}", "[dot]", " (DOT) "])
)
def test_all_defanged_notations_of_a_host_meet(host: str, dot: str) -> None:
    assert canonical_link("hxxps://" + host.replace(".", dot) + "/x") == f"https://{host}/x"


@pytest.mark.parametrize(
    "text",
    ["a" + " " * 2000 + "b", "x." * 1000 + ":", "[" * 1000 + "." + "]" * 1000, "https://" + "[.]" * 660,
     "https" + " " * 2000, "a" * 2000 + ":" + "/" * 40, "(.( " * 500, "https://a" + " dot" * 500, "\u200b " * 500_000,
     "https://example.com/" + "%41" * 670, "\n<" * 1000, "h" * 5_000_000],
    ids=range(12),
)  # fmt: skip
def test_a_text_made_to_be_slow_is_not(text: str) -> None:
    before = time.process_time()
    with contextlib.suppress(LinkRefused):
        canonical_link(text)
    assert time.process_time() - before < 0.1
