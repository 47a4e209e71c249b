"""An agency's own referrals: the list, and each with what became of it."""

from __future__ import annotations

import re

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from ...errors import NotFound
from ...flows import own_referrals
from ...flows.own_referrals import STATES
from .presenting import page
from .request import READS, caller, require

_ID = re.compile(r"[A-Za-z0-9_]{1,40}", re.ASCII)


def add_routes(blueprint: Blueprint) -> None:
    """Add the list and the page of a referral."""
    blueprint.add_url_rule("/", "home", home)
    blueprint.add_url_rule("/referrals/<referral_id>", "referral", referral)


def home() -> ResponseReturnValue:
    """Show the agency's referrals, those that changed last first."""
    require(READS)
    now = caller()
    agency = now.guest.agency
    state = request.args.get("state", "all")
    state = state if state in STATES else "all"
    reference = request.args.get("reference", "").strip()[:200]
    rows, cursor = own_referrals.page(
        now.mount,
        agency=agency,
        state=state,
        reference=reference or None,
        cursor=request.args.get("cursor") or None,
    )
    asked = own_referrals.asked(now.mount, agency=agency)
    return page("referrals.html", rows=rows, cursor=cursor, state=state, reference=reference, asked=asked)


def referral(referral_id: str) -> ResponseReturnValue:
    """Show one referral: what was sent, how each item stands, why, and what can be done now."""
    require(READS)
    return referral_page(referral_id)


def referral_page(
    referral_id: str,
    *,
    status: int = 200,
    typed: dict[str, object] | None = None,
    faults: tuple[tuple[str, str], ...] = (),
    problem: str = "",
    about: str = "",
) -> ResponseReturnValue:
    """Answer with the page of a referral; ``typed`` is what a refused form held, which is never lost."""
    if _ID.fullmatch(referral_id) is None:
        raise NotFound
    now = caller()
    file = own_referrals.referral_file(now.mount, referral_id, agency=now.guest.agency, now=now.now)
    values = {"file": file, "typed": typed or {}, "faults": dict(faults), "problem": problem, "about": about}
    return page("referral.html", status=status, **values)
