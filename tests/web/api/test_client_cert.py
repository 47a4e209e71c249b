"""Certificates that a proxy has checked: believed of the proxy, and of nobody else."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from auth.battery import PATH, PROXY_SECRET, SETTINGS
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from werkzeug.middleware.proxy_fix import ProxyFix

from notice_intake.errors import SettingsError
from notice_intake.settings import Settings


@pytest.fixture(scope="module")
def certificate():
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Unit One")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    now = datetime.now(UTC)
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return made.sign(key, None)


@pytest.fixture
def house(make_house, certificate, tmp_path):
    found = make_house(**SETTINGS)
    file = tmp_path / "cert.pem"
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
    args = ["notice-intake", "agency", "key-add", found.agency().id, "--cert", str(file)]
    result = found.app.test_cli_runner().invoke(args=args)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("crt_")
    return found


@pytest.fixture
def fields(certificate):
    shown = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    return {"Client-Cert": f":{shown}:", "Notice-Intake-Proxy": PROXY_SECRET}


def ask(house, fields, *, peer: str = "127.0.0.1"):
    return house.client.get(PATH, headers=fields, environ_overrides={"REMOTE_ADDR": peer}).status_code


def test_the_proxy_is_believed(house, fields):
    assert ask(house, fields) == 200


@pytest.mark.parametrize("peer", ["127.0.0.2", "10.0.0.1", "::1", "", "unix:", "203.0.113.9"])
def test_the_same_from_another_address_is_nothing(house, fields, peer):
    assert ask(house, fields, peer=peer) == 401


@pytest.mark.parametrize("secret", ["", "p" * 39, "P" * 40, "\u00e9" * 40])
def test_the_same_without_the_secret_is_nothing(house, fields, secret):
    assert ask(house, fields | {"Notice-Intake-Proxy": secret}) == 401


def test_an_address_that_is_only_claimed_is_nothing(house, fields):
    house.app.wsgi_app = ProxyFix(house.app.wsgi_app)
    claimed = fields | {"X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1", "Forwarded": "for=127.0.0.1"}
    assert ask(house, claimed, peer="203.0.113.9") == 401
    assert ask(house, fields | {"X-Forwarded-For": "203.0.113.9"}) == 200


def test_without_a_proxy_that_is_set_the_field_is_nothing(make_house, house, fields):
    other = make_house(public_url=SETTINGS["public_url"])
    assert ask(other, fields) == 401
    assert ask(other, {"Client-Cert": fields["Client-Cert"], "Notice-Intake-Proxy": ""}) == 401


def test_half_a_setting_is_refused():
    for options in (
        {"client_cert_proxies": ("127.0.0.1",)},
        {"client_cert_secret": "p" * 40},
        {"client_cert_proxies": ("127.0.0.1",), "client_cert_secret": "short"},
        {"client_cert_proxies": ("no network",), "client_cert_secret": "p" * 40},
    ):
        with pytest.raises(SettingsError):
            Settings(**options)


@pytest.mark.parametrize("url", ["x.example", "https://x.example/", "https://x/?a", "ftp://x", "https://a b"])
def test_a_public_address_is_one(url):
    with pytest.raises(SettingsError):
        Settings(public_url=url)


def test_a_public_address_may_have_a_port_and_a_prefix():
    for url in ("https://platform.example", "http://127.0.0.1:8000", "https://x.example/eu/door", "https://[::1]:8"):
        assert Settings(public_url=url).public_url == url
