"""marshmallow fields whose verdict is the verdict of the JSON Schema that they publish."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

_HOUR_AND_MINUTE = "([01][0-9]|2[0-3]):[0-5][0-9]"
#: RFC 3339 with seconds and an offset; years that every reader knows, and no leap second: hardly any reader takes one.
TIME_PATTERN = (
    rf"^(19|20)[0-9]{{2}}-[0-9]{{2}}-[0-9]{{2}}T{_HOUR_AND_MINUTE}:[0-5][0-9](\.[0-9]{{1,6}})?"
    rf"(Z|[+-]{_HOUR_AND_MINUTE})$"
)
#: BCP 47, as far as its shape goes.
LANGUAGE_PATTERN = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}$"
LINE_PATTERN = r"^[^\x00-\x1f\x7f]*$"
EMAIL_PATTERN = r"^[^@\x00-\x20\x7f]+@[^@\x00-\x20\x7f]+\.[^@\x00-\x20\x7f]+$"
COUNTRY_PATTERN = r"^[A-Z]{2}$"


class Pattern(validate.Validator):
    """A regular expression that must match the whole text; published as ``pattern``."""

    def __init__(self, pattern: str, *, error: str, longest: int | None = None) -> None:
        self.pattern = pattern
        self._error = error
        self._compiled = re.compile(pattern[1:-1])
        self._longest = longest

    def __call__(self, value: str) -> str:
        # marshmallow asks every validator, and some patterns take quadratic time: what is too long is refused already.
        if self._longest is not None and len(value) > self._longest:
            return value
        if not self._compiled.fullmatch(value):
            raise ValidationError(self._error)
        return value


class NoNul(validate.Validator):
    """No NUL, which not every database can keep; published as a ``not``, which costs next to nothing to check."""

    def __call__(self, value: str) -> str:
        if "\x00" in value:
            raise ValidationError("Take the NUL character out.")
        return value


class Timestamp(fields.String):
    """A time with its offset from UTC. A time without one names no moment and is refused."""

    def __init__(self, **options: Any) -> None:
        error = "Write the time as 2017-04-25T09:12:00+02:00, with seconds and with Z or the offset from UTC."
        super().__init__(validate=Pattern(TIME_PATTERN, error=error), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if re.fullmatch(TIME_PATTERN[1:-1], text):
            try:
                datetime.fromisoformat(text)
            except ValueError:
                raise ValidationError("There is no such day or time.") from None
        return text


class Flag(fields.Boolean):
    """true or false, and nothing that only looks like it."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:  # noqa: ARG002  marshmallow's own
        if not isinstance(value, bool):
            raise ValidationError("Write true or false.")
        return value


class Line(fields.String):
    """One line of text: no control characters."""

    def __init__(self, *, longest: int, **options: Any) -> None:
        checks = [validate.Length(min=1, max=longest), Pattern(LINE_PATTERN, error="Use one line of text.")]
        super().__init__(validate=checks, **options)


class Text(fields.String):
    """Text of any number of lines."""

    def __init__(self, *, longest: int, shortest: int = 1, **options: Any) -> None:
        super().__init__(validate=[validate.Length(min=shortest, max=longest), NoNul()], **options)


class Code(fields.String):
    """One word of a fixed list."""

    def __init__(self, codes: Any, **options: Any) -> None:
        super().__init__(validate=validate.OneOf([str(code) for code in codes]), **options)


class Codes(fields.List[Any]):
    """Words of a fixed list, at most ``most`` of them."""

    def __init__(self, codes: Any, *, most: int, least: int = 0, **options: Any) -> None:
        super().__init__(Code(codes), validate=validate.Length(min=least, max=most), **options)


class Shaped(fields.String):
    """A text of a given shape."""

    def __init__(self, pattern: str, *, error: str, longest: int = 320, **options: Any) -> None:
        checks = [validate.Length(max=longest), Pattern(pattern, error=error, longest=longest)]
        super().__init__(validate=checks, **options)


class Language(Shaped):
    """A language tag (BCP 47)."""

    def __init__(self, **options: Any) -> None:
        super().__init__(LANGUAGE_PATTERN, error="Write a language tag such as fr or sr-Latn.", longest=35, **options)


class Country(Shaped):
    """A country by two capital letters (ISO 3166-1; EL is understood as GR)."""

    def __init__(self, **options: Any) -> None:
        super().__init__(COUNTRY_PATTERN, error="Write a country as two capital letters.", longest=2, **options)


class Always(fields.Boolean):
    """A statement that can only be true, such as good faith."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:  # noqa: ARG002  marshmallow's own
        if value is not True:
            raise ValidationError("This must be true.")
        return value


class Const(fields.String):
    """Exactly one text."""

    def __init__(self, value: str, **options: Any) -> None:
        self.value = value
        super().__init__(validate=validate.Equal(value), **options)


class OneOfKind(fields.Field[Any]):
    """An object whose ``kind`` says which schema it follows."""

    def __init__(self, kinds: Mapping[str, type[Schema]], **options: Any) -> None:
        self.kinds = {kind: schema() for kind, schema in kinds.items()}
        super().__init__(**options)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:  # noqa: ARG002  marshmallow's own
        if not isinstance(value, dict):
            raise ValidationError("Write an object.")
        if "kind" not in value:
            raise ValidationError({"kind": ["Missing data for required field."]})
        kind = value["kind"]
        if not isinstance(kind, str) or kind not in self.kinds:
            raise ValidationError({"kind": [f"Choose one of: {', '.join(self.kinds)}."]})
        return self.kinds[kind].load(value)
