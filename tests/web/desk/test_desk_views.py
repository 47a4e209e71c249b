"""Who looked is journalled before anything is shown; the case's own history stays readable."""

from __future__ import annotations

from sqlalchemy import text

from notice_intake.core.targets import Part
from notice_intake.flows import journal_about
from notice_intake.flows.journal_check import check
from notice_intake.flows.viewing import VIEWS


def shown(desk):
    """A case whose content has something under the veil."""
    desk.content("https://video.example/1", parts=(Part("image", "", "/media/a.svg"),))
    return desk.refer("https://video.example/1")


def looks(desk, case_id):
    """(action, person, how far) of everybody who looked."""
    found = journal_about.about(desk.mount, case_id)
    return [(one.action, one.actor_id, one.facts.get("veil")) for one in found if one.action in VIEWS]


def test_opening_a_case_and_each_step_of_unveiling_are_journalled_once_an_hour(desk, mona, marc):
    case_id = shown(desk)
    page = mona.open(f"/cases/{case_id}")
    mona.open(f"/cases/{case_id}")
    for step in ("soft", "clear", "clear"):
        mona.send(page, "/look", veil=step)
    marc.open(f"/cases/{case_id}")
    who = [one for _, one, _ in looks(desk, case_id)]
    assert len(set(who)) == 2
    assert [(action, veil) for action, one, veil in looks(desk, case_id) if one == who[0]] == [
        ("case.viewed", None),
        ("case.revealed", "soft"),
        ("case.revealed", "clear"),
    ]
    desk.clock.forward(hours=1)
    mona.open(f"/cases/{case_id}")
    assert len(looks(desk, case_id)) == 5
    assert check(desk.mount).faults == []


def test_putting_the_veil_back_and_what_is_not_there_leave_no_entry(desk, mona):
    case_id = shown(desk)
    page = mona.open(f"/cases/{case_id}")
    mona.send(page, "/look", veil="veiled")
    assert mona.open("/cases/cas_none").status == 404
    assert len(looks(desk, case_id)) == 1
    assert looks(desk, "cas_none") == []


def test_who_looked_does_not_stand_in_the_case_s_history_and_makes_no_page_stale(desk, mona, marc):
    case_id = desk.refer("https://video.example/1")
    before = mona.open(f"/cases/{case_id}")
    marc.open(f"/cases/{case_id}")
    after = mona.open(f"/cases/{case_id}")
    assert before.text.count('class="ni-steps ni-history"') == after.text.count('class="ni-steps ni-history"')
    assert "viewed" not in after.text


def test_what_could_not_be_journalled_is_not_shown(desk, mona):
    case_id = desk.refer("https://video.example/1")
    with desk.mount.storage.begin() as tx:
        tx.execute(text("ALTER TABLE ni_opening RENAME TO elsewhere"))
    assert mona.open(f"/cases/{case_id}").status == 503
