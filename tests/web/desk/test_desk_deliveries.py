"""The engineer sees how callbacks do, what was tried, and sends them again."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from desk_house import PREFIX, DeskHouse, Visitor

from notice_intake.delivery.webhook import new_secret
from notice_intake.flows.work import work
from notice_intake.ids import new_id
from notice_intake.store import agencies
from notice_intake.store.agencies import Endpoint

sys.path.insert(0, str(Path(__file__).parents[2]))
from receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.close()


@pytest.fixture
def called(desk: DeskHouse, receiver: Receiver) -> str:
    """An agency with an endpoint that refuses the first callback of an order."""
    agency_id = desk.agency("Authority PL", "PL").id
    listening(desk, agency_id, receiver.url + "?token=CANARY")
    receiver.answer = lambda _: (422, b"not <b>this</b> one")
    # The agency as it stands now is what the next referral is received with: it listens.
    desk.agencies["Authority PL"] = replace(desk.agencies["Authority PL"], listening=True)
    desk.order("https://video.example/1")
    run(desk)
    return agency_id


def listening(desk: DeskHouse, agency_id: str, url: str) -> None:
    secrets = (desk.mount.secrets.encrypt(new_secret()),)
    with desk.mount.storage.begin() as tx:
        found = Endpoint(new_id("end"), agency_id, url, secrets, "active", 0, None)
        agencies.set_endpoint(tx, found, now=desk.mount.clock())


def run(desk: DeskHouse) -> None:
    work(desk.mount, stop=threading.Event(), once=True)


def give_up(desk: DeskHouse) -> None:
    with desk.mount.storage.begin() as tx:
        table = tx.tables.outbox
        tx.execute(table.update().where(table.c.kind == "callback").values(state="dead"))


def test_each_attempt_is_shown_with_what_came_of_it(
    desk: DeskHouse, called: str, visit: Callable[..., Visitor]
) -> None:
    engineer = visit("eng")
    page = engineer.open("/deliveries")
    assert "Works" in page.text
    (link,) = [one["href"] for one in page.found("a", data_row="")]
    one = engineer.open(link.removeprefix(PREFIX))
    assert "HTTP 422" in one.text
    assert "not <b>this</b> one" in one.text, "as text"
    assert "by schedule" in one.text
    assert "127.0.0.1" in one.text
    assert "CANARY" not in page.text + one.text, "a token in the address"
    assert "curl -i -X POST" in one.text
    assert "v1,unsigned" in one.text
    assert "whsec_" not in one.text


def test_what_was_given_up_is_sent_again_by_one_press(
    desk: DeskHouse, called: str, receiver: Receiver, visit: Callable[..., Visitor]
) -> None:
    give_up(desk)
    engineer = visit("eng")
    page = engineer.open("/deliveries")
    assert "given up: 1" in page.text
    after = engineer.send(page, f"/deliveries/of/{called}/replay")
    assert "They will be sent again now" in after.text
    again = engineer.send(after, f"/deliveries/of/{called}/replay")
    assert "There is nothing to send again." in again.text


def test_one_is_sent_again_and_a_second_press_says_why_not(
    desk: DeskHouse, called: str, visit: Callable[..., Visitor]
) -> None:
    give_up(desk)
    engineer = visit("eng")
    page = engineer.open("/deliveries?state=dead")
    (link,) = [one["href"] for one in page.found("a", data_row="")]
    path = link.removeprefix(PREFIX)
    one = engineer.open(path)
    assert "It will be tried again now." in engineer.send(one, f"{path}/replay").text
    refused = engineer.send(one, f"{path}/replay")
    assert "Only a callback that was given up or has arrived can be sent again." in refused.text


def test_a_disabled_endpoint_comes_first_and_is_used_again(
    desk: DeskHouse, called: str, visit: Callable[..., Visitor]
) -> None:
    with desk.mount.storage.begin() as tx:
        found = agencies.endpoints(tx, [called])[called]
        agencies.note_endpoint(tx, found.id, state="disabled", reason="gone")
    engineer = visit("eng")
    page = engineer.open("/deliveries")
    assert "gone for good (410)" in page.text
    after = engineer.send(page, f"/deliveries/endpoints/{found.id}/enable")
    assert "The endpoint is in use again." in after.text
    assert "This endpoint is in use already." in engineer.send(page, f"/deliveries/endpoints/{found.id}/enable").text


def test_a_time_that_is_none_is_told(desk: DeskHouse, called: str, visit: Callable[..., Visitor]) -> None:
    engineer = visit("eng")
    page = engineer.open("/deliveries")
    told = engineer.send(page, f"/deliveries/of/{called}/replay", since="yesterday")
    assert "Give the time as year-month-day" in told.text


def test_filters_choose_by_agency_state_and_referral(
    desk: DeskHouse, called: str, visit: Callable[..., Visitor]
) -> None:
    engineer = visit("eng")
    page = engineer.open(f"/deliveries?agency={called}&state=due")
    assert len(page.found("a", data_row="")) == 1
    for nothing in ("state=done", "agency=agy_x", "referral=ref_x"):
        assert engineer.open(f"/deliveries?{nothing}").found("a", data_row="") == []
    assert engineer.open("/deliveries?state=nonsense&cursor=").status == 200
    assert engineer.open("/deliveries?cursor=garbage").status == 404
    assert engineer.open("/deliveries/msg_nothing").status == 404


@pytest.mark.parametrize("path", ["/deliveries", "/deliveries/msg_x"])
def test_a_moderator_does_not_see_them(desk: DeskHouse, called: str, mona: Visitor, path: str) -> None:
    assert mona.open(path).status == 403
    assert "/deliveries" not in str(mona.open("/").found("a"))


def test_pages_go_on_where_there_are_many(desk: DeskHouse, called: str, visit: Callable[..., Visitor]) -> None:
    with desk.mount.storage.begin() as tx:
        table = tx.tables.outbox
        first: Any = tx.execute(table.select().where(table.c.kind == "callback")).first()
        rows = [
            {**first._mapping, "id": f"msg_{n:04}", "lane": f"msg_{n:04}", "position": 1, "state": "done"}
            for n in range(120)
        ]
        tx.execute(table.insert(), rows)
    engineer = visit("eng")
    page, seen = engineer.open("/deliveries"), 0
    while True:
        seen += len(page.found("a", data_row=""))
        onward = page.found("a", rel="next")
        if not onward:
            break
        page = engineer.open(onward[0]["href"].removeprefix(PREFIX))
    assert seen == 121
