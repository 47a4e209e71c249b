"""Characters that no text of a database can hold: kept out once, where a request for a page comes in.

PostgreSQL refuses NUL and halves of surrogate pairs even in a question, so that an address with one would be a fault.
"""

from __future__ import annotations

from flask import Request
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import NotFound

from ..core.targets import UNSTORABLE


def is_storable(text: str) -> bool:
    """Say whether a database can be asked about a text."""
    return UNSTORABLE.search(text) is None


def keep_out(request: Request) -> None:
    """Raise ``NotFound`` for an id in the path that nothing can have; have a filter with such a character find nothing.

    Forms are left as they are: each refuses such a text beside its field, and nothing that was typed is lost.
    """
    if not all(is_storable(str(value)) for value in (request.view_args or {}).values()):
        raise NotFound
    given = list(request.args.items(multi=True))
    if not all(is_storable(value) for _, value in given):
        # As such a character is shown everywhere: what is asked for still stands on the page, and nothing equals it.
        request.args = ImmutableMultiDict((name, UNSTORABLE.sub("\ufffd", value)) for name, value in given)
