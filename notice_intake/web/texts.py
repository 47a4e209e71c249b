"""The desk's words, dates and directions in one language.

Catalogues are read with Babel from the package's own domain; nothing of the host's translations is touched or needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.dates import format_datetime
from babel.support import NullTranslations, Translations
from markupsafe import Markup, escape

DOMAIN = "notice_intake"
#: The languages with a complete catalogue; English is the source.
LANGUAGES = ("en", "de", "fr", "ar")

_FOLDER = Path(__file__).resolve().parent.parent / "translations"


def N_(message: str) -> str:
    """Mark a message for the catalogue where it is written, to be translated where it is shown."""
    return message


#: What is left of a stretch of time; the same four shapes are handed to the script that keeps them running.
SHAPES = {
    "days": N_("%(d)s d %(h)s h"),
    "hours": N_("%(h)s h %(m)s min"),
    "minutes": N_("%(m)s min"),
    "seconds": N_("%(m)s min %(s)s s"),
    "over": N_("%(time)s over"),
}


@dataclass(frozen=True, slots=True)
class Texts:
    """Every word and date of a page, in one language."""

    language: str
    locale: Locale
    catalogue: NullTranslations

    @property
    def direction(self) -> str:
        """``ltr`` or ``rtl``."""
        return str(self.locale.text_direction)

    def gettext(self, message: str, **values: object) -> str:
        """Return ``message`` in this language, with ``%(name)s`` filled in."""
        text = str(self.catalogue.gettext(message)) if message else ""
        return text % values if values else text

    def ngettext(self, singular: str, plural: str, number: int, **values: object) -> str:
        """Return the form of a message that goes with ``number``, which fills ``%(n)s``."""
        return str(self.catalogue.ngettext(singular, plural, number)) % {"n": self.number(number), **values}

    def html(self, message: str, **values: object) -> Markup:
        """Like ``gettext``, for values that carry mark-up; everything else is escaped."""
        return Markup(escape(self.catalogue.gettext(message))) % values  # noqa: S704 - escaped in the same breath

    def number(self, value: int) -> str:
        """Return a whole number with thin groups, so that long ones can be read at a glance."""
        return f"{value:,}".replace(",", "\u202f")

    def moment(self, at: datetime) -> str:
        """Return a full date and time, in UTC and saying so."""
        return f"{format_datetime(at.astimezone(UTC), 'd MMM y, HH:mm', locale=self.locale)} UTC"

    def short(self, at: datetime, now: datetime) -> str:
        """Return a time of today, or a day and a time, in UTC; of another year with its year."""
        then, today = at.astimezone(UTC), now.astimezone(UTC)
        shape = "HH:mm" if then.date() == today.date() else "d MMM, HH:mm"
        return format_datetime(then, shape if then.year == today.year else "d MMM y, HH:mm", locale=self.locale)

    def left(self, at: datetime, now: datetime) -> str:
        """Return how much time is left until ``at``, or how much it is over."""
        seconds = int((at - now).total_seconds())
        text = self._stretch(abs(seconds))
        over = SHAPES["over"]
        return text if seconds >= 0 else self.gettext(over, time=text)

    def shapes(self) -> dict[str, str]:
        """Return the shapes of ``left`` in this language."""
        return {name: self.gettext(message) for name, message in SHAPES.items()}

    def territory(self, code: str) -> str:
        """Return the name of a country, or its code where there is none."""
        return str(self.locale.territories.get(code, code))

    def tongue(self, tag: str | None) -> str:
        """Return the name of a language, or its tag where there is none."""
        if not tag:
            return ""
        try:
            name = Locale.parse(tag.replace("-", "_")).get_display_name(self.locale)
        except (UnknownLocaleError, ValueError):
            name = None
        return name or tag

    def joined(self, values: Iterable[str]) -> str:
        """Return a list as one line."""
        return self.gettext(", ").join(values)

    def _stretch(self, seconds: int) -> str:
        minutes, second = divmod(seconds, 60)
        hours, minute = divmod(minutes, 60)
        values: dict[str, object] = {"m": minutes, "s": f"{second:02}"}
        shape = "minutes" if minutes >= 5 else "seconds"
        if hours:
            shape, values = "hours", {"h": hours, "m": f"{minute:02}"}
        if hours >= 48:
            shape, values = "days", {"d": hours // 24, "h": hours % 24}
        message = SHAPES[shape]
        return self.gettext(message, **values)


@cache
def texts_in(language: str) -> Texts:
    """Return the texts in one of ``LANGUAGES``."""
    locale = Locale.parse(language)
    if language == "en":
        return Texts(language, locale, NullTranslations())
    return Texts(language, locale, Translations.load(_FOLDER, [language], domain=DOMAIN))


def choose_language(wishes: Sequence[str | None], accepted: Sequence[str]) -> str:
    """Return the first wish that has a catalogue, else the best of what the browser accepts, else English."""
    for wish in wishes:
        found = negotiate_locale([wish], LANGUAGES, sep="-") if wish else None
        if found:
            return found
    return negotiate_locale(list(accepted), LANGUAGES, sep="-") or "en"


def own_name(language: str) -> str:
    """Return what speakers of a language call it."""
    return str(Locale.parse(language).get_display_name(language) or language)
