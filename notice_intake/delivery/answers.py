"""What came back from one attempt to call back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

#: ``blocked``: our own policy forbids the address. ``dns``: the name does not resolve. ``tls``: no trusted
#: connection under that name. ``connect``: no connection, or no HTTP answer on it. ``timeout``: too slow.
#: ``status``: an answer, but not a 2xx. ``challenge``: a 2xx without the challenge that was asked back. ``fault``: a
#: fault of ours, in the middle of it.
Failure = Literal["blocked", "dns", "tls", "timeout", "connect", "status", "challenge", "fault"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One attempt's result. Safe to show to the agency but for ``address``: the failure is a class."""

    #: The HTTP status, or None where none arrived. A status that has arrived stands, whatever becomes of the body.
    status: int | None
    #: None means delivered.
    failure: Failure | None
    #: At most 1,024 bytes of the answer's text, without control characters.
    excerpt: str
    #: What ``Retry-After`` asked for, as sent.
    retry_after: timedelta | None
    milliseconds: int
    #: The checked address that was called, for the operator alone; empty where it did not come to that.
    address: str = ""
