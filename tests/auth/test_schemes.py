"""Every registered scheme lets the right one in, and tells the wrong one nothing."""

from __future__ import annotations

import base64
import logging
import secrets as secrets_module
from datetime import datetime, timedelta

import pytest
from auth.battery import ORIGIN, PATH, PROXY_SECRET, SETTINGS, Battery, Mint, Shown, switch_off, told
from sqlalchemy import select

from notice_intake.auth import bearer, client_cert, keys, schemes, signing
from notice_intake.auth.secrets import Secrets


def bearer_token(secrets: Secrets) -> tuple[str, str, bytes]:
    token, key_id, digest = bearer.mint(secrets.signer(bearer.PURPOSE))
    return f"Bearer {token}", key_id, digest


def signing_key(secrets: Secrets) -> tuple[Shown, str, bytes, str, str]:
    key, _ = signing.new_ed25519()

    def fields(now: datetime) -> dict[str, str]:
        created = int(now.timestamp())
        return signing.sign_request(key, method="GET", url=ORIGIN + PATH, headers={}, body=None, created=created)

    public = key.public
    return Shown(fields, "Signature"), key.key_id, keys.unb64u(key.key_id), public.algorithm, public.jwk


def certificate(secrets: Secrets) -> tuple[Shown, str, bytes]:
    der = secrets_module.token_bytes(600)
    fields = {"Client-Cert": f":{base64.b64encode(der).decode()}:", "Notice-Intake-Proxy": PROXY_SECRET}
    return Shown(lambda _: fields, "Client-Cert"), *client_cert.identify(der)


#: How a key of each scheme is made. A scheme that is registered has to stand here too.
MINTS: dict[str, Mint] = {"signature": signing_key, "bearer": bearer_token, "client-cert": certificate}


def test_every_registered_scheme_is_checked_here():
    assert sorted(scheme.SCHEME for scheme in schemes.SCHEMES) == sorted(MINTS)


@pytest.fixture(params=schemes.SCHEMES, ids=lambda scheme: scheme.SCHEME)
def battery(request, make_house):
    house = make_house(**SETTINGS)
    return Battery(house, house.agency().id, request.param, MINTS[request.param.SCHEME])


def test_a_good_key_opens_the_door_however_its_scheme_is_spelled(battery):
    value, _ = battery.good()
    if isinstance(value, Shown):
        assert battery.ask(value).status_code == 200
        return
    word, _, rest = value.partition(" ")
    for spelled in (word.lower(), word.upper(), word.title()):
        assert battery.ask(f"{spelled} {rest}").status_code == 200


def test_a_key_is_good_until_the_moment_it_expires(battery):
    value, _ = battery.good(expires_at=battery.now + timedelta(seconds=1))
    assert battery.ask(value).status_code == 200
    battery.house.clock.advance(seconds=1)
    assert battery.ask(value).status_code == 401


def test_all_that_is_wrong_gets_one_and_the_same_401(battery):
    first = told(battery.ask(None))
    status, document, headers = first
    assert (status, document["type"]) == (401, "/notices/v1/problems/credentials-refused")
    assert schemes.challenges().items() <= dict(headers).items()
    for what, value in battery.refused():
        assert told(battery.ask(value)) == first, what


def test_an_agency_that_was_switched_off_gets_that_401_too(battery):
    value, _ = battery.good()
    assert battery.ask(value).status_code == 200
    switch_off(battery.house, battery.agency_id)
    assert told(battery.ask(value)) == told(battery.ask(None))


def test_a_key_without_the_scope_is_known_but_not_let_in(battery):
    value, _ = battery.good(scopes=frozenset({"endpoints:write"}))
    answer = battery.ask(value)
    assert (answer.status_code, answer.json["type"]) == (403, "/notices/v1/problems/scope-missing")


def test_the_log_has_the_reason_and_never_the_key(battery, caplog):
    caplog.set_level(logging.DEBUG)
    for what, value in battery.refused():
        caplog.clear()
        answer = battery.ask(value)
        (line,) = [one.getMessage() for one in caplog.records if one.name == "notice_intake.api"]
        assert answer.headers["X-Request-Id"] in line
        secret = battery.proof(value)
        assert len(secret) < 40 or secret[-40:] not in caplog.text, what


def test_the_table_holds_nothing_that_opens_the_door(battery):
    value, key_id = battery.good()
    with battery.house.mount.storage.read() as tx:
        table = tx.tables.credential
        row = tx.execute(select(table).where(table.c.key_id == key_id)).one()
    assert battery.proof(value)[-40:] not in repr(tuple(row))


def test_rotating_tokens_leaves_keys_of_other_schemes_alone(house):
    agency = house.agency()
    battery = Battery(house, agency.id, bearer, MINTS["bearer"])
    battery.good(scheme="example")
    for _ in range(3):
        house.app.test_cli_runner().invoke(args=["notice-intake", "agency", "rotate", agency.id])
    with house.mount.storage.read() as tx:
        table = tx.tables.credential
        alive = tx.execute(select(table.c.scheme).where(table.c.revoked_at.is_(None))).scalars().all()
    assert sorted(alive) == ["bearer", "bearer", "example"]
