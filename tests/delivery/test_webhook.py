"""Our signatures, checked by the published vector and by another implementation."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from notice_intake.delivery.webhook import new_secret, sign

BODY = json.dumps({"type": "referral.decided", "data": {"note": "Überprüft ✓"}}, ensure_ascii=False).encode()


def signed(body: bytes = BODY, *, secrets: list[str], at: datetime | None = None) -> dict[str, str]:
    return sign(body, message_id="msg_01HZX", at=at or datetime.now(UTC), secrets=secrets)


def test_the_published_vector_comes_out() -> None:
    # Standard Webhooks 1.0.0, "Signature scheme"; the same in Svix's own tests.
    assert sign(
        b'{"test": 2432232314}',
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=datetime.fromtimestamp(1614265330, UTC),
        secrets=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    ) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_another_implementation_accepts_a_new_secret() -> None:
    secret = new_secret()
    assert Webhook(secret).verify(BODY, signed(secrets=[secret])) == json.loads(BODY)


def test_it_accepts_headers_that_a_proxy_has_put_in_title_case() -> None:
    secret = new_secret()
    headers = {name.title(): value for name, value in signed(secrets=[secret]).items()}
    assert Webhook(secret).verify(BODY, headers) == json.loads(BODY)


def test_while_a_secret_is_rotated_receivers_with_either_one_accept() -> None:
    old, new = new_secret(), new_secret()
    headers = signed(secrets=[new, old])
    assert Webhook(new).verify(BODY, headers)
    assert Webhook(old).verify(BODY, headers)
    # Newest first: a receiver that reads one signature only should read the one that stays.
    assert (
        headers["webhook-signature"].split(" ")[0]
        == signed(secrets=[new], at=datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC))["webhook-signature"]
    )


@pytest.mark.parametrize(
    ("body", "shift"),
    [
        (BODY + b" ", timedelta()),  # a body that was touched on the way
        (BODY, timedelta(seconds=-302)),  # an attempt replayed after the five minutes
        (BODY, timedelta(seconds=302)),  # one from the future
    ],
)
def test_it_refuses_a_changed_body_and_a_stale_time(body: bytes, shift: timedelta) -> None:
    secret = new_secret()
    headers = signed(secrets=[secret], at=datetime.now(UTC) + shift)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)


@pytest.mark.parametrize("seconds", [-298, 298])
def test_it_accepts_up_to_five_minutes_of_clock_difference(seconds: int) -> None:
    secret = new_secret()
    assert Webhook(secret).verify(BODY, signed(secrets=[secret], at=datetime.now(UTC) + timedelta(seconds=seconds)))


def test_a_receiver_with_another_secret_refuses() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, signed(secrets=[new_secret()]))


def test_the_timestamp_is_the_instant_whatever_the_zone() -> None:
    secret, instant = new_secret(), datetime(2017, 4, 25, 8, 0, tzinfo=UTC)
    brussels = instant.astimezone(timezone(timedelta(hours=2)))
    assert signed(secrets=[secret], at=brussels) == signed(secrets=[secret], at=instant)


def test_a_new_secret_holds_32_bytes_and_is_never_the_same() -> None:
    secrets = {new_secret() for _ in range(50)}
    assert len(secrets) == 50
    assert {len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) for secret in secrets} == {32}


GOOD = "whsec_" + base64.b64encode(b"k" * 32).decode()


@pytest.mark.parametrize(
    ("message_id", "at", "secrets"),
    [
        ("msg.1", datetime.now(UTC), [GOOD]),  # a full stop would shift the signed content
        ("msg_1\r\nX-Injected: 1", datetime.now(UTC), [GOOD]),  # a second header
        ("msg 1", datetime.now(UTC), [GOOD]),  # ambiguous in logs and lists
        ("", datetime.now(UTC), [GOOD]),
        ("msg_é", datetime.now(UTC), [GOOD]),
        ("msg_1", datetime.now(UTC).replace(tzinfo=None), [GOOD]),  # which instant would that be?
        ("msg_1", datetime.now(UTC), []),  # an unsigned callback
        ("msg_1", datetime.now(UTC), [GOOD.removeprefix("whsec_")]),  # not recognisably a secret
        ("msg_1", datetime.now(UTC), ["whsec_" + base64.b64encode(b"k" * 23).decode()]),  # below 24 bytes
        ("msg_1", datetime.now(UTC), ["whsec_" + base64.b64encode(b"k" * 65).decode()]),  # above 64
        ("msg_1", datetime.now(UTC), ["whsec_!!!!"]),  # not base64
        ("msg_1", datetime.now(UTC), [GOOD, ""]),  # one bad among good
    ],
)
def test_what_cannot_be_signed_safely_is_refused(message_id: str, at: datetime, secrets: list[str]) -> None:
    with pytest.raises(ValueError) as refused:
        sign(BODY, message_id=message_id, at=at, secrets=secrets)
    assert GOOD not in str(refused.value)


def test_the_published_asymmetric_vector_comes_out() -> None:
    # Svix server, worker.rs: the same content as above, by the key whose public half is whpk_1SiA4o9h….
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    public = Ed25519PublicKey.from_public_bytes(base64.b64decode("1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="))
    signature = "hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
    public.verify(base64.b64decode(signature), b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}')


def test_a_key_of_ones_own_signs_beside_the_secret_and_others_cannot_tell_it_as_theirs() -> None:
    from notice_intake.client import CallbackRefused, verify_callback
    from notice_intake.delivery.webhook import private_key, public_key

    secret, mine, other = new_secret(), private_key(b"s" * 32, of="agy_1"), private_key(b"s" * 32, of="agy_2")
    assert private_key(b"s" * 32, of="agy_1") == mine
    assert len({public_key(mine), public_key(other), public_key(private_key(b"t" * 32, of="agy_1"))}) == 3
    body = json.dumps({"type": "item.decided", "timestamp": "2017-04-25T08:00:00Z", "data": {}}).encode()
    headers = signed(body, secrets=[secret, mine])
    assert [one.split(",")[0] for one in headers["webhook-signature"].split(" ")] == ["v1", "v1a"]
    assert Webhook(secret).verify(body, headers)
    for good in (secret, public_key(mine), [public_key(other), secret]):
        verify_callback(headers, body, good)
    for bad in (public_key(other), new_secret()):
        with pytest.raises(CallbackRefused):
            verify_callback(headers, body, bad)
    # A signature of one scheme proves nothing under the name of the other.
    swapped = headers["webhook-signature"].replace("v1a,", "v9,").replace("v1,", "v1a,")
    with pytest.raises(CallbackRefused):
        verify_callback({**headers, "webhook-signature": swapped}, body, [secret, public_key(mine)])
    with pytest.raises(ValueError, match="whpk_ and 32 bytes"):
        verify_callback(headers, body, "whpk_short")
