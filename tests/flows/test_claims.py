"""One moderator a case, for a while that everybody can see."""

from __future__ import annotations

import threading

import pytest
from desk import LEAD, ONE, TWO, case_file, claim_next, events, queue

from notice_intake.errors import ClaimHeld, Conflict, DocumentRefused, NotFound, NotPermitted
from notice_intake.flows import claims


def test_the_next_case_is_the_most_urgent_that_nobody_holds(house):
    agency = house.agency()
    agency.refer(agency.document("https://platform.example/p1"))
    house.clock.advance(minutes=1)
    agency.refer(agency.document("https://platform.example/p2"))
    house.clock.advance(minutes=1)
    agency.refer(agency.order("https://platform.example/p3"))
    claimed = [case_file(house, claim_next(house, who)).row.locator[-2:] for who in (ONE, TWO, LEAD)]
    assert claimed == ["p3", "p1", "p2"]
    assert claim_next(house, ONE) is None


def test_a_case_that_is_held_cannot_be_claimed_until_the_claim_runs_out(house):
    agency = house.agency()
    agency.refer()
    case_id = claim_next(house, ONE)
    with pytest.raises(ClaimHeld, match="Moderator One"):
        claims.claim(house.mount, case_id, moderator=TWO, now=house.clock.now)
    house.clock.advance(seconds=house.mount.settings.claim_seconds)
    claims.claim(house.mount, case_id, moderator=TWO, now=house.clock.now)
    assert case_file(house, case_id).row.claim.name == "Moderator Two"


def test_a_claim_that_ran_out_is_freed_and_said_so(house):
    house.agency().refer()
    case_id = claim_next(house, ONE)
    house.clock.advance(seconds=house.mount.settings.claim_seconds + 1)
    assert claims.expire(house.mount, now=house.clock.now) == 1
    entry = case_file(house, case_id).history[-1]
    assert (entry.action, entry.facts) == ("case.claim_expired", {"moderator": "m-1"})
    assert claims.expire(house.mount, now=house.clock.now) == 0


def test_extending_keeps_the_case_and_releasing_gives_it_back(house):
    house.agency().refer()
    case_id = claim_next(house, ONE)
    house.clock.advance(minutes=15)
    claims.extend(house.mount, case_id, moderator=ONE, now=house.clock.now)
    house.clock.advance(minutes=15)
    assert case_file(house, case_id).row.claim.name == "Moderator One"
    claims.release(house.mount, case_id, moderator=ONE, now=house.clock.now)
    assert case_file(house, case_id).row.claim is None
    with pytest.raises(Conflict):
        claims.release(house.mount, case_id, moderator=ONE, now=house.clock.now)


def test_only_a_lead_takes_over_and_says_why(house):
    house.agency().refer()
    case_id = claim_next(house, ONE)
    with pytest.raises(NotPermitted):
        claims.take_over(house.mount, case_id, moderator=TWO, reason="Shift ends.", now=house.clock.now)
    with pytest.raises(DocumentRefused):
        claims.take_over(house.mount, case_id, moderator=LEAD, reason="  ", now=house.clock.now)
    claims.take_over(house.mount, case_id, moderator=LEAD, reason="Shift ends.", now=house.clock.now)
    file = case_file(house, case_id)
    assert file.row.claim.name == "Lead Three"
    assert file.history[-1].facts == {"from": "m-1", "reason": "Shift ends."}


def test_a_case_that_does_not_exist_cannot_be_claimed(house):
    with pytest.raises(NotFound):
        claims.claim(house.mount, "cas_none", moderator=ONE, now=house.clock.now)


def test_agencies_are_told_of_the_review_once(house):
    agency = house.agency()
    agency.refer()
    for _ in range(3):
        case_id = claim_next(house, ONE)
        claims.release(house.mount, case_id, moderator=ONE, now=house.clock.now)
    assert events(agency) == [("referral.received", None), ("item.in_review", None)]


def test_filters_narrow_what_is_claimed(house):
    first, second = house.agency("Unit One"), house.agency("Unit Two")
    first.refer(first.document("https://platform.example/p1"))
    second.refer(second.document("https://platform.example/p2", operation={"code": "RAD-1"}))
    assert [row.locator[-2:] for row in queue(house, agency=second.id)] == ["p2"]
    assert [row.locator[-2:] for row in queue(house, operation="RAD-1")] == ["p2"]
    assert claim_next(house, agency="agy_none") is None
    assert case_file(house, claim_next(house, operation="RAD-1")).row.locator[-2:] == "p2"
    assert [row.locator[-2:] for row in queue(house, claim="mine")] == ["p2"]
    assert [row.locator[-2:] for row in queue(house, claim="free")] == ["p1"]
    assert [row.locator[-2:] for row in queue(house, TWO, claim="held")] == ["p2"]


@pytest.mark.parametrize("what", ["reference", "item", "link", "id"])
def test_a_search_finds_a_case_by_any_of_its_names(house, what):
    agency = house.agency()
    agency.refer()
    document = agency.document("https://platform.example/p77?utm_source=x")
    receipt = agency.refer(document).json
    wanted = {
        "reference": document["agency_reference"],
        "item": document["items"][0]["reference"],
        "link": "https://platform.example/p77?utm_source=x",
        "id": receipt["id"],
    }[what]
    assert [row.title for row in queue(house, search=wanted)] == ["Post 77"]


def test_eight_moderators_at_once_never_get_one_case_twice(house):
    agency = house.agency()
    links = [f"https://platform.example/p{number}" for number in range(60)]
    assert agency.refer(agency.document(*links)).status_code == 201
    got: list[str] = []
    lock = threading.Lock()

    def take(number: int) -> None:
        from notice_intake import Moderator

        me = Moderator(f"m-{number}", f"Moderator {number}")
        while (case_id := claim_next(house, me)) is not None:
            with lock:
                got.append(case_id)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(set(got)) == 60
