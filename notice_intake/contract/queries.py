"""What may stand in a query string."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from ..errors import DocumentRefused
from .compiled import explain_with
from .fields import Line, Timestamp
from .referrals import Strict


class Query(Strict):
    """A query string: unknown parameters are refused, as unknown fields are."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))

    @classmethod
    def read(cls, args: Mapping[str, str]) -> dict[str, Any]:
        """Return the checked parameters. Raises ``DocumentRefused`` with a pointer for each fault."""
        loaded, faults = explain_with(cls(), args)
        if faults:
            raise DocumentRefused(faults, "The query string breaks the contract.")
        return dict(loaded)


class ReferralsQuery(Query):
    """``GET /v1/referrals``."""

    cursor = Line(longest=1000)
    updated_since = Timestamp()


class EventsQuery(Query):
    """``GET /v1/events``."""

    after = Line(longest=40)
