"""One form for every spelling of a link.

Agencies write one address in many ways: defanged, in capitals, with share parameters, with the host in its own
script. ``canonical_link`` gives all of them one key, under which duplicates meet. The key never replaces the link as
sent and is never fetched; whoever shows one as a hyperlink checks for ``http`` and ``https`` first.

Parsing is that of browsers (the WHATWG URL Standard, by ada); everything after it is policy, and its guiding rule is
that a duplicate found late costs a moderator a minute, but two contents under one key cost a wrong decision. So what
may name another content stays in the key.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from ada_url import parse_url

from ..errors import LinkRefused


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Longer links are refused, as written and as canonical form.
MAX_LINK: Final = 2048

#: Query parameters that say who shared a link, not what it names: a name in lower case, a name's beginning followed
#: by ``*``, or a whole pair ``name=value`` where the name alone may mean something elsewhere. Add your platform's own
#: with ``TRACKING_PARAMETERS | {"si"}``.
TRACKING_PARAMETERS: Final = _words(
    """
    utm_* mtm_* pk_campaign pk_kwd pk_source pk_medium pk_content piwik_campaign piwik_kwd hsa_* vero_id vero_conv
    fbclid gclid gclsrc dclid gbraid wbraid srsltid msclkid yclid ysclid ymclid twclid ttclid li_fat_id epik rdt_cid
    mc_cid mc_eid mkt_tok _hsenc _hsmi _openstat oly_anon_id oly_enc_id s_cid icid ref_src ref_url igshid igsh
    mibextid __cft__* __tn__ fb_action_ids fb_action_types fb_ref fb_source action_object_map action_type_map
    is_from_webapp sender_device sender_web_id share_app_id share_link_id share_item_id tt_from u_code
    feature=share feature=shared feature=youtu.be feature=emb_logo feature=emb_title
    spm wt_mc wt_zmc _ga _gl _branch_match_id _branch_referrer guce_referrer guce_referrer_sig
    """
)

# The schemes whose host is a domain name to browsers too; all others are kept as written.
_WEB = frozenset({"http", "https", "ftp", "ws", "wss"})
# Schemes that name no content of a platform, or that run something in whoever follows them.
_REFUSED = _words(
    "about blob chrome chrome-extension chrome-error data edge feed file filesystem intent jar javascript ldap ldaps "
    "livescript mailto mocha moz-extension ms-appx ms-settings opera res resource sms smb ssh tel vbscript "
    "view-source wyciwyg"
)
# Without "//" after it nearly any word before a colon would pass for a scheme ("Note: see there").
_OPAQUE = _words("acct at ed2k ipfs ipns magnet matrix nostr sgnl spotify tg urn whatsapp xmpp")

# What copying out of a mail, a table or a PDF leaves around a link.
_EDGES = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SECOND_LINK = re.compile(r"(?<=\S)\s+[<\"'(]?[a-z*_]{2,10}\[?:\]?//", re.IGNORECASE)

# Already canonical but for the query: such links skip the parser. A segment that starts with a dot may be a dot
# segment, a label that starts with xn-- may be wrong, a last label with digits may be an IPv4 address: not here.
_FAST = re.compile(
    r"(https?://(?=[^/?]{1,253}(?:[/?]|\Z))(?:(?!xn--)[a-z0-9_-]{1,63}\.)+(?!xn--)[a-z]{2,63})"
    r"((?:/(?!\.)[A-Za-z0-9._~!$&'()*+,;=:@-]*)*)"
    r"(?:\?([A-Za-z0-9._~!$&()*+,;=:@/?-]*))?"
)

# Repeats are bounded: an unbounded one before an optional one takes quadratic time on a text made for it.
_OPEN, _CLOSE = r"[\[({<]", r"[\])}>]"
_HOST_AND_PORT = re.compile(rf"([^\s/\\?#@:]+):{_CLOSE}?[0-9]{{1,5}}(?=[/\\?#]|\Z)")
_SLASHES = r"[/\\]{2,}"
_SCHEME = re.compile(
    r"([a-z][a-z0-9+.*_-]*)\s{0,3}"
    rf"(:\s{{0,3}}{_SLASHES}|{_OPEN}:{_CLOSE}\s{{0,3}}{_SLASHES}|{_OPEN}:{_SLASHES}{_CLOSE}|:{_OPEN}{_SLASHES}{_CLOSE}|:)",
    re.IGNORECASE,
)
_NOT_SLASH = re.compile(r"[^/\\]")
_DEFANGED_HTTP = re.compile(r"(?:h[tx*_]{2}p|ttp)(s?)")
_DEFANGED_FTP = re.compile(r"f[x*_]p")
_VALID_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_HEAD_END = re.compile(r"[/\\?#]|[\[({<]/")
_DOT = re.compile(
    rf"\s{{0,3}}{_OPEN}\s?(?:\.|dot|d0t)\s?{_CLOSE}\s{{0,3}}|\s{{1,3}}dot\s{{1,3}}|{_OPEN}\.|\.{_CLOSE}", re.IGNORECASE
)
_COLON = re.compile(rf"{_OPEN}:{_CLOSE}")
_SLASH = re.compile(rf"{_OPEN}/{_CLOSE}")

_ESCAPE = r"%[0-9A-Fa-f]{2}"
_ODD_IN_WEB = re.compile(rf"{_ESCAPE}|[^A-Za-z0-9._~!$&'()*+,;=:@/?-]")
_ODD_ELSEWHERE = re.compile(rf"{_ESCAPE}|[^A-Za-z0-9._~!$&'()*+,;=:@/?#|\[\]-]")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# Fragments that name a page of an application that lives in one page: "#!/x", "#F!x", "#/x", "#@x".
_ROUTE = re.compile(r"(?:[A-Za-z]?!|[/@]).")
_DIGITS_AND_DOTS = re.compile(r"[0-9.]+")


def canonical_link(text: str, *, tracking: frozenset[str] = TRACKING_PARAMETERS) -> str:
    """Return the one form of a link as agencies write it: printable ASCII, no spaces, at most ``MAX_LINK`` long.

    The form of a canonical link is itself. Raises ``LinkRefused``, and nothing else, for what cannot be read as the
    address of one content; its text says what the sender has to change.
    """
    if len(text) < MAX_LINK and (fast := _FAST.fullmatch(text)):
        start, path, query = fast.groups()
        return f"{start}{path or '/'}{_query(query, tracking) if query else ''}"
    return _by_parser(text, tracking)


def _by_parser(text: str, tracking: frozenset[str]) -> str:
    """Do what ``canonical_link`` promises, for any text."""
    text = _tidied(text)
    scheme, rest = _scheme_and_rest(text)
    link = _web_link(scheme, rest, tracking) if scheme is None or scheme in _WEB else _other_link(scheme, rest)
    if len(link) > MAX_LINK:
        raise LinkRefused(f"The link is longer than {MAX_LINK} characters when written in ASCII. Shorten it.")
    return link


def _tidied(text: str) -> str:
    """Take away what copying has put around and into the link; refuse what cannot be a part of any."""
    text = text.strip(_EDGES)
    for opening, closing in ("<>", '""', "''", "“”", "«»"):
        if len(text) > 1 and text[0] == opening and text[-1] == closing:
            text = text[1:-1].strip(_EDGES)
    if not text:
        raise LinkRefused("The link is empty. Send the address of the content.")
    if len(text) > MAX_LINK:
        raise LinkRefused(f"The link is longer than {MAX_LINK} characters. Shorten it.")
    if _SECOND_LINK.search(text):
        raise LinkRefused("There is more than one link here. Send each link as an item of its own.")
    text = text.replace("\r", "").replace("\n", "").replace("\t", "")
    if _CONTROL.search(text):
        raise LinkRefused("The link holds control characters. Remove them.")
    return text


def _scheme_and_rest(text: str) -> tuple[str | None, str]:
    """Split at the scheme, defanged or not; None where the link has none. Hierarchical rests keep their slashes."""
    if text.startswith("//"):
        return "https", text
    with_port = _HOST_AND_PORT.match(text)
    found = _SCHEME.match(text)
    if found is None or (with_port and "." in with_port[1]):
        return None, text
    scheme, rest = found[1].lower(), text[found.end() :].lstrip()
    slashes = _NOT_SLASH.sub("", found[2]).replace("\\", "/")
    if defanged := _DEFANGED_HTTP.fullmatch(scheme):
        scheme = "http" + defanged[1]
    elif _DEFANGED_FTP.fullmatch(scheme):
        scheme = "ftp"
    if not _VALID_SCHEME.fullmatch(scheme) or scheme in _REFUSED or not (slashes or scheme in _WEB | _OPAQUE):
        raise LinkRefused(
            f"Links of the kind {scheme[:20]!r} name no content here. Send the http or https address of the content."
        )
    return scheme, slashes + rest


def _web_link(scheme: str | None, rest: str, tracking: frozenset[str]) -> str:
    """Read as a browser does, then apply the policy; a bare host gets ``https``."""
    head, tail = _refanged(rest.lstrip("/\\") if scheme else rest)
    if scheme is None:
        _check_bare(head)
    try:
        url = parse_url(
            f"{scheme or 'https'}://{head}{tail}",
            attributes=("protocol", "hostname", "port", "pathname", "search", "hash"),
        )
    except ValueError:
        raise LinkRefused("The host or the port of the link is not valid. Check the address.") from None
    host = _host(url["hostname"])
    if scheme is None:
        _check_bare_host(host, head)
    port = f":{url['port']}" if url["port"] else ""
    fragment = _cleaned(url["hash"][1:]).partition(":~:")[0]
    return "".join(
        (
            f"{url['protocol']}//{host}{port}{_cleaned(url['pathname'])}",
            _query(_cleaned(url["search"][1:]), tracking),
            f"#{fragment}" if _ROUTE.match(fragment) else "",
        )
    )


def _other_link(scheme: str, rest: str) -> str:
    """Keep the link as it is apart from escapes and from defanged notation in what stands where a host would."""
    rest = _cleaned(rest, _ODD_ELSEWHERE)
    if rest.startswith("//"):
        rest = "//" + "".join(_refanged(rest[2:]))
    if not rest.strip("/?#"):
        raise LinkRefused("The link names nothing after its scheme. Send the whole address of the content.")
    return f"{scheme}:{rest}"


def _refanged(rest: str) -> tuple[str, str]:
    """Undo defanged notation before the path; return the host with what belongs to it, and what follows."""
    for _ in range(4):
        found = _HEAD_END.search(rest)
        end = found.start() if found else len(rest)
        head, tail = rest[:end], rest[end:]
        head, tail = _COLON.sub(":", _DOT.sub(".", head)), "/" + tail[3:] if _SLASH.match(tail) else tail
        if head + tail == rest:
            return head, tail
        rest = head + tail
    raise LinkRefused("The brackets in the host of the link are not clear. Send the link as it stands in a browser.")


def _check_bare(head: str) -> None:
    if "@" in head:
        raise LinkRefused("This looks like an e-mail address or a handle. Send a link, or name the account as such.")
    if not head:
        raise LinkRefused("The link has no host. Send the whole address, beginning with https://.")


def _check_bare_host(host: str, head: str) -> None:
    """Refuse words and numbers that only a guess would take for a host."""
    is_number = _DIGITS_AND_DOTS.fullmatch(host) is not None and not head.startswith(host)
    if is_number or not ("." in host or host.startswith("[")):
        raise LinkRefused("This is not a link. Send the whole address, beginning with https://.")


def _host(name: str) -> str:
    """Drop the root dot; refuse what no name server could answer (RFC 1035 section 2.3.4)."""
    name = name.removesuffix(".")
    if not name.startswith("[") and (len(name) > 253 or not all(0 < len(label) < 64 for label in name.split("."))):
        raise LinkRefused("The host of the link is not valid: a part of its name is empty or too long.")
    return name


def _query(query: str, tracking: frozenset[str]) -> str:
    """Sort the pairs by their bytes, without empty ones and those that only track."""
    pairs = query.split("&")
    beginnings = _beginnings(tracking)
    kept = sorted(pair for pair in pairs if pair and not _tracks(pair, tracking, beginnings))
    return "?" + "&".join(kept) if kept else ""


def _tracks(pair: str, tracking: frozenset[str], beginnings: tuple[str, ...]) -> bool:
    name = pair.partition("=")[0].lower()
    return name in tracking or pair in tracking or name.startswith(beginnings)


@lru_cache(maxsize=8)
def _beginnings(tracking: frozenset[str]) -> tuple[str, ...]:
    return tuple(name[:-1] for name in tracking if name.endswith("*"))


def _cleaned(part: str, odd: re.Pattern[str] = _ODD_IN_WEB) -> str:
    """Decode unreserved octets, write other escapes in capitals, escape what a URI may not hold (RFC 3986 6.2.2)."""
    return odd.sub(_clean_escape, part) if odd.search(part) else part


def _clean_escape(found: re.Match[str]) -> str:
    text = found[0]
    if len(text) == 3:
        char = chr(int(text[1:], 16))
        return char if char in _UNRESERVED else text.upper()
    return "".join(f"%{octet:02X}" for octet in text.encode())
