"""What an item names, and what the platform says that this is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from .codes import TargetKind

#: Longer keys are shortened by their digest: no database indexes texts of any length.
LONGEST_KEY = 300


def bounded_key(key: str) -> str:
    """Return ``key``, or where it is too long for an index its beginning and its SHA-256."""
    if len(key) <= LONGEST_KEY:
        return key
    return f"{key[:100]} sha256:{hashlib.sha256(key.encode()).hexdigest()}"


#: How long the words of a platform for a kind and a language can be.
KIND_LENGTH, LANGUAGE_LENGTH = 20, 35
#: What no text of a database can hold: PostgreSQL refuses NUL and halves of surrogate pairs.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


# None of these is frozen, though nobody may change one: a stream makes hundreds of thousands, at three times the cost.
@dataclass(slots=True, unsafe_hash=True)
class Hash:
    """A digest of a file, as the agency gave it."""

    #: ``sha-256``, ``md5``, ``pdq`` and so on.
    algorithm: str
    #: Hexadecimal, lower case.
    value: str


@dataclass(slots=True, unsafe_hash=True)
class Target:
    """One URL, account, channel or file, as an agency names it."""

    kind: TargetKind
    #: The link exactly as the agency wrote it, or None.
    url: str | None = None
    #: ``canonical_link(url)``: the key under which two spellings of a link meet. Never fetched.
    link: str | None = None
    #: The platform's own id of the account or channel, where the agency knows it.
    id: str | None = None
    #: The name under which the account or channel goes, without a leading ``@``.
    handle: str | None = None
    hashes: tuple[Hash, ...] = ()

    @property
    def key(self) -> str:
        """The key of the case where the platform cannot resolve the target, short enough for an index."""
        return bounded_key(self._plain_key)

    @property
    def _plain_key(self) -> str:
        if self.link is not None:
            return "link:" + self.link
        if self.id is not None:
            return f"{self.kind}-id:{self.id}"
        if self.handle is not None:
            return f"{self.kind}-handle:{self.handle.casefold()}"
        return "hash:" + min(f"{h.algorithm}:{h.value}" for h in self.hashes)


@dataclass(slots=True, unsafe_hash=True)
class Part:
    """One piece of content to be looked at: a text, a picture, a video."""

    #: ``text``, ``image``, ``video`` or ``audio``.
    kind: str
    #: The text itself, or what a person who cannot see the medium is told about it.
    text: str = ""
    #: Where the moderator's browser gets the medium: an address of the host itself, behind the host's own log-in.
    url: str | None = None


@dataclass(slots=True, unsafe_hash=True)
class Content:
    """What the platform says about the content that a target names."""

    #: The platform's own stable id. Items whose content has one key become one case.
    key: str
    #: In the platform's words: ``video``, ``post``, ``account``, ``channel`` …
    kind: str
    title: str = ""
    #: False where the content is known but no longer there.
    live: bool = True
    #: The platform's id of whoever uploaded it, and the name to show to the moderator.
    uploader: str | None = None
    uploader_name: str | None = None
    language: str | None = None
    published_at: datetime | None = None
    parts: tuple[Part, ...] = ()
    #: Further facts worth a moderator's eye, in the order to be shown: views, followers, earlier removals …
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def case_key(self) -> str:
        """The key of the case that holds this content."""
        return bounded_key("content:" + self.key)


def storable(content: object) -> Content:
    """Return what a platform said about content, fit for every database: a title with a NUL must keep no order out.

    Raises ``TypeError`` or ``ValueError`` for an answer that names no content: no ``Content``, or one without a key.
    """
    if not isinstance(content, Content):
        raise TypeError(f"resolve() answers with Content or None, not with {type(content).__name__}")
    if not isinstance(content.key, str) or not content.key or UNSTORABLE.search(content.key):
        raise ValueError("a Content needs a key: a text that is not empty, without NUL and lone surrogates")
    if _is_clean(content):
        return content
    return replace(
        content,
        kind=_clean(content.kind)[:KIND_LENGTH] or "other",
        title=_clean(content.title),
        uploader=_clean(content.uploader) or None,
        uploader_name=_clean(content.uploader_name) or None,
        language=_clean(content.language)[:LANGUAGE_LENGTH] or None,
        parts=tuple([replace(one, text=_clean(one.text), url=_clean(one.url) or None) for one in content.parts]),
        facts={_clean(name): _clean(value) for name, value in content.facts.items()},
    )


def _is_clean(content: Content) -> bool:
    """Say whether all texts are fit as they are, as nearly all are: one search instead of many."""
    kind, language = content.kind, content.language or ""
    texts = [kind, content.title, content.uploader or "", content.uploader_name or "", language]
    empty = content.uploader == "" or content.uploader_name == "" or content.language == ""
    for one in content.parts:
        texts += (one.text, one.url or "")
        empty = empty or one.url == ""
    if content.facts:
        texts += (*content.facts.keys(), *content.facts.values())
    try:
        together = "".join(texts)
    except TypeError:
        return False
    fits = 0 < len(kind) <= KIND_LENGTH and len(language) <= LANGUAGE_LENGTH
    plain = together.isascii() and "\0" not in together
    return fits and not empty and (plain or not UNSTORABLE.search(together))


def _clean(text: object) -> str:
    return UNSTORABLE.sub("\ufffd", str(text)) if text is not None else ""
