"""Supplements, withdrawals, complaints and the endpoint, against the platform itself."""

from __future__ import annotations

import pytest
from scripted import Served

from notice_intake.client import Conflict, NotFound
from notice_intake.client.command import main


def test_facts_are_added_and_a_version_that_is_stale_is_refused(platform: Served):
    client = platform.client()
    receipt = client.submit(platform.documents.document())
    message = client.supplement(receipt.id, text="Placeholder.", sequence=1)
    assert (message.kind, message.referral, message.replayed) == ("supplement", receipt.id, False)
    assert message.sequence > 1
    with pytest.raises(Conflict) as stale:
        client.withdraw(receipt.id, reason="Placeholder.", sequence=1)
    assert (stale.value.status, stale.value.sequence) == (412, message.sequence)


def test_a_referral_is_withdrawn_once_under_its_key(platform: Served, monkeypatch, capsys):
    client = platform.client()
    receipt = client.submit(platform.documents.document())
    first, again = (client.withdraw(receipt.id, reason="Placeholder.", key="k" * 20) for _ in range(2))
    assert (first.replayed, again.replayed) == (False, True)
    assert first.raw == again.raw
    assert [item.status for item in client.status(receipt.id).items] == ["withdrawn"]
    monkeypatch.setenv("NOTICE_INTAKE_URL", platform.url)
    monkeypatch.setenv("NOTICE_INTAKE_TOKEN", platform.token)
    other = client.submit(platform.documents.document())
    assert main(["withdraw", other.id, "--reason", "Placeholder."]) == 0
    assert "withdrawal" in capsys.readouterr().out
    assert main(["answer", other.id, "--text", "Placeholder.", "--facts"]) == 1


def test_nothing_can_be_complained_about_before_it_is_decided(platform: Served):
    client = platform.client()
    receipt = client.submit(platform.documents.document())
    with pytest.raises(Conflict):
        client.complain(receipt.id, text="Placeholder.", items=[receipt.items[0].reference])


def test_an_endpoint_is_set_looked_at_and_deleted(platform: Served):
    client = platform.client()
    with pytest.raises(NotFound):
        client.endpoint()
    made = client.set_endpoint("https://unit.example/callbacks")
    assert made.secret.startswith("whsec_")
    assert made.pending_url == "https://unit.example/callbacks"
    assert client.endpoint().secret is None
    with pytest.raises(Conflict):
        client.test_endpoint()
    assert "endpoint.verification" in [one.type for one in client.deliveries()]
    client.delete_endpoint()
    with pytest.raises(NotFound):
        client.endpoint()
