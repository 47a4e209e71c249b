"""What may stand in a query string."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import ValidationError, fields, validate

from ..core.codes import EffectState
from ..errors import DocumentRefused, FieldError
from .compiled import explain_with
from .fields import Code, Line, Timestamp
from .referrals import Strict


class Count(fields.Integer):
    """A number in plain digits: Python would also read those of other scripts, blanks and underscores."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not (isinstance(value, str) and value.isascii() and value.isdigit()):
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **kwargs)


class Since(Timestamp):
    """A time in an address, where a bare ``+`` is a blank."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str) and value[-6:-5] == " ":
            raise ValidationError("A + arrives as a blank here. Write it as %2B, or give the time in UTC, with Z.")
        return super()._deserialize(value, attr, data, **kwargs)


class Query(Strict):
    """A query string: unknown parameters are refused, as unknown fields are, and so are repeated ones."""

    limit = Count(load_default=50, validate=validate.Range(1, 200))

    @classmethod
    def read(cls, args: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Return the checked parameters. Raises ``DocumentRefused`` with a pointer for each fault."""
        loaded, faults = explain_with(cls(), {name: values[0] for name, values in args.items()})
        twice = [name for name, values in args.items() if len(values) > 1]
        faults += [FieldError(f"/{name}", "repeated", "Give this parameter once.") for name in twice]
        if faults:
            raise DocumentRefused(faults, "The query string breaks the contract.")
        return dict(loaded)


class ReferralsQuery(Query):
    """``GET /v1/referrals``."""

    cursor = Line(longest=1000)
    updated_since = Since()


class EventsQuery(Query):
    """``GET /v1/events``."""

    after = Line(longest=40)


class DeliveriesQuery(Query):
    """``GET /v1/deliveries``."""

    cursor = Line(longest=1000)
    state = Code(EffectState)
