"""What failed for good can be seen, and tried again."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from desk_house import PREFIX, DeskHouse, Visitor

from notice_intake.core.actions import Action, Confirmation
from notice_intake.errors import PlatformRefused
from notice_intake.flows.work import work

REMOVE = {"outcome": "removed", "facts": "Placeholder facts.", "explanation": "Placeholder explanation."}


@pytest.fixture
def failed(desk: DeskHouse, mona: Visitor, monkeypatch: pytest.MonkeyPatch) -> str:
    """A case whose decision the platform says it can never carry out."""
    desk.content("https://video.example/1")
    case_id = desk.order("https://video.example/1")
    mona.send(mona.open(f"/cases/{case_id}"), "/decision", then="queue", **REMOVE)

    def refuse(action: Action, *, key: str) -> Confirmation:
        raise PlatformRefused("Placeholder <fault>.")

    with monkeypatch.context() as patch:
        patch.setattr(desk.platform, "apply", refuse)
        work(desk.mount, stop=threading.Event(), once=True)
    return case_id


def test_what_failed_for_good_is_shown_with_its_reason(
    desk: DeskHouse, failed: str, visit: Callable[..., Visitor]
) -> None:
    page = visit("eng").open("/effects")
    assert "Carry out on the platform" in page.text
    assert "Placeholder <fault>." in page.text
    assert failed in page.text
    assert not page.found("a", data_row="")
    lead = visit("lea").open("/effects")
    assert [one["href"] for one in lead.found("a", data_row="")] == [f"{PREFIX}/cases/{failed}"]


def test_the_case_stands_among_the_failed_ones(desk: DeskHouse, failed: str, mona: Visitor) -> None:
    page = mona.open("/?state=failed")
    assert "Failed 1" in page.text
    assert page.found("tr", id=f"row-{failed}")
    case = mona.open(f"/cases/{failed}")
    assert "Placeholder <fault>." in case.text
    assert "Decide again" in case.text


def test_an_engineer_replays_it_and_it_succeeds(desk: DeskHouse, failed: str, visit: Callable[..., Visitor]) -> None:
    engineer = visit("eng")
    page = engineer.send(engineer.open("/effects"), "/replay")
    assert "It will be tried again now." in page.text
    assert "Nothing is given up" in page.text
    assert "Every decision was carried out" not in page.text
    work(desk.mount, stop=threading.Event(), once=True)
    assert [action.case_id for action in desk.platform.applied] == [failed]
    mona = visit("mona")
    assert mona.open("/?state=closed").found("tr", id=f"row-{failed}")


def test_a_replay_of_what_is_under_way_is_refused(desk: DeskHouse, failed: str, visit: Callable[..., Visitor]) -> None:
    engineer = visit("eng")
    page = engineer.open("/effects")
    engineer.send(page, "/replay")
    again = engineer.send(page, "/replay")
    assert again.status == 409
    assert "Only what was given up can be replayed." in again.text


def test_a_moderator_sees_it_and_cannot_replay(desk: DeskHouse, failed: str, mona: Visitor) -> None:
    page = mona.open("/effects")
    assert "Placeholder <fault>." in page.text
    assert not page.offers("/replay")
    token = dict(page.forms[0].fields)["csrf"]
    assert mona.client.post(f"{PREFIX}/effects/eff_1/replay", data={"csrf": token}).status_code == 403


@pytest.mark.parametrize("state", ["dead", "due", "done", "feed", "cancelled", "nonsense"])
def test_every_state_has_its_page(desk: DeskHouse, mona: Visitor, state: str) -> None:
    assert mona.open(f"/effects?state={state}").status == 200
