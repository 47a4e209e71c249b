"""Lists of texts as one parameter."""

from __future__ import annotations

from sqlalchemy import JSON, String, TableValuedAlias, bindparam, cast, func


def texts_in(parameter: str, *, column: str) -> TableValuedAlias:
    """Return the texts of a JSON array as rows of one column, on PostgreSQL.

    For an array of the database's own the driver takes ten times as long.
    """
    given = cast(bindparam(parameter, type_=String), JSON)
    return func.json_array_elements_text(given).table_valued(column).render_derived()
