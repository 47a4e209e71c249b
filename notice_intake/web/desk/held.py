"""What somebody enters travels with the page that shows it: nothing is stored, on any machine, before they confirm.

The page carries the bytes of the files; a signed token beside them says which files, under which wishes, this person
was shown. What comes back and is anything else is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from flask import Request
from itsdangerous import BadData
from werkzeug.exceptions import BadRequest

from ...flows.entry_plan import file_of, text_of
from ...flows.entry_values import EnteredFile, Wish
from .request import Desk

_PURPOSE = "desk.entry"
_KEPT = 24 * 3600
#: The name under which pasted text is kept.
PASTED = "pasted.txt"


def allow_large(request: Request, *, limit: int) -> None:
    """Let this request carry files of ``limit`` bytes, plain or in base64, whatever the host allows for its own."""
    request.max_content_length = limit * 3 // 2 + 1_000_000
    request.max_form_memory_size = request.max_content_length
    request.max_form_parts = 20_000


def hold(desk: Desk, files: Sequence[EnteredFile], wish: Wish) -> tuple[str, tuple[str, ...]]:
    """Return the token for the page, and the content of each file in base64."""
    told: dict[str, Any] = {
        **asdict(wish),
        "received_at": wish.received_at.isoformat() if wish.received_at else None,
        "taken": None,
    }
    named = [[one.name, one.digest, one.name == PASTED] for one in files]
    token = desk.mount.secrets.serializer(_PURPOSE).dumps({"who": desk.moderator.id, "files": named, "wish": told})
    return str(token), tuple(base64.b64encode(one.content).decode() for one in files)


def held(desk: Desk, form: Mapping[str, str], contents: Sequence[str]) -> tuple[tuple[EnteredFile, ...], Wish]:
    """Return what was held, read again. Raises ``BadRequest`` for what this person was not shown."""
    try:
        found = desk.mount.secrets.serializer(_PURPOSE).loads(form.get("token", ""), max_age=_KEPT)
        raw = [base64.b64decode(one, validate=True) for one in contents]
    except (BadData, binascii.Error, ValueError):
        raise BadRequest from None
    sent = {hashlib.sha256(one).hexdigest(): one for one in raw}
    if found["who"] != desk.moderator.id or sent.keys() != {digest for _, digest, _ in found["files"]}:
        raise BadRequest
    files = tuple(
        text_of(sent[digest].decode()) if is_text else file_of(name, sent[digest], now=desk.now)
        for name, digest, is_text in found["files"]
    )
    told = found["wish"]
    received_at = datetime.fromisoformat(told.pop("received_at"))
    return files, replace(Wish(), **told, received_at=received_at)
