"""Verifying callbacks: signed by the platform or by a library that is not ours, and spoilt in every way."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from notice_intake.client import CallbackRefused, IntakeError, verify_callback
from notice_intake.delivery import webhook

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECRET, OLD, OTHER = ("whsec_" + base64.b64encode(one * 32).decode() for one in (b"s", b"o", b"x"))
DATA = {
    "referral": "ref_1",
    "agency_reference": "REF-1",
    "item": "itm_1",
    "item_reference": "1-1",
    "status": "effected",
    "outcome": "removed",
    "sequence": 5,
    "path": "/v1/referrals/ref_1",
}
BODY = json.dumps({"type": "item.effected", "timestamp": NOW.isoformat(), "data": DATA}).encode()


def signed(body: bytes = BODY, *secrets: str, at: datetime = NOW, id: str = "msg_1") -> dict[str, str]:
    """Headers as an independent library makes them: one signature for each secret."""
    signatures = [Webhook(secret).sign(id, at, body.decode()) for secret in secrets or (SECRET,)]
    timestamp = str(int(at.timestamp()))
    return {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}


def test_what_an_independent_library_signs_is_accepted():
    event = verify_callback(signed(), BODY, SECRET, now=NOW)
    assert (event.id, event.type, event.timestamp) == ("msg_1", "item.effected", NOW)
    assert (event.referral, event.agency_reference, event.item_reference) == ("ref_1", "REF-1", "1-1")
    assert (event.status, event.outcome, event.sequence) == ("effected", "removed", 5)
    assert event.data["path"] == "/v1/referrals/ref_1"


def test_what_the_platform_signs_is_accepted():
    headers = webhook.sign(BODY, message_id="msg_1", at=NOW, secrets=[SECRET, OLD])
    assert verify_callback(headers, BODY, SECRET, now=NOW) == verify_callback(headers, BODY, OLD, now=NOW)


def test_the_vector_of_the_standard():
    """Standard Webhooks, the reference vector: verified as to its signature, then refused for its body."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret, at = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", datetime.fromtimestamp(1614265330, UTC)
    with pytest.raises(CallbackRefused, match="not an event"):
        verify_callback(headers, b'{"test": 2432232314}', secret, now=at)
    with pytest.raises(CallbackRefused, match="No signature"):
        verify_callback(headers, b'{"test": 2432232315}', secret, now=at)


def test_header_names_are_the_same_in_any_case():
    for change in (str.title, str.upper):
        headers = {change(name): value for name, value in signed().items()} | {"Content-Type": "application/json"}
        assert verify_callback(headers, BODY, SECRET, now=NOW).id == "msg_1"


def test_one_of_several_signatures_and_secrets_is_enough():
    both = signed(BODY, OTHER, SECRET)
    assert verify_callback(both, BODY, SECRET, now=NOW)
    assert verify_callback(signed(), BODY, [OTHER, OLD, SECRET], now=NOW)
    assert verify_callback(both, BODY, (OLD, SECRET), now=NOW)
    mixed = both | {"webhook-signature": "v1a,AAAA  v2,x " + signed()["webhook-signature"] + " v1,"}
    assert verify_callback(mixed, BODY, SECRET, now=NOW)
    with pytest.raises(CallbackRefused):
        verify_callback(both, BODY, OLD, now=NOW)


def test_an_asymmetric_signature_is_not_taken_for_a_symmetric_one():
    other = {"webhook-signature": signed()["webhook-signature"].replace("v1,", "v1a,")}
    with pytest.raises(CallbackRefused):
        verify_callback(signed() | other, BODY, SECRET, now=NOW)


@pytest.mark.parametrize("seconds", [-300, -299, 0, 300])
def test_a_clock_may_be_off_by_the_tolerance(seconds):
    assert verify_callback(signed(), BODY, SECRET, now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301, 86_400 * 365 * 50])
def test_a_repeat_is_refused(seconds):
    with pytest.raises(CallbackRefused, match="too long ago"):
        verify_callback(signed(), BODY, SECRET, now=NOW + timedelta(seconds=seconds))


def test_the_tolerance_can_be_chosen_and_the_present_is_the_default():
    assert verify_callback(signed(), BODY, SECRET, now=NOW + timedelta(days=1), tolerance=86_400)
    assert verify_callback(signed(at=datetime.now(UTC)), BODY, SECRET)
    with pytest.raises(CallbackRefused):
        verify_callback(signed(), BODY, SECRET)


@pytest.mark.parametrize("place", range(0, len(BODY), 7))
def test_a_flipped_byte_is_refused(place):
    spoilt = BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :]
    with pytest.raises(CallbackRefused):
        verify_callback(signed(), spoilt, SECRET, now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        *[{name: wrong} for name in signed() for wrong in ("", " ", "x.y", "\x00", "ä", "v1", ",", "v1,", "-1", "1e9")],
        {"webhook-id": "msg_2"},
        {"webhook-id": "m" * 129},
        {"webhook-id": "msg_1\r\nX: y"},
        {"webhook-timestamp": "9" * 400},
        {"webhook-timestamp": "\u0661\u0662"},
        {"webhook-timestamp": " " + signed()["webhook-timestamp"]},
        {"webhook-timestamp": signed()["webhook-timestamp"] + ".0"},
        {"webhook-signature": "v1,AAAA " * 100_000},
        {"webhook-signature": "v1,\udcff"},
        {"Webhook-Id": "msg_1"},
        {"webhook-id": None},
        {"webhook-id": 7},
        {"webhook-signature": ["v1,x"]},
    ],
)
def test_headers_that_are_none_are_one_error(change: dict[str, Any]):
    with pytest.raises(CallbackRefused):
        verify_callback(signed() | change, BODY, SECRET, now=NOW)


@pytest.mark.parametrize("missing", list(signed()))
def test_a_missing_header_is_the_same_error(missing):
    with pytest.raises(CallbackRefused):
        verify_callback({name: value for name, value in signed().items() if name != missing}, BODY, SECRET, now=NOW)


@given(
    st.dictionaries(st.sampled_from(["webhook-id", "Webhook-Id", "webhook-timestamp", "webhook-signature"]), st.text()),
    st.binary(),
)
@settings(max_examples=300, deadline=None)
def test_nothing_that_a_stranger_sends_raises_anything_else(headers, body):
    with pytest.raises(CallbackRefused):
        verify_callback(headers, body, SECRET, now=NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"type": 1}',
        b"\xff",
        b"[" * 50_000,
        b"9" * 5_000,
        b'{"type":"x","timestamp":"y","data":{}}',
    ],
)
def test_a_signed_body_that_is_no_event_is_refused_too(body):
    headers = webhook.sign(body, message_id="msg_1", at=NOW, secrets=[SECRET])
    with pytest.raises(CallbackRefused, match="not an event"):
        verify_callback(headers, body, SECRET, now=NOW)


def test_events_without_a_referral_and_of_later_versions_are_read():
    document = {"type": "endpoint.verification", "timestamp": NOW.isoformat(), "data": {"challenge": "abc"}, "more": 1}
    body = json.dumps(document).encode()
    event = verify_callback(signed(body), body, SECRET, now=NOW)
    assert (event.referral, event.sequence, event.status) == (None, None, None)
    assert event.data["challenge"] == "abc"
    assert event.raw["more"] == 1


def test_a_body_that_is_too_large_is_refused():
    body = b" " * 1_048_577
    with pytest.raises(CallbackRefused):
        verify_callback(webhook.sign(body, message_id="msg_1", at=NOW, secrets=[SECRET]), body, SECRET, now=NOW)


@pytest.mark.parametrize(
    "secrets", [[], "", "whsec_", "whsec_AAAA", SECRET.removeprefix("whsec_"), [SECRET, "x"], "whsec_ä" * 9]
)
def test_a_secret_that_is_none_is_our_own_mistake(secrets):
    with pytest.raises(ValueError, match="secret") as mistake:
        verify_callback(signed(), BODY, secrets, now=NOW)
    assert not isinstance(mistake.value, IntakeError)
    assert SECRET.removeprefix("whsec_") not in str(mistake.value)


def test_how_near_a_signature_is_does_not_show():
    """Every signature is compared with every secret's, by a comparison that takes as long whatever it finds."""
    import hmac

    from notice_intake.client import callbacks

    compared = []

    def counting(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    class Hmac:
        compare_digest = staticmethod(counting)
        digest = staticmethod(hmac.digest)

    original, callbacks.hmac = callbacks.hmac, Hmac  # type: ignore[assignment]
    try:
        verify_callback(signed(BODY, SECRET, OTHER), BODY, [SECRET, OLD], now=NOW)
    finally:
        callbacks.hmac = original
    assert len(compared) == 4
