"""What is purged, and what stops it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from notice_intake.core.codes import CaseState, ItemStatus, MessageKind, Outcome
from notice_intake.core.retention import (
    AGAIN,
    COMPLAINTS,
    PRESERVATION,
    Closed,
    Judged,
    Kept,
    Periods,
    Retention,
    judge,
)
from notice_intake.errors import SettingsError
from notice_intake.regimes.known import KNOWN
from notice_intake.settings import Settings

NOW = datetime(2027, 3, 2, 9, 0, tzinfo=UTC)
RULES = {
    "eu.tco.removal_order": PRESERVATION,
    "eu.iru.referral": COMPLAINTS,
    "house": Retention(),
    "taken.down": Retention(restricted=timedelta(days=300)),
}
OLD = Closed(
    state=CaseState.CLOSED,
    outcome=Outcome.REMOVED,
    instruments={"eu.iru.referral"},
    changed_at=NOW - timedelta(days=400),
    statuses={ItemStatus.EFFECTED},
)
YEAR = Periods(365)


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({}, None),
        ({"state": CaseState.OPEN}, Kept.OPEN),
        ({"state": CaseState.DECIDED}, Kept.OPEN),
        ({"state": CaseState.FAILED}, Kept.OPEN),
        ({"statuses": {ItemStatus.EFFECTED, ItemStatus.NEEDS_CLARIFICATION}}, Kept.OPEN),
        ({"statuses": {ItemStatus.RECEIVED}}, Kept.OPEN),
        ({"statuses": {ItemStatus.IN_REVIEW}}, Kept.OPEN),
        ({"statuses": {ItemStatus.WITHDRAWN, ItemStatus.RESTORED, ItemStatus.NOT_POSSIBLE}}, None),
        ({"stopped": True}, Kept.OPEN),
        ({"claimed": True}, Kept.CLAIMED),
        ({"undelivered": 1}, Kept.UNDELIVERED),
        ({"unanswered": {MessageKind.COMPLAINT}}, Kept.UNANSWERED),
        ({"unanswered": {MessageKind.QUESTION}}, Kept.UNANSWERED),
        ({"held": True}, Kept.HELD),
    ],
)
def test_nothing_that_waits_for_anybody_is_purged_however_old_it_is(change, kept):
    judged = judge(replace(OLD, **change), rules=RULES, periods=YEAR, now=NOW)
    assert judged == Judged(kept, None if kept is None else NOW + AGAIN)


@pytest.mark.parametrize(
    ("instruments", "outcome", "periods", "days"),
    [
        ({"eu.iru.referral"}, Outcome.REMOVED, YEAR, 365),
        ({"eu.iru.referral"}, Outcome.NO_ACTION, Periods(30), 184),
        ({"eu.tco.removal_order"}, Outcome.REMOVED, Periods(30), 184),
        ({"eu.tco.removal_order"}, Outcome.NOT_POSSIBLE, Periods(30), 184),
        ({"house"}, Outcome.REMOVED, Periods(30), 30),
        ({"house"}, None, Periods(30), 30),
        ({"nobody.knows.it"}, Outcome.REMOVED, Periods(30), 30),
        ({"taken.down"}, Outcome.REMOVED, Periods(30), 300),
        ({"taken.down"}, Outcome.NO_ACTION, Periods(30), 30),
        ({"eu.tco.removal_order"}, Outcome.REMOVED, Periods(365, {"eu.tco.removal_order": 730}), 730),
        ({"eu.tco.removal_order"}, Outcome.REMOVED, Periods(365, {"eu.tco.removal_order": 90}), 184),
        # The longest of all that name the content.
        ({"house", "eu.iru.referral"}, Outcome.REMOVED, Periods(30), 184),
        ({"house", "eu.tco.removal_order"}, Outcome.REMOVED, Periods(30, {"eu.tco.removal_order": 200}), 200),
    ],
)
def test_a_case_is_kept_for_the_longest_of_its_periods_and_not_a_moment_longer(instruments, outcome, periods, days):
    case = replace(OLD, instruments=instruments, outcome=outcome, changed_at=NOW)
    ends = NOW + timedelta(days=days)
    before = judge(case, rules=RULES, periods=periods, now=ends - timedelta(seconds=1))
    assert before == Judged(Kept.PERIOD, ends)
    assert judge(case, rules=RULES, periods=periods, now=ends) == Judged(None)
    assert periods.shortest() <= timedelta(days=days)


def test_what_waits_is_not_looked_at_before_its_period_ends():
    judged = judge(replace(OLD, held=True, changed_at=NOW), rules=RULES, periods=YEAR, now=NOW)
    assert judged == Judged(Kept.HELD, NOW + timedelta(days=365))


def test_six_months_are_never_shorter_than_the_calendars():
    for month in range(1, 13):
        begins = datetime(2027, month, 1, tzinfo=UTC)
        ends = datetime(2027 + (month > 6), (month + 5) % 12 + 1, 1, tzinfo=UTC)
        assert begins + PRESERVATION.restricted >= ends


def test_every_instrument_that_comes_with_the_package_is_kept_for_six_months_at_least():
    instruments = [instrument for regime in KNOWN for instrument, _ in regime.instruments]
    assert len(instruments) >= 4
    for one in instruments:
        assert one.retention.least(Outcome.REMOVED) >= timedelta(days=184), one.code
        assert "Art." in one.retention.source


def test_the_periods_of_the_settings():
    settings = Settings(retention_days=400, retention_of=("eu.tco.removal_order=730", "eu.dsa.notice=200"))
    assert settings.periods == Periods(400, {"eu.tco.removal_order": 730, "eu.dsa.notice": 200})
    for wrong in ("eu.tco.removal_order", "eu.tco.removal_order=0", "x=1d", "=3"):
        with pytest.raises(SettingsError, match="NOTICE_INTAKE_RETENTION_OF must hold periods in days"):
            Settings(retention_of=(wrong,))
    with pytest.raises(SettingsError, match="RETENTION_DAYS must not be negative"):
        Settings(retention_days=-1)
