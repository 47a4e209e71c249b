"""The client against the platform itself, on both databases."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from scripted import Served

from notice_intake.client import BearerAuth, Conflict, IntakeClient, NotAuthorized, NotFound, Refused


def test_a_referral_is_sent_and_followed(served: Served):
    with served.client() as client:
        receipt = client.submit(served.documents.document(agency_reference="REF-A"))
        assert receipt.agency_reference == "REF-A"
        assert receipt.due_at > receipt.received_at
        assert [item.status for item in receipt.items] == ["received"]
        assert not receipt.replayed
        assert receipt.raw["journal"]["leaf"]
        status = client.status(receipt.id)
        assert (status.id, status.agency_reference, status.sequence) == (receipt.id, "REF-A", 1)
        assert [item.reference for item in status.items] == [item.reference for item in receipt.items]
        (event,) = client.events()
        assert (event.type, event.referral, event.sequence) == ("referral.received", receipt.id, 1)
        assert list(client.events(event.place)) == []


def test_a_key_makes_it_once(served: Served):
    client = served.client()
    body = b'{"instrument": "eu.iru.referral",' + _rest(served)
    first = client.submit(body, key="unit-one:REF-ONCE-1")
    again = client.submit(body, key="unit-one:REF-ONCE-1")
    assert (first.replayed, again.replayed) == (False, True)
    assert first.raw == again.raw
    with pytest.raises(Refused) as refused:
        client.submit(body + b" ", key="unit-one:REF-ONCE-1")
    assert refused.value.problem.slug == "idempotency-key-reused"
    assert refused.value.key == "unit-one:REF-ONCE-1"


def test_a_reference_that_is_taken_names_its_referral(served: Served):
    client = served.client()
    document = served.documents.document()
    receipt = client.submit(document)
    with pytest.raises(Conflict) as taken:
        client.submit(document)
    assert taken.value.referral == receipt.id
    assert taken.value.status == 409


def test_a_refusal_points_at_each_fault(served: Served):
    with pytest.raises(Refused) as refused:
        served.client().submit(served.documents.document(language=None, unheard_of=1))
    problem = refused.value.problem
    assert {(fault.pointer, fault.code) for fault in problem.errors} == {
        ("/language", "required"),
        ("/unheard_of", "unknown_field"),
    }
    assert all(fault.detail for fault in problem.errors)
    assert problem.instance.startswith("req_")
    assert "breaks the contract" in str(refused.value)


def test_credentials_and_addresses_that_lead_nowhere(served: Served):
    with pytest.raises(NotAuthorized) as refused:
        served.client("ni1_AAAAAAAAAA_" + "A" * 80).submit(served.documents.document())
    assert refused.value.status == 401
    with pytest.raises(NotAuthorized) as closed:
        served.client().submit(served.documents.order())
    assert closed.value.problem.slug == "instrument-not-allowed"
    for strange in ("ref_none", "a/../../healthz", "ü?x=1#y", " "):
        with pytest.raises(NotFound) as nothing:
            served.client().status(strange)
        assert nothing.value.problem.slug == "not-found"
    with pytest.raises(ValueError, match="not the id"):
        served.client().status("..")


def test_lists_go_on_over_their_pages(served: Served):
    client = served.client()
    documents = [served.documents.document() for _ in range(203)]
    ids = [line.receipt.id for line in client.bulk(documents)]
    listed = list(client.referrals())
    assert [one.id for one in listed] == sorted(ids, key=[one.id for one in listed].index)
    assert {one.id for one in listed} == set(ids)
    assert len(listed) == 203
    assert list(client.referrals(datetime.now(UTC) + timedelta(days=3_000))) == []
    assert len(list(client.referrals(listed[0].updated_at))) == 203
    with pytest.raises(ValueError, match="time zone"):
        client.referrals(datetime(2026, 3, 2))
    events = list(client.events())
    assert sorted(event.referral for event in events) == sorted(ids)
    # From any event on nothing is missed: what comes twice has the same id.
    later = {event.id for event in client.events(events[199].place)}
    assert later == {event.id for event in events[200:]}
    assert {event.id for event in client.events(events[150].place)} == {event.id for event in events}


def test_watching_yields_what_comes_until_it_is_stopped(served: Served):
    client, stop = served.client(), threading.Event()
    client.submit(served.documents.document())
    watching = served.client().watch(interval=0.05, stop=stop)
    first = next(watching)
    receipt = client.submit(served.documents.document())
    second = next(watching)
    assert second.referral == receipt.id
    assert second.id != first.id
    stop.set()
    assert list(watching) == []


def _rest(served: Served) -> bytes:
    import json

    document = served.documents.document()
    del document["instrument"]
    return json.dumps(document).encode()[1:]


@pytest.mark.parametrize(
    "address",
    [
        "platform.example",
        "ftp://platform.example",
        "https://",
        "https://platform.example/notices?x=1",
        "https://platform.example/#top",
        "https://unit:word@platform.example",
        "http://platform.example/notices",
        "http://127.0.0.1.platform.example",
    ],
)
def test_an_address_that_would_lose_the_token_is_refused(address):
    with pytest.raises(ValueError, match="the address must"):
        IntakeClient(address, BearerAuth("t" * 40))


def test_a_closed_network_may_do_without_tls():
    IntakeClient("http://platform.internal/notices", BearerAuth("t" * 40), allow_http=True)
    IntakeClient("http://[::1]:8000", BearerAuth("t" * 40))


@pytest.mark.parametrize("token", ["", "two words", "t\r\nX: y", "tök", "t\n"])
def test_what_is_no_token_is_refused_without_being_shown(token):
    with pytest.raises(ValueError) as refused:
        BearerAuth(token)
    assert not token.strip() or token not in str(refused.value)


def test_a_token_is_shown_nowhere(served: Served):
    secret = "ni1_AAAAAAAAAA_" + "S" * 80
    client = served.client(secret)
    with pytest.raises(NotAuthorized) as refused:
        client.submit(served.documents.document())
    shown = repr((client, vars(client), BearerAuth(secret), refused.value, vars(refused.value)))
    assert secret not in shown
