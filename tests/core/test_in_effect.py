"""What of a case's decisions is in effect at the platform, or may be."""

from __future__ import annotations

import pytest

from notice_intake.core.codes import Outcome
from notice_intake.core.in_effect import Enacted, contrary, in_effect


def decided(name: str, outcome: str = "removed", **known: bool) -> Enacted:
    return Enacted(name, Outcome(outcome), **{"begun": True, **known})


@pytest.mark.parametrize(
    ("decisions", "found"),
    [
        ([], ""),
        ([decided("a", begun=False)], ""),  # still in its undo window
        ([decided("a", "no_action")], ""),
        ([decided("a", confirmed=True)], "a"),
        ([decided("a")], "a"),  # asked, and no answer: it may be down
        ([decided("a", confirmed=True, cleared=True)], ""),  # taken back
        ([decided("a", cleared=True)], ""),  # refused
        ([decided("a", confirmed=True), decided("b", "no_action")], "a"),
        # The same again takes its place, but only once it is confirmed.
        ([decided("a", confirmed=True), decided("b", confirmed=True)], "b"),
        ([decided("a", confirmed=True), decided("b")], "ba"),
        ([decided("a", confirmed=True), decided("b", begun=False)], "a"),
        ([decided("a", confirmed=True), decided("b", cleared=True)], "a"),
        # Another restriction does not: both are there until the first is taken back.
        ([decided("a", confirmed=True), decided("b", "visibility_restricted", confirmed=True)], "ba"),
    ],
)
def test_what_is_in_effect(decisions, found):
    assert "".join(one.decision_id for one in in_effect(decisions)) == found


@pytest.mark.parametrize(
    ("found", "outcome", "taken_back"),
    [
        ([decided("a", confirmed=True)], "no_action", "a"),
        ([decided("a")], "no_action", "a"),
        ([decided("a", confirmed=True)], "removed", ""),
        ([decided("a", "visibility_restricted", confirmed=True)], "removed", "a"),
        # Nobody knows whether it ever was: a removal does not wait for that.
        ([decided("a", "visibility_restricted")], "removed", ""),
    ],
)
def test_what_has_to_be_taken_back_first(found, outcome, taken_back):
    assert "".join(one.decision_id for one in contrary(found, Outcome(outcome))) == taken_back
