"""For agencies: send referrals, hear what became of them, verify callbacks.

Needs ``requests`` and nothing else: neither Flask nor SQLAlchemy is imported. ``SignatureAuth`` and ``AnswerKeys`` sign
and check signatures; they are imported when they are first asked for, and need ``cryptography`` and
``http-message-signatures`` too.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .bearer import BearerAuth
from .callbacks import verify_callback
from .errors import (
    AnswerRefused,
    BadAnswer,
    CallbackRefused,
    Conflict,
    Fault,
    IntakeError,
    NotAuthorized,
    NotFound,
    Problem,
    ProofRefused,
    RateLimited,
    Refused,
    Unavailable,
    Unreachable,
    Unsendable,
)
from .intake import IntakeClient, new_key
from .proofs import Proved, ProvedEntry, verify_proof
from .results import BulkLine, Event, ItemStatusView, Receipt, ReferralStatus
from .transport import Retries

if TYPE_CHECKING:
    from .answers import AnswerKeys as AnswerKeys
    from .signing import SignatureAuth as SignatureAuth

__all__ = [
    "AnswerRefused",
    "BadAnswer",
    "BearerAuth",
    "BulkLine",
    "CallbackRefused",
    "Conflict",
    "Event",
    "Fault",
    "IntakeClient",
    "IntakeError",
    "ItemStatusView",
    "NotAuthorized",
    "NotFound",
    "Problem",
    "ProofRefused",
    "Proved",
    "ProvedEntry",
    "RateLimited",
    "Receipt",
    "ReferralStatus",
    "Refused",
    "Retries",
    "Unavailable",
    "Unreachable",
    "Unsendable",
    "new_key",
    "verify_callback",
    "verify_proof",
]

#: Not in ``__all__``: a star import must not need what signing needs.
_LAZY = {"AnswerKeys": "answers", "SignatureAuth": "signing"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LAZY[name]}", __name__), name)
