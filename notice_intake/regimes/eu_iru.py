"""Voluntary referral by an Internet Referral Unit: Reg. (EU) 2016/794 Art. 4(1)(m), Reg. (EU) 2021/784 recital 40.

A request to check content against the provider's own terms. It binds nobody and has no deadline in law: the time
shown is the platform's own target.
"""

from __future__ import annotations

from datetime import timedelta

from ..contract.fields import Const
from ..contract.referrals import ReferralSchema
from ..core.clocks import ClockKind, ClockRule
from ..core.codes import GroundKind, Outcome
from ..core.instruments import Instrument
from ..core.retention import COMPLAINTS
from .regime import Regime


class IruReferralSchema(ReferralSchema):
    """A voluntary referral."""

    example = {
        "instrument": "eu.iru.referral",
        "agency_reference": "EX-2025-0031",
        "issued_at": "2025-03-02T09:12:00+01:00",
        "language": "en",
        "operation": {"code": "EXAMPLE-2025-03", "name": "Joint exercise"},
        "category": "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
        "keywords": ["KEYWORD_TERRORIST_CONTENT"],
        "grounds": [{"kind": "terms", "reference": "Terms of service, 4.2"}],
        "items": [
            {
                "reference": "31-1",
                "target": {"kind": "url", "url": "hxxps://platform[.]example/p31"},
                "content": {"kind": "video", "languages": ["en"], "graphic": False},
                "reasons": "What in it falls under the ground, and where.",
            },
            {
                "reference": "31-2",
                "target": {"kind": "account", "handle": "@example"},
                "reasons": "The account that posted it.",
            },
            {
                "reference": "31-3",
                "target": {"kind": "file", "hashes": [{"algorithm": "sha-256", "value": "0123456789abcdef" * 4}]},
            },
        ],
        "urgency": {"threat_to_life": False},
        "disclosure": {"uploader": "inform"},
        "contact": {"name": "Duty desk", "email": "desk@unit.example"},
    }

    instrument = Const("eu.iru.referral", required=True)


IRU_REFERRAL = Instrument(
    code="eu.iru.referral",
    name="IRU referral",
    source="Reg. (EU) 2016/794 Art. 4(1)(m)",
    binding=False,
    clock=ClockRule(ClockKind.HOUSE, timedelta(hours=24), "House target: answer referrals within 24 hours"),
    outcomes=(
        Outcome.REMOVED,
        Outcome.ACCOUNT_SUSPENDED,
        Outcome.ACCOUNT_TERMINATED,
        Outcome.VISIBILITY_RESTRICTED,
        Outcome.ACCESS_DISABLED,
        Outcome.NO_ACTION,
        Outcome.ALREADY_GONE,
        Outcome.NOT_FOUND,
        Outcome.NOT_POSSIBLE,
    ),
    ground=GroundKind.TERMS,
    retention=COMPLAINTS,
)

REGIME = Regime(code="eu.iru", name="Voluntary referrals", instruments=((IRU_REFERRAL, IruReferralSchema),))
