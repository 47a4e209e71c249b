"""The desk's catalogues: which messages there are, and how to bring the files up to date.

``python tests/web/desk/catalogues.py`` rewrites every ``.po`` and ``.mo``: new messages come in untranslated, gone ones
go out. A test fails while one is missing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

import notice_intake
from notice_intake.core import catalogue as official
from notice_intake.formats import received
from notice_intake.web.texts import DOMAIN, LANGUAGES

PACKAGE = Path(notice_intake.__file__).parent
KEYWORDS = {"_": None, "_h": None, "N_": None, "gettext": None, "html": None, "_n": (1, 2), "ngettext": (1, 2)}
DATED = datetime(2026, 11, 21, tzinfo=UTC)
TRANSLATED = tuple(language for language in LANGUAGES if language != "en")

Message = str | tuple[str, str]


def messages() -> dict[Message, list[str]]:
    """Return every message of the desk's sources, with where it stands; the Commission's own words included."""
    found: dict[Message, list[str]] = {}
    sources = [(path, "jinja2.ext:babel_extract") for path in sorted((PACKAGE / "templates").rglob("*.html"))]
    sources += [(path, "python") for path in sorted((PACKAGE / "web").rglob("*.py"))]
    for path, method in sources:
        for _, message, _, _ in extract_from_file(method, path, keywords=KEYWORDS):
            if message:
                found.setdefault(message if isinstance(message, str) else tuple(message[:2]), []).append(path.name)
    for label in {**official.NOTICE_CATEGORIES, **official.ORDER_CATEGORIES, **official.KEYWORDS}.values():
        found.setdefault(label, []).append("catalogue.py")
    for sentence in {**received.SAYS, **received.NOTES}.values():
        found.setdefault(sentence, []).append("received.py")
    return found


def po_file(language: str) -> Path:
    """Return where the translations into a language stand."""
    return PACKAGE / "translations" / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(language: str) -> Catalog:
    """Read a catalogue as it stands."""
    with po_file(language).open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def compiled(catalogue: Catalog) -> bytes:
    """Return the bytes of the ``.mo`` that goes with a catalogue."""
    buffer = BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def fresh(language: str) -> Catalog:
    """Return a catalogue with exactly today's messages and the translations that are known."""
    old = read(language) if po_file(language).exists() else Catalog(locale=language)
    # Fixed dates: the same messages give the same bytes.
    new = Catalog(
        locale=language,
        domain=DOMAIN,
        project="notice_intake",
        version="1",
        creation_date=DATED,
        revision_date=DATED,
        last_translator="notice_intake",
        language_team=language,
        msgid_bugs_address="none",
        header_comment="# The desk's words. Apache-2.0, like the package.",
        fuzzy=False,
    )
    for message, places in sorted(messages().items(), key=str):
        known = old.get(message if isinstance(message, str) else message[0])
        new.add(message, known.string if known else None, locations=[(place, None) for place in sorted(set(places))])
    return new


def update() -> None:
    """Rewrite every file."""
    for language in TRANSLATED:
        catalogue = fresh(language)
        po_file(language).parent.mkdir(parents=True, exist_ok=True)
        with po_file(language).open("wb") as file:
            write_po(file, catalogue, width=120, omit_header=False, sort_output=False)
        po_file(language).with_suffix(".mo").write_bytes(compiled(read(language)))
        missing = [one.id for one in catalogue if one.id and not all(one.string if one.pluralizable else [one.string])]
        print(f"{language}: {len(catalogue)} messages, {len(missing)} not translated")


if __name__ == "__main__":
    update()
