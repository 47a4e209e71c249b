"""For agencies: send referrals, hear what became of them, verify callbacks.

Needs ``requests`` and nothing else: neither Flask nor SQLAlchemy is imported.
"""

from .bearer import BearerAuth
from .callbacks import verify_callback
from .errors import (
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
)
from .intake import IntakeClient, new_key
from .proofs import Proved, ProvedEntry, verify_proof
from .results import BulkLine, Event, ItemStatusView, Receipt, ReferralStatus
from .transport import Retries

__all__ = [
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
    "new_key",
    "verify_callback",
    "verify_proof",
]
