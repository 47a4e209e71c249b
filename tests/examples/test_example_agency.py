"""The agency of the demo believes only what an independent library has verified."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
import requests

from examples.flask_app.agency import Books, Receiver, is_final
from notice_intake.delivery.webhook import new_secret, sign

SECRET = new_secret()


@pytest.fixture
def books():
    return Books()


@pytest.fixture
def receiver(books):
    receiver = Receiver(0, books=books, secret=SECRET)
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield receiver
    receiver.shutdown()
    receiver.server_close()
    thread.join(5)


def callback(sequence, *, status="decided", outcome="no_action", item="1-1"):
    data = {
        "referral": "ref_1",
        "agency_reference": "BE-1",
        "item": "itm_1",
        "item_reference": item,
        "status": status,
        "outcome": outcome,
        "sequence": sequence,
        "path": "/v1/referrals/ref_1",
    }
    return {"type": f"item.{status}", "timestamp": "2026-01-01T00:00:00.000+00:00", "data": data}


def post(receiver, document, *, id="msg_1", secret=SECRET, at=None, tamper=False):
    body = json.dumps(document).encode()
    headers = sign(body, message_id=id, at=at or datetime.now(UTC), secrets=[secret])
    url = f"http://127.0.0.1:{receiver.server_port}/callbacks"
    return requests.post(url, data=body + b" " if tamper else body, headers=headers, timeout=10).status_code


def test_a_signed_callback_is_verified_and_entered(receiver, books):
    assert post(receiver, callback(1)) == 204
    assert books.verified == {"msg_1"}
    assert books.told == {"ref_1": {"1-1": ("decided", "no_action")}}
    assert books.answered == 1


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"secret": new_secret()}, id="another secret"),
        pytest.param({"tamper": True}, id="body changed"),
        pytest.param({"at": datetime.now(UTC) - timedelta(minutes=20)}, id="old"),
    ],
)
def test_what_does_not_verify_is_refused_and_not_entered(receiver, books, wrong):
    assert post(receiver, callback(1), **wrong) == 400
    assert books.rejected == 1
    assert not books.told
    assert not books.verified


def test_a_callback_that_comes_twice_counts_once(receiver, books):
    assert [post(receiver, callback(1)), post(receiver, callback(1))] == [204, 204]
    assert (len(books.verified), books.duplicates, books.out_of_order) == (1, 1, 0)


def test_a_gap_in_the_sequence_of_a_referral_is_noted(receiver, books):
    post(receiver, callback(1), id="msg_1")
    post(receiver, callback(3), id="msg_3")
    assert books.out_of_order == 1


def test_the_last_word_on_an_item_counts(receiver, books):
    post(receiver, callback(1, status="decided", outcome="removed"), id="msg_1")
    assert books.answered == 0
    post(receiver, callback(2, status="effected", outcome="removed"), id="msg_2")
    assert books.answered == 1


def test_decided_is_final_only_where_there_is_nothing_to_carry_out():
    assert is_final("decided", "no_action")
    assert is_final("effected", "removed")
    assert is_final("not_possible", "not_possible")
    assert not is_final("decided", "removed")
    assert not is_final("in_review", None)
