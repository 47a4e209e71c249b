"""What is wrong with a document, in the words of whoever reads it on a page. The API says the same in English.

The rules say it in English (``FieldError.detail``), with what they found or allow in the middle: here stands each such
sentence with names for those places. What is not here is shown as it is; a test asks for every sentence of the rules.
"""

from __future__ import annotations

import re
from functools import cache

from .texts import N_, Texts

#: Sentences of the contract, of the rules beyond it, and of the readers of others' formats.
SENTENCES = (
    # marshmallow's own
    N_("Not a valid string."),
    N_("Not a valid list."),
    N_("Not a valid integer."),
    N_("Not a valid boolean."),
    N_("Invalid input type."),
    N_("Must be one of: %(choices)s."),
    N_("Must be equal to %(other)s."),
    N_("Length must be between %(least)s and %(most)s."),
    N_("Longer than maximum length %(most)s."),
    N_("Shorter than minimum length %(least)s."),
    # the contract
    N_("This field is missing. Add it."),
    N_("This field is not known here. Take it out, or check its spelling."),
    N_("Leave the field out instead of sending null."),
    N_("Send one JSON object."),
    N_("Write an object."),
    N_("Write true or false."),
    N_("Choose one of: %(choices)s."),
    N_("Write the digest in hexadecimal."),
    N_("A %(algorithm)s digest has %(digits)s hexadecimal digits."),
    N_("Write the handle as @name: at most one @, a name behind it, and no blanks."),
    N_("Give at least one of url, id and handle."),
    N_("Not an id."),
    # what no schema can say
    N_("This lies in the future; it is %(now)s here. Check the clock and offset."),
    N_("Another item of this referral has the same reference."),
    N_("Another referral of this agency has this reference: %(id)s. Give it a reference of its own."),
    N_("There is no such question about this referral."),
    N_("The link is longer than %(most)s characters when written in ASCII. Shorten it."),
    N_("The link is longer than %(most)s characters. Shorten it."),
    N_("Links of the kind %(kind)s name no content here. Send the http or https address of the content."),
    # JSON
    N_("The body is not UTF-8: byte %(place)s cannot be read."),
    N_("The body is not JSON: %(why)s at %(place)s."),
    N_("The body is nested deeper than %(levels)s levels."),
    N_("The body holds a number of thousands of digits. Write it as text."),
    N_("The field %(name)s stands twice in one object. Keep one."),
    N_("%(name)s is not JSON. Leave the field out instead."),
    N_("The body holds a number that is too large."),
    N_("The body holds half a surrogate pair (\\ud800 to \\udfff alone). Take it out."),
    N_("The body holds a NUL character (\\u0000). Take it out."),
    # X-ARF
    N_("Send one X-ARF report: a JSON object."),
    N_("Take out the NUL character or the half of a surrogate pair."),
    N_("Send a number of at most 64 bits."),
    N_("Send a finite number."),
    N_("Send JSON: objects, lists, texts, numbers, true, false and null."),
    N_("X-ARF is not nested deeper than %(levels)s levels. Check the document."),
    N_("Name every field by a text without NUL and surrogates."),
    N_("This field is missing. %(advice)s"),
    N_("Send org, contact and domain."),
    N_("Send an object with %(names)s."),
    N_("Send a list."),
    N_("Send a number of octets."),
    N_("Send a text."),
    N_("Send a UUID."),
    N_("Send a time such as 2025-01-11T15:15:24Z, with Z or the offset from UTC."),
    N_("Send an IP address, a domain or another identifier."),
    N_("Send the type of abuse in one line of text."),
    N_("Send the organisation's name in one line of text."),
    N_("Send an e-mail address."),
    N_("Send the organisation's domain."),
    N_("Send a media type such as image/png."),
    N_("Send the evidence in base64, at most 5 MiB of it."),
    N_("Send a digest as sha256:hex."),
    N_("This reader takes X-ARF version 4, for example 4.2.0."),
    N_("Use one of %(choices)s."),
    N_("Use at most %(limit)s characters."),
    N_("X-ARF allows at most %(most)s of these."),
    N_("X-ARF allows no further fields in this object. Move them to the report itself. Found: %(names)s."),
    N_("Shorten this: a referral gives its reasons in %(most)s characters."),
)
_PLACE = re.compile(r"%\((\w+)\)s")


def told(texts: Texts, detail: str) -> str:
    """Return a sentence of the rules in the person's language where the catalogue has it, else as it is."""
    if texts.language == "en" or not detail:
        return detail
    known = texts.gettext(detail)
    if known != detail:
        return known
    for message, shape in _shapes():
        match = shape.fullmatch(detail)
        if match is not None:
            values = match.groupdict()
            if "advice" in values:
                values["advice"] = told(texts, values["advice"])
            return texts.gettext(message, **values)
    return detail


@cache
def _shapes() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((one, _shape(one)) for one in SENTENCES if "%(" in one)


def _shape(message: str) -> re.Pattern[str]:
    """Return what a sentence looks like once its places are filled in."""
    parts = _PLACE.split(message)
    found = "".join(f"(?P<{part}>.+)" if at % 2 else re.escape(part) for at, part in enumerate(parts))
    return re.compile(found, re.DOTALL)
